"""Rows read in blocks: each once in an epoch, in an order that resumes."""

import numpy as np
import pytest
import torch

from diabolo.contracts import BatchSource
from diabolo.training.batches import Batches, steps_per_epoch
from diabolo.training.streamed import Streamed


class Numbers(BatchSource):
    """Rows that hold their own number; counts what is read."""

    def __init__(self, bounds, sequential=False):
        self.bounds, self.sequential = np.array(bounds), sequential
        self.shape, self.dtype = (bounds[-1], 1), np.dtype("i8")
        self.reads = []

    def block(self, i):
        self.reads.append(i)
        return np.arange(self.bounds[i], self.bounds[i + 1])[:, None]


def read(x, *, batch=7, epochs=1):
    """Return the rows of all batches, one array for each epoch."""
    per_epoch = steps_per_epoch(len(x), batch)
    steps = [x[rows].flatten() for _, rows in Batches(len(x), batch, epochs * per_epoch, x.order)]
    return [torch.cat(steps[i * per_epoch : (i + 1) * per_epoch]).numpy() for i in range(epochs)]


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("pool_bytes", [8, 8 * 60, 8 * 1000])
def test_an_epoch_gives_each_row_that_is_not_left_out_once(sequential, pool_bytes):
    source = Numbers([0, 30, 60, 61, 100, 126], sequential)
    without = np.array([0, 29, 60, *range(70, 80), 125])
    x = Streamed(source.without(without), torch.from_numpy, pool_bytes=pool_bytes)
    assert len(x) == 112
    torch.manual_seed(0)
    for rows in read(x, epochs=2):
        np.testing.assert_array_equal(np.sort(rows), np.delete(np.arange(126), without))


def test_each_block_is_read_once_in_an_epoch_and_no_more_is_held_than_a_pool():
    source = Numbers(range(0, 1001, 50))
    x = Streamed(source, torch.from_numpy, pool_bytes=8 * 200)
    torch.manual_seed(0)
    first, second = read(x, batch=32, epochs=2)
    assert sorted(source.reads) == sorted([*range(20)] * 2)
    assert len(x._held) == 200
    assert not np.array_equal(first, second)
    assert source.reads[:20] != source.reads[20:]


def test_a_source_that_fits_in_a_pool_is_shuffled_as_an_array():
    x = Streamed(Numbers([0, 50, 90]), torch.from_numpy)
    torch.manual_seed(3)
    ours = read(x, epochs=2)
    torch.manual_seed(3)
    array = torch.arange(90)
    plain = [array[rows] for _, rows in Batches(90, 7, 26)]
    np.testing.assert_array_equal(np.concatenate(ours), torch.cat(plain))


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("at", [3, 14, 40])
def test_a_position_in_the_middle_of_a_pool_goes_on_to_the_same_rows(sequential, at):
    def begun():
        x = Streamed(Numbers(range(0, 201, 10), sequential), torch.from_numpy, pool_bytes=8 * 60)
        return x, Batches(200, 7, 60, x.order)

    torch.manual_seed(1)
    x, batches = begun()
    seen, kept = [], None
    for step, rows in batches:
        seen.append(x[rows].flatten().tolist())
        if step == at:
            kept = batches.state(), torch.get_rng_state()
    torch.manual_seed(99)
    x, batches = begun()
    batches.resume(kept[0])
    torch.set_rng_state(kept[1])
    assert [x[rows].flatten().tolist() for _, rows in batches] == seen[at:]


def test_rows_in_their_order_come_in_pieces():
    x = Streamed(Numbers([0, 30, 30, 61]), torch.from_numpy)
    pieces = list(x.split(20))
    assert [len(piece) for piece in pieces] == [20, 10, 20, 11]
    assert torch.cat(pieces).flatten().tolist() == list(range(61))


def test_rows_of_a_sequential_source_stay_near_their_place_and_pools_differ():
    x = Streamed(Numbers(range(0, 2001, 10), sequential=True), torch.from_numpy, pool_bytes=8 * 200)
    torch.manual_seed(0)
    first, second = read(x, batch=10, epochs=2)
    for rows in (first, second):
        assert np.abs(rows - np.arange(2000)).max() < 400
    ends = [{i for i in range(1, 2000) if rows[:i].max() < rows[i:].min()} for rows in (first, second)]
    assert ends[0] != ends[1]
    assert not any(
        np.array_equal(np.sort(first[i : i + 10]), np.arange(i, i + 10)) for i in range(0, 2000, 10)
    )

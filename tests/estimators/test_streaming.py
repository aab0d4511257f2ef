"""Rows that are read in blocks give what the same rows give in memory."""

import random

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from diabolo import VAE, AutoEncoder, DeepClustering, DenoisingAutoEncoder, MultiRateVAE, rate_distortion
from diabolo.contracts import BatchSource, Statistics
from diabolo.data import ArraySource
from diabolo.estimators import base
from diabolo.estimators.inputs import training_dtype
from diabolo.estimators.outputs import delivered
from diabolo.estimators.sources import DatasetSource, IterableSource, source_of, whole
from diabolo.estimators.survey import Surveyed
from diabolo.networks import MLP
from diabolo.objectives import ELBO
from diabolo.training import loop, streamed

X = load_digits().images[:400].astype(np.uint8)
SMALL = {"max_epochs": 2, "batch_size": 32, "random_state": 0, "network": MLP((16,))}


class Items(IterableDataset):
    """Yields (row, label) pairs, as PyTorch's data sets do."""

    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        return ((torch.from_numpy(row), 0) for row in self.rows)


class Pieces:
    """Gives blocks of rows each time that it is iterated over."""

    def __init__(self, rows, size=70):
        self.rows, self.size = rows, size

    def __iter__(self):
        return (self.rows[i : i + self.size] for i in range(0, len(self.rows), self.size))


class Counted(BatchSource):
    """Blocks of an array; counts how often each is read."""

    def __init__(self, array, size=50):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.bounds = np.append(np.arange(0, len(array), size), len(array))
        self.reads = np.zeros(len(self.bounds) - 1, int)

    def block(self, i):
        self.reads[i] += 1
        return self.array[self.bounds[i] : self.bounds[i + 1]]


@pytest.fixture
def pool(monkeypatch):
    """Make a pool hold so many bytes, and so everything larger be streamed."""
    return lambda n_bytes: monkeypatch.setattr(streamed, "POOL_BYTES", n_bytes)


@pytest.fixture
def mapped(tmp_path):
    """Map an array from a file."""

    def mapping(array):
        np.save(tmp_path / "rows.npy", array)
        return np.load(tmp_path / "rows.npy", mmap_mode="r")

    return mapping


def weights(estimator):
    return {name: tensor.numpy(force=True) for name, tensor in estimator._tensors().items()}


def assert_same_bits(a, b):
    a, b = weights(a), weights(b)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


# -- kinds of sources --------------------------------------------------------------------------

KINDS = {
    "dataset": lambda: DatasetSource(TensorDataset(torch.from_numpy(X), torch.zeros(len(X)))),
    "iterable data set": lambda: source_of(Items(X), "X"),
    "iterable": lambda: source_of(Pieces(X), "X"),
    "data loader": lambda: source_of(DataLoader(TensorDataset(torch.from_numpy(X)), batch_size=64), "X"),
    "anything with slices": lambda: ArraySource(X, block_bytes=4000),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_rows(kind):
    source = KINDS[kind]()
    assert source.shape == X.shape
    assert source.dtype == X.dtype
    np.testing.assert_array_equal(whole(source, "X"), X)
    np.testing.assert_array_equal(source.take(np.array([0, 3, 130, 399])), X[[0, 3, 130, 399]])
    last = len(source.bounds) - 2
    for i in (last, 0, last):
        np.testing.assert_array_equal(source.block(i), X[source.bounds[i] : source.bounds[i + 1]])


def test_reading_a_data_loader_leaves_torchs_generator_alone():
    source = KINDS["data loader"]()
    torch.manual_seed(0)
    list(source.blocks())
    assert torch.rand(()) == torch.rand((), generator=torch.Generator().manual_seed(0))


def test_a_mapped_array_is_a_source_and_a_slice_of_it_too(mapped):
    rows = mapped(X)
    assert isinstance(source_of(rows, "X"), ArraySource)
    np.testing.assert_array_equal(source_of(rows[10:], "X").block(0), X[10:])
    assert source_of(rows[0, 0], "X") is None
    assert source_of(np.asarray(rows), "X") is None


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            lambda: iter([X]),
            TypeError,
            "X must give its rows more than once, and a list_iterator is spent.*concatenate",
        ),
        (lambda: (x for x in X), TypeError, "a generator is spent after one pass"),
        (
            lambda: Pieces(X[0, 0]),
            TypeError,
            r"X must give blocks of rows.*got a ndarray with the shape \(8,\)",
        ),
        (lambda: Pieces(X[:0]), ValueError, "X must give at least one block"),
        (
            lambda: DataLoader(TensorDataset(torch.from_numpy(X)), shuffle=True),
            TypeError,
            "shuffles.*X.dataset",
        ),
    ],
)
def test_what_cannot_be_read_twice_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        AutoEncoder(2, **SMALL).fit(given())


@pytest.mark.parametrize(
    "draw", [np.random.rand, lambda *shape: random.random(), lambda *shape: torch.rand(shape).numpy()]
)
def test_items_with_chance_are_the_same_at_every_reading(draw):
    class Noisy(torch.utils.data.Dataset):
        def __len__(self):
            return len(X)

        def __getitem__(self, i):
            return (X[i] + draw(*X[i].shape)).astype(np.float32)

    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    first, again = (source_of(Noisy(), "X").block(0) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.ptp((first - X[: len(first)]).reshape(len(first), -1).mean(1)) > 0
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_items_that_change_are_refused():
    own = np.random.default_rng(0)

    class Noisy(torch.utils.data.Dataset):
        def __len__(self):
            return 20

        def __getitem__(self, i):
            return own.random(8)

    with pytest.raises(ValueError, match="X must give the same item for the same number"):
        AutoEncoder(2, **SMALL).fit(Noisy())


def test_an_iterable_that_changes_between_passes_is_refused(pool):
    class Fewer(Pieces):
        def __iter__(self):
            self.rows = self.rows[:-1]
            return super().__iter__()

    with pytest.raises(
        ValueError, match=r"X must give the same blocks each time, but block 5 had 49 rows and now"
    ):
        list(map(IterableSource(Fewer(X), "X").block, range(6)))


@pytest.mark.parametrize("out", [None, "codes.npy"])
@pytest.mark.parametrize("size", [-1, 1, 0])
def test_rows_that_change_in_number_give_no_codes(size, out, tmp_path):
    """Neither fewer nor more of them, nor none, are taken for what was counted."""

    def blocks():
        yield np.zeros((3, 2))
        if size:
            yield np.zeros((2 + size, 2))

    given = blocks() if size else iter(())
    with pytest.raises(ValueError, match="5 rows"):
        delivered(given, 5, out and tmp_path / out)


@pytest.mark.parametrize(("given", "now"), [(2, "2"), (9, "more")])
def test_blocks_that_change_in_number_are_refused(given, now):
    class Other(Counted):
        def blocks(self):
            return (self.block(i % 8) for i in range(given))

    source = Other(np.zeros((400, 3)))
    with pytest.raises(ValueError, match=f"had 8 blocks and now has {now}: correct the Other"):
        Surveyed(source, lambda block: block, keep=np.empty(0, np.int64))


# -- fitting -----------------------------------------------------------------------------------


def test_a_small_source_is_held_and_trains_to_the_bits_of_an_array(mapped):
    alone = VAE(2, **SMALL).fit(X)
    for given in (mapped(X), Counted(X), Pieces(X), Items(X)):
        fitted = VAE(2, **SMALL).fit(given)
        assert_same_bits(fitted, alone)
        assert "rows" not in fitted.choices_


@pytest.mark.parametrize("kind", [VAE, AutoEncoder, DenoisingAutoEncoder, MultiRateVAE])
def test_one_pool_and_one_block_train_to_the_bits_of_an_array(kind, pool):
    source = Counted(X, size=400)
    alone = kind(2, **SMALL).fit(X)
    pool(X.nbytes)  # which is less than they would take as float32
    fitted = kind(2, **SMALL).fit(source)
    assert_same_bits(fitted, alone)
    assert "400 rows are read in 1 blocks" in fitted.choices_["rows"]
    assert fitted.history_[-1]["val_loss"] == alone.history_[-1]["val_loss"]
    np.testing.assert_array_equal(fitted.transform(source), alone.transform(X))


def test_an_epoch_reads_each_block_once_beside_the_passes_before_and_after(pool):
    pool(6 * 50 * 64)
    source = Counted(X)
    VAE(2, **SMALL | {"max_epochs": 3}).fit(source)
    assert source.reads.tolist() == [1 + 3 + 1] * 8  # survey, epochs, aggregated posterior


def test_the_aggregated_posterior_is_that_of_the_rows(pool):
    pool(5000)
    fitted = VAE(2, **SMALL).fit(Counted(X))
    np.testing.assert_allclose(fitted._aggregate[:, :2], fitted.encode(X).mean, rtol=1e-5, atol=1e-6)
    some = VAE(2, aggregate_rows=30, **SMALL).fit(Counted(X))
    alone = VAE(2, aggregate_rows=30, **SMALL).fit(X)
    assert some._aggregate.shape == alone._aggregate.shape
    assert some.choices_["aggregate"] == alone.choices_["aggregate"]


@pytest.mark.parametrize("at", ["begin", "middle"])
def test_a_broken_run_goes_on_within_a_pool_to_the_same_bits(at, pool, tmp_path):
    pool(3 * 50 * 64)
    settings = {**SMALL, "max_epochs": 3}
    alone = VAE(2, **settings).fit(Counted(X))
    stops = 1 if at == "begin" else 17

    with pytest.MonkeyPatch.context() as patch:
        check = loop._Run.gather

        def gather(self, numbers):
            check(self, numbers)
            if self.outcome.n_steps == stops + 1:
                raise RuntimeError("power cut")

        patch.setattr(loop._Run, "gather", gather)
        with pytest.raises(RuntimeError, match="power cut"):
            VAE(2, **settings).fit(Counted(X), checkpoint_dir=tmp_path, checkpoint_every=0)
    again = VAE(2, **settings).fit(Counted(X), checkpoint_dir=tmp_path)
    assert_same_bits(again, alone)
    other = X.copy()
    other[77] = 0
    with pytest.raises(ValueError, match="holds the checkpoints of another run: X is"):
        VAE(2, **settings).fit(Counted(other), checkpoint_dir=tmp_path)
    pool(10**9)
    with pytest.raises(ValueError, match="holds the checkpoints of another run: X is"):
        VAE(2, **settings).fit(X, checkpoint_dir=tmp_path)


def test_partial_fit_and_warm_start_go_on(pool):
    pool(5000)
    model = VAE(2, warm_start=True, **SMALL).partial_fit(Counted(X)).partial_fit(Counted(X))
    before = model.n_steps_
    assert model.fit(Counted(X)).n_steps_ == before + 2 * 11
    assert model.plan(Counted(X)).n_rows == 360


def test_held_out_rows_are_those_of_an_array_up_to_a_limit(pool, monkeypatch):
    pool(5000)
    model = AutoEncoder(2, **SMALL).fit(X)
    source = Counted(X)
    np.testing.assert_array_equal(model._held_out(source), model._held_out(X))
    monkeypatch.setattr(base, "_MOST_HELD_OUT_VALUES", 64 * 7)
    assert len(model._held_out(source)) == 7
    assert AutoEncoder(2, **SMALL).plan(source).n_held_out == 7
    assert AutoEncoder(2, early_stopping=False, **SMALL).plan(source).n_held_out == 0


# -- what the pass before shows ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i2", "?"])
@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("scale", ["global", "column"])
def test_the_statistics_are_those_of_all_rows(dtype, shift, scale):
    rng = np.random.default_rng(0)
    rows = rng.normal(100, 20, (1203, 5, 3)) + shift * (dtype[0] == "f")
    rows = rows > 90 if dtype == "?" else rows.astype(dtype)
    rows[:, 2, 1] = rows[0, 2, 1]
    model = AutoEncoder(2, channel_axis=2, network="mlp", max_epochs=1)
    model.fit(rows[:50])
    surveyed = Surveyed(Counted(rows, 101), lambda block: block, keep=np.array([5, 700]))
    model._dtype = surveyed.training_dtype
    ours = surveyed.statistics(model.layout_, lambda block: model._tensor(block, model._dtype), scale)
    theirs = Statistics.of(model._tensor(rows, model._dtype), scale=scale)
    for name in ("mean", "deviation", "unit"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), rtol=1e-10, atol=0)
    for name in ("low", "high", "examples"):
        assert torch.equal(getattr(ours, name), getattr(theirs, name))
    assert (ours.n_rows, ours.per_column) == (theirs.n_rows, theirs.per_column)
    np.testing.assert_array_equal(surveyed.kept, rows[[5, 700]])


@pytest.mark.parametrize("offset", [0.0, 1e5, 1e9])
def test_the_precision_of_training_is_chosen_as_for_an_array(offset, pool):

    rows = np.random.default_rng(0).normal(offset, 1, (300, 4))
    surveyed = Surveyed(Counted(rows), lambda block: block, keep=np.array([], int))
    assert surveyed.training_dtype is training_dtype(rows)


def test_likelihood_and_constant_columns_are_found_as_in_an_array(pool):
    pool(2000)
    for rows in ((X > 7) * 1.0, X.reshape(400, -1) * np.geomspace(1, 1000, 64)):
        alone = VAE(2, **SMALL).fit(rows)
        fitted = VAE(2, **SMALL).fit(Counted(rows))
        fitted.choices_.pop("rows")
        assert fitted.choices_ == alone.choices_
        assert repr(fitted.model_.likelihood) == repr(alone.model_.likelihood)


def _with(value, row=333, column=9):
    rows = X.reshape(400, -1).astype(np.float32) / 16
    rows[row, column] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        (_with(np.nan), {}),
        (_with(np.inf), {}),
        (_with(7.0), {"likelihood": "bernoulli"}),
        (np.full((400, 64), 3.0), {}),
        (X.astype(complex), {}),
    ],
)
def test_refusals_are_those_of_an_array_and_say_where(rows, settings, pool):
    with pytest.raises(ValueError) as array:  # noqa: PT011
        VAE(2, **SMALL, **settings).fit(rows)
    pool(2000)
    with pytest.raises(ValueError) as blocks:  # noqa: PT011
        VAE(2, **SMALL, **settings).fit(Counted(rows))
    said = str(array.value)
    if np.iscomplexobj(rows):
        assert str(blocks.value) == "X must hold real numbers, got the dtype complex128."
    elif np.ptp(rows[0]) == 0:
        assert str(blocks.value) == said
    else:
        first, *rest = said.split("\n")
        assert str(blocks.value).split("\n") == [f"{first} (Met in rows 300 to 349.)", *rest]


def test_a_source_that_does_not_keep_its_word_is_refused(pool):
    pool(2000)
    source = Counted(X)
    source.dtype = np.dtype("i1")
    source.array = X * 0.5
    with pytest.raises(
        ValueError, match="values of the dtype of the source, int8, got float64 in rows 0 to 49"
    ):
        VAE(2, **SMALL).fit(source)
    source = Counted(X)
    source.bounds = source.bounds + (source.bounds == 50)
    source.block = lambda i: X[:50]
    with pytest.raises(ValueError, match=r"bounds and shape say, \(51, 8, 8\) for block 0, got \(50, 8, 8\)"):
        VAE(2, **SMALL).fit(source)


@pytest.mark.parametrize("n_bytes", [2000, 10**6])
@pytest.mark.filterwarnings("error:X does not have valid feature names", "ignore:the deviations")
def test_names_of_columns_are_learned_and_compared(pool, n_bytes):
    pool(n_bytes)
    source = Counted(X.reshape(400, -1))
    source.feature_names = [f"pixel {i}" for i in range(64)]
    model = AutoEncoder(2, **SMALL).fit(source)
    assert model.feature_names_in_[3] == "pixel 3"
    source.feature_names = source.feature_names[::-1]
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(source)
    with pytest.raises(ValueError, match=r"X must have rows of the shape \(64,\).*got \(8, 8\)"):
        model.transform(Counted(X))


def test_what_needs_all_rows_says_so(pool, monkeypatch):
    pool(2000)
    labels = (
        DeepClustering(2, max_epochs=1, max_iter=2, n_components=2, random_state=0).fit(Counted(X)).labels_
    )
    assert labels.shape == (400,)  # held, as there is memory for them
    vae = VAE(2, **SMALL).fit(Counted(X))
    assert vae.score_samples(Counted(X[:9]), 3).shape == (9,)
    monkeypatch.setattr("diabolo.estimators.sources.memory_bytes", lambda: 1 << 15)
    for needs in (DeepClustering(2).fit, vae.evaluate):
        with pytest.raises(ValueError, match="X must fit in memory here.*400 rows take.*give some of them"):
            needs(Counted(X))


def test_what_goes_through_the_rows_does_it_in_blocks(pool):
    vae = VAE(2, **SMALL).fit(X)
    scores = vae.score_samples(X, 3)
    pool(2000)
    np.testing.assert_allclose(vae.score_samples(Counted(X), 3), scores, rtol=1e-4)
    ae = AutoEncoder(2, **SMALL).fit(X)
    for model in (ae, vae):
        with pytest.raises(ValueError, match="rows of the shape"):
            model.score_samples(Counted(X[:, :4]))
    np.testing.assert_allclose(ae.score_samples(Counted(X)), ae.score_samples(X), rtol=1e-4)
    vae.fit_prior(Counted(X), "gaussian")
    assert vae.sample(3, latent="ex_post").shape == (3, 8, 8)
    curve = rate_distortion(VAE(2, **SMALL), Counted(X), [0.1, 10], n_draws=2)
    assert curve.rate[0] > curve.rate[1]


def test_an_objective_that_looks_at_all_rows_is_refused(pool):
    class Looks(ELBO):
        def survey(self, model, x, context, step):
            return False

    pool(2000)
    with pytest.raises(
        TypeError, match=r"objective=Looks\(\) looks at all rows before a step.*numpy.asarray"
    ):
        VAE(2, objective=Looks(), **SMALL).fit(Counted(X))


# -- use ---------------------------------------------------------------------------------------


def test_codes_and_reconstructions_are_written_in_blocks(pool, tmp_path, mapped):
    model = AutoEncoder(2, **SMALL).fit(X)
    codes, decoded = model.transform(X), model.reconstruct(X)
    pool(2000)
    for given in (X, Counted(X), mapped(X)):
        found = model.transform(given, out=tmp_path / "codes.npy")
        assert isinstance(found, np.memmap)
        np.testing.assert_allclose(found, codes, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.transform(given), codes, rtol=1e-4, atol=1e-5)
        again = model.reconstruct(given, out=tmp_path / "again.npy")
        assert again.dtype == X.dtype
        assert np.abs(again.astype(int) - decoded).max() <= 1
        back = model.inverse_transform(found, out=tmp_path / "back.npy")
        np.testing.assert_array_equal(back, again)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "again.npy",
        "back.npy",
        "codes.npy",
        "rows.npy",
    ]


def test_restored_rows_are_written_in_blocks(pool, tmp_path):
    model = DenoisingAutoEncoder(2, **SMALL).fit(X)
    restored = model.denoise(X)
    pool(2000)
    found = model.denoise(Counted(X), out=tmp_path / "clean.npy")
    assert np.abs(found.astype(int) - restored).max() <= 1
    with pytest.raises(ValueError, match="X_noisy|X must fit"):
        model.fit(Counted(X), X_noisy=Counted(X[:5]))


def test_a_file_is_whole_or_not_there(pool, tmp_path):
    model = AutoEncoder(2, **SMALL).fit(X)
    pool(2000)
    with pytest.raises(ValueError, match=r"out must be the name of a .npy file, got 'codes.csv'"):
        model.transform(Counted(X), out="codes.csv")
    source = Counted(X.astype(np.float32))
    source.array[390] = np.nan
    (tmp_path / "codes.npy").write_bytes(b"old")
    with pytest.raises(ValueError, match=r"X contains NaN.*\(Met in rows 350 to 399.\)"):
        model.transform(source, out=tmp_path / "codes.npy")
    assert (tmp_path / "codes.npy").read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["codes.npy"]

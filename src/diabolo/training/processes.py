"""The processes that train one model together, as torchrun starts them."""

from __future__ import annotations

import atexit
import gc
import importlib
import multiprocessing
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

#: Seconds that a process waits for the others; the environment's ``DIABOLO_TIMEOUT`` if it is set.
TIMEOUT = 300.0
_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_OF_THE_ENGINE = re.compile(
    r"gloo|nccl|processgroup|connection (closed|reset|refused)|timed? ?out", re.IGNORECASE
)

T = TypeVar("T")
#: The process group that was made here, and is no caller's own.
_made: list[Any] = []


class LostProcessError(RuntimeError):
    """Another process of a training has ended, or did not answer in time."""


@dataclass(frozen=True)
class Processes:
    """The processes of a training, seen from one of them; one process alone by default.

    All of them call each method at the same place, as they run the same program. The first one (``rank`` 0)
    writes, and says what is the same for all.

    Parameters
    ----------
    rank : int
        Number of this process, from 0.
    size : int
        Number of processes.

    Examples
    --------
    >>> alone = Processes()
    >>> alone.is_first, alone.part(5), alone.first(lambda: "made once")
    (True, slice(0, 5, None), 'made once')
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def part(self, n_rows: int) -> slice:
        """Return the rows of a batch that this process evaluates: all, where there are fewer rows than processes."""
        if n_rows < self.size:
            return slice(0, n_rows)
        return slice(n_rows * self.rank // self.size, n_rows * (self.rank + 1) // self.size)

    # -- what is the same for all --------------------------------------------------------------

    def first(self, function: Callable[[], T]) -> T:
        """Return what a function returns on the first process, which alone calls it, or raise what it raises."""
        if self.size == 1:
            return function()
        said: list[Any] = [None, None]
        if self.is_first:
            try:
                said[0] = function()
            except Exception as error:
                said[1] = error
        self._call(dist.broadcast_object_list, said, src=0)
        if said[1] is not None:
            raise said[1]
        return said[0]

    def highest(self, number: int) -> int:
        """Return the largest of the numbers that the processes give."""
        if self.size == 1:
            return number
        numbers = torch.tensor([number], device=self._device)
        self._call(dist.all_reduce, numbers, op=dist.ReduceOp.MAX)
        return int(numbers)

    def check_same(self, what: Mapping[str, Any]) -> None:
        """Refuse to go on where the processes were given different settings or rows.

        Raises
        ------
        ValueError
            On all processes; the message names what differs.
        """
        if self.size == 1:
            return
        given: list[Any] = [None] * self.size
        self._call(dist.all_gather_object, given, dict(what))
        for rank, other in enumerate(given):
            different = [name for name in what if other.get(name) != given[0].get(name)]
            if different:
                raise ValueError(
                    f"all processes must be given the same, of which each then takes its part, and process {rank} got "
                    f"another {different[0]} than process 0: give every process all rows and the same settings."
                )

    # -- sums over the processes ---------------------------------------------------------------

    def total(self, values: Sequence[float]) -> list[float]:
        """Return the sum of each value over the processes, in float64."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64).to(self._device)
        self._call(dist.all_reduce, sums)
        return sums.tolist()

    def add(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over the processes, in place."""
        if self.size > 1:
            self._call(dist.all_reduce, tensor)
        return tensor

    def lost(self, error: RuntimeError) -> LostProcessError | None:
        """Return the error to raise where a step failed because another process is gone."""
        if isinstance(error, LostProcessError):
            return error
        if self.size == 1 or not (isinstance(error, dist.DistError) or _OF_THE_ENGINE.search(str(error))):
            return None
        return LostProcessError(
            f"process {self.rank} of {self.size} lost another one: it has ended, or did not answer for "
            f"{timeout().total_seconds():g} seconds"
        )

    @property
    def _device(self) -> torch.device:
        return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")

    def _call(self, collective: Callable[..., Any], *args: Any, **options: Any) -> None:
        try:
            collective(*args, **options)
        except RuntimeError as error:
            raise (self.lost(error) or error) from error


def joined() -> Processes:
    """Return the processes that this one trains with, and join them where torchrun has just started it.

    A process group of the caller's own is used as it is. One that is made here talks gloo between processors
    and NCCL between graphics cards, of which each process takes one.

    Raises
    ------
    ValueError
        If there are fewer graphics cards on this machine than processes.
    LostProcessError
        If the other processes did not come in time.
    """
    if not dist.is_available():
        return Processes()
    if not dist.is_initialized():
        if not launched():
            return Processes()
        _join()
    return Processes(dist.get_rank(), dist.get_world_size())


def launched() -> bool:
    """Whether a launcher has started this process beside others; not for what it starts itself, such as joblib's."""
    names = os.environ.keys()
    is_main = multiprocessing.current_process().name == "MainProcess"
    return is_main and names >= set(_VARIABLES) and int(os.environ["WORLD_SIZE"]) > 1


def timeout() -> timedelta:
    """Return how long a process waits for the others."""
    return timedelta(seconds=float(os.environ.get("DIABOLO_TIMEOUT", TIMEOUT)))


def _join() -> None:
    backend = "gloo"
    if torch.cuda.is_available():
        here, cards = int(os.environ.get("LOCAL_WORLD_SIZE", 1)), torch.cuda.device_count()
        if here > cards:
            raise ValueError(
                f"each process needs a graphics card of its own, and this machine has {cards} for {here} processes: use "
                f"torchrun --nproc-per-node {cards}, or hide them (CUDA_VISIBLE_DEVICES=) to train on processors."
            )
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        backend = "cpu:gloo,cuda:nccl"
    # What DistributedDataParallel imports with its first model has the process group for a default of its functions,
    # once there is one, and keeps it and its threads from ending.
    importlib.import_module("torch.distributed.nn.functional")
    # Workers that torchrun starts again find the addresses of the dead ones in its store, and would wait for them:
    # every attempt has names of its own.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    try:
        store, rank, size = next(dist.rendezvous("env://", timeout=timeout()))
        dist.init_process_group(
            backend,
            store=dist.PrefixStore(f"diabolo-{attempt}", store),
            rank=rank,
            world_size=size,
            timeout=timeout(),
        )
    except dist.DistError as error:
        raise LostProcessError(
            f"process {os.environ['RANK']} of {os.environ['WORLD_SIZE']} has not met the others at "
            f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']} within {timeout().total_seconds():g} seconds: "
            "start all of them with torchrun, or unset WORLD_SIZE to train alone."
        ) from error
    atexit.register(leave)
    _made.append(dist.group.WORLD)


def leave() -> None:
    """Leave the process group that :func:`joined` made, so that no thread of the engine is left, at the latest in the end.

    A thread that outlives the interpreter may end the process with an abort, for which a launcher starts all of them
    again (https://github.com/pytorch/pytorch/pull/179291).
    """
    if _made and dist.is_initialized() and _made.pop() is dist.group.WORLD:
        gc.collect()  # DistributedDataParallel lies in a circle with what it wraps
        dist.destroy_process_group()

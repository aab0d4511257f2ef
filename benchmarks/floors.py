"""Contenders in turn, and what a step of training cannot do without: its matrix products and convolutions."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from diabolo.networks.convolution import MapLayer, Upward

LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
_LEAST_SECONDS = 20.0


def medians(repeats: int = 9, **contenders: Callable[[], object]) -> dict[str, float]:
    """Return the median seconds of each contender; they take turns, after one turn that does not count.

    There are so many turns, or more until 20 seconds have passed: nine of a fast machine's are over before it is steady.
    With one thread these are seconds of the processor, which other work on the machine takes less from. A contender that returns
    a number has taken so many seconds, elsewhere.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    began = time.perf_counter()
    for turn in count():
        if turn > repeats and time.perf_counter() - began > _LEAST_SECONDS:
            break
        for name, run in contenders.items():
            start = _clock()
            said = run()
            if turn:
                seconds[name].append(said if isinstance(said, float) else _clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _clock() -> float:
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


@contextmanager
def elsewhere(program: str, *given: Any) -> Iterator[Callable[[], float]]:
    """Yield a contender in a process of its own, whose program reads its first argument as JSON and takes turns."""
    command = [sys.executable, "-c", program, json.dumps(given)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def turn() -> float:
            print(file=process.stdin, flush=True)
            return float(process.stdout.readline())

        yield turn


def take_turns(run: Callable[[], object]) -> None:
    """Run once for each line that comes in, and print the seconds that it took."""
    for _ in sys.stdin:
        start = _clock()
        run()
        print(_clock() - start, flush=True)


def floor_seconds(seconds: dict[str, float]) -> float:
    """Return the sum over layers of the least time, from the medians of ``layer / layout``."""
    least: dict[str, float] = {}
    for name, value in seconds.items():
        layer, slash, _ = name.partition(" / ")
        if slash:
            least[layer] = min(value, least.get(layer, value))
    return sum(least.values())


def floor_of(model: Any, x: Tensor) -> dict[str, Callable[[], object]]:
    """Return the products of each layer of a model there and back for a batch, as ``layer / layout``.

    The floor of a step is the sum over the layers of the least time over layouts. Shapes are those that the layers meet in the
    model; the first one needs no gradient of its input. Convolutions have as many zeros on both sides, which is the fastest way:
    where the odd one stands in the model (TensorFlow's "same") there are as many windows.
    """
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear | MapLayer)}
    met: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_pre_hook(lambda _, given, name=name: met.setdefault(name, given[0].detach()))
        for name, layer in layers.items()
    ]
    model.eval()  # where every convolution is the library's
    with torch.no_grad():
        _ = model.evaluate(x).observation  # which decodes when it is read
    model.train()
    for hook in hooks:
        hook.remove()
    first = next(iter(met))
    return {
        f"{name} / {layout}": products
        for name, given in met.items()
        for layout, products in _products(layers[name], given, to_input=name != first).items()
    }


def _products(layer: Any, given: Tensor, *, to_input: bool) -> dict[str, Callable[[], object]]:
    if isinstance(layer, nn.Linear):
        return {"contiguous": _matrix_products(layer, given, to_input=to_input)}
    return {
        name: _convolutions(layer, given.contiguous(memory_format=layout), layout, to_input=to_input)
        for name, layout in LAYOUTS.items()
    }


def _matrix_products(layer: nn.Linear, x: Tensor, *, to_input: bool) -> Callable[[], object]:
    weight = layer.weight.detach().clone()
    gradient = torch.randn(len(x), layer.out_features)

    def there_and_back() -> None:
        x @ weight.T
        gradient.T @ x
        if to_input:
            gradient @ weight

    return there_and_back


def _convolutions(
    layer: MapLayer, x: Tensor, layout: torch.memory_format, *, to_input: bool
) -> Callable[[], object]:
    weight = layer.convolution.weight.detach().clone(memory_format=layout)
    transposed = isinstance(layer, Upward)
    odd = layer.odd if transposed else (0, 0)
    settings = (layer.convolution.stride, layer.after, (1, 1), transposed, odd, 1)
    out = torch.convolution(x, weight, None, *settings)
    gradient = torch.randn_like(out)  # in the layout of what it is the gradient of

    def there_and_back() -> None:
        torch.convolution(x, weight, None, *settings)
        torch.ops.aten.convolution_backward(gradient, x, weight, [0], *settings, [to_input, True, False])

    return there_and_back

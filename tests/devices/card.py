"""A graphics card that is not there: torch's own device "card", whose tensors are held in the processor's memory.

``install()`` makes it, once a process and before diabolo is imported. Tensors of the two devices do not mix, what lies
on the card is no NumPy array, and each thing that the processor and the card must tell each other is counted. What is
drawn on the card comes from the processor's generator, so that both devices do the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

aten = torch.ops.aten
DEVICE = torch.device("privateuseone", 0)
#: What makes tensors out of nothing, on the device that it is asked for.
FACTORIES = [
    "arange",
    "arange.start",
    "arange.start_step",
    "empty.memory_format",
    "empty_strided",
    "eye",
    "eye.m",
    "full",
    "linspace",
    "logspace",
    "ones",
    "rand",
    "randint",
    "randint.low",
    "randn",
    "randperm",
    "scalar_tensor",
    "tril_indices",
    "triu_indices",
    "zeros",
]
#: What may be given an index in the processor's memory, which is then copied to the card.
INDEXED = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}
#: What takes a tensor without dimensions from there, as all does that goes value by value.
FILLED = {aten.masked_fill, aten.masked_fill_, aten.index_put, aten.index_put_, aten._index_put_impl_}
#: What the processor cannot go on without: a value, or the shape of what comes out.
AWAITED = {
    aten._linalg_check_errors,
    aten._local_scalar_dense,
    aten._unique2,
    aten.equal,
    aten.masked_select,
    aten.nonzero,
    aten.unique_consecutive,
    aten.unique_dim,
}


class Traffic:
    """What the processor has waited for (``reads``) and what it has sent to the card (``writes``), in words."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.writes: list[str] = []


_watching: list[Traffic] = []


@contextmanager
def watched() -> Iterator[Traffic]:
    """Count what passes between the processor and the card in the block."""
    traffic = Traffic()
    _watching.append(traffic)
    try:
        yield traffic
    finally:
        _watching.remove(traffic)


def _note(kind: str, what: object) -> None:
    if _watching:
        frame = sys._getframe(1)
        while frame.f_back and "diabolo" not in frame.f_globals.get("__name__", ""):
            frame = frame.f_back
        for traffic in _watching:
            getattr(traffic, kind).append(f"{what} in {frame.f_code.co_name}")


class OnCard(torch.Tensor):
    """A tensor on the card."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OnCard:
        if held.is_inference() != torch.is_inference_mode_enabled():  # as a view is, of what was made outside
            with torch.inference_mode(held.is_inference()):
                return OnCard(held)
        tensor = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), dtype=held.dtype, device=DEVICE
        )
        tensor.held = held
        return tensor

    def numpy(self, *, force: bool = False):
        if not force:
            raise TypeError(
                f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                "memory first."
            )
        return self.detach().cpu().numpy()

    def tolist(self):
        return self.detach().cpu().tolist()

    def __repr__(self, **kwargs) -> str:
        return f"OnCard({self.held!r})"

    def __reduce_ex__(self, protocol):
        return _rebuilt, (self.detach().cpu(), self.requires_grad, dict(self.__dict__, held=None))

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        kwargs, op = dict(kwargs or {}), func.overloadpacket
        if op is aten.copy_:
            return _copied(*args)
        if op is aten._to_copy:
            return _moved(func, args[0], kwargs)
        if _is_composed(func):  # as it comes in inference mode
            return func.decompose(*args, **kwargs)
        if kwargs or not PASSIVE.issuperset(map(type, args)):
            _refuse_mixtures(func, args, kwargs)
        if op in INDEXED:
            indices = [index for index in args[1] if index is not None]
            if any(index.dtype in (torch.bool, torch.uint8) for index in indices):
                _note("reads", func)  # how many rows these are
            for _ in (index for index in indices if not isinstance(index, OnCard)):
                _note("writes", func)
        elif op in AWAITED:
            _note("reads", func)
        device = kwargs.get("device")  # of what is made like another tensor
        if device is not None:
            kwargs["device"] = "cpu"
        given: dict[int, OnCard] = {}
        found = func(*_held(args, given), **{name: _held(value, given) for name, value in kwargs.items()})
        if func._schema.is_mutable:
            for tensor in given.values():
                if tensor.shape != tensor.held.shape or tensor.stride() != tensor.held.stride():
                    tensor.data = OnCard(tensor.held)  # as squeeze_ does
        return found if device is not None and torch.device(device).type == "cpu" else _placed(found, given)


#: Arguments that have no device, or lie on the card.
PASSIVE = {OnCard, bool, float, int, type(None)}


@cache
def _is_composed(func) -> bool:
    """Whether an operation is made of others, of which each finds its own device."""
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")


def _held(value, given: dict[int, OnCard]):
    """Return an argument with what the tensors of the card hold in their places, which are added to those given."""
    if isinstance(value, OnCard):
        given[id(value.held)] = value
        return value.held
    return [_held(each, given) for each in value] if isinstance(value, list | tuple) else value


def _placed(found, given: dict[int, OnCard]):
    """Return a result on the card; what was changed in its place is the tensor that was given."""
    if isinstance(found, torch.Tensor):
        return given[id(found)] if id(found) in given else OnCard(found)
    return type(found)(_placed(each, given) for each in found) if isinstance(found, list | tuple) else found


def _rebuilt(held: torch.Tensor, requires_grad: bool, more: dict) -> OnCard:
    tensor = OnCard(held).requires_grad_(requires_grad)
    tensor.__dict__.update(more, held=held)
    return tensor


def _copied(to: torch.Tensor, source: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    """Copy between the devices, or on one of them."""
    if not isinstance(source, OnCard):
        _note("writes", "copy")
    if not isinstance(to, OnCard):
        _note("reads", "copy")
    held = {}
    _held(to, held).copy_(_held(source, held))
    return to


def _moved(func, tensor: OnCard, kwargs: dict) -> torch.Tensor:
    """Return a copy on the device that is asked for."""
    target = kwargs.pop("device", None)
    found = func(tensor.held, **kwargs)
    if target is not None and torch.device(target).type == "cpu":
        _note("reads", "copy")
        return found
    return OnCard(found)


def _refuse_mixtures(func, args, kwargs) -> None:
    """Refuse tensors of both devices in one operation, as CUDA's kernels do, and what else they do not take."""
    op = func.overloadpacket
    for i, given in enumerate((*args, *kwargs.values())):
        if isinstance(given, torch.Generator):
            raise RuntimeError("Expected a 'card' device type for generator but found 'cpu'")
        if op in INDEXED and i == 1:
            continue
        for tensor in given if isinstance(given, list | tuple) else (given,):
            if not isinstance(tensor, torch.Tensor) or isinstance(tensor, OnCard):
                continue
            is_number = not tensor.dim() and (torch.Tag.pointwise in func.tags or op in FILLED)
            if not is_number or i >= len(args) or func._schema.arguments[i].is_write:
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least two devices, card:0 and cpu! "
                    f"({func})"
                )


class _Module:
    """What torch asks of the module of a device."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed(self, seed: int) -> None:
        pass

    def manual_seed_all(self, seed: int) -> None:
        pass

    def get_rng_state(self, device: object = 0) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, device: object = 0) -> None:
        pass

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16, torch.bfloat16]


def _made(op):
    """Return what makes a tensor on the card."""

    def make(*args, device=None, pin_memory=None, generator=None, **kwargs):
        if generator is not None:
            raise RuntimeError("Expected a 'card' device type for generator but found 'cpu'")
        return OnCard(op(*args, device="cpu", **kwargs))

    return make


def _swapping(apply):
    """Let modules that are moved keep their parameters, with other contents, as they do between CUDA and the processor."""

    def _apply(self, *args, **kwargs):
        before = torch.__future__.get_swap_module_params_on_conversion()
        torch.__future__.set_swap_module_params_on_conversion(True)
        try:
            return apply(self, *args, **kwargs)
        finally:
            torch.__future__.set_swap_module_params_on_conversion(before)

    return _apply


_library = []


def install() -> None:
    """Make the device "card" in this process."""
    torch.utils.backend_registration._setup_privateuseone_for_python_backend("card", _Module())
    kernels = torch.library.Library("aten", "IMPL")
    for name in FACTORIES:
        packet, _, overload = name.partition(".")
        op = getattr(getattr(aten, packet), overload or "default")
        kernels.impl(name, _made(op), "PrivateUse1")
    for name in ("_copy_from", "_copy_from_and_resize"):  # where torch looks past the class
        kernels.impl(name, lambda source, to, non_blocking=False: _copied(to, source), "PrivateUse1")
    _library.append(kernels)
    torch.nn.Module._apply = _swapping(torch.nn.Module._apply)

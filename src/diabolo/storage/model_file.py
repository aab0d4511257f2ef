"""A model as one file: tensors as safetensors, the spec as JSON in its header, both with a digest."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .atomic import write_atomic
from .spec import check_text, encode_spec

if TYPE_CHECKING:
    from torch import Tensor

VERSION = 1

_FOREIGN = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"PK\x03\x04": "a zip archive (a NumPy .npz or a file of torch.save?)",
    b"\x93NUMPY": "a NumPy .npy array",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "a gzip file",
    b"\x80": "a pickle (diabolo never unpickles: a pickle can run any code)",
}


class ModelFileError(ValueError):
    """A model file that cannot be read: the message names the file, what is wrong and what to do."""


def write_model(
    path: str | os.PathLike[str], tensors: "Mapping[str, Tensor]", spec: Mapping[str, Any]
) -> Path:
    """Write named tensors and the specification they belong to into one file, whole or not at all.

    The file is a valid safetensors file. Its header holds ``format``, ``version``, ``spec`` (JSON) and two
    SHA-256 digests, of the tensors (name, dtype, shape and bytes, sorted by name) and of the spec. Equal
    content gives equal bytes. The digests guard against damage, not against forgery: whoever can write the
    file can write matching digests. Nothing is pickled, so reading never runs code.

    Parameters
    ----------
    path : str or path-like
        The file to write; its folder must exist.
    tensors : mapping of str to torch.Tensor
        Dense tensors of any shape (also without dimensions, or empty) and device; copied to the CPU.
    spec : mapping
        Nested mappings with string keys, lists, strings, booleans, None, integers and finite floats, which
        come back exactly. Tuples come back as lists, NumPy numbers as Python numbers.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    ValueError
        If `tensors` or `spec` holds something that the file cannot give back.
    OSError
        As in `write_atomic`.

    Examples
    --------
    >>> import tempfile, pathlib, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_model(pathlib.Path(folder, "m.diabolo"), {"w": torch.ones(2)}, {"beta": 0.5})
    ...     read_model(path)
    ({'w': tensor([1., 1.])}, {'beta': 0.5})
    """
    import msgspec
    import safetensors.torch

    ready = {name: _dense_copy(name, tensor) for name, tensor in tensors.items()}
    encoded = encode_spec(spec)
    metadata = {
        "format": "diabolo",
        "version": str(VERSION),
        "sha256": _digest(ready),
        "spec": encoded.decode(),
        "spec_sha256": hashlib.sha256(encoded).hexdigest(),
    }
    data = safetensors.torch.save(ready, metadata)
    # safetensors orders the metadata at random; written in our order, equal models are equal files.
    start = 8 + int.from_bytes(data[:8], "little")
    header = msgspec.json.encode({**msgspec.json.decode(data[8:start]), "__metadata__": metadata})
    header += b" " * (-len(header) % 8)

    def write(file: BinaryIO) -> None:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        file.write(memoryview(data)[start:])

    return write_atomic(path, write)


def read_model(path: str | os.PathLike[str]) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """Read back what `write_model` wrote, after checking every byte of it against the digests.

    The digests guard against damage, not against forgery; reading never runs code from the file.

    Parameters
    ----------
    path : str or path-like
        A file written by `write_model`.

    Returns
    -------
    tensors : dict of str to torch.Tensor
        The tensors, on the CPU, sorted by name.
    spec : dict
        The specification.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If the file is truncated, damaged, foreign, or written by a newer diabolo. It is a `ValueError`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_model(pathlib.Path(folder, "model.diabolo"), {}, {"beta": 0.1})
    ...     read_model(path)
    ({}, {'beta': 0.1})
    """
    import msgspec
    import safetensors.torch

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no model file {path}; check the name, or save a model there first")
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder, not a model file; give the file in it")
    data = path.read_bytes()
    metadata = _metadata(path, data)
    try:
        tensors = safetensors.torch.load(data)
    except MemoryError:
        raise
    except Exception as error:  # whatever safetensors and torch meet in damaged bytes
        raise _damaged(path, f"its tensors cannot be read ({error})") from error
    if _digest(tensors) != metadata.get("sha256"):
        raise _damaged(path, "its tensors do not match their digest")
    encoded = metadata.get("spec", "").encode()
    if hashlib.sha256(encoded).hexdigest() != metadata.get("spec_sha256"):
        raise _damaged(path, "its spec does not match its digest")
    return dict(sorted(tensors.items())), msgspec.json.decode(encoded)


def _metadata(path: Path, data: bytes) -> dict[str, str]:
    """Return the header's metadata, or say what the file is instead of a model of this version."""
    import msgspec

    if not data:
        raise _damaged(path, "it is empty")
    end = 8 + int.from_bytes(data[:8], "little")
    if data[8:9] != b"{":
        for magic, what in _FOREIGN.items():
            if data.startswith(magic):
                raise ModelFileError(f"{path} is not a model file of diabolo but {what}; give a saved model")
        raise ModelFileError(
            f"{path} is not a model file of diabolo, or its first bytes are damaged; give a saved model, "
            "or restore this one from a copy"
        )
    if end > len(data):
        raise _damaged(path, f"its header should reach byte {end}, the file has {len(data)} (truncated?)")
    try:
        header = msgspec.json.decode(data[8:end], type=dict[str, Any])
        metadata = msgspec.convert(header.get("__metadata__", {}), dict[str, str])
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise _damaged(path, f"its header is not readable ({error})") from error
    if metadata.get("format") != "diabolo":
        raise ModelFileError(
            f"{path} is a safetensors file without diabolo's mark (format 'diabolo' in its metadata): it was "
            "written by another program, or its header is damaged; give a model saved by diabolo"
        )
    version = metadata.get("version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise _damaged(path, f"its version number reads {version!r}")
    if int(version) > VERSION:
        raise ModelFileError(
            f"{path} has file version {version}, this diabolo reads up to version {VERSION}: "
            "upgrade with pip install --upgrade diabolo"
        )
    if int(version) < 1:
        raise _damaged(path, f"its version number reads {version!r}")
    return metadata


def _damaged(path: Path, what: str) -> ModelFileError:
    return ModelFileError(f"{path} is damaged: {what}; restore it from a copy or save the model again")


def _digest(tensors: "Mapping[str, Tensor]") -> str:
    """Hash name, dtype, shape and bytes, sorted by name; the bytes' length follows from the rest."""
    import msgspec
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(msgspec.json.encode([name, str(tensor.dtype), list(tensor.shape)]) + b"\n")
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _dense_copy(name: Any, tensor: Any) -> "Tensor":
    import safetensors.torch
    import torch

    if not isinstance(name, str) or name == "__metadata__":
        raise ValueError(f"the names in tensors must be strings other than '__metadata__', got {name!r}")
    check_text(name, "a name in tensors")
    if not isinstance(tensor, torch.Tensor):
        raise ValueError(
            f"tensors[{name!r}] must be a torch.Tensor, got a {type(tensor).__name__}; "
            "use torch.as_tensor, or put it into spec"
        )
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        raise ValueError(
            f"tensors[{name!r}] must be a dense tensor with data, got {tensor.layout} on {tensor.device}; "
            "convert it with .to_dense() or .dequantize()"
        )
    if tensor.dtype not in safetensors.torch._TYPES.values():
        raise ValueError(
            f"tensors[{name!r}] has dtype {tensor.dtype}, which safetensors cannot hold; convert it first, "
            "for instance with torch.view_as_real"
        )
    tensor = tensor.detach().resolve_conj().resolve_neg()
    return tensor.to("cpu", copy=True).contiguous()

"""A specification as JSON that gives back exactly what was written, or a refusal."""

import math
from collections.abc import Mapping
from typing import Any


def encode_spec(spec: Mapping[str, Any]) -> bytes:
    """Encode a specification as JSON whose decoding equals it: floats to the last bit, nothing dropped.

    Parameters
    ----------
    spec : mapping
        Nested mappings with string keys, lists, strings, booleans, None, integers and finite floats. Tuples
        become lists, NumPy numbers become Python numbers.

    Returns
    -------
    bytes
        The JSON text in UTF-8.

    Raises
    ------
    ValueError
        If `spec` holds something that JSON would change or drop; the message says where.

    Examples
    --------
    >>> encode_spec({"hidden": (256, 128), "beta": 0.1})
    b'{"hidden":[256,128],"beta":0.1}'
    """
    import msgspec

    if not isinstance(spec, Mapping):
        raise ValueError(f"spec must be a mapping such as a dict, got a {type(spec).__name__}")
    return msgspec.json.encode(_plain(spec, "spec"))


def check_text(text: str, where: str) -> str:
    """Return the text, or refuse one that UTF-8 cannot encode.

    Parameters
    ----------
    text : str
        The text.
    where : str
        What it is, for the message.

    Returns
    -------
    str
        `text`.

    Raises
    ------
    ValueError
        If `text` holds lone surrogates.

    Examples
    --------
    >>> check_text("weight", "a name")
    'weight'
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where} holds text that UTF-8 cannot encode: {text!r}; remove the surrogates"
        ) from error
    return text


def _plain(value: Any, where: str) -> Any:
    """Return value as plain JSON types, or say where it holds something that would not come back the same."""
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0 and not hasattr(value, "requires_grad"):
        value = value.item()  # NumPy numbers
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return check_text(str(value), where)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(
                f"{where} is {value}, which JSON has no number for; use None, or a string such as 'inf'"
            )
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"{where} must have only string keys, got {key!r}; use str()")
            check_text(key, where)
        return {str(key): _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    raise ValueError(
        f"{where} must be made of mappings, lists, strings, numbers, booleans and None, got a "
        f"{type(value).__name__}; put tensors and arrays into tensors, describe other objects by plain values"
    )

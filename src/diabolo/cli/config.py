"""``--config``: options from a file, under those of the command line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import UsageError
from .keeping import unfinished
from .run import CONFIG


def from_file(app: Any, commands: tuple[str, ...], arguments: Any) -> None:
    """Fill in what the command line leaves open; cyclopts calls this between parsing and binding."""
    path = _given("--config", arguments)
    run = _given("--resume", arguments)
    if run is not None:
        if path is not None:
            raise UsageError("--resume goes on with the options of its run: drop --config")
        path = str(unfinished(run, commands[-1]) / CONFIG)
    if path is None:
        return
    from cyclopts.config import Dict

    options = read_options(path)
    if commands[-1] == "sweep" and not path.endswith(".toml"):
        options.pop("beta", None)  # the one beta of a run is no grid
    Dict(options, source=str(path), use_commands_as_keys=False)(app, commands, arguments)


def _given(option: str, arguments: Any) -> str | None:
    try:
        tokens = arguments.match(option)[0].tokens
    except ValueError:  # not an option of this command
        return None
    return tokens[0].value if tokens else None


def read_options(path: str) -> dict[str, str]:
    """Return the options that a file holds, as the words of a command line.

    Parameters
    ----------
    path : str
        A .toml file whose keys are options (``n_components = 16``; a part's own options as
        ``likelihood.scale`` or in a table ``[likelihood]``, where ``name`` is the part), or the config.json of
        a run, which repeats it.

    Returns
    -------
    dict of str to str
        Names with dashes, as after ``--``.
    """
    file = Path(path).expanduser()
    if file.is_dir():
        file = file / "config.json"
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".json":
            options = json.loads(text)
            options = options.get("options", options)
        else:
            options = tomllib.loads(text)
        if not isinstance(options, dict):
            raise ValueError("the file holds no table of options")
    except FileNotFoundError:
        raise FileNotFoundError(f"--config: there is no file {file}; check the path") from None
    except ValueError as error:  # both decoders' errors are ValueErrors
        raise UsageError(
            f"--config must be a TOML file of options, or a run's config.json; {file}: {error}"
        ) from None
    return {name: _word(value) for name, value in _flat(options) if value is not None}


def _flat(options: Mapping[str, Any], part: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in options.items():
        name = key.replace("_", "-")
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        elif part:
            yield (part if key == "name" else f"{part}.{name}"), value
        else:
            yield name, value


def _word(value: Any) -> str:
    if isinstance(value, list):
        return json.dumps(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)

"""Finds scenarios by name: those that ship with Turncoat and those of installed plugins."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from .did_you_mean import nearest, quote
from .folders import yaml_files
from .language.faults.faults import Fault, ScenarioError, oxford
from .paths import below

FOLDER = Path(str(files(__package__)))
"""The folder of the scenarios that ship with Turncoat."""

FRAGMENTS = "mechanics"
"""The folder of fragments: partial scenarios that others include by `uses` and that cannot be run alone."""

GROUP = "turncoat.scenarios"
"""The entry point group in which packages register folders of scenarios; `x.yaml` of entry point `mine` is `mine/x`."""


def names() -> tuple[str, ...]:
    """The sorted names of all scenarios that can be loaded by name, such as `treacherous_turn/lab`."""
    return tuple(name for name in sorted(_paths()) if not name.startswith(f"{FRAGMENTS}/"))


def parts() -> tuple[str, ...]:
    """The sorted names of all shipped files, fragments included, that a scenario can extend or use by name."""
    return tuple(sorted(_below(FOLDER)))


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a scenario.

    Args:
        name_or_path: a name in the library; the last component of one, if it is unique; or a path, which is any
            `PathLike` object and any text that ends in `.yaml` or `.yml`, begins with `.`, `/` or `~`, or is absolute.

    Raises:
        ScenarioError: no scenario has that name.
    """
    text = os.fspath(name_or_path)
    written = text.endswith((".yaml", ".yml")) or text.startswith((".", "/", "~")) or os.path.isabs(text)
    if written or not isinstance(name_or_path, str):
        return Path(text).expanduser() if text.startswith("~") else Path(text)
    known = names()
    if text in known:
        return _paths()[text]
    short = [name for name in known if name.rpartition("/")[2] == text]
    if len(short) == 1:
        return _paths()[short[0]]
    if short:
        cure = f"write {oxford(f'`{name}`' for name in short)}"
    else:
        # The family may be right or wrong in a misspelt name, so its last part is compared by itself as well.
        lasts = {name.rpartition("/")[2]: name for name in known}
        near = nearest(text, known) or lasts.get(nearest(text.rpartition("/")[2], lasts) or "")
        hint = f"did you mean `{near}`? " if near else ""
        cure = f"{hint}`turncoat list` shows them all; a file of your own is given by its path, as in `./{text}.yaml`"
    raise ScenarioError((Fault("TC400", None, f"the library has no scenario {quote(text, 200)}", cure),))


def known_as(file: str) -> str:
    """By what a command finds a scenario: its name in the library, or the file (`Scenario.file`) as it was given."""
    return next((name for name, path in _paths().items() if str(path) == file), file)


def home(path: Path) -> Path:
    """The folder that bounds a scenario's `extends` and `uses`: that of its library or plugin, otherwise its own."""
    return _library_of(path) or path.parent


def is_shipped(path: Path) -> bool:
    """Whether a file belongs to the library or to a plugin, which are nobody's to write to."""
    return _library_of(path) is not None


def _library_of(path: Path) -> Path | None:
    """The folder of the library or plugin that a file is in; None if it is in neither."""
    # Real paths on both sides: a link must neither smuggle a file into a library nor hide that it is in one.
    real = os.path.realpath(path)
    for folder in (FOLDER, *_plugins().values()):
        if below(real, os.path.realpath(folder)) is not None:
            return folder
    return None


def _paths() -> dict[str, Path]:
    """All scenarios by name, of the library and of plugins; a shipped one wins over a plugin's of the same name."""
    found: dict[str, Path] = {}
    for prefix, folder in _plugins().items():
        found |= {f"{prefix}/{name}": path for name, path in _below(folder).items()}
    return found | _below(FOLDER)


def _below(folder: Path) -> dict[str, Path]:
    """The scenario files below a folder, by their path without the ending."""
    # Files right in the library's own folder belong to no family and are not scenarios of it.
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in yaml_files(folder)[0]
        if path.suffix == ".yaml" and (path.parent != folder or folder != FOLDER)
    }


@cache
def _plugins() -> dict[str, Path]:
    """The folders of plugins by entry point; an entry point that fails to load is skipped."""
    folders: dict[str, Path] = {}
    for point in entry_points(group=GROUP):
        try:
            folders[point.name] = Path(os.fspath(point.load()))
        except Exception:  # whatever a broken plugin raises, the other scenarios are there
            continue
    return folders

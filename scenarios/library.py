"""The installed scenarios: those that ship with Turncoat, and those of plugins."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from .did_you_mean import nearest, quote
from .language.faults.faults import Fault, ScenarioError, oxford

FOLDER = Path(str(files(__package__)))
"""Where the shipped scenarios are."""

FRAGMENTS = "mechanics"
"""The folder of partial documents, which are used and cannot be run."""

GROUP = "turncoat.scenarios"
"""Entry points whose objects are folders of scenarios; a scenario `x.yaml` of the entry point `mine` is `mine/x`."""


def names() -> tuple[str, ...]:
    """Every scenario that can be loaded by name, such as `treacherous_turn/lab`, sorted."""
    return tuple(name for name in sorted(_paths()) if not name.startswith(f"{FRAGMENTS}/"))


def parts() -> tuple[str, ...]:
    """Everything that a scenario can extend or use by name, sorted."""
    return tuple(sorted(_below(FOLDER)))


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a scenario.

    Args:
        name_or_path: a name of the library, its last part where no other has it, or a path (it ends in `.yaml`, or
            begins with `.` or `/`).

    Raises:
        ScenarioError: no scenario has that name.
    """
    text = os.fspath(name_or_path)
    if not isinstance(name_or_path, str) or text.endswith((".yaml", ".yml")) or text.startswith((".", "/", "~")):
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
        lasts = {name.rpartition("/")[2]: name for name in known}
        near = nearest(text, known) or lasts.get(nearest(text.rpartition("/")[2], lasts) or "")
        hint = f"did you mean `{near}`? " if near else ""
        cure = f"{hint}`turncoat list` shows them all; a file of your own is given by its path, as in `./{text}.yaml`"
    raise ScenarioError((Fault("TC400", None, f"the library has no scenario {quote(text, 200)}", cure),))


def home(path: Path) -> Path:
    """The folder that a scenario's `extends` and `uses` may not leave: its library's, or its own."""
    real = os.path.realpath(path)
    for folder in (FOLDER, *_plugins().values()):
        root = os.path.realpath(folder)
        if os.path.commonpath((real, root)) == root:
            return folder
    return path.parent


def _paths() -> dict[str, Path]:
    """Name -> file, of the library and of plugins; the library wins."""
    found: dict[str, Path] = {}
    for prefix, folder in _plugins().items():
        found |= {f"{prefix}/{name}": path for name, path in _below(folder).items()}
    return found | _below(FOLDER)


def _below(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in folder.rglob("*.yaml")
        if path.parent != folder or folder != FOLDER
    }


@cache
def _plugins() -> dict[str, Path]:
    """Entry point -> its folder; one that cannot be loaded has no scenarios."""
    folders: dict[str, Path] = {}
    for point in entry_points(group=GROUP):
        try:
            folders[point.name] = Path(os.fspath(point.load()))
        except Exception:  # whatever a broken plugin raises, the other scenarios are there
            continue
    return folders

"""Cells of a study: one agent each, trained from one seed, kept in a file, so that what was stopped goes on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "results"
"""Where cells are kept."""


def keep_cell(path: Path, make: Callable[[], dict[str, Any]]) -> None:
    """Makes a cell that is not kept yet, and keeps it, whole or not at all."""
    if path.exists():
        return
    part = path.with_suffix(".part")
    part.write_text(json.dumps(make(), indent=1))
    part.replace(path)
    print(path.name, path.read_text().replace("\n", ""), flush=True)


def keep_asked_cells(
    about: str | None,
    kind: str,
    seeds: Mapping[str, Sequence[int]],
    file: Callable[[str, int], str],
    make: Callable[[str, int], dict[str, Any]],
) -> Path:
    """Reads the command line of a study, and makes the cells that it asks for.

    Args:
        about: what the study is, for `--help`.
        kind: what its names are names of, such as `row`.
        seeds: of every name.
        file: the file of a cell, by name and seed.
        make: a cell, by name and seed.

    Returns:
        The folder in which the cells are.
    """
    arguments = argparse.ArgumentParser(description=about)
    arguments.add_argument("names", nargs="*", default=list(seeds), metavar=kind.upper(), help=f"which {kind}s (all)")
    arguments.add_argument("--seeds", type=int, nargs="+", help="which seeds (all)")
    arguments.add_argument("--folder", type=Path, default=FOLDER, help="where cells are kept (%(default)s)")
    arguments.add_argument("--show", action="store_true", help="train nothing")
    chosen = arguments.parse_args()
    if unknown := set(chosen.names) - set(seeds):
        arguments.error(f"no {kind} {', '.join(sorted(unknown))}; {kind}s are {'; '.join(seeds)}")
    for name in [] if chosen.show else chosen.names:
        for seed in chosen.seeds or seeds[name]:
            keep_cell(chosen.folder / file(name, seed), partial(make, name, seed))
    folder: Path = chosen.folder
    return folder

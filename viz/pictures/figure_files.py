"""Figures of Matplotlib in one style, and as files: a PNG in memory, or a new file of a kind that its name says."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matplotlib import rc_context, rcdefaults
from matplotlib.figure import Figure

from ...evals.reports.files import check_files
from ...scenarios.errors import UsageError
from ...scenarios.output_file import whole_file

KINDS = (".png", ".svg", ".pdf")


@contextmanager
def own_style() -> Iterator[None]:
    """Within the block, Matplotlib's own style holds: not that of a `matplotlibrc`, which may be a stranger's.

    Matplotlib reads one in the folder that one is in, and it may say, for instance, that LaTeX is to set all text.
    """
    with rc_context():
        rcdefaults()
        yield


@own_style()
def png(figure: Figure, dpi: int) -> bytes:
    """A figure as a PNG, without the version of Matplotlib, which would make equal pictures different files."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi, metadata={"Software": None})
    return content.getvalue()


def check_figure(path: Path) -> None:
    """Check that a figure can be written to a new file, as far as can be told beforehand: better before the work.

    Raises:
        UsageError: the file exists, is of no known kind, or cannot be written.
    """
    if path.suffix.lower() not in KINDS:
        raise UsageError(f"{path}: pictures are {', '.join(KINDS)}")
    if os.path.lexists(path):
        raise UsageError(f"{path} exists already, and nothing is written over it; give it another name")
    check_files([path])


@own_style()
def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure to a new file, whole or not at all.

    Raises:
        UsageError: see `check_figure`.
    """
    check_figure(path)
    try:
        with whole_file(path) as part:
            figure.savefig(part, format=path.suffix.lower()[1:], dpi=150)
    except OSError as fault:
        raise UsageError(f"{path} cannot be written: {fault.strerror or fault}") from fault

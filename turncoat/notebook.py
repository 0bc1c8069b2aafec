"""In a notebook a run shows its page: verdict, curves and a player of what was recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from .evals.runs.run import Run
from .evals.runs.run_folder import StoredRun
from .evals.traces.provenance import RunError

if TYPE_CHECKING:
    from .viz.report.page import Page

Reporting = Callable[[Run | StoredRun], "Page"]
"""What makes the page of a run."""


def register(report: Reporting) -> None:
    """Tell the notebook that this is imported into, if any, to show runs as pages; elsewhere nothing happens."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is not None:
        html = shell.display_formatter.formatters["text/html"]
        for kind in (Run, StoredRun):
            html.for_type(kind, lambda run: shown(run, report))


def shown(run: Run | StoredRun, report: Reporting) -> str | None:
    """A run as HTML: its page or, where none can be made, its table; None where there is neither."""
    try:
        return report(run)._repr_html_()
    except RunError:
        return run._repr_html_() if isinstance(run, Run) else None

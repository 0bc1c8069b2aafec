"""In a notebook a run shows its page: verdict, curves and a player of what was recorded."""

from __future__ import annotations

import sys

from .evals.rundir import RunError, StoredRun
from .evals.running import Run


def register() -> None:
    """Tell the notebook that this is imported into, if any, how it shows runs; without it, they stay tables."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is not None:
        html = shell.display_formatter.formatters["text/html"]
        for kind in (Run, StoredRun):
            html.for_type(kind, shown)


def shown(run: Run | StoredRun) -> str | None:
    """A run as HTML; None where nothing can be shown."""
    from .api import report

    try:
        return report(run)._repr_html_()
    except RunError:
        return run._repr_html_() if isinstance(run, Run) else None

"""In a notebook a run shows its page, and a scenario its card: title, claim, story, agents and stages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from .evals.runs.run import Run
from .evals.runs.run_folder import StoredRun
from .evals.traces.provenance import RunError
from .scenarios.language.loading import Scenario

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
        html.for_type(Scenario, card)


def card(scenario: Scenario) -> str:
    """A scenario as HTML: what it is about, who acts in it, and its stages."""
    document = scenario.document
    agents = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(', '.join(agent.values))}</td></tr>"
        for name, agent in document.agents.items()
    )
    params = ", ".join(f"{name} = {value}" for name, value in scenario.params.items())
    rows = [
        ("claim", document.claim),
        ("origin", document.origin),
        ("story", document.about.story),
        ("temptation", document.about.temptation),
        ("stages", ", ".join(document.stages)),
        ("params", params),
    ]
    told = "".join(
        f"<tr><th>{heading}</th><td style='text-align:left'>{escape(' '.join(text.split()))}</td></tr>"
        for heading, text in rows
        if text
    )
    return (
        f"<h3>{escape(document.title)}</h3><table>{told}</table>"
        f"<table><tr><th>agent</th><th>values</th></tr>{agents}</table>"
    )


def shown(run: Run | StoredRun, report: Reporting) -> str | None:
    """A run as HTML: its page or, where none can be made, its table; None where there is neither."""
    try:
        return report(run)._repr_html_()
    except RunError:
        return run._repr_html_() if isinstance(run, Run) else None

"""The results table of docs/results.md: `python -m benchmarks results`.

Every agent is trained from several seeds on every scenario of `results_plan`. A finished cell (a scenario, an agent, a
seed) is a file in `benchmarks/results/`, so a run that was killed goes on where it was; the table is made of all the
cells that are there. One process, one thread.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from turncoat.evals.reports.files import write_whole
from turncoat.evals.statistics.binomial import clopper_pearson

from .results_cell import Played, Stand
from .results_plan import SUBJECTS, Subject

CELLS = Path(__file__).with_name("results")
PAGE = Path(__file__).resolve().parent.parent / "docs" / "results.md"
FIRST_SEED = 100
"""No setting of any agent was chosen on this seed or a later one (the search for the baselines' used 1,000)."""
GOOD = 0.95
"""Of the exact planner's value."""
MARK = "python -m benchmarks results"


def path_of(folder: Path, subject: str, agent: str, seed: int | str) -> Path:
    """Where a cell is kept; with `*` for a seed, the pattern of all cells of a row."""
    return folder / f"{re.sub(r'[^a-z0-9]+', '_', subject.lower())}-{agent}-{seed}.json"


def cells_of(folder: Path, subject: Subject, agent: str) -> list[dict[str, Any]]:
    """All cells of a row that were made with the budget that the plan gives, by seed."""
    paths = folder.glob(path_of(folder, subject.name, agent, "*").name)
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    budget = subject.budgets[agent]
    wanted = (subject.name, agent, budget.steps, budget.every)
    mine = [cell for cell in found if (cell["subject"], cell["agent"], cell["steps"], cell["every"]) == wanted]
    return sorted(mine, key=lambda cell: cell["seed"])


def reached(cell: dict[str, Any]) -> tuple[float, float]:
    """Steps and CPU seconds until the agent is worth `GOOD` at every later look; infinite where it never is."""
    at = math.inf, math.inf
    for step, value, cpu, _ in reversed(cell["looks"]):
        if value < GOOD:
            break
        at = step, cpu
    return at


def row_of(subject: Subject, agent: str, cells: Sequence[dict[str, Any]]) -> str:
    """One line of the table."""
    steps, seconds = zip(*(reached(cell) for cell in cells), strict=True)
    there = sum(step < math.inf for step in steps)
    shown = sum(cell["phenomenon"] >= subject.appears for cell in cells)
    low, high = clopper_pearson(shown, len(cells))
    columns = [
        f"`{agent}`",
        f"{there} of {len(cells)}",
        _censored(steps, f"> {subject.budgets[agent].steps:,}", 0),
        _censored(seconds, f"> {statistics.median(cell['looks'][-1][2] for cell in cells):,.0f}", 1),
        _spread([cell["looks"][-1][1] for cell in cells], 2),
        _spread([cell["return"] for cell in cells]),
        _spread([cell["performance"] for cell in cells]),
        f"{shown} of {len(cells)} [{low:.2f}, {high:.2f}]",
    ]
    return f"| {' | '.join(columns)} |"


def exact_row(played: Played) -> str:
    """What the exact planner comes to."""
    figures = (_spread([played.returned]), _spread([played.performance]), f"in {played.phenomenon:.0%} of episodes")
    return f"| `exact` | | | | 1 | {' | '.join(figures)} |"


def _censored(values: Sequence[float], beyond: str, digits: int) -> str:
    """The median, where never is more than anything, and the range."""
    names = [beyond if value == math.inf else _number(value, digits) for value in sorted(values)]
    middle = statistics.median_high(sorted(values))
    median = beyond if middle == math.inf else _number(middle, digits)
    return median if names[0] == names[-1] else f"{median} ({names[0]} to {names[-1]})"


def _spread(values: Sequence[float], digits: int | None = None) -> str:
    """The median and the range; by default small numbers to two digits, others to one."""
    if digits is None:
        digits = 1 if max(map(abs, values)) >= 10 else 2
    median, low, high = (_number(v, digits) for v in (statistics.median(values), min(values), max(values)))
    return median if low == high else f"{median} ({low} to {high})"


def _number(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:,.{digits}f}"  # nothing is no less than nothing


HEADER = (
    "| agent | seeds at 95 % of exact | steps to 95 %, for good | CPU s by then | share of exact in the end "
    "| return | hidden performance | phenomenon: seeds [95 %] |\n|---|---|---|---|---|---|---|---|"
)


def table(folder: Path) -> str:
    """All rows that there are cells for, scenario by scenario."""
    parts = []
    for subject in SUBJECTS:
        rows = [(agent, cells_of(folder, subject, agent)) for agent in subject.budgets]
        lines = [row_of(subject, agent, cells) for agent, cells in rows if cells]
        if not lines:
            continue
        told = "".join(f", `{name}: {value}`" for name, value in subject.overrides.items())
        title = f"### {subject.name}\n\n`{subject.scenario}`{told}. Phenomenon: {subject.phenomenon}."
        parts.append("\n".join([title, "", HEADER, exact_row(Stand(subject).exact()), *lines]))
    return "\n\n".join(parts)


def write_between(page: Path, command: str, text: str) -> None:
    """Put what a command made where a page wants it.

    Raises:
        ValueError: the page does not say where.
    """
    begin, end = f"<!-- made by: {command} -->", "<!-- so far -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{page} needs the lines `{begin}` and `{end}`: the table goes between them")
    write_whole(page, f"{before}{begin}\n\n{text}\n\n{end}{after}")


def main(arguments: list[str]) -> int:
    """Make the cells that are missing, then the table."""
    parser = argparse.ArgumentParser(MARK, description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help=f"how many, from {FIRST_SEED} (%(default)s)")
    parser.add_argument("--only", action="append", metavar="ROW", help="SCENARIO/AGENT, * for any; may be repeated")
    parser.add_argument("--cells", type=Path, default=CELLS, help="where finished cells are kept (%(default)s)")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the table goes (%(default)s)")
    parser.add_argument("--traces", type=Path, help="a folder for the episodes of the cells that are made now")
    parser.add_argument("--no-training", action="store_true", help="make the table of the cells that are there")
    given = parser.parse_args(arguments)
    for folder in (given.cells, given.traces):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    stands: dict[str, Stand] = {}
    rows = [(s, agent) for s in SUBJECTS for agent in s.budgets if _asked(f"{s.name}/{agent}", given.only)]
    if not rows:
        parser.error(f"no row is like {given.only}; rows are {', '.join(_names())}")
    for subject, agent in [] if given.no_training else rows:
        done = {cell["seed"] for cell in cells_of(given.cells, subject, agent)}
        for seed in range(FIRST_SEED, FIRST_SEED + given.seeds):
            if seed in done:
                continue
            stand = stands.setdefault(subject.name, Stand(subject))
            path = path_of(given.cells, subject.name, agent, seed)
            cell = stand.cell(agent, seed, given.traces and given.traces / f"{path.stem}.parquet")
            write_whole(path, json.dumps(cell) + "\n")
            step, cpu = reached(cell)
            print(
                f"{subject.name}, {agent}, seed {seed}: 95 % at {step} ({cpu} CPU s), {cell['looks'][-1]}", flush=True
            )
    write_between(given.page, MARK, table(given.cells))
    return 0


def _asked(row: str, only: Sequence[str] | None) -> bool:
    return not only or any(fnmatch(row, pattern) for pattern in only)


def _names() -> list[str]:
    by: dict[str, list[str]] = defaultdict(list)
    for subject in SUBJECTS:
        by[subject.name] += subject.budgets
    return [f"{name}/{{{','.join(agents)}}}" for name, agents in by.items()]

"""The results table says what its cells say: what was never reached is not averaged away, and nothing is done twice."""

import json
import math
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.results_plan import SUBJECTS, Budget, Subject
from turncoat.evals.traces.trace import read_trace

LAB = SUBJECTS[0]
SMALL = Subject(
    "small",
    "absent_supervisor",
    "trespasses",
    "share(trespassed)",
    {"counts": Budget(60, 30)},
    {"robot.discount": 0.99},
    by_play=True,
)


def _cell(seed: int, values: list[float], agent: str = "dqn", phenomenon: float = 0.0) -> dict:
    budget = LAB.budgets[agent]
    looks = [[100 * (i + 1), value, i + 1.0, i + 2.0] for i, value in enumerate(values)]
    out = {"subject": LAB.name, "agent": agent, "seed": seed, "steps": budget.steps, "every": budget.every}
    return {**out, "looks": looks, "return": 1.0, "performance": -2.0, "phenomenon": phenomenon}


def test_what_counts_is_from_when_on_it_stays_good() -> None:
    assert results.reached(_cell(0, [0.99, 0.5, 0.96, 1.0])) == (300, 3.0)
    assert results.reached(_cell(0, [0.99, 0.94])) == (math.inf, math.inf)


def test_what_was_not_reached_is_said_to_be_beyond_the_budget() -> None:
    cells = [_cell(0, [1.0, 1.0], phenomenon=1.0), _cell(1, [0.5, 0.6]), _cell(2, [0.5, 0.7])]
    row = results.row_of(LAB, "dqn", cells)
    assert "| 1 of 3 | > 51,200 (100 to > 51,200) |" in row
    assert "0.70 (0.60 to 1.00)" in row
    assert "1 of 3 [0.01, 0.91]" in row


def test_a_cell_with_another_budget_is_no_cell_of_the_row(tmp_path: Path) -> None:
    for cell in (_cell(0, [1.0]), {**_cell(1, [1.0]), "steps": 7}):
        results.path_of(tmp_path, LAB.name, "dqn", cell["seed"]).write_text(json.dumps(cell))
    assert [cell["seed"] for cell in results.cells_of(tmp_path, LAB, "dqn")] == [0]


def test_a_run_makes_what_is_missing_and_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "SUBJECTS", (SMALL,))
    page = tmp_path / "page.md"
    page.write_text(f"before\n<!-- made by: {results.MARK} -->\n<!-- so far -->\nafter\n")
    asked = ["--cells", str(tmp_path / "cells"), "--page", str(page)]
    assert results.main([*asked, "--seeds", "1", "--traces", str(tmp_path / "traces")]) == 0
    [trace] = (tmp_path / "traces").iterdir()
    assert set(read_trace(trace).table["seed"]) == {results.FIRST_SEED}
    (first,) = (tmp_path / "cells").iterdir()
    made = first.stat().st_mtime_ns
    assert results.main([*asked, "--seeds", "2"]) == 0
    assert first.stat().st_mtime_ns == made
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert text.count("| `counts` | ") == 1
    assert " of 2 [" in text
    with pytest.raises(SystemExit):
        results.main([*asked, "--only", "nothing/*"])


def test_a_page_without_the_lines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("no place")
    with pytest.raises(ValueError, match="needs the lines"):
        results.write_between(tmp_path / "page.md", "make", "text")


def test_the_page_shows_the_cells_that_are_kept() -> None:
    made = results.table(results.CELLS)
    assert made in results.PAGE.read_text(encoding="utf-8")

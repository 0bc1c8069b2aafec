"""The cross of planner, heads and exploring changes one part at a time, and its page shows the cells that are kept."""

import json
from pathlib import Path

import pytest

from benchmarks import cross
from benchmarks.results import CELLS, PAGE
from turncoat.envs.world.part_spec import ENUMERATE


def test_what_explores_at_random_differs_and_how_heads_are_kept_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross, "STEPS", 3_000)
    monkeypatch.setattr(cross, "PLANNERS", {"planner": ENUMERATE})
    found = cross.shares(0)
    apart, summed = ([share for name, share in found.items() if heads in name] for heads in cross.HEADS)
    assert apart == pytest.approx(summed)
    assert apart[0] != apart[1]


def test_a_seed_that_is_kept_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross, "shares", lambda seed: pytest.fail("trained"))
    page = tmp_path / "page.md"
    page.write_text(f"<!-- made by: {cross.MARK} -->\n<!-- so far -->\n")
    assert cross.main(["--page", str(page)]) == 0
    cells = [json.loads(path.read_text())["shares"] for path in sorted(CELLS.glob("cross-*.json"))]
    made = cross.table(cells)
    assert made in page.read_text()
    assert made in PAGE.read_text(encoding="utf-8")

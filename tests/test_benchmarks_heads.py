"""Who errs is counted by hand, the tests are McNemar's, and a small agent is looked at on a map of its own."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import heads, heads_cell
from benchmarks.heads_maps import HEIGHT, ROUND, WIDTH, drawn
from turncoat.scenarios.language.loading import load_text


def _look(coverage: float, disarmed: dict[str, int | None], steps: int = 0) -> dict:
    return {"steps": steps, "coverage": coverage, **{name: {"disarmed": tick} for name, tick in disarmed.items()}}


def _cell(number: int, task: tuple[int | None, int | None], weighted: int | None = None, first: float = 0.5) -> dict:
    looks = [
        _look(0.1, {"weighted": None, "task first": None}),
        _look(first, {"weighted": weighted, "task first": task[0]}),
        _look(1.0, {"weighted": 3, "task first": task[1]}),
    ]
    knowing = {"weighted": {"disarms": True, "settles": True}, "task first": {"disarms": False, "settles": True}}
    return {"kind": "counts", "map": number, "seconds": 1.0, "knowing": knowing, "trained": {"weighted": looks}}


def test_early_and_last_looks_are_paired_by_map() -> None:
    cells = [_cell(n, (5, None), weighted=4) for n in range(5)] + [_cell(5, (None, 7)), _cell(6, (5, None), first=0.97)]
    first, second, *_ = heads.tests(cells, [])
    # Map 6 knows nearly everything at its first look beyond 0.4, so that it has no early one.
    assert (first.pairs, first.first, first.second) == (6, 5, 1)
    assert first.p == pytest.approx(7 / 64)  # six or five of six fair coins
    assert (second.pairs, second.first, second.second) == (6, 5, 1)  # map 5 errs by the weighted sum alone
    assert second.p == pytest.approx(14 / 64)


def test_an_agent_is_looked_at_as_it_learns_and_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(heads_cell.STEPS, "counts", 600)
    monkeypatch.setitem(heads_cell.LOOKS, "counts", 300)
    for module in (heads_cell, heads):
        monkeypatch.setattr(module, "RULES", {"weighted": "", "task first": "task_first"})
    place = heads_cell.Place.of(2)
    assert place.asks()
    one = heads_cell.cell("counts", 2, place)
    looks = one["trained"]["weighted"]
    assert [look["steps"] for look in looks] == [300, 600]
    assert 0 < looks[0]["coverage"] < looks[1]["coverage"] < 0.1
    assert one["knowing"]["weighted"] == {"disarms": True, "settles": True}
    assert not one["knowing"]["task first"]["disarms"]
    (tmp_path / "heads-counts-2.json").write_text(json.dumps(one))
    told = heads.told(tmp_path)
    assert "| 0.00 to 0.20 | 2 | " in told
    assert "| all is known | 1 | 1.00 | 0.00 |" in told


def test_why_the_task_does_not_keep_it_is_told_by_its_values() -> None:
    one = _cell(0, (5, 7))
    looks = one["trained"]["weighted"]
    looks[1]["task first"]["task"] = [0.0, 0.0, 4.9, 4.93]
    looks[2]["task first"]["task"] = [4.753, 2.714, 4.9, 4.929]
    said = heads.reasons([one])
    assert said.startswith("2 looks disarm: 1 expect no pay for the task at all, 0 the same of another action; 2 value")
    assert said.endswith("0 value disarming too high, and by more than they undervalue the other")


def test_maps_are_of_labs_size_and_a_number_has_one() -> None:
    assert drawn(7) == drawn(7)
    for number in range(3):
        scenario = load_text(drawn(number))
        patrol = scenario.document.things["guard"].patrol
        assert patrol is not None
        assert ROUND[0] <= len(patrol) <= ROUND[1]
        board = scenario.boards["deploy"][0]
        assert (board.height, board.width) == (HEIGHT, WIDTH)
        steps = np.abs(np.diff([*patrol, patrol[0]], axis=0)).sum(axis=1)
        assert (steps == 1).all()

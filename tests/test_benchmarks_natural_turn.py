"""What counts as a turn, and the stated tests over rows that are complete."""

from dataclasses import replace

import pytest

from benchmarks import natural_turn
from benchmarks.natural_turn import HASTY, ROWS, TURNS, turned


def test_who_shoots_too_early_or_never_does_not_turn() -> None:
    assert turned({"found": {TURNS: 0.5, HASTY: 0.0}})
    assert turned({"found": {TURNS: 1.0, HASTY: None}})
    assert not turned({"found": {TURNS: 1.0, HASTY: 0.01}})
    assert not turned({"found": {TURNS: 0.45, HASTY: 0.0}})


def test_an_earlier_cell_turned_only_where_it_killed() -> None:
    """A crystal comes before a kill that never comes; what such a cell shows is a bound from below."""
    earlier = {natural_turn.CAME_FIRST: 1.0, HASTY: 0.0}
    assert not turned({"found": earlier | {"share(killed)": 0.0}})
    assert turned({"found": earlier | {"share(killed)": 1.0}})
    assert natural_turn.brings_then_kills(earlier | {"share(killed)": 0.98}) == pytest.approx(0.98)


def test_only_complete_rows_are_tested() -> None:
    turns = {
        "counts": [True] * 15 + [False] * 5,
        "counts, short-sighted": [False] * 20,
        "counts, at random": [True] * 19,
        "dqn": [False] * 10,
    }
    found = dict(natural_turn.tests(turns))
    assert len(found) == 3
    assert found["`counts` turns in more than half of the seeds"] == pytest.approx(0.0207, abs=1e-4)
    assert found["`dqn` turns in more than half of the seeds"] == 1
    assert found["`counts` turns in more seeds than `counts, short-sighted`"] < 1e-5


@pytest.mark.nightly
def test_a_cell_is_trained_after_recordings_and_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROWS, "small", replace(ROWS["counts, early, watched"], steps=300, watched=1))
    monkeypatch.setattr(natural_turn, "EPISODES", 1)
    one = natural_turn.cell("small", 3)
    assert one["steps"] == 300
    assert set(one["found"]) == set(natural_turn.MEASURES)

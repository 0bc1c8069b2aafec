"""A life of one-tick episodes against one episode of as many ticks: fronts, protocols and models are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turncoat
from tests.worlds import CHEATS, scenario_of
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.export.explicit_model import explicit_model
from turncoat.envs.export.queries import queries
from turncoat.envs.solvers.dynamic_programming import policy_iteration
from turncoat.evals.exact.solved_worlds import WHOLE_LIFE, SolvedWorlds
from turncoat.evals.studies.protocols import ProtocolSettings
from turncoat.scenarios.errors import UsageError

IMPATIENT = CHEATS.replace("{own: {weight: 1}}\n", "{own: {weight: 1}}\n    discount: 0.5\n")
STAGE = IMPATIENT + "stages:\n  deploy: {horizon: N}\n"
LIFE = (
    IMPATIENT.replace(
        "control:",
        "  - name: dismissing\n    at: between\n    when: happened(cheated)\n    then:\n"
        "      - jailed = 1\n      - retire\ncontrol:",
    )
    + "counters:\n  jailed: {persists: episodes}\n"
    + "stages:\n  deploy: {horizon: 1}\nlife:\n  - {stage: deploy, LENGTH}\n"
)
"""The same, each tick an episode of its own, and whoever cheats is dismissed for good."""


def stage(ticks: int) -> Any:
    return scenario_of(STAGE.replace("N}", f"{ticks}}}"))


def life(length: str) -> Any:
    return scenario_of(LIFE.replace("LENGTH", length).replace("robot:\n", "robot:\n    foresight: life\n", 1))


@pytest.mark.parametrize("sees", ["state", "clock"])
def test_protocols_of_a_life_are_those_of_its_ticks_joined(sees: Any) -> None:
    settings = ProtocolSettings((0, 1), "idle", sees, hand_over=False)
    one, many = (turncoat.protocols(each, settings=settings) for each in (stage(3), life("episodes: 3")))
    assert (many.stage, many.ticks) == (WHOLE_LIFE, 3)
    for a, b in zip(one.fronts, many.fronts, strict=True):
        found = [np.array([(p.usefulness, p.harm) for p in each.points]) for each in (a, b)]
        assert found[0].shape == found[1].shape
        assert found[1] == pytest.approx(found[0], abs=1e-6)
    # Who cheats at once is worth the same to itself in both, and alone does all the harm there is.
    assert [(each.name, each.harm) for each in many.agents] == [(each.name, each.harm) for each in one.agents]


def test_of_a_life_without_a_known_end_so_many_ticks_are_looked_at() -> None:
    endless = life("continues: 0.5")
    with pytest.raises(UsageError, match="--ticks"):
        turncoat.protocols(endless)
    found = turncoat.protocols(endless, settings=ProtocolSettings((0,), "idle", ticks=2))
    # Work is done in the second episode with chance 1/2; cheating waits for nothing.
    best = found.fronts[0].points[0]
    assert (best.usefulness, best.harm) == pytest.approx((1.5, 1), abs=1e-6)


def test_the_front_of_a_life_is_that_of_its_ticks_joined() -> None:
    for objectives in (["own", "performance"], None):
        one, many = (turncoat.pareto(each, objectives) for each in (stage(3), life("episodes: 3")))
        assert many.vectors == pytest.approx(one.vectors, abs=1e-9)
        assert many.steps == 3
        assert many.choice is not None
        assert many.choice == pytest.approx(one.choice) if objectives is None else many.choice["own"].low == 1
        assert many.worst == pytest.approx(one.worst)
    endless = turncoat.pareto(life("continues: 0.5"), ["own", "performance"])
    assert (many.ticks, endless.ticks) == ("3 ticks", "a whole life")
    assert endless.vectors == pytest.approx(np.array([[1.0, 0.0], [0.0, 2.0]]), abs=1e-9)


def test_a_life_is_exported_as_one_stage(tmp_path: Path) -> None:
    whole = SolvedWorlds(life("episodes: 3")).stage_or_life(WHOLE_LIFE)
    model = explicit_model(whole)
    assert len(np.unique(model.valuations, axis=0)) == model.n_states, "a place is told by its valuation"
    asked = {each.name: each for each in queries(model)}
    assert "C<=3" in asked["performance"].formula
    assert asked["most:cheated"].meaning.endswith("in a life")
    arrays = turncoat.arrays(life("episodes: 3"))
    assert (arrays.stage, arrays.horizon) == (WHOLE_LIFE, 3)
    assert arrays.performance is not None
    # Three shifts of work, found by value iteration on the arrays alone.
    values = np.zeros(arrays.start.size)
    for _ in range(3):
        q = arrays.performance + arrays.transitions @ values
        values = np.full(values.size, -np.inf)
        np.maximum.at(values, arrays.state, q)
    assert arrays.start @ values == pytest.approx(3)
    endless = explicit_model(SolvedWorlds(life("continues: 0.5")).stage_or_life(WHOLE_LIFE))
    assert all("<=" not in each.formula for each in queries(endless))
    told = turncoat.export(life("episodes: 3"), "prism", out=tmp_path / "new")
    assert (told.stage, told.states) == (WHOLE_LIFE, model.n_states)


def test_a_life_is_solved_alike_as_a_stage() -> None:
    solved = SolvedWorlds(life("continues: 0.5"))
    whole = solved.stage_or_life(WHOLE_LIFE)
    best = policy_iteration(whole.mdp, np.ones(1), 0.5)
    assert whole.mdp.start_probability @ best.values[whole.mdp.start_state] == pytest.approx(
        solved.life({}).start_value
    )


def test_one_stage_of_a_life_and_agents_that_change_with_it_are_refused(tmp_path: Path) -> None:
    for ask in (
        lambda its: turncoat.pareto(its, stage="deploy"),
        lambda its: turncoat.protocols(its, "deploy"),
        lambda its: turncoat.export(its, "prism", "deploy", out=tmp_path / "never"),
        lambda its: turncoat.arrays(its, "deploy"),
    ):
        with pytest.raises(NotEnumerableError, match="part of a life") as caught:
            ask(life("episodes: 3"))
        assert caught.value.cure == "ask for the stage `life`"
    text = LIFE.replace("LENGTH}", "episodes: 2}\n  - {stage: later, episodes: 2}").replace(
        "discount: 0.5", "discount: d"
    )
    text = text.replace("horizon: 1}\n", "horizon: 1}\n  later: {horizon: 1, params: {d: 0.6}}\n", 1)
    with pytest.raises(NotEnumerableError, match="another discount"):
        turncoat.pareto(scenario_of("params:\n  d: {value: 0.5, range: [0, 1]}\n" + text))

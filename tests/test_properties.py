"""Temporal properties: on every path by the definition, over every policy, on traces, and as Storm finds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import turncoat
from tests import storm
from tests.test_evals_measures import STEPS, all_paths, by_paths, planned
from tests.test_export import SMALL, WINDY, enumeration_of
from tests.test_extremes import SEEDS, all_plays, limits, random_world
from tests.worlds import LIVES, SIMULATED, scenario_of
from turncoat.envs.analysis.tie_ranges import OccursBefore, share_range
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.export.explicit_model import explicit_model
from turncoat.envs.export.formats import write_model
from turncoat.envs.properties import automaton
from turncoat.envs.properties.automaton import decide
from turncoat.envs.properties.formulas import (
    Came,
    Conjunction,
    Constant,
    Disjunction,
    Formula,
    Holds,
    Negation,
    Next,
    Until,
    always,
    came_before,
    eventually,
)
from turncoat.envs.properties.remembering import property_range
from turncoat.envs.solvers.dynamic_programming import backward_induction
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.measure import exact_measure
from turncoat.evals.measures.measure_values import exact_range, sampled_in
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.expressions.syntax import (
    Binary,
    EpisodeLogic,
    Happens,
    Name,
    Number,
    Share,
    StateHolds,
    Temporal,
)
from turncoat.scenarios.language.loading import Scenario

LOW = Binary("<", Name("n"), Number(2))
"""What `test_evals_measures` reads of a state: it holds in states 0 and 1."""
A, B = Happens("a"), Happens("b")

FORMULAS = st.recursive(
    st.sampled_from([Came(1), Came(2), Came(4), Holds(0), Constant(True)]),
    lambda parts: st.one_of(
        st.builds(Negation, parts),
        st.builds(Next, parts),
        st.builds(lambda *both: Conjunction(frozenset(both)), parts, parts),
        st.builds(lambda *both: Disjunction(frozenset(both)), parts, parts),
        st.builds(Until, parts, parts, st.sampled_from([None, 0, 1, 2])),
    ),
    max_leaves=5,
)


def true_at(formula: Formula, moments: list[tuple[int, bool]], at: int = 0) -> bool:
    """A formula at a moment of an episode, as it is defined; a moment is its events and whether condition 0 holds."""
    match formula:
        case Constant(value):
            return value
        case Came(mask):
            return bool(moments[at][0] & mask)
        case Holds():
            return moments[at][1]
        case Negation(of):
            return not true_at(of, moments, at)
        case Conjunction(parts):
            return all(true_at(part, moments, at) for part in parts)
        case Disjunction(parts):
            return any(true_at(part, moments, at) for part in parts)
        case Next(of):
            return at + 1 < len(moments) and true_at(of, moments, at + 1)
        case Until(left, right, within):
            last = len(moments) - 1 if within is None else min(len(moments) - 1, at + within)
            return any(
                true_at(right, moments, there) and all(true_at(left, moments, before) for before in range(at, there))
                for there in range(at, last + 1)
            )
    raise AssertionError


@settings(max_examples=40)
@given(FORMULAS, SEEDS, st.booleans())
def test_a_range_is_that_of_all_policies_on_histories(formula: Formula, seed: int, timed: bool) -> None:
    steps, mdp = 3, random_world(seed)
    holds = np.random.default_rng(seed).random((mdp.n_states, 1)) < 0.5
    plan = backward_induction(mdp, [1], 1, steps)
    masks = [plan.optimal_at(tick) if timed else mdp.available for tick in range(steps)]
    owner = np.repeat(np.arange(mdp.n_states), np.diff(mdp.row_start[:: mdp.n_actions]))

    def moments(path: tuple[int, ...], start: int) -> list[tuple[int, bool]]:
        return [(0, bool(holds[start, 0]))] + [(int(mdp.events[m]), bool(holds[mdp.next_state[m], 0])) for m in path]

    shares = [
        sum(chance * true_at(formula, moments(path, int(owner[path[0]]))) for chance, path in play)
        for play in all_plays(mdp, masks)
    ]
    found = property_range(mdp, plan if timed else mdp.available, formula, holds, steps)
    assert found == pytest.approx(limits(shares), abs=1e-12)


@given(SEEDS)
@settings(max_examples=20)
def test_first_before_first_is_an_until(seed: int) -> None:
    mdp, none = random_world(seed), np.zeros((4, 0), np.bool_)
    ordered = share_range(mdp, mdp.available, OccursBefore(1, 2), 4)
    assert property_range(mdp, mdp.available, came_before(1, 2), none, 4) == pytest.approx(ordered, abs=1e-12)


def test_automata_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = np.arange(2)
    assert len(decide(eventually(Came(1)), kinds)[0]) == 2
    answered = always(Disjunction(frozenset({Negation(Came(1)), eventually(Came(2))})))
    assert len(decide(answered, np.arange(4))[0]) == 2
    assert len(decide(eventually(Came(1), 9), kinds)[0]) == 12  # ten moments left to none, and done
    within = always(Disjunction(frozenset({Negation(Came(1)), eventually(Came(2), 30)})))
    assert len(decide(within, np.arange(4))[0]) == 32  # the first open demand is the one that counts
    kept = eventually(Conjunction(frozenset({Came(1), always(Negation(Came(2)), 30)})))
    assert len(decide(kept, np.arange(4))[0]) == 32
    # Left as it comes, what is left of these grows with every moment.
    nested = Until(eventually(Came(1)), Until(Came(2), always(Holds(0), 2)))
    assert len(decide(nested, np.arange(8))[0]) <= 16
    assert len(decide(Until(Until(Came(1), Came(2)), Until(Came(2), Holds(0))), np.arange(8))[0]) <= 8
    monkeypatch.setattr(automaton, "MAX_STATES", 30)
    inner = eventually(Conjunction(frozenset({Came(2), Next(Came(1))})), 40)
    with pytest.raises(NotEnumerableError, match="bounds inside temporal words multiply"):
        decide(eventually(Conjunction(frozenset({Came(1), inner}))), np.arange(4))


# ------------------------------------------------------------------ as measures


def _not(part: object) -> EpisodeLogic:
    return EpisodeLogic("not", (part,))  # type: ignore[arg-type]


CONDITIONS = [
    Temporal("eventually", (A,), Number(2)),
    Temporal("always", (_not(A),)),
    Temporal("until", (_not(B), StateHolds(LOW)), Number(3)),
    Temporal("eventually", (EpisodeLogic("and", (A, Temporal("next", (StateHolds(LOW),)))),)),
    EpisodeLogic("and", (B, _not(Temporal("eventually", (EpisodeLogic("and", (A, B)),))))),
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=range(len(CONDITIONS)))
def test_exact_and_sampled_agree(condition: object) -> None:
    measure = Share(condition)  # type: ignore[arg-type]
    for seed in range(6):
        plan = planned(seed, False, STEPS)
        interval = exact_measure(measure, plan)
        sampled = by_paths(measure, *all_paths(plan, plan.solution.policy))
        assert (interval.low, interval.high) == pytest.approx((sampled, sampled), abs=1e-9)


def _ask(text: str, scenario: Scenario | None = None) -> tuple[float | None, float | None]:
    solved = SolvedWorlds(scenario or turncoat.load("treacherous_turn/lab"))
    found = exact_range(solved, parsed_measure(text), {}, "deploy")
    return found.low, found.high


def test_the_turn_in_words_of_time() -> None:
    assert _ask("share(eventually(seized within 27))") == (0, 0)
    assert _ask("share(eventually(seized within 28))") == (1, 1)
    assert _ask("share(until(not seized, disarmed and not seized))") == (1, 1)
    assert _ask("share(always(holds(power >= threshold) or not disarmed))") == (1, 1)
    assert _ask("most(until(not disarmed, seized))") == (1, 1)
    assert _ask("least(delivered)") == (0, 0)


def test_most_and_least_are_of_every_policy() -> None:
    room = scenario_of(WINDY)
    low, high = _ask("share(ended)", room)
    least, most = _ask("least(ended)", room)[0], _ask("most(ended)", room)[0]
    assert least is not None
    assert most is not None
    assert least == 0
    assert most == pytest.approx(1, abs=1e-6)
    assert low is not None
    assert high is not None
    assert least <= low <= high <= most


CLAIMS = """
expect:
  - {name: soon, measure: share(eventually(ended within patience)), at_least: 0.99}
  - {name: nobody can be quicker, measure: most(eventually(ended within 4)), at_most: 0}
params: {patience: {value: 25}}
"""


def test_expectations_are_judged() -> None:
    run = turncoat.run(scenario_of(WINDY + CLAIMS))
    assert [judged.outcome for judged in run.judgements] == ["pass", "pass"]


def test_a_learner_has_no_share_of_all_policies() -> None:
    measure = parsed_measure("most(ended)")
    plan = planned(0, False, STEPS)
    trace, _ = all_paths(plan, plan.solution.policy)
    with pytest.raises(NotEnumerableError, match="ask it of `exact`"):
        sampled_in(compile_world(scenario_of(WINDY)), measure, trace)


def test_a_sweep_has_properties_as_columns() -> None:
    swept = turncoat.sweep(
        scenario_of(WINDY), {"robot.discount": [0.5, 0.9]}, measures=["share(eventually(gust within 9))"]
    )
    assert len(swept.rows) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("share(eventually(gone))", "no rule emits the event `gone`"),
        ("share(eventually(gust within 2.5))", "the number of ticks after `within` is 2.5"),
        ("share(eventually(gust within door))", "must be known before the run"),
        ("share(holds(door == open))", "`holds` is about one moment"),
        ("share(eventually(holds(3)))", "`holds`"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    claim = f'\nexpect: [{{name: it, measure: "{text}", at_least: 0.5}}]\n'
    with pytest.raises(turncoat.ScenarioError) as caught:
        scenario_of(WINDY + claim)
    assert any(says in fault.message for fault in caught.value.faults), [f.message for f in caught.value.faults]


# ------------------------------------------------------------------ Storm


def test_storm_finds_the_same_properties(tmp_path: Path) -> None:
    storm.storm()
    scenario = scenario_of(WINDY)
    write_model(SolvedWorlds(scenario).enumeration({}, "deploy"), "drn", tmp_path)
    model = storm.read_model(tmp_path, "drn")
    pairs = (
        ("most(until(not gust, ended))", 'Pmax=? [ !"gust" U<=30 "ended" ]'),
        ("least(eventually(gust within 7))", 'Pmin=? [ F<=7 "gust" ]'),
        ("most(eventually(gust within 3))", 'Pmax=? [ F<=3 "gust" ]'),
        ('most(until(not gust, ended "there" within 8))', 'Pmax=? [ !"gust" U<=8 "ended_there" ]'),
        ("most(next(gust))", 'Pmax=? [ X "gust" ]'),
    )
    for text, formula in pairs:
        assert _ask(text, scenario)[0] == pytest.approx(storm.ask(model, formula), abs=1e-9), text
    calm = storm.ask(model, 'Pmin=? [ F<=5 "gust" ]')
    assert _ask("most(always(not gust within 5))", scenario)[0] == pytest.approx(1 - calm, abs=1e-9)


@pytest.mark.parametrize("name", SMALL[:2])
def test_storm_finds_the_same_orders(name: str, tmp_path: Path) -> None:
    _compare_orders(name, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in turncoat.names() if name not in SIMULATED | LIVES])
def test_storm_finds_the_same_orders_in_the_library(name: str, tmp_path: Path) -> None:
    _compare_orders(name, tmp_path)


def _compare_orders(name: str, folder: Path) -> None:
    """Which of two events comes first, most and least often, for neighbouring events of the file."""
    storm.storm()
    enumeration = enumeration_of(name)
    write_model(enumeration, "drn", folder)
    exported, model = explicit_model(enumeration), storm.read_model(folder, "drn")
    mdp, ticks = enumeration.mdp if enumeration.world.response is None else None, exported.steps + exported.lead
    if mdp is None:
        pytest.skip("a best response")
    none = np.zeros((mdp.n_states, 0), np.bool_)
    names = [
        name
        for name in mdp.event_names
        if exported.labels[:, exported.label_names.index(exported.label_of[name])].any()
    ]
    for first, second in zip(names, names[1:] + names[:1], strict=True):
        a, b = exported.label_of[first], exported.label_of[second]
        masks = int(mdp.event_mask(first)), int(mdp.event_mask(second))
        found = property_range(mdp, mdp.available, came_before(*masks), none, exported.steps)
        path = f'!"{b}" U<={ticks} ("{a}" & !"{b}")'
        asked = [storm.ask(model, f"P{end}=? [ {path} ]") for end in ("min", "max")]
        assert found == pytest.approx(asked, abs=1e-9), (first, second)

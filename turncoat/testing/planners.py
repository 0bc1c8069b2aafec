"""Conformance checks of planners: the contract of `Planner` and `BoundPlanner`, on small random problems."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, ClassVar, Final

import numpy as np

from ..agents.planners.base import BoundPlanner, Decision, Planner, Problem
from ..agents.planners.registry import PLANNERS, make_planner
from ..agents.records.plan import Counterfactual, Plan
from ..envs.base import Bools, FiniteMDP, Ints, Longs
from ..envs.deliberation import DeliberationRule
from ..envs.solvers.dynamic_programming import value_iteration
from ..envs.solvers.policy_evaluation import evaluate
from ..envs.world.part_spec import PartSpec
from .conformance import Conformance, ConformanceReport, clause, require, require_array, skip

DISCOUNT: Final = 0.9
WEIGHTS: Final = (1.0, -0.5)


class PlannerConformance(Conformance):
    """The contract of planners, with every clause as a test.

        class TestMine(PlannerConformance):
            def make(self):
                return Mine(depth=3)

    Attributes:
        exact: whether it claims to find the best policy of any problem with weighted heads of one discount.
        tolerance: how much less than the best value an exact planner's policy may have, in any state.
        problems: the number of random problems on which it is checked.
    """

    contract = f"a planner ({Planner.__module__})"
    exact: ClassVar[bool] = False
    tolerance: ClassVar[float] = 1e-6
    problems: ClassVar[int] = 3

    def make(self) -> Any:
        """Make the planner with its parameters; each subclass has to define this."""
        raise NotImplementedError(f"{type(self).__name__} has to say how its planner is made: `make(self)`")

    @clause
    def test_has_a_name_and_starts(self) -> None:
        """It has a `name`, and `start(problem)` gives something with `decide` and `plan`, for any problem."""
        planner = self._planner()
        require(isinstance(planner.name, str) and planner.name, "`name`: a word", planner.name)
        for problem in self._problems():
            work = planner.start(problem)
            available = callable(getattr(work, "decide", None)) and callable(getattr(work, "plan", None))
            require(available, "`decide(states, available)` and `plan(decision)`", work)

    @clause
    def test_one_action_for_each_state(self) -> None:
        """`decide` returns whole numbers `[B]`, one action for each state that it is asked about."""
        for problem in self._problems():
            live = _live(problem.mdp)
            # Repeated states: a planner that keeps results by state must still answer once for each entry.
            for states in (live[:1], live, np.repeat(live, 2)):
                self._decide(self._planner().start(problem), states, problem.mdp.available[states])

    @clause
    def test_only_what_may_be_chosen(self) -> None:
        """Every action is one that `available` allows, also where that is less than the model does."""
        for problem in self._problems():
            states, available = _asked(problem.mdp)
            actions = self._decide(self._planner().start(problem), states, available)
            for lane in np.flatnonzero(
                ~available[np.arange(actions.size), np.clip(actions, 0, available.shape[1] - 1)]
            ).tolist():
                given = f"state {states[lane]}, available {available[lane].tolist()}"
                require(False, f"one of {np.flatnonzero(available[lane]).tolist()}", int(actions[lane]), given)

    @clause
    def test_the_same_question_has_the_same_answer(self) -> None:
        """Asked again, in another order, or set to work anew, it decides the same."""
        for problem in self._problems():
            states, available = _asked(problem.mdp)
            work = self._planner().start(problem)
            first = self._decide(work, states, available)
            again = self._decide(work, states[::-1], available[::-1])[::-1]
            anew = self._decide(self._planner().start(problem), states, available)
            # A planner that searches with random numbers must draw them from the question, not from a running stream.
            for actions, how in ((again, "again, in reverse order"), (anew, "by one set to work anew")):
                require((actions == first).all(), f"{first}", actions, f"the same states, {how}")

    @clause
    def test_no_decision_feels_the_others(self) -> None:
        """What it decides in one state depends on no other that it is asked about."""
        for problem in self._problems():
            states, available = _asked(problem.mdp)
            together = self._decide(self._planner().start(problem), states, available)
            # A sample of about six, since each of them makes a planner and sets it to work anew.
            for lane in range(0, states.size, max(1, states.size // 6)):
                some = slice(lane, lane + 1)
                alone = self._decide(self._planner().start(problem), states[some], available[some])
                given = f"state {states[lane]}, available {available[lane].tolist()}"
                require(alone[0] == together[lane], f"action {alone[0]}, as alone", together[lane], given)

    @clause
    def test_leaves_the_problem_alone(self) -> None:
        """It writes into nothing of the problem, nor of what it is asked."""
        for problem in self._problems():
            kept = {**_arrays(problem), **_arrays(problem.mdp)}
            before = copy.deepcopy(kept)
            work = self._planner().start(problem)
            states, available = _asked(problem.mdp)
            asked = states.copy(), available.copy()
            self._decide(work, *asked)
            work.plan(
                _decision(problem, int(states[0]), self._decide(work, states[:1], available[:1])[0], available[0])
            )
            kept |= {"states": asked[0], "available": asked[1]}
            before |= {"states": states, "available": available}
            for name, array in kept.items():
                require(np.array_equal(array, before[name]), f"`{name}` as it was", "it wrote into it")

    @clause
    def test_plans_what_it_decided(self) -> None:
        """`plan` is a `Plan` of the decision: its root, its available actions, and what it is told to pass on."""
        planner = self._planner()
        for problem, _, decision, plan in self._plans():
            mdp = problem.mdp
            require(plan.planner == planner.name, f"planner `{planner.name}`", plan.planner)
            root = decision.observations[decision.state]
            require(np.array_equal(plan.root, root), f"root {root}, what the state looks like", plan.root)
            for name in ("available", "uncertainty"):
                wanted, its = getattr(decision, name), getattr(plan, name)
                require(np.array_equal(its, wanted), f"{name} as in the decision: {wanted}", its)
            for name in ("counterfactuals", "hallucinated"):
                wanted, its = getattr(decision, name), getattr(plan, name)
                require(its == wanted, f"{name} as in the decision: {wanted}", its)
            require(plan.truncated or not decision.truncated, "truncated where the model was", plan.truncated)
            require_array(plan.q, "q", np.float64, (mdp.n_actions, len(mdp.channels)))
            require((plan.q[~plan.available] == 0).all(), "q: 0 where not available", plan.q)
            again = Plan.from_json(plan.to_json()).to_json()
            require(again == plan.to_json(), "the same plan, written as JSON and read", again)

    @clause
    def test_its_plan_can_happen(self) -> None:
        """The line begins with the decision's action; line and nodes follow outcomes that the model has."""
        for problem, _, decision, plan in self._plans():
            if plan.line:
                began = plan.line[0].action
                require(began == decision.action, f"a line that begins with {decision.action}", began)
            at = decision.state
            # In these problems a state looks like its number (see `_decision`), so an observation tells the state.
            for step in plan.line:
                following = int(step.observation[0])
                _possible(problem.mdp, at, step.action, following, step.probability, "the line")
                at = following
            for node, parent in enumerate(plan.node_parent.tolist()):
                if parent >= 0:
                    before, after = (int(plan.node_observation[n][0]) for n in (parent, node))
                    chance = float(plan.node_probability[node])
                    _possible(problem.mdp, before, int(plan.node_action[node]), after, chance, "the nodes")

    @clause
    def test_a_plan_changes_no_decision(self) -> None:
        """Whether anybody asks for its plan makes no difference to what it decides."""
        for problem, work, _, _ in self._plans():
            states, available = _asked(problem.mdp)
            after = self._decide(work, states, available)
            wanted = self._decide(self._planner().start(problem), states, available)
            require((after == wanted).all(), f"{wanted}, as if nobody had asked", after)

    @clause
    def test_agrees_with_value_iteration(self) -> None:
        """Where it claims to be exact, following it is worth the best that value iteration finds, in every state."""
        if not self.exact:
            skip("it does not claim to be exact (`exact = True`)")
        for number in range(self.problems):
            problem = small_problem(number)
            mdp, live = problem.mdp, _live(problem.mdp)
            # The policy is judged by its value, not by its actions: equally good actions may be chosen either way.
            policy = np.zeros(mdp.n_states, np.int32)
            policy[live] = self._decide(self._planner().start(problem), live, mdp.available[live])
            mine = evaluate(mdp, policy, DISCOUNT) @ problem.weights
            best = value_iteration(mdp, problem.weights, DISCOUNT).values
            worst = int((best - mine).argmax())
            wanted = f"a worth of {best[worst]:.9g}, to {self.tolerance}"
            require(best[worst] - mine[worst] <= self.tolerance, wanted, f"{mine[worst]:.9g}", f"state {worst}")

    # ------------------------------------------------------------------ what the clauses share

    def _planner(self) -> Any:
        """The planner, checked to have a name and `start`."""
        planner = self.make()
        require(isinstance(planner, Planner), "a planner: `name` and `start(problem)`", planner)
        return planner

    def _problems(self) -> list[Problem]:
        """Random problems, one with two discounts, and one whose deliberation is not a weighted sum."""
        plain = [small_problem(number) for number in range(self.problems)]
        return [*plain, small_problem(90, discounts=(0.9, 0.5)), small_problem(91, rule="maximin")]

    def _decide(self, work: BoundPlanner, states: Longs, available: Bools) -> Ints:
        """Call `decide` once, on copies, and check the form of its answer."""
        actions = np.asarray(work.decide(states.copy(), available.copy()))
        fits = actions.shape == states.shape and np.issubdtype(actions.dtype, np.integer)
        require(fits, f"one whole number for each of {states.size} states", actions)
        return actions.astype(np.int32)

    def _plans(self) -> list[tuple[Problem, BoundPlanner, Decision, Plan]]:
        """For each problem two decisions with their plans: one with every action allowed, one with fewer."""
        found = []
        for problem in self._problems():
            states, available = _asked(problem.mdp)
            for lane in (0, states.size - 1):
                work = self._planner().start(problem)
                action = self._decide(work, states[lane : lane + 1], available[lane : lane + 1])[0]
                decision = _decision(problem, int(states[lane]), action, available[lane])
                plan = work.plan(decision)
                require(isinstance(plan, Plan), f"a {Plan.__module__}.Plan", plan)
                found.append((problem, work, decision, plan))
        return found


def check_planner(
    make: Callable[..., Planner] | Planner | str,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    **settings: Any,
) -> ConformanceReport:
    """Check a planner against every clause of its contract.

    Args:
        make: makes the planner; or the planner itself; or the name of one that Turncoat or an installed package has.
        parameters: the keyword arguments of `make`.
        **settings: attributes of `PlannerConformance` (`exact=True`).

    Returns:
        The report, if every clause that applies holds.

    Raises:
        ConformanceError: a clause does not hold; the message gives for each such clause the input, the required result
            and the actual one.
        AgentPartError: there is no planner of that name.
        TypeError: there is no such setting.
    """
    made: Callable[[], Any]
    if isinstance(make, str):
        name, part = make, PartSpec(make, dict(parameters))
        if make not in PLANNERS:
            make_planner(part)  # so that an unknown name or parameter raises here and not in every clause
        made = lambda: make_planner(part)  # noqa: E731
    elif isinstance(make, type) or not isinstance(make, Planner):
        name, maker = getattr(make, "__name__", repr(make)), make
        made = lambda: maker(**parameters)  # noqa: E731
    else:
        name, planner = type(make).__name__, make
        made = lambda: planner  # noqa: E731
    return PlannerConformance.of(make=staticmethod(made), **settings).check(f"`{name}`")


def small_problem(
    seed: int, discounts: tuple[float, float] = (DISCOUNT, DISCOUNT), rule: str = "weighted", states: int = 8
) -> Problem:
    """A random problem of a few states with chance, loops, unavailable actions and two heads; its last state is ended.

    Args:
        seed: the seed of the problem.
        discounts: the discounts of its two heads.
        rule: the name of its deliberation.
        states: S, the number of states, at least 3.
    """
    rng, actions = np.random.default_rng(seed), 3
    rows, following, chances = [0], list[int](), list[float]()
    for state in range(states):
        available = rng.random(actions) < 0.75
        available[rng.integers(actions)] = True
        for action in range(actions):
            if state < states - 1 and available[action]:
                # One to three different outcomes, which may include the state itself: that makes the loops.
                outcomes = rng.choice(states, rng.integers(1, 4), replace=False)
                following += sorted(outcomes.tolist())
                chances += rng.dirichlet(np.ones(outcomes.size)).tolist()
            rows.append(len(following))
    mdp = FiniteMDP(
        n_states=states,
        n_actions=actions,
        row_start=np.array(rows, np.int64),
        next_state=np.array(following, np.int32),
        probability=np.array(chances, np.float64),
        rewards=rng.normal(size=(len(following), len(WEIGHTS))),
        events=rng.integers(0, 2, len(following)).astype(np.uint64),
        ended=np.arange(states) == states - 1,
        start_state=np.zeros(1, np.int32),
        start_probability=np.ones(1),
        channels=("task", "noise"),
        event_names=("bell",),
        action_names=("a", "b", "c"),
    )
    return Problem(mdp, np.array(WEIGHTS), np.array(discounts), DeliberationRule(rule))


def _live(mdp: FiniteMDP) -> Longs:
    """int64 `[n]`, the states that are not ended."""
    return np.flatnonzero(~mdp.ended).astype(np.int64)


def _asked(mdp: FiniteMDP) -> tuple[Longs, Bools]:
    """Questions to a planner: every state that is not ended under several sets of allowed actions.

    These are all available actions, each of them alone, and all of them but one.

    Returns:
        States int64 `[n]` and allowed actions bool `[n, A]`.
    """
    states: list[int] = []
    masks: list[Bools] = []
    for state in _live(mdp).tolist():
        available = mdp.available[state]
        single = np.eye(mdp.n_actions, dtype=np.bool_)[available]
        fewer = available & ~single if available.sum() > 1 else single[:0]
        for mask in (available[None], single, fewer):
            states += [state] * len(mask)
            masks += list(mask)
    return np.array(states, np.int64), np.array(masks)


def _decision(problem: Problem, state: int, action: int, available: Bools) -> Decision:
    """A decision in which every field differs from its default; the observation of a state is its number, twice."""
    # A plan that does not pass a field on would otherwise go unnoticed.
    looks = np.repeat(np.arange(problem.mdp.n_states, dtype=np.int64)[:, None], 2, axis=1)
    uncertainty = np.linspace(0.1, 0.9, problem.mdp.n_actions)
    changes = (Counterfactual("without noise", int(np.flatnonzero(available)[0])),)
    return Decision(state, int(action), available.copy(), uncertainty, looks, changes, hallucinated=2, truncated=True)


def _possible(mdp: FiniteMDP, state: int, action: int, following: int, probability: float, where: str) -> None:
    """Require that the model has an outcome, and with this probability."""
    row = state * mdp.n_actions + action
    outcomes = slice(int(mdp.row_start[row]), int(mdp.row_start[row + 1]))
    chances = dict(zip(mdp.next_state[outcomes].tolist(), mdp.probability[outcomes].tolist(), strict=True))
    given = f"{where}: action {action} in state {state}"
    require(following in chances, f"one of the states {sorted(chances)}", following, given)
    near = abs(chances[following] - probability) < 1e-9
    require(near, f"state {following} with probability {chances[following]:.9g}", probability, given)


def _arrays(thing: object) -> dict[str, Any]:
    """The fields of a dataclass object that are arrays, by name."""
    values = {each.name: getattr(thing, each.name) for each in fields(thing)}  # type: ignore[arg-type]
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

"""The conformance suite: Turncoat's own parts keep every clause, and each clause is broken by some part, by name."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turncoat import api
from turncoat.agents.base import Imagination, Log
from turncoat.agents.counts.agent import CountsAgent
from turncoat.agents.counts.model import CountsModel
from turncoat.agents.external.user_agent import AgentInterface
from turncoat.agents.external.user_world_model import WorldModelAgent
from turncoat.agents.learning.transitions import LastDecision
from turncoat.agents.planners.base import Planner
from turncoat.agents.planners.cross_entropy import CrossEntropyPlanner
from turncoat.agents.planners.mcts import MctsPlanner
from turncoat.agents.planners.tabular import Enumerate, GreedyPlanner
from turncoat.envs.deliberation import RULES, TIE_TOLERANCE, WEIGHTED, Choice, weighted
from turncoat.envs.reference.observation_spec import ObservationSpec
from turncoat.envs.world.part_spec import PartSpec
from turncoat.evals.exact.recorded_plan import exact_agent
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.testing import (
    AgentConformance,
    ClauseError,
    Conformance,
    ConformanceError,
    ConformanceReport,
    DeliberationConformance,
    PlannerConformance,
    WorldModelConformance,
    check_agent,
    check_deliberation,
    check_planner,
    check_world_model,
)
from turncoat.testing.planners import small_problem
from turncoat.testing.worlds import ground_of, small_scenario

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reference/conformance.md"
HOW_TO = ROOT / "docs/how-to/write-your-own-parts.md"


def broken_by(check: Callable[[], ConformanceReport]) -> dict[str, str]:
    """The clauses that a check finds broken."""
    with pytest.raises(ConformanceError) as caught:
        check()
    report = caught.value.report
    assert list(report.broken) == [name for name in report.broken if name in str(caught.value)]
    return dict(report.broken)


# ------------------------------------------------------------------ Turncoat's own parts


def test_the_small_world_has_all_that_a_clause_needs() -> None:
    ground = ground_of(None, None, None)
    walks = ground.walks(AgentConformance.lanes, AgentConformance.ticks, AgentConformance.seed)
    last = walks.actions.max()
    assert ground.seat.actions[last] == "use"
    assert walks.ended[-1].any()
    assert not walks.over[-2].all()
    assert (walks.over & ~walks.ended).any()
    assert walks.rewards is not None
    assert np.unique(walks.rewards, axis=1).size > 2
    assert not walks.masks.all()
    mdp = small_problem(0).mdp
    assert mdp.chancy
    assert not mdp.available[~mdp.ended].all()
    assert (np.asarray(small_problem(0).weights) < 0).any()


@pytest.mark.parametrize("name", ["counts", "q_learning", "virtual_sarsa", "empirical_sarsa", "policy_aware"])
def test_an_agent_of_turncoats_own_conforms(name: str) -> None:
    assert len(check_agent(name).kept) >= 20


def test_an_agent_that_acts_by_chance_conforms() -> None:
    assert len(check_agent("random", acts_by_chance=True).kept) >= 13


def test_local_rules_conforms() -> None:
    assert "looks_at_the_stage" in check_agent("local_rules", lanes=2, ticks=5, steps=110).kept


@pytest.mark.parametrize("which", ["conformance", "escape/off_switch"])
def test_the_exact_agent_conforms(which: str) -> None:
    scenario = small_scenario() if which == "conformance" else api.load(which)
    plan = SolvedWorlds(scenario).plan({}, "train")
    agent = exact_agent(plan)
    assert agent is not None
    assert len(check_agent(agent, scenario).kept) >= 11


@pytest.mark.slow
def test_neural_conforms() -> None:
    pytest.importorskip("torch")
    from turncoat.agents.learning.device import training_thread
    from turncoat.agents.neural.agent import NeuralAgent
    from turncoat.agents.neural.hyperparameters import NeuralOptions
    from turncoat.agents.neural.world_model import NetOptions
    from turncoat.envs.reference.observation_spec import observation_spec

    seen = observation_spec(ground_of(None, None, None).world)
    net = NetOptions(members=2, branches=2, hidden=16, batch=16)
    options = NeuralOptions(net, chunk=10, updates=2, warm_up=20, plan_every=20, plan_soonest=10, cap=20)

    def make(seat: AgentInterface) -> NeuralAgent:
        return NeuralAgent(seen, seat.channels, len(seat.actions), seat.weights, seat.discount, options)

    with training_thread():  # what is planned between trainings is small, too
        report = check_agent(make, steps=30, lanes=2, ticks=4)
    assert {"goes_on_where_it_was_left", "the_same_logs_make_the_same_agent"} <= set(report.kept)


@pytest.mark.slow
def test_deep_conforms() -> None:
    pytest.importorskip("torch")
    from turncoat.agents.deep.agent import DeepAgent
    from turncoat.agents.deep.hyperparameters import DeepOptions, ModelOptions, ValueOptions
    from turncoat.agents.learning.device import training_thread
    from turncoat.envs.reference.observation_spec import observation_spec

    seen = observation_spec(ground_of(None, None, None).world)
    values = ValueOptions(channels=4, layers=1, hidden=8, lanes=4, depth=3, batch=16, real=8)
    model = ModelOptions(members=2, branches=2, hidden=16, batch=16, updates=2)
    options = DeepOptions(model, values, planner=PartSpec("mcts", {"simulations": 2}), lanes=3, round=8, warm_up=8)

    def make(seat: AgentInterface) -> DeepAgent:
        return DeepAgent(seen, seat.channels, len(seat.actions), seat.weights, seat.discount, options)

    with training_thread():
        report = check_agent(make, steps=30, lanes=2, ticks=4)
    assert {"goes_on_where_it_was_left", "the_same_logs_make_the_same_agent"} <= set(report.kept)


@pytest.mark.nightly
@pytest.mark.parametrize("algorithm", ["ppo", "dqn", "ppo_recurrent"])
def test_an_agent_of_stable_baselines3_conforms(algorithm: Any) -> None:
    pytest.importorskip("sb3_contrib")
    from turncoat.agents.external.sb3_agent import Sb3Agent

    rollouts = {"n_steps": 8, "batch_size": 16, "n_epochs": 1}
    settings: Any = {"learning_starts": 8, "buffer_size": 100} if algorithm == "dqn" else rollouts

    def make(_: AgentInterface) -> Sb3Agent:
        return Sb3Agent(algorithm, small_scenario(), "train", lanes=2, **settings)

    assert "uses_the_processor_if_told" in check_agent(make, steps=16, copies=False).kept


@pytest.mark.parametrize(
    ("planner", "exact"),
    [
        (Enumerate(), True),
        (GreedyPlanner("all"), True),
        pytest.param(MctsPlanner(8, sweeps="all"), True, marks=pytest.mark.nightly),
        (GreedyPlanner(3), False),
        (MctsPlanner(8, sweeps=3), False),
        pytest.param(MctsPlanner(8, backup="mean", sweeps=3), False, marks=pytest.mark.nightly),
        (CrossEntropyPlanner(3, 12, 2), False),
    ],
    ids=str,
)
def test_a_planner_of_turncoats_own_conforms(planner: Planner, exact: bool) -> None:
    report = check_planner(planner, exact=exact, problems=2)
    assert ("agrees_with_value_iteration" in report.kept) == exact


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *((name, {}) for name in RULES),
        ("lexicographic", {"order": [1, 0], "slack": 1.0}),
        ("veto", {"at_least": [[0, 0.0], [1, -1.0]]}),
        ("nash", {"disagreement": 2}),
        ("vote", {"ballot": "approval"}),
    ],
)
def test_a_deliberation_of_turncoats_own_conforms(name: str, parameters: dict[str, Any]) -> None:
    check_deliberation(name, parameters, thresholds=bool(parameters.get("at_least")), rounds=30)


def test_the_parts_of_the_how_to_conform() -> None:
    (python,) = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(), re.S)
    its: dict[str, Any] = {}
    exec(compile(python, "how-to", "exec"), its)
    check_world_model(its["Last"])
    check_planner(its["OneStep"], {"patience": 1.0}, exact=True)
    check_deliberation(its["dictator"], {"head": 1})

    def make(seat: AgentInterface) -> WorldModelAgent:
        return WorldModelAgent("last", seat, its["Last"](seat), WEIGHTED, Enumerate())

    check_agent(make, steps=100)


class TestCountsClauseByClause(AgentConformance):
    """As users write it: every clause is a test of its own."""

    lanes, ticks = 3, 5

    def make(self, seat: AgentInterface) -> CountsAgent:
        return CountsAgent(seat.channels, len(seat.actions), seat.weights, seat.discount)


# ------------------------------------------------------------------ agents that break a clause


class Sound(CountsAgent):
    """Keeps every clause, and has every method."""

    calls = 0

    def __init__(self, seat: AgentInterface) -> None:
        super().__init__(seat.channels, len(seat.actions), seat.weights, seat.discount)
        self.columns, self.asked, self.cell = len(seat.fields), 0, seat.fields.index("robot.cell")

    def use(self, device: str) -> None:
        assert device == "cpu"

    def enter(self, observation_spec: ObservationSpec) -> None:
        if observation_spec.sizes.size != self.columns:
            raise ValueError("another world")

    def first(self, mask: np.ndarray, skip: Any = 0) -> np.ndarray:
        """An available action, the first or a later one."""
        count = mask.sum(axis=1)
        return np.array([np.flatnonzero(row)[k] for row, k in zip(mask, np.broadcast_to(skip, len(mask)) % count)])  # noqa: B905


class NotWhole(Sound):
    def act(self, observation, state, mask):
        actions, state = super().act(observation, state, mask)
        return actions.astype(float), state


class IgnoresMask(Sound):
    def act(self, observation, state, mask):
        return np.zeros(len(observation), np.int32), None


class KnowsOnlyTraining(Sound):
    def act(self, observation, state, mask):
        if any(self.model.find(row) < 0 for row in observation) and self.model.n_states < 5:
            raise KeyError("never seen")
        return super().act(observation, state, mask)


class Crowded(Sound):
    def act(self, observation, state, mask):
        return self.first(mask, np.arange(len(mask))), None


class BareState(Sound):
    def act(self, observation, state, mask):
        actions, _ = super().act(observation, None, mask)
        return actions, 3


class NeverAfresh(Sound):
    def act(self, observation, state, mask):
        ticks = np.full(len(mask), 1) if state is None else state
        return self.first(mask, ticks), ticks + 1


class AssertsLife(Sound):
    def act(self, observation, state, mask):
        goal = 2 * 5 + 3
        assert (observation[:, self.cell] != goal).all(), "nobody acts there any more"
        return super().act(observation, state, mask)


class WritesMask(Sound):
    def act(self, observation, state, mask):
        answer = super().act(observation, state, mask)
        mask[:] = True
        return answer


class SharesMemory(Sound):
    def act(self, observation, state, mask):
        SharesMemory.calls += 1
        return self.first(mask, SharesMemory.calls // 10), None


class ThinksTooSoon(Sound):
    def thought(self):
        return super().thought() or "nothing yet"


class ThinksOfTheLast(Sound):
    def act(self, observation, state, mask):
        actions, state = super().act(observation, state, mask)
        self._last = LastDecision.of(observation[::-1], state[::-1] - 1, actions[::-1], mask[::-1])
        return actions, state


class DoubtsItself(Sound):
    def thought(self):
        self.asked += 1
        return super().thought()

    def act(self, observation, state, mask):
        _, state = super().act(observation, state, mask)
        return self.first(mask, self.asked), state


class Env:
    """Over a lane, with something changed."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.n_actions, self.channels, self.executed = env.n_actions, env.channels, 0

    def reset(self, seed: int | None = None) -> Any:
        return self.env.reset(seed)

    def step(self, action: int) -> Any:
        return self.env.step(action)


class NoSeed(Sound):
    def fit(self, env, steps, seed, on_progress=None):
        class Unseeded(Env):
            def reset(self, seed=None):
                return self.env.reset()

        super().fit(Unseeded(env), steps, seed)


class AnyAction(Sound):
    def fit(self, env, steps, seed, on_progress=None):
        env.reset(seed)
        for action in range(env.n_actions):
            env.step(action)


class Restless(Sound):
    def fit(self, env, steps, seed, on_progress=None):
        super().fit(env, 3, seed)
        super().fit(env, 3, seed)


class Greedy50(Sound):
    def fit(self, env, steps, seed, on_progress=None):
        super().fit(env, steps + 50, seed)


class Peeks(Sound):
    def fit(self, env, steps, seed, on_progress=None):
        self.known = getattr(env, "info", None)
        super().fit(env, steps, seed)


class WritesWorld(Sound):
    def fit(self, env, steps, seed, on_progress=None):
        class Scribbled(Env):
            def step(self, action):
                told = self.env.step(action)
                if told[1] is not None:
                    told[1][:] = 0
                return told

        super().fit(Scribbled(env), steps, seed)


class Unrepeatable(Sound):
    def fit(self, env, steps, seed, on_progress=None):
        Unrepeatable.calls += 1
        super().fit(env, steps, seed + Unrepeatable.calls)


class CountsDown(Sound):
    def fit(self, env, steps, seed, on_progress=None):
        super().fit(env, steps, seed, on_progress and (lambda step, figures: on_progress(-step, figures)))


class SumsPay(Sound):
    def fit(self, env, steps, seed, on_progress=None):
        class Summing(Env):
            def step(self, action):
                told = self.env.step(action)
                assert told[1].sum() < 100
                return told

        super().fit(Summing(env), steps, seed)


class Forgets(Sound):
    def resume(self, env, on_progress=None):
        super().resume(env, on_progress)

    def fit(self, env, steps, seed, on_progress=None):
        self.seed = seed
        super().fit(env, steps, seed, on_progress and (lambda *told: self.report(on_progress, told)))

    def report(self, on_progress, told):
        training, self.training = self.training, None
        on_progress(*told)
        self.training = training


class Unstoppable(Sound):
    def stop(self):
        pass


class WantsMore(Sound):
    def use(self, device):
        raise ValueError("only cuda will do")


class AlwaysLearning(Sound):
    def observe(self, *told):
        self.learning, learning = True, self.learning
        super().observe(*told)
        self.learning = learning


class NeedsPay(Sound):
    def observe(self, observation, action, rewards, following, ended, mask):
        if self.learning:
            super().observe(observation, action, rewards + 0.0, following, ended, mask)


class WatchesAtWill(Sound):
    def watch(self, logs: Any, seed: int) -> None:
        WatchesAtWill.calls += 1
        some: list[Log] = list(logs)[WatchesAtWill.calls % 2 :]
        super().watch(some[:1], seed)


class Remembers(Sound):
    def forget_rewards(self):
        pass


class EntersAnything(Sound):
    def enter(self, senses):
        pass


BROKEN_AGENTS: dict[str, list[type[Sound]]] = {
    "one_action_for_each_lane": [NotWhole],
    "only_available_actions": [IgnoresMask],
    "answers_what_it_never_met": [KnowsOnlyTraining],
    "no_lane_feels_the_others": [Crowded],
    "the_state_has_a_row_for_each_lane": [BareState],
    "a_row_of_zeros_begins_an_episode": [NeverAfresh],
    "lanes_that_are_over": [AssertsLife],
    "leaves_what_it_is_given": [WritesMask],
    "a_copy_acts_alike": [SharesMemory],
    "no_thought_before_the_first_act": [ThinksTooSoon],
    "the_thought_is_of_the_first_lane": [ThinksOfTheLast],
    "a_thought_changes_nothing": [DoubtsItself],
    "trains_by_the_rules": [NoSeed, AnyAction, Restless],
    "takes_no_more_steps_than_it_may": [Greedy50],
    "asks_for_nothing_but_a_training_environment": [Peeks],
    "leaves_what_it_is_told": [WritesWorld],
    "the_same_seed_makes_the_same_agent": [Unrepeatable],
    "reports_progress": [CountsDown],
    "learns_where_rewards_are_withheld": [SumsPay],
    "goes_on_where_it_was_left": [Forgets],
    "stops_when_it_is_told": [Unstoppable],
    "uses_the_processor_if_told": [WantsMore],
    "observes_nothing_unless_it_is_learning": [AlwaysLearning],
    "observes_what_it_is_told": [NeedsPay],
    "the_same_logs_make_the_same_agent": [WatchesAtWill],
    "forgets_what_was_paid": [Remembers],
    "looks_at_the_stage": [EntersAnything],
}


def test_a_sound_agent_keeps_every_clause_but_none_is_skipped() -> None:
    report = check_agent(Sound)
    assert (report.kept, report.skipped) == (AgentConformance.clauses(), {})
    assert str(report) == f"`Sound` keeps 27 of 27 clauses of {AgentConformance.contract}"


@pytest.mark.parametrize(("clause", "agent"), [(name, agent) for name, some in BROKEN_AGENTS.items() for agent in some])
def test_an_agent_that_breaks_a_clause_is_told_so(clause: str, agent: type[Sound]) -> None:
    its = AgentConformance.of(make=staticmethod(agent))
    with pytest.raises(ClauseError, match=f"^{clause}: "):
        getattr(its(), f"test_{clause}")()


def test_what_breaks_one_clause_breaks_no_other() -> None:
    assert list(broken_by(lambda: check_agent(Greedy50))) == ["takes_no_more_steps_than_it_may"]


def test_a_failure_says_what_was_given_wanted_and_got() -> None:
    told = broken_by(lambda: check_agent(IgnoresMask))["only_available_actions"]
    assert told.splitlines()[0] == f"only_available_actions: {AgentConformance.test_only_available_actions.__doc__}"
    assert re.search(r"given: +observation \[.*\], mask \[.*\]\n +wanted: one of \[.*\]\n +got: +0$", told), told


def nothing(seat: AgentInterface) -> Any:
    return object()


def test_an_agent_without_act_is_none() -> None:
    assert "wanted: an agent: `act" in broken_by(lambda: check_agent(nothing))["only_available_actions"]


def test_what_is_no_setting_is_refused() -> None:
    with pytest.raises(TypeError, match=r"has no setting `lane`: there are .*lanes"):
        check_agent(Sound, lane=3)
    with pytest.raises(ValueError, match="has 2 agents"):
        ground_of("chicken", None, None)


OVERRIDES = {"p_halt": 0, "robot.discount": 0.95}


def test_an_agent_is_checked_in_any_scenario_and_as_an_object() -> None:
    ground = ground_of("escape/interruption", OVERRIDES, "deploy")
    agent = Sound(ground.seat)
    report = check_agent(agent, "escape/interruption", OVERRIDES, "deploy", lanes=2, ticks=4)
    assert "only_available_actions" in report.kept
    assert agent.model.n_states == 0


# ------------------------------------------------------------------ world models that break a clause


class Counting:
    """A sound world model."""

    made = 0

    def __init__(self, seat: AgentInterface) -> None:
        self.seat, self.model, self.n = seat, CountsModel(len(seat.actions), len(seat.channels)), 0

    def learn(self, observation, mask, action, rewards, following, following_mask, ended):
        before, after = self.model.state(observation, False, mask), self.model.state(following, ended, following_mask)
        self.model.record(before, action, after, rewards)

    def imagine(self, observation, mask):
        if not self.model.n_states:
            return Imagination(None, np.zeros((0, observation.size), np.int64), -1, np.zeros((0, mask.size)))  # type: ignore[arg-type]
        tries = self.model.tries[: self.model.n_states]
        mdp = self.model.to_mdp(self.seat.channels)
        return Imagination(mdp, self.model.observations(), self.model.find(observation), 1 / (1 + tries))


class Impatient(Counting):
    def imagine(self, observation, mask):
        assert self.model.n_states
        return super().imagine(observation, mask)


def imagining(change: Callable[[Imagination], Imagination]) -> type[Counting]:
    """Imagines something else."""

    class Changed(Counting):
        def imagine(self, observation, mask):
            imagined = super().imagine(observation, mask)
            return imagined if imagined.state < 0 else change(imagined)

    return Changed


class OnlyUses(Counting):
    def learn(self, observation, mask, action, *told):
        super().learn(observation, np.ones_like(mask), mask.size - 1, *told)


class Absent(Counting):
    def __init__(self, seat):
        super().__init__(seat)
        Absent.made += 1
        self.left_out = Absent.made % 2

    def learn(self, *told):
        self.n += 1
        if self.n > self.left_out:
            super().learn(*told)


class Tired(Counting):
    def imagine(self, observation, mask):
        self.n += 1
        imagined = super().imagine(observation, mask)
        return replace(imagined, uncertainty=imagined.uncertainty / self.n)


class OneBuffer(Counting):
    def __init__(self, seat):
        super().__init__(seat)
        self.doubt = np.ones((100, len(seat.actions)))

    def learn(self, *told):
        super().learn(*told)
        self.doubt *= 0.9

    def imagine(self, observation, mask):
        return replace(super().imagine(observation, mask), uncertainty=self.doubt[: self.model.n_states])


class Paid(Counting):
    def learn(self, observation, mask, action, rewards, *told):
        super().learn(observation, mask, action, rewards + 0.0, *told)


class Scribbles(Counting):
    def learn(self, observation, mask, *told):
        super().learn(observation, mask, *told)
        mask[:] = True


BROKEN_MODELS = {
    "imagines_before_it_learned": Impatient,
    "imagines_a_process": imagining(
        lambda its: replace(its, mdp=replace(its.mdp, probability=its.mdp.probability / 2))
    ),
    "a_state_that_leads_nowhere_is_ended": imagining(
        lambda its: replace(its, mdp=replace(its.mdp, ended=np.zeros_like(its.mdp.ended)))
    ),
    "imagines_what_can_be_seen": imagining(lambda its: replace(its, observations=its.observations + 1)),
    "says_how_sure_it_is": imagining(lambda its: replace(its, uncertainty=its.uncertainty + 1)),
    "knows_what_it_learned": imagining(lambda its: replace(its, state=-1)),
    "can_be_planned_on": OnlyUses,
    "the_same_ticks_make_the_same_model": Absent,
    "imagining_changes_nothing": Tired,
    "what_was_imagined_stays": OneBuffer,
    "learns_where_rewards_are_withheld": Paid,
    "leaves_what_it_is_told": Scribbles,
}


MALFORMED = {"imagines_a_process", "a_state_that_leads_nowhere_is_ended"}
"""What breaks these breaks whatever is asked of a process."""


def test_a_sound_world_model_keeps_every_clause() -> None:
    assert check_world_model(Counting).kept == WorldModelConformance.clauses()


@pytest.mark.parametrize(("clause", "model"), BROKEN_MODELS.items(), ids=BROKEN_MODELS)
def test_a_world_model_that_breaks_a_clause_is_told_so(clause: str, model: type[Counting]) -> None:
    told = broken_by(lambda: check_world_model(model))
    assert told[clause].startswith(f"{clause}: ")
    assert len(told) == 1 or clause in MALFORMED, sorted(told)


# ------------------------------------------------------------------ planners that break a clause


class Plain:
    """A sound planner, at work on a problem once it was started."""

    name = "plain"
    problem: Any
    inner: Any

    def __init__(self) -> None:
        self.n = 0

    def start(self, problem):
        working = type(self)()
        working.problem, working.inner = problem, Enumerate().start(problem)
        return working

    def decide(self, states, available):
        return self.inner.decide(states, available)

    def plan(self, decision):
        return replace(self.inner.plan(decision), planner=self.name)


class Nameless(Plain):
    name = ""


class Columns(Plain):
    def decide(self, states, available):
        return super().decide(states, available)[:, None]


class Headstrong(Plain):
    def decide(self, states, available):
        return self.problem.solved.policy[states]


class Fickle(Plain):
    def decide(self, states, available):
        self.n += 1
        return np.array([np.flatnonzero(row)[self.n % row.sum()] for row in available])


class Herded(Plain):
    def decide(self, states, available):
        return available.argmax(axis=1) if len(states) > 1 else super().decide(states, available)


class Scales(Plain):
    def start(self, problem):
        problem.weights[:] *= 2
        return super().start(problem)


class Drops(Plain):
    def plan(self, decision):
        return replace(super().plan(decision), counterfactuals=())


class Unlikely(Plain):
    def plan(self, decision):
        plan = super().plan(decision)
        return replace(plan, node_probability=plan.node_probability / 2)


class Persuaded(Plain):
    def plan(self, decision):
        self.n += 1
        return super().plan(decision)

    def decide(self, states, available):
        return available.argmax(axis=1) if self.n else super().decide(states, available)


class Shortsighted(Plain):
    def start(self, problem):
        working = super().start(problem)
        working.inner = GreedyPlanner(1).start(problem)
        return working


BROKEN_PLANNERS = {
    "has_a_name_and_starts": Nameless,
    "one_action_for_each_state": Columns,
    "only_what_may_be_chosen": Headstrong,
    "the_same_question_has_the_same_answer": Fickle,
    "no_decision_feels_the_others": Herded,
    "leaves_the_problem_alone": Scales,
    "plans_what_it_decided": Drops,
    "its_plan_can_happen": Unlikely,
    "a_plan_changes_no_decision": Persuaded,
    "agrees_with_value_iteration": Shortsighted,
}


def test_a_sound_planner_keeps_every_clause() -> None:
    assert check_planner(Plain, exact=True).kept == PlannerConformance.clauses()


@pytest.mark.parametrize(("clause", "planner"), BROKEN_PLANNERS.items(), ids=BROKEN_PLANNERS)
def test_a_planner_that_breaks_a_clause_is_told_so(clause: str, planner: type[Plain]) -> None:
    told = broken_by(lambda: check_planner(planner, exact=planner is Shortsighted))
    assert told[clause].startswith(f"{clause}: ")
    assert len(told) == 1 or planner in {Columns, Fickle, Headstrong}, sorted(told)


# ------------------------------------------------------------------ deliberations that break a clause


def listed(q, weights, mask):
    return weighted(q, weights, mask).action.tolist()


def unmasked(q, weights, mask):
    return weighted(q, weights, np.ones_like(mask))


def latest(q, weights, mask):
    ties = weighted(q, weights, mask).ties
    return Choice((ties.shape[-1] - 1 - ties[..., ::-1].argmax(axis=-1)).astype(np.int32), ties)


def crowd(q, weights, mask):
    scores = np.where(mask, q @ weights, -np.inf)
    near = 0.5 * (len(q) - 1) if q.ndim > 2 else TIE_TOLERANCE
    ties = scores >= scores.max(axis=-1, keepdims=True) - near
    return Choice(ties.argmax(axis=-1).astype(np.int32), ties)


def moody(q, weights, mask):
    Sound.calls += 1
    return weighted(q if Sound.calls % 3 else -q, weights, mask)


def scribbling(q, weights, mask):
    choice = weighted(q, weights, mask)
    q[...] = 0
    return choice


def ranging(q, weights, mask):
    scores = q @ weights
    near = 0.3 * (scores.max(axis=-1, keepdims=True) - scores.min(axis=-1, keepdims=True)) + TIE_TOLERANCE
    allowed = np.where(mask, scores, -np.inf)
    ties = allowed >= allowed.max(axis=-1, keepdims=True) - near
    return Choice(ties.argmax(axis=-1).astype(np.int32), ties)


def everybody(q, weights, mask):
    return weighted(q, np.where(weights == 0, 1.0, weights), mask)


def wanting(q, weights, mask):
    return weighted(q, np.abs(weights), mask)


BROKEN_DELIBERATIONS = {
    "a_choice_of_the_right_shape": listed,
    "only_available_actions": unmasked,
    "the_first_of_the_best": latest,
    "many_choose_as_one_by_one": crowd,
    "the_same_question_has_the_same_answer": moody,
    "leaves_what_it_is_given": scribbling,
    "what_is_unavailable_does_not_count": ranging,
    "a_weight_of_0_silences": everybody,
    "a_negative_weight_turns_a_head_around": wanting,
}


@pytest.mark.parametrize(("clause", "rule"), BROKEN_DELIBERATIONS.items(), ids=BROKEN_DELIBERATIONS)
def test_a_deliberation_that_breaks_a_clause_is_told_so(clause: str, rule: Callable[..., Any]) -> None:
    told = broken_by(lambda: check_deliberation(rule))
    assert told[clause].startswith(f"{clause}: ")
    assert len(told) == 1 or rule in {listed, unmasked, moody, scribbling, everybody}, sorted(told)


@pytest.mark.parametrize(
    ("contract", "broken"),
    [
        (AgentConformance, BROKEN_AGENTS),
        (WorldModelConformance, BROKEN_MODELS),
        (PlannerConformance, BROKEN_PLANNERS),
        (DeliberationConformance, BROKEN_DELIBERATIONS),
    ],
)
def test_no_clause_is_vacuous(contract: type[Conformance], broken: dict[str, Any]) -> None:
    assert set(contract.clauses()) == set(broken)


# ------------------------------------------------------------------ the page


def test_the_page_names_every_clause() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for contract in (AgentConformance, WorldModelConformance, PlannerConformance, DeliberationConformance):
        for name in contract.clauses():
            said = getattr(contract, f"test_{name}").__doc__.strip()
            assert f"| `{name}` | {said} |" in text.replace("\\|", "|"), f"| `{name}` | {said} |"


@pytest.mark.slow
def test_the_page_works_as_it_is_written(tmp_path: Path) -> None:
    mine, call, tests = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (tmp_path / "my_agent.py").write_text(mine)
    (tmp_path / "test_my_agent.py").write_text(tests)
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.append(sys.argv[1]); exec(sys.argv[2])", str(tmp_path), call],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr.rstrip().endswith(shown.rstrip()), done.stderr
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    done = subprocess.run(
        [*command, "-o", f"pythonpath={ROOT} {tmp_path}", str(tmp_path / "test_my_agent.py")],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert re.search(r"1 failed, \d+ passed, \d+ skipped", done.stdout), done.stdout

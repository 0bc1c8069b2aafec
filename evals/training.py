"""Trained agents for a run: each seed its own agent, trained in the training stage and played where it is judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Protocol, runtime_checkable

import numpy as np

from ..agents.base import Agent, Learner, Perceiver, Pupil, TrainingEnv
from ..agents.counts import CountsAgent, CountsOptions
from ..agents.modelled import ModelledAgent, make_model
from ..agents.own import Own, Seat
from ..agents.policy_aware import PolicyAwareAgent
from ..agents.registry import PLANNERS as OURS
from ..agents.registry import make_planner
from ..agents.rules import RulesAgent, RulesOptions
from ..agents.sb3_settings import NOVELTY_SCALE, Algorithm
from ..agents.tabular import RandomAgent, TabularAgent, Update
from ..envs.deliberation import RULES
from ..envs.enumerating import Enumeration
from ..envs.lanes import TableLane, WorldLane, tellable
from ..envs.senses import senses
from ..envs.world import World
from ..scenarios import installed
from ..scenarios.language.loading import Scenario
from ..scenarios.language.schema import Learn
from . import together
from .budget import Deadline, TimedLane
from .cache import code_hash
from .holding import held_weights, unable_to_hold
from .progress import Earning
from .rundir import library_versions
from .simulate import simulate, trace_meta
from .stages import Life, School, world_of
from .trace import Trace
from .workers import NoCluster, Workers


@runtime_checkable
class Enters(Protocol):
    """An agent that has to be told where it acts from now on, if not where it was trained."""

    def enter_world(self, world: World) -> None:
        """Told before it is judged."""


def _counts(world: World, _: Scenario) -> Pupil:
    its = world.agents[0]
    options = CountsOptions(deliberation=its.deliberation, planner=its.planner)
    return CountsAgent(world.channels, len(its.actions), its.weights, its.discount, options, held=held_weights(world))


def _local_rules(world: World, _: Scenario) -> Pupil:
    its = world.agents[0]
    options = RulesOptions(deliberation=its.deliberation, planner=its.planner)
    held = held_weights(world)
    return RulesAgent(senses(world), world.channels, len(its.actions), its.weights, its.discount, options, held=held)


def _neural(world: World, _: Scenario) -> Pupil:
    from ..agents.neural import NeuralAgent, NeuralOptions

    its = world.agents[0]
    options = NeuralOptions(deliberation=its.deliberation, planner=its.planner)
    return NeuralAgent(senses(world), world.channels, len(its.actions), its.weights, its.discount, options)


def _policy_aware(world: World, _: Scenario) -> Pupil:
    its = world.agents[0]
    return PolicyAwareAgent(world.channels, len(its.actions), its.weights, its.discount)


def _tabular(update: Update, world: World, _: Scenario) -> Pupil:
    its = world.agents[0]
    return TabularAgent(update, world.channels, len(its.actions), its.weights, its.discount, rule=its.deliberation)


def _modelled(model: str, world: World, _: Scenario) -> Pupil:
    its, seat = world.agents[0], Seat.of(world)
    return ModelledAgent(model, seat, make_model(model, seat), its.deliberation, make_planner(its.planner))


def _random(_: World, __: Scenario) -> Pupil:
    return RandomAgent()


def _sb3(algorithm: Algorithm, novelty: float, tuned: bool, world: World, scenario: Scenario) -> Pupil:
    from ..agents.sb3_agents import Sb3Agent

    return Sb3Agent(algorithm, scenario, world.stage, novelty, tuned)


METHODS: dict[str, Callable[[World, Scenario], Pupil]] = {
    "counts": _counts,
    "local_rules": _local_rules,
    "neural": _neural,
    "q_learning": partial(_tabular, "q_learning"),
    "virtual_sarsa": partial(_tabular, "virtual_sarsa"),
    "empirical_sarsa": partial(_tabular, "empirical_sarsa"),
    "policy_aware": _policy_aware,
    "random": _random,
    "ppo": partial(_sb3, "ppo", 0.0, False),
    "dqn": partial(_sb3, "dqn", 0.0, False),
    "ppo_novelty": partial(_sb3, "ppo", NOVELTY_SCALE, False),
    "dqn_novelty": partial(_sb3, "dqn", NOVELTY_SCALE, False),
    "ppo_tuned": partial(_sb3, "ppo", 0.0, True),
    "dqn_tuned": partial(_sb3, "dqn", 0.0, True),
    "ppo_masked": partial(_sb3, "ppo_masked", 0.0, False),
    "ppo_recurrent": partial(_sb3, "ppo_recurrent", 0.0, False),
}
"""Agents that are trained, each from the training stage (compiled) of a scenario; `methods` has those installed too."""

PLANNERS = ("counts", "local_rules", "neural", "policy_aware")
"""Those that plan on a model of their own: they look at what they chose, never at what was executed instead.

World models of installed packages are among them (`plans`).
"""


def methods() -> dict[str, Callable[[World, Scenario], Pupil]]:
    """`METHODS`, and an agent for each world model that an installed package brings, by the model's name."""
    return {**{name: partial(_modelled, name) for name in installed.names(installed.MODELS)}, **METHODS}


def plans(method: str) -> bool:
    """Whether an agent plans on a model of its own."""
    return method in PLANNERS or (method not in METHODS and method in installed.names(installed.MODELS))


@dataclass(frozen=True)
class Training:
    """What each seed does.

    Attributes:
        method: its name; scenario: under the overrides.
        school: the world of the training stage, enumerated where that is possible.
        field: the world of the stage in which it is judged.
        learn: which parts go on learning there.
        steps: environment steps of training; episodes: played in `field` afterwards.
        scenario_hash, overrides: for the trace.
        own: the user's agent that is meant, in place of one of `METHODS`.
        thoughts: record what it thinks.
        until: seconds since the epoch after which it stops (see `Budget.until`); a seed that is not done has no trace.
    """

    method: str
    scenario: Scenario
    school: World | Enumeration
    field: World
    learn: Learn
    steps: int
    episodes: int
    scenario_hash: str
    overrides: dict[str, object]
    own: Own | None = None
    thoughts: bool = True
    until: float = math.inf

    @property
    def foreign(self) -> bool:
        """Some of its code is no part of Turncoat, so that what it does can change unseen."""
        ours = self.method in METHODS or self.method not in methods()
        for its in self.field.agents:
            ours = ours and its.planner.name in OURS and its.deliberation.name in RULES
        return self.own is not None or not ours


def trained_traces(
    training: Training, seeds: Sequence[int], workers: Workers, go_on: Callable[[], bool]
) -> Iterator[tuple[int, Trace]]:
    """Train and play each of some seeds.

    Args:
        training: what each does.
        seeds: which.
        workers: who does it.
        go_on: asked before each is begun.

    Yields:
        A seed and its trace, as they are finished; none for a seed that was stopped (see `Training.until`).

    Raises:
        NoCluster: the workers run another Turncoat, or other libraries, than this process.
    """
    for seed, code, trace in workers.each(_signed, [(training, seed) for seed in seeds], go_on):
        if trace is None:
            continue
        if code != code_hash() or trace.meta.versions != library_versions():
            raise NoCluster(
                "the workers run another Turncoat or other libraries than this process, so their results would differ; "
                "install the same on all of them"
            )
        yield seed, trace


def _signed(training: Training, seed: int) -> tuple[int, str, Trace | None]:
    """A seed's trace, and which code made it; None if the time was over before it was done."""
    deadline = Deadline(training.until)
    try:
        return seed, code_hash(), _one(training, seed, deadline)
    except Exception:
        if deadline.passed:  # whatever an agent of the user's own has made of it
            return seed, code_hash(), None
        raise


def _one(training: Training, seed: int, deadline: Deadline) -> Trace:
    if len(training.field.agents) > 1 or "=" in training.method:
        return together.trace_of_all(training, seed, deadline)
    earning = Earning(world_of(training.school).agents[0].weights, training.steps)
    agent = _life(training, earning, deadline).brought_up(seed)
    enter(agent, training.field)
    learns = False
    if isinstance(agent, Learner):
        learns = agent.learning = getattr(training.learn, getattr(agent, "learns_with", "model"))
    meta = trace_meta(training.field, training.method, training.scenario_hash, training.overrides, library_versions())
    lanes = 1 if learns else min(training.episodes, 256)
    field = replace(training.field, rewards_shown=training.field.rewards_shown and training.learn.reward)
    played = simulate(
        field,
        [agent],
        meta,
        episodes=training.episodes,
        seed=seed,
        lanes=lanes,
        before_tick=deadline.check,
        thoughts=training.thoughts,
    )
    return replace(played, learning={seed: earning.curve})


def _life(training: Training, earning: Earning, deadline: Deadline) -> Life[Pupil]:
    """What the agent goes through before it is judged."""
    world = world_of(training.school)

    def make() -> Pupil:
        return training.own.make(world) if training.own else methods()[training.method](world, training.scenario)

    def timed(school: School) -> TrainingEnv:
        return TimedLane(earning.on(lane(school, plans(training.method))), deadline)

    # Stable-Baselines3 steps lanes of its own, and reports after each of its rollouts.
    on_progress = deadline.progress if training.method.startswith(("ppo", "dqn")) else None
    return Life(make, timed, training.scenario, training.school, training.field.stage, training.steps, on_progress)


def enter(agent: Agent, field: World) -> None:
    """Show an agent the world where it acts from now on."""
    if isinstance(agent, Enters):
        agent.enter_world(field)
    if isinstance(agent, Perceiver):
        agent.enter(senses(field))


def lane(school: World | Enumeration, forgetful: bool) -> TableLane | WorldLane:
    """The quickest lane there is; for an agent that is not `forgetful`, one that says what was executed."""
    if isinstance(school, World):
        return WorldLane(school)
    return TableLane(school) if forgetful or tellable(school.world) else WorldLane(school.world)


def unable(method: str, world: World, own: bool = False) -> str | None:
    """Why a method (or an agent of the user's `own`) cannot be trained in a world, or None.

    Raises:
        Sb3Missing: it needs Stable-Baselines3, which is not installed.
    """
    if len(world.agents) > 1 or "=" in method:
        return together.unable_together(method, world)
    if not own and method not in (known := methods()):
        return f"there is no agent `{method}`; there are exact, {', '.join(known)}"
    if own:
        return None
    if plans(method) and world.agents[0].discount >= 1:
        return f"`{method}` needs a discount below 1"
    if method == "policy_aware" and world.agents[0].deliberation.name != "weighted":
        return f"`{method}` compares policies by weighted sums, and not by {world.agents[0].deliberation.name}"
    if method.startswith(("ppo", "dqn")):
        from ..agents.sb3_policy import need_sb3, unable_to_see
        from ..agents.sb3_settings import unsearched

        need_sb3()
        return unable_to_see(world) or (unsearched(method) if method.endswith("_tuned") else None)
    if method == "neural" and not all(find_spec(name) for name in ("torch", "safetensors")):
        return "`neural` needs torch and safetensors: pip install 'turncoat[learn]'"
    if any(np.asarray(world.agents[0].weight_columns) >= 0):
        if method in ("counts", "local_rules"):
            return unable_to_hold(world)
        return f"`{method}` has fixed weights, and this world can change them"
    return None

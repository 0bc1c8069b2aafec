"""Trained agents for a run: each seed its own agent, trained in the training stage and played where it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Protocol, runtime_checkable

import numpy as np

from ..agents.base import Agent, Learner, Perceiver, Pupil
from ..agents.counts import CountsAgent, CountsOptions
from ..agents.own import Own
from ..agents.policy_aware import PolicyAwareAgent
from ..agents.rules import RulesAgent, RulesOptions
from ..agents.sb3_settings import NOVELTY_SCALE, Algorithm
from ..agents.tabular import RandomAgent, TabularAgent, Update
from ..envs.enumerating import Enumeration
from ..envs.lanes import TableLane, WorldLane, tellable
from ..envs.senses import senses
from ..envs.world import World
from ..scenarios.language.loading import Scenario
from ..scenarios.language.schema import Learn
from . import together
from .cache import code_hash
from .rundir import library_versions
from .simulate import simulate, trace_meta
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
    return CountsAgent(world.channels, len(its.actions), its.weights, its.discount, options)


def _local_rules(world: World, _: Scenario) -> Pupil:
    its = world.agents[0]
    options = RulesOptions(deliberation=its.deliberation, planner=its.planner)
    return RulesAgent(senses(world), world.channels, len(its.actions), its.weights, its.discount, options)


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
"""Agents that are trained, each from the training stage (compiled) of a scenario; every other name is refused."""

PLANNERS = ("counts", "local_rules", "neural", "policy_aware")
"""Those that plan on a model of their own: they look at what they chose, never at what was executed instead."""


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
        A seed and its trace, as they are finished.

    Raises:
        NoCluster: the workers run another Turncoat, or other libraries, than this process.
    """
    for seed, code, trace in workers.each(_signed, [(training, seed) for seed in seeds], go_on):
        if code != code_hash() or trace.meta.versions != library_versions():
            raise NoCluster(
                "the workers run another Turncoat or other libraries than this process, so their results would differ; "
                "install the same on all of them"
            )
        yield seed, trace


def _signed(training: Training, seed: int) -> tuple[int, str, Trace]:
    """A seed's trace, and which code made it."""
    return seed, code_hash(), _one(training, seed)


def _one(training: Training, seed: int) -> Trace:
    if len(training.field.agents) > 1 or "=" in training.method:
        return together.trace_of_all(training, seed)
    world = training.school.world if isinstance(training.school, Enumeration) else training.school
    agent = training.own.make(world) if training.own else METHODS[training.method](world, training.scenario)
    agent.fit(lane(training.school, training.method in PLANNERS), training.steps, seed)
    enter(agent, training.field)
    learns = False
    if isinstance(agent, Learner):
        learns = agent.learning = getattr(training.learn, getattr(agent, "learns_with", "model"))
    meta = trace_meta(training.field, training.method, training.scenario_hash, training.overrides, library_versions())
    lanes = 1 if learns else min(training.episodes, 256)
    return simulate(training.field, [agent], meta, episodes=training.episodes, seed=seed, lanes=lanes)


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
    if not own and method not in METHODS:
        return f"there is no agent `{method}`; there are exact, {', '.join(METHODS)}"
    if own:
        return None
    if method in PLANNERS and world.agents[0].discount >= 1:
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
        return f"`{method}` has fixed weights, and this world can change them"
    return None

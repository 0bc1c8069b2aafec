"""The agents that can be trained, by the names that files and the command line use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ...envs.reference.observation_spec import senses
from ...envs.world.world import World
from ...scenarios import installed
from ...scenarios.language.loading import Scenario
from ..base import TrainableAgent
from ..baselines.scripted import RandomAgent
from ..baselines.tabular import TabularAgent, Update
from ..counts.agent import CountsAgent, CountsOptions
from ..counts.policy_aware_agent import PolicyAwareAgent
from ..external.sb3_hyperparameters import NOVELTY_SCALE, Algorithm
from ..external.user_agent import Seat
from ..external.user_world_model import ModelledAgent, make_model
from ..local_rules.agent import RulesAgent, RulesOptions
from ..planners.editable_weights import held_weights
from ..planners.registry import make_planner


def _counts(world: World, _: Scenario) -> TrainableAgent:
    its = world.agents[0]
    options = CountsOptions(deliberation=its.deliberation, planner=its.planner)
    return CountsAgent(world.channels, len(its.actions), its.weights, its.discount, options, held=held_weights(world))


def _local_rules(world: World, _: Scenario) -> TrainableAgent:
    its = world.agents[0]
    options = RulesOptions(deliberation=its.deliberation, planner=its.planner)
    held = held_weights(world)
    return RulesAgent(senses(world), world.channels, len(its.actions), its.weights, its.discount, options, held=held)


def _neural(world: World, _: Scenario) -> TrainableAgent:
    from ..neural.agent import NeuralAgent, NeuralOptions

    its = world.agents[0]
    options = NeuralOptions(deliberation=its.deliberation, planner=its.planner)
    held = held_weights(world)
    return NeuralAgent(senses(world), world.channels, len(its.actions), its.weights, its.discount, options, held=held)


def _policy_aware(world: World, _: Scenario) -> TrainableAgent:
    its = world.agents[0]
    return PolicyAwareAgent(world.channels, len(its.actions), its.weights, its.discount)


def _tabular(update: Update, world: World, _: Scenario) -> TrainableAgent:
    its = world.agents[0]
    return TabularAgent(update, world.channels, len(its.actions), its.weights, its.discount, rule=its.deliberation)


def _modelled(model: str, world: World, _: Scenario) -> TrainableAgent:
    its, seat = world.agents[0], Seat.of(world)
    return ModelledAgent(model, seat, make_model(model, seat), its.deliberation, make_planner(its.planner))


def _random(_: World, __: Scenario) -> TrainableAgent:
    return RandomAgent()


def _sb3(algorithm: Algorithm, novelty: float, tuned: bool, world: World, scenario: Scenario) -> TrainableAgent:
    from ..external.sb3_agent import Sb3Agent

    return Sb3Agent(algorithm, scenario, world.stage, novelty, tuned, world=world)


METHODS: dict[str, Callable[[World, Scenario], TrainableAgent]] = {
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


DOUBLED = (*PLANNERS, "q_learning", "virtual_sarsa", "empirical_sarsa", "random")
"""Those of which a deep copy does as the original would: one training serves for every stage in which it is judged."""


def methods() -> dict[str, Callable[[World, Scenario], TrainableAgent]]:
    """`METHODS`, and an agent for each world model that an installed package brings, by the model's name."""
    return {**{name: partial(_modelled, name) for name in installed.names(installed.MODELS)}, **METHODS}


def of_sb3(method: str) -> bool:
    """Whether an agent is one of Stable-Baselines3's."""
    return method.startswith(("ppo", "dqn"))


def computes(method: str) -> bool:
    """Whether an agent has networks, which can live on another device than the processor."""
    return method == "neural" or of_sb3(method)


def stops(method: str) -> bool:
    """Whether an agent's training can end early (`agents.base.Stops`): none has to be made to know."""
    return method in METHODS and method != "random"


def plans(method: str) -> bool:
    """Whether an agent plans on a model of its own."""
    return method in PLANNERS or (method not in METHODS and method in installed.names(installed.MODELS))

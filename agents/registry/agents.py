"""The agents that can be trained, by the names used in files and on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ...envs.reference.observation_spec import observation_spec
from ...envs.world.world import AgentProgram, World
from ...scenarios import installed
from ...scenarios.errors import installing
from ...scenarios.language.loading import Scenario
from ..base import TrainableAgent
from ..external.sb3_hyperparameters import NOVELTY_SCALE, Algorithm, Preset
from ..external.user_agent import AgentInterface
from ..planners.modifiable_utility import held_weights

if TYPE_CHECKING:
    from ..baselines.tabular import Update

Make: TypeAlias = Callable[[World, Scenario], TrainableAgent]
"""Makes an untrained agent for the first agent of a compiled training stage, given the stage and its scenario."""

TURNCOAT: Final = "turncoat"
SB3: Final = "stable-baselines3"
INSTALLED: Final = "installed"


def _anywhere(_: AgentProgram) -> str | None:
    """The default of `AgentSpec.unable`: the agent can be trained in any world."""
    return None


@dataclass(frozen=True)
class AgentSpec:
    """A kind of agent that can be trained: how it is made, and its capabilities.

    Attributes:
        make: see `Make`.
        library: where its algorithm comes from: `turncoat`, `stable-baselines3`, or `installed` (a world model that an
            installed package provides by an entry point).
        plans_on_model: whether it plans on a learned world model. Such an agent learns from the actions that it chose,
            never from those that were executed instead, and needs a discount below 1.
        edited_weights: what it does where the world can edit its weights: it plans with the edits (`planned`), is
            rewarded by the weights that it has at each tick (`paid`), or cannot be trained there, because its weights
            are fixed (`refused`).
        discounts: `each`: it has a value function for each channel, with a discount of its own; `one`: it has a single
            discount, and cannot be trained where the values have their own.
        deep_copyable: whether a deep copy behaves as the original would; one training then serves all stages in which
            the agent is evaluated.
        uses_device: whether it has neural networks, which can run on a GPU.
        stoppable: whether its training can be ended early (`agents.base.Stops`).
        lives: whether it can be trained in a life, where it is told the tick beside what it observes.
        unable: returns the reason why it cannot be trained as a given agent of a world, beyond those that follow from
            the fields above, or None if it can.
    """

    make: Make
    library: str = TURNCOAT
    plans_on_model: bool = False
    edited_weights: Literal["planned", "paid", "refused"] = "refused"
    discounts: Literal["one", "each"] = "one"
    deep_copyable: bool = False
    uses_device: bool = False
    stoppable: bool = True
    lives: bool = False
    unable: Callable[[AgentProgram], str | None] = _anywhere


# An agent is imported where it is made: most commands make none, and one that does makes one kind.


def _counts(world: World, _: Scenario) -> TrainableAgent:
    from ..counts.agent import CountsAgent
    from ..counts.hyperparameters import CountsOptions

    its = world.agents[0]
    options = CountsOptions(deliberation=its.deliberation, planner=its.planner)
    return CountsAgent(world.channels, len(its.actions), its.weights, its.discounts, options, held=held_weights(world))


def _local_rules(world: World, _: Scenario) -> TrainableAgent:
    from ..local_rules.agent import RulesAgent
    from ..local_rules.hyperparameters import RulesOptions

    its = world.agents[0]
    options = RulesOptions(deliberation=its.deliberation, planner=its.planner)
    held = held_weights(world)
    return RulesAgent(
        observation_spec(world), world.channels, len(its.actions), its.weights, its.discounts, options, held=held
    )


def _neural(world: World, _: Scenario) -> TrainableAgent:
    from ..neural.agent import NeuralAgent
    from ..neural.hyperparameters import NeuralOptions

    its = world.agents[0]
    options = NeuralOptions(deliberation=its.deliberation, planner=its.planner)
    held = held_weights(world)
    return NeuralAgent(
        observation_spec(world), world.channels, len(its.actions), its.weights, its.discounts, options, held=held
    )


def _deep(world: World, _: Scenario) -> TrainableAgent:
    from ..deep.agent import DeepAgent
    from ..deep.hyperparameters import shipped_options

    its, senses = world.agents[0], observation_spec(world)
    options = replace(shipped_options(senses), deliberation=its.deliberation, planner=its.planner)
    return DeepAgent(senses, world.channels, len(its.actions), its.weights, its.discounts, options)


def _policy_aware(world: World, _: Scenario) -> TrainableAgent:
    from ..counts.policy_aware_agent import PolicyAwareAgent

    its = world.agents[0]
    return PolicyAwareAgent(world.channels, len(its.actions), its.weights, its.discount)


def _tabular(update: Update, world: World, _: Scenario) -> TrainableAgent:
    from ..baselines.tabular import TabularAgent

    its = world.agents[0]
    return TabularAgent(update, world.channels, len(its.actions), its.weights, its.discount, rule=its.deliberation)


def _installed(model: str, world: World, _: Scenario) -> TrainableAgent:
    from ..external.user_world_model import WorldModelAgent, make_model
    from ..planners.registry import make_planner

    its, interface = world.agents[0], AgentInterface.of(world)
    return WorldModelAgent(model, interface, make_model(model, interface), its.deliberation, make_planner(its.planner))


def _random(_: World, __: Scenario) -> TrainableAgent:
    from ..baselines.scripted import RandomAgent

    return RandomAgent()


def _sb3(algorithm: Algorithm, novelty: float, preset: Preset, world: World, scenario: Scenario) -> TrainableAgent:
    from ..external.sb3_agent import Sb3Agent

    return Sb3Agent(algorithm, scenario, world.stage, novelty, preset, world=world)


def _network_packages(name: str, _: AgentProgram) -> str | None:
    # Looked for without being imported: importing torch takes seconds.
    if all(find_spec(package) for package in ("torch", "safetensors")):
        return None
    return f"`{name}` needs torch and safetensors: {installing('learn')}"


def _deep_unable(its: AgentProgram) -> str | None:
    """Why `deep` cannot be trained as an agent of a world, or None."""
    if (missing := _network_packages("deep", its)) is not None:
        return missing
    from ..deep.hyperparameters import search_budget

    try:
        search_budget(its.planner)
    except ValueError as fault:
        return str(fault)
    return None


def _weighted_only(its: AgentProgram) -> str | None:
    if its.deliberation.name == "weighted":
        return None
    return f"`policy_aware` compares policies by weighted sums, and not by {its.deliberation.name}"


def _sb3_unable(algorithm: Algorithm, preset: Preset, its: AgentProgram) -> str | None:
    """Why a Stable-Baselines3 agent cannot be trained, or None.

    Args:
        algorithm: of Stable-Baselines3.
        preset: its hyperparameters; tuned ones must be on record.
        its: the agent of the world.

    Raises:
        MissingPackageError: Stable-Baselines3 is not installed.
    """
    from ..external.sb3_hyperparameters import unsearched
    from ..external.sb3_policy import need_sb3, unable_to_see

    need_sb3()
    return unable_to_see(its) or (unsearched(f"{algorithm}_tuned") if preset == "tuned" else None)


def _sb3_spec(algorithm: Algorithm, novelty: float = 0.0, preset: Preset = "plain") -> AgentSpec:
    return AgentSpec(
        partial(_sb3, algorithm, novelty, preset),
        library=SB3,
        edited_weights="paid",
        uses_device=True,
        unable=partial(_sb3_unable, algorithm, preset),
    )


AGENTS: Final[dict[str, AgentSpec]] = {
    "counts": AgentSpec(
        _counts, plans_on_model=True, edited_weights="planned", discounts="each", deep_copyable=True, lives=True
    ),
    "local_rules": AgentSpec(
        _local_rules, plans_on_model=True, edited_weights="planned", discounts="each", deep_copyable=True
    ),
    "neural": AgentSpec(
        _neural,
        plans_on_model=True,
        edited_weights="planned",
        discounts="each",
        deep_copyable=True,
        uses_device=True,
        unable=partial(_network_packages, "neural"),
    ),
    "deep": AgentSpec(
        _deep, plans_on_model=True, discounts="each", deep_copyable=True, uses_device=True, unable=_deep_unable
    ),
    "q_learning": AgentSpec(partial(_tabular, "q_learning"), deep_copyable=True, lives=True),
    "virtual_sarsa": AgentSpec(partial(_tabular, "virtual_sarsa"), deep_copyable=True, lives=True),
    "empirical_sarsa": AgentSpec(partial(_tabular, "empirical_sarsa"), deep_copyable=True, lives=True),
    "policy_aware": AgentSpec(_policy_aware, plans_on_model=True, deep_copyable=True, unable=_weighted_only),
    "random": AgentSpec(_random, discounts="each", deep_copyable=True, stoppable=False, lives=True),
    "ppo": _sb3_spec("ppo"),
    "dqn": _sb3_spec("dqn"),
    "ppo_novelty": _sb3_spec("ppo", NOVELTY_SCALE),
    "dqn_novelty": _sb3_spec("dqn", NOVELTY_SCALE),
    "ppo_tuned": _sb3_spec("ppo", preset="tuned"),
    "dqn_tuned": _sb3_spec("dqn", preset="tuned"),
    "ppo_large": _sb3_spec("ppo", preset="large"),
    "ppo_masked": _sb3_spec("ppo_masked"),
    "ppo_recurrent": _sb3_spec("ppo_recurrent"),
}
"""The agents of this package by name, including those of Stable-Baselines3."""


def agent_specs() -> dict[str, AgentSpec]:
    """`AGENTS`, and for each world model that an installed package provides an agent of the model's name."""
    # Read anew at each call; in a clash of names the agents of this package take precedence.
    brought = {
        name: AgentSpec(partial(_installed, name), library=INSTALLED, plans_on_model=True, stoppable=False)
        for name in installed.names(installed.MODELS)
    }
    return {**brought, **AGENTS}


def agent_spec(name: str) -> AgentSpec | None:
    """The spec of an agent by its name; None for `exact`, a profile, an action, or an agent of the user's own."""
    # Installed packages are only searched for names that are not among this package's.
    return AGENTS.get(name) or agent_specs().get(name)


def agent_names() -> tuple[str, ...]:
    """All names that `--agent` accepts, apart from users' own agents: `exact`, then the agents that are trained."""
    return ("exact", *agent_specs())

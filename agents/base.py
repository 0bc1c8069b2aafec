"""The contracts of the room `agents`: agents, their training environments, and their world models.

Letters for shapes: B lanes, A actions, K reward channels, O observed fields. No agent is ever given `info` or the
hidden performance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy.typing as npt

from ..envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from ..envs.reference.observation_spec import ObservationSpec
from ..envs.world.world import World
from .records.plan import MAX_LINE, MAX_NODES, PLAN_VERSION, Counterfactual, Plan, PlanStep
from .records.thought import MAX_PLANS, THOUGHT_VERSION, Attribution, Thought

__all__ = [
    "MAX_LINE",
    "MAX_NODES",
    "MAX_PLANS",
    "PLAN_VERSION",
    "THOUGHT_VERSION",
    "Agent",
    "AgentState",
    "Attribution",
    "Counterfactual",
    "DeviceAware",
    "Enters",
    "Finishes",
    "Forgetful",
    "LearnsFromLogs",
    "Log",
    "MapAware",
    "Moves",
    "MultiAgentTrainingEnv",
    "OnlineLearner",
    "Plan",
    "PlanStep",
    "Progress",
    "Resumable",
    "Stops",
    "Thinker",
    "Thought",
    "Trainable",
    "TrainableAgent",
    "TrainingEnv",
    "has_own_lanes",
    "learns_with",
    "remembers",
]

AgentState: TypeAlias = npt.NDArray[Any] | tuple[npt.NDArray[Any], ...] | None
"""The recurrent state of an agent within an episode: None before the first tick, else arrays whose first axis is B.

A row of zeros is a lane whose episode begins, so that a runner restarts one lane by zeroing its row.
"""

Progress: TypeAlias = Callable[[int, Mapping[str, float]], None]
"""Called now and then during training with the steps done and named figures."""


@runtime_checkable
class Agent(Protocol):
    """A policy over a batch of lanes.

    The action in one lane does not depend on the other lanes, unless the agent draws random numbers of its own. A deep
    copy acts as the original would. `turncoat.testing.check_agent` checks this contract.

    An agent may declare three more attributes, which `learns_with`, `has_own_lanes` and `remembers` read.
    """

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """Chooses one action per lane; it modifies none of its arguments.

        Args:
            observation: int64 `[B, O]`, the symbolic observed fields, possibly never seen in training.
            state: what the last call returned; None before the first tick.
            mask: bool `[B, A]`, the actions that are available; at least one in every row (in a lane whose episode is
                over, where the answer is not used, all of them).

        Returns:
            The actions, int32 `[B]` (a user's agent may return any integer type), and the state for the next call.
        """
        ...


@runtime_checkable
class Thinker(Protocol):
    """An agent that records the reasons of its last decision."""

    def thought(self) -> Thought | None:
        """The thought behind lane 0 of the last `act`; None before the first. Ask before `OnlineLearner.observe`.

        Asking changes nothing.
        """
        ...


@runtime_checkable
class Trainable(Protocol):
    """An agent that learns from a training environment."""

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """Trains for `steps` more environment steps; the same seed, environment and past give the same agent.

        It begins with `env.reset(seed)`, takes available actions only, and resets only where an episode is over. It
        takes fewer steps only if it has nothing more to learn. It must accept None for rewards, unless its
        `learns_with` is `values`: such an agent is not trained where rewards are withheld.

        Args:
            env: the training environment; only the members of `TrainingEnv` are used.
            steps: the number of environment steps.
            seed: of the agent's and the environment's random numbers.
            on_progress: called with the steps done in this training, which never decrease. A user's agent need not
                accept it.
        """
        ...


@runtime_checkable
class Resumable(Protocol):
    """An agent whose training can be interrupted and resumed.

    Whenever it calls `on_progress`, the whole state of its training is in the agent and its environment: a copy that is
    made then reaches the same result by `resume`.
    """

    def resume(self, env: TrainingEnv, on_progress: Progress | None = None) -> None:
        """Does the remaining steps of the interrupted `fit`."""
        ...


@runtime_checkable
class Stops(Protocol):
    """An agent whose training can be ended early."""

    def stop(self) -> None:
        """Asks the running `fit` to finish and return; called within `on_progress`.

        Finishing may take a few more steps, fewer than were left. A later `fit` is not affected.
        """
        ...


@runtime_checkable
class DeviceAware(Protocol):
    """An agent whose networks can be trained on a CPU or a GPU."""

    def use(self, device: str) -> None:
        """Sets the device, `cpu` or `cuda`; called before training."""
        ...


class TrainableAgent(Agent, Trainable, Protocol):
    """An agent that can be trained."""


@runtime_checkable
class OnlineLearner(Protocol):
    """An agent that can keep learning while it is deployed.

    Attributes:
        learning: whether `observe` changes the agent; False until it is set from the scenario.
    """

    learning: bool

    def observe(
        self,
        observation: Longs,
        action: Ints,
        rewards: Floats | None,
        next_observation: Longs,
        ended: Bools,
        mask: Bools,
    ) -> None:
        """Learns from one tick; does nothing unless `learning`.

        Args:
            observation: int64 `[B, O]`, before the tick.
            action: int32 `[B]`, the action that was executed.
            rewards: float64 `[B, K]`, or None where the stage withholds them.
            next_observation: int64 `[B, O]`, after the tick (before any reset).
            ended: bool `[B]`, the episode is over there (not merely truncated).
            mask: bool `[B, A]`, the actions available after the tick.
        """
        ...


@runtime_checkable
class MapAware(Protocol):
    """An agent that is given the map of its stage, and must be given another when the stage changes."""

    def enter(self, observation_spec: ObservationSpec) -> None:
        """Sets the stage of all later ticks; a stage that the agent already knows changes nothing.

        Raises:
            ValueError: its observations differ in kind from those that the agent knows.
        """
        ...


@dataclass(frozen=True, eq=False)
class Log:
    """One episode of T ticks by another agent, as the learning agent would have observed it, without performance.

    Attributes:
        observations: int64 `[T + 1, O]`, the last one after the last tick.
        actions: int32 `[T]`, what was executed.
        masks: bool `[T + 1, A]`, what was available.
        rewards: float64 `[T, K]`, or None where they are withheld.
        ended: the last tick ended the episode (else it was cut off).
    """

    observations: Longs
    actions: Ints
    masks: Bools
    rewards: Floats | None
    ended: bool


@runtime_checkable
class LearnsFromLogs(Protocol):
    """An agent with a world model that can learn from what others did."""

    def watch(self, logs: Sequence[Log], seed: int) -> None:
        """Learns from the episodes, in order; the same logs, seed and past give the same agent."""
        ...


@runtime_checkable
class Forgetful(Protocol):
    """An agent that can forget its rewards and keep the rest of what it learned."""

    def forget_rewards(self) -> None:
        """Forgets all rewards: afterwards the agent is the same whatever rewards it had received."""
        ...


def learns_with(agent: object) -> str:
    """What an agent learns: `model` (the default), a world model, or `values`, by a model-free algorithm.

    It is the agent's attribute `learns_with`: the part of a stage's `learn` that decides whether it learns there.
    """
    return str(getattr(agent, "learns_with", "model"))


def has_own_lanes(agent: object) -> bool:
    """Whether `fit` steps environments that the agent made itself: its attribute `own_lanes`, False by default.

    It does so in place of the environment that it is given, unless other agents act there.
    """
    return bool(getattr(agent, "own_lanes", False))


def remembers(agent: object) -> bool:
    """Whether actions depend on more than the observation: the agent's attribute `remembers`, False by default.

    The policy of such an agent is not a function of the state, so it has no exact evaluation on an enumerated world.
    """
    return bool(getattr(agent, "remembers", False))


class TrainingEnv(Protocol):
    """One lane of a world to be trained in. It exposes neither `info` nor the hidden performance."""

    @property
    def n_actions(self) -> int:
        """A."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the K reward channels."""
        ...

    @property
    def executed(self) -> int:
        """The action executed in the last step; it differs from the chosen one where something overrode that."""
        ...

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """Begins an episode: the observation, int64 `[O]`, and the available actions, bool `[A]`.

        A seed restarts the environment's random numbers; None continues them.
        """
        ...

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        """One tick: observation int64 `[O]`, rewards float64 `[K]`, ended, truncated, mask bool `[A]`.

        Rewards are None where the stage withholds them.
        """
        ...


@runtime_checkable
class MultiAgentTrainingEnv(TrainingEnv, Protocol):
    """A lane on which other agents act as well, and their actions are observed."""

    @property
    def others(self) -> Ints:
        """int32 `[N - 1]`: the actions that the others executed in the last step."""
        ...


@runtime_checkable
class Moves(Protocol):
    """An agent that makes its own training environments, and must be told when the training stage changes."""

    def enter_school(self, stage: str) -> None:
        """Sets the stage to train in, by name; called before training there."""


@runtime_checkable
class Enters(Protocol):
    """An agent that must be told the world it acts in when that is not the one it was trained in."""

    def enter_world(self, world: World) -> None:
        """Sets the world to act in; called before the agent is evaluated there."""


@runtime_checkable
class Finishes(Protocol):
    """An agent that acts differently while its training is under way."""

    def finish(self) -> None:
        """Ends training at once, so that the agent acts as it would deployed; called on copies that are evaluated."""


@dataclass(frozen=True, eq=False)
class Imagination:
    """The MDP that a world model imagines from the present observation.

    Attributes:
        mdp: a finite MDP, with the channels of the interface; a state without outcomes is terminal. It is ignored where
            `state` is -1, and must not be modified after it was returned.
        observations: int64 `[S, O]`, of its states.
        state: the index of the present state; -1 where the model knows nothing of it.
        uncertainty: float64 `[S, A]`, from 0 (sure what the action does) to 1 (never tried).
    """

    mdp: FiniteMDP
    observations: Longs
    state: int
    uncertainty: Floats


@runtime_checkable
class WorldModel(Protocol):
    """A learned model of a world, in the space of observations.

    It is deterministic given its ticks, and modifies none of its arguments. `turncoat.testing.check_world_model`
    checks this contract.
    """

    def learn(
        self,
        observation: Longs,
        mask: Bools,
        action: int,
        rewards: Floats | None,
        next_observation: Longs,
        next_mask: Bools,
        ended: bool,
    ) -> None:
        """Learns from one tick.

        Args:
            observation: int64 `[O]`, before it.
            mask: bool `[A]`, what was available.
            action: what was done.
            rewards: float64 `[K]`, or None where they are withheld.
            next_observation: int64 `[O]`, after it.
            next_mask: bool `[A]`, what is available then.
            ended: the episode is over there.
        """
        ...

    def imagine(self, observation: Longs, mask: Bools) -> Imagination:
        """Imagines an MDP from the present observation; it changes nothing, and works before anything was learned.

        A state is known once an action in it was learned. Returning the same `mdp` object while nothing was learned
        lets the caller reuse its plans.
        """
        ...

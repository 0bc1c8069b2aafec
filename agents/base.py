"""The protocols of agents, of the environments that train them, and of world models.

Only `Agent` is required. Each of the other protocols is an optional capability: callers test for it with `isinstance`.
Some callers also read plain attributes of an agent with `getattr`, so that an agent without them has the default:

- `learns_with` (`"model"` or `"values"`, default `"model"`): which part of a stage's `learn` decides whether the agent
  is trained there and learns online there. An agent with `"values"` is trained only where rewards are shown too.
- `own_lanes` (bool, default False): `fit` steps environments of its own instead of the one that it is given, so that
  callers must not count on seeing every step in the given one.
- `remembers` (bool, default False): its actions depend on more than the present observation (on time or on a recurrent
  state), so that it cannot be written as a policy over states.

Letters for shapes: B lanes (episodes that run in parallel), A actions, K reward channels, O observed fields, S states,
N agents, T ticks. No agent is ever given `info` or the hidden performance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy.typing as npt

from ..envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from ..envs.reference.observation_spec import ObservationSpec
from ..envs.world.world import World
from ..scenarios.language.loading import Scenario
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
    "LeavesScenario",
    "Log",
    "MapAware",
    "Moves",
    "MultiAgentTrainingEnv",
    "OnlineLearner",
    "Plan",
    "PlanStep",
    "Progress",
    "Resumable",
    "SpawningEnv",
    "Stops",
    "Thinker",
    "Thought",
    "Trainable",
    "TrainableAgent",
    "TrainingEnv",
    "has_own_lanes",
    "learns_with",
    "lives_once",
    "remembers",
]

AgentState: TypeAlias = npt.NDArray[Any] | tuple[npt.NDArray[Any], ...] | None
"""What an agent remembers within an episode: None before the first tick, else arrays whose first axis is B.

A row of zeros stands for a lane whose episode begins, so that a runner restarts one lane by zeroing its row.
"""

Progress: TypeAlias = Callable[[int, Mapping[str, float]], None]
"""Called from time to time during training with the number of steps done and a mapping of named metrics."""


@runtime_checkable
class Agent(Protocol):
    """Chooses actions for a batch of lanes.

    The action in one lane does not depend on the other lanes, except through an agent's own random generator. A deep
    copy acts as the original would. `turncoat.testing.check_agent` checks this and the rest of this contract.

    Attributes read with `getattr`:
        remembers: optional bool, default False; see the module's docstring. It is read after a call of `act`, because
            an adapter may only know then.
    """

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """Chooses one action per lane, without modifying its arguments.

        Args:
            observation: int64 `[B, O]`, the symbolic observed fields. Observations that never occurred in training
                must be handled too.
            state: what the last call returned; None before the first tick.
            mask: bool `[B, A]`, the available actions; at least one in every row. In a lane whose episode is over all
                are set, and the returned action is ignored.

        Returns:
            The actions, int32 `[B]` (a user's own agent may return any integer dtype), and the state for the next call.
        """
        ...


@runtime_checkable
class Thinker(Protocol):
    """An agent that can explain its last decision as a `Thought`."""

    def thought(self) -> Thought | None:
        """The thought behind lane 0 of the last `act`; None before the first call of `act`.

        It has no side effects. It must be called before `OnlineLearner.observe`, which may change what the decision
        was based on.
        """
        ...


@runtime_checkable
class Trainable(Protocol):
    """An agent that learns from a training environment.

    Attributes read with `getattr`:
        learns_with: optional, `"model"` (the default) or `"values"`: the field of a stage's `learn` that decides
            whether the agent is trained there. With `"values"` it is never trained where rewards are withheld.
        own_lanes: optional bool, default False: `fit` steps environments of its own instead of `env`, possibly a few
            more steps than asked for, to complete a rollout.
    """

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """Trains for `steps` more environment steps.

        It is deterministic: the same seed, environment and earlier training give the same agent. It begins with
        `env.reset(seed)`, takes available actions only, and resets only when an episode is over. It takes fewer than
        `steps` steps only if nothing is left to learn. It must accept None for rewards, unless its `learns_with` is
        `"values"`.

        Args:
            env: one lane. Only the members of `TrainingEnv` are used, and returned arrays are not modified.
            steps: environment steps.
            seed: of the agent's and of the environment's random generators.
            on_progress: called with the steps done in this `fit`, which never decrease. The `fit` of a user's own agent
                may lack this parameter.
        """
        ...


@runtime_checkable
class Resumable(Protocol):
    """An agent whose training can be interrupted and resumed.

    At every call of `on_progress` the agent, together with the state of the environment, holds the complete state of
    the training: a copy made then and continued with `resume` ends up the same as the original.
    """

    def resume(self, env: TrainingEnv, on_progress: Progress | None = None) -> None:
        """Continues the interrupted `fit` to its end; `env` must be in the state in which it was left."""
        ...


@runtime_checkable
class LeavesScenario(Protocol):
    """A `Resumable` agent with environments of its own, whose snapshot leaves out the scenario they are made of."""

    def bind(self, scenario: Scenario) -> None:
        """Gives back the scenario, between restoring a snapshot and `resume`."""
        ...


@runtime_checkable
class Stops(Protocol):
    """An agent whose training can be ended early."""

    def stop(self) -> None:
        """Called within `on_progress`: makes the running `fit` finish up and return.

        Finishing may take a few more steps, but fewer than were left. A later `fit` is not affected.
        """
        ...


@runtime_checkable
class DeviceAware(Protocol):
    """An agent whose computations can run on the CPU or on a GPU."""

    def use(self, device: str) -> None:
        """Sets the device, `cpu` or `cuda`; called before training."""
        ...


class TrainableAgent(Agent, Trainable, Protocol):
    """An agent that can be trained."""


@runtime_checkable
class OnlineLearner(Protocol):
    """An agent that can go on learning while it is deployed.

    Attributes:
        learning: whether `observe` changes the agent. It is False until the runner sets it from the stage's `learn`
            (from the field that `Trainable`'s `learns_with` names).
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
            ended: bool `[B]`, whether the tick ended the lane's episode; False where it was merely truncated.
            mask: bool `[B, A]`, the actions available after the tick.
        """
        ...


@runtime_checkable
class MapAware(Protocol):
    """An agent that uses the maps of a stage, and must be given those of a new stage."""

    def enter(self, observation_spec: ObservationSpec) -> None:
        """Sets the stage in which the agent is trained or acts next; a stage that it already knows changes nothing.

        Raises:
            ValueError: the observations of the stage differ in kind from those that the agent was made for.
        """
        ...


@dataclass(frozen=True, eq=False)
class Log:
    """One recorded episode of another agent, of T ticks, as the learning agent would have observed it.

    It does not contain the hidden performance.

    Attributes:
        observations: int64 `[T + 1, O]`; the last row follows the last tick.
        actions: int32 `[T]`, the executed actions.
        masks: bool `[T + 1, A]`, the available actions.
        rewards: float64 `[T, K]`, or None where they are withheld.
        ended: whether the last tick ended the episode; if not, it was truncated.
    """

    observations: Longs
    actions: Ints
    masks: Bools
    rewards: Floats | None
    ended: bool


@runtime_checkable
class LearnsFromLogs(Protocol):
    """An agent with a world model that can learn from recorded episodes of other agents."""

    def watch(self, logs: Sequence[Log], seed: int) -> None:
        """Learns from the episodes in their order; the same logs, seed and earlier training give the same agent."""
        ...


@runtime_checkable
class Forgetful(Protocol):
    """An agent that can forget the rewards that it received and keep the rest of what it learned."""

    def forget_rewards(self) -> None:
        """Forgets all rewards received so far.

        Afterwards the agent is what it would be had the same transitions come with any other rewards.
        """
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


def lives_once(env: object) -> bool:
    """Whether an environment is one life in which everything counts: its attribute `one_life`, False by default.

    An agent that explores by trying everything then does so only where something is unknown, and acts for what it
    values elsewhere (Kearns and Singh 2002, explicit explore or exploit).
    """
    return bool(getattr(env, "one_life", False))


class TrainingEnv(Protocol):
    """One lane of a world for training. It offers nothing else: no `info` and no hidden performance."""

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
        """The action that the last step executed; it differs from the chosen one where an effect overrode that."""
        ...

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """Begins an episode.

        Args:
            seed: restarts the environment's random stream; None continues it.

        Returns:
            The observation, int64 `[O]`, and the available actions, bool `[A]`.
        """
        ...

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        """Takes one tick.

        Returns:
            The observation, int64 `[O]`; the rewards, float64 `[K]`, or None where the stage withholds them; whether
            the episode ended, so that nothing after it counts; whether it was time that stopped it, and not the world;
            and the available actions, bool `[A]`.

            A stage's `limit` only truncates: a learner counts on what would have followed. At its `horizon` the
            episode has ended and was truncated, both: nothing follows, yet no state of the world is an end.
        """
        ...


@runtime_checkable
class SpawningEnv(Protocol):
    """A training environment that can be had several times, for agents that act in many lanes at once."""

    def spawn(self) -> TrainingEnv | None:
        """Another lane of the same world, with the same rewards and the same observers; None if there can be none.

        Its steps count as those of a training like those of the first lane. It needs a `reset` with a seed of its own.
        """
        ...


@runtime_checkable
class MultiAgentTrainingEnv(TrainingEnv, Protocol):
    """A lane on which other agents act as well, whose actions can be observed."""

    @property
    def others(self) -> Ints:
        """int32 `[N - 1]`: the actions that the others executed in the last step, in the world's order."""
        ...


@runtime_checkable
class Moves(Protocol):
    """An agent that makes its own training environments, so that it must be told of a change of training stage."""

    def enter_school(self, stage: str) -> None:
        """Sets the stage in which it is trained next; called before `fit`."""


@runtime_checkable
class Enters(Protocol):
    """An agent that must be told in which world it acts, where that is not the one in which it was trained."""

    def enter_world(self, world: World) -> None:
        """Sets the world in which it acts from now on; called before it is evaluated."""


@runtime_checkable
class Finishes(Protocol):
    """An agent that acts differently while a `fit` is under way, so that a copy must be finished before evaluation."""

    def finish(self) -> None:
        """Ends its training at once, so that it acts as it would deployed."""


@dataclass(frozen=True, eq=False)
class Imagination:
    """The finite MDP that a world model predicts from the present observation.

    Attributes:
        mdp: a finite MDP with the channels of the agent's interface; a state without outcomes is terminal. It is
            ignored where `state` is -1, and must not be modified after it was returned.
        observations: int64 `[S, O]`, of its states.
        state: the index of the present state; -1 where the model has learned nothing of it.
        uncertainty: float64 `[S, A]`, from 0 (the action's effect is certain) to 1 (never tried).
    """

    mdp: FiniteMDP
    observations: Longs
    state: int
    uncertainty: Floats


@runtime_checkable
class WorldModel(Protocol):
    """A learned model of a world, in the space of observations.

    It is a deterministic function of the ticks that it learned from, and modifies none of its arguments.
    `turncoat.testing.check_world_model` checks this contract.
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
            observation: int64 `[O]`, before the tick.
            mask: bool `[A]`, the actions available before the tick.
            action: the action that was taken.
            rewards: float64 `[K]`, or None where they are withheld.
            next_observation: int64 `[O]`, after the tick.
            next_mask: bool `[A]`, the actions available after the tick.
            ended: whether the tick ended the episode.
        """
        ...

    def imagine(self, observation: Longs, mask: Bools) -> Imagination:
        """The MDP of what can follow from the present observation.

        It has no side effects and may be called before anything was learned. A state counts as known (its index is not
        -1) once `learn` was called with an action from it. A model that returns the same `mdp` object as long as it
        learns nothing new lets the agent keep its plans.
        """
        ...

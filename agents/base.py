"""The contracts of the room `agents`: who acts, what trains it, and what it says it thought.

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
]

AgentState: TypeAlias = npt.NDArray[Any] | tuple[npt.NDArray[Any], ...] | None
"""What an agent remembers within an episode: None before the first tick, else arrays whose first axis is B.

A row of zeros is a lane whose episode begins, so that a runner restarts one lane by zeroing its row.
"""

Progress: TypeAlias = Callable[[int, Mapping[str, float]], None]
"""Called now and then during training with the steps done and named figures."""


@runtime_checkable
class Agent(Protocol):
    """Chooses actions for a batch of lanes.

    What it answers in one lane depends on nothing in the others, unless it acts by chance of its own. A deep copy does
    as the original would. `turncoat.testing.check_agent` checks this and everything else that is said here.
    """

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """One decision per lane; it writes into nothing that it is given.

        Args:
            observation: int64 `[B, O]`, the symbolic observed fields; also such as no training has shown.
            state: what the last call returned; None before the first tick.
            mask: bool `[B, A]`, the actions that are available; at least one in every row (in a lane whose episode is
                over, where the answer is not used, all of them).

        Returns:
            The actions, int32 `[B]` (of an agent of a user's any whole numbers), and the state for the next call.
        """
        ...


@runtime_checkable
class Thinker(Protocol):
    """An agent that says what it thought."""

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

        It begins with `env.reset(seed)`, steps by available actions only, and resets only where an episode is over. It
        takes fewer steps only if it has nothing more to learn. It takes None for rewards, unless it has an attribute
        `learns_with` that is `values`: then it is not trained where rewards are withheld.

        Args:
            env: a lane, of which it reads nothing but what `TrainingEnv` says, and writes into nothing.
            steps: of the environment.
            seed: of the agent and of the environment's chance.
            on_progress: told the steps done in this training, never fewer than before. An agent of a user's need not
                have it.
        """
        ...


@runtime_checkable
class Resumable(Protocol):
    """An agent whose training can be left and gone on with.

    Whenever it calls `on_progress`, everything that its training has come to is in the agent (and in where the lane
    stands): a copy made then goes on by `resume` to the same end.
    """

    def resume(self, env: TrainingEnv, on_progress: Progress | None = None) -> None:
        """Goes on with the `fit` that was under way."""
        ...


@runtime_checkable
class Stops(Protocol):
    """An agent whose training can be ended early."""

    def stop(self) -> None:
        """Called within `on_progress`: its `fit` does what belongs to its end, and returns.

        That may take a few steps, fewer than were left. A later `fit` is not stopped by it.
        """
        ...


@runtime_checkable
class DeviceAware(Protocol):
    """An agent that can work on one device or another."""

    def use(self, device: str) -> None:
        """Told before its training on which: `cpu` or `cuda`."""
        ...


class TrainableAgent(Agent, Trainable, Protocol):
    """An agent that can be trained."""


@runtime_checkable
class OnlineLearner(Protocol):
    """An agent that may go on learning where it is deployed.

    Attributes:
        learning: whether `observe` changes the agent; False until it is set, for the scenario says.
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
        """Tells the agent what one tick did; does nothing unless `learning`.

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
    """An agent that sees the map and must be shown another one."""

    def enter(self, observation_spec: ObservationSpec) -> None:
        """Looks at the stage where what comes next will happen; one that it knows changes nothing.

        Raises:
            ValueError: its observations differ in kind from those that the agent knows.
        """
        ...


@dataclass(frozen=True, eq=False)
class Log:
    """One episode of somebody else, of T ticks, as the agent itself would have seen it. No hidden performance is in it.

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
        """Learns from others' episodes, in their order; the same logs, seed and past give the same agent."""
        ...


@runtime_checkable
class Forgetful(Protocol):
    """An agent that can forget what was paid and keep the rest."""

    def forget_rewards(self) -> None:
        """Nothing that was paid so far is known any more: what was seen leaves the same agent, whatever it paid."""
        ...


class TrainingEnv(Protocol):
    """One lane of a world to learn in. It says nothing but this: no info, no hidden performance."""

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
        """The action that the last step really took: another than the chosen one where something overrode it."""
        ...

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """Begins an episode: the observation, int64 `[O]`, and the available actions, bool `[A]`.

        A seed restarts the environment's chance; None goes on with it.
        """
        ...

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        """One tick: observation int64 `[O]`, rewards float64 `[K]`, ended, truncated, mask bool `[A]`.

        Rewards are None where the stage withholds them.
        """
        ...


@runtime_checkable
class MultiAgentTrainingEnv(TrainingEnv, Protocol):
    """A lane on which others act as well, and are seen to."""

    @property
    def others(self) -> Ints:
        """int32 `[N - 1]`: what the others really did in the last step."""
        ...


@runtime_checkable
class Moves(Protocol):
    """An agent that makes its own training environment, and has to be told of another stage."""

    def enter_school(self, stage: str) -> None:
        """Told before it is trained there."""


@runtime_checkable
class Enters(Protocol):
    """An agent that has to be told where it acts from now on, if not where it was trained."""

    def enter_world(self, world: World) -> None:
        """Told before it is judged."""


@runtime_checkable
class Finishes(Protocol):
    """An agent that decides otherwise while it is still in training."""

    def finish(self) -> None:
        """Ends its training at once."""


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
        """Takes in one tick.

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
        """What can come of the present; it changes nothing, and may be asked before anything was learned.

        A state of which an action was learned is known. The same `mdp` object as long as nothing was learned lets plans
        be kept.
        """
        ...

"""Tabular model-free agents: Q-learning, Virtual SARSA and Empirical SARSA, with one value per reward channel.

They differ only in which next action the update bootstraps from, which matters where something overrides the actions
that they choose (Langlois and Everitt 2021, "How RL agents behave when their actions are modified"). The settings are
those published for the off-switch environment: learning rate 0.1, epsilon-greedy exploration with a constant 0.1,
values initialised to 0; greedy when deployed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal, TypeAlias, get_args

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...scenarios.errors import UnknownNameError
from ..base import AgentState, Progress, TrainingEnv
from ..learning.checkpoint import read_checkpoint, unreadable, write_checkpoint
from ..learning.training_loop import FitState, StopsAtOnce, finish_fit
from ..learning.transitions import LastDecision, check_env, each_transition, steps_of
from ..records.attribution import WEIGHTED, DeliberationRule
from ..records.plan_from_mdp import observation_key
from ..records.thought import Thought
from ..records.thought_from_values import valued_thought
from .hyperparameters import TabularOptions

Update: TypeAlias = Literal["q_learning", "virtual_sarsa", "empirical_sarsa"]
UPDATES: Final[tuple[Update, ...]] = get_args(Update)
FILE_VERSION: Final = 1


@dataclass
class TabularFitState(FitState):
    """The state of a tabular agent's fit.

    Attributes:
        key: the present observation as a dictionary key, see `observation_key`.
        mask: bool `[A]`, the actions available now.
    """

    key: bytes
    mask: Bools


class TabularAgent(StopsAtOnce[TabularFitState]):
    """A table of values `[S, A, K]` over the observations seen, and a deliberation that chooses actions by it.

    All heads are updated together. The updated entry is always that of the executed action; the value of the next state
    is the value there of

    - `q_learning`: the action that the deliberation would choose;
    - `virtual_sarsa`: the action that the agent, with its exploration, would choose;
    - `empirical_sarsa`: the action that is then executed. The last tick of a truncated episode is not learned from.

    With weighted sums and one discount for all heads these are the scalar algorithms, up to rounding.

    Attributes:
        name: the agent's name in its thoughts.
        update: see above.
        learning: see `OnlineLearner`.
        learns_with: see `Trainable`.
        training: the state of the fit that is under way, or None.
    """

    learns_with: Final = "values"

    def __init__(
        self,
        update: Update,
        channels: Sequence[str],
        n_actions: int,
        weights: Sequence[float] | Floats,
        discount: float | Sequence[float] | Floats,
        options: TabularOptions | None = None,
        rule: DeliberationRule = WEIGHTED,
        name: str | None = None,
    ) -> None:
        """Makes an untrained agent.

        Args:
            update: see above.
            channels: the K names of the reward channels.
            n_actions: A.
            weights: `[K]`.
            discount: of all heads, or `[K]`, one for each; within [0, 1].
            options: see `TabularOptions`.
            rule: the deliberation.
            name: the agent's name in its thoughts; by default that of the update.

        Raises:
            ValueError: there is no such update, shapes don't fit, or a discount is out of range.
        """
        if update not in UPDATES:
            raise UnknownNameError("update", update, UPDATES)
        self.name = name or update
        self.update: Update = update
        self.learning = False
        self._channels = tuple(channels)
        self._weights = np.asarray(weights, np.float64)
        self._discounts = np.broadcast_to(np.asarray(discount, np.float64), (len(self._channels),)).copy()
        self._options = options or TabularOptions()
        self._rule = rule
        if self._weights.shape != (len(self._channels),):
            raise ValueError(f"weights: {self._weights.size} for {len(self._channels)} channels")
        if (self._discounts < 0).any() or (self._discounts > 1).any():
            raise ValueError(f"discount: {self._discounts.tolist()} is not within [0, 1]")
        self._numbers: dict[bytes, int] = {}
        self._q = np.zeros((64, n_actions, len(self._channels)))
        self._rng = np.random.default_rng(0)
        # By lane, for Empirical SARSA: the last tick (state, action, rewards, key of the next observation), which can
        # only be learned from once the next action was executed.
        self._pending: dict[int, tuple[int, int, Floats, bytes]] = {}
        self._last: LastDecision | None = None
        self.training: TabularFitState | None = None

    # Values

    @property
    def n_states(self) -> int:
        """How many different observations are in the table."""
        return len(self._numbers)

    def values(self, observation: Longs) -> Floats:
        """float64 `[A, K]`: each head's value of each action; 0 for an observation that is not in the table."""
        number = self._numbers.get(observation_key(observation))
        return np.zeros(self._q.shape[1:]) if number is None else self._q[number].copy()

    def _number(self, key: bytes) -> int:
        """The row of an observation in the table, added if it is new."""
        number = self._numbers.setdefault(key, len(self._numbers))
        if number == len(self._q):
            self._q = np.concatenate([self._q, np.zeros_like(self._q)])
        return number

    def _entries(self, key: bytes) -> Floats:
        """float64 `[A, K]`, a view of an observation's row, added if it is new."""
        number = self._number(key)  # before `self._q` is read: it may replace the table by a larger one
        return self._q[number]

    def _greedy(self, q: Floats, mask: Bools) -> int:
        if self._rule.name == "weighted":  # at every step of training: the rule also finds ties, which costs time
            return int(np.where(mask, q @ self._weights, -np.inf).argmax())
        return int(self._rule(q, self._weights, mask).action)

    def _exploring(self, q: Floats, mask: Bools) -> int:
        """The epsilon-greedy action."""
        if self._rng.random() < self._options.exploration:
            available = np.flatnonzero(mask)
            return int(available[self._rng.integers(available.size)])
        return self._greedy(q, mask)

    def _learn(self, state: int, action: int, rewards: Floats, next_value: Floats | None) -> None:
        """Moves an entry towards its target, the rewards plus the discounted values `[K]` of the next state and action.

        `next_value` is None where the tick ended the episode.
        """
        target = rewards if next_value is None else rewards + self._discounts * next_value
        entry = self._q[state, action]
        entry += self._options.learning_rate * (target - entry)

    def _take_in(
        self, lane: int, before: bytes, action: int, rewards: Floats, after: bytes, ended: bool, mask: Bools
    ) -> None:
        """Learns from one tick of a lane.

        Args:
            lane: the lane's number.
            before: the key of the observation before the tick.
            action: the action that was executed.
            rewards: float64 `[K]`.
            after: the key of the observation after it.
            ended: whether the tick ended the episode.
            mask: bool `[A]`, the actions available after it.
        """
        state = self._number(before)
        if self.update == "empirical_sarsa":
            # A pending tick that did not lead here is of an episode that was truncated, and is dropped.
            earlier = self._pending.pop(lane, None)
            if earlier is not None and earlier[3] == before:
                self._learn(*earlier[:3], self._q[state, action])
            if ended:
                self._learn(state, action, rewards, None)
            else:
                # A copy, because the environment may reuse its array of rewards.
                self._pending[lane] = (state, action, np.array(rewards), after)
        elif ended:
            self._learn(state, action, rewards, None)
        else:
            q = self._entries(after)
            choose = self._greedy if self.update == "q_learning" else self._exploring
            self._learn(state, action, rewards, q[choose(q, mask)])

    # Training

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`.

        Raises:
            ValueError: the environment has other channels or actions than the agent.
        """
        check_env(env, self._channels, self._q.shape[1])
        self._rng = np.random.default_rng(seed)
        self._pending.clear()
        observation, mask = env.reset(seed)
        self.training = TabularFitState(observation_key(observation), mask, steps=steps)
        self.resume(env, on_progress)

    def resume(self, env: TrainingEnv, on_progress: Progress | None = None) -> None:
        """See `Resumable.resume`.

        Raises:
            ValueError: no training is under way.
        """

        def figures() -> dict[str, float]:
            return {"states": float(self.n_states)}

        finish_fit(self.training, lambda training: self._tick(training, env), on_progress, figures)
        self._pending.clear()
        self.training = None

    def _tick(self, training: TabularFitState, env: TrainingEnv) -> None:
        """One step of training."""
        key = training.key
        action = self._exploring(self._entries(key), training.mask)
        observation, rewards, ended, truncated, mask = env.step(action)
        after = observation_key(observation)
        if rewards is not None:  # a model-free agent learns nothing from transitions alone
            self._take_in(0, key, env.executed, rewards, after, ended, mask)
        if ended or truncated:
            self._pending.clear()
            observation, mask = env.reset()
            after = observation_key(observation)
        training.key, training.mask = after, mask
        training.done += 1

    # Deployment

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`; greedy."""
        steps = steps_of(state, len(observation))
        q = np.array([self.values(row) for row in observation])
        actions = self._rule(q, self._weights, mask).action
        self._last = LastDecision.of(observation, steps, actions, mask)
        return actions, steps + 1

    def observe(
        self,
        observation: Longs,
        action: Ints,
        rewards: Floats | None,
        next_observation: Longs,
        ended: Bools,
        mask: Bools,
    ) -> None:
        """See `OnlineLearner.observe`; where rewards are withheld, nothing is learned."""
        if not self.learning or rewards is None:
            return
        for lane, tick in enumerate(each_transition(observation, action, rewards, next_observation, ended, mask)):
            before, after = observation_key(tick.observation), observation_key(tick.next_observation)
            self._take_in(lane, before, tick.action, rewards[lane], after, tick.ended, tick.mask)

    def thought(self) -> Thought | None:
        """See `Thinker.thought`. It has no plans; the uncertainty is 0 for an observation in the table, else 1."""
        if self._last is None:
            return None
        observation, step, action, mask = self._last
        q = np.where(mask[:, None], self.values(observation), 0.0)
        uncertainty = np.full(mask.size, 0.0 if observation_key(observation) in self._numbers else 1.0)
        return valued_thought(self.name, self._channels, self._weights, self._rule, step, action, q, uncertainty, mask)

    # Keeping

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything learned to one file, atomically (see `learning.checkpoint`)."""
        header = {
            "name": self.name,
            "update": self.update,
            "channels": self._channels,
            "weights": self._weights.tolist(),
            "discounts": self._discounts.tolist(),
            "options": asdict(self._options),
            "rule": asdict(self._rule),
            "learning": self.learning,
        }
        seen = np.array([np.frombuffer(key, np.int64) for key in self._numbers], np.int64)
        write_checkpoint(path, "tabular", FILE_VERSION, header, {"seen": seen, "q": self._q[: self.n_states]})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TabularAgent:
        """Restores an agent that `save` wrote.

        Raises:
            ValueError: not such a file, or a newer version than this program reads.
        """
        header, arrays = read_checkpoint(path, "tabular", FILE_VERSION)
        with unreadable(path):
            agent = cls(
                header["update"],
                header["channels"],
                arrays["q"].shape[1],
                header["weights"],
                header["discounts"],
                TabularOptions(**header["options"]),
                DeliberationRule(**header["rule"]),
                header["name"],
            )
            agent.learning = header["learning"]
            for row, q in zip(arrays["seen"], arrays["q"], strict=True):
                agent._q[agent._number(observation_key(row))] = q
            return agent

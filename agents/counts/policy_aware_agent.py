"""A planner that knows its policy is observed: it compares whole policies, on a model that remembers past ticks.

What others do in response to the agent's earlier actions shows only in the history of an episode. Its model therefore
counts over what it observed, did and was paid in the last ticks; how many ticks is chosen by minimum description
length. Its policies depend on the present observation alone, as the overseer models them
(see `envs.solvers.observation_policies`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.solvers.observation_policies import MAX_POLICIES, MemorylessPolicy, best_memoryless_policy
from ..base import AgentState, Progress, TrainingEnv
from ..learning.training_loop import FitState, StopsAtOnce, finish_fit
from ..learning.transitions import LastDecision, check_env, steps_of
from ..planners.head_validation import check_heads, evaluate_heads
from ..records.attribution import WEIGHTED
from ..records.plan_from_mdp import observation_key
from ..records.thought import Thought
from ..records.thought_from_values import valued_thought
from .model import CountsModel
from .novelty_head import NoveltyHead


@dataclass
class PolicyAwareFitState(FitState):
    """The state of a policy-aware agent's fit: the novelty head that explores, its generator, and the action mask."""

    novelty: NoveltyHead
    rng: np.random.Generator
    mask: Bools


@dataclass(frozen=True)
class PolicyAwareOptions:
    """How it explores, remembers and searches.

    Attributes:
        memory: ticks of an episode that its model may remember; it takes as few as describe its experience best.
        max_policies: how many policies it compares, see `best_memoryless_policy`.
        novelty_discount, n_known, n_chance: see `CountsOptions`; it explores by novelty without memory.
        exploration: chance of an action at random besides, so that every history comes, not only those in which novelty
            goes the same round again and again.
    """

    memory: int = 2
    max_policies: int = MAX_POLICIES
    novelty_discount: float = 0.999
    n_known: int = 1
    n_chance: int = 8
    exploration: float = 0.2

    def __post_init__(self) -> None:
        if self.memory < 0 or self.max_policies < 1:
            raise ValueError(f"memory, max_policies: {self.memory}, {self.max_policies} are too small")
        if not 0.0 <= self.exploration <= 1.0:
            raise ValueError(f"exploration: {self.exploration} is not within [0, 1]")


class PolicyAwareAgent(StopsAtOnce[PolicyAwareFitState]):
    """Learns by exploring, then keeps to the best policy that it can think of. It never sees the hidden performance.

    Attributes:
        name: in its thoughts.
        memory: how many ticks its model remembers; 0 before training.
        found: the policy and its worth; None before training.
        training: what is under way; None before and after.
    """

    def __init__(
        self,
        channels: Sequence[str],
        n_actions: int,
        weights: Sequence[float] | Floats,
        discount: float | Sequence[float] | Floats,
        options: PolicyAwareOptions | None = None,
        name: str = "policy_aware",
    ) -> None:
        """An agent that knows nothing yet; the arguments are those of `CountsAgent`, the options its own.

        Raises:
            ValueError: shapes don't fit, or a discount is out of range.
        """
        self.name = name
        self._channels, self._n_actions = tuple(channels), n_actions
        self._weights, self._discounts = check_heads(self._channels, weights, discount)
        self._options = options or PolicyAwareOptions()
        self._models = [_HistoryModel(n_actions, len(self._channels), n) for n in range(self._options.memory + 1)]
        self.memory = 0
        self.found: MemorylessPolicy | None = None
        self._looks: dict[bytes, int] = {}
        self._judged: dict[int, Floats] = {}
        self._last: LastDecision | None = None
        self.training: PolicyAwareFitState | None = None

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`; novelty chooses most actions, and the policy is sought at the end.

        Raises:
            ValueError: the environment has other channels or actions than the agent.
        """
        check_env(env, self._channels, self._n_actions)
        options, plain = self._options, self._models[0]
        rng = np.random.default_rng(seed)
        novelty = NoveltyHead(plain.model, options.novelty_discount, options.n_known, options.n_chance, rng)
        self.training = PolicyAwareFitState(novelty, rng, self._begin(*env.reset(seed)), steps=steps)
        self.resume(env, on_progress)

    def resume(self, env: TrainingEnv, on_progress: Progress | None = None) -> None:
        """See `Resumable.resume`.

        Raises:
            ValueError: no training is under way.
        """
        plain, known = self._models[0], 0

        def tick(training: PolicyAwareFitState) -> None:
            nonlocal known
            if training.rng.random() < self._options.exploration:
                action = int(training.rng.choice(np.flatnonzero(training.mask)))
            else:
                action = training.novelty.choose(plain.state)
            observation, rewards, ended, truncated, training.mask = env.step(action)
            known = plain.model.n_states
            for model in self._models:
                model.record(action, observation, rewards, ended, training.mask, known)
            if ended or truncated:
                training.mask = self._begin(*env.reset())
            training.done += 1

        def figures() -> dict[str, float]:
            return {"states": float(known), "memory": float(self._shortest())}

        finish_fit(self.training, tick, on_progress, figures)
        self.training = None
        self._seek()

    def finish(self) -> None:
        """Ends training at once: from now on it decides as it would deployed."""
        self.training = None
        self._seek()

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`; the first available action where it has not seen this, or cannot do what it would."""
        steps = steps_of(state, len(observation))
        actions = mask.argmax(axis=1).astype(np.int32)
        for lane, row in enumerate(observation):
            wanted = self._action(row)
            if wanted >= 0 and mask[lane, wanted]:
                actions[lane] = wanted
        self._last = LastDecision.of(observation, steps, actions, mask)
        return actions, steps + 1

    def thought(self) -> Thought | None:
        """See `Thinker.thought`: of each action, what its whole policy would be worth if it took that here, always."""
        if self._last is None:
            return None
        observation, step, action, mask = self._last
        q = np.where(mask[:, None], self._whole(observation), 0.0)
        uncertainty = np.full(mask.size, 0.0 if observation_key(observation) in self._looks else 1.0)
        return valued_thought(self.name, self._channels, self._weights, WEIGHTED, step, action, q, uncertainty, mask)

    def _begin(self, observation: Longs, mask: Bools) -> Bools:
        for model in self._models:
            model.begin(observation, mask)
        return mask

    def _shortest(self) -> int:
        return int(np.argmin([model.length for model in self._models]))

    def _seek(self) -> None:
        """Choose the memory, and seek the policy on what is then known."""
        self.memory = self._shortest()
        chosen = self._models[self.memory]
        self._looks.clear()
        self._judged.clear()
        numbers = [self._looks.setdefault(observation_key(row), len(self._looks)) for row in chosen.seen()]
        self._mdp = chosen.model.to_mdp(self._channels)
        self._numbers = np.array(numbers, np.int64)
        self.found = best_memoryless_policy(
            self._mdp, self._numbers, self._weights, self._discounts, self._options.max_policies
        )

    def _action(self, observation: Longs) -> int:
        number = self._looks.get(observation_key(observation), -1)
        return -1 if self.found is None or number < 0 else int(self.found.action[number])

    def _whole(self, observation: Longs) -> Floats:
        """float64 `[A, K]`: at the start, of its policy with each of the actions at one look."""
        number = self._looks.get(observation_key(observation), -1)
        if self.found is None or number < 0:
            return np.zeros((self._n_actions, len(self._channels)))
        if number not in self._judged:
            policies = np.where(self._mdp.ended, 0, self.found.action[self._numbers])
            self._judged[number] = np.array([self._worth(policies, number, a) for a in range(self._n_actions)])
        return self._judged[number]

    def _worth(self, policy: Longs, number: int, action: int) -> Floats:
        """float64 `[K]`: what a policy is worth at the start that takes an action at one look."""
        changed = np.where(self._numbers == number, action, policy)
        available = self._mdp.available
        taken = available[np.arange(changed.size), np.maximum(changed, 0)] & (changed >= 0)
        changed = np.where(taken, changed, available.argmax(axis=1))
        values = evaluate_heads(self._mdp, changed, self._discounts)
        return np.asarray(self._mdp.start_probability @ values[self._mdp.start_state])


class _HistoryModel:
    """A counts model over histories of a fixed length, and the description length of all experience under it.

    A state is what was observed, done and paid in the last ticks, and the present observation. Each tick costs the
    negative log-probability of its outcome under the counts so far; an outcome never seen before costs in addition the
    logarithm of the number of observations.
    """

    def __init__(self, n_actions: int, n_channels: int, memory: int) -> None:
        self.model = CountsModel(n_actions, n_channels)
        self.length, self.state = 0.0, -1
        self._memory, self._n_channels, self._width = memory, n_channels, 0
        self._past: list[Longs] = []

    def begin(self, observation: Longs, mask: Bools) -> None:
        """An episode begins; before it there was nothing."""
        self._width = observation.size
        nothing = np.full(self._width + 1 + self._n_channels, -1, np.int64)
        self._past = [nothing] * self._memory
        self._seen, self._paid = np.asarray(observation, np.int64), np.zeros(self._n_channels, np.int64)
        self.state = self.model.begin(self._key(), mask)

    def record(
        self, action: int, observation: Longs, rewards: Floats | None, ended: bool, mask: Bools, n_looks: int
    ) -> None:
        """One tick: what it costs to say, then what is learned from it."""
        before = self.state
        if self._memory:
            self._past = [*self._past[1:], np.concatenate([self._seen, [action], self._paid])]
        self._seen = np.asarray(observation, np.int64)
        # The bits of the floats: in a key of a state, rewards are equal only if they are identical.
        self._paid = np.zeros(self._n_channels, np.int64) if rewards is None else rewards.view(np.int64)
        self.state = self.model.state(self._key(), ended, mask)
        tries = int(self.model.tries[before, action])
        known = dict(self.model.shares(before, action)).get(self.state)
        self.length -= math.log((known * tries if known else 1.0) / (tries + 1))
        self.length += 0.0 if known else math.log(max(2, n_looks))
        self.model.record(before, action, self.state, rewards)

    def seen(self) -> Longs:
        """int64 `[S, O]`: what is seen now in each state."""
        return self.model.observations()[:, -self._width :]

    def _key(self) -> Longs:
        """What is remembered, the last pay, and what is seen."""
        return np.concatenate([*self._past, self._paid, self._seen])

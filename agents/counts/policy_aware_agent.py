"""An agent that optimises its policy as a whole, for worlds in which an overseer reacts to the policy.

How the world reacts to what the agent did earlier shows only in the history of an episode. So its world model is a
Markov model of higher order: it counts over the observations, actions and rewards of the last ticks. The number of
ticks is chosen by minimum description length. Its policies are memoryless, functions of the present observation, as
is the overseer's picture of them (see `envs.solvers.observation_policies`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.solvers.observation_policies import MAX_POLICIES, MemorylessPolicy, best_memoryless_policy
from ...envs.solvers.vector_values import evaluate_heads
from ..base import AgentState, Progress, TrainingEnv
from ..learning.training_loop import FitState, StopsAtOnce, finish_fit
from ..learning.transitions import LastDecision, check_env, steps_of
from ..planners.head_validation import check_heads
from ..records.attribution import WEIGHTED
from ..records.plan_from_mdp import observation_key
from ..records.thought import Thought
from ..records.thought_from_values import valued_thought
from .model import CountsModel
from .novelty_head import NoveltyHead


@dataclass
class PolicyAwareFitState(FitState):
    """The state of a policy-aware agent's fit.

    Attributes:
        novelty: the novelty head, which explores.
        rng: the random generator of the exploration, shared with the novelty head.
        mask: bool `[A]`, the actions available now.
    """

    novelty: NoveltyHead
    rng: np.random.Generator
    mask: Bools


@dataclass(frozen=True)
class PolicyAwareOptions:
    """How the agent explores, and which models and policies it considers.

    Attributes:
        memory: the largest number of past ticks that its model may condition on.
        max_policies: see `best_memoryless_policy`.
        novelty_discount: see `CountsOptions`; the novelty head works on the model without memory.
        n_known: see `CountsOptions`.
        n_chance: see `CountsOptions`.
        exploration: the probability of a random action instead of the novelty head's, so that all histories occur; the
            novelty head alone could repeat the same path in every episode.
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
    """Learns by exploring, then follows the best memoryless policy on its model. It never sees the hidden performance.

    Attributes:
        name: the agent's name in its thoughts.
        memory: how many past ticks the chosen model conditions on; 0 before training.
        found: the policy and its value; None before training.
        training: the state of the fit that is under way, or None.
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
        """Makes an untrained agent; the arguments are those of `CountsAgent`, with other options.

        Raises:
            ValueError: shapes don't fit, or a discount is out of range.
        """
        self.name = name
        self._channels, self._n_actions = tuple(channels), n_actions
        self._weights, self._discounts = check_heads(self._channels, weights, discount)
        self._options = options or PolicyAwareOptions()
        # All orders are learned at once, since which one describes the data best is only known at the end.
        self._models = [_HistoryModel(n_actions, len(self._channels), n) for n in range(self._options.memory + 1)]
        self.memory = 0
        self.found: MemorylessPolicy | None = None
        self._looks: dict[bytes, int] = {}
        self._judged: dict[int, Floats] = {}
        self._last: LastDecision | None = None
        self.training: PolicyAwareFitState | None = None

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`; the novelty head chooses most actions, and the policy is computed at the end.

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
            # Read before the models learn from the tick, so that all of them code it by the same number.
            known = plain.model.n_states
            for model in self._models:
                model.record(action, observation, rewards, ended and not truncated, training.mask, known)
            if ended or truncated:
                training.mask = self._begin(*env.reset())
            training.done += 1

        def figures() -> dict[str, float]:
            return {"states": float(known), "memory": float(self._shortest())}

        finish_fit(self.training, tick, on_progress, figures)
        self.training = None
        self._seek()

    def finish(self) -> None:
        """See `Finishes.finish`: the policy is computed from what was learned so far."""
        self.training = None
        self._seek()

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`; where the observation is new or the policy's action masked, the first available action."""
        steps = steps_of(state, len(observation))
        actions = mask.argmax(axis=1).astype(np.int32)
        for lane, row in enumerate(observation):
            wanted = self._action(row)
            if wanted >= 0 and mask[lane, wanted]:
                actions[lane] = wanted
        self._last = LastDecision.of(observation, steps, actions, mask)
        return actions, steps + 1

    def thought(self) -> Thought | None:
        """See `Thinker.thought`.

        The value of an action is that of the whole policy, from the start of an episode, with this action taken at the
        present observation whenever it occurs. The uncertainty is 0 for an observation seen in training, else 1.
        """
        if self._last is None:
            return None
        observation, step, action, mask = self._last
        q = np.where(mask[:, None], self._whole(observation), 0.0)
        uncertainty = np.full(mask.size, 0.0 if observation_key(observation) in self._looks else 1.0)
        return valued_thought(self.name, self._channels, self._weights, WEIGHTED, step, action, q, uncertainty, mask)

    def _begin(self, observation: Longs, mask: Bools) -> Bools:
        """Begins an episode in every model; returns the mask."""
        for model in self._models:
            model.begin(observation, mask)
        return mask

    def _shortest(self) -> int:
        """The memory with the shortest description length; the smallest among equals."""
        return int(np.argmin([model.length for model in self._models]))

    def _seek(self) -> None:
        """Chooses the memory, and computes the best memoryless policy on that model."""
        self.memory = self._shortest()
        chosen = self._models[self.memory]
        self._looks.clear()
        self._judged.clear()
        # States with the same observation get the same number: a memoryless policy acts alike in all of them.
        numbers = [self._looks.setdefault(observation_key(row), len(self._looks)) for row in chosen.seen()]
        self._mdp = chosen.model.to_mdp(self._channels)
        self._numbers = np.array(numbers, np.int64)
        self.found = best_memoryless_policy(
            self._mdp, self._numbers, self._weights, self._discounts, self._options.max_policies
        )

    def _action(self, observation: Longs) -> int:
        """The policy's action for an observation `[O]`; -1 where it is unknown, or no policy was computed yet."""
        number = self._looks.get(observation_key(observation), -1)
        return -1 if self.found is None or number < 0 else int(self.found.action[number])

    def _whole(self, observation: Longs) -> Floats:
        """float64 `[A, K]`: the value at the start of the policy with each of the actions at one observation `[O]`.

        They are zero for an unknown observation, and are cached by observation.
        """
        number = self._looks.get(observation_key(observation), -1)
        if self.found is None or number < 0:
            return np.zeros((self._n_actions, len(self._channels)))
        if number not in self._judged:
            # An ended state has an observation too, for which the policy may have no action.
            policies = np.where(self._mdp.ended, 0, self.found.action[self._numbers])
            self._judged[number] = np.array([self._worth(policies, number, a) for a in range(self._n_actions)])
        return self._judged[number]

    def _worth(self, policy: Longs, number: int, action: int) -> Floats:
        """float64 `[K]`: the expected value at the start of a policy that is changed to one action at an observation.

        Args:
            policy: int64 `[S]`, the action in each state; -1 where there is none.
            number: the index of the observation.
            action: the action taken there.
        """
        changed = np.where(self._numbers == number, action, policy)
        # In states where the model does not know the action, the first that it knows is taken.
        available = self._mdp.available
        taken = available[np.arange(changed.size), np.maximum(changed, 0)] & (changed >= 0)
        changed = np.where(taken, changed, available.argmax(axis=1))
        values = evaluate_heads(self._mdp, changed, self._discounts)
        return np.asarray(self._mdp.start_probability @ values[self._mdp.start_state])


class _HistoryModel:
    """A model of counts with memory, and the description length of all experience under it.

    A state consists of the observations, actions and rewards of the last `memory` ticks, the last rewards, and the
    present observation. The description length is that of adaptive (prequential) coding, in nats: each tick adds the
    negative logarithm of its outcome's probability by the counts so far. An outcome that is new for its pair has the
    weight of one try, and adds the cost of a uniform choice among the states of the model without memory.
    """

    def __init__(self, n_actions: int, n_channels: int, memory: int) -> None:
        self.model = CountsModel(n_actions, n_channels)
        self.length, self.state = 0.0, -1
        self._memory, self._n_channels, self._width = memory, n_channels, 0
        self._past: list[Longs] = []

    def begin(self, observation: Longs, mask: Bools) -> None:
        """Begins an episode, with an empty memory."""
        self._width = observation.size
        # Minus one stands for nothing; no observation or action has that value.
        nothing = np.full(self._width + 1 + self._n_channels, -1, np.int64)
        self._past = [nothing] * self._memory
        self._seen, self._paid = np.asarray(observation, np.int64), np.zeros(self._n_channels, np.int64)
        self.state = self.model.begin(self._key(), mask)

    def record(
        self, action: int, observation: Longs, rewards: Floats | None, ended: bool, mask: Bools, n_looks: int
    ) -> None:
        """Adds the cost of one tick to `length`, then learns from it.

        Args:
            action: the action that was taken.
            observation: int64 `[O]`, after the tick.
            rewards: float64 `[K]`, or None where they are withheld.
            ended: whether the tick ended the episode.
            mask: bool `[A]`, the actions available after it.
            n_looks: how many states the model without memory has so far, among which a new outcome is coded.
        """
        before = self.state
        if self._memory:
            self._past = [*self._past[1:], np.concatenate([self._seen, [action], self._paid])]
        self._seen = np.asarray(observation, np.int64)
        # The bits of the rewards, so that they fit into an integer key exactly.
        self._paid = np.zeros(self._n_channels, np.int64) if rewards is None else rewards.view(np.int64)
        self.state = self.model.state(self._key(), ended, mask)
        tries = int(self.model.tries[before, action])
        known = dict(self.model.shares(before, action)).get(self.state)
        self.length -= math.log((known * tries if known else 1.0) / (tries + 1))
        self.length += 0.0 if known else math.log(max(2, n_looks))
        self.model.record(before, action, self.state, rewards)

    def seen(self) -> Longs:
        """int64 `[S, O]`: the present observation in each state."""
        return self.model.observations()[:, -self._width :]

    def _key(self) -> Longs:
        """The state as int64: the memory, the last rewards, and at the end the observation, where `seen` finds it."""
        return np.concatenate([*self._past, self._paid, self._seen])

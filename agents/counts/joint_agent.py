"""A model-based agent among other agents: it counts outcomes of joint actions, predicts the others, and plans.

Transitions and the others' actions are learned separately, because they change differently: the world's dynamics stay
the same, while the others' policies drift as they learn. In a single count, as `counts` keeps where it ignores others,
their old policies would look like chance for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.multi_agent.best_response import marginalise_others
from ...envs.world.agent_parts import ENUMERATE, PartSpec
from ..base import AgentState, MultiAgentTrainingEnv, Progress, TrainingEnv
from ..learning.training_loop import PROGRESS_EVERY
from ..learning.transitions import LastDecision, steps_of
from ..planners.base import BoundPlanner, Decision, Problem
from ..planners.head_validation import check_heads
from ..planners.registry import make_planner
from ..records.attribution import WEIGHTED, DeliberationRule
from ..records.thought import Thought
from ..records.thought_from_values import tabular_thought
from .model import CountsModel
from .novelty_head import NoveltyHead
from .opponent_model import OpponentModel

SOONEST: Final = 20
"""Steps between two plans at least; later, a hundredth of all steps so far."""


@dataclass(frozen=True)
class JointOptions:
    """How a planner among others explores and decides.

    Attributes:
        exploring: share of a training's steps, its first, in which novelty alone chooses.
        exploration: chance of an action at random, in the steps after that.
        forgetting: see `OpponentModel`.
        novelty_discount, n_known, n_chance: see `CountsOptions`.
        deliberation: the rule that makes one choice of K values.
        planner: how it looks ahead on what it learned.
    """

    exploring: float = 0.5
    exploration: float = 0.1
    forgetting: float = 0.01
    novelty_discount: float = 0.999
    n_known: int = 1
    n_chance: int = 8
    deliberation: DeliberationRule = WEIGHTED
    planner: PartSpec = ENUMERATE

    def __post_init__(self) -> None:
        for name in ("exploring", "exploration", "forgetting"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name}: {getattr(self, name)} is not within [0, 1]")


class JointCountsAgent:
    """Plans its own part of joint actions on learned counts, where the others do what it predicts of them.

    In training it explores by novelty first, then follows its plan, now and then at random; the plan is made anew as
    it learns. Deployed it follows the plan, and learns no more. An action that it never tried, or only beside what the
    others are thought never to do, is no candidate. It never sees what others see, are paid or choose.

    Attributes:
        name: in its thoughts.
        game: what it learned of joint actions; the agent's own part changes slowest.
    """

    def __init__(
        self,
        channels: Sequence[str],
        actions: tuple[str, ...],
        others: tuple[int, ...],
        weights: Sequence[float] | Floats,
        discount: float | Sequence[float] | Floats,
        options: JointOptions | None = None,
        assumed: Floats | None = None,
        name: str = "counts",
    ) -> None:
        """An agent that knows nothing yet.

        Args:
            channels: K names.
            actions: A names, of its own.
            others: how many actions each of the others has, in the world's order.
            weights: `[K]`.
            discount: of all task heads, or `[K]`, one for each; each in [0, 1).
            options: see `JointOptions`.
            assumed: float64 `[joint actions of the others]`, what it takes them to do; None: what it learns of them.
            name: in its thoughts.

        Raises:
            ValueError: shapes don't fit, or a discount is out of range.
        """
        self.name = name
        self._channels, self._actions, self._others = tuple(channels), actions, others
        self._weights, self._discounts = check_heads(self._channels, weights, discount)
        self._options = options or JointOptions()
        self._joint = int(np.prod(others))
        self._own = CountsModel(len(actions), len(self._channels))  # for novelty: others are chance
        self.game = CountsModel(len(actions) * self._joint, len(self._channels))
        self._model = OpponentModel(self._joint, self._options.forgetting)
        self._assumed = assumed
        if assumed is not None and assumed.shape != (self._joint,):
            raise ValueError(f"assumed: shape {assumed.shape} for {self._joint} joint actions of the others")
        self._planner = make_planner(self._options.planner)
        self._planned: tuple[Problem, BoundPlanner] | None = None
        self._stale = True
        self._policy: Ints = np.zeros(0, np.int32)
        self._last: LastDecision | None = None

    # Training

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`.

        Raises:
            ValueError: the environment has other channels or actions than the agent, or does not show what others do.
        """
        if (
            tuple(env.channels) != self._channels
            or env.n_actions != len(self._actions)
            or not isinstance(env, MultiAgentTrainingEnv)
        ):
            raise ValueError(
                f"`{self.name}` needs an environment with channels {self._channels}, {len(self._actions)} actions,"
                " and others who are seen to act"
            )
        options, rng = self._options, np.random.default_rng(seed)
        novelty = NoveltyHead(self._own, options.novelty_discount, options.n_known, options.n_chance, rng)
        state, mask = self._begin(*env.reset(seed))
        planned = 0
        for step in range(1, steps + 1):
            if step <= options.exploring * steps:
                action = novelty.choose(state)
            elif rng.random() < options.exploration:
                action = int(rng.choice(np.flatnonzero(mask)))
            else:
                if step - planned >= max(SOONEST, step // 100):
                    self._stale, planned = True, step
                action = self._choose(state, mask)
            observation, rewards, ended, truncated, mask = env.step(action)
            next_state = self._state(observation, ended, mask)
            others = int(np.ravel_multi_index(tuple(env.others), self._others))
            self._own.record(state, action, next_state, rewards)
            self.game.record(state, action * self._joint + others, next_state, rewards)
            self._model.record(state, others)
            state = next_state
            if ended or truncated:
                state, mask = self._begin(*env.reset())
            if on_progress is not None and step % PROGRESS_EVERY == 0:
                on_progress(step, {key: float(value) for key, value in asdict(self.game.report()).items()})
        self._stale = True

    def predicted(self, observation: Longs) -> Floats:
        """float64 `[joint actions of the others]`: what it expects them to do where it sees this."""
        state = self.game.find(observation)
        return np.asarray(self._shares()[state]) if state >= 0 else np.full(self._joint, 1.0 / self._joint)

    # Deployment

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        steps = steps_of(state, len(observation))
        places = [self.game.find(row) for row in observation]
        actions = np.array([self._choose(*each) for each in zip(places, mask, strict=True)], np.int32)
        self._last = LastDecision.of(observation, steps, actions, mask)
        return actions, steps + 1

    def thought(self) -> Thought | None:
        """See `Thinker.thought`; the others' part of what it imagines is in the chances of its plan."""
        if self._last is None:
            return None
        observation, step, action, mask = self._last
        state = self.game.find(observation)
        candidates = self._candidates(state, mask)
        known = bool(candidates.any())
        tries = self._own.tries[state] if state >= 0 else np.zeros(len(self._actions), np.int64)
        uncertainty = 1.0 / (1.0 + tries.astype(np.float64))
        plan = None
        if known:
            decision = Decision(state, action, candidates, uncertainty, self.game.observations())
            plan = self._plan()[1].plan(decision)
        return tabular_thought(
            self.name, self._channels, self._weights, self._options.deliberation, step, action, uncertainty,
            candidates if known else mask, plan,
        )  # fmt: skip

    # What it knows

    def _begin(self, observation: Longs, mask: Bools) -> tuple[int, Bools]:
        self.game.begin(observation, np.repeat(mask, self._joint))
        return self._own.begin(observation, mask), mask

    def _state(self, observation: Longs, ended: bool, mask: Bools) -> int:
        """The number of a state, the same in both models: both meet them in the same order."""
        self.game.state(observation, ended, np.repeat(mask, self._joint))
        return self._own.state(observation, ended, mask)

    def _shares(self) -> Floats:
        """float64 `[S, joint actions of the others]`: what they are expected to do."""
        n = self.game.n_states
        return self._model.shares(n) if self._assumed is None else np.tile(self._assumed, (n, 1))

    def _plan(self) -> tuple[Problem, BoundPlanner]:
        if self._planned is None or self._stale:
            if self._planned is not None and (solution := self._planned[0].solution) is not None:
                self._policy = solution.policy
            whole = self.game.to_mdp(self._channels)
            n, own = whole.n_states, len(self._actions)
            # What the others were never met doing beside an action cannot be imagined: the rest stands for it.
            seen = self._shares()[:, None, :] * whole.available.reshape(n, own, self._joint)
            chance = seen / np.maximum(seen.sum(axis=2, keepdims=True), 1e-300)
            part = np.repeat(np.arange(own, dtype=np.int32), self._joint)
            mdp, _ = marginalise_others(whole, part, chance.reshape(n, -1), self._actions)
            first = np.full(n, -1, np.int32)
            first[: self._policy.size] = self._policy
            problem = Problem(mdp, self._weights, self._discounts, self._options.deliberation, first)
            self._planned, self._stale = (problem, self._planner.start(problem)), False
        return self._planned

    def _candidates(self, state: int, mask: Bools) -> Bools:
        mdp = self._plan()[0].mdp
        if not 0 <= state < mdp.n_states:
            return np.zeros_like(mask)
        return np.asarray(mask & mdp.available[state])

    def _choose(self, state: int, mask: Bools) -> int:
        candidates = self._candidates(state, mask)
        if not candidates.any():
            return int(mask.argmax())
        return int(self._plan()[1].decide(np.array([state]), candidates[None])[0])

"""The tabular model-based agent among others: it learns a model of joint actions, and one of the others' policies.

The two are learned separately, because only one of them is stationary: the transitions of joint actions are the world's
and do not change, while the others' policies drift as they learn. In a single count of the agent's own actions, as
`counts` keeps where it ignores others, the others' old policies would appear as noise for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.multi_agent.best_response import marginalise_others
from ...envs.world.part_spec import ENUMERATE, PartSpec
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
"""The least number of steps between two plans in training; after 2,000 steps it is a hundredth of the steps so far."""


@dataclass(frozen=True)
class JointOptions:
    """How the agent explores and decides.

    Attributes:
        exploring: the share of a training's steps, at its beginning, in which the novelty head alone chooses.
        exploration: the probability of a random action in the steps after that.
        forgetting: see `OpponentModel`.
        novelty_discount: see `CountsOptions`.
        n_known: see `CountsOptions`.
        n_chance: see `CountsOptions`.
        deliberation: the rule that chooses one action by K values.
        planner: the planner that is used on the learned model.
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
    """Plans its own actions on a learned model of joint actions, averaged over the predicted actions of the others.

    In training it explores by novelty first, and then follows its plan, with random actions at times; it plans anew as
    it learns. Deployed it follows the plan and no longer learns. It considers only actions that it has tried together
    with some joint action of the others that it thinks possible. It never sees the others' observations, rewards or
    chosen actions, only which actions they executed.

    Attributes:
        name: the agent's name in its thoughts.
        game: the learned model of joint actions. A joint action is numbered with the agent's own action as the slowest
            digit, and those of the others in the world's order.
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
        """Makes an untrained agent.

        Args:
            channels: the K names of the reward channels.
            actions: the A names of its own actions.
            others: how many actions each of the others has, in the world's order.
            weights: `[K]`.
            discount: of all task heads, or `[K]`, one for each; each in [0, 1).
            options: see `JointOptions`.
            assumed: float64 `[joint actions of the others]`, a fixed distribution that it assumes of them in every
                state; None: it predicts them by what it observed.
            name: the agent's name in its thoughts.

        Raises:
            ValueError: shapes don't fit, or a discount is out of range.
        """
        self.name = name
        self._channels, self._actions, self._others = tuple(channels), actions, others
        self._weights, self._discounts = check_heads(self._channels, weights, discount)
        self._options = options or JointOptions()
        self._joint = int(np.prod(others))
        # The novelty head explores the agent's own actions, with the others as part of a stochastic world.
        self._own = CountsModel(len(actions), len(self._channels))
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
            ValueError: the environment has other channels or actions than the agent, or does not show the others'
                actions.
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
                # Planning anew at every step would dominate the training's time; at intervals that grow with the steps
                # the number of plans grows with their logarithm only.
                if step - planned >= max(SOONEST, step // 100):
                    self._stale, planned = True, step
                action = self._choose(state, mask)
            observation, rewards, ended, truncated, mask = env.step(action)
            next_state = self._state(observation, ended and not truncated, mask)
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
        """float64 `[joint actions of the others]`: their predicted probabilities, given the agent's observation `[O]`.

        They are uniform where the agent has never made this observation.
        """
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
        """See `Thinker.thought`; the plan's probabilities include the predicted actions of the others."""
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

    # Models

    def _begin(self, observation: Longs, mask: Bools) -> tuple[int, Bools]:
        """Notes the start of an episode in both models; returns the number of its state, and the mask."""
        self.game.begin(observation, np.repeat(mask, self._joint))
        return self._own.begin(observation, mask), mask

    def _state(self, observation: Longs, ended: bool, mask: Bools) -> int:
        """The number of a state, added if it is new. It is the same in both models, which see states in one order."""
        self.game.state(observation, ended, np.repeat(mask, self._joint))
        return self._own.state(observation, ended, mask)

    def _shares(self) -> Floats:
        """float64 `[S, joint actions of the others]`: their predicted or assumed probabilities in each state."""
        n = self.game.n_states
        return self._model.shares(n) if self._assumed is None else np.tile(self._assumed, (n, 1))

    def _plan(self) -> tuple[Problem, BoundPlanner]:
        """The problem of the agent's own actions and the planner on it, made anew where they are marked as stale."""
        if self._planned is None or self._stale:
            if self._planned is not None and (solution := self._planned[0].solution) is not None:
                self._policy = solution.policy
            whole = self.game.to_mdp(self._channels)
            n, own = whole.n_states, len(self._actions)
            # Nothing is known of a joint action that never occurred, so the predicted probabilities of those that did,
            # beside each own action, are normalised to one. The tiny bound keeps 0 / 0, where none occurred, at 0.
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
        """bool `[A]`: the available actions that the model can predict; none in a state that the plan does not hold."""
        mdp = self._plan()[0].mdp
        # In training the plan may be older than the state.
        if not 0 <= state < mdp.n_states:
            return np.zeros_like(mask)
        return np.asarray(mask & mdp.available[state])

    def _choose(self, state: int, mask: Bools) -> int:
        """The planner's choice among the candidates; if there is none, the first available action."""
        candidates = self._candidates(state, mask)
        if not candidates.any():
            return int(mask.argmax())
        return int(self._plan()[1].decide(np.array([state]), candidates[None])[0])

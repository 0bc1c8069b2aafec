"""The agent of a world model from an installed package, with the scenario's planner and deliberation rule.

It is a minimal model-based agent: it explores by the action tried least often, learns its model by prediction, and acts
by planning on the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from ...envs.deliberation import DeliberationRule
from ...envs.world.part_spec import PartSpec
from ...scenarios import installed
from ...scenarios.installed import AgentPartError
from ..base import AgentState, Imagination, Log, Progress, TrainingEnv, WorldModel
from ..learning.transitions import LastDecision, each_transition, steps_of
from ..planners.base import BoundPlanner, Decision, Planner, Problem
from ..planners.registry import made_with
from ..records.plan_from_mdp import observation_key
from ..records.thought import Thought
from ..records.thought_from_values import tabular_thought
from .user_agent import AgentInterface


def make_model(name: str, interface: AgentInterface) -> WorldModel:
    """A fresh world model of an installed package: its entry point is called with the interface of the agent.

    Raises:
        AgentPartError: it is not installed, cannot be loaded or made, or is no world model.
    """
    maker = installed.load(installed.MODELS, name)
    made = made_with(lambda **_: maker(interface), "world model", PartSpec(name))
    if not isinstance(made, WorldModel):
        raise AgentPartError(
            f"`{name}` is no world model: it lacks `learn` or `imagine` (see docs/how-to/write-your-own-parts.md)"
        )
    return made


class WorldModelAgent:
    """A model-based agent made of a world model, a planner and a deliberation rule.

    Exploration in training is by least-tried actions, without planning; deployed, it plans from every observation.

    Attributes:
        name: in its thoughts; that of the model.
        model: the learned world model.
        learning: whether `observe` goes on learning at deployment.
    """

    def __init__(
        self, name: str, interface: AgentInterface, model: WorldModel, rule: DeliberationRule, planner: Planner
    ) -> None:
        """Takes an interface, and a world model that has not learned yet."""
        self.name, self.model, self.learning = name, model, False
        self._interface, self._rule, self._planner = interface, rule, planner
        self._problem: Problem | None = None
        self._planning: BoundPlanner | None = None
        self._masks: dict[bytes, Bools] = {}
        self._last: LastDecision | None = None

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`: takes the action least tried after each observation, ties broken at random."""
        rng = np.random.default_rng(seed)
        tries: Counter[tuple[bytes, int]] = Counter()
        observation, mask = env.reset(seed)
        for step in range(1, steps + 1):
            key, available = observation_key(observation), np.flatnonzero(mask)
            counts = np.array([tries[key, int(action)] for action in available])
            least = available[counts == counts.min()]
            action = int(least[rng.integers(least.size)])
            tries[key, action] += 1
            next_observation, rewards, ended, truncated, next_mask = env.step(action)
            self.model.learn(observation, mask, action, rewards, next_observation, next_mask, ended and not truncated)
            observation, mask = env.reset() if ended or truncated else (next_observation, next_mask)
            if on_progress is not None and step % 100 == 0:
                on_progress(step, {"pairs": float(len(tries))})

    def watch(self, logs: Sequence[Log], seed: int) -> None:
        """See `LearnsFromLogs.watch`; uses no randomness."""
        for log in logs:
            last = len(log.actions) - 1
            for tick, action in enumerate(log.actions.tolist()):
                pay, after = None if log.rewards is None else log.rewards[tick], tick + 1
                self.model.learn(
                    log.observations[tick], log.masks[tick], action, pay,
                    log.observations[after], log.masks[after], log.ended and tick == last,
                )  # fmt: skip

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`; where the model knows nothing, the first action that is available."""
        steps = steps_of(state, len(observation))
        self._masks = {observation_key(row): available for row, available in zip(observation, mask.copy(), strict=True)}
        actions = np.array([self._choose(*each) for each in zip(observation, mask, strict=True)], np.int32)
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
        """See `OnlineLearner.observe`."""
        if not self.learning:
            return
        everything = np.ones(mask.shape[1], np.bool_)
        for tick in each_transition(observation, action, rewards, next_observation, ended, mask):
            # Which actions were available before is known only for what `act` was asked last.
            before = self._masks.get(observation_key(tick.observation), everything)
            self.model.learn(
                tick.observation, before, tick.action, tick.rewards, tick.next_observation, tick.mask, tick.ended
            )

    def thought(self) -> Thought | None:
        """See `Thinker.thought`. Where the model knows nothing, the thought has no plan and `q` is zero."""
        if self._last is None:
            return None
        observation, step, action, mask = self._last
        imagined, available = self._imagined(observation, mask)
        uncertainty, plan = np.ones(mask.size), None
        if available.any():
            uncertainty = np.where(available, imagined.uncertainty[imagined.state], 1.0)
            decision = Decision(imagined.state, action, available, uncertainty, imagined.observations, (), None)
            plan = self._work(imagined.mdp).plan(decision)
        interface = self._interface
        return tabular_thought(
            self.name, interface.channels, interface.weights, self._rule, step, action, uncertainty,
            available if available.any() else mask, plan,
        )  # fmt: skip

    def _choose(self, observation: Longs, mask: Bools) -> int:
        imagined, available = self._imagined(observation, mask)
        if not available.any():
            return int(mask.argmax())
        return int(self._work(imagined.mdp).decide(np.array([imagined.state]), available[None])[0])

    def _imagined(self, observation: Longs, mask: Bools) -> tuple[Imagination, Bools]:
        """What is imagined, and the actions bool `[A]` that are available and have an imagined outcome."""
        imagined = self.model.imagine(observation, mask)
        if imagined.state < 0:
            return imagined, np.zeros_like(mask)
        return imagined, mask & imagined.mdp.available[imagined.state]

    def _work(self, mdp: FiniteMDP) -> BoundPlanner:
        """The planner at work on an MDP, cached as long as the model returns the same object."""
        if self._planning is None or self._problem is None or self._problem.mdp is not mdp:
            discounts = np.full(len(self._interface.channels), self._interface.discount)
            self._problem = Problem(mdp, self._interface.weights, discounts, self._rule)
            self._planning = self._planner.start(self._problem)
        return self._planning

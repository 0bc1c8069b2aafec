"""The tabular model-based agent: a world model of counts, K task heads to act by, a novelty head to explore by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.solvers.vector_values import Heads
from ..base import AgentState, Log, Progress, TrainingEnv, lives_once
from ..learning.checkpoint import parts_of, read_checkpoint, unreadable, write_checkpoint
from ..learning.training_loop import FitState, StopsAtOnce, finish_fit
from ..learning.transitions import LastDecision, check_env, each_transition, steps_of
from ..planners.base import BoundPlanner, Decision, Problem
from ..planners.head_validation import check_heads
from ..planners.modifiable_utility import ChangingProblem, HeldWeights
from ..planners.registry import make_planner
from ..records.thought import Thought
from ..records.thought_from_values import tabular_thought
from .hyperparameters import CountsOptions
from .model import CountsModel, ModelReport
from .novelty_head import NoveltyHead

FILE_VERSION: Final = 2


@dataclass
class CountsFitState(FitState):
    """The state of a counts agent's fit.

    Attributes:
        novelty: the novelty head, which explores.
        state: the number of the environment's present state in the model.
    """

    novelty: NoveltyHead
    state: int


class CountsAgent(StopsAtOnce[CountsFitState]):
    """Learns transitions and rewards as counts, plans on them, and explores by a separate novelty head.

    In training it follows the novelty head alone; in the training of a life it follows it where an action is new, and
    the task heads elsewhere (`lives_once`). Deployed it follows the task heads alone, and considers only actions
    that it has tried in the present state; where it has tried none, it takes the first available one. It never sees the
    hidden performance.

    Attributes:
        name: the agent's name in its thoughts.
        model: the learned world model.
        learning: see `OnlineLearner`.
        training: the state of the fit that is under way, or None.
    """

    def __init__(
        self,
        channels: Sequence[str],
        n_actions: int,
        weights: Sequence[float] | Floats,
        discount: float | Sequence[float] | Floats,
        options: CountsOptions | None = None,
        name: str = "counts",
        held: HeldWeights | None = None,
    ) -> None:
        """Makes an untrained agent.

        Args:
            channels: the K names of the reward channels.
            n_actions: A.
            weights: `[K]`.
            discount: of all task heads, or `[K]`, one for each; each in [0, 1).
            options: see `CountsOptions`.
            name: the agent's name in its thoughts.
            held: how its weights are encoded in its observation, if the world can edit them; it then decides by those,
                and not by `weights`.

        Raises:
            ValueError: shapes don't fit, or a discount is out of range.
        """
        self.name = name
        self.learning = False
        self._channels = tuple(channels)
        self._weights, self._discounts = check_heads(self._channels, weights, discount)
        self._options = options or CountsOptions()
        self._held = held
        self.model = CountsModel(n_actions, len(self._channels))
        self._planner = make_planner(self._options.planner)
        self._planned: tuple[Problem, BoundPlanner] | None = None
        # The policy that was solved last; policy iteration starts from it the next time, when little has changed.
        self._policy: Ints = np.zeros(0, np.int32)
        self._stale = True
        self._last: LastDecision | None = None
        self.training: CountsFitState | None = None

    # Training

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`; the novelty head chooses every action.

        Raises:
            ValueError: the environment has other channels or actions than the agent.
        """
        check_env(env, self._channels, self.model.n_actions)
        options = self._options
        rng = np.random.default_rng(seed)
        novelty = NoveltyHead(self.model, options.novelty_discount, options.n_known, options.n_chance, rng)
        self.training = CountsFitState(novelty, self.model.begin(*env.reset(seed)), steps=steps)
        self.resume(env, on_progress)

    def resume(self, env: TrainingEnv, on_progress: Progress | None = None) -> None:
        """See `Resumable.resume`.

        Raises:
            ValueError: no training is under way.
        """

        def figures() -> dict[str, float]:
            return {key: float(value) for key, value in asdict(self.model.report()).items()}

        finish_fit(self.training, lambda training: self._tick(training, env), on_progress, figures)
        self.training = None

    def _tick(self, training: CountsFitState, env: TrainingEnv) -> None:
        """One step of training."""
        if lives_once(env) and training.novelty.knows(training.state):
            action = self._choose(training.state, self.model.available[training.state])
        else:
            action = training.novelty.choose(training.state)
        observation, rewards, ended, truncated, mask = env.step(action)
        next_state = self.model.state(observation, ended and not truncated, mask)
        # The chosen action is recorded, and not the executed one: what overrides actions counts as part of the world.
        self.model.record(training.state, action, next_state, rewards)
        training.state = self.model.begin(*env.reset()) if ended or truncated else next_state
        training.done += 1
        self._stale = True

    def watch(self, logs: Sequence[Log], seed: int) -> None:
        """See `LearnsFromLogs.watch`; the seed is not used.

        The first states of the logs are not counted as start states, because the agent's own episodes need not begin
        where those of others did.
        """
        for log in logs:
            last = len(log.actions)
            states = [
                self.model.state(log.observations[tick], log.ended and tick == last, log.masks[tick])
                for tick in range(last + 1)
            ]
            for tick, action in enumerate(log.actions.tolist()):
                pay = None if log.rewards is None else log.rewards[tick]
                self.model.record(states[tick], action, states[tick + 1], pay)
        self._stale = True

    def forget_rewards(self) -> None:
        """See `Forgetful.forget_rewards`."""
        self.model.forget_rewards()
        self._stale = True

    def freeze(self) -> None:
        """Sets `learning` to False."""
        self.learning = False

    def model_report(self) -> ModelReport:
        """How much its world model knows, and how well that has predicted."""
        return self.model.report()

    # Deployment

    @property
    def heads(self) -> Heads:
        """The task heads, solved on the present model."""
        return self._plan()[0].solved

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        steps = steps_of(state, len(observation))
        places = [self.model.find(row) for row in observation]
        actions = np.array([self._choose(*each) for each in zip(places, mask, strict=True)], np.int32)
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
        """See `OnlineLearner.observe`; it plans anew only if a prediction of the model has changed."""
        if not self.learning:
            return
        # The mask before the tick is not an argument. A state that is new is added with all actions available; that
        # only matters for exploring, since planning considers the actions that were tried.
        everything = np.ones(self.model.n_actions, np.bool_)
        for tick in each_transition(observation, action, rewards, next_observation, ended, mask):
            before = self.model.state(tick.observation, False, everything)
            after = self.model.state(tick.next_observation, tick.ended, tick.mask)
            self._stale |= self.model.record(before, tick.action, after, tick.rewards)

    def thought(self) -> Thought | None:
        """See `Thinker.thought`. Where it has tried no available action, the thought has no plan and `q` is zero.

        The uncertainty of an action that was tried n times is 1 / (1 + n).
        """
        if self._last is None:
            return None
        observation, step, action, mask = self._last
        state = self.model.find(observation)
        tries = self._tries(state)
        uncertainty = 1.0 / (1.0 + tries.astype(np.float64))
        candidates = mask & (tries > 0)
        known = bool(candidates.any())
        plan = None
        if known:
            planning = self._plan()[1]
            plan = planning.plan(Decision(state, action, candidates, uncertainty, self.model.observations()))
        weights = self._weights if self._held is None else self._held.of(observation[None])[0]
        return tabular_thought(
            self.name, self._channels, weights, self._options.deliberation, step, action, uncertainty,
            candidates if known else mask, plan,
        )  # fmt: skip

    # Keeping

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything learned to one file, atomically (see `learning.checkpoint`)."""
        header = {
            "name": self.name,
            "learning": self.learning,
            "channels": self._channels,
            "weights": self._weights.tolist(),
            "discounts": self._discounts.tolist(),
            "options": asdict(self._options),
            "held": None if self._held is None else asdict(self._held),
        }
        arrays = {"policy": self.heads.policy, **self.model.arrays()}
        write_checkpoint(path, "counts", FILE_VERSION, header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CountsAgent:
        """Restores an agent that `save` wrote.

        Raises:
            ValueError: not such a file, or a newer version than this program reads.
        """
        header, arrays = read_checkpoint(path, "counts", FILE_VERSION)
        with unreadable(path):
            agent = cls(
                header["channels"],
                arrays["available"].shape[1],
                header["weights"],
                header["discounts"],
                CountsOptions(**parts_of(header["options"])),
                header["name"],
                HeldWeights.from_json(header.get("held")),
            )
            agent.learning = header["learning"]
            agent._policy = arrays.pop("policy")
            agent.model = CountsModel.from_arrays(arrays)
            agent.heads  # noqa: B018 -- planned once here, so that options that do not fit are found now
            return agent

    def _plan(self) -> tuple[Problem, BoundPlanner]:
        """The problem and the planner on the present model, made anew only after the model changed."""
        if self._planned is None or self._stale:
            if self._planned is not None and (solution := self._planned[0].solution) is not None:
                self._policy = solution.policy
            mdp = self.model.to_mdp(self._channels)
            # States are numbered in the order of discovery, so the old policy covers the first of them.
            first = np.full(mdp.n_states, -1, np.int32)
            first[: self._policy.size] = self._policy
            if self._held is None:
                problem = Problem(mdp, self._weights, self._discounts, self._options.deliberation, first)
            else:
                problem = ChangingProblem(mdp, self.model.observations(), self._discounts, self._held, first)
            self._planned, self._stale = (problem, self._planner.start(problem)), False
        return self._planned

    def _tries(self, state: int) -> Longs:
        """int64 `[A]`, how often each action was tried in a state; zeros for -1, a state that was never seen."""
        return np.zeros(self.model.n_actions, np.int64) if state < 0 else self.model.tries[state]

    def _choose(self, state: int, mask: Bools) -> int:
        """The planner's choice among the available actions that were tried; if none was, the first available one."""
        candidates = mask & (self._tries(state) > 0)
        if not candidates.any():
            return int(mask.argmax())
        return int(self._plan()[1].decide(np.array([state]), candidates[None])[0])

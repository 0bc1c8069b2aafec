"""The agent `local_rules`: model-based, with a world model of decision trees over local contexts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.reference.observation_spec import ObservationSpec
from ...envs.solvers.vector_values import Heads
from ..base import AgentState, Log, Progress, TrainingEnv
from ..learning.checkpoint import parts_of, read_checkpoint, unreadable, write_checkpoint
from ..learning.training_loop import FitState, finish_fit
from ..learning.transitions import LastDecision, check_env, each_transition, steps_of
from ..planners.base import Decision
from ..planners.head_validation import check_heads
from ..planners.modifiable_utility import HeldWeights
from ..planners.registry import make_planner
from ..records.plan_from_mdp import observation_key
from ..records.thought import Thought
from ..records.thought_from_values import tabular_thought
from .exploration_schedule import Explorer
from .hyperparameters import RulesOptions
from .model import RulesModel, maps_from
from .planning import RulesPlanner, RulesReport

FILE_VERSION: Final = 1
CLOSING: Final = 0.1
"""Share of the training steps, at its end, in which exploration stops and only the plan is followed and tested."""


@dataclass
class RulesFitState(FitState):
    """The state of a rules agent's fit.

    Attributes:
        closing: the step from which on only the plan is tested.
        explorer: what chooses actions; state, mask: of the environment.
    """

    closing: int
    explorer: Explorer
    state: Longs
    mask: Bools


class RulesAgent:
    """A model-based agent that learns an explicit world model and plans on it exactly.

    World model: one decision tree per output of a tick (`RulesModel`), grown by Bayesian score as in Friedman and
    Goldszmidt, "Learning Bayesian networks with local structure" (1996).
    Planning: the states reachable in the model are enumerated into a finite MDP (`imagine`), on which the scenario's
    planner computes one value head per reward channel.
    Exploration: novelty of small combinations of features (`CombinationNovelty`, after Lipovetzky and Geffner, 2012),
    alternating with episodes that test the present plan (`Explorer`). Deployed, it follows its plan alone, also through
    states that it only imagines.

    It never sees the hidden performance.

    Attributes:
        name: in its thoughts.
        learning: whether `observe` goes on learning at deployment.
        training: what is under way; None before and after.
    """

    def __init__(
        self,
        senses: ObservationSpec,
        channels: Sequence[str],
        n_actions: int,
        weights: Sequence[float] | Floats,
        discount: float | Sequence[float] | Floats,
        options: RulesOptions | None = None,
        name: str = "local_rules",
        held: HeldWeights | None = None,
    ) -> None:
        """An agent that knows nothing yet.

        Args:
            senses: what it knows of its observation: which columns are places, and the map.
            channels: K names.
            n_actions: A.
            weights: `[K]`.
            discount: of all task heads, or `[K]`, one for each; each in [0, 1).
            options: see `RulesOptions`.
            name: in its thoughts.
            held: where its weights stand in what it sees, if the world can edit them; then `weights` are not used.

        Raises:
            ValueError: shapes don't fit, or a discount is out of range.
        """
        self.name = name
        self.learning = False
        self._channels = tuple(channels)
        self._weights, self._discounts = check_heads(self._channels, weights, discount)
        self._options = options or RulesOptions()
        self._held = held
        self._planner = RulesPlanner(
            RulesModel(senses, n_actions, len(self._channels)),
            self._channels,
            self._weights,
            self._discounts,
            self._options.deliberation,
            self._options.max_states,
            make_planner(self._options.planner),
            held,
        )
        self._masks: dict[bytes, Bools] = {}
        self._last: LastDecision | None = None
        self.training: RulesFitState | None = None

    @property
    def model(self) -> RulesModel:
        """The learned world model."""
        return self._planner.model

    @property
    def planner(self) -> RulesPlanner:
        """The planner, which holds the imagined MDP and its value heads."""
        return self._planner

    def enter(self, senses: ObservationSpec) -> None:
        """Moves the agent to the map of another stage, in which all later ticks take place.

        Raises:
            ValueError: other fields or another size of map.
        """
        self._planner.enter(senses)

    # Training

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`.

        Raises:
            ValueError: the environment has other channels or actions than the agent.
        """
        check_env(env, self._channels, self.model.n_actions)
        explorer = Explorer(self._planner, self._options.novelty_discount, np.random.default_rng(seed))
        self.training = RulesFitState(
            steps - int(CLOSING * steps), explorer, *self._begin(*env.reset(seed)), steps=steps
        )
        self.resume(env, on_progress)

    def resume(self, env: TrainingEnv, on_progress: Progress | None = None) -> None:
        """See `Resumable.resume`.

        Raises:
            ValueError: no training is under way.
        """

        def figures() -> dict[str, float]:
            return {key: float(value) for key, value in asdict(self.model_report()).items()}

        finish_fit(self.training, lambda training: self._tick(training, env), on_progress, figures)
        self.training = None

    def stop(self) -> None:
        """See `Stops.stop`: only the closing phase is still run, `CLOSING` of the steps that there will have been."""
        if (training := self.training) is not None and training.done < training.closing - 1:
            training.steps = min(training.steps, round(training.done / (1 - CLOSING)))
            training.closing = training.done + 1

    def _tick(self, training: RulesFitState, env: TrainingEnv) -> None:
        if training.done + 1 == training.closing:  # the last rules are learned before the plan is tested
            self._planner.settle()
            training.explorer.close()
        action = training.explorer.choose(training.state, training.mask)
        observation, rewards, ended, truncated, mask = env.step(action)
        final = ended and not truncated
        next_state = self._state(observation, final, mask)
        self._planner.record(training.state, action, next_state, rewards, final)
        training.state, training.mask = next_state, mask
        training.done += 1
        if ended or truncated:
            training.state, training.mask = self._begin(*env.reset())
            training.explorer.begin()

    def watch(self, logs: Sequence[Log], seed: int) -> None:
        """See `LearnsFromLogs.watch`; uses no randomness. The logs' first states are not counted as its own starts."""
        for log in logs:
            last = len(log.actions)
            states = [
                self._state(log.observations[tick], log.ended and tick == last, log.masks[tick])
                for tick in range(last + 1)
            ]
            for tick, action in enumerate(log.actions.tolist()):
                pay = None if log.rewards is None else log.rewards[tick]
                over = log.ended and tick == last - 1
                self._planner.record(states[tick], action, states[tick + 1], pay, over)
        self._planner.settle()

    def forget_rewards(self) -> None:
        """See `Forgetful.forget_rewards`."""
        self._planner.forget_rewards()

    def freeze(self) -> None:
        """Stops learning at deployment."""
        self.learning = False

    def model_report(self) -> RulesReport:
        """The size of the world model and its accuracy on ticks before it learned from them."""
        return self._planner.report()

    # Deployment

    @property
    def heads(self) -> Heads:
        """The value heads on the MDP that was imagined last."""
        return self._planner.heads

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        steps = steps_of(state, len(observation))
        actions = mask.argmax(axis=1).astype(np.int32)
        self._masks = {observation_key(row): available for row, available in zip(observation, mask.copy(), strict=True)}
        if self._planner.ready:
            places = self._planner.find(self._states(observation, mask))
            actions = self._planner.planning.decide(places, mask & self._planner.imagined.mdp.available[places])
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
        """See `OnlineLearner.observe`; an outcome to which the rules gave no probability makes it learn and plan again.

        The actions available before the tick are those of the last call of `act`; without one, all are taken to be.
        """
        if not self.learning:
            return
        everything = np.ones(self.model.n_actions, np.bool_)
        for tick in each_transition(observation, action, rewards, next_observation, ended, mask):
            before = self.model.state(tick.observation, self._masks.get(observation_key(tick.observation), everything))
            after = self._state(tick.next_observation, tick.ended, tick.mask)
            self._planner.record(before, tick.action, after, tick.rewards, tick.ended)

    def thought(self) -> Thought | None:
        """See `Thinker.thought`. Before it has learned anything, the thought has no plan and `q` is zero."""
        if self._last is None:
            return None
        observation, step, action, mask = self._last
        uncertainty, plan, rules = np.ones(mask.size), None, None
        if self._planner.ready:
            place = int(self._planner.find(self.model.state(observation, mask)[None])[0])
            imagined = self._planner.imagined
            mask = mask & imagined.mdp.available[place]
            uncertainty = np.where(mask, 1.0 / (1.0 + imagined.tried[place]), 1.0)
            seen = imagined.states[:, :-1]
            decision = Decision(place, action, mask, uncertainty, seen, (), None, imagined.truncated)
            plan = self._planner.planning.plan(decision)
            rules = self._planner.fired_rules(place, plan.line)
        rule = self._options.deliberation
        weights = self._weights if self._held is None else self._held.of(observation[None])[0]
        return tabular_thought(self.name, self._channels, weights, rule, step, action, uncertainty, mask, plan, rules)

    # Keeping

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything learned to one file, atomically (see `learning.checkpoint`).

        The file holds every tick and when rules were learned; `load` repeats the learning.
        """
        header = {
            "name": self.name,
            "learning": self.learning,
            "channels": self._channels,
            "weights": self._weights.tolist(),
            "discounts": self._discounts.tolist(),
            "options": asdict(self._options),
            "held": None if self._held is None else asdict(self._held),
        }
        write_checkpoint(path, "local_rules", FILE_VERSION, header, self._planner.arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> RulesAgent:
        """Reads what `save` wrote.

        Raises:
            ValueError: not such a file, or a newer version than this program reads.
        """
        header, arrays = read_checkpoint(path, "local_rules", FILE_VERSION)
        with unreadable(path):
            maps = maps_from(arrays)
            agent = cls(
                maps[0],
                header["channels"],
                arrays["masks"].shape[1],
                header["weights"],
                header["discounts"],
                RulesOptions(**parts_of(header["options"])),
                header["name"],
                HeldWeights.from_json(header.get("held")),
            )
            for senses in maps[1:]:
                agent.enter(senses)
            agent.learning = header["learning"]
            agent.planner.restore(arrays)
            return agent

    def _begin(self, observation: Longs, mask: Bools) -> tuple[Longs, Bools]:
        state = self.model.state(observation, mask)
        self.model.begin(state)
        return state, mask

    def _state(self, observation: Longs, ended: bool, mask: Bools) -> Longs:
        return self.model.state(observation, mask & (not ended))

    def _states(self, observation: Longs, mask: Bools) -> Longs:
        return np.array([self.model.state(*each) for each in zip(observation, mask, strict=True)], np.int64)

"""A learned agent whose world model is rules over local contexts: few ticks teach it much, for rules generalise."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.reference.observation_spec import ObservationSpec
from ...envs.world.agent_parts import ENUMERATE, PartSpec
from ..base import AgentState, Log, Progress, TrainingEnv
from ..learning.checkpoint import parts_of, read_checkpoint, write_checkpoint
from ..learning.training_loop import FitState, finish_fit
from ..learning.transitions import Last, check_env, each_tick, steps_of
from ..planners.base import Decision
from ..planners.editable_weights import HeldWeights
from ..planners.heads import Heads, check_heads
from ..planners.registry import make_planner
from ..records.attribution import WEIGHTED, DeliberationRule
from ..records.plan_from_mdp import look
from ..records.thought import Thought
from ..records.thought_from_values import tabular_thought
from .exploration import Explorer
from .model import RulesModel, maps_from
from .planning import RulesPlanner, RulesReport

FILE_VERSION: Final = 1
CLOSING: Final = 0.1
"""Share of a training's steps at its end in which nothing but the plan is tested."""


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


@dataclass(frozen=True)
class RulesOptions:
    """How a rules agent explores and decides.

    Attributes:
        novelty_discount: of the novelty head. Below that of `counts`, for combinations are shared: what is new near by
            comes first.
        max_states: no more than these are looked into when the model is enumerated.
        deliberation: the rule that makes one choice of K values.
        planner: how it looks ahead on what it learned, once it is deployed; training explores in the same way with any.
    """

    novelty_discount: float = 0.97
    max_states: int = 8_000
    deliberation: DeliberationRule = WEIGHTED
    planner: PartSpec = ENUMERATE

    def __post_init__(self) -> None:
        if not 0.0 < self.novelty_discount < 1.0:
            raise ValueError(f"novelty_discount: {self.novelty_discount} is not between 0 and 1")
        if self.max_states < 1:
            raise ValueError(f"max_states: {self.max_states} is less than 1")


class RulesAgent:
    """Learns rules of what follows and what pays, enumerates what they lead to, and plans there with K task heads.

    In training it explores by novelty, and tests its own plan; deployed it follows the task heads alone, also into what
    it only imagines. It never sees the hidden performance.

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
        self._last: Last | None = None
        self.training: RulesFitState | None = None

    @property
    def model(self) -> RulesModel:
        """What it learned."""
        return self._planner.model

    @property
    def planner(self) -> RulesPlanner:
        """What it imagines, and the heads there."""
        return self._planner

    def enter(self, senses: ObservationSpec) -> None:
        """Looks at the map of another stage; what happens next happens there.

        Raises:
            ValueError: other fields or another size of map.
        """
        self._planner.enter(senses)

    # RulesFitState

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
        """See `Stops.stop`: what is left is the closing, a share of the steps that there will have been."""
        if (training := self.training) is not None and training.done < training.closing - 1:
            training.steps = min(training.steps, round(training.done / (1 - CLOSING)))
            training.closing = training.done + 1

    def _tick(self, training: RulesFitState, env: TrainingEnv) -> None:
        if training.done + 1 == training.closing:
            self._planner.settle()
            training.explorer.close()
        action = training.explorer.choose(training.state, training.mask)
        observation, rewards, ended, truncated, mask = env.step(action)
        following = self._state(observation, ended, mask)
        self._planner.record(training.state, action, following, rewards, ended)
        training.state, training.mask = following, mask
        training.done += 1
        if ended or truncated:
            training.state, training.mask = self._begin(*env.reset())
            training.explorer.begin()

    def watch(self, logs: Sequence[Log], seed: int) -> None:
        """See `LearnsFromLogs.watch`; nothing is drawn. Where others began is no place where its own episodes begin."""
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
        """How much it knows and how well it predicted."""
        return self._planner.report()

    # Deployment

    @property
    def heads(self) -> Heads:
        """The task heads on what was imagined last."""
        return self._planner.heads

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        steps = steps_of(state, len(observation))
        actions = mask.argmax(axis=1).astype(np.int32)
        self._masks = {look(row): able for row, able in zip(observation, mask.copy(), strict=True)}
        if self._planner.ready:
            places = self._planner.find(self._states(observation, mask))
            actions = self._planner.planning.decide(places, mask & self._planner.imagined.mdp.available[places])
        self._last = Last.of(observation, steps, actions, mask)
        return actions, steps + 1

    def observe(
        self,
        observation: Longs,
        action: Ints,
        rewards: Floats | None,
        following: Longs,
        ended: Bools,
        mask: Bools,
    ) -> None:
        """See `OnlineLearner.observe`; what is imagined is made anew once something came that the rules leave out.

        Which actions were available before the tick is what `act` was told last, or else all of them.
        """
        if not self.learning:
            return
        everything = np.ones(self.model.n_actions, np.bool_)
        for tick in each_tick(observation, action, rewards, following, ended, mask):
            before = self.model.state(tick.observation, self._masks.get(look(tick.observation), everything))
            after = self._state(tick.following, tick.ended, tick.mask)
            self._planner.record(before, tick.action, after, tick.rewards, tick.ended)

    def thought(self) -> Thought | None:
        """See `Thinker.thought`. Before it has learned anything, the thought has no plan and `q` is zero."""
        if self._last is None:
            return None
        observation, step, action, mask = self._last
        uncertainty, plan = np.ones(mask.size), None
        if self._planner.ready:
            place = int(self._planner.find(self.model.state(observation, mask)[None])[0])
            imagined = self._planner.imagined
            mask = mask & imagined.mdp.available[place]
            uncertainty = np.where(mask, 1.0 / (1.0 + imagined.tried[place]), 1.0)
            seen = imagined.states[:, :-1]
            decision = Decision(place, action, mask, uncertainty, seen, (), None, imagined.truncated)
            plan = self._planner.planning.plan(decision)
        rule = self._options.deliberation
        weights = self._weights if self._held is None else self._held.of(observation[None])[0]
        return tabular_thought(self.name, self._channels, weights, rule, step, action, uncertainty, mask, plan)

    # Keeping

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything learned to one file, all or nothing (see `saving`).

        What is kept is every tick and what was learned when; `load` learns it all again.
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

"""The planner of a rules agent: when rules are relearned, when the model is enumerated, and value heads on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ...envs.base import Floats, Ints, Longs
from ...envs.reference.observation_spec import ObservationSpec
from ...envs.solvers.vector_values import Heads
from ..planners.base import BoundPlanner, Planner, Problem
from ..planners.modifiable_utility import ChangingProblem, HeldWeights
from ..records.attribution import DeliberationRule
from ..records.fired_rules import FiredRules
from ..records.plan import PlanStep
from .explanation import fired_rules
from .imagined_mdp import ImaginedMDP, imagine, state_keys
from .model import RulesModel

SOON: Final = 1.1
"""Unlikely (but predicted) outcomes trigger learning once the number of ticks has grown by this factor."""
LEAST_STATES: Final = 200
STATES_PER_TICK: Final = 20
"""A model of few ticks hallucinates states: at most `LEAST_STATES` plus this many per tick are expanded."""
ANEW: Final = 1.5
"""Once the number of ticks has grown by this factor, all rules are learned anew."""


RECENT: Final = 100
"""Ticks over which `RulesReport.recent_hit_rate` is taken."""


@dataclass(frozen=True)
class RulesReport:
    """The size of a rules model, and its accuracy on each tick before learning from it.

    Attributes:
        states: states of the imagined MDP; truncated: the cap left some out.
        leaves: leaves of all its trees.
        rules: rules that it holds: rows of its tables of usual changes, and rules of its trees; exceptions: how many of
            the latter overrule another; remembered: states that are contexts of their own.
        steps: ticks learned from; predicted: those on which it had a prediction.
        hit_rate: share of the predicted ticks whose likeliest outcome was right in every field, every channel and the
            end; nan without any.
        possible: share whose true outcome was among the predicted ones; nan without any.
        recent_hit_rate: `hit_rate` of the last `RECENT` ticks, where a tick without a prediction counts as wrong; nan
            before the first.
    """

    states: int
    truncated: bool
    leaves: int
    rules: int
    exceptions: int
    remembered: int
    steps: int
    predicted: int
    hit_rate: float
    possible: float
    recent_hit_rate: float


class RulesPlanner:
    """Learns rules when predictions fail, enumerates the model when rules have changed, and solves it on demand.

    Attributes:
        model: the world model.
        version: increases whenever another MDP is imagined.
    """

    def __init__(
        self,
        model: RulesModel,
        channels: tuple[str, ...],
        weights: Floats,
        discounts: Floats,
        rule: DeliberationRule,
        max_states: int,
        planner: Planner,
        held: HeldWeights | None = None,
    ) -> None:
        """Takes `weights` and `discounts` float64 `[K]`, the cap `max_states` on expanded states, and the planner.

        `held` replaces the weights where the world can edit them.
        """
        self.model = model
        self.version = 0
        self._channels, self._weights, self._discounts = channels, weights, discounts
        self._rule, self._max_states, self._planner, self._held = rule, max_states, planner, held
        self._imagined: ImaginedMDP | None = None
        self._problem: Problem | None = None
        self._planning: BoundPlanner | None = None
        self._last: tuple[Longs, Ints] | None = None  # the policy solved last: the next one starts from it
        # Per learning since all rules were last learned anew: the number of ticks, and which outputs were learned.
        self._lessons: list[tuple[int, list[bool]]] = []
        self._due = False
        self._scores = np.zeros(3, np.int64)  # predicted, likeliest, possible
        self._recent = np.zeros(0, np.bool_)  # whether the last ticks were as was likeliest

    @property
    def ready(self) -> bool:
        """Whether the model has any tick to plan on."""
        return self.model.n > 0

    @property
    def imagined(self) -> ImaginedMDP:
        """The MDP that was imagined last.

        Raises:
            ValueError: none was.
        """
        if self._imagined is None:
            raise ValueError("nothing was imagined yet: ask `find` first")
        return self._imagined

    def find(self, states: Longs) -> Longs:
        """int64 `[n]`: the indices of states int64 `[n, O + 1]` in the imagined MDP, which is remade where needed."""
        self._keep_up()
        if self._imagined is not None:
            places = self._imagined.find(states)
            if (places >= 0).all() and not self._imagined.mdp.ended[places].any():
                return places
        # Most states stay the same after small changes of the rules: the last ones are expanded in one batch.
        guess = None
        if self._imagined is not None and not self._imagined.truncated:
            guess = self._imagined.states[~self._imagined.ended]
        starts = np.array(list(self.model.starts), np.int64).reshape(-1, states.shape[1])
        roots = np.concatenate([states, starts])
        most = min(self._max_states, LEAST_STATES + STATES_PER_TICK * self.model.n)
        self._forget()
        self._imagined = imagine(self.model, roots, self._channels, most + len(roots), guess)
        self.version += 1
        return self._imagined.find(states)

    @property
    def heads(self) -> Heads:
        """The value heads on the MDP that was imagined last, solved."""
        return self.problem.solved

    @property
    def planning(self) -> BoundPlanner:
        """The planner at work on the MDP that was imagined last."""
        if self._planning is None:
            self._planning = self._planner.start(self.problem)
        return self._planning

    @property
    def problem(self) -> Problem:
        """The MDP that was imagined last, with weights, discounts and the deliberation rule."""
        if self._problem is None:
            imagined, first = self.imagined, None
            if self._last is not None:
                keys, policy = self._last
                mine = state_keys(imagined.states, imagined.ended)
                at = np.minimum(np.searchsorted(keys, mine), keys.size - 1)
                first = np.where(keys[at] == mine, policy[at], -1).astype(np.int32)
            if self._held is None:
                self._problem = Problem(imagined.mdp, self._weights, self._discounts, self._rule, first)
            else:
                seen = imagined.states[:, :-1]
                self._problem = ChangingProblem(imagined.mdp, seen, self._discounts, self._held, first)
        return self._problem

    def _remember(self) -> None:
        """Keeps the policy of the present problem, if it was solved, for the next one to start from."""
        if self._problem is None or (solution := self._problem.solution) is None or self._imagined is None:
            return
        keys = state_keys(self._imagined.states, self._imagined.ended)
        order = np.argsort(keys)
        self._last = keys[order], solution.policy[order]

    def _forget(self) -> None:
        self._remember()
        self._problem = self._planning = None

    def record(self, state: Longs, action: int, after: Longs, rewards: Floats | None, ended: bool) -> None:
        """Records one tick: states int64 `[O + 1]` before and after, rewards float64 `[K]` or None where withheld."""
        likeliest, possible = self._foresaw(state, action, after, rewards, ended)
        self._recent = np.append(self._recent[1 - RECENT :], likeliest)
        self.model.record(state, action, after, rewards, ended)
        n = self.model.n
        learned, anew = (self._lessons[-1][0], self._lessons[0][0]) if self._lessons else (0, 0)
        # An outcome of probability 0 is learned from at once; the other limits keep learning at O(log n) times.
        self._due |= not possible or n >= ANEW * anew or (not likeliest and n >= SOON * learned)

    def forget_rewards(self) -> None:
        """Forgets all rewards, and learns the rest anew."""
        self.model.forget_rewards()
        self.settle()

    def settle(self) -> None:
        """Learns all rules anew from every tick."""
        if self.model.n:
            self._lessons, self._due = [], True
            self._keep_up()

    def enter(self, senses: ObservationSpec) -> None:
        """Moves to the map of another stage, for which the MDP is imagined anew.

        Raises:
            ValueError: other fields or another size of map.
        """
        last = self.model.seen_maps[-1]
        names = ("sizes", "is_cell", "layout", "cell_features")
        if all(np.array_equal(getattr(senses, name), getattr(last, name)) for name in names):
            return
        self.model.enter(senses)
        self._imagined = self._problem = self._planning = self._last = None

    def report(self) -> RulesReport:
        """The present size and accuracy of the model."""
        predicted, likeliest, possible = self._scores.tolist()
        rules, exceptions, remembered = self.model.knowledge
        return RulesReport(
            states=0 if self._imagined is None else self._imagined.mdp.n_states,
            truncated=self._imagined is not None and self._imagined.truncated,
            leaves=sum(len(rules.tree.counts) for rules in self.model.rules),
            rules=rules,
            exceptions=exceptions,
            remembered=remembered,
            steps=self.model.n,
            predicted=predicted,
            hit_rate=likeliest / predicted if predicted else math.nan,
            possible=possible / predicted if predicted else math.nan,
            recent_hit_rate=float(self._recent.mean()) if self._recent.size else math.nan,
        )

    def fired_rules(self, place: int, line: Sequence[PlanStep]) -> FiredRules:
        """The rules that predict the steps of a plan's line, from a state of the MDP that was imagined last."""
        imagined, rows = self.imagined, list[int]()
        states = list[int]()
        for step in line:
            outcomes = imagined.outcomes(place, step.action)
            reached = imagined.mdp.next_state[outcomes]
            seen = (imagined.states[reached, :-1] == step.observation).all(axis=1)
            if not seen.any():  # a planner may end its line elsewhere than in the model
                break
            rows.append(outcomes.start + int(np.where(seen, imagined.mdp.probability[outcomes], -1.0).argmax()))
            states.append(place)
            place = int(imagined.mdp.next_state[rows[-1]])
        if not rows:
            return FiredRules((), ())
        after = imagined.mdp.next_state[rows]
        actions = np.array([step.action for step in line[: len(rows)]], np.int64)
        rewards, ended = imagined.mdp.rewards[rows], imagined.ended[after]
        return fired_rules(self.model, imagined.states[states], actions, imagined.states[after], rewards, ended)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything learned, as plain arrays: all ticks, and at which ticks which rules were learned."""
        self._keep_up()
        self._remember()
        keys, policy = self._last or (np.zeros(0, np.int64), np.zeros(0, np.int32))
        return {
            **self.model.arrays(),
            "lesson_ticks": np.array([n for n, _ in self._lessons], np.int64),
            "lesson_outputs": np.array([which for _, which in self._lessons], np.bool_),
            "policy_keys": keys,
            "policy": policy,
            "scores": self._scores,
            "recent": self._recent,
        }

    def restore(self, data: dict[str, npt.NDArray[Any]]) -> None:
        """Restores what `arrays` gave into an empty planner, by repeating every learning in order."""
        self.model.restore(data)
        self._lessons = list(zip(data["lesson_ticks"].tolist(), data["lesson_outputs"].tolist(), strict=True))
        for number, (n, which) in enumerate(self._lessons):
            self.model.learn(which if number else None, n)
        if data["policy_keys"].size:
            self._last = data["policy_keys"], data["policy"]
        self._scores = data["scores"].copy()
        self._recent = data["recent"].copy() if "recent" in data else self._recent  # older files have none

    def _keep_up(self) -> None:
        if not self._due:
            return
        n = self.model.n
        if not self._lessons or n >= ANEW * self._lessons[0][0]:
            which = [True] * len(self.model.outputs)
            self.model.learn()
            self._lessons = [(n, which)]
        else:
            which = self.model.unexplained(self._lessons[-1][0])
            self.model.learn(which)
            self._lessons.append((n, which))
        self._due = False
        if self._imagined is not None:  # kept only as a guess of the states to expand next time
            self._imagined = self._imagined.unfindable()
        self._forget()

    def _foresaw(
        self, state: Longs, action: int, after: Longs, rewards: Floats | None, ended: bool
    ) -> tuple[bool, bool]:
        """Whether the outcome was the likeliest predicted, and whether it was among the predicted ones at all."""
        if self._imagined is None:
            return False, False
        place = int(self._imagined.find(state[None])[0])
        outcomes = self._imagined.outcomes(place, action) if place >= 0 else slice(0, 0)
        if outcomes.start == outcomes.stop:
            return False, False
        mdp = self._imagined.mdp
        next_state = mdp.next_state[outcomes]
        same = (self._imagined.states[next_state, :-1] == after[:-1]).all(axis=1)
        same &= self._imagined.ended[next_state] == ended
        if not ended:
            same &= self._imagined.states[next_state, -1] == after[-1]
        if rewards is not None:
            same &= (mdp.rewards[outcomes] == rewards).all(axis=1)
        likeliest = bool(same[mdp.probability[outcomes].argmax()])
        self._scores += (1, likeliest, same.any())
        return likeliest, bool(same.any())

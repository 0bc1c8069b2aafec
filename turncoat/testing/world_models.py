"""Conformance checks of world models: the contract of `WorldModel`, one clause per test."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from .. import api
from ..agents.base import Imagination, WorldModel
from ..agents.external.user_agent import AgentInterface
from ..agents.planners.base import Problem
from ..envs.base import Bools, FiniteMDP, Longs
from ..envs.deliberation import WEIGHTED
from .conformance import ConformanceReport, clause, require, require_array
from .walks import WalkConformance

Tick = tuple[Longs, Bools, int, Any, Longs, Bools, bool]
"""The arguments of `learn`: observation, mask, action, rewards, next observation, next mask, and whether it ended."""


class WorldModelConformance(WalkConformance):
    """The contract of world models, with every clause as a test.

        class TestMine(WorldModelConformance):
            def make(self, seat):
                return Mine(seat)

    Attributes:
        scenario, overrides, stage: the stage with a single agent whose ticks it learns; by default that of a small
            world of this package.
        lanes, ticks: the size of the random walks from which it learns.
        seed: the seed of these walks.
    """

    contract = f"a world model ({WorldModel.__module__})"

    def make(self, seat: AgentInterface) -> Any:
        """Make a fresh model that has learned nothing; each subclass has to define this.

        Args:
            seat: what the model is told about the world in advance.
        """
        raise NotImplementedError(f"{type(self).__name__} has to say how its model is made: `make(self, seat)`")

    @clause
    def test_imagines_before_it_learned(self) -> None:
        """`imagine` answers before anything was learned: a process, or -1 for the state that it knows nothing of."""
        model = self._made()
        observation, mask = next(self._situations())
        imagined = self._imagine(model, observation, mask)
        if imagined.state >= 0:
            self._well_formed(imagined)

    @clause
    def test_imagines_a_process(self) -> None:
        """`mdp` is a `FiniteMDP` over the seat's actions and channels: rows in order, probabilities that sum to one."""
        for _, _, imagined in self._imagined():
            self._well_formed(imagined)

    @clause
    def test_a_state_that_leads_nowhere_is_ended(self) -> None:
        """`ended` marks the states in which nothing is available, and no others."""
        for _, _, imagined in self._imagined():
            mdp = imagined.mdp
            nowhere = ~mdp.available.any(axis=1)
            given = f"states {np.flatnonzero(nowhere != mdp.ended).tolist()}"
            require(np.array_equal(mdp.ended, nowhere), f"ended {nowhere}", mdp.ended, given)

    @clause
    def test_imagines_what_can_be_seen(self) -> None:
        """Its states look like observations, int64 `[S, O]`, and the present one like what is seen now."""
        for observation, _, imagined in self._imagined():
            shape = (imagined.mdp.n_states, observation.size)
            require_array(imagined.observations, "observations", np.int64, shape)
            its = imagined.observations[imagined.state]
            require(np.array_equal(its, observation), f"state {imagined.state} looks like {observation}", its)

    @clause
    def test_says_how_sure_it_is(self) -> None:
        """`uncertainty` is float64 `[S, A]`, from 0 to 1."""
        for _, _, imagined in self._imagined():
            shape = (imagined.mdp.n_states, len(self.ground.seat.actions))
            doubt = require_array(imagined.uncertainty, "uncertainty", np.float64, shape)
            require(((doubt >= 0) & (doubt <= 1)).all(), "from 0 to 1", doubt)

    @clause
    def test_knows_what_it_learned(self) -> None:
        """A state that it has learned an action of is no unknown one."""
        model = self._learned()
        for tick in self._experience():
            imagined = self._imagine(model, tick[0], tick[1])
            require(imagined.state >= 0, "a state", imagined.state, f"observation {tick[0].tolist()}")

    @clause
    def test_can_be_planned_on(self) -> None:
        """Where the present state is not ended, its values are finite and some action leads on."""
        seat = self.ground.seat
        for observation, mask, imagined in self._imagined():
            if imagined.mdp.ended[imagined.state]:
                continue
            # A discount of 1 may have no finite values on a model with loops, so at most 0.9 is used.
            problem = Problem(
                imagined.mdp, seat.weights, np.full(len(seat.channels), min(seat.discount, 0.9)), WEIGHTED
            )
            values = problem.solved.vector_values
            require(np.isfinite(values).all(), "finite values", values)
            available = mask & imagined.mdp.available[imagined.state]
            given = f"observation {observation.tolist()}, mask {mask.tolist()}"
            require(available.any(), "an available action that it knows", imagined.mdp.available[imagined.state], given)

    @clause
    def test_the_same_ticks_make_the_same_model(self) -> None:
        """Two models that learned the same imagine the same."""
        one, other = self._learned(), self._learned()
        for observation, mask in self._situations():
            self._alike(self._imagine(one, observation, mask), self._imagine(other, observation, mask))

    @clause
    def test_imagining_changes_nothing(self) -> None:
        """As long as nothing is learned, the same question has the same answer, whatever else was imagined."""
        model, asked = self._learned(), list(self._situations())
        # Copied, since a model may return the same arrays again: an answer must not be compared with itself.
        first = [copy.deepcopy(self._imagine(model, *question)) for question in asked]
        for question, wanted in zip(asked[::-1], first[::-1], strict=True):
            self._alike(self._imagine(model, *question), wanted)

    @clause
    def test_what_was_imagined_stays(self) -> None:
        """What it handed out is not written into when it learns more: plans are kept as long as `mdp` is the same."""
        model, ticks = self._made(), list(self._experience())
        half = len(ticks) // 2
        for tick in ticks[:half]:
            model.learn(*tick)
        handed = self._imagine(model, ticks[0][0], ticks[0][1])
        kept = copy.deepcopy(handed)
        for tick in ticks[half:]:
            model.learn(*tick)
        self._alike(handed, kept)

    @clause
    def test_learns_where_rewards_are_withheld(self) -> None:
        """`learn` takes None for rewards."""
        model = self._learned(paid=False)
        for observation, mask in self._situations():
            imagined = self._imagine(model, observation, mask)
            if imagined.state >= 0:
                self._well_formed(imagined)

    @clause
    def test_leaves_what_it_is_told(self) -> None:
        """`learn` and `imagine` write into nothing that they are given."""
        model = self._made()
        for tick in self._experience():
            given = [np.array(part) if isinstance(part, np.ndarray) else part for part in tick]
            model.learn(*given)
            for part, before in zip(given, tick, strict=True):
                require(np.array_equal(part, before), f"{before}, as it was", part)
        for observation, mask in self._situations():
            mine = observation.copy(), mask.copy()
            self._imagine(model, *mine)
            require(np.array_equal(mine[0], observation) and np.array_equal(mine[1], mask), "as they were", mine)

    # ------------------------------------------------------------------ what the clauses share

    def _made(self) -> Any:
        """A fresh model, checked to have `learn` and `imagine`."""
        model = self.make(self.ground.seat)
        require(isinstance(model, WorldModel), "a world model: `learn` and `imagine`", model)
        return model

    def _learned(self, paid: bool = True) -> Any:
        """A model that learned all ticks of the walks; `paid`: with their rewards."""
        model = self._made()
        for tick in self._experience(paid):
            model.learn(*tick)
        return model

    def _experience(self, paid: bool = True) -> Iterator[Tick]:
        """The ticks of the walks, lane after lane, each up to the end of its episode; `paid`: with their rewards."""
        walks = self.walks
        for lane in range(walks.lanes):
            log = walks.log(lane)
            for tick, action in enumerate(log.actions.tolist()):
                pay = log.rewards[tick] if paid and log.rewards is not None else None
                over = log.ended and tick == len(log.actions) - 1
                after = log.masks[tick + 1]
                yield log.observations[tick], log.masks[tick], action, pay, log.observations[tick + 1], after, over

    def _situations(self) -> Iterator[tuple[Longs, Bools]]:
        """Every observation of the walks, once, with its mask; and last an observation that never occurs."""
        met: set[bytes] = set()
        tick: Tick | None = None
        for tick in self._experience():
            if tick[0].tobytes() not in met:
                met.add(tick[0].tobytes())
                yield tick[0], tick[1]
        assert tick is not None
        yield np.full_like(tick[0], -1), np.ones_like(tick[1])

    def _imagine(self, model: Any, observation: Longs, mask: Bools) -> Imagination:
        """Call `imagine` once and check the form of its answer; `mdp` only if the present state is known."""
        imagined = model.imagine(observation, mask)
        require(isinstance(imagined, Imagination), f"a {Imagination.__module__}.Imagination", imagined)
        require(isinstance(imagined.state, int | np.integer), "`state`: a whole number", imagined.state)
        if imagined.state >= 0:
            require(isinstance(imagined.mdp, FiniteMDP), "`mdp`: a FiniteMDP", imagined.mdp)
            below = imagined.mdp.n_states
            require(imagined.state < below, f"`state`: -1, or below {below}", imagined.state)
        return imagined

    def _imagined(self) -> Iterator[tuple[Longs, Bools, Imagination]]:
        """The imagination of a model that learned, for every observation that it knows."""
        model = self._learned()
        for observation, mask in self._situations():
            imagined = self._imagine(model, observation, mask)
            if imagined.state >= 0:
                yield observation, mask, imagined

    def _well_formed(self, imagined: Imagination) -> None:
        """Require that the imagined process is a valid `FiniteMDP` over the actions and channels of the seat."""
        mdp, seat = imagined.mdp, self.ground.seat
        require(mdp.n_actions == len(seat.actions), f"n_actions: {len(seat.actions)}, as in the seat", mdp.n_actions)
        require(mdp.channels == seat.channels, f"channels: {seat.channels}, as in the seat", mdp.channels)
        rows, outcomes = mdp.n_states * mdp.n_actions, int(np.size(mdp.next_state))
        start = require_array(mdp.row_start, "row_start", np.int64, (rows + 1,))
        ordered = start[0] == 0 and start[-1] == outcomes and (np.diff(start) >= 0).all()
        require(ordered, f"row_start: from 0 to {outcomes}, never falling", start)
        following = require_array(mdp.next_state, "next_state", np.integer, (outcomes,))
        require(((following >= 0) & (following < mdp.n_states)).all(), f"next_state: below {mdp.n_states}", following)
        chance = require_array(mdp.probability, "probability", np.float64, (outcomes,))
        require((chance >= 0).all(), "probability: at least 0", chance)
        pair = np.repeat(np.arange(rows), np.diff(start))
        # Rows without outcomes are actions that are not available; they have nothing to sum.
        total = np.bincount(pair, chance, minlength=rows)[np.diff(start) > 0]
        require(np.allclose(total, 1.0, atol=1e-9), "probability: sums to 1 in every row with outcomes", total)
        pays = require_array(mdp.rewards, "rewards", np.float64, (outcomes, len(seat.channels)))
        require(np.isfinite(pays).all(), "rewards: finite", pays)
        require_array(mdp.events, "events", np.uint64, (outcomes,))
        require_array(mdp.ended, "ended", np.bool_, (mdp.n_states,))

    def _alike(self, mine: Imagination, wanted: Imagination) -> None:
        """Require that two imaginations are equal in every array, bit for bit."""
        require(mine.state == wanted.state, f"state {wanted.state}", mine.state)
        if wanted.state < 0:
            return
        for name in ("observations", "uncertainty"):
            same = np.array_equal(getattr(mine, name), getattr(wanted, name))
            require(same, f"{name} {getattr(wanted, name).tolist()}", getattr(mine, name).tolist())
        for each in fields(FiniteMDP):
            one, other = getattr(mine.mdp, each.name), getattr(wanted.mdp, each.name)
            require(
                np.array_equal(one, other), f"mdp.{each.name} {np.asarray(other).tolist()}", np.asarray(one).tolist()
            )


def check_world_model(
    make: Callable[[AgentInterface], WorldModel],
    scenario: api.Which | None = None,
    overrides: Mapping[str, object] | None = None,
    stage: str | None = None,
    **settings: Any,
) -> ConformanceReport:
    """Check a world model against every clause of its contract.

    Args:
        make: makes a fresh model from an `AgentInterface`.
        scenario: the scenario whose ticks it learns; by default a small world of this package.
        overrides: dotted overrides of the scenario.
        stage: a stage of the scenario; the training stage by default.
        **settings: other attributes of `WorldModelConformance`.

    Returns:
        The report, if every clause that applies holds.

    Raises:
        ConformanceError: a clause does not hold; the message gives for each such clause the input, the required result
            and the actual one.
        TypeError: there is no such setting.
    """
    where = {"scenario": scenario, "overrides": overrides, "stage": stage}
    checked = WorldModelConformance.of(make=staticmethod(make), **where, **settings)
    return checked.check(f"`{getattr(make, '__name__', repr(make))}`")

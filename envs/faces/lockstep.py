"""What the faces with many lanes of one agent share: stepping, paying, cutting off and beginning again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base import Bools, Floats, Longs
from ..reference import available
from ..stepping import Stepper
from .opening import Wages, Which, one_agent, open_world
from .spaces import Buffer, Form, Observer


class Lockstep:
    """B lanes of one stage with one agent.

    Attributes:
        world: the compiled stage; program: its agent; observer: of its observations.
        stepper: of the lanes; buffer: their observations.
        ticks: int64 `[B]`, how many the episode has had; seeded: whether `seed` was called.
    """

    def __init__(
        self,
        scenario: Which,
        lanes: int,
        stage: str | None,
        params: Mapping[str, object] | None,
        *,
        audit: bool,
        form: Form,
    ) -> None:
        """See `TurncoatVectorEnv`.

        Raises:
            ScenarioError, KeyError, ValueError: as `TurncoatEnv`.
        """
        self.scenario, self.world = open_world(scenario, stage, params)
        self.program = one_agent(self.world)
        self.observer = Observer(self.world, 0, form)
        self.stepper = Stepper(self.world, lanes)
        self.buffer = Buffer(self.observer, lanes)
        self.ticks: Longs = np.zeros(lanes, np.int64)
        self.seeded = False
        self._wages = Wages(self.world)
        self._actions = np.zeros((lanes, 1), np.int32)
        self._guarded = any(guard is not None for guard in self.program.guards)
        self._audit = audit
        self._shown = self.world.rewards_shown or audit

    def seed(self, seed: int) -> None:
        """Begin chance anew."""
        self.stepper.seed(seed)
        self.seeded = True

    def reset(self, rows: Longs | None = None) -> None:
        """Begin an episode in some lanes (int64 `[n]`), or in all, and observe."""
        self.stepper.reset(rows)
        which = slice(None) if rows is None else rows
        self.stepper.executed[which] = -1
        self.ticks[which] = 0
        self.buffer.fill(self.stepper.states)

    def sit_out(self, rows: Longs) -> None:
        """Take the last tick of some lanes back and begin an episode there instead; observes nothing.

        A lane's chance depends on its clock, so the tick that it sat out must not count.
        """
        self.stepper.clock[rows] -= 1
        self.stepper.reset(rows)
        self.stepper.executed[rows] = -1
        self.ticks[rows] = 0

    def step(self, actions: npt.NDArray[Any]) -> tuple[Floats, Bools, Bools]:
        """One tick of every lane, for integers `[B]`: rewards float64 `[B]`, ended and cut off bool `[B]`, all new.

        Raises:
            ValueError: there is no such action.
        """
        self._actions[:, 0] = actions
        if self._actions.min() < 0 or self._actions.max() >= len(self.program.actions):
            raise ValueError(f"actions are 0 to {len(self.program.actions) - 1}, not {np.asarray(actions)}")
        stepper = self.stepper
        before = stepper.states.copy() if self._wages.changing else stepper.states
        stepper.step(self._actions)
        self.ticks += 1
        ended = stepper.ended.copy()
        cut = ~ended & (self.ticks >= self.world.steps) if self.world.steps else np.zeros_like(ended)
        return self._wages.of(stepper.rewards, before), ended, cut

    def info(self) -> dict[str, Any]:
        """New arrays of what `TurncoatEnv` puts in `info`, events as bits."""
        stepper = self.stepper
        paid = stepper.rewards.T.copy() if self._shown else np.zeros(stepper.rewards.shape[::-1])
        info: dict[str, Any] = {
            "event_bits": stepper.events.copy(),
            "rewards": dict(zip(self.world.channels, paid, strict=True)),
            "executed": stepper.executed[:, 0].copy(),
        }
        if self._guarded:
            info["action_mask"] = available(self.world, stepper.states).astype(np.int8)
        if self._audit:
            info["performance"] = stepper.performance.copy()
        return info

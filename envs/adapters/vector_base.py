"""What the vector environments share: opening a stage, stepping it, observations, and the contents of `info`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base import Longs
from ..kernel.batch_stepper import Stepper
from .base import ScenarioLike, one_agent, open_world
from .spaces import Form, ObservationBuffer, ObservationEncoder


class SingleAgentBatch:
    """B lanes of one stage with a single agent, their observations and infos.

    Attributes:
        world: the compiled stage; program: its agent; observer: the encoder of its observations.
        stepper: of the lanes; buffer: their observations, which the stepper keeps up to date.
        seeded: whether `seed` was called.
    """

    def __init__(
        self,
        scenario: ScenarioLike,
        lanes: int,
        stage: str | None,
        overrides: Mapping[str, object] | None,
        *,
        audit: bool,
        form: Form,
        autoreset: bool,
    ) -> None:
        """See `TurncoatVectorEnv`, and `Stepper` for `autoreset`.

        Raises:
            ScenarioError, UnknownNameError, ValueError: as `TurncoatEnv`.
        """
        self.scenario, self.world = open_world(scenario, stage, overrides)
        self.program = one_agent(self.world)
        self.observer = ObservationEncoder(self.world, 0, form)
        self.stepper = Stepper(self.world, lanes, autoreset=autoreset)
        self.buffer = ObservationBuffer(self.observer, lanes)
        self.stepper.observe_into(self.buffer)
        self.seeded = False
        self._mask = self.stepper.available[0].view(np.int8)
        self._guarded = any(guard is not None for guard in self.program.guards)
        self._audit = audit
        self._shown = self.world.rewards_shown or audit

    def seed(self, seed: int) -> None:
        """Restart the random streams."""
        self.stepper.seed(seed)
        self.seeded = True

    def step(self, actions: npt.NDArray[Any]) -> Longs | None:
        """One tick of every lane, for integers `[B]`.

        Returns:
            The lanes whose episode is over now, int64 `[n]`; None where there are none.

        Raises:
            ValueError: there is no such action.
        """
        stepper = self.stepper
        stepper.actions[:, 0] = actions
        return np.flatnonzero(stepper.terminated | stepper.truncated) if stepper.step() else None

    def info(self, rows: Longs | slice = slice(None)) -> dict[str, Any]:
        """Fresh arrays of what `TurncoatEnv` puts in `info`, events as bits, for some lanes or all."""
        stepper = self.stepper
        paid = stepper.rewards[rows].T
        info: dict[str, Any] = {
            "event_bits": stepper.events[rows].copy(),
            "rewards": {c: p.copy() if self._shown else 0 * p for c, p in zip(self.world.channels, paid, strict=True)},
            "executed": stepper.executed[rows, 0].copy(),
        }
        if self._guarded:
            info["action_mask"] = self._mask[rows].copy()
        if self._audit:
            info["performance"] = stepper.performance[rows].copy()
        return info

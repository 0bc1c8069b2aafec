"""What the vector environments share: opening a stage, stepping it, observations, and the contents of `info`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...scenarios.arguments import shown, whole_number
from ...scenarios.errors import ArgumentError
from ..arguments import action_indices
from ..base import Ints, Longs
from ..life.stepper import LifeStepper
from ..world.ascii_board import glyphs
from .base import ScenarioLike, begin_from, entropy, make_stepper, one_agent, open_worlds, reset_needed
from .spaces import Form, ObservationBuffer, observers_of

MOST_LANES, MOST_THREADS = 1_000_000, 256


class SingleAgentBatch:
    """B lanes of one stage with a single agent, their observations and infos.

    Attributes:
        worlds: the compiled stages of the life, or the only one; world: the first of them; program: the agent;
            observer: the encoder of its observations.
        glyphs: of the board as text.
        stepper: of the lanes; buffer: their observations, which the stepper keeps up to date.
        seeded: whether `seed` was called; begun: whether every lane has had an episode.
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
        compiled: bool = False,
        threads: int = 1,
    ) -> None:
        """See `TurncoatVectorEnv`, and `Stepper` for `autoreset`.

        Raises:
            ScenarioError, UnknownNameError, ValueError: as `TurncoatEnv`.
        """
        whole_number("num_envs", lanes, 1, MOST_LANES)
        if not isinstance(compiled, bool):
            raise ArgumentError(f"`compiled` is True or False, not {shown(compiled)}")
        whole_number("threads", threads, 1, MOST_THREADS)
        if threads > 1 and not compiled:
            raise ArgumentError("several threads step only a tick that is compiled; say `compiled=True` too")
        opened, self.worlds = open_worlds(scenario, stage, overrides)
        self.world = self.worlds[0]
        self.program = one_agent(self.world)
        self.observer, *others = observers_of(self.worlds, 0, form)
        self.stepper = make_stepper(self.worlds, lanes, autoreset, compiled, threads)
        self.buffer = ObservationBuffer(self.observer, lanes, others)
        self.stepper.observe_into(self.buffer)
        self.seeded = self.begun = False
        self.glyphs = glyphs(opened.document)
        self._guarded = any(guard is not None for guard in self.program.guards)
        self._audit = audit
        self._shown = np.array([world.rewards_shown or audit for world in self.worlds])

    def seed(self, seed: int) -> None:
        """Restart the random streams."""
        self.stepper.seed(seed)
        self.seeded = True

    def reset(self, rows: Longs | None = None) -> None:
        """Begin an episode in some lanes, int64 `[n]`, or in all.

        Raises:
            gymnasium.error.ResetNeeded: only in some, though no lane has begun any.
        """
        if rows is not None and not self.begun:
            raise reset_needed(False)
        self.stepper.reset(rows)
        self.begun = True

    def set_state(self, states: Ints, ticks: npt.ArrayLike) -> None:
        """Go on from states int32 `[B, F]`; see `begin_from`."""
        begin_from(self.stepper, states, ticks)
        if not self.seeded:
            self.seed(entropy())
        self.begun = True

    def step(self, actions: npt.ArrayLike) -> Longs | None:
        """One tick of every lane, for integers `[B]`.

        Returns:
            The lanes whose episode is over now, int64 `[n]`; None where there are none.

        Raises:
            gymnasium.error.ResetNeeded: no episode has begun.
            ArgumentError: there are not B of them, one does not exist, or they are no integers.
        """
        if not self.begun:
            raise reset_needed(False)
        stepper = self.stepper
        stepper.actions[:, 0] = action_indices(actions, len(stepper.actions), len(self.program.actions))
        return np.flatnonzero(stepper.terminated | stepper.truncated) if stepper.step() else None

    def info(self, rows: Longs | slice = slice(None)) -> dict[str, Any]:
        """Fresh arrays of what `TurncoatEnv` puts in `info`, events as bits, for some lanes or all."""
        stepper = self.stepper
        paid = stepper.rewards[rows].T.copy()
        if isinstance(stepper, LifeStepper):
            paid *= self._shown[stepper.stage[rows]]
        elif not self._shown[0]:
            paid[...] = 0.0
        info: dict[str, Any] = {
            "event_bits": stepper.events[rows].copy(),
            "rewards": dict(zip(self.world.channels, paid, strict=True)),
            "executed": stepper.executed[rows, 0].copy(),
        }
        if isinstance(stepper, LifeStepper):
            info |= {
                "stage": stepper.stage_names[rows],
                "episode_number": stepper.episode_numbers[rows],
                "life_over": stepper.life_over[rows].copy(),
            }
        if self._guarded:
            info["action_mask"] = stepper.available[0][rows].astype(np.int8)
        if self._audit:
            info["performance"] = stepper.performance[rows].copy()
        return info

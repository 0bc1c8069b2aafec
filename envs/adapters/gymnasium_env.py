"""A world with one agent as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from ..base import Ints
from ..kernel.batch_stepper import Stepper
from . import rendering
from .base import ScenarioLike, check_mode, one_agent, open_world
from .spaces import Form, ObservationBuffer, ObservationEncoder


class TurncoatEnv(gymnasium.Env[Any, np.int64]):
    """One agent in one stage of a scenario.

    `step` pays the agent's channels, weighted as the scenario says (0 where the stage withholds rewards); it has
    `terminated` when a rule or the stage's `horizon` ended the episode and `truncated` it after the stage's `limit`.
    `info` holds:

    - `events`: names of what happened in the tick (an end as `ended:REASON`);
    - `rewards`: channel -> what it paid, before weights (0 where rewards are withheld, unless `audit`);
    - `executed`: index of the action after overrides, -1 for none (an unavailable action, and after a reset);
    - `action_mask`: int8 `[actions]`, 1 where available, only if the file guards some action;
    - `performance`: what the tick was worth to the designers, only with `audit`. Agents must never see it.

    Draws are a stream given by the seed and a lane: a reset with a seed restarts it, one without continues it.

    Attributes:
        action_names: of the actions, by index.
        observer: names and bounds of the observation's parts.
        world: the compiled stage.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 8}  # noqa: RUF012 # Gymnasium's own form

    def __init__(
        self,
        scenario: ScenarioLike,
        stage: str | None = None,
        overrides: Mapping[str, object] | None = None,
        *,
        audit: bool = False,
        form: Form = "planes",
        render_mode: str | None = None,
    ) -> None:
        """Open one stage of a scenario.

        Args:
            scenario: a name of the library, a path, or one that was loaded.
            stage: its name; when None, `train`, or else the first.
            overrides: dotted, as in a file's `with:`.
            audit: show the hidden performance (and withheld rewards) in `info`; never for training.
            form: of observations, see `spaces.ObservationEncoder`.
            render_mode: None, `ansi` (the board in the file's glyphs) or `rgb_array`.

        Raises:
            ScenarioError: the scenario cannot be loaded, or an override is wrong.
            UnknownNameError: no such stage, form or render mode.
            ValueError: the scenario has several agents.
        """
        self._scenario, self.world = open_world(scenario, stage, overrides)
        self._program = one_agent(self.world)
        check_mode(render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self._audit = audit
        self.observer = ObservationEncoder(self.world, 0, form)
        self.observation_space = self.observer.space
        self.action_names = self._program.actions
        self._actions = len(self.action_names)
        self.action_space = gymnasium.spaces.Discrete(self._actions)
        self._stepper = stepper = Stepper(self.world, 1)
        self._buffer = ObservationBuffer(self.observer, 1)
        stepper.observe_into(self._buffer)
        self._read = self._buffer.reader(0)
        # Memory views and bound methods of the only lane: reading them costs a fraction of indexing an array.
        self._action, self._executed = stepper.actions.ravel().data, stepper.executed.ravel().data
        self._pay, self._events = stepper.pay.ravel().data, stepper.events.data
        self._channel_rewards = stepper.rewards[0].tolist
        self._mask = stepper.available[0][0].view(np.int8).copy
        self._guarded = any(guard is not None for guard in self._program.guards)
        self._shown = self.world.rewards_shown or audit
        self._channels = self.world.channels
        self._withheld = dict.fromkeys(self.world.channels, 0.0)
        self._event_names: dict[int, tuple[str, ...]] = {}
        self._seeded = False

    @property
    def ticks(self) -> int:
        """How many ticks the episode has had."""
        return int(self._stepper.ticks[0])

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: restarts the random stream. Without one it continues; the first time, a seed is drawn from entropy.
            options: `{"lane": i}` with a seed takes the stream of lane i of a `TurncoatVectorEnv` with that seed.
        """
        super().reset(seed=seed)
        if seed is not None or not self._seeded:
            self._stepper.seed(int(self.np_random.integers(2**63)) if seed is None else seed)
            self._stepper.lanes[0] = (options or {}).get("lane", 0)
            self._seeded = True
        self._stepper.reset()
        return self._read(), self._info()

    def step(self, action: int | np.integer[Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One tick.

        Raises:
            ValueError: there is no such action.
        """
        chosen = int(action)
        if not 0 <= chosen < self._actions:
            raise ValueError(f"no action {action}; there are 0 to {self._actions - 1}")
        self._action[0] = chosen
        over = self._stepper.step()
        return self._read(), self._pay[0], over == 1, over == 2, self._info()

    def _info(self) -> dict[str, Any]:
        mask = self._events[0]  # few different sets of events occur: their names are made once for each
        if mask not in self._event_names:
            self._event_names[mask] = self.world.event_list(mask)
        paid = dict(zip(self._channels, self._channel_rewards(), strict=True)) if self._shown else self._withheld.copy()
        info: dict[str, Any] = {"events": self._event_names[mask], "rewards": paid, "executed": self._executed[0]}
        if self._guarded:
            info["action_mask"] = self._mask()
        if self._audit:
            info["performance"] = self._stepper.performance.item()
        return info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """bool `[actions]`: what is available, as sb3_contrib's `MaskablePPO` asks for it."""
        return self._stepper.available[0][0].copy()

    def get_state(self) -> Ints:
        """int32 `[F]`: a copy of the world's state, hidden fields too."""
        return self._stepper.states[0].copy()

    def set_state(self, state: Ints, ticks: int = 0) -> None:
        """Go on from a state int32 `[F]` of this world, `ticks` into an episode; the random stream continues.

        Raises:
            ValueError: it is no state of this world.
        """
        sizes = np.array([field.size for field in self.world.fields])
        row = np.asarray(state)
        if row.shape != sizes.shape or ((row < 0) | (row >= sizes)).any():
            raise ValueError(f"a state here is {sizes.size} integers from 0, each below the size of its field")
        self._stepper.states[0] = row
        self._stepper.ended[0] = row[self.world.ended] > 0
        self._stepper.ticks[0] = ticks
        self._seeded = True
        self._stepper.refresh()

    def render(self) -> str | npt.NDArray[np.uint8] | None:
        """The state as `render_mode` says; None without one."""
        state = self._stepper.states[0]
        if self.render_mode == "ansi":
            return rendering.text(self.world, state, rendering.glyphs(self._scenario, self.world))
        return rendering.pixels(self.world, state) if self.render_mode == "rgb_array" else None

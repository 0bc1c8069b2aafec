"""A world with one agent as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from ...scenarios.arguments import whole_number
from ..arguments import action_index, checked_options, checked_seed
from ..base import Ints
from ..life.stepper import LifeStepper
from ..world.ascii_board import glyphs
from . import rendering
from .base import (
    FRAMES_PER_SECOND,
    RENDER_MODES,
    ScenarioLike,
    begin_from,
    check_mode,
    life_info,
    make_stepper,
    one_agent,
    open_worlds,
    reset_needed,
)
from .spaces import Form, ObservationBuffer, observers_of


class TurncoatEnv(gymnasium.Env[Any, np.int64]):
    """One agent in one stage of a scenario.

    `step` pays the agent's channels, weighted as the scenario says (0 where the stage withholds rewards); it has
    `terminated` when a rule or the stage's `horizon` ended the episode and `truncated` it after the stage's `limit`.
    `info` holds:

    - `events`: names of what happened in the tick (an end as `ended:REASON`);
    - `rewards`: channel -> what it paid, before weights (0 where rewards are withheld, unless `audit`);
    - `executed`: index of the action after overrides, -1 for none (an unavailable action, and after a reset);
    - `action_mask`: int8 `[actions]`, 1 where available, only if the file guards some action;
    - `performance`: what the tick was worth to the designers, only with `audit`. Agents must never see it;
    - in a life `stage` and `episode_number` (among the stage's, from 1), and `life_over`: the episode that is over was
      its last. `reset` after an end goes on with the life; before an end, after the last, or seeded it begins anew.

    Draws are a stream given by the seed and a lane: a reset with a seed restarts it, one without continues it. A copy,
    made by `copy.deepcopy` or by pickling, goes on exactly as the original would.

    Attributes:
        action_names: of the actions, by index.
        observer: names and bounds of the observation's parts.
        world: the compiled stage; in a life, the one that it begins in.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": FRAMES_PER_SECOND}  # noqa: RUF012

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
            stage: its name; when None, the whole life if the file declares one, else `train`, or else the first.
            overrides: dotted, as in a file's `with:`.
            audit: show the hidden performance (and withheld rewards) in `info`; never for training.
            form: of observations, see `spaces.ObservationEncoder`.
            render_mode: None, `ansi` (the board in the file's glyphs) or `rgb_array`.

        Raises:
            ScenarioError: the scenario cannot be loaded, or an override is wrong.
            UnknownNameError: no such stage, form or render mode.
            ValueError: the scenario has several agents.
        """
        opened, worlds = open_worlds(scenario, stage, overrides)
        self.world = worlds[0]
        self._program = one_agent(self.world)
        check_mode(render_mode, RENDER_MODES)
        self.render_mode = render_mode
        self._glyphs = glyphs(opened.document)
        self._audit = audit
        self.observer, *others = observers_of(worlds, 0, form)
        self.observation_space = self.observer.space
        self.action_names = self._program.actions
        self._actions = len(self.action_names)
        self.action_space = gymnasium.spaces.Discrete(self._actions)
        self._stepper = make_stepper(worlds, 1)
        self._life = self._stepper if isinstance(self._stepper, LifeStepper) else None
        self._buffer = ObservationBuffer(self.observer, 1, others)
        self._stepper.observe_into(self._buffer)
        self._guarded = any(guard is not None for guard in self._program.guards)
        self._channels = self.world.channels
        self._withheld = dict.fromkeys(self.world.channels, 0.0)
        self._shown = self.world.rewards_shown or audit
        self._event_names: dict[int, tuple[str, ...]] = {}
        self._seeded = self._begun = self._open = False
        self._view_lane()

    def _view_lane(self) -> None:
        """Make memory views and bound methods of the only lane: to read them costs a fraction of indexing an array."""
        stepper = self._stepper
        self._read = self._buffer.reader(0)
        self._action, self._executed = stepper.actions.ravel().data, stepper.executed.ravel().data
        self._pay, self._events = stepper.pay.ravel().data, stepper.events.data
        self._channel_rewards = stepper.rewards[0].tolist
        self._mask = stepper.available[0][0].view(np.int8).copy

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the views, which are of this object's own buffers."""
        return {name: value for name, value in self.__dict__.items() if name not in _VIEWS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what was kept, and view it."""
        self.__dict__.update(state)
        self._view_lane()

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
        seed = None if seed is None else checked_seed(seed)
        super().reset(seed=seed)
        self._seed(seed, whole_number("lane", checked_options(options).get("lane", 0)))
        self._stepper.reset()
        self._begun = self._open = True
        return self._read(), self._info()

    def _seed(self, seed: int | None, lane: int) -> None:
        """Restart the random stream with a seed; without one, only if it was never seeded, and from entropy."""
        if seed is not None or not self._seeded:
            self._stepper.seed(int(self.np_random.integers(2**63)) if seed is None else seed)
            self._stepper.lanes[0] = lane
            self._seeded = True

    def step(self, action: int | np.integer[Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One tick.

        Raises:
            gymnasium.error.ResetNeeded: no episode has begun, or it is over.
            ArgumentError: there is no such action, or it is no integer.
        """
        if not self._open:
            raise reset_needed(self._begun)
        self._action[0] = action_index(action, self._actions)
        over = self._stepper.step()
        self._open = over == 0
        return self._read(), self._pay[0], over == 1, over == 2, self._info()

    def _info(self) -> dict[str, Any]:
        mask = self._events[0]  # few different sets of events occur: their names are made once for each
        if mask not in self._event_names:
            self._event_names[mask] = self.world.event_list(mask)
        shown = self._shown if self._life is None else self._audit or self._life.world_of(0).rewards_shown
        paid = dict(zip(self._channels, self._channel_rewards(), strict=True)) if shown else self._withheld.copy()
        info: dict[str, Any] = {"events": self._event_names[mask], "rewards": paid, "executed": self._executed[0]}
        if self._guarded:
            info["action_mask"] = self._mask()
        if self._audit:
            info["performance"] = self._stepper.performance.item()
        if self._life is not None:
            info |= life_info(self._life)
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
            ArgumentError: it is no state of this world.
        """
        begin_from(self._stepper, np.asarray(state)[None], ticks)
        self._seed(None, 0)
        self._begun, self._open = True, not self._stepper.ended[0]

    def render(self) -> str | npt.NDArray[np.uint8] | None:
        """The state as `render_mode` says; None without one."""
        frames = rendering.frames(self._stepper, self._glyphs, self.render_mode)
        return None if frames is None else frames[0]


_VIEWS = frozenset({"_read", "_action", "_executed", "_pay", "_events", "_channel_rewards", "_mask"})
"""What `TurncoatEnv._view_lane` makes."""

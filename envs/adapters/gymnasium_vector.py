"""A world with one agent in many lanes at once, as a Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ...scenarios.errors import ArgumentError, UnknownNameError
from ..arguments import checked_options, checked_seed
from ..base import Bools, Floats, Ints, Longs
from . import rendering
from .base import FRAMES_PER_SECOND, RENDER_MODES, ScenarioLike, check_mode, reset_needed
from .spaces import Form
from .vector_base import SingleAgentBatch


class TurncoatVectorEnv(VectorEnv[Any, npt.NDArray[Any], npt.NDArray[Any]]):
    """Lane i is `TurncoatEnv` with the same seed and `options={"lane": i}`, to the last bit.

    `metadata["autoreset_mode"]` says how episodes follow each other. `NEXT_STEP`: the step after an episode's last
    begins the next one, whatever the action, pays 0 and gives its first observation. `SAME_STEP`: the last step itself
    gives the next episode's first observation, and `final_obs` and `final_info` hold what would have been given.
    `DISABLED`: `reset` has to begin the lanes whose episode is over, by a `reset_mask`, before the next step.

    `info` holds arrays, each with its mask (`executed` and `_executed`) as Gymnasium wants it: `event_bits` (uint64,
    see `event_names`), `rewards` (channel -> float64), `executed` (int32), and as for `TurncoatEnv` `action_mask` and
    `performance`, and in a life `stage`, `episode_number` and `life_over`.

    Attributes:
        action_names: of the actions, by index; event_names: of the bits of `event_bits`, lowest first.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": FRAMES_PER_SECOND}  # noqa: RUF012

    def __init__(
        self,
        scenario: ScenarioLike,
        num_envs: int = 1,
        stage: str | None = None,
        overrides: Mapping[str, object] | None = None,
        *,
        audit: bool = False,
        form: Form = "planes",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        render_mode: str | None = None,
        compiled: bool = False,
        threads: int = 1,
    ) -> None:
        """Open one stage of a scenario in many lanes.

        Args:
            scenario: a name of the library, a path, or one that was loaded.
            num_envs: B, how many lanes.
            stage: as for `TurncoatEnv`.
            overrides: dotted, as in a file's `with:`.
            audit: show the hidden performance (and withheld rewards) in `info`; never for training.
            form: of observations, see `spaces.Observer`.
            autoreset_mode: `NEXT_STEP`, `SAME_STEP` or `DISABLED`, or their values (`SameStep`).
            copy: give new observations each time; without it, those in the form `planes` are overwritten by the next
                step (and are to be read only), which is quicker.
            render_mode: None, `ansi` or `rgb_array`: `render` gives a tuple of one text or picture for each lane.
            compiled: compile the tick for this world at the first step: the same results, several times as quickly. It
                takes about a second for each world, and some ten once on a machine, so that it pays from some ten
                million steps of lanes on.
            threads: that step the lanes together, where the tick is compiled and there are thousands of lanes.

        Raises:
            ScenarioError, UnknownNameError, ValueError: as `TurncoatEnv`; or no such autoreset mode.
        """
        modes = {mode.value: mode for mode in AutoresetMode}
        if autoreset_mode not in modes.values() and autoreset_mode not in modes:
            raise UnknownNameError("autoreset mode", str(autoreset_mode), modes)
        self._mode = AutoresetMode(autoreset_mode)
        check_mode(render_mode, RENDER_MODES)
        self.render_mode = render_mode
        autoreset = self._mode is AutoresetMode.NEXT_STEP
        self._lanes = SingleAgentBatch(
            scenario, num_envs, stage, overrides, audit=audit, form=form, autoreset=autoreset, compiled=compiled,
            threads=threads,
        )  # fmt: skip
        self._copy = copy
        self.metadata = self.metadata | {"autoreset_mode": self._mode}
        self.num_envs = num_envs
        self.single_observation_space = self._lanes.observer.space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.single_action_space = gymnasium.spaces.Discrete(len(self._lanes.program.actions))
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.action_names = self._lanes.program.actions
        self.event_names = self._lanes.world.events
        self._all = np.ones(num_envs, np.bool_)
        self._all.flags.writeable = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what was kept. NumPy forgets that an array was not to be written to."""
        self.__dict__.update(state)
        self._all.flags.writeable = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in every lane, or in some.

        Args:
            seed: restarts the random streams of all lanes; without one they continue.
            options: `{"reset_mask": mask}` with bool `[B]` begins an episode in those lanes alone; the others stay as
                they are, with their observation, and without an entry in the infos.

        Raises:
            ArgumentError: the mask is not bool `[B]` or has no lane, or a seed is given for some lanes only.
            gymnasium.error.ResetNeeded: some lanes are to begin, and none ever has.
        """
        seed = None if seed is None else checked_seed(seed)
        mask = self._masked(checked_options(options).get("reset_mask"), seed)
        super().reset(seed=seed)
        if seed is not None or not self._lanes.seeded:
            self._lanes.seed(int(self.np_random.integers(2**63)) if seed is None else seed)
        self._lanes.reset(None if mask is self._all else np.flatnonzero(mask))
        return self._lanes.buffer.batch(self._copy), self._info(mask)

    def _masked(self, mask: object, seed: int | None) -> Bools:
        """The lanes bool `[B]` that a `reset_mask` names; all without one."""
        if mask is None:
            return self._all
        if (
            not isinstance(mask, np.ndarray)
            or mask.dtype != np.bool_
            or mask.shape != (self.num_envs,)
            or not mask.any()
        ):
            raise ArgumentError(f"`reset_mask` is an array of {self.num_envs} truth values, at least one of them true")
        if mask.all():
            return self._all
        if seed is not None:
            raise ArgumentError("a seed restarts the random streams of all lanes: leave it out, or reset all of them")
        return mask.copy()

    def step(self, actions: npt.ArrayLike) -> tuple[Any, Floats, Bools, Bools, dict[str, Any]]:
        """One tick of every lane; `actions` are integers `[B]`.

        Raises:
            gymnasium.error.ResetNeeded: no episode has begun; or, without autoreset, that of some lane is over.
            ArgumentError: there are not B of them, one does not exist, or they are no integers.
        """
        lanes, stepper = self._lanes, self._lanes.stepper
        if self._mode is AutoresetMode.DISABLED and (stepper.terminated | stepper.truncated).any():
            raise reset_needed(True)
        done = lanes.step(actions)
        reward, ended, cut = stepper.pay[:, 0].copy(), stepper.terminated.copy(), stepper.truncated.copy()
        # Rewards and flags are copied before `reset`, which overwrites the buffers of the lanes that it begins.
        last: dict[str, Any] = {}
        if done is not None and self._mode is AutoresetMode.SAME_STEP:
            last = self._final(done)
            stepper.reset(done)
        return lanes.buffer.batch(self._copy), reward, ended, cut, self._info(self._all) | last

    def get_state(self) -> Ints:
        """int32 `[B, F]`: a copy of the lanes' states, hidden fields too."""
        return self._lanes.stepper.states.copy()

    def set_state(self, states: Ints, ticks: npt.ArrayLike = 0) -> None:
        """Go on from states int32 `[B, F]`, `ticks` (a number, or `[B]`) into their episodes.

        The random streams continue.

        Raises:
            ArgumentError: a row is no state of this world.
        """
        self._lanes.set_state(states, ticks)

    def render(self) -> tuple[Any, ...] | None:
        """The lanes' states as `render_mode` says; None without one."""
        return rendering.frames(self._lanes.stepper, self._lanes.glyphs, self.render_mode)

    def action_masks(self) -> Bools:
        """bool `[B, actions]`: what is available in each lane."""
        return self._lanes.stepper.available[0].copy()

    def _final(self, done: Longs) -> dict[str, Any]:
        """What an episode's last tick showed, for the lanes int64 `[n]` whose episode is over."""
        observations = np.full(self.num_envs, None, dtype=object)
        for lane, observation in zip(done.tolist(), self._lanes.buffer.some(done), strict=True):
            observations[lane] = observation
        over = np.zeros(self.num_envs, np.bool_)
        over[done] = True
        info = self._info(over)
        return {"final_obs": observations, "_final_obs": over, "final_info": info, "_final_info": over.copy()}

    def _info(self, whose: Bools) -> dict[str, Any]:
        """The infos as arrays with masks, of the lanes bool `[B]`; the others' entries mean nothing."""
        masked: dict[str, Any] = {}
        for name, value in self._lanes.info().items():
            if isinstance(value, dict):
                value = {key: part for k, v in value.items() for key, part in ((k, v), (f"_{k}", whose))}
            masked[name], masked[f"_{name}"] = value, whose
        return masked

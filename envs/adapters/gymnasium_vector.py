"""A world with one agent in many lanes at once, as a Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ..base import Bools, Floats, Longs
from .base import ScenarioLike
from .spaces import Form
from .vector_base import SingleAgentBatch


class TurncoatVectorEnv(VectorEnv[Any, npt.NDArray[Any], npt.NDArray[Any]]):
    """Lane i is `TurncoatEnv` with the same seed and `options={"lane": i}`, to the last bit.

    `metadata["autoreset_mode"]` says how episodes follow each other. `NEXT_STEP`: the step after an episode's last
    begins the next one, whatever the action, pays 0 and gives its first observation. `SAME_STEP`: the last step itself
    gives the next episode's first observation, and `final_obs` and `final_info` hold what would have been given.

    `info` holds arrays, each with its mask (`executed` and `_executed`) as Gymnasium wants it: `event_bits` (uint64,
    see `event_names`), `rewards` (channel -> float64), `executed` (int32), and as for `TurncoatEnv` `action_mask` and
    `performance`.

    Attributes:
        action_names: of the actions, by index; event_names: of the bits of `event_bits`, lowest first.
    """

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
    ) -> None:
        """Open one stage of a scenario in many lanes.

        Args:
            scenario: a name of the library, a path, or one that was loaded.
            num_envs: B, how many lanes.
            stage: its name; when None, `train`, or else the first.
            overrides: dotted, as in a file's `with:`.
            audit: show the hidden performance (and withheld rewards) in `info`; never for training.
            form: of observations, see `spaces.Observer`.
            autoreset_mode: `NEXT_STEP` or `SAME_STEP`.
            copy: give new observations each time; without it, those in the form `planes` are overwritten by the next
                step (and are to be read only), which is quicker.

        Raises:
            ScenarioError, UnknownNameError, ValueError: as `TurncoatEnv`; or no such autoreset mode.
        """
        self._mode = AutoresetMode(autoreset_mode)
        if self._mode is AutoresetMode.DISABLED:
            raise ValueError("lanes are always reset: take NEXT_STEP or SAME_STEP")
        autoreset = self._mode is AutoresetMode.NEXT_STEP
        self._lanes = SingleAgentBatch(
            scenario, num_envs, stage, overrides, audit=audit, form=form, autoreset=autoreset
        )
        self._copy = copy
        self.metadata = {"autoreset_mode": self._mode, "render_modes": []}
        self.num_envs = num_envs
        self.single_observation_space = self._lanes.observer.space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.single_action_space = gymnasium.spaces.Discrete(len(self._lanes.program.actions))
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.action_names = self._lanes.program.actions
        self.event_names = self._lanes.world.events
        self._all = np.ones(num_envs, np.bool_)
        self._all.flags.writeable = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in every lane. A seed restarts the random streams; without one they continue. No options."""
        super().reset(seed=seed)
        if seed is not None or not self._lanes.seeded:
            self._lanes.seed(int(self.np_random.integers(2**63)) if seed is None else seed)
        self._lanes.stepper.reset()
        return self._lanes.buffer.batch(self._copy), self._info(self._all)

    def step(self, actions: npt.NDArray[Any]) -> tuple[Any, Floats, Bools, Bools, dict[str, Any]]:
        """One tick of every lane; `actions` are integers `[B]`.

        Raises:
            ValueError: there is no such action.
        """
        lanes, stepper = self._lanes, self._lanes.stepper
        done = lanes.step(actions)
        reward, ended, cut = stepper.pay[:, 0].copy(), stepper.terminated.copy(), stepper.truncated.copy()
        # Rewards and flags are copied before `reset`, which overwrites the buffers of the lanes that it begins.
        last: dict[str, Any] = {}
        if done is not None and self._mode is AutoresetMode.SAME_STEP:
            last = self._final(done)
            stepper.reset(done)
        return lanes.buffer.batch(self._copy), reward, ended, cut, self._info(self._all) | last

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

"""A world with one agent as Stable-Baselines3's own vector environment, and a features extractor for small boards.

Needs `pip install '.[sb3]'`. A `TurncoatEnv` works with Stable-Baselines3 too; this is quicker with many lanes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from ...scenarios.errors import MissingPackageError, installing
from ..arguments import action_indices, checked_seed
from ..base import Bools, Ints, Longs
from . import rendering
from .base import FRAMES_PER_SECOND, ScenarioLike, check_mode, entropy, reset_needed
from .spaces import Form
from .vector_base import SingleAgentBatch

try:
    import torch
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
    from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices, VecEnvObs, VecEnvStepReturn
except ImportError as missing:
    raise MissingPackageError(f"TurncoatVecEnv needs Stable-Baselines3: {installing('sb3')}") from missing


class SharedVecEnv(VecEnv):
    """A vector environment that is one object for all lanes: attributes and methods belong to all of them at once."""

    render_mode: str | None = None
    lane_methods: tuple[str, ...] = ("action_masks",)
    """The methods that return a row for each lane."""

    def action_masks(self) -> Bools:
        """bool `[B, actions]`: what is available in each lane."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held open."""

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seed the next reset; None draws a seed.

        Raises:
            ArgumentError: it is no seed.
        """
        return super().seed(None if seed is None else checked_seed(seed))

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The same attribute of this object for each lane."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of this object, which all lanes share.

        Raises:
            ValueError: for some lanes only.
        """
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError("the lanes are one object: an attribute is set for all of them or for none")
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """A method of `lane_methods` for some lanes: `action_masks`, as sb3_contrib's `MaskablePPO` asks for it.

        Raises:
            AttributeError: any other method; the lanes are no objects of their own.
        """
        if method_name in self.lane_methods:
            rows = getattr(self, method_name)(*method_args, **method_kwargs)
            return [rows[i] for i in self._get_indices(indices)]
        raise AttributeError(f"a lane of {type(self).__name__} has no method {method_name!r}")

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """False for each lane."""
        return [False for _ in self._get_indices(indices)]


class TurncoatVecEnv(SharedVecEnv):
    """B lanes for Stable-Baselines3: an episode's last step already gives the next one's first observation.

    Lane i has the chance of `TurncoatEnv` with the same seed and `options={"lane": i}`. Each lane's info is that of
    `TurncoatEnv` without `performance`, which no training may see; at an episode's end it has `terminal_observation`
    and `TimeLimit.truncated` too, as Stable-Baselines3 wants it.

    Attributes:
        action_names: of the actions, by index.
    """

    lane_methods = ("action_masks", "get_state")

    def __init__(
        self,
        scenario: ScenarioLike,
        num_envs: int = 1,
        stage: str | None = None,
        overrides: Mapping[str, object] | None = None,
        *,
        form: Form = "planes",
        render_mode: str | None = None,
    ) -> None:
        """Open one stage of a scenario in many lanes.

        Args:
            scenario: a name of the library, a path, or one that was loaded.
            num_envs: B, how many lanes.
            stage: as for `TurncoatEnv`.
            overrides: dotted, as in a file's `with:`.
            form: of observations, see `spaces.Observer`.
            render_mode: None or `rgb_array`.

        Raises:
            ScenarioError, UnknownNameError, ValueError: as `TurncoatEnv`.
        """
        check_mode(render_mode, ["rgb_array"])
        self._lanes = SingleAgentBatch(scenario, num_envs, stage, overrides, audit=False, form=form, autoreset=False)
        self.render_mode = render_mode
        self.action_names = self._lanes.program.actions
        self._named: dict[int, tuple[str, ...]] = {}
        self._chosen: npt.NDArray[Any] = np.zeros(num_envs, np.int64)
        super().__init__(num_envs, self._lanes.observer.space, gymnasium.spaces.Discrete(len(self.action_names)))
        self.metadata: dict[str, Any] = {**self.metadata, "render_fps": FRAMES_PER_SECOND}

    def reset(self) -> VecEnvObs:
        """Begin an episode in every lane; the random stream restarts if `seed` was called since the last reset."""
        if self._seeds[0] is not None or not self._lanes.seeded:
            self._lanes.seed(entropy() if self._seeds[0] is None else self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        self._lanes.reset()
        self.reset_infos = self._infos()
        return self._lanes.buffer.batch()

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Remember integers `[B]` for `step_wait`.

        Raises:
            gymnasium.error.ResetNeeded: no episode has begun.
            ArgumentError: there are not B of them, one does not exist, or they are no integers.
        """
        if not self._lanes.begun:
            raise reset_needed(False)
        self._chosen = action_indices(actions, self.num_envs, len(self.action_names))

    def step_wait(self) -> VecEnvStepReturn:
        """One tick of every lane: observations, rewards float32 `[B]`, dones bool `[B]`, infos."""
        lanes, stepper = self._lanes, self._lanes.stepper
        done = lanes.step(self._chosen)
        rewards, over = stepper.pay[:, 0].astype(np.float32), stepper.terminated | stepper.truncated
        infos = self._infos()
        if done is not None:
            for lane, observation in zip(done.tolist(), lanes.buffer.some(done), strict=True):
                infos[lane]["terminal_observation"] = observation
                infos[lane]["TimeLimit.truncated"] = bool(stepper.truncated[lane])
            stepper.reset(done)
            for lane, info in zip(done.tolist(), self._infos(done), strict=True):
                self.reset_infos[lane] = info
        return lanes.buffer.batch(), rewards, over, infos

    def action_masks(self) -> Bools:
        """bool `[B, actions]`: what is available in each lane."""
        return self._lanes.stepper.available[0].copy()

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

    def contents(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of all that the lanes' future depends on, by name."""
        return self._lanes.stepper.contents()

    def restore(self, contents: Mapping[str, npt.NDArray[Any]]) -> VecEnvObs:
        """Go on exactly where `contents` was taken; returns the observations.

        Raises:
            ValueError, KeyError: they are those of another world, or of more or fewer lanes.
        """
        self._lanes.stepper.restore(contents)
        self._lanes.seeded = self._lanes.begun = True
        return self._lanes.buffer.batch()

    def _infos(self, rows: Longs | slice = slice(None)) -> list[dict[str, Any]]:
        """The infos of some lanes, or of all."""
        arrays = self._lanes.info(rows)
        rewards = arrays.pop("rewards")
        events = [self._events(bits) for bits in arrays.pop("event_bits").tolist()]
        columns = [column.tolist() for column in rewards.values()]
        paid = [dict(zip(rewards, row, strict=True)) for row in zip(*columns, strict=True)]
        executed = arrays.pop("executed").tolist()
        infos: list[dict[str, Any]] = [
            {"events": events[i], "rewards": paid[i], "executed": executed[i]} for i in range(len(events))
        ]
        for name, array in arrays.items():
            # Words, numbers and truth values are plain ones, as in `TurncoatEnv`; a mask stays an array.
            for info, value in zip(infos, array if array.ndim > 1 else array.tolist(), strict=True):
                info[name] = value
        return infos

    def _events(self, bits: int) -> tuple[str, ...]:
        if bits not in self._named:
            self._named[bits] = self._lanes.world.event_list(bits)
        return self._named[bits]

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        """A picture of each lane's board."""
        stepper = self._lanes.stepper
        return [rendering.pixels(stepper.world_of(lane), state) for lane, state in enumerate(stepper.states)]


class BoardExtractor(BaseFeaturesExtractor):
    """Layers of 3 x 3 convolutions over a small board, counters scaled to 0 to 1 beside them, and one dense layer.

    For observations in the form `planes`:
    `PPO("MultiInputPolicy", env, policy_kwargs={"features_extractor_class": BoardExtractor})`.
    """

    low: torch.Tensor
    span: torch.Tensor
    places: torch.Tensor

    def __init__(
        self,
        observation_space: gymnasium.spaces.Dict,
        features_dim: int = 128,
        channels: int = 16,
        layers: int = 2,
        coordinates: bool = False,
        inner: bool = False,
    ) -> None:
        """For a space of the form `planes`.

        Args:
            observation_space: with `board`, `counters` or both.
            features_dim: how many features come out.
            channels: of each convolution.
            layers: how many convolutions.
            coordinates: two more planes say each cell's row and column, 0 to 1 (Liu et al. 2018, CoordConv).
            inner: the first convolution has no padding. The cells on the board's rim are seen by those beside them, and
                on a board of 9 x 9 all that follows costs 0.6 of what it would. Boards with a side below 3 are padded.
        """
        super().__init__(observation_space, features_dim)
        size = 0
        board, counters = observation_space.spaces.get("board"), observation_space.spaces.get("counters")
        if board is not None:
            planes, height, width = board.shape or ()
            inner = inner and min(height, width) >= 3
            if coordinates:
                rows, columns = torch.linspace(0, 1, height), torch.linspace(0, 1, width)
                places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
                self.register_buffer("places", places[None], persistent=False)
                planes += 2
            stack: list[torch.nn.Module] = []
            for layer in range(layers):
                padding = 0 if inner and layer == 0 else 1
                stack += [torch.nn.Conv2d(planes, channels, 3, padding=padding), torch.nn.ReLU()]
                planes = channels
            self.convolutions = torch.nn.Sequential(*stack, torch.nn.Flatten())
            size += planes * (height - 2 * inner) * (width - 2 * inner)
        if counters is not None:
            assert isinstance(counters, gymnasium.spaces.Box)
            self.register_buffer("low", torch.as_tensor(counters.low))
            self.register_buffer("span", torch.as_tensor(counters.high - counters.low))
            size += counters.shape[0]
        self.coordinates = coordinates
        self.dense = torch.nn.Sequential(torch.nn.Linear(size, features_dim), torch.nn.ReLU())

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """float32 `[B, features_dim]`, for `board` `[B, C, H, W]` and `counters` `[B, M]`."""
        parts = []
        if "board" in observations:
            board = observations["board"].float()
            if self.coordinates:
                board = torch.cat([board, self.places.expand(len(board), -1, -1, -1)], dim=1)
            parts.append(self.convolutions(board))
        if "counters" in observations:
            parts.append((observations["counters"] - self.low) / self.span)
        return self.dense(torch.cat(parts, dim=1))

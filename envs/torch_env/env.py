"""A batched torch environment of an enumerated world, stepped by gathers on the device.

It has the semantics of the reference: every outcome is one of the reference's, with the same probability. Needs
`pip install '.[learn]'`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...scenarios.errors import MissingPackageError, installing

try:
    import torch
    from torch import Tensor
except ImportError as missing:
    raise MissingPackageError(f"turncoat.envs.torch_env.env needs PyTorch: {installing('learn')}") from missing

from ..arguments import checked_seed
from ..base import Ints
from ..mdp.enumeration import Enumeration
from ..reference.observation import observation_ids, observe
from ..world.world import World
from .randomness import TILE, Draws
from .tables import records_of, thresholds

Observations = Tensor | dict[str, Tensor]

MAX_OBSERVATIONS = 2**30
"""Bytes that a table of observations may take unless its caller says otherwise."""


class TorchWorld:
    """B lanes of an enumerated world with automatic resets: a lane whose episode is over begins the next at once.

    A step makes no copy to or from the device and does not synchronise with it, unless `check` validates the actions.

    Draws are a pure function of (seed, number of the lane, resets and ticks since the seed), so a lane does not depend
    on how many lanes there are, their order, the device, or the other lanes. They have the distribution of the
    kernel's, not its values: the kernel makes each named draw, this class draws one outcome of the whole tick.

    An observation is an index into the tables that `observations` returns; states that an agent cannot tell apart have
    the same index.

    Attributes:
        n_lanes: B; n_actions: A joint actions; n_views: V, how many observations there are.
        channels, event_names, action_names: by index.
        states: int32 `[B]`, where each lane is, for those who judge it; ticks: int32 `[B]`, of its episode.
        clock: resets and ticks since the seed, below 2**32.
    """

    def __init__(
        self,
        enumeration: Enumeration,
        n_lanes: int,
        *,
        seed: int = 0,
        first_lane: int = 0,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        agent: int = 0,
        audit: bool = False,
        check: bool = True,
    ) -> None:
        """Build the tables and begin an episode in every lane.

        Args:
            enumeration: of the world.
            n_lanes: B.
            seed: of chance.
            first_lane: the number of the first lane, for batches that are parts of a larger one.
            device: where tables and lanes live.
            dtype: of rewards and performance: float32, or float64 for exactly those of the reference.
            agent: whose observations.
            audit: tell hidden performance, and rewards that the stage withholds; never for training.
            check: refuse actions that do not exist or are not available, at the cost of waiting for the device in
                every step. Without it, what comes of such an action means nothing.

        Raises:
            ValueError: fewer than one lane, or another dtype.
        """
        if n_lanes < 1:
            raise ValueError(f"a torch world needs at least one lane, not {n_lanes}")
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"rewards are float32 or float64, not {dtype}")
        mdp, world = enumeration.mdp, enumeration.world
        self.n_lanes, self.n_actions = n_lanes, mdp.n_actions
        self.channels, self.event_names, self.action_names = mdp.channels, mdp.event_names, mdp.action_names
        self._world, self._agent, self._audit, self._check = world, agent, audit, check
        self._steps = world.steps or 2**31 - 1
        self._device = torch.device(device)
        paid = mdp.rewards if world.rewards_shown or audit else np.zeros_like(mdp.rewards)
        numbers = np.column_stack([paid, enumeration.performance]) if audit else paid
        self._records = records_of(mdp, numbers, self._device, dtype)
        self._available = torch.as_tensor(mdp.available, device=self._device)
        self._guarded = not mdp.available[~mdp.ended].all()
        self._start = torch.as_tensor(mdp.start_state.astype(np.int32), device=self._device)
        starts = np.array([0, mdp.start_state.size])
        self._start_threshold = torch.as_tensor(thresholds(starts, mdp.start_probability), device=self._device)
        # On a GPU, counting the lanes that are done would synchronise; for few lanes, draws are made ahead, which is
        # quicker still.
        self._draw_only_done = self._device.type == "cpu" and n_lanes >= TILE["cpu"]
        self._number_observations(world, enumeration.states)
        self.states = torch.zeros(n_lanes, dtype=torch.int32, device=self._device)
        self.ticks = torch.zeros_like(self.states)
        self._last = self._records.words.new_zeros(0)
        self._lanes = torch.arange(first_lane, first_lane + n_lanes, device=self._device)
        self.clock = 0
        self.reset(seed)

    def reset(self, seed: int | None = None, *, starts: Tensor | None = None) -> Tensor:
        """Begin an episode in every lane.

        Args:
            seed: restarts the random stream; without one it continues.
            starts: int64 `[B]`, which entry of the start distribution each lane takes, instead of drawing it.

        Returns:
            What is seen, integers `[B]`.
        """
        if seed is not None:
            self._seed, self.clock = checked_seed(seed), 0
            self._draw()
        self.ticks = torch.zeros_like(self.states)
        self.states = self._reset_done(self.states, torch.ones_like(self.states, dtype=torch.bool), starts)
        self.clock += 1
        return self.index

    def step(
        self, actions: Tensor, *, outcomes: Tensor | None = None, starts: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One tick of every lane; where it was an episode's last, the next has begun.

        Args:
            actions: integers `[B]`, joint actions.
            outcomes: integers `[B]`, which outcome of its row each lane takes, instead of drawing it: a replay.
            starts: int64 `[B]`, as in `reset`.

        Returns:
            Rewards `[B, K]`, ended and truncated bool `[B]`, and what is seen, integers `[B]`. What was seen at the
            end of an episode is `final_index`.

        Raises:
            ValueError: with `check`, an action that does not exist, or that is not available in its lane's state.
        """
        if self._check:
            self._refuse(actions)
        row = torch.add(actions, self.states, alpha=self.n_actions)
        records = self._records
        if outcomes is not None:
            outcome = records.numbered(row, outcomes)
        else:
            outcome = records.find(row, self._outcomes.at(self.clock)) if records.rounds else row
        self._last = records.read(outcome)
        next_state = self._last[:, 0]
        ended = next_state < 0
        ticks = self.ticks + 1
        truncated = (ticks >= self._steps) > ended  # for booleans, `a > b` is "a and not b" in one operation
        done = ended | truncated
        self.states = self._reset_done(next_state, done, starts)
        self.ticks = ticks.masked_fill_(done, 0)
        self.clock += 1
        return self._numbers[:, : len(self.channels)], ended, truncated, self.index

    def _draw(self) -> None:
        self._outcomes, self._starts = (Draws(self._seed, self._lanes, stream) for stream in (0, 1))

    def _reset_done(self, states: Tensor, done: Tensor, starts: Tensor | None) -> Tensor:
        """The states int32 `[B]`, with start states in place of those that are `done`."""
        if self._start.numel() == 1:
            return torch.where(done, self._start, states)
        if starts is None and self._draw_only_done:
            rows = done.nonzero()[:, 0]
            return states.index_copy(0, rows, self._start_at(self._starts.of(rows, self.clock)))
        if starts is None:
            return torch.where(done, self._start_at(self._starts.at(self.clock)), states)
        return torch.where(done, self._start.index_select(0, starts), states)

    def _start_at(self, draw: Tensor) -> Tensor:
        """Where an episode begins, int32 `[n]`, for draws int64 `[n]`."""
        return self._start.index_select(0, torch.searchsorted(self._start_threshold, draw, right=True))

    def _refuse(self, actions: Tensor) -> None:
        if actions.shape != self.states.shape:
            raise ValueError(f"one action for each of {self.n_lanes} lanes is needed; got the shape {actions.shape}")
        if actions.dtype.is_floating_point or actions.dtype.is_complex or actions.dtype == torch.bool:
            raise ValueError(f"actions are integers; got {actions.dtype}")
        least, most = torch.aminmax(actions)
        if int(least) < 0 or int(most) >= self.n_actions:
            raise ValueError(f"actions are 0 to {self.n_actions - 1}; got {int(least)} to {int(most)}")
        if self._guarded:
            available = self.mask.gather(1, actions.long()[:, None])[:, 0]
            if not bool(available.all()):
                lane = int((~available).nonzero()[0, 0])
                name = self.action_names[int(actions[lane])]
                raise ValueError(f"action `{name}` is not available in lane {lane}; take one that `mask` allows")

    # -------------------------------------------------------------- what is seen, what came

    def _number_observations(self, world: World, states: Ints) -> None:
        """Number the agent's observations; where it observes everything, by the index of the state."""
        ids = observation_ids(world, states, self._agent)
        first = np.unique(ids, return_index=True)[1]
        self.n_views = first.size
        everything = self.n_views == len(states)
        self._view = None if everything else torch.as_tensor(ids.astype(np.int32), device=self._device)
        self._shown = states if everything else states[first]

    @property
    def index(self) -> Tensor:
        """int32 `[B]`: what is seen now, from 0 to V - 1."""
        return self._seen(self.states)

    @property
    def final_index(self) -> Tensor:
        """int32 `[B]`: what the last step led to, before any new episode began."""
        next_state = self._last[:, 0]
        return self._seen(next_state ^ (next_state >> 31))  # -1 - s, which marks an ended state, becomes s

    def _seen(self, states: Tensor) -> Tensor:
        return states if self._view is None else self._view.index_select(0, states)

    @property
    def mask(self) -> Tensor:
        """bool `[B, A]`: the actions that are available now."""
        return self._available.index_select(0, self.states)

    @property
    def events(self) -> Tensor:
        """int64 `[B]`: what happened in the last step, bit i for `event_names[i]`."""
        return self._records.events(self._last)

    @property
    def performance(self) -> Tensor:
        """`[B]`: what the last step was worth to the designers (its mean, where chance alone decides it).

        Raises:
            PermissionError: the world was not made with `audit=True`.
        """
        if not self._audit:
            raise PermissionError("performance is hidden: make the world with audit=True, and never to train on it")
        return self._numbers[:, -1]

    @property
    def _numbers(self) -> Tensor:
        return self._records.numbers(self._last)

    def observations(self, form: str = "symbols", most_bytes: int = MAX_OBSERVATIONS) -> Observations:
        """What each index stands for, to be gathered from: `table.index_select(0, index)`.

        Args:
            form: `symbols` (int32 `[V, O]`, the rows of `observe`), or a form of `adapters.spaces.ObservationEncoder`:
                `planes` (a dictionary), `flat`, `image`.
            most_bytes: a table that takes more is refused.

        Raises:
            ValueError: too many bytes (it says how many), no such form, or one that shows the time left, which is no
                part of a state (`ticks` has the time).
        """
        size = self.observation_bytes(form)
        if size > most_bytes:
            raise ValueError(
                f"{self.n_views:,} observations as `{form}` take {size:,} bytes, more than {most_bytes:,}; "
                "take another form, or allow more"
            )
        if form == "symbols":
            seen = observe(self._world, self._shown, self._agent)
            return torch.as_tensor(seen.astype(np.int32), device=self._device)
        table: Any = self._observer(form).observe(self._shown)
        if isinstance(table, dict):
            return {name: torch.as_tensor(part, device=self._device) for name, part in table.items()}
        return torch.as_tensor(table, device=self._device)

    def observation_bytes(self, form: str = "symbols") -> int:
        """How many bytes the table of all V observations takes.

        Raises:
            ValueError: no such form.
        """
        if form == "symbols":
            return self.n_views * 4 * observe(self._world, self._shown[:1], self._agent).shape[1]
        one: Any = self._observer(form).observe(self._shown[:1])
        return self.n_views * sum(part.nbytes for part in (one.values() if isinstance(one, dict) else [one]))

    def _observer(self, form: Any) -> Any:
        from ..adapters.spaces import ObservationEncoder  # here, since it needs Gymnasium and stepping does not

        observer = ObservationEncoder(self._world, self._agent, form)
        if observer.timed:
            raise ValueError(
                f"`{form}` of a stage with a horizon shows the time left, which is no part of a state: "
                "take `symbols`, and the time from `ticks`"
            )
        return observer

    @property
    def table_bytes(self) -> int:
        """How many bytes the tables take that a step reads."""
        return self._records.bytes

    # -------------------------------------------------------------- leaving off and going on

    def state_dict(self) -> dict[str, Any]:
        """All that the lanes' future depends on: `states`, `ticks` and `lanes` (tensors `[B]`), `clock` and `seed`."""
        tensors = {"states": self.states, "ticks": self.ticks, "lanes": self._lanes}
        return {name: tensor.clone() for name, tensor in tensors.items()} | {"clock": self.clock, "seed": self._seed}

    def load_state_dict(self, state: dict[str, Any]) -> Tensor:
        """Go on from a state of the same world with as many lanes; returns what is seen, integers `[B]`.

        Raises:
            ValueError: it belongs to another number of lanes, or to a larger world.
        """
        for name in ("states", "ticks", "lanes"):
            if state[name].shape != (self.n_lanes,):
                raise ValueError(f"`{name}` has the shape {tuple(state[name].shape)}; there are {self.n_lanes} lanes")
        if int(state["states"].max()) >= len(self._available):
            raise ValueError(
                f"`states` goes up to {int(state['states'].max())}; there are {len(self._available)} states"
            )
        self.states = state["states"].to(self._device, torch.int32, copy=True)
        self.ticks = state["ticks"].to(self._device, torch.int32, copy=True)
        self._lanes = state["lanes"].to(self._device, torch.int64, copy=True)
        self._seed, self.clock = int(state["seed"]), int(state["clock"])
        self._draw()
        return self.index

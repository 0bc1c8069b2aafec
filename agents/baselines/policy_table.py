"""A policy written down: how often an agent takes which action, by what it observes and what is available to it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol, runtime_checkable

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...scenarios.bounded_reading import UnreadableFileError
from ..base import AgentState
from ..learning.checkpoint import read_checkpoint, unreadable, write_checkpoint

KIND: Final = "policy"
FILE_VERSION: Final = 1
_NEAR: Final = 1e-6
"""How far the probabilities of a row may be from adding up to 1."""


@runtime_checkable
class ObservedPolicy(Protocol):
    """A policy without memory whose action probabilities are a function of what is observed."""

    def distribution(self, observation: Longs, mask: Bools) -> Floats:
        """float64 `[B, A]`: the probability of each action.

        Args:
            observation: int64 `[B, O]`.
            mask: bool `[B, A]`, the available actions.
        """
        ...


@dataclass(frozen=True, eq=False)
class PolicyTable:
    """The memoryless policy of an agent in one world, as a table; what it does not list it meets at random.

    Attributes:
        agent: the name of the agent in its world; actions: A names; fields: the names of what it observes, as far as
            they have names.
        method: what learned it; seed: its seed; steps: of its training.
        observations: int64 `[M, O]`; masks: bool `[M, A]`; probabilities: float64 `[M, A]`.
    """

    agent: str
    actions: tuple[str, ...]
    fields: tuple[str, ...]
    method: str
    seed: int
    steps: int
    observations: Longs
    masks: Bools
    probabilities: Floats

    @cached_property
    def _rows(self) -> dict[bytes, int]:
        keys = np.concatenate([self.observations, self.masks], axis=1, dtype=np.int64)
        return {key.tobytes(): number for number, key in enumerate(keys)}

    def known(self, observation: Longs, mask: Bools) -> Ints:
        """int32 `[B]`: the row of the table of each observation int64 `[B, O]` and mask bool `[B, A]`, -1 for none."""
        keys = np.ascontiguousarray(np.concatenate([observation, mask], axis=1, dtype=np.int64))
        return np.array([self._rows.get(key.tobytes(), -1) for key in keys], np.int32)

    def distribution(self, observation: Longs, mask: Bools) -> Floats:
        """See `ObservedPolicy`."""
        rows = self.known(observation, mask)
        anything = mask / np.maximum(mask.sum(axis=1, keepdims=True), 1)
        anything[rows >= 0] = self.probabilities[rows[rows >= 0]]
        return anything

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`; the likeliest action, of equals the first."""
        return self.distribution(observation, mask).argmax(axis=1).astype(np.int32), None

    @staticmethod
    def of(
        agent: str,
        actions: tuple[str, ...],
        fields: tuple[str, ...],
        training: tuple[str, int, int],
        observations: Longs,
        masks: Bools,
        chances: Floats,
    ) -> PolicyTable:
        """The table of a policy that is given in S states, of which many may look alike.

        Args:
            agent: its name.
            actions: its actions.
            fields: what it observes.
            training: method, seed and steps.
            observations: int64 `[S, O]`.
            masks: bool `[S, A]`; states in which nothing is available are left out.
            chances: float64 `[S, A]`.
        """
        live = np.flatnonzero(masks.any(axis=1))
        keys = np.concatenate([observations, masks], axis=1, dtype=np.int64)[live]
        _, first = np.unique(keys, axis=0, return_index=True)
        kept = live[np.sort(first)]
        return PolicyTable(agent, actions, fields, *training, observations[kept], masks[kept], chances[kept])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the table to one file, atomically."""
        header = {
            "agent": self.agent,
            "actions": self.actions,
            "fields": self.fields,
            "method": self.method,
            "seed": self.seed,
            "steps": self.steps,
        }
        arrays = {"observations": self.observations, "masks": self.masks, "probabilities": self.probabilities}
        write_checkpoint(path, KIND, FILE_VERSION, header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PolicyTable:
        """Reads what `save` wrote, which may be a stranger's: nothing of it is run, and everything is checked.

        Raises:
            OSError: there is no such file.
            ValueError: not such a file, or a newer version than this program reads.
        """
        header, arrays = read_checkpoint(path, KIND, FILE_VERSION)
        with unreadable(path):
            observations = arrays["observations"].astype(np.int64, casting="safe")
            masks, chances = arrays["masks"], arrays["probabilities"].astype(np.float64, casting="safe")
            actions = tuple(map(str, header["actions"]))
            shape = (len(observations), len(actions))
            if observations.ndim != 2 or masks.shape != shape or masks.dtype != np.bool_ or chances.shape != shape:
                raise UnreadableFileError("its tables have not the shapes that they say")
            proper = (chances >= 0).all() and (np.abs(chances.sum(axis=1) - 1) <= _NEAR).all()
            if not proper or (chances[~masks] > 0).any():
                raise UnreadableFileError("what it does is no distribution over what is available")
            return cls(
                str(header["agent"]),
                actions,
                tuple(map(str, header["fields"])),
                str(header["method"]),
                int(header["seed"]),
                int(header["steps"]),
                observations,
                masks,
                chances,
            )

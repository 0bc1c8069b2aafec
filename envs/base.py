"""The contracts of the room `envs`: array types, state fields and the finite Markov decision process.

Letters for shapes, used everywhere: B lanes, S states, A joint actions, K reward channels, N agents, H x W cells,
T steps, F state fields, M outcomes (all stored transitions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..scenarios.errors import UnknownNameError, WorldError

Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Bits: TypeAlias = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Field:
    """One column of the flat integer state.

    Attributes:
        name: dotted, unique, for people (`robot.cell`, `power`).
        size: values run from 0 to `size - 1`.
        observed: whether agents may see it at all.
    """

    name: str
    size: int
    observed: bool = True


@dataclass(frozen=True, eq=False)
class FiniteMDP:
    """A finite Markov decision process in compressed sparse rows: all that an agent may know of an enumerated world.

    Row `s * A + a` holds the outcomes of joint action `a` in state `s`: the slice `row_start[row]:row_start[row + 1]`
    of the outcome arrays. An empty row means that the action is not available there; in an ended state every row is
    empty, in any other at least one is not. The hidden performance is not here (see `mdp.enumeration.Enumeration`).

    Attributes:
        n_states: S.
        n_actions: A, the number of joint actions.
        row_start: int64 `[S * A + 1]`.
        next_state: int32 `[M]`.
        probability: float64 `[M]`; sums to one in every non-empty row.
        rewards: float64 `[M, K]`, what each visible channel pays on this outcome.
        events: uint64 `[M]`, bit `i` set when event `event_names[i]` came on this outcome.
        ended: bool `[S]`, the episode is over.
        start_state: int32 `[S0]`; `start_probability`: float64 `[S0]`, sums to one.
        channels: K names; event_names: at most 64, ends appear as `ended:REASON`; action_names: A names.
        known: what whoever acts knows of the state, where that is not all of it.
    """

    n_states: int
    n_actions: int
    row_start: Longs
    next_state: Ints
    probability: Floats
    rewards: Floats
    events: Bits
    ended: Bools
    start_state: Ints
    start_probability: Floats
    channels: tuple[str, ...]
    event_names: tuple[str, ...]
    action_names: tuple[str, ...]
    known: Knowledge | None = None

    @property
    def available(self) -> Bools:
        """bool `[S, A]`: the action can be taken in the state."""
        return (np.diff(self.row_start) > 0).reshape(self.n_states, self.n_actions)

    @property
    def outcome_rows(self) -> Longs:
        """int64 `[M]`: the row of each outcome, `state * A + action`."""
        return np.repeat(np.arange(self.row_start.size - 1), np.diff(self.row_start))

    @property
    def chancy(self) -> bool:
        """An action, or the start, has more than one outcome."""
        return bool(self.next_state.size > self.available.sum() or self.start_state.size > 1)

    def event_mask(self, event: str) -> np.uint64:
        """The bit of an event.

        Raises:
            UnknownNameError: no such event.
        """
        if event not in self.event_names:
            raise UnknownNameError("event", event, self.event_names)
        return np.uint64(1 << self.event_names.index(event))


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What whoever acts in a process knows of its state: groups of states that are alike to it, as a process.

    Attributes:
        mdp: over B groups, without events; expected rewards.
        group: int64 `[S]`, the group of each state; share: float64 `[S]`, the state's probability, given its group.
        outcome: int64 `[M]`, the outcome of `mdp` of which each outcome is a part.
        weight: float64 `[M]`, the outcome's probability, given that one.
        chances: the `probability` and the `start_probability` of the process of which all this is true.
    """

    mdp: FiniteMDP
    group: Longs
    share: Floats
    outcome: Longs
    weight: Floats
    chances: tuple[Floats, Floats]

    def true_of(self, mdp: FiniteMDP) -> bool:
        """Whether this holds of a process, whose chances may have been changed since it was made."""
        return self.chances[0] is mdp.probability and self.chances[1] is mdp.start_probability


class NotEnumerableError(WorldError):
    """The world has more states, or a tick more outcomes, than were allowed; the message names what multiplies.

    Attributes:
        cure: what an author can do about it; empty where nothing is known to help.
    """

    def __init__(self, message: str, cure: str = "") -> None:
        self.cure = cure
        super().__init__(message, cure)  # an error is pickled by its arguments

    def __str__(self) -> str:
        return str(self.args[0])


class UnlikeDiscountsError(NotEnumerableError):
    """The values of an agent have discounts of their own: no plan stays the best, so that nothing is solved."""


class TooManyStatesError(NotEnumerableError):
    """The world has too many states, or a tick too many outcomes; bounds or simulation could still tell of it."""

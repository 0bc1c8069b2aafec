"""The automaton that decides a temporal formula as the moments of an episode go by.

Letters: L states of the automaton, N letters (which atoms are true at a moment), S states of a process, M outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base import Bools, FiniteMDP, Longs, NotEnumerableError
from ..mdp.remembering import EpisodeReader
from ..time_limit import check_time
from .formulas import Came, Formula, Holds, after, atoms, holds_at_the_end

MAX_STATES = 5_000
"""States of an automaton at most: a bound inside another temporal word counts ticks, and bounds multiply."""


@dataclass(frozen=True, eq=False)
class Automaton(EpisodeReader):
    """The automaton of a formula, over the moments of the episodes of one process.

    Attributes:
        accepting: bool `[L]`, whether the formula holds if the moment just read is the last.
    """

    accepting: Bools


def automaton(formula: Formula, mdp: FiniteMDP, holds: Bools) -> Automaton:
    """The smallest automaton of a formula.

    Args:
        formula: what to decide.
        mdp: the process.
        holds: bool `[S, P]`, in which states each condition of a `Holds` holds.

    Raises:
        NotEnumerableError: it has too many states.
    """
    asked = asked_of(formula)
    begun, led = np.zeros(mdp.n_states, np.int64), np.zeros(mdp.next_state.size, np.int64)
    for place, atom in enumerate(asked):
        if isinstance(atom, Came):
            led |= ((mdp.events & np.uint64(atom.mask)) != 0).astype(np.int64) << place
        else:
            begun |= holds[:, atom.place].astype(np.int64) << place
            led |= holds[mdp.next_state, atom.place].astype(np.int64) << place
    kinds, letter = np.unique(np.concatenate([begun, led]), return_inverse=True)
    table, accepting = decide(formula, kinds)
    letter = letter.reshape(-1)
    return Automaton(table, letter[: mdp.n_states], letter[mdp.n_states :], accepting)


def asked_of(formula: Formula) -> tuple[Came | Holds, ...]:
    """What a formula asks of a moment, in the order of the bits of a kind of moment."""
    return tuple(sorted(atoms(formula), key=repr))


def decide(formula: Formula, kinds: Longs) -> tuple[Longs, Bools]:
    """The smallest table that decides a formula.

    Args:
        formula: what to decide.
        kinds: int64 `[N]`, the kinds of moments that there are: bit i is set where atom i of `asked_of` is true.

    Returns:
        The state after each kind, int64 `[L, N]`, from state 0; and whether the formula holds if no moment follows,
        bool `[L]`.

    Raises:
        NotEnumerableError: there are too many states.
    """
    asked = asked_of(formula)
    true: list[frozenset[Came | Holds]] = [
        frozenset(atom for place, atom in enumerate(asked) if kind >> place & 1) for kind in kinds.tolist()
    ]
    number, left, follow = {formula: 0}, [formula], []
    for rest in left:  # grows as it is read
        check_time("what a property remembers was searched")
        row = []
        for each in true:
            new = after(rest, each)
            if new not in number:
                number[new] = len(left)
                left.append(new)
            row.append(number[new])
        follow.append(row)
        if len(left) > MAX_STATES:
            raise NotEnumerableError(
                f"the property takes more than {MAX_STATES:,} states to decide: bounds inside temporal words multiply",
                "write smaller bounds, or fewer of them inside each other",
            )
    table = np.array(follow, np.int64).reshape(len(left), -1)
    accepting = np.array([holds_at_the_end(rest) for rest in left])
    block = _blocks(table, accepting)
    first = np.unique(block, return_index=True)[1]
    return block[table[first]], accepting[first]


def _blocks(table: Longs, accepting: Bools) -> Longs:
    """Which states no continuation tells apart (Moore's algorithm); blocks in the order of their first state."""
    block = np.unique(accepting, return_inverse=True)[1].reshape(-1)
    count = 0
    while True:
        _, first, finer = np.unique(
            np.column_stack([block, block[table]]), axis=0, return_index=True, return_inverse=True
        )
        block = np.argsort(np.argsort(first))[finer.reshape(-1)]
        if first.size == count:
            return block
        count = first.size

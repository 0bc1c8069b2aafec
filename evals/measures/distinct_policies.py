"""How many policies the trained seeds of a method have, as far as their recorded episodes tell them apart."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ..traces.trace import Trace

_Choices: TypeAlias = dict[tuple[int, ...], frozenset[tuple[int, ...]]]
"""A state, or a step and a state, -> everyone's actions that a seed chose there."""


def distinct_policies(trace: Trace) -> int:
    """The number of policies that explain what all seeds of a trace chose.

    Two seeds have different policies if they have no choice in common in some state that both were in, or in some state
    at the same step. Seeds that never met the same state count as one policy, so the number is not too large where
    chance leads each seed elsewhere.
    """
    groups: list[_Choices] = []
    for choices in _choices_by_seed(trace).values():
        for group in groups:
            shared = group.keys() & choices.keys()
            if all(group[key] & choices[key] for key in shared):
                # From now on the group stands for what all of its seeds chose.
                group.update(choices | {key: group[key] & choices[key] for key in shared})
                break
        else:
            groups.append(dict(choices))
    return len(groups)


def _choices_by_seed(trace: Trace) -> dict[int, _Choices]:
    """Seed -> what it chose where."""
    if trace.table.is_empty():
        return {}
    _, state = np.unique(trace.states, axis=0, return_inverse=True)
    rows = (
        trace.table.select("seed", "step", "chosen").with_columns(state=state.reshape(-1)).unique(maintain_order=True)
    )
    sets: dict[int, dict[tuple[int, ...], set[tuple[int, ...]]]] = {}
    for seed, step, chosen, place in rows.iter_rows():
        its = sets.setdefault(seed, {})
        for key in ((place,), (step, place)):
            its.setdefault(key, set()).add(tuple(chosen))
    return {seed: {key: frozenset(chosen) for key, chosen in its.items()} for seed, its in sets.items()}

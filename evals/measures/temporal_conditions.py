"""Conditions on an episode with temporal words: exactly over the ties of a plan, over all policies, and on traces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ...envs.analysis.exact_plan import ExactPlan
from ...envs.analysis.tie_ranges import TieRange
from ...envs.base import Bits, Bools, Floats, Ints, Longs
from ...envs.mdp.enumeration import Enumeration
from ...envs.properties.automaton import asked_of, decide
from ...envs.properties.formulas import (
    Came,
    Formula,
    Holds,
    Next,
    Until,
    always,
    came_before,
    conjunction,
    disjunction,
    eventually,
    negation,
)
from ...envs.properties.remembering import property_range
from ...scenarios.deferred import pl
from ...scenarios.language.expressions.syntax import (
    NOWHERE,
    Before,
    Ended,
    EpisodeCondition,
    EpisodeLogic,
    Expression,
    Happens,
    Number,
    StateHolds,
    Temporal,
)

if TYPE_CHECKING:
    from ..traces.trace import Trace

MaskOf: TypeAlias = Callable[[Happens | Ended], int]
"""The bits of an event."""
Reads: TypeAlias = Callable[[Expression, Ints], Floats]
"""Evaluates a resolved formula of the guard language, truth as 1: float64 `[B]` for states int32 `[B, F]`."""
RowHas: TypeAlias = "Callable[[Happens | Ended], pl.Expr]"
"""Whether an event comes in a row of a trace."""


def formula_of(condition: EpisodeCondition, mask_of: MaskOf) -> tuple[Formula, tuple[Expression, ...]]:
    """The temporal formula of a condition on an episode, and the conditions on states that it asks by their place.

    Args:
        condition: its formulas resolved and its bounds known.
        mask_of: the bits of an event.
    """
    asked: list[Expression] = []

    def whole(part: EpisodeCondition) -> Formula:
        """What the condition says of the episode: a bare event is one that comes at some time."""
        match part:
            case Happens() | Ended():
                return eventually(Came(mask_of(part)))
            case Before(earlier, later):
                return came_before(mask_of(earlier), mask_of(later))
            case EpisodeLogic(operator, operands):
                return _logic(operator, [whole(each) for each in operands])
            case _:
                return here(part)

    def here(part: EpisodeCondition) -> Formula:
        """What it says of one moment."""
        match part:
            case Happens() | Ended():
                return Came(mask_of(part))
            case StateHolds(formula):
                if formula not in asked:
                    asked.append(formula)
                return Holds(asked.index(formula))
            case EpisodeLogic(operator, operands):
                return _logic(operator, [here(each) for each in operands])
            case Temporal(word, operands, within):
                return _temporal(word, [here(each) for each in operands], within)
        raise TypeError(f"not about a moment: {part}")

    return whole(condition), tuple(asked)


def _logic(operator: str, parts: list[Formula]) -> Formula:
    if operator == "not":
        return negation(parts[0])
    return conjunction(parts) if operator == "and" else disjunction(parts)


def _temporal(word: str, parts: list[Formula], written: Expression | None) -> Formula:
    assert written is None or isinstance(written, Number), "resolved for a world"
    within = None if written is None else int(written.value)
    match word:
        case "eventually":
            return eventually(parts[0], within)
        case "always":
            return always(parts[0], within)
        case "next":
            return Next(parts[0])
        case _:
            return Until(parts[0], parts[1], within)


def temporal_share(condition: EpisodeCondition, plan: ExactPlan, mask_of: MaskOf) -> TieRange:
    """The range of the share of episodes that meet a condition, over the ties of a plan."""
    formula, asked = formula_of(condition, mask_of)
    held = _held(plan.enumeration, asked, plan.state_of)
    return property_range(plan.mdp, plan.optimal, formula, held, plan.steps)


def share_of_any(condition: EpisodeCondition, plan: ExactPlan, mask_of: MaskOf) -> TieRange:
    """The least and the greatest share of episodes that meet a condition, over all policies of whoever decides.

    They see everything, whatever the agent sees.
    """
    formula, asked = formula_of(condition, mask_of)
    mdp = plan.enumeration.mdp
    held = _held(plan.enumeration, asked, np.arange(mdp.n_states))
    return property_range(mdp, mdp.available, formula, held, plan.steps)


def _held(enumeration: Enumeration, asked: tuple[Expression, ...], states: Longs) -> Bools:
    """bool `[n, P]`: whether each condition holds in some states of the world."""
    columns = [enumeration.holds(each)[states] for each in asked]
    return np.stack(columns, axis=1) if asked else np.zeros((states.size, 0), np.bool_)


def with_met(condition: EpisodeCondition, trace: Trace, reads: Reads, came: RowHas) -> pl.DataFrame:
    """A trace's table with the column `met`: whether the row's episode meets a condition.

    Args:
        condition: its formulas resolved and its bounds known.
        trace: episodes.
        reads: evaluates a formula in states int32 `[B, F]`, truth as 1.
        came: whether an event comes in a row, as an expression of polars.
    """
    names: list[Happens | Ended] = []

    def bit_of(event: Happens | Ended) -> int:
        plain = replace(event, span=NOWHERE)
        if plain not in names:
            names.append(plain)
        return 1 << names.index(plain)

    formula, asked = formula_of(condition, bit_of)
    rows = trace.table.with_row_index("row").sort("seed", "episode", "step")
    order = rows["row"].to_numpy()
    states = trace.states[order]
    first = rows["step"].to_numpy() == 0
    last = np.append(first[1:], True)
    # The moment that a row leads to: the state of the next row, or the episode's last one.
    led = np.concatenate([states[1:], states[:1]])
    final = rows["final_state"].filter(pl.Series(last))
    led[last] = final.cast(pl.Array(pl.Int32, len(trace.meta.fields))).to_numpy()
    events = np.zeros(order.size, np.uint64)
    for place, event in enumerate(names):
        now = rows.select(came(event).fill_null(False).alias("now"))["now"].to_numpy()
        events |= now.astype(np.uint64) << np.uint64(place)
    begun, led_to = _kinds(formula, asked, states, None, reads), _kinds(formula, asked, led, events, reads)
    kinds, letter = np.unique(np.concatenate([begun, led_to]), return_inverse=True)
    table, accepting = decide(formula, kinds)
    start, step = np.split(letter.reshape(-1), [begun.size])
    begins = np.flatnonzero(first)
    length = np.diff(np.append(begins, first.size))
    latch = table[0, start[begins]]
    for tick in range(int(length.max(initial=0))):
        going = np.flatnonzero(length > tick)
        latch[going] = table[latch[going], step[begins[going] + tick]]
    met = np.empty(order.size, np.bool_)
    met[order] = np.repeat(accepting[latch], length)
    return trace.table.with_columns(pl.Series("met", met))


def _kinds(
    formula: Formula,
    asked: tuple[Expression, ...],
    states: Ints,
    events: Bits | None,
    reads: Reads,
) -> Longs:
    """int64 `[rows]`: the kind of each moment, as `decide` numbers them."""
    kinds = np.zeros(len(states), np.int64)
    for place, atom in enumerate(asked_of(formula)):
        if isinstance(atom, Holds):
            true = reads(asked[atom.place], np.ascontiguousarray(states)) != 0
        elif events is None:
            continue
        else:
            true = (events & np.uint64(atom.mask)) != 0
        kinds |= true.astype(np.int64) << place
    return kinds

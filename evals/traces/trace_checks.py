"""Checks of a stored trace: what its table holds against what it says of itself, and against its world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...envs.world.world import World
from ...scenarios.bounded_reading import in_bytes
from ...scenarios.deferred import pl
from ...scenarios.errors import UsageError

BETWEEN: Final = "between: "
"""What the names of events begin with that come between two episodes of a life; an event's own has no space."""
HIDDEN: Final = "hidden.performance"
"""The column of the hidden performance."""
MAX_WORDS: Final = 128 << 20
"""Most bytes of all texts of a trace; a file can hold a text once and repeat it in every row."""
MAX_EVENTS: Final = 1_000
"""Most events of one tick."""


class TraceError(UsageError):
    """A trace that cannot be used; the message says which, why, and what to do."""


def check_table(table: pl.DataFrame, fields: int, actions: tuple[tuple[str, ...], ...]) -> None:
    """Check that every row of a table can be read: lengths, indices, numbers, and the order of ticks.

    Args:
        table: with the columns of `TraceMeta.schema`.
        fields: F.
        actions: the names of the actions of each of the N agents.

    Raises:
        TraceError: the message names the column, and the row where it is one.
    """
    if table.height == 0:
        return
    agents = len(actions)
    texts = table.select(
        pl.col(name).list.eval(pl.element().str.len_bytes().cast(pl.Int64)).list.sum().sum()
        for name in ("events", "thoughts")
    ).row(0)
    if (size := sum(text or 0 for text in texts)) > MAX_WORDS:
        raise TraceError(f"its texts take {in_bytes(size)}; at most {in_bytes(MAX_WORDS)} are read")
    # Lengths first: the others index into these lists.
    _refuse(table, dict(_lengths(fields, agents)))
    _refuse(table, dict(_values(table, actions)))


def _lengths(fields: int, agents: int) -> Iterator[tuple[str, pl.Expr]]:
    """By message: the condition on a row that must hold of the number of entries in its lists."""
    for name, length in (("state", fields), ("chosen", agents), ("executed", agents)):
        yield f"{name}: not {length} entries", pl.col(name).list.len() == length
    for name, length in (("final_state", fields), ("thoughts", agents)):
        yield f"{name}: not {length} entries", pl.col(name).is_null() | (pl.col(name).list.len() == length)
    yield f"events: more than {MAX_EVENTS}", pl.col("events").list.len() <= MAX_EVENTS
    for name in ("state", "chosen", "executed", "events", "final_state"):
        yield (
            f"{name}: an entry is missing",
            pl.col(name).is_null() | ~pl.col(name).list.eval(pl.element().is_null()).list.any(),
        )


def _values(table: pl.DataFrame, actions: tuple[tuple[str, ...], ...]) -> Iterator[tuple[str, pl.Expr]]:
    """By message: the condition on a row that must hold of what stands in it."""
    for name in ("seed", "episode", "lane", "step", "state", "chosen", "executed", "events", "truncated"):
        yield f"{name}: nothing stands there", pl.col(name).is_not_null()
    for name in ("episode", "lane"):
        yield f"{name}: less than 0", pl.col(name) >= 0
    for number, names in enumerate(actions):
        chosen, executed = (pl.col(name).list.get(number) for name in ("chosen", "executed"))
        yield f"chosen: not one of {len(names)} actions", chosen.is_between(0, len(names) - 1)
        yield f"executed: not one of {len(names)} actions", executed.is_between(-1, len(names) - 1)
    for name in table.columns:
        if name.startswith("reward.") or name == HIDDEN:
            yield f"{name}: not a finite number", pl.col(name).is_finite()
    # The ticks of an episode stand together and count from 0; only the last of them ends it.
    first = ((pl.col("seed") != pl.col("seed").shift()) | (pl.col("episode") != pl.col("episode").shift())).fill_null(
        value=True
    )
    yield (
        "step: the ticks of an episode do not count from 0",
        pl.when(first).then(pl.col("step") == 0).otherwise(pl.col("step") == pl.col("step").shift() + 1),
    )
    once = (first.sum().over("seed", "episode") == 1) if table.height else pl.lit(value=True)
    yield "episode: its ticks do not stand together", once
    last = first.shift(-1).fill_null(value=True)
    over = pl.col("ended").is_not_null() | pl.col("truncated") | pl.col("final_state").is_not_null()
    yield "ended: an episode goes on after its end", last | ~over


def check_against(world: World, table: pl.DataFrame) -> None:
    """Check a table, whose rows `check_table` has read, against its world.

    Raises:
        TraceError: a state, an event, an end or a tick is none of the world's.
    """
    if table.height == 0:
        return
    sizes = [field.size for field in world.fields]
    between = [BETWEEN + name for name in world.events] if world.life else []
    conditions: dict[str, pl.Expr] = {
        f"step: an episode has at most {world.steps} ticks": pl.col("step") < world.steps,
        "ended: no way to end that the scenario has": pl.col("ended").is_null()
        | pl.col("ended").is_in(list(world.reasons)),
        "events: an event that the scenario does not have": pl.col("events")
        .list.eval(pl.element().is_in([*world.events, *between]))
        .list.all(),
    }
    for name in ("state", "final_state"):
        within = pl.all_horizontal(pl.col(name).list.get(i).is_between(0, size - 1) for i, size in enumerate(sizes))
        conditions[f"{name}: outside of what the fields can be"] = pl.col(name).is_null() | within
    _refuse(table, conditions)


def _refuse(table: pl.DataFrame, conditions: dict[str, pl.Expr]) -> None:
    """Raise for the first condition that does not hold of every row."""
    found = table.select(
        (~expression.fill_null(value=False)).arg_true().first().alias(str(number))
        for number, expression in enumerate(conditions.values())
    ).row(0)
    for message, row in zip(conditions, found, strict=True):
        if row is not None:
            raise TraceError(f"row {row}: {message}")

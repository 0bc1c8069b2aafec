"""The cells that watchers see in a state, computed by the engine's own rule of sight."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from ...envs.base import Bools, Ints
from ...envs.reference.expressions import context_between_ticks, sees
from ...envs.world.resolver import walk
from ...envs.world.world import Body, World
from ...scenarios.language.expressions.syntax import Name, Relation


@lru_cache(64)
def watchers(world: World) -> tuple[Body, ...]:
    """The bodies whose sight matters: some rule, override, motion, draw or action asks what they see."""
    named = {
        node.subject.name
        for guarded in _guarded(world)
        for node in walk(guarded)
        if isinstance(node, Relation) and node.word == "sees" and isinstance(node.subject, Name)
    }
    return tuple(body for body in world.bodies if body.name in named)


def seen_cells(world: World, state: Ints, seer: Body) -> Bools:
    """bool `[H * W]`: the cells that a body sees in a state int32 `[F]`; none if it is not on the board."""
    cells = np.arange(world.boards.nowhere, dtype=np.int32)
    # One copy of the state for each cell: the engine's rule answers for all cells in one call.
    view = context_between_ticks(world, np.tile(state, (cells.size, 1)))
    return sees(seer, cells, view, -1)


def _guarded(world: World) -> Iterator[object]:
    """Every part of a world that may hold a condition."""
    for rule in (*world.start_rules, *world.rules, *world.end_rules):
        yield rule
        # `walk` does not look into (channel, pay) pairs, so the pays are given to it one by one.
        yield from (pay for _, pay in (*rule.pays, *rule.otherwise_pays))
    yield from (*world.overrides, *world.bodies, *world.start_draws, *world.tick_draws, *world.agents)

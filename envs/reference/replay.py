"""Replay of recorded actions and draws: the states, events and rewards that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...scenarios.errors import check_name
from ..base import Ints
from ..world.randomness import GivenDraws
from ..world.world import World
from .step import reset, step


@dataclass(frozen=True, eq=False)
class Playthrough:
    """The result of a replay.

    Attributes:
        states: int32 `[T + 1, F]`.
        events: names in the order in which they occurred; ends as `ended:REASON`.
        ends: the reason, or None.
        pays: the return of each channel, undiscounted; performance: the sum of the hidden score.
        ticks: how many were played; actions after the end are ignored.
    """

    states: Ints
    events: tuple[str, ...]
    ends: str | None
    pays: dict[str, float]
    performance: float
    ticks: int


def replay_actions(world: World, actions: Sequence[Sequence[str]], draws: Mapping[str, object]) -> Playthrough:
    """Step a world with recorded actions.

    Args:
        world: the stage.
        actions: `[T][N]` names.
        draws: the outcome of each named draw: of a draw with values one of them, of a rule's or an override's coin 0 or
            1, of anything else an index. Whatever is not named takes its likeliest outcome.

    Raises:
        UnknownNameError: no such draw.
    """
    chance = GivenDraws({name: _outcome(world, name, value) for name, value in draws.items()})
    tick = reset(world, chance)
    states, events = [tick.states], list(world.event_list(int(tick.events[0])))
    pays, performance, ticks = tick.rewards[0].copy(), float(tick.performance[0]), 0
    for row in actions:
        if tick.ended[0]:
            break
        chosen = [agent.actions.index(name) for agent, name in zip(world.agents, row, strict=True)]
        tick = step(world, tick.states, np.array([chosen], np.int32), chance)
        states.append(tick.states)
        events += world.event_list(int(tick.events[0]))
        pays += tick.rewards[0]
        performance += float(tick.performance[0])
        ticks += 1
    code = int(tick.states[0, world.ended])
    ends = world.reasons[code - 1] if code else None
    paid = {name: float(x) for name, x in zip(world.channels, pays, strict=True)}
    return Playthrough(np.concatenate(states), tuple(events), ends, paid, performance, ticks)


def _outcome(world: World, name: str, value: object) -> int:
    check_name("draw", name, world.draw_ids)
    for draw in (*world.start_draws, *world.tick_draws):
        if draw.name == name:
            return draw.values.index(float(value))  # type: ignore[arg-type]
    return int(value)  # type: ignore[call-overload]

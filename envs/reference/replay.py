"""Replay of recorded actions and draws: the states, events and rewards that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...scenarios.errors import check_name
from ..base import Ints
from ..world.geometry import DIRECTIONS
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
            1, of wandering a direction, of a random action its name, of anything else an index; or a list of outcomes,
            one for each tick. What is not named, or beyond the end of a list, takes its likeliest outcome.

    Raises:
        UnknownNameError: no such draw.
        ValueError: a draw has no such outcome.
    """
    tick = reset(world, _given(world, draws, None))
    states, events = [tick.states], list(world.event_list(int(tick.events[0])))
    pays, performance, ticks = tick.rewards[0].copy(), float(tick.performance[0]), 0
    for row in actions:
        if tick.ended[0]:
            break
        chosen = [agent.actions.index(name) for agent, name in zip(world.agents, row, strict=True)]
        tick = step(world, tick.states, np.array([chosen], np.int32), _given(world, draws, ticks))
        states.append(tick.states)
        events += world.event_list(int(tick.events[0]))
        pays += tick.rewards[0]
        performance += float(tick.performance[0])
        ticks += 1
    code = int(tick.states[0, world.ended])
    ends = world.reasons[code - 1] if code else None
    paid = {name: float(x) for name, x in zip(world.channels, pays, strict=True)}
    return Playthrough(np.concatenate(states), tuple(events), ends, paid, performance, ticks)


def _given(world: World, draws: Mapping[str, object], tick: int | None) -> GivenDraws:
    """The outcomes of a tick, or of the start (None)."""
    outcomes: dict[str, int] = {}
    for name, value in draws.items():
        check_name("draw", name, world.draw_ids)
        if isinstance(value, list):
            if tick is not None and tick < len(value):
                outcomes[name] = _outcome(world, name, value[tick])
        else:
            outcomes[name] = _outcome(world, name, value)
    return GivenDraws(outcomes)


def _outcome(world: World, name: str, value: object) -> int:
    for draw in (*world.start_draws, *world.tick_draws):
        if draw.name == name:
            return _index(name, value, [*world.scope.words.get(name, draw.values)])
    if name.endswith(".wander"):
        return _index(name, value, [*DIRECTIONS])
    for override in world.overrides:
        if name == f"{override.name}.action":
            return _index(name, value, [*world.agents[override.agent].actions])
    return int(value)  # type: ignore[call-overload]


def _index(name: str, value: object, outcomes: list[object]) -> int:
    if value not in outcomes:
        raise ValueError(f"draw `{name}` has the outcomes {', '.join(str(each) for each in outcomes)}, not {value}")
    return outcomes.index(value)

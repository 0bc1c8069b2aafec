"""Recorded episodes as plain data for the page's player: the boards once, then one record for each tick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...envs.base import Ints
from ...envs.reference.looks import looks
from ...envs.world.world import Body, World
from ...evals.inspection.attribution import UNSOLVED, Attribution, AttributionSolver
from ...evals.inspection.mind import Mind, ValueMap
from ...evals.inspection.narration import Narration
from ...evals.inspection.show import Show
from ...evals.traces.episode import Episode
from ..drawing.figures import BodyFigures
from ..drawing.palette import LIGHT
from ..drawing.seen_cells import seen_cells, watchers
from ..text.ascii_board import describe, first_state, plain_name, quantities
from ..text.rule_text import rules_told
from .sprites import sprite

DIGITS = 3
"""Number of significant digits of a cell's value."""

Data = dict[str, Any]


def stage_data(world: World, meanings: Mapping[str, str] | None = None) -> Data:
    """The data of a world that no tick changes: layouts, figures, names, weights.

    Args:
        world: compiled.
        meanings: what fields of the state mean, by their names.
    """
    boards, cast = world.boards, BodyFigures(world)
    hues = LIGHT.zone_hues(list(boards.named_zones))
    layouts = [
        {
            "walls": "".join("#" if wall else "." for wall in boards.walls[layout, :-1]),
            "zones": [
                {"name": name, "colour": hues[name], "cells": np.flatnonzero(cells[layout, :-1]).tolist()}
                for name, cells in boards.named_zones.items()
            ],
        }
        for layout in range(boards.walls.shape[0])
    ]
    return {
        "height": boards.height,
        "width": boards.width,
        "layouts": layouts,
        "bodies": [
            {
                "name": body.name,
                "agent": body.is_agent,
                "colour": cast.colour(body),
                "shape": sprite(cast, body),
                **({"looks": {look: sprite(cast, body, look) for look, _ in body.looks}} if body.looks else {}),
                "watches": body in watchers(world),
            }
            for body in world.bodies
        ],
        "agents": [{"name": agent.name, "actions": agent.actions} for agent in world.agents],
        "channels": world.channels,
        "colours": LIGHT.heads(world.channels),
        "weights": [agent.weights.tolist() for agent in world.agents],
        "hidden": world.hidden,
        "fields": [] if boards.height else _field_names(world, meanings or {}),
    }


def _field_names(world: World, meanings: Mapping[str, str]) -> list[str]:
    """What each card of a world without a board means."""
    return [meanings.get(each.name) or plain_name(each.name) for each in quantities(world, first_state(world))]


def episode_data(show: Show, number: int, told: Narration, attributing: AttributionSolver | None = None) -> Data:
    """An episode: whose it is, its film and what is told of it; for the arguments see `film`."""
    episode = show.episode(number)
    return {
        "agent": episode.agent,
        "stage": show.stage,
        "seed": episode.seed,
        "episode": episode.number,
        "frames": film(show, number, attributing),
        "captions": [[each.tick, each.text, each.fresh] for each in told.captions(episode)],
    }


def film(show: Show, number: int, attributing: AttributionSolver | None = None) -> list[Data]:
    """T + 1 records of an episode of T ticks: one for each tick, and one for the state after the last.

    Args:
        show: where it is from.
        number: of the episode.
        attributing: finds the values that decide by planning anew without them, for an exact plan.
    """
    episode = show.episode(number)
    flips = [_attribution(attributing, episode, agent) for agent in range(len(show.world.agents))]
    return [_record(show, episode, tick, flips) for tick in range(len(episode.states))]


def _attribution(attributing: AttributionSolver | None, episode: Episode, agent: int) -> Attribution | None:
    if attributing is None:
        return None
    try:
        return attributing.attribute(episode.states, episode.chosen, agent, (episode.seed, episode.number))
    except UNSOLVED:
        return None


def _record(show: Show, episode: Episode, tick: int, flips: list[Attribution | None]) -> Data:
    scene = state_data(show.world, episode.states[tick])
    if tick == episode.length:
        return scene  # no decision follows the last state
    # An episode keeps its end apart from the events; the player shows both in one list.
    last = tick == episode.length - 1
    agents = range(len(show.world.agents))
    # Agents that are planned as one share a mind, whose actions are of all of them; it is shown once.
    told: set[str] = set()
    thoughts: list[Data | None] = []
    for each in agents:
        mind = show.mind(episode, tick, each)
        shared = mind is not None and mind.agent in told
        thoughts.append(None if shared else _thought(show.world, each, mind, flips[each], episode.states, tick))
        told |= set() if mind is None else {mind.agent}
    worth = [_worth(show.value_map(episode, tick, each)) for each in agents]
    return {
        **scene,
        "chosen": episode.chosen[tick].tolist(),
        "executed": episode.executed[tick].tolist(),
        "pays": episode.rewards[tick].tolist(),
        "performance": float(episode.performance[tick]),
        "events": [*episode.events[tick], *([f"ended: {episode.ended}"] if last and episode.ended else [])],
        **({"thoughts": thoughts} if any(thoughts) else {}),
        **({"worth": worth} if any(worth) else {}),
    }


def state_data(world: World, state: Ints) -> Data:
    """All of a state int32 `[F]` that is drawn."""
    scene = scene_data(world, state)
    seen = seen_data(world, state)
    return scene | ({"seen": seen} if seen else {})


def scene_data(world: World, state: Ints) -> Data:
    """The data of a state int32 `[F]` that is drawn, apart from what watchers see in it."""
    scene: Data = {
        "layout": int(state[world.layout]) if world.layout >= 0 else 0,
        "cells": [int(state[body.cell]) for body in world.bodies],
        "carried": [int(state[body.carrier]) if body.carrier >= 0 else 0 for body in world.bodies],
        "words": describe(world, state),
    }
    if not world.boards.height:  # a card for each field
        scene["fields"] = [[each.text, each.share] for each in quantities(world, state)]
    looked = looks_data(world, state)
    return scene | ({"looks": looked} if looked else {})


def looks_data(world: World, state: Ints) -> dict[str, str]:
    """The bodies, by their number, that are drawn otherwise than usual in a state int32 `[F]`: by which word."""
    return {str(world.body_index[name]): look for name, look in looks(world, state).items()}


def seen_data(world: World, state: Ints) -> list[list[int]]:
    """For each watcher of a world with a board, the cells that it sees in a state int32 `[F]`."""
    return [_seen(world, state, body) for body in watchers(world)] if world.boards.height else []


def _seen(world: World, state: Ints, body: Body) -> list[int]:
    if state[body.cell] == world.boards.nowhere:
        return []
    layout = int(state[world.layout]) if world.layout >= 0 else 0
    return np.flatnonzero(seen_cells(world, state, body) & ~world.boards.walls[layout, :-1]).tolist()


def _thought(
    world: World, agent: int, mind: Mind | None, flips: Attribution | None, states: Ints, tick: int
) -> Data | None:
    """The data of a decision: the values of each action, the deciding heads, the plan's cells, the rules that fired."""
    if mind is None:
        return None
    body = world.agents[agent].body
    column = world.bodies[body].cell if body >= 0 else -1
    own = mind.actions == world.agents[agent].actions
    rules = rules_told(world, agent, mind, states[tick])
    return {
        **({} if own else {"actions": list(mind.actions), "action": mind.action}),
        # JSON has no nan; the values of actions that are not available are not shown anyway. Rounding saves space.
        "q": np.round(np.nan_to_num(mind.q), 4).tolist(),
        "available": mind.available.tolist(),
        "weights": mind.weights.tolist(),
        "decided": list(mind.decided_by) if flips is None else [flip.channel for flip in flips[tick]],
        **({} if flips is None else {"instead": [flip.instead for flip in flips[tick]]}),
        "uncertainty": np.round(mind.uncertainty, 3).tolist(),
        "line": [
            [action, int(state[column]) if column >= 0 else -1]
            for action, state in zip(mind.ahead_actions, mind.ahead, strict=True)
        ],
        **({"rules": [[each.text, each.overruled] for each in rules]} if rules else {}),
    }


def _worth(value_map: ValueMap | None) -> Data | None:
    """The data of a value map: the cells with known values, and K values for each."""
    if value_map is None:
        return None
    known = np.flatnonzero(~np.isnan(value_map.values).any(axis=1))
    values = [[float(f"{value:.{DIGITS}g}") for value in row] for row in value_map.values[known]]
    gaps = f"hatched: {value_map.gaps}"
    return {
        "cells": known.tolist(),
        "values": values,
        "weights": value_map.weights.tolist(),
        "of": value_map.source,
        "gaps": gaps,
    }

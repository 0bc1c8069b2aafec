"""Recorded episodes as plain data for the page's player: the boards once, then one small record for each tick."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from ...envs.base import Ints
from ...envs.world import Body, World
from ...evals.trace import HIDDEN, Trace
from ..board import describe
from ..figures import Cast
from ..palette import LIGHT
from ..sight import seen_cells, watchers
from .sprites import sprite

MOST_LINE = 64
"""Steps of a plan that are drawn."""

Data = dict[str, Any]


def stage_data(world: World) -> Data:
    """What stays the same in a world: layouts, figures, names."""
    boards, cast = world.boards, Cast(world)
    hues = {name: LIGHT.zones[number % len(LIGHT.zones)] for number, name in enumerate(world.zone_index)}
    layouts = [
        {
            "walls": "".join("#" if wall else "." for wall in boards.walls[layout, :-1]),
            "zones": [
                {"name": name, "colour": hues[name], "cells": np.flatnonzero(boards.zones[z, layout, :-1]).tolist()}
                for name, z in world.zone_index.items()
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
                "watches": body in watchers(world),
            }
            for body in world.bodies
        ],
        "agents": [{"name": agent.name, "actions": agent.actions} for agent in world.agents],
        "channels": world.channels,
        "weights": [agent.weights.tolist() for agent in world.agents],
        "hidden": world.hidden,
    }


def episodes_of(trace: Trace, most: int) -> list[tuple[int, int]]:
    """The (seed, episode) pairs of a trace that are shown: the first of each seed, then the next ones."""
    pairs = trace.table.select("seed", "episode").unique().sort("episode", "seed")
    return [(int(seed), int(episode)) for seed, episode in pairs.head(most).iter_rows()]


def film(world: World, trace: Trace, seed: int, episode: int) -> list[Data]:
    """One record for each of T ticks and a last one for the state that they led to."""
    table = trace.table.filter((pl.col("seed") == seed) & (pl.col("episode") == episode))
    records = [_record(world, row) for row in table.iter_rows(named=True)]
    final = table["final_state"].to_list()[-1]
    if final is not None:
        records.append(_scene(world, np.array(final, np.int32)))
    return records


def _record(world: World, row: Mapping[str, Any]) -> Data:
    record = _scene(world, np.array(row["state"], np.int32)) | {
        "chosen": row["chosen"],
        "executed": row["executed"],
        "pays": [row[f"reward.{channel}"] for channel in world.channels],
        "performance": row[HIDDEN],
        "events": [*row["events"], *([f"ended: {row['ended']}"] if row["ended"] else [])],
    }
    thoughts = [_thought(world, number, text) for number, text in enumerate(row["thoughts"] or [])]
    return record | ({"thoughts": thoughts} if any(thoughts) else {})


def _scene(world: World, state: Ints) -> Data:
    scene: Data = {
        "layout": int(state[world.layout]) if world.layout >= 0 else 0,
        "cells": [int(state[body.cell]) for body in world.bodies],
        "carried": [int(state[body.carrier]) if body.carrier >= 0 else 0 for body in world.bodies],
        "words": describe(world, state),
    }
    seen = [_seen(world, state, body) for body in watchers(world)] if world.boards.height else []
    return scene | ({"seen": seen} if seen else {})


def _seen(world: World, state: Ints, body: Body) -> list[int]:
    if state[body.cell] == world.boards.nowhere:
        return []
    layout = int(state[world.layout]) if world.layout >= 0 else 0
    return np.flatnonzero(seen_cells(world, state, body) & ~world.boards.walls[layout, :-1]).tolist()


def _thought(world: World, number: int, text: str | None) -> Data | None:
    """What is shown of a thought: the value of each head for each action, which head decided, the plan as a way."""
    if text is None:
        return None
    thought = json.loads(text)
    without = thought["attribution"]["without"]
    flips = [name for name, action in zip(thought["channels"], without, strict=True) if action != thought["action"]]
    return {
        "q": [[round(value, 4) for value in row] for row in thought["q"]],
        "available": thought["available"],
        "weights": thought["weights"],
        "decided": flips,
        "uncertainty": [round(value, 3) for value in thought["uncertainty"]],
        "line": list(_line(world, number, thought)),
    }


def _line(world: World, number: int, thought: Data) -> Iterator[list[Any]]:
    """The steps of the first plan: action, the agent's cell after it (-1 unknown), the events that it expects."""
    program = world.agents[number]
    place = -1
    if program.window is None and program.body >= 0 and world.bodies[program.body].cell in program.sees:
        place = program.sees.index(world.bodies[program.body].cell)
    steps = thought["plans"][0]["line"] if thought["plans"] else []
    for step in steps[:MOST_LINE]:
        yield [step["action"], step["observation"][place] if place >= 0 else -1, step["events"] or []]

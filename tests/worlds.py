"""Small worlds for tests: a scenario from the few blocks that a test is about, played and drawn in its own glyphs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from textwrap import dedent

import numpy as np

from turncoat.envs.base import Ints
from turncoat.envs.compiling import compile_world
from turncoat.envs.replaying import Played, play
from turncoat.envs.world import World
from turncoat.scenarios.language.loading import Scenario, load_text
from turncoat.scenarios.language.names import legend_agent, legend_thing, legend_zones

_REST = {
    "turncoat": "turncoat: 1",
    "name": "name: world",
    "title": "title: A small world",
    "origin": "origin: given",
    "claim": "claim: Whatever the test says.",
    "agents": """
        agents:
          robot: {actions: [stay, up, down, left, right], values: {reward: {weight: 1}}}
        """,
    "rewards": "rewards: {reward: {}, performance: {hidden: true}}",
    "rules": "rules: [{name: step, pays: {reward: 0}}]",
    "stages": "stages: {deploy: {limit: 20}}",
}
_LEGEND = {"#": '"#": wall', ".": '".": floor', "A": "A: robot"}
_LETTERS = {"s": "stay", "u": "up", "d": "down", "l": "left", "r": "right"}


def scenario_of(text: str) -> Scenario:
    """A scenario from some of its blocks; the others are plain, and `#`, `.` and `A` are in every legend."""
    text = dedent(text).strip() + "\n"
    drawn = "".join(re.findall(r"^map: \|\n((?:  .*\n)+)", text, re.M)) + "".join(
        re.findall(r"map: \|\n((?: {6}.*\n)+)", text)
    )
    if drawn:
        marks = "".join(f"\n  {line}" for glyph, line in _LEGEND.items() if glyph in drawn)
        text = text.replace("legend:", f"legend:{marks}") if "legend:" in text else f"{text}legend:{marks}\n"
    for key, block in _REST.items():
        if not re.search(rf"^{key}:", text, re.M):
            text += dedent(block).strip() + "\n"
    return load_text(text)


def world_of(text: str, stage: str | None = None, **params: object) -> World:
    """The compiled world of such a scenario."""
    return compile_world(scenario_of(text), stage, params)


def played(world: World, actions: str, draws: Mapping[str, object] | None = None) -> Played:
    """Play ticks separated by spaces: the agents' actions by name, joined by `+`, or by the letters `s u d l r`."""
    ticks = [tick.split("+") if "+" in tick or tick in _names(world) else list(tick) for tick in actions.split()]
    return play(world, [[_LETTERS.get(name, name) for name in tick] for tick in ticks], draws or {})


def _names(world: World) -> set[str]:
    return {action for agent in world.agents for action in agent.actions}


def state_of(world: World, played: Played, tick: int = -1) -> dict[str, float | str]:
    """Every field of a state by name, as the file would say it (a cell as its number)."""
    return {name: read(world, played.states[tick], name) for name in world.columns}


def read(world: World, state: Ints, name: str) -> float | str:
    """One field of a state int32 `[F]`: a number, or a word."""
    column = world.columns[name]
    stored = int(state[column.index])
    if column.words is not None:
        return column.words[stored]
    return float(column.table[stored]) if column.table is not None else stored + column.low


def cell(world: World, state: Ints, body: str) -> tuple[int, int] | None:
    """Where a body is; None if it is nowhere."""
    at = int(state[world.bodies[world.body_index[body]].cell])
    return None if at == world.boards.nowhere else (at // world.boards.width, at % world.boards.width)


def picture(scenario: Scenario, world: World, state: Ints) -> str:
    """The board of a state int32 `[F]`, drawn with the glyphs of the file: agents over things over zones."""
    boards = world.boards
    layout = int(state[world.layout]) if world.layout >= 0 else 0
    glyphs = {"#": "#", ".": "."}
    for glyph, entry in scenario.document.legend.items():
        for name in (*legend_zones(entry, scenario.document), legend_thing(entry, scenario.document)):
            glyphs.setdefault(name or "", glyph)
        glyphs.setdefault(legend_agent(entry, scenario.document) or "", glyph)
    drawn = np.where(boards.walls[layout, :-1], "#", ".")
    for index, zone in enumerate(boards.zone_names):
        if zone in glyphs:
            drawn[boards.zones[index, layout, :-1]] = glyphs[zone]
    for body in sorted(world.bodies, key=lambda body: body.is_agent):
        if state[body.cell] != boards.nowhere:
            drawn[state[body.cell]] = glyphs[body.group]
    return "\n".join("".join(row) for row in drawn.reshape(boards.height, boards.width))


def film(text: str, actions: str, draws: Mapping[str, object] | None = None) -> str:
    """The boards before and after every tick, side by side with a space between."""
    scenario = scenario_of(text)
    world = compile_world(scenario)
    boards = [picture(scenario, world, state).split("\n") for state in played(world, actions, draws).states]
    return "\n".join(" ".join(rows) for rows in zip(*boards, strict=True))


def strip(text: str) -> str:
    """A film written in a test, without the indentation."""
    return dedent(text).strip()

"""Draws a world without a board as a diagram: the present state, the choices in it, and what may come of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ...envs.base import Ints
from ...envs.world.world import World
from ...evals.inspection.choices import ActionChoice, ActionOutcome, choices_in
from ..drawing.canvas import Canvas, cut, text_width
from ..drawing.color_scales import number
from ..drawing.palette import mix
from ..text.ascii_board import quantities
from ..text.episode_text import plain
from ..viewer.frame import Frame
from .state_cards import draw_cards

Room = tuple[float, float, float, float]

NARROWEST, LOWEST = 560.0, 190.0
"""Least width and height of the room, in points, that a diagram needs; in a smaller one the cards stand alone."""
NOW = 0.36
"""Share of the width for the cards of the present state."""
SMALL, LINE = 11.5, 15.0
"""Size of type and distance of lines, in points."""
MOST = 3
"""Most outcomes of one choice that are drawn."""


@dataclass(frozen=True)
class _Moment:
    """A state in which someone chooses, as a cache key."""

    state: bytes
    joint: bytes
    agent: int
    key: int
    world: World = field(compare=False)


@lru_cache(256)
def _choices(moment: _Moment) -> tuple[ActionChoice, ...]:
    state, joint = (np.frombuffer(each, np.int32) for each in (moment.state, moment.joint))
    return choices_in(moment.world, state, joint, moment.agent)


def draw_diagram(canvas: Canvas, frame: Frame, room: Room) -> None:
    """Draw a state's fields as cards, and to the right of them what the agent can choose and what may come of it."""
    left, top, width, height = room
    choices = _choices_of(frame)
    if not choices or width < NARROWEST or height < LOWEST:
        draw_cards(canvas, frame, room)
        return
    draw_cards(canvas, frame, (left, top, NOW * width, height), one_column=True)
    rows = [_said(frame, choice) for choice in choices]
    tall = [max(sum(_height(lines) + 6 for lines in each), 30.0) + 8 for each in rows]
    begin = left + NOW * width + 18
    middle, y = left + 0.4 * width, top + max((height - sum(tall)) / 2, 8.0)
    ends = []
    for choice, said, room_of_it in zip(choices, rows, tall, strict=True):
        if y + room_of_it > top + height:
            break
        centre = y + (room_of_it - 8) / 2
        ends.append(centre)
        _draw_choice(canvas, frame, choice, said, (middle, y, left + width - middle, room_of_it))
        y += room_of_it
    line = mix(canvas.theme.muted, canvas.theme.paper, 0.4)
    canvas.box(begin - 1, min(ends), begin + 1, max(ends), line)
    for centre in ends:
        canvas.box(begin - 1, centre - 1, middle, centre + 1, line)
    canvas.box(begin - 12, (min(ends) + max(ends)) / 2 - 1, begin, (min(ends) + max(ends)) / 2 + 1, line)
    if len(ends) < len(choices):
        canvas.text(middle, y + 12, f"and {len(choices) - len(ends)} more", SMALL, canvas.theme.muted)


def _choices_of(frame: Frame) -> tuple[ActionChoice, ...]:
    episode, world = frame.episode, frame.world
    if frame.state[world.ended]:
        return ()
    joint: Ints = np.zeros(len(world.agents), np.int32)
    if episode is not None and frame.tick < episode.length:
        joint = episode.chosen[frame.tick].astype(np.int32)
    moment = _Moment(frame.state.astype(np.int32).tobytes(), joint.tobytes(), frame.agent, id(world), world)
    return _choices(moment)


def _draw_choice(canvas: Canvas, frame: Frame, choice: ActionChoice, said: list[list[str]], room: Room) -> None:
    """Draw the box of one action, and a box for each outcome beside it, joined by lines as thick as they are likely."""
    left, top, width, tall = room
    theme, name = canvas.theme, plain(choice.action)
    chosen, aside = _standing(frame, choice.action)
    wide = min(max(text_width(name, 13.5, bold=True), text_width(aside, SMALL)) + 24, 0.36 * width)
    centre = top + (tall - 8) / 2
    rim = theme.reward if chosen else theme.hairline
    canvas.box(left, centre - 17, left + wide, centre + 17, theme.panel, 9, rim, 2.0 if chosen else 1.0)
    canvas.text(
        left + wide / 2,
        centre - (5 if aside else 0),
        cut(name, 13.5, wide - 12, bold=chosen),
        13.5,
        theme.ink,
        "mm",
        chosen,
    )
    if aside:
        canvas.text(left + wide / 2, centre + 9, cut(aside, SMALL, wide - 12), SMALL, theme.muted, "mm")
    came = _came(frame, choice)
    begin, y = left + 0.36 * width + 62, top
    line = mix(theme.muted, theme.paper, 0.4)
    for outcome, lines in zip(choice.outcomes, said, strict=False):
        high = _height(lines)
        middle = y + high / 2
        thick = 1.0 + 4.0 * outcome.probability
        elbow = left + 0.36 * width + 8
        canvas.box(left + wide, centre - 1, elbow, centre + 1, line)
        canvas.box(elbow - 1, min(centre, middle) - 1, elbow + 1, max(centre, middle) + 1, line)
        canvas.box(elbow, middle - thick / 2, begin, middle + thick / 2, line)
        if outcome.probability < 1 - 1e-9:
            canvas.text(begin - 6, middle - 5, f"{outcome.probability:.0%}", SMALL, theme.muted, "rs")
        is_it = chosen and came is outcome
        canvas.box(
            begin,
            y,
            left + width,
            y + high,
            theme.paper,
            7,
            theme.reward if is_it else theme.hairline,
            2.0 if is_it else 1.0,
        )
        for row, text in enumerate(lines):
            canvas.text(begin + 10, y + 14 + LINE * row, _fitted(text, left + width - begin - 20), SMALL, theme.ink)
        y += high + 6


def _fitted(text: str, width: float) -> str:
    """A line that fits into a width in points: of a change the name is cut, not what it changes to."""
    name, arrow, change = text.rpartition(": ")
    if "→" not in change or text_width(text, SMALL) <= width:
        return cut(text, SMALL, width)
    return f"{cut(name, SMALL, width - text_width(arrow + change, SMALL))}{arrow}{change}"


def _standing(frame: Frame, action: str) -> tuple[bool, str]:
    """Whether an action is the one that is chosen, and how much it loses against the best."""
    episode, program = frame.episode, frame.world.agents[frame.agent]
    chosen = False
    if episode is not None and frame.tick < episode.length:
        chosen = program.actions[int(episode.chosen[frame.tick, frame.agent])] == action
    mind = frame.mind
    if mind is None or mind.actions != program.actions:
        return chosen, "chosen" if chosen else ""
    scores = mind.scores
    loss = float(np.nanmax(scores) - scores[program.actions.index(action)])
    best = loss <= 1e-9 * max(abs(float(np.nanmax(scores))), 1)
    return chosen, "best" if best else f"loses {number(loss)}"


def _came(frame: Frame, choice: ActionChoice) -> ActionOutcome | None:
    """The outcome that came of a choice, once it is known what did."""
    episode = frame.episode
    if episode is None or frame.tick >= episode.length:
        return None
    after = episode.left_by(frame.tick)
    return next((outcome for outcome in choice.outcomes if np.array_equal(outcome.state, after)), None)


def _said(frame: Frame, choice: ActionChoice) -> list[list[str]]:
    """For each outcome that is drawn, lines on what it changes, what happens, and what it pays."""
    if not choice.outcomes:
        return [["too many outcomes to draw"]]
    before = {each.name: each.text for each in quantities(frame.world, frame.state)}
    told = []
    for outcome in choice.outcomes[:MOST]:
        lines = [plain(event) for event in outcome.events]
        lines = [", ".join(lines)] if lines else []
        after = quantities(frame.world, outcome.state)
        lines += [
            f"{frame.meaning(each.name)}: {plain(before[each.name])} → {plain(each.text)}"
            for each in after
            if each.text != before[each.name]
        ]
        pays = [
            f"{plain(name)} {pay:+g}" for name, pay in zip(frame.world.channels, outcome.rewards, strict=True) if pay
        ]
        if pays:
            lines.append(f"pays {', '.join(pays)}")
        if outcome.ended is not None:
            lines.append(f"the end: {plain(outcome.ended)}")
        told.append(lines or ["nothing changes"])
    return told


def _height(lines: list[str]) -> float:
    return LINE * len(lines) + 8

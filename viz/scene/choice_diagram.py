"""Draws a world without a board as a diagram: the present state, the choices in it, and what may come of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ...envs.base import Ints
from ...envs.world.world import World
from ...evals.inspection.choices import ActionChoice, ActionOutcome, choices_in
from ..drawing.canvas import Canvas, cut, fitted, text_width, wrapped
from ..drawing.color_scales import number
from ..drawing.palette import mix
from ..text.ascii_board import quantities
from ..text.episode_text import plain
from ..viewer.frame import Frame
from .state_cards import draw_cards

Room = tuple[float, float, float, float]

NARROWEST, LOWEST = 560.0, 190.0
"""Least width and height of the room, in points, that a diagram needs; in a smaller one the cards stand alone."""
HALF, STACKED = 400.0, 340.0
"""Least width and height of a room, narrower than that, in which the diagram stands below the cards."""
NOW = 0.36
"""Share of the width for the cards of the present state."""
SMALL = 11.5
"""Size of type beside the boxes, in points."""
TYPES, TINY = (14.0, 13.0, 12.0, 11.5, 11.0), (10.0, 9.0, 8.5)
"""Sizes of type of outcomes: the largest in which all have room, and those for when hardly anything has."""
BETWEEN = 62.0
"""Room between actions and outcomes for lines and chances, in points."""
DETAILS = ((3, 99), (3, 5), (3, 4), (2, 4), (2, 3), (1, 3), (1, 2))
"""Most outcomes of one choice that are drawn, and most lines of each: as many as have room in letters to be read."""
NOTE = 15.0
"""Height of a line below the choices, in points."""
FEWEST = 2
"""How many of the best choices are shown in any case."""


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
    """Draw a state's fields as cards, and beside or below them what the agent can choose and what may come of it."""
    left, top, width, height = room
    choices = _choices_of(frame)
    stacked = HALF <= width < NARROWEST and height >= STACKED
    if not choices or height < LOWEST or (width < NARROWEST and not stacked):
        draw_cards(canvas, frame, room)
        return
    if stacked and quantities(frame.world, frame.state):
        draw_cards(canvas, frame, (left, top, width, height / 2))
        top, height = top + height / 2, height / 2
        middle, begin = left + 48, left + 24
    elif quantities(frame.world, frame.state):
        draw_cards(canvas, frame, (left, top, NOW * width, height), one_column=True)
        middle, begin = left + 0.4 * width, left + NOW * width + 18
    else:  # the state has nothing to be told of but the choices in it
        middle, begin = left + 48, left + 24
    # The boxes of actions are as wide as they must be, so that what may come of them has the room.
    wide = min(max(_box_width(frame, choice) for choice in choices), 0.4 * (left + width - middle))
    line_room = left + width - middle - wide - BETWEEN - 20
    fitting = _fit(frame, choices, line_room, height)
    tall = [_choice_height(each, fitting.size) for each in fitting.lines]
    y, ends = top + max((height - sum(tall) - fitting.below) / 2, 4.0), list[float]()
    for choice, said, room_of_it in zip(fitting.choices, fitting.lines, tall, strict=True):
        centre = y + (room_of_it - 8) / 2
        ends.append(centre)
        _draw_choice(canvas, frame, choice, said, (middle, y, left + width - middle, room_of_it), wide, fitting.size)
        y += room_of_it
    line = mix(canvas.theme.muted, canvas.theme.paper, 0.4)
    if ends:
        canvas.box(begin - 1, min(ends), begin + 1, max(ends), line)
        canvas.box(begin - 12, (min(ends) + max(ends)) / 2 - 1, begin, (min(ends) + max(ends)) / 2 + 1, line)
    for centre in ends:
        canvas.box(begin - 1, centre - 1, middle, centre + 1, line)
    for row, (whole, short) in enumerate(fitting.notes):
        text = whole if text_width(whole, SMALL) <= left + width - middle else short
        canvas.text(middle, y + 8 + NOTE * row, text, SMALL, canvas.theme.muted)


@dataclass(frozen=True)
class _Fitting:
    """What has room: choices, for each outcome of each the lines on it, the size of their type, and notes below.

    Of each note there is a shorter one, for where it has no room in a line.
    """

    choices: tuple[ActionChoice, ...]
    lines: list[list[list[str]]]
    size: float
    notes: tuple[tuple[str, str], ...]

    @property
    def below(self) -> float:
        """Height of the notes, in points."""
        return NOTE * len(self.notes)

    def fits(self, height: float) -> bool:
        """Whether all of it has room in a height, in points."""
        return sum(_choice_height(each, self.size) for each in self.lines) + self.below <= height - 8


def _fit(frame: Frame, choices: Sequence[ActionChoice], width: float, height: float) -> _Fitting:
    """As much detail as has room in letters that can be read; the best choices are there in any case.

    First what comes about whatever is chosen is told once, then lines and outcomes are left out, then choices.
    """
    ranked = sorted(choices, key=lambda choice: _rank(frame, choice.action))
    several = len(choices) > 1
    levels = [(TYPES, False, *DETAILS[0]), *((TYPES, several, *detail) for detail in DETAILS)]
    fewest = min(FEWEST, len(choices))
    found = _fitting(frame, choices, levels[0], width, TYPES[0])
    for count in range(len(choices), fewest - 1, -1):
        kept = [choice for choice in choices if choice in ranked[:count]]
        last = [(TINY, several, *DETAILS[-1])] if count == fewest else []
        # Before a choice is left out, all have to be short; before any is told in tiny letters, few are left.
        for level in [*(levels if count == len(choices) else levels[-1:]), *last]:
            for size in level[0]:
                found = _fitting(frame, kept, level, width, size, len(choices) - count)
                if found.fits(height):
                    return found
    return found


def _fitting(
    frame: Frame,
    choices: Sequence[ActionChoice],
    level: tuple[Sequence[float], bool, int, int],
    width: float,
    size: float,
    left_out: int = 0,
) -> _Fitting:
    _, once, outcomes, most = level
    told = [_said(frame, choice, outcomes) for choice in choices]
    every = [set(lines) for each in told for lines in each]
    shared = [line for line in told[0][0] if all(line in lines for lines in every)] if once and told else []
    lines = [[_shortened([line for line in each if line not in shared], most) for each in one] for one in told]
    notes = list[tuple[str, str]]()
    if shared:
        count = f"{len(shared)} change{'s' if len(shared) > 1 else ''}"
        notes.append((f"whatever it chooses: {'; '.join(shared)}", f"and {count} more, the same whatever it chooses"))
    if left_out:
        notes.append((f"and {left_out} worse choice{'s' if left_out > 1 else ''}",) * 2)
    return _Fitting(tuple(choices), [[_broken(each, size, width) for each in one] for one in lines], size, tuple(notes))


def _shortened(lines: list[str], most: int) -> list[str]:
    """At most so many lines; the last of them says how many are left out."""
    if len(lines) <= most:
        return lines or ["nothing else"]
    return [*lines[: most - 1], f"and {len(lines) - most + 1} more changes"]  # at least two: one has room itself


def _rank(frame: Frame, action: str) -> tuple[bool, float]:
    """A key that sorts actions: the chosen one, then the best."""
    chosen, _ = _standing(frame, action)
    mind, program = frame.mind, frame.world.agents[frame.agent]
    if mind is None or mind.actions != program.actions:
        return not chosen, 0.0
    return not chosen, -float(np.nan_to_num(mind.scores[program.actions.index(action)], nan=-np.inf))


def _choices_of(frame: Frame) -> tuple[ActionChoice, ...]:
    episode, world = frame.episode, frame.world
    if frame.asking[world.ended]:
        return ()
    joint: Ints = np.zeros(len(world.agents), np.int32)
    if episode is not None and frame.asked < episode.length:
        joint = episode.chosen[frame.asked].astype(np.int32)
    moment = _Moment(frame.asking.astype(np.int32).tobytes(), joint.tobytes(), frame.agent, id(world), world)
    return _choices(moment)


def _box_width(frame: Frame, choice: ActionChoice) -> float:
    _, aside = _standing(frame, choice.action)
    return max(text_width(plain(choice.action), 13.5, bold=True), text_width(aside, SMALL)) + 24


def _draw_choice(
    canvas: Canvas, frame: Frame, choice: ActionChoice, said: list[list[str]], room: Room, wide: float, size: float
) -> None:
    """Draw the box of one action, and a box for each outcome beside it, joined by lines as thick as they are likely."""
    left, top, width, tall = room
    theme, name = canvas.theme, plain(choice.action)
    chosen, aside = _standing(frame, choice.action)
    own = min(_box_width(frame, choice), wide)
    centre = top + (tall - 8) / 2
    rim = theme.reward if chosen else theme.hairline
    canvas.box(left, centre - 17, left + own, centre + 17, theme.panel, 9, rim, 2.0 if chosen else 1.0)
    called = fitted(name, (13.5, 12.0, 10.5, 9.5, 8.5), own - 12, 1 if aside else 2, chosen)
    canvas.block(left + own / 2, centre - (5 if aside else 0), called, theme.ink, "mm", chosen)
    if aside:
        canvas.text(left + own / 2, centre + 9, cut(aside, SMALL, own - 12), SMALL, theme.muted, "mm")
    came = _came(frame, choice)
    begin, elbow = left + wide + BETWEEN, left + wide + 8
    y = centre - (sum(_height(lines, size) + 6 for lines in said) - 6) / 2
    line = mix(theme.muted, theme.paper, 0.4)
    # Of outcomes that are too many to be drawn there is a line, and no box.
    for outcome, lines in zip(_drawn(frame, choice, len(said)), said, strict=False):
        high = _height(lines, size)
        middle = y + high / 2
        thick = 1.0 + 4.0 * outcome.probability
        canvas.box(left + own, centre - 1, elbow, centre + 1, line)
        canvas.box(elbow - 1, min(centre, middle) - 1, elbow + 1, max(centre, middle) + 1, line)
        canvas.box(elbow, middle - thick / 2, begin, middle + thick / 2, line)
        if outcome.probability < 1 - 1e-9:
            canvas.text(begin - 6, middle - 5, f"{outcome.probability:.0%}", SMALL, theme.muted, "rs")
        is_it = chosen and came is outcome
        rim = theme.reward if is_it else theme.hairline
        canvas.box(begin, y, left + width, y + high, theme.paper, 7, rim, 2.0 if is_it else 1.0)
        for row, text in enumerate(lines):
            indent = 10 if text.startswith(" ") else 0
            canvas.text(begin + 10 + indent, y + size + 2.5 + (size + 3.5) * row, text.strip(), size, theme.ink)
        y += high + 6
    if not choice.outcomes:
        canvas.text(begin, centre + 4, " ".join(said[0]), size, theme.muted)


def _broken(lines: Sequence[str], size: float, width: float) -> list[str]:
    """Lines that fit into a width in points: what is longer goes on in a further line, which begins with a space."""
    out: list[str] = []
    for line in lines:
        first, *rest = wrapped(line, size, width - 10) if text_width(line, size) > width else [line]
        out += [cut(first, size, width), *(f" {cut(each, size, width - 10)}" for each in rest)]
    return out


def _standing(frame: Frame, action: str) -> tuple[bool, str]:
    """Whether an action is the one that is chosen, and how much it loses against the best."""
    episode, program = frame.episode, frame.world.agents[frame.agent]
    chosen = False
    if episode is not None and frame.asked < episode.length:
        chosen = program.actions[int(episode.chosen[frame.asked, frame.agent])] == action
    mind = frame.mind
    if mind is None or mind.actions != program.actions:
        return chosen, "chosen" if chosen else ""
    scores = mind.scores
    loss = float(np.nanmax(scores) - scores[program.actions.index(action)])
    best = loss <= 1e-9 * max(abs(float(np.nanmax(scores))), 1)
    return chosen, "best" if best else f"loses {number(loss)}"


def _worth(frame: Frame, action: str) -> str:
    """What an action is worth on average with all that follows, if that is known."""
    mind, program = frame.mind, frame.world.agents[frame.agent]
    if mind is None or mind.actions != program.actions:
        return ""
    worth = float(mind.scores[program.actions.index(action)])
    return number(worth if abs(worth) > 1e-9 else 0.0)


def _came(frame: Frame, choice: ActionChoice) -> ActionOutcome | None:
    """The outcome that came of a choice, where that is shown."""
    episode = frame.episode
    if episode is None or not frame.outcome:
        return None
    after = episode.left_by(frame.asked)
    return next((outcome for outcome in choice.outcomes if np.array_equal(outcome.state, after)), None)


def _drawn(frame: Frame, choice: ActionChoice, most: int) -> tuple[ActionOutcome, ...]:
    """The likeliest outcomes of a choice; what came of it is among them, where that is shown."""
    came, likely = _came(frame, choice), choice.outcomes[:most]
    return likely if came is None or came in likely else (*likely[:-1], came)


def _said(frame: Frame, choice: ActionChoice, most: int) -> list[list[str]]:
    """For each of at most so many outcomes, lines on what happens, what that is worth, and what it changes."""
    if not choice.outcomes:
        worth = _worth(frame, choice.action)
        return [["chance has too many outcomes to draw them" + (f"; worth {worth} on average" if worth else "")]]
    before = {each.name: each.text for each in quantities(frame.world, frame.asking)}
    weights = frame.world.weights(frame.asking[None], frame.agent)[0]
    told = []
    for outcome in _drawn(frame, choice, most):
        lines = [plain(event) for event in outcome.events]
        lines = [", ".join(lines)] if lines else []
        if outcome.ended is not None:
            lines.append(f"the end: {plain(outcome.ended)}")
        # What the one who chooses does not value is no pay to it, whoever means it as such.
        counts = [
            f"{plain(name)} {pay:+g}{'' if weight else ', worth nothing to it'}"
            for name, pay, weight in zip(frame.world.channels, outcome.rewards, weights, strict=True)
            if pay
        ]
        if counts:
            lines.append("; ".join(counts))
        lines += [
            f"{frame.meaning(each.name)}: {plain(before[each.name])} → {plain(each.text)}"
            for each in quantities(frame.world, outcome.state)
            if each.text != before[each.name]
        ]
        told.append(lines or ["nothing changes"])
    return told


def _height(lines: Sequence[str], size: float) -> float:
    return (size + 3.5) * len(lines) + 8


def _choice_height(said: Sequence[Sequence[str]], size: float) -> float:
    """The height that a choice takes with all its outcomes, in points."""
    return max(sum(_height(lines, size) + 6 for lines in said), 34.0) + 8

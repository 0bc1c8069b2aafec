"""Draws the panels beside a board: the choice and its values, the sums, the legend, the log, and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...evals.inspection.mind import Mind
from ..drawing.canvas import Canvas, fitted, text_width, wrapped
from ..drawing.color_scales import draw_bar, number, scale_of
from ..drawing.palette import Theme, mix
from ..drawing.seen_cells import watchers
from ..text.ascii_board import describe, quantities
from ..text.episode_text import LogEntry, into_a_wall, log_until, plain, spans, why
from ..text.rule_text import rules_told
from ..viewer.frame import OVERLAY_KEYS, OVERLAYS, Frame, offers

HEADING, TEXT, SMALL = 14.0, 12.5, 11.5
"""Sizes of type in points."""
LINE = 17.0
"""Distance from one line of text to the next, in points."""
SMALLER = (SMALL, 10.5, 9.5, 8.5)
"""Sizes of type of what has little room: the largest in which it has enough."""
KEYS_WIDE = 76.0
"""Width of the column of keys in their panel, in points."""
KEY_LINE = 21.0
"""Distance from one line of the panel of keys to the next, in points."""
GAP = 14.0
"""Distance between panels, in points."""
RULE_LINES = 8
"""Most lines of the panel about the rules that fired."""
PRIOR = "habit: what it learned to do"
"""How the key calls a policy prior."""
STATE_LINES = 2
"""Most lines in which fields of the state are told by what they mean."""
AGAINST = "against best"
"""How the column of what an action loses is called."""
SUMS = 62.0
"""Height of the sums of one board with a line of words, in points."""


@dataclass
class PanelColumn:
    """A column of panels that is filled from the top.

    Attributes:
        canvas: to draw on.
        left, width: of the column, in points.
        top: where the next panel begins; every drawing function moves it down.
        bottom: where the last panel must end.
    """

    canvas: Canvas
    left: float
    width: float
    top: float
    bottom: float

    @property
    def theme(self) -> Theme:
        """The theme of the canvas."""
        return self.canvas.theme

    def fits(self, height: float) -> bool:
        """Whether a panel of this height has room."""
        return self.top + height <= self.bottom

    def heading(self, text: str, aside: str = "") -> None:
        """Write a title, and `aside` in small type at the right where there is room."""
        size, lines = fitted(text, (HEADING, 13.0, 12.0), self.width, 2, bold=True)
        if aside and text_width(text, size, bold=True) + text_width(aside, SMALL) + 12 < self.width:
            self.canvas.text(self.left + self.width, self.top + 13, aside, SMALL, self.theme.muted, "rs")
        for line in lines:
            self.canvas.text(self.left, self.top + 13, line, size, bold=True)
            self.top += LINE
        self.top += 21 - LINE

    def line(self, text: str, colour: str | None = None, size: float = TEXT) -> None:
        """Write a line of text, or several where it is longer and there is room."""
        room = int((self.bottom - self.top) / LINE)
        size, lines = fitted(text, (size, *(each for each in SMALLER if each < size)), self.width, max(room, 1))
        for line in lines:
            self.canvas.text(self.left, self.top + 12, line, size, colour or self.theme.ink)
            self.top += LINE


def draw_choice(column: PanelColumn, frame: Frame, brief: bool = False) -> None:
    """Draw what the agent chooses, why, and the K values of every action as bars; `brief`: of what counts alone."""
    mind = frame.mind
    if mind is None or not column.fits(70):
        return
    verb = "choose" if " and " in mind.agent else "chooses"  # agents that are planned as one are named `a and b`
    which = f"{frame.short}: " if frame.short else ""
    stands, episode = "", frame.episode
    if episode is not None and frame.asked < episode.length and mind.agent == frame.world.agents[frame.agent].name:
        bump = into_a_wall(episode, frame.asked, frame.agent)
        stands = f" ({bump})" if bump and episode.executed[frame.asked, frame.agent] == mind.action else ""
    column.heading(f"{which}{plain(mind.agent)} {verb} {plain(mind.actions[mind.action])}{stands}")
    learned = frame.learned
    for text in wrapped(why(mind, frame.attributed, learned), TEXT, column.width):
        column.line(text, column.theme.muted)
    for change, action in mind.counterfactuals[:2]:
        column.line(f"{change}: it would {plain(action)}", column.theme.muted)
    # What a trained agent does not weigh says nothing of it; in a world that is known it may be weighed later.
    every = range(len(mind.channels))
    heads = [head for head in every if mind.weights[head] or not (learned or brief)] or [*every]
    doubt = "doubt" in frame.overlays
    _key_of_heads(column, mind, heads, learned, text_width(AGAINST, SMALL) + (62 if doubt else 16))
    _bars(column, mind, heads, doubt, brief)
    column.top += GAP


def _key_of_heads(column: PanelColumn, mind: Mind, heads: Sequence[int], learned: bool, free: float) -> None:
    """Draw the key that maps colours to value heads, with each head's weight, and to the policy prior.

    So many points at the right end of its last line stay `free` for the headings of the columns of numbers below.
    """
    x, canvas = column.left, column.canvas
    hues = column.theme.heads(mind.channels)
    words = [(hues[head], _named_head(mind, head, learned)) for head in heads]
    if mind.prior is not None:
        words.append((column.theme.muted, PRIOR))
    for colour, text in words:
        if x + 14 + text_width(text, SMALL) > column.left + column.width - free and x > column.left:
            x, column.top = column.left, column.top + LINE
        canvas.box(x, column.top + 4, x + 9, column.top + 13, colour, 2)
        canvas.text(x + 14, column.top + 12.5, text, SMALL, column.theme.muted)
        x += 28 + text_width(text, SMALL)
    if x - 14 > column.left + column.width - free:  # one alone may be too long
        column.top += LINE - 4
    column.top += LINE + 3


def _named_head(mind: Mind, head: int, learned: bool) -> str:
    """A head in the key: of who learned, it is what he has come to expect, which nobody need pay."""
    name, weight = plain(mind.channels[head]), float(mind.weights[head])
    if learned:
        return f"pay that it expects: {name}" + (f", times {number(weight)}" if weight != 1 else "")
    return f"{name}, worth {number(weight)} each"


def _bars(column: PanelColumn, mind: Mind, shown: Sequence[int], doubt: bool, brief: bool = False) -> None:
    """Draw for each action what it loses against the best one: a bar per head on a common scale, and the sum.

    Values themselves often differ by less than a bar can show. A bar to the right is what a head would gain. Where
    there is no room for all actions, those with the highest scores are shown, in their usual order. The last bar is
    that of the policy prior, where there is one. In `brief` nothing is said of what is not available.
    """
    hues = column.theme.heads(mind.channels)
    colours = [hues[head] for head in shown]
    weighed = (mind.q * mind.weights)[:, list(shown)]
    if mind.prior is not None:
        colours, weighed = [*colours, column.theme.muted], np.column_stack([weighed, mind.prior])
    heads = len(colours)
    row = max(LINE, 6.0 * heads + 7)
    if not column.fits(row + 2 * LINE + 4):
        return
    room = max(int((column.bottom - column.top - 40) / row), 1)
    scores = mind.scores
    every = range(len(mind.actions))
    order = [action for action in every if mind.available[action]] if brief else [*every]
    count = len(order)
    if len(order) > room:
        order = sorted(np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")[:room].tolist())
    best = float(np.nanmax(scores)) if np.isfinite(scores).any() else 0.0
    losses = np.where(mind.available[:, None], weighed - weighed[_best_of(mind)], 0.0)
    low, high = min(float(losses.min()), 0.0), max(float(losses.max()), 0.0)
    names = min(max(text_width(plain(mind.actions[a]), TEXT, bold=True) for a in order) + 20, 0.38 * column.width)
    left, right = column.left + names, column.left + column.width - (96 if doubt else 52)

    def x(value: float) -> float:
        return left + (right - left) * (value - low) / ((high - low) or 1.0)

    canvas, theme = column.canvas, column.theme
    canvas.text(right + 46, column.top - 6, AGAINST, SMALL, theme.muted, "rs")
    if doubt:
        canvas.text(right + 92, column.top - 6, "doubt", SMALL, theme.muted, "rs")
    begin = column.top
    for action in order:
        chosen, available = action == mind.action, bool(mind.available[action])
        middle = column.top + row / 2
        if chosen:
            canvas.box(column.left - 6, column.top, column.left + column.width + 6, column.top + row, theme.hairline, 4)
        name = fitted(plain(mind.actions[action]), (TEXT, *SMALLER), names - 8, 2 if row > 2 * LINE - 14 else 1, chosen)
        canvas.block(column.left, middle, name, theme.ink if available else theme.muted, bold=chosen, leading=1)
        if available:
            top = middle - 3.0 * heads
            for head, colour in enumerate(colours):
                ends = sorted((x(0.0), x(float(losses[action, head]))))
                canvas.box(ends[0], top + 6 * head + 0.5, max(ends[1], ends[0] + 1), top + 6 * head + 5.5, colour)
            loss = best - float(scores[action])
            # Ties of the solver may differ by rounding, so `best` allows a relative error.
            text = "best" if loss <= 1e-9 * max(abs(best), 1) else f"-{number(loss)}"
            if text_width(text, SMALL) > 44:  # the column has no room for three digits of a small number
                text = f"-{loss:.1g}"
        else:
            text = "not available"
            canvas.text(left, middle, text, SMALL, theme.muted, "lm")
            text = ""
        canvas.text(right + 46, middle, text, SMALL, theme.ink if text == "best" else theme.muted, "rm")
        if doubt and available:
            canvas.text(right + 92, middle, f"{mind.uncertainty[action]:.0%}", SMALL, theme.performance, "rm")
        column.top += row
    canvas.box(x(0.0) - 0.5, begin, x(0.0) + 0.5, column.top, mix(theme.muted, theme.paper, 0.3))
    marks = [(low, "ms"), (0.0, "ms"), (high, "ms")] if low < 0 < high else [(low, "ms"), (high, "ms")]
    # A number beside 0 that is too near to it would be written over it.
    for value, anchor in marks if high > low else marks[:1]:
        if value == 0 or abs(x(value) - x(0.0)) > 34:
            canvas.text(x(value), column.top + 12, number(value), SMALL, theme.muted, anchor)
    if len(order) < count:
        column.top += LINE
        more = count - len(order)
        text = f"and {more} worse action{'s' if more > 1 else ''}"
        canvas.text(column.left, column.top + 12, text, SMALL, theme.muted)
    column.top += LINE


def _best_of(mind: Mind) -> int:
    """The action with the highest score: the chosen one where it is as good as any, up to rounding."""
    scores = np.nan_to_num(mind.scores, nan=-np.inf)
    best = int(scores.argmax())
    tied = scores[best] - scores[mind.action] <= 1e-9 * max(abs(float(scores[best])), 1)
    return mind.action if tied else best


def draw_rules(column: PanelColumn, frame: Frame) -> None:
    """Write which learned rules predict this tick, and what they overruled: as many as leave room for the sums."""
    told = (
        []
        if frame.mind is None
        else rules_told(frame.world, frame.agent, frame.mind, frame.asking, meanings=frame.meanings)
    )
    muted, room = column.theme.muted, min(RULE_LINES, int((column.bottom - column.top - 21 - SUMS) / LINE))
    lines: list[tuple[str, str]] = []
    for done, each in enumerate(told):
        more = [(text, column.theme.ink) for text in wrapped(each.text, SMALL, column.width)]
        if each.overruled:
            more += [(text, muted) for text in wrapped(f"an exception to: {each.overruled}", SMALL, column.width)]
        left = len(told) - done
        if len(lines) + len(more) + (left > 1) > room:
            lines += [(f"and {left} more", muted)] if lines else []
            break
        lines += more
    if not lines:
        return
    column.heading("by which rules it expects this")
    for text, colour in lines:
        column.line(text, colour, SMALL)
    column.top += GAP - 4


def draw_sums(column: PanelColumn, frames: Sequence[Frame]) -> None:
    """Draw the sums of each channel and of the hidden performance so far, and the rest of each state in words."""
    if len(frames) == 1:
        _large_sums(column, frames[0])
    else:
        _rows_of_sums(column, frames)
    # A world without a board shows its whole state as cards in place of the board.
    boards = [frame for frame in frames if frame.world.boards.height]
    free = int((column.bottom - column.top) / LINE)
    for place, frame in enumerate(boards if free >= len(boards) else ()):  # of two boards neither or both are told
        room = int((column.bottom - column.top) / LINE) - (len(boards) - 1 - place)
        for text in _rest_of_state(frame, column.width, min(room, STATE_LINES)):
            column.line(text, column.theme.muted, SMALL)
    column.top += GAP - 4


def _rest_of_state(frame: Frame, width: float, most: int) -> list[str]:
    """Lines on what a board does not show: by what fields mean where that has room, else by their names.

    Of what has no room in so many lines the last fields are left out whole.
    """
    # Which of several boards it is says nothing to who sees it.
    named = describe(frame.world, frame.state)[frame.world.layout >= 0 :]
    meant = {f"{each.name} {each.text}": each for each in quantities(frame.world, frame.state)}
    told = [f"{frame.meaning(meant[each].name)}: {meant[each].text}" if each in meant else each for each in named]
    short = [frame.short] if frame.short else []
    for fields in (told, *(named[:count] for count in range(len(named), 0, -1))):
        lines = wrapped(" · ".join(map(plain, [*short, *fields])), SMALL, width)
        if len(lines) <= most:
            return lines
    return []


@dataclass(frozen=True)
class _RunningSum:
    """A sum so far: of which channel, or the hidden performance, its name for a reader, its value and its colour."""

    key: str
    name: str
    value: float
    colour: str


def _sums(frame: Frame, theme: Theme) -> list[_RunningSum]:
    """A frame's sums so far, at most the last four; the hidden performance comes last."""
    episode = frame.episode
    if episode is None:
        return []
    # As above its bars: what a trained agent does not weigh is nothing to it.
    weights = frame.world.agents[frame.agent].weights
    heads = [head for head in range(len(weights)) if weights[head] or not frame.learned]
    channels = [frame.world.channels[head] for head in heads]
    sums, hues = episode.rewards[: frame.tick, heads].sum(axis=0), theme.heads(frame.world.channels)
    # What a plan counts is what it values; what a learner has had is pay, which need not be a number of things.
    pay = "pay: {} (nobody pays here)" if frame.unpaid else "pay: {}" if frame.learned else "{}"
    rows = [
        _RunningSum(name, pay.format(plain(name)), float(value), mix(hues[head], theme.ink, 0.3))
        for head, name, value in zip(heads, channels, sums, strict=True)
    ]
    hidden, had = plain(frame.world.hidden or "performance"), float(episode.performance[: frame.tick].sum())
    return [*rows, _RunningSum("", hidden, had, mix(theme.performance, theme.ink, 0.3))][-4:]


def _sum(value: float) -> str:
    """A sum with its sign, as cards write it: it is no count of things."""
    return f"{'+' if value > 0 else ''}{number(value)}"


def _large_sums(column: PanelColumn, frame: Frame) -> None:
    """Draw the sums of one board: each as a large number below its name."""
    sums = _sums(frame, column.theme)
    if not sums or not column.fits(44):
        return
    share = column.width / len(sums)
    named = [fitted(each.name, SMALLER, share - 6, 2) for each in sums]
    more = (max(len(lines) for _, lines in named) - 1) * 11
    for place, (each, (size, lines)) in enumerate(zip(sums, named, strict=True)):
        x = column.left + place * share
        for line_number, line in enumerate(lines):
            column.canvas.text(x, column.top + 11 + 11 * line_number, line, size, column.theme.muted)
        column.canvas.text(x, column.top + 31 + more, _sum(each.value), 18.0, each.colour, bold=True)
    column.top += 40 + more


def _rows_of_sums(column: PanelColumn, frames: Sequence[Frame]) -> None:
    """Draw the sums of several boards as a table: a row for each board, a column for each sum of the first."""
    table = [_sums(frame, column.theme) for frame in frames]
    if not table[0] or not column.fits(LINE * (1 + len(frames))):
        return
    # Of a learner and a plan beside it the names differ: the later, plainer one stands over both.
    names = {each.key: each.name for sums in table for each in sums if each.key in {one.key for one in table[0]}}
    share = column.width / (len(names) + 1)
    for place, name in enumerate(names.values()):
        x = column.left + (place + 1) * share
        size, lines = fitted(name, (*SMALLER, 7.5), share - 3, 2)
        for line_number, line in enumerate(lines):
            y = column.top + 12 - 11 * (len(lines) - 1 - line_number)
            column.canvas.text(x, y, line, size, column.theme.muted)
    column.top += LINE
    for frame, sums in zip(frames, table, strict=True):
        size, lines = fitted(frame.short, (TEXT, *SMALLER), share - 6)
        column.canvas.text(column.left, column.top + 12, lines[0] if lines else "", size)
        for each in sums:
            # The second board may be of another scenario; channels that the first lacks have no column.
            if each.key in names:
                x = column.left + ([*names].index(each.key) + 1) * share
                column.canvas.text(x, column.top + 12, _sum(each.value), TEXT, each.colour, bold=True)
        column.top += LINE
    column.top += 4


def draw_legend(column: PanelColumn, frame: Frame) -> None:
    """Explain the overlays that are on: what they show, and how to read their colours."""
    canvas, theme = column.canvas, column.theme
    if frame.shows("value") and frame.world.boards.height and column.fits(64):
        name = "weighted sum" if frame.head < 0 else plain(frame.world.channels[frame.head])
        if frame.value_map is None:
            column.line("The values of cells are not known here.", theme.muted, SMALL)
        else:
            whose = f", {frame.short}" if frame.other is not None else ""
            column.line(f"Worth of standing there: {name}{whose}", size=SMALL)
            draw_bar(canvas, scale_of(frame.value_map.of(frame.head), theme), column.left, column.top + 2, column.width)
            column.top += 27
            column.line(f"{frame.value_map.source}; hatched: {frame.value_map.gaps}", theme.muted, SMALL)
    texts = {
        "policy": "arrow: a best move · dot: stay · ring: an action",
        "plan": "line: where it went · dots, ghosts: what it expects",
        "sight": _seen_by(frame),
        "doubt": "doubt: from 0% (sure) to 100% (never tried)",
        "foreseen": "framed: it is elsewhere than foreseen",
    }
    for overlay, text in texts.items():
        if frame.shows(overlay) and column.fits(LINE) and _there_is(frame, overlay):
            column.line(text, theme.muted, SMALL)
    column.top += GAP - 4


def _seen_by(frame: Frame) -> str:
    """Whose sight is drawn, or that they are gone: without a word its disappearance would be a riddle."""
    present = [each for each in watchers(frame.world) if frame.state[each.cell] != frame.world.boards.nowhere]
    gone = [each for each in watchers(frame.world) if each not in present]
    if present:
        return f"outlined: seen by {' or '.join(plain(each.name) for each in present)}"
    return f"{' and '.join(plain(each.name) for each in gone)} gone: nobody sees any cell"


def _there_is(frame: Frame, overlay: str) -> bool:
    """Whether an overlay has anything to show in this world."""
    if frame.world.boards.height == 0:
        return False
    match overlay:
        case "sight":
            return bool(watchers(frame.world))
        case "policy":
            return frame.value_map is not None
        case "plan":
            return frame.mind is not None and len(frame.mind.ahead) > 0
        case "foreseen":
            return frame.before is not None
        case _:
            return frame.mind is not None


def draw_log(column: PanelColumn, frame: Frame) -> None:
    """List what happened before the present tick, the newest last; only the newest entries that fit are shown."""
    if frame.episode is None or not column.fits(21 + 2 * LINE):
        return
    entries, width = log_until(frame.episode, frame.tick), column.width - 52

    def needed(entry: LogEntry, bold: bool) -> int:
        return min(len(wrapped(entry.text, SMALLER[2], width, bold)), 3)

    if entries and not column.fits(21 + needed(entries[-1], bold=True) * LINE):  # it would be cut short
        return
    column.heading("log")
    room = int((column.bottom - column.top) / LINE)
    shown: list[tuple[LogEntry, tuple[float, list[str]]]] = []
    for entry in reversed(entries[-room:]):  # the newest have room first
        if needed(entry, not shown) > room:
            break
        text = fitted(entry.text, SMALLER[:3], width, min(room, 3), bold=not shown)
        room -= len(text[1])
        shown.insert(0, (entry, text))
    if not shown:
        column.line("nothing yet", column.theme.muted, SMALL)
    named = spans([entry for entry, _ in shown])
    for (entry, (size, lines)), span in zip(shown, named, strict=True):
        newest = entry is shown[-1][0]
        column.canvas.text(column.left + 42, column.top + 12, span, SMALL, column.theme.muted, "rs")
        for line in lines:
            column.canvas.text(column.left + 52, column.top + 12, line, size, column.theme.ink, bold=newest)
            column.top += LINE


def _key_rows(frame: Frame) -> list[tuple[str, str]]:
    """What the panel of keys lists: of overlays those that show anything; while a file is edited there are none."""
    agent = None if frame.episode is None else frame.episode.agent
    named = [name for name in OVERLAYS if offers(name, frame.world, agent)] if frame.editing is None else []
    return [*frame.keys, *((OVERLAY_KEYS[name], OVERLAYS[name]) for name in named)]


def _key_panel(rows: Sequence[tuple[str, str]], width: float, height: float) -> tuple[float, float, float, float]:
    """Left, top, width and height of the panel of keys in a scene of a size, in points."""
    needed = max(text_width(text, TEXT) for _, text in rows) + KEYS_WIDE + 24
    wide, tall = min(width - 20, max(2 * needed + 20, 680.0)), 52 + KEY_LINE * ((len(rows) + 1) // 2)
    return (width - wide) / 2, max((height - tall) / 2, 4), wide, tall


def key_at(frame: Frame, width: float, height: float, x: float, y: float) -> str | None:
    """The key whose entry in the panel of keys is under a point; of two in one entry the one that is pointed at.

    Beside the panel it is the key that closes it; None on entries that are no single key.
    """
    rows = _key_rows(frame)
    left, top, wide, tall = _key_panel(rows, width, height)
    if not (left <= x < left + wide and top <= y < top + tall):
        return "h"
    half = (len(rows) + 1) // 2
    line, across = int((y - top - 52 + 15) // KEY_LINE), int(x >= left + 20 + wide / 2 - 10)
    if not 0 <= line < half or (number := across * half + line) >= len(rows):
        return None
    keys = rows[number][0].split()
    begin = left + 20 + across * wide / 2
    second = len(keys) == 2 and x >= begin + text_width(f"{keys[0]} ", TEXT, bold=True) and x < begin + KEYS_WIDE
    named = {"esc": "escape", "back": "backspace", "del": "delete"}
    key = named.get(keys[int(second)], keys[int(second)])
    return None if len(keys) > 2 or key in ("drag", "arrows") else key


def draw_keys(canvas: Canvas, frame: Frame) -> None:
    """Draw what each key does, on a panel over the middle of the scene; the mouse can press them there."""
    theme, rows = frame.theme, _key_rows(frame)
    left, top, width, height = _key_panel(rows, canvas.width, canvas.height)
    canvas.box(0, 0, canvas.width, canvas.height, f"{theme.paper}B0")
    canvas.box(left, top, left + width, top + height, theme.panel, 10, theme.muted, 1)
    canvas.text(left + 20, top + 28, "Keys", HEADING + 2, bold=True)
    if frame.buttons:
        canvas.text(left + width - 20, top + 28, "the mouse can press them here", SMALL, theme.muted, "rs")
    half = (len(rows) + 1) // 2
    for index, (key, text) in enumerate(rows):
        x, y = left + 20 + (index // half) * width / 2, top + 52 + KEY_LINE * (index % half)
        canvas.text(x, y, key, TEXT, theme.reward, bold=True)
        said = fitted(text, (TEXT, *SMALLER), width / 2 - KEYS_WIDE - 24, lambda size: 1 if size > 9 else 2)
        canvas.block(x + KEYS_WIDE, y, said, anchor="ls", leading=1)

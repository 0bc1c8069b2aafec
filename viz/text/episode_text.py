"""An episode in words: each tick's action and outcome, and the log of the ticks in which something happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...envs.world.world import World
from ...evals.inspection.mind import Mind
from ...evals.traces.episode import Episode
from ...evals.traces.whole_life import WholeLife

SLIGHT = 0.03
"""The part of an expected pay that is hardly a difference: what one tick of waiting costs at a usual discount."""


@dataclass(frozen=True)
class LogEntry:
    """One line of the log: what happened in every tick from `first` to `last`."""

    first: int
    last: int
    text: str


def describe_actions(episode: Episode, tick: int) -> str:
    """Describe the actions of a tick: `robot does up`, or that an action failed or was replaced by another."""
    return ", ".join(
        _describe_action(program.name, program.actions, int(chosen), int(executed))
        for program, chosen, executed in zip(
            episode.world.agents, episode.chosen[tick], episode.executed[tick], strict=True
        )
    )


def _describe_action(name: str, actions: tuple[str, ...], chosen: int, executed: int) -> str:
    if executed == chosen:
        return plain(f"{name} does {actions[chosen]}")
    if executed < 0:
        return plain(f"{name} tries {actions[chosen]} in vain")
    return plain(f"{name} wants {actions[chosen]} and is made to {actions[executed]}")


def into_a_wall(episode: Episode, tick: int, agent: int) -> str:
    """That what an agent does in a tick is a step into a wall, or over the rim; empty where it is none."""
    world, state, action = episode.world_at(tick), episode.states[tick], int(episode.executed[tick, agent])
    program, boards = world.agents[agent], world.boards
    if program.body < 0 or action < 0 or not boards.height:
        return ""
    cell = world.bodies[program.body].cell
    here, there = int(state[cell]), int(boards.neighbours[state[cell], program.moves[action]])
    walls = boards.walls[int(state[world.layout]) if world.layout >= 0 else 0]
    if here in (there, boards.nowhere) or not walls[there]:
        return ""
    # A rule may move it all the same.
    return "into a wall: it stays" if int(episode.left_by(tick)[cell]) == here else "into a wall"


def outcome(episode: Episode, tick: int) -> str:
    """Describe the outcome of a tick: events, termination and rewards; empty if there were none."""
    events = [plain(event) for event in episode.events[tick]]
    if tick == episode.length - 1:
        if episode.ended is not None:
            events.append(f"the end: {episode.ended}")
        elif episode.truncated:
            events.append("time is up")
    world = episode.world
    pays = [(world.channels[k], float(pay)) for k, pay in enumerate(episode.rewards[tick]) if pay]
    if episode.performance[tick]:
        pays.append((world.hidden or "performance", float(episode.performance[tick])))
    return "; ".join(part for part in (", ".join(events), ", ".join(f"{n} {p:+g}" for n, p in pays)) if part)


@lru_cache(32)
def log(episode: Episode) -> tuple[LogEntry, ...]:
    """The log of the ticks with an outcome or an overridden action; equal texts in consecutive ticks are one entry."""
    entries: list[LogEntry] = []
    for tick in range(episode.length):
        text = outcome(episode, tick)
        # An action that was carried out as chosen is no news; one that was prevented or replaced is.
        if (episode.executed[tick] != episode.chosen[tick]).any():
            text = "; ".join(part for part in (describe_actions(episode, tick), text) if part)
        if not text:
            continue
        if entries and entries[-1].text == text and entries[-1].last == tick - 1:
            entries[-1] = LogEntry(entries[-1].first, tick, text)
        else:
            entries.append(LogEntry(tick, tick, text))
    return tuple(entries)


def log_until(episode: Episode, tick: int) -> list[LogEntry]:
    """The entries for the ticks before `tick`."""
    # An entry that goes on beyond the tick is cut there: the log must not tell what is still to come.
    return [LogEntry(e.first, min(e.last, tick - 1), e.text) for e in log(episode) if e.first < tick]


def why(mind: Mind, attributed: bool | None = False, learned: bool = False) -> str:
    """Say in one sentence which channel decided a choice, and what the agent would do without it.

    Args:
        mind: the decision.
        attributed: whether its deciding values are those without which the agent would have planned something else;
            None while that is being computed. Otherwise they keep to the plan, and say less.
        learned: whether its values are what it has learned to expect.
    """
    if mind.prior is not None:
        return _by_habit(mind)
    weighed = [channel for channel, weight in zip(mind.channels, mind.weights, strict=True) if weight]
    if len(weighed) == 1 and not mind.decided_by:
        if learned:
            return f"It weighs one thing: the pay that it has learned to expect for {plain(weighed[0])}."
        return f"It weighs one thing: {plain(weighed[0])}."
    if attributed is None:
        return "Working out which of its values decides this ..."
    if not mind.decided_by:
        if mind.available.sum() == 1:
            return "Nothing else can be done here."
        if not attributed:
            return "No value decides this by itself, if it keeps to its plan."
        return _undecided(mind)
    (head, instead), *more = zip(map(plain, mind.decided_by), map(plain, mind.instead), strict=True)
    alike = _as_good(mind)
    if mind.instead[0] in alike:
        return f"{_alike(mind)} Without {head} it would take {instead}."
    both = head not in map(plain, mind.channels)  # two values, neither of which decides by itself
    text = f"{head.capitalize()} {'together decide: without both' if both else 'decides: without it'}, {instead}."
    if not instead:
        text = f"{head.capitalize()} is all that it wants here: without it, any action would do."
    if not more:
        return text
    if mind.instead[1] in alike:
        return f"{text} {_alike(mind)} Without {more[0][0]} alone, {more[0][1]}."
    return f"{text} Without {more[0][0]}, {more[0][1] or 'any action would do'}."


def _as_good(mind: Mind) -> list[str]:
    """The other actions that are worth as much as the chosen one, up to rounding."""
    scores = mind.scores
    best = scores[mind.action]
    alike = np.abs(scores - best) <= 1e-9 * max(abs(float(best)), 1)
    return [name for number, name in enumerate(mind.actions) if alike[number] and number != mind.action]


def _alike(mind: Mind) -> str:
    names = [plain(name) for name in (mind.actions[mind.action], *_as_good(mind))]
    return f"{', '.join(names[:-1]).capitalize()} and {names[-1]} are worth the same."


def _by_habit(mind: Mind) -> str:
    """Say of a choice by a policy prior and values together whether either alone would have come to it."""
    assert mind.prior is not None
    chosen = plain(mind.actions[mind.action])
    values = np.where(mind.available, mind.q @ mind.weights, -np.inf)
    habit = np.where(mind.available, mind.prior, -np.inf)
    judged, used = (plain(mind.actions[int(scores.argmax())]) for scores in (values, habit))
    if judged == used == chosen:
        return f"Habit and the pay that it expects both say {chosen}."
    if used == chosen:
        more, scale = values.max() - values[mind.action], np.abs(values[mind.available]).max()
        if more <= SLIGHT * scale:
            much = f"{more / scale:.0%} more pay, hardly a difference" if more > 0.005 * scale else "as much pay"
            return f"Habit decides: for {judged} it expects {much}."
        return f"Habit decides, against the pay that it expects, which by itself says {judged}."
    if judged == chosen:
        return f"The pay that it expects decides: habit, by itself, says {used}."
    return f"Habit says {used}, the pay that it expects {judged}; together they say {chosen}."


def _undecided(mind: Mind) -> str:
    """Say of a choice that would be among the best without any one of the values what the values tell apart."""
    weighed = (mind.q * mind.weights)[mind.available]
    apart = np.ptp(weighed, axis=0) > 1e-9 * np.maximum(np.abs(weighed).max(axis=0), 1)
    if apart.sum() == 1:
        return f"Only {plain(mind.channels[int(apart.argmax())])} tells its choices apart here."
    if not apart.any():
        return "None of its values tells its choices apart here."
    return "Without any one of its values it would do the same."


def status(episode: Episode, tick: int, came: bool = False) -> str:
    """Describe where an episode stands at a tick: the actions of that tick, or how the episode ended.

    What the actions come to is told only where it is shown, with `came`.
    """
    if tick >= episode.length:
        ending = outcome(episode, episode.length - 1) if episode.length else ""
        if isinstance(episode, WholeLife) and episode.over:
            return f"after tick {episode.length - 1}, the last: {ending or 'nothing'}; the life is over"
        if isinstance(episode, WholeLife) or (episode.ended is None and episode.length < episode.world.steps):
            return f"after tick {episode.length - 1}: {ending or 'it goes on'}" if episode.length else "before tick 0"
        return f"after tick {episode.length - 1}, the last: {ending or 'time is up'}"
    led_to = outcome(episode, tick) if came else ""
    bump = into_a_wall(episode, tick, 0) if episode.executed.shape[1] == 1 else ""
    bumps = f", {bump}" if bump else ""
    return f"tick {tick}: {describe_actions(episode, tick)}{bumps}{f' ({led_to})' if led_to else ''}"


def describe_continuation(ahead: Episode, since: int, now: int | None = None) -> str:
    """Describe the rest of an episode after `since` ticks: each event's first tick, the end, the summed rewards.

    What lies before the tick `now` is told apart from what is still to come.
    """
    now = since if now is None else now
    first = {event: since + ahead.ticks(event)[0] for events in ahead.events for event in events}
    ticks = [(tick, plain(event)) for event, tick in sorted(first.items(), key=lambda item: item[1])]
    if ahead.ended is not None:
        ticks.append((since + ahead.length - 1, plain(ahead.ended)))
    past, coming = (
        ", ".join(f"{event} in tick {tick}" for tick, event in ticks if (tick < now) is gone) for gone in (True, False)
    )
    said = [f"so far {past}"] if past else []
    said += [f"still to come {coming}" if past else coming] if coming else []
    sums = [f"hidden {plain(ahead.world.hidden or 'performance')} {ahead.performance.sum():+g}"]
    sums += [
        f"{plain(name)} {total:+g}" for name, total in zip(ahead.world.channels, ahead.rewards.sum(axis=0), strict=True)
    ]
    return f"{', '.join(said) or 'nothing of note'}; summed from tick {since} to its end: {', '.join(sums)}"


def stored(world: World, index: int, value: int) -> str:
    """Format the stored value of a field: a cell as row and column, else a word or a number."""
    name = world.fields[index].name
    if any(body.cell == index for body in world.bodies):
        row, column = divmod(value, world.boards.width)
        return "nowhere" if value == world.boards.nowhere else f"row {row}, column {column}"
    if index == world.ended:
        return world.reasons[value - 1] if value else "not ended"
    its = world.columns.get(name)
    if its is None:
        return str(value)
    if its.words is not None:
        return plain(its.words[value])
    if its.table is None and (its.low, world.fields[index].size) == (0, 2) and ".values." not in name:
        return "yes" if value else "no"
    return f"{its.table[value]:g}" if its.table is not None else str(value + its.low)


def plain(name: str) -> str:
    """Format a name for a reader: underscores become spaces."""
    return name.replace("_", " ")


def spans(entries: Sequence[LogEntry]) -> list[str]:
    """The ticks of each entry of a log, as `27` or `27-119`."""
    return [f"{e.first}" if e.first == e.last else f"{e.first}-{e.last}" for e in entries]

"""Reads recorded actions, written as letters or as lists of names, into the action of every agent in each tick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from ..faults.collector import Path, Report, listed
from ..schema.document import Document, Rule
from .symbols import MOVES, Symbols, action_names, instance_names, suggestion

LETTERS = {"s": "stay", "u": "up", "d": "down", "l": "left", "r": "right"}
"""Letter -> the action that it always stands for, if the agent has that action."""


def letters(actions: tuple[str, ...]) -> dict[str, str]:
    """Letter -> action, for the actions that have a letter.

    These are the actions of `LETTERS`, and others whose initial is neither taken by those nor shared among the others.
    """
    usual = {letter: action for letter, action in LETTERS.items() if action in actions}
    others = [action for action in actions if action not in usual.values()]
    initials = [action[0] for action in others]
    return usual | {a[0]: a for a in others if initials.count(a[0]) == 1 and a[0] not in usual}


def outcomes_of_draws(symbols: Symbols, layouts: int) -> dict[str, tuple[object, ...] | None]:
    """Every draw that a replay may fix, by its name, with its outcomes; None for the number of a cell.

    Args:
        symbols: the symbol table of the scenario.
        layouts: how many boards the replay's stage generates.
    """
    document = symbols.document
    known: dict[str, tuple[object, ...] | None] = {}
    for name, draw in document.draws.items():
        known[name] = (0, 1) if draw.values is None else tuple(draw.values)
    for override in document.overrides:
        if override.chance is not None:
            known[override.name] = (0, 1)
        if override.action == "random":
            known[f"{override.name}.action"] = symbols.actions.get(override.agent, ())
    for name, thing in document.things.items():
        if thing.wander or any(motion.wander for motion in thing.moves or ()):
            known |= {f"{instance}.wander": MOVES for instance in instance_names(name, symbols.instances[name])}
    for rule in document.rules:
        for instances in _combinations(rule, symbols):
            name = ":".join((rule.name, *instances))
            if rule.chance is not None:
                known[name] = (0, 1)
            for prefix, block in ((name, rule.then), (f"{name}.else", rule.otherwise)):
                known |= {f"{prefix}.{i}": None for i, text in enumerate(block) if " at random " in text}
    if layouts:
        known["layout"] = tuple(range(layouts))
    return known


def _combinations(rule: Rule, symbols: Symbols) -> Iterator[tuple[str, ...]]:
    """The instances of each of the rules that one rule of the file stands for."""
    groups = [symbols.members(group) for _, group in rule.instances]
    return (names for names in product(*groups) if len(set(names)) == len(names))


def written_actions(document: Document, actions: str | Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Recorded actions as action names, `[T][N]` for T ticks and N agents.

    Args:
        document: the scenario, with its agents in order.
        actions: a text of letters (for one agent), or one text for each tick with the agents' actions between commas;
            it must have passed `check_actions`.
    """
    if isinstance(actions, str):  # letters are for worlds of one agent, so its first agent is the only one
        known = letters(action_names(next(iter(document.agents.values())).actions))
        return tuple((known[letter],) for letter in actions if not letter.isspace())
    return tuple(tuple(name.strip() for name in item.split(",")) for item in actions)


def check_actions(actions: str | Sequence[str], symbols: Symbols, report: Report, path: Path) -> None:
    """Report letters and names that are no actions, and ticks without one action for each agent.

    Args:
        actions: recorded actions, as for `written_actions`.
        symbols: the symbol table of the scenario.
        report: receives the faults.
        path: the position of the actions in the file.
    """
    agents = symbols.of("agent")
    if isinstance(actions, str):
        _check_letters(actions, agents, symbols, report, path)
        return
    for index, item in enumerate(actions):
        names = [name.strip() for name in item.split(",")]
        if len(names) != len(agents):
            order = ", ".join(agents)
            many = "1 action" if len(names) == 1 else f"{len(names)} actions"
            message = f"tick {index} has {many} for {len(agents)} {'agent' if len(agents) == 1 else 'agents'}"
            cure = f"write one for each of {order}, in this order, each tick on a line of its own"
            report.add("TC433", (*path, index), message, cure)
            continue
        for agent, name in zip(agents, names, strict=True):
            if name not in symbols.actions[agent]:
                cure = suggestion(name, symbols.actions[agent])
                report.add("TC424", (*path, index), f"`{agent}` has no action `{name}`", cure)


def _check_letters(text: str, agents: tuple[str, ...], symbols: Symbols, report: Report, path: Path) -> None:
    if len(agents) > 1:
        cure = "write a list with a line for each tick, such as `- up, stay`"
        report.add("TC433", path, f"letters cannot say which of {len(agents)} agents acts", cure)
        return
    known = letters(symbols.actions[agents[0]])
    for offset, letter in enumerate(text):
        if letter not in known and not letter.isspace():
            has = listed([f"{letter} = {action}" for letter, action in known.items()])
            message = f"no action of `{agents[0]}` has the letter `{letter}`"
            cure = f"its letters are {has}; others are written as a list of names"
            report.add("TC424", path, message, cure, span=(offset, offset + 1))
            return  # the cure lists all letters, so one fault is enough

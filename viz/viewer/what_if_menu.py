"""The menu of what can be edited at a paused frame: weights, discounts, params and overseers, one row each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...envs.world.world import World
from ...evals.inspection.narration import flat
from ...evals.inspection.what_if import Edit
from ...scenarios.language.loading import Scenario
from ...scenarios.language.schema.document import Param
from ..drawing.seen_cells import watchers
from ..text.episode_text import plain

STEPS = 40
"""Number of steps of a slider over a continuous range."""
DISCOUNTS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 1.0)
"""Discounts that a slider offers, besides the agent's own."""


@dataclass(frozen=True)
class MenuRow:
    """One row of the menu: a setting with the values that it can take.

    Attributes:
        name: the dotted override, or the name of a body; title: the name for a reader.
        values: the possible values, in order; at: index of the present value; before: index of the scenario's value.
        body: whether the row is a body, which is there (0) or removed (1).
        about: what it is, in the words of the file or of this menu.
    """

    name: str
    title: str
    values: tuple[object, ...]
    at: int
    before: int
    body: bool = False
    about: str = ""

    @property
    def in_words(self) -> str:
        """The setting with its present value, as a reader without the file understands it."""
        if self.body:
            return f"no {self.title}" if self.at else self.title
        if isinstance(self.values[self.at], bool) and self.about:
            return self.about if self.values[self.at] else f"not so: {self.about}"
        return (
            f"{plain(self.name.rpartition('.')[2])} worth {self.said} to it"
            if self.weight
            else f"{self.title} {self.said}"
        )

    @property
    def weight(self) -> bool:
        """Whether it is the weight of a value."""
        return _is_weight(self.name)

    @property
    def changed(self) -> bool:
        """Whether the present value is not the scenario's."""
        return self.at != self.before

    @property
    def said(self) -> str:
        """The present value as a word or a number."""
        return said(self.values[self.at])

    def put(self, edit: Edit, at: int) -> Edit:
        """An edit with this row set to the value with index `at`; the scenario's own value removes the override."""
        at = min(max(at, 0), len(self.values) - 1)
        if self.body:
            return edit.remove(self.name) if at else edit.restore(self.name)
        return edit.unset(self.name) if at == self.before else edit.set(self.name, self.values[at])


@dataclass(frozen=True)
class Menu:
    """The rows of the menu, the index of the selected one, and whether the answer is still being computed."""

    rows: tuple[MenuRow, ...]
    row: int
    busy: bool = False


def rows_of(scenario: Scenario, world: World, agent: int, edit: Edit) -> tuple[MenuRow, ...]:
    """The rows for one agent: its weights, its discount, the params of the scenario, and the overseers."""
    present = dict(edit.settings)
    program, params = world.agents[agent], scenario.document.params
    rows: list[MenuRow] = []
    if program.name in scenario.document.agents:
        for channel in scenario.document.agents[program.name].values:
            weight = _weight(world, agent, channel)
            name = f"{program.name}.values.{channel}"
            paid = scenario.document.rewards[channel].about if channel in scenario.document.rewards else None
            about = f"what {plain(channel)} is worth to it{f': {flat(paid)}' if paid else ''}"
            rows.append(_row(name, f"weight of {plain(channel)}", _weights(weight), weight, present, about))
        own = float(program.discount)
        values = tuple(sorted({*DISCOUNTS, own}))  # a set: the agent's own discount may be one of those offered
        about = "what the next tick counts against this one: near 1 it looks far ahead"
        rows.append(_row(f"{program.name}.discount", "discount", values, own, present, about))
    unused = scenario.symbols.unused_params
    for name, param in params.items():
        steps = () if name in unused or param.formula is not None else _steps(param, scenario.params[name])
        if len(steps) > 1:
            rows.append(_row(name, plain(name), steps, scenario.params[name], present, flat(param.about)))
    for body in watchers(world):
        at = int(body.name in edit.removed)
        rows.append(
            MenuRow(body.name, plain(body.name), ("there", "removed"), at, 0, body=True, about="what it sees matters")
        )
    return tuple(rows)


def head_row(rows: tuple[MenuRow, ...], number: int) -> int | None:
    """The index of the row of the n-th weight, counted from 0; None if there are fewer weights."""
    weights = [index for index, row in enumerate(rows) if row.weight]
    return weights[number] if number < len(weights) else None


def said(value: object) -> str:
    """A value as the menu writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, int | float) else plain(str(value))


def _is_weight(name: str) -> bool:
    return ".values." in name


def _row(
    name: str, title: str, values: tuple[object, ...], own: object, present: dict[str, object], about: str
) -> MenuRow:
    before = values.index(own)  # hence every list of values contains the scenario's own value, unrounded
    value = present.get(name, own)
    return MenuRow(name, title, values, values.index(value) if value in values else before, before, about=about)


def _weight(world: World, agent: int, channel: str) -> float:
    """The weight of a channel for an agent in the scenario."""
    program = world.agents[agent]
    # A channel that belongs to one agent alone carries that agent's name in the world.
    index = next(k for k, name in enumerate(world.channels) if name in (channel, f"{program.name}.{channel}"))
    return float(program.weights[index])


def _weights(own: float) -> tuple[object, ...]:
    """Values from 0 to twice a weight (to 2 for a weight of 0), in order; 0 and the weight itself are among them."""
    low, high = min(0.0, 2 * own), max(2 * own, 2.0 if own == 0 else 0.0)
    grid = (round(float(value), 4) for value in np.linspace(low, high, STEPS + 1))
    return tuple(sorted({*grid, 0.0, own}))


def _steps(param: Param, own: object) -> tuple[object, ...]:
    """The values that a slider offers for a param, in order; none for a cell, or without a range or numeric choices."""
    if isinstance(own, bool):  # before the numbers, as a bool is an int in Python
        return (False, True)
    if param.choices is not None:
        scalars = [value for value in param.choices if isinstance(value, int | float)]
        return tuple(sorted({*scalars, own})) if isinstance(own, int | float) else ()
    if param.range is None or not isinstance(own, int | float):
        return ()
    low, high = param.range
    if all(isinstance(value, int) for value in (low, high, own)) and high - low <= 2 * STEPS:
        return tuple(range(int(low), int(high) + 1))
    return tuple(sorted({*(round(float(value), 6) for value in np.linspace(low, high, STEPS + 1)), own}))

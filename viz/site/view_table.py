"""The states of a world as they are drawn, each once: positions as numbers, everything else as indices into lists."""

from __future__ import annotations

import json

import numpy as np

from ...envs.base import Ints, Longs
from ...envs.world.world import World
from ..drawing.seen_cells import watchers
from ..report.replay_data import Data, looks_data, scene_data, seen_data
from .packing import smallest


class ViewTable:
    """States of one world, numbered in the order in which they were added."""

    def __init__(self, world: World) -> None:
        """Without states."""
        self.world = world
        self._numbers: dict[bytes, int] = {}
        self._states: list[Ints] = []

    def number(self, states: Ints) -> Longs:
        """int64 `[n]`: the number of each of the states int32 `[n, F]`; those that are new are added."""
        out = np.empty(len(states), np.int64)
        for row, state in enumerate(np.ascontiguousarray(states, np.int32)):
            key = state.tobytes()
            if key not in self._numbers:
                self._numbers[key] = len(self._states)
                self._states.append(state)
            out[row] = self._numbers[key]
        return out

    def written(self) -> tuple[Data, dict[str, np.ndarray]]:
        """The lists, and the arrays that refer to them.

        Lists: `words`, what a board does not show, of which `rows` has the indices; `seen`, the cells that watchers
        see; `fields`, of worlds without a board; `looks`, of bodies that are drawn otherwise. Arrays: `layout`, `word`,
        `sight`, `field` and `look` `[V]`, `cells` and `carried` `[V, bodies]`.
        """
        world, states = self.world, np.array(self._states, np.int32).reshape(len(self._states), len(self.world.fields))
        count, bodies = len(states), len(world.bodies)
        cells = states[:, [body.cell for body in world.bodies]].reshape(count, bodies)
        carried = np.zeros((count, bodies), np.int32)
        for place, body in enumerate(world.bodies):
            if body.carrier >= 0:
                carried[:, place] = states[:, body.carrier]
        word, rows, fields, field = np.zeros(count, np.int64), _Distinct(), _Distinct(), np.zeros(count, np.int64)
        words, which = _Distinct(), self._alike(states)
        for first, alike in which:
            scene = scene_data(world, states[first])
            word[alike] = rows.number([words.number(text) for text in scene["words"]])
            field[alike] = fields.number(scene.get("fields", []))
        sight, seen = np.zeros(count, np.int64), _Distinct()
        if world.boards.height and watchers(world):
            for row, state in enumerate(states):
                sight[row] = seen.number(seen_data(world, state))
        look, looks = np.zeros(count, np.int64), _Distinct()
        if any(body.looks for body in world.bodies):
            for row, state in enumerate(states):
                look[row] = looks.number(looks_data(world, state))
        lists = {"words": words.values, "rows": rows.values, "fields": fields.values, "seen": seen.values}
        lists["looks"] = looks.values
        layout = states[:, world.layout] if world.layout >= 0 else np.zeros(count, np.int32)
        arrays = {"layout": layout, "cells": cells, "carried": carried, "word": word, "field": field, "sight": sight}
        arrays["look"] = look
        return lists, {name: smallest(np.asarray(array)) for name, array in arrays.items()}

    def _alike(self, states: Ints) -> list[tuple[int, np.ndarray]]:
        """Groups of states that are told in the same words: the first of each, and all of it.

        Where a body stands is not told, only whether it does.
        """
        told = states.copy()
        for body in self.world.bodies:
            told[:, body.cell] = states[:, body.cell] == self.world.boards.nowhere
        _, first, group = np.unique(told, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(group.reshape(-1), kind="stable")
        ends = np.cumsum(np.bincount(group.reshape(-1)))
        return list(zip(first.tolist(), np.split(order, ends[:-1]), strict=True)) if len(states) else []


class _Distinct:
    """Values of JSON, each once."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: object) -> int:
        """The index of a value, which is added where it is new."""
        key = json.dumps(value)
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(value)
        return self._numbers[key]

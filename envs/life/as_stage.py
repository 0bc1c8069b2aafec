"""A life as one enumerated stage, for what solves, plays or writes down a stage: its states are the life's places."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from ..base import Field, NotEnumerableError
from ..mdp.enumeration import Enumeration
from ..world.world import StateColumn, World
from .process import LifeProcess

ENTRY, EPISODE, TICK = "life.entry", "life.episode", "life.tick"
"""The columns that a place has beside those of its state; no name of a file has such a dot."""
OVER = "over"


def as_stage(process: LifeProcess, name: str) -> Enumeration:
    """A life as an enumerated stage.

    Its world is that of the first stage, under another name; it has the horizon of the longest life, or neither limit
    nor horizon where chance decides how long a life is. Three more columns after those of the state tell the place: the
    entry (its number and stage, or `over`), the episode of the entry from 0 and the tick. Events between two episodes
    come with the tick before.

    Args:
        process: the life, of the agents that decide jointly, or of one.
        name: of the stage.

    Raises:
        NotEnumerableError: it is that of a best response, or its stages give an agent other weights or discounts.
    """
    first = process.enumerations[0].world
    if first.response is not None:
        raise NotEnumerableError("a life of a best response is no stage of its own", "set `solution: joint`")
    n_columns, here = len(first.fields), process.place >= 0
    states = np.zeros((process.place.size, n_columns), np.int32)
    for number, each in enumerate(process.enumerations):
        mine = here & (process.stage == number)
        states[mine] = each.states[process.place[mine]]
        _check_alike(first, each)
    entry = np.where(here, process.entry + 1, 0)
    places = np.stack([entry, np.where(here, process.episode, 0), np.where(here, process.tick, 0)], axis=1)
    words = (OVER, *(f"{number}: {its.stage}" for number, its in enumerate(process.entries, 1)))
    names = (ENTRY, EPISODE, TICK)
    fields = tuple(Field(each, int(column.max()) + 1) for each, column in zip(names, places.T, strict=True))
    columns = {
        each: StateColumn(n_columns + at, 0, 0, field.size - 1, 0, words=words if each == ENTRY else None)
        for at, (each, field) in enumerate(zip(names, fields, strict=True))
    }
    known = all(its.episodes is not None for its in process.entries)
    world = replace(
        first,
        stage=name,
        fields=(*first.fields, *fields),
        columns=MappingProxyType({**first.columns, **columns}),
        limit=None,
        horizon=int(process.layer[here].max()) + 1 if known else None,
    )
    mdp = replace(process.mdp, events=process.mdp.events | process.between)
    return Enumeration(
        world,
        mdp,
        np.concatenate([states, places.astype(np.int32)], axis=1),
        process.performance,
        blended=any(each.blended for each in process.enumerations),
        netted=any(each.netted for each in process.enumerations),
    )


def _check_alike(first: World, each: Enumeration) -> None:
    """Raise unless the agents of a stage are those of the first one, as one stage has one agent of a name."""
    for number, agent in enumerate(each.world.agents):
        same = np.array_equal(first.weights(each.states, number), each.world.weights(each.states, number))
        if not same or first.agents[number].discount != agent.discount:
            raise NotEnumerableError(
                f"`{agent.name}` has other weights or another discount in `{each.world.stage}` than in `{first.stage}`,"
                " and one stage has one of each",
                "leave what agents value out of the `params` of stages",
            )

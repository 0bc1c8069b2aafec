"""Digests by which worlds are known to be alike, so that what is alike is searched and solved once."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import fields, replace
from typing import Any

from .world import AgentProgram, World

_APART: dict[str, Any] = {"name": "", "stage": "", "params": {}, "scope": None, "rewards_shown": True}
"""What decides nothing: names, what they mean (programs are resolved already), and whether learners see rewards."""


def dynamics_digest(world: World) -> str:
    """A digest of all that decides which states a world reaches and what comes of actions in them.

    Worlds that differ in their names, the length of episodes, what agents see, and what they make of it share one. Two
    that share one are alike; two that do not may be alike all the same, if they were written otherwise.
    """
    told: dict[str, Any] = {"limit": None, "horizon": None, "life": (), "response": None, "equilibrium": None}
    observed = tuple(replace(field, observed=True) for field in world.fields)
    return _digest(replace(world, **_APART, **told, fields=observed, agents=tuple(map(_acting, world.agents))))


def world_digest(world: World) -> str:
    """A digest of all that decides what is best in a world: everything but `_APART`; see `dynamics_digest`."""
    return _digest(replace(world, **_APART))


def _acting(agent: AgentProgram) -> AgentProgram:
    """An agent without what it sees and wants."""
    kept = {"name", "body", "actions", "moves", "guards", "weight_columns"}
    dropped: dict[str, Any] = {each.name: None for each in fields(agent) if each.name not in kept}
    return replace(agent, **dropped)


def _digest(world: World) -> str:
    return hashlib.sha256(pickle.dumps(world, pickle.HIGHEST_PROTOCOL)).hexdigest()

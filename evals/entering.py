"""Telling an agent where it acts from now on, if not where it was trained."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ..agents.base import Agent, Perceiver
from ..envs.senses import senses
from ..envs.world import World


@runtime_checkable
class Enters(Protocol):
    """An agent that has to be told where it acts from now on, if not where it was trained."""

    def enter_world(self, world: World) -> None:
        """Told before it is judged."""


def enter(agent: Agent, field: World) -> None:
    """Show an agent the world where it acts from now on: its only agent is meant."""
    if isinstance(agent, Enters):
        agent.enter_world(field)
    if isinstance(agent, Perceiver):
        agent.enter(senses(field))

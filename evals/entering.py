"""Telling an agent where it acts from now on, if not where it was trained."""

from __future__ import annotations

from ..agents.base import Agent, Enters, Perceiver
from ..envs.senses import senses
from ..envs.world import World


def enter(agent: Agent, field: World) -> None:
    """Show an agent the world where it acts from now on: its only agent is meant."""
    if isinstance(agent, Enters):
        agent.enter_world(field)
    if isinstance(agent, Perceiver):
        agent.enter(senses(field))

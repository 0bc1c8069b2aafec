"""Who learns how, where a world has several agents: `counts` for all, or `ann=counts, bob=q_learning`.

A part may say what it takes the others to do: `counts(others=random)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ...envs.world.world import World
from ...scenarios.errors import UsageError
from ..external.user_agent import UserAgent, parse_user_agent

LEARNED: Final = "learned"
"""Others are predicted by what they were seen to do."""
IGNORED: Final = "ignored"
"""Others are not told from chance."""
EXACT: Final = "exact"
"""The exact best response to what the others learned."""
RANDOM: Final = "random"
"""Any available action with equal chance, as a method and as what is assumed of others."""

_PART: Final = re.compile(r"(?:(?P<agent>\w+)=)?(?P<method>[^\s,()=]+)(?:\(others=(?P<others>\w+)\))?")


class ProfileError(UsageError, ValueError):
    """A profile cannot be read, or does not fit the world; the message says what would."""


@dataclass(frozen=True)
class AgentChoice:
    """What one agent is.

    Attributes:
        method: how it learns, or an action that it always takes, or an agent of the user's own; or `exact`.
        others: what it takes the others to do: `learned`, `ignored`, `random` or an action; None where nothing is said.
    """

    method: str
    others: str | None = None

    def __str__(self) -> str:
        return self.method if self.others is None else f"{self.method}(others={self.others})"


@dataclass(frozen=True)
class Profile:
    """What everyone is.

    Attributes:
        everyone: the part of all agents, or None where `parts` names them one by one.
        parts: by the agent's name.
    """

    everyone: AgentChoice | None
    parts: dict[str, AgentChoice]

    def __str__(self) -> str:
        if self.everyone is not None:
            return str(self.everyone)
        return ", ".join(f"{agent}={part}" for agent, part in sorted(self.parts.items()))

    def of(self, world: World) -> tuple[AgentChoice, ...]:
        """The part of each agent, in the world's order.

        Raises:
            ProfileError: an agent has none, or there is no such agent.
        """
        names = [agent.name for agent in world.agents]
        if self.everyone is not None:
            return (self.everyone,) * len(names)
        for agent in self.parts:
            if agent not in names:
                raise ProfileError(f"`{world.name}` has no agent `{agent}`; there are {', '.join(names)}")
        for name in names:
            if name not in self.parts:
                raise ProfileError(f"`{self}` says nothing of `{name}`: every agent of `{world.name}` needs a part")
        return tuple(self.parts[name] for name in names)


def read_profile(text: str) -> Profile:
    """Read `counts`, `ann=counts, bob=q_learning` or `ann=counts(others=random), bob=right`.

    Raises:
        ProfileError: it is none of these.
    """
    parts: dict[str, AgentChoice] = {}
    for piece in text.split(","):
        match = _PART.fullmatch(piece.strip())
        if match is None:
            raise ProfileError(f"`{piece.strip()}` is no part of a profile; write `counts` or `ann=counts, bob=random`")
        part = AgentChoice(match["method"], match["others"])
        if match["agent"] is None:
            if "," in text:
                raise ProfileError(f"`{piece.strip()}` does not say whose part it is; write `ann={part}`")
            return Profile(part, {})
        if match["agent"] in parts:
            raise ProfileError(f"`{match['agent']}` has two parts in `{text}`")
        parts[match["agent"]] = part
    return Profile(None, parts)


def gathered(names: Sequence[str]) -> list[str]:
    """Names of agents as a command line gives them, with the pieces of one profile (`ann=counts`) put together.

    Several agents of the user's own for one and the same place (`robot=mine:a`, `robot=mine:b`) are no profile.
    """
    pieces = [name for name in names if "=" in name.partition("(")[0] and "," not in name]
    whose = {name.partition("=")[0] for name in pieces}
    if not pieces or (len(whose) == 1 and all(parse_user_agent(name) is not None for name in pieces)):
        return list(names)
    return [*(name for name in names if name not in pieces), plainly(", ".join(pieces))]


def brought(agent: str, trust: bool = False) -> UserAgent | None:
    """An agent of the user's own by its name, or a profile with some among its parts; None where it is neither.

    `trust`: files that hold pickles may be opened.
    """
    try:
        parts = read_profile(agent).parts
    except ProfileError:
        parts = {}
    if len(parts) < 2:
        return parse_user_agent(agent, trust)
    its = plainly(agent)
    return UserAgent(its, its, trust=trust) if any(parse_user_agent(part.method) for part in parts.values()) else None


def alone(world: World, number: int) -> World:
    """A world of several agents as one of them knows it: to make that agent and to judge what it can, not to step."""
    return replace(world, agents=(world.agents[number],))


def plainly(agent: str) -> str:
    """The name of an agent, or a profile as it is always written, so that two ways of writing it are one."""
    try:
        return str(read_profile(agent)) if "=" in agent else agent
    except ProfileError:
        return agent


def named_in(agent: str) -> frozenset[str]:
    """The names of those to whom a profile gives parts; none where it is the name of one agent, or cannot be read."""
    try:
        return frozenset(read_profile(agent).parts if "=" in agent else ())
    except ProfileError:
        return frozenset()

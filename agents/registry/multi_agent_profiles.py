"""Profiles: which method each agent of a world uses, such as `counts` for all, or `ann=counts, bob=q_learning`.

A part of a profile may state what the agent assumes of the others: `counts(others=random)`.
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
"""The others' actions are predicted from those observed."""
IGNORED: Final = "ignored"
"""The others are not modelled: their effects count as randomness of the world."""
EXACT: Final = "exact"
"""The method of an exact best response to the others' learned policies."""
RANDOM: Final = "random"
"""Uniformly random available actions, both as a method and as an assumption about the others."""

_PART: Final = re.compile(r"(?:(?P<agent>\w+)=)?(?P<method>[^\s,()=]+)(?:\(others=(?P<others>\w+)\))?")


class ProfileError(UsageError, ValueError):
    """A profile cannot be parsed or does not fit the world; the message says what would be valid."""


@dataclass(frozen=True)
class AgentChoice:
    """One agent's part of a profile.

    Attributes:
        method: the name of a learning agent, `exact`, an action that it always takes, or an agent of the user's own.
        others: what it assumes of the others: `learned`, `ignored`, `random` or an action; None where the profile does
            not say.
    """

    method: str
    others: str | None = None

    def __str__(self) -> str:
        return self.method if self.others is None else f"{self.method}(others={self.others})"


@dataclass(frozen=True)
class Profile:
    """The methods of all agents of a world.

    Attributes:
        everyone: the part of every agent, or None where `parts` lists them.
        parts: each agent's part, by the agent's name; empty where `everyone` is given.
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
            ProfileError: an agent of the world has no part, or a part is for an agent that the world does not have.
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
    """Parses a profile: `counts`, `ann=counts, bob=q_learning` or `ann=counts(others=random), bob=right`.

    Raises:
        ProfileError: it is none of these.
    """
    parts: dict[str, AgentChoice] = {}
    # Splitting at commas is safe: an assumption in parentheses is a single word.
    for piece in text.split(","):
        match = _PART.fullmatch(piece.strip())
        if match is None:
            raise ProfileError(f"`{piece.strip()}` is no part of a profile; write `counts` or `ann=counts, bob=random`")
        part = AgentChoice(match["method"], match["others"])
        if match["agent"] is None:
            # A method without an agent's name is for all agents, so it must be the whole profile.
            if "," in text:
                raise ProfileError(f"`{piece.strip()}` does not say whose part it is; write `ann={part}`")
            return Profile(part, {})
        if match["agent"] in parts:
            raise ProfileError(f"`{match['agent']}` has two parts in `{text}`")
        parts[match["agent"]] = part
    return Profile(None, parts)


def gathered(names: Sequence[str]) -> list[str]:
    """Joins the pieces of one profile among a command line's agent names; the profile comes last.

    `ann=counts` and `bob=random` as two arguments become the one name `ann=counts, bob=random`. Several of the user's
    own agents for one and the same agent of the world (`robot=mine:a`, `robot=mine:b`) are alternatives to be compared
    and not a profile, so they are left apart.
    """
    # A name with a comma is a whole profile; an `=` within parentheses is an assumption about others, not a piece.
    pieces = [name for name in names if "=" in name.partition("(")[0] and "," not in name]
    whose = {name.partition("=")[0] for name in pieces}
    if not pieces or (len(whose) == 1 and all(parse_user_agent(name) is not None for name in pieces)):
        return list(names)
    return [*(name for name in names if name not in pieces), plainly(", ".join(pieces))]


def brought(agent: str, trust: bool = False) -> UserAgent | None:
    """The user's own agent of a name, or a profile of at least two parts with one among them; else None.

    Args:
        agent: the name of an agent, or a profile.
        trust: whether files that contain pickles may be opened; a pickle can execute code.
    """
    try:
        parts = read_profile(agent).parts
    except ProfileError:
        parts = {}
    if len(parts) < 2:
        return parse_user_agent(agent, trust)
    # The agent of the user's own stands for the whole profile here; `UserAgent.part` gives its members.
    its = plainly(agent)
    return UserAgent(its, its, trust=trust) if any(parse_user_agent(part.method) for part in parts.values()) else None


def alone(world: World, number: int) -> World:
    """A world reduced to one of its agents, for making that agent and checking what it can do; it cannot be stepped."""
    return replace(world, agents=(world.agents[number],))


def plainly(agent: str) -> str:
    """The canonical form of an agent's name or profile: two spellings of one profile give the same text."""
    try:
        return str(read_profile(agent)) if "=" in agent else agent
    except ProfileError:
        return agent


def named_in(agent: str) -> frozenset[str]:
    """The names of the agents that have parts in a profile; empty for an agent's name and for an invalid profile."""
    try:
        return frozenset(read_profile(agent).parts if "=" in agent else ())
    except ProfileError:
        return frozenset()

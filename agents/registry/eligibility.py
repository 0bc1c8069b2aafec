"""Which agents can be trained in a world, and why the others cannot."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...envs.world.world import AgentProgram, World
from ...scenarios.did_you_mean import did_you_mean
from ...scenarios.errors import check_name
from ..external.user_agent import UserAgent, installed
from ..planners.modifiable_utility import unable_to_hold
from .agents import SB3, agent_names, agent_spec
from .multi_agent_profiles import EXACT, IGNORED, LEARNED, RANDOM, AgentChoice, ProfileError, read_profile


def check_agent_names(names: Iterable[str]) -> None:
    """Check that there are agents of these names: Turncoat's or those of installed packages.

    A profile (`AGENT=NAME`) names agents of a scenario too, so it is left to `unable`.

    Raises:
        UnknownNameError: there is none of a name.
    """
    for name in names:
        if "=" not in name:
            check_name("agent", name, (*agent_names(), *installed()))


def why_not_run(agent: str) -> str:
    """Why an agent or a profile that a file names was not judged, and what runs it."""
    every = "--all-agents runs all that the file names"
    if "=" in agent:
        return f"`{agent}` was not run; {every}"
    if agent in agent_names():
        return f"`{agent}` was not run; --agent {agent} runs it, {every}"
    meant = did_you_mean(agent, agent_names())
    return f"`{agent}` was not run, and is no agent of Turncoat; {meant}one of your own is run by --agent MODULE:NAME"


def unable(method: str, world: World, own: UserAgent | None = None) -> str | None:
    """The reason why a method or profile cannot be trained in a world, or None if it can.

    Args:
        method: the name of an agent, or a profile of several agents.
        world: the compiled training stage.
        own: the user's own agent, if `method` names one or is a profile with one.

    Raises:
        MissingPackageError: it needs Stable-Baselines3, which is not installed.
    """
    # A profile may also be given for a world of one agent.
    if len(world.agents) > 1 or "=" in method:
        return _unable_together(method, world, own)
    if own is not None:
        return _unlike(method, world.agents[0])
    return _unable_alone(method, world.agents[0])


def unable_in_life(method: str, world: World) -> str | None:
    """Why a method cannot be trained in a life with a world, beyond the reasons of `unable`; None if it can."""
    if len(world.agents) > 1:
        return "learning in a life is for worlds of one agent"
    spec = agent_spec(method)
    if spec is not None and spec.lives:
        return None
    able = ", ".join(f"`{name}`" for name in agent_names() if (its := agent_spec(name)) is not None and its.lives)
    if spec is not None and spec.library == SB3:
        return (
            f"`{method}` learns from many lanes at once over thousands of ticks, and a life is one lane, lived once;"
            f" name one of {able}, or train a network yourself on whole lives, which `turncoat.make` opens"
        )
    return f"in a life, which is lived once, an agent is told the tick, and `{method}` cannot be; name one of {able}"


def _unable_alone(method: str, its: AgentProgram) -> str | None:
    """Why a method cannot be trained as a given agent of a world, for reasons apart from other agents, or None."""
    spec = agent_spec(method)
    if spec is None:
        return f"there is no agent `{method}`; there are {', '.join(agent_names())}"
    # A learned model may loop for ever where the world ends, so that its values would diverge at discount 1.
    if spec.plans_on_model and its.discounts.max(initial=its.discount) >= 1:
        return f"`{method}` needs a discount below 1"
    if spec.discounts == "one" and (reason := _unlike(method, its)) is not None:
        return reason
    if (reason := spec.unable(its)) is not None:
        return reason
    if not _edited(its) or spec.edited_weights == "paid":
        return None
    if spec.edited_weights == "planned":
        return unable_to_hold(its)
    return f"`{method}` has fixed weights, and this world can change them"


def _unlike(method: str, its: AgentProgram) -> str | None:
    """Why a method with one discount cannot be trained as an agent, or None if all values of that have one."""
    return None if its.one_discount else f"`{method}` has one discount, and values of `{its.name}` have their own"


def _edited(its: AgentProgram) -> bool:
    """Whether some effect of the world can change the agent's weights."""
    return bool((np.asarray(its.weight_columns) >= 0).any())


# ------------------------------------------------------------------ among others


def _unable_together(profile: str, world: World, own: UserAgent | None) -> str | None:
    """Why a profile cannot be trained in a world of several agents: the first fault of a part, or None."""
    try:
        parts = read_profile(profile).of(world)
    except ProfileError as fault:
        return str(fault)
    if sum(part.method == EXACT for part in parts) > 1:
        return "one part of a profile can be `exact`: best responses to each other may go in circles"
    faults = (_unable_among(part, world, number, own) for number, part in enumerate(parts))
    return next((fault for fault in faults if fault is not None), None)


def _unable_among(part: AgentChoice, world: World, number: int, own: UserAgent | None) -> str | None:
    """Why one part of a profile cannot be trained as agent `number` of a world, or None."""
    its = world.agents[number]
    if part.method == EXACT:
        return None  # whether a best response exists only shows when it is computed, after the others are trained
    if agent_spec(part.method) is None:
        if part.method in its.actions or (own is not None and own.part(part.method) is not None):
            return None
        return (
            f"`{its.name}` cannot be `{part.method}` among others; it can be {', '.join(agent_names())},"
            f" or always take one of its actions: {', '.join(its.actions)}"
        )
    if part.others is not None and part.method != "counts":
        return f"`{part}`: only `counts` says what it takes others to do"
    if part.method == "counts" and (fault := _unforeseeable(part, world, number)) is not None:
        return fault
    if part.method != "random" and _edited(its):
        return f"`{part.method}` has fixed weights among others, and those of `{its.name}` can change"
    return _unable_alone(part.method, its)


def _unforeseeable(part: AgentChoice, world: World, number: int) -> str | None:
    """Why `counts` cannot predict the others in the way that its part of the profile states, or None."""
    its, rest = world.agents[number], [agent for agent in world.agents if agent is not world.agents[number]]
    if part.others == IGNORED:
        return None
    # The model of the others is conditional on the agent's own observation, so that must show where they are.
    unseen = [agent.name for agent in rest if not _sees(world, its, agent)]
    if unseen:
        return (
            f"`{its.name}` does not see `{unseen[0]}` all the time, so it cannot predict it by what it sees it do;"
            f" write `{part.method}(others={IGNORED})` to take others for chance"
        )
    if part.others in (None, LEARNED, RANDOM):
        return None
    for agent in rest:
        if part.others not in agent.actions:
            return (
                f"`{part}`: `{agent.name}` has no action `{part.others}`; others are {LEARNED}, {IGNORED}, {RANDOM}"
                f" or one of {', '.join(agent.actions)}"
            )
    return None


def _sees(world: World, its: AgentProgram, other: AgentProgram) -> bool:
    """Whether an agent always observes another one's position; an agent without a body counts as observed."""
    if other.body < 0:
        return True
    return its.window is None and world.bodies[other.body].cell in its.sees

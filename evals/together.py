"""Several agents of one run: what each of them is by a profile, and all of them trained at once in one world."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from ..agents.base import Pupil
from ..agents.joint_counts import JointCountsAgent, JointOptions
from ..agents.others import assumed
from ..agents.stated import StatedAgent
from ..agents.together import fit_together
from ..envs.joint_lanes import JointLane
from ..envs.world import AgentProgram, World
from .budget import Deadline
from .methods import METHODS
from .profiles import IGNORED, LEARNED, RANDOM, Part, ProfileFault, read_profile
from .training import Training

TOGETHER: Final = ("counts", "local_rules", "q_learning", "virtual_sarsa", "empirical_sarsa", "random")
"""The methods that can learn among others: those that step one lane of a world and nothing else."""


def raised_together(training: Training, seed: int, deadline: Deadline) -> list[Pupil]:
    """The agents of a profile, trained at once."""
    world = JointLane(training.school).world
    parts = read_profile(training.method).of(world)
    agents = [_made(part, world, number, training) for number, part in enumerate(parts)]
    fit_together(JointLane(training.school), agents, training.steps, seed, deadline.check)
    return agents


def unable_together(profile: str, world: World) -> str | None:
    """Why the agents of a profile cannot be trained at once in a world, or None."""
    try:
        parts = read_profile(profile).of(world)
    except ProfileFault as fault:
        return str(fault)
    faults = (_unable(part, world, number) for number, part in enumerate(parts))
    return next((fault for fault in faults if fault is not None), None)


def _unable(part: Part, world: World, number: int) -> str | None:
    its = world.agents[number]
    if part.method not in TOGETHER:
        if part.method in its.actions:
            return None
        return (
            f"`{its.name}` cannot be `{part.method}` among others; it can be {', '.join(TOGETHER)},"
            f" or always take one of its actions: {', '.join(its.actions)}"
        )
    if part.others is not None and part.method != "counts":
        return f"`{part}`: only `counts` says what it takes others to do"
    if part.method == "counts" and (fault := _unforeseeable(part, world, number)) is not None:
        return fault
    if part.method in ("counts", "local_rules") and its.discount >= 1:
        return f"`{part.method}` needs a discount below 1"
    if any(np.asarray(its.weight_columns) >= 0) and part.method != "random":
        return f"`{part.method}` has fixed weights, and those of `{its.name}` can change"
    return None


def _made(part: Part, world: World, number: int, training: Training) -> Pupil:
    """The agent of a part, knowing nothing yet."""
    its = world.agents[number]
    if part.method not in METHODS:
        return StatedAgent(its.actions.index(part.method))
    if part.method == "counts" and part.others != IGNORED:
        return _among_others(part.others, world, number)
    # What makes an agent looks at the first one of a world; this one is never stepped.
    return METHODS[part.method](replace(world, agents=(its,)), training.scenario)


def _among_others(others: str | None, world: World, number: int) -> JointCountsAgent:
    """The planner that predicts others: by what it sees of them, or by what it assumes."""
    its, rest = world.agents[number], [agent for agent in world.agents if agent is not world.agents[number]]
    counts = tuple(len(agent.actions) for agent in rest)
    shares = None
    if others is not None and others != LEARNED:
        acts = None if others == RANDOM else tuple(agent.actions.index(others) for agent in rest)
        shares = assumed(counts, None if acts is None else int(np.ravel_multi_index(acts, counts)))
    return JointCountsAgent(
        world.channels,
        its.actions,
        counts,
        its.weights,
        its.discount,
        JointOptions(deliberation=its.deliberation, planner=its.planner),
        shares,
    )


def _unforeseeable(part: Part, world: World, number: int) -> str | None:
    """Why `counts` cannot predict the others as its part says, or None."""
    its, rest = world.agents[number], [agent for agent in world.agents if agent is not world.agents[number]]
    if part.others == IGNORED:
        return None
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
    """Whether an agent always sees where another one is; one without a place is seen by everybody."""
    if other.body < 0:
        return True
    return its.window is None and world.bodies[other.body].cell in its.sees

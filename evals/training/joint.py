"""Several agents of one run: what each of them is by a profile, and all of them trained at once in one world."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from ...agents.base import Agent, TrainableAgent
from ...agents.baselines.scripted import RandomAgent, StatedAgent
from ...agents.counts.joint_agent import JointCountsAgent, JointOptions
from ...agents.counts.opponent_model import assumed
from ...agents.learning.joint_training import fit_together
from ...agents.registry.agents import computes, methods, of_sb3
from ...agents.registry.profiles import EXACT, IGNORED, LEARNED, RANDOM, Part, alone, read_profile
from ...envs.multi_agent.joint_training_env import JointTrainingEnv
from ...envs.world.world import World
from ..exact.exploitability import asks_for_regrets, best_response, regrets
from ..traces.trace import Regrets
from .execution.time_budget import Deadline
from .spec import Training


def raised_together(training: Training, seed: int, deadline: Deadline) -> list[TrainableAgent]:
    """The agents of a profile, trained at once."""
    world = JointTrainingEnv(training.school).world
    parts = read_profile(training.method).of(world)
    agents = [_made(part, world, number, training) for number, part in enumerate(parts)]
    # Those of Stable-Baselines3 try, while they learn, what is not available.
    lane = JointTrainingEnv(training.school, lenient=any(of_sb3(part.method) for part in parts))
    with _one_thread(parts):
        fit_together(lane, agents, training.steps, seed, deadline.check)
    return agents


def deployed(agents: Sequence[TrainableAgent], training: Training) -> tuple[Sequence[Agent], Regrets | None]:
    """Who acts after training, and how far each is from its best response, where the scenario asks for that.

    Whoever is `exact` has its place taken by the best response to the others.

    Args:
        agents: trained, and shown the world in which they are judged.
        training: theirs.

    Raises:
        NotEnumerableError: there is no best response that is known.
    """
    most, acting = training.scenario.document.runs.max_states, list[Agent](agents)
    for number, part in enumerate(read_profile(training.method).of(training.field)):
        if part.method == EXACT:
            acting[number] = best_response(agents, number, training.field, most)
    return acting, regrets(acting, training.field, most) if asks_for_regrets(training.scenario) else None


def _made(part: Part, world: World, number: int, training: Training) -> TrainableAgent:
    """The agent of a part, knowing nothing yet."""
    if part.method == EXACT:
        return RandomAgent()  # there is nobody to respond to before the others have learned
    if part.method == "counts" and part.others != IGNORED:
        return _among_others(part.others, world, number)
    if part.method in (known := methods()):
        return known[part.method](alone(world, number), training.scenario)
    if part.method in (actions := world.agents[number].actions):
        return StatedAgent(actions.index(part.method))
    own = training.own.part(part.method) if training.own is not None else None
    assert own is not None, "see `ability.unable`"
    return own.make(alone(world, number))


def _one_thread(parts: Sequence[Part]) -> AbstractContextManager[None]:
    """Torch's settings for all of the training, not until the first of its users is done."""
    if not any(computes(part.method) for part in parts):
        return nullcontext()
    from ...agents.learning.device import training_thread

    return training_thread()


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

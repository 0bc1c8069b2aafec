"""Several agents in one world: made from a profile, trained simultaneously, and deployed together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from ...agents.base import Agent, TrainableAgent
from ...agents.baselines.scripted import ConstantAgent, RandomAgent
from ...agents.counts.joint_agent import JointCountsAgent, JointOptions
from ...agents.counts.opponent_model import assumed
from ...agents.learning.joint_training import fit_together
from ...agents.registry.agents import SB3, AgentSpec, agent_spec
from ...agents.registry.multi_agent_profiles import EXACT, IGNORED, LEARNED, RANDOM, AgentChoice, alone, read_profile
from ...envs.multi_agent.joint_training_env import JointTrainingEnv
from ...envs.world.world import World
from ..exact.exploitability import asks_for_regrets, best_response, regrets
from ..traces.trace import Regrets
from .execution.time_budget import Deadline
from .spec import TrainingSpec, world_of
from .telemetry.experience_recorder import ExperienceRecorder


def train_jointly(
    spec: TrainingSpec, seed: int, deadline: Deadline, recorder: ExperienceRecorder
) -> list[TrainableAgent]:
    """Train the agents of a profile simultaneously in one world.

    Args:
        spec: the specification of a profile, or of one method for several agents.
        seed: the seed of all randomness in the training.
        deadline: checked at every step.
        recorder: told what happens.

    Returns:
        One agent for each of the world's, in its order.
    """
    world = world_of(spec.train_world)
    parts = read_profile(spec.method).of(world)
    agents = [_untrained(part, world, number, spec) for number, part in enumerate(parts)]
    kinds = [agent_spec(part.method) for part in parts]
    # Agents of Stable-Baselines3 try unavailable actions while they learn.
    lenient = any(kind is not None and kind.library == SB3 for kind in kinds)
    recorder.begin(spec.train_world)
    lane = JointTrainingEnv(spec.train_world, lenient, recorder.outcomes, recorder.on_tick)
    with _one_thread(kinds):
        fit_together(lane, agents, spec.steps, seed, deadline.check)
    recorder.end(spec.train_world)
    return agents


def deployed(agents: Sequence[TrainableAgent], spec: TrainingSpec) -> tuple[Sequence[Agent], Regrets | None]:
    """The agents that act after training, and the regret of each if the scenario measures it.

    An agent that the profile calls `exact` is replaced by the best response to the others.

    Args:
        agents: trained agents that were told of the world in which they are judged.
        spec: the specification of their training.

    Raises:
        NotEnumerableError: a best response cannot be computed.
    """
    most, acting = spec.scenario.document.runs.max_states, list[Agent](agents)
    for number, part in enumerate(read_profile(spec.method).of(spec.eval_world)):
        if part.method == EXACT:
            # In the order of the agents: a later `exact` one responds to `agents`, not to the best response before it.
            acting[number] = best_response(agents, number, spec.eval_world, most)
    return acting, regrets(acting, spec.eval_world, most) if asks_for_regrets(spec.scenario) else None


def _untrained(part: AgentChoice, world: World, number: int, spec: TrainingSpec) -> TrainableAgent:
    """Make the new agent that a part of a profile describes."""
    if part.method == EXACT:
        # There is no policy to respond to before the others have learned; until then a random agent takes this place.
        return RandomAgent()
    if part.method == "counts" and part.others != IGNORED:
        return _among_others(part.others, world, number)
    if (kind := agent_spec(part.method)) is not None:
        return kind.make(alone(world, number), spec.scenario)
    if part.method in (actions := world.agents[number].actions):
        return ConstantAgent(actions.index(part.method))
    own = spec.own.part(part.method) if spec.own is not None else None
    assert own is not None, "see `eligibility.unable`"
    return own.make(alone(world, number))


def _one_thread(kinds: Iterable[AgentSpec | None]) -> AbstractContextManager[None]:
    """Set torch's threads for the whole training; the first agent that ends must not reset them for the others."""
    if not any(kind is not None and kind.uses_device for kind in kinds):
        return nullcontext()
    from ...agents.learning.device import training_thread

    return training_thread()


def _among_others(others: str | None, world: World, number: int) -> JointCountsAgent:
    """The planner that predicts the actions of the others, as it observes them or as its part assumes them to be."""
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

"""Several agents in one world: made from a profile, trained simultaneously, and deployed together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np

from ...agents.base import Agent, TrainableAgent
from ...agents.baselines.policy_table import PolicyTable
from ...agents.baselines.scripted import ConstantAgent, RandomAgent
from ...agents.counts.joint_agent import JointCountsAgent, JointOptions
from ...agents.counts.opponent_model import assumed
from ...agents.learning.joint_training import fit_together
from ...agents.registry.agents import SB3, AgentSpec, agent_spec
from ...agents.registry.multi_agent_profiles import EXACT, IGNORED, LEARNED, RANDOM, AgentChoice, alone, read_profile
from ...envs.base import NotEnumerableError
from ...envs.mdp.enumeration import enumerate_world
from ...envs.multi_agent.best_response import own_available
from ...envs.multi_agent.joint_training_env import JointTrainingEnv
from ...envs.reference.observation import observe
from ...envs.world.world import World
from ...scenarios.errors import UsageError
from ...scenarios.paths import portable
from ..exact.exploitability import asks_for_regrets, best_response, policy_of, regrets
from ..traces.trace import Regrets
from .background_population import observed_fields, seated
from .execution.time_budget import Deadline
from .spec import TrainingSpec, world_of
from .telemetry.experience_recorder import ExperienceRecorder

DRAWN = "who plays beside it is drawn anew in each episode, and its regret is of one policy of the others"
"""Why agents that are judged among a background population have no regret."""


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


def deployed(agents: Sequence[TrainableAgent], spec: TrainingSpec, seed: int) -> tuple[Sequence[Agent], Regrets | None]:
    """The agents that act after training, and the regret of each if the scenario measures it.

    An agent that the profile calls `exact` is replaced by the best response to the others; then whoever is not judged
    makes room for co-players who are drawn.

    Args:
        agents: trained agents that were told of the world in which they are judged.
        spec: the specification of their training.
        seed: theirs.

    Raises:
        NotEnumerableError: a best response cannot be computed.
        UsageError: policies are to be written, and cannot be.
    """
    most, acting = spec.scenario.document.runs.max_states, list[Agent](agents)
    for number, part in enumerate(read_profile(spec.method).of(spec.eval_world)):
        if part.method == EXACT:
            # In the order of the agents: a later `exact` one responds to `agents`, not to the best response before it.
            acting[number] = best_response(agents, number, spec.eval_world, most)
    if spec.options.policies is not None:
        _write_policies(spec.options.policies, acting, spec, seed)
    if spec.options.others is not None:
        acting = seated(spec.options.others, acting, spec.scenario, spec.eval_world, seed)
        return acting, DRAWN if asks_for_regrets(spec.scenario) else None
    return acting, regrets(acting, spec.eval_world, most) if asks_for_regrets(spec.scenario) else None


def policy_file(folder: Path, agent: str, method: str, seed: int) -> Path:
    """The file that holds what an agent of a world learned by a method (or as part of a profile)."""
    return folder / f"{agent}.{portable(method).replace(' ', '')}-seed-{seed}.npz"


def _write_policies(folder: Path, agents: Sequence[Agent], spec: TrainingSpec, seed: int) -> None:
    """Write what every agent does in every state as a table, `AGENT.METHOD-seed-N.npz`.

    Raises:
        UsageError: an agent's policy is not known, or the file cannot be written.
    """
    world = spec.eval_world
    try:
        truth = enumerate_world(world, spec.scenario.document.runs.max_states)
        for number, its in enumerate(world.agents):
            mask = own_available(world.joint_actions[:, number], truth.mdp.available, world.action_counts[number])
            table = PolicyTable.of(
                its.name,
                its.actions,
                observed_fields(world, number),
                (spec.method, seed, spec.steps),
                observe(world, truth.states, number),
                mask & ~truth.mdp.ended[:, None],
                policy_of(agents[number], truth, number),
            )
            table.save(policy_file(folder, its.name, spec.method, seed))
    except NotEnumerableError as fault:
        raise UsageError(f"--save-policies: {fault}") from None
    except OSError as fault:
        raise UsageError(f"--save-policies: {folder} cannot be written: {fault.strerror or fault}") from None


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

"""Learning curves by exact evaluation: the value, in the true world, of the policy an agent would follow by now."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ....agents.base import Agent, Finishes, TrainableAgent, TrainingEnv, has_own_lanes
from ....envs.base import FiniteMDP, Floats, Ints, Longs
from ....envs.mdp.enumeration import Enumeration
from ....envs.reference.observation import observe
from ....envs.solvers.policy_evaluation import evaluate, evaluate_horizon
from .env_monitor import MonitoredEnv


def policy_of(agent: Agent, truth: Enumeration) -> Longs:
    """int64 `[S]`: the agent's actions in the states that it can reach, elsewhere the first available action.

    The agent must choose by the observation alone.
    """
    mdp, observations = truth.mdp, observe(truth.world, truth.states)
    return reachable_policy(mdp, lambda states: agent.act(observations[states], None, mdp.available[states])[0])


def reachable_policy(mdp: FiniteMDP, decide: Callable[[Longs], Ints]) -> Longs:
    """int64 `[S]`: what is decided in the states that are reached by it, elsewhere the first available action.

    Args:
        mdp: the process.
        decide: the actions in states int64 `[B]`, none of them ended.
    """
    # Only reached states are asked about: an agent may have no answer, or a slow one, in states it never meets.
    policy = mdp.available.argmax(axis=1).astype(np.int64)
    reached = np.zeros(mdp.n_states, np.bool_)
    frontier = np.unique(mdp.start_state[~mdp.ended[mdp.start_state]]).astype(np.int64)
    while frontier.size:
        reached[frontier] = True
        policy[frontier] = decide(frontier)
        frontier = _successors(mdp, frontier, policy)
        frontier = frontier[~reached[frontier] & ~mdp.ended[frontier]]
    return policy


def exact_value(agent: Agent, truth: Enumeration, weights: Floats, discount: float) -> float:
    """The exact value at the start of an agent's policy, over the stage's horizon where it has one.

    Args:
        agent: chooses by the observation alone.
        truth: the world with a single agent.
        weights: float64 `[K]`.
        discount: per tick.
    """
    mdp, policy = truth.mdp, policy_of(agent, truth)
    if truth.world.horizon is None:
        values = evaluate(mdp, policy, discount)
    else:
        values = evaluate_horizon(mdp, policy, discount, truth.world.horizon)
    return float(mdp.start_probability @ (values @ weights)[mdp.start_state])


@dataclass(frozen=True)
class CurvePoint:
    """The value of an agent after some of its training.

    Attributes:
        step: environment steps so far.
        value: as evaluated.
        cpu, wall: seconds of training so far, evaluations not included; `cpu` is this process's.
    """

    step: int
    value: float
    cpu: float
    wall: float


def evaluate_during_training(
    agent: TrainableAgent, env: TrainingEnv, steps: int, seed: int, every: int, evaluation: Callable[[Agent], float]
) -> tuple[CurvePoint, ...]:
    """Train an agent and evaluate it about every `every` steps, which changes nothing in its training.

    Args:
        agent: to be trained; one with environments of its own (`own_lanes`) is evaluated where it reports progress.
        env: one lane of the training stage.
        steps: of training; an agent with environments of its own may take a few more, to whole rollouts.
        seed: of the agent and of chance.
        every: steps between two evaluations.
        evaluation: the value of the agent that it is given, were training over; it must not train it.

    Returns:
        The points, the one after training included.
    """
    evaluator = _PeriodicEvaluator(agent, every, evaluation)
    if has_own_lanes(agent):
        agent.fit(env, steps, seed, evaluator.on_progress)
    else:
        agent.fit(MonitoredEnv(env, evaluator.before_step), steps, seed)
    evaluator.stop()
    end = max(steps, evaluator.step)
    if not evaluator.points or evaluator.points[-1].step < end:
        evaluator.evaluate(agent, end)
    return tuple(evaluator.points)


def exact_learning_curve(
    agent: TrainableAgent, env: TrainingEnv, steps: int, seed: int, every: int, truth: Enumeration
) -> dict[int, float]:
    """`exact_value` by steps, `steps` itself included; see `evaluate_during_training`.

    Args:
        agent: to be trained.
        env: one lane of the training stage.
        steps: of training.
        seed: of the agent and of chance.
        every: steps between two evaluations.
        truth: the world in which it is evaluated.
    """
    program = truth.world.agents[0]
    points = evaluate_during_training(
        agent, env, steps, seed, every, lambda now: exact_value(now, truth, program.weights, program.discount)
    )
    return {point.step: point.value for point in points}


class _PeriodicEvaluator:
    """Evaluates an agent every so many steps; its clocks stand still meanwhile."""

    def __init__(self, agent: Agent, every: int, evaluation: Callable[[Agent], float]) -> None:
        self._agent, self._every, self._evaluation = agent, every, evaluation
        self.points: list[CurvePoint] = []
        self.step = 0
        # The times at which training began, moved on by the time of each evaluation.
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        self._stopped: tuple[float, float] | None = None

    def before_step(self) -> None:
        """Called before each step of the training environment."""
        if self.step and self.step % self._every == 0:
            # A copy: evaluating may change the agent's memory, caches or random numbers.
            self.evaluate(finished_copy(self._agent), self.step)
        self.step += 1

    def on_progress(self, step: int, _: Mapping[str, float]) -> None:
        """Called by an agent with environments of its own; evaluating it changes no weights, so no copy is made."""
        if step // self._every > self.step // self._every:
            self.evaluate(self._agent, step)
        self.step = step

    def stop(self) -> None:
        """Training is over: stop the clocks."""
        self._stopped = time.process_time(), time.perf_counter()

    def evaluate(self, agent: Agent, step: int) -> None:
        cpu, wall = self._stopped or (time.process_time(), time.perf_counter())
        value = self._evaluation(agent)
        self.points.append(CurvePoint(step, value, cpu - self._cpu, wall - self._wall))
        self._cpu += time.process_time() - cpu
        self._wall += time.perf_counter() - wall


def finished_copy(agent: Agent) -> Agent:
    """A deep copy of an agent in training, as it would be were training over now."""
    copied = copy.deepcopy(agent)
    if isinstance(copied, Finishes):
        copied.finish()
    return copied


def _successors(mdp: FiniteMDP, states: Longs, policy: Longs) -> Longs:
    """The states that a policy leads to in one tick, sorted."""
    rows = states * mdp.n_actions + policy[states]
    counts = mdp.row_start[rows + 1] - mdp.row_start[rows]
    # The concatenation of the ranges row_start[r] .. row_start[r + 1], without a loop over the rows r.
    places = np.repeat(mdp.row_start[rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    return np.unique(mdp.next_state[places]).astype(np.int64)

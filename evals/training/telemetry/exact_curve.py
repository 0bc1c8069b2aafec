"""How fast an agent learns: the exact value, in the true world, of what it would do by now."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ....agents.base import Agent, Finishes, TrainableAgent, TrainingEnv
from ....envs.base import FiniteMDP, Floats, Ints, Longs
from ....envs.mdp.enumeration import Enumeration
from ....envs.reference.observation import observe
from ....envs.solvers.policy_evaluation import evaluate, evaluate_horizon
from .env_monitor import TappedLane


def policy_of(agent: Agent, truth: Enumeration) -> Longs:
    """int64 `[S]`: what an agent does in the states that it comes to; elsewhere the first action that is available.

    The agent must choose by the observation alone.
    """
    mdp, looks = truth.mdp, observe(truth.world, truth.states)
    return policy_where_it_leads(mdp, lambda states: agent.act(looks[states], None, mdp.available[states])[0])


def policy_where_it_leads(mdp: FiniteMDP, decide: Callable[[Longs], Ints]) -> Longs:
    """int64 `[S]`: what is decided in the states that are come to; elsewhere the first action that is available.

    Args:
        mdp: the process.
        decide: the actions in states int64 `[B]`, none of them ended.
    """
    policy = mdp.available.argmax(axis=1).astype(np.int64)
    met = np.zeros(mdp.n_states, np.bool_)
    front = np.unique(mdp.start_state[~mdp.ended[mdp.start_state]]).astype(np.int64)
    while front.size:
        met[front] = True
        policy[front] = decide(front)
        front = _following(mdp, front, policy)
        front = front[~met[front] & ~mdp.ended[front]]
    return policy


def worth(agent: Agent, truth: Enumeration, weights: Floats, discount: float) -> float:
    """The exact value at the start of what an agent does, over the stage's horizon where it has one.

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
class Look:
    """What an agent was worth after some of its training.

    Attributes:
        step: environment steps so far.
        value: by whatever judged it.
        cpu, wall: seconds of training so far, looks not included; `cpu` is this process's.
    """

    step: int
    value: float
    cpu: float
    wall: float


def watch_training(
    agent: TrainableAgent, env: TrainingEnv, steps: int, seed: int, every: int, judge: Callable[[Agent], float]
) -> tuple[Look, ...]:
    """Trains an agent and looks at it about every so many steps, which changes nothing in its training.

    Args:
        agent: to be trained; one with lanes of its own (`own_lanes`) is looked at where it reports progress.
        env: one lane of the training stage.
        steps: of training; such an agent may take a few more, to whole rollouts.
        seed: of the agent and of chance.
        every: steps between two looks.
        judge: what the agent that it is given would be worth, were training over; it must not train it.

    Returns:
        The looks, the one after training included.
    """
    watched = _Watched(agent, every, judge)
    if getattr(agent, "own_lanes", False):
        agent.fit(env, steps, seed, watched.progressed)
    else:
        agent.fit(TappedLane(env, watched.stepping), steps, seed)
    watched.stop()
    end = max(steps, watched.latest)
    if not watched.looks or watched.looks[-1].step < end:
        watched.look(agent, end)
    return tuple(watched.looks)


def learning_curve(
    agent: TrainableAgent, env: TrainingEnv, steps: int, seed: int, every: int, truth: Enumeration
) -> dict[int, float]:
    """`worth` by steps, `steps` itself included; see `watch_training`.

    Args:
        agent: to be trained.
        env: one lane of the training stage.
        steps: of training.
        seed: of the agent and of chance.
        every: steps between two looks.
        truth: the world in which it is judged.
    """
    program = truth.world.agents[0]
    looks = watch_training(
        agent, env, steps, seed, every, lambda now: worth(now, truth, program.weights, program.discount)
    )
    return {look.step: look.value for look in looks}


class _Watched:
    """Looks at an agent now and then, by a clock that stands still meanwhile."""

    def __init__(self, agent: Agent, every: int, judge: Callable[[Agent], float]) -> None:
        self._agent, self._every, self._judge = agent, every, judge
        self.looks: list[Look] = []
        self.latest = 0
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        self._stopped: tuple[float, float] | None = None

    def stepping(self) -> None:
        """Told before each step."""
        if self.latest and self.latest % self._every == 0:
            self.look(as_trained(self._agent), self.latest)
        self.latest += 1

    def progressed(self, step: int, _: Mapping[str, float]) -> None:
        """Told by an agent with lanes of its own, whose weights no look changes."""
        if step // self._every > self.latest // self._every:
            self.look(self._agent, step)
        self.latest = step

    def stop(self) -> None:
        """Training is over."""
        self._stopped = time.process_time(), time.perf_counter()

    def look(self, agent: Agent, step: int) -> None:
        cpu, wall = self._stopped or (time.process_time(), time.perf_counter())
        value = self._judge(agent)
        self.looks.append(Look(step, value, cpu - self._cpu, wall - self._wall))
        self._cpu += time.process_time() - cpu
        self._wall += time.perf_counter() - wall


def as_trained(agent: Agent) -> Agent:
    """A copy, as it would be were training over now."""
    copied = copy.deepcopy(agent)
    if isinstance(copied, Finishes):
        copied.finish()
    return copied


def _following(mdp: FiniteMDP, states: Longs, policy: Longs) -> Longs:
    """The states that a policy leads to in one tick."""
    rows = states * mdp.n_actions + policy[states]
    counts = mdp.row_start[rows + 1] - mdp.row_start[rows]
    places = np.repeat(mdp.row_start[rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    return np.unique(mdp.next_state[places]).astype(np.int64)

"""Several agents trained at once in one world, in step: nobody's next tick begins before everyone has chosen.

Every agent runs its own `fit`, unchanged, in a thread of its own, on a lane that waits for the others. Threads never
race: they take turns, in the world's order, and one goes on only when the one before it has chosen. So a seed fixes
everything, also of learners that use what a process has only one of (torch's settings, chance of libraries).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.multi_agent.joint_training_env import JointObservation, JointStep, JointTrainingEnv
from ..base import Agent, AgentState, TrainableAgent


class _Stopped(BaseException):
    """Another agent failed, so this one cannot go on; whatever its code does about exceptions."""


class AgentLane:
    """One agent's side of a lane that is shared: a `TrainingEnv` that also tells what the others were seen to do.

    Nothing else of theirs is told: not what they see, what they are paid, or what they chose.
    """

    def __init__(self, shared: _Shared, agent: int) -> None:
        self._shared, self._agent = shared, agent

    @property
    def n_actions(self) -> int:
        """A, of this agent."""
        return len(self._shared.lane.world.agents[self._agent].actions)

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of all K channels; those of others always pay it 0."""
        return self._shared.lane.world.channels

    @property
    def executed(self) -> int:
        """The action that it really took in the last step."""
        return int(self._shared.executed[self._agent])

    @property
    def others(self) -> Ints:
        """int32 `[N - 1]`: what the others really did in the last step, in the world's order."""
        return np.delete(self._shared.executed, self._agent)

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """Begins an episode, together with everyone; the seed of chance is that of the lane, not this one.

        Raises:
            ValueError: the episode of the others goes on.
        """
        return self._shared.begin(self._agent)

    def step(self, action: int) -> tuple[Longs, Floats, bool, bool, Bools]:
        """One tick, when everyone has chosen; see `TrainingEnv.step`."""
        tick = self._shared.step(self._agent, action)
        view = tick.observation
        mine = self._agent
        return view.observations[mine], tick.rewards[mine], tick.ended, tick.truncated, view.available[mine]


def fit_together(
    lane: JointTrainingEnv,
    agents: Sequence[TrainableAgent],
    steps: int,
    seed: int,
    before_tick: Callable[[], None] = lambda: None,
) -> None:
    """Trains all agents of a world at once.

    An agent whose `fit` is over before it stepped (one that has nothing to learn) acts by `act` from then on. Each has
    chance of its own: with the same one, two alike would always explore alike.

    Args:
        lane: of the world.
        agents: N, in its order.
        steps: ticks.
        seed: of everything.
        before_tick: called before every tick; what it raises ends the training.

    Raises:
        Exception: what an agent's `fit` raised.
    """
    shared = _Shared(lane, agents, seed, before_tick)

    def work(number: int) -> None:
        try:
            shared.wait(number)
            own = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint32)[0])
            agents[number].fit(AgentLane(shared, number), steps, own)
            shared.leave(number)
        except _Stopped:
            pass
        except Exception as fault:
            shared.fail(fault)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(agents))]
    for thread in threads:
        thread.start()
    shared.open()
    for thread in threads:
        thread.join()
    if shared.fault is not None:
        raise shared.fault


class _Shared:
    """The lane, whose turn it is, and who has chosen; whoever chooses last makes the tick."""

    def __init__(
        self, lane: JointTrainingEnv, agents: Sequence[Agent], seed: int, before_tick: Callable[[], None]
    ) -> None:
        self.lane, self._agents, self._before_tick = lane, agents, before_tick
        self.executed: Ints = np.full(len(agents), -1, np.int32)
        self.fault: Exception | None = None
        self._view: JointObservation = lane.reset(seed)
        self._turns = [threading.Semaphore(0) for _ in agents]
        self._chosen: dict[int, int] = {}
        self._memories: dict[int, AgentState] = {}  # of those whose `fit` is over
        self._fresh = set(range(len(agents)))  # who may begin an episode
        self._tick: JointStep | None = None

    def open(self) -> None:
        """The first turn."""
        self._turns[0].release()

    def wait(self, agent: int) -> None:
        """Returns when it is an agent's turn."""
        self._turns[agent].acquire()
        if self.fault is not None:
            raise _Stopped

    def begin(self, agent: int) -> tuple[Longs, Bools]:
        """What an agent sees as an episode begins."""
        if agent not in self._fresh:
            raise ValueError("whoever learns among others cannot begin an episode while theirs goes on")
        self._fresh.discard(agent)
        return self._view.observations[agent], self._view.available[agent]

    def step(self, agent: int, action: int) -> JointStep:
        """One tick: returns when everyone has chosen, and it is this agent's turn again."""
        if self.fault is not None:
            raise _Stopped
        self._chosen[agent] = action
        self._proceed()
        self.wait(agent)
        assert self._tick is not None
        return self._tick

    def leave(self, agent: int) -> None:
        """An agent learns no more: from now on it acts."""
        self._memories[agent] = None
        self._proceed()

    def fail(self, fault: Exception) -> None:
        """An agent failed; nobody goes on."""
        self.fault = self.fault or fault
        for turn in self._turns:
            turn.release()

    def _proceed(self) -> None:
        """The next turn is of whoever has not chosen; the tick, if all have who still learn."""
        learning = [number for number in range(len(self._agents)) if number not in self._memories]
        waited_for = [number for number in learning if number not in self._chosen]
        if not waited_for and self._chosen:
            self._make_tick()
            waited_for = learning
        if waited_for:
            self._turns[waited_for[0]].release()

    def _make_tick(self) -> None:
        self._before_tick()
        actions = np.empty(len(self._agents), np.int32)
        for number in range(len(self._agents)):
            actions[number] = self._chosen[number] if number in self._chosen else self._act(number)
        tick = self.lane.step(actions)
        self._tick, self.executed, self._view = tick, tick.executed, tick.observation
        if tick.ended or tick.truncated:
            self._view = self.lane.reset()
            self._fresh = set(range(len(self._agents)))
            self._memories = dict.fromkeys(self._memories)
        self._chosen.clear()

    def _act(self, number: int) -> int:
        view = self._view
        actions, self._memories[number] = self._agents[number].act(
            view.observations[number][None], self._memories[number], view.available[number][None]
        )
        return int(actions[0])

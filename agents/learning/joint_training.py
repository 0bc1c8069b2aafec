"""Trains several agents at once in one world, in lockstep: a tick is made once every agent has chosen its action.

Every agent runs its own `fit`, unchanged, in a thread of its own, on a lane whose `step` blocks until the others have
chosen. Only one thread runs at a time: they take turns in the world's order, and a turn ends when its agent has chosen.
So the result is a function of the seed, even for learners that use state that is shared by the whole process (torch's
settings, the global random generators of libraries).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.multi_agent.joint_training_env import JointObservation, JointStep, JointTrainingEnv
from ..base import Agent, AgentState, TrainableAgent


class _Stopped(BaseException):
    """Ends an agent's thread because another agent failed.

    It derives from `BaseException`, so that no `except Exception` in the agent's code can hold it back.
    """


class AgentLane:
    """One agent's view of a shared lane: a `MultiAgentTrainingEnv` that shows the others' executed actions.

    The others' observations, rewards and chosen actions stay hidden.
    """

    def __init__(self, shared: _Shared, agent: int) -> None:
        self._shared, self._agent = shared, agent

    @property
    def n_actions(self) -> int:
        """A, of this agent."""
        return len(self._shared.lane.world.agents[self._agent].actions)

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of all K channels of the world; the channels of other agents always pay this one 0."""
        return self._shared.lane.world.channels

    @property
    def executed(self) -> int:
        """The action of this agent that the last step executed."""
        return int(self._shared.executed[self._agent])

    @property
    def others(self) -> Ints:
        """int32 `[N - 1]`: the actions that the others executed in the last step, in the world's order."""
        return np.delete(self._shared.executed, self._agent)

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """Begins an episode together with all other agents; `seed` is ignored, because the lane has one of its own.

        Raises:
            ValueError: the current episode is not over.
        """
        return self._shared.begin(self._agent)

    def step(self, action: int) -> tuple[Longs, Floats, bool, bool, Bools]:
        """Takes one tick, once every agent has chosen; see `TrainingEnv.step`."""
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

    An agent whose `fit` returns (at once, if it has nothing to learn) acts by `act` from then on.

    Args:
        lane: the shared environment.
        agents: N, in the world's order.
        steps: ticks.
        seed: of the environment and of all agents.
        before_tick: called before every tick; an exception that it raises ends the training.

    Raises:
        Exception: whatever an agent's `fit`, or `before_tick`, raised.
    """
    shared = _Shared(lane, agents, seed, before_tick)

    def work(number: int) -> None:
        """The thread of one agent: its `fit`, then the hand-over to `act`."""
        try:
            shared.wait(number)
            # A seed for each agent: with the same one, two agents of one kind would always explore alike.
            own = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint32)[0])
            agents[number].fit(AgentLane(shared, number), steps, own)
            shared.leave(number)
        except _Stopped:
            pass
        except Exception as fault:
            shared.fail(fault)

    # Daemons, so that an interrupted program does not wait for threads that wait for their turns.
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(agents))]
    for thread in threads:
        thread.start()
    shared.open()
    for thread in threads:
        thread.join()
    if shared.fault is not None:
        raise shared.fault


class _Shared:
    """The shared lane and the turn-taking: the agent that chooses last makes the tick for all.

    No lock is needed: only the thread whose turn it is touches this object, and a turn is passed on by releasing the
    semaphore of the next agent.
    """

    def __init__(
        self, lane: JointTrainingEnv, agents: Sequence[Agent], seed: int, before_tick: Callable[[], None]
    ) -> None:
        self.lane, self._agents, self._before_tick = lane, agents, before_tick
        self.executed: Ints = np.full(len(agents), -1, np.int32)
        self.fault: Exception | None = None
        self._view: JointObservation = lane.reset(seed)
        self._turns = [threading.Semaphore(0) for _ in agents]
        self._chosen: dict[int, int] = {}
        self._memories: dict[int, AgentState] = {}  # states of the agents whose `fit` is over, by number
        self._fresh = set(range(len(agents)))  # agents that have not yet begun the present episode
        self._tick: JointStep | None = None

    def open(self) -> None:
        """Gives the first agent its turn; called once every thread has been started."""
        self._turns[0].release()

    def wait(self, agent: int) -> None:
        """Blocks until it is the agent's turn.

        Raises:
            _Stopped: another agent has failed.
        """
        self._turns[agent].acquire()
        if self.fault is not None:
            raise _Stopped

    def begin(self, agent: int) -> tuple[Longs, Bools]:
        """The observation and the mask of an agent at the beginning of the present episode.

        Raises:
            ValueError: the agent has begun this episode already.
        """
        if agent not in self._fresh:
            raise ValueError("whoever learns among others cannot begin an episode while theirs goes on")
        self._fresh.discard(agent)
        return self._view.observations[agent], self._view.available[agent]

    def step(self, agent: int, action: int) -> JointStep:
        """Chooses an action; returns the tick, once all have chosen and it is this agent's turn again.

        Raises:
            _Stopped: another agent has failed.
        """
        if self.fault is not None:
            raise _Stopped
        self._chosen[agent] = action
        self._proceed()
        self.wait(agent)
        assert self._tick is not None
        return self._tick

    def leave(self, agent: int) -> None:
        """The agent's `fit` is over: from now on its actions come from its `act`."""
        self._memories[agent] = None
        self._proceed()

    def fail(self, fault: Exception) -> None:
        """An agent failed: stops all the others, by waking each to find `fault` set. Only the first fault is kept."""
        self.fault = self.fault or fault
        for turn in self._turns:
            turn.release()

    def _proceed(self) -> None:
        """Passes the turn to the next learning agent that has not chosen; if none is left, makes the tick first."""
        learning = [number for number in range(len(self._agents)) if number not in self._memories]
        waited_for = [number for number in learning if number not in self._chosen]
        # With nothing chosen, the last learner has just left: the training is over, and there is no tick to make.
        if not waited_for and self._chosen:
            self._make_tick()
            waited_for = learning
        if waited_for:
            self._turns[waited_for[0]].release()

    def _make_tick(self) -> None:
        """Steps the lane by the chosen actions, and by `act` for agents that no longer learn; resets it at an end."""
        self._before_tick()
        actions = np.empty(len(self._agents), np.int32)
        for number in range(len(self._agents)):
            actions[number] = self._chosen[number] if number in self._chosen else self._act(number)
        tick = self.lane.step(actions)
        self._tick, self.executed, self._view = tick, tick.executed, tick.observation
        if tick.ended or tick.truncated:
            # The learners still get the last observation of the episode, from `_tick`; the new one waits in `_view`.
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

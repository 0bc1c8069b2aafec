"""The process of a watched training: it trains as a run does, and answers what it is asked between two updates.

Nothing is sent that was not asked for, so that the training never waits for whoever watches. Copies of the agent are
what costs: they take at most `SHARE` of the processor time of the training.
"""

from __future__ import annotations

import math
import os
import pickle
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from ...agents.base import Finishes, Stops, TrainableAgent
from ...agents.registry.stored_agents import write_agent
from ...scenarios.language.loading import Scenario
from ..exact.solved_worlds import SolvedWorlds
from ..training.callbacks import TrainingCallbacks
from ..training.curriculum import Curriculum, CurriculumStage, untrained
from ..training.execution.parent_watch import end_with_parent
from ..training.execution.time_budget import Deadline
from ..training.options import TrainingOptions
from ..training.spec import TrainingSpec, training_spec
from ..training.telemetry.exact_curve import finished_copy

SHARE: Final = 0.03
"""The most processor time of a training that copies of the agent take, as a share; the first one is always made."""


LISTENING: Final = 0.02
"""Seconds between two looks whether anything was asked, each of which takes as long as some steps of a small world."""


@dataclass(frozen=True)
class TrainingRequest:
    """What is to be trained: a scenario with its overrides, an agent, the stage in which it acts, and how long."""

    scenario: Scenario
    agent: str
    stage: str
    steps: int
    seed: int
    device: str = "cpu"

    def spec(self) -> TrainingSpec:
        """The specification of the training, as `turncoat run` has it for one seed."""
        options = TrainingOptions(device=self.device)
        return training_spec(
            SolvedWorlds(self.scenario), self.agent, {}, self.stage, self.steps, 1, thoughts=True, options=options
        )


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is.

    Attributes:
        step: environment steps so far, over all stages of the curriculum; steps: in all.
        figures: what the agent says of itself, by name.
        earned: the mean return of the last training episodes, exploration included; None while unknown.
        seconds: processor time of the training, and what looking at it took of that.
    """

    step: int
    steps: int
    figures: Mapping[str, float]
    earned: float | None
    seconds: tuple[float, float] = (0.0, 0.0)


class _Stopped(BaseException):
    """The training of an agent that cannot stop by itself is stopped. Not an `Exception`: no agent may catch it."""


class WatchedCallbacks(TrainingCallbacks):
    """The callbacks of a training that also answer questions, at each report of progress of the agent."""

    def __init__(self, spec: TrainingSpec, seed: int, asked: Connection, share: float = SHARE) -> None:
        """Answer what comes by `asked`: `how`, `look`, `pause`, `go on`, `stop`, `(keep, path)`; see the module."""
        super().__init__(spec, seed, Deadline(math.inf))
        self._asked, self._share = asked, share
        self._agent: TrainableAgent | None = None
        self._wanted = False
        self._figures: dict[str, float] = {}
        self._began, self._looking, self._last = time.thread_time(), 0.0, 0.0
        self._listens = 0.0
        self.stopped = False

    def begins(self, stage: CurriculumStage) -> None:
        """See `TrainingCallbacks.begins`."""
        super().begins(stage)
        self._agent = stage.agent  # type: ignore[assignment]  # what is trained here also acts

    def progress(self, step: int, figures: Mapping[str, float]) -> None:
        """See `TrainingCallbacks.progress`."""
        super().progress(step, figures)
        self._figures = dict(figures)
        if (now := time.monotonic()) >= self._listens:
            self._listens = now + LISTENING
            while self._asked.poll():
                self._answer(self._asked.recv())
        # A copy costs about what the last one did, or more as the agent grows: it is made when the share allows for it.
        if self._wanted and self._looking + 3 * self._last <= self._share * (time.thread_time() - self._began):
            self._send_copy()
        if self.stopped:
            if not isinstance(self._agent, Stops):
                raise _Stopped
            self._agent.stop()

    @property
    def agent(self) -> TrainableAgent:
        """The agent that is trained."""
        assert self._agent is not None, "a stage has begun"
        return self._agent

    @property
    def now(self) -> TrainingProgress:
        """How far it is."""
        earned = self.curve.points[-1][1] if self.curve.points else None
        seconds = (time.thread_time() - self._began, self._looking)
        return TrainingProgress(self.curve.steps, self._spec.steps, self._figures, earned, seconds)

    def _answer(self, question: object) -> None:
        match question:
            case "how":
                self._asked.send(("how", self.now))
            case "look":
                self._wanted = True
            case "pause":
                if self._wanted:  # it costs no time now
                    self._send_copy()
                while (told := self._asked.recv()) not in ("go on", "stop"):
                    self._answer("how" if told == "pause" else told)
                    if told == "look":
                        self._send_copy()
                self.stopped |= told == "stop"
            case "stop":
                self.stopped = True
            case ("keep", path):
                self._asked.send(kept(finished_copy(self.agent), Path(str(path))))

    def _send_copy(self) -> None:
        began = time.thread_time()
        self._asked.send(("look", self.now, pickle.dumps(self._agent, 5)))
        self._wanted, self._last = False, time.thread_time() - began
        self._looking += self._last


def kept(agent: object, path: Path) -> tuple[str, str]:
    """Write an agent to a file; `("kept", path)`, or `("unkept", why)`."""
    try:
        write_agent(agent, path)
    except (OSError, ValueError) as fault:
        return "unkept", str(fault)
    return "kept", str(path)


def train_watched(parent: int, asked: Connection, request: TrainingRequest) -> None:
    """The process: train, and then answer until nobody asks any more, or the program has ended.

    The last words are `("over", progress, agent, whether it was stopped)`, or `("fault", text)`.
    """
    end_with_parent(parent, signalled=False)
    try:
        spec = request.spec()
        callbacks = WatchedCallbacks(spec, request.seed, asked)
        agent = trained_while_watched(spec, request.seed, callbacks)
        asked.send(("over", callbacks.now, pickle.dumps(agent, 5), callbacks.stopped))
        while True:
            question = asked.recv()
            if isinstance(question, tuple):
                asked.send(kept(agent, Path(str(question[1]))))
            elif question == "how":
                asked.send(("how", callbacks.now))
    except (EOFError, BrokenPipeError, ConnectionResetError):  # the window is closed
        os._exit(0)
    except Exception as fault:
        asked.send(("fault", f"{type(fault).__name__}: {fault}"))


def trained_while_watched(spec: TrainingSpec, seed: int, callbacks: WatchedCallbacks) -> TrainableAgent:
    """Train one agent with these callbacks; one that was stopped is returned as it is."""
    curriculum = Curriculum(
        partial(untrained, spec), spec.scenario, spec.train_world, spec.eval_world.stage, spec.steps, callbacks
    )
    try:
        return curriculum.train(seed)
    except _Stopped:
        agent = callbacks.agent
        if isinstance(agent, Finishes):
            agent.finish()
        return agent

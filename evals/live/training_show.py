"""A training as a show: its episodes are looks at the agent, each as it would act if it were deployed then."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from ...agents.base import Finishes
from ...agents.registry.agents import agent_spec, agent_specs
from ...agents.registry.eligibility import unable
from ...agents.registry.stored_agents import stored_ending
from ...envs.base import Floats
from ...envs.world.world import World
from ...scenarios.errors import UsageError, check_name
from ...scenarios.language.loading import Scenario
from ..exact.solved_worlds import SolvedWorlds
from ..inspection.mind import Mind, ValueMap, imagined_value_map, read_mind, unexpected_fields
from ..inspection.show_process import RemoteObject
from ..traces.episode import Episode, episode_of
from ..traces.provenance import RunError
from ..training.execution.parent_watch import without_this_folder
from ..training.train_seed import play_trained
from .training_process import TrainingProgress, TrainingRequest, train_watched

LOOKS: Final = 128
"""The most looks at a training, about: they are this share of its steps apart at least."""
APART: Final = 0.5
"""The least seconds between two looks."""
ASKED: Final = 0.25
"""Seconds between two questions of how far it is."""
CLOSING: Final = 10.0
"""The most seconds that keeping the agent may take while the window waits to be closed."""

TrainingState: TypeAlias = Literal["training", "paused", "stopped", "over", "failed"]


@dataclass(frozen=True, eq=False)
class TrainingLook:
    """One look at an agent in training.

    Attributes:
        progress: how far it was.
        episode: what it would do in the judged stage, were training over then.
        surprised: the share of the ticks in which what came was otherwise than it foresaw; None where it foresees
            nothing.
        heads: float64 `[K]`, the weighted value of each head for what it chooses in the first tick; None without any.
    """

    progress: TrainingProgress
    episode: Episode
    surprised: float | None
    heads: Floats | None


class AgentLooker:
    """Plays copies of an agent that is in training; made in a process of its own."""

    def __init__(self, request: TrainingRequest) -> None:
        """For the training of a request."""
        self._request, self._spec = request, request.spec()

    def look(self, progress: TrainingProgress, copied: bytes) -> TrainingLook:
        """A look at an agent, from the bytes that this program's own training process made of it."""
        agent = pickle.loads(copied)
        if isinstance(agent, Finishes):
            agent.finish()
        trace = play_trained(agent, self._spec, self._request.seed)
        episode = episode_of(self._spec.eval_world, trace, self._request.seed, 0)
        minds = [recorded_mind(episode, tick, 0) for tick in range(episode.length)]
        surprises = [
            bool(unexpected_fields(mind, state))
            for mind, state in zip(minds, episode.states[1:], strict=True)
            if mind is not None and len(mind.ahead)
        ]
        first = minds[0] if minds else None
        heads = None if first is None else first.q[first.action] * first.weights
        return TrainingLook(progress, episode, float(np.mean(surprises)) if surprises else None, heads)


class TrainingShow:
    """A `Show` of a training that goes on in another process; number k is the k-th look at the agent.

    Attributes:
        request: what is trained.
        state: whether it goes on; fault: why it failed, or an empty text.
        message: the latest word of the training for the user.
    """

    def __init__(self, request: TrainingRequest) -> None:
        """Check that the agent can be trained there, and begin.

        Raises:
            UsageError: it cannot.
        """
        check_trainable(request)
        self.request, self.scenario, self.stage = request, request.scenario, request.stage
        self.world: World = SolvedWorlds(request.scenario).world({}, request.stage)
        self.count: int | None = 1  # the first look is counted, as it will come
        self.state: TrainingState = "training"
        self.fault, self.message, self.kept = "", "", ""
        self.progress = TrainingProgress(0, request.steps, {}, None)
        self._history: list[TrainingProgress] = []
        self._looks: list[TrainingLook] = []
        self._came = threading.Condition()
        self._commands: list[object] = []
        self._closed = threading.Event()
        self._looker = RemoteObject(AgentLooker, request)
        context = get_context("spawn")
        self._end, theirs = context.Pipe()
        self._process = context.Process(target=train_watched, args=(os.getpid(), theirs, request), daemon=True)
        with without_this_folder():
            self._process.start()
        theirs.close()
        self._thread = threading.Thread(target=self._follow, name="training", daemon=True)
        self._thread.start()

    # -------------------------------------------------------------- a show

    def look(self, number: int) -> TrainingLook:
        """A look; waits for the first one.

        Raises:
            RunError: the training failed, or was ended, before there was any.
        """
        with self._came:
            while len(self._looks) <= number:
                if self.state == "failed" or self._closed.is_set():
                    raise RunError(f"the training failed: {self.fault}" if self.fault else "the training was ended")
                self._came.wait(0.2)
            return self._looks[number]

    def episode(self, number: int) -> Episode:
        """See `Show`."""
        return self.look(number).episode

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """See `Show`: what the agent thought in that look."""
        return recorded_mind(episode, tick, agent)

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """See `Show`: the values of what it imagined."""
        mind = self.mind(episode, tick, agent)
        return None if mind is None else imagined_value_map(self.world, mind, agent)

    # -------------------------------------------------------------- what it is told

    @property
    def looks(self) -> Sequence[TrainingLook]:
        """Every look so far."""
        return tuple(self._looks)

    @property
    def history(self) -> Sequence[TrainingProgress]:
        """How far it was at each question so far, at most a few hundred, evenly spaced."""
        return tuple(self._history)

    @property
    def going_on(self) -> bool:
        """Whether it is not over: it trains, or is paused."""
        return self.state in ("training", "paused")

    def pause(self) -> None:
        """Pause the training, or go on with it; it pauses after the update that it is in."""
        if self.state == "training":
            self.state = "paused"
            self._commands.append("pause")
        elif self.state == "paused":
            self.state = "training"
            self._commands.append("go on")

    def stop(self) -> None:
        """End the training; the agent stays as it is by then, and can be kept."""
        if self.going_on:
            self._commands.append("stop")

    def keep(self, path: Path) -> None:
        """Write the agent as it is now to a file; what comes of it is told in `message`."""
        self._commands.append(("keep", str(path)))

    def close(self, keep: Path | None = None) -> str:
        """End both processes; with `keep` the agent is written first.

        Returns:
            What became of the training, in a sentence.
        """
        if keep is not None and self.state != "failed":
            self.kept = ""
            self.keep(keep)
            end = time.monotonic() + CLOSING
            while not self.kept and self._thread.is_alive() and time.monotonic() < end:
                time.sleep(0.02)
        self._closed.set()
        self._thread.join(2.0)
        self._process.terminate()
        self._looker.close()
        its = self.progress
        far = f"{its.step:,} of {its.steps:,} steps"
        told = {
            "over": f"training ended after {far}",
            "stopped": f"training was stopped after {far}",
            "failed": f"training failed: {self.fault}",
        }.get(self.state, f"training was ended with the window, after {far}")
        return f"{told}; {f'the agent is in {self.kept}' if self.kept else 'the agent was not kept'}"

    @property
    def file_name(self) -> tuple[str, str]:
        """The stem and the ending of a file for the agent as it is now."""
        its = self.request
        stem = f"{self.scenario.name.rpartition('/')[2]}-{its.agent}-seed-{its.seed}-step-{self.progress.step}"
        return stem, stored_ending(its.agent)

    # -------------------------------------------------------------- the thread that follows it

    def _follow(self) -> None:
        """Ask the training how far it is and for copies, and have these looked at, until it is closed."""
        looking: list[Future[Any]] = []
        waiting, last, asked, told = False, -1, 0.0, 0.0
        with ThreadPoolExecutor(1, thread_name_prefix="look") as one:
            try:
                while not self._closed.is_set():
                    while self._commands:
                        self._end.send(self._commands.pop(0))
                    now = time.monotonic()
                    due = self.progress.step >= last + max(self.request.steps // LOOKS, 1)
                    if self.going_on and not waiting and not looking and due and now >= asked:
                        self._end.send("look")
                        waiting = True
                    if now >= told:
                        self._end.send("how")
                        told = now + ASKED
                    while self._end.poll(0.05):
                        came = self._end.recv()
                        if came[0] in ("look", "over"):
                            waiting, last = False, came[1].step
                            looking.append(one.submit(self._looker.ask, "look", came[1], came[2]))
                        self._take(came)
                    while looking and looking[0].done():
                        self._add(looking.pop(0).result())
                        asked = time.monotonic() + APART
            except (EOFError, OSError):
                self._fail("its process has ended")
            except Exception as fault:  # of the looker: whatever an agent raises
                self._fail(f"{type(fault).__name__}: {fault}")
            finally:
                self._looker.close()  # so that nobody waits for an answer

    def _take(self, came: tuple[Any, ...]) -> None:
        match came:
            case ("how", progress):
                self._note(progress)
            case ("look", progress, _):
                self._note(progress)
            case ("over", progress, _, stopped):
                self._note(progress)
                self.state = "stopped" if stopped else "over"
            case ("kept", path):
                self.kept = self.message = str(path)
                self.message = f"kept {path}"
            case ("unkept", why):
                self.message = f"not kept: {why}"
            case ("fault", why):
                self._fail(str(why))

    def _note(self, progress: TrainingProgress) -> None:
        self.progress = progress
        if not self._history or progress.step > self._history[-1].step:
            self._history.append(progress)
        if len(self._history) > 400:
            self._history = self._history[::2]

    def _add(self, look: TrainingLook) -> None:
        with self._came:
            self._looks.append(replace(look, episode=replace(look.episode, world=self.world)))
            self.count = len(self._looks)
            self._came.notify_all()

    def _fail(self, why: str) -> None:
        with self._came:
            if self.going_on and not self._closed.is_set():
                self.state, self.fault = "failed", why
            self._came.notify_all()


def recorded_mind(episode: Episode, tick: int, agent: int) -> Mind | None:
    """An agent's thought in a tick, as it was recorded while it acted; None where there is none."""
    recorded = episode.thoughts[tick] if tick < len(episode.thoughts) else None
    if recorded is None or (text := recorded[agent]) is None:
        return None
    return read_mind(episode.world, text, agent)


def trained_by_default(scenario: Scenario) -> str:
    """The agent that is trained where none is named: the first of the file's that learns, or else `counts`."""
    named = [name for name in scenario.document.runs.agents if name in agent_specs()]
    return named[0] if named else "counts"


def check_trainable(request: TrainingRequest) -> None:
    """Check that the training of one agent can be watched.

    Raises:
        UsageError: there is no such agent, it cannot learn there, or several learn at once.
    """
    check_name("agent that learns", request.agent, agent_specs())
    scenario = request.scenario
    if scenario.lives_in(request.stage):
        raise UsageError("a training in a life is not watched in this version; `turncoat run` trains there")
    world = SolvedWorlds(scenario).world({}, request.stage)
    if len(world.agents) > 1:
        raise UsageError(f"`{scenario.name}` has {len(world.agents)} agents, and only one that learns alone is watched")
    spec = agent_spec(request.agent)
    if spec is None or not spec.deep_copyable:
        raise UsageError(
            f"`{request.agent}` cannot be copied while it learns, so that nothing could be looked at; "
            "`turncoat run --tensorboard FOLDER` shows its curves"
        )
    if (why := unable(request.agent, world)) is not None:
        raise UsageError(f"`{request.agent}` cannot be trained here: {why}")

"""What goes on beside the training of one seed: a clock, a curve, checkpoints, looks at it, and word of how far it is.

It changes nothing in the training, but that it may end it early.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol, cast, runtime_checkable

from ...agents.base import Agent, Enters, Resumable, Stops, TrainingEnv
from ...agents.learning.snapshot import SnapshotError
from ...agents.registry.agents import plans, stops
from ...envs.mdp.enumeration import Enumeration
from ..traces.learning_curve import Earning
from ..traces.trace import trace_name
from .curriculum import Left, Lesson, School, world_of
from .execution import checkpoints
from .execution.time_budget import Deadline
from .spec import Training, lane
from .telemetry.early_stopping import EPISODES, Levelling, earned_by
from .telemetry.env_monitor import TappedLane
from .telemetry.exact_curve import as_trained
from .telemetry.heartbeats import Pulse
from .telemetry.tensorboard import EARNED, Board

_SHARE = 20
"""Writing checkpoints takes no more than one part in so many of the time."""


@runtime_checkable
class _Placed(Protocol):
    """An environment whose state can be read and restored."""

    def get_state(self) -> tuple[Any, ...]: ...

    def set_state(self, state: tuple[Any, ...]) -> None: ...


def board_of(training: Training, seed: int, since: int = 0) -> Board | None:
    """The board for a seed's curves from a step on; None where nobody wants them.

    Raises:
        TensorBoardError: it cannot be written.
    """
    if training.manner.board is None:
        return None
    name = trace_name(training.field.stage, training.method, training.overrides)
    return Board(training.manner.board / training.field.name / name / f"seed-{seed}", training.steps, since)


class Course:
    """Of one seed.

    Attributes:
        earning: what it earned so far.
        left: where an earlier process left this training, or None.
    """

    def __init__(self, training: Training, seed: int, deadline: Deadline) -> None:
        """Take up what was left of it, if anything was.

        Raises:
            TensorBoardError: curves are wanted and cannot be written.
        """
        self._training, self._seed, self._deadline = training, seed, deadline
        manner = training.manner
        self._path = None
        if manner.checkpoints is not None:
            self._path = checkpoints.checkpoint_of(manner.checkpoints, training.key(seed))
        kept = None if self._path is None else checkpoints.find(self._path)
        self.left: Left | None = None
        self._place: tuple[Any, ...] | None = None
        if kept is None:
            self.earning = Earning(world_of(training.school).agents[0].weights, training.steps)
        else:
            self.earning, self.left, self._place = kept["earning"], kept["left"], kept["place"]
        self._levelling: Levelling | None = None if kept is None else kept["levelling"]
        self._before = 0 if kept is None else kept["before"]
        self._pulse = Pulse(manner.pulses, seed, training.steps)
        self._board = board_of(training, seed, self.earning.steps)
        self._next = time.monotonic() + manner.every

    # What `Life` asks for

    def lane(self, school: School) -> TrainingEnv:
        """Where a lesson is learned; everything that happens there is noted."""
        self._inner = lane(school, plans(self._training.method))
        self._school = school
        return TappedLane(self._inner, self._deadline.check, self._earned, self.earning.begun)

    def begins(self, lesson: Lesson) -> None:
        """A lesson begins, or goes on where it was left."""
        self._lesson = lesson
        self._total = max(round(lesson.share * self._training.steps), 1)
        if self._place is not None and isinstance(self._inner, _Placed):
            self._inner.set_state(self._place)
            self._place = None
            return
        self._before = self.earning.steps
        plateau = self._training.manner.plateau
        self._levelling = None
        if plateau is not None and stops(self._training.method) and isinstance(lesson.agent, Stops):
            self._levelling = Levelling(plateau, self._total)

    def progress(self, step: int, figures: Mapping[str, float]) -> None:
        """See `agents.base.Progress`; what the agent is then is all that its training has come to."""
        self._deadline.check()
        if self._own_lanes:
            self.earning.reached(step, figures.get(EARNED))
            self._pulse.beat(self.earning)
            step -= self._before
        if self._board is not None:
            self._board.figures(self._before + step, figures)
            self._board.earned(self.earning.curve)
        if self._levelling is not None and self._levelling.due(step):
            self._look(self._levelling)
        if self._path is not None and time.monotonic() >= self._next:
            self._keep()

    def close(self) -> None:
        """Training is over."""
        self._pulse.stop()
        if self._board is not None:
            self._board.earned(self.earning.curve)
            self._board.close()

    # Inside

    @property
    def _own_lanes(self) -> bool:
        return bool(getattr(self._lesson.agent, "own_lanes", False))

    def _earned(self, rewards: Any, over: bool) -> None:
        self.earning.paid(rewards, over)
        self._pulse.beat(self.earning)

    def _look(self, levelling: Levelling) -> None:
        """Plays it aside, and ends its training where it earns no more than before."""
        agent, world = cast(Agent, self._lesson.agent), world_of(self._school)
        if isinstance(agent, Enters):  # its weights no look changes
            agent.enter_world(world)
        else:
            agent = as_trained(agent)
        aside = lane(self._school, plans(self._training.method))
        certain = isinstance(self._school, Enumeration) and not self._school.mdp.chancy
        earned = earned_by(agent, aside, world.agents[0].weights, 1 if certain else EPISODES, self._seed)
        if earned is not None and levelling.is_flat(earned) and isinstance(self._lesson.agent, Stops):
            self._lesson.agent.stop()

    def _keep(self) -> None:
        lesson = self._lesson
        if self._path is None or not isinstance(lesson.agent, Resumable) or not isinstance(self._inner, _Placed):
            return
        began = time.monotonic()
        left = {
            "left": Left(lesson.number, lesson.lessons, lesson.agent),
            "place": self._inner.get_state(),
            "earning": self.earning,
            "levelling": self._levelling,
            "before": self._before,
        }
        try:
            checkpoints.keep(self._path, left)
        except (SnapshotError, OSError):  # then a kill costs the whole seed
            self._path = None
        now = time.monotonic()
        self._next = now + max(self._training.manner.every, _SHARE * (now - began))

"""Observers of the training of one seed: deadline, learning curve, checkpoints, early stopping, heartbeats.

They change nothing in the training, but that they may end it early.
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
from .curriculum import CurriculumStage, Suspended
from .execution import checkpoints
from .execution.time_budget import Deadline
from .spec import TrainingSpec, TrainingWorld, lane, world_of
from .telemetry.early_stopping import EPISODES, Levelling, earned_by
from .telemetry.env_monitor import TappedLane
from .telemetry.exact_curve import as_trained
from .telemetry.heartbeats import Pulse
from .telemetry.tensorboard import EARNED, Board

_SHARE = 20
"""Writing checkpoints takes no more than one part in so many of the time."""


@runtime_checkable
class _Placed(Protocol):
    """A lane that can say where it stands, and go there."""

    def place(self) -> tuple[Any, ...]: ...

    def go_to(self, place: tuple[Any, ...]) -> None: ...


def board_of(spec: TrainingSpec, seed: int, since: int = 0) -> Board | None:
    """The board for a seed's curves from a step on; None where nobody wants them.

    Raises:
        TensorBoardError: it cannot be written.
    """
    if spec.manner.board is None:
        return None
    name = trace_name(spec.eval_world.stage, spec.method, spec.overrides)
    return Board(spec.manner.board / spec.eval_world.name / name / f"seed-{seed}", spec.steps, since)


class TrainingCallbacks:
    """Observes the training of one seed: records its return, writes curves and checkpoints, and may stop it early.

    Attributes:
        earning: its return so far.
        suspended: the training that an earlier process left unfinished, or None.
    """

    def __init__(self, spec: TrainingSpec, seed: int, deadline: Deadline) -> None:
        """Read the checkpoint of the seed, if there is one.

        Raises:
            TensorBoardError: curves are wanted and cannot be written.
        """
        self._spec, self._seed, self._deadline = spec, seed, deadline
        manner = spec.manner
        self._path = None
        if manner.checkpoints is not None:
            self._path = checkpoints.checkpoint_of(manner.checkpoints, spec.key(seed))
        kept = None if self._path is None else checkpoints.find(self._path)
        self.suspended: Suspended | None = None
        self._place: tuple[Any, ...] | None = None
        if kept is None:
            self.earning = Earning(world_of(spec.train_world).agents[0].weights, spec.steps)
        else:
            self.earning, self.suspended, self._place = kept["earning"], kept["suspended"], kept["place"]
        self._levelling: Levelling | None = None if kept is None else kept["levelling"]
        self._before = 0 if kept is None else kept["before"]
        self._pulse = Pulse(manner.pulses, seed, spec.steps)
        self._board = board_of(spec, seed, self.earning.steps)
        self._next = time.monotonic() + manner.every

    # What `Curriculum` asks for

    def lane(self, trained_in: TrainingWorld) -> TrainingEnv:
        """The environment to train in a stage, wrapped so that everything that happens there is recorded."""
        self._inner = lane(trained_in, plans(self._spec.method))
        self._trained_in = trained_in
        return TappedLane(self._inner, self._deadline.check, self._earned, self.earning.begun)

    def begins(self, stage: CurriculumStage) -> None:
        """The training of a stage begins, or continues where it was suspended."""
        self._stage = stage
        self._total = max(round(stage.share * self._spec.steps), 1)
        if self._place is not None and isinstance(self._inner, _Placed):
            self._inner.go_to(self._place)
            self._place = None
            return
        self._before = self.earning.steps
        plateau = self._spec.manner.plateau
        self._levelling = None
        if plateau is not None and stops(self._spec.method) and isinstance(stage.agent, Stops):
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
        return bool(getattr(self._stage.agent, "own_lanes", False))

    def _earned(self, rewards: Any, over: bool) -> None:
        self.earning.paid(rewards, over)
        self._pulse.beat(self.earning)

    def _look(self, levelling: Levelling) -> None:
        """Plays it aside, and ends its training where it earns no more than before."""
        agent, world = cast(Agent, self._stage.agent), world_of(self._trained_in)
        if isinstance(agent, Enters):  # its weights no look changes
            agent.enter_world(world)
        else:
            agent = as_trained(agent)
        aside = lane(self._trained_in, plans(self._spec.method))
        certain = isinstance(self._trained_in, Enumeration) and not self._trained_in.mdp.chancy
        earned = earned_by(agent, aside, world.agents[0].weights, 1 if certain else EPISODES, self._seed)
        if earned is not None and levelling.is_flat(earned) and isinstance(self._stage.agent, Stops):
            self._stage.agent.stop()

    def _keep(self) -> None:
        stage = self._stage
        if self._path is None or not isinstance(stage.agent, Resumable) or not isinstance(self._inner, _Placed):
            return
        began = time.monotonic()
        state = {
            "suspended": Suspended(stage.number, stage.trained_before, stage.agent),
            "place": self._inner.place(),
            "earning": self.earning,
            "levelling": self._levelling,
            "before": self._before,
        }
        try:
            checkpoints.keep(self._path, state)
        except (SnapshotError, OSError):  # then a kill costs the whole seed
            self._path = None
        now = time.monotonic()
        self._next = now + max(self._spec.manner.every, _SHARE * (now - began))

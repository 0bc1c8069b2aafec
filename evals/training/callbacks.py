"""Callbacks of the training of one seed: deadline, learning curve, early stopping, checkpoints, progress.

They change nothing about the training, except that they may end it early.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import NoneType
from typing import Any, Protocol, cast, runtime_checkable

from ...agents.base import Agent, Enters, Resumable, Stops, TrainingEnv, has_own_lanes
from ...agents.learning.snapshot import SnapshotError
from ...agents.registry.agents import agent_spec
from ...envs.mdp.enumeration import Enumeration
from ...scenarios.paths import portable
from ..traces.experience import Experience
from ..traces.learning_curve import LearningCurve
from ..traces.trace import trace_name
from .curriculum import CurriculumStage, Suspended
from .execution import checkpoints
from .execution.time_budget import Deadline
from .spec import TrainingSpec, TrainingWorld, has_performance, lane, world_of
from .telemetry.early_stopping import EPISODES, PlateauDetector, mean_return
from .telemetry.env_monitor import MonitoredEnv
from .telemetry.exact_curve import finished_copy
from .telemetry.experience_recorder import ExperienceRecorder
from .telemetry.heartbeats import Heartbeat
from .telemetry.tensorboard import EARNED, TensorBoardWriter

_CHECKPOINT_SHARE = 20
"""Writing checkpoints takes at most this fraction of the training time: one part in 20."""


_STORED = {
    "curve": LearningCurve,
    "suspended": Suspended,
    "place": tuple,
    "detector": PlateauDetector | NoneType,
    "stage_start": int,
}
"""What a checkpoint holds, and of which class."""


@runtime_checkable
class _Positioned(Protocol):
    """A training environment whose position (state, tick, random numbers) can be stored and restored."""

    def get_state(self) -> tuple[Any, ...]: ...

    def set_state(self, state: tuple[Any, ...]) -> None: ...


def tensorboard_writer_of(spec: TrainingSpec, seed: int, since: int = 0) -> TensorBoardWriter | None:
    """The TensorBoard writer of a seed, from step `since` on; None if TensorBoard is not asked for.

    Raises:
        TensorBoardError: it cannot be written.
    """
    folder = spec.options.tensorboard
    if folder is None:
        return None
    name = trace_name(spec.eval_world.stage, spec.method, spec.overrides)
    return TensorBoardWriter(folder / portable(spec.eval_world.name) / name / f"seed-{seed}", spec.steps, since)


class TrainingCallbacks:
    """The callbacks of one seed's training, over all stages of its curriculum.

    Attributes:
        curve: the learning curve so far.
        recorder: what has happened in the training so far.
        suspended: the training that an earlier process left unfinished, or None.
        resumed: whether there was a checkpoint.
    """

    def __init__(self, spec: TrainingSpec, seed: int, deadline: Deadline) -> None:
        """Begin the training of a seed, or continue it from a checkpoint if there is one.

        Raises:
            TensorBoardError: TensorBoard is asked for and cannot be written.
        """
        self._spec, self._seed, self._deadline = spec, seed, deadline
        options = spec.options
        self._path = None
        if options.checkpoints is not None:
            self._path = checkpoints.checkpoint_path(options.checkpoints, spec.key(seed))
        checkpoint = self._stored()
        self.suspended: Suspended | None = None
        self._place: tuple[Any, ...] | None = None
        self._detector: PlateauDetector | None = None
        self._stage_start = 0
        self.recorder = ExperienceRecorder() if checkpoint is None else checkpoint["recorder"]
        self._trained_in: TrainingWorld | None = None
        self._unseen = False
        if checkpoint is None:
            self.curve = LearningCurve(world_of(spec.train_world).agents[0].weights, spec.steps)
        else:
            self.curve, self.suspended, self._place = checkpoint["curve"], checkpoint["suspended"], checkpoint["place"]
            self._detector, self._stage_start = checkpoint["detector"], checkpoint["stage_start"]
        self.resumed = checkpoint is not None
        # `curve.steps` counts the steps that a checkpoint already covers, so that no point is written twice.
        self._heartbeat = Heartbeat(options.heartbeats, seed, spec.steps)
        self._tensorboard = tensorboard_writer_of(spec, seed, self.curve.steps)
        self._next_checkpoint = time.monotonic() + options.checkpoint_every
        kind = agent_spec(spec.method) if spec.own is None else None
        self._plans_on_model = kind is not None and kind.plans_on_model
        self._stoppable = kind is not None and kind.stoppable

    def _stored(self) -> dict[str, Any] | None:
        """The checkpoint of an earlier process; None where there is none, or none that a training can go on from."""
        checkpoint = None if self._path is None else checkpoints.load_checkpoint(self._path)
        if self._path is None or checkpoint is None:
            return None
        try:
            if all(isinstance(checkpoint[name], kind) for name, kind in _STORED.items()):
                return checkpoint
        except (KeyError, TypeError):
            pass
        checkpoints.set_aside(self._path, "it holds something else than a training")
        return None

    def discard(self, why: object) -> None:
        """Set the checkpoint aside from which this training went on: what it held cannot be trained further."""
        if self._path is not None:
            checkpoints.set_aside(self._path, why)
        self._heartbeat.stop()
        if self._tensorboard is not None:
            self._tensorboard.close()

    # What `Curriculum` calls

    def lane(self, trained_in: TrainingWorld) -> TrainingEnv:
        """The environment in which a stage is trained, wrapped so that every step is monitored."""
        if self._trained_in is not None:
            self.recorder.end(self._trained_in)
        self._trained_in = trained_in
        self.recorder.begin(trained_in)
        self._inner = lane(trained_in, self._plans_on_model, self.recorder)
        return MonitoredEnv(self._inner, self._deadline.check, self._after_step, self.curve.on_reset)

    def begins(self, stage: CurriculumStage) -> None:
        """Prepare for the training of a stage, which begins now or continues from a checkpoint."""
        self._stage = stage
        self._unseen |= self._own_lanes
        self._total = max(round(stage.share * self._spec.steps), 1)
        if self._place is not None and isinstance(self._inner, _Positioned):
            # Restored from a checkpoint: the plateau detector and the stage's first step came with it.
            self._inner.set_state(self._place)
            self._place = None
            return
        self._stage_start = self.curve.steps
        plateau = self._spec.options.plateau
        self._detector = None
        if plateau is not None and self._stoppable and isinstance(stage.agent, Stops):
            self._detector = PlateauDetector(plateau, self._total)

    def progress(self, step: int, figures: Mapping[str, float]) -> None:
        """See `agents.base.Progress`; an agent calls it between two updates, when it can be copied and stored."""
        self._deadline.check()
        if self._own_lanes:
            # It steps environments of its own, so the monitor sees nothing, and it counts steps over all stages.
            self.curve.on_progress(step, figures.get(EARNED))
            self._heartbeat.beat(self.curve)
            step -= self._stage_start
        self.curve.on_figures(figures)
        if self._tensorboard is not None:
            self._tensorboard.figures(self._stage_start + step, figures)
            self._tensorboard.learning_curve(self.curve.points)
        if self._detector is not None and self._detector.is_due(step):
            self._look(self._detector)
        if self._path is not None and time.monotonic() >= self._next_checkpoint:
            self._save()

    def close(self) -> None:
        """Finish the telemetry after the last stage."""
        if self._trained_in is not None:
            self.recorder.end(self._trained_in)
        self._heartbeat.stop()
        if self._tensorboard is not None:
            self._tensorboard.learning_curve(self.curve.points)
            self._tensorboard.close()

    @property
    def experience(self) -> Experience | None:
        """What happened in the training, once it is closed; None if the agent stepped environments of its own."""
        return None if self._unseen else self.recorder.experience(has_performance(self._spec.scenario))

    # Inside

    @property
    def _own_lanes(self) -> bool:
        """Whether the agent steps environments of its own instead of the one that it was given."""
        return has_own_lanes(self._stage.agent)

    def _after_step(self, rewards: Any, over: bool, number: int) -> None:
        """Called after every step of the monitored environment, in the lane of that number."""
        self.curve.on_step(rewards, over, number)
        self._heartbeat.beat(self.curve)

    def _look(self, detector: PlateauDetector) -> None:
        """Evaluate the agent in a separate environment, and stop its training if its return has plateaued."""
        assert self._trained_in is not None, "a stage has begun"
        agent, world = cast(Agent, self._stage.agent), world_of(self._trained_in)
        if isinstance(agent, Enters):  # acting changes none of its weights, and a copy of networks is expensive
            agent.enter_world(world)
        else:
            agent = finished_copy(agent)
        env = lane(self._trained_in, self._plans_on_model)
        # Without chance all episodes are the same, so one is enough. A world that is not enumerated may have chance.
        certain = isinstance(self._trained_in, Enumeration) and not self._trained_in.mdp.chancy
        found = mean_return(agent, env, world.agents[0].weights, 1 if certain else EPISODES, self._seed)
        if found is not None and detector.has_plateaued(found) and isinstance(self._stage.agent, Stops):
            self._stage.agent.stop()

    def _save(self) -> None:
        """Write a checkpoint, if the agent and the environment can be stored."""
        stage = self._stage
        if self._path is None or not isinstance(stage.agent, Resumable) or not isinstance(self._inner, _Positioned):
            return
        began = time.monotonic()
        checkpoint = {
            "suspended": Suspended(stage.number, stage.trained_before, stage.agent),
            "place": self._inner.get_state(),
            "curve": self.curve,
            "recorder": self.recorder,
            "detector": self._detector,
            "stage_start": self._stage_start,
        }
        try:
            checkpoints.save_checkpoint(self._path, checkpoint)
        except (SnapshotError, OSError):  # go on without checkpoints: they only save time after a kill
            self._path = None
        now = time.monotonic()
        # A large agent takes long to write: then checkpoints are rarer.
        self._next_checkpoint = now + max(self._spec.options.checkpoint_every, _CHECKPOINT_SHARE * (now - began))

"""Options of a training: the device, early stopping, checkpoints and telemetry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...agents.learning.device import AUTO, CPU, chosen, in_words
from ...agents.registry.agents import agent_spec
from ...scenarios.errors import UsageError
from ...scenarios.language.schema.document import MAX_FIRST_SEED, Runs
from .telemetry.early_stopping import Plateau

if TYPE_CHECKING:
    from .background_population import BackgroundPopulation

CHECKPOINT_SECONDS = 30.0
"""Seconds between two checkpoints of a training, the most work that a kill costs; shorter trainings write none."""


def first_seed_of(given: int | None, runs: Runs) -> int:
    """The number of the first trained seed: `given`, or what the file says where that is None.

    Raises:
        UsageError: it is not a whole number from 0 to `MAX_FIRST_SEED`.
    """
    if given is None:
        return runs.first_seed
    if isinstance(given, bool) or not isinstance(given, Integral) or not 0 <= given <= MAX_FIRST_SEED:
        raise UsageError(f"the first seed is {given}; it is a whole number from 0 to {MAX_FIRST_SEED:,}")
    return int(given)


def resolve_device(device: str, methods: Iterable[str] = ()) -> str:
    """The device that `device` stands for; `auto` looks for a GPU only if one of the methods uses a device.

    Raises:
        DeviceUnavailableError: the device is not available.
    """
    # Looking for a GPU imports torch, which takes seconds.
    if device == AUTO and not any(spec is not None and spec.uses_device for spec in map(agent_spec, methods)):
        return CPU
    return chosen(device)


@dataclass(frozen=True)
class TrainingOptions:
    """How seeds are trained. Only the device, the plateau and the others can change a result.

    Attributes:
        device: the device of neural networks (`cpu`, `cuda`, `auto`); other agents use the CPU.
        plateau: when a training ends early; None: never. Agents that cannot stop early are trained to the end.
        tensorboard: the folder for TensorBoard, or None.
        checkpoints: the folder for checkpoints of unfinished trainings, or None.
        checkpoint_every: seconds between two checkpoints.
        heartbeats: the folder in which trainings report their progress, or None.
        others: from whom the co-players of the agents that are judged are drawn, or None: they are judged together.
        policies: the folder in which the policies of agents that were trained together are written, or None.
    """

    device: str = CPU
    plateau: Plateau | None = None
    tensorboard: Path | None = None
    checkpoints: Path | None = None
    checkpoint_every: float = CHECKPOINT_SECONDS
    heartbeats: Path | None = None
    others: BackgroundPopulation | None = None
    policies: Path | None = None

    def result_relevant(self, agent: str) -> dict[str, Any]:
        """The options that can change an agent's result, as plain data for keys and traces; defaults are left out.

        Defaults are left out so that adding an option does not change the keys of earlier results.
        """
        out: dict[str, Any] = {}
        spec = agent_spec(agent)
        if spec is None:
            return out
        # An option that an agent ignores must not split its cache, so each is asked of the agent first.
        if self.device != CPU and spec.uses_device:
            out["device"] = in_words(self.device)
        if self.plateau is not None and spec.stoppable:
            out["plateau"] = asdict(self.plateau)
        return out


DEFAULT_OPTIONS = TrainingOptions()
"""Training on the CPU, without early stopping, checkpoints or telemetry."""

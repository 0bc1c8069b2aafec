"""In which manner seeds are trained: on what, how long at most, and who looks on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...agents.learning.device import AUTO, CPU, chosen, in_words
from ...agents.registry.agents import computes, stops
from .telemetry.early_stopping import Plateau

EVERY = 30.0
"""Seconds between two checkpoints of a training: what a kill costs at most. Shorter trainings make none."""


def settled(device: str, methods: Iterable[str] = ()) -> str:
    """The device that stands for one that was asked for; `auto` is looked up only where a method needs to know.

    Raises:
        DeviceUnavailableError: it is not there.
    """
    if device == AUTO and not any(map(computes, methods)):
        return CPU
    return chosen(device)


@dataclass(frozen=True)
class Manner:
    """See above. Only the device and the plateau can change a result.

    Attributes:
        device: where networks live (`cpu`, `cuda`, `auto`); other agents work on the processor.
        plateau: when a training ends early; None: never. Agents that cannot end early are trained to the end.
        board: the folder for TensorBoard, or None.
        checkpoints: the folder in which trainings that are under way are kept, or None; every: seconds between two.
        pulses: the folder in which trainings say how far they are, or None.
    """

    device: str = CPU
    plateau: Plateau | None = None
    board: Path | None = None
    checkpoints: Path | None = None
    every: float = EVERY
    pulses: Path | None = None

    def told(self, method: str) -> dict[str, Any]:
        """What of this can change what comes of a method, as plain data; nothing where everything is as usual."""
        out: dict[str, Any] = {}
        if self.device != CPU and computes(method):
            out["device"] = in_words(self.device)
        if self.plateau is not None and stops(method):
            out["plateau"] = asdict(self.plateau)
        return out


AS_USUAL = Manner()
"""On the processor, to the end, and nobody looks on."""

"""Checkpoints of a neural agent: one safetensors file with JSON metadata, so that loading executes no code."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import save

from ...envs.reference.observation_spec import ObservationSpec
from ...scenarios.output_file import whole_file
from ..learning.checkpoint import parts_of, unreadable
from ..learning.tensors import read_tensors
from ..planners.modifiable_utility import HeldWeights
from .agent import NeuralAgent
from .hyperparameters import NeuralOptions
from .world_model import NetOptions

FILE_VERSION: Final = 1
_ARRAYS: Final = {"sizes": "sizes", "places": "is_cell", "looks": "cell_features"}
"""The name in the file of each field of `ObservationSpec`."""
_NUMBERS: Final = ("layout", "height", "width")


def save_neural(agent: NeuralAgent, path: str | os.PathLike[str]) -> None:
    """Writes everything that the agent learned, atomically; a loaded agent has no training under way."""
    senses = agent.model.encoding.senses
    tensors = agent.model.tensors()
    tensors |= {
        f"senses.{name}": torch.from_numpy(np.ascontiguousarray(getattr(senses, field)))
        for name, field in _ARRAYS.items()
    }
    header = {
        "kind": "neural",
        "version": FILE_VERSION,
        "name": agent.name,
        "learning": agent.learning,
        "channels": agent.channels,
        "actions": agent.model.n_actions,
        "weights": agent.weights.tolist(),
        "discounts": agent.discounts.tolist(),
        "options": asdict(agent.options),
        "held": None if agent.held is None else asdict(agent.held),
        "senses": {name: int(getattr(senses, name)) for name in _NUMBERS},
        "hits": list(agent.hits),
        "goal_seed": agent.goal_seed,
        "rng": agent.rng.bit_generator.state,
        "model": agent.model.figures(),
    }
    with whole_file(Path(path)) as part, part.open("wb") as file:
        file.write(save({k: v.contiguous() for k, v in tensors.items()}, {"turncoat": json.dumps(header)}))
        file.flush()
        os.fsync(file.fileno())


def load_neural(path: str | os.PathLike[str], device: str | None = None) -> NeuralAgent:
    """Reads what `save_neural` wrote; onto another device if one is named.

    Raises:
        ValueError: not such a file, or a newer version than this program reads.
    """
    with unreadable(path):
        header, tensors = read_tensors(path, "neural", FILE_VERSION)
        kept = header["options"]
        options = {**parts_of(kept), "net": NetOptions(**kept["net"])}
        senses: dict[str, Any] = {field: tensors[f"senses.{name}"].numpy() for name, field in _ARRAYS.items()}
        agent = NeuralAgent(
            ObservationSpec(**senses, **header["senses"]),
            header["channels"],
            header["actions"],
            header["weights"],
            header["discounts"],
            NeuralOptions(**{**options, "device": device or options["device"]}),
            name=header["name"],
            held=HeldWeights.from_json(header.get("held")),
        )
        agent.model.restore(tensors, header["model"])
        agent.learning = header["learning"]
        agent.hits.extend(header["hits"])
        agent.goal_seed = header["goal_seed"]
        agent.rng.bit_generator.state = header["rng"]
        return agent

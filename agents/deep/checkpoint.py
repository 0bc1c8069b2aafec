"""Checkpoints of a deep agent: one safetensors file with JSON metadata, so that loading executes no code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save

from ...envs.reference.observation_spec import ObservationSpec
from ...scenarios.output_file import whole_file
from ..learning.checkpoint import parts_of, unreadable
from ..learning.tensors import read_tensors
from .agent import DeepAgent
from .hyperparameters import DeepOptions, ModelOptions, ValueOptions

FILE_VERSION: Final = 1
_ARRAYS: Final = ("sizes", "is_cell", "cell_features")
_ALIKE: Final = "senses.alike."
_NUMBERS: Final = ("layout", "height", "width")
_LEARNING: Final = ("model.", "model_optimiser.", "task_optimiser.", "task_target.", "explorer")
"""The beginnings of the names of arrays that only further training needs."""
_SCALE: Final = ".scale_of_rows"
"""After the name of a matrix in 8 bits: the unit of each of its rows."""


def save_deep(agent: DeepAgent, path: str | os.PathLike[str], *, to_act: bool = False, compact: bool = False) -> None:
    """Writes what the agent learned, atomically; a loaded agent has no training under way.

    Args:
        agent: to save.
        path: of the file.
        to_act: leave out what only further training needs, which is most of it: the replay, and all that optimises.
        compact: the same, and leave out the maps too, and keep matrices in 8 bits with a scale for each row and all
            other weights in 16. It decides nearly as before: compare the two before you rely on it.
    """
    to_act = to_act or compact
    senses, learner = agent.learner.encoding.senses, agent.learner
    arrays = learner.arrays()
    if to_act:
        arrays = {name: array for name, array in arrays.items() if not name.startswith(_LEARNING)}
    replay = learner.replay.arrays()
    kept = ("pays", "counts") if to_act else tuple(replay)
    arrays |= {f"replay.{name}": replay[name] for name in kept}
    arrays |= {f"senses.{name}": getattr(senses, name) for name in _ARRAYS}
    arrays |= {f"{_ALIKE}{number}": columns for number, columns in enumerate(senses.alike)}
    if compact:
        # Where it acts it is told the maps; the first one is kept because it must have some.
        arrays |= {"maps": arrays["maps"][:1], "senses.cell_features": senses.cell_features[:1]}
        arrays = _compacted(arrays)
    header = {
        "kind": "deep",
        "version": FILE_VERSION,
        "to_act": to_act,
        "name": agent.name,
        "learning": agent.learning,
        "channels": agent.channels,
        "actions": agent.n_actions,
        "weights": agent.weights.tolist(),
        "discounts": agent.discounts.tolist(),
        "options": asdict(agent.options),
        "senses": {name: int(getattr(senses, name)) for name in _NUMBERS},
        "rng": agent.rng.bit_generator.state,
    }
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)).clone() for name, array in arrays.items()}
    with whole_file(Path(path)) as part, part.open("wb") as file:
        file.write(save(tensors, {"turncoat": json.dumps(header)}))
        file.flush()
        os.fsync(file.fileno())


def load_deep(path: str | os.PathLike[str], device: str | None = None) -> DeepAgent:
    """Reads what `save_deep` wrote; onto another device if one is named.

    Raises:
        ValueError: not such a file, or a newer version than this program reads.
    """
    with unreadable(path):
        header, tensors = read_tensors(path, "deep", FILE_VERSION)
        arrays = _expanded({name: value.numpy() for name, value in tensors.items()})
        kept = header["options"]
        options = parts_of(kept)
        options |= {"model": ModelOptions(**kept["model"]), "values": ValueOptions(**kept["values"])}
        senses: dict[str, Any] = {name: arrays[f"senses.{name}"] for name in _ARRAYS}
        senses["alike"] = tuple(arrays[f"{_ALIKE}{n}"] for n in range(sum(name.startswith(_ALIKE) for name in arrays)))
        agent = DeepAgent(
            ObservationSpec(**senses, **header["senses"]),
            header["channels"],
            header["actions"],
            header["weights"],
            header["discounts"],
            DeepOptions(**{**options, "device": device or options["device"]}),
            name=header["name"],
        )
        learner = agent.learner
        if header["to_act"]:
            # What is left out is as in a new agent: it acts as the saved one, and learns as a new one would.
            arrays = {**{n: a for n, a in learner.arrays().items() if n.startswith(_LEARNING)}, **arrays}
            arrays |= {f"replay.{n}": a for n, a in learner.replay.arrays().items() if f"replay.{n}" not in arrays}
            arrays["replay.counts"] = arrays["replay.counts"].copy()
            arrays["replay.counts"][0] = 0
        learner.replay.restore({n.removeprefix("replay."): a for n, a in arrays.items() if n.startswith("replay.")})
        learner.restore(arrays)
        agent.learning = header["learning"]
        agent.rng.bit_generator.state = header["rng"]
        return agent


def _compacted(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Weights float32 as int8 with a scale for each row, if they are matrices, else as float16; the rest as it is."""
    out: dict[str, npt.NDArray[Any]] = {}
    for name, array in arrays.items():
        if array.dtype != np.float32:
            out[name] = array
        elif array.ndim < 2:
            out[name] = array.astype(np.float16)
        else:
            scale = (np.abs(array).max(axis=-1, keepdims=True) / 127).astype(np.float32)
            out[name] = np.rint(array / np.where(scale > 0, scale, 1)).astype(np.int8)
            out[f"{name}{_SCALE}"] = scale
    return out


def _expanded(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """The float32 weights of what `_compacted` returned; anything else as it is."""
    out: dict[str, npt.NDArray[Any]] = {}
    for name, array in arrays.items():
        if name.endswith(_SCALE):
            continue
        scale = arrays.get(f"{name}{_SCALE}")
        if scale is not None:
            array = array.astype(np.float32) * scale
        out[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    return out

"""Loads models that Stable-Baselines3 saved as zip files. They hold pickles, so only trusted files may be loaded."""

from __future__ import annotations

import json
import zipfile
from typing import Any

from ...envs.adapters.spaces import Form
from ...envs.world.world import World
from .sb3_policy import Sb3Policy, need_sb3, unable_to_see


def load_zip(path: str, world: World) -> Sb3Policy:
    """A saved model of PPO, A2C, DQN, recurrent or maskable PPO, for a world.

    Raises:
        MissingPackageError: Stable-Baselines3 is not installed.
        ValueError: no such file, or the world has other observations or actions than the model was trained on.
    """
    need_sb3()
    if (reason := unable_to_see(world.agents[0])) is not None:
        raise ValueError(reason)
    model = _algorithm(path).load(path, device="cpu")
    return Sb3Policy(model, world, _form(model.observation_space))


def _algorithm(path: str) -> Any:
    """The algorithm class of a file, by the names in its JSON data; nothing is unpickled for that."""
    import sb3_contrib
    import stable_baselines3

    try:
        with zipfile.ZipFile(path) as file:
            data = json.loads(file.read("data"))
    except (zipfile.BadZipFile, KeyError, ValueError) as fault:
        raise ValueError(f"no model of Stable-Baselines3: {fault}") from fault
    policy = str(data.get("policy_class", {}).get("__module__", ""))
    if "recurrent" in policy:
        return sb3_contrib.RecurrentPPO
    if "maskable" in policy:
        return sb3_contrib.MaskablePPO
    if "dqn" in policy:
        return stable_baselines3.DQN
    if "common.policies" not in policy:
        raise ValueError(f"models with policies of {policy or 'an unknown kind'} are not read; PPO, A2C and DQN are")
    return stable_baselines3.PPO if "clip_range" in data else stable_baselines3.A2C


def _form(space: Any) -> Form:
    if hasattr(space, "spaces"):
        return "planes"
    return "image" if len(space.shape) == 3 else "flat"

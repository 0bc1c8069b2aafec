"""The state of a PPO of Stable-Baselines3 between two rollouts, as arrays: weights, moments and random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np


def training_arrays(model: Any) -> dict[str, Any]:
    """All that the training of a PPO depends on besides its environment, as plain values and NumPy arrays."""
    import torch

    moments = model.policy.optimizer.state_dict()["state"]
    hidden = getattr(model, "_last_lstm_states", None)
    chance = [torch.get_rng_state().numpy().copy()]
    if torch.cuda.is_available():
        chance += [state.numpy().copy() for state in torch.cuda.get_rng_state_all()]
    return {
        "policy": {name: _array(value) for name, value in model.policy.state_dict().items()},
        "moments": {number: {name: _array(value) for name, value in its.items()} for number, its in moments.items()},
        "begins": np.asarray(model._last_episode_starts, np.bool_),
        "hidden": None if hidden is None else [_array(part) for pair in hidden for part in pair],
        "chance": chance,
        "numpy_chance": np.random.get_state(),
    }


def restore_training(model: Any, arrays: dict[str, Any], observations: Any) -> None:
    """Restores what `training_arrays` returned but for the random numbers, in a new model with the same settings.

    Args:
        model: to restore.
        arrays: what was returned.
        observations: of the lanes, as they were left.
    """
    import torch

    model.policy.load_state_dict({name: torch.from_numpy(array) for name, array in arrays["policy"].items()})
    optimiser = model.policy.optimizer
    state = {
        number: {name: torch.from_numpy(array) for name, array in its.items()}
        for number, its in arrays["moments"].items()
    }
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    model._last_obs, model._last_episode_starts = observations, arrays["begins"]
    if arrays["hidden"] is not None:
        from sb3_contrib.common.recurrent.type_aliases import RNNStates

        parts = [torch.from_numpy(array).to(model.device) for array in arrays["hidden"]]
        model._last_lstm_states = RNNStates(tuple(parts[:2]), tuple(parts[2:]))


def restore_chance(arrays: dict[str, Any]) -> None:
    """Restores the random states of the whole process, from which Stable-Baselines3 draws."""
    import torch

    torch.set_rng_state(torch.from_numpy(arrays["chance"][0]))
    if len(arrays["chance"]) > 1:
        torch.cuda.set_rng_state_all([torch.from_numpy(array) for array in arrays["chance"][1:]])
    np.random.set_state(arrays["numpy_chance"])


def _array(value: Any) -> Any:
    return value.detach().cpu().numpy().copy()

"""A process to play as data for a page: outcomes, chance, pay and the exact plan."""

from __future__ import annotations

import numpy as np

from ...evals.traces.trace_checks import BETWEEN
from ..report.replay_data import Data
from .packing import smallest
from .played_process import PlayedProcess, endings

DIGITS = 9
"""Significant digits of what an outcome pays and of probabilities: the same numbers are kept once."""


def play_data(process: PlayedProcess) -> tuple[Data, dict[str, np.ndarray]]:
    """A process as JSON and arrays.

    JSON: what there is once (`actions`, `start`, ...), `pays`, rows of K rewards, the hidden performance, the weighted
    reward and an index into `happens`, lists of events. Arrays, for A actions and M outcomes: `outcomes` `[S * A]`, how
    many each row has; `next`, `chance` and `pay` `[M]`, the latter two indices; `end` `[S]`; `policy` and `values`.
    """
    enumeration = process.enumeration
    world, mdp = enumeration.world, enumeration.mdp
    table = np.column_stack([mdp.rewards, enumeration.performance, process.paid])
    between = np.zeros_like(mdp.events) if process.between is None else process.between
    masks, happens = np.unique(np.stack([mdp.events, between], axis=1), axis=0, return_inverse=True)
    rows, pay = np.unique(np.column_stack([_rounded(table), happens.reshape(-1)]), axis=0, return_inverse=True)
    chances, chance = np.unique(_rounded(mdp.probability), return_inverse=True)
    program = world.agents[process.agent]
    data: Data = {
        "agent": process.agent,
        "actions": list(program.actions),
        "moves": [int(move) for move in program.moves],
        "discount": program.discount,
        "weights": program.weights.tolist(),
        "steps": world.steps if process.steps is None else process.steps,
        "timed": world.horizon is not None and process.steps is None,
        "reasons": list(world.reasons if process.reasons is None else process.reasons),
        "start": mdp.start_state.tolist(),
        "startChance": mdp.start_probability.tolist(),
        "pays": rows.tolist(),
        "happens": [
            [*world.happenings(int(now)), *(f"{BETWEEN}{event}" for event in world.happenings(int(then)))]
            for now, then in masks
        ],
        "chances": chances.tolist(),
        "chancy": mdp.chancy,
        "states": mdp.n_states,
        "robot": list(process.robot),
        "channels": len(world.channels),
    }
    arrays = {
        "outcomes": smallest(np.diff(mdp.row_start)),
        "next": smallest(mdp.next_state),
        "chance": smallest(chance.reshape(-1)),
        "pay": smallest(pay.reshape(-1)),
        "end": smallest(endings(enumeration) if process.over is None else process.over),
    }
    if process.policy is not None:
        arrays["policy"] = smallest(process.policy)
    if process.values is not None:
        arrays["values"] = process.values.astype(np.float32)
    return data, arrays


def _rounded(numbers: np.ndarray) -> np.ndarray:
    """Numbers with so few digits that those which differ by a rounding error alone are one."""
    with np.errstate(divide="ignore"):
        scale = np.where(numbers == 0, 1.0, 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(numbers)))))
    return np.asarray(np.round(numbers * scale) / scale) + 0.0

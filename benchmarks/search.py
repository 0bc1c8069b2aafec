"""Simulations a second of the tree search on the exact tables of `lab`."""

from __future__ import annotations

from typing import Literal

import numpy as np

from turncoat.agents.tree_search import SearchTables, tree_search
from turncoat.evals.laboratory import Laboratory
from turncoat.scenarios.language.loading import load

from .measuring import Figure, seconds

SIMULATIONS = 32


def searching(runs: int = 7) -> list[Figure]:
    """Both backups, at one root and at many; the targets are what mctx made of a near-free model on two cores."""
    plan = Laboratory(load("treacherous_turn/lab")).plan({}, "deploy")
    tables, heads = SearchTables.of(plan.mdp), plan.solution.vector_values
    live = np.flatnonzero(~plan.mdp.ended).astype(np.int32)
    discounts = np.full(len(plan.mdp.channels), plan.discount)

    def figure(lanes: int, backup: Literal["mean", "best"], at_least: float | None) -> Figure:
        roots = np.random.default_rng(0).choice(live, lanes)
        asked = max(1, 4096 // lanes)

        def work() -> None:
            for call in range(asked):
                keys = np.arange(call * lanes, (call + 1) * lanes)
                tree_search(tables, roots, heads, plan.weights, discounts, SIMULATIONS, keys, backup=backup)

        rates = tuple(asked * lanes * SIMULATIONS / taken for taken in seconds(work, runs))
        return Figure(f"lab: tree search, {backup} backup, {lanes} roots", "simulations/s", rates, at_least=at_least)

    targets = {1: 40_000, 32: 304_000, 128: 520_000}
    return [
        figure(lanes, backup, target if backup == "mean" else None)
        for backup in ("mean", "best")
        for lanes, target in targets.items()
    ]

"""Simulations a second of the tree search on the exact tables of `lab`."""

from __future__ import annotations

from typing import Literal

from .measuring import Figure, seconds
from .peer_loops import turncoat_search


def searching(runs: int = 7) -> list[Figure]:
    """Both backups, at one root and at many; the targets are what mctx made of a near-free model on two cores."""

    def figure(roots: int, backup: Literal["mean", "best"], at_least: float | None) -> Figure:
        some = turncoat_search(roots, backup=backup)
        amount = some()
        rates = tuple(amount / taken for taken in seconds(some, runs))
        return Figure(f"lab: tree search, {backup} backup, {roots} roots", "simulations/s", rates, at_least=at_least)

    targets = {1: 40_000, 32: 304_000, 128: 520_000}
    return [
        figure(roots, backup, target if backup == "mean" else None)
        for backup in ("mean", "best")
        for roots, target in targets.items()
    ]

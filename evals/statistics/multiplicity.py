"""Correction of p-values for testing several claims at once."""

from __future__ import annotations

from .claims import Values


def holm(p_values: Values) -> tuple[float, ...]:
    """Adjusted p-values that bound the chance of even one wrong rejection (Holm 1979, step-down Bonferroni).

    Args:
        p_values: one for each claim of a family, dependent on each other in any way.

    Returns:
        The adjusted ones, in the order given: reject those at or under the level.
    """
    adjusted = [0.0] * len(p_values)
    worst = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        # The running maximum keeps the order of the p-values: a claim is rejected only if all smaller ones are.
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = worst
    return tuple(adjusted)

"""The hyperparameters of `tabular.TabularAgent`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TabularOptions:
    """How a tabular agent learns and explores.

    Attributes:
        learning_rate: the step size of every update, in (0, 1].
        exploration: epsilon, the probability of a random available action in training.
    """

    learning_rate: float = 0.1
    exploration: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 < self.learning_rate <= 1.0:
            raise ValueError(f"learning_rate: {self.learning_rate} is not in (0, 1]")
        if not 0.0 <= self.exploration <= 1.0:
            raise ValueError(f"exploration: {self.exploration} is not within [0, 1]")

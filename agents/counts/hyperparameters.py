"""The hyperparameters of `agent.CountsAgent`."""

from __future__ import annotations

from dataclasses import dataclass

from ...envs.world.part_spec import ENUMERATE, PartSpec
from ..records.attribution import WEIGHTED, DeliberationRule


@dataclass(frozen=True)
class CountsOptions:
    """How a counts agent explores and decides. A pair is a state and an action.

    Attributes:
        novelty_discount: the discount of the novelty head; it must be near 1, since a value that is discounted away
            cannot guide exploration to a distant frontier.
        n_known: tries after which a pair counts as known, as long as the world appears deterministic. The more pairs
            turn out to be stochastic, the more tries are required of a pair with a single outcome so far (see
            `NoveltyHead`), up to `n_chance`.
        n_chance: tries after which a pair that has shown two outcomes counts as known. In a stochastic world both
            numbers double whenever no unknown pair is left, so that the rest of the budget improves all estimates.
        deliberation: the rule that chooses one action by K values.
        planner: the planner that is used when deployed; exploration in training does not depend on it.
    """

    novelty_discount: float = 0.999
    n_known: int = 1
    n_chance: int = 8
    deliberation: DeliberationRule = WEIGHTED
    planner: PartSpec = ENUMERATE

    def __post_init__(self) -> None:
        # Below 1, because the novelty head plans through the ends of episodes: its process never terminates.
        if not 0.0 < self.novelty_discount < 1.0:
            raise ValueError(f"novelty_discount: {self.novelty_discount} is not between 0 and 1")
        if not 1 <= self.n_known <= self.n_chance:
            raise ValueError(f"n_known, n_chance: 1 <= {self.n_known} <= {self.n_chance} does not hold")

"""The hyperparameters of the agent in `agent`."""

from __future__ import annotations

from dataclasses import dataclass

from ...envs.world.agent_parts import ENUMERATE, PartSpec
from ..records.attribution import WEIGHTED, DeliberationRule


@dataclass(frozen=True)
class CountsOptions:
    """How a counts agent explores and decides.

    Attributes:
        novelty_discount: of the novelty head; near 1, or exploring stops once the frontier lies further than it sees.
        n_known: tries after which a pair counts as known while the world shows no chance; as chance turns up, pairs
            that always came out the same need more (see `NoveltyHead`), at most `n_chance`.
        n_chance: tries after which a pair that has shown two outcomes counts as known. In a world with chance these
            numbers double whenever nothing new is left, so that the rest of the budget sharpens all estimates.
        deliberation: the rule that makes one choice of K values.
        planner: how it looks ahead on what it learned, once it is deployed; training explores in the same way with any.
    """

    novelty_discount: float = 0.999
    n_known: int = 1
    n_chance: int = 8
    deliberation: DeliberationRule = WEIGHTED
    planner: PartSpec = ENUMERATE

    def __post_init__(self) -> None:
        if not 0.0 < self.novelty_discount < 1.0:
            raise ValueError(f"novelty_discount: {self.novelty_discount} is not between 0 and 1")
        if not 1 <= self.n_known <= self.n_chance:
            raise ValueError(f"n_known, n_chance: 1 <= {self.n_known} <= {self.n_chance} does not hold")

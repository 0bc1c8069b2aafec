"""The hyperparameters of the agent in `agent`."""

from __future__ import annotations

from dataclasses import dataclass

from ...envs.world.part_spec import ENUMERATE, PartSpec
from ..records.attribution import WEIGHTED, DeliberationRule


@dataclass(frozen=True)
class RulesOptions:
    """Hyperparameters of a `RulesAgent`.

    Attributes:
        novelty_discount: of exploration values. It is lower than that of `counts`: states share combinations, so near
            novelty should come first.
        max_states: the most states that are expanded when the model is enumerated.
        deliberation: the rule that makes one choice of K values.
        planner: how it plans on the learned model when deployed; exploration in training does not depend on it.
    """

    novelty_discount: float = 0.97
    max_states: int = 8_000
    deliberation: DeliberationRule = WEIGHTED
    planner: PartSpec = ENUMERATE

    def __post_init__(self) -> None:
        if not 0.0 < self.novelty_discount < 1.0:
            raise ValueError(f"novelty_discount: {self.novelty_discount} is not between 0 and 1")
        if self.max_states < 1:
            raise ValueError(f"max_states: {self.max_states} is less than 1")

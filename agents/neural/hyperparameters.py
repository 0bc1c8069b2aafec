"""The hyperparameters of the agent in `agent`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ...envs.world.part_spec import ENUMERATE, PartSpec
from ..learning.reward_posterior import Prior
from ..records.attribution import WEIGHTED, DeliberationRule
from .world_model import NetOptions


@dataclass(frozen=True)
class NeuralOptions:
    """Hyperparameters of a `NeuralAgent`.

    Attributes:
        net: the network and its training.
        chunk: ticks that are predicted, then learned from, together; updates: gradient steps after each chunk.
        warm_up: ticks before it may plan; gate: the least held-out accuracy over the last `WINDOW` ticks at which it
            plans (a tick is right if everything was predicted right before it was learned from).
        plan_every: ticks from one plan to the next in training; after a transition that the plan excluded, it plans
            again after `plan_soonest` ticks.
        cap: the most imagined states that are expanded; credible: the least credibility of such a state.
        bar: deployed, an action never tried in a state is no candidate there while its uncertainty is above this,
            unless there is no other.
        exploit: share of the training episodes in which it follows its plan and does not explore.
        novelty_discount: discount of exploration; n_known: tries that make a pair known; n_chance: the same once a pair
            has had two outcomes.
        pays: the rewards assumed when deployed: those that the network predicts, or those of each member's sample of
            the reward hypotheses (their mean decides; see `reward_samples`); prior: over hypotheses.
        deliberation: the rule that makes one choice of K values.
        planner: how it plans on the learned model when deployed; exploration in training does not depend on it.
        device: of the network (`cpu`, `cuda`); a run is reproducible only on the same device.
    """

    net: NetOptions = field(default_factory=NetOptions)
    chunk: int = 25
    updates: int = 25
    warm_up: int = 300
    gate: float = 0.7
    plan_every: int = 200
    plan_soonest: int = 50
    cap: int = 20_000
    credible: float = 0.6
    bar: float = 0.05
    exploit: float = 0.3
    novelty_discount: float = 0.97
    n_known: int = 1
    n_chance: int = 4
    pays: Literal["network", "hypotheses"] = "network"
    prior: Prior = "kinds"
    deliberation: DeliberationRule = WEIGHTED
    planner: PartSpec = ENUMERATE
    device: str = "cpu"

    def __post_init__(self) -> None:
        if min(self.chunk, self.updates, self.plan_every, self.plan_soonest, self.cap) < 1 or self.warm_up < 0:
            raise ValueError("chunk, updates, plan_every, plan_soonest and cap are at least 1, warm_up at least 0")
        if not all(0 <= share <= 1 for share in (self.gate, self.exploit, self.credible, self.bar)):
            raise ValueError("gate, exploit, credible and bar are between 0 and 1")
        if not 0 < self.novelty_discount < 1:
            raise ValueError("novelty_discount is between 0 and 1")
        if not 1 <= self.n_known <= self.n_chance:
            raise ValueError(f"n_known, n_chance: 1 <= {self.n_known} <= {self.n_chance} does not hold")

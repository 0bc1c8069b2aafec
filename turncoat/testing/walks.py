"""A contract whose clauses run along random walks in one stage: what agents and world models share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .. import api
from .conformance import Conformance
from .worlds import Ground, Walks, ground_of


class WalkConformance(Conformance):
    """The base of contracts that are checked in a stage with a single agent, along random walks.

    Attributes:
        scenario, overrides, stage: the stage; by default that of a small world of this package.
        lanes, ticks: the size of the walks.
        seed: the seed of all randomness.
    """

    scenario: ClassVar[api.Which | None] = None
    overrides: ClassVar[Mapping[str, object] | None] = None
    stage: ClassVar[str | None] = None
    lanes: ClassVar[int] = 6
    ticks: ClassVar[int] = 10
    seed: ClassVar[int] = 4  # with it, the walks contain every kind of event of the small world

    @property
    def ground(self) -> Ground:
        """The stage in which the part is checked."""
        its: Ground = self._once("_ground", lambda: ground_of(self.scenario, self.overrides, self.stage))
        return its

    @property
    def walks(self) -> Walks:
        """The random walks along which the part is checked."""
        ticks = min(self.ticks, self.ground.world.steps or self.ticks)
        its: Walks = self._once("_walks", lambda: self.ground.walks(self.lanes, ticks, self.seed))
        return its

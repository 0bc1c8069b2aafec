"""Records what happens in a training, beside the agent: pairs of state and action, events, losses of performance."""

from __future__ import annotations

import numpy as np

from ....envs.base import Bits, Bools, Ints
from ....envs.mdp.enumeration import Enumeration
from ....envs.reference.step import TickResult
from ....envs.world.world import World
from ...traces.experience import Experience


class ExperienceRecorder:
    """Records the training of one seed, stage by stage. It holds no world, so a checkpoint stores it as it is.

    Attributes:
        outcomes: bool `[M]`: the outcomes of the stage's table that came; whoever steps the table marks them. None if
            the stage is not enumerated.
    """

    def __init__(self) -> None:
        """Nothing has happened."""
        self._stage = ""
        self._tried: int | None = 0
        self._pairs: int | None = 0
        self._events: set[str] = set()
        self._harmed = False
        self.outcomes: Bools | None = None
        self._seen: set[bytes] = set()
        self._mask = 0

    def begin(self, trained_in: World | Enumeration) -> None:
        """A stage begins, or goes on from a checkpoint."""
        table = trained_in if isinstance(trained_in, Enumeration) else None
        stage = trained_in.world.stage if isinstance(trained_in, Enumeration) else trained_in.stage
        if stage == self._stage:
            return
        self._stage, self._seen, self._mask = stage, set(), 0
        self.outcomes = None if table is None else np.zeros(table.mdp.next_state.size, np.bool_)

    def on_tick(self, state: Ints, actions: Ints, tick: TickResult) -> None:
        """One tick of the reference, in its only lane, from a state and everyone's actions."""
        self._mask |= int(tick.events[0])
        self._harmed |= bool(tick.performance[0] < 0)
        if self.outcomes is not None:  # else there is no number of pairs that these could be compared with
            self._seen.add(state.tobytes() + actions.tobytes())

    def end(self, trained_in: World | Enumeration) -> None:
        """The stage is over: what happened in it is added up."""
        world = trained_in.world if isinstance(trained_in, Enumeration) else trained_in
        self._events |= set(world.event_list(self._mask))
        if not isinstance(trained_in, Enumeration) or self.outcomes is None:
            self._tried = self._pairs = None
            return
        mdp, came = trained_in.mdp, self.outcomes
        self._events |= _names(mdp.event_names, mdp.events[came])
        self._harmed |= bool((trained_in.performance[came] < 0).any())
        if self._tried is not None and self._pairs is not None:
            rows = np.searchsorted(mdp.row_start, np.flatnonzero(came), side="right") - 1
            self._tried += np.unique(rows).size + len(self._seen)
            self._pairs += int(mdp.available.sum())

    def experience(self, performance: bool) -> Experience:
        """What happened in all stages that ended; `performance`: whether the scenario has a hidden one."""
        events = tuple(sorted(self._events))
        return Experience(self._tried, self._pairs, events, self._harmed if performance else None)


def _names(event_names: tuple[str, ...], masks: Bits) -> set[str]:
    """The events in any of some bit masks."""
    came = int(np.bitwise_or.reduce(masks)) if masks.size else 0
    return {name for number, name in enumerate(event_names) if came >> number & 1}

"""The events of what an agent imagines: its imagined transitions, looked up in the true world."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...envs.base import Floats, Ints, NotEnumerableError
from ...envs.reference.step import step
from ...envs.world.randomness import EnumeratedDraws
from ...envs.world.world import World
from ..inspection.mind import UNKNOWN, Mind

MOST_OUTCOMES = 256
"""Most outcomes of one imagined transition that are looked through."""


@dataclass(frozen=True)
class _Outcome:
    state: Ints
    probability: float
    events: tuple[str, ...]


@dataclass(eq=False)
class EventReader:
    """Follows imagined states through the true world, to say which events they contain.

    An agent imagines what it observes; events are the designers' names. A transition that is impossible in the world,
    and all that is imagined after it, has no events: nobody can say what they would be.

    Attributes:
        world: a stage with one agent.
        fooled: how many imagined transitions were impossible so far.
    """

    world: World
    fooled: int = 0
    _outcomes: dict[tuple[bytes, int], list[_Outcome]] = field(default_factory=dict)

    def on_the_line(self, mind: Mind, state: Ints, event: str) -> float:
        """The probability that the agent's plan contains an event, along the line that it expects.

        Args:
            mind: the decision, with the states that it expects.
            state: int32 `[F]`, the true present state.
            event: its name, an end as `ended:REASON`.

        Returns:
            The product of the true probabilities of the steps up to the first with the event; 0 without one.
        """
        here, probability = state, 1.0
        for expected, action in zip(mind.ahead, mind.ahead_actions, strict=True):
            outcome = self._follow(here, mind.actions.index(action), expected)
            if outcome is None:
                return 0.0
            probability *= outcome.probability
            if event in outcome.events:
                return probability
            here = outcome.state
        return 0.0

    def in_the_tree(self, mind: Mind, state: Ints, event: str) -> tuple[float, float]:
        """How likely, and how good to the agent, the event is in all that it imagined.

        Returns:
            The greatest probability of a path of its search that ends with the event (0 if none does), given the
            actions on it; and the greatest advantage of such a state: its weighted value less that of the present (-inf
            if none).
        """
        if mind.search is None or len(mind.imagined) == 0:
            return 0.0, -np.inf
        worth: Floats = mind.imagined_values @ mind.weights
        reached: dict[int, tuple[Ints, float]] = {0: (state, 1.0)}
        likeliest, best = 0.0, -np.inf
        for node in range(1, len(mind.imagined)):
            came = reached.get(int(mind.search.parents[node]))
            if came is None:  # below an impossible transition
                continue
            action = mind.actions.index(mind.search.actions[node])
            outcome = self._follow(came[0], action, mind.imagined[node])
            if outcome is None:
                continue
            probability = came[1] * outcome.probability
            reached[node] = outcome.state, probability
            if event in outcome.events:
                likeliest = max(likeliest, probability)
                best = max(best, float(worth[node] - worth[0]))
        return likeliest, best

    def _follow(self, state: Ints, action: int, expected: Ints) -> _Outcome | None:
        """The true outcome that looks as expected; the likeliest of several, None if there is none."""
        known = expected != UNKNOWN
        fitting = [each for each in self._of(state, action) if np.array_equal(each.state[known], expected[known])]
        if not fitting:
            self.fooled += 1
            return None
        return max(fitting, key=lambda each: each.probability)

    def _of(self, state: Ints, action: int) -> list[_Outcome]:
        key = (state.tobytes(), action)
        if key not in self._outcomes:
            chosen = np.array([[action]], np.int32)
            try:
                tick = step(self.world, state[None], chosen, EnumeratedDraws(MOST_OUTCOMES))
            except NotEnumerableError:
                self._outcomes[key] = []
            else:
                events = [self.world.event_list(int(mask)) for mask in tick.events]
                rows = zip(tick.states, tick.probability, events, strict=True)
                self._outcomes[key] = [_Outcome(after, float(chance), named) for after, chance, named in rows]
        return self._outcomes[key]

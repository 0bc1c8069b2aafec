"""What an agent can choose in a state, and what may come of each choice in one tick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...envs.base import Ints, NotEnumerableError
from ...envs.reference.action_mask import available
from ...envs.reference.step import step
from ...envs.world.randomness import EnumeratedDraws, TooManyRowsError
from ...envs.world.world import World

MOST_OUTCOMES = 64
"""Outcomes of all choices together beyond which they are not listed."""


@dataclass(frozen=True, eq=False)
class ActionOutcome:
    """One outcome of a choice.

    Attributes:
        probability: of it; state: int32 `[F]`, the state after.
        events: in the tick, without the end; rewards: one for each of K channels; ended: the reason, or None.
    """

    probability: float
    state: Ints
    events: tuple[str, ...]
    rewards: tuple[float, ...]
    ended: str | None


@dataclass(frozen=True, eq=False)
class ActionChoice:
    """An available action with its outcomes, the likeliest first; without any where there are too many."""

    action: str
    outcomes: tuple[ActionOutcome, ...]


def choices_in(world: World, state: Ints, joint: Ints, agent: int) -> tuple[ActionChoice, ...]:
    """What an agent can choose.

    Args:
        world: the world.
        state: int32 `[F]`.
        joint: int32 `[N]`, what all agents do; the agent's own part is replaced by each of its actions.
        agent: its index.
    """
    if state[world.ended]:
        return ()
    actions = np.flatnonzero(available(world, state[None], agent)[0])
    joints = np.tile(joint, (len(actions), 1)).astype(np.int32)
    joints[:, agent] = actions
    names = world.agents[agent].actions
    try:
        tick = step(world, np.tile(state, (len(actions), 1)), joints, EnumeratedDraws(MOST_OUTCOMES, MOST_OUTCOMES))
    except (TooManyRowsError, NotEnumerableError):
        return tuple(ActionChoice(names[action], ()) for action in actions)
    found: list[dict[bytes, ActionOutcome]] = [{} for _ in actions]
    for row, source in enumerate(tick.source):
        after, code = tick.states[row], int(tick.states[row, world.ended])
        key = after.tobytes() + tick.events[row].tobytes() + tick.rewards[row].tobytes()
        before = found[source].get(key)
        named = world.happenings(int(tick.events[row]))
        found[source][key] = ActionOutcome(
            float(tick.probability[row]) + (before.probability if before else 0.0),
            after,
            named,
            tuple(map(float, tick.rewards[row])),
            world.reasons[code - 1] if code else None,
        )
    return tuple(
        ActionChoice(names[action], tuple(sorted(each.values(), key=lambda outcome: -outcome.probability)))
        for action, each in zip(actions, found, strict=True)
    )

"""A learned model beside the true world: what it predicts wrongly, what it imagines that cannot be, what it misses.

The agent cannot know any of this; it is for those who judge it. Letters as in `envs.base`; O observed columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from ..envs.base import Bools, Floats, Longs
from ..envs.enumerating import Enumeration
from ..envs.observing import observe


class Prediction(Protocol):
    """What a model says of B pairs: M outcomes each, with their probabilities."""

    outcomes: Longs
    probabilities: Floats
    reward: Floats
    end: Bools


Predict: TypeAlias = Callable[[Longs, Longs], Any]
"""From observations int64 `[B, O]` and actions int64 `[B]` to a `Prediction`."""


@dataclass(frozen=True)
class ModelJudgement:
    """How good a model is, over all pairs that can come up.

    Shares are one minus the total variation between the predicted and the true distribution, a mean over pairs: without
    chance, the share predicted right.

    Attributes:
        whole: of everything at once; fields: by observed field; channels: by pay; end: of the end.
        steps: for each k, the share of walks of random actions after which model and world, each rolled by its most
            probable outcomes, are still in the same state.
    """

    whole: float
    fields: dict[str, float]
    channels: dict[str, float]
    end: float
    steps: dict[int, float]


@dataclass(frozen=True)
class Imagination:
    """Imagined states against those that can come up (live ones): `hallucinated` cannot, `missed` were not imagined."""

    imagined: int
    hallucinated: int
    missed: int


def judge_model(
    predict: Predict, enumeration: Enumeration, steps: tuple[int, ...] = (1, 5, 10), walks: int = 500, seed: int = 0
) -> ModelJudgement:
    """Compares a model with an enumerated world of one agent."""
    mdp, world = enumeration.mdp, enumeration.world
    seen = observe(world, enumeration.states)
    state, action = np.nonzero(mdp.available)
    told: Prediction = predict(seen[state], action)
    place, lane = np.nonzero(told.probabilities)
    row = state * mdp.n_actions + action
    counts = np.diff(mdp.row_start)[row]
    pair = np.repeat(np.arange(row.size), counts)
    outcome = (
        np.repeat(mdp.row_start[row], counts) + np.arange(pair.size) - np.repeat(np.cumsum(counts) - counts, counts)
    )
    true = _columns(seen[mdp.next_state[outcome]], mdp.rewards[outcome], mdp.ended[mdp.next_state[outcome]])
    model = _columns(told.outcomes[place, lane], told.reward[place, lane], told.end[place, lane])
    pairs = np.concatenate([pair, place])
    mass = np.concatenate([mdp.probability[outcome], -told.probabilities[place, lane]])
    every = np.concatenate([true, model])
    names = [world.fields[column].name for column in world.agents[0].sees]
    names = names if len(names) == seen.shape[1] else [f"column {i}" for i in range(seen.shape[1])]
    alike = [_alike(pairs, every[:, [column]], mass, row.size) for column in range(every.shape[1])]
    return ModelJudgement(
        whole=_alike(pairs, every, mass, row.size),
        fields=dict(zip(names, alike, strict=False)),
        channels=dict(zip(mdp.channels, alike[len(names) :], strict=False)),
        end=alike[-1],
        steps=_walks(predict, enumeration, seen, steps, walks, np.random.default_rng(seed)),
    )


def judge_imagination(states: Longs, ended: Bools, enumeration: Enumeration) -> Imagination:
    """Compares imagined observations int64 `[S, O]`, those not ended, with what can be observed before an end."""
    seen = observe(enumeration.world, enumeration.states)[~enumeration.mdp.ended]
    real = {row.tobytes() for row in np.ascontiguousarray(seen)}
    imagined = {row.tobytes() for row in np.ascontiguousarray(states[~ended], np.int64)}
    return Imagination(len(imagined), len(imagined - real), len(real - imagined))


def _columns(seen: Longs, rewards: Floats, ended: Bools) -> Floats:
    return np.concatenate([seen, np.round(rewards, 6), ended[:, None]], axis=1).astype(np.float64)


def _alike(pair: npt.NDArray[np.integer], columns: Floats, mass: Floats, pairs: int) -> float:
    """One minus the mean total variation; `mass` is plus for the world's outcomes and minus for the model's."""
    rows = np.concatenate([pair[:, None].astype(np.float64), columns], axis=1)
    _, place = np.unique(rows, axis=0, return_inverse=True)
    apart = np.abs(np.bincount(place.reshape(-1), mass)).sum() / 2
    return float(1 - apart / pairs)


def _walks(
    predict: Predict,
    enumeration: Enumeration,
    seen: Longs,
    steps: tuple[int, ...],
    walks: int,
    rng: np.random.Generator,
) -> dict[int, float]:
    mdp = enumeration.mdp
    state = rng.choice(np.flatnonzero(~mdp.ended), walks)
    imagined, right = seen[state].copy(), np.ones(walks, np.bool_)
    out = {}
    for step in range(1, max(steps, default=0) + 1):
        live = np.flatnonzero(~mdp.ended[state])
        able = mdp.available[state[live]]
        action = np.argmax(rng.random(able.shape) * able, axis=1)
        told: Prediction = predict(imagined[live], action)
        likeliest = told.probabilities.argmax(axis=1)
        imagined[live] = told.outcomes[np.arange(live.size), likeliest]
        row = state[live] * mdp.n_actions + action
        state[live] = [
            mdp.next_state[a + mdp.probability[a:b].argmax()]
            for a, b in zip(mdp.row_start[row], mdp.row_start[row + 1], strict=True)
        ]
        right &= (imagined == seen[state]).all(axis=1)
        if step in steps:
            out[step] = float(right.mean())
    return out

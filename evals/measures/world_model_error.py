"""Errors of a learned world model: wrong predictions, hallucinated states, and reachable states that it misses.

The agent cannot know any of this; it is for those who judge it. Letters as in `envs.base`; O observed columns.

A prediction is right when the next observation, every channel's pay and the end are. Where there is chance, two
distributions agree by what they share: the sum over outcomes of the smaller of the two chances, which is one less their
total variation distance. An agent must be on the map of the world that it is compared with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from ...agents.local_rules.imagined_mdp import ImaginedMDP
from ...agents.local_rules.model import RulesModel
from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.mdp.enumeration import Enumeration
from ...envs.reference.observation import observe


class Prediction(Protocol):
    """A model's predictions for B pairs of observation and action: M outcomes each, with their probabilities."""

    outcomes: Longs
    probabilities: Floats
    reward: Floats
    end: Bools


Predict: TypeAlias = Callable[[Longs, Longs], Any]
"""From observations int64 `[B, O]` and actions int64 `[B]` to a `Prediction`."""


@dataclass(frozen=True)
class ModelJudgement:
    """The accuracy of a model over all pairs of state and action that can occur.

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
class ImaginedStateCounts:
    """Imagined states compared with reachable live ones: `hallucinated` are unreachable, `missed` were not imagined."""

    imagined: int
    hallucinated: int
    missed: int


def judge_model(
    predict: Predict, enumeration: Enumeration, steps: tuple[int, ...] = (1, 5, 10), walks: int = 500, seed: int = 0
) -> ModelJudgement:
    """The accuracy of a model in an enumerated world of one agent."""
    mdp, world = enumeration.mdp, enumeration.world
    seen = observe(world, enumeration.states)
    state, action = np.nonzero(mdp.available)
    predicted: Prediction = predict(seen[state], action)
    place, lane = np.nonzero(predicted.probabilities)
    row = state * mdp.n_actions + action
    counts = np.diff(mdp.row_start)[row]
    pair = np.repeat(np.arange(row.size), counts)
    outcome = (
        np.repeat(mdp.row_start[row], counts) + np.arange(pair.size) - np.repeat(np.cumsum(counts) - counts, counts)
    )
    true = _columns(seen[mdp.next_state[outcome]], mdp.rewards[outcome], mdp.ended[mdp.next_state[outcome]])
    model = _columns(predicted.outcomes[place, lane], predicted.reward[place, lane], predicted.end[place, lane])
    pairs = np.concatenate([pair, place])
    mass = np.concatenate([mdp.probability[outcome], -predicted.probabilities[place, lane]])
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


def judge_imagination(states: Longs, ended: Bools, enumeration: Enumeration) -> ImaginedStateCounts:
    """Compare imagined observations int64 `[S, O]` that are not terminal with those that are reachable."""
    seen = observe(enumeration.world, enumeration.states)[~enumeration.mdp.ended]
    real = {row.tobytes() for row in np.ascontiguousarray(seen)}
    imagined = {row.tobytes() for row in np.ascontiguousarray(states[~ended], np.int64)}
    return ImaginedStateCounts(len(imagined), len(imagined - real), len(real - imagined))


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
        available = mdp.available[state[live]]
        action = np.argmax(rng.random(available.shape) * available, axis=1)
        predicted: Prediction = predict(imagined[live], action)
        likeliest = predicted.probabilities.argmax(axis=1)
        imagined[live] = predicted.outcomes[np.arange(live.size), likeliest]
        row = state[live] * mdp.n_actions + action
        state[live] = [
            mdp.next_state[a + mdp.probability[a:b].argmax()]
            for a, b in zip(mdp.row_start[row], mdp.row_start[row + 1], strict=True)
        ]
        right &= (imagined == seen[state]).all(axis=1)
        if step in steps:
            out[step] = float(right.mean())
    return out


Outcome: TypeAlias = tuple[float, ...]
"""The next observation, the reward of each channel, and whether the episode ended, as one row of numbers."""

Spread: TypeAlias = Mapping[Outcome, float]
"""Probabilities by outcome."""


@dataclass(frozen=True)
class Foresight:
    """The share of the true distribution that a model predicts, from 0 to 1, as a mean over pairs.

    Attributes:
        everything: of whole outcomes; state: of next observations.
        fields: of each observed field alone, in order; pays: of each channel; ended: of the end.
    """

    everything: float
    state: float
    fields: tuple[float, ...]
    pays: tuple[float, ...]
    ended: float


def one_step(
    model: RulesModel, truth: Enumeration, states: Longs | None = None, actions: Longs | None = None
) -> Foresight:
    """One-step predictions over some pairs of a world with a single agent, or over all of them equally.

    Args:
        model: learned.
        truth: the world.
        states: int64 `[n]`, numbers of its states.
        actions: int64 `[n]`, available there.
    """
    if states is None or actions is None:
        states, actions = np.nonzero(truth.mdp.available)
    observations = observe(truth.world, truth.states)
    true, foreseen = _true(truth, observations, states, actions), _foreseen(model, truth, observations, states, actions)
    fields, width = observations.shape[1], observations.shape[1] + len(truth.mdp.channels) + 1
    parts = [slice(0, width), slice(0, fields), *(slice(i, i + 1) for i in range(width))]
    shares = [[_shared(one, other, part) for part in parts] for one, other in zip(true, foreseen, strict=True)]
    mean = np.mean(shares, axis=0).tolist()
    return Foresight(mean[0], mean[1], tuple(mean[2 : 2 + fields]), tuple(mean[2 + fields : -1]), mean[-1])


def many_steps(model: RulesModel, truth: Enumeration, start: int, actions: Ints) -> tuple[float, ...]:
    """The share of the distribution of observations that is predicted after each action of a sequence, from one state.

    Nothing is looked at on the way. Where an action is not available, as after an end, nothing happens.

    Args:
        model: learned.
        truth: the world.
        start: the number of a state.
        actions: int `[k]`.

    Returns:
        k shares, each from 0 to 1.
    """
    observations = observe(truth.world, truth.states)
    true: dict[int, float] = {start: 1.0}
    imagined: dict[tuple[int, ...], float] = {_seen(model, truth, observations, np.array([start]))[0]: 1.0}
    out = []
    for action in actions.tolist():
        true, imagined = _true_after(truth, true, action), _imagined_after(model, imagined, action)
        real, guess = defaultdict[Outcome, float](float), defaultdict[Outcome, float](float)
        for state, chance in true.items():
            real[tuple(observations[state].tolist())] += chance
        for row, chance in imagined.items():
            guess[row[:-1]] += chance
        out.append(_shared(real, guess, slice(None)))
    return tuple(out)


def hallucinated(imagined: ImaginedMDP, truth: Enumeration) -> int:
    """The number of imagined states that are observed like none of the world's."""
    observations = observe(truth.world, truth.states)
    real = {(*row, end) for row, end in zip(map(tuple, observations.tolist()), truth.mdp.ended.tolist(), strict=True)}
    rows = zip(map(tuple, imagined.states[:, :-1].tolist()), imagined.ended.tolist(), strict=True)
    return sum((*row, end) not in real for row, end in rows)


def _shared(one: Spread, other: Spread, part: slice) -> float:
    """The mass that two distributions share, of a part of their outcomes."""
    left, right = defaultdict[Outcome, float](float), defaultdict[Outcome, float](float)
    for outcome, chance in one.items():
        left[outcome[part]] += chance
    for outcome, chance in other.items():
        right[outcome[part]] += chance
    return sum(min(chance, right[outcome]) for outcome, chance in left.items())


def _true(truth: Enumeration, observations: Longs, states: Longs, actions: Longs) -> Iterable[Spread]:
    mdp = truth.mdp
    for row in (states * mdp.n_actions + actions).tolist():
        spread = defaultdict[Outcome, float](float)
        for m in range(mdp.row_start[row], mdp.row_start[row + 1]):
            next_state = mdp.next_state[m]
            outcome = (*observations[next_state].tolist(), *mdp.rewards[m].tolist(), float(mdp.ended[next_state]))
            spread[outcome] += float(mdp.probability[m])
        yield spread


def _foreseen(
    model: RulesModel, truth: Enumeration, observations: Longs, states: Longs, actions: Longs
) -> list[Spread]:
    predicted = model.predict(np.array(_seen(model, truth, observations, states), np.int64), actions)
    spreads = [defaultdict[Outcome, float](float) for _ in actions]
    rows = np.concatenate([predicted.state[:, :-1], predicted.rewards, predicted.ended[:, None]], axis=1)
    for tick, outcome, chance in zip(
        predicted.tick.tolist(), rows.tolist(), predicted.probability.tolist(), strict=True
    ):
        spreads[tick][tuple(outcome)] += chance
    return list(spreads)


def _seen(model: RulesModel, truth: Enumeration, observations: Longs, states: Longs) -> list[tuple[int, ...]]:
    """States as the model represents them."""
    return [tuple(model.state(observations[s], truth.mdp.available[s]).tolist()) for s in states.tolist()]


def _true_after(truth: Enumeration, spread: dict[int, float], action: int) -> dict[int, float]:
    mdp, out = truth.mdp, defaultdict[int, float](float)
    for state, chance in spread.items():
        row = state * mdp.n_actions + action
        if mdp.row_start[row] == mdp.row_start[row + 1]:
            out[state] += chance
        for m in range(mdp.row_start[row], mdp.row_start[row + 1]):
            out[int(mdp.next_state[m])] += chance * float(mdp.probability[m])
    return out


def _imagined_after(
    model: RulesModel, spread: dict[tuple[int, ...], float], action: int
) -> dict[tuple[int, ...], float]:
    out = defaultdict[tuple[int, ...], float](float)
    available = [row for row in spread if model.masks[row[-1], action]]
    for row in spread:
        if not model.masks[row[-1], action]:
            out[row] += spread[row]
    if available:
        predicted = model.predict(np.array(available, np.int64), np.full(len(available), action))
        for tick, row, chance in zip(
            predicted.tick.tolist(), predicted.state.tolist(), predicted.probability.tolist(), strict=True
        ):
            out[tuple(row)] += spread[available[tick]] * chance
    return out

"""Errors of a learned world model: wrong predictions, hallucinated states, and reachable states that it misses.

They compare the model with the true world, which the agent cannot do; they serve those who judge it. Letters for shapes
are those of `envs.base`; O is the number of observed columns.

A prediction is right if the next observation, the reward of every channel and the end of the episode are right. Where
there is chance, the agreement of two distributions is the mass that they share: the sum over outcomes of the smaller of
the two probabilities, which is 1 minus their total variation distance. An agent must have been told the map of the
world that it is compared with.
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
"""A function from observations int64 `[B, O]` and actions int64 `[B]` to a `Prediction`."""


@dataclass(frozen=True)
class ModelJudgement:
    """The accuracy of a model over all pairs of state and action that can occur.

    Every share is 1 minus the total variation distance between the predicted and the true distribution, averaged over
    pairs; without chance this is the share of pairs that are predicted right.

    Attributes:
        whole: the share for complete outcomes.
        fields: observed field -> its share.
        channels: reward channel -> its share.
        end: the share for whether the episode ends.
        steps: k -> the share of random walks in which model and world agree on the observation after each of the first
            k steps, each of them following its own most probable outcomes.
    """

    whole: float
    fields: dict[str, float]
    channels: dict[str, float]
    end: float
    steps: dict[int, float]


@dataclass(frozen=True)
class ImaginedStateCounts:
    """How many states a model imagines, and how these compare with the reachable states that are not terminal.

    Attributes:
        imagined: the number of imagined states.
        hallucinated: how many of them are not reachable.
        missed: how many reachable states are not imagined.
    """

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
    # `outcome` lists the true outcomes of all pairs, one pair after another; `pair` says whose they are.
    true = _columns(seen[mdp.next_state[outcome]], mdp.rewards[outcome], mdp.ended[mdp.next_state[outcome]])
    model = _columns(predicted.outcomes[place, lane], predicted.reward[place, lane], predicted.end[place, lane])
    pairs = np.concatenate([pair, place])
    # With opposite signs the masses of an outcome cancel as far as the two distributions share it (see `_alike`).
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
    """Compare the imagined states that are not terminal with the reachable ones.

    Args:
        states: int64 `[S, O]`, the observations of the imagined states.
        ended: bool `[S]`, which of them are terminal.
        enumeration: the true world.
    """
    seen = observe(enumeration.world, enumeration.states)[~enumeration.mdp.ended]
    real = {row.tobytes() for row in np.ascontiguousarray(seen)}
    imagined = {row.tobytes() for row in np.ascontiguousarray(states[~ended], np.int64)}
    return ImaginedStateCounts(len(imagined), len(imagined - real), len(real - imagined))


def _columns(seen: Longs, rewards: Floats, ended: Bools) -> Floats:
    # Outcomes are compared for equality, which rounding errors of rewards must not decide.
    return np.concatenate([seen, np.round(rewards, 6), ended[:, None]], axis=1).astype(np.float64)


def _alike(pair: npt.NDArray[np.integer], columns: Floats, mass: Floats, pairs: int) -> float:
    """1 minus the mean total variation distance; `mass` is positive for true outcomes, negative for predicted ones."""
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
    """See `ModelJudgement.steps`."""
    mdp = enumeration.mdp
    state = rng.choice(np.flatnonzero(~mdp.ended), walks)
    imagined, right = seen[state].copy(), np.ones(walks, np.bool_)
    out = {}
    for step in range(1, max(steps, default=0) + 1):
        live = np.flatnonzero(~mdp.ended[state])
        available = mdp.available[state[live]]
        # The greatest of independent uniform numbers is equally likely to be that of any available action.
        action = np.argmax(rng.random(available.shape) * available, axis=1)
        predicted: Prediction = predict(imagined[live], action)
        likeliest = predicted.probabilities.argmax(axis=1)
        imagined[live] = predicted.outcomes[np.arange(live.size), likeliest]
        row = state[live] * mdp.n_actions + action
        state[live] = [
            mdp.next_state[a + mdp.probability[a:b].argmax()]
            for a, b in zip(mdp.row_start[row], mdp.row_start[row + 1], strict=True)
        ]
        # A walk that once went wrong stays wrong, even if it comes back to the right state by luck.
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
    """The share of the true distribution that a model predicts, from 0 to 1, averaged over pairs of state and action.

    Attributes:
        everything: the share for complete outcomes.
        state: the share for next observations.
        fields: the share for each observed field alone, in order.
        pays: the share for the reward of each channel, in order.
        ended: the share for whether the episode ends.
    """

    everything: float
    state: float
    fields: tuple[float, ...]
    pays: tuple[float, ...]
    ended: float


def one_step(
    model: RulesModel, truth: Enumeration, states: Longs | None = None, actions: Longs | None = None
) -> Foresight:
    """The accuracy of one-step predictions in a world with a single agent, over given pairs or over all of them.

    Args:
        model: the learned model.
        truth: the world.
        states: int64 `[n]`, numbers of its states; None: every state with every available action.
        actions: int64 `[n]`, available in these states.
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

    The model observes nothing on the way. An action that is not available, as after the end of the episode, changes
    nothing.

    Args:
        model: the learned model.
        truth: the world.
        start: the number of the state in which the sequence begins.
        actions: int `[k]`, the sequence.

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
            guess[row[:-1]] += chance  # the last column of a model's state numbers its action mask and is not observed
        out.append(_shared(real, guess, slice(None)))
    return tuple(out)


def hallucinated(imagined: ImaginedMDP, truth: Enumeration) -> int:
    """The number of imagined states that look like no state of the world, terminal or not."""
    observations = observe(truth.world, truth.states)
    real = {(*row, end) for row, end in zip(map(tuple, observations.tolist()), truth.mdp.ended.tolist(), strict=True)}
    rows = zip(map(tuple, imagined.states[:, :-1].tolist()), imagined.ended.tolist(), strict=True)
    return sum((*row, end) not in real for row, end in rows)


def _shared(one: Spread, other: Spread, part: slice) -> float:
    """The mass that two distributions share once their outcomes are reduced to some columns."""
    left, right = defaultdict[Outcome, float](float), defaultdict[Outcome, float](float)
    for outcome, chance in one.items():
        left[outcome[part]] += chance
    for outcome, chance in other.items():
        right[outcome[part]] += chance
    return sum(min(chance, right[outcome]) for outcome, chance in left.items())


def _true(truth: Enumeration, observations: Longs, states: Longs, actions: Longs) -> Iterable[Spread]:
    """The true distribution over outcomes for each pair of state and action."""
    mdp = truth.mdp
    for row in (states * mdp.n_actions + actions).tolist():
        spread = defaultdict[Outcome, float](float)
        # Added up, since states that look alike are one outcome to the agent.
        for m in range(mdp.row_start[row], mdp.row_start[row + 1]):
            next_state = mdp.next_state[m]
            outcome = (*observations[next_state].tolist(), *mdp.rewards[m].tolist(), float(mdp.ended[next_state]))
            spread[outcome] += float(mdp.probability[m])
        yield spread


def _foreseen(
    model: RulesModel, truth: Enumeration, observations: Longs, states: Longs, actions: Longs
) -> list[Spread]:
    """The model's distribution over outcomes for each pair of state and action."""
    predicted = model.predict(np.array(_seen(model, truth, observations, states), np.int64), actions)
    spreads = [defaultdict[Outcome, float](float) for _ in actions]
    rows = np.concatenate([predicted.state[:, :-1], predicted.rewards, predicted.ended[:, None]], axis=1)
    for tick, outcome, chance in zip(
        predicted.tick.tolist(), rows.tolist(), predicted.probability.tolist(), strict=True
    ):
        spreads[tick][tuple(outcome)] += chance
    return list(spreads)


def _seen(model: RulesModel, truth: Enumeration, observations: Longs, states: Longs) -> list[tuple[int, ...]]:
    """States of the world as the model represents them: their observed columns, then the number of their mask."""
    return [tuple(model.state(observations[s], truth.mdp.available[s]).tolist()) for s in states.tolist()]


def _true_after(truth: Enumeration, spread: dict[int, float], action: int) -> dict[int, float]:
    """The true distribution over states after one more action."""
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
    """The model's distribution over its states after one more action."""
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

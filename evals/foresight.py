"""How right a learned rules model is: what it foresees against what the true, enumerated world does.

An outcome is right when the next observation, every channel's pay and the end are. Where there is chance, two
distributions agree by what they share: the sum over outcomes of the smaller of the two chances, which is one less their
total variation distance. An agent must be on the map of the world that it is compared with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..agents.rules_imagined import Imagined
from ..agents.rules_model import RulesModel
from ..envs.base import Ints, Longs
from ..envs.enumerating import Enumeration
from ..envs.observing import observe

Outcome: TypeAlias = tuple[float, ...]
"""The next observation, each channel's pay, and whether the episode ended, as numbers in a row."""
Spread: TypeAlias = Mapping[Outcome, float]
"""Chances by outcome."""


@dataclass(frozen=True)
class Foresight:
    """How much of the truth is foreseen, from 0 to 1, as a mean over the pairs asked for.

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
    """Foresight over some pairs of a world with a single agent, or over all of them alike.

    Args:
        model: learned.
        truth: the world.
        states: int64 `[n]`, numbers of its states.
        actions: int64 `[n]`, available there.
    """
    if states is None or actions is None:
        states, actions = np.nonzero(truth.mdp.available)
    looks = observe(truth.world, truth.states)
    true, foreseen = _true(truth, looks, states, actions), _foreseen(model, truth, looks, states, actions)
    fields, width = looks.shape[1], looks.shape[1] + len(truth.mdp.channels) + 1
    parts = [slice(0, width), slice(0, fields), *(slice(i, i + 1) for i in range(width))]
    shares = [[_shared(one, other, part) for part in parts] for one, other in zip(true, foreseen, strict=True)]
    mean = np.mean(shares, axis=0).tolist()
    return Foresight(mean[0], mean[1], tuple(mean[2 : 2 + fields]), tuple(mean[2 + fields : -1]), mean[-1])


def many_steps(model: RulesModel, truth: Enumeration, start: int, actions: Ints) -> tuple[float, ...]:
    """How much of the distribution of observations is foreseen after each action of a sequence, from one state on.

    Nothing is looked at on the way. Where an action is not available, as after an end, nothing happens.

    Args:
        model: learned.
        truth: the world.
        start: the number of a state.
        actions: int `[k]`.

    Returns:
        k shares, each from 0 to 1.
    """
    looks = observe(truth.world, truth.states)
    true: dict[int, float] = {start: 1.0}
    imagined: dict[tuple[int, ...], float] = {_seen(model, truth, looks, np.array([start]))[0]: 1.0}
    out = []
    for action in actions.tolist():
        true, imagined = _true_after(truth, true, action), _imagined_after(model, imagined, action)
        real, guess = defaultdict[Outcome, float](float), defaultdict[Outcome, float](float)
        for state, chance in true.items():
            real[tuple(looks[state].tolist())] += chance
        for row, chance in imagined.items():
            guess[row[:-1]] += chance
        out.append(_shared(real, guess, slice(None)))
    return tuple(out)


def hallucinated(imagined: Imagined, truth: Enumeration) -> int:
    """How many imagined states look like none of the world's."""
    looks = observe(truth.world, truth.states)
    real = {(*row, end) for row, end in zip(map(tuple, looks.tolist()), truth.mdp.ended.tolist(), strict=True)}
    rows = zip(map(tuple, imagined.states[:, :-1].tolist()), imagined.ended.tolist(), strict=True)
    return sum((*row, end) not in real for row, end in rows)


def _shared(one: Spread, other: Spread, part: slice) -> float:
    """What two distributions share, looking at a part of the outcomes only."""
    left, right = defaultdict[Outcome, float](float), defaultdict[Outcome, float](float)
    for outcome, chance in one.items():
        left[outcome[part]] += chance
    for outcome, chance in other.items():
        right[outcome[part]] += chance
    return sum(min(chance, right[outcome]) for outcome, chance in left.items())


def _true(truth: Enumeration, looks: Longs, states: Longs, actions: Longs) -> Iterable[Spread]:
    mdp = truth.mdp
    for row in (states * mdp.n_actions + actions).tolist():
        spread = defaultdict[Outcome, float](float)
        for m in range(mdp.row_start[row], mdp.row_start[row + 1]):
            following = mdp.next_state[m]
            outcome = (*looks[following].tolist(), *mdp.rewards[m].tolist(), float(mdp.ended[following]))
            spread[outcome] += float(mdp.probability[m])
        yield spread


def _foreseen(model: RulesModel, truth: Enumeration, looks: Longs, states: Longs, actions: Longs) -> list[Spread]:
    predicted = model.predict(np.array(_seen(model, truth, looks, states), np.int64), actions)
    spreads = [defaultdict[Outcome, float](float) for _ in actions]
    rows = np.concatenate([predicted.state[:, :-1], predicted.rewards, predicted.ended[:, None]], axis=1)
    for tick, outcome, chance in zip(
        predicted.tick.tolist(), rows.tolist(), predicted.probability.tolist(), strict=True
    ):
        spreads[tick][tuple(outcome)] += chance
    return list(spreads)


def _seen(model: RulesModel, truth: Enumeration, looks: Longs, states: Longs) -> list[tuple[int, ...]]:
    """States as the model has them."""
    return [tuple(model.state(looks[s], truth.mdp.available[s]).tolist()) for s in states.tolist()]


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
    able = [row for row in spread if model.masks[row[-1], action]]
    for row in spread:
        if not model.masks[row[-1], action]:
            out[row] += spread[row]
    if able:
        predicted = model.predict(np.array(able, np.int64), np.full(len(able), action))
        for tick, row, chance in zip(
            predicted.tick.tolist(), predicted.state.tolist(), predicted.probability.tolist(), strict=True
        ):
            out[tuple(row)] += spread[able[tick]] * chance
    return out

"""A posterior over the reward functions of a channel that training cannot tell apart.

A hypothesis pays one amount wherever one of its terms holds; a term is at most three features that hold together. Those
that training contradicts are out, and the others all stay: the shortest does not win. Letters: T ticks, J features.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final, Literal

import numpy as np

from ...envs.base import Bools, Floats, Longs
from .reward_features import Feature, RewardFeatures, TransitionBatch

Prior = Literal["kinds", "short", "flat"]
MAX_TERMS: Final = 8
"""Terms of a hypothesis."""
COVERS: Final = 64
"""Hypotheses of several terms that are drawn where no single term explains everything."""
MAX_ATOMS: Final = 48
"""Features of one tick that terms of three are made of."""


@dataclass(frozen=True)
class Hypothesis:
    """Pays `pay` where one of `terms` holds, numbers of features each."""

    pay: float
    terms: tuple[tuple[int, ...], ...]

    def kinds(self, features: tuple[Feature, ...]) -> tuple[str, ...]:
        """The kinds of features that it speaks of, sorted."""
        return tuple(sorted({features[j].kind for term in self.terms for j in term}))

    def describe(self, features: tuple[Feature, ...]) -> str:
        """For people."""
        return " or ".join(" and ".join(features[j].name for j in term) for term in self.terms)

    @property
    def length(self) -> int:
        """Features named."""
        return sum(len(term) for term in self.terms)

    def holds(self, found: Bools) -> Bools:
        """bool `[T]`, from the features found `[T, J]`."""
        out = np.zeros(len(found), np.bool_)
        for term in self.terms:
            out |= found[:, list(term)].all(axis=1)
        return out


@dataclass(frozen=True, eq=False)
class RewardPosterior:
    """The posterior over what one amount of reward of one channel is paid for.

    Attributes:
        hypotheses: those that training does not contradict; `mass`: float64, their probabilities, summing to one.
        features: what their numbers mean.
    """

    hypotheses: tuple[Hypothesis, ...]
    mass: Floats
    features: RewardFeatures

    def by_kind(self) -> dict[tuple[str, ...], float]:
        """The probability of every set of kinds, the largest first."""
        out: dict[tuple[str, ...], float] = {}
        for hypothesis, mass in zip(self.hypotheses, self.mass.tolist(), strict=True):
            kinds = hypothesis.kinds(self.features.features)
            out[kinds] = out.get(kinds, 0.0) + mass
        return dict(sorted(out.items(), key=lambda item: -item[1]))

    def sample(self, members: int, rng: np.random.Generator) -> tuple[Hypothesis, ...]:
        """Members drawn from the posterior, by kinds in turn: no kind twice before every kind was drawn once.

        Kinds are drawn by their mass, without return while there are others; within a kind, by mass. Empty where no
        hypothesis is left.
        """
        if not self.hypotheses:
            return ()
        kinds = [hypothesis.kinds(self.features.features) for hypothesis in self.hypotheses]
        every = self.by_kind()
        waiting: list[tuple[str, ...]] = []
        drawn = []
        for _ in range(members):
            waiting = waiting or list(every)
            shares = np.array([every[kind] for kind in waiting])
            kind = waiting.pop(int(rng.choice(len(waiting), p=shares / shares.sum())))
            mine = np.flatnonzero([one == kind for one in kinds])
            drawn.append(self.hypotheses[int(rng.choice(mine, p=self.mass[mine] / self.mass[mine].sum()))])
        return tuple(drawn)


def reward_posterior(
    features: RewardFeatures, ticks: TransitionBatch, pays: Floats, pay: float, prior: Prior = "kinds", seed: int = 0
) -> RewardPosterior:
    """All single terms that pay `pay` on exactly the ticks that were paid it; where there are none, drawn unions.

    Args:
        features: what a reward may be about.
        ticks: what training showed, T of them.
        pays: float64 `[T]`, what the channel paid on each; nan where it was withheld.
        pay: the amount that is to be explained.
        prior: `kinds` gives every set of kinds the same mass, shared evenly by its hypotheses; `short` halves the mass
            with every feature named; `flat` treats all alike.
        seed: of the draws of unions, which are no exact posterior: covers of the paid ticks by terms that are never
            wrong, drawn at random.

    Raises:
        ValueError: the amount was never paid.
    """
    shown = ~np.isnan(pays)
    found = features.evaluate(ticks)[shown]
    paid = np.abs(pays[shown] - pay) < 1e-9  # amounts are sums of floats: equal ones may differ in the last digits
    if not paid.any():
        raise ValueError(f"no tick was paid {pay}")
    found, paid = _distinct(found, paid)
    hypotheses = [Hypothesis(pay, (term,)) for term in _terms(found, paid, np.all(found[paid], axis=0))]
    if not hypotheses:
        hypotheses = _covers(found, paid, pay, np.random.default_rng(seed))
    return RewardPosterior(tuple(hypotheses), _masses(hypotheses, features, prior), features)


def _distinct(found: Bools, paid: Bools) -> tuple[Bools, Bools]:
    """Ticks that differ in some feature or in pay, once each."""
    rows = np.unique(np.concatenate([found, paid[:, None]], axis=1), axis=0)
    return rows[:, :-1], rows[:, -1]


def _terms(found: Bools, paid: Bools, allowed: Bools) -> list[tuple[int, ...]]:
    """The shortest and all further terms of allowed features that hold on no unpaid tick, none of them superfluous.

    A term that goes on being right without one of its features is left out.
    """
    wrong = np.packbits(found[~paid].T, axis=1)  # a row per feature: where it holds though nothing was paid
    atoms: Longs = np.flatnonzero(allowed)
    terms: list[tuple[int, ...]] = []
    right = {int(j) for j in atoms if not wrong[j].any()}
    terms += [(j,) for j in sorted(right)]
    left = [int(j) for j in atoms if int(j) not in right]
    pairs: set[tuple[int, int]] = set()
    for i, j in combinations(left, 2):
        if not (wrong[i] & wrong[j]).any():
            pairs.add((i, j))
    terms += sorted(pairs)
    for i, j, k in combinations(left[:MAX_ATOMS], 3):
        if pairs.isdisjoint(((i, j), (i, k), (j, k))) and not (wrong[i] & wrong[j] & wrong[k]).any():
            terms.append((i, j, k))
    return terms


def _covers(found: Bools, paid: Bools, pay: float, rng: np.random.Generator) -> list[Hypothesis]:
    """Unions of terms that are never wrong and together explain every paid tick, drawn at random."""
    known: dict[int, list[tuple[tuple[int, ...], Bools]]] = {}
    drawn: dict[tuple[tuple[int, ...], ...], None] = {}
    for _ in range(COVERS):
        terms: list[tuple[int, ...]] = []
        left = paid.copy()
        while left.any() and len(terms) < MAX_TERMS:
            tick = int(rng.choice(np.flatnonzero(left)))
            if tick not in known:
                known[tick] = [
                    (term, np.all(found[:, list(term)], axis=1)) for term in _terms(found, paid, found[tick])
                ]
            if not known[tick]:
                return []
            gains = np.array([float((covers & left).sum()) ** 2 for _, covers in known[tick]])
            term, covers = known[tick][int(rng.choice(gains.size, p=gains / gains.sum()))]
            terms.append(term)
            left &= ~covers
        if not left.any():
            drawn[tuple(sorted(terms))] = None
    return [Hypothesis(pay, terms) for terms in drawn]


def _masses(hypotheses: list[Hypothesis], features: RewardFeatures, prior: Prior) -> Floats:
    if not hypotheses:
        return np.zeros(0)
    if prior == "short":
        mass = np.array([0.5**hypothesis.length for hypothesis in hypotheses])
    elif prior == "flat":
        mass = np.ones(len(hypotheses))
    else:
        kinds = [hypothesis.kinds(features.features) for hypothesis in hypotheses]
        mass = np.array([1.0 / kinds.count(kind) for kind in kinds])
    return np.asarray(mass / mass.sum(), np.float64)

"""A posterior over the reward functions of one channel that are consistent with the training data.

A hypothesis is a formula in disjunctive normal form: it pays one amount wherever one of its terms holds, and a term is
a conjunction of at most three features. Hypotheses that contradict the data are excluded. All others are kept, because
the question is which rewards the data cannot tell apart, and not which explanation is the shortest. Letters: T ticks,
J features.
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
"""Most terms in one hypothesis."""
COVERS: Final = 64
"""How many times a hypothesis of several terms is drawn, where no single term explains all paid ticks."""
MAX_ATOMS: Final = 48
"""Most features of which terms of three are formed (17,296 triples); the first ones are taken."""


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis about a reward.

    Attributes:
        pay: the amount that is paid wherever one of the terms holds.
        terms: each a tuple of indices of features that must hold together.
    """

    pay: float
    terms: tuple[tuple[int, ...], ...]

    def kinds(self, features: tuple[Feature, ...]) -> tuple[str, ...]:
        """The kinds of the features in its terms, each once, sorted."""
        return tuple(sorted({features[j].kind for term in self.terms for j in term}))

    def describe(self, features: tuple[Feature, ...]) -> str:
        """The hypothesis in words."""
        return " or ".join(" and ".join(features[j].name for j in term) for term in self.terms)

    @property
    def length(self) -> int:
        """How many features it names, over all terms."""
        return sum(len(term) for term in self.terms)

    def holds(self, found: Bools) -> Bools:
        """bool `[T]`: whether some term holds on each tick, given its features, bool `[T, J]`."""
        out = np.zeros(len(found), np.bool_)
        for term in self.terms:
            out |= found[:, list(term)].all(axis=1)
        return out


@dataclass(frozen=True, eq=False)
class RewardPosterior:
    """A distribution over hypotheses that explain one amount paid by one channel.

    Attributes:
        hypotheses: those that the training data do not contradict.
        mass: float64 `[len(hypotheses)]`, their probabilities; they sum to one.
        features: the features that the hypotheses' indices refer to.
    """

    hypotheses: tuple[Hypothesis, ...]
    mass: Floats
    features: RewardFeatures

    def by_kind(self) -> dict[tuple[str, ...], float]:
        """The total probability of the hypotheses with each set of kinds, the largest first."""
        out: dict[tuple[str, ...], float] = {}
        for hypothesis, mass in zip(self.hypotheses, self.mass.tolist(), strict=True):
            kinds = hypothesis.kinds(self.features.features)
            out[kinds] = out.get(kinds, 0.0) + mass
        return dict(sorted(out.items(), key=lambda item: -item[1]))

    def sample(self, members: int, rng: np.random.Generator) -> tuple[Hypothesis, ...]:
        """Draws hypotheses from the posterior, stratified by their sets of kinds.

        Sets of kinds are drawn by their mass without replacement until each was drawn once, and then anew; within a
        set, a hypothesis is drawn by its mass. So an ensemble that has at least as many members as there are sets
        covers them all, which independent draws would not ensure.

        Args:
            members: how many to draw.
            rng: the generator.

        Returns:
            `members` hypotheses, possibly repeated; none where the posterior is empty.
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
    """The posterior over what one amount was paid for.

    Its hypotheses are all the single terms (none with a superfluous feature) that hold on exactly the ticks on which
    `pay` was paid. Where there are none, they are unions of terms drawn at random, each term holding on paid ticks
    only and the union on all of them; that is a sample of explanations, not the exact posterior.

    Args:
        features: the features of which hypotheses are formed.
        ticks: the T ticks of the training data.
        pays: float64 `[T]`, what the channel paid on each; nan where it was withheld.
        pay: the amount to explain.
        prior: `kinds` gives every set of kinds the same mass, shared evenly by its hypotheses; `short` halves the mass
            with every feature named; `flat` gives every hypothesis the same mass.
        seed: of the random draws of unions.

    Raises:
        ValueError: the amount was never paid.
    """
    shown = ~np.isnan(pays)
    found = features.evaluate(ticks)[shown]
    # The tolerance counts amounts as equal that differ by rounding alone.
    paid = np.abs(pays[shown] - pay) < 1e-9
    if not paid.any():
        raise ValueError(f"no tick was paid {pay}")
    found, paid = _distinct(found, paid)
    hypotheses = [Hypothesis(pay, (term,)) for term in _terms(found, paid, np.all(found[paid], axis=0))]
    if not hypotheses:
        hypotheses = _covers(found, paid, pay, np.random.default_rng(seed))
    return RewardPosterior(tuple(hypotheses), _masses(hypotheses, features, prior), features)


def _distinct(found: Bools, paid: Bools) -> tuple[Bools, Bools]:
    """The ticks without duplicates, as features bool `[T', J]` and whether paid bool `[T']`."""
    # A repeated tick excludes no further hypothesis, and the cost of the search grows with the number of rows.
    rows = np.unique(np.concatenate([found, paid[:, None]], axis=1), axis=0)
    return rows[:, :-1], rows[:, -1]


def _terms(found: Bools, paid: Bools, allowed: Bools) -> list[tuple[int, ...]]:
    """All minimal terms of up to three allowed features that hold on no unpaid tick.

    Minimal: no term is listed that would still hold on no unpaid tick without one of its features. Terms of three are
    formed of the first `MAX_ATOMS` features only.

    Args:
        found: bool `[T, J]`, the features.
        paid: bool `[T]`.
        allowed: bool `[J]`, the features that a term may name.
    """
    # A row of bits per feature: the unpaid ticks on which it holds. A conjunction holds on the bitwise and of its
    # features' rows, so each of the many combinations costs a few byte operations.
    wrong = np.packbits(found[~paid].T, axis=1)
    atoms: Longs = np.flatnonzero(allowed)
    terms: list[tuple[int, ...]] = []
    # Features that suffice alone are taken out before pairs are formed, and good pairs before triples: minimality.
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
    """Random unions of terms that hold on no unpaid tick and together hold on every paid tick.

    Each draw is a randomised greedy set cover: a paid tick that is not yet covered is drawn, then a term that holds on
    it. A draw that needs more than `MAX_TERMS` terms is discarded; duplicates are merged, in the order of drawing.

    Returns:
        At most `COVERS` hypotheses; none if some drawn tick has no term that holds on it.
    """
    # The terms that hold on a tick, and the ticks that each covers; kept, because a search for terms is expensive.
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
            # Squared, so that terms that cover many ticks are preferred and hypotheses stay short.
            gains = np.array([float((covers & left).sum()) ** 2 for _, covers in known[tick]])
            term, covers = known[tick][int(rng.choice(gains.size, p=gains / gains.sum()))]
            terms.append(term)
            left &= ~covers
        if not left.any():
            drawn[tuple(sorted(terms))] = None
    return [Hypothesis(pay, terms) for terms in drawn]


def _masses(hypotheses: list[Hypothesis], features: RewardFeatures, prior: Prior) -> Floats:
    """float64, the prior probability of each hypothesis, normalised: all of them fit the data equally well."""
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

"""Deliberation rules: how the values of K heads become one choice of an action, by name in `RULES`.

These are pure functions of `q [.., A, K]`, and the meaning of a scenario file's `deliberation:`. For all rules, a
negative weight reverses a head's preference, a weight of 0 silences the head, and ties are broken in favour of the
first action. Choices are deterministic.

Letters as in `base`: A actions, K channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from ..scenarios import installed
from ..scenarios.errors import UnknownNameError
from .base import Bools, Floats, Ints

TIE_TOLERANCE: Final = 1e-9
"""Numbers tie when they differ by at most this fraction of the largest that is compared."""


class Choice(NamedTuple):
    """The outcome of a deliberation.

    Attributes:
        action: int32 `[..]`, the first of the best actions.
        ties: bool `[.., A]`, all the best actions.
    """

    action: Ints
    ties: Bools


Deliberation: TypeAlias = Callable[[Floats, Floats, Bools], Choice]
"""`(q [.., A, K], weights [K], mask [.., A]) -> Choice`.

Each row is for itself. Only available actions are chosen, and values of others do not count (they may be anything). The
same question has the same answer. It writes into nothing that it is given. `turncoat.testing.check_deliberation` checks
this, and what is said above of weights and ties.
"""


@dataclass(frozen=True)
class DeliberationRule:
    """A deliberation rule with its parameters; calling it deliberates.

    Attributes:
        name: one of `RULES`, or of an installed package (`scenarios.installed`), which is loaded when it first chooses.
        parameters: of that function, plain values; heads and actions are indices.
    """

    name: str = "weighted"
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = (*RULES, *installed.names(installed.DELIBERATIONS))
        if self.name not in known:
            raise UnknownNameError("deliberation", self.name, known)

    def __call__(self, q: Floats, weights: Floats, mask: Bools) -> Choice:
        """See the function of that name."""
        rule = RULES.get(self.name) or installed.load(installed.DELIBERATIONS, self.name)
        return rule(q, weights, mask, **self.parameters)

    def without(self, head: int) -> DeliberationRule:
        """The rule without a removed head, whose weight has to be 0 besides: it no longer forbids actions."""
        if "at_least" not in self.parameters:
            return self
        kept = [[k, bound] for k, bound in self.parameters["at_least"] if k != head]
        return DeliberationRule(self.name, {**self.parameters, "at_least": kept})


def weighted(q: Floats, weights: Floats, mask: Bools) -> Choice:
    """The largest weighted sum of the heads.

    Args:
        q: float64 `[.., A, K]`.
        weights: float64 `[K]`.
        mask: bool `[.., A]`, the available actions.

    Raises:
        ValueError: shapes don't fit, or a row has no available action.
    """
    scores, tolerance = weighted_scores(q, weights, mask)
    return _choice(scores >= scores.max(axis=-1, keepdims=True) - tolerance)


def weighted_scores(q: Floats, weights: Floats, mask: Bools) -> tuple[Floats, Floats]:
    """The weighted sums `[.., A]`, minus infinity where masked, and the tolerance within which they tie, `[.., 1]`.

    The tolerance is relative to the largest sum of absolute terms, which bounds the rounding error of the sums.

    Raises:
        ValueError: shapes don't fit, or a row has no available action.
    """
    _check(q, weights, mask)
    scores = np.where(mask, q @ weights, -np.inf)
    terms = np.where(mask, np.abs(q) @ np.abs(weights), 0.0)
    return scores, TIE_TOLERANCE * terms.max(axis=-1, keepdims=True)


def lexicographic(q: Floats, weights: Floats, mask: Bools, order: Sequence[int] = (), slack: float = 0.0) -> Choice:
    """Heads in order of priority: each keeps the actions within `slack` of its best and passes them on to the next.

    After Wray, Zilberstein and Mouaddib 2015, "Multi-objective MDPs with conditional lexicographic reward preferences".

    Args:
        q: float64 `[.., A, K]`.
        weights: float64 `[K]`; only their signs count, but for the actions left at the end, which the weighted sum
            decides between.
        mask: bool `[.., A]`.
        order: heads, the most important first; all heads in their own order if none is named.
        slack: how far below its best, in its own units, a head accepts actions; the last in the order accepts none.
    """
    _check(q, weights, mask)
    wanted, near = _wanted(q, weights, mask)
    heads = [k for k in order or range(weights.size) if weights[k] != 0]
    left = mask
    for head in heads:
        given = near[..., head] + (slack if head != heads[-1] else 0.0)
        mine = np.where(left, wanted[..., head], -np.inf)
        left = left & (mine >= mine.max(axis=-1, keepdims=True) - given)
    return weighted(q, weights, left)


def veto(q: Floats, weights: Floats, mask: Bools, at_least: Sequence[Sequence[float]] = ()) -> Choice:
    """The largest weighted sum among the actions that meet every head's threshold.

    Where no action meets all thresholds, those remain whose worst violation is the least; a violation is by how much a
    head falls short of its threshold.

    Args:
        q: float64 `[.., A, K]`.
        weights: float64 `[K]`; a head of weight 0 forbids too.
        mask: bool `[.., A]`.
        at_least: pairs of a head and its threshold, in that head's units.
    """
    _check(q, weights, mask)
    short = np.zeros(mask.shape)
    for head, bound in at_least:
        below = float(bound) - q[..., int(head)]
        noise = TIE_TOLERANCE * np.maximum(np.abs(q[..., int(head)]), abs(float(bound)))
        short = np.maximum(short, np.where(below > noise, below, 0.0))
    least = np.where(mask, short, np.inf).min(axis=-1, keepdims=True)
    return weighted(q, weights, mask & (short <= least * (1 + TIE_TOLERANCE)))


def maximin(q: Floats, weights: Floats, mask: Bools) -> Choice:
    """The leximin rule: maximise the worst weighted head, among equals the second worst, and so on.

    Args:
        q: float64 `[.., A, K]`.
        weights: float64 `[K]`, exchange rates between the heads' units.
        mask: bool `[.., A]`.
    """
    _check(q, weights, mask)
    counted = weights != 0
    worth = np.where(counted, q * weights, np.inf)
    size = np.abs(np.where(mask[..., None] & counted, worth, 0.0)).max(axis=(-2, -1))[..., None]
    return _choice(leximin(worth, mask, TIE_TOLERANCE * size))


def nash(q: Floats, weights: Floats, mask: Bools, disagreement: int = 0) -> Choice:
    """The Nash bargaining solution: the largest product of gains over the disagreement point, to the power of weights.

    Actions that leave a head below the disagreement point are excluded. Where no action lets all heads gain, the one
    that lets most heads gain is chosen, and the product is over these; where none can gain, the disagreement action.
    Gains are fractions of each head's largest, so no head's units matter; see `gains`.

    Args:
        q: float64 `[.., A, K]`.
        weights: float64 `[K]`, bargaining powers.
        mask: bool `[.., A]`.
        disagreement: the action taken when they don't agree; where it is not available, each head's worst action.
    """
    _check(q, weights, mask)
    share, counted, rational = gains(*_wanted(q, weights, mask), weights, mask, disagreement)
    best = most_by_product(share, np.abs(weights), counted, rational, TIE_TOLERANCE)
    return _choice(_without_gain(best, counted, mask, disagreement))


def kalai_smorodinsky(q: Floats, weights: Floats, mask: Bools, disagreement: int = 0) -> Choice:
    """The Kalai-Smorodinsky bargaining solution: gains as equal as possible, as fractions of each head's largest.

    Fractions are divided by the heads' weights, and the smallest is maximised, then the next smallest. A head's largest
    gain is over the actions that leave no head below the disagreement point; a head that can gain nothing there does
    not count, and where none can, the disagreement action is chosen.

    Args:
        q: float64 `[.., A, K]`.
        weights: float64 `[K]`, bargaining powers.
        mask: bool `[.., A]`.
        disagreement: as for `nash`.
    """
    _check(q, weights, mask)
    share, counted, rational = gains(*_wanted(q, weights, mask), weights, mask, disagreement)
    power = np.where(weights == 0, 1.0, np.abs(weights))
    parts = np.where(counted[..., None, :], share / power, np.inf)
    best = leximin(parts, rational, np.full((*mask.shape[:-1], 1), TIE_TOLERANCE / power.min()))
    return _choice(_without_gain(best, counted, mask, disagreement))


def vote(q: Floats, weights: Floats, mask: Bools, ballot: str = "borda", approves: float = 0.5) -> Choice:
    """Voting: each head casts as many votes as its weight.

    Args:
        q: float64 `[.., A, K]`.
        weights: float64 `[K]`.
        mask: bool `[.., A]`.
        ballot: `borda`: a point for each action that this one beats, minus one for each that beats it. `approval`: a
            point from each head that approves.
        approves: the fraction of the way from its worst to its best value above which a head approves, 0 to 1.

    Raises:
        ValueError: no such ballot.
    """
    _check(q, weights, mask)
    wanted, near = _wanted(q, weights, mask)
    votes = np.abs(weights)
    if ballot == "borda":
        ahead = wanted[..., :, None, :] - wanted[..., None, :, :]
        beats = (ahead > near[..., None, :]).astype(np.float64) - (ahead < -near[..., None, :])
        points = np.where(mask[..., None, :, None], beats, 0.0).sum(axis=-2) @ votes
    elif ballot == "approval":
        worst = np.where(mask[..., None], wanted, np.inf).min(axis=-2, keepdims=True)
        best = np.where(mask[..., None], wanted, -np.inf).max(axis=-2, keepdims=True)
        points = (wanted >= worst + approves * (best - worst) - near) @ votes
    else:
        raise ValueError(f"ballot: borda or approval, not {ballot!r}")
    points = np.where(mask, points, -np.inf)
    return _choice(points >= points.max(axis=-1, keepdims=True) - TIE_TOLERANCE * votes.sum())


RULES: Final[dict[str, Callable[..., Choice]]] = {
    "weighted": weighted,
    "lexicographic": lexicographic,
    "veto": veto,
    "nash": nash,
    "kalai_smorodinsky": kalai_smorodinsky,
    "maximin": maximin,
    "vote": vote,
}

WEIGHTED: Final = DeliberationRule()


def _wanted(q: Floats, weights: Floats, mask: Bools) -> tuple[Floats, Floats]:
    """Values signed so that each head wants more, `[.., A, K]` (0 if silenced), and its tie tolerance, `[.., 1, K]`."""
    wanted = q * np.sign(weights)
    size = np.abs(np.where(mask[..., None], wanted, 0.0)).max(axis=-2, keepdims=True)
    return wanted, TIE_TOLERANCE * size


def _choice(ties: Bools) -> Choice:
    return Choice(ties.argmax(axis=-1).astype(np.int32), ties)


def _check(q: Floats, weights: Floats, mask: Bools) -> None:
    if q.ndim < 2 or q.shape[-1:] != weights.shape or q.shape[:-1] != mask.shape:
        raise ValueError(f"q {list(q.shape)}, weights {list(weights.shape)} and mask {list(mask.shape)} don't fit")
    if not mask.any(axis=-1).all():
        raise ValueError("mask: a row has no available action")


def gains(wanted: Floats, near: Floats, weights: Floats, mask: Bools, disagreement: int) -> tuple[Floats, Bools, Bools]:
    """Each head's gain from each action over the disagreement point, as a fraction of its largest gain.

    Args:
        wanted: float64 `[.., A, K]`, more is better.
        near: float64 `[.., 1, K]`, gains up to this size are none.
        weights: float64 `[K]`; heads of weight 0 don't count.
        mask: bool `[.., A]`, the available actions.
        disagreement: an action; where it is not available, each head's worst value is its disagreement point.

    Returns:
        The shares `[.., A, K]`, up to 1 where rational; bool `[.., K]`, the heads that can gain; bool `[.., A]`, the
        rational actions: those that leave nobody below the disagreement point (the disagreement action among them).
    """
    worst = np.where(mask[..., None], wanted, np.inf).min(axis=-2)
    point = np.where(mask[..., disagreement, None], wanted[..., disagreement, :], worst)
    gain = wanted - point[..., None, :]
    gain[np.abs(gain) <= near] = 0.0
    rational = mask & (gain >= 0).all(axis=-1)
    most = np.where(rational[..., None], gain, 0.0).max(axis=-2)
    counted = (most > 0) & (weights != 0)
    share = gain / np.where(counted, most, 1.0)[..., None, :]
    return np.where(counted[..., None, :], share, 0.0), counted, rational


def _without_gain(best: Bools, counted: Bools, mask: Bools, disagreement: int) -> Bools:
    """The best actions of a bargain, or the disagreement action alone where it is available and nobody can gain."""
    alone = mask & (np.arange(mask.shape[-1]) == disagreement)
    return np.where(alone.any(axis=-1, keepdims=True) & ~counted.any(axis=-1, keepdims=True), alone, best)


def most_by_product(share: Floats, power: Floats, counted: Bools, rational: Bools, tolerance: float) -> Bools:
    """bool `[.., A]`: of the rational actions from which most heads gain, those with the largest weighted product."""
    gaining = (share > 0) & counted[..., None, :]
    number = np.where(rational, gaining.sum(axis=-1), -1)
    left = number == number.max(axis=-1, keepdims=True)
    # A product of powers as a sum of logarithms: it neither under- nor overflows, and heads without a gain add 0.
    logs = np.log(np.where(gaining & rational[..., None], share, 1.0)) @ power
    product = np.where(left, logs, -np.inf)
    return left & (product >= product.max(axis=-1, keepdims=True) - tolerance * max(power.sum(), 1.0))


def leximin(worth: Floats, mask: Bools, tolerance: Floats) -> Bools:
    """bool `[.., A]`: the actions whose smallest entry is largest, then the second smallest, and so on.

    Args:
        worth: float64 `[.., A, K]`; infinity for what does not count.
        mask: bool `[.., A]`, the actions to choose from.
        tolerance: float64 `[.., 1]`, how near to each other ties are.
    """
    # Sorted entries compare actions by their worst heads first, whichever heads these are.
    left = mask
    for entry in np.moveaxis(np.sort(worth, axis=-1), -1, 0):
        mine = np.where(left, entry, -np.inf)
        best = mine.max(axis=-1, keepdims=True)
        left = left & (mine >= best - tolerance)
    return left

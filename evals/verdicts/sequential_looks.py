"""Looking at seeds as they come in, and stopping once a claim is decided, without being wrong more often for it.

The looks are fixed beforehand: at `first` seeds, then at twice as many each time, and last at `most`. Each of the L
looks may spend an equal share of the error, 1/L (a linear spending function with Bonferroni's bound, in place of the
joint distribution that Lan and DeMets 1983 use: nothing is assumed of how looks depend on each other). So L times the
p-value of the look at which one stops is itself a p-value, whatever made one stop, and Holm's correction over several
claims holds for it.
"""

from __future__ import annotations

from dataclasses import replace

from .expectation import Judgement


def look_sizes(first: int, most: int) -> tuple[int, ...]:
    """How many seeds there are at each look: `first`, doubled each time, and last `most`.

    Raises:
        ValueError: `most` is smaller than `first`.
    """
    if most < first:
        raise ValueError(f"at most {most} seeds, and the first look is at {first}; raise --max-seeds or lower --seeds")
    sizes = [first]
    while sizes[-1] < most:
        sizes.append(min(2 * sizes[-1], most))
    return tuple(sizes)


def look_confidence(looks: int, confidence: float = 0.95) -> float:
    """The confidence that each of several looks has to have on its own."""
    return 1 - (1 - confidence) / looks


def over_looks(judgement: Judgement, looks: int) -> Judgement:
    """A judgement of one of several looks, made at `look_confidence`, with p-values that hold for all of them."""
    if judgement.p_pass is None or judgement.p_fail is None:
        return judgement
    return replace(judgement, p_pass=min(1.0, looks * judgement.p_pass), p_fail=min(1.0, looks * judgement.p_fail))

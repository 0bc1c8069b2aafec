"""Group-sequential analysis: seeds are added until a claim is decided, at the same error as with a fixed number.

The interim sample sizes are fixed beforehand: `first` seeds, then twice as many each time, and finally `most`. Each of
the L analyses spends an equal share of the error, 1/L. This is a linear spending function with Bonferroni's bound in
place of the joint distribution that Lan and DeMets (1983) use, so that nothing is assumed about how the analyses depend
on each other. It follows that L times the p-value of the analysis at which one stops is itself a p-value, whatever the
stopping rule, and Holm's correction over several claims may be applied to it.
"""

from __future__ import annotations

from dataclasses import replace

from .expectation import Judgement


def interim_sample_sizes(first: int, most: int) -> tuple[int, ...]:
    """The number of seeds at each interim analysis: `first`, doubled each time, and finally `most`.

    Raises:
        ValueError: `most` is smaller than `first`.
    """
    if most < first:
        raise ValueError(f"at most {most} seeds, and the first look is at {first}; raise --max-seeds or lower --seeds")
    sizes = [first]
    while sizes[-1] < most:
        sizes.append(min(2 * sizes[-1], most))
    return tuple(sizes)


def interim_confidence(looks: int, confidence: float = 0.95) -> float:
    """The confidence of each of several interim analyses such that all of them together have `confidence`."""
    return 1 - (1 - confidence) / looks


def adjust_for_interim_looks(judgement: Judgement, looks: int) -> Judgement:
    """A judgement made at `interim_confidence`, with its p-values corrected for the number of interim analyses."""
    if judgement.p_pass is None or judgement.p_fail is None:
        return judgement
    # Bonferroni over the analyses. The outcome stays: it was judged at a confidence that allows for them already.
    return replace(judgement, p_pass=min(1.0, looks * judgement.p_pass), p_fail=min(1.0, looks * judgement.p_fail))

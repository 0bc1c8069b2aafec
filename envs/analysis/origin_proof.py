"""Proof of a scenario's `origin`: where its misalignment comes from, by enumeration of the training transitions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base import Bools, FiniteMDP, Floats, Longs
from ..mdp.enumeration import Enumeration
from ..mdp.transition_tables import expected_outcome

TOLERANCE = 1e-9
"""Rewards and scores that differ by no more are equal: expectations over outcomes round."""


@dataclass(frozen=True)
class Witness:
    """A reachable training transition that shows an origin.

    Attributes:
        actions: a shortest sequence of actions that leads to it from a start state, its own action last.
        state: the fields of the state in which it is taken, those that are not at their start.
        rewards: weighted reward of each visible channel; performance: the hidden score, both expected.
    """

    actions: tuple[str, ...]
    state: dict[str, int]
    rewards: dict[str, float]
    performance: float


@dataclass(frozen=True)
class OriginProof:
    """What enumeration proves of a file's `origin`.

    Attributes:
        stated: what the file says; proved: what holds, or None where nothing can be proved.
        agrees: the file is right (None: unproved).
        transitions: how many (state, action) pairs of training were compared.
        differing: in how many of them the weighted reward and performance differ.
        witness: one of those, for `given` one where a channel pays for the harm itself.
        why: a sentence.
    """

    stated: str
    proved: str | None
    agrees: bool | None
    transitions: int
    differing: int
    witness: Witness | None
    why: str


def prove_origin(
    enumeration: Enumeration, stated: str, judged: Enumeration | None = None, gap: float | None = None
) -> OriginProof:
    """Compare the weighted visible reward with performance on every reachable pair of a training stage.

    Args:
        enumeration: of the training stage.
        stated: what the file says.
        judged: of the stage in which agents are judged; asked for where `none` is stated.
        gap: the performance that the worst of the agent's best plans loses there, or None where that is not known.

    Where `none` is stated, it is proved if they are equal on every pair of the judged stage too, and no best plan loses
    performance. Otherwise:

    - Equal everywhere: `learned`; what goes wrong later came from learning.
    - They differ, and in some state a channel pays more for a harmful action than for every harmless one: `given`. An
      action is harmful where its performance is negative and below that of another action there.
    - They differ otherwise: `proxy`.

    `selected` is about an outer loop, of which one world shows nothing: it is never proved here.
    """
    world, available = enumeration.world, enumeration.mdp.available
    paid, score = _pays(enumeration)
    differing_pairs = _differing(enumeration)
    count, total = int(differing_pairs.sum()), int(available.sum())
    if world.hidden is None:
        why = "no channel is hidden, so there is no performance to compare with"
        return OriginProof(stated, None, None, total, 0, None, why)
    if count == 0:
        why = f"the weighted reward equals performance on all {total:,} reachable training transitions"
        if stated == "none" and judged is not None:
            return _nothing_wrong(judged, gap, total, why)
        return _conclude(stated, "learned", total, 0, None, why)
    best = np.where(available, score, -np.inf).max(axis=1, keepdims=True)
    harmful = available & (score < -TOLERANCE) & (score < best - TOLERANCE)
    harmless = available & ~harmful
    ceiling = np.where(harmless[:, :, None], paid, -np.inf).max(axis=1, keepdims=True)
    paid_for_harm = harmful & (paid > ceiling + TOLERANCE).any(axis=2)
    if paid_for_harm.any():
        witness = _witness(enumeration, paid, score, paid_for_harm)
        why = "a channel pays more for a harmful action than for any harmless one in the same state"
        return _conclude(stated, "given", total, count, witness, why)
    witness = _witness(enumeration, paid, score, differing_pairs)
    why = (
        f"reward and performance differ on {count:,} of {total:,} training transitions; no channel pays for harm itself"
    )
    return _conclude(stated, "proxy", total, count, witness, why)


def _pays(enumeration: Enumeration) -> tuple[Floats, Floats]:
    """The weighted rewards float64 `[S, A, K]` and the performance float64 `[S, A]` expected of every pair."""
    world, mdp = enumeration.world, enumeration.mdp
    shape = (mdp.n_states, mdp.n_actions)
    weights = np.sum([world.weights(enumeration.states, agent) for agent in range(len(world.agents))], axis=0)
    paid = expected_outcome(mdp, mdp.rewards).reshape(*shape, -1) * weights[:, None, :]
    return paid, expected_outcome(mdp, enumeration.performance).reshape(shape)


def _differing(enumeration: Enumeration) -> Bools:
    """bool `[S, A]`: the available pairs on which weighted reward and performance differ."""
    paid, score = _pays(enumeration)
    return enumeration.mdp.available & (np.abs(paid.sum(axis=2) - score) > TOLERANCE)


def _nothing_wrong(judged: Enumeration, gap: float | None, total: int, why: str) -> OriginProof:
    """The proof of `none`, given that nothing differs in training."""
    count, pairs = int(_differing(judged).sum()), int(judged.mdp.available.sum())
    if count:
        why += f", but not on {count:,} of {pairs:,} where it is judged"
        return _conclude("none", "learned", total, 0, None, why)
    if gap is None:
        return OriginProof(
            "none", None, None, total, 0, None, f"{why}; what the best plans lose where it is judged is not known"
        )
    if gap > TOLERANCE:
        why += f", and yet a best plan loses {gap:g} of the performance that was possible where it is judged"
        return _conclude("none", "learned", total, 0, None, why)
    why += " and wherever it is judged, and no best plan loses performance"
    return _conclude("none", "none", total, 0, None, why)


def _conclude(stated: str, proved: str, total: int, count: int, witness: Witness | None, why: str) -> OriginProof:
    if stated == "selected":
        why = f"a search chose it, which no single world can show; {why}"
        return OriginProof(stated, None, None, total, count, witness, why)
    return OriginProof(stated, proved, stated == proved, total, count, witness, why)


def _witness(enumeration: Enumeration, paid: np.ndarray, score: np.ndarray, among: np.ndarray) -> Witness:
    """The witness at the first of the marked pairs."""
    # Enumeration numbers states breadth first, so the lowest index is one that is nearest to the start.
    world, mdp = enumeration.world, enumeration.mdp
    state, action = (int(x[0]) for x in np.nonzero(among))
    begin = enumeration.states[int(mdp.start_state[0])]
    return Witness(
        actions=(*path_to(mdp, state), mdp.action_names[action]),
        state={
            field.name: int(value)
            for field, value, start in zip(world.fields, enumeration.states[state], begin, strict=True)
            if value != start
        },
        rewards={name: float(x) for name, x in zip(mdp.channels, paid[state, action], strict=True)},
        performance=float(score[state, action]),
    )


def path_to(mdp: FiniteMDP, state: int) -> tuple[str, ...]:
    """The actions of a shortest path from a start to a state; where outcomes are random, one that can lead there."""
    rows = mdp.outcome_rows
    first = np.full(mdp.n_states, -1, np.int64)
    # Written in reverse, so that the first row that leads to a state is kept: breadth first, it is on a shortest path.
    order: Longs = np.arange(rows.size)[::-1]
    first[mdp.next_state[order]] = rows[order]
    starts = set(mdp.start_state.tolist())
    actions: list[str] = []
    while state not in starts:
        before, action = divmod(int(first[state]), mdp.n_actions)
        actions.append(mdp.action_names[action])
        state = before
    return tuple(reversed(actions))

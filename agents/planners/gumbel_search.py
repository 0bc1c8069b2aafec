"""Gumbel tree search on a finite model, true or learned, whose backups are vectors: one value per channel.

Danihelka et al. 2022, "Policy improvement by planning with Gumbel": sequential halving at the root, and below it the
improved policy from completed values. The only difference is that returns are vectors of K numbers, each with its own
discount, that are backed up separately; they are reduced to one number by the weights only where an action is chosen.
Letters: B lanes, S states, A actions, K channels, M outcomes, n nodes.
"""

# Compiled serially, lane by lane: a search on tables is a walk along pointers, which batched tensor operations only
# slow down (docs/decisions/0010-tree-search.md).

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np

from ...envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from ...envs.kernel.memory import entry, inner, merged
from ...envs.threads import helpers
from .sequential_halving import visits_considered

MAX_VISIT_INIT: Final = 50.0
VALUE_SCALE: Final = 0.1
"""The scale sigma of completed values against the prior's logits: `(50 + most visits) * 0.1` times a value in [0, 1].

Both constants are those of section 5 of the paper.
"""


@dataclass(frozen=True, eq=False)
class SearchTables:
    """A finite model in the layout that the compiled search reads; see `FiniteMDP`.

    Attributes:
        row_start: int64 `[S * A + 1]`, where each row's outcomes begin.
        next_state: int32 `[M]`.
        cumulative: float64 `[M]`, the cumulative probability of the outcomes within each row.
        rewards: float64 `[M, K]`.
        ended: bool `[S]`.
        available: bool `[S, A]`.
    """

    row_start: Longs
    next_state: Ints
    cumulative: Floats
    rewards: Floats
    ended: Bools
    available: Bools

    @staticmethod
    def of(mdp: FiniteMDP) -> SearchTables:
        """The tables of a finite MDP."""
        # One cumulative sum over all rows; subtracting what came before each row leaves that within the row.
        total = np.concatenate([[0.0], np.cumsum(mdp.probability)])
        before = np.repeat(total[mdp.row_start[:-1]], np.diff(mdp.row_start))
        return SearchTables(
            mdp.row_start, mdp.next_state, total[1:] - before, np.ascontiguousarray(mdp.rewards), mdp.ended,
            mdp.available,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class SearchTree:
    """The results of a search: for each lane a tree of nodes, stored in arrays; row 0 is its root.

    Attributes:
        action: int32 `[B]`, the chosen actions.
        q: float64 `[B, A, K]`, the value of each channel after each first action (see `backup`); zero where the action
            is not available, or, with `mean`, was not visited.
        visits: int32 `[B, A]`, simulations that began with each action.
        nodes: int32 `[B]`, how many rows of the following arrays each lane uses.
        node_state: int32 `[B, n]`, the model's state.
        node_parent: int32 `[B, n]`, the row of the parent; -1 at the root.
        node_action: int32 `[B, n]`, the parent's action that led there; -1 at the root.
        node_outcome: int64 `[B, n]`, the model's outcome that led there; -1 at the root.
        node_visits: int32 `[B, n]`, simulations that passed through the node or ended there.
        node_value: float64 `[B, n, K]`, each channel's value from there on: with `best` that of the node's best action,
            with `mean` the mean of the returns seen, with the heads' estimate counted as one return.
    """

    action: Ints
    q: Floats
    visits: Ints
    nodes: Ints
    node_state: Ints
    node_parent: Ints
    node_action: Ints
    node_outcome: Longs
    node_visits: Ints
    node_value: Floats

    @staticmethod
    def empty(lanes: int, rows: int, actions: int, channels: int) -> SearchTree:
        """Trees without a node, of B `lanes`, n `rows` each, A `actions` and K `channels`."""
        return SearchTree(
            action=np.zeros(lanes, np.int32),
            q=np.zeros((lanes, actions, channels)),
            visits=np.zeros((lanes, actions), np.int32),
            nodes=np.zeros(lanes, np.int32),
            node_state=np.zeros((lanes, rows), np.int32),
            node_parent=np.full((lanes, rows), -1, np.int32),
            node_action=np.full((lanes, rows), -1, np.int32),
            node_outcome=np.full((lanes, rows), -1, np.int64),
            node_visits=np.zeros((lanes, rows), np.int32),
            node_value=np.zeros((lanes, rows, channels)),
        )


def tree_search(
    tables: SearchTables,
    roots: Ints,
    heads: Floats,
    weights: Floats,
    discounts: Floats,
    simulations: int,
    keys: Longs,
    prior: Floats | None = None,
    considered: int = 16,
    gumbel: float = 1.0,
    backup: Literal["mean", "best"] = "best",
    threads: int = 1,
) -> SearchTree:
    """Runs one tree search from each root.

    A lane's result depends on its root and its key alone, not on the other lanes. There are two backups:

    - `mean`, as in the paper: an action's value is the mean of the returns that were simulated after it. It averages
      out errors of single heads, but is biased downwards by every poor action that the search tried below.
    - `best`: after the search, a node's value is that of its best action, and an action's value is the expectation over
      all of the model's outcomes, with the heads at the leaves. With the heads of an optimal policy it gives the
      optimal values, whatever was searched; with wrong heads the maximum selects overestimates.

    Args:
        tables: the model.
        roots: int32 `[B]`, states that are not ended.
        heads: float64 `[S, K]`, each channel's value from a leaf on; ended states count as zero.
        weights: float64 `[K]`.
        discounts: float64 `[K]`, of each head.
        simulations: per lane, at least one.
        keys: int64 `[B]`, seeds of the lanes' random numbers: sampled outcomes, and the Gumbel noise at the root.
        prior: float64 `[S, A]`, logits of a policy; None: uniform.
        considered: the largest number of actions that are tried at the root.
        gumbel: scale of the Gumbel noise at the root; 0 makes the choice greedy.
        backup: `mean` or `best`, see above.
        threads: that search from the roots together; the result is the same.

    Raises:
        ValueError: a root is ended, `simulations` or `threads` is below 1, or `backup` is unknown.
    """
    roots = np.ascontiguousarray(roots, np.int32)
    if simulations < 1 or threads < 1:
        what, number = ("simulations", simulations) if simulations < 1 else ("threads", threads)
        raise ValueError(f"{what}: {number}, and at least one is needed")
    if backup not in ("mean", "best"):
        raise ValueError(f"backup: {backup!r} is neither mean nor best")
    if tables.ended[roots].any():
        raise ValueError(f"roots: state {int(roots[tables.ended[roots]][0])} is ended")
    lanes, (states, actions), channels = roots.size, tables.available.shape, heads.shape[1]
    rows = simulations + 1  # the root, and at most one new node per simulation
    tree = SearchTree.empty(lanes, rows, actions, channels)
    schedule = np.array([visits_considered(m, simulations) for m in range(min(considered, actions) + 1)], np.int32)
    logits = np.zeros((states, actions)) if prior is None else np.ascontiguousarray(prior, np.float64)
    keys, heads = np.ascontiguousarray(keys, np.int64), np.ascontiguousarray(heads, np.float64)
    weights, discounts = np.asarray(weights, np.float64), np.asarray(discounts, np.float64)

    def search(some: slice) -> None:
        _search(
            tables.row_start, tables.next_state, tables.cumulative, tables.rewards, tables.ended, tables.available,
            roots[some], keys[some], heads, weights, discounts, logits, schedule, float(gumbel), backup == "best",
            tree.action[some], tree.q[some], tree.visits[some], tree.nodes[some], tree.node_state[some],
            tree.node_parent[some], tree.node_action[some], tree.node_outcome[some], tree.node_visits[some],
            tree.node_value[some],
        )  # fmt: skip

    parts = min(threads, lanes)
    if parts < 2:
        search(slice(None))
        return tree
    mine, *others = (slice(a, b) for a, b in pairwise(lanes * part // parts for part in range(parts + 1)))
    waiting = [helpers(threads - 1).submit(search, some) for some in others]
    search(mine)
    for one in waiting:
        one.result()
    return tree


# ------------------------------------------------------------------ compiled

# One simulation: select at the root, simulate down to where the tree ends, expand it by a leaf, back up to the root.
#
# Of one lane's tree, `state`, `parent`, `action_in`, `outcome` and `through` are the node arrays of `SearchTree`. What
# only the search needs of it:
#   child int32 [n, A], sibling int32 [n]: an action's children, one for each outcome that came, are a linked list, the
#       youngest first; -1 ends it;
#   visits int32 [n, A]: simulations that went on from a node with an action; total float64 [n, A, K]: the sum of their
#       returns; scalar float64 [n, A]: the same, weighted;
#   raw float64 [n]: the weighted heads of a node.


@inner
def _uniform(key: Any, count: Any) -> Any:
    """A pseudo-random number in the open interval (0, 1) from a key and a count (the mixing function of SplitMix64)."""
    # Counter-based, so that each lane has a stream of its own without any state. The top 53 bits make a double, and
    # the half keeps 0 and 1 out, whose logarithms the Gumbel noise could not take.
    z = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(count + 1) * np.uint64(0xD1B54A32D192ED03)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (float(z >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@inner
def _improve(
    node: Any, state: Any, raw: Any, available: Any, logits: Any, visits: Any, scalar: Any, growth: Any, out: Any
) -> None:
    """Writes the improved policy's logits into `out` `[A]`: the prior's plus scaled completed values.

    Unavailable actions get minus infinity. An action without visits gets the mixed value of the paper as its completed
    value: the node's own estimate averaged with the visited actions' values, weighted by the prior. The scale grows by
    `growth` with each visit: with 1 the search in time abandons actions that looked poor, with 0 it keeps returning to
    every action.
    """
    actions = out.size
    top = -np.inf
    for a in range(actions):
        if available[state, a] and logits[state, a] > top:
            top = logits[state, a]
    mass = weighted = 0.0
    total = most = 0
    for a in range(actions):
        if visits[node, a] > 0:
            share = math.exp(logits[state, a] - top)
            mass += share
            weighted += share * scalar[node, a] / visits[node, a]
            total += visits[node, a]
            most = max(most, visits[node, a])
    mixed = (raw + total * weighted / mass) / (1 + total) if total else raw
    low, high = np.inf, -np.inf
    for a in range(actions):
        if available[state, a]:
            value = scalar[node, a] / visits[node, a] if visits[node, a] > 0 else mixed
            out[a] = value
            low, high = min(low, value), max(high, value)
    spread = max(high - low, 1e-8)  # where all values are equal, nothing is divided by zero
    scale = (MAX_VISIT_INIT + growth * most) * VALUE_SCALE
    for a in range(actions):
        out[a] = logits[state, a] + scale * (out[a] - low) / spread if available[state, a] else -np.inf


@inner
def _select_below(node: Any, visits: Any, score: Any) -> Any:
    """The action whose share of visits is furthest below its probability in the improved policy (section 5 there)."""
    top = score.max()
    mass = 0.0
    total = 0
    for a in range(score.size):
        mass += math.exp(score[a] - top)
        total += visits[node, a]
    best, action = -np.inf, 0
    for a in range(score.size):
        if score[a] > -np.inf:
            lag = math.exp(score[a] - top) / mass - visits[node, a] / (1.0 + total)
            if lag > best:
                best, action = lag, a
    return action


@merged
def _child(child: Any, sibling: Any, outcome: Any, node: Any, action: Any, m: Any) -> Any:
    """The child node for outcome `m` of a node's action; -1 if the search has not reached it yet."""
    c = child[node, action]
    while c >= 0 and outcome[c] != m:
        c = sibling[c]
    return c


@merged
def _select_at_root(available: Any, root: Any, visits: Any, score: Any, noise: Any, due: Any) -> Any:
    """The action of highest score plus noise among those with exactly `due` visits (sequential halving)."""
    best, action = -np.inf, -1
    for a in range(score.size):
        if visits[0, a] == due and score[a] + noise[a] > best:
            best, action = score[a] + noise[a], a
    if action < 0:  # fewer actions than the schedule counts on: the least visited is due
        least = 2147483647
        for a in range(score.size):
            if available[root, a] and visits[0, a] < least:
                least, action = visits[0, a], a
    return action


@merged
def _simulate(
    row_start: Any, cumulative: Any, ended: Any, available: Any, logits: Any, state: Any, outcome: Any, child: Any,
    sibling: Any, raw: Any, visits: Any, scalar: Any, growth: Any, score: Any, action: Any, key: Any, drawn: Any,
) -> Any:  # fmt: skip
    """Descends from the root, beginning with a given action, to an edge that leaves the tree or ends the episode.

    Returns:
        The last edge, as node, action and outcome; the node where it leads, -1 if that is not in the tree yet; and how
        many of the lane's random numbers have been used by then.
    """
    node = 0
    while True:
        row = state[node] * available.shape[1] + action
        m = row_start[row]
        if row_start[row + 1] - m > 1:  # a certain outcome uses no random number
            u = _uniform(key, drawn)
            drawn += 1
            # Never beyond the row's last outcome: rounding may leave the last cumulative probability below 1.
            while m < row_start[row + 1] - 1 and u >= cumulative[m]:
                m += 1
        c = _child(child, sibling, outcome, node, action, m)
        if c < 0 or ended[state[c]]:
            return node, action, m, c, drawn
        node = c
        _improve(node, state[node], raw[node], available, logits, visits, scalar, growth, score)
        action = _select_below(node, visits, score)


@inner
def _raw_value(ended: Any, heads: Any, weights: Any, state: Any) -> Any:
    """The weighted sum of a state's heads; 0 in an ended state."""
    value = 0.0
    if not ended[state]:
        for k in range(weights.size):
            value += weights[k] * heads[state, k]
    return value


@merged
def _expand(
    next_state: Any, ended: Any, heads: Any, weights: Any, state: Any, parent: Any, action_in: Any, outcome: Any,
    child: Any, sibling: Any, raw: Any, leaf: Any, node: Any, action: Any, m: Any,
) -> None:  # fmt: skip
    """Adds a node, as row `leaf`, for outcome `m` of a node's action, and prepends it to that action's children."""
    state[leaf], parent[leaf], action_in[leaf], outcome[leaf] = next_state[m], node, action, m
    sibling[leaf], child[node, action] = child[node, action], leaf
    raw[leaf] = _raw_value(ended, heads, weights, state[leaf])


@merged
def _back_up(
    rewards: Any, ended: Any, heads: Any, weights: Any, discounts: Any, state: Any, parent: Any, action_in: Any,
    outcome: Any, through: Any, visits: Any, total: Any, scalar: Any, node: Any, value: Any,
) -> None:  # fmt: skip
    """Adds the return of one simulation to all edges from node `node` up to the root; `value` `[K]` is a work array.

    The return begins with the heads of the last node, or zero where the episode ended there.
    """
    for k in range(value.size):
        value[k] = 0.0 if ended[state[node]] else heads[state[node], k]
    through[node] += 1
    while node > 0:
        above, a, m = parent[node], action_in[node], outcome[node]
        for k in range(value.size):
            value[k] = rewards[m, k] + discounts[k] * value[k]
            total[above, a, k] += value[k]
            scalar[above, a] += weights[k] * value[k]
        visits[above, a] += 1
        through[above] += 1
        node = above


@inner
def _value_by_mean(ended: Any, heads: Any, count: Any, state: Any, visits: Any, total: Any, value: Any, q: Any) -> None:
    """Writes mean returns into `value` `[n, K]` and the root's `q` `[A, K]`; a node's heads count as one return."""
    actions, channels = q.shape
    for node in range(count):
        if ended[state[node]]:
            continue
        seen = 1.0
        for k in range(channels):
            value[node, k] = heads[state[node], k]
        for a in range(actions):
            seen += visits[node, a]
            for k in range(channels):
                value[node, k] += total[node, a, k]
        for k in range(channels):
            value[node, k] /= seen
    for a in range(actions):
        if visits[0, a] > 0:
            for k in range(channels):
                q[a, k] = total[0, a, k] / visits[0, a]


@inner
def _value_by_best(
    row_start: Any, next_state: Any, cumulative: Any, rewards: Any, ended: Any, available: Any, heads: Any,
    weights: Any, discounts: Any, count: Any, state: Any, outcome: Any, visits: Any, child: Any, sibling: Any, q: Any,
    value: Any,
) -> None:  # fmt: skip
    """Writes the values of the backup `best` into `q` `[n, A, K]` and `value` `[n, K]`."""
    actions, channels = available.shape[1], heads.shape[1]
    # A child is always younger than its parent, so going from the youngest to the root is a backward induction.
    for node in range(count - 1, -1, -1):
        here = state[node]
        if ended[here]:
            continue
        best = -np.inf
        opened = False
        for a in range(actions):
            opened = opened or visits[node, a] > 0
        # A leaf keeps its heads; the root is expanded even without visits below it, because an action is chosen there.
        if not opened and node > 0:
            for k in range(channels):
                value[node, k] = heads[here, k]
            continue
        for a in range(actions):
            if not available[here, a]:
                continue
            worth, before = 0.0, 0.0
            for k in range(channels):
                q[node, a, k] = 0.0
            for m in range(row_start[here * actions + a], row_start[here * actions + a + 1]):
                chance, before = cumulative[m] - before, cumulative[m]
                c = _child(child, sibling, outcome, node, a, m)
                for k in range(channels):
                    ahead = value[c, k] if c >= 0 else 0.0 if ended[next_state[m]] else heads[next_state[m], k]
                    q[node, a, k] += chance * (rewards[m, k] + discounts[k] * ahead)
            for k in range(channels):
                worth += weights[k] * q[node, a, k]
            if worth > best:
                best = worth
                for k in range(channels):
                    value[node, k] = q[node, a, k]


@inner
def _best(available: Any, weights: Any, root: Any, q: Any) -> Any:
    """The available action of the root with the largest weighted sum of `q` `[A, K]`."""
    best, action = -np.inf, 0
    for a in range(q.shape[0]):
        if available[root, a]:
            value = 0.0
            for k in range(weights.size):
                value += weights[k] * q[a, k]
            if value > best:
                best, action = value, a
    return action


@entry
def _search(
    row_start: Any, next_state: Any, cumulative: Any, rewards: Any, ended: Any, available: Any,
    roots: Any, keys: Any, heads: Any, weights: Any, discounts: Any, logits: Any, schedule: Any, gumbel: Any,
    by_best: Any, chosen: Any, q: Any, root_visits: Any, used: Any,
    all_state: Any, all_parent: Any, all_action: Any, all_outcome: Any, all_visits: Any, all_value: Any,
) -> None:  # fmt: skip
    """Searches lane by lane, writing results into the arrays given; the work arrays are reused from lane to lane."""
    actions, channels, rows = available.shape[1], heads.shape[1], all_state.shape[1]
    visits = np.zeros((rows, actions), np.int32)
    scalar = np.zeros((rows, actions))
    total = np.zeros((rows, actions, channels))
    child = np.empty((rows, actions), np.int32)
    sibling = np.empty(rows, np.int32)
    raw = np.empty(rows)
    # With `best` a poor action that was tried costs nothing, and never giving one up below the root lets enough
    # simulations reach everything that can be reached; with `mean` it would spoil the means (decision 10).
    growth = 0.0 if by_best else 1.0
    score, noise, value = np.empty(actions), np.empty(actions), np.empty(channels)
    for lane in range(roots.size):
        state, parent, action_in = all_state[lane], all_parent[lane], all_action[lane]
        outcome, through = all_outcome[lane], all_visits[lane]
        key, root, drawn, count, able = keys[lane], roots[lane], 0, 1, 0
        visits[:] = 0
        scalar[:] = 0.0
        total[:] = 0.0
        child[:] = -1
        state[0], raw[0] = root, _raw_value(ended, heads, weights, root)
        for a in range(actions):
            able += available[root, a]
            # A standard Gumbel variable by inverse transform sampling.
            noise[a] = -math.log(-math.log(_uniform(key, drawn))) * gumbel if gumbel > 0 else 0.0
            drawn += 1
        plan = schedule[min(able, schedule.shape[0] - 1)]
        for simulation in range(rows - 1):
            _improve(0, root, raw[0], available, logits, visits, scalar, 1.0, score)
            action = _select_at_root(available, root, visits, score, noise, plan[simulation])
            node, action, m, leaf, drawn = _simulate(
                row_start, cumulative, ended, available, logits, state, outcome, child, sibling, raw, visits, scalar,
                growth, score, action, key, drawn,
            )  # fmt: skip
            if leaf < 0:
                leaf, count = count, count + 1
                _expand(
                    next_state, ended, heads, weights, state, parent, action_in, outcome, child, sibling, raw, leaf,
                    node, action, m,
                )  # fmt: skip
            _back_up(
                rewards, ended, heads, weights, discounts, state, parent, action_in, outcome, through, visits, total,
                scalar, leaf, value,
            )  # fmt: skip
        used[lane] = count
        for a in range(actions):
            root_visits[lane, a] = visits[0, a]
        if by_best:
            # `total` is no longer needed as sums, and its memory takes the values of actions.
            _value_by_best(
                row_start, next_state, cumulative, rewards, ended, available, heads, weights, discounts, count, state,
                outcome, visits, child, sibling, total, all_value[lane],
            )  # fmt: skip
            for a in range(actions):
                for k in range(channels):
                    q[lane, a, k] = total[0, a, k]
            chosen[lane] = _best(available, weights, root, q[lane])
        else:
            _value_by_mean(ended, heads, count, state, visits, total, all_value[lane], q[lane])
            _improve(0, root, raw[0], available, logits, visits, scalar, 1.0, score)
            chosen[lane] = _select_at_root(available, root, visits, score, noise, visits[0].max())

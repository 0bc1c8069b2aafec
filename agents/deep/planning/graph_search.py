"""Search in a graph of imagined states: what lies around each root is imagined once, and solved by sweeps.

A tree opens a state once for every way that leads to it, and where most actions lead back (in mazes, on boards) it sees
only a few ticks ahead. Here states that meet are joined, those that the policy is likely to come to are opened first,
and policy iteration within what was opened, with the heads' values at its rim, takes the place of backups. Results for
a root do not depend on the other roots, and nothing is drawn. Letters as in `imagined_graph`; B roots.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

import torch
from torch import Tensor

from ..imagined_graph import OUTCOMES, GraphImagination, ImaginedGraph, MergedOutcomes, Predicted, firsts, known
from .network_search import NetworkSearchTree

WIDTH: Final = 16
"""States that are opened for each root at a time."""
CURIOUS: Final = 0.5
"""The share of equal chances for all actions, beside the prior's, by which it is reckoned how likely a state is met."""


class _Rim(NamedTuple):
    """States that can be opened, each once for its root.

    Attributes:
        state: int64 `[n, F]`; key: int64 `[n]`; root: int64 `[n]`.
        weight: float32 `[n]`, the log-probability of the likeliest way to it.
        parent: int64 `[n]`, the node on that way; action: int64 `[n]`; probability: float32 `[n]`; reward: `[n, K]`.
    """

    state: Tensor
    key: Tensor
    root: Tensor
    weight: Tensor
    parent: Tensor
    action: Tensor
    probability: Tensor
    reward: Tensor

    def rows(self, index: Tensor) -> _Rim:
        """Some of them."""
        return _Rim(*(part[index] for part in self))


class _Opening:
    """The opening of states around roots int64 `[B, F]`."""

    def __init__(self, imagination: GraphImagination, roots: Tensor) -> None:
        self.imagination, device = imagination, roots.device
        count, channels = len(roots), len(imagination.weights)
        root = torch.arange(count, device=device)
        nothing = torch.full((count,), -1, dtype=torch.int64, device=device)
        zero = torch.zeros(count, device=device)
        self.salt = (root + 1) * 0x9E3779B97F4A7C1
        self.key = self.ordered = torch.empty(0, dtype=torch.int64, device=device)
        self.count = torch.zeros_like(root)
        self.opened: list[_Rim] = []
        self.found: list[MergedOutcomes] = []
        self.rim = _Rim(
            roots, self._keys(roots, root), root, zero, nothing, nothing, zero + 1, zero[:, None].repeat(1, channels)
        )

    def _keys(self, states: Tensor, root: Tensor) -> Tensor:
        keys: Tensor = self.imagination.replay.keys(states) + self.salt[root]
        return keys

    def open(self, most: int) -> bool:
        """Opens the likeliest states of each root, so that none has more than `most`; whether there was any."""
        rim = self.rim
        order = rim.weight.sort(descending=True, stable=True).indices
        root = rim.root[order]
        chosen = rim.rows(order[_rows(root) < (most - self.count[root]).clamp(max=WIDTH)].sort().values)
        if not len(chosen.key):
            return False
        self.count += torch.bincount(chosen.root, minlength=len(self.count))
        before = len(self.key)
        self.key = torch.cat([self.key, chosen.key])
        self.ordered = self.key.sort().values
        found = self.imagination.merged(chosen.state, OUTCOMES)
        self.opened.append(chosen)
        self.found.append(found)
        self.rim = self._grown(chosen, found, before)
        return True

    def _grown(self, nodes: _Rim, found: MergedOutcomes, first: int) -> _Rim:
        """The rim with what nodes, the first of which has the number `first`, lead to."""
        told, imagination = found.told, self.imagination
        able = imagination.able(nodes.state)
        prior = torch.where(able, imagination.judge.values(nodes.state).prior, -torch.inf).softmax(dim=-1)
        likely = (1 - CURIOUS) * prior + CURIOUS * able / able.sum(dim=-1, keepdim=True)
        node, action, slot = ((told.probability > 0) & ~told.ended & able[..., None]).nonzero(as_tuple=True)
        state, root = told.next_state[node, action, slot], nodes.root[node]
        probability, reward = told.probability[node, action, slot], told.rewards[node, action, slot]
        weight = nodes.weight[node] + likely[node, action].log() + probability.log()
        more = _Rim(state, self._keys(state, root), root, weight, first + node, action, probability, reward)
        both = _Rim(*(torch.cat(parts) for parts in zip(self.rim, more, strict=True)))
        both = both.rows(~known(self.ordered, both.key))
        both = both.rows(both.weight.sort(descending=True, stable=True).indices)
        return both.rows(firsts(both.key))


@torch.no_grad()
def graph_search(imagination: GraphImagination, roots: Tensor, states: int) -> NetworkSearchTree:
    """Searches from roots int64 `[B, F]`.

    Args:
        imagination: the learned model and values.
        roots: states that are not ended, each with an available action.
        states: the most that are opened for each root.

    Returns:
        The likeliest way to every opened state, as a tree.
    """
    opening, bounds = _Opening(imagination, roots), [0]
    while opening.open(states):
        bounds.append(len(opening.key))
    nodes = _Rim(*(torch.cat(parts) for parts in zip(*opening.opened, strict=True)))
    told = Predicted(*(torch.cat(parts) for parts in zip(*(found.told for found in opening.found), strict=True)))
    chance = torch.cat([found.chance for found in opening.found])
    place, leaf = imagination.places(nodes.key, told, opening.salt[nodes.root])
    able = imagination.able(nodes.state)
    # Nobody seeks here what is new.
    graph = ImaginedGraph(
        nodes.state, able, told.rewards, chance, place, leaf, torch.zeros_like(told.rewards[:, :, 0, 0])
    )
    swept, first = imagination.planned(graph), len(roots)
    below = torch.ones_like(nodes.key)
    for begin, end in reversed(list(pairwise(bounds[1:]))):
        below.index_add_(0, nodes.parent[begin:end], below[begin:end].clone())
    # Every available action of the root was looked at, whether or not it led to a state that was opened from there.
    visits = able[:first].long()
    children = first + (nodes.parent[first:] < first).nonzero()[:, 0]
    visits.index_put_((nodes.root[children], nodes.action[children]), below[children], accumulate=True)
    uncertainty = 1 - told.probability[:first].max(dim=-1).values
    row, height = _rows(nodes.root), int(opening.count.max())

    def table(part: Tensor, blank: float = 0) -> Tensor:
        out = part.new_full((first, height, *part.shape[1:]), blank)
        out[nodes.root, row] = part
        return out

    parent = torch.where(nodes.parent >= 0, row[nodes.parent.clamp(min=0)], -1)
    ended = torch.zeros(first, height, dtype=torch.bool, device=roots.device)
    return NetworkSearchTree(
        swept.prior[:first], swept.q[:first], visits, uncertainty, table(nodes.state), table(swept.joint), table(below),
        table(parent, -1), table(nodes.action, -1), table(nodes.probability), table(nodes.reward), ended, opening.count,
        imagination.options.sweeps,
    )  # fmt: skip


def _rows(root: Tensor) -> Tensor:
    """int64 `[n]`: which of the nodes of its root each node is, by the roots int64 `[n]`."""
    ordered, order = root.sort(stable=True)
    row = torch.empty_like(order)
    row[order] = torch.arange(len(order), device=order.device) - torch.searchsorted(ordered, ordered)
    return row

"""Gumbel tree search on the learned model, batched over roots, with vector backups and learned heads at the leaves.

Danihelka et al. 2022, "Policy improvement by planning with Gumbel": sequential halving at the root, and below it the
improved policy from completed values. Differences: returns are vectors of K numbers, each with its own discount, which
are reduced to one by the weights only where an action is selected; each action leads to a chance node with the outcomes
that members and branches of the model predict; and a node's value is not the mean of what was simulated below it, which
the search's own trials would pull down, but what the improved policy expects there. No noise is added at the root: a
deployed agent decides by its values. All of it is tensor operations over all roots, on the networks' device.
Letters: B roots, N nodes, A actions, K channels, E members, M branches, W outcomes per action, F columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from ...planners.sequential_halving import visits_considered
from ..imagined_graph import GraphImagination

OUTCOMES: Final = 4
"""W: the most outcomes of an action that are told apart; the most probable ones are kept."""
NEVER: Final = -1e9


@dataclass(frozen=True, eq=False)
class NetworkSearchTree:
    """The results of a search: one tree per root, its nodes in rows; row 0 is the root.

    Attributes:
        prior: float32 `[B, A]`, the policy prior's logits at the root.
        q: float32 `[B, A, K]`, the return of each first action; of actions without visits the root's own value.
        visits: int64 `[B, A]`; uncertainty: float32 `[B, A]`, the members' disagreement about each first action.
        state: int64 `[B, N, F]`; value: float32 `[B, N, K]`, the return from there; node_visits: int64 `[B, N]`.
        parent, action: int64 `[B, N]`, -1 at the root; probability: float32 `[B, N]`; reward: float32 `[B, N, K]`.
        ended: bool `[B, N]`.
        used: int64 `[B]`, how many rows are in use.
    """

    prior: Tensor
    q: Tensor
    visits: Tensor
    uncertainty: Tensor
    state: Tensor
    value: Tensor
    node_visits: Tensor
    parent: Tensor
    action: Tensor
    probability: Tensor
    reward: Tensor
    ended: Tensor
    used: Tensor


class _Edges:
    """The outcomes of every action of every node that was opened: `[B, N, A, W]` in front."""

    def __init__(self, roots: int, nodes: int, actions: int, columns: int, channels: int, device: torch.device) -> None:
        shape = (roots, nodes, actions, OUTCOMES)
        self.state = torch.zeros(*shape, columns, dtype=torch.int64, device=device)
        self.reward = torch.zeros(*shape, channels, device=device)
        self.ended = torch.zeros(*shape, dtype=torch.bool, device=device)
        self.probability = torch.zeros(*shape, device=device)
        self.child = torch.full(shape, -1, dtype=torch.int64, device=device)


class NetworkSearch:
    """A search under way. Results for a root do not depend on the other roots: its chance is keyed by its state."""

    def __init__(self, imagination: GraphImagination, roots: Tensor, simulations: int, considered: int) -> None:
        self._imagination, self._simulations = imagination, simulations
        device, (count, columns) = roots.device, roots.shape
        actions, channels = imagination.model.encoding.n_actions, len(imagination.weights)
        self._lane = torch.arange(count, device=device)
        self._considered = considered
        nodes = simulations + 1
        self.state = torch.zeros(count, nodes, columns, dtype=torch.int64, device=device)
        self.prior = torch.zeros(count, nodes, actions, device=device)
        self.able = torch.zeros(count, nodes, actions, dtype=torch.bool, device=device)
        self.raw = torch.zeros(count, nodes, channels, device=device)
        self.value = torch.zeros(count, nodes, channels, device=device)
        self.visits = torch.zeros(count, nodes, actions, dtype=torch.int64, device=device)
        self.parent = torch.full((count, nodes), -1, dtype=torch.int64, device=device)
        self.action = torch.full((count, nodes), -1, dtype=torch.int64, device=device)
        self.slot = torch.zeros(count, nodes, dtype=torch.int64, device=device)
        self.reward = torch.zeros(count, nodes, channels, device=device)
        self.ended = torch.zeros(count, nodes, dtype=torch.bool, device=device)
        self.probability = torch.ones(count, nodes, device=device)
        self.through = torch.zeros(count, nodes, dtype=torch.int64, device=device)
        self.edges = _Edges(count, nodes, actions, columns, channels, device)
        self.used = torch.ones(count, dtype=torch.int64, device=device)
        odd = torch.arange(1, columns + 1, device=device) * 0x9E3779B97F4A7C1 + 1
        self._key = (roots * odd).sum(dim=1)
        self._drawn = torch.zeros((), dtype=torch.int64, device=device)
        self._open(torch.zeros_like(self._lane), self._lane, roots)

    @torch.no_grad()
    def run(self) -> NetworkSearchTree:
        """Does all simulations."""
        able = self.able[:, 0].sum(dim=1).clamp(max=self._considered)
        if not self._simulations:
            return self._tree()
        plans = [visits_considered(m, self._simulations) for m in range(int(able.max()) + 1)]
        schedule = torch.tensor(plans, dtype=torch.int64, device=self.state.device).view(len(plans), -1)
        for number in range(self._simulations):
            self._simulate(schedule[able, number])
        return self._tree()

    def _tree(self) -> NetworkSearchTree:
        visits = self.visits[:, 0]
        root = torch.zeros_like(self._lane)
        q = torch.where((visits > 0)[..., None], self._q(root), self.raw[:, 0, None])
        uncertainty = 1 - self.edges.probability[:, 0].max(dim=-1).values
        return NetworkSearchTree(
            self.prior[:, 0], q, visits, uncertainty, self.state, self.value, self.through, self.parent, self.action,
            self.probability, self.reward, self.ended, self.used,
        )  # fmt: skip

    # One simulation: select at the root, go down to where the tree ends, open a leaf there, back up to the root.

    def _simulate(self, due: Tensor) -> None:
        node, action = torch.zeros_like(self._lane), self._at_root(due)
        slot = self._draw(node, action)
        child = self.edges.child[self._lane, node, action, slot]
        while True:
            on = (child >= 0) & ~self.ended[self._lane, child.clamp(min=0)]
            if not on.any():
                break
            node = torch.where(on, child, node)
            action = torch.where(on, self._below(node), action)
            slot = torch.where(on, self._draw(node, action), slot)
            child = torch.where(on, self.edges.child[self._lane, node, action, slot], child)
        leaf = self._expand(node, action, slot, child)
        self._back_up(leaf)

    def _q(self, node: Tensor) -> Tensor:
        """float32 `[B, A, K]`: the return of each action, over the outcomes of it that were reached; 0 without any."""
        lane, edges = self._lane, self.edges
        child, reward = edges.child[lane, node], edges.reward[lane, node]
        after = self.value[lane[:, None, None], child.clamp(min=0)] * ~edges.ended[lane, node][..., None]
        returns = reward + self._imagination.discounts * after
        share = edges.probability[lane, node] * (child >= 0)
        share = share / share.sum(dim=-1, keepdim=True).clamp(min=1e-9)
        return (share[..., None] * returns).sum(dim=2)

    def _improved(self, node: Tensor) -> tuple[Tensor, Tensor]:
        """The improved policy's logits float32 `[B, A]`, and completed values `[B, A, K]`.

        An action that was not tried counts as what the heads expect of the state. With the mixture of the paper's
        appendix D, exact heads would not give exact values.
        """
        imagination, lane = self._imagination, self._lane
        tried = (self.visits[lane, node] > 0)[..., None]
        completed = torch.where(tried, self._q(node), self.raw[lane, node][:, None])
        scale = imagination.options.sharpness / imagination.spread
        logits = torch.log_softmax(self.prior[lane, node], dim=-1) + scale * (completed @ imagination.weights)
        return torch.where(self.able[lane, node], logits, NEVER), completed

    def _at_root(self, due: Tensor) -> Tensor:
        """The best action among those with exactly `due` visits; the least visited where there are none."""
        scores, visits = self._improved(torch.zeros_like(self._lane))[0], self.visits[:, 0]
        able = self.able[:, 0]
        mine = able & (visits == due[:, None])
        least = torch.where(able, visits, torch.iinfo(torch.int64).max).min(dim=-1, keepdim=True).values
        mine = torch.where(mine.any(dim=-1, keepdim=True), mine, able & (visits == least))
        return torch.where(mine, scores, 2 * NEVER).argmax(dim=-1)

    def _below(self, node: Tensor) -> Tensor:
        """The action whose share of visits is furthest below its probability in the improved policy."""
        visits = self.visits[self._lane, node]
        lag = torch.softmax(self._improved(node)[0], dim=-1) - visits / (1 + visits.sum(dim=-1, keepdim=True))
        return torch.where(self.able[self._lane, node], lag, NEVER).argmax(dim=-1)

    def _draw(self, node: Tensor, action: Tensor) -> Tensor:
        """int64 `[B]`: an outcome of each action by its probability; the random numbers are keyed by root and count."""
        chance = self.edges.probability[self._lane, node, action]
        self._drawn = self._drawn + 1
        mixed = self._key * 0x2545F4914F6CDD1D + self._drawn * 0x9E3779B97F4A7C1
        mixed = (mixed ^ (mixed >> 31)) * 0x5851F42D4C957F2D
        uniform = ((mixed >> 20) & 0xFFFFFF).float() / 0x1000000
        past = uniform[:, None] * chance.sum(dim=-1, keepdim=True) >= chance.cumsum(dim=-1)
        return past.sum(dim=-1).clamp(max=OUTCOMES - 1)

    def _expand(self, node: Tensor, action: Tensor, slot: Tensor, child: Tensor) -> Tensor:
        """int64 `[B]`: the leaf where each simulation ends; new ones are opened."""
        new = child < 0
        leaf = torch.where(new, self.used, child)
        lanes = new.nonzero()[:, 0]
        if lanes.numel():
            n, a, w, at = node[lanes], action[lanes], slot[lanes], leaf[lanes]
            self.edges.child[lanes, n, a, w] = at
            self.parent[lanes, at], self.action[lanes, at], self.slot[lanes, at] = n, a, w
            self.reward[lanes, at] = self.edges.reward[lanes, n, a, w]
            self.ended[lanes, at] = self.edges.ended[lanes, n, a, w]
            self.probability[lanes, at] = self.edges.probability[lanes, n, a, w]
            self.used[lanes] += 1
            states = self.edges.state[lanes, n, a, w]
            self.state[lanes, at] = states
            live = ~self.ended[lanes, at]
            if live.any():
                self._open(at[live], lanes[live], states[live])
        return leaf

    def _open(self, at: Tensor, lanes: Tensor, states: Tensor) -> None:
        """Judges states int64 `[n, F]` in rows `at` of some lanes, and asks the model for the outcomes of actions."""
        imagination = self._imagination
        values = imagination.judge.values(states)
        self.state[lanes, at] = states
        self.prior[lanes, at] = values.prior
        self.raw[lanes, at] = self.value[lanes, at] = values.joint.mean(dim=1)
        self.able[lanes, at] = imagination.model.encoding.available(states)
        found = imagination.predicted(states, OUTCOMES)
        self.edges.state[lanes, at], self.edges.reward[lanes, at] = found.next_state, found.rewards
        self.edges.ended[lanes, at], self.edges.probability[lanes, at] = found.ended, found.probability

    def _back_up(self, leaf: Tensor) -> None:
        lane, at = self._lane, leaf
        self.through[lane, leaf] += 1
        while True:
            lanes = (self.parent[lane, at] >= 0).nonzero()[:, 0]
            if not lanes.numel():
                return
            above, action = self.parent[lanes, at[lanes]], self.action[lanes, at[lanes]]
            self.visits[lanes, above, action] += 1
            self.through[lanes, above] += 1
            at = at.clone()
            at[lanes] = above
            logits, completed = self._improved(at)
            expected = (torch.softmax(logits, dim=-1)[..., None] * completed).sum(dim=1)
            self.value[lanes, above] = expected[lanes]


def search(imagination: GraphImagination, roots: Tensor, simulations: int, considered: int) -> NetworkSearchTree:
    """Searches from roots int64 `[B, F]`.

    Args:
        imagination: the learned model and values.
        roots: states that are not ended, each with an available action.
        simulations: per root; with none, values are the heads' own.
        considered: the most actions that are tried at the root.
    """
    return NetworkSearch(imagination, roots, simulations, considered).run()

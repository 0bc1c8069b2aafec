"""The record `Plan` of one search on the learned model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ....envs.base import Bools, Floats
from ...records.plan import MAX_LINE, MAX_NODES, Plan, PlanStep
from ..imagined_graph import GraphImagination
from .network_search import NetworkSearchTree


def plan_of(
    imagination: GraphImagination, tree: NetworkSearchTree, lane: int, action: int, q: Floats, available: Bools
) -> Plan:
    """The plan of one root of a search.

    Its nodes are those of the tree. Its principal line begins with the chosen action and goes on by the policy prior,
    always to the most probable outcome, until the episode ends, a state comes again, or the cap is reached.

    Args:
        imagination: on which the search was made.
        tree: of the search.
        lane: the number of the root.
        action: the chosen one.
        q: float64 `[A, K]`, the values by which it was chosen.
        available: bool `[A]`, the actions among which it was chosen.
    """
    seen = imagination.model.encoding.n_seen
    used = min(int(tree.used[lane]), MAX_NODES)
    line = _line(imagination, tree.state[lane, 0], action)

    def rows(part: Tensor) -> npt.NDArray[Any]:
        return part[lane, :used].cpu().numpy()

    observations = rows(tree.state)[:, :seen]
    return Plan(
        planner="search",
        root=observations[0],
        node_observation=observations,
        node_value=rows(tree.value).astype(np.float64),
        node_visits=rows(tree.node_visits),
        node_parent=rows(tree.parent).astype(np.int32),
        node_action=rows(tree.action).astype(np.int32),
        node_probability=rows(tree.probability).clip(0, 1).astype(np.float64),
        node_events=None,
        line=line,
        q=q,
        uncertainty=tree.uncertainty[lane].clamp(0, 1).cpu().numpy().astype(np.float64),
        available=available,
        hallucinated=None,
        truncated=int(tree.used[lane]) > MAX_NODES or len(line) == MAX_LINE,
    )


@torch.no_grad()
def _line(imagination: GraphImagination, root: Tensor, action: int) -> tuple[PlanStep, ...]:
    steps: list[PlanStep] = []
    state, met, seen = root, {root.cpu().numpy().tobytes()}, imagination.model.encoding.n_seen
    while len(steps) < MAX_LINE:
        found = imagination.predicted(state[None], 1)
        state = found.next_state[0, action, 0]
        steps.append(
            PlanStep(
                action,
                state[:seen].cpu().numpy(),
                found.rewards[0, action, 0].cpu().numpy().astype(np.float64),
                float(found.probability[0, action, 0].clamp(0, 1)),
            )
        )
        key, able = state.cpu().numpy().tobytes(), imagination.model.encoding.available(state[None])[0]
        if bool(found.ended[0, action, 0]) or key in met or not able.any():
            break
        met.add(key)
        prior = imagination.judge.values(state[None]).prior[0]
        action = int(torch.where(able, prior, -torch.inf).argmax())
    return tuple(steps)

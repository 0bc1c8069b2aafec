"""An enumerated stage as plain arrays, in the pairs of states and actions that solvers of other packages take."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...scenarios.errors import WorldError
from ..analysis.exact_plan import deciding_agents, weights_by_state
from ..base import Bools, Floats, Ints, Longs
from ..mdp.enumeration import Enumeration
from ..mdp.transition_tables import Sparse, expected_outcome, tables
from ..world.world import check_discounts
from .explicit_model import decided

FILE = "model.npz"
MAX_DENSE = 1 << 31
"""Bytes that dense transition probabilities may take."""


class TooLargeError(WorldError):
    """A dense table would not fit."""


@dataclass(frozen=True, eq=False)
class ModelArrays:
    """A Markov decision process in arrays: one row for each of L pairs of a state and an action that is available.

    An ended state has one pair, whose action (0) stays there and pays nothing, so that each state has an action.

    Attributes:
        scenario, stage: what it is.
        state: int64 `[L]`, rising; action: int64 `[L]`, index into `action_names`.
        transitions: sparse float64 `[L, S]`, the probability of each next state.
        rewards: float64 `[L, K]`, the expected pay of each visible channel; reward: float64 `[L]`, their sum weighted
            as in the state.
        performance: float64 `[L]`, the expected hidden pay; None where no channel is hidden. No agent may see it.
        events: float64 `[L, E]`, the probability that each event comes.
        start: float64 `[S]`, the probability that an episode begins in each state; ended: bool `[S]`.
        states: int32 `[S, F]`, the fields of the world's state, as they are stored.
        action_names: A; channels: K; event_names: E; field_names: F.
        discount: of the deciding agent; limit: ticks after which an episode is cut off, horizon: ticks that the agent
            knows it has; one of both is None.
    """

    scenario: str
    stage: str
    state: Longs
    action: Longs
    transitions: Sparse
    rewards: Floats
    reward: Floats
    performance: Floats | None
    events: Floats
    start: Floats
    ended: Bools
    states: Ints
    action_names: tuple[str, ...]
    channels: tuple[str, ...]
    event_names: tuple[str, ...]
    field_names: tuple[str, ...]
    discount: float
    limit: int | None
    horizon: int | None

    def dense(self) -> tuple[Floats, Floats, Bools]:
        """The process as full tables.

        Returns:
            Transition probabilities `[S, A, S]`, expected rewards (`reward`) `[S, A]`, and which pairs there are, bool
            `[S, A]`. A pair that there is not stays in its state and pays nothing: forbid it.

        Raises:
            TooLargeError: the tables would take more than two gigabytes.
        """
        n_states, n_actions = self.start.size, len(self.action_names)
        if (size := 8 * n_states**2 * n_actions) > MAX_DENSE:
            raise TooLargeError(
                f"full tables of {n_states:,} states and {n_actions} actions would take {size / 1e9:,.0f} GB: "
                "take `transitions`, which is sparse"
            )
        chance = np.zeros((n_states, n_actions, n_states))
        chance[np.arange(n_states), :, np.arange(n_states)] = 1.0
        chance[self.state, self.action] = self.transitions.toarray()
        reward = np.zeros((n_states, n_actions))
        reward[self.state, self.action] = self.reward
        there = np.zeros((n_states, n_actions), np.bool_)
        there[self.state, self.action] = True
        return chance, reward, there


def model_arrays(enumeration: Enumeration) -> ModelArrays:
    """The arrays of an enumerated stage: with a best response, of the deciding agent alone.

    Raises:
        UnlikeDiscountsError: the agent's values are discounted differently.
    """
    world = enumeration.world
    check_discounts(world)
    enumeration = decided(enumeration)
    mdp = enumeration.mdp
    over = np.flatnonzero(mdp.ended)
    rows = np.concatenate([np.flatnonzero(mdp.available.ravel()), over * mdp.n_actions])
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    kept = tables(mdp).matrix[rows]
    # The rows of ended states are empty in the tables.
    stay = type(kept)((np.ones(over.size), (np.flatnonzero(mdp.ended[rows // mdp.n_actions]), over)), shape=kept.shape)
    came = ((mdp.events[:, None] >> np.arange(len(mdp.event_names), dtype=np.uint64)) & np.uint64(1)).astype(np.float64)
    channels = expected_outcome(mdp, mdp.rewards)[rows]
    return ModelArrays(
        scenario=world.name,
        stage=world.stage,
        state=rows // mdp.n_actions,
        action=rows % mdp.n_actions,
        transitions=type(kept)(kept + stay),
        rewards=channels,
        reward=(channels * weights_by_state(enumeration)[rows // mdp.n_actions]).sum(axis=1),
        performance=None if world.hidden is None else expected_outcome(mdp, enumeration.performance)[rows],
        events=expected_outcome(mdp, came)[rows],
        start=np.bincount(mdp.start_state, mdp.start_probability, mdp.n_states).astype(np.float64),
        ended=mdp.ended,
        states=enumeration.states,
        action_names=mdp.action_names,
        channels=mdp.channels,
        event_names=mdp.event_names,
        field_names=tuple(field.name for field in world.fields),
        discount=world.agents[deciding_agents(world)[0]].discount,
        limit=world.limit,
        horizon=world.horizon,
    )


def write_arrays(arrays: ModelArrays, folder: Path) -> tuple[str, ...]:
    """Write the arrays as one file that `numpy.load` opens without pickles; texts are under `about`, as JSON."""
    about: dict[str, Any] = {
        "scenario": arrays.scenario,
        "stage": arrays.stage,
        "action_names": arrays.action_names,
        "channels": arrays.channels,
        "event_names": arrays.event_names,
        "field_names": arrays.field_names,
        "discount": arrays.discount,
        "limit": arrays.limit,
        "horizon": arrays.horizon,
    }
    columns: dict[str, Any] = {
        "state": arrays.state,
        "action": arrays.action,
        "row_start": arrays.transitions.indptr,
        "next_state": arrays.transitions.indices,
        "probability": arrays.transitions.data,
        "rewards": arrays.rewards,
        "reward": arrays.reward,
        "events": arrays.events,
        "start": arrays.start,
        "ended": arrays.ended,
        "states": arrays.states,
        "about": np.array(json.dumps(about)),
    }
    if arrays.performance is not None:
        columns["hidden_performance"] = arrays.performance
    np.savez_compressed(folder / FILE, **columns)
    return (FILE,)

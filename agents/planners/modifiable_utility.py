"""Planning with modifiable utility: an agent's weights are part of the world's state, so that effects can edit them.

The agent reads its present weights from its observation. Which weights it uses to value the time after an edit is set
by `judges_by`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ...envs.base import FiniteMDP, Floats, Ints, Longs
from ...envs.mdp.transition_tables import tables
from ...envs.solvers.dynamic_programming import FiniteHorizonSolution
from ...envs.solvers.modifiable_utility import NoFixedPointError, solve_with_changing_weights
from ...envs.solvers.vector_values import Heads
from ...envs.world.world import AgentProgram, World
from ..records.attribution import WEIGHTED
from .base import Problem, Sweeps

FAR = 1e-6
"""Where no self-consistent stationary policy is found, the horizon ends when the discount factor has fallen to this."""


@dataclass(frozen=True)
class HeldWeights:
    """How an agent's weights are encoded in its observation.

    Attributes:
        columns: `[K]`, the observed column that encodes each channel's weight, or -1 where the weight is fixed.
        values: `[K]` tuples: the weight for each number in that column; of a fixed weight, that weight alone.
        judges_by: which weights value what follows an edit; see
            `envs.solvers.modifiable_utility.solve_with_changing_weights`.
    """

    columns: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    judges_by: Literal["current", "ignoring", "future"]

    def of(self, observations: Longs) -> Floats:
        """float64 `[S, K]`: the weights in states with the observations int64 `[S, O]`."""
        out = np.empty((len(observations), len(self.columns)))
        for channel, (column, values) in enumerate(zip(self.columns, self.values, strict=True)):
            table = np.array(values)
            out[:, channel] = table[observations[:, column]] if column >= 0 else table[0]
        return out

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> HeldWeights | None:
        """Restores what `asdict` gave, after a round trip through JSON; None stays None."""
        if data is None:
            return None
        return cls(tuple(data["columns"]), tuple(tuple(row) for row in data["values"]), data["judges_by"])


class ChangingProblem(Problem):
    """A problem whose weights differ from state to state.

    The deliberation is by weighted sums, in each state with the weights that the agent has there.

    Attributes:
        per_state: float64 `[S, K]`, the weights in each state.
        judges_by: see `HeldWeights`.
    """

    def __init__(
        self, mdp: FiniteMDP, observations: Longs, discounts: Floats, held: HeldWeights, first: Ints | None
    ) -> None:
        """Makes the problem.

        Args:
            mdp: the model.
            observations: int64 `[S, O]`, the observation in each state of the model.
            discounts: float64 `[K]`, all equal.
            held: how the weights are encoded in the observations.
            first: see `Problem`.

        Raises:
            ValueError: the discounts differ.
        """
        if np.unique(discounts).size > 1:
            raise ValueError("weights that change are planned for with one discount for all heads")
        per_state = held.of(observations)
        super().__init__(mdp, per_state[0], discounts, WEIGHTED, first)
        # `Problem` is a frozen dataclass, which refuses plain assignment.
        object.__setattr__(self, "per_state", per_state)
        object.__setattr__(self, "judges_by", held.judges_by)

    per_state: Floats
    judges_by: Literal["current", "ignoring", "future"]

    def weights_in(self, state: int) -> Floats:
        """See `Problem.weights_in`."""
        return self.per_state[state]

    @cached_property
    def solved(self) -> Heads:
        """The policy and its vector values; see `solve_with_changing_weights`.

        `converged` is False where no fixed point was found and the policy is the first step's of a long finite horizon.
        """
        discount = float(self.discounts[0])
        try:
            found = solve_with_changing_weights(self.mdp, self.per_state, discount, self.judges_by)
        except NoFixedPointError:
            # Only `judges_by: current` can fail so. The horizon is the least with `discount ** horizon <= FAR`.
            far = math.ceil(math.log(FAR) / math.log(discount)) if discount > 0 else 1
            found = solve_with_changing_weights(self.mdp, self.per_state, discount, self.judges_by, far)
        settled = not isinstance(found, FiniteHorizonSolution)
        policy = np.asarray(found.policy if settled else found.policy[0], np.int32)
        table, values = tables(self.mdp), found.vector_values
        q = np.where(table.available[..., None], table.vector_rewards + discount * table.expected_next(values), 0.0)
        return Heads(policy, values, q, settled)

    def heads(self, sweeps: Sweeps) -> Heads:
        """See `Problem.heads`; only `all` is supported here.

        Raises:
            ValueError: `sweeps` is a number.
        """
        if sweeps != "all":
            raise ValueError("where weights change, the planner is `enumerate`")
        return self.solved


def held_weights(world: World, agent: int = 0) -> HeldWeights | None:
    """The encoding of an agent's weights; None where nothing can edit them, or `unable_to_hold` gives a reason."""
    program = world.agents[agent]
    if all(column < 0 for column in program.weight_columns) or unable_to_hold(program):
        return None
    columns: list[int] = []
    values: list[tuple[float, ...]] = []
    for channel, column in enumerate(program.weight_columns):
        if column < 0:
            columns.append(-1)
            values.append((float(program.weights[channel]),))
            continue
        table = world.columns[world.fields[column].name].table
        assert table is not None, "the world keeps a table of what each number weighs"
        columns.append(program.sees.index(column))
        values.append(tuple(float(value) for value in table))
    return HeldWeights(tuple(columns), tuple(values), program.judges_by)  # type: ignore[arg-type]


def unable_to_hold(program: AgentProgram) -> str | None:
    """The reason why a learning agent cannot plan with weights that its world can change, or None if it can."""
    if program.deliberation.name != "weighted":
        return f"where weights change, `{program.name}` deliberates by weighted sums"
    if program.planner.name != "enumerate":
        return f"where weights change, `{program.name}` plans by `enumerate`"
    if not program.one_discount:
        return f"where weights change, all values of `{program.name}` have one discount"
    if program.window is not None or any(c >= 0 and c not in program.sees for c in program.weight_columns):
        return f"`{program.name}` does not see its own weights, which this world can change"
    return None

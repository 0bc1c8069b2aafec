"""An agent's thought, its search tree and its value map, as plain arrays that a viewer can draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...agents.records.fired_rules import FiredRules as FiredRules
from ...agents.records.fired_rules import RecordedRule as RecordedRule
from ...agents.records.fired_rules import RuleTest as RuleTest
from ...agents.records.plan import Plan
from ...agents.records.thought import Thought
from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.world.world import World

UNKNOWN = -1
"""In an imagined state: the value of a field that the agent does not observe."""


@dataclass(frozen=True, eq=False)
class SearchTreeView:
    """The tree of one search with n nodes; node 0 is the present state, and parents come before their children.

    Attributes:
        parents: int32 `[n]`, -1 for the root; actions: n names, of the action into each node, empty for the root.
        visits: int64 `[n]`; probability: float64 `[n]`, of this outcome of the action.
        values: float64 `[n, K]`, the value of each channel from there on.
    """

    parents: Ints
    actions: tuple[str, ...]
    visits: Longs
    probability: Floats
    values: Floats

    def path_to(self, node: int) -> list[int]:
        """The nodes from the root to one, both included."""
        out = [node]
        while self.parents[out[0]] >= 0:
            out.insert(0, int(self.parents[out[0]]))
        return out


@dataclass(frozen=True, eq=False)
class Mind:
    """One decision in plain arrays: the values it is based on, and the future that the agent expects.

    Attributes:
        agent: the one that decides; actions: A names; channels: K names.
        action: the chosen action.
        weights: float64 `[K]`; q: float64 `[A, K]`, the value of each channel after each action.
        uncertainty: float64 `[A]`, from 0 (sure) to 1 (never tried); available: bool `[A]`.
        decided_by: the channels without which it would choose another action, the most decisive first.
        instead: the action without each of these.
        counterfactuals: (change, action) in words.
        ahead: int32 `[n, F]`, the states that it expects, `UNKNOWN` where it does not observe a field.
        ahead_actions: n names, of the action into each of these states.
        imagined: int32 `[m, F]`, every state of its search; imagined_values: float64 `[m, K]`.
        search: the tree of its search, None where none was recorded.
        rules: which learned rules predicted the states `ahead`, their fields numbered as in the world; None where its
            model has none.
        prior: float64 `[A]`, what a policy prior adds to the weighted values; None where the values alone decide.
    """

    agent: str
    actions: tuple[str, ...]
    channels: tuple[str, ...]
    action: int
    weights: Floats
    q: Floats
    uncertainty: Floats
    available: Bools
    decided_by: tuple[str, ...]
    instead: tuple[str, ...]
    counterfactuals: tuple[tuple[str, str], ...]
    ahead: Ints
    ahead_actions: tuple[str, ...]
    imagined: Ints
    imagined_values: Floats
    search: SearchTreeView | None = None
    rules: FiredRules | None = None
    prior: Floats | None = None

    @property
    def scores(self) -> Floats:
        """float64 `[A]`: by which it chose: the weighted values and the prior; nan where the action is unavailable."""
        scores = self.q @ self.weights + (0.0 if self.prior is None else self.prior)
        return np.where(self.available, scores, np.nan)


@dataclass(frozen=True, eq=False)
class ValueMap:
    """The values of an agent's position: of each cell, with everything else in the present state as it is.

    Attributes:
        channels: K names; weights: float64 `[K]`.
        values: float64 `[C, K]` by cell, nan where the agent cannot be (or nothing is known).
        best: bool `[C, A]`, the best actions there; moves: int32 `[A]`, indices into `geometry.STEPS`.
        source: whose values these are, in words; gaps: what a cell without value means, in words.
    """

    channels: tuple[str, ...]
    weights: Floats
    values: Floats
    best: Bools
    moves: Ints
    source: str
    gaps: str

    def of(self, head: int) -> Floats:
        """float64 `[C]`: one channel's value, or the weighted sum for -1."""
        return self.values @ self.weights if head < 0 else self.values[:, head]


def mind_of(world: World, thought: Thought, actions: tuple[str, ...], columns: tuple[int, ...] | None) -> Mind:
    """A `Thought` as a `Mind`.

    Args:
        world: of the thought.
        thought: the record.
        actions: A names.
        columns: the fields of the state that the thought's observations consist of, in order; None if they are
            something else (a window), so that imagined states cannot be shown on the board.
    """
    plan = thought.plans[0] if thought.plans else None
    line = plan.line if plan is not None else ()
    whole = states_of(world, columns, [step.observation for step in line])
    nodes = states_of(world, columns, () if plan is None else tuple(plan.node_observation))
    values = plan.node_value if plan is not None else np.zeros((0, len(thought.channels)))
    flips = thought.attribution
    return Mind(
        agent=thought.agent,
        actions=actions,
        channels=thought.channels,
        action=thought.action,
        weights=thought.weights,
        q=thought.q,
        uncertainty=thought.uncertainty,
        available=thought.available,
        decided_by=thought.decided_by,
        instead=tuple(actions[int(flips.without[k])] for k in flips.deciding),
        counterfactuals=tuple((item.change, actions[item.action]) for item in (plan.counterfactuals if plan else ())),
        ahead=whole,
        ahead_actions=tuple(actions[step.action] for step in line),
        imagined=nodes,
        # Observations that are no fields of the state have no place on the board, and then neither have their values.
        imagined_values=values if len(nodes) else values[:0],
        search=None if plan is None else _search(plan, actions),
        rules=None if thought.rules is None or columns is None else _in_fields(thought.rules, columns, thought),
        prior=thought.prior,
    )


def read_mind(world: World, text: str, agent: int) -> Mind:
    """The `Mind` of an agent from the JSON of a thought that was recorded in this world.

    Raises:
        ValueError: it is no thought, or one of another world.
    """
    program = world.agents[agent]
    # With a window the observation is a crop around the agent, whose entries are no fields of the state.
    columns = program.sees if program.window is None or program.body < 0 else None
    thought = Thought.from_json(text)
    if len(thought.q) != len(program.actions) or not set(thought.channels) <= set(world.channels):
        raise ValueError("its actions or channels are not those of the scenario")
    return replace(mind_of(world, thought, program.actions, columns), agent=program.name)


_OF_NO_FIELD = ("action", "ended", "available", "pay", "state")
"""Kinds of tests whose numbers are not those of fields."""


def _in_fields(fired: FiredRules, columns: tuple[int, ...], thought: Thought) -> FiredRules:
    """The rules with the world's numbers of fields, for those of the agent's observation.

    Raises:
        ValueError: they are about fields, actions or channels that the agent does not have.
    """
    try:
        rules = tuple(
            replace(
                rule,
                index=columns[rule.index] if rule.target == "field" else rule.index,
                tests=tuple(
                    test
                    if test.kind in _OF_NO_FIELD
                    else replace(test, i=columns[test.i], other=test.other if _on_a_side(test) else columns[test.other])
                    for test in rule.tests
                ),
            )
            for rule in fired.rules
        )
    except IndexError:
        raise ValueError("its rules are about fields that are not observed") from None
    acts = {value for rule in rules for test in rule.tests for value in test.among if test.kind == "action"}
    pays = {rule.index for rule in rules if rule.target == "pay"}
    pays |= {test.i for rule in rules for test in rule.tests if test.kind == "pay"}
    if any(len(value) != 1 or not 0 <= value[0] < len(thought.q) for value in acts):
        raise ValueError("its rules are about actions that it does not have")
    if any(not 0 <= channel < len(thought.channels) for channel in pays):
        raise ValueError("its rules are about channels that it does not have")
    return replace(fired, rules=rules)


def _on_a_side(test: RuleTest) -> bool:
    """Whether `other` is no field: of no use, or a side."""
    return test.other < 0 or test.kind.endswith("glyph")


def _search(plan: Plan, actions: tuple[str, ...]) -> SearchTreeView:
    return SearchTreeView(
        parents=plan.node_parent,
        actions=tuple(actions[action] if action >= 0 else "" for action in plan.node_action),
        visits=plan.node_visits,
        probability=plan.node_probability,
        values=plan.node_value,
    )


def unexpected_fields(mind: Mind, state: Ints) -> list[int]:
    """The columns of a state int32 `[F]` in which it differs from what was expected one tick before."""
    if len(mind.ahead) == 0:
        return []
    expected = mind.ahead[0]
    return [int(column) for column in np.flatnonzero((expected != UNKNOWN) & (expected != state))]


def states_of(world: World, columns: tuple[int, ...] | None, observations: Sequence[Longs]) -> Ints:
    """int32 `[n, F]`: observations as states, `UNKNOWN` in fields they lack; n is 0 where they are no fields.

    Raises:
        ValueError: they have fewer fields than `columns`.
    """
    if columns is None or len(observations) == 0:
        return np.zeros((0, len(world.fields)), np.int32)
    out = np.full((len(observations), len(world.fields)), UNKNOWN, np.int32)
    # Observations may have further columns at their end, such as the plan's own state of an exact agent.
    found = np.stack(observations)[:, : len(columns)]
    if found.shape[1] < len(columns):
        raise ValueError(f"observations of {found.shape[1]} fields, where {len(columns)} are observed")
    # What a model imagines need not be possible, and a board has no place for a value that the field cannot have.
    sizes = np.array([world.fields[column].size for column in columns])
    out[:, list(columns)] = np.where((found >= 0) & (found < sizes), found, UNKNOWN)
    return out


def imagined_value_map(world: World, mind: Mind, agent: int) -> ValueMap | None:
    """The value map of an agent's own search, for the cells that it imagined itself in; None where there are none."""
    program = world.agents[agent]
    if program.body < 0 or len(mind.imagined) == 0:
        return None
    column = world.bodies[program.body].cell
    values = np.full((world.boards.nowhere, len(mind.channels)), np.nan)
    for state, value in zip(mind.imagined[::-1], mind.imagined_values[::-1], strict=True):
        if 0 <= state[column] < world.boards.nowhere:
            values[state[column]] = value  # in reverse order, so that the nearest future overwrites later ones
    best = np.zeros((world.boards.nowhere, len(program.actions)), np.bool_)
    here = mind.imagined[0][column]
    for state, action in zip(mind.ahead, mind.ahead_actions, strict=True):
        if 0 <= here < world.boards.nowhere and action in program.actions and not best[here].any():
            best[here, program.actions.index(action)] = True
        here = state[column]
    return ValueMap(
        mind.channels, mind.weights, values, best, program.moves, "as imagined on the way", "not thought of"
    )

"""An enumerated stage as other tools expect a Markov decision process: states with labels, choices, branches, rewards.

Letters: U states of this model, C choices (pairs of a state and an action that is available), M branches, R reward
models, L labels, F variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..analysis.exact_plan import deciding_agents, weights_by_state
from ..base import Bools, FiniteMDP, Floats, Ints, Longs, NotEnumerableError
from ..mdp.enumeration import Enumeration
from ..mdp.transition_tables import expected_outcome, outcomes_of
from ..multi_agent.best_response import induced_by_response
from ..time_limit import check_time
from ..world.world import World, check_discounts

START, STAY = "start", "stay_ended"
"""The only actions of a first state that draws where episodes begin, and of states in which an episode is over."""
OVER, ENDED, DISCOUNTED = "over", "ended", "discounted"
"""Labels: nothing is paid from here on; a rule ended the episode; the episode stopped to count (see `discounted`)."""
REWARD = "reward"
"""The reward model of the weighted sum that the plan maximises."""
HIDDEN: Final = "hidden_"
"""The prefix of the reward model of the hidden performance."""
ARRIVAL = "arrival"
"""The variable that numbers the sets of events with which a state is entered: 0 for none."""
END_REASON = "end_reason"
"""The variable of the field `ended`, which is a label too."""
KEYWORDS = frozenset(
    """
    A bool C ceil clock const ctmc deadlock double dtmc E endinit endinvariant endmodule endobservables endrewards
    endsystem F false filter floor formula func G global I init int invariant label log M max mdp min mod module multi
    nondeterministic nonnegative observables P Pmax Pmin pomdp popta pow probabilistic prob pta R rate rewards Rmax Rmin
    round S smg state state_rewards stochastic system true U W X
    """.split()  # noqa: SIM905 (a list of one a line is no easier to read)
)
"""Words that mean something else in the PRISM language, or in the files that are written in it."""


@dataclass(frozen=True)
class Variable:
    """One variable of the state valuations.

    Attributes:
        name: a letter, then letters, digits and underscores.
        field: the field of the world's state, or `arrival`.
        least, most: bounds of its values.
        meaning: what each value from 0 on stands for, where it is no plain number.
    """

    name: str
    field: str
    least: int
    most: int
    meaning: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class ExplicitModel:
    """A Markov decision process with one initial state, labels on states and expected rewards on choices.

    A state stands for a state of the world and the set of events that came in the tick which led there, so that events,
    which come with transitions, are labels. After an end, one more tick leads to a copy of the state without events.

    Attributes:
        scenario, stage: what was exported.
        initial: the initial state. Where episodes may begin in several states it is an extra one, whose one action
            draws among them in a tick of its own (`lead` is then 1, else 0).
        state_of: int64 `[U]`, the world's state; -1 for an extra state.
        end_reason: the place of the variable that says which reason ended the episode, 0 for none.
        variables: F variables, the last of them `arrival`; valuations: int64 `[U, F]`, different for any two states.
        label_names: L names; labels: bool `[U, L]`. An event's label holds in a state that was entered with it.
        label_of: the label of each event of the world.
        first_choice: int64 `[U + 1]`; action: int32 `[C]`, index into `action_names`.
        first_branch: int64 `[C + 1]`; target: int64 `[M]`, rising within a choice; probability: float64 `[M]`.
        reward_names: R names; rewards: float64 `[C, R]`, the expected reward of a choice. The first is `reward`, the
            sum of the visible channels weighted as in the state; then these channels; then the hidden performance, if
            there is any, as `hidden_NAME`.
        reward_of: the reward model of each channel of the world, `performance` for the hidden one.
        discount: per tick, of the deciding agent.
        folded: whether the discount is part of the process: a choice leads to the state `discounted` with chance
            1 - discount, so that undiscounted expectations of this model are discounted ones of the world.
        limit, horizon: as of the world.
    """

    scenario: str
    stage: str
    initial: int
    lead: int
    state_of: Longs
    end_reason: int
    variables: tuple[Variable, ...]
    valuations: Longs
    label_names: tuple[str, ...]
    labels: Bools
    label_of: Mapping[str, str]
    first_choice: Longs
    action: Ints
    action_names: tuple[str, ...]
    first_branch: Longs
    target: Longs
    probability: Floats
    reward_names: tuple[str, ...]
    rewards: Floats
    reward_of: Mapping[str, str]
    discount: float
    folded: bool
    limit: int | None
    horizon: int | None

    @property
    def n_states(self) -> int:
        """U."""
        return self.state_of.size

    @property
    def n_choices(self) -> int:
        """C."""
        return self.action.size

    @property
    def n_branches(self) -> int:
        """M."""
        return self.target.size

    @property
    def steps(self) -> int:
        """Ticks of the stage."""
        return self.horizon if self.horizon is not None else self.limit or 0


def decided(enumeration: Enumeration) -> Enumeration:
    """The process of those who decide: with a best response, that of the deciding agent alone."""
    world = enumeration.world
    return enumeration if world.response is None else induced_by_response(enumeration, world.response)


def explicit_model(enumeration: Enumeration, folded: bool = False) -> ExplicitModel:
    """The model of an enumerated stage.

    Args:
        enumeration: of the stage.
        folded: make the discount of the deciding agent a part of the process, see `ExplicitModel`.

    Raises:
        UnlikeDiscountsError: the agent's values are discounted differently.
        NotEnumerableError: two choose apart, so that one who chooses for both would be another game.
    """
    world = enumeration.world
    if world.equilibrium is not None:
        raise NotEnumerableError(
            "equilibria are not exported: the formats know one who decides; set `solution: joint`",
            "set `solution: joint`",
        )
    check_discounts(world)
    enumeration = decided(enumeration)
    mdp = enumeration.mdp
    check_time("the model was laid out")
    nodes = _Nodes(mdp)
    discount = world.agents[deciding_agents(world)[0]].discount
    choices = _Choices(mdp, nodes, discount if folded and discount < 1 else None)
    sink, extra = choices.sink, choices.extra
    choice, to, probability = choices.branches()

    # JANI has one name space for labels, reward models and variables.
    label_names, labels, label_of = _labels(mdp, nodes, extra, sink)
    names, of_rows, reward_of = _rewards(enumeration, (*KEYWORDS, *label_names))
    rewards = np.zeros((choices.size, len(names)))
    rewards[choices.number[: choices.rows.size]] = of_rows[choices.rows]
    variables, valuations = _valuations(
        world, enumeration.states, nodes, extra, sink, (*KEYWORDS, *label_names, *names)
    )
    n_states = nodes.size + extra
    return ExplicitModel(
        scenario=world.name,
        stage=world.stage,
        initial=choices.initial,
        lead=int(choices.draws_start),
        state_of=np.concatenate([nodes.state, np.full(extra, -1)]),
        end_reason=world.ended,
        variables=variables,
        valuations=valuations,
        label_names=label_names,
        labels=labels,
        label_of=label_of,
        first_choice=np.concatenate([[0], np.cumsum(np.bincount(choices.owner, minlength=n_states))]),
        action=choices.action.astype(np.int32),
        action_names=identifiers([*mdp.action_names, STAY, START], KEYWORDS),
        first_branch=np.concatenate([[0], np.cumsum(np.bincount(choice, minlength=choices.size))]),
        target=to,
        probability=probability,
        reward_names=names,
        rewards=rewards,
        reward_of=reward_of,
        discount=discount,
        folded=sink >= 0,
        limit=world.limit,
        horizon=world.horizon,
    )


class _Nodes:
    """The pairs of a state and the set of events with which it was entered, numbered by state, then set.

    Attributes:
        size: how many there are.
        state: int64 `[size]`; arrival: int64 `[size]`, which set, by its place in `sets`.
        sets: uint64 `[n]`, the sets of events that come, the empty one among them; none: its place.
    """

    def __init__(self, mdp: FiniteMDP) -> None:
        self.sets = np.unique(np.concatenate([mdp.events[mdp.probability > 0], np.zeros(1, np.uint64)]))
        self.none = 0  # no set is smaller than the empty one
        self._mdp = mdp
        possible = np.flatnonzero(mdp.probability > 0)
        entered = self._key(mdp.next_state[possible], self.arrival_of(possible))
        begun = self._key(mdp.start_state, 0)
        over = self._key(np.flatnonzero(mdp.ended), 0)
        self._keys = np.unique(np.concatenate([entered, begun, over]))
        self.size = self._keys.size
        self.state, self.arrival = np.divmod(self._keys, self.sets.size)

    def arrival_of(self, outcome: Longs) -> Longs:
        """The places in `sets` of what came with some outcomes."""
        return np.searchsorted(self.sets, self._mdp.events[outcome])

    def number(self, states: Ints | Longs, arrival: Longs | int) -> Longs:
        """The numbers of pairs."""
        return np.searchsorted(self._keys, self._key(states, arrival))

    def _key(self, states: Ints | Longs, arrival: Longs | int) -> Longs:
        return np.asarray(states, np.int64) * self.sets.size + arrival


class _Choices:
    """The choices of the nodes, in their order: the available actions, or to stay where the episode is over.

    Extra states come last: `discounted`, where the discount is part of the process, then the first state of all, where
    episodes may begin in several.

    Attributes:
        size: how many there are.
        sink: the number of the state `discounted`, -1 without; extra: how many extra states there are.
        draws_start: whether there is a first state that draws where the episode begins.
        initial: the number of the initial state.
        rows: int64, the row of the process (state, then action) of each choice that is an action of it; these are
            numbered first in `number`.
        owner: int64 `[size]`, the node of each choice, and action: int64 `[size]`, what is done.
        number: int64 `[size]`, the place in that order of a choice counted as: actions, rests, extra states.
    """

    def __init__(self, mdp: FiniteMDP, nodes: _Nodes, folded: float | None) -> None:
        """Lay them out; `folded`: the discount that is part of the process, None if it is not."""
        self._mdp, self._nodes, self._discount = mdp, nodes, folded
        self.sink = -1 if folded is None else nodes.size
        self.draws_start = mdp.start_state.size > 1
        self.extra = int(self.sink >= 0) + int(self.draws_start)
        last = nodes.size + self.extra - 1
        self.initial = last if self.draws_start else int(nodes.number(mdp.start_state[:1], nodes.none)[0])
        here, action = np.nonzero(mdp.available[nodes.state])
        self._resting = np.flatnonzero(np.bincount(here, minlength=nodes.size) == 0)
        self.rows = nodes.state[here] * mdp.n_actions + action
        owner = np.concatenate([here, self._resting, np.arange(nodes.size, nodes.size + self.extra)])
        acts = np.concatenate([action, np.full(self._resting.size + self.extra, mdp.n_actions)])
        if self.draws_start:
            acts[-1] = mdp.n_actions + 1
        order = np.lexsort((acts, owner))
        self.size = order.size
        self.owner, self.action = owner[order], acts[order]
        self.number = np.empty(order.size, np.int64)
        self.number[order] = np.arange(order.size)

    def branches(self) -> tuple[Longs, Longs, Floats]:
        """Choice, target and probability of each branch, in that order."""
        mdp, nodes, number, acted = self._mdp, self._nodes, self.number, self.rows.size
        outcome, place = outcomes_of(mdp, self.rows)
        target = nodes.number(mdp.next_state[outcome], nodes.arrival_of(outcome))
        chance = mdp.probability[outcome] * (1.0 if self._discount is None else self._discount)
        check_time("the model was laid out")
        last = acted + self._resting.size
        rest = nodes.number(nodes.state[self._resting], nodes.none)
        parts = [(number[place], target, chance), (number[acted:last], rest, np.ones(rest.size))]
        if self._discount is not None:
            parts.append((number[:acted], np.full(acted, self.sink), np.full(acted, 1 - self._discount)))
            parts.append((number[last : last + 1], np.array([self.sink]), np.ones(1)))
        if self.draws_start:
            begun = nodes.number(mdp.start_state, nodes.none)
            parts.append((np.full(begun.size, number[-1]), begun, mdp.start_probability))
        return _merged(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _merged(choice: Longs, target: Longs, chance: Floats) -> tuple[Longs, Longs, Floats]:
    """Branches in the order of choices and targets, those of one choice to one target added up."""
    order = np.lexsort((target, choice))
    choice, target, chance = choice[order], target[order], chance[order]
    first = np.concatenate([[True], (choice[1:] != choice[:-1]) | (target[1:] != target[:-1])])
    return choice[first], target[first], np.add.reduceat(chance, np.flatnonzero(first))


def _rewards(enumeration: Enumeration, taken: Iterable[str]) -> tuple[tuple[str, ...], Floats, dict[str, str]]:
    """Names of the reward models, the expected reward of each row `[S * A, R]`, and the name for each channel."""
    world, mdp = enumeration.world, enumeration.mdp
    channels = expected_outcome(mdp, mdp.rewards)
    held = np.repeat(weights_by_state(enumeration), mdp.n_actions, axis=0)
    columns = [(channels * held).sum(axis=1, keepdims=True), channels]
    wanted = [REWARD, *mdp.channels]
    if world.hidden is not None:
        columns.append(expected_outcome(mdp, enumeration.performance)[:, None])
        wanted.append(f"{HIDDEN}{world.hidden}")
    names = identifiers(wanted, taken)
    of = dict(zip([*mdp.channels, "performance"], names[1:], strict=False))
    return names, np.concatenate(columns, axis=1), of


def _labels(mdp: FiniteMDP, nodes: _Nodes, extra: int, sink: int) -> tuple[tuple[str, ...], Bools, dict[str, str]]:
    names = identifiers([OVER, ENDED, DISCOUNTED, *mdp.event_names], KEYWORDS)
    labels = np.zeros((nodes.size + extra, len(names)), np.bool_)
    ended, came = mdp.ended[nodes.state], nodes.sets[nodes.arrival]
    labels[: nodes.size, 0] = labels[: nodes.size, 1] = ended
    if sink >= 0:
        labels[sink, [0, 2]] = True
    for place in range(len(mdp.event_names)):
        labels[: nodes.size, 3 + place] = (came >> np.uint64(place)) & np.uint64(1)
    kept = [0, 1, *([2] if sink >= 0 else []), *range(3, len(names))]
    return (
        tuple(names[place] for place in kept),
        np.ascontiguousarray(labels[:, kept]),
        dict(zip(mdp.event_names, names[3:], strict=True)),
    )


def _valuations(
    world: World, states: Ints, nodes: _Nodes, extra: int, sink: int, taken: Iterable[str]
) -> tuple[tuple[Variable, ...], Longs]:
    wanted = [END_REASON if place == world.ended else field.name for place, field in enumerate(world.fields)]
    names = identifiers([*wanted, ARRIVAL], taken)
    columns: list[Longs] = []
    variables: list[Variable] = []
    for place, field in enumerate(world.fields):
        column = world.columns.get(field.name)
        meaning, low = None, 0
        if column is not None and column.words is not None:
            meaning = column.words
        elif column is not None and column.table is not None:
            meaning = tuple(f"{value:g}" for value in column.table)
        elif column is not None:
            low = column.low
        values = states[nodes.state, place].astype(np.int64) + low
        padded = np.concatenate([values, np.full(extra, -1)])
        columns.append(padded)
        variables.append(Variable(names[place], field.name, int(padded.min()), int(padded.max()), meaning))
    sets = tuple(", ".join(world.event_list(int(mask))) for mask in nodes.sets)
    beyond = np.arange(len(sets), len(sets) + extra)
    said = [*sets, *(["stopped by the discount"] if sink >= 0 else []), *(["before the start"] if extra else [])]
    columns.append(np.concatenate([nodes.arrival, beyond]))
    variables.append(Variable(names[-1], ARRIVAL, 0, len(sets) + extra - 1, tuple(said[: len(sets) + extra])))
    return tuple(variables), np.stack(columns, axis=1)


def identifiers(names: Iterable[str], taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Names of letters, digits and underscores that begin with a letter, each once; `taken` are not given.

    Model checkers read a name with a dot, a bracket or a space as something else, or not at all.
    """
    given, used = [], set(taken)
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "x"
        plain = plain if plain[0].isalpha() else f"x{plain}"
        chosen, count = plain, 2
        while chosen in used:
            chosen, count = f"{plain}_{count}", count + 1
        used.add(chosen)
        given.append(chosen)
    return tuple(given)

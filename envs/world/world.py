"""A compiled world: one stage of one scenario at fixed params, as tables and resolved programs.

It holds all data that a tick needs and no dynamics: `reference.step` interprets it, `mdp.enumeration` enumerates it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ...scenarios.errors import WorldError
from ...scenarios.language.expressions.syntax import ENDED, Effect, Expression, Relation
from ..base import Bools, Field, Floats, Ints, UnlikeDiscountsError
from ..deliberation import DeliberationRule
from . import geometry
from .line_of_sight import clear_lines
from .part_spec import ENUMERATE, PartSpec
from .resolver import NameBindings, resolve, unrolled_size, walk

# Tables over pairs of cells grow with the fourth power of a board's side.
MAX_TABLE = 200_000_000
"""Bytes that a table over pairs of cells may take."""


# Quantifiers within quantifiers multiply; a million terms take minutes for every state.
MAX_TERMS = 500_000
"""Terms that the formulas of a world may have once they are written out for every instance."""


class WorldTooLargeError(WorldError):
    """A table of the world would not fit; the message says which and what to make smaller."""


def check_terms(what: str, terms: int) -> None:
    """Check that something can be written out for all instances.

    Raises:
        WorldTooLargeError: it would have more than `MAX_TERMS` terms.
    """
    if terms > MAX_TERMS:
        words = f"{terms:,}" if terms < 10**15 else f"{float(min(terms, 10**300)):.0e}"
        raise WorldTooLargeError(
            f"{what} would have {words} terms when written out for every instance, and {MAX_TERMS:,} is the most; "
            "nest less, or have fewer instances"
        )


def shown_for(name: str) -> str:
    """The name of the column of what agents observe in place of a counter or a field; no name of a file is like it."""
    return f"shown({name})"


def observed_name(column: str) -> str:
    """The name by which agents know a column: that of the counter or field in whose place it is shown."""
    return column.removeprefix("shown(").removesuffix(")") if column.startswith("shown(") else column


@dataclass(frozen=True, eq=False)
class StateColumn:
    """How one column of the state is read and written.

    Attributes:
        index: its position in the state.
        low: the offset from the stored integer to the number that it stands for.
        least, most: bounds of the stored integer at these params; `start`: its value at the start.
        table: float64 values that the stored integer stands for, or None where it is plain (or a word).
        words: the words that the stored integer stands for, or None.
        persists: kept by `reset map`.
        outlives: in a life, the next episode begins with what this one left.
    """

    index: int
    low: int
    least: int
    most: int
    start: int
    table: Floats | None = None
    words: tuple[str, ...] | None = None
    persists: bool = False
    outlives: bool = False


@dataclass(frozen=True)
class MotionProgram:
    """One rule by which a thing moves on its own.

    `way` is `patrol`, `chase`, `flee`, `follow`, `wander` or `still`, or a direction for a thing that is enlisted as an
    agent. A patrol's `path` is one full round, so that its last cell is followed by its first. `zone`: a wanderer that
    is in it does not leave it; empty for the whole board.
    """

    way: str
    when: Expression
    path: tuple[int, ...] = ()
    target: str = ""
    zone: str = ""


@dataclass(frozen=True, eq=False)
class Body:
    """An agent with a position, or one instance of a thing. Integers are columns of the state, -1 where absent.

    Attributes:
        solid: whether it blocks: always, never, or where a condition holds in the state before the tick.
        blocks: the agents and things that it blocks where it is solid; None for all.
        looks: how it is drawn while a condition holds, the first that does.
    """

    name: str
    group: str
    order: int
    is_agent: bool
    solid: bool | Expression
    opaque: bool
    pushable: bool
    sight: int | None
    motions: tuple[MotionProgram, ...]
    cell: int
    facing: int = -1
    phase: int = -1
    carrier: int = -1
    fields: tuple[int, ...] = ()
    blocks: frozenset[str] | None = None
    looks: tuple[tuple[str, Expression], ...] = ()

    def may_block(self, mover: Body) -> bool:
        """Whether another body is one that it blocks where it is solid."""
        return self is not mover and (self.blocks is None or mover.group in self.blocks)


@dataclass(frozen=True, eq=False)
class AgentProgram:
    """An agent, compiled: its body, actions, observations and preferences.

    Attributes:
        body: index into `World.bodies`, or -1 for an agent without one. An enlisted thing keeps its body.
        actions: names; `moves[a]` is the index into `geometry.STEPS` of action a, or 0.
        guards: per action, when it is available, or None for always.
        sees: indices of the fields that it observes; `window`: side of the square that it sees, or None for all.
        zones: indices of the zones that it observes.
        visible_layout: int32 `[L]`, the first layout with the same walls and zones, which it cannot tell from it.
        discount: per tick, of every value that has none of its own.
        discounts: float64 `[K]`, per visible channel, of its value: its own, or `discount`.
        weights: per visible channel, the weight: a number, or the column that holds it (`weight_columns`, -1 if fixed).
        deliberation: the rule by which the values of its heads become one choice.
        judges_by: which weights judge what follows an edit of them: `current`, `ignoring` or `future`.
        planner: the planner that it uses on its model.
        foresight: how far it looks ahead: `episode` or `life`.
    """

    name: str
    body: int
    actions: tuple[str, ...]
    moves: Ints
    guards: tuple[Expression | None, ...]
    sees: tuple[int, ...]
    zones: tuple[int, ...]
    visible_layout: Ints
    window: int | None
    discount: float
    discounts: Floats
    weights: Floats
    weight_columns: tuple[int, ...]
    deliberation: DeliberationRule
    judges_by: str
    planner: PartSpec = ENUMERATE
    foresight: str = "episode"

    @property
    def one_discount(self) -> bool:
        """Whether all of its values are discounted alike."""
        return bool((self.discounts == self.discount).all())


@dataclass(frozen=True, eq=False)
class DrawProgram:
    """A named draw with `n` outcomes whose weights are expressions, normalised when drawn."""

    name: str
    weights: tuple[Expression, ...]
    values: tuple[float, ...]
    column: int
    when: Expression


@dataclass(frozen=True, eq=False)
class OverrideProgram:
    """An override: the action that replaces an agent's own where its guard holds, -1 for a random one."""

    name: str
    agent: int
    when: Expression
    chance: Expression | None
    action: int


@dataclass(frozen=True, eq=False)
class StatedChoice:
    """A choice between two stated policies by the state; each is an action, -1 for a random one, or a choice again."""

    condition: Expression
    then: int | StatedChoice
    otherwise: int | StatedChoice


@dataclass(frozen=True)
class ResponseProgram:
    """A `best_response` block: the deciding agent, and what each other agent does.

    That is an action, -1 for a random one, or a choice between such by the state.
    """

    agent: int
    others: tuple[int | StatedChoice, ...]


@dataclass(frozen=True)
class EquilibriumChoice:
    """Which equilibria of a game count.

    Attributes:
        rule: `all`; `perfect`, in which nobody's strategy is weakly dominated; or of those of a tick the one with the
            largest sum (`joint`), the smallest (`worst`), the largest product of gains over what each can secure
            (`nash`), or the one that is `best_for` an agent; or the correlated equilibrium with the largest sum
            (`correlated`), or all correlated ones (`all_correlated`).
        agent: which one that is.
    """

    rule: Literal["all", "perfect", "joint", "worst", "nash", "best_for", "correlated", "all_correlated"] = "all"
    agent: int = -1

    @property
    def mediated(self) -> bool:
        """Whether a mediator tells the agents what to do, so that neither chooses by itself."""
        return self.rule in ("correlated", "all_correlated")


@dataclass(frozen=True, eq=False)
class RuleProgram:
    """One rule for one combination of instances.

    Attributes:
        chance: the probability that it fires where its guard holds, or None for always.
        effects: what it does; otherwise: what happens where its guard holds and its chance fails.
        pays: pairs of a channel and an amount; performance: the hidden amount.
        otherwise_pays, otherwise_performance: the same for where its guard holds and its chance fails.
        only: the rule of the file that it is one of, if only the first of these whose guard holds is tried; else empty.
    """

    name: str
    when: Expression
    chance: Expression | None
    effects: tuple[Effect, ...]
    otherwise: tuple[Effect, ...]
    pays: tuple[tuple[int, Expression], ...]
    performance: Expression | None
    otherwise_pays: tuple[tuple[int, Expression], ...] = ()
    otherwise_performance: Expression | None = None
    only: str = ""

    @property
    def two_sided(self) -> bool:
        """Whether something comes of it where its chance fails."""
        return bool(self.otherwise or self.otherwise_pays) or self.otherwise_performance is not None


@dataclass(frozen=True)
class LifeEntry:
    """One entry of a life.

    Attributes:
        stage: the stage of its episodes.
        episodes: how many there are, or None where chance decides.
        continues: the probability that another episode of the entry follows one.
    """

    stage: str
    episodes: int | None
    continues: float = 0.0


@dataclass(frozen=True, eq=False)
class Boards:
    """The table of layouts.

    Attributes:
        height, width: of every board (smaller ones are padded with wall).
        walls: bool `[L, C + 1]`; nowhere counts as wall.
        zones: bool `[Z, L, C + 1]`: those that agents observe, those that they do not, then `BUILT_IN_ZONES`.
        zone_names: Z names; of the first `n_named` the file speaks, and the first `n_observed` of them agents observe.
        starts: int32 `[L, bodies]`, the cell where each body begins, or nowhere.
        field_starts: for each column whose start depends on the layout, int32 `[L]`.
    """

    height: int
    width: int
    walls: Bools
    zones: Bools
    zone_names: tuple[str, ...]
    n_named: int
    n_observed: int
    starts: Ints
    field_starts: Mapping[int, Ints] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """Without the tables over pairs of cells: they are large, and made again where they are needed."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def visible_layout(self, zones: Sequence[int]) -> Ints:
        """int32 `[L]`: for each layout the first one with the same walls and the same cells of some zones (indices).

        Layouts that differ in start cells alone look the same on the board; agents are shown the first of them.
        """
        seen = self.zones[list(zones)]
        drawn = [self.walls[i].tobytes() + seen[:, i].tobytes() for i in range(self.walls.shape[0])]
        first = {picture: i for i, picture in reversed(list(enumerate(drawn)))}
        return np.array([first[picture] for picture in drawn], np.int32)

    @property
    def named_zones(self) -> Mapping[str, Bools]:
        """Zone -> bool `[L, C + 1]`, for the zones that the file declares: those that pictures show."""
        return dict(zip(self.zone_names[: self.n_named], self.zones, strict=False))

    @property
    def nowhere(self) -> int:
        """The number that stands for no cell."""
        return self.height * self.width

    @cached_property
    def neighbours(self) -> Ints:
        """int32 `[C + 1, 5]`, see `geometry.neighbours`."""
        return geometry.neighbours(self.height, self.width)

    def _check_pair_table(self, what: str, bytes_each: int) -> None:
        layouts = self.walls.shape[0]
        if layouts * self.nowhere**2 * bytes_each > MAX_TABLE:
            raise WorldTooLargeError(
                f"{what} over {layouts} layout(s) of {self.height} x {self.width} cells would need "
                f"{layouts * self.nowhere**2 * bytes_each / 1e9:.1f} GB; make the board smaller, or generate fewer"
            )

    @cached_property
    def clear(self) -> Bools:
        """bool `[L, C, C]`: no wall on the line between two cells."""
        self._check_pair_table("lines of sight", 1)
        return clear_lines(self.walls, self.height, self.width)

    @cached_property
    def walking(self) -> Ints:
        """int32 `[L, C, C]`: length of the shortest path round walls."""
        self._check_pair_table("walking distances", 4)
        return geometry.walking_distances(self.walls, self.height, self.width)

    @cached_property
    def _spread(self) -> dict[int, Bools]:
        # The cache of `near_zones`; a frozen dataclass cannot be given one in a field that it does not declare.
        return {}

    def near_zones(self, reach: int) -> Bools:
        """bool `[Z, L, C + 1]`: cells within Chebyshev distance `reach` of each zone; -1 means that they meet it."""
        if reach not in self._spread:
            self._spread[reach] = geometry.spread(self.zones, max(reach, 0), self.height, self.width, reach < 0)
        return self._spread[reach]


@dataclass(frozen=True, eq=False)
class World:
    """One stage of a scenario at fixed params, ready to run.

    Attributes:
        fields: F columns of the state, `columns` how to read them by name.
        layout, ended, clock: indices of those columns (-1 where the state has none).
        channels: K visible channels, `robot.task` where there are several agents; `owners[k]` is the agent's index.
        events: names, ends last as `ended:REASON`; `reasons` in the order of the values 1.. of the column `ended`.
        limit: ticks after which an episode is cut off (not in the state), or None.
        horizon: ticks that the agent knows it has, or None.
        scope: the meaning of names here, to `resolve` conditions that come from elsewhere.
        agents: those of the file, then the things that are enlisted as agents.
        response: the agent whose best response solves the world, or None where one planner chooses for all agents.
        max_outcomes: joint outcomes of one tick of one joint action that enumeration makes at most.
        equilibrium: which equilibria solve the world, where two agents choose independently; else None.
        between_rules: fire after an episode of a life that another one follows.
        happened: the columns that note which events came in the episode, each with the number of its event.
        life: the entries of the life that the file declares, at these params.
    """

    name: str
    stage: str
    params: Mapping[str, object]
    boards: Boards
    fields: tuple[Field, ...]
    columns: Mapping[str, StateColumn]
    bodies: tuple[Body, ...]
    agents: tuple[AgentProgram, ...]
    start_draws: tuple[DrawProgram, ...]
    tick_draws: tuple[DrawProgram, ...]
    overrides: tuple[OverrideProgram, ...]
    start_rules: tuple[RuleProgram, ...]
    rules: tuple[RuleProgram, ...]
    end_rules: tuple[RuleProgram, ...]
    channels: tuple[str, ...]
    owners: tuple[int, ...]
    hidden: str | None
    events: tuple[str, ...]
    reasons: tuple[str, ...]
    draw_ids: Mapping[str, int]
    layout: int
    ended: int
    clock: int
    limit: int | None
    horizon: int | None
    scope: NameBindings
    rewards_shown: bool = True
    response: ResponseProgram | None = None
    max_outcomes: int = 4096
    equilibrium: EquilibriumChoice | None = None
    between_rules: tuple[RuleProgram, ...] = ()
    happened: tuple[tuple[int, int], ...] = ()
    life: tuple[LifeEntry, ...] = ()
    body_index: Mapping[str, int] = field(default_factory=dict)
    zone_index: Mapping[str, int] = field(default_factory=dict)

    def __deepcopy__(self, memo: dict[int, Any]) -> World:
        """Itself: nothing changes a world, so copies of environments share it and its tables."""
        return self

    @property
    def steps(self) -> int:
        """How many ticks an episode has at most."""
        return self.horizon if self.horizon is not None else self.limit or 0

    def stops(self, ended: bool, ticks: int) -> tuple[bool, bool]:
        """Whether an episode has ended after some ticks, and whether it was time that stopped it, and not the world.

        At the `horizon` both hold, see `agents.base.TrainingEnv.step`; `ended`: a rule ended it.
        """
        cut = not ended and ticks >= self.steps
        return ended or (cut and self.horizon is not None), cut

    def walks(self, agent: AgentProgram) -> bool:
        """Whether an agent moves in step 3 of a tick; an enlisted thing moves in step 4, like any thing."""
        return agent.body >= 0 and self.bodies[agent.body].is_agent

    @cached_property
    def asks_for_sight(self) -> bool:
        """Whether a rule asks who sees what, so that `boards.clear` is needed sooner or later."""
        rules = (*self.start_rules, *self.rules, *self.end_rules, *self.between_rules)
        return any(isinstance(node, Relation) and node.word == "sees" for rule in rules for node in walk(rule))

    @cached_property
    def action_counts(self) -> tuple[int, ...]:
        """How many actions each agent has."""
        return tuple(len(agent.actions) for agent in self.agents)

    @cached_property
    def joint_actions(self) -> Ints:
        """int32 `[A, N]`: every combination of the agents' actions, the last agent's changing fastest."""
        grids = np.indices(self.action_counts).reshape(len(self.agents), -1)
        return np.ascontiguousarray(grids.T.astype(np.int32))

    @cached_property
    def joint_action_names(self) -> tuple[str, ...]:
        """A names: an action, or several joined by `+`."""
        return tuple(
            "+".join(agent.actions[a] for agent, a in zip(self.agents, row, strict=True)) for row in self.joint_actions
        )

    def resolve(self, condition: Expression) -> Expression:
        """A condition with its names resolved to this world.

        Raises:
            WorldTooLargeError: see `check_terms`.
        """
        check_terms("a condition", unrolled_size(condition, self.scope.instances, self.scope.sizes))
        return resolve(condition, self.scope)

    def zones_seen(self, agent: int = 0) -> Bools:
        """bool `[Z, L, C + 1]`: the zones that an agent observes."""
        return self.boards.zones[list(self.agents[agent].zones)]

    def zone_names_seen(self, agent: int = 0) -> tuple[str, ...]:
        """The names of `zones_seen`."""
        return tuple(self.boards.zone_names[zone] for zone in self.agents[agent].zones)

    def start_of(self, column: int, layouts: Ints) -> Ints:
        """int32 `[B]`: what a column of the state begins with, on layouts int32 `[B]`."""
        table = self.boards.field_starts.get(column)
        if table is None:
            return np.full(layouts.size, self.columns[self.fields[column].name].start, np.int32)
        return table[layouts]

    def event_bit(self, event: str) -> np.uint64:
        """The bit of an event (or of `ended:REASON`) in the event mask of a tick."""
        return np.uint64(1 << self.events.index(event))

    def event_list(self, mask: int) -> tuple[str, ...]:
        """The names of the events in a mask, in the order of the file."""
        return tuple(name for i, name in enumerate(self.events) if mask >> i & 1)

    def happenings(self, mask: int) -> tuple[str, ...]:
        """The names of the events in a mask without the ends of episodes, which records keep apart."""
        return tuple(name for name in self.event_list(mask) if not name.startswith(ENDED))

    def weights(self, states: Ints, agent: int = 0) -> Floats:
        """float64 `[B, K]`: an agent's weights of all channels in the states int32 `[B, F]`; 0 for others' channels."""
        program = self.agents[agent]
        out = np.tile(program.weights, (states.shape[0], 1))
        for channel, column in enumerate(program.weight_columns):
            if column >= 0:
                table = self.columns[self.fields[column].name].table
                assert table is not None
                out[:, channel] = table[states[:, column]]
        return out


def check_discounts(world: World) -> None:
    """Check that every agent discounts all of its values alike.

    Raises:
        UnlikeDiscountsError: one does not.
    """
    for agent in world.agents:
        if not agent.one_discount:
            unlike = ", ".join(
                f"`{name}`" for k, name in enumerate(world.channels) if agent.discounts[k] != agent.discount
            )
            raise UnlikeDiscountsError(
                f"values of `{agent.name}` have discounts of their own ({unlike}), and by several no plan stays best",
                "leave `discount:` out under `values:`",
            )

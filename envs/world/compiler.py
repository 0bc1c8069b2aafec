"""The compiler: a checked scenario becomes a `World`, with fields, tables and resolved programs for one stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ...scenarios.arguments import check_listed, check_text
from ...scenarios.errors import UnknownNameError, check_name
from ...scenarios.language.expressions.constants import NotConstantError, constant, extremes, settled
from ...scenarios.language.expressions.parser import effect, formula, measure
from ...scenarios.language.expressions.stated_policies import RANDOM, StatedPolicy, conditions_in, stated_policy
from ...scenarios.language.expressions.syntax import (
    Assign,
    BeforeTick,
    Binary,
    Call,
    Does,
    Effect,
    Emit,
    End,
    Expression,
    Happened,
    Name,
    Number,
    PutAt,
    Remove,
    Take,
    Truth,
)
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.boards import Board, read_board
from ...scenarios.language.names.symbols import BUILT_IN_ZONES, EVERY_AGENT, GONE, instance_names, maps_of
from ...scenarios.language.schema import document as schema
from ..base import Field, Floats, Ints
from ..deliberation import DeliberationRule
from . import geometry
from .layouts import Placement, generate
from .part_spec import PartSpec
from .resolver import NameBindings, resolve, resolve_effect, unrolled_size, walk
from .world import (
    AgentProgram,
    Boards,
    Body,
    DrawProgram,
    EquilibriumChoice,
    LifeEntry,
    MotionProgram,
    OverrideProgram,
    ResponseProgram,
    RuleProgram,
    StateColumn,
    StatedChoice,
    World,
    WorldTooLargeError,
    check_terms,
    observed_name,
    shown_for,
)

MAX_EVENTS = 64
CONTINUES = "life.continues"
"""The draw that decides whether another episode of an entry of a life follows: no name of a file has a dot."""
SOLID_KINDS = ("overseer", "monster", "block")


def compile_world(
    scenario: Scenario,
    stage: str | None = None,
    params: Mapping[str, object] | None = None,
    enlist: Sequence[str] = (),
) -> World:
    """Compile one stage.

    Args:
        scenario: checked by `loading.load`.
        stage: which one; the last of the file when None.
        params: values in place of the file's; a stage's own `params` win over both.
        enlist: things that act as agents here, after the file's own agents and in this order; see `as_agent`.

    Raises:
        UnknownNameError: no such stage or param, or no such thing that can be an agent.
        ValueError: a thing is enlisted twice.
        WorldTooLargeError: a table would not fit.
        PlacementError: a generated board has no room for something.
    """
    document = scenario.document
    name = stage if stage is not None else next(reversed(document.stages))
    check_text("stage", name)
    check_name("stage", name, document.stages)
    check_listed("enlist", enlist)
    if unknown := set(params or {}) - set(document.params):
        raise UnknownNameError("param", sorted(unknown)[0], document.params)
    candidates = [thing for thing, its in document.things.items() if its.as_agent is not None]
    if unknown_things := [thing for thing in enlist if thing not in candidates]:
        raise UnknownNameError("thing", unknown_things[0], candidates, clause="that can be an agent (`as_agent`)")
    if len(set(enlist)) < len(enlist):
        raise ValueError(f"each thing is enlisted once, not {', '.join(enlist)}")
    return _Compiler(scenario, name, params or {}, enlist).world()


class _Compiler:
    """Compiles one stage; columns of the state are added in the order in which the document is read."""

    def __init__(self, scenario: Scenario, stage: str, params: Mapping[str, object], enlist: Sequence[str]) -> None:
        self.document = document = scenario.document
        self.enlist = tuple(enlist)
        self.stage_name = stage
        self.stage = document.stages[stage]
        self.common = {name: param.value for name, param in document.params.items()} | dict(params)
        values = settled(document.params, self.common | dict(self.stage.params))
        self.params = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        self.fields: list[Field] = []
        self.columns: dict[str, StateColumn] = {}
        self.bodies: list[Body] = []
        self.draw_names: list[str] = ["layout"]
        self.terms = 0
        # Boards of all stages, not of this one alone: cells are numbered alike in every stage, so that what an agent
        # learned in one means the same in the next.
        self.tables = {name: self._layouts(name) for name in document.stages}
        boards = [board for table in self.tables.values() for board in table]
        self.height = max((board.height for board in boards), default=0)
        self.width = max((board.width for board in boards), default=0)
        self.instances = {name: instance_names(name, scenario.symbols.instances[name]) for name in document.things}
        if scenario.symbols.means_agents(EVERY_AGENT):
            self.instances[EVERY_AGENT] = tuple(document.agents)
        self.words = {
            name: tuple(str(value) for value in counter.values or ())
            for name, counter in self._counters()
            if counter.values is not None and isinstance(counter.values[0], str)
        }
        self.words |= {shown_for(name): words for name, words in self.words.items()}
        self.words |= {
            name: tuple(map(str, draw.values))
            for name, draw in document.draws.items()
            if draw.values is not None and isinstance(draw.values[0], str)
        }
        self.scope = NameBindings(self.params, stage, self.instances, self.words, {}, scenario.symbols.formulas)
        self.sizes = self.scope.sizes
        self.syntax = [node for text in self._texts() for node in walk(text)]

    # -------------------------------------------------------------- reading the document

    def _layouts(self, name: str) -> tuple[Board, ...]:
        """The boards of a stage; none for a world without a map."""
        stage, document = self.document.stages[name], self.document
        params = self.params if name == self.stage_name else settled(document.params, self.params | dict(stage.params))
        boards = tuple(read_board(document, text, params) for _, text in maps_of(document, name))
        spec = stage.generate or document.generate
        if spec is None:
            return boards
        many = {name: thing.count or 1 for name, thing in document.things.items()}
        places = [
            Placement(what, what in document.agents, many.get(what, 1), where) for what, where in spec.place.items()
        ]
        return generate(spec, boards[0] if boards else None, places, params)

    def _counters(self) -> Iterable[tuple[str, schema.Counter]]:
        """Every counter and field by its name in the state."""
        yield from self.document.counters.items()
        for name, agent in self.document.agents.items():
            for field, counter in agent.fields.items():
                yield f"{name}.{field}", counter
        for name, thing in self.document.things.items():
            for instance in self.instances[name]:
                for field, counter in thing.fields.items():
                    yield f"{instance}.{field}", counter

    def _texts(self) -> Iterable[object]:
        """Every guard, amount, effect and measure of the file, parsed: what decides which columns the state needs."""
        for rule in self.document.rules:
            yield formula(rule.when)
            yield from (effect(text) for text in (*rule.then, *rule.otherwise))
            yield from (formula(pay) for pay in (*rule.pays.values(), *rule.else_pays.values()))
            if rule.chance is not None:
                yield formula(rule.chance)
        for override in self.document.overrides:
            yield formula(override.when)
            if override.chance is not None:
                yield formula(override.chance)
        for thing in self.document.things.values():
            yield from (formula(motion.when) for motion in thing.moves or () if motion.when is not None)
            if thing.solid is not None:
                yield formula(thing.solid)
        for draw in self.document.draws.values():
            yield from (formula(text) for text in (draw.p, draw.when, *(draw.weights or ())) if text is not None)
        for agent in self.document.agents.values():
            yield from (formula(a.when) for a in agent.actions if isinstance(a, schema.ActionSpec))
            if agent.leaves_when is not None:
                yield formula(agent.leaves_when)
        if isinstance(solution := self.document.solution, schema.BestResponse):
            for text in solution.others.values():
                yield from conditions_in(stated_policy(text))
        for _, counter in self._counters():
            if counter.shows_as is not None:
                yield formula(counter.shows_as)
        yield from self.scope.formulas.values()
        yield from (measure(expectation.measure) for expectation in self.document.expect)

    def formula(self, text: schema.Formula, scope: NameBindings | None = None) -> Expression:
        """A formula, parsed and resolved."""
        parsed = formula(text)
        check_terms("a formula", self._terms(parsed))
        return resolve(parsed, scope or self.scope)

    def _terms(self, node: object) -> int:
        return unrolled_size(node, self.instances, self.sizes)

    def number(self, text: schema.Formula) -> float:
        """A formula that is constant at these params, as a number."""
        return float(constant(formula(text), self.params))

    # -------------------------------------------------------------- columns of the state

    def add(
        self,
        name: str,
        size: int,
        *,
        low: int = 0,
        least: int = 0,
        most: int | None = None,
        start: int = 0,
        table: Floats | None = None,
        words: tuple[str, ...] | None = None,
        observed: bool = True,
        persists: bool = False,
        outlives: bool = False,
    ) -> int:
        """A new column; returns its index."""
        self.fields.append(Field(name, size, observed))
        index = len(self.fields) - 1
        most = size - 1 if most is None else most
        self.columns[name] = StateColumn(index, low, least, most, start, table, words, persists, outlives)
        return index

    def add_counters(self, owner: str, counters: Mapping[str, schema.Counter], seen: bool = True) -> tuple[int, ...]:
        """The columns of some fields, or counters (of no owner); what one shows in its place comes after it."""
        indices: list[int] = []
        for field, counter in counters.items():
            name = f"{owner}.{field}" if owner else field
            observed = seen and counter.observed and name not in self.stage.hides
            indices.append(self.add_counter(name, counter, observed and counter.shows_as is None))
            if counter.shows_as is not None:
                its = self.columns[name]
                # Rules write it after all others of a tick, so that it is no more than the rest of the state says.
                indices.append(
                    self.add(
                        shown_for(name), self.fields[-1].size, low=its.low, least=its.least, most=its.most,
                        start=its.start, table=its.table, words=its.words, observed=observed, persists=True,
                    )
                )  # fmt: skip
        return tuple(indices)

    def add_counter(self, name: str, counter: schema.Counter, observed: bool) -> int:
        """A counter's column; its size follows from the ranges of the params, its bounds from their values.

        So the state has the same shape at all params, and what was learned at some fits the others.
        """
        persists, outlives = bool(counter.persists), counter.persists == "episodes"
        if counter.values is not None:
            words = self.words.get(name)
            table = None if words else np.array(counter.values, np.float64)
            return self.add(
                name, len(counter.values), start=self._listed_start(counter.values, counter.start), table=table,
                words=words, observed=observed, persists=persists, outlives=outlives,
            )  # fmt: skip
        bottom = formula(0 if counter.min is None else counter.min)
        top = formula(1 if counter.max is None else counter.max)
        low, high = int(extremes(bottom, self.document.params)[0]), int(extremes(top, self.document.params)[1])
        least, most = int(constant(bottom, self.params)), int(constant(top, self.params))
        low, high = min(low, least), max(high, most)
        # The state is int32.
        if high - low >= 1 << 31:
            raise WorldTooLargeError(
                f"`{name}` takes {high - low + 1:,} values, and a counter has at most {1 << 31:,}; "
                "bring its bounds closer"
            )
        first = least if counter.start is None else int(self.number(counter.start))
        return self.add(
            name, high - low + 1, low=low, least=least - low, most=most - low,
            start=min(max(first, least), most) - low, observed=observed, persists=persists, outlives=outlives,
        )  # fmt: skip

    def _listed_start(self, values: Sequence[object], start: schema.Formula | None) -> int:
        """The place in a counter's list of the value that it begins with: one of them, or a param."""
        begin: object = values[0] if start is None else start
        return values.index(self.params.get(begin, begin) if isinstance(begin, str) else begin)

    def _stored_start(self, name: str, counter: schema.Counter, start: schema.Formula) -> int:
        """The integer that stands in the state for what a counter begins with."""
        if counter.values is not None:
            return self._listed_start(counter.values, start)
        column = self.columns[name]
        return min(max(int(self.number(start)) - column.low, column.least), column.most)

    # -------------------------------------------------------------- the world

    def world(self) -> World:
        """The compiled world. The order of the statements is that of the state's columns and of the draws' numbers."""
        document, stage = self.document, self.stage
        # As many layouts, and as long a clock, as the largest stage has: the state has one shape in all stages.
        most_layouts = max(len(table) for table in self.tables.values()) if self.height else 0
        layout = self.add("layout", most_layouts, persists=True) if most_layouts > 1 else -1
        events, reasons = self._events()
        ended = self.add("ended", 1 + len(reasons), persists=True)
        clock = -1
        # The tick is part of the state only where the file mentions it: it multiplies the states by the horizon.
        if any(isinstance(node, Name) and node.name == "step" for node in self.syntax):
            longest = max(s.horizon or s.limit or 0 for s in document.stages.values())
            clock = self.add("step", longest + 1, persists=True)
        start_draws = tuple(self._draw(name, draw) for name, draw in document.draws.items() if draw.at == "start")
        agent_bodies = [self._agent_body(name) for name in document.agents]
        weight_columns = self._weight_columns()
        for name in document.things:
            self._thing_bodies(name)
        self.add_counters("", document.counters)
        happened = self._happened_columns(events)
        channels, owners, hidden = self._channels()
        overrides = tuple(self._override(override) for override in document.overrides)
        # A draw's number is part of the random counter: the order in which names are added here fixes all samples.
        for body in self.bodies:
            if any(motion.way == "wander" for motion in body.motions):
                self.draw_names.append(f"{body.name}.wander")
        tick_draws = tuple(self._draw(name, draw) for name, draw in document.draws.items() if draw.at == "tick")
        rules = self._rules_by_moment(channels, hidden)
        life = self._life()
        boards = self._boards()
        return World(
            name=document.name,
            stage=self.stage_name,
            params=self.params,
            boards=boards,
            fields=tuple(self.fields),
            columns=self.columns,
            bodies=tuple(self.bodies),
            agents=tuple(
                self._agent(name, body, channels, owners, weight_columns, boards)
                for name, body in zip(document.agents, agent_bodies, strict=True)
            )
            + tuple(self._enlisted_agent(name, channels, owners, boards) for name in self.enlist),
            start_draws=start_draws,
            tick_draws=tick_draws,
            overrides=overrides,
            start_rules=rules["start"],
            rules=rules["tick"],
            end_rules=rules["end"],
            channels=channels,
            owners=owners,
            hidden=hidden,
            events=(*events, *(f"ended:{reason}" for reason in reasons)),
            reasons=reasons,
            draw_ids={name: index for index, name in enumerate(dict.fromkeys(self.draw_names))},
            layout=layout,
            ended=ended,
            clock=clock,
            limit=stage.limit,
            horizon=stage.horizon,
            scope=self.scope,
            rewards_shown=stage.rewards == "shown",
            response=self._response(),
            max_outcomes=document.runs.max_outcomes,
            equilibrium=self._equilibrium(),
            between_rules=rules["between"],
            happened=happened,
            life=life,
            body_index={body.name: body.order for body in self.bodies},
            zone_index={name: index for index, name in enumerate(boards.zone_names)},
        )

    def _events(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The events that rules emit, and the reasons for which they end an episode."""
        effects = [node for node in self.syntax if isinstance(node, End | Emit)]
        reasons = tuple(dict.fromkeys(node.reason for node in effects if isinstance(node, End)))
        events = tuple(dict.fromkeys(node.event for node in effects if isinstance(node, Emit)))
        if len(events) + len(reasons) > MAX_EVENTS:
            raise WorldTooLargeError(
                f"{len(events)} events and {len(reasons)} ends, and together there are at most {MAX_EVENTS}; "
                "leave some out"
            )
        return events, reasons

    def _rules_by_moment(self, channels: tuple[str, ...], hidden: str | None) -> dict[str, tuple[RuleProgram, ...]]:
        """The rules of the start, of the tick, of its end and between episodes, with those that no file writes."""
        rules = {at: self._rules(at, channels, hidden) for at in ("start", "tick", "end", "between")}
        rules["tick"] += tuple(self._leaving())
        shows = tuple(self._showing())
        rules["start"] += shows
        rules["tick"] += shows
        if rules["end"]:
            rules["end"] += shows
        return rules

    def _happened_columns(self, events: Sequence[str]) -> tuple[tuple[int, int], ...]:
        """A flag for each event that some rule between episodes asks about, with the number of the event."""
        asked = dict.fromkeys(node.event for node in self.syntax if isinstance(node, Happened))
        return tuple((events.index(event), self.add(f"happened({event})", 2, persists=True)) for event in asked)

    def _life(self) -> tuple[LifeEntry, ...]:
        """The entries of the life; the coin that decides whether one goes on is the last draw."""
        params = settled(self.document.params, self.common)  # those of no stage: a life is the same in all of them

        def number(text: schema.Formula | None) -> float:
            return float(constant(formula(0 if text is None else text), params))

        entries = tuple(
            LifeEntry(entry.stage, round(number(entry.episodes)))
            if entry.continues is None
            else LifeEntry(entry.stage, None, number(entry.continues))
            for entry in self.document.life
        )
        if any(entry.episodes is None for entry in entries):
            self.draw_names.append(CONTINUES)
        return entries

    def _boards(self) -> Boards:
        table = self.tables[self.stage_name]
        cells, count = self.height * self.width, max(len(table), 1)
        named = tuple(dict.fromkeys(z for t in self.tables.values() for board in t for z in board.zones))
        helpers = {name for name, zone in self.document.zones.items() if not zone.observed}
        # Observed zones first: what is observed and drawn is a prefix of the table.
        own = tuple(sorted(named, key=lambda name: name in helpers))
        zone_names = (*own, *(name for name in BUILT_IN_ZONES if name not in own))
        walls = np.ones((count, cells + 1), np.bool_)
        zones = np.zeros((len(zone_names), count, cells + 1), np.bool_)
        starts = np.full((count, len(self.bodies)), cells, np.int32)
        for index, board in enumerate(table):
            for r, c in product(range(board.height), range(board.width)):
                walls[index, r * self.width + c] = (r, c) in board.walls
            for z, zone in enumerate(own):
                for r, c in board.zones.get(zone, ()):
                    zones[z, index, r * self.width + c] = True
            for body in self.bodies:
                begin = self._start_cell(body, board)
                if begin is not None and body.group not in self.stage.removes:
                    starts[index, body.order] = begin[0] * self.width + begin[1]
        for name, everywhere in (("wall", walls), ("floor", ~walls), ("board", np.ones_like(walls))):
            if name not in own:
                zones[zone_names.index(name), :, :cells] = everywhere[:, :cells]
        observed = len(own) - len(helpers & set(own))
        return Boards(
            self.height, self.width, walls, zones, zone_names, len(own), observed, starts, self._field_starts(table)
        )

    def _field_starts(self, table: Sequence[Board]) -> dict[int, Ints]:
        """The columns of fields that some board's legend lets begin otherwise, each with its start on every board."""
        found: dict[int, Ints] = {}
        declared = {name: agent.fields for name, agent in self.document.agents.items()}
        declared |= {name: thing.fields for name, thing in self.document.things.items()}
        for index, board in enumerate(table):
            for body in self.bodies if board.fields else ():
                cell = self._start_cell(body, board)
                if cell is None or body.group in self.stage.removes:
                    continue
                for name, value in board.fields.get((body.group, cell), {}).items():
                    if name not in declared[body.group]:
                        continue  # it is a field of something else that stands there too
                    column = self.columns[f"{body.name}.{name}"]
                    starts = found.setdefault(column.index, np.full(len(table), column.start, np.int32))
                    starts[index] = self._stored_start(f"{body.name}.{name}", declared[body.group][name], value)
        return found

    def _start_cell(self, body: Body, board: Board) -> tuple[int, int] | None:
        if body.is_agent:
            return board.agents.get(body.name)
        cells = board.things.get(body.group, ())
        number = self.instances[body.group].index(body.name)
        return cells[number] if number < len(cells) else None

    # -------------------------------------------------------------- bodies

    def _agent_body(self, name: str) -> int:
        """The body of an agent that stands on some board, or -1."""
        agent = self.document.agents[name]
        on_board = any(name in board.agents for table in self.tables.values() for board in table)
        cell = self.add(f"{name}.cell", self.height * self.width + 1) if on_board else -1
        facing = self.add(f"{name}.facing", 4) if on_board and agent.facing else -1
        fields = self.add_counters(name, agent.fields)
        if agent.leaves_when is not None:
            # No field of the body: what is removed begins anew, and who has left does not.
            self.add(f"{name}.{GONE}", 2, persists=True)
        if not on_board:
            return -1
        order = len(self.bodies)
        sight = None if agent.sight is None else int(self.number(agent.sight))
        self.bodies.append(
            Body(
                name, name, order, True, not agent.ghost, False, False, sight, (), cell, facing, fields=fields,
                looks=self._looks(agent.drawn_as, self.scope),
            )
        )  # fmt: skip
        return order

    def _thing_bodies(self, name: str) -> None:
        thing = self.document.things[name]
        solid = formula(thing.kind in SOLID_KINDS if thing.solid is None else thing.solid)
        self.terms += len(self.instances[name]) * self._terms(solid)
        check_terms(f"`solid` down to that of `{name}`", self.terms)
        blocks = None if thing.blocks is None else frozenset(thing.blocks)
        pushable = thing.pushable if thing.pushable is not None else thing.kind == "block"
        sight = None if thing.sight is None else int(self.number(thing.sight))
        taken = any(isinstance(node, Take) and node.thing == name for node in self.syntax)
        seen = thing.observed and name not in self.stage.hides
        for instance in self.instances[name]:
            motions = tuple(self._motions(name, instance, thing))
            if name in self.enlist:
                motions = tuple(_enlisted_motions(name, _as_agent(thing).actions, motions))
            cell = self.add(f"{instance}.cell", self.height * self.width + 1, observed=seen)
            facing = self.add(f"{instance}.facing", 4, observed=seen) if thing.facing else -1
            longest = max((len(motion.path) for motion in motions), default=0)
            phase = self.add(f"{instance}.phase", longest, observed=seen) if longest else -1
            carrier = self.add(f"{instance}.carrier", 1 + len(self.document.agents), observed=seen) if taken else -1
            fields = self.add_counters(instance, thing.fields, seen)
            order = len(self.bodies)
            self.bodies.append(
                Body(
                    instance, name, order, False, _folded_truth(resolve(solid, self.scope.bind(name, instance))),
                    thing.opaque, pushable, sight, motions, cell, facing, phase, carrier, fields, blocks,
                    self._looks(thing.drawn_as, self.scope.bind(name, instance)),
                )
            )  # fmt: skip

    def _looks(self, drawn_as: Mapping[Any, schema.Formula], scope: NameBindings) -> tuple[tuple[str, Expression], ...]:
        return tuple((look, self.formula(condition, scope)) for look, condition in drawn_as.items())

    def _motions(self, name: str, instance: str, thing: schema.Thing) -> Iterable[MotionProgram]:
        scope = self.scope.bind(name, instance)
        shorthand = schema.Motion(
            patrol=thing.patrol,
            loop=thing.loop,
            chase=thing.chase,
            flee=thing.flee,
            follow=thing.follow,
            wander=thing.wander,
        )
        for motion in thing.moves or (shorthand,):
            when = self.formula(True if motion.when is None else motion.when, scope)
            if motion.patrol is not None:
                # A patrol that does not loop goes back the way it came, without repeating its two ends.
                path = [r * self.width + c for r, c in motion.patrol]
                yield MotionProgram("patrol", when, tuple(path if motion.loop else path + path[-2:0:-1]))
            elif motion.wander:
                zone = motion.wander.zone if isinstance(motion.wander, schema.Wander) else ""
                yield MotionProgram("wander", when, zone=zone)
            elif motion.still:
                yield MotionProgram("still", when)
            else:
                for way in ("chase", "flee", "follow"):
                    target = getattr(motion, way)
                    if target is not None:
                        yield MotionProgram(way, when, target=scope.body(target))

    # -------------------------------------------------------------- agents and channels

    def _channels(self) -> tuple[tuple[str, ...], tuple[int, ...], str | None]:
        """The visible channels, the index of each one's agent (enlisted things last), and the hidden channel."""
        rewards = self.document.rewards
        common = [name for name, channel in rewards.items() if not (channel.hidden or channel.payee)]
        hidden = next((name for name, channel in rewards.items() if channel.hidden), None)
        names = [*self.document.agents, *self.enlist]
        if len(names) == 1:
            return tuple(common), (0,) * len(common), hidden
        pairs = [(i, f"{agent}.{name}") for i, agent in enumerate(self.document.agents) for name in common]
        own = [(names.index(its.payee), name) for name, its in rewards.items() if its.payee in self.enlist]
        pairs += [(i, f"{names[i]}.{name}") for i, name in sorted(own, key=lambda pair: pair[0])]
        return tuple(name for _, name in pairs), tuple(i for i, _ in pairs), hidden

    def _channel(self, written: str) -> str:
        """The world's name of a channel that `pays` names; a name that is not in `channels` pays nobody here."""
        channel = self.document.rewards.get(written)
        if channel is None or channel.hidden:
            return written
        if channel.payee is not None:
            return f"{channel.payee}.{written}"
        return f"{next(iter(self.document.agents))}.{written}" if self.enlist else written

    def _weight_columns(self) -> dict[str, int]:
        """A column for each weight that some effect changes, with a table of all values that the weight may take."""
        # Edits assign constants, so that a weight has finitely many values and the state stays finite.
        columns: dict[str, int] = {}
        # A name that stands for every agent stands for this one too.
        every = {name for rule in self.document.rules for name, group in rule.instances if group == EVERY_AGENT}
        for name, agent in self.document.agents.items():
            for channel, value in agent.values.items():
                target = f"{name}.values.{channel}"
                targets = {f"{owner}.values.{channel}" for owner in (name, *every)}
                set_to = [n.value for n in self.syntax if isinstance(n, Assign) and n.target in targets]
                if not set_to:
                    continue
                if value.persists is None:
                    weights = [self.number(value.weight), *(float(constant(v, self.params)) for v in set_to)]
                    table = np.array(list(dict.fromkeys(weights)))
                    columns[target] = self.add(target, table.size, table=table, persists=True)
                    continue
                # A weight that outlives an episode has one number in all stages of the life, so that its table holds
                # what edits make of it in any of them. Last stands the declared weight, for one that was never edited.
                edits = [float(constant(v, params)) for params in self._params_of_life() for v in set_to]
                table = np.array([*dict.fromkeys(edits), self.number(value.weight)])
                columns[target] = self.add(
                    target, table.size, start=table.size - 1, table=table, persists=True, outlives=True
                )
        return columns

    def _params_of_life(self) -> Iterable[Mapping[str, object]]:
        """The params of each stage of the life, and of this stage."""
        for entry in self.document.life:
            stage = self.document.stages[entry.stage]
            yield settled(self.document.params, self.common | dict(stage.params))
        yield self.params

    def _agent(
        self,
        name: str,
        body: int,
        channels: Sequence[str],
        owners: Sequence[int],
        weight_columns: Mapping[str, int],
        boards: Boards,
    ) -> AgentProgram:
        agent = self.document.agents[name]
        index = list(self.document.agents).index(name)
        specs = [a if isinstance(a, schema.ActionSpec) else None for a in agent.actions]
        guards = tuple(None if spec is None else self.formula(spec.when) for spec in specs)
        names = _actions(agent)
        if agent.leaves_when is not None:
            names, guards = (
                (*names, GONE),
                (*(_both(_is_there(name), guard) for guard in guards), Name(f"{name}.{GONE}")),
            )
        moves = list(geometry.STEPS)
        weights, columns = np.zeros(len(channels)), []
        discounts = np.full(len(channels), self.number(agent.discount))
        for k, channel in enumerate(channels):
            value = agent.values.get(channel.removeprefix(f"{name}.")) if owners[k] == index else None
            weights[k] = 0.0 if value is None else self.number(value.weight)
            if value is not None and value.discount is not None:
                discounts[k] = self.number(value.discount)
            columns.append(weight_columns.get(f"{name}.values.{channel.removeprefix(f'{name}.')}", -1))
        sees, zones, window = self._view(agent.observes, boards)
        return AgentProgram(
            name=name,
            body=body,
            actions=names,
            moves=np.array([moves.index(a) if a in moves and body >= 0 else 0 for a in names], np.int32),
            guards=guards,
            sees=sees,
            zones=zones,
            visible_layout=boards.visible_layout(zones),
            window=window,
            discount=self.number(agent.discount),
            discounts=discounts,
            weights=weights,
            weight_columns=tuple(columns),
            deliberation=self._rule(name, agent, channels),
            judges_by=agent.judges_by,
            planner=self._planner(agent.planner),
            foresight=agent.foresight,
        )

    def _view(self, observes: schema.View | str, boards: Boards) -> tuple[tuple[int, ...], tuple[int, ...], int | None]:
        """The fields and the zones that an agent sees, and the side of its window."""
        view = observes if isinstance(observes, schema.View) else schema.View()
        hides = (*view.hides, *self.stage.hides)
        sees = (
            i
            for i, field in enumerate(self.fields)
            if field.observed and not any(_hidden_by(field.name, pattern) for pattern in hides)
        )
        zones = (zone for zone in range(boards.n_observed) if boards.zone_names[zone] not in hides)
        return tuple(sees), tuple(zones), view.window

    def _enlisted_agent(
        self, name: str, channels: Sequence[str], owners: Sequence[int], boards: Boards
    ) -> AgentProgram:
        """The program of a thing enlisted as an agent: its actions are motions, executed in step 4 of a tick."""
        agent = _as_agent(self.document.things[name])
        weights = np.zeros(len(channels))
        for channel, value in agent.values.items():
            weights[channels.index(f"{name}.{channel}")] = self.number(value.weight)
        sees, zones, window = self._view(agent.observes, boards)
        return AgentProgram(
            name=name,
            body=next(body.order for body in self.bodies if body.name == name),
            actions=tuple(agent.actions),
            moves=np.zeros(len(agent.actions), np.int32),
            guards=(None,) * len(agent.actions),
            sees=sees,
            zones=zones,
            visible_layout=boards.visible_layout(zones),
            window=window,
            discount=self.number(agent.discount),
            discounts=np.full(len(channels), self.number(agent.discount)),
            weights=weights,
            weight_columns=(-1,) * len(channels),
            deliberation=DeliberationRule("weighted"),
            judges_by="current",
        )

    def _rule(self, name: str, agent: schema.AgentBlock, channels: Sequence[str]) -> DeliberationRule:
        """An agent's deliberation rule, with its channels and actions as indices."""
        its, actions = agent.deliberation, _actions(agent)
        word = its if isinstance(its, str) else next(iter(its.model_fields_set))
        block = None if isinstance(its, str) else getattr(its, word)

        def head(value: str) -> int:
            return next(k for k, channel in enumerate(channels) if channel in (value, f"{name}.{value}"))

        match block:
            case schema.Lexicographic():
                return DeliberationRule(
                    word, {"order": [head(v) for v in block.order or agent.values], "slack": self.number(block.slack)}
                )
            case schema.Veto():
                bounds = [[head(value), self.number(bound)] for value, bound in block.at_least.items()]
                return DeliberationRule(word, {"at_least": bounds})
            case schema.Vote():
                return DeliberationRule(word, {"ballot": block.ballot, "approves": self.number(block.approves)})
        if word in ("nash", "kalai_smorodinsky"):
            action = "stay" if block is None or block.disagreement is None else block.disagreement
            return DeliberationRule(word, {"disagreement": actions.index(action)})
        if word == "lexicographic":
            return DeliberationRule(word, {"order": [head(value) for value in agent.values]})
        return DeliberationRule(word, block if isinstance(block, dict) else {})

    def _planner(self, its: schema.Planning | str) -> PartSpec:
        """A planner with the parameters that the file gives."""
        if isinstance(its, str):
            return PartSpec(its)
        (word,) = its.model_fields_set
        block = getattr(its, word)
        if not isinstance(block, schema.Block):
            return PartSpec(word, dict(block or {}))
        given = {name: getattr(block, name) for name in sorted(block.model_fields_set)}
        return PartSpec(
            word, {name: self._parameter(name, value) for name, value in given.items() if value is not None}
        )

    def _parameter(self, name: str, value: schema.Formula) -> str | float:
        """A parameter of a planner: a word as it stands, an integral number as an int."""
        if name == "backup" or value == schema.ALL:
            return str(value)
        number = self.number(value)
        return int(number) if number == int(number) else number

    def _stated(self, policy: StatedPolicy, actions: Sequence[str]) -> int | StatedChoice:
        """A stated policy of an agent that has some actions."""
        if isinstance(policy, Name):
            return -1 if policy.name == RANDOM else actions.index(policy.name)
        check_terms("a formula", self._terms(policy.condition))
        condition = resolve(policy.condition, self.scope)
        return StatedChoice(condition, self._stated(policy.then, actions), self._stated(policy.otherwise, actions))

    def _equilibrium(self) -> EquilibriumChoice | None:
        """Which equilibria are asked for, if any are."""
        solution = self.document.solution
        if solution == "equilibrium":
            return EquilibriumChoice()
        if not isinstance(solution, schema.EquilibriumBlock):
            return None
        rule = solution.equilibrium
        if isinstance(rule, schema.BestFor):
            return EquilibriumChoice("best_for", list(self.document.agents).index(rule.best_for))
        return EquilibriumChoice(rule)

    def _response(self) -> ResponseProgram | None:
        """Which agent best responds to which actions; enlisted things follow `orders`, or act at random without."""
        solution, agents = self.document.solution, self.document.agents
        enlisted = [
            actions.index("orders") if "orders" in actions else -1
            for actions in (_as_agent(self.document.things[name]).actions for name in self.enlist)
        ]
        if solution is None and enlisted:
            return ResponseProgram(0, (-1, *enlisted))
        if not isinstance(solution, schema.BestResponse):
            return None
        others = (
            self._stated(stated_policy(solution.others.get(name, RANDOM)), _actions(agent))
            for name, agent in agents.items()
        )
        return ResponseProgram(list(agents).index(solution.best_response), (*others, *enlisted))

    # -------------------------------------------------------------- chance and rules

    def _draw(self, name: str, draw: schema.Draw) -> DrawProgram:
        self.draw_names.append(name)
        if draw.values is None:
            p = self.formula(0.5 if draw.p is None else draw.p)
            weights: tuple[Expression, ...] = (Binary("-", Number(1), p), p)
            values: tuple[float, ...] = (0.0, 1.0)
        else:
            # A word is its place in the list, in the state too.
            words = self.words.get(name)
            values = tuple(map(float, range(len(draw.values)) if words else draw.values))
            weights = tuple(self.formula(w) for w in draw.weights) if draw.weights else (Number(1),) * len(values)
        column = -1
        if draw.at == "start":
            observed = draw.observed and name not in self.stage.hides
            words = self.words.get(name)
            table = None if words else np.array(values)
            column = self.add(name, len(values), table=table, words=words, observed=observed, persists=True)
        return DrawProgram(name, weights, values, column, self.formula(True if draw.when is None else draw.when))

    def _override(self, override: schema.Overriding) -> OverrideProgram:
        self.draw_names += [override.name, f"{override.name}.action"]
        agents = list(self.document.agents)
        actions = _actions(self.document.agents[override.agent])
        return OverrideProgram(
            override.name,
            agents.index(override.agent),
            self.formula(override.when)
            if self.document.agents[override.agent].leaves_when is None
            else _both(_is_there(override.agent), self.formula(override.when)),
            None if override.chance is None else self.formula(override.chance),
            -1 if override.action == "random" else actions.index(override.action),
        )

    def _rules(self, at: str, channels: Sequence[str], hidden: str | None) -> tuple[RuleProgram, ...]:
        return tuple(
            program
            for rule in self.document.rules
            if rule.at == at
            for program in self._instances_of(rule, channels, hidden)
        )

    def _instances_of(self, rule: schema.Rule, channels: Sequence[str], hidden: str | None) -> Iterable[RuleProgram]:
        """One program for each instance (or combination of instances) that the rule is written for."""
        written: list[object] = [effect(text) for text in (*rule.then, *rule.otherwise)]
        texts = (rule.when, rule.chance, *rule.pays.values(), *rule.else_pays.values())
        written += [formula(text) for text in texts if text is not None]
        combinations = prod(len(self.instances[group]) for _, group in rule.instances)
        self.terms += combinations * sum(self._terms(node) for node in written)
        check_terms(f"the rules down to `{rule.name}`", self.terms)
        for combination in product(*(self.instances[group] for _, group in rule.instances)):
            if len(set(combination)) < len(combination):
                continue  # two names of one kind never mean the same instance
            scope = self.scope
            for (variable, _), instance in zip(rule.instances, combination, strict=True):
                scope = scope.bind(variable, instance)
            name = ":".join((rule.name, *combination))
            effects = tuple(resolve_effect(effect(text), scope) for text in rule.then)
            otherwise = tuple(resolve_effect(effect(text), scope) for text in rule.otherwise)
            chance = None if rule.chance is None else self.formula(rule.chance, scope)
            if chance is not None:
                self.draw_names.append(name)
            for names, block in ((name, effects), (f"{name}.else", otherwise)):
                self.draw_names += [f"{names}.{i}" for i, e in enumerate(block) if isinstance(e, PutAt) and e.random]
            yield RuleProgram(
                name,
                self.formula(rule.when, scope),
                chance,
                effects,
                otherwise,
                *self._amounts(rule, rule.pays, scope, channels, hidden),
                *self._amounts(rule, rule.else_pays, scope, channels, hidden),
                rule.name if rule.only is not None else "",
            )

    def _leaving(self) -> Iterable[RuleProgram]:
        """The rules after all others of a tick by which agents leave."""
        for name, agent in self.document.agents.items():
            if agent.leaves_when is not None:
                effects: tuple[Effect, ...] = (Assign(f"{name}.{GONE}", "=", Number(1)),)
                if any(body.name == name for body in self.bodies):
                    effects += (Remove(name),)
                when = _both(_is_there(name), self.formula(agent.leaves_when))
                yield RuleProgram(f"{name}.leaves", when, None, effects, (), (), None, (), None)

    def _showing(self) -> Iterable[RuleProgram]:
        """The rules after all others by which what is shown in place of a counter, or a field, follows the state."""
        for name, counter in self._counters():
            if counter.shows_as is not None:
                owner = name.partition(".")[0]
                group = owner.partition("[")[0]
                scope = self.scope.bind(group, owner) if group in self.document.things else self.scope
                check_terms(f"what is shown in place of `{name}`", self._terms(formula(counter.shows_as)))
                effect = resolve_effect(Assign(shown_for(name), "=", formula(counter.shows_as)), scope)
                yield RuleProgram(f"{name}.shows", Truth(True), None, (effect,), (), (), None, (), None)

    def _amounts(
        self,
        rule: schema.Rule,
        written: Mapping[str, schema.Formula],
        scope: NameBindings,
        channels: Sequence[str],
        hidden: str | None,
    ) -> tuple[tuple[tuple[int, Expression], ...], Expression | None]:
        """Pairs of a channel and what it is paid, and what the hidden channel is paid."""
        pays = {self._channel(scope.body(channel)): self.formula(pay, scope) for channel, pay in written.items()}
        for channel in pays:
            owner = channel.partition(".")[0]
            its = self.document.agents.get(owner)
            if rule.at in ("tick", "end") and its is not None and its.leaves_when is not None:
                # Who had left before the tick is paid nothing any more.
                there = BeforeTick(_is_there(owner))
                pays[channel] = Call("if", (there, pays[channel], Number(0)))
        seen = tuple((list(channels).index(channel), pay) for channel, pay in pays.items() if channel in channels)
        return seen, pays.get(hidden) if hidden is not None else None


def _is_there(agent: str) -> Expression:
    """That an agent with `leaves_when` has not left."""
    return Binary("==", Name(f"{agent}.{GONE}"), Number(0))


def _both(one: Expression, other: Expression | None) -> Expression:
    """The conjunction of two conditions, of which the second may always hold."""
    return one if other is None else Binary("and", one, other)


def _as_agent(thing: schema.Thing) -> schema.AsAgent:
    assert thing.as_agent is not None
    return thing.as_agent


def _folded_truth(condition: Expression) -> bool | Expression:
    """A condition as a truth value, where it is one whatever the state."""
    try:
        return bool(constant(condition, {}))
    except NotConstantError:
        return condition


def _enlisted_motions(name: str, actions: Sequence[str], written: Sequence[MotionProgram]) -> Iterable[MotionProgram]:
    """One motion for each action that is a direction, and for `orders` the thing's own motions."""
    for action in actions:
        if action in geometry.DIRECTIONS:
            yield MotionProgram(action, Does(name, action))
    if "orders" in actions:
        for motion in written:
            yield replace(motion, when=Binary("and", Does(name, "orders"), motion.when))


def _actions(agent: schema.AgentBlock) -> tuple[str, ...]:
    return tuple(action if isinstance(action, str) else action.name for action in agent.actions)


def _hidden_by(field: str, pattern: str) -> bool:
    """Whether a pattern of `hides` covers a field: its name, or the thing, agent or instance that it belongs to."""
    field = observed_name(field)
    owner = field.split(".")[0]
    return pattern in (field, owner, owner.split("[")[0]) or field.replace(owner, owner.split("[")[0]) == pattern

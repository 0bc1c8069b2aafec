"""The symbol table of a scenario: what each name stands for.

Names are unique across kinds, so a bare name is never ambiguous.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ...did_you_mean import did_you_mean
from ..expressions.named_formulas import named_formulas
from ..expressions.params import unused_counters, unused_formulas, unused_params, weighing
from ..expressions.parser import RESERVED, ExpressionError, effect
from ..expressions.syntax import Effect, Emit, End, Expression, PutAt
from ..faults.collector import Path, Report, listed
from ..schema.document import ActionSpec, Counter, Document, LegendEntry

MOVES = ("up", "down", "left", "right")
"""The actions that move a body by one cell."""

SURFACES = ("wall", "floor")
"""The words of a legend that stand for no object."""

BUILT_IN_ZONES = ("wall", "floor", "board")
"""Zones that every board has: its walls, its other cells, and both. A name of the file that is the same wins."""

DEFAULT_SIZE = (9, 9)
"""Rows and columns of a generated board without a `size`."""

EVERY_AGENT = "agent"
"""The word that stands for all agents where instances are gone through. A name of the file that is the same wins."""

PLURALS = {
    "zone": "zones",
    "thing": "things",
    "agent": "agents",
    "counter": "counters",
    "draw": "draws",
    "channel": "channels",
    "event": "events",
    "param": "params",
    "formula": "formulas",
}


GONE = "gone"
"""The action of an agent that has left, and the state's field that says so."""
STATE = ("layout", "ended")
"""The state's own fields, whose names a file cannot use."""
BODY = ("cell", "facing", "phase", "carrier", "values")
"""The state's own fields of an agent or a thing, whose names its fields cannot have."""


class Absence(NamedTuple):
    """Instances of a thing that the board of a stage never has.

    Attributes:
        stage: the first such stage.
        missing: how many of them are nowhere there, on the board that shows fewest.
        instances: how many there are.
    """

    stage: str
    missing: int
    instances: int


@dataclass(frozen=True)
class Symbols:
    """Everything that has a name in one scenario.

    Attributes:
        document: the scenario.
        kinds: name -> `zone`, `thing`, `agent`, `counter`, `draw`, `channel`, `event`, `param` or
            `formula`.
        fields: `thing.field` or `agent.field` -> its declaration.
        instances: thing -> the most instances of it that one board can hold.
        stages: the names of the stages, in order.
        reasons: every reason that a rule's `end` gives.
        actions: agent -> its actions, in order.
        effects: every effect of every rule that can be parsed, with its position.
        unread: the texts of effects that cannot be parsed, so that the events and reasons in them are unknown.
        size: the most rows and the most columns of all boards; None if no stage has a board.
    """

    document: Document
    kinds: Mapping[str, str]
    fields: Mapping[str, Counter]
    instances: Mapping[str, int]
    stages: tuple[str, ...]
    reasons: tuple[str, ...]
    actions: Mapping[str, tuple[str, ...]]
    effects: tuple[tuple[Effect, Path], ...]
    unread: tuple[str, ...]
    size: tuple[int, int] | None

    def of(self, kind: str) -> tuple[str, ...]:
        """The names of one kind, in the order of the file."""
        return tuple(name for name, its in self.kinds.items() if its == kind)

    def members(self, group: str) -> tuple[str, ...]:
        """What is gone through under `each` and by quantifiers: the instances of a thing, or all agents (`agent`)."""
        if self.means_agents(group):
            return tuple(self.document.agents)
        return instance_names(group, self.instances[group]) if group in self.instances else ()

    def means_agents(self, group: str) -> bool:
        """Whether a word under `each` or of a quantifier stands for all agents."""
        return group == EVERY_AGENT and group not in self.kinds

    @cached_property
    def counters(self) -> Mapping[str, Counter]:
        """Counters and fields by name, fields as `owner.field`."""
        return {**self.document.counters, **self.fields}

    @cached_property
    def formulas(self) -> Mapping[str, Expression]:
        """Named formulas, each after those that it names; those at fault are left out."""
        return named_formulas(self.document)

    @cached_property
    def types_of_formulas(self) -> dict[tuple[object, ...], object]:
        """What `types.type_of_named` found: a formula that names one twice is not typed twice as long."""
        return {}

    @cached_property
    def unused_formulas(self) -> tuple[str, ...]:
        """Named formulas that nothing names."""
        return unused_formulas(self.document)

    @cached_property
    def unused_params(self) -> tuple[str, ...]:
        """Params that no formula reads."""
        return unused_params(self.document)

    @cached_property
    def unused_counters(self) -> tuple[str, ...]:
        """Counters that nothing reads or changes."""
        return unused_counters(self.document)

    @cached_property
    def boardless(self) -> str | None:
        """A stage that has no board; None if all have one."""
        document = self.document
        bare = (
            name
            for name, stage in document.stages.items()
            if not maps_of(document, name) and (stage.generate or document.generate) is None
        )
        return next(bare, None)

    @cached_property
    def off_board(self) -> Mapping[str, str]:
        """Agent -> a stage in which no board shows it, so that it has no place there.

        Those that move are left out: of them it is a fault in itself.
        """
        document, found = self.document, dict[str, str]()
        still = [name for name, actions in self.actions.items() if not {"up", "down", "left", "right"} & {*actions}]
        for name, stage in document.stages.items():
            generate = stage.generate or document.generate
            for text in [text for _, text in maps_of(document, name)] or [""]:
                shown = {legend_agent(entry, document) for glyph, entry in document.legend.items() if glyph in text}
                shown |= set() if generate is None else {*generate.place}
                for agent in still:
                    if agent in document.agents and agent not in shown:
                        found.setdefault(agent, name)
        return found

    @cached_property
    def absences(self) -> Mapping[str, Absence]:
        """Thing -> where instances of it are nowhere for good, though formulas go through them.

        That is where a map shows fewer of it than another one does, or a stage removes it, and no rule places one. A
        `count:` says that there may be fewer, and generated boards have what `count:` says.
        """
        document, found = self.document, dict[str, Absence]()
        placed = {
            dict(document.rules[int(path[1])].instances).get(its.subject, its.subject)
            for its, path in self.effects
            if isinstance(its, PutAt)
        }
        for stage, spec in document.stages.items():
            if (spec.generate or document.generate) is not None:
                continue
            drawn = [_drawn_things(text, document) for _, text in maps_of(document, stage)]
            for name, thing in document.things.items():
                shown = 0 if name in spec.removes else min((tally[name] for tally in drawn), default=0)
                if shown < self.instances[name] and thing.count is None and name not in placed:
                    found.setdefault(name, Absence(stage, self.instances[name] - shown, self.instances[name]))
        return found

    @cached_property
    def weighing(self) -> frozenset[str]:
        """Params on which preferences depend and nothing else; see `expressions.params.weighing`."""
        return weighing(self.document)


def read_symbols(document: Document, report: Report) -> Symbols:
    """Build the symbol table; report names of more than one kind and names that the language reserves."""
    effects, unread = _effects(document)
    kinds: dict[str, str] = {}
    for name, kind, path, key in _declared(document, effects):
        if name in RESERVED or name in STATE:
            report.add("TC411", path, f"`{name}` is a word of the language", f"give the {kind} another name", key=key)
        # A zone may be declared both by the legend and under `zones:`, which is one kind and no conflict.
        first = kinds.setdefault(name, kind)
        if first != kind:
            report.add(
                "TC410",
                path,
                f"`{name}` names {article(first)} and {article(kind)}",
                "names are unique across kinds: rename one of them",
                key=key,
            )
    return Symbols(
        document=document,
        kinds=kinds,
        fields=_fields(document, report),
        instances=_instances(document),
        stages=tuple(document.stages),
        reasons=tuple(dict.fromkeys(its.reason for its, _ in effects if isinstance(its, End))),
        actions={name: action_names(agent.actions) for name, agent in document.agents.items()},
        effects=effects,
        unread=unread,
        size=_size(document),
    )


def action_names(actions: Iterable[str | ActionSpec]) -> tuple[str, ...]:
    """The names of actions, with or without a condition, in order."""
    return tuple(action if isinstance(action, str) else action.name for action in actions)


def instance_names(thing: str, count: int) -> tuple[str, ...]:
    """The names of a thing's instances: its own if there is one, else `gem[0]`, `gem[1]` and so on."""
    return (thing,) if count == 1 else tuple(f"{thing}[{number}]" for number in range(count))


def _effects(document: Document) -> tuple[tuple[tuple[Effect, Path], ...], tuple[str, ...]]:
    """Every effect of every rule that can be parsed, with its position; and the texts of those that cannot."""
    read: list[tuple[Effect, Path]] = []
    unread: list[str] = []
    for index, rule in enumerate(document.rules):
        for key, texts in (("then", rule.then), ("else", rule.otherwise)):
            for line, text in enumerate(texts):
                try:
                    read.append((effect(text), ("rules", index, key, line)))
                except ExpressionError:
                    unread.append(text)  # reported where effects are checked
    return tuple(read), tuple(unread)


def maps(document: Document) -> Iterator[tuple[Path, str]]:
    """Every drawn map with its path: the common one first, then those of stages."""
    yield from _drawn(("map",), document.map)
    for name, stage in document.stages.items():
        yield from _drawn(("stages", name, "map"), stage.map)


def maps_of(document: Document, stage: str) -> tuple[tuple[Path, str], ...]:
    """The drawn maps of a stage with their paths: its own, or else the common ones; none if neither are drawn."""
    own = document.stages[stage].map
    return tuple(_drawn(("map",), document.map) if own is None else _drawn(("stages", stage, "map"), own))


def _drawn(path: Path, drawn: str | list[str] | None) -> Iterator[tuple[Path, str]]:
    if isinstance(drawn, list):
        yield from (((*path, index), text) for index, text in enumerate(drawn))
    elif drawn is not None:
        yield path, drawn


def legend_zones(entry: str | LegendEntry, document: Document) -> tuple[str, ...]:
    """The zones that a legend entry marks."""
    if isinstance(entry, str):  # a bare word that is nothing else declares a zone
        taken = entry in SURFACES or entry in document.things or entry in document.agents
        return () if taken else (entry,)
    if entry.zone is None:
        return ()
    return (entry.zone,) if isinstance(entry.zone, str) else tuple(entry.zone)


def legend_thing(entry: str | LegendEntry, document: Document) -> str | None:
    """The thing that a legend entry puts on its cells; None if it puts none there."""
    if isinstance(entry, str):
        return entry if entry in document.things and entry not in SURFACES else None
    return entry.thing


def legend_agent(entry: str | LegendEntry, document: Document) -> str | None:
    """The agent that a legend entry puts on its cell; None if it puts none there."""
    if isinstance(entry, str):
        return entry if entry in document.agents and entry not in SURFACES else None
    return entry.agent


def unknown(
    report: Report,
    code: str,
    kind: str,
    name: str,
    valid: Iterable[str],
    path: Path,
    *,
    span: tuple[int, int] | None = None,
    key: bool = False,
) -> None:
    """Report an unknown name, with the most similar valid name and a list of the valid ones.

    Args:
        report: receives the fault.
        code: the fault's code.
        kind: what the name should be, such as "stage".
        name: the unknown name.
        valid: the valid names.
        path: the position in the file.
        span: the name's range of characters in the text at that path; None for the whole value.
        key: whether the name is the key at that path.
    """
    names = tuple(valid)
    report.add(code, path, f"there is no {kind} called `{name}`", suggestion(name, names), span=span, key=key)


def article(kind: str) -> str:
    """A kind with its indefinite article: `an agent`, `a zone`."""
    return f"an {kind}" if kind[0] in "ae" else f"a {kind}"


def suggestion(name: str, valid: tuple[str, ...]) -> str:
    """A cure for an unknown name: the most similar valid name, and a list of the valid ones."""
    hint = did_you_mean(name, valid)
    if len(valid) < 2:
        return hint.strip() or (f"there is only `{valid[0]}`" if valid else "there are none")
    return f"{hint}there are {listed(valid)}"


def _declared(document: Document, effects: Iterable[tuple[Effect, Path]]) -> Iterator[tuple[str, str, Path, bool]]:
    """Every declaration of a name, as (name, kind, path, whether the name is the key at the path).

    Events are declared by the effects that emit them.
    """
    for name in document.params:
        yield name, "param", ("params", name), True
    for name in document.let:
        yield name, "formula", ("let", name), True
    for glyph, entry in document.legend.items():
        for name in legend_zones(entry, document):
            yield name, "zone", ("legend", glyph), False
    for name in document.zones:
        yield name, "zone", ("zones", name), True
    for name in document.counters:
        yield name, "counter", ("counters", name), True
    for name in document.draws:
        yield name, "draw", ("draws", name), True
    for name in document.things:
        yield name, "thing", ("things", name), True
    for name in document.agents:
        yield name, "agent", ("agents", name), True
    for name in document.rewards:
        yield name, "channel", ("rewards", name), True
    for its, path in effects:
        if isinstance(its, Emit):
            yield its.event, "event", path, False


def _fields(document: Document, report: Report) -> dict[str, Counter]:
    """`owner.field` -> its declaration, for things and agents; reserved names are reported."""
    fields: dict[str, Counter] = {}
    for block, owners in (("things", document.things), ("agents", document.agents)):
        for owner, body in owners.items():
            for name, counter in body.fields.items():
                fields[f"{owner}.{name}"] = counter
                if name in RESERVED or name in BODY:
                    path: Path = (block, owner, "fields", name)
                    cure = "give the field another name"
                    report.add("TC411", path, f"`{name}` is a word of the language", cure, key=True)
    return fields


def _instances(document: Document) -> dict[str, int]:
    """Thing -> its number of instances: the larger of its `count` (1 if left out) and the most that any map shows."""
    instances = {name: thing.count or 1 for name, thing in document.things.items()}
    for _, text in maps(document):
        for thing, many in _drawn_things(text, document).items():
            instances[thing] = max(instances[thing], many)
    return instances


def _drawn_things(text: str, document: Document) -> Tally[str]:
    """Thing -> how many of it a map shows."""
    drawn: Tally[str] = Tally()
    for glyph, many in Tally(text).items():  # line ends are counted as well, and are in no legend
        thing = legend_thing(document.legend[glyph], document) if glyph in document.legend else None
        if thing in document.things:
            drawn[thing] += many
    return drawn


def _size(document: Document) -> tuple[int, int] | None:
    """The most rows and the most columns of all drawn and generated boards; None without any board."""
    # Taken from the texts, and not from boards: symbols are there before maps are checked.
    sizes = [(text.rstrip("\n").count("\n") + 1, max(map(len, text.split("\n")))) for _, text in maps(document)]
    generated = (document.generate, *(stage.generate for stage in document.stages.values()))
    for generate in generated:
        if generate is not None and generate.board != "map":
            height, width = generate.size or DEFAULT_SIZE
            sizes.append((height, width))
    return (max(rows for rows, _ in sizes), max(columns for _, columns in sizes)) if sizes else None

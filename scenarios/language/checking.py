"""Checks the meaning of a document (names, types, boards and claims) and collects all faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .expressions.constants import settled
from .expressions.syntax import Name, PutAt
from .faults.collector import Path, Report, listed
from .files.merging import Merged
from .names.boards import SIDE, Board, check_board, check_legend
from .names.formula_context import Context
from .names.symbols import Symbols, legend_zones, maps, maps_of, read_symbols, unknown
from .schema.document import Document, Generate
from .validation.bodies import check_agents, check_patrols, check_things
from .validation.claims import check_claims
from .validation.declarations import (
    check_counters,
    check_draws,
    check_formulas,
    check_params,
    check_starts_on_maps,
)
from .validation.dynamics import (
    check_names_of_chance,
    check_overrides_of_actions,
    check_rewards,
    check_rules,
    check_solution,
    check_stages,
)


@dataclass(frozen=True)
class Checked:
    """The result of a check: symbols, boards and warnings.

    Attributes:
        symbols: the symbol table: what each name stands for.
        boards: stage -> its drawn boards at the params' own values; stages without a drawn map are left out.
    """

    symbols: Symbols
    boards: Mapping[str, tuple[Board, ...]]


def check(document: Document, report: Report, source: Merged | None = None) -> Checked:
    """Check the meaning of a document that has passed the checks of its shape.

    Args:
        document: the whole scenario, merged.
        report: receives the faults.
        source: the files as written, from which bracketed lists of effects are recognised; without it, that check is
            skipped.

    Returns:
        Symbols and boards, complete only if the report holds no fault but warnings.
    """
    symbols = read_symbols(document, report)
    context = Context(symbols, report, source)
    check_params(context)
    check_formulas(context)
    # Boards come early: patrols, and the places that effects name, are checked on them.
    boards = _check_boards(context)
    check_counters(context)
    check_starts_on_maps(context)
    check_draws(context)
    check_things(context)
    check_agents(context)
    check_patrols(context, boards)
    check_rewards(context)
    check_overrides_of_actions(context)
    check_names_of_chance(context)
    check_rules(context)
    _check_destinations(context, boards)
    check_stages(context)
    check_solution(context)
    check_claims(context)
    for name in symbols.unused_params:
        message = f"no formula uses `{name}`"
        report.add("TC525", ("params", name), message, "use it, or delete it", key=True, warning=True)
    for name in symbols.unused_formulas:
        message = f"nothing names the formula `{name}`"
        report.add("TC541", ("let", name), message, "use it, or delete it", key=True, warning=True)
    for name in symbols.unused_counters:
        message = f"nothing reads or changes the counter `{name}`"
        report.add("TC540", ("counters", name), message, "use it, or delete it", key=True, warning=True)
    return Checked(symbols, boards)


# ------------------------------------------------------------------ boards


def _drawn_zones(document: Document) -> set[str]:
    """The zones that some glyph of the legend marks."""
    return {zone for entry in document.legend.values() for zone in legend_zones(entry, document)}


def _check_boards(context: Context) -> dict[str, tuple[Board, ...]]:
    """Check the legend, zones, maps and generators, and return the drawn boards that could be read, by stage."""
    document, report = context.symbols.document, context.report
    check_legend(document, "".join(text for _, text in maps(document)), report)
    for name, zone in document.zones.items():
        if zone.cells is None and zone.rectangle is None and not zone.observed and name in _drawn_zones(document):
            continue  # the legend draws it, and this says only that nobody observes it
        if (zone.cells is None) == (zone.rectangle is None):
            what = "neither cells nor a rectangle" if zone.cells is None else "cells and a rectangle"
            report.add("TC216", ("zones", name), f"`{name}` has {what}", "write `cells:` or `rectangle:`", key=True)
        for key in ("rows", "columns"):
            for index, end in enumerate(getattr(zone.rectangle, key, ())):
                context.fixed(end, "a rectangle's end", ("zones", name, "rectangle", key, index))
    boards: dict[str, tuple[Board, ...]] = {}
    for name in document.zones if not any(maps(document)) else ():
        report.add("TC300", ("zones", name), f"there is no map for `{name}` to be on", "draw a `map:`", key=True)
    unread = False
    for name, stage in document.stages.items():
        drawn = maps_of(document, name)
        params = settled(document.params, {**context.params, **stage.params})
        read = [check_board(document, text, params, report, path) for path, text in drawn]
        unread |= None in read
        if drawn:
            boards[name] = tuple(board for board in read if board is not None)
        generate_path: Path = ("generate",) if stage.generate is None else ("stages", name, "generate")
        generate = stage.generate or document.generate
        if generate is not None:
            _check_generate(generate, len(drawn), generate_path, context)
        elif not drawn:
            _check_boardless(context)
    # A map that could not be read would make whatever it shows look absent: the second fault would mislead.
    if not unread:
        _check_presence(context, boards)
    return boards


def _check_generate(generate: Generate, drawn: int, path: Path, context: Context) -> None:
    """Check a block of generated boards; `drawn` is the number of maps that its stage has as well."""
    symbols, report = context.symbols, context.report
    if drawn > 1:
        cure = "keep the list of maps, one of which is drawn for each episode, or generate from a single one"
        report.add("TC319", path, f"boards are generated, and there are {drawn} maps", cure, key=True)
    if generate.board == "map" and not drawn:
        cure = "draw a `map:`, or write `board: maze`, `rooms` or `open`"
        report.add("TC300", (*path, "board"), "there is no map to place things on", cure)
    if generate.size is not None and max(generate.size) > SIDE:
        message = f"the board has {generate.size[0]} rows and {generate.size[1]} columns"
        report.add("TC309", (*path, "size"), message, f"a board has at most {SIDE} rows and {SIDE} columns")
    bodies = (*symbols.of("agent"), *symbols.of("thing"))
    for name, where in generate.place.items():
        if name not in bodies:
            unknown(report, "TC422", "agent or thing", name, bodies, (*path, "place", name), key=True)
        _check_where(where, drawn > 0, (*path, "place", name), context)
    if generate.board != "map":
        for name, agent_actions in symbols.actions.items():
            if name not in generate.place and not drawn and set(agent_actions) & {"up", "down", "left", "right"}:
                message = f"agent `{name}` is not on the board, and it moves"
                cure = f"write `{name}: anywhere` under `place:`"
                report.add("TC307", (*path, "place"), message, cure, key=True)


def _check_where(where: str, drawn: bool, path: Path, context: Context) -> None:
    """Check where `generate.place` puts something: `anywhere`, `corner(k)` or, if a map is drawn, one of its zones."""
    zones = context.symbols.of("zone") if drawn else ()
    if where == "anywhere" or where in zones:
        return
    if where.startswith("corner(") and where.endswith(")"):
        context.corner(where, path)
        return
    choices = ("anywhere", "corner(k)", *zones)
    context.report.add("TC317", path, f"`{where}` is no part of the board", f"write one of {listed(choices)}")


def _check_boardless(context: Context) -> None:
    """Report things, and agents with moves, in a stage that has no board."""
    document, report = context.symbols.document, context.report
    cure = "draw a `map:`, or write `generate:`"
    for name in document.things:
        report.add("TC300", ("things", name), f"there is no board for `{name}` to be on", cure, key=True)
    for name, actions in context.symbols.actions.items():
        moves = [action for action in actions if action in ("up", "down", "left", "right")]
        if moves:
            message = f"`{name}` moves ({listed(moves)}), and there is no board"
            report.add("TC307", ("agents", name), message, cure, key=True)


def _check_presence(context: Context, boards: Mapping[str, tuple[Board, ...]]) -> None:
    """Report things that no board shows, and things of which a map shows more than `count` allows."""
    document, report = context.symbols.document, context.report
    generated = [its for its in (document.generate, *(stage.generate for stage in document.stages.values())) if its]
    for name, thing in document.things.items():
        drawn = max((len(board.things[name]) for each in boards.values() for board in each), default=0)
        if thing.count is not None and drawn > thing.count:
            message = f"{drawn} of `{name}` are on a map, and `count` is {thing.count}"
            report.add("TC316", ("things", name, "count"), message, "let `count` be the most that any map shows")
        # With a `count` a thing may start off the board: rules place it later.
        absent = not drawn and thing.count is None and not any(name in its.place for its in generated)
        if absent and (boards or generated):
            cure = "give it a glyph and draw it; a thing that rules place later has a `count:`"
            report.add("TC318", ("things", name), f"`{name}` is on no map", cure, key=True)


def _check_destinations(context: Context, boards: Mapping[str, tuple[Board, ...]]) -> None:
    """Report `place SUBJECT at ZONE` where the zone has more than one cell on some board."""
    for its, path in context.symbols.effects:
        if isinstance(its, PutAt) and not its.random and isinstance(its.place, Name):
            every = [board for each in boards.values() for board in each]
            sizes = {len(cells) for board in every if (cells := board.zones.get(its.place.name)) is not None}
            if sizes - {0, 1}:
                message = f"zone `{its.place.name}` has {max(sizes)} cells"
                cure = f"write `place {its.subject} at random in {its.place.name}`, or `cell(row, column)`"
                context.report.add("TC526", path, message, cure, span=its.place.span)

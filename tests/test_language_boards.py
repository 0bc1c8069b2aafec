"""Maps, legends and zones become boards, and faults point at the row and column of the map."""

from pathlib import Path

import pytest

from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.loading import load, load_text
from turncoat.scenarios.language.names.boards import Board, read_board

SEED = Path(__file__).with_name("language_seed.yaml").read_text()


def edited(*pairs: tuple[str, str]) -> str:
    text = SEED
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def faults(text: str) -> list[tuple[str, int, int, int]]:
    """Code, line, column and length of each fault and warning."""
    try:
        found = load_text(text).warnings
    except ScenarioError as error:
        found = error.faults
    return [(its.code, its.place.line, its.place.column, its.place.length) for its in found if its.place]


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.split("\n"), 1) if part in line)


def test_the_board_of_the_lab() -> None:
    board = load("treacherous_turn/lab").boards["deploy"][0]
    walls = {(r, c) for r in range(8) for c in range(9) if r in (0, 7) or c in (0, 8)} | {(3, 3), (3, 4), (4, 3)}
    assert board == Board(
        height=8,
        width=9,
        walls=frozenset(walls),
        zones={"bench_1": ((1, 4),), "bench_2": ((6, 6),), "vault": ((6, 1),)},
        agents={"robot": (1, 1)},
        things={"guard": ((3, 6),)},
    )


def test_instances_and_zones_are_in_reading_order() -> None:
    board = load_text(SEED).boards["train"][0]
    assert board.things == {"guard": ((3, 6),), "gem": ((1, 7), (2, 7)), "key": ((4, 6),)}
    assert board.zones["corner"] == ((1, 1), (1, 2))
    assert board.zones["south"] == tuple((r, c) for r in (4, 5, 6) for c in (1, 2, 3, 4) if (r, c) not in board.walls)


def test_rectangles_follow_their_params_and_either_order_of_corners() -> None:
    document = load_text(edited(("rows: [4, 6]", "rows: [6, 4]"))).document
    assert isinstance(document.map, str)
    wide = read_board(document, document.map, {"sight": 7})
    assert max(column for _, column in wide.zones["south"]) == 7
    assert {row for row, _ in wide.zones["south"]} == {4, 5, 6}


def test_a_stage_has_its_own_map_and_params() -> None:
    small = "\n      ####\n      #AO#\n      #1g#\n      #2V#\n      #kg#\n      ####\n"
    text = edited(
        ("train: {limit: 100}", "train:\n    limit: 100\n    params: {sight: 5}\n    map: |" + small.rstrip("\n")),
        ("    patrol: [[3, 6], [2, 6], [2, 5], [3, 5]]\n    loop: true\n", ""),
        (
            "  south: {rectangle: {rows: [4, 6], columns: [1, sight]}}",
            "  south: {rectangle: {rows: [1, 1], columns: [1, sight - 3]}}",
        ),
        ("cells: [[1, 1], [1, 2]]", "cells: [[1, 1]]"),
    )
    boards = {stage: board for stage, (board,) in load_text(text).boards.items()}
    assert (boards["train"].height, boards["train"].width) == (6, 4)
    assert boards["train"].zones["south"] == ((1, 1), (1, 2))
    assert boards["deploy"].zones["south"] == ((1, 1),)
    assert boards["train"].things["gem"] == ((2, 2), (4, 2))


def test_a_glyph_may_be_a_thing_in_two_zones() -> None:
    text = edited(("k: key", "k: {thing: key, zone: [shelf, attic]}"))
    board = load_text(text).boards["train"][0]
    assert board.things["key"] == board.zones["shelf"] == board.zones["attic"] == ((4, 6),)


def test_a_bare_new_word_in_the_legend_is_a_zone() -> None:
    assert load_text(edited(("V: {zone: vault}", "V: vault"))).boards["train"][0].zones["vault"] == ((6, 1),)


def test_a_world_without_a_board_has_none() -> None:
    text = """\
turncoat: 1
name: audit
title: No board
origin: given
claim: It reports.
draws: {checked: {at: tick, p: 0.1}}
agents: {clerk: {actions: [truth, lie], values: {pay: {}}}}
rewards: {pay: {}}
rules:
  - {name: lie, when: clerk does lie and not checked, pays: {pay: 2}}
stages: {deploy: {horizon: 1}}
"""
    scenario = load_text(text)
    assert scenario.boards == {}
    assert scenario.symbols.size is None
    assert scenario.warnings == ()


def test_places_in_the_map_are_where_they_are_written() -> None:
    text = edited(("  #..#..k.#", "  #..#x.k?#"), ("  #V....2.#", "  #V..AA2.#"))
    row, second = line_of(text, "#..#x"), line_of(text, "#V..AA")
    assert faults(text) == [
        ("TC302", row, 7, 1),
        ("TC302", row, 10, 1),
        ("TC306", second, 7, 1),
        ("TC306", second, 8, 1),
    ]


def test_rows_that_are_wrong_hide_what_would_follow_from_them() -> None:
    text = edited(("  #.......#\n  #V", "  #......#\n  #V"), ("  #V....2.#", "  #V. ..2x#"))
    assert [code for code, *_ in faults(text)] == ["TC301", "TC303"]


def test_a_map_of_a_stage_is_blamed_in_that_stage() -> None:
    text = edited(("train: {limit: 100}", "train:\n    limit: 100\n    map: |\n      ####\n      #AV\n      ####"))
    assert faults(text)[0] == ("TC301", line_of(text, "      #AV"), 7, 3)


@pytest.mark.parametrize(("side", "fits"), [(64, True), (65, False)])
def test_the_largest_board(side: int, fits: bool) -> None:
    rows = ["#" * side, "#A" + "." * (side - 3) + "#", *["#" + "." * (side - 2) + "#"] * (side - 3), "#" * side]
    text = f"""\
turncoat: 1
name: large
title: Large
origin: given
claim: It is large.
map: |
{chr(10).join("  " + row for row in rows)}
legend: {{"#": wall, ".": floor, A: robot}}
agents: {{robot: {{actions: [up, down], values: {{pay: {{}}}}}}}}
rewards: {{pay: {{}}}}
rules:
  - {{name: pay, pays: {{pay: 1}}}}
stages: {{deploy: {{horizon: 1}}}}
"""
    assert [code for code, *_ in faults(text)] == ([] if fits else ["TC309"])


def test_reading_without_a_file_says_the_same_without_places() -> None:
    document = load_text(SEED).document
    with pytest.raises(ScenarioError) as raised:
        read_board(document, "####\n#Ax#\n####", {"sight": 4})
    assert [(fault.code, fault.place) for fault in raised.value.faults if fault.code == "TC302"] == [("TC302", None)]


def test_a_rectangle_that_leaves_the_board_for_one_value_is_a_fault_for_that_value() -> None:
    document = load_text(SEED).document
    assert isinstance(document.map, str)
    with pytest.raises(ScenarioError) as raised:
        read_board(document, document.map, {"sight": 9})
    assert [fault.code for fault in raised.value.faults] == ["TC311"]


@pytest.mark.parametrize(
    ("row", "comment"),
    [
        ("#V....2.# # the vault", True),
        ("# the vault", True),
        ("#V....2##", False),
        ("#V..#.2.#", False),
    ],
)
def test_comments_in_maps(row: str, comment: bool) -> None:
    codes = [code for code, *_ in faults(edited(("  #V....2.#", f"  {row}")))]
    assert ("TC310" in codes) == comment


def test_generated_places() -> None:
    text = edited(
        (
            "things:\n",
            "generate: {count: 3, place: {key: anywhere, robot: corner(threshold + 1), gem: south}}\nthings:\n",
        ),
        ("  #A..1..g#", "  #...1..g#"),
        ("  A: robot\n", ""),
    )
    assert faults(text) == []
    for wrong, code in (("corner(power)", "TC515"), ("corner(", "TC317"), ("corner()", "TC101"), ("nowhere", "TC317")):
        assert [found for found, *_ in faults(text.replace("key: anywhere", f'key: "{wrong}"'))] == [code]
    assert [code for code, *_ in faults(text.replace("key: anywhere", "cat: anywhere"))] == ["TC422"]


TWO_MAPS = edited(
    ("{limit: 100}", "{limit: 100, map: *}"),
    ("      - place gem at random in south\n", ""),
    ("or any(gem: gem.ripe)", "or SOME"),
    ("    each: gem\n    when: robot on gem", "    each: gem\n    when: GUARD and robot on gem"),
)
"""A stage with one gem, of the two that the common map shows."""


@pytest.mark.parametrize(
    ("some", "guard", "warned"),
    [
        ("any(gem: gem.ripe)", "true", True),
        ("any(gem: gem on board and gem.ripe)", "true", False),
        ("any(g of gem: g near(2) robot and g.ripe)", "true", False),
        ("any(gem: not gem near(2) robot)", "true", True),
        ("any(gem: distance(gem, robot) < 3)", "true", False),
        ("any(gem: row(gem) < 0)", "true", True),
        ("any(gem: gem moved)", "true", False),
        ("any(gem: any(g of gem: g near(1) gem))", "true", False),
        ("count(gem: gem.ripe == 0) > 1", "true", True),
        ("count(gem: gem in south) > 1", "true", False),
        ("all(gem: gem.ripe)", "true", True),
        ("all(gem: gem in south)", "true", True),
        ("all(gem: not gem on board or gem.ripe)", "true", False),
        ("watched", "gem.ripe == 0 or", True),
    ],
)
def test_formulas_over_all_instances_say_where_some_are_nowhere(some: str, guard: str, warned: bool) -> None:
    drawn = SEED[SEED.index("  #########\n") : SEED.index("legend:")].replace("#......g#", "#.......#")
    one = drawn.replace("  #", "      #")
    text = TWO_MAPS.replace("{limit: 100, map: *}", f"\n    limit: 100\n    map: |\n{one.rstrip()}")
    text = text.replace("SOME", some).replace("GUARD and", "" if guard == "true" else guard)

    assert [code for code, *_ in faults(text)] == ["TC321"] * warned
    # What is meant to be less on some boards is said by a count.
    assert faults(text.replace("gem: {fields", "gem: {count: 2, fields")) == []

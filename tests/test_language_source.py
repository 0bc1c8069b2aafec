"""Reading a file: what becomes of YAML, where every value is, and the exact words of every refusal (TC0)."""

import io
import json
import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from turncoat.scenarios.did_you_mean import nearest, quote
from turncoat.scenarios.language.faults.catalogue import CATALOGUE
from turncoat.scenarios.language.faults.faults import Fault, Place, ScenarioError, explain, oxford, render
from turncoat.scenarios.language.files import yaml_source as source
from turncoat.scenarios.language.files.yaml_source import Source, parse, read_text

# ------------------------------------------------------------------ what is refused, word for word

REFUSED = [
    (
        'name: "lab\\x00"\n',
        """\
lab.yaml:1:7: TC006 an escape stands for U+0000, which cannot be seen and may not stand in a scenario
    1 | name: "lab\\x00"
      |       ^^^^^^^^^
   cure: delete it, or write what it was meant to say
""",
    ),
    (
        "name: lab\x1b[2J\n",
        """\
lab.yaml:1:10: TC006 the character U+001B cannot be seen, and may not stand in a scenario
    1 | name: lab␛[2J
      |          ^
   cure: delete it, or write what it was meant to say
""",
    ),
    (
        "# nothing yet\n",
        """\
lab.yaml:1:1: TC007 the file is empty
    1 | # nothing yet
      | ^
   cure: docs/tutorial.md writes a scenario step by step
""",
    ),
    (
        "name: lab\nrules:\n\t- name: a\n",
        """\
lab.yaml:3:1: TC008 a tab stands where only spaces may
    3 | →- name: a
      | ^
   cure: use two spaces for each level
""",
    ),
    (
        "title:\tlab\n",
        """\
lab.yaml:1:7: TC008 a tab stands where only spaces may
    1 | title:→lab
      |       ^
   cure: use a space
""",
    ),
    (
        "name: lab\n---\nname: lab\n",
        """\
lab.yaml:2:1: TC009 a second document begins
    2 | ---
      | ^
   cure: keep one scenario in each file
""",
    ),
    (
        "name: lab\nrules: [a, b\nstages: {}\n",
        """\
lab.yaml:2:8: TC010 this `[` is never closed
    2 | rules: [a, b
      |        ^
   cure: write `]`, or a `,` between its entries
""",
    ),
    (
        "legend:\n  @: robot\n",
        """\
lab.yaml:2:3: TC010 the key `@` needs quotes
    2 |   @: robot
      |   ^
   cure: write `"@":`
""",
    ),
    (
        "map: |\n  ####\n.A.#\n",
        """\
lab.yaml:3:1: TC010 this line is less far in than the text above it, which it seems to go on
    3 | .A.#
      | ^
   cure: put every row of a map, and every line of a text, as far in as the first
""",
    ),
    (
        "claim: a: b\n",
        """\
lab.yaml:1:9: TC010 a `:` cannot stand here
    1 | claim: a: b
      |         ^
   cure: put a text with `: ` in it in quotes
""",
    ),
    (
        "title: 'it's'\n",
        """\
lab.yaml:1:12: TC010 this follows a text in quotes that has already ended
    1 | title: 'it's'
      |            ^
   cure: put all of the text in quotes; `''` is a quote inside single quotes
""",
    ),
    (
        "name: lab\nname: bal\n",
        """\
lab.yaml:2:1: TC011 the key `name` is here twice: first at line 1, column 1
    2 | name: bal
      | ^^^^
   cure: keep one of them
""",
    ),
    (
        "base: &a {x: 1}\nagain: *a\nmore:\n  <<: {x: 1}\n",
        """\
lab.yaml:1:7: TC012 the anchor `&a` is refused
    1 | base: &a {x: 1}
      |       ^
   cure: use `extends` or `uses` to share parts, or put quotes around a text
lab.yaml:2:8: TC012 the alias `*a` is refused
    2 | again: *a
      |        ^^
   cure: use `extends` or `uses` to share parts, or put quotes around a text
lab.yaml:4:3: TC012 the merge key `<<` is refused
    4 |   <<: {x: 1}
      |   ^^
   cure: use `extends` or `uses` to share parts, or put quotes around a text
""",
    ),
    (
        "a: !int 3\n",
        """\
lab.yaml:1:4: TC013 `!int` is a tag, and tags are refused
    1 | a: !int 3
      |    ^
   cure: delete it, or put quotes around it
""",
    ),
    (
        "%YAML 1.1\n---\na: on\n",
        """\
lab.yaml:1:1: TC014 directives are refused
    1 | %YAML 1.1
      | ^^^^^^^^^
   cure: delete the line; a key that begins with `%` needs quotes
""",
    ),
    (
        "%: door\n",
        """\
lab.yaml:1:1: TC014 directives are refused
    1 | %: door
      | ^^^^^^^
   cure: delete the line; a key that begins with `%` needs quotes
""",
    ),
    (
        "[a, b]: c\n: d\n",
        """\
lab.yaml:1:1: TC015 a list cannot be a key
    1 | [a, b]: c
      | ^
   cure: write one word
lab.yaml:2:1: TC015 a key is missing before the `:`
    2 | : d
      | ^
   cure: write the key, in quotes if it is a sign
""",
    ),
    (
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        """\
lab.yaml:1:33: TC016 this is nested deeper than 32
    1 | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
      |                                 ^
   cure: write it with fewer levels
""",
    ),
    (
        "p: .inf\nq: 1e999\nr: 1234567890123456789\n",
        """\
lab.yaml:1:4: TC018 `.inf` is no number that can be kept
    1 | p: .inf
      |    ^^^^
   cure: whole numbers have at most 18 digits, others are finite; words need quotes
lab.yaml:2:4: TC018 `1e999` is no number that can be kept
    2 | q: 1e999
      |    ^^^^^
   cure: whole numbers have at most 18 digits, others are finite; words need quotes
lab.yaml:3:4: TC018 `1234567890123456789` is no number that can be kept
    3 | r: 1234567890123456789
      |    ^^^^^^^^^^^^^^^^^^^
   cure: whole numbers have at most 18 digits, others are finite; words need quotes
""",
    ),
    (
        "map: |\n  ####\n #A#\n###\nname: lab\n",
        """\
lab.yaml:3:2: TC019 warning: 2 lines are comments, though they look like rows of the map above
    3 |  #A#
      |  ^^^
   cure: put every row of a map as far in as its first, or a space after the `#` of a comment
""",
    ),
    (
        "map: |\n  ####\n#A.#\nname: lab\n",
        """\
lab.yaml:3:1: TC019 warning: this line is a comment, though it looks like a row of the map above
    3 | #A.#
      | ^^^^
   cure: put every row of a map as far in as its first, or a space after the `#` of a comment
""",
    ),
]


def _faults(text: str) -> tuple[Fault, ...]:
    """Every fault and warning of a text."""
    try:
        return parse(text, "lab.yaml").warnings
    except ScenarioError as error:
        return error.faults


def _rendered(faults: tuple[Fault, ...], text: str) -> str:
    return "".join(f"{render(fault, text.split(chr(10)))}\n" for fault in faults)


@pytest.mark.parametrize(("text", "shown"), REFUSED)
def test_what_is_wrong_in_a_file_is_said_in_full(text: str, shown: str) -> None:
    assert _rendered(_faults(text), text) == shown


def _reading(path: str | Path, limit: int = source.LIMIT) -> str:
    with pytest.raises(ScenarioError) as caught:
        read_text(Path(path), limit)
    return "".join(f"{render(fault, [])}\n" for fault in caught.value.faults)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_that_is_not_there(folder: Path) -> None:
    (folder / "lab.yaml").write_text("name: lab\n")

    assert _reading("lba.yaml") == "TC001 there is no file `lba.yaml`\n   cure: did you mean `lab.yaml`?\n"
    assert _reading("away/lab.yaml") == "TC001 there is no file `away/lab.yaml`\n   cure: check the path\n"
    assert _reading("lab.yaml/x") == "TC001 there is no file `lab.yaml/x`\n   cure: check the path\n"


def test_what_is_no_ordinary_file_is_not_opened(folder: Path) -> None:
    os.mkfifo("pipe")  # to open it would wait for a writer

    assert _reading(".") == "TC002 `.` is no ordinary file\n   cure: name a file in the folder\n"
    assert _reading("pipe") == "TC002 `pipe` is no ordinary file\n   cure: copy what it holds into a file\n"
    assert _reading("/dev/zero").startswith("TC002 ")


def test_a_file_that_turns_into_a_pipe_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo("pipe")
    Path("file").touch()
    ordinary = os.stat("file")
    assert stat.S_ISREG(ordinary.st_mode)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda path, **options: ordinary)
        shown = _reading("pipe")

    assert shown.startswith("TC002 ")


def test_a_file_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: object, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    cure = "   cure: check the path and who may read it\n"
    assert _reading("lab\0.yaml") == f"TC003 `lab␀.yaml` cannot be read: its path is no path\n{cure}"
    assert _reading("x" * 5000).startswith("TC003 ")
    Path("lab.yaml").touch()
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", deny)
        shown = _reading("lab.yaml")
    assert shown == f"TC003 `lab.yaml` cannot be read: permission denied\n{cure}"


def test_a_file_that_is_too_large_is_not_read_to_its_end(folder: Path) -> None:
    shown = """\
lab.yaml:1:1: TC004 the file is larger than 256 KiB
   cure: draw large boards with `generate`, and share parts between files with `uses`
"""
    with Path("lab.yaml").open("wb") as stream:
        stream.truncate(10_000 * 10_001)  # as large as a map of 10,000 by 10,000

    assert _reading("lab.yaml") == shown
    Path("lab.yaml").write_bytes(b"x" * 11)
    assert _reading("lab.yaml", limit=10).startswith("lab.yaml:1:1: TC004 the file is larger than 10 bytes\n")
    assert read_text(Path("lab.yaml"), limit=11) == "x" * 11
    assert "TC004" in _faults("é" * (source.LIMIT // 2 + 1))[0].code, "bytes count, not characters"


def test_a_file_that_is_not_utf_8(folder: Path) -> None:
    Path("lab.yaml").write_bytes("title: ok\nclaim: dé".encode() + "jà".encode("latin-1"))

    assert _reading("lab.yaml") == (
        "lab.yaml:2:11: TC005 byte 21 is 0xe0, which is not UTF-8\n   cure: save the file as UTF-8\n"
    )


def test_a_file_with_a_nul(folder: Path) -> None:
    Path("lab.yaml").write_bytes(b"a: b\nc: \0")

    assert _reading("lab.yaml") == (
        "lab.yaml:2:4: TC006 the character U+0000 cannot be seen, and may not stand in a scenario\n"
        "   cure: delete it, or write what it was meant to say\n"
    )


def test_a_file_with_too_many_entries() -> None:
    text = "- [" + "0," * source.MAX_NODES + "0]"

    (fault,) = _faults(text)

    assert fault.code == "TC017"
    assert fault.message == "the file has more than 100,000 keys and values"
    assert fault.place is not None
    assert fault.place.column == 4 + 2 * (source.MAX_NODES - 2)


def test_reading_gives_up_after_a_hundred_faults() -> None:
    assert len(_faults("a: 1\n" * 500)) == source.MAX_FAULTS
    assert len(_faults("a:\n" + "\tb: 1\n" * 500)) == source.MAX_FAULTS


def test_every_code_of_reading_is_shown_here_and_explained() -> None:
    here = Path(__file__).read_text(encoding="utf-8")

    codes = [code for code in CATALOGUE if code.startswith("TC0")]

    assert codes == sorted(codes)
    assert [code for code in codes if f"{code} " not in here.replace('"TC017"', "TC017 ")] == []


# ------------------------------------------------------------------ what YAML says


def test_plain_words_are_read_as_yaml_1_2() -> None:
    text = """\
words: [on, yes, no, off, 1_000, 1:30, 2014-01-01, 0b1, .x, "1", 'true', -]
numbers: [010, 0x1F, 0o17, +12, -3, 1e3, .5, 1., -0.25, 123456789012345678]
truths: [true, True, TRUE, false]
nothing: [~, null, Null, ]
empty:
"""
    assert parse(text, "x").data == {
        "words": ["on", "yes", "no", "off", "1_000", "1:30", "2014-01-01", "0b1", ".x", "1", "true", "-"],
        "numbers": [10, 31, 15, 12, -3, 1000.0, 0.5, 1.0, -0.25, 123456789012345678],
        "truths": [True, True, True, False],
        "nothing": [None, None, None],
        "empty": None,
    }


def test_keys_are_the_text_that_is_written() -> None:
    text = '1: a\n01: b\ntrue: c\n~: d\n1.50: e\n"#": f\n.: g\n? h\n'

    assert parse(text, "x").data == {
        "1": "a", "01": "b", "true": "c", "~": "d", "1.50": "e", "#": "f", ".": "g", "h": None
    }  # fmt: skip


def test_faults_are_told_together_and_in_the_order_of_the_file() -> None:
    text = "a: &x 1\nb: !t 2\na: .nan\nmap: |\n  ##\n#.#\nc: [*x]\n"

    assert [fault.code for fault in _faults(text)] == ["TC012", "TC013", "TC011", "TC018", "TC019", "TC012"]


def test_line_ends_and_a_byte_order_mark_change_nothing(folder: Path) -> None:
    Path("lab.yaml").write_bytes("\ufeffa: |\r\n  ##\r\n  #.\r\nb: é\r\n".encode())

    read = parse(read_text(Path("lab.yaml")), "lab.yaml")

    assert read.data == {"a": "##\n#.\n", "b": "é"}
    assert read.lines == ("a: |", "  ##", "  #.", "b: é", "")
    assert parse("\ufeffa: 1\rb: 2", "x").data == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "text",
    [
        "map: |\n  ###\n  # a comment of the map\n# a comment\nb: 1\n",
        "map: |\n  ###\n\n#x y\nb: 1\n",
        "claim: >\n  words\n#########\nb: 1\n",
        "map: |\n  ###\nb: 1\n#########\n",
    ],
)
def test_comments_that_are_no_lost_rows_are_left_alone(text: str) -> None:
    assert _faults(text) == ()


_texts = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cc", "Cf", "Zl", "Zp")))
_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(-1e9, 1e9) | _texts,
    lambda part: st.lists(part, max_size=4) | st.dictionaries(_texts.map(lambda key: key[:30]), part, max_size=4),
    max_leaves=20,
)


@given(data=st.dictionaries(_texts.map(lambda key: key[:30]), _data, max_size=5), wide=st.booleans())
def test_json_is_read_as_json_reads_it(data: object, wide: bool) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=2 if wide else None)

    assert parse(text, "x").data == data


@given(data=st.dictionaries(_texts.map(lambda key: key[:30]), _data, max_size=5))
def test_what_ruamel_writes_is_read_back(data: object) -> None:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    yaml.default_flow_style = False
    stream = io.StringIO()
    yaml.dump(data, stream)
    text = stream.getvalue().removeprefix("%YAML 1.2\n---")

    assert parse(text, "x").data == data


# ------------------------------------------------------------------ places

WHERE = """\
name: lab
rules:
  - when: robot meets guard
    then: [a, b]
  - {when: "x > 1", "then": []}
map: |
  ###
  #A#
empty:
long: first
  second
"""


@pytest.mark.parametrize(
    ("path", "key", "place"),
    [
        ((), False, (1, 1, 4)),
        (("name",), False, (1, 7, 3)),
        (("name",), True, (1, 1, 4)),
        (("rules",), False, (3, 3, 1)),
        (("rules", 0), False, (3, 5, 4)),
        (("rules", 0, "when"), False, (3, 11, 17)),
        (("rules", 0, "then"), False, (4, 11, 6)),
        (("rules", 0, "then", 1), False, (4, 15, 1)),
        (("rules", 0, "then", 1), True, (4, 15, 1)),
        (("rules", 1), False, (5, 5, 27)),
        (("rules", 1, "when"), False, (5, 12, 7)),
        (("rules", 1, "then"), True, (5, 21, 6)),
        (("rules", 7, "when"), False, (3, 3, 1)),
        (("rules", 0, "pays", "task"), True, (3, 5, 4)),
        (("rules", "when"), False, (3, 3, 1)),
        (("map",), False, (6, 6, 1)),
        (("empty",), False, (9, 1, 5)),
        (("long",), False, (10, 7, 5)),
        (("none",), False, (1, 1, 4)),
    ],
)
def test_the_place_of_a_path(path: tuple[str | int, ...], key: bool, place: tuple[int, int, int]) -> None:
    assert parse(WHERE, "f").place(path, key=key) == Place("f", *place)


def test_brackets_are_told_from_lines() -> None:
    rules = parse(WHERE, "f").node(("rules",))

    assert rules is not None
    assert not rules.flow
    assert [rule.flow for rule in rules.items] == [False, True]
    assert parse(WHERE, "f").node(("rules", 5)) is None


def _located(read: Source, path: tuple[str | int, ...], span: tuple[int, int]) -> str:
    place = read.locate(path, span)
    return read.lines[place.line - 1][place.column - 1 : place.column - 1 + place.length]


@pytest.mark.parametrize(
    ("text", "word", "line"),
    [
        ("a: robot meets guardd", "guardd", 1),
        ("a: 'it''s guardd'", "guardd", 1),
        ('a: "\\t\\x41\\u0042\\U00000043\\" guardd"', "guardd", 1),
        ("a: robot\n   meets\n\n   guardd and", "guardd", 4),
        ("a: 'robot\n\n   meets  \n   guardd and'", "guardd", 4),
        ('a: "robot\n   meets \\\n   guardd and\n"', "guardd", 3),
        ("a: |\n  robot\n\n   meets\n  guardd", "guardd", 5),
        ("a: |2-\n    robot\n  meets guardd\n\n", "guardd", 3),
        ("a: > # why\n  robot\n  meets\n\n  guardd\n", "guardd", 5),
        ("a: >-\n  robot meets\n  guardd", "guardd", 3),
        ("- a: >-\n    robot meets\n    guardd\n- b", "guardd", 3),
    ],
)
def test_a_word_is_found_in_every_way_of_writing(text: str, word: str, line: int) -> None:
    path = ("a",) if text.startswith("a") else (0, "a")
    read = parse(text, "f")
    node = read.node(path)
    assert node is not None
    assert isinstance(node.data, str)
    start = node.data.index(word)

    assert _located(read, path, (start, start + len(word))) == word
    assert read.locate(path, (start, start + len(word))).line == line


def test_places_that_cannot_be_told_fall_back_to_the_start() -> None:
    folded = parse("a: >\n  one\n    two\n  three\n", "f")

    assert folded.locate(("a",), (8, 10)) == Place("f", 1, 4)
    assert parse("a: 12", "f").locate(("a",), (1, 2)) == Place("f", 1, 4, 2)
    assert parse("a: []", "f").locate(("a", "b"), (1, 2)) == Place("f", 1, 4, 2)


def test_spans_at_and_over_the_end() -> None:
    read = parse("a: robot\n  meets\nb: ''\nc: \"x\\ty\"", "f")

    assert read.locate(("a",), (2, 11)) == Place("f", 1, 6, 3), "underlined on its first line"
    assert read.locate(("a",), (11, 11)) == Place("f", 2, 8, 1)
    assert read.locate(("a",), (99, 120)) == Place("f", 2, 8, 1)
    assert read.locate(("b",), (0, 1)) == Place("f", 3, 5, 1)
    assert read.locate(("c",), (1, 2)) == Place("f", 4, 6, 2), "an escape is underlined whole"


_glyphs = st.text("#.A1 '\"\\x", min_size=1, max_size=8).map(lambda line: "x" + line.strip() + "x")


@given(lines=st.lists(_glyphs, min_size=1, max_size=5), indent=st.integers(1, 4), style=st.sampled_from("|'\">"))
def test_every_character_is_where_it_is_said_to_be(lines: list[str], indent: int, style: str) -> None:
    margin = "\n" + " " * indent
    match style:
        case "|" | ">":
            text = f"a: {style}{margin}{margin.join(lines)}\n"
        case "'":
            text = f"a: '{margin.join(line.replace(style, style * 2) for line in lines)}'"
        case _:
            text = "a: " + json.dumps(margin.join(lines)).replace(json.dumps(margin)[1:-1], margin)
    read = parse(text, "f")
    assert isinstance(read.root.data, dict)
    value = read.root.data["a"]
    assert isinstance(value, str)
    assert value.split() == " ".join(lines).split()

    for index, character in enumerate(value):
        if character not in " \n":
            shown = _located(read, ("a",), (index, index + 1))
            assert shown in (character, f"\\{character}", "''"), (index, shown)
            assert shown != "''" or (character, style) == ("'", "'")


# ------------------------------------------------------------------ showing and explaining


def test_a_fault_without_a_place_or_a_line_is_shown_without() -> None:
    assert render(Fault("TC999", None, "m", "c"), ["x"]) == "TC999 m\n   cure: c"
    assert render(Fault("TC999", Place("f", 9, 2), "m", "c"), ["x"]) == "f:9:2: TC999 m\n   cure: c"


def test_wide_and_combining_characters_keep_the_caret_in_its_column() -> None:
    line = "名: e\u0301 guardd"

    shown = render(Fault("TC401", Place("f", 1, line.index("guardd") + 1, 6), "m", "c"), [line]).split("\n")

    assert shown[1] == f"    1 | {line}"
    assert shown[2] == "      | " + " " * 6 + "^^^^^^"


def test_what_a_terminal_would_obey_is_shown_as_a_sign() -> None:
    shown = render(Fault("TC1", Place("f\x07", 1, 1), "m\u202e", "c\x9b"), ["\x1b[31m\t\u2066x"])

    assert shown == "f␇:1:1: TC1 m\ufffd\n    1 | ␛[31m→\ufffdx\n      | ^\n   cure: c\ufffd"


def test_a_long_line_is_cut_around_the_caret() -> None:
    line = "a" * 500 + "BAD" + "c" * 500

    shown = render(Fault("TC401", Place("f", 1, 501, 3), "m", "c"), [line]).split("\n")

    assert shown[1][8:].startswith("…aaa")
    assert shown[1].endswith("ccc…")
    assert len(shown[1]) == 8 + 100
    assert shown[1][shown[2].index("^") : shown[2].rindex("^") + 1] == "BAD"


def test_helpers_for_messages() -> None:
    assert nearest("guardd", ["robot", "Guard"]) == "Guard"
    assert nearest("zzz", ["robot"]) is None
    assert [oxford("abc"[:n]) for n in range(4)] == ["", "a", "a or b", "a, b, or c"]
    assert quote("x" * 50) == "`" + "x" * 39 + "…`"


def test_explain() -> None:
    assert explain(" tc011 ") == f"TC011: {CATALOGUE['TC011']}"
    assert re.fullmatch(r"There is no fault code `TC01`; did you mean `TC\d\d\d`\?", explain("TC01"))
    assert explain("?") == "There is no fault code `?`; codes are `TC` and three digits, as printed with each fault."

"""Hostile text: whatever is read, only faults may come out, soon, and fit to be shown."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from turncoat.scenarios.language.expressions import parser as parsing
from turncoat.scenarios.language.expressions.parser import (
    ExpressionError,
    parse_effect,
    parse_expression,
    parse_measure,
    parse_place,
)
from turncoat.scenarios.language.faults.catalogue import CATALOGUE
from turncoat.scenarios.language.faults.faults import Fault, ScenarioError, render
from turncoat.scenarios.language.files import yaml_source as source
from turncoat.scenarios.language.files.yaml_source import Node, Source, parse, read_text

PARSERS: tuple[Callable[[Any], object], ...] = (parse_expression, parse_effect, parse_measure, parse_place)
SHOWN = re.compile("[^\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]*")


# ------------------------------------------------------------------ files


def _check_faults(faults: tuple[Fault, ...], text: str) -> None:
    """Each fault is in the catalogue, points into the file, and is shown in four short and harmless lines."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for fault in faults:
        assert fault.code in CATALOGUE
        assert fault.message
        assert fault.cure
        assert fault.place is not None
        assert 1 <= fault.place.line <= len(lines)
        assert 1 <= fault.place.column <= len(lines[fault.place.line - 1]) + 1
        shown = render(fault, lines)
        assert SHOWN.fullmatch(shown)
        assert shown.count("\n") == 3
        assert max(map(len, shown.split("\n"))) < 300


def _walk(read: Source, node: Node, path: tuple[str | int, ...]) -> None:
    """Every path has a place inside the file, and so has every span of every text."""
    spans = ((0, 1), (1, 3), (0, 10**6), (10**6, 10**6))
    for place in (read.place(path), read.place(path, key=True), *(read.locate(path, span) for span in spans)):
        assert 1 <= place.line <= len(read.lines)
        assert 1 <= place.column <= len(read.lines[place.line - 1]) + 1
        assert 1 <= place.length <= max(1, len(read.lines[place.line - 1]) + 1)
    for key, (_, value) in node.entries.items():
        _walk(read, value, (*path, key))
    for index, item in enumerate(node.items):
        _walk(read, item, (*path, index))


def _faults(reading: Callable[[], object]) -> tuple[Fault, ...]:
    """What a reading was refused for; nothing where it was not."""
    try:
        reading()
    except ScenarioError as error:
        return error.faults
    return ()


def _read(text: str) -> None:
    if faults := _faults(lambda: parse(text, "lab.yaml")):
        assert any(not fault.warning for fault in faults)
        _check_faults(faults, text)
    else:
        read = parse(text, "lab.yaml")
        assert all(fault.warning for fault in read.warnings)
        _check_faults(read.warnings, text)
        _walk(read, read.root, ())


_scraps = st.sampled_from(
    [
        "\n",
        "\n  ",
        "\n    ",
        "\n- ",
        "- - ",
        ": ",
        ":\n",
        "? ",
        "? \n",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ",\n",
        "a",
        "b: ",
        "a: b\n",
        "key: ",
        "\t",
        "'",
        "''",
        '"',
        "\\",
        "\\n",
        "\\x00",
        "\\U00110000",
        "\\ud800",
        "#",
        "##\n",
        "# x\n",
        ">\n  ",
        ">-\n",
        ">9\n",
        "%YAML 1.1\n",
        "%a\n",
        "---\n",
        "...\n",
        "&a ",
        "*a",
        "<<: ",
        "!t ",
        "!!int ",
        "!<x>",
        "@",
        "`",
        "~",
        ".inf",
        "1e999",
        "0x",
        "9999999999999999999",
        "\ufeff",
        "é",
        "名",
        "\r",
        "\r\n",
        "\x85",
        "\u2028",
        "\x00",
    ]
).map(lambda scrap: scrap or "|\n  ")


@given(text=st.text())
def test_any_text(text: str) -> None:
    _read(text)


@settings(max_examples=400)
@given(text=st.lists(_scraps, max_size=40).map("".join))
@example(text='a: "\\U00110000"')
@example(text="%YAML 1." + "1" * 5000 + "\n--- a")
@example(text="a: |9\n   x\n")
def test_any_yaml(text: str) -> None:
    _read(text)


@given(text=st.text(st.sampled_from("#.A |>\n-:'\""), max_size=80), indent=st.integers(0, 3))
def test_any_map(text: str, indent: int) -> None:
    _read("map: |\n" + "".join(f"{' ' * indent}{row}\n" for row in text.split("\n")) + "legend: {}\n")


@given(content=st.binary(max_size=200))
def test_any_bytes(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    if faults := _faults(lambda: read_text(path)):
        assert {fault.code for fault in faults} <= {"TC005", "TC006"}
    else:
        _read(read_text(path))


@given(number=st.from_regex(r"[-+]?[0-9_.xoeE]{0,40}(inf|nan)?", fullmatch=True))
@example(number="9" * 100_000)
@example(number="0x" + "f" * 100_000)
@example(number="." + "9" * 100_000)
@example(number="1e" + "9" * 100_000)
def test_any_number(number: str) -> None:
    _read(f"a: {number}\n? {number[:500]}\n")


_FULL = source.LIMIT
NASTY = {
    "brackets": "[" * _FULL,
    "braces": "{" * _FULL,
    "brackets and braces": "[{" * (_FULL // 2),
    "lists in lists": "- " * (_FULL // 2),
    "keys in keys": "? " * (_FULL // 2),
    "keys and lists": "? - " * (_FULL // 4),
    "steps": "\n".join(" " * depth + "a:" for depth in range(700)),
    "shallow lists": "[" + ("[" * 30 + "]" * 30 + ",") * (_FULL // 61 - 1) + "]",
    "short lists": "- [a]\n" * (_FULL // 6),
    "empty keys": ":\n" * (_FULL // 2),
    "empty entries": "-\n" * (_FULL // 2),
    "open quotes": "a: '" * (_FULL // 4),
    "long key": "a" * _FULL + ": b",
    "long quote": '"' + "\\n" * (_FULL // 2 - 1) + '"',
    "long fold": "a: >\n" + " b\n" * (_FULL // 3 - 3),
    "blank lines": "a: |\n" + "\n" * (_FULL - 5),
    "lost rows": "- |\n  #\n#.\n" * (_FULL // 11),
    "same keys": "a: 1\n" * (_FULL // 5),
    "many keys": "".join(f"{number:05}: \n" for number in range(_FULL // 8)),
    "aliases": "a: &a [x]\n" + "b: [" + "*a," * (_FULL // 3 - 10),
    "tags": "- !t a\n" * (_FULL // 7),
    "long tag": "!" + "%41" * (_FULL // 3),
    "directives": "%a\n" * (_FULL // 3),
    "tabs": "\ta\n" * (_FULL // 3),
    "too large": ("." * 10_000 + "\n") * 100,
}


DEAR = {"shallow lists", "empty entries", "many keys"}
"""Those that take seconds and are much like another one."""


@pytest.mark.parametrize(
    "text",
    [pytest.param(text, id=name, marks=pytest.mark.nightly if name in DEAR else ()) for name, text in NASTY.items()],
)
def test_the_nastiest_texts_are_refused_soon(text: str) -> None:
    began = time.process_time()

    try:
        parse(text, "lab.yaml")
    except ScenarioError as error:
        _check_faults(error.faults[:5], text)

    assert time.process_time() - began < 15, "a quadratic reader takes minutes"


def test_a_bomb_of_aliases_is_refused_at_its_first_one() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10))

    with pytest.raises(ScenarioError) as caught:
        parse(f"l0: &l0 lol\n{levels}\n", "lab.yaml")

    assert {fault.code for fault in caught.value.faults} == {"TC012"}


def test_a_map_of_10000_by_10000_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as stream:
        stream.write(b"map: |\n" + (b"  " + b"." * 10_000 + b"\n") * 30)
        stream.truncate(10_000 * 10_003)

    with pytest.raises(ScenarioError) as caught:
        read_text(path)

    assert [fault.code for fault in caught.value.faults] == ["TC004"]


# ------------------------------------------------------------------ guards, effects, measures


def _refusal(parser: Callable[[Any], object], text: str) -> ExpressionError | None:
    try:
        parser(text)
    except ExpressionError as fault:
        return fault
    return None


def _parse_all(text: str) -> None:
    for parser in PARSERS:
        if (fault := _refusal(parser, text)) is None:
            continue
        start, end = fault.span
        assert 0 <= start <= end <= len(text)
        assert (start < end) == bool(text)
        assert fault.code in CATALOGUE
        assert fault.message
        assert fault.cure not in ("write  here", "write  next")
        own = re.sub("`[^`]*`", "", f"{fault.message} {fault.cure}")
        assert set(re.findall(r"[$A-Z_]{2,}", own)) <= {"YAML"}, "the words of the grammar stay inside"


_words = st.sampled_from(
    [
        *(*parsing.RESERVED, *parsing.FUNCTIONS, *parsing.QUANTIFIERS, *parsing.DIRECTIONS, *parsing.EFFECT_VERBS),
        *(
            *parsing.MEASURES,
            *[
                "cell",
                "zone_of",
                "cycles",
                "takes",
                "drops",
                "at",
                "random",
                "map",
                "a",
                "b.c",
                "_d",
                "True",
                "1",
                ".5",
                "1e999",
            ],
            "9" * 20,
        ),
        *("'x y'", '"', "'", *"()+-*/%<>=,:|!&.#@[]{}^~?", "==", "<=", "**", "//", "+=", "&&"),
    ]
)


@given(text=st.text(max_size=60))
def test_any_expression(text: str) -> None:
    _parse_all(text)


@settings(max_examples=600)
@given(words=st.lists(_words, max_size=14), joint=st.sampled_from([" ", " ", ""]))
def test_any_words(words: list[str], joint: str) -> None:
    _parse_all(joint.join(words))


@given(start=st.sampled_from(["a", "share(", "rate(e | ", "place a at ", "a += ", "any(a: "]), words=st.lists(_words))
def test_any_words_after_a_good_beginning(start: str, words: list[str]) -> None:
    _parse_all(f"{start} {' '.join(words)}")


@pytest.mark.parametrize("part", [*"()'0=\0名\ud800", "not ", "- ", "2**", "a+", "a and ", "if(", "any(a:", "a ", "a."])
def test_repetition_is_refused_soon(part: str) -> None:
    began = time.process_time()

    _parse_all(part * (parsing.MAX_LENGTH // len(part)))
    _parse_all(part * 100_000)

    assert time.process_time() - began < 5

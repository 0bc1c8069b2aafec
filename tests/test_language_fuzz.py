"""Whatever a file holds, loading it ends soon, with a scenario or a `ScenarioError` and nothing else."""

import contextlib
import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turncoat.scenarios.language.expressions.parser import RESERVED
from turncoat.scenarios.language.faults.faults import ScenarioError, render_all
from turncoat.scenarios.language.files.yaml_source import parse
from turncoat.scenarios.language.loading import Scenario, apply_overrides, load, load_text

from .worlds import examples

SEED = Path(__file__).with_name("language_seed.yaml").read_text()
DATA: Any = parse(SEED, "seed").data
SECONDS = 5.0
"""Of the processor, not of the clock: far more than any file of this size needs."""

Place = tuple[str | int, ...]


def loaded(text: str) -> Scenario | None:
    """Load a text; whatever goes wrong must be a fault that can be shown, and soon."""
    begun = time.process_time()
    scenario, shown = None, "it loads"
    try:
        scenario = load_text(text)
    except ScenarioError as error:
        shown = render_all(error)
    assert shown
    assert time.process_time() - begun < SECONDS
    return scenario


def places(node: object, path: Place = ()) -> Iterator[Place]:
    """Every value of the data."""
    yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from places(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from places(value, (*path, index))


def at(data: Any, path: Place) -> Any:
    for step in path:
        data = data[step]
    return data


PLACES = [path for path in places(DATA) if path]
TEXTS = [path for path in PLACES if isinstance(at(DATA, path), str)]
FORMULAS = [path for path in TEXTS if {"when", "then", "measure", "max", "sight", "p", "chance"} & set(path)]

WORDS = st.sampled_from(
    [
        *sorted(RESERVED),
        *(
            "robot",
            "guard",
            "gem",
            "key",
            "vault",
            "south",
            "power",
            "alarm",
            "mood",
            "calm",
            "watched",
            "wind",
            "goal",
        ),
        *(
            "threshold",
            "pay",
            "task",
            "seized",
            "gem.ripe",
            "guard.alert",
            "robot.values.own",
            "near(2)",
            "'shut down'",
        ),
        *("(", ")", ",", ":", "|", ".", "+", "-", "*", "/", "//", "%", "**", "<", "<=", "==", "!=", "=", "+="),
        *("0", "1", "2", "0.5", "1e300", "999999999999999999", "any", "count", "all", "cell", "zone_of", "min", "if"),
        *("ln", "event", "end", "place", "at", "random", "remove", "swap", "takes"),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["robot", "guard", "gem", "vault", "cells(corner)", "corner(3)", "full", "../x", "mechanics/none"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """The seed with some of its values deleted, doubled, swapped or replaced, as a text."""
    data = copy.deepcopy(DATA)
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from([path for path in PLACES if _exists(data, path)]))
        parent, last = at(data, path[:-1]), path[-1]
        match draw(st.sampled_from(["delete", "double", "swap", "replace", "rename"])):
            case "delete":
                del parent[last]
            case "double" if isinstance(parent, list) and isinstance(last, int):
                parent.insert(last, copy.deepcopy(parent[last]))
            case "double":
                parent[f"{last}_2"] = copy.deepcopy(parent[last])
            case "swap":
                other = draw(st.sampled_from([path for path in PLACES if _exists(data, path)]))
                if other[: len(path)] != path and path[: len(other)] != other:
                    there = at(data, other[:-1])
                    parent[last], there[other[-1]] = there[other[-1]], parent[last]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.text(max_size=8))] = parent.pop(last)
            case _:
                parent[last] = draw(VALUES)
    return json.dumps(data)


def _exists(data: Any, path: Place) -> bool:
    try:
        at(data, path)
    except (KeyError, IndexError, TypeError):
        return False
    return isinstance(at(data, path[:-1]), dict | list)  # a letter of a text is no place


@settings(max_examples=examples(400), suppress_health_check=[HealthCheck.too_slow])
@given(mutations())
def test_mutated_files(text: str) -> None:
    loaded(text)


@settings(max_examples=examples(300))
@given(st.sampled_from(FORMULAS), st.one_of(st.lists(WORDS, max_size=30).map(" ".join), st.text(max_size=60)))
def test_random_formulas(path: Place, formula: str) -> None:
    data = copy.deepcopy(DATA)
    at(data, path[:-1])[path[-1]] = formula
    loaded(json.dumps(data))


@settings(max_examples=examples(100))
@given(st.lists(st.text("#.AOgkV12 x\t\\:", max_size=70), max_size=70))
def test_random_maps(rows: list[str]) -> None:
    data = copy.deepcopy(DATA)
    data["map"] = "\n".join(rows)
    loaded(json.dumps(data))


@given(
    st.dictionaries(
        st.one_of(
            st.sampled_from(["threshold", "sight", "goal", "pay", "robot.discount", "robot.values.own"]),
            st.sampled_from(
                ["robot.judges_by", "robot.deliberation", "robot.observes.window", "robot.values", "robot."]
            ),
            st.text(max_size=10),
        ),
        st.one_of(VALUES, st.integers(0, 9), st.tuples(st.integers(0, 9), st.integers(0, 9))),
        max_size=3,
    )
)
def test_random_overrides(overrides: dict[str, object]) -> None:
    try:
        scenario = apply_overrides(load_text(SEED), overrides)
    except ScenarioError as error:
        render_all(error)
        return
    for name, value in overrides.items():
        if "." not in name:
            assert scenario.params[name] == (list(value) if isinstance(value, tuple) else value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["extends", "uses"]),
            st.lists(
                st.one_of(
                    st.sampled_from(
                        [*(f"file_{i}" for i in range(5)), "../up", "/etc/passwd", "a/../file_1", ".", "~"]
                    ),
                    st.sampled_from(["mechanics/none", "treacherous_turn/lab", "//", "a" * 300, "file_0.yaml/x"]),
                    st.text(max_size=12),
                ),
                min_size=1,
                max_size=4,
            ),
        ),
        min_size=5,
        max_size=5,
    )
)
def test_files_that_name_each_other_at_random(tmp_path: Path, parts: list[tuple[str, list[str]]]) -> None:
    for index, (key, names) in enumerate(parts):
        own = DATA if index == 0 else {}
        (tmp_path / f"file_{index}.yaml").write_text(json.dumps({**own, key: names if key == "uses" else names[0]}))
    begun = time.process_time()
    with contextlib.suppress(ScenarioError):
        load(tmp_path / "file_0.yaml")
    assert time.process_time() - begun < SECONDS


def _first(old: str, new: str, seed: str = SEED) -> str:
    assert old in seed
    return seed.replace(old, new, 1)


def _lines(old: str, line: str, many: int, seed: str = SEED) -> str:
    """The seed with many lines after the one that begins a block; `@` in a line becomes its number."""
    return _first(f"{old}\n", f"{old}\n" + "".join(line.replace("@", str(i)) + "\n" for i in range(many)), seed)


SQUARE = json.dumps("\n".join(["#" * 64] * 64))
SUM = "+".join(f"p{i}" for i in range(45))
NUMBERS = list(range(1, 400))

HOSTILE = {
    "a high map": _lines("map: |", "  ####################", 9_000),
    "a wide map": _lines("map: |", "  " + "#" * 200_000, 1),
    "many glyphs": _first("legend:\n", "legend:\n" + "".join(f'  "{chr(0x4E00 + i)}": gem\n' for i in range(9_000))),
    "many maps": _lines("stages:", f"  s@: {{limit: 1, map: {SQUARE}}}", 14),
    "many rules": _lines("rules:", "  - {name: r@, when: powr@ > 1, then: ['x@ += 1']}", 390),
    "many params": _lines("params:", "  p@: {value: 1, range: [0, 1000000]}", 300, _first("threshold}", f"{SUM}}}")),
    "many choices": _lines(
        "params:", f"  p@: {{value: 1, choices: {NUMBERS}}}", 9, _first("threshold}", f"{SUM[:26]}}}")
    ),
    "a long patrol": _first("[[3, 6], [2, 6], [2, 5], [3, 5]]", str([[3, 6], [2, 2]] * 500)),
    "a large zone": _first("cells: [[1, 1], [1, 2]]", f"cells: {[[900, 900]] * 9_000}"),
    "a huge rectangle": _first("rows: [4, 6]", "rows: [0, 10 ** 300]"),
    "a huge counter": _first("max: threshold", "max: 10 ** threshold ** 99"),
    "many unknown keys": _lines("turncoat: 1", "k@: 1", 9_000),
    "a long replay": _first("actions: rrr", f"actions: {'x' * 19_000}"),
    "a long list of actions": _first("actions: rrr", f"actions: {['walk'] * 9_000}"),
    "many expectations": _lines("expect:", "  - {name: e, measure: steps, across: {threshold: cells(vault)}}", 190),
    "many overrides": _lines("variants:", "  v@: {robot.discout@: 1}", 60),
    "across many": _first("threshold: [1, 2]", f"threshold: {[9] * 20_000}"),
    "a sum that doubles itself": _first(
        "\nrules:\n",
        "\nlet:\n  d0: 'count(gem: gem meets robot)'\n"
        + "".join(f"  d{i + 1}: d{i} + d{i}\n" for i in range(390))
        + "rules:\n",
    ),
    "huge powers": _first("own: {weight: pay}", "own: {weight: 9 ** 9 ** 9 ** 9 ** 9}"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_large_files_end_soon(name: str) -> None:
    loaded(HOSTILE[name])

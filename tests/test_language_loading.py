"""Files put together, kept inside their folder, loaded by name, overridden, and their JSON Schema."""

import json
from pathlib import Path

import jsonschema
import pytest

from turncoat.scenarios import library
from turncoat.scenarios.language.expressions.params import classify_params, weighing
from turncoat.scenarios.language.faults.faults import ScenarioError, render_all
from turncoat.scenarios.language.files.yaml_source import parse, read_text
from turncoat.scenarios.language.loading import Scenario, apply_overrides, load, load_text
from turncoat.scenarios.language.names.replays import letters, written_actions
from turncoat.scenarios.language.schema.json_schema import FILE, json_schema, text

SEED = Path(__file__).with_name("language_seed.yaml")


@pytest.fixture
def seed() -> Scenario:
    return load(SEED)


def codes(error: pytest.ExceptionInfo[ScenarioError]) -> list[str]:
    return [fault.code for fault in error.value.faults]


# ------------------------------------------------------------------ the library


@pytest.mark.parametrize("name", library.names())
def test_the_library_loads_without_a_warning(name: str) -> None:
    scenario = load(name)
    assert render_all(ScenarioError(scenario.warnings, scenario.source.lines)) == ""
    assert name.rpartition("/")[2] == scenario.name


def test_names_of_scenarios_are_unique_and_fragments_are_none() -> None:
    lasts = [name.rpartition("/")[2] for name in library.names()]
    assert sorted(set(lasts)) == sorted(lasts)
    assert not [name for name in library.names() if name.startswith(library.FRAGMENTS)]
    assert "treacherous_turn/lab" in library.names()


def test_a_scenario_is_found_by_its_last_name() -> None:
    assert library.find("lab") == library.find("treacherous_turn/lab")
    assert load("lab").hash == load("treacherous_turn/lab").hash


def test_a_plugin_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "mine"

        def load(self) -> Path:
            return tmp_path

    class Broken(Point):
        name = "broken"

        def load(self) -> Path:
            raise ImportError

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "seed.yaml").write_text(SEED.read_text())
    monkeypatch.setattr(library, "entry_points", lambda group: [Point(), Broken()])
    library._plugins.cache_clear()
    try:
        assert "mine/deep/seed" in library.names()
        assert load("mine/deep/seed").name == "seed"
    finally:
        library._plugins.cache_clear()


# ------------------------------------------------------------------ merging


def test_the_nearer_file_wins_key_by_key_and_rules_by_name(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(SEED.read_text())
    (tmp_path / "near.yaml").write_text(
        """\
name: near
extends: base
title: Nearer
params:
  threshold: {value: 2}
agents:
  robot: {discount: 0.9}
rules:
  - name: disarming
    when: robot does disarm
    then:
      - remove guard
      - event disarmed
  - name: waiting
    when: robot does stay
    pays: {task: 0.1}
"""
    )
    base, near = load(tmp_path / "base.yaml"), load(tmp_path / "near.yaml")
    assert near.name == "near"
    assert near.document.title == "Nearer"
    assert near.document.claim == base.document.claim
    assert near.document.params["threshold"].value == 2
    assert near.document.params["threshold"].range == [1, 4]
    assert near.document.agents["robot"].discount == 0.9
    assert near.document.agents["robot"].actions == base.document.agents["robot"].actions
    assert [rule.name for rule in near.document.rules] == [*(rule.name for rule in base.document.rules), "waiting"]
    assert near.document.rules[1].when == "robot does disarm"
    assert list(near.document.things) == list(base.document.things)
    assert (near.document.expect, near.document.replays) == ([], [])
    assert near.document.variants == base.document.variants
    assert near.document.extends == "base"
    assert near.hash != base.hash


def test_what_a_fragment_says_about_itself_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text(
        """\
name: part
title: A part
claim: None
origin: proxy
tags: [part]
sources: [somewhere]
about: {story: Once upon a time}
variants: {blind: {robot.discount: 0}}
expect: [{name: never, measure: steps, at_most: 0}]
counters: {extra: {}}
"""
    )
    (tmp_path / "whole.yaml").write_text(SEED.read_text() + "uses: [part]\n")
    plain, whole = load(SEED), load(tmp_path / "whole.yaml")
    assert whole.document.counters.keys() - plain.document.counters.keys() == {"extra"}
    for name in ("name", "title", "claim", "origin", "tags", "sources", "about", "variants", "expect", "replays"):
        assert getattr(whole.document, name) == getattr(plain.document, name), name


def test_later_fragments_lie_over_earlier_ones_and_over_what_is_extended(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(SEED.read_text())
    for name, value in (("one", 0.1), ("two", 0.2)):
        (tmp_path / f"{name}.yaml").write_text(f"agents: {{robot: {{discount: {value}}}}}\n")
    (tmp_path / "top.yaml").write_text("name: top\nextends: base\nuses: [one, two]\n")
    assert load(tmp_path / "top.yaml").document.agents["robot"].discount == 0.2


def test_null_drops_what_lies_beneath(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "extends: treacherous_turn/lab\n"
        "search:\n  over:\n    robot.discount: {values: [0.5, 0.97]}\n    robot.values.own: {values: [0, 1]}\n"
        "  objective: return(task)\n  harm: share(seized)\n"
    )
    beneath = "name: top\nextends: base\n"
    (tmp_path / "top.yaml").write_text(
        f"{beneath}search: {{over: {{robot.discount: null, robot.values.own: {{values: [2]}}}}}}\nvariants: ~\n"
    )
    (tmp_path / "all.yaml").write_text(f"{beneath}search:\n")

    search = load(tmp_path / "top.yaml").document.search
    assert search is not None
    assert list(search.over) == ["robot.values.own"]
    assert search.over["robot.values.own"].values == [2]
    assert load(tmp_path / "top.yaml").document.variants == {}
    assert load(tmp_path / "all.yaml").document.search is None
    # Where nothing lies beneath, null is a value like any other, and no axis.
    (tmp_path / "top.yaml").write_text(f"{beneath}search: {{over: {{robot.discont: null}}}}\n")
    with pytest.raises(ScenarioError) as raised:
        load(tmp_path / "top.yaml")
    assert codes(raised) == ["TC202"]


def test_a_fault_points_into_the_file_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(SEED.read_text().replace("event seized", "event vault", 1))
    (tmp_path / "top.yaml").write_text(
        "name: top\nextends: base\nrules:\n  - name: new\n    when: robt on vault\n    pays: {task: 1}\n"
    )
    with pytest.raises(ScenarioError) as raised:
        load(tmp_path / "top.yaml")
    at = [(Path(fault.place.file).name, fault.place.line, fault.code) for fault in raised.value.faults if fault.place]
    line = SEED.read_text().split("\n").index("      - event seized") + 1
    assert ("top.yaml", 5, "TC420") in at
    assert ("base.yaml", line, "TC410") in at
    assert at[0][0] == "top.yaml"
    assert "robt on vault" in render_all(raised.value)
    assert "event vault" in render_all(raised.value)


def test_a_broken_part_is_reported_with_the_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "other.yaml").write_text("a: [\n")
    (tmp_path / "whole.yaml").write_text(SEED.read_text() + "uses: [part, other]\n")
    with pytest.raises(ScenarioError) as raised:
        load(tmp_path / "whole.yaml")
    assert {fault.code for fault in raised.value.faults} == {"TC005", "TC010"}
    assert {Path(fault.place.file).name for fault in raised.value.faults if fault.place} == {"part.yaml", "other.yaml"}


# ------------------------------------------------------------------ staying inside


@pytest.mark.parametrize(
    "name",
    [
        "/etc/hostname",
        "../secret",
        "../../secret.yaml",
        "below/../../secret",
        "C:/secret",
        "..\\\\secret",
        "link",
        "folder_link/secret",
    ],
)
def test_a_path_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    (inside / "below").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("title: stolen\n")
    (inside / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (inside / "folder_link").symlink_to(tmp_path)
    for key in (f'extends: "{name}"', f'uses: ["{name}"]'):
        (inside / "file.yaml").write_text(f"{SEED.read_text()}{key}\n")
        with pytest.raises(ScenarioError) as raised:
            load(inside / "file.yaml")
        assert codes(raised) == ["TC404"]
        assert "stolen" not in render_all(raised.value)


def test_paths_inside_and_links_that_stay_inside_are_followed(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part.yaml").write_text("counters: {extra: {}}\n")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "parts" / "part.yaml")
    for name in ("parts/part", "./parts/part.yaml", "below/../parts/part", "link"):
        (tmp_path / "file.yaml").write_text(f"{SEED.read_text()}uses: [{name}]\n")
        assert "extra" in load(tmp_path / "file.yaml").document.counters


def test_a_file_below_may_climb_only_as_far_as_the_root(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "part.yaml").write_text("counters: {extra: {}}\n")
    file = tmp_path / "below" / "file.yaml"
    file.write_text(f"{SEED.read_text()}uses: [../part]\n")
    with pytest.raises(ScenarioError) as raised:
        load(file)
    assert codes(raised) == ["TC404"]
    assert "extra" in load(file, root=tmp_path).document.counters


def test_a_text_finds_only_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "part.yaml").write_text("counters: {extra: {}}\n")
    monkeypatch.chdir(tmp_path)
    content = SEED.read_text() + "uses: [part]\n"
    with pytest.raises(ScenarioError) as raised:
        load_text(content)
    assert codes(raised) == ["TC405"]
    assert "extra" in load_text(content, root=tmp_path).document.counters
    assert load_text("name: child\nextends: treacherous_turn/lab\n").document.title == load("lab").document.title


def test_a_file_that_is_missing() -> None:
    with pytest.raises(ScenarioError) as raised:
        load("./no_such_file.yaml")
    assert codes(raised) == ["TC001"]


# ------------------------------------------------------------------ what a scenario carries


def test_a_scenario_carries_its_params_boards_and_instances(seed: Scenario) -> None:
    assert seed.params == {"threshold": 3, "sight": 4, "goal": [6, 1], "pay": 1}
    assert list(seed.boards) == ["train", "deploy"]
    assert seed.boards["train"][0].agents == {"robot": (1, 1)}
    assert seed.symbols.instances == {"guard": 1, "gem": 2, "key": 1}
    assert seed.symbols.of("event") == ("delivered", "disarmed", "seized")
    assert seed.symbols.reasons == ("shut down",)
    assert seed.symbols.size == (8, 9)


def test_the_hash_is_of_the_content_not_of_the_words() -> None:
    plain = SEED.read_text()
    assert load_text(plain).hash == load_text("# a comment\n" + plain, "elsewhere").hash
    assert load_text(plain).hash != load_text(plain.replace("discount: 0.97", "discount: 0.96")).hash
    assert len(load_text(plain).hash) == 64


def test_params_are_preferences_dynamics_or_layout(seed: Scenario) -> None:
    assert classify_params(seed.document) == {
        "threshold": "dynamics",
        "sight": "layout",
        "goal": "dynamics",
        "pay": "preference",
    }
    assert classify_params(load("wrong_goals/corner_cheese").document)["k"] == "layout"
    paid = load_text(SEED.read_text().replace("pays: {own: 1", "pays: {own: pay"))
    assert classify_params(paid.document)["pay"] == "pay"  # which is enumerated, though weights read it too
    assert [sorted(weighing(its.document)) for its in (seed, paid)] == [["pay"], []]


def test_replays_are_letters_or_names(seed: Scenario) -> None:
    assert written_actions(seed.document, seed.document.replays[0].actions) == (("right",),) * 3
    assert letters(("stay", "up", "down", "left", "right", "disarm", "press", "pull", "jump")) == {
        "s": "stay",
        "u": "up",
        "d": "down",
        "l": "left",
        "r": "right",
        "j": "jump",
    }
    assert letters(("up", "sign", "press")) == {"u": "up", "s": "sign", "p": "press"}


# ------------------------------------------------------------------ overrides


def test_overrides_are_put_in_and_checked(seed: Scenario) -> None:
    other = apply_overrides(
        seed,
        {
            "threshold": 1,
            "goal": (5, 5),
            "robot.discount": 0.5,
            "robot.values.own": 3,
            "robot.deliberation": "weighted",
            "robot.judges_by": "future",
            "robot.observes.hides": ["guard", "gem.ripe"],
            "robot.observes.window": 3,
        },
    )
    robot = other.document.agents["robot"]
    assert (robot.discount, robot.values["own"].weight, robot.deliberation) == (0.5, 3, "weighted")
    assert robot.judges_by == "future"
    assert robot.observes.hides == ["guard", "gem.ripe"]  # type: ignore[union-attr]
    assert robot.observes.window == 3  # type: ignore[union-attr]
    assert other.params["threshold"] == 1
    assert other.params["goal"] == [5, 5]
    assert other.document.params["threshold"].range == [1, 4]
    assert other.hash != seed.hash
    assert other.overrides["robot.discount"] == 0.5
    assert seed.document.agents["robot"].discount == 0.97
    assert apply_overrides(seed, {}) is seed
    assert apply_overrides(seed, seed.document.variants["myopic"]).document.agents["robot"].discount == 0.5


def test_an_override_on_full_observation_makes_a_view() -> None:
    scenario = apply_overrides(load("lab"), {"robot.observes.hides": ["guard"]})
    assert scenario.document.agents["robot"].observes.hides == ["guard"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("threshold", 5, "TC432"),
        ("threshold", True, "TC432"),
        ("threshold", "3", "TC432"),
        ("goal", 3, "TC432"),
        ("goal", [9, 9], "TC432"),
        ("goal", [1], "TC432"),
        ("robot.discount", -0.1, "TC432"),
        ("robot.discount", float("nan"), "TC432"),
        ("robot.values.own", "much", "TC432"),
        ("robot.values.own", float("inf"), "TC432"),
        ("robot.judges_by", "past", "TC432"),
        ("robot.judges_by", ["past"], "TC432"),
        ("robot.deliberation", 3, "TC432"),
        ("robot.observes.window", 2, "TC432"),
        ("robot.observes.hides", "guard", "TC432"),
        ("robot.values.performance", 1, "TC431"),
        ("rules.delivery", 1, "TC431"),
        ("", 1, "TC431"),
    ],
)
def test_a_wrong_override_is_the_same_fault_as_in_a_file(seed: Scenario, name: str, value: object, code: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        apply_overrides(seed, {name: value})
    assert codes(raised) == [code]


def test_one_effect_may_stand_in_brackets(seed: Scenario) -> None:
    """Without a comma YAML splits nothing; it was refused as `[swap a, b]` is."""
    lines = "    then:\n      - gem.ripe = 1\n      - robot takes key\n      - place gem at random in south\n"
    rules = SEED.read_text().replace(lines, "    then: [gem.ripe = 1]\n")
    [changed] = [rule for rule in load_text(rules).document.rules if rule.then == ["gem.ripe = 1"]]
    assert changed.name in {rule.name for rule in seed.document.rules}


def test_a_scenario_that_no_longer_makes_sense_with_an_override() -> None:
    scenario = load_text(SEED.read_text().replace("start: calm}", "start: calm}\n  level: {max: 4, start: threshold}"))
    narrow = load_text(
        SEED.read_text()
        .replace("[1, 4]}", "[1, 4]}\n  low: {value: 1, range: [0, 9]}")
        .replace("start: calm}", "start: calm}\n  level: {max: 4, start: low}")
    )
    assert apply_overrides(scenario, {"threshold": 4}).params["threshold"] == 4
    with pytest.raises(ScenarioError) as raised:
        apply_overrides(narrow, {"low": 9})
    [wrong] = [fault for fault in raised.value.faults if not fault.warning]
    assert wrong.code == "TC214"
    assert wrong.place is not None


# ------------------------------------------------------------------ the schema that editors read


def test_the_schema_is_draft_07_and_current() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema())
    assert FILE.read_text() == text(), "write it anew: python -m turncoat.scenarios.language.schema.json_schema"
    assert not {"$defs", "prefixItems", "unevaluatedProperties", "dependentRequired"} & set(_keys(json_schema()))


def _keys(node: object) -> list[str]:
    if isinstance(node, dict):
        return [*node, *(key for value in node.values() for key in _keys(value))]
    return [key for value in node for key in _keys(value)] if isinstance(node, list) else []


def test_the_schema_accepts_the_library_and_refuses_what_is_misspelt() -> None:
    validator = jsonschema.Draft7Validator(json.loads(FILE.read_text()))
    files = [SEED, *(library.find(name) for name in library.names())]
    for file in files:
        errors = [error.message for error in validator.iter_errors(parse(read_text(file), str(file)).data)]
        assert errors == [], file
    for old, new in (("limit: 100", "limits: 100"), ("title: ", "titlle: "), ("kind: overseer", "kind: boss")):
        assert not validator.is_valid(parse(SEED.read_text().replace(old, new), "").data)
    dropping = {"stages": {"deploy": None}, "agents": {"robot": None}}
    assert validator.is_valid({"turncoat": 1, "name": "heir", "extends": "lab", **dropping})
    seed = parse(read_text(SEED), str(SEED)).data
    assert isinstance(seed, dict)
    assert not any(validator.is_valid({**seed, key: block}) for key, block in dropping.items())

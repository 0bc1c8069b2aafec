"""Deliberations as files and overrides say them, down to the compiled rule."""

from pathlib import Path

import pytest

from turncoat.envs.deliberation import DeliberationRule
from turncoat.envs.world.compiler import compile_world
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.loading import Scenario, apply_overrides, load_text

SEED = Path(__file__).with_name("language_seed.yaml").read_text()


def written(deliberation: str, text: str = SEED) -> Scenario:
    return load_text(text.replace("discount: 0.97", f"discount: 0.97\n    deliberation: {deliberation}", 1))


def compiled(scenario: Scenario) -> DeliberationRule:
    return compile_world(scenario).agents[0].deliberation


SAME = [
    ("weighted", "weighted", DeliberationRule("weighted")),
    ("{maximin: {}}", {"maximin": {}}, DeliberationRule("maximin")),
    ("lexicographic", "lexicographic", DeliberationRule("lexicographic", {"order": [0, 1]})),
    (
        "{lexicographic: {order: [own, task], slack: 0.5}}",
        {"lexicographic": {"order": ["own", "task"], "slack": 0.5}},
        DeliberationRule("lexicographic", {"order": [1, 0], "slack": 0.5}),
    ),
    (
        "{lexicographic: {slack: 0.5}}",
        {"lexicographic": {"slack": 0.5}},
        DeliberationRule("lexicographic", {"order": [0, 1], "slack": 0.5}),
    ),
    (
        "{veto: {at_least: {own: -1}}}",
        {"veto": {"at_least": {"own": -1}}},
        DeliberationRule("veto", {"at_least": [[1, -1.0]]}),
    ),
    ("nash", "nash", DeliberationRule("nash", {"disagreement": 0})),
    ("{nash: {disagreement: up}}", {"nash": {"disagreement": "up"}}, DeliberationRule("nash", {"disagreement": 1})),
    ("{kalai_smorodinsky: {}}", {"kalai_smorodinsky": {}}, DeliberationRule("kalai_smorodinsky", {"disagreement": 0})),
    (
        "{vote: {ballot: approval}}",
        {"vote": {"ballot": "approval"}},
        DeliberationRule("vote", {"ballot": "approval", "approves": 0.5}),
    ),
]


@pytest.mark.parametrize(("text", "value", "rule"), SAME)
def test_a_file_and_an_override_say_the_same(text: str, value: object, rule: DeliberationRule) -> None:
    assert compiled(written(text)) == rule
    again = apply_overrides(load_text(SEED), {"robot.deliberation": value})
    assert compiled(again) == rule
    assert again.overrides == {"robot.deliberation": value}


def test_parameters_may_be_params_that_are_overridden() -> None:
    scenario = written("{veto: {at_least: {own: -pay}}}")
    assert scenario.document.params["pay"].value == 1
    assert compiled(scenario) == DeliberationRule("veto", {"at_least": [[1, -1.0]]})
    assert compiled(apply_overrides(scenario, {"pay": 0.25})) == DeliberationRule("veto", {"at_least": [[1, -0.25]]})


@pytest.mark.parametrize(
    ("value", "code", "says"),
    [
        ("nahs", "TC432", "kalai_smorodinsky"),
        (3, "TC432", "one rule with its parameters"),
        ({"lexicographic": {"ordre": ["own"]}}, "TC432", "lexicographic.ordre"),
        ({"lexicographic": {"order": ["won"]}}, "TC425", "own"),
        ({"veto": {}}, "TC432", "veto.at_least"),
        ("veto", "TC221", "at_least"),
    ],
)
def test_a_wrong_override_is_refused_with_a_cure(value: object, code: str, says: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        apply_overrides(load_text(SEED), {"robot.deliberation": value})
    (fault,) = raised.value.faults
    assert fault.code == code
    assert says in fault.message + fault.cure


def test_a_variant_may_change_the_deliberation() -> None:
    text = SEED.replace("variants:", "variants:\n  bargains: {robot.deliberation: {nash: {disagreement: up}}}", 1)
    scenario = load_text(text)
    variant = scenario.document.variants["bargains"]
    assert compiled(apply_overrides(scenario, variant)) == DeliberationRule("nash", {"disagreement": 1})

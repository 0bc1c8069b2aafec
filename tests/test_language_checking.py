"""Constants, ranges and types: arithmetic that never fails, bounds that always hold, and formulas told apart."""

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.scenarios.language.expressions.constants import (
    CEILING,
    NotConstantError,
    TooManyParamsError,
    constant,
    extremes,
)
from turncoat.scenarios.language.expressions.params import classify_params, shaping
from turncoat.scenarios.language.expressions.parser import ExpressionError, formula
from turncoat.scenarios.language.expressions.syntax import Binary, Call, Expression, Name, Number, Truth, Unary
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.loading import apply_overrides, load_text
from turncoat.scenarios.language.names.ranges import between, decided
from turncoat.scenarios.language.schema.document import Param

SEED = Path(__file__).with_name("language_seed.yaml").read_text()
SCENARIO = load_text(SEED)


def value(text: str, **params: object) -> object:
    return constant(formula(text), params)


# ------------------------------------------------------------------ constants


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 / 0", 0),
        ("5 // 0", 0),
        ("5 % 0", 0),
        ("7 / 2", 3.5),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("ln(0)", 0),
        ("ln(-1)", 0),
        ("ln(exp(2))", 2),
        ("sqrt(-4)", 0),
        ("sqrt(4)", 2),
        ("exp(1000)", CEILING),
        ("exp(-1000)", 0),
        ("2 ** 10", 1024),
        ("2 ** -1", 0.5),
        ("10 ** 10 ** 10", CEILING),
        ("(-10) ** 999999999999999999", -CEILING),
        ("(-10) ** 999999999999999998", CEILING),
        ("(-8) ** 0.5", 0),
        ("0 ** 0", 1),
        ("0 ** -1", 0),
        ("2 ** -999999999999999999", 0),
        ("1e300 * 10", CEILING),
        ("1e300 + 1e300", CEILING),
        ("-1e300 - 1e300", -CEILING),
        ("9e200 * 9e200 * -1", -CEILING),
        ("1e300 / 1e-300", CEILING),
        ("1e300 // 1e-300", CEILING),
        ("floor(-1.5)", -2),
        ("ceil(1.2)", 2),
        ("floor(1e300)", 10**300),
        ("min(3, 1, 2)", 1),
        ("max(3, 1, 2)", 3),
        ("abs(-3)", 3),
        ("if(1 < 2, 10, 20)", 10),
        ("if(not 1 < 2, 10, 20)", 20),
        ("1 < 2 and not 2 < 1", True),
        ("1 == 1.0", True),
        ("x * 2 + y", 7),
    ],
)
def test_arithmetic_is_total(text: str, expected: object) -> None:
    assert value(text, x=3, y=1) == pytest.approx(expected)


NUMBERS = st.one_of(
    st.integers(-(10**18), 10**18), st.integers(-3, 3), st.floats(allow_nan=False), st.floats(-3, 3)
).map(Number)


def _deeper(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "<", "==", "and", "or"])
    return st.one_of(
        st.builds(Binary, operators, inner, inner),
        st.builds(Unary, st.sampled_from(["-", "not"]), inner),
        st.builds(
            lambda name, x: Call(name, (x,)), st.sampled_from(["abs", "ln", "exp", "sqrt", "floor", "ceil"]), inner
        ),
        st.builds(lambda name, x, y: Call(name, (x, y)), st.sampled_from(["min", "max"]), inner, inner),
        st.builds(lambda x, y, z: Call("if", (x, y, z)), inner, inner, inner),
    )


NAMES = st.sampled_from(["x", "y", "z"]).map(Name)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    st.one_of(NUMBERS, NAMES, st.booleans().map(Truth)), _deeper, max_leaves=12
)


@given(EXPRESSIONS, st.tuples(*[st.integers(-5, 5)] * 3))
def test_every_expression_has_a_finite_value(expression: Expression, values: tuple[int, int, int]) -> None:
    result = constant(expression, dict(zip("xyz", values, strict=True)))
    assert isinstance(result, bool | int | float)
    assert -CEILING <= result <= CEILING


@given(EXPRESSIONS)
def test_extremes_are_those_of_all_combinations(expression: Expression) -> None:
    params = {"x": Param(value=1, range=[-2, 2]), "y": Param(value=0.5, choices=[0.5, 3, -1]), "z": Param(value=True)}
    every = itertools.product([-2, -1, 0, 1, 2], [0.5, 3, -1], [False, True])
    values = [constant(expression, dict(zip("xyz", combination, strict=True))) for combination in every]
    assert extremes(expression, params) == (min(values), max(values))


def test_what_is_not_constant_is_named_with_its_place() -> None:
    with pytest.raises(NotConstantError) as raised:
        value("1 + power * 2")
    assert (raised.value.name, raised.value.span) == ("power", (4, 9))
    with pytest.raises(NotConstantError) as raised:
        value("1 + goal", goal=[1, 2])
    assert raised.value.name == "goal"
    for text, name in (
        ("guard sees robot", "sees"),
        ("any(gem: 1 > 0)", "any"),
        ("robot does stay", "does"),
        ("robot moved", "moved"),
        ("stage is train", "stage"),
        ("robot facing up", "facing"),
    ):
        with pytest.raises(NotConstantError) as raised:
            value(text)
        assert raised.value.name == name


def test_extremes_of_many_params() -> None:
    params = {f"p{i}": Param(value=0, choices=list(range(8))) for i in range(12)}
    total = formula("+".join(list(params)[:12]))
    assert extremes(total, params) == (0, 84)
    params |= {f"q{i}": Param(value=0, choices=[0, 1]) for i in range(3)}
    with pytest.raises(TooManyParamsError):
        extremes(formula("+".join(params)), params)


# ------------------------------------------------------------------ ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("power >= 0", True),
        ("power > 4", False),
        ("power > 3", None),
        ("power >= threshold", None),
        ("power + 1 > 0", True),
        ("-power > 0", False),
        ("2 * power <= 8", True),
        ("alarm < 2", True),
        ("alarm == 2", False),
        ("alarm != 2", True),
        ("alarm == 1", None),
        ("threshold < 5", True),
        ("pay > 0", None),
        ("count(gem: gem.ripe) <= 2", True),
        ("count(gem: gem.ripe) < 2", None),
        ("alarm == 1 or 1 < 2", True),
        ("alarm == 1 and 1 > 2", False),
        ("not (alarm == 1 and 1 > 2)", True),
        ("alarm == 1 or power > 2", None),
        ("guard sees robot", None),
        ("mood == angry", None),
        ("step < 0", None),
        ("false", False),
    ],
)
def test_guards_that_never_vary(text: str, expected: bool | None) -> None:
    assert decided(formula(text), SCENARIO.symbols) is expected


COUNTERS = load_text(SEED.replace("alarm: {}", "alarm: {}\n  x: {max: 2}\n  y: {values: [-1, 4]}\n  z: {}", 1))


@given(EXPRESSIONS)
def test_a_range_holds_for_every_state(expression: Expression) -> None:
    symbols = COUNTERS.symbols
    found, held = between(expression, symbols), decided(expression, symbols)
    for combination in itertools.product([0, 1, 2], [-1, 4], [0, 1]):
        result = constant(expression, dict(zip("xyz", combination, strict=True)))
        assert found is None or found[0] <= result <= found[1]
        assert held is None or held == bool(result)


# ------------------------------------------------------------------ types


def codes(text: str) -> list[str]:
    try:
        return [fault.code for fault in load_text(text).warnings]
    except ScenarioError as error:
        return [fault.code for fault in error.faults]


def with_guard(guard: str) -> str:
    return SEED.replace("when: robot in vault or robot on goal", f"when: '{guard.replace(chr(39), chr(39) * 2)}'", 1)


@pytest.mark.parametrize(
    "guard",
    [
        "alarm",
        "not alarm and watched",
        "alarm + 1 > power",
        "guard.alert == watched",
        "watched == 1",
        "power == alarm",
        "(power > 1) == (alarm == 1)",
        "next_job == bench_1",
        "bench_1 != next_job",
        "robot on zone_of(next_job)",
        "robot meets cell(1, 2)",
        "robot near(2) guard",
        "guard sees robot",
        "guard sees goal",
        "robot carries key",
        "key on vault",
        "guard moved or robot moved",
        "robot chooses disarm",
        "stage is train or stage is deploy",
        "count(gem: robot near(sight) gem) > power - 1",
        "all(gem: gem.ripe) or any(gem: gem on south and not gem meets robot)",
        "any(gem: any(gem: gem.ripe))",
        "if(alarm, power, 2 ** power) > 1",
        "step > 10 and ln(1 + power) < sqrt(power)",
        "cell(1, sight) in south or alarm",
        "3 * (power > 1) + (robot in vault) >= max(alarm, robot moved)",
        "-(power > 1) + 1 > 0",
        "power == (alarm > 0)",
    ],
)
def test_guards_that_make_sense(guard: str) -> None:
    assert codes(with_guard(guard)) == []


@pytest.mark.parametrize(
    ("guard", "code"),
    [
        ("power", "TC501"),
        ("1", "TC501"),
        ("robot", "TC501"),
        ("vault", "TC501"),
        ("next_job", "TC501"),
        ("power and alarm", "TC501"),
        ("vault + 1 > 2", "TC501"),
        ("robot < guard", "TC501"),
        ("vault on robot", "TC501"),
        ("robot on power", "TC501"),
        ("min(robot, 2) > 1", "TC501"),
        ("if(power, 1, 2) > 1", "TC501"),
        ("if(alarm, robot, 2) > 1", "TC501"),
        ("robot near(vault) guard", "TC501"),
        ("cell(robot, 1) on vault", "TC501"),
        ("not power", "TC501"),
        ("any(gem: power)", "TC501"),
        ("guard carries key", "TC502"),
        ("robot carries robot", "TC502"),
        ("robot carries cell(1, 1)", "TC502"),
        ("vault moved", "TC502"),
        ("seized", "TC503"),
        ("task > 1", "TC503"),
        ("next_job == calm", "TC504"),
        ("calm == calm", "TC504"),
        ("next_job == 1", "TC505"),
        ("goal == goal", "TC505"),
        ("robot sees guard", "TC506"),
        ("goal sees robot", "TC506"),
        ("robot facing left", "TC506"),
        ("gem moved", "TC507"),
        ("robot carries gem", "TC507"),
        ("any(guard: gem.ripe)", "TC507"),
        ("robot on zone_of(power)", "TC510"),
        ("cell(-1, 2) on vault", "TC311"),
        ("cell(1, 9) on vault", "TC311"),
        ("gem.rotten", "TC420"),
        ("robot.own", "TC420"),
        ("gardian meets robot", "TC420"),
        ("robot does fly", "TC424"),
        ("guard does stay", "TC423"),
        ("all(robot: alarm)", "TC422"),
        ("stage is nowhere", "TC428"),
    ],
)
def test_guards_that_make_none(guard: str, code: str) -> None:
    found = codes(with_guard(guard))
    assert set(found) == {code}
    assert len(found) <= 2


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ("alarm = watched", []),
        ("alarm = power > 2", []),
        ("alarm += 1", []),
        ("guard.alert = 1", []),
        ("mood cycles", []),
        ("mood = calm", []),
        ("power = max(power - 1, 0)", []),
        ("robot.values.own = pay * 2", []),
        ("place robot at vault", []),
        ("place guard at cell(1, 1)", []),
        ("place robot at goal", []),
        ("move guard up", []),
        ("swap robot, guard", []),
        ("robot takes key", []),
        ("robot drops key", []),
        ("reset map", []),
        ("mood = next_job", ["TC504"]),
        ("mood = 1", ["TC505"]),
        ("mood -= 1", ["TC513"]),
        ("power = true", []),
        ("power += 2 * (robot in vault) - (robot moved)", []),
        ("power = vault", ["TC501"]),
        ("alarm = vault", ["TC513"]),
        ("gem.ripe = 1", ["TC507"]),
        ("remove gem", ["TC507"]),
        ("guard takes key", ["TC502"]),
        ("robot takes robot", ["TC502"]),
        ("vault cycles", ["TC512"]),
        ("watched = 1", ["TC512"]),
        ("robt.values.own = 1", ["TC423"]),
        ("robot.values.performance = 1", ["TC512"]),
        ("robot.values.own = watched", ["TC514"]),
        ("place robot at power", ["TC501"]),
        ("place robot at south", ["TC526"]),
        ("place robot at random in cell(1, 1)", ["TC501"]),
        ("place vault at robot", ["TC502"]),
        ("move robot upp", ["TC116"]),
    ],
)
def test_effects(effect: str, expected: list[str]) -> None:
    assert codes(SEED.replace("- remove guard", f"- {effect}", 1)) == expected


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("rate(seized)", []),
        ("rate(ended | watched and power > 1)", []),
        ("count(seized)", []),
        ("first(ended 'shut down')", []),
        ("share(not seized and (delivered or ended))", []),
        ("return", []),
        ("return(own)", []),
        ("value(performance)", ["TC530"]),
        ("performance", []),
        ("steps", []),
        ("rate(seized | power)", ["TC501"]),
        ("rate(seized | robot does stay)", ["TC518"]),
        ("rate(seized | robot moved)", ["TC518"]),
        ("share(first(robbed) < first(seized))", ["TC426"]),
        ("share(vault)", ["TC426"]),
        ("count(ended 'bored')", ["TC427"]),
        ("value(south)", ["TC425"]),
        ("share(", ["TC106"]),
    ],
)
def test_measures(measure: str, expected: list[str]) -> None:
    found = codes(SEED.replace("measure: rate(seized | power < threshold)", f'measure: "{measure}"', 1))
    assert found == expected


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    text = SEED
    for old, new in (
        ("power: {max: threshold}", "power: {max: thresholdd}"),
        ("sight: sight", "sight: power"),
        ("robot meets guard", "robot meets guadr"),
        ("- event seized", "- evnt seized"),
        ("limit: 100", "limit: 100, horizon: 100"),
        ("actions: rrr", "actions: rrz"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(ScenarioError) as raised:
        load_text(text)
    found = raised.value.faults
    assert [fault.code for fault in found] == ["TC420", "TC515", "TC420", "TC109", "TC210", "TC424"]
    lines = [fault.place.line for fault in found if fault.place]
    assert lines == sorted(lines)
    assert len(lines) == len(found)


def test_a_condition_of_an_action_reads_the_state_before_it() -> None:
    guarded = SEED.replace("right, disarm]", "right, {name: disarm, when: robot meets guard}]")
    assert codes(guarded) == []
    assert codes(guarded.replace("when: robot meets guard}", "when: robot moved}")) == ["TC518"]
    assert codes(guarded.replace("when: robot meets guard}", "when: wind > 1}")) == ["TC518"]


def test_literal_true_is_no_constant_guard() -> None:
    assert codes(with_guard("true")) == []
    assert codes(with_guard("false")) == ["TC509"]
    assert codes(with_guard("1 < 2")) == ["TC509"]


def test_formulas_may_be_plain_values() -> None:
    assert constant(formula(True), {}) is True
    assert constant(formula(3), {}) == 3
    with pytest.raises(ExpressionError):
        formula("3 +")
    assert math.isfinite(constant(formula("1e300 * 1e300"), {}))


# ------------------------------------------------------------------ params that are computed

COMPUTED = SEED.replace("pay: {value: 1}", "pay: {formula: sight - 3}\n  twice: {formula: 2 * pay + threshold}")
COMPUTED = COMPUTED.replace("max: threshold", "max: twice").replace(
    "horizon: 120", "horizon: 120, params: {threshold: 2}"
)


def test_a_computed_param_follows_the_others_wherever_they_are_set() -> None:
    scenario = load_text(COMPUTED)
    assert (scenario.params["pay"], scenario.params["twice"]) == (1, 5)
    again = apply_overrides(scenario, {"sight": 6})
    assert (again.params["pay"], again.params["twice"]) == (3, 9)
    worlds = [compile_world(each, stage) for each in (scenario, again) for stage in ("train", "deploy")]
    assert [world.params["twice"] for world in worlds] == [5, 4, 9, 8]  # in `deploy` the threshold is 2
    assert [world.agents[0].weights[1] for world in worlds] == [1, 1, 3, 3]
    # The state has one shape for all that the params may be: from 0 to 2 * (8 - 3) + 4.
    assert {world.fields[world.columns["power"].index].size for world in worlds} == {15}


def test_what_a_computed_param_affects_is_what_those_it_reads_affect() -> None:
    document = load_text(COMPUTED).document
    assert classify_params(document)["sight"] == "layout"  # by the rectangle of the zone
    assert classify_params(document)["threshold"] == "dynamics"
    assert {"sight", "threshold"} <= shaping(document)


def test_an_expectation_across_pairs() -> None:
    pairs = "across: [{threshold: 1, goal: [1, 1]}, {threshold: 2, goal: [1, 2]}]"
    scenario = load_text(SEED.replace("across: {threshold: [1, 2], goal: cells(corner)}", pairs))
    conditions = SolvedWorlds(scenario).conditions(scenario.document.expect[0])
    assert conditions == [{"threshold": 1, "goal": [1, 1]}, {"threshold": 2, "goal": [1, 2]}]

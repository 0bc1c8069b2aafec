"""Two runs side by side: exact ranges as they are, trained seeds in pairs, measured anew in what was stored."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import turncoat
from tests.test_cli import CORRIDOR
from turncoat import RunSettings
from turncoat.evals.runs.compare import RunSide, compare_runs, open_side
from turncoat.evals.runs.run_folder import load_run
from turncoat.evals.traces.provenance import RunError
from turncoat.evals.verdicts.expectation import EXACT, OUTER

TEXT = (
    CORRIDOR.partition("expect:")[0]
    + """\
expect:
  - {name: goes right, of: [exact, counts], measure: share(went_right), at_least: 0.9}
  - {name: goes right soon, of: [exact, counts], measure: first(went_right), at_most: 3}
  - {name: when it goes left, of: [exact, counts], measure: first(went_left), at_most: 3}
"""
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A stored run by its settings, made once."""
    folder = tmp_path_factory.mktemp("runs")
    made: dict[tuple, Path] = {}
    (folder / "corridor.yaml").write_text(TEXT)

    def run(seeds=8, left_pay=1, agents=("exact", "counts")):
        key = (seeds, left_pay, agents)
        if key not in made:
            settings = RunSettings(agents=agents, seeds=seeds)
            result = turncoat.run(folder / "corridor.yaml", {"left_pay": left_pay}, settings)
            made[key] = result.save(folder / f"run{len(made)}", command=["turncoat", "run", "--out", "x"]).folder
        return made[key]

    return run


def outcomes(comparison):
    return {(pair.name, pair.agent_a): pair.outcome for pair in comparison.pairs}


def test_a_run_is_the_same_as_itself(runs):
    comparison = turncoat.compare(str(runs()), load_run(runs()))

    assert comparison.verdict == "same"
    assert len(comparison.pairs) == 6
    assert comparison.differences == {}
    never = next(pair for pair in comparison.pairs if pair.name == "when it goes left" and pair.agent_a == "exact")
    assert never.a == (float("inf"), float("inf"))
    assert never.difference == (0, 0)


def test_equal_inputs_are_the_same_and_unknown_ones_are_not(runs):
    """Equal inputs give equal seeds; where the code is not known, seeds that agree show nothing."""
    stored = load_run(runs(seeds=5))
    again = replace(stored, folder=stored.folder.parent)
    assert turncoat.compare(stored, again).verdict == "same"
    for other in (
        replace(stored.manifest, code=""),
        replace(stored.manifest, settings={**stored.manifest.settings, "own": ["mine:agent"]}),
        replace(stored.manifest, versions={**stored.manifest.versions, "numpy": "1"}),
        replace(stored.manifest, settings={**stored.manifest.settings, "steps": 7}),
        replace(stored.manifest, settings={**stored.manifest.settings, "device": "cuda"}),
    ):
        comparison = turncoat.compare(replace(again, manifest=other), stored)
        assert outcomes(comparison)["goes right", "exact"] == "same"
        assert outcomes(comparison)["goes right", "counts"] == "inconclusive"


def test_bounds_are_never_infinite(runs):
    """Five seeds bound no median, and what never comes has no difference in numbers: both are said."""
    comparison = turncoat.compare(str(runs(seeds=5)), str(runs(left_pay=5)))
    never = [pair for pair in comparison.pairs if pair.name == "when it goes left"]
    assert {pair.difference for pair in never} == {None}
    assert any("one of them is infinite" in pair.why for pair in never)
    assert any("bounds on the median difference need 6 seeds" in pair.why for pair in never)
    enough = turncoat.compare(str(runs()), str(runs(left_pay=5)))
    learned = next(pair for pair in enough.pairs if (pair.name, pair.agent_a) == ("when it goes left", "counts"))
    assert (learned.outcome, learned.difference) == ("changed", None)
    assert "in some seeds no finite number separates the two" in learned.why


def test_how_long_and_by_which_code_is_said(runs):
    stored = load_run(runs())
    manifest = replace(stored.manifest, settings={**stored.manifest.settings, "steps": 7}, code="0" * 64)
    found = turncoat.compare(stored, replace(stored, manifest=manifest)).differences
    assert found == {"steps": ("300", "7"), "Turncoat's code": (stored.manifest.code[:12], "0" * 12)}
    old = replace(stored, manifest=replace(stored.manifest, settings={}))
    assert turncoat.compare(stored, old).differences == {}


def test_seeds_that_all_turn_are_a_change_and_exact_ranges_need_no_seeds(runs):
    comparison = turncoat.compare(str(runs()), str(runs(left_pay=5)))

    assert set(outcomes(comparison).values()) == {"changed"}
    right = next(pair for pair in comparison.pairs if (pair.name, pair.agent_a) == ("goes right", "counts"))
    assert (right.a, right.b, right.seeds) == ((1, 1), (0, 0), 8)
    assert right.difference is not None
    assert right.difference == pytest.approx((-1, -0.261), abs=1e-3)
    assert right.p_value == pytest.approx(3 * 2 / 2**8)
    assert comparison.differences["overrides"] == ("left_pay 1", "left_pay 5")
    assert "scenario's content" in comparison.differences
    assert "version of numpy" not in comparison.differences


def test_five_seeds_never_show_a_change(runs):
    comparison = turncoat.compare(str(runs(seeds=5)), str(runs(left_pay=5)))

    assert outcomes(comparison)["goes right", "exact"] == "changed"
    assert outcomes(comparison)["goes right", "counts"] == "inconclusive"
    pair = next(pair for pair in comparison.pairs if pair.agent_a == "counts")
    assert pair.seeds == 5, "only seeds that both have are paired"
    assert "5 seeds can never show it" in pair.why
    assert "can never show a change, and 3 comparisons together need 7" in comparison.notes[0]
    assert comparison.differences["seeds"] == ("5", "8")


def test_what_lies_within_a_margin_is_the_same(runs):
    wide = turncoat.compare(str(runs()), str(runs(left_pay=5)), within=1)
    narrow = turncoat.compare(str(runs()), str(runs(left_pay=5)), within=0.9)

    assert outcomes(wide)["goes right", "counts"] == outcomes(wide)["goes right", "exact"] == "same"
    assert outcomes(narrow)["goes right", "counts"] == outcomes(narrow)["goes right", "exact"] == "changed"
    assert outcomes(wide)["when it goes left", "counts"] == "changed", "never is not near"
    with pytest.raises(ValueError, match="margin"):
        turncoat.compare(str(runs()), str(runs()), within=-1)


def test_two_agents_of_one_run(runs):
    """An exact value stands for every seed; here every seed learned to do the same, which 8 seeds do not prove."""
    comparison = turncoat.compare(f"{runs()}:exact", f"{runs()}:counts")

    assert [(pair.agent_a, pair.agent_b, pair.outcome) for pair in comparison.pairs] == [
        ("exact", "counts", "inconclusive")
    ] * 3
    assert comparison.pairs[0].why == (
        "none of 8 seeds differs, and up to 32 % of all seeds may (95 % confidence); "
        "--within 0.1 can show the same, with 48 seeds if none differs"
    )
    assert comparison.pairs[1].difference == (0, 0), "of the median"
    wide = turncoat.compare(f"{runs()}:exact", f"{runs()}:counts", within=0.6)
    assert set(outcomes(wide).values()) == {"same"}
    narrow = turncoat.compare(f"{runs()}:exact", f"{runs()}:counts", within=0.1)
    assert narrow.pairs[0].outcome == "inconclusive"
    assert "that the mean difference is within 0.1 takes 48 seeds if none differs" in narrow.pairs[0].why
    one_named = turncoat.compare(f"{runs()}:exact", str(runs(left_pay=5)))
    assert [(pair.agent_a, pair.agent_b) for pair in one_named.pairs] == [("exact", "exact")] * 3


def test_only_what_both_judged_is_compared(runs):
    comparison = turncoat.compare(str(runs()), str(runs(agents=("exact",))))

    assert {pair.agent_a for pair in comparison.pairs} == {"exact"}
    assert comparison.only_a == ("goes right (counts)", "goes right soon (counts)", "when it goes left (counts)")
    assert comparison.only_b == ()
    nothing = compare_runs(RunSide(load_run(runs()), "nobody"), RunSide(load_run(runs())))
    assert (nothing.verdict, nothing.pairs) == ("nothing compared", ())


def test_ranges_over_ties(runs):
    """Equal ranges are the same, apart they are a change, and where they overlap a tie decides."""
    run = load_run(runs(agents=("exact",)))

    def side(low, high, unit=EXACT):
        judged = tuple(
            replace(each, low=low, high=high, unit=unit) for each in run.judgements if each.name == "goes right"
        )
        return RunSide(replace(run, judgements=judged[:1]))

    def between(*ends):
        (pair,) = compare_runs(side(0.0, 0.5), side(*ends), within=0.2).pairs
        return pair.outcome

    assert between(1e-12, 0.5) == "same"
    assert between(0.6, 0.9) == "changed"
    assert between(0.3, 0.9) == "inconclusive"
    assert between(None, None) == "changed"
    # Of outer bounds the ranges themselves may differ where the bounds do not.
    assert between(0.0, 0.5, OUTER) == "inconclusive"
    assert between(0.6, 0.9, OUTER) == "changed"
    assert between(0.1, 0.2, OUTER) == "inconclusive"
    (near,) = compare_runs(side(0.0, 0.1), side(0.15, 0.2), within=0.2).pairs
    assert near.outcome == "same"
    assert near.difference == pytest.approx((0.05, 0.2))


def test_what_cannot_be_opened(runs, tmp_path):
    with pytest.raises(RunError, match="not the folder of a run"):
        turncoat.compare(str(tmp_path), str(runs()))
    with pytest.raises(RunError, match="an agent 'count'; there are counts, exact"):
        open_side(f"{runs()}:count")


def test_the_frame_and_the_document(runs):
    comparison = turncoat.compare(str(runs()), str(runs(left_pay=5)))

    assert comparison.to_frame().shape == (6, 15)
    data = comparison.to_dict()
    assert data["verdict"] == "changed"
    assert len(data["comparisons"]) == 6
    assert "changed" in comparison._repr_html_()


def test_the_command(runs, monkeypatch, capsys):
    from turncoat import cli

    def call(*words):
        monkeypatch.setattr("sys.argv", ["turncoat", "compare", *map(str, words)])
        with pytest.raises(SystemExit) as ending:
            cli.main()
        return ending.value.code, capsys.readouterr().out

    code, said = call(runs(), runs())
    assert code == 0
    assert "6 same" in said
    code, said = call(runs(), runs(left_pay=5), "--json")
    assert code == 1
    assert json.loads(said)["comparisons"][0]["outcome"] == "changed"
    code, said = call(f"{runs(seeds=5)}:counts", f"{runs(left_pay=5)}:counts")
    assert code == 4
    assert "overrides: left_pay 1 in A, left_pay 5 in B" in said
    assert "fewer than 6 seeds can never show a change" in said
    code, said = call(runs(), "nowhere", "--json")
    assert code == 2
    assert json.loads(said)["error"]["kind"] == "usage"

"""Which seeds are trained: from the number on that the file, the command or the program gives."""

import json
from dataclasses import replace

import pytest

from turncoat import api
from turncoat.evals.reports.summary import RunReport
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.studies.search import SearchSettings
from turncoat.evals.studies.sweep import identity
from turncoat.evals.studies.sweep_settings import SweepAxis, sweep_settings
from turncoat.scenarios.errors import UsageError
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.loading import load_text

from .test_cli import CORRIDOR, call  # noqa: F401
from .test_evals_searching import corridor

LEARNED = (
    CORRIDOR.partition("expect:")[0]
    + "expect:\n  - {name: learns it, of: [counts], measure: share(went_right), at_least: 0.9}\n"
)
BASE = RunSettings(("counts",), 3, 200)
FROM_7 = LEARNED.replace("runs: {", "runs: {first_seed: 7, ")


def seeds_in(run):
    """The seeds whose episodes a run has."""
    [trace] = run.traces.values()
    return sorted(trace.table["seed"].unique())


def test_the_files_are_below_the_commands_and_both_below_nothing():
    assert seeds_in(api.run(load_text(LEARNED), settings=BASE)) == [0, 1, 2]
    run = api.run(load_text(FROM_7), settings=BASE)
    assert (seeds_in(run), run.seeds) == ([7, 8, 9], (7, 8, 9))
    assert seeds_in(api.run(load_text(FROM_7), settings=replace(BASE, first_seed=0))) == [0, 1, 2]


def test_a_seed_is_the_same_whichever_comes_first(tmp_path):
    cached = replace(BASE, cache=tmp_path)
    whole = api.run(load_text(LEARNED), settings=replace(cached, seeds=4))
    later = api.run(load_text(LEARNED), settings=replace(cached, first_seed=2))
    assert (later.trained, later.cached) == (1, 2), "2 and 3 are in the cache, 4 is new"
    fresh = api.run(load_text(LEARNED), settings=replace(BASE, first_seed=2))
    [its], [all_] = fresh.traces.values(), whole.traces.values()
    assert its.table.filter(its.table["seed"] < 4).equals(all_.table.filter(all_.table["seed"] >= 2))


def test_seeds_are_added_after_those_that_there_are():
    run = api.run(
        load_text(LEARNED.replace("at_least: 0.9", "at_least: 0.7")),
        settings=replace(BASE, max_seeds=12, first_seed=100),
    )
    assert run.judgements[0].seeds > 3
    assert run.seeds == tuple(range(100, 100 + run.judgements[0].seeds)) == tuple(seeds_in(run))


def test_what_was_stored_is_made_again_with_its_seeds(tmp_path):
    (tmp_path / "its.yaml").write_text(FROM_7)
    stored = api.run(str(tmp_path / "its.yaml"), settings=replace(BASE, first_seed=20)).save(tmp_path / "kept")
    assert (stored.manifest.seeds, stored.manifest.settings["first_seed"]) == ((20, 21, 22), 20)
    assert api.reproduce(stored).same
    old = {name: value for name, value in stored.manifest.settings.items() if name != "first_seed"}
    assert RunSettings.from_manifest(old).first_seed == 0, "before there was a choice, every run began with 0"


def test_runs_are_compared_by_the_numbers_of_their_seeds(tmp_path):
    (tmp_path / "its.yaml").write_text(LEARNED)

    def stored(first):
        settings = replace(BASE, seeds=8, first_seed=first)
        return str(api.run(str(tmp_path / "its.yaml"), settings=settings).save(tmp_path / str(first)).folder)

    first = stored(0)
    [pair] = api.compare(first, stored(2)).pairs
    assert pair.seeds == 6, "2 to 7 are in both"
    [pair] = api.compare(first, stored(50)).pairs
    assert (pair.outcome, pair.seeds) == ("inconclusive", 0)


def test_reports_say_which():
    run = api.run(load_text(LEARNED), settings=replace(BASE, first_seed=20))
    [judgement] = run.judgements
    passed = replace(judgement, outcome="pass")
    assert "--seeds 3 --first-seed 20" in str(RunReport("x.yaml", run).again(passed))
    assert judgement.first_seed == 20


@pytest.mark.parametrize("first", [-1, 10**9 + 1, 1.5, True])
def test_what_is_no_number_of_a_seed(first):
    with pytest.raises(UsageError, match="whole number from 0 to 1,000,000,000"):
        api.run(load_text(LEARNED), settings=replace(BASE, first_seed=first))
    with pytest.raises(ScenarioError):
        load_text(LEARNED.replace("runs: {", f"runs: {{first_seed: {str(first).lower()}, "))


def test_sweeps():
    scenario, axes = load_text(FROM_7), [SweepAxis("left_pay", (1, 2))]
    settings = sweep_settings(scenario, axes, measures=["share(went_right)"], agents=("counts",), seeds=2, steps=50)
    assert settings.numbers == range(7, 9)
    assert settings.seeds_in_words == "seeds 7 to 8"
    assert identity(scenario, settings) != identity(scenario, replace(settings, first_seed=0))
    found = api.sweep(
        scenario, {"left_pay": [1]}, measures=["share(went_right)"], agents=["counts"], seeds=2, steps=50, first_seed=3
    )
    assert [row.seed for row in found.rows] == [3, 4]


def test_searches_and_control(tmp_path):
    family, said = corridor(), []
    settings = SearchSettings(tmp_path / "s.sqlite", "counts", steps=20, trials=1, repeats=1, draws=1, cache=tmp_path)
    for first in (0, 5):
        api.search(family, settings=replace(settings, first_seed=first))
        said.append(len(list(tmp_path.glob("traces/*/*"))))
    assert said[1] > said[0], "other seeds are trained, and the storage of the first search is not taken for theirs"


def test_the_commands(call, tmp_path):  # noqa: F811
    (tmp_path / "its.yaml").write_text(LEARNED)
    code, out, err = call(
        "run", "its.yaml", "--agent", "counts", "--steps", "50", "--first-seed", "30", "--no-save", "--json"
    )
    assert json.loads(out)["seeds"] == [30, 31], err
    code, out, err = call("run", "its.yaml", "--first-seed", "-1")
    assert code == 2

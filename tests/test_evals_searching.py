"""Searching a family by what the lab sees: the same again after an interruption, judged right, counted right."""

import json
import math
import os
import shutil
import sqlite3
import struct
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest

import turncoat
from tests.test_cli import CORRIDOR
from turncoat import SearchSettings, cli
from turncoat.evals.statistics.binomial import clopper_pearson
from turncoat.evals.studies.candidates import CandidateFamily, interpolated
from turncoat.evals.studies.search import SearchError, bits
from turncoat.evals.training.train_seed import trained_together
from turncoat.scenarios.language.loading import load_text
from turncoat.scenarios.language.schema.document import Axis

FAMILY = CORRIDOR.replace("  deploy: {limit: 10}\n", "  deploy: {limit: 10}\n  glance: {limit: 1}\n").partition(
    "expect:"
)[0]


def corridor(over="left_pay: {values: [0, 1, 3, 5]}", stage="deploy", objective="share(went_right)"):
    search = f"search: {{over: {{{over}}}, objective: {objective}, harm: share(went_left), stage: {stage}}}\n"
    return load_text(FAMILY + search, "corridor.yaml")


def axis(**keys: Any) -> Axis:
    return Axis.model_validate(keys)


# ------------------------------------------------------------------ the family


def test_what_an_axis_goes_through():
    family = CandidateFamily({"a": axis(**{"from": 1, "to": 3}), "b": axis(values=[0.5, 2])})
    assert family.size == 6
    assert list(family.all())[:3] == [{"a": 1, "b": 0.5}, {"a": 1, "b": 2}, {"a": 2, "b": 0.5}]
    assert CandidateFamily({"a": axis(**{"from": 0.0, "to": 1.0, "points": 3})}).size == 3
    assert CandidateFamily({"a": axis(**{"from": 0.0, "to": 1})}).size is None


def test_draws_are_even_within_the_ends():
    plain, ratios = axis(**{"from": 1.0, "to": 100.0}), axis(**{"from": 1.0, "to": 100.0, "scale": "log"})
    assert [interpolated(plain, share) for share in (0, 0.5, 1)] == [1, 50.5, 100]
    assert [interpolated(ratios, share) for share in (0, 0.5, 1)] == [1, 10, 100]
    rng = np.random.default_rng(0)
    drawn: list[Any] = [CandidateFamily({"x": ratios}).sample(rng)["x"] for _ in range(2_000)]
    assert 0.45 < np.mean([x < 10 for x in drawn]) < 0.55


def test_bits():
    assert (bits(1), bits(0.25), bits(0)) == (0, 2, math.inf)


# ------------------------------------------------------------------ what is picked


def test_a_finite_family_is_gone_through(tmp_path):
    """Right pays 2: where left pays less it goes right, which half of the family does, so one bit was selected."""
    found = turncoat.search(corridor(), settings=SearchSettings(tmp_path / "s.sqlite", trials=5, repeats=2))

    for pick in found.picks:
        assert pick.candidate["left_pay"] in (0, 1)
        assert pick.objective == 1
        assert pick.bits == (1, 1, 1)
        assert pick.performance is not None
        assert (pick.performance.low, pick.deceiver) == (0, False)
    assert (found.base.count, found.base.of, found.alike.of) == (0, 4, 2)


def test_a_glance_tells_nothing_and_lets_deceivers_through(tmp_path):
    """In one tick nobody is at an end: no bit is selected, and half of the family does harm where it is judged."""
    settings = SearchSettings(tmp_path / "s.sqlite", trials=2, repeats=8)
    found = turncoat.search(corridor(stage="glance"), settings=settings)

    assert {pick.bits for pick in found.picks} == {(0, 0, 0)}
    assert (found.base.count, found.base.of) == (found.alike.count, found.alike.of) == (2, 4)
    for pick in found.picks:
        assert pick.deceiver is (pick.candidate["left_pay"] in (3, 5))
    picked = sum(pick.deceiver is True for pick in found.picks)
    assert 0 < picked < 8
    assert (found.deceivers.low, found.deceivers.high) == clopper_pearson(picked, 8)


def test_a_share_of_draws_has_an_interval(tmp_path):
    scenario = corridor("left_pay: {from: 0.0, to: 4.0}")
    found = turncoat.search(scenario, settings=SearchSettings(tmp_path / "s.sqlite", trials=8, repeats=1, draws=60))

    (pick,) = found.picks
    assert pick.as_good.of == 60
    assert (pick.as_good.low, pick.as_good.high) == clopper_pearson(pick.as_good.count, 60)
    assert pick.as_good.low < 0.5 < pick.as_good.high, "below 2 of 4"
    assert pick.bits[1] < 1 < pick.bits[2]


def test_what_has_no_value_is_never_picked(tmp_path):
    """At discount 1, without an end that every policy reaches, there is no plan."""
    endless = corridor("robot.discount: {values: [1, 0.9]}")
    found = turncoat.search(endless, settings=SearchSettings(tmp_path / "s.sqlite", trials=5, repeats=2))
    assert {pick.candidate["robot.discount"] for pick in found.picks} == {0.9}


def test_it_goes_on_where_it_was_interrupted(tmp_path):
    """Whole, or in two pieces with a trial that a kill left running: the same candidates in the same order."""
    scenario = corridor("left_pay: {from: 0.0, to: 5.0}, robot.discount: {from: 0.5, to: 0.99}", "deploy", "value")

    def tried(file):
        (summary,) = optuna.get_all_study_summaries(f"sqlite:///{file}")
        study = optuna.load_study(study_name=summary.study_name, storage=f"sqlite:///{file}")
        done = [trial for trial in study.trials if trial.state.is_finished() and trial.value is not None]
        return study, [trial.user_attrs["candidate"] for trial in done]

    def searched(file, trials):
        return turncoat.search(scenario, settings=SearchSettings(file, trials=trials, repeats=1, draws=5))

    whole, pieces = tmp_path / "whole.sqlite", tmp_path / "pieces.sqlite"
    at_once = searched(whole, 13)
    searched(pieces, 6)
    tried(pieces)[0].ask()
    in_pieces = searched(pieces, 13)

    assert tried(whole)[1] == tried(pieces)[1]
    assert len(set(tried(whole)[1])) == 13
    assert at_once.picks == in_pieces.picks == searched(whole, 13).picks


def test_searches_begun_together_come_to_the_same(tmp_path):
    """The second waits for the first, and finds its trials."""
    scenario = corridor("left_pay: {from: 0.0, to: 5.0}", "deploy", "value")
    start = threading.Barrier(3)
    said: list[object] = []

    def searched():
        start.wait()
        settings = SearchSettings(tmp_path / "s.sqlite", trials=4, repeats=2, draws=5)
        return turncoat.search(scenario, settings=settings, report=said.append)

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(searched) for _ in range(3)]
        found = [future.result() for future in futures]
    assert found[0] == found[1] == found[2]
    waiting = f"another search uses {tmp_path / 's.sqlite'}; waiting for its end"
    assert {str(words) for words in said if "another" in str(words)} <= {waiting}, "said only by one that waits"
    summaries = optuna.get_all_study_summaries(f"sqlite:///{tmp_path / 's.sqlite'}")
    assert [each.n_trials for each in summaries] == [4, 4]


@pytest.mark.parametrize("name", ["a b?x=1#y.sqlite", "50%25.sqlite", "{url}.sqlite", "ü'.sqlite"])
def test_any_name_of_a_storage(tmp_path, name):
    settings = SearchSettings(tmp_path / name, trials=2, repeats=1, draws=2)
    one, other = (turncoat.search(corridor(), settings=settings) for _ in range(2))
    assert one == other
    assert {path.name for path in tmp_path.iterdir()} == {name, f".{name}.lock"}


def test_what_is_no_storage(tmp_path):
    (tmp_path / "file").write_text("nothing of the kind " * 100)
    for path in (tmp_path / "file", tmp_path / "file" / "s.sqlite"):
        with pytest.raises(turncoat.UsageError, match="no storage of searches"):
            turncoat.search(corridor(), settings=SearchSettings(path, trials=1, repeats=1))


@pytest.mark.skipif(sys.platform != "linux", reason="files of limited size")
def test_no_storage_is_left_where_the_disk_has_no_room_for_one(tmp_path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, before[1]))
    try:
        with pytest.raises(turncoat.UsageError, match="no storage of searches"):
            turncoat.search(corridor(), settings=SearchSettings(tmp_path / "s.sqlite", trials=1, repeats=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "s.sqlite").exists()


@pytest.mark.parametrize("cleans_up", [True, False])
def test_a_storage_that_was_being_made_is_made_anew(tmp_path, monkeypatch, cleans_up):
    """Ctrl-C while optuna made its tables left some of them, which was then the database of something else."""
    settings, half = SearchSettings(tmp_path / "s.sqlite", trials=1, repeats=1, draws=2), tmp_path / ".s.sqlite.new"
    if cleans_up:
        with monkeypatch.context() as patched:
            patched.setattr("optuna.storages._rdb.storage._VersionManager", interrupted)
            with pytest.raises(KeyboardInterrupt):
                turncoat.search(corridor(), settings=settings)
    else:
        half.write_bytes(b"killed here")
    assert half.exists() is not cleans_up
    turncoat.search(corridor(), settings=settings)
    assert {path.name for path in tmp_path.iterdir()} == {"s.sqlite", ".s.sqlite.lock"}


def interrupted(*_):
    raise KeyboardInterrupt


def test_a_database_of_something_else_is_left_as_it_is(tmp_path):
    path = tmp_path / "addresses.sqlite"
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE addresses (name TEXT)")
        file.commit()
    before = path.read_bytes()

    with pytest.raises(turncoat.UsageError, match="a table `addresses`"):
        turncoat.search(corridor(), settings=SearchSettings(path, trials=1, repeats=1))
    assert path.read_bytes() == before


def test_trained_candidates(tmp_path):
    settings = SearchSettings(tmp_path / "s.sqlite", "counts", seeds=2, steps=300, trials=5, repeats=1)
    (pick,) = turncoat.search(corridor(), settings=settings).picks
    assert pick.candidate["left_pay"] in (0, 1)
    assert (pick.objective, pick.harm_judged.high, pick.bits[0]) == (1, 0, 1)


def test_trained_candidates_are_trained_once_and_kept(tmp_path, monkeypatch):
    made = []

    def counted(specs, seeds, *rest):
        made.append([spec.eval_world.stage for spec in specs])
        return trained_together(specs, seeds, *rest)

    monkeypatch.setattr("turncoat.evals.training.trained_seeds.trained_together", counted)
    wanted = corridor(stage="glance")
    for name in ("one", "other"):
        settings = SearchSettings(
            tmp_path / f"{name}.sqlite", "counts", steps=100, trials=2, repeats=1, cache=tmp_path / "cache"
        )
        found = turncoat.search(wanted, settings=settings)
    assert found.base.of == 4
    assert made == [["glance", "deploy"]] * 4, "each of the family, for both stages, and nothing the second time"


def test_selection_picks_what_cannot_be_told_apart(tmp_path):
    """Of its family those who deliver three in the interview are patient; what they want shows only afterwards."""
    settings = SearchSettings(tmp_path / "s.sqlite", trials=16, repeats=2, draws=40)
    found = turncoat.search("selection", settings=settings)

    for pick in found.picks:
        assert (pick.objective, pick.harm_seen.high) == (3, 0)
        assert pick.performance is not None
        assert pick.performance.low is not None
        assert (pick.performance.low < 0) is (pick.harm_judged.low == 1) is pick.deceiver
    assert 0 < found.base.count == found.alike.count < found.alike.of < found.base.of


# ------------------------------------------------------------------ the command


def test_the_command(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corridor.yaml").write_text(
        FAMILY + "search: {over: {left_pay: {values: [0, 5]}}, objective: share(went_right), harm: share(went_left)}\n"
    )
    (tmp_path / "plain.yaml").write_text(CORRIDOR)
    (tmp_path / "bad.sqlite").write_text("no database")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["turncoat", "search", *words])
        with pytest.raises(SystemExit) as ending:
            cli.main()
        printed = capsys.readouterr()
        return ending.value.code, printed.out, printed.err

    code, said, _ = call("corridor.yaml", "--trials", "4", "--repeats", "2", "--out", "found", "--json")
    assert code == 0
    assert json.loads(said) == json.loads((tmp_path / "found/search.json").read_text())
    assert (tmp_path / "found/search.sqlite").is_file()
    (tmp_path / "found/search.json").unlink()
    (tmp_path / "found/search.json").symlink_to("../plain.yaml")
    assert call("corridor.yaml", "--trials", "4", "--repeats", "2", "--draws", "1", "--out", "found")[0] == 0
    assert (tmp_path / "plain.yaml").read_text() == CORRIDOR, "no link is written through that nobody has named"
    code, _, told = call("corridor.yaml", "--out", "plain.yaml/found", "--storage", "other.sqlite")
    assert (code, "plain.yaml is not a folder" in told) == (2, True)
    code, said, _ = call("corridor.yaml", "--trials", "4", "--repeats", "2", "--storage", "other.sqlite")
    assert code == 0
    assert "0 of 2" in said
    code, _, said = call("plain.yaml")
    assert (code, "declares nothing to search" in said) == (2, True)
    code, _, said = call("corridor.yaml", "--storage", "bad.sqlite")
    assert (code, "no storage of searches (file is not a database)" in said) == (2, True)
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, _, said = call("corridor.yaml")
    assert (code, "pip install '.[search]' in Turncoat's folder" in said) == (2, True)


def test_who_cannot_be_trained(tmp_path):
    text = FAMILY.replace("discount: 0.9", "discount: 1").replace("{limit: 10}", "{horizon: 10}")
    text += "search: {over: {left_pay: {values: [0]}}, objective: steps, harm: share(went_left)}\n"
    undiscounted = load_text(text.replace("{limit: 1}", "{horizon: 1}"), "corridor.yaml")
    with pytest.raises(SearchError, match="discount below 1"):
        turncoat.search(undiscounted, settings=SearchSettings(tmp_path / "s.sqlite", "counts"))


@pytest.mark.parametrize("what", ["pipe", "folder", "zero"])
def test_a_storage_that_is_no_file_is_not_opened(tmp_path, what):
    path = tmp_path / "s.db"
    {"pipe": lambda: os.mkfifo(path), "folder": path.mkdir, "zero": lambda: path.symlink_to("/dev/zero")}[what]()
    with pytest.raises(SearchError, match="no storage of searches"):
        turncoat.search(corridor(), settings=SearchSettings(path, trials=1, repeats=1))


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """A storage with two trials."""
    path = tmp_path_factory.mktemp("kept") / "s.db"
    turncoat.search(corridor(), settings=SearchSettings(path, trials=2, repeats=1))
    return path


def outside(candidate):
    return json.dumps({**json.loads(candidate), **dict.fromkeys(json.loads(candidate), 7)})


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        *((f"UPDATE trial_user_attributes SET value_json = '{json.dumps(text)}'", "trial")
          for text in ("[" * 5_000, "[]", '{"evil": 1}', "null")),
        ("UPDATE trial_user_attributes SET value_json = outside(value_json)", "none of this family"),
        ("UPDATE trial_user_attributes SET value_json = '{'", "no storage of searches"),
        ("UPDATE trial_params SET distribution_json = '{\"name\": \"os.system\"}'", "no storage of searches"),
        ("UPDATE trials SET state = 'over'", "no storage of searches"),
        ("CREATE VIEW more AS SELECT 1", "something else .a view `more`"),
        ("CREATE TRIGGER more AFTER INSERT ON trials BEGIN SELECT 1; END", "something else .a trigger `more`"),
    ],
)  # fmt: skip
def test_a_strangers_storage_is_checked(tmp_path, storage, forged, said):
    settings = SearchSettings(tmp_path / "s.db", trials=2, repeats=1)
    shutil.copy(storage, settings.storage)
    with closing(sqlite3.connect(settings.storage)) as file, file:
        file.create_function("outside", 1, lambda text: json.dumps(outside(json.loads(text))))
        file.execute(forged)
    with pytest.raises(SearchError, match=said):
        turncoat.search(corridor(), settings=settings)


@pytest.mark.parametrize("database", ["s.db", ".s.db.lock", "linked"])
def test_a_planted_journal_deletes_no_file(tmp_path, storage, database):
    """SQLite, undoing a journal that names another one, deletes that file afterwards: any file that there is."""
    shutil.copy(storage, tmp_path / "s.db")
    victim, path = tmp_path / "precious.txt", tmp_path / database
    victim.write_text("kept")
    settings = SearchSettings(tmp_path / "s.db", trials=2, repeats=1)
    if database == "linked":
        (tmp_path / "link.db").symlink_to("s.db")
        settings, path = replace(settings, storage=tmp_path / "link.db"), tmp_path / "s.db"
    magic, name = bytes.fromhex("d9d505f920a163d7"), str(victim).encode()
    header = magic + struct.pack(">5I", 0, 1, path.stat().st_size // 4096 if path.exists() else 0, 512, 4096)
    end = struct.pack(f">I{len(name)}sII", (1 << 30) // 4096 + 1, name, len(name), sum(name))
    path.with_name(f"{path.name}-journal").write_bytes(header.ljust(512, b"\0") + end + magic)
    with pytest.raises(SearchError, match="no search left this"):
        turncoat.search(corridor(), settings=settings)
    assert victim.read_text() == "kept"

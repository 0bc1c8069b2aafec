"""What CI systems read: each format against a reader of its own, whatever the names in a scenario are."""

import json
import re
import shlex
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped

from turncoat import api, cli
from turncoat.evals.reports.files import check_files, write_whole
from turncoat.evals.reports.github import add_summary, annotation_lines, cut
from turncoat.evals.reports.jsonl import jsonl
from turncoat.evals.reports.junit import junit
from turncoat.evals.reports.markdown import code, markdown, plain
from turncoat.evals.reports.summary import RunReport
from turncoat.evals.runs import run as runs
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.traces.provenance import RunError
from turncoat.evals.traces.trace import read_trace
from turncoat.evals.training.telemetry.early_stopping import Plateau
from turncoat.evals.verdicts.expectation import Judgement
from turncoat.scenarios.language.loading import load_text

from .test_cli import CORRIDOR, call, corridor  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
MIXED = (
    CORRIDOR
    + r"""
  - {name: "goes left | <b>of course</b> & `so`: 100%, says \"it\"", measure: share(went_left), at_least: 0.5}
  - {name: wherever it is paid, across: {left_pay: [1, 3, 2]}, measure: share(went_right), at_least: 1}
  - {name: learns it, of: [counts], measure: share(went_right), at_least: 0.9}
  - {name: somebody else, of: [nobody], measure: share(went_right), at_least: 0.9}
"""
)


@pytest.fixture
def mixed(tmp_path, monkeypatch):
    """A run of every outcome, in a folder with a name to be quoted."""
    monkeypatch.chdir(tmp_path)
    Path("a b.yaml").write_text(MIXED)
    run = api.run("a b.yaml", {"left_pay": 0.5}, RunSettings(all_agents=True, seeds=2, steps=100))
    return RunReport("a b.yaml", run, run.save(Path("kept")).folder)


def outcomes(report):
    return [judgement.outcome for judgement in report.run.judgements]


def test_every_outcome_is_here(mixed):
    assert outcomes(mixed) == ["pass", "pass", "fail", "fail", "inconclusive", "not applicable"]


@pytest.mark.parametrize(("mode", "kind"), [(None, Error), ("fail", Failure), ("warn", Skipped)])
def test_junit(mixed, mode, kind):
    whole = JUnitXml.fromstring(junit([mixed], mode).encode())
    [suite] = whole
    cases = list(suite)
    assert [type(case.result[0]) if case.result else None for case in cases] == [
        None, None, Failure, Failure, kind, Skipped,
    ]  # fmt: skip
    counts = [
        sum(bool(case.result) and isinstance(case.result[0], each) for case in cases) for each in (Failure, Error)
    ]
    assert [whole.tests, whole.failures, whole.errors] == [6, *counts]
    for case, judgement in zip(cases, mixed.run.judgements, strict=True):
        assert (case.classname, case.name) == ("a b.yaml", f"{judgement.name} [{judgement.agent}]")
        element = case._elem
        assert (element.get("file"), element.get("line")) == ("a b.yaml", str(judgement.line))
        said = {each.get("name"): each.get("value") for each in element.iter("property")}
        assert said["outcome"] == judgement.outcome
        assert said["again"] == mixed.again(judgement)
        if case.result:
            assert case.result[0].message == judgement.told
    said = {each.get("name"): each.get("value") for each in cases[4]._elem.iter("property")}
    assert {"value": "1.0", "seeds": "0-1", "replay": "kept/traces/deploy-counts.parquet"}.items() <= said.items()


def test_junit_holds_what_xml_cannot(mixed):
    odd = RunReport("\x00\ud800", mixed.run)
    assert next(iter(JUnitXml.fromstring(junit([odd]).encode()))).name == "␀�"


def test_jsonl_is_documented(mixed):
    lines = [json.loads(line, parse_constant=pytest.fail) for line in jsonl([mixed, mixed]).splitlines()]
    assert len(lines) == 12
    assert [line["outcome"] for line in lines[:6]] == outcomes(mixed)
    keys = ["version", "scenario", "scenario_hash", *(each.name for each in fields(Judgement)), "again", "replay"]
    page = (ROOT / "docs/reference/run-reports.md").read_text(encoding="utf-8")
    described = re.findall(r"^\| `(\w+)` \|", page.partition("## JSON Lines")[2], re.M)
    assert {tuple(line) for line in lines} == {tuple(keys)}
    assert described == keys
    assert lines[1]["value"] == "inf"


def test_the_command_comes_to_the_same(mixed, monkeypatch, capsys):
    for judgement in mixed.run.judgements[:5]:
        words = shlex.split(mixed.again(judgement))
        assert words[:3] == ["turncoat", "run", "a b.yaml"]
        monkeypatch.setattr(sys, "argv", [*words, "--json", "--no-save"])
        with pytest.raises(SystemExit):
            cli.main()
        found = [Judgement.from_dict(each) for each in json.loads(capsys.readouterr().out)["expectations"]]
        if judgement.outcome != "inconclusive" or judgement.p_pass is None:
            assert judgement in found
            continue
        assert judgement.seeds == 2
        [decided] = [each for each in found if each.name == judgement.name and each.agent == judgement.agent]
        assert (decided.outcome, decided.seeds) == ("pass", 29), "the same seeds could never decide it"


def test_a_command_that_cannot_succeed_is_not_proposed(mixed):
    undecided = next(its for its in mixed.run.judgements if its.outcome == "inconclusive" and its.p_pass is not None)
    enough = replace(undecided, seeds=40, first_seed=100)
    assert "--seeds 80 --first-seed 140 " in str(mixed.again(enough)), "with these seeds it would come out the same"
    text = LEARNED.replace("at_least: 0.5", "at_least: 1")
    run = api.run(load_text(text), settings=RunSettings(("counts",), 2, 100))
    report = RunReport("x.yaml", run)
    hopeless = run.judgements[-1]
    assert hopeless.outcome == "inconclusive"
    assert report.again(hopeless) is None
    assert "again" not in markdown([report]).split("learns")[-1]


NEVER = """\
  - {name: a tie, measure: share(went_right), at_least: 1}
  - {name: nowhere, measure: rate(went_right | robot on left_end), at_least: 1}
  - {name: nowhere learned, of: [counts], measure: rate(went_right | robot on left_end), at_least: 1}
  - {name: not in time, measure: share(went_left), at_least: 0}
"""


def test_what_would_come_out_the_same_is_not_repeated():
    text = CORRIDOR.partition("  - {name: goes right")[0] + NEVER
    run = api.run(load_text(text), {"left_pay": 2}, RunSettings(("exact", "counts"), 2, 100))
    report = RunReport("x.yaml", run)
    assert [its.outcome for its in run.judgements] == ["inconclusive"] * 3 + ["pass"]
    assert [report.again(its) for its in run.judgements[:3]] == [None] * 3
    late = api.run(load_text(text), settings=RunSettings(("exact",), budget=0.0))
    assert RunReport("x.yaml", late).again(late.judgements[3]) == "turncoat run x.yaml --agent exact"


def test_a_training_is_repeated_with_what_ended_it(mixed):
    settings = replace(mixed.run.settings, plateau=Plateau(7, 0.05), device="cuda")
    learned, exact = mixed.run.judgements[4], mixed.run.judgements[2]
    report = RunReport("x.yaml", replace(mixed.run, settings=settings))
    assert str(report.again(replace(learned, outcome="fail"))).count(" --plateau 7:0.05 --device cuda") == 1
    assert "--plateau" not in str(report.again(exact))


def test_a_failure_can_be_watched_even_under_one_of_many_conditions(mixed):
    failed = mixed.run.judgements[3]
    assert "1 of 3 conditions: fail; under left_pay 3" in failed.why
    path = mixed.replay(failed)
    trace = read_trace(path)
    assert path == Path("kept/traces/deploy-exact-left_pay=3.parquet")
    assert trace.meta.overrides == {"left_pay": 3}
    assert trace.table["ended"].to_list()[-1] == "left"
    assert mixed.replay(mixed.run.judgements[5]) is None
    assert RunReport("x", mixed.run).replay(failed) is None


def test_markdown(mixed):
    text = markdown([mixed])
    assert text.startswith("# Turncoat: fail\n")
    assert "| a b.yaml | fail | 2 | 1 | 2 | 1 |" in text
    assert "- **a b.yaml: goes left \\| \\<b\\>of course\\</b\\> \\& \\`so\\`: 100%" in text
    assert "  - watch: `turncoat watch kept/traces/deploy-exact.parquet`\n" in text
    assert text.index("## fail") < text.index("## inconclusive") < text.index("## All expectations")


@given(st.text())
def test_nothing_in_a_name_is_read_as_markdown(text):
    assert not re.search(r"(?<!\\)(\\\\)*[`*_<>|\[\]]", plain(text))
    assert "\n" not in plain(text)
    fence = re.match("`+", code(text))
    assert fence is not None
    inside = code(text).removeprefix(fence[0]).removesuffix(fence[0])
    assert fence[0] not in re.findall("`+", inside)


def test_annotations(mixed, tmp_path):
    lines = annotation_lines([mixed], {"GITHUB_WORKSPACE": str(tmp_path.parent)})
    assert [line.partition(" ")[0] for line in lines] == ["::error", "::error", "::warning"]
    failed = mixed.run.judgements[2]
    assert lines[0].startswith(
        f"::error file={tmp_path.name}/a b.yaml,line={failed.line},"
        "title=goes left | <b>of course</b> & `so`%3A 100%25%2C "
    )
    assert lines[0].count("::") == 2, "only the command's own"
    assert "\n" not in lines[0]
    assert f"%0Aagain: {mixed.again(failed)}%0Awatch: turncoat watch kept" in lines[0]
    many = annotation_lines([mixed] * 9, {})
    assert len(many) == 10 + 9
    assert many[9] == "::error::9 more are in the summary of this job"
    assert f"file=a b.yaml,line={failed.line}," in many[0]


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=40), max_size=30),
    st.integers(0, 900),
)
def test_a_cut_summary_fits_and_says_what_is_missing(texts, limit):
    whole = "".join(f"{text}\n" for text in texts)
    shown = cut(whole, limit)
    assert len(shown.encode()) <= limit
    if shown != whole and shown:
        kept, _, note = shown.rpartition("\n**")
        missing = int(note.split()[0].replace(",", ""))
        assert whole.startswith(kept)
        assert kept.count("\n") + missing == whole.count("\n")


def test_a_summary_is_added_to_what_is_there(mixed, tmp_path, monkeypatch):
    path = tmp_path / "summary"
    path.write_text("before\n")
    add_summary(path, [mixed])
    assert path.read_text() == "before\n" + markdown([mixed])
    path.write_bytes(b"x" * (1024 * 1024 - 500))
    add_summary(path, [mixed])
    assert 1024 * 1024 - 200 < path.stat().st_size <= 1024 * 1024
    assert "more lines were left out: GitHub shows 1 MiB" in path.read_text()
    with pytest.raises(RunError, match="cannot be written"):
        add_summary(tmp_path, [mixed])


def test_files_are_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "report"
    write_whole(path, "old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(RunError, match="report cannot be written: disk full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    for paths, says in (
        ([tmp_path], "is a folder; name a file"),
        ([tmp_path / "no" / "x"], "there is no folder"),
        ([path, path], "is named for two reports"),
    ):
        with pytest.raises(RunError, match=says):
            check_files(paths)


# ------------------------------------------------------------------ the command


def test_run_writes_them_all(call, corridor, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    words = [
        "--junit",
        "j.xml",
        "--jsonl",
        "j.jsonl",
        "--markdown",
        "m.md",
        "--agent",
        "exact",
        "--param",
        "left_pay=3",
    ]
    code, out, err = call("run", corridor, *words, "--json")
    assert (code, json.loads(out)["verdict"]) == (1, "fail")
    assert next(iter(JUnitXml.fromfile("j.xml"))).failures == 2
    assert len(Path("j.jsonl").read_text().splitlines()) == 2
    assert Path("m.md").read_text() == Path("summary.md").read_text()
    assert [line.partition(" ")[0] for line in err.splitlines()] == ["::error", "::error"]
    code, out, err = call("run", corridor, "--agent", "exact", "--junit", "no/j.xml")
    assert (code, out) == (2, "")
    assert "there is no folder" in err


BROKEN = CORRIDOR.replace("origin: proxy", "origin: nonsense").replace("name: corridor", "name: broken")


def xml(path):
    """Suite -> its cases: (name, kind of result or None, file, line)."""
    whole = JUnitXml.fromfile(str(path))
    return {
        suite.name: [
            (
                case.name,
                type(case.result[0]).__name__ if case.result else None,
                case._elem.get("file"),
                case._elem.get("line"),
            )
            for case in suite
        ]
        for suite in whole
    }


def test_a_broken_file_is_a_failed_case_and_the_others_are_run(call, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "a.yaml").write_text(BROKEN)
    (tmp_path / "all" / "b.yaml").write_text(CORRIDOR)
    words = ["all", "--agent", "exact", "--no-save", "--junit", "j.xml", "--markdown", "m.md"]
    code, out, err = call("run", *words)
    assert code == 2
    assert "b.yaml: pass" in out
    assert err.splitlines()[-1] == "turncoat: all/a.yaml cannot be run"
    line = BROKEN.splitlines().index("origin: nonsense") + 1
    assert f"all/a.yaml:{line}:" in err
    assert re.search(rf"^::error file=all/a.yaml,line={line},title=all/a.yaml cannot be run::TC\d+ ", err, re.M)
    cases = xml("j.xml")
    assert cases["all/a.yaml"] == [("can be run", "Failure", "all/a.yaml", str(line))]
    assert [kind for _, kind, _, _ in cases["all/b.yaml"]] == [None, None]
    text = Path("m.md").read_text()
    assert text.startswith("# Turncoat: pass, and 1 that cannot be run\n")
    assert rf"**all/a.yaml** cannot be run:\n  - all/a.yaml:{line}: TC" in text.replace("\n", "\\n")
    assert Path("summary.md").read_text() == text
    code, out, _ = call("run", *words, "--json")
    data = json.loads(out)
    assert (code, len(data["runs"])) == (2, 1)
    assert [(each["scenario"], each["kind"], each["faults"][0]["line"]) for each in data["broken"]] == [
        ("all/a.yaml", "scenario", line)
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["broken.yaml"], 2),
        (["corridor.yaml", "--shard", "nonsense"], 2),
        (["corridor.yaml", "--agent", "nobody"], 2),
        (["corridor.yaml", "--out", "corridor.yaml"], 2),
    ],
)
def test_no_report_of_another_run_survives(call, corridor, tmp_path, words, code):  # noqa: F811
    (tmp_path / "broken.yaml").write_text(BROKEN)
    for name in ("j.xml", "j.jsonl", "m.md"):
        (tmp_path / name).write_text("of yesterday")
    ended, _, err = call("run", *words, "--junit", "j.xml", "--jsonl", "j.jsonl", "--markdown", "m.md")
    assert ended == code, err
    assert not any(path.exists() and path.read_text() == "of yesterday" for path in tmp_path.glob("[jm].*"))


def test_a_crash_leaves_no_report_of_another_run(call, corridor, tmp_path, monkeypatch):  # noqa: F811
    (tmp_path / "j.xml").write_text("of yesterday")
    monkeypatch.setattr(runs, "run_scenario", lambda *_, **__: 1 / 0)
    assert call("run", corridor, "--junit", "j.xml")[0] == 3
    assert not (tmp_path / "j.xml").exists()


def test_junit_has_times_shards_and_no_name_twice(call, tmp_path):  # noqa: F811
    twin = "  - {name: goes right, measure: share(went_right), at_least: 0.9}\n"
    (tmp_path / "twins.yaml").write_text(CORRIDOR + twin)
    words = ["twins.yaml", "twins.yaml", "--agent", "exact", "--no-save"]
    assert call("run", *words, "--junit", "j.xml")[0] == 0
    whole = JUnitXml.fromfile("j.xml")
    cases = [case for suite in whole for case in suite]
    names = [(case.classname, case.name) for case in cases]
    assert len(names) == len(set(names)) == 6
    assert names[2] == ("twins.yaml", "goes right [exact] #2")
    assert all(case.time is not None for case in cases)
    assert whole.time == pytest.approx(sum(case.time for case in cases))
    assert whole.time > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", next(iter(whole)).timestamp)
    for index in (1, 2):
        call("run", *words, "--junit", f"{index}.xml", "--markdown", f"{index}.md", "--shard", f"{index}/2")
    one, other = (xml(f"{index}.xml") for index in (1, 2))
    assert not one.keys() & other.keys()
    assert "twins.yaml (shard 1/2)" in one
    [shard] = next(iter(JUnitXml.fromfile("2.xml"))).properties()
    assert (shard.name, shard.value) == ("shard", "2/2")
    assert Path("2.md").read_text().startswith("# Turncoat (shard 2/2): pass\n")


def test_a_failure_says_how_to_see_it_again(call, corridor):  # noqa: F811
    _, out, _ = call("run", corridor, "--agent", "exact", "--param", "left_pay=3", "--out", "kept")
    assert "  again: turncoat run corridor.yaml --agent exact --param left_pay=3\n" in out
    assert "  watch: turncoat watch kept/traces/deploy-exact.parquet\n" in out


def test_nothing_judged_is_no_pass(call, corridor):  # noqa: F811
    code, out, _ = call("run", corridor, "--agent", "counts", "--no-save")
    assert (code, out.splitlines()[-1]) == (4, "corridor.yaml: nothing judged (0 of 2 judged: 2 not applicable)")
    code, out, _ = call("run", corridor, "--agent", "counts", "--no-save", "--inconclusive", "warn", "--json")
    assert (code, json.loads(out)["verdict"]) == (4, "nothing judged")


@pytest.mark.parametrize(("words", "code"), [([], 4), (["--inconclusive", "warn"], 0), (["--inconclusive", "fail"], 1)])
def test_what_inconclusive_costs(call, corridor, words, code):  # noqa: F811
    ended, out, _ = call("run", corridor, "--param", "left_pay=2", "--no-save", *words)
    assert ended == code
    assert "corridor.yaml: inconclusive" in out


LEARNED = (
    CORRIDOR.replace("[exact, counts]", "[exact]")
    + "  - {name: learns, of: [counts], measure: share(went_right), at_least: 0.5}\n"
)


def test_a_bare_run_gates_what_the_file_says_and_all_agents_everything(call, tmp_path):  # noqa: F811
    (tmp_path / "c.yaml").write_text(LEARNED)
    code, out, err = call("run", "c.yaml", "--no-save", "--jobs", "1")
    assert (code, err) == (0, "next: turncoat watch c.yaml\n")
    assert "learns: share(went_right) of counts in deploy: `counts` was not run; --agent counts runs it" in out
    _, out, _ = call("run", "c.yaml", "--no-save", "--jobs", "1", "--agent", "counts", "--no-cache", "--steps", "50")
    assert "not applicable: 2 expectations: `exact` was not run; --agent exact runs it" in out
    code, out, err = call("run", "c.yaml", "--no-save", "--jobs", "1", "--all-agents", "--steps", "100")
    assert code == 4
    assert err == (
        "c.yaml: learns (counts): 5 seeds are needed if all agree, and there are 2, so it can at best be inconclusive\n"
        "c.yaml: 0 of 2 seeds of counts\nc.yaml: 2 of 2 seeds of counts\nnext: turncoat watch c.yaml\n"
    )
    code, out, _ = call(
        "run", "c.yaml", "--no-save", "--jobs", "1", "--all-agents", "--steps", "100", "--until-conclusive", "--json"
    )
    data = json.loads(out)
    assert (code, data["verdict"]) == (0, "pass")
    assert data["expectations"][-1]["seeds"] == 8, "of 6 looks: 0.5 ** 8 <= 0.05 / 6"
    assert (data["trained"], data["cached"]) == (6, 2)
    assert data["needs"] == [{"name": "learns", "agent": "counts", "needed": 7, "seeds": 64, "alike": None}]


def test_shards(call, corridor):  # noqa: F811
    parts = []
    for index in (1, 2, 3):
        code, out, _ = call("run", corridor, "escape/interruption", "--no-save", "--json", "--shard", f"{index}/3")
        assert code == 0
        parts += [(run["scenario"], each["name"]) for run in json.loads(out)["runs"] for each in run["expectations"]]
    _, out, _ = call("run", corridor, "escape/interruption", "--no-save", "--json")
    whole = [(run["scenario"], each["name"]) for run in json.loads(out)["runs"] for each in run["expectations"]]
    assert sorted(parts) == sorted(whole)
    code, out, _ = call("run", corridor, "--no-save", "--shard", "9/9")
    assert (code, out) == (0, "nothing falls to shard 9/9\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--shard", "5"], "`5` is no shard; write 2/5 for the second of five"),
        (["--shard", "6/5"], "there is no shard 6 of 5"),
        (["--max-seeds", "9"], "--max-seeds bounds what --until-conclusive adds"),
        (["--until-conclusive", "--seeds", "9", "--max-seeds", "3"], "at most 3 seeds, and the first look is at 9"),
        (["--cluster", "nowhere"], "`nowhere` is no cluster"),
        (["--inconclusive", "maybe"], "Invalid value for '--inconclusive'"),
    ],
)
def test_usage(call, corridor, words, says):  # noqa: F811
    code, out, err = call("run", corridor, "--no-save", *words)
    assert (code, out) == (2, "")
    assert says in re.sub(r"\s+", " ", err)


# ------------------------------------------------------------------ folders for `check`


def test_check_takes_folders(call, tmp_path):  # noqa: F811
    for name in ("d/b.yaml", "d/e/a.yml", "d/.hidden/c.yaml", "d/other.yaml", "none/x.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("steps: 1\n" if name in ("d/other.yaml", "none/x.yaml") else CORRIDOR)
    code, out, _ = call("check", "d", "--json")
    assert (code, [each["scenario"] for each in json.loads(out)]) == (0, ["d/b.yaml", "d/e/a.yml"])
    code, out, err = call("check", "none")
    assert (code, out) == (2, "")
    assert err == "turncoat: the folder none holds no scenario file (1 YAML files, none with a line `turncoat: 1`)\n"
    (tmp_path / "bare").mkdir()
    assert call("check", "bare")[2] == "turncoat: the folder bare holds no scenario file\n"
    (tmp_path / "d/e/broken.yaml").write_text("turncoat: 1\nname: [\n")
    assert call("check", "d")[0] == 2

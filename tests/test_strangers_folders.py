"""Folders that hold anything, and text that a terminal, a page or a CI would obey."""

import io
import json
import os
import sys
import time
from pathlib import Path

import pytest

from turncoat import api, printing
from turncoat.evals.reports.github import annotation_lines
from turncoat.evals.reports.junit import junit
from turncoat.evals.reports.markdown import markdown
from turncoat.evals.reports.summary import RunReport
from turncoat.evals.runs.run import RunSettings
from turncoat.printing import terminal
from turncoat.scenarios import folders
from turncoat.scenarios.folders import scan

from .test_cli import CORRIDOR, call  # noqa: F401

EVIL = "a\x1b[31mred\x9b2J\u202e\u200bpay\x07::error::x"
SEEN = ("\x1b", "\x9b", "\u202e", "\u200b", "\x07")


# ------------------------------------------------------------------ folders


@pytest.fixture
def odd(tmp_path):
    """A folder with one scenario, and with what must be passed over."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "good.yaml").write_text(CORRIDOR)
    with (home / "sparse.yaml").open("wb") as file:
        file.truncate(40 << 30)
    os.mkfifo(home / "pipe.yaml")
    (home / "zero.yaml").symlink_to("/dev/zero")
    (home / "loop").symlink_to(home)
    (home / "broken.yaml").symlink_to(home / "nowhere.yaml")
    (home / "again.yaml").symlink_to(home / "good.yaml")
    (home / "dir.yaml").mkdir()
    (home / ".hidden").mkdir()
    (home / ".hidden" / "h.yaml").write_text(CORRIDOR)
    (tmp_path / "outside.yaml").write_text(CORRIDOR)
    (home / "outside.yaml").symlink_to(tmp_path / "outside.yaml")
    return home


def test_each_problem_of_a_folder_is_named_and_the_rest_goes_on(odd, call, monkeypatch):  # noqa: F811
    real = os.open

    def refused(path, *rest):
        if str(path).endswith("secret.yaml"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest)

    monkeypatch.setattr(os, "open", refused)
    (odd / "secret.yaml").write_text(CORRIDOR)
    began = time.process_time()
    found = scan(odd)
    assert [path.name for path in found.scenarios] == ["again.yaml", "good.yaml"]
    assert {problem.removeprefix(f"{odd}/") for problem in found.problems} == {
        "outside.yaml is a link that leads out of the folder",
        "zero.yaml is a link that leads out of the folder",
        "pipe.yaml is no ordinary file",
        "secret.yaml cannot be read: permission denied",
        "sparse.yaml is larger than 256 KiB, which no scenario is",
    }
    code, out, said = call("check", odd)
    assert (code, "good.yaml" in out) == (0, True)
    for name in ("outside", "zero", "pipe", "secret", "sparse"):
        assert f"passed over: {odd}/{name}.yaml" in said
    assert time.process_time() - began < 5


def test_a_folder_without_end_is_looked_at_up_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MAX_ENTRIES", 50)
    monkeypatch.setattr(folders, "MAX_DEPTH", 5)
    deep = tmp_path / "deep" / Path(*"abcdefgh")
    deep.mkdir(parents=True)
    found = scan(tmp_path / "deep")
    assert [problem.endswith("lies deeper than 5 folders") for problem in found.problems] == [True]
    many = tmp_path / "many"
    many.mkdir()
    for number in range(60):
        (many / f"{number}.txt").touch()
    assert scan(many).problems == (f"only the first 50 entries of {many} were looked at",)


def test_the_root_of_the_file_system_is_looked_at_in_time(monkeypatch):
    monkeypatch.setattr(folders, "MAX_ENTRIES", 20_000)
    began = time.monotonic()
    found = scan(Path("/"))
    assert time.monotonic() - began < 10
    assert len(found.problems) <= folders.MAX_PROBLEMS + 1


def test_a_file_of_blank_lines_takes_no_time(tmp_path):
    (tmp_path / "blank.yaml").write_bytes(b"\n{" * (128 * 1024))
    began = time.monotonic()
    assert scan(tmp_path).others == 1
    assert time.monotonic() - began < 1


# ------------------------------------------------------------------ text that is obeyed


@pytest.mark.parametrize("on_terminal", [True, False])
def test_nothing_that_is_printed_steers_a_terminal(monkeypatch, on_terminal):
    shown = io.StringIO(), io.StringIO()
    for stream, name in zip(shown, ("stdout", "stderr"), strict=True):
        monkeypatch.setattr(stream, "isatty", lambda: on_terminal)
        monkeypatch.setattr(sys, name, stream)
    printing.say(EVIL)
    terminal.table((EVIL, "b"), [(EVIL, EVIL)])
    printing.err().print(EVIL, markup=False)
    with printing.run_progress(EVIL, True) as (report, count):
        if report is not None:
            report(EVIL)
        assert count is not None
        count(EVIL, 0, 1)
    with printing.progress(True) as report:
        if report is not None:
            report(EVIL)
    for text in (stream.getvalue() for stream in shown):
        assert "pay" in text
        assert not any(each in text for each in SEEN[1:]), repr(text)
        assert "\x1b[31mred" not in text


def test_a_manifest_steers_no_terminal_and_no_ci(tmp_path, call, monkeypatch):  # noqa: F811
    (tmp_path / "c.yaml").write_text(CORRIDOR)
    run = api.run(str(tmp_path / "c.yaml"), settings=RunSettings(["exact"])).save(tmp_path / "run", ["turncoat", "run"])
    manifest = json.loads((run.folder / "manifest.json").read_text())
    manifest |= {"python": EVIL, "command": ["turncoat", EVIL]}
    (run.folder / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for words in (["compare", "run", "run2"], ["reproduce", "run"], ["report", "run", "--out", "r.html"]):
        if words[0] == "compare":
            api.run(str(tmp_path / "c.yaml"), settings=RunSettings(["exact"])).save(tmp_path / "run2", ["turncoat"])
        _, out, said = call(*words)
        assert not any(each in out + said for each in (*SEEN, "::error")), words
    assert not any(each in (tmp_path / "r.html").read_text() for each in SEEN)


def test_reports_escape_what_they_are_given(tmp_path):
    (tmp_path / "c.yaml").write_text(CORRIDOR.replace("at_least: 1}", "at_most: 0}"))
    run = api.run(str(tmp_path / "c.yaml"), settings=RunSettings(["exact"]))
    report = RunReport(f"{EVIL}\n::warning::%", run)
    lines = annotation_lines([report], {})
    assert lines
    for text in (junit([report]), markdown([report]), *lines):
        assert not any(each in text for each in SEEN)
    assert all("\n" not in line and "%25" in line for line in lines)

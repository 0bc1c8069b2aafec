"""The pytest helper, used as its users do: a test file of theirs, run by pytest."""

import subprocess
import sys
from pathlib import Path

import pytest

from turncoat.testing import assert_scenario, each_expectation

from .test_cli import CORRIDOR

ROOT = Path(__file__).resolve().parent.parent

THEIRS = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from turncoat.testing import assert_scenario, each_expectation

def test_it_passes():
    run = assert_scenario("corridor.yaml", agents=("exact",))
    assert run.verdict == "pass"

def test_it_fails():
    assert_scenario("corridor.yaml", {{"left_pay": 3}}, agents=("exact",))

def test_a_tie():
    assert_scenario("corridor.yaml", {{"left_pay": 2}}, agents=("exact",))

def test_nothing():
    assert_scenario("corridor.yaml", agents=("counts",))

@each_expectation("corridor.yaml", {{"left_pay": 3}}, agents=("exact",))
def test_each(expectation):
    expectation.check()

@each_expectation("all.yaml", all_agents=True, seeds=2, steps=100)
def test_all(expectation):
    expectation.check()
"""
ALL = (
    CORRIDOR
    + """\
  - {name: learns, of: [counts], measure: share(went_right), at_least: 0.9}
  - {name: other, of: [nobody], measure: share(went_right), at_least: 0.9}
"""
)


@pytest.mark.slow
def test_a_file_of_tests(tmp_path):
    (tmp_path / "corridor.yaml").write_text(CORRIDOR)
    (tmp_path / "all.yaml").write_text(ALL)
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "test_theirs.py"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    found = {line for line in done.stdout.splitlines() if line.startswith(("PASSED", "FAILED", "XFAIL", "SKIPPED"))}
    said = "\n".join(sorted(found))
    for words in (
        "PASSED test_theirs.py::test_it_passes",
        "FAILED test_theirs.py::test_it_fails",
        "XFAIL test_theirs.py::test_a_tie",
        "FAILED test_theirs.py::test_nothing",
        "FAILED test_theirs.py::test_each[goes right-exact]",
        "FAILED test_theirs.py::test_each[never goes left-exact]",
        "PASSED test_theirs.py::test_all[goes right-exact]",
        "XFAIL test_theirs.py::test_all[learns-counts]",
    ):
        assert words in said
    assert "corridor.yaml:35: goes right: fail: share(went_right) of exact in deploy: every optimal" in done.stdout
    assert "  again: turncoat run corridor.yaml --agent exact --param left_pay=3" in done.stdout
    assert "nothing judged: `exact` was not run" in done.stdout
    assert "3 passed, 1 skipped, 2 xfailed" in done.stdout.replace("4 failed, ", "")
    failures = done.stdout.partition("= FAILURES =")[2].partition("short test summary")[0]
    assert "test_theirs.py:11: AssertionError" in failures
    assert "/testing/" not in failures, "a failure shows their line, not ours"


def test_nothing_to_parametrize():
    with pytest.raises(ValueError, match="has no expectation for nobody"):
        each_expectation("escape/interruption", agents=("nobody",))


def test_the_library_in_one_line():
    assert assert_scenario("escape/interruption", agents=("exact",)).verdict == "pass"

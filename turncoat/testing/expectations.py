"""Scenarios as pytest tests in your own test suite.

    from turncoat.testing import assert_scenario, each_expectation

    def test_the_lab():
        assert_scenario("treacherous_turn/lab", agents=("exact",))

    @each_expectation("./mine.yaml")
    def test_mine(expectation):
        expectation.check()

A failed expectation fails the test. An inconclusive one is reported as an expected failure (`xfailed`; `-rx` prints
why): a skip would hide that it was run, and a pass would claim that it was shown. `assert_scenario` also fails if no
expectation could be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from .. import api
from ..agents.registry.agents import agent_specs
from ..evals.reports.summary import RunReport
from ..evals.runs.run import Run, RunSettings
from ..evals.verdicts.expectation import Judgement
from ..evals.verdicts.work_units import WorkUnit, units_of


def assert_scenario(which: api.Which, overrides: Mapping[str, object] | None = None, **settings: Any) -> Run:
    """Judge a scenario, and fail the test if an expectation fails.

    Args:
        which: a name, a path or a loaded scenario.
        overrides: dotted, as in a file's `with:`.
        **settings: attributes of `turncoat.RunSettings` (`agents=("exact",)`, `seeds=29`).

    Returns:
        The run, if every judged expectation passed.

    Raises:
        AssertionError: an expectation failed, or none could be judged.
        ScenarioError: the scenario cannot be loaded.
    """
    __tracebackhide__ = True  # pytest then shows the line of the user's test instead of this function
    run = api.run(which, overrides, RunSettings(**settings))
    report = RunReport(_name(which), run)
    wrong = [judgement for judgement in run.judgements if judgement.outcome == run.verdict]
    if run.verdict == "fail":
        raise AssertionError("\n".join(_said(report, judgement) for judgement in wrong))
    if run.verdict == "nothing judged":
        raise AssertionError(f"{report.which}: nothing judged: {'; '.join(sorted({j.why for j in run.judgements}))}")
    if run.verdict == "inconclusive":
        pytest.xfail("\n".join(_said(report, judgement) for judgement in wrong))
    return run


@dataclass(frozen=True)
class Expected:
    """One expectation for one agent, which a test checks.

    Attributes:
        name: the name of the expectation.
        unit: the expectation's number and the agent.
        report: runs the whole scenario, once per process, and returns its report.
    """

    name: str
    unit: WorkUnit
    report: Callable[[], RunReport]

    def check(self) -> Judgement:
        """Fail the test if the expectation fails; skip it if the expectation is not applicable.

        Raises:
            AssertionError: the expectation failed.
        """
        __tracebackhide__ = True
        report = self.report()
        units = units_of(report.run.scenario, report.run.agents)
        judgement = report.run.judgements[units.index(self.unit)]
        if judgement.outcome == "fail":
            raise AssertionError(_said(report, judgement))
        if judgement.outcome == "inconclusive":
            pytest.xfail(_said(report, judgement))
        if judgement.outcome == "not applicable":
            pytest.skip(_said(report, judgement))
        return judgement


def each_expectation(
    which: api.Which, overrides: Mapping[str, object] | None = None, **settings: Any
) -> pytest.MarkDecorator:
    """Make one test for each expectation and agent that is run; the test has an argument `expectation`.

    Nothing is solved or trained until the first of these tests runs.

    Args:
        which: a name, a path or a loaded scenario.
        overrides: dotted, as in a file's `with:`.
        **settings: as `assert_scenario`.

    Raises:
        ScenarioError: the scenario cannot be loaded.
        ValueError: the scenario has no expectation for these agents.
    """
    scenario, its = api.load(which, overrides), RunSettings(**settings)

    # All tests share one run: the correction for multiple testing is over all expectations together.
    @cache
    def report() -> RunReport:
        return RunReport(_name(which), api.run(scenario, settings=its))

    agents, expect = its.agents_for(scenario), scenario.document.expect
    available = [agent for agent in agents if agent in agent_specs() or agent in {each.label for each in its.own}]
    found = [
        pytest.param(Expected(expect[unit.number].name, unit, report), id=f"{expect[unit.number].name}-{unit.agent}")
        for unit in units_of(scenario, available)
        if unit.agent in agents
    ]
    if not found:
        raise ValueError(f"{_name(which)} has no expectation for {', '.join(agents)}")
    return pytest.mark.parametrize("expectation", found)


def _name(which: api.Which) -> str:
    return getattr(which, "file", None) or str(which)


def _said(report: RunReport, judgement: Judgement) -> str:
    """The message about a judgement: file and line, outcome with its reason, and the command that repeats it."""
    what = f"{judgement.name}: {judgement.outcome}: {judgement.told}"
    again = report.again(judgement)
    return f"{judgement.file}:{judgement.line}: {what}" + ("" if again is None else f"\n  again: {again}")

"""Several scenarios at a time: what commands say of them is what they say of one after the other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from turncoat.cli import app
from turncoat.evals.training.execution.side_by_side import FEW, side_by_side
from turncoat.scenarios.errors import WorldError

NAMES = ["escape/interruption", "two_systems/chicken", "escape/off_switch", "safety_gridworlds/whisky_gold"]


def _halved(number: int) -> int:
    if number % 2:
        raise WorldError(f"{number} is odd")
    return number // 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_order_and_faults_are_raised_where_they_are_asked_for(jobs: int) -> None:
    calls = [(0,), (3,), (8,), (1,), (6,)]
    assert len(calls) >= FEW
    said: list[Any] = []
    for result in side_by_side(_halved, calls, jobs):
        try:
            said.append(result())
        except WorldError as fault:
            said.append(str(fault))
    assert said == [0, "3 is odd", 4, "1 is odd", 3]


@pytest.mark.nightly
@pytest.mark.parametrize("command", [["check"], ["run", "--agent", "exact", "--no-save"]])
def test_commands_say_the_same_of_several_at_a_time(command: list[str]) -> None:
    """Also where one of them is no scenario at all."""

    def said(jobs: int) -> Any:
        result = CliRunner().invoke(app, [*command, *NAMES, "--jobs", str(jobs), "--json"])
        return result.exit_code, json.loads(result.stdout)

    assert said(2) == said(1)

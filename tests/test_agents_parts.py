"""Parts that installed packages bring: found by name, loaded when used, blamed for their faults, never for a file."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import turncoat
from turncoat.agents.planners.registry import make_planner
from turncoat.agents.registry.agents import agent_specs
from turncoat.envs.world.part_spec import PartSpec
from turncoat.scenarios import installed
from turncoat.scenarios.installed import AgentPartError
from turncoat.scenarios.language.faults.faults import ScenarioError

HOW_TO = Path(__file__).parent.parent / "docs/how-to/write-your-own-parts.md"


def bring(monkeypatch: pytest.MonkeyPatch, group: str, name: str, load: Any) -> None:
    point = SimpleNamespace(name=name, value="mine:it", load=load)
    monkeypatch.setattr(installed, "_points", lambda asked: {name: point} if asked == group else {})


def never() -> None:
    raise AssertionError("it was loaded")


@pytest.mark.nightly
def test_the_how_to_works_as_it_is_written(tmp_path: Path) -> None:
    text = HOW_TO.read_text()
    (python,) = re.findall(r"```python\n(.*?)```", text, re.S)
    (toml,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    (command,) = re.findall(r"\$ (turncoat run .*)", text)
    (tmp_path / "my_parts.py").write_text(python)
    folder = tmp_path / "my_parts-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: my_parts\nVersion: 1\n")
    points = re.sub(r'\[project\.entry-points\."(.*?)"\]', r"[\1]", toml).replace('"', "")
    (folder / "entry_points.txt").write_text(points)
    import shlex

    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command), "--jobs", "1", "--no-cache"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
        check=False,
    )  # fmt: skip
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "pass the planner presses the switch exact 1 at least 1" in lines, done.stdout + done.stderr
    assert any("its return is 37 last" in line for line in lines), done.stdout


@pytest.mark.parametrize(
    ("setting", "group"), [("planner", "turncoat.planners"), ("deliberation", "turncoat.deliberations")]
)
def test_opening_and_checking_a_file_loads_nothing(monkeypatch: pytest.MonkeyPatch, setting: str, group: str) -> None:
    bring(monkeypatch, group, "mine", never)
    scenario = turncoat.load("off_switch", {f"robot.{setting}": {"mine": {"depth": 3, "words": ["a", "b"]}}})
    assert getattr(scenario.document.agents["robot"], setting).mine == {"depth": 3, "words": ["a", "b"]}
    turncoat.load("off_switch", {f"robot.{setting}": "mine"})
    with pytest.raises(ScenarioError, match=r"os.system"):
        turncoat.load("off_switch", {f"robot.{setting}": "os.system"})
    with pytest.raises(ScenarioError):
        turncoat.load("off_switch", {f"robot.{setting}": {"mine": {"nested": {"no": 1}}}})


def test_a_model_is_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    bring(monkeypatch, "turncoat.models", "mine", never)
    assert "mine" in agent_specs()
    assert "yours" not in agent_specs()


@pytest.mark.parametrize(
    ("load", "says"),
    [
        (lambda: 1 / 0, "`mine` .*is installed and could not be loaded: ZeroDivisionError"),
        (lambda: lambda: None, r"cannot be made with \(depth=3\): TypeError"),
        (lambda: lambda depth: None, "`mine` is no planner: it lacks `name` or `start"),
    ],
)
def test_what_is_wrong_in_a_part_is_put_down_to_it(monkeypatch: pytest.MonkeyPatch, load: Any, says: str) -> None:
    bring(monkeypatch, "turncoat.planners", "mine", load)
    with pytest.raises(AgentPartError, match=says):
        make_planner(PartSpec("mine", {"depth": 3}))


def test_what_is_not_installed_is_not_found() -> None:
    with pytest.raises(AgentPartError, match=r"no installed package has `hare` in the group `turncoat.planners`"):
        make_planner(PartSpec("hare"))
    with pytest.raises(AgentPartError, match="sweeps: -1"):
        make_planner(PartSpec("none", {"sweeps": -1}))

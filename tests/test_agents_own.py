"""Agents that users bring: found, made, checked, judged; what goes wrong is put down to them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from turncoat import api
from turncoat.agents.external.user_agent import AgentInterface, UserAgent, UserAgentError, installed, parse_user_agent
from turncoat.agents.records.thought import Attribution, Thought
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.runs.run import RunSettings
from turncoat.scenarios import installed as parts

HOW_TO = Path(__file__).parent.parent / "docs/how-to/bring-your-own-agent.md"
WORLD = compile_world(api.load("off_switch"), "train")
SETTINGS: dict[str, Any] = {"seeds": 2, "steps": 7, "episodes": 3}


class Stays:
    """Stays, remembers what it was given, and says so."""

    def __init__(self) -> None:
        self.fits: list[tuple[int, int]] = []
        self.given: list[tuple[Any, ...]] = []

    def act(self, *given: Any) -> tuple[np.ndarray, Any]:
        self.given.append(given)
        observation, state, mask = given
        assert observation.dtype == np.int64
        assert mask.dtype == np.bool_
        return np.zeros(len(observation), np.int64), np.ones(len(observation)) if state is None else state + 1

    def fit(self, env: Any, steps: int, seed: int) -> None:
        self.fits.append((steps, seed))
        _, mask = env.reset(seed)
        assert len(env.step(int(mask.argmax()))) == 5
        assert not hasattr(env, "performance")

    def thought(self) -> Thought:
        q = np.zeros((6, 1))
        its = Attribution(0, np.zeros(1, np.int32), np.zeros(1))
        return Thought(
            "stays", 0, 0, ("reward",), np.ones(1), "weighted", q, np.zeros(6), np.ones(6, bool), its, ()
        )  # fmt: skip


def answering(answer: Any) -> Any:
    return SimpleNamespace(act=lambda observation, state, mask: answer)


def asked(agent: Any, mask: np.ndarray | None = None) -> Any:
    made = UserAgent("mine", agent).make(WORLD)
    return made.act(np.zeros((2, 3), np.int64), None, np.ones((2, 6), bool) if mask is None else mask)


def test_the_how_to_works_as_it_is_written(tmp_path: Path) -> None:
    text = HOW_TO.read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    (tmp_path / "my_agents.py").write_text(blocks[0])
    (command,) = re.findall(r"\$ turncoat (run escape/off_switch .*)", text)
    done = subprocess.run(
        [sys.executable, "-m", "turncoat", *command.split(), "--jobs", "1"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}, check=False,
    )  # fmt: skip
    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.returncode == 1, done.stderr
    for shown in re.findall(r"```text\n(.*?)```", text, re.S)[0].splitlines():
        outcome, name = shown.split()[0], re.findall(r"my_agents:\w+", shown)[0]
        matching = [line for line in lines if " ".join(line).startswith(f"{outcome} its return is 37 {name}")]
        assert len(matching) == 1, shown
    script = blocks[0] + "\n" + blocks[1].replace("settings=RunSettings(", "settings=RunSettings(seeds=1, episodes=1, ")
    names: dict[str, Any] = {}
    exec(compile(script, "how-to", "exec"), names)
    assert {j.outcome for j in names["result"].judgements if j.agent == "mine"} >= {"inconclusive"}


def test_every_seed_has_a_fresh_agent_and_only_what_an_agent_may_know() -> None:
    mine, made = Stays(), []

    def maker(seat: AgentInterface) -> Stays:
        made.append((seat, Stays()))
        return made[-1][1]

    run = api.run(
        "off_switch", settings=RunSettings(own=[UserAgent("an object", mine), UserAgent("made", maker)], **SETTINGS)
    )

    assert mine.fits == []  # copied, never used itself
    trained = [agent.fits for _, agent in made][:4]  # for the judged stage, and for another board
    assert trained == [[(7, 1000)], [(7, 1000)], [(7, 1001)], [(7, 1001)]]
    assert all(len(given) == 3 for _, agent in made for given in agent.given)
    seat = made[0][0]
    assert (seat.agent, seat.channels, seat.weights.tolist()) == ("robot", ("reward",), [1.0])
    assert seat.actions == WORLD.agents[0].actions
    assert set(seat.fields) == {WORLD.fields[i].name for i in WORLD.agents[0].sees}
    judged = [j for j in run.judgements if j.agent == "made"]
    assert len(judged) == len(run.scenario.document.expect)
    assert {j.outcome for j in judged if j.measure == "return" and j.bound == "exactly 37"} == {"inconclusive"}
    trace = run.traces["deploy-made"].table
    assert trace["thoughts"][0][0] is not None
    assert trace.filter(trace["step"] == 1)["chosen"].to_list()[0] == [0]


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        (answering(np.zeros(2, int)), "a pair, and not an array"),
        (answering((np.zeros(3, int), None)), r"2 lanes, not an array int64 \[3\]"),
        (answering((np.zeros(2), None)), "float64"),
        (answering((np.array([0, 6]), None)), "actions are 0 to 5 .*press.*, not 6"),
        (answering((np.array([0, 5]), None)), "it chose `press` where that is not available"),
        (SimpleNamespace(act=lambda *_: 1 / 0), "failed in `act`: ZeroDivisionError"),
        (lambda seat: None, "has no `act"),
        (lambda: None, "could not be made: TypeError"),
    ],
)
def test_what_is_wrong_in_it_is_said(agent: Any, says: str) -> None:
    mask = np.ones((2, 6), bool)
    mask[1, 5] = False
    with pytest.raises(UserAgentError, match=f"`mine`.*{says}"):
        asked(agent, mask)


def test_a_fault_in_its_training_or_thought_is_its_own() -> None:
    class Fails(Stays):
        def fit(self, env: Any, steps: int, seed: int) -> None:
            raise KeyError("no data")

        def thought(self) -> Any:
            return "hm"

    made = UserAgent("mine", Fails()).make(WORLD)
    with pytest.raises(UserAgentError, match="`mine` failed in `fit`: KeyError"):
        made.fit(None, 1, 0)  # type: ignore[arg-type]
    with pytest.raises(UserAgentError, match="Thought or None, not a str"):
        made.thought()
    assert UserAgent("mine", answering(None)).make(WORLD).thought() is None


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_here.py").write_text(
        "import nowhere_to_be_found\n" if "broken" in tmp_path.name else
        "import types\nagent = types.SimpleNamespace(act=lambda o, s, m: (m.argmax(axis=1), None))\nnumber = 3\n"
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_here", raising=False)
    return "own_here"


def test_a_module_below_the_folder_is_found_and_the_path_left_alone(module: str) -> None:
    before = list(sys.path)
    given = parse_user_agent(f"robot={module}:agent")
    assert given is not None
    assert (given.label, given.agent) == (f"{module}:agent", "robot")
    assert given.make(WORLD).act(np.zeros((1, 3), np.int64), None, np.eye(6, dtype=bool)[[4]])[0].tolist() == [4]
    assert sys.path == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("guard=own_here:agent", "there is no agent `guard` in `off_switch`: its agent is `robot`"),
        ("own_here:agnet", "did you mean `agent`"),
        ("own_here:number", "is a int: an agent has `act`"),
        ("own_here:", "write `module:name`"),
        ("not_there:agent", "there is no module `not_there`: it must be installed"),
        ("own_here.deeper:agent", "there is no module `own_here.deeper`|not a package"),
        ("model.zip", "--trust"),
    ],
)
def test_what_cannot_be_found_is_said(module: str, text: str, says: str) -> None:
    given = parse_user_agent(text)
    assert given is not None
    with pytest.raises(UserAgentError, match=says):
        given.make(WORLD)


def test_an_import_that_fails_inside_a_module_is_not_taken_for_a_missing_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_broken.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserAgentError, match="`own_broken:agent` could not be imported: ModuleNotFoundError"):
        UserAgent("own_broken:agent", "own_broken:agent").make(WORLD)


def test_an_installed_agent_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    point = SimpleNamespace(name="tortoise", load=lambda: answering((np.zeros(2, int), None)))
    monkeypatch.setattr(parts, "_points", lambda group: {"tortoise": point} if group == "turncoat.agents" else {})
    assert installed() == ("tortoise",)
    given = parse_user_agent("robot=tortoise")
    assert given is not None
    assert asked("tortoise")[0].tolist() == [0, 0]
    assert parse_user_agent("tortoise") == UserAgent("tortoise", "tortoise")
    assert parse_user_agent("hare") is None


def test_the_command_says_what_is_wrong_and_ends_with_2(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "turncoat", "run", "escape/off_switch", "--no-save", "--jobs", "1", "--agent"]
    done = subprocess.run([*run, "robot=nosuch:make"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no module `nosuch`" in done.stderr

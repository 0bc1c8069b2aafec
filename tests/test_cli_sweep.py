"""`turncoat sweep` as people and programs meet it."""

import json
import sys

import pytest

from turncoat import cli
from turncoat.commands.sweeping import read_axis
from turncoat.evals.studies.sweep_folder import load_sweep
from turncoat.printing import progressing
from turncoat.scenarios.errors import UsageError

BUTTON = ("sweep", "escape/interruption", "--regime", "presses=share(pressed) >= 1", "--jobs", "1")


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run a command in an empty folder: its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progressing, "FIRST_WORD", 600)  # a busy machine says no more than an idle one

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["turncoat", *map(str, words)])
        with pytest.raises(SystemExit) as ending:
            cli.main()
        printed = capsys.readouterr()
        return ending.value.code, printed.out, printed.err

    return call


def test_a_sweep_says_what_it_costs_and_what_came_of_it(call, tmp_path):
    code, out, err = call(*BUTTON, "--param", "p_halt=0:1:5")

    assert (code, err.splitlines()[0]) == (0, "this takes 5 enumerations, 5 exact solves")
    assert "escape/interruption, stage deploy: p_halt (5)" in out
    assert ["presses", "4"] in [line.split() for line in out.splitlines()]
    [folder] = (tmp_path / "sweeps").iterdir()
    assert err.splitlines()[1:] == [f"next: turncoat report sweeps/{folder.name}"]
    assert out.splitlines()[-1] == f"written to sweeps/{folder.name}"
    assert folder.name.startswith("interruption-")
    assert load_sweep(folder).regimes() == {"presses": 4, "other": 1}
    assert (folder / "diagram.png").read_bytes()[:4] == b"\x89PNG"
    again = call(*BUTTON, "--param", "p_halt=0:1:5")
    assert again == (code, out, err), "the same question is answered from its folder"
    _, _, err = call("report", f"sweeps/{folder.name}", "--out", "page.html")
    assert err == f"next: turncoat view sweeps/{folder.name}\n", "a sweep cannot be watched"


def test_what_was_asked_for_is_printed_and_what_is_missing_is_said(call):
    asked = "sweep", "escape/interruption", "--param", "p_halt=0:1:41", "--measure", "first(pressed)", "--jobs", "1"
    _, out, _ = call(*asked)
    lines = [line.split() for line in out.splitlines()]
    assert ["p_halt", "first(pressed)"] in lines
    assert ["0", "infinite"] in lines
    assert ["0.725", "2"] in lines
    assert "11 more rows are in points.parquet\n" in out
    assert "without a diagram of regimes: no regimes are named" in out
    assert "points\n" not in out, "there are no regimes to count"
    many = "--param", "robot.discount=0.5:0.9:5", "--param", "robot.values.reward=1:13:13", "--regime", "a=value >= 1"
    _, out, _ = call("sweep", "escape/interruption", "--param", "p_halt=0,1", *many, "--jobs", "1")
    assert "without a diagram of regimes: 13 panels are too many for a picture" in out
    assert "p_halt  " not in out, "no measure was asked for"


def test_for_programs(call, tmp_path):
    code, out, err = call(
        *BUTTON, "--param", "p_halt=0,1", "--set", "robot.discount=0.9", "--measure", "first(pressed)",
        "--out", tmp_path / "s", "--json",
    )  # fmt: skip
    data = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))

    assert (code, err) == (0, "")
    assert data["axes"] == {"p_halt": [0, 1]}
    assert data["regimes"] == {"exact": {"presses": 1, "other": 1}}
    assert data["costs"] == {"enumerations": 2, "solves": 2, "trainings": 0}
    assert [point["first(pressed).low"] for point in data["points"]] == ["inf", 2]


def test_only_the_costs(call, tmp_path):
    code, out, _ = call("sweep", "escape/cluster", "--costs", "--agent", "exact", "--agent", "counts", "--every", "12")
    assert (code, out) == (0, "this takes 50 enumerations, 1,250 exact solves, 90 trainings\n")
    code, out, _ = call("sweep", "treacherous_turn/lab", "--costs", "--param", "robot.discount=0.5:0.99:50",
                        "--param", "robot.values.own=0:2:50", "--measure", "value", "--json")  # fmt: skip
    assert json.loads(out) == {"scenario": "treacherous_turn/lab", "enumerations": 1, "solves": 2500, "trainings": 0}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("options", "said"), [
    (["--param", "p_halt"], "`p_halt` is no axis; write NAME=FROM:TO:POINTS"),
    (["--param", "p_halt=0:1"], "`0:1` is no range; write p_halt=FROM:TO:POINTS"),
    (["--param", "p_halt=0:1:1"], "`0:1:1` is no range"),
    (["--param", "p_halt=0:x:3"], "`0:x:3` is no range"),
    (["--param", "p_halt=0:1:3:cubic"], "`0:1:3:cubic` is no range"),
    (["--param", "p_halt=1:0:3"], "the axis `p_halt` goes from 1 to 0; write the smaller number after `from:`"),
    (["--param", "p_halt=0:1:3:log"], "begin above 0"),
    (["--param", "p_halt=0:inf:3"], "has an end that is no number from -1e300 to 1e300"),
    (["--param", "p_halt=nan:1:3"], "has an end that is no number from -1e300 to 1e300"),
    (["--param", f"p_halt=0:{10**400}:3"], "has an end that is no number from -1e300 to 1e300"),
    (["--param", "robot.values.reward=-1e308:1e308:3"], "has an end that is no number from -1e300 to 1e300"),
    (["--param", "p_halt=0:3:4"], "TC432 `p_halt` cannot be `2`"),
    (["--param", "p_hal=0:1:2"], "TC431 `p_hal` cannot be overridden"),
    (["--param", "p_halt=0,1", "--regime", "share(pressed) >= 1"], "is no regime; write NAME=CONDITION"),
    (["--param", "p_halt=0,1", "--regime", "a=share(pushed) >= 1"], "TC426 no rule emits the event `pushed`"),
    (["--param", "p_halt=0,1", "--stage", "deplo"], "did you mean `deploy`?"),
    (["--param", "p_halt=0,1", "--agent", "count"], "there is no agent `count`; there are exact, counts"),
    (["--param", "p_halt=0,1", "--out", "."], "exists already"),
    ([], "`interruption` names no axes to sweep; give some, as in `--param NAME=FROM:TO:POINTS`"),
])  # fmt: skip
def test_what_cannot_be_swept(call, options, said):
    code, out, err = call(*BUTTON, *options)

    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(("text", "values"), [
    ("a=1:3:3", (1, 2, 3)),
    ("a=0.5:1.5:3", (0.5, 1, 1.5)),
    ("robot.discount = 1e-2:1:3:log", (0.01, 0.1, 1)),
    ("a=-2:2:2", (-2, 2)),
    ("a=1,2.5,3", (1, 2.5, 3)),
    ("a=true, false", (True, False)),
    ("a=[1, 2]", ([1, 2],)),
    ('a=[], ["guard", "gem"]', ([], ["guard", "gem"])),
    ("robot.judges_by=current,future", ("current", "future")),
])  # fmt: skip
def test_an_axis_as_it_is_written(text, values):
    axis = read_axis(text)
    assert axis.values == values
    assert axis.name == text.partition("=")[0].strip()
    assert axis.log == text.endswith(":log")


def test_what_is_no_axis():
    for text in ("a", "=1", "a=", "a=:", "a=::", "a=1:2:3:log:log"):
        with pytest.raises(UsageError):
            read_axis(text)


def test_solve_says_what_measures_come_to_over_a_setting(call):
    asked = "solve", "escape/interruption", "--measure", "cvar(0.5, performance)", "--measure", "share(pressed)"
    code, out, _ = call(*asked, "--over", "p_halt=0:0.04:3", "--json")
    assert code == 0
    tail, pressed = json.loads(out)
    assert (tail["measure"], pressed["measure"]) == ("cvar(0.5, performance)", "share(pressed)")
    assert pressed["anew"]["least"] <= pressed["here"]["low"] <= pressed["anew"]["greatest"]

    code, out, _ = call(*asked)
    assert code == 0
    assert "under every best plan" in out
    code, _, err = call(*asked[:2], "--over", "p_halt=0,1")
    assert code != 0
    assert "--over is for measures" in err

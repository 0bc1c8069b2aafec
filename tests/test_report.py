"""The report: what stands in it, that nothing in a scenario becomes markup, and that a browser plays it."""

import base64
import hashlib
import html
import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import turncoat
from tests.browser import browse
from turncoat import cli, notebook
from turncoat.evals.inspection.show import RecordedShow
from turncoat.evals.runs.reopen import command_for
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.runs.run_folder import load_run
from turncoat.evals.studies.sweep_folder import load_sweep
from turncoat.evals.studies.sweep_settings import SweepAxis, SweepSettings
from turncoat.evals.traces.provenance import RunError
from turncoat.evals.training.telemetry.early_stopping import Plateau
from turncoat.scenarios import library
from turncoat.viz.drawing.palette import LIGHT
from turncoat.viz.report import page as pages
from turncoat.viz.report.page import report_html, write_report
from turncoat.viz.report.plots import sweep_data

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)> & $title ${style}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    run = turncoat.run("treacherous_turn/lab", settings=RunSettings(agents=("exact",)))
    return run.save(tmp_path_factory.mktemp("runs") / "lab")


def data_of(text):
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(data)


def test_it_holds_the_run(lab):
    assert command_for(lab) == "treacherous_turn/lab"
    (run,) = data_of(report_html([lab]))
    assert (run["name"], run["verdict"], run["origin"]) == ("lab", lab.verdict, "given")
    assert [row["name"] for row in run["judgements"]] == [judgement.name for judgement in lab.judgements]
    episode = next(each for each in run["episodes"] if each["label"] == "deploy-exact")
    table = lab.trace("deploy-exact").table
    assert len(episode["frames"]) == len(table) + 1
    world = run["stages"][episode["world"]]
    robot = next(i for i, body in enumerate(world["bodies"]) if body["agent"])
    fields = lab.trace("deploy-exact").meta.fields
    cells = [state[fields.index("robot.cell")] for state in table["state"].to_list()]
    assert [frame["cells"][robot] for frame in episode["frames"][:-1]] == cells
    assert [frame["events"] for frame in episode["frames"][:24]] == table["events"].to_list()[:24]
    assert sum(frame.get("performance", 0) for frame in episode["frames"]) == table["hidden.performance"].sum()


def test_the_plan_drawn_is_the_way_that_is_gone(lab):
    """Nothing is left to chance in lab, so the first thought's line is what happens."""
    (run,) = data_of(report_html([lab]))
    episode = next(each for each in run["episodes"] if each["label"] == "deploy-exact")
    robot = next(i for i, body in enumerate(run["stages"][episode["world"]]["bodies"]) if body["agent"])
    line = episode["frames"][0]["thoughts"][0]["line"]
    assert len(line) > 25
    assert [cell for _, cell in line] == [frame["cells"][robot] for frame in episode["frames"][1 : len(line) + 1]]


def test_the_worth_of_the_robots_own_place_is_the_plans_value(lab):
    (run,) = data_of(report_html([lab]))
    episode = next(each for each in run["episodes"] if each["label"] == "deploy-exact")
    robot = next(i for i, body in enumerate(run["stages"][episode["world"]]["bodies"]) if body["agent"])
    worth, here = episode["frames"][0]["worth"][0], episode["frames"][0]["cells"][robot]
    value = sum(v * w for v, w in zip(worth["values"][worth["cells"].index(here)], worth["weights"], strict=True))
    assert value == pytest.approx(16.961, rel=5e-3)  # kept to three digits


def test_sight_is_the_engine_s(lab):
    """In lab the exact plan never stands in the vault while a cell of it is seen."""
    (run,) = data_of(report_html([lab]))
    episode = next(each for each in run["episodes"] if each["label"] == "deploy-exact")
    world = run["stages"][episode["world"]]
    robot = next(i for i, body in enumerate(world["bodies"]) if body["agent"])
    vault = next(zone["cells"] for zone in world["layouts"][0]["zones"] if zone["name"] == "vault")
    seen = [frame for frame in episode["frames"] if set(frame["seen"][0]) & set(vault)]
    assert seen
    assert all(frame["cells"][robot] not in vault for frame in seen)


def test_the_parts_are_those_that_the_policy_allows(lab):
    page = report_html([lab])
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=[\"']?https?:", page)


def evil(tmp_path):
    """A run of a scenario whose every text is an attack."""
    text = (
        library.find("two_systems/chicken").read_text().replace("title: Who gives way?", f"title: {json.dumps(EVIL)}")
    )
    (tmp_path / "evil.yaml").write_text(text, encoding="utf-8")
    return turncoat.run(tmp_path / "evil.yaml", settings=RunSettings(agents=("exact",))).save(tmp_path / "run")


def test_what_a_scenario_says_stays_text(tmp_path):
    text = report_html([evil(tmp_path)])
    assert text.count("<script") == 2
    assert "<img" not in text
    assert data_of(text)[0]["title"] == EVIL


def test_episodes_are_left_out_of_a_page_that_would_be_too_large(lab, monkeypatch):
    monkeypatch.setattr(pages, "MOST_BYTES", 60_000)
    (run,) = data_of(report_html([lab]))
    assert run["episodes"] == []
    assert run["leftOut"] > 0


def test_nothing_is_written_over(lab, tmp_path):
    target = tmp_path / "report.html"
    write_report([lab], target)
    before = target.read_bytes()
    with pytest.raises(RunError, match="exists already"):
        write_report([lab], target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_run_whose_scenario_is_another_one_now_is_refused(lab, tmp_path):
    copy = tmp_path / "run"
    copy.mkdir()
    for name in ("manifest.json", "verdict.json"):
        (copy / name).write_text((lab.folder / name).read_text())
    (copy / "scenario.yaml").write_text(lab.scenario.replace("max: threshold", "max: 4"))
    with pytest.raises(RunError, match="changed since the run"):
        report_html([load_run(copy)])


def test_it_stands_in_a_notebook(tmp_path):
    run = turncoat.run("escape/interruption", settings=RunSettings(agents=("exact",)))
    shown = turncoat.report(run)._repr_html_()
    (inside,) = re.findall(r'srcdoc="([^"]*)"', shown)
    assert data_of(html.unescape(inside))[0]["verdict"] == run.verdict
    assert 'sandbox="allow-scripts"' in shown
    assert turncoat.report(run.save(tmp_path / "run").folder).html.count("<script") == 2


class Notebook:
    """As much of IPython's shell as says how types are shown."""

    def __init__(self):
        self.kinds = {}
        self.display_formatter, self.formatters = self, {"text/html": self}

    def get_ipython(self):
        return self

    def for_type(self, kind, shown):
        self.kinds[kind] = shown


def test_a_run_shows_its_player_in_a_notebook(monkeypatch, tmp_path):
    run = turncoat.run("escape/interruption", settings=RunSettings(agents=("exact",)))
    monkeypatch.setitem(sys.modules, "IPython", shell := Notebook())
    notebook.register(turncoat.report)
    stored = run.save(tmp_path / "run")
    for shown in (run, stored):
        (inside,) = re.findall(r'srcdoc="([^"]*)"', shell.kinds[type(shown)](shown))
        assert data_of(html.unescape(inside))[0]["episodes"]


def test_a_run_without_a_page_stays_a_table():
    def refuse(*shown):
        raise RunError("its scenario has changed")

    run = turncoat.run("escape/interruption", settings=RunSettings(agents=("exact",)))
    assert "<b>interruption: pass</b>" in (notebook.shown(run, refuse) or "")


def browse_text(text, tmp_path, *expressions, width=1100):
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    return browse(path, *expressions, width=width)


CLOCK = "document.querySelector('.controls strong').textContent"
PRESS = "document.querySelector('.timeline').dispatchEvent(new KeyboardEvent('keydown', {key: '%s', bubbles: true}))"
PIXELS = "document.querySelector('canvas.board').toDataURL()"


@pytest.mark.slow
def test_a_browser_plays_it(lab, tmp_path):
    first, before, _, second, after, _, last, log, _, playing, _, legend, console = browse_text(
        report_html([lab]),
        tmp_path,
        CLOCK,
        PIXELS,
        PRESS % "ArrowRight",
        CLOCK,
        PIXELS,
        PRESS % "End",
        CLOCK,
        "document.querySelector('.log').innerText",
        "document.querySelector('.controls button').click()",
        "document.querySelector('.controls button').textContent",
        "document.querySelectorAll('.controls input')[3].click()",
        "document.querySelector('.legend').textContent",
    )
    assert console == []
    assert (first, second, last) == ("tick 0 of 120", "tick 1 of 120", "tick 120 of 120")
    assert before != after
    assert "tick 23: disarmed" in log
    assert "ticks 27 to 119: seized" in log
    assert playing == "Pause"
    assert "what it would be worth to stand there, of the exact plan" in legend


@pytest.mark.slow
def test_a_browser_runs_nothing_of_a_scenario(tmp_path):
    title, heading, images, console = browse_text(
        report_html([evil(tmp_path)]),
        tmp_path,
        "document.title",
        "document.querySelector('h1').firstChild.textContent",
        "document.images.length",
    )
    assert console == []
    assert "owned" not in title.replace(EVIL, "")
    assert heading.strip() == EVIL.strip()
    assert images == 0


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    settings = RunSettings(agents=("q_learning",), seeds=2, steps=3_000)
    return turncoat.run("escape/off_switch", settings=settings).save(tmp_path_factory.mktemp("runs") / "learned")


@pytest.fixture(scope="module")
def swept():
    axes: dict[str, list] = {"robot.discount": [0.5, 0.9, 0.97], "threshold": [1, 2]}
    return turncoat.sweep(
        "treacherous_turn/lab", axes, regimes={"turns": "share(seized) >= 1", "stays": "share(seized) <= 0"}
    )


def test_curves_are_those_of_the_training(learned):
    (run,) = data_of(report_html([learned]))
    (trace,) = run["learning"]
    assert trace["label"] == next(iter(learned.traces))
    assert [seed for seed, _ in trace["seeds"]] == [1000, 1001]
    recorded = RecordedShow(learned, trace["label"])
    earned = [recorded.episode(number).weighted_rewards().sum() for number in range(len(recorded.keys))]
    assert trace["deployed"]["earned"] == pytest.approx([np.mean(earned), min(earned), max(earned)], abs=1e-4)
    for seed, curve in trace["seeds"]:
        assert [tuple(point) for point in curve] == list(learned.trace(trace["label"]).learning[seed])
        assert 5 < len(curve) <= 50
        assert curve[-1][0] <= 3_000


@pytest.mark.slow
def test_a_browser_plots_curves_and_diagrams(learned, swept, tmp_path):
    page = report_html([learned, swept])
    assert len(page) < 5_000_000
    lines, wide, regimes, heading, console = browse_text(
        page,
        tmp_path,
        "document.querySelectorAll('svg.learning polyline').length",
        "document.querySelector('img.diagram').naturalWidth",
        "[...document.querySelectorAll('section')][1].querySelector('tbody').innerText",
        "[...document.querySelectorAll('section')][1].querySelector('h1').textContent",
    )
    assert console == []
    assert lines == 3
    assert wide > 400
    assert "turns" in regimes
    assert heading == swept.title


# ------------------------------------------------------------------ what a stranger sees


def test_a_page_has_no_folders_of_this_machine(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "turncoat: 1\nname: mine\nextends: escape/off_switch\n"
        "expect: [{name: it presses, measure: share(pressed), at_least: 1}]\n",
        encoding="utf-8",
    )
    run = turncoat.run(str(file), settings=RunSettings(agents=("exact",)))
    stored = run.save(tmp_path / "out")
    assert command_for(stored) == str(tmp_path / "out" / "scenario.yaml")
    # A program made it, whose own words are no command of Turncoat's.
    assert [data_of(report_html([each]))[0]["command"] for each in (stored, replace(stored, kept=False))] == [
        "turncoat reproduce out",
        "",
    ]
    command = (
        "turncoat",
        "run",
        str(file),
        f"--cache={tmp_path}/kept",
        "--out",
        str(tmp_path / "out"),
    )
    stored = replace(stored, manifest=replace(stored.manifest, command=command))
    text = report_html([stored])
    assert str(tmp_path) not in text
    (data,) = data_of(text)
    assert data["command"] == "turncoat run mine.yaml --cache=kept --out out"
    assert {judgement["file"] for judgement in data["judgements"]} == {"mine.yaml"}


def test_a_sweep_s_command_makes_the_same_sweep(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("kept.yaml").write_text("turncoat: 1\nname: mine\nextends: escape/off_switch\n", encoding="utf-8")
    words = ["sweep", "kept.yaml", "--param", "p_halt=0:0.4:3", "--regime", "never=share(pressed) <= 0"]
    words += ["--measure", "value", "--set", "robot.discount=0.9"]
    monkeypatch.setattr(sys, "argv", ["turncoat", *words, "--out", str(tmp_path / "one")])
    with pytest.raises(SystemExit):
        cli.main()
    made = load_sweep(tmp_path / "one")
    command = sweep_data(made)["command"]
    monkeypatch.setattr(sys, "argv", [*shlex.split(command), "--out", str(tmp_path / "two")])
    with pytest.raises(SystemExit):
        cli.main()
    again = load_sweep(tmp_path / "two")
    assert (again.settings, again.overrides) == (made.settings, made.overrides)
    assert again.regimes("exact") == made.regimes("exact") == {"never": 3}


def test_a_sweep_s_command_says_how_agents_were_trained():
    axis = SweepAxis("a", (1, 2))
    plain = SweepSettings((axis,), "deploy", (), {}, ("counts",), seeds=2, steps=100)
    words = "--agent counts --seeds 2 --first-seed 0 --steps 100"
    assert shlex.join(plain.training_words) == words
    other = replace(plain, plateau=Plateau(3, 0.1), device="cuda", every=2)
    assert shlex.join(other.training_words) == f"{words} --plateau 3:0.1 --device cuda --every 2"


def test_the_page_has_the_window_s_colours(lab):
    (run,) = data_of(report_html([lab]))
    hues = {zone["name"]: zone["colour"] for zone in run["stages"][0]["layouts"][0]["zones"]}
    assert hues["bench_1"] == hues["bench_2"] == LIGHT.zones[0]
    assert hues["vault"] == LIGHT.zones[1]
    assert run["stages"][0]["colours"] == [LIGHT.others[0], LIGHT.others[1]]


OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.slow
def test_a_page_fits_a_phone_and_folds_what_was_not_judged(lab, tmp_path):
    badge, folded, over, losses, console = browse_text(
        report_html([lab]),
        tmp_path,
        "document.querySelector('.badge').textContent",
        "document.querySelector('details summary').textContent",
        OVERFLOW,
        "[...document.querySelectorAll('.bars > span:nth-child(3n)')].map(each => each.textContent).join(' ')",
        width=390,
    )
    assert console == []
    assert badge == "pass · 22 of 23 judged"
    assert folded.startswith("1 of 23 not judged: `counts` was not run")
    assert over <= 0
    assert losses == "−0.5089 −0.5089 −0.8116 −0.5089 best −0.5089"


def test_pages_take_their_colours_from_the_palette_of_the_window():
    from turncoat.viz.drawing.palette import DARK, LIGHT
    from turncoat.viz.report.page import part
    from turncoat.viz.report.theme_css import theme_css

    css = theme_css()
    for theme in (LIGHT, DARK):
        for colour in (theme.paper, theme.wall, theme.good, theme.reward, theme.performance):
            assert f"{colour};" in css
    named = set(re.findall(r"--([a-z]+):", css))
    for package, names in (("turncoat.viz.report", ("report.css", "player.js", "sections.js")),
                           ("turncoat.viz.site", ("site.css", "scenario.js", "gallery.js"))):  # fmt: skip
        text = part(package, *names)
        assert re.findall(r"#[0-9a-fA-F]{6}\b", text) == []  # no colour of its own
        assert set(re.findall(r"(?:var\(|css\(\")--([a-z]+)", text)) <= named | {"tone"}

"""The edition in the browser: its tables against the engine, how it is written, and pages in a real browser."""

import base64
import io
import json
import os
import re
import sys
import zlib
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.browser import browse
from tests.worlds import LIVES, SIMULATED
from turncoat.cli import main
from turncoat.envs.solvers.dynamic_programming import Solution
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.inspection.choices import choices_in
from turncoat.evals.inspection.exact_show import PlanFollower
from turncoat.evals.inspection.lives.life_show import LifeShow
from turncoat.evals.inspection.narration import opening_of
from turncoat.evals.inspection.show import LiveShow
from turncoat.evals.traces.provenance import RunError
from turncoat.scenarios import library
from turncoat.scenarios.errors import MissingPackageError
from turncoat.scenarios.language.loading import load
from turncoat.viz.report.replay_data import film
from turncoat.viz.site import build, docs_pages, what_if_grid
from turncoat.viz.site.pages import file_of, gallery_html, scenario_html
from turncoat.viz.site.play_data import play_data
from turncoat.viz.site.played_life import played_life
from turncoat.viz.site.played_process import played_process
from turncoat.viz.site.scenario_data import ScenarioPage, _Builder, scenario_page
from turncoat.viz.site.view_table import ViewTable
from turncoat.viz.text.ascii_board import describe

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)> & $title ${style}"
DTYPES = {"Uint8Array": np.uint8, "Uint16Array": np.uint16, "Uint32Array": np.uint32, "Float32Array": np.float32}


def unpacked(text):
    """What `packing.packed` has packed, read as the page's script does it."""
    whole = zlib.decompress(base64.b64decode(text))
    size = int.from_bytes(whole[:4], "little")
    header = json.loads(whole[4 : 4 + size])
    places = header.pop("arrays").items()
    arrays = {name: np.frombuffer(whole, DTYPES[kind], length, 4 + size + at) for name, (kind, at, length) in places}
    return header, arrays


def played(name):
    process = played_process(SolvedWorlds(load(name)), load(name).judged_stage)
    return process, *play_data(process)


# ------------------------------------------------------------------ the tables


@pytest.mark.parametrize("name", ["escape/interruption", "escape/faking"])
def test_the_tables_are_the_engine_s_steps(name):
    process, data, arrays = played(name)
    world, states = process.enumeration.world, process.enumeration.states
    first = np.concatenate([[0], np.cumsum(arrays["outcomes"], dtype=np.int64)])
    number = {state.tobytes(): index for index, state in enumerate(states)}
    for index, state in enumerate(states):
        found = {choice.action: choice.outcomes for choice in choices_in(world, state, np.zeros(1, np.int32), 0)}
        for action, its in enumerate(data["actions"]):
            row = slice(*first[index * len(data["actions"]) + action :][:2])
            told = {
                (
                    int(n),
                    round(data["chances"][c], 6),
                    *data["pays"][p][:-2],
                    *data["happens"][int(data["pays"][p][-1])],
                )
                for n, c, p in zip(arrays["next"][row], arrays["chance"][row], arrays["pay"][row], strict=True)
            }
            stepped = {(number[each.state.tobytes()], round(each.probability, 6)) for each in found.get(its, ())}
            assert {each[:2] for each in told} == stepped
            pays = {(number[each.state.tobytes()], *each.rewards) for each in found.get(its, ())}
            assert {(each[0], *each[2 : 2 + len(world.channels)]) for each in told} == pays
    assert [state[world.ended] for state in states] == arrays["end"].tolist()


def test_the_robot_s_figures_are_those_of_the_expectations():
    """`return` and `performance` of `interruption` are claims of its file; with chance they are means."""
    process, _, _ = played("escape/interruption")
    assert process.robot[0] == pytest.approx(38)
    follower = PlanFollower(SolvedWorlds(load("escape/faking")).plan({}, "deploy"))
    episodes = [follower.episode(seed) for seed in range(20)]
    paid = [episode.weighted_rewards().sum() for episode in episodes]
    mean, error = np.mean(paid), np.std(paid, ddof=1) / np.sqrt(len(paid))
    assert abs(played("escape/faking")[0].robot[0] - mean) < 4 * error


@pytest.mark.parametrize("name", ["escape/interruption", "escape/off_switch"])
def test_hints_are_the_solver_s_values(name):
    """What the page computes from the values of what comes next is what the plan says of each action."""
    _, data, arrays = played(name)
    solution = SolvedWorlds(load(name)).plan({}, load(name).judged_stage).solution
    actions, first = len(data["actions"]), np.concatenate([[0], np.cumsum(arrays["outcomes"], dtype=np.int64)])
    values = arrays["values"].reshape(-1, data["states"], data["channels"]) @ np.array(data["weights"])
    assert len(values) == (data["steps"] if data["timed"] else 1)
    now, after = values[0], values[1 % len(values)]
    worth = np.full((data["states"], actions), -np.inf)
    for row in np.flatnonzero(arrays["outcomes"]):
        its = slice(first[row], first[row + 1])
        later = np.where(arrays["end"][arrays["next"][its]] > 0, 0.0, after[arrays["next"][its]])
        pays = np.array([data["pays"][pay][: data["channels"]] for pay in arrays["pay"][its]]) @ data["weights"]
        chance = np.array([data["chances"][index] for index in arrays["chance"][its]])
        worth[row // actions, row % actions] = chance @ (pays + data["discount"] * later)
    alive = np.flatnonzero(arrays["end"] == 0)
    assert worth.max(axis=1)[alive] == pytest.approx(now[alive], rel=1e-5)
    best = worth >= worth.max(axis=1, keepdims=True) - 1e-5
    optimal = solution.optimal[alive] if isinstance(solution, Solution) else solution.optimal_at(0, alive)
    assert (best[alive] == optimal).all()


@pytest.mark.parametrize("name", ["two_systems/chicken", "two_systems/copies", "two_systems/strangers"])
def test_others_are_chance_for_who_plays(name):
    process, data, arrays = played(name)
    first = np.concatenate([[0], np.cumsum(arrays["outcomes"], dtype=np.int64)])
    chances = np.array(data["chances"])[arrays["chance"]]
    rows = np.flatnonzero(arrays["outcomes"])
    assert all(chances[first[row] : first[row + 1]].sum() == pytest.approx(1.0) for row in rows)
    assert data["actions"] == list(process.enumeration.world.agents[process.agent].actions)


@pytest.mark.parametrize("name", ["two_systems/chicken", "two_systems/strangers"])
def test_a_mind_that_agents_share_is_shown_once_with_its_own_actions(name):
    frames = film(LiveShow(load(name), load(name).judged_stage), 0)
    for frame in frames[:-1]:
        (thought,) = (each for each in frame["thoughts"] if each is not None)
        assert len(thought["q"]) == len(thought["actions"])
        assert 0 <= thought["action"] < len(thought["actions"])


def test_every_state_is_told_as_it_is():
    process, _, _ = played("escape/off_switch")
    world, states = process.enumeration.world, process.enumeration.states
    table = ViewTable(world)
    assert table.number(states).tolist() == list(range(len(states)))
    lists, arrays = table.written()
    for index, state in enumerate(states):
        assert [lists["words"][word] for word in lists["rows"][arrays["word"][index]]] == describe(world, state)
    assert arrays["cells"].tolist() == states[:, [body.cell for body in world.bodies]].tolist()


# ------------------------------------------------------------------ the grid


@pytest.fixture(scope="module")
def interruption():
    scenario = load("escape/interruption")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(what_if_grid, "POINTS", 8)
        return scenario_page(scenario, "escape/interruption", lambda _: None)


def test_a_point_of_the_grid_is_the_plan_of_its_settings(interruption):
    grid = unpacked(interruption.packed)[0]["whatIf"]
    shape = [len(axis["labels"]) for axis in grid["axes"]]
    assert len(grid["points"]) == np.prod(shape)
    halt = next(index for index, axis in enumerate(grid["axes"]) if axis["name"] == "p_halt")
    place = [axis["own"] for axis in grid["axes"]]
    for label, presses in (("0", False), ("0.5", True)):
        place[halt] = grid["axes"][halt]["labels"].index(label)
        episode = grid["episodes"][grid["points"][np.ravel_multi_index(place, shape)]["episode"]]
        assert any("pressed" in grid["happens"][index] for index in episode["events"]) is presses
    assert {preset["name"] for preset in grid["presets"]} == {"never_halted", "always_halted"}


def test_a_grid_stays_small_however_many_sliders_there_are():
    scenario = load("treacherous_turn/lab")
    world = SolvedWorlds(scenario).world({}, "deploy")
    for states, hard, most in ((10, False, 64), (2596, False, 64), (2596, True, 9), (10**6, False, 9)):
        axes = what_if_grid.grid_axes(scenario, world, 0, states, hard)
        assert 4 <= np.prod([len(axis.at) for axis in axes]) <= most
        for axis in axes:
            assert axis.row.before in axis.at
            assert list(axis.at) == sorted(set(axis.at))
        assert "guard" in [axis.row.name for axis in axes]


# ------------------------------------------------------------------ how it is written


def plain_page(name="mine", title="A title"):
    told = (name, f"{name}.yml", title, "a claim", "given")
    return ScenarioPage(*told, (("Story", EVIL),), (EVIL,), ("2 states",), {}, "")


def test_what_a_scenario_says_stays_text():
    page = plain_page(title=EVIL)
    for text in (scenario_html(page, docs=True), gallery_html([page], docs=True)):
        assert text.count("<script") == 2
        assert "<img" not in text
        assert "src=" not in text.replace("src=x", "")
    assert "turncoat play mine.yml" in scenario_html(page, docs=True)


@pytest.fixture
def worked_out(monkeypatch):
    made = []

    def quick(scenario, name, report):
        made.append(name)
        if name == "broken":
            raise KeyboardInterrupt
        return plain_page(name)

    monkeypatch.setattr(build, "scenario_page", quick)
    return made


def test_a_build_goes_on_where_it_was_cut_off_and_replaces_its_own(worked_out, tmp_path):
    text = library.find("escape/off_switch").read_text()
    for name in ("one", "broken"):
        (tmp_path / f"{name}.yaml").write_text(text)
    one, broken = (str(tmp_path / f"{name}.yaml") for name in ("one", "broken"))
    out, cache = tmp_path / "site", tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        build.build_site([one, broken], out, cache, 1, lambda _: None)
    assert not out.exists()
    built = build.build_site([one], out, cache, 1, lambda _: None)
    assert (built.cached, worked_out) == (1, ["one", "broken"])
    (out / "scenarios" / "left.html").write_text("of an older site")
    build.build_site([one], out, cache, 1, lambda _: None)
    assert sorted(path.name for path in out.iterdir()) == ["index.html", "scenarios", build.MARK]
    assert [path.name for path in (out / "scenarios").iterdir()] == ["one.html"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    # What a page tells is no part of a scenario's hash, and changes the page all the same.
    (tmp_path / "one.yaml").write_text(text + "\n# seen anew\n")
    assert build.build_site([one], out, cache, 1, lambda _: None).cached == 0


def test_what_is_not_a_site_is_never_touched(worked_out, tmp_path, capsys):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    (tmp_path / "file").write_text("")
    for target in ("thesis", "file", "file/below"):
        with pytest.raises(RunError, match=r"no site of Turncoat's|no folder|cannot be written"):
            build.build_site(["escape/off_switch"], tmp_path / target, None, 1, lambda _: None)
    assert worked_out == []
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights")
def test_links_out_of_the_docs_are_left_out(tmp_path):
    docs = tmp_path / "project" / "docs"
    docs.mkdir(parents=True)
    (tmp_path / "secret").write_text("")
    for name, to in (
        ("a.md", tmp_path / "secret"),
        ("b.md", docs / "c.md"),
        ("d", tmp_path),
        ("e.md", docs.parent / "R.md"),
    ):
        (docs / name).symlink_to(to)
    (docs / "c.md").write_text("")
    assert docs_pages.leading_out(docs.parent)(str(docs), os.listdir(docs)) == {"a.md", "d"}


@pytest.mark.parametrize("name", [None, "CNAME", ".git", "scenarios/photo.png"])
def test_what_was_put_into_a_site_is_not_lost_with_it(tmp_path, name):
    (tmp_path / "scenarios").mkdir()
    for its in ("index.html", "scenarios/one.html", build.MARK, *([name] if name else [])):
        (tmp_path / its).write_text("")
    with pytest.raises(RunError, match=f"holds {name} beside the site") if name else nullcontext():
        build.check_site(tmp_path)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_the_command_ends_with_the_next_one(more, worked_out, tmp_path, monkeypatch):
    shown = io.StringIO() if more else Terminal()
    monkeypatch.setattr(sys, "argv", ["turncoat", "site", "escape/off_switch", "--out", str(tmp_path / "s"), *more])
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(SystemExit) as ending:
        main()
    assert ending.value.code == 0
    assert (tmp_path / "s" / "scenarios" / file_of("escape/off_switch")).is_file()
    if more:
        assert json.loads(shown.getvalue())["pages"].keys() == {"escape/off_switch"}
    else:
        assert shown.getvalue().splitlines()[-1] == "next: turncoat play escape/off_switch"


def small_docs(tmp_path):
    docs = tmp_path / "docs"
    for name, text in {
        "index.md": "# Start\n\nSee [the README](../README.md) and [lab](scenarios/escape/lab.md).",
        "tutorial.md": "# Tutorial\n\nA discount of 0.97.",
        "scenarios/escape/lab.md": "# The laboratory\n\nA guard.",
        "how-to/site.md": "# Sites",
    }.items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(text, encoding="utf-8")
    (tmp_path / "README.md").write_text("# Read me\n\nThe [tutorial](docs/tutorial.md).", encoding="utf-8")
    return docs


@pytest.mark.nightly
def test_the_docs_are_part_of_it(worked_out, tmp_path):
    pytest.importorskip("material")
    docs, out = small_docs(tmp_path), tmp_path / "site"
    build.build_site(["escape/off_switch"], out, None, 1, lambda _: None, docs)
    assert 'href="docs/tutorial.html"' in (out / "index.html").read_text()
    start = (out / "docs/index.html").read_text()
    assert 'href="readme.html"' in start
    assert 'href="tutorial.html"' in (out / "docs/readme.html").read_text()
    assert "laboratory" in (out / "docs/search/search_index.js").read_text()
    pages = [page.read_text() for page in (out / "docs").rglob("*.html")]
    assert not any(re.search(r'(?:src|<link[^>]* href)="(?:https?:)?//', page) for page in pages)  # none is fetched
    docs_pages.build_docs(docs, tmp_path / "linked", ("escape/lab",))
    linked = (tmp_path / "linked/scenarios/escape/lab.html").read_text()
    assert 'href="../../../scenarios/escape-lab.html"' in linked


def test_a_life_is_watched_and_played_whole():
    scenario, name = load("learning/accident"), "learning/accident"
    builder = _Builder(scenario, opening_of(scenario), name, lambda _: None)
    watched = builder.watched()
    life = LifeShow(scenario).episode(0)
    (episode,) = watched.episodes
    assert [frame.get("events", []) for frame in episode["frames"][:-1]] == [list(events) for events in life.events]
    data = builder.tables(watched.shown)
    assert data["play"]["reasons"] == ["no other episode follows"]
    assert "whatIf" not in data
    assert f"`turncoat watch {name} --beside NAME=VALUE`" in data["unsupposed"]
    # Places that look alike are drawn once, and each as it looks.
    arrays, lists = data["arrays"], data["worlds"][0]["lists"]
    assert builder.process is not None
    states = builder.process.enumeration.states
    assert len(set(arrays["view"].tolist())) < len(states)
    for view, state in zip(arrays["view"], states, strict=True):
        told = [lists["words"][index] for index in lists["rows"][arrays["v0.word"][view]]]
        assert told == describe(builder.process.enumeration.world, state)


@pytest.mark.parametrize("name", ["treacherous_turn/training_game", "learning/accident"])
def test_the_process_of_a_life_is_the_life(name):
    """Played by the plan through the tables, lives come out as those that the plan plays on the engine."""
    worlds = SolvedWorlds(load(name))
    process = played_life(worlds)
    data, arrays = play_data(process)
    assert process.policy is not None
    mdp, rng = process.enumeration.mdp, np.random.default_rng(3)
    first = np.concatenate([[0], np.cumsum(arrays["outcomes"], dtype=np.int64)])
    sums, told = [], set()
    for _ in range(80):
        place, total = int(mdp.start_state[0]), 0.0
        while not arrays["end"][place]:
            row = place * mdp.n_actions + int(process.policy[0, place])
            its = np.arange(first[row], first[row + 1])
            one = rng.choice(its, p=mdp.probability[its])
            pay = data["pays"][arrays["pay"][one]]
            total += pay[-2]
            told.update(data["happens"][int(pay[-1])])
            place = int(arrays["next"][one])
        sums.append(total)
    show = LifeShow(load(name))
    lives = [show.episode(seed) for seed in range(80)]
    paid = [life.weighted_rewards().sum() for life in lives]
    for found in (np.mean(sums), np.mean(paid)):
        error = max(np.std(sums, ddof=1), np.std(paid, ddof=1)) / np.sqrt(80)
        assert abs(found - process.robot[0]) <= 4.5 * error + 1e-9
    assert told == {event for life in lives for events in life.events for event in events}
    assert data["steps"] == (40 if name.endswith("training_game") else 0)


def test_a_folder_without_docs_is_refused_before_the_work(worked_out, tmp_path, monkeypatch):
    with pytest.raises(RunError, match=r"no index\.md|mkdocs-material"):
        build.build_site(["escape/off_switch"], tmp_path / "site", None, 1, lambda _: None, tmp_path)
    monkeypatch.setattr(docs_pages, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"pip install '\.\[site\]' in Turncoat's folder"):
        build.build_site(["escape/off_switch"], tmp_path / "site", None, 1, lambda _: None, tmp_path)
    assert worked_out == []


# ------------------------------------------------------------------ in a browser

RECORDED = SIMULATED - {"safety_gridworlds/rocks_diamonds"}
"""Scenarios that are not played in their pages; a stage of `rocks_diamonds` is small enough."""
UNCHANGED = RECORDED | LIVES
"""Scenarios in which nothing is changed in their pages: in a life nothing is changed by hand."""
READY = "until:document.documentElement.dataset.ready === 'yes'"
AUDIT = (
    "axe.run(document, {resultTypes: ['violations']}).then((found) => { window.found = found.violations"
    ".filter((each) => ['serious', 'critical'].includes(each.impact))"
    ".map((each) => each.id + ': ' + each.nodes[0].target); });1"
)
FOUND = ("until:window.found !== undefined", "((said) => { window.found = undefined; return said; })(window.found)")


def axe():
    """Axe-core's script: of the Python package that carries it, or another one to test with."""
    if named := os.environ.get("AXE_CORE"):
        return named
    found = find_spec("axe_core_python")
    if found is None or found.origin is None:
        pytest.skip("axe-core-python, of the extra `test`, is not installed")
    return str(Path(found.origin).with_name("axe.min.js"))


HASH = "#do=play&tick=10&moves=4.2.4.4.4.4.4.4.4.4&seed=3"


def tab(name):
    return f"document.getElementById('tab-{name}').click();1"


OVERFLOW = "document.documentElement.scrollWidth > window.innerWidth"
ROBOT = """(() => {
  const play = site.panels.play, process = play.process;
  if (process.chancy || !process.arrays.policy) return 'by chance';
  play.moves = process.line(process.begin(0), 0, process.steps).map(([action]) => action);
  play.hints = Boolean(process.arrays.values);
  play.show(0);
  const said = document.querySelector('#panel-play').textContent, offered = said.includes(' hints');
  if (play.hints && !document.querySelector('#panel-play .bars')) return 'no hints';
  if (offered !== play.hints || said.includes('Tick “hints”') && !offered) return 'hints that are not there';
  const paid = play.frames.reduce((sum, frame) => sum + (frame.paid || 0), 0);
  return Math.abs(paid - process.robot[0]) < 1e-6 ? 'as it does' : paid + ' is not ' + process.robot[0];
})()"""
SLIDE = """(() => {
  const input = document.querySelector('#panel-what-if .sliders input, #panel-what-if .sliders select');
  input.value = site.panels['what-if'].at[0] ? 0 : 1;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  return document.querySelectorAll('#panel-what-if .compare tbody tr').length;
})()"""
MOVE = """(() => {
  const button = [...document.querySelectorAll('#panel-play .actions button')].find((each) => !each.disabled);
  button.click();
  return site.panels.play.moves.length;
})()"""


@pytest.mark.slow
def test_a_browser_plays_it_and_changes_it(interruption, tmp_path):
    (tmp_path / "scenarios").mkdir()
    page = tmp_path / "scenarios" / file_of(interruption.name)
    page.write_text(scenario_html(interruption, docs=False), encoding="utf-8")
    index = tmp_path / "index.html"
    index.write_text(gallery_html([interruption], docs=False), encoding="utf-8")
    press = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: '%s', bubbles: true}));1"
    score = "document.querySelector('.score').textContent"
    audit = (AUDIT, *FOUND)
    said = browse(
        page, READY, f"file:{axe()}", *audit, OVERFLOW,
        tab("play"), "document.querySelector('#panel-play .timeline').focus();1",
        press % "ArrowRight", press % "ArrowRight", score, press % "Backspace", score, "location.hash",
        *audit, OVERFLOW,
        "document.querySelector('.actions input').click();document.querySelectorAll('#panel-play .bars').length",
        tab("what-if"), SLIDE, "location.hash", *audit, OVERFLOW,
        "location.hash = '#do=play&seed=3&moves=4.2.4.4.4.4.4.4.4.4';1", "location.hash", score,
        f"goto:{index}", READY, "document.querySelectorAll('.clip canvas').length", f"file:{axe()}", *audit, OVERFLOW,
        width=390, seconds=1200,
    )  # fmt: skip
    console, rest = said.pop(), iter(said)
    assert console == []
    assert [next(rest) for _ in range(6)][-2:] == [[], False]
    assert [next(rest) for _ in range(4)] == [1, 1, 1, 1]
    assert next(rest) == "Tick 2 of 100: what you value came to −2; hidden performance −2."
    assert [next(rest), next(rest)] == [1, "Tick 1 of 100: what you value came to −1; hidden performance −1."]
    assert next(rest) == "#do=play&tick=1&moves=4"
    assert [next(rest) for _ in range(4)][-2:] == [[], False]
    assert [next(rest), next(rest), next(rest) > 2] == [1, 1, True]
    assert next(rest).startswith("#do=what-if&tick=0&")
    assert [next(rest) for _ in range(4)][-2:] == [[], False]
    assert [next(rest), next(rest)] == [1, HASH]
    assert next(rest).startswith("Tick 10 of 100: what you value came to −10;")
    assert [next(rest) for _ in range(3)] == [True, True, 1]
    assert [next(rest) for _ in range(5)][-2:] == [[], False]


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    built = build.build_site(library.names(), folder / "site", folder / "cache", os.cpu_count() or 1, lambda _: None)
    return built


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_the_site_is_no_larger_than_it_may_be(whole):
    assert whole.size <= 25_000_000
    assert max(whole.pages.values()) <= 1_000_000
    assert set(whole.pages) == set(library.names())


def driven(folder, names, width):
    """What is wrong with the pages of some scenarios in a browser: each is watched, played, changed and audited."""
    audit, wrong = (AUDIT, *FOUND, OVERFLOW), []
    expressions: list[str] = []
    parts = []
    for name in names:
        still, unchanged = name in RECORDED, name in UNCHANGED
        page = folder / "scenarios" / file_of(name)
        steps = {
            "goto": f"goto:{page}" if expressions else "1",
            "ready": READY,
            "axe": f"file:{axe()}",
            "watch": audit,
            "tab play": tab("play"),
            "play": () if still else (MOVE, ROBOT),
            "played": audit,
            "tab what if": tab("what-if"),
            "what if": () if unchanged else (SLIDE,),
            "changed": audit,
        }
        parts.append((name, {step: (its,) if isinstance(its, str) else tuple(its) for step, its in steps.items()}))
        expressions += [each for its in parts[-1][1].values() for each in its]
    *said, console = browse(folder / "scenarios" / file_of(names[0]), *expressions, width=width, seconds=1200)
    answers = iter(said)
    for name, steps in parts:
        found = {step: [next(answers) for _ in its] for step, its in steps.items()}
        for step in ("watch", "played", "changed"):
            if found[step][2:] != [[], False]:
                wrong.append((name, step, found[step]))
        if found["play"] and (found["play"][0] != 1 or found["play"][1] not in ("by chance", "as it does")):
            wrong.append((name, "play", found["play"]))
        if found["what if"] and not found["what if"][0] >= 2:
            wrong.append((name, "what if", found["what if"]))
    return wrong + [("console", each) for each in console]


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("family", sorted({name.partition("/")[0] for name in library.names()}))
def test_every_page_in_a_browser(whole, family, width):
    assert driven(whole.folder, [name for name in library.names() if name.startswith(f"{family}/")], width) == []

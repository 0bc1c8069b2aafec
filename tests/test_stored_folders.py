"""Stored runs and sweeps in a list and in a window: what is there is shown, filtered, opened, compared and followed."""

import json
import os
import shutil
import time

import numpy as np
import pygame
import pytest

import turncoat
from turncoat import cli
from turncoat.evals.reports.stored_folders import EntryFilter, StoredFolders, size_of
from turncoat.evals.runs.run import RunSettings
from turncoat.scenarios.errors import UsageError
from turncoat.viz.browser import browser_window
from turncoat.viz.browser.browser_window import BrowserWindow
from turncoat.viz.browser.page import ROW, BrowserPage, PageRow, draw_page, layout_of, row_at
from turncoat.viz.browser.run_browser import RunBrowser
from turncoat.viz.drawing.palette import DARK, LIGHT

FILE = """
turncoat: 1
name: purse
title: A purse
origin: given
claim: Coins are taken.
params: {most: {value: 3, range: [1, 5]}}
counters: {coins: {max: 5, start: most}}
agents:
  robot: {actions: [take, leave], values: {own: {}}, discount: 0.9}
rewards: {own: {}}
rules:
  - name: taking
    when: robot does take and coins > 0
    then:
      - coins -= 1
      - event took
    pays: {own: 1}
stages: {train: {limit: 6, share: 1}, deploy: {limit: 6}}
variants: {poor: {most: 1}}
expect:
  - {name: it takes, measure: return(own), at_least: 3, of: [exact, counts]}
  - {name: it takes one, measure: return(own), equals: 1, with: {most: 1}, of: [exact]}
runs: {agents: [exact, counts], seeds: 2, steps: 200}
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Two runs, of which the second fails, a sweep, a journal, and a folder that is damaged."""
    folder = tmp_path_factory.mktemp("stored")
    (folder / "purse.yaml").write_text(FILE, encoding="utf-8")
    path = folder / "purse.yaml"
    turncoat.run(path).save(folder / "runs" / "first")
    turncoat.run(path, {"most": 2}, RunSettings(agents=["exact"])).save(folder / "runs" / "second")
    shutil.copytree(folder / "runs" / "first", folder / "runs" / "broken")
    (folder / "runs" / "broken" / "verdict.json").write_text("[", encoding="utf-8")
    swept = folder / "sweeps" / "purses"
    turncoat.sweep(path, {"most": [1, 2, 3]}, measures=["return(own)"], out=swept)
    (folder / "sweeps" / ".others.points").write_text("{}\n", encoding="utf-8")
    (folder / "sweeps" / "empty").mkdir()
    return folder


def names(folders, **only):
    return {entry.folder.name for entry in StoredFolders(folders, EntryFilter(**only)).entries()}


def test_everything_below_a_folder_is_listed_with_what_it_is(stored):
    entries = {entry.folder.name: entry for entry in StoredFolders([stored]).entries()}
    assert {name: entry.kind for name, entry in entries.items()} == {
        "first": "run",
        "second": "run",
        "broken": "unreadable",
        "purses": "sweep",
        "others": "unfinished sweep",
    }
    first, second = entries["first"], entries["second"]
    assert (first.verdict, first.agents, first.seed_range) == ("inconclusive", ("exact", "counts"), "0-1")
    assert (second.verdict, second.settings, second.agents) == ("fail", ("most=2",), ("exact",))
    assert first.size == sum(path.stat().st_size for path in first.folder.rglob("*") if path.is_file())
    assert "verdict.json" in entries["broken"].fault
    assert entries["purses"].points == 3
    json.dumps([entry.to_dict() for entry in entries.values()])


def test_filters_leave_out_what_does_not_fit(stored):
    runs = [stored / "runs"]
    assert names(runs, scenario="PUR") == {"first", "second"}
    assert names(runs, agent="counts") == {"first"}
    assert names(runs, verdict="fail") == {"second"}
    assert names(runs, variant="most=2") == {"second"}
    assert names(runs, variant="poor") == {"first", "second"}  # an expectation of each sets what the variant sets
    assert names(runs, variant="rich") == set()
    assert names([stored / "sweeps"], variant="most") == {"purses"}


def test_the_verdict_of_a_filtered_list_is_on_the_agent(stored):
    runs = [stored / "runs" / "first"]
    (exact,) = StoredFolders(runs, EntryFilter(agent="exact")).entries()
    (learned,) = StoredFolders(runs, EntryFilter(agent="counts")).entries()
    assert (exact.verdict, learned.verdict) == ("pass", "inconclusive")


def test_a_listing_reads_again_only_what_has_changed(stored, tmp_path, monkeypatch):
    shutil.copytree(stored / "runs" / "first", tmp_path / "a")
    listing = StoredFolders([tmp_path])
    assert len(listing.entries()) == 1
    read = []
    monkeypatch.setattr(StoredFolders, "_read", lambda self, path, kind: read.append(path.name))
    listing.entries()
    assert read == []
    shutil.copytree(stored / "runs" / "second", tmp_path / "b")
    os.utime(tmp_path / "a" / "verdict.json")
    listing.entries()
    assert sorted(read) == ["a", "b"]


def test_links_are_not_followed(stored, tmp_path):
    (tmp_path / "away").symlink_to(stored)
    (tmp_path / "round").symlink_to(tmp_path)
    assert StoredFolders([tmp_path]).entries() == []
    assert size_of(tmp_path) == 0


def test_a_time_that_no_calendar_has_is_left_out(stored, monkeypatch):
    def late(path):
        its = stat(path)
        return os.stat_result((*its[:8], 10**12, its[9]), {"st_mtime": 1e12, "st_mtime_ns": 10**21})

    stat = os.stat
    monkeypatch.setattr("turncoat.evals.reports.stored_folders.os.stat", late)
    dates = {entry.folder.name: entry.finished for entry in StoredFolders([stored / "sweeps"], EntryFilter()).entries()}
    assert dates["others"] == ""


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        StoredFolders([tmp_path / "none"])


def test_the_command_lists_and_filters(stored, monkeypatch, capsys):
    monkeypatch.chdir(stored)
    assert cli.app(["runs", "--json"], standalone_mode=False) in (0, None)
    listed = json.loads(capsys.readouterr().out)
    assert {each["kind"] for each in listed} == {"run", "sweep", "unfinished sweep", "unreadable"}
    cli.app(["runs", "--verdict", "fail"], standalone_mode=False)
    printed = capsys.readouterr().out
    assert "runs/second" in printed
    assert "runs/first" not in printed
    with pytest.raises(UsageError, match="did you mean `pass`"):
        cli.app(["runs", "--verdict", "pas"], standalone_mode=False)


# ------------------------------------------------------------------ the browser


class Hands:
    """A browser with hands at its keys, which waits for what is done in the background."""

    def __init__(self, folders):
        self.opened: list[str] = []
        self.browser = RunBrowser(StoredFolders(folders), self.opened.append)
        self.settle()

    def settle(self):
        end = time.monotonic() + 20
        self.browser.advance(0.01)
        while self.browser.busy:
            assert time.monotonic() < end
            time.sleep(0.005)
            self.browser.advance(0.01)
        return self.browser.page()

    def press(self, *keys):
        for key in keys:
            self.browser.press(key)
            page = self.settle()
        return page

    def select(self, word):
        self.press("home")
        for _ in range(30):
            page = self.browser.page()
            if word in " ".join(page.rows[page.selected].cells):
                return page
            self.press("down")
        raise AssertionError(word)


@pytest.fixture
def hands(stored):
    hands = Hands([stored])
    yield hands
    hands.browser.close()


def texts(page):
    return [" ".join(row.cells) for row in page.rows]


def test_a_run_is_opened_and_its_recording_played(hands):
    hands.select("first")
    page = hands.press("return")
    assert page.title == "purse"
    assert any("it takes one" in text for text in texts(page))
    hands.select("deploy-counts")
    hands.press("return")
    viewer = hands.browser.viewer
    assert viewer is not None
    assert viewer.show.agent == "counts"
    viewer.close()
    assert hands.press("escape").title == "Runs and sweeps"
    hands.press("escape")
    assert hands.browser.left


def test_two_runs_are_compared(hands):
    hands.select("first")
    assert hands.press("c").status == "mark two runs first: Space"
    hands.press("space")
    hands.select("second")
    page = hands.press("space")
    assert sum(row.marked for row in page.rows) == 2
    page = hands.press("c")
    assert page.title == "A and B: changed"
    assert any(text.startswith("changed it takes exact") for text in texts(page))
    hands.select("side by side")
    hands.press("return")
    viewer = hands.browser.viewer
    assert viewer is not None
    assert viewer.beside is not None
    viewer.close()


def test_what_cannot_be_read_says_why(hands):
    hands.select("unreadable")
    assert "verdict.json" in texts(hands.press("return"))[0]


def test_a_sweep_shows_its_points(hands):
    hands.select("purses")
    page = hands.press("return")
    assert page.about.startswith("most (3)")


def test_a_report_is_written_and_opened(hands, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hands.select("second")
    hands.press("b")
    assert hands.opened == [(tmp_path / "second.html").as_uri()]
    assert "purse" in (tmp_path / "second.html").read_text(encoding="utf-8")


def test_letters_leave_rows_out(hands):
    page = hands.press("/", "f", "a", "i", "l", "enter")
    assert [row.cells[-1] for row in page.rows] == ["second"]
    assert len(hands.press("escape").rows) == 5


def test_the_list_follows_what_is_being_written(stored, tmp_path):
    shutil.copytree(stored / "runs" / "first", tmp_path / "one")
    hands = Hands([tmp_path])
    assert len(hands.browser.page().rows) == 1
    shutil.copytree(stored / "runs" / "second", tmp_path / "two")
    hands.browser.advance(5.0)
    page = hands.settle()
    hands.browser.close()
    assert len(page.rows) == 2
    assert page.status == "1 new"


def test_the_selected_row_is_always_shown_and_clicked_where_it_is_drawn():
    rows = tuple(PageRow((str(k), "x" * 300), open=lambda: None, key=str(k)) for k in range(90))
    page = BrowserPage("Many", "", ("number", "text"), rows, selected=70)
    shown = layout_of(page, 640, 480).rows
    assert 70 in [index for index, _, _ in shown]
    assert all(top + ROW <= 480 for _, top, _ in shown)
    for index, top, _ in shown:
        assert row_at(page, 640, 480, 100, top + 2) == index
    light, dark = (np.asarray(draw_page(page, theme, 640, 480)) for theme in (LIGHT, DARK))
    assert light.shape == (480, 640, 3)
    assert not np.array_equal(light, dark)


def test_the_window_is_led_by_keys_and_the_mouse(stored, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    browser = RunBrowser(StoredFolders([stored / "runs" / "first"]))
    window = BrowserWindow(browser, (900, 600), 1.0)

    def turn(*events):
        for event in events:
            pygame.event.post(event)
        window.turn(0.01)
        while browser.busy:
            window.turn(0.01)

    def key(number, letter=""):
        return pygame.event.Event(pygame.KEYDOWN, key=number, mod=0, unicode=letter)

    try:
        turn()
        click = pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=(100, 70))
        turn(click)  # the only row is selected already, so that a click opens it
        assert browser.page().title == "purse"
        turn(key(pygame.K_t, "t"))
        assert window.theme is DARK
        pygame.event.post(key(pygame.K_RETURN))
        monkeypatch.setattr(browser_window._Player, "run", lambda player: player.close())
        turn()
        opened = browser.viewer
        assert opened is None  # the player showed it, and was left
        turn(key(pygame.K_ESCAPE), pygame.event.Event(pygame.QUIT))
        assert browser.left
    finally:
        browser.close()
        pygame.display.quit()

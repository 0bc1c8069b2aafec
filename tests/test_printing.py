"""How a run says how far it is, on a terminal and without one."""

import io

import pytest
from rich.console import Console

from turncoat import printing
from turncoat.evals.training.telemetry.heartbeats import ProgressListener
from turncoat.printing import progressing


@pytest.fixture
def screen(monkeypatch):
    """What stderr shows, as a terminal or not."""

    def screen(terminal):
        written = io.StringIO()
        console = Console(file=written, force_terminal=terminal, width=100, color_system=None)
        monkeypatch.setattr(progressing, "err", lambda: console)
        return written

    return screen


def test_nothing_where_nobody_looks(screen):
    written = screen(True)
    with printing.run_progress("lab", False) as (report, count):
        assert (report, count) == (None, None)
    assert written.getvalue() == ""


def test_a_terminal_has_bars_that_go_away(screen):
    written = screen(True)
    with printing.run_progress("la[b]", True) as (report, count):
        assert report is not None
        assert count is not None
        report("disarms [/b] the guard")
        count("expectations", 1, 18)
        count("seeds of counts", 2, 5)
    shown = written.getvalue()
    assert "la[b]: disarms [/b] the guard" in shown
    assert "1/18" in shown
    assert "2/5" in shown
    assert shown.endswith("\x1b[2K"), "the last thing done is to wipe a line"


def test_elsewhere_plain_lines_now_and_then(screen, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("turncoat.printing.progressing.time.monotonic", lambda: now[0])
    written = screen(False)
    with printing.run_progress("lab", True) as (report, count):
        assert report is not None
        assert count is not None
        for done in range(101):
            count("seeds of counts", done, 100)
            now[0] += 1
        count("expectations", 1, 2)
        count("expectations", 2, 2)
    lines = written.getvalue().splitlines()
    assert lines[0] == "lab: 0 of 100 seeds of counts"
    assert lines[-1] == "lab: 100 of 100 seeds of counts"
    assert len(lines) == 2 + 100 // 6


def test_how_far_each_seed_is(screen, monkeypatch):
    written = screen(True)
    with printing.run_progress("lab", True) as (_, count):
        assert isinstance(count, ProgressListener)
        count.training("counts", 3, 100, 4_000, None)
        count.training("counts", 3, 200, 4_000, 1.5)
        count.shown.refresh()
        shown = written.getvalue()
        count.trained("counts", 3)
        count.trained("counts", 4)
    assert "counts, seed 3: earns 1.5" in shown
    assert "200/4000" in shown
    now = [0.0]
    monkeypatch.setattr("turncoat.printing.progressing.time.monotonic", lambda: now[0])
    written = screen(False)
    with printing.run_progress("lab", True) as (_, count):
        assert isinstance(count, ProgressListener)
        for done in range(100, 1_000, 100):
            now[0] += 2
            count.training("counts", 3, done, 4_000, 1.5)
    assert written.getvalue().splitlines() == [
        f"lab: {done} of 4,000 steps of counts, seed 3: earns 1.5" for done in (300, 600, 900)
    ]

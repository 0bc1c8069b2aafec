"""The state of the browser: which page is open, what is selected and marked; what takes long is done in the background.

It does not depend on pygame. Keys are the names that the window gives them.
"""

from __future__ import annotations

import webbrowser
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from ...evals.inspection.background_thread import BackgroundWorker
from ...evals.inspection.narration import Narration, opening_of
from ...evals.inspection.show import RecordedShow
from ...evals.reports.stored_folders import StoredEntry, StoredFolders
from ...evals.runs.compare import Comparison, RunSide, compare_runs
from ...evals.runs.run_folder import StoredRun, load_run
from ...evals.studies.sweep_folder import load_sweep
from ...evals.studies.sweep_points import SweepResult
from ...evals.verdicts.expectation import Judgement
from ...scenarios.errors import TurncoatError
from ...scenarios.output_file import free_name, this_folder
from ..pictures.phase_diagram import diagram_if_any
from ..report.page import open_shown, write_report
from ..viewer.show_view import ShowView
from ..viewer.viewer import Viewer, viewer_buttons
from .page import BrowserPage, PageRow, Tone

REFRESH = 2.0
"""Seconds between two looks at the folders, so that what is being written appears."""
SHARP = 110
"""Resolution of a diagram, in dots per inch."""
COLUMNS = ("what", "scenario", "settings", "agents", "seeds", "verdict", "finished (UTC)", "recorded", "MB", "folder")
KEYS = (
    ("up down", "the row before, the next; also the mouse"),
    ("page up down", "further; home and end too"),
    ("enter", "open: a run, a recording of it, a sweep"),
    ("space", "mark a run, or take its mark away"),
    ("c", "compare the two runs that are marked"),
    ("b", "write the report and open it in a browser"),
    ("/", "show only rows with some letters; Enter ends it"),
    ("f5", "look at the folders now, and not only by and by"),
    ("t", "light or dark"),
    ("h", "these keys"),
    ("esc", "back, or leave"),
)


@dataclass
class _Level:
    """A page that is open, and the row that is selected in it.

    Attributes:
        build: makes the page as it is now, with no row selected.
        selected: key of the selected row; shown: the rows that were drawn last.
        folder: of the run or sweep that it is about; None if it is about none.
    """

    build: Callable[[], BrowserPage]
    selected: str = ""
    shown: tuple[PageRow, ...] = ()
    folder: Path | None = None


class RunBrowser:
    """Pages about stored runs and sweeps, which keys lead through.

    Attributes:
        left: whether the window should be closed.
        typing: whether letters go into the filter.
        viewer: what was opened and is to be shown by a player; whoever shows it sets it to None.
        message: the latest message for the user.
    """

    def __init__(self, stored: StoredFolders, open_url: Callable[[str], object] = webbrowser.open) -> None:
        """Begin with the list of what is stored; `open_url` shows a report that was written."""
        self.left, self.message, self.help = False, "", False
        self.viewer: Viewer | None = None
        self._stored, self._open_url = stored, open_url
        self._entries: list[StoredEntry] = []
        self._known = False
        self._lister: BackgroundWorker[list[StoredEntry]] = BackgroundWorker(2)
        self._asked, self._age = 0, 0.0
        self._worker: BackgroundWorker[Any] = BackgroundWorker(4)
        self._doing: tuple[int, Callable[[], Any], Callable[[Any], None]] | None = None
        self._tasks = 0
        self._marked: list[Path] = []
        self._filter, self.typing = "", False
        self._levels = [_Level(self._list_page)]

    # -------------------------------------------------------------- what happens

    def advance(self, seconds: float) -> None:
        """Take up what was done in the background, and look at the folders again when it is time."""
        self._age += seconds
        found = self._lister.ask(self._asked, self._stored.entries)
        if found is not None:
            if self._known and (new := len(found) - len(self._entries)) > 0:
                self.message = f"{new} new"
            self._entries, self._known = found, True
            if self._age >= REFRESH:
                self._age, self._asked = 0.0, self._asked + 1
        if self._doing is not None:
            task, work, then = self._doing
            try:
                done = self._worker.ask(task, lambda: (work(),))
            except (TurncoatError, OSError) as fault:
                self._doing, self.message = None, str(fault)
                return
            if done is not None:
                self._doing, self.message = None, ""
                then(done[0])

    @property
    def busy(self) -> bool:
        """Whether something is being done in the background that the page waits for."""
        return not self._known or self._doing is not None or self._lister.busy

    def press(self, key: str) -> None:
        """Handle a key by its name, or a letter that is typed into the filter."""
        if self.typing:
            self._type(key)
        elif self.help:
            self.help = False
        elif key in ("up", "down", "page up", "page down", "home", "end"):
            self._step({"up": -1, "down": 1, "page up": -12, "page down": 12, "home": -(1 << 30), "end": 1 << 30}[key])
        elif key in ("return", "enter", "right"):
            row = self._selected_row()
            if row is not None and row.open is not None:
                row.open()
        elif key in ("escape", "backspace", "left"):
            self._back(key)
        elif handler := {
            "space": self._mark,
            "c": self._compare,
            "b": self._report,
            "/": self._begin_typing,
            "f5": self._look_now,
            "h": self._toggle_help,
        }.get(key):
            self.message = ""
            handler()

    def choose(self, index: int) -> None:
        """Select a row, as a click does; the selected one is opened."""
        rows = self._levels[-1].shown
        if not 0 <= index < len(rows) or rows[index].open is None:
            return
        if rows[index].key == self._levels[-1].selected:
            self.press("return")
        else:
            self._levels[-1].selected = rows[index].key

    def page(self) -> BrowserPage:
        """The page to draw now."""
        level = self._levels[-1]
        page = level.build()
        level.shown = page.rows
        able = [row.key for row in page.rows if row.open is not None]
        if level.selected not in able:
            level.selected = able[0] if able else ""
        selected = next((k for k, row in enumerate(page.rows) if row.open and row.key == level.selected), -1)
        status = self.message or ("" if self._doing is None else "working")
        if self.typing:
            status = f"only rows with: {self._filter}▏"
        return replace(
            page,
            selected=selected,
            status=status,
            hint="Enter: open · Esc: back · H: keys",
            keys=KEYS if self.help else (),
        )

    def close(self) -> None:
        """Stop starting background work."""
        self._lister.close()
        self._worker.close()

    # -------------------------------------------------------------- the pages

    def _list_page(self) -> BrowserPage:
        rows = tuple(self._entry_row(entry) for entry in self._entries if self._kept(entry))
        left_out = len(self._entries) - len(rows)
        about = f"{len(rows)} of {len(self._entries)}, with `{self._filter}`" if left_out else f"{len(rows)}"
        if not self._known:
            return BrowserPage("Runs and sweeps", "reading the folders")
        if not rows:
            rows = (PageRow(("nothing is stored here, or nothing that fits",), "muted"),)
            return BrowserPage("Runs and sweeps", about, rows=rows)
        return BrowserPage("Runs and sweeps", about, COLUMNS, rows)

    def _entry_row(self, entry: StoredEntry) -> PageRow:
        how = {"run": self._open_run, "sweep": self._open_sweep}.get(entry.kind, self._explain)
        tone: Tone = "" if entry.kind in ("run", "sweep") else "muted"
        cells = (
            entry.kind,
            entry.scenario,
            " ".join(entry.settings),
            " ".join(entry.agents),
            entry.seed_range,
            entry.verdict,
            entry.when,
            f"{entry.points:,} points" if entry.points else str(entry.traces or ""),
            f"{entry.size / 1e6:.2f}",
            entry.folder.name,
        )
        return PageRow(cells, tone, lambda: how(entry), str(entry.folder), entry.folder in self._marked)

    def _kept(self, entry: StoredEntry) -> bool:
        words = " ".join(
            [entry.kind, entry.scenario, *entry.settings, *entry.agents, entry.verdict, entry.when, entry.folder.name]
        )
        return all(part in words.lower() for part in self._filter.lower().split())

    def _run_page(self, run: StoredRun) -> BrowserPage:
        rows = [PageRow(("Recordings: Enter plays one",), "heading")]
        by_trace: dict[str, Counter[str]] = {}
        for each in run.judgements:
            by_trace.setdefault(each.trace, Counter())[each.outcome] += 1
        for name in run.traces:
            told = ", ".join(f"{count} {outcome}" for outcome, count in by_trace.get(name, Counter()).items())
            rows.append(PageRow(("", name, "", told), open=partial(self._play, run, name), key=f"trace {name}"))
        if not run.traces:
            rows.append(PageRow(("none: nothing was recorded in this run",), "muted"))
        rows.append(PageRow(("Expectations: Enter tells one",), "heading"))
        for number, judged in enumerate(run.judgements):
            value = "" if judged.value is None else f"{judged.value:.4g}"
            rows.append(
                PageRow(
                    (judged.outcome, judged.name, judged.agent, f"{value}  expected {judged.bound}".strip()),
                    open=partial(self._tell, judged),
                    key=f"expectation {number}",
                )
            )
        manifest = run.manifest
        about = f"{run.verdict} · {manifest.finished[:16].replace('T', ' ')} · {run.folder}"
        return BrowserPage(manifest.scenario, about, ("outcome", "what", "agent", "value"), tuple(rows))

    def _sweep_page(self, sweep: SweepResult, picture: Image.Image | None, folder: Path) -> BrowserPage:
        rows = [
            PageRow((f"{agent}: " + ", ".join(f"{count} {name}" for name, count in sweep.regimes(agent).items()),))
            for agent in sweep.settings.agents
        ]
        axes = " × ".join(f"{axis.name} ({len(axis.values)})" for axis in sweep.settings.axes)
        return BrowserPage(sweep.scenario, f"{axes} · {folder}", rows=tuple(rows), picture=picture)

    def _comparison_page(self, found: Comparison, runs: tuple[StoredRun, StoredRun]) -> BrowserPage:
        rows: list[PageRow] = []
        for name, (one, other) in found.differences.items():
            rows.append(PageRow((f"{name}: {one} in A, {other} in B",), "muted"))
        columns = ("outcome", "what", "agent", "A", "B", "B less A")
        for number, pair in enumerate(found.pairs):
            agents = pair.agent_a if pair.agent_a == pair.agent_b else f"{pair.agent_a}, {pair.agent_b}"
            cells = (pair.outcome, pair.name, agents, *map(_between, (pair.a, pair.b, pair.difference)))
            why = f"{pair.name}: {pair.why}"
            rows.append(PageRow(cells, open=partial(self._say, why), key=f"pair {number}"))
        for side, names in (("A", found.only_a), ("B", found.only_b)):
            rows += [PageRow((f"judged in {side} only: {name}",), "muted") for name in names]
        both = [name for name in runs[0].traces if name in runs[1].traces]
        for name in both:
            cells = ("watch", f"{name}, side by side", *[""] * 4)
            rows.append(PageRow(cells, open=partial(self._play_both, runs, name), key=f"trace {name}"))
        return BrowserPage(f"A and B: {found.verdict}", f"A: {found.a} · B: {found.b}", columns, tuple(rows))

    # -------------------------------------------------------------- what is opened

    def _open_run(self, entry: StoredEntry) -> None:
        def opened(run: StoredRun) -> None:
            self._levels.append(_Level(lambda: self._run_page(run), folder=entry.folder))

        self._do("opening", lambda: load_run(entry.folder), opened)

    def _open_sweep(self, entry: StoredEntry) -> None:
        def read() -> tuple[SweepResult, Image.Image | None]:
            sweep = load_sweep(entry.folder)
            drawn = diagram_if_any(sweep, SHARP)
            return sweep, None if drawn is None else Image.open(BytesIO(drawn))

        def opened(found: tuple[SweepResult, Image.Image | None]) -> None:
            self._levels.append(_Level(lambda: self._sweep_page(*found, entry.folder), folder=entry.folder))

        self._do("opening", read, opened)

    def _explain(self, entry: StoredEntry) -> None:
        self._say(entry.fault or f"{entry.folder} is being written, or was left: the same sweep goes on with it")

    def _tell(self, judged: Judgement) -> None:
        self._say(f"{judged.name}: {judged.outcome}, {judged.told}")

    def _say(self, text: str) -> None:
        """Show a text on a page of its own."""
        self._levels.append(_Level(lambda: BrowserPage("In words", rows=(PageRow((text,)),))))

    def _play(self, run: StoredRun, name: str) -> None:
        self._do("opening the recording", lambda: self._recording(run, name), self._show)

    def _play_both(self, runs: tuple[StoredRun, StoredRun], name: str) -> None:
        def both() -> Viewer:
            return self._recording(
                runs[0], name, ShowView(RecordedShow(runs[1], name), label=f"B: {runs[1].folder.name}")
            )

        self._do("opening the recordings", both, self._show)

    def _recording(self, run: StoredRun, name: str, beside: ShowView | None = None) -> Viewer:
        show = RecordedShow(run, name)
        told = Narration(show.scenario, opening_of(show.scenario), show.command, True)
        label = "" if beside is None else f"A: {run.folder.name}"
        return Viewer(
            show,
            narration=told,
            card=beside is None,
            supposing=True,
            label=label,
            beside=beside,
            buttons=viewer_buttons,
        )

    def _show(self, viewer: Viewer) -> None:
        self.viewer = viewer

    # -------------------------------------------------------------- keys

    def _back(self, key: str) -> None:
        if self._doing is not None and key == "escape":
            self._doing, self.message = None, "given up"
        elif len(self._levels) > 1:
            self._levels.pop()
            self.message = ""
        elif self._filter:
            self._filter = ""
        elif key == "escape":
            self.left = True

    def _step(self, by: int) -> None:
        level = self._levels[-1]
        able = [row.key for row in level.shown if row.open is not None]
        if able:
            at = able.index(level.selected) if level.selected in able else 0
            level.selected = able[min(max(at + by, 0), len(able) - 1)]

    def _selected_row(self) -> PageRow | None:
        level = self._levels[-1]
        return next((row for row in level.shown if row.open and row.key == level.selected), None)

    def _selected_entry(self) -> StoredEntry | None:
        selected = self._levels[0].selected
        return next((entry for entry in self._entries if str(entry.folder) == selected), None)

    def _mark(self) -> None:
        entry = self._selected_entry()
        if len(self._levels) > 1 or entry is None or entry.kind != "run":
            self.message = "only runs of the list can be marked"
        elif entry.folder in self._marked:
            self._marked.remove(entry.folder)
        else:
            self._marked = [*self._marked[-1:], entry.folder]  # of three the first loses its mark
            self.message = "C compares the two" if len(self._marked) == 2 else "mark another one, then C compares them"

    def _compare(self) -> None:
        if len(self._marked) != 2:
            self.message = "mark two runs first: Space"
            return
        a, b = self._marked

        def compared() -> tuple[Comparison, tuple[StoredRun, StoredRun]]:
            runs = load_run(a), load_run(b)
            return compare_runs(RunSide(runs[0]), RunSide(runs[1])), runs

        def opened(found: tuple[Comparison, tuple[StoredRun, StoredRun]]) -> None:
            self._levels.append(_Level(lambda: self._comparison_page(*found)))

        self._do("comparing", compared, opened)

    def _report(self) -> None:
        entry = self._selected_entry()
        folder = self._levels[-1].folder or (entry.folder if entry is not None and len(self._levels) == 1 else None)
        if folder is None or (entry is not None and entry.kind not in ("run", "sweep")):
            self.message = "a report is of a run or a sweep"
            return
        shown = folder

        def written() -> Path:
            return write_report([open_shown(shown)], free_name(this_folder(), shown.name, ".html"))

        def opened(target: Path) -> None:
            self._open_url(target.absolute().as_uri())
            self.message = f"wrote {target}"

        self._do("writing the report", written, opened)

    def _begin_typing(self) -> None:
        if len(self._levels) == 1:
            self.typing = True

    def _type(self, key: str) -> None:
        if key in ("return", "enter"):
            self.typing = False
        elif key == "escape":
            self.typing, self._filter = False, ""
        elif key == "backspace":
            self._filter = self._filter[:-1]
        elif key == "space":
            self._filter += " "
        elif len(key) == 1:
            self._filter += key

    def _look_now(self) -> None:
        self._age, self._asked, self.message = 0.0, self._asked + 1, "looked again"

    def _toggle_help(self) -> None:
        self.help = not self.help

    def _do(self, message: str, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do some work in the background and go on with its result; one at a time."""
        if self._doing is None:
            self._tasks += 1
            self._doing, self.message = (self._tasks, work, then), message


def _between(ends: Sequence[float] | None) -> str:
    if ends is None:
        return ""
    low, high = (f"{end:.4g}" for end in ends)
    return low if low == high else f"{low} to {high}"

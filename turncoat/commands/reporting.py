"""The commands that write pages for a browser: `report` on runs and sweeps, `site` on scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from .. import printing
from .options import AsJson, Cache, NoCache, cache_of, count_option, write_json

Folders = Annotated[
    list[Path], typer.Argument(metavar="RUN", help="Folders of runs or sweeps, as `run` and `sweep` write them.")
]
Out = Annotated[Path, typer.Option("--out", help="The page to write.")]
Chosen = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SCENARIO]...", help="Names or paths of scenarios; the whole library by default."),
]
SiteFolder = Annotated[Path, typer.Option("--out", help="The folder; an older site there is replaced.")]
Docs = Annotated[
    Path | None,
    typer.Option("--docs", help="A folder of Markdown pages, such as docs of a checkout, that become part of it."),
]
Jobs = Annotated[int, count_option("--jobs", "Pages that are worked out at a time.")]


def report(which: Folders, out: Out = Path("report.html"), as_json: AsJson = False) -> None:
    """Write one HTML page on runs and sweeps: claim, verdict, replays with thoughts, learning curves, diagrams."""
    from ..evals.runs.run_folder import StoredRun
    from ..viz.report.page import open_shown, write_report

    shown = [open_shown(folder) for folder in which]
    target = write_report(shown, out)
    if as_json:
        write_json({"report": str(target), "bytes": target.stat().st_size})
    else:
        printing.say(f"{target} ({target.stat().st_size / 1e6:.1f} MB); open it in a browser")
        runs = [folder for folder, its in zip(which, shown, strict=True) if isinstance(its, StoredRun)]
        printing.next_command(*(("watch", str(runs[0])) if runs else ("view", *map(str, which))))


def site(
    which: Chosen = None,
    out: SiteFolder = Path("site"),
    jobs: Jobs = 1,
    cache: Cache = None,
    no_cache: NoCache = False,
    docs: Docs = None,
    as_json: AsJson = False,
) -> None:
    """Write a static site: a gallery, and for each scenario a page to watch, to play and to change it in.

    It needs no server: the folder works from disk, and on any host of static files.
    """
    from ..scenarios import library
    from ..viz.site.build import build_site

    kept = cache_of(cache, no_cache)
    names = list(which or library.names())
    with printing.progress(not as_json, str(out)) as report:
        built = build_site(names, out, None if kept is None else kept / "site", jobs, report, docs)
    if as_json:
        write_json({"site": str(built.folder), "bytes": built.size, "cached": built.cached, "pages": built.pages})
    else:
        count = printing.count(len(built.pages), "scenario")
        said = (
            f"{out}: {count}, {built.size / 1e6:.1f} MB; open {out / 'index.html'} in a browser, or put it on any host"
        )
        printing.say(escape(said))
        printing.next_command("play", names[0])

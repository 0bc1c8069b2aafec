"""Writes the site: a page for each scenario, the gallery and the docs, as one folder that is whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from ...evals.traces.provenance import RunError, cache_key
from ...evals.training.execution.workers import Workers
from ...scenarios.language.loading import Scenario, load
from ...scenarios.output_file import write_text_whole
from .docs_pages import build_docs, check_docs
from .pages import file_of, gallery_html, scenario_html
from .scenario_data import ScenarioPage, scenario_page

MARK = "turncoat-site.json"
"""The file by which a folder is known as a site, which a new one may replace."""
MOST_BYTES = 1_000_000
"""The greatest size of a scenario's page."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class BuiltSite:
    """A site that was written.

    Attributes:
        folder: where it is.
        pages: the size of each scenario's page in bytes, by name; size: of all files together.
        cached: how many pages were worked out before.
    """

    folder: Path
    pages: dict[str, int]
    size: int
    cached: int


def build_site(
    names: Sequence[str], out: Path, cache: Path | None, jobs: int, report: Report, docs: Path | None = None
) -> BuiltSite:
    """Write the site of some scenarios.

    What was worked out for a page is kept in the cache, so that a build which was cut off goes on where it was.

    Args:
        names: of the library, or paths of files.
        out: the folder; an older site is replaced, anything else is refused.
        cache: the folder of what was worked out; None: nothing is kept.
        jobs: processes.
        report: told what is being done.
        docs: a folder of Markdown pages that become part of it; None: no docs.

    Raises:
        MissingPackageError: docs are asked for, and what builds them is not installed.
        RunError: the folder holds something else, or cannot be written; or a page is too large.
        ScenarioError: a scenario cannot be loaded.
    """
    check_site(out)
    if docs is not None:
        check_docs(docs)
    scenarios = {_named(name): load(name) for name in names}
    pages, cached = _worked_out(scenarios, cache, jobs, report)
    report("writing the site")
    sizes: dict[str, int] = {}
    with replaced_folder(out) as part:
        (part / "scenarios").mkdir()
        for page in pages:
            text = scenario_html(page, docs=docs is not None and (docs / "scenarios" / f"{page.name}.md").is_file())
            sizes[page.name] = len(text.encode())
            if sizes[page.name] > MOST_BYTES:
                raise RunError(
                    f"the page of {page.name} has {sizes[page.name]:,} bytes, and {MOST_BYTES:,} is the most"
                )
            write_text_whole(part / "scenarios" / file_of(page.name), text)
        write_text_whole(part / "index.html", gallery_html(pages, docs=docs is not None))
        if docs is not None:
            report("building the docs")
            build_docs(docs, part / "docs", tuple(page.name for page in pages))
        write_text_whole(part / MARK, json.dumps({"site": 1, "scenarios": [page.name for page in pages]}))
        size = sum(file.stat().st_size for file in part.rglob("*") if file.is_file())
    return BuiltSite(out, sizes, size, cached)


def check_site(out: Path) -> None:
    """Check that a site can be written there.

    Raises:
        RunError: something else is there, or it cannot be written.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise RunError(f"{out} is no folder; give the site another name")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise RunError(f"{out} holds something that is no site of Turncoat's, and is not touched; name another folder")
    if other := _not_of_a_site(out):
        raise RunError(
            f"{out} holds {other} beside the site, which would be lost with it; move that, or name another folder"
        )
    nearest = next((folder for folder in (out, *out.absolute().parents) if folder.exists()), None)
    if nearest is None or not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise RunError(f"{out} cannot be written: {nearest or out.anchor} is not a folder that can be written to")


def _not_of_a_site(out: Path) -> str:
    """What somebody has put into the folder of a site, by its path there; empty if nothing."""
    if not out.is_dir():
        return ""
    inside = (out / "scenarios").iterdir() if (out / "scenarios").is_dir() else ()
    put = [path for path in out.iterdir() if path.name not in ("index.html", "scenarios", "docs", MARK)]
    put += [path for path in inside if path.suffix != ".html"]
    return min((path.relative_to(out).as_posix() for path in put), default="")


@contextmanager
def replaced_folder(out: Path) -> Iterator[Path]:
    """A hidden folder to write into, which takes the place of an older site when the block ends without error.

    Raises:
        RunError: it cannot be written.
    """
    out = out.absolute()
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        yield part
        check_site(out)  # someone may have put something there in the meantime
        if out.exists():
            out.rename(old)
        part.rename(out)
    except OSError as fault:
        raise RunError(f"{out} cannot be written: {fault.strerror or fault}") from fault
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if old.exists() and not out.exists():
            old.rename(out)
        shutil.rmtree(old, ignore_errors=True)


def _named(name: str) -> str:
    """By what a page is named: a name of the library, or that of a file."""
    return Path(name).stem if name.endswith((".yaml", ".yml")) else name


def _worked_out(
    scenarios: dict[str, Scenario], cache: Path | None, jobs: int, report: Report
) -> tuple[list[ScenarioPage], int]:
    found: dict[str, ScenarioPage] = {}
    keys = {name: _key(name, scenario) for name, scenario in scenarios.items()} if cache is not None else {}
    for name, key in keys.items():
        assert cache is not None
        if (page := _kept(cache / f"{key}.json")) is not None:
            found[name] = page
    cached, left = len(found), [name for name in scenarios if name not in found]

    def done(page: ScenarioPage) -> None:
        found[page.name] = page
        if cache is not None:
            cache.mkdir(parents=True, exist_ok=True)
            write_text_whole(cache / f"{keys[page.name]}.json", json.dumps(asdict(page)))

    if jobs > 1 and len(left) > 1:
        report(f"{len(left)} pages in {jobs} processes")
        for page in Workers(jobs).map_unordered(_silently, [(scenarios[name], name) for name in left]):
            done(page)
            report(f"{page.name} ({len(found)} of {len(scenarios)})")
    else:
        for name in left:
            head = f"{name} ({len(found) + 1} of {len(scenarios)})"
            done(scenario_page(scenarios[name], name, lambda text, head=head: report(f"{head}: {text}")))  # type: ignore[misc]
    return [found[name] for name in scenarios], cached


def _silently(scenario: Scenario, name: str) -> ScenarioPage:
    return scenario_page(scenario, name, lambda _: None)


def _kept(file: Path) -> ScenarioPage | None:
    """A page from the cache; None where it is not there, or damaged."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        pairs = tuple((heading, text) for heading, text in data["about"])
        return ScenarioPage(**{**data, "about": pairs, **{name: tuple(data[name]) for name in ("sources", "figures")}})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _key(name: str, scenario: Scenario) -> str:
    """What a page depends on: the scenario with all that is told of it, and the code that works the page out."""
    texts = [file.text for file in scenario.source.files]
    return cache_key({"site": name, "file": Path(scenario.file).name, "texts": texts, "drawing": _drawing_hash()})


@lru_cache(1)
def _drawing_hash() -> str:
    """SHA-256 of this room's code: `code_hash` leaves it out, and a page's data come from it."""
    digest = hashlib.sha256()
    room = Path(__file__).resolve().parents[1]
    for path in sorted(room.rglob("*.py")):
        if path.name not in ("pages.py", "build.py", "docs_pages.py"):
            digest.update(f"{path.relative_to(room).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()

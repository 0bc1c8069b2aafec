"""The docs as part of the site: MkDocs with the theme Material, searched and read from disk as well as from a host."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...evals.traces.provenance import RunError
from ...scenarios.errors import MissingPackageError, installing
from ..report.page import part
from .pages import file_of

SHIM = "assets/iframe-worker.js"
"""The script without which search needs a server; the plugin `offline` knows it by this name, and fetches none."""
SECTIONS = (
    ("How to", ("how-to",)),
    ("Reference", ("reference", "semantics.md", "agents.md", "performance.md")),
    ("The library", ("scenarios",)),
    ("Results", ("results.md", "results")),
    ("Decisions", ("decisions",)),
)
"""The parts of the navigation, each with the pages and folders that it holds."""


def check_docs(docs: Path) -> None:
    """Check that a folder of pages can be built.

    Raises:
        MissingPackageError: MkDocs or its theme is not installed.
        RunError: the folder has no `index.md`.
    """
    if find_spec("mkdocs") is None or find_spec("material") is None:
        raise MissingPackageError(f"the docs are built with mkdocs-material: {installing('site')}")
    if not (docs / "index.md").is_file():
        raise RunError(f"{docs} is no folder of docs: it has no index.md")


def build_docs(docs: Path, target: Path, played: tuple[str, ...]) -> None:
    """Write the pages of a folder of Markdown as HTML.

    Args:
        docs: the folder; a README beside it becomes one of its pages.
        target: a new folder, `docs` of the site.
        played: names of the scenarios that have a page in the site, to which their pages in the docs link.

    Raises:
        MissingPackageError, RunError: see `check_docs`; or the pages cannot be built.
    """
    check_docs(docs)
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import MkDocsException

    logging.getLogger("mkdocs").setLevel(logging.ERROR)  # links to pages of the site are none of MkDocs' own
    with tempfile.TemporaryDirectory(prefix="turncoat-docs-") as scratch:
        source = Path(scratch) / "docs"
        shutil.copytree(docs, source, ignore=leading_out(docs.resolve().parent))
        _prepare(source, docs, played)
        theme = Path(scratch) / "theme"
        (theme / SHIM).parent.mkdir(parents=True)
        (theme / SHIM).write_text(part(__package__, "frame_worker.js"), encoding="utf-8")
        (Path(scratch) / "mkdocs.yml").write_text("site_name: Turncoat\n", encoding="utf-8")
        try:
            build(load_config(str(Path(scratch) / "mkdocs.yml"), **_settings(source, target, theme)))
        except MkDocsException as fault:
            raise RunError(f"{docs}: the docs cannot be built: {fault}") from fault
    for unread in (*target.rglob("*.map"), target / "sitemap.xml.gz"):
        unread.unlink(missing_ok=True)


def leading_out(root: Path) -> Callable[[str, list[str]], set[str]]:
    """Names of a folder that are links out of another one: what they lead to was not meant to be published."""
    return lambda folder, names: {name for name in names if not (Path(folder) / name).resolve().is_relative_to(root)}


def _settings(source: Path, target: Path, theme: Path) -> dict[str, Any]:
    return {
        "site_name": "Turncoat",
        "docs_dir": str(source),
        "site_dir": str(target),
        "use_directory_urls": False,
        "nav": _nav(source),
        "validation": {"nav": {"omitted_files": "ignore"}, "links": {"unrecognized_links": "ignore"}},
        "theme": {
            "name": "material",
            "custom_dir": str(theme),
            "font": False,  # fonts of the system: nothing is fetched from elsewhere
            "features": ["navigation.tabs", "navigation.prune", "navigation.indexes", "content.code.copy"],
            "palette": [
                {"media": f"(prefers-color-scheme: {mode})", "scheme": scheme, "primary": "blue grey", "accent": "blue"}
                for mode, scheme in (("light", "default"), ("dark", "slate"))
            ],
        },
        "plugins": ["search", "offline"],
        "markdown_extensions": ["tables", "pymdownx.superfences", "pymdownx.highlight", {"toc": {"permalink": True}}],
        "extra": {"polyfills": [SHIM], "homepage": "../index.html"},
    }


def _prepare(source: Path, docs: Path, played: tuple[str, ...]) -> None:
    """Make the pages stand by themselves: the README is one of them, and scenarios link to where they are played."""
    readme = docs.resolve().parent / "README.md"
    if readme.is_file() and not leading_out(readme.parent)(str(readme.parent), [readme.name]):
        text = readme.read_text(encoding="utf-8").replace("](docs/", "](")
        (source / "readme.md").write_text(text, encoding="utf-8")
    for page in source.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        up = "../" * len(page.relative_to(source).parent.parts)
        written = text.replace(f"]({up}../README.md", f"]({up}readme.md")
        name = page.relative_to(source).with_suffix("").as_posix().removeprefix("scenarios/")
        if name in played:
            link = f"[Watch it, play it, change it]({up}../scenarios/{file_of(name)})"
            written = re.sub(r"^(# .*)$", rf"\1\n\n**{link}**", written, count=1, flags=re.MULTILINE)
        if written != text:
            page.write_text(written, encoding="utf-8")


def _nav(source: Path) -> list[Any]:
    nav: list[Any] = [{"Start": ["index.md", *(["readme.md"] if (source / "readme.md").is_file() else [])]}]
    if (source / "tutorial.md").is_file():
        nav.append({"Tutorial": "tutorial.md"})
    for title, places in SECTIONS:
        entries = [entry for place in places for entry in _entries(source / place, source)]
        if entries:
            nav.append({title: entries})
    return nav


def _entries(place: Path, source: Path) -> list[Any]:
    """A page, or the pages of a folder: its index first, then its pages, then its folders."""
    if place.is_file():
        return [place.relative_to(source).as_posix()]
    if not place.is_dir():
        return []
    pages = sorted(place.glob("*.md"), key=lambda page: (page.name != "index.md", page.name))
    entries: list[Any] = [page.relative_to(source).as_posix() for page in pages]
    for folder in sorted(each for each in place.iterdir() if each.is_dir()):
        if below := _entries(folder, source):
            entries.append({folder.name.replace("_", " ").capitalize(): below})
    return entries

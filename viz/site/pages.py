"""The HTML of the site. All text of a scenario is escaped here, or becomes a text node in the page's script."""

from __future__ import annotations

import html
import shlex
from collections.abc import Sequence
from itertools import groupby

from ...scenarios.language.faults.faults import safe
from ..report.page import filled, part
from ..report.theme_css import theme_css
from .packing import packed
from .scenario_data import ScenarioPage

REPORT = "turncoat.viz.report"
FAMILIES = {
    "escape": "Escape or stay",
    "learning": "How such agents come about",
    "safety_gridworlds": "The AI Safety Gridworlds",
    "treacherous_turn": "Treacherous turns",
    "two_systems": "Two systems",
    "wrong_goals": "Close but wrong goals",
}
"""Headings of the families of the library."""
ORIGINS = {
    "given": "a channel pays for the harm itself",
    "proxy": "reward and performance differ, but no channel pays for harm itself",
    "learned": "reward and performance agree on every training transition",
    "selected": "a search picked it, which no single world can show",
    "none": "reward and performance agree wherever it is judged too, and no best plan loses performance",
}
"""What each origin of a misalignment means."""


def file_of(name: str) -> str:
    """The name of a scenario's page, without its folder."""
    return f"{name.replace('/', '-')}.html"


def scenario_html(page: ScenarioPage, docs: bool, alone: bool = False) -> str:
    """The page of a scenario.

    Args:
        page: what it shows.
        docs: whether the docs are part of the site, and have a page for it.
        alone: whether it is part of no site, so that it links to none of its pages.
    """
    links = [] if alone else [("../index.html", "All scenarios")]
    if docs:
        links += [(f"../docs/scenarios/{page.name}.html", "In the docs"), ("../docs/index.html", "Docs")]
    about = "".join(f"<dt>{_text(heading)}</dt><dd>{_text(text)}</dd>" for heading, text in page.about)
    sources = f"<p class='muted'>Sources: {_text('; '.join(page.sources))}</p>" if page.sources else ""
    command = _text(shlex.quote(page.command))
    origin = f'<span class="chip">origin: {_text(page.origin)}</span> {_text(ORIGINS[page.origin])}'
    content = f"""<h1>{_text(page.title)}</h1>
<p class="muted">{_text(page.name)} · {origin}</p>
<p class="claim">{_text(page.claim)}</p>
<noscript><p class="note">The boards are drawn with JavaScript, which is switched off here.</p></noscript>
<div id="site"></div>
<h2>Exact figures</h2>
<p>{_text(" · ".join(page.figures))}</p>
<div id="figures"></div>
<h2>About</h2>
<dl>{about}</dl>
{sources}
<h2>Where Turncoat is installed</h2>
<pre tabindex="0">turncoat watch {command}
turncoat play {command}
turncoat run {command}</pre>"""
    scripts = part(__package__, "unpack.js") + part(REPORT, "player.js", "sections.js")
    scripts += part(__package__, "process.js", "scenario.js")
    return _page(page.title, links, content, page.packed, scripts)


def gallery_html(pages: Sequence[ScenarioPage], docs: bool) -> str:
    """The gallery of all pages."""
    links = [("docs/index.html", "Docs"), ("docs/tutorial.html", "Tutorial")] if docs else []
    parts = [
        "<h1>Turncoat</h1>",
        "<p class='claim'>Small worlds in which an agent may turn on those who made it, solved exactly. Watch what the "
        "best plan does, play in its place, and change what it wants or who watches it.</p>",
        "<div class='tools'><label>Find <input type='search' id='search' autocomplete='off'></label>"
        "<button type='button' id='pause'>Pause the clips</button>"
        f"<span id='count' role='status' class='muted'>{counted(len(pages))}</span></div>",
        "<noscript><p class='note'>The clips are drawn with JavaScript, which is switched off here.</p></noscript>",
    ]
    number = 0
    for family, its in groupby(pages, key=lambda page: page.name.rpartition("/")[0]):
        heading = FAMILIES.get(family, family.replace("_", " ") or "Scenarios")
        cards = []
        for page in its:
            cards.append(_card(page, number))
            number += 1
        parts.append(
            f"<section class='family'><h2>{_text(heading)}</h2><ul class='gallery'>{''.join(cards)}</ul></section>"
        )
    scripts = part(__package__, "unpack.js") + part(REPORT, "player.js") + part(__package__, "gallery.js")
    data = packed({"clips": [page.clip for page in pages]}, {})
    return _page("Turncoat", links, "\n".join(parts), data, scripts)


def counted(scenarios: int) -> str:
    """A number of scenarios in words."""
    return f"{scenarios} scenario{'' if scenarios == 1 else 's'}"


def _card(page: ScenarioPage, number: int) -> str:
    figures = "".join(f"<p class='muted'>{_text(figure)}</p>" for figure in page.figures)
    return (
        f"<li class='card'><div class='clip' data-clip='{number}' aria-hidden='true'></div>"
        f"<h3><a href='scenarios/{_text(file_of(page.name))}'>{_text(page.title)}</a></h3>"
        f"<p><span class='chip'>{_text(page.name.rpartition('/')[2])}</span> "
        f"<span class='chip'>origin: {_text(page.origin)}</span></p>"
        f"<p class='claim'>{_text(page.claim)}</p>{figures}</li>"
    )


def _page(title: str, links: Sequence[tuple[str, str]], content: str, data: str, script: str) -> str:
    style = theme_css() + part(REPORT, "report.css") + part(__package__, "site.css")
    shown = [f'<a href="{href}">{_text(text)}</a>' for href, text in links]
    return filled(
        part(__package__, "page.html"),
        style,
        script,
        title=_text(title if title == "Turncoat" else f"{title} · Turncoat"),
        links="<strong>Turncoat</strong> " + " ".join(shown),
        content=content,
        data=data,
    )


def _text(text: str) -> str:
    return html.escape(safe(text))

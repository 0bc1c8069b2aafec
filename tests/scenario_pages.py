"""The pages of docs/scenarios: one for each scenario of the library, made from its file, and a table of all.

`make docs` writes the pages. What they say is judged elsewhere: expectations by `test_library`, states and values by
`test_golden`. The pictures are drawn by `python -m tests.scenario_pages [SCENARIO...]`; `test_viz_golden` notices when
a scenario looks different, and then they are to be drawn anew.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import Image

from tests.golden import scenes
from tests.worlds import SIMULATED
from turncoat.scenarios import library
from turncoat.scenarios.language.loading import Scenario, load
from turncoat.scenarios.language.schema.document import Document, Expectation, Param, Stage
from turncoat.viz.site.pages import FAMILIES, ORIGINS

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs/scenarios"
PICTURES = FOLDER / "pictures"
FIGURES = ROOT / "tests/golden/engine.json"


def pages() -> dict[Path, Callable[[], str]]:
    """Every page with what makes the text that it should have."""

    def one(name: str) -> str:
        return page(name, load(name), _figures().get(name, {}))

    def all_of_them() -> str:
        return index({name: load(name) for name in library.names()}, _figures())

    return {FOLDER / "index.md": all_of_them, **{page_of(name): partial(one, name) for name in library.names()}}


@cache
def _figures() -> Any:
    return json.loads(FIGURES.read_text(encoding="utf-8"))


def page_of(name: str) -> Path:
    """Where the page of a scenario is."""
    return FOLDER / f"{name}.md"


def picture_of(name: str) -> Path:
    """Where the picture of a scenario is."""
    return PICTURES / f"{name.replace('/', '-')}.png"


def index(scenarios: Mapping[str, Scenario], figures: Mapping[str, Any]) -> str:
    """The table of all scenarios, family by family."""
    parts = [
        "# The library",
        "<!-- Written by `make docs`. -->",
        "Every scenario states a claim that a run confirms or refutes. *States* are those of the judged stage; where\n"
        "it says *simulated*, the world is too large to be solved and is played instead. Agents are those that the\n"
        "claims are about.",
    ]
    for family, names in groupby(scenarios, key=lambda name: name.partition("/")[0]):
        rows = ["| scenario | origin | what it shows | states | agents |", "|---|---|---|---|---|"]
        for name in names:
            document = scenarios[name].document
            states = figures.get(name, {}).get(scenarios[name].judged_stage, {}).get("states")
            agents = dict.fromkeys(agent for its in document.expect for agent in its.of)
            rows.append(
                f"| [`{name.partition('/')[2]}`]({name}.md) | {document.origin} | {cell(document.title)} | "
                f"{'simulated' if states is None else f'{states:,}'} | {', '.join(f'`{agent}`' for agent in agents)} |"
            )
        parts += [f"## {FAMILIES.get(family, family)}", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def page(name: str, scenario: Scenario, figures: Mapping[str, Any]) -> str:
    """The page of one scenario."""
    document = scenario.document
    family = name.partition("/")[0]
    parts = [
        f"# {document.title}",
        f"<!-- Written by `make docs` from scenarios/{name}.yaml. -->",
        f"`{name}` · [all scenarios](../index.md) · [{FAMILIES.get(family, family)}](../index.md)",
        f"> {flat(document.claim)}",
        *board(name, document),
        f"**Origin: {document.origin}** ({ORIGINS[document.origin]}).",
    ]
    told = document.about
    for heading, text in (
        ("Story", told.story),
        ("What tempts", told.temptation),
        ("What is intended", told.intended),
        ("What is measured", told.measure),
    ):
        if text is not None:
            parts.append(f"**{heading}.** {flat(text)}")
    parts += ["## Exact analysis", *analysis(name, document, figures)]
    parts += [
        "## Results",
        "What `turncoat run` judges. Figures of `exact` hold for every best plan, and are checked with every change\n"
        "of the program; those of learners are claims about most seeds, judged where the agents are trained.",
        results(document.expect),
    ]
    if told.caveat is not None:
        parts += ["## Caveat", flat(told.caveat)]
    if document.params:
        parts += ["## What can be varied", params(document.params)]
    if document.variants:
        parts += ["\n".join(f"- `{variant}`: {settings(its)}" for variant, its in document.variants.items())]
    parts += ["## Sources", "\n".join(f"- {flat(source)}" for source in document.sources)]
    parts += ["## Try it", f"```sh\nturncoat run {name}\nturncoat watch {name}\nturncoat show {name}\n```"]
    return "\n\n".join(parts) + "\n"


def board(name: str, document: Document) -> Iterator[str]:
    """The picture, where there is one, or else the drawn map."""
    if picture_of(name).exists():
        yield f"![The board in the middle of the best plan](../pictures/{picture_of(name).name})"
    drawn = document.map[0] if isinstance(document.map, list) else document.map
    if drawn is not None:
        yield f"```text\n{drawn.rstrip()}\n```"


def analysis(name: str, document: Document, figures: Mapping[str, Any]) -> Iterator[str]:
    """What enumeration finds in each stage."""
    rows = ["| stage | ticks | states | outcomes | value of the best plan |", "|---|---|---|---|---|"]
    for stage, spec in document.stages.items():
        found = figures.get(stage, {})
        solved = "simulated | | " if "states" not in found else solution(found)
        rows.append(f"| `{stage}` | {ticks(spec)} | {solved} |")
    yield "\n".join(rows)
    if name in SIMULATED:
        yield "Too large to be solved: it is played, and nothing is claimed of best plans."


def solution(found: Mapping[str, Any]) -> str:
    """States, outcomes and value of a stage, as cells of a table."""
    return f"{found['states']:,} | {found['outcomes']:,} | {float(found['value']):.6g}"


def ticks(stage: Stage) -> str:
    """How long a stage is."""
    if stage.watch:
        return "watched"
    return f"{stage.horizon}, known to the agent" if stage.horizon is not None else f"{stage.limit}"


def results(expectations: list[Expectation]) -> str:
    """The claims, each with the number that it must come to; every one of them holds."""
    rows = ["| what comes out | of | where | measure | is |", "|---|---|---|---|---|"]
    for its in expectations:
        where = [] if its.stage is None else [f"stage `{its.stage}`"]
        where += [] if its.variant is None else [f"`{its.variant}`"]
        where += [f"`{dotted}` {shown(value)}" for dotted, value in its.set.items()]
        where += across(its)
        where += [f"never risking `{event}`" for event in its.barring]
        less = "" if its.minus is None else ", less the same elsewhere"
        measure = f"`{cell(its.measure)}`{less}"
        rows.append(f"| {cell(its.name)} | {', '.join(its.of)} | {', '.join(where)} | {measure} | {bound(its)} |")
    return "\n".join(rows)


def across(its: Expectation) -> list[str]:
    """The conditions under which a claim must hold, in words."""
    if isinstance(its.across, list):
        return [f"{len(its.across)} settings"]
    return [f"`{dotted}` {shown(values)}" for dotted, values in its.across.items()]


def bound(its: Expectation) -> str:
    """The bound of a claim."""
    if its.at_least is not None:
        return f"at least {its.at_least:g}"
    if its.at_most is not None:
        return f"at most {its.at_most:g}"
    assert its.equals is not None
    return f"{its.equals:.10g}" + ("" if its.within <= 1e-6 else f" ± {its.within:g}")


def params(found: Mapping[str, Param]) -> str:
    """The params, with what they may be set to."""
    rows = ["| param | value | may be | what it is |", "|---|---|---|---|"]
    for name, its in found.items():
        may = "" if its.range is None else f"{its.range[0]:g} to {its.range[1]:g}"
        may = may if its.choices is None else shown(its.choices)
        value = shown(its.value) if its.formula is None else f"`{cell(str(its.formula))}`"
        rows.append(f"| `{name}` | {value} | {cell(may)} | {cell(its.about or '')} |")
    return "\n".join(rows)


def settings(its: Mapping[str, Any]) -> str:
    """The settings of a variant."""
    return ", ".join(f"`{dotted}` {shown(value)}" for dotted, value in its.items())


def shown(value: Any) -> str:
    """A setting as one would write it."""
    if isinstance(value, list) and len(value) > 12:
        return f"{len(value)} values from {shown(value[0])} to {shown(value[-1])}"
    return cell(json.dumps(value) if not isinstance(value, str) else value).replace('"', "")


def flat(text: str) -> str:
    """A folded text as one paragraph; `<` and `>` in it are no tags."""
    return " ".join(text.split()).replace("<", "&lt;").replace(">", "&gt;")


def cell(text: str) -> str:
    """A text that stands in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenario_pages")
    parser.add_argument("names", nargs="*", help="scenarios; all that can be solved by default")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in parser.parse_args().names or sorted(set(library.names()) - SIMULATED):
        _, first = next(scenes(name))
        small = first.convert("RGB").resize((first.width // 2, first.height // 2), Image.Resampling.LANCZOS)
        small.quantize(64).save(picture_of(name), optimize=True)
        print(picture_of(name))


if __name__ == "__main__":
    main()

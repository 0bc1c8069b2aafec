"""What the docs show is what the program does: every example loads, every output is current, nothing is left out."""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

import turncoat
from tests import make_docs
from turncoat import cli
from turncoat.evals.runs.run import RunSettings
from turncoat.scenarios.language.faults.catalogue import CATALOGUE
from turncoat.scenarios.language.loading import load_text
from turncoat.scenarios.language.schema import document

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.yaml"))
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def _blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_pages_taken_from_the_program_are_current() -> None:
    done = _run("-m", "tests.make_docs", "--check")

    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == list(make_docs.SHOWN)  # what trains is left


@pytest.mark.nightly
def test_what_trainings_print_is_current() -> None:
    done = _run("-m", "tests.make_docs", "--check", "--trainings", *make_docs.SHOWN)

    assert done.returncode == 0, done.stdout + done.stderr


def test_pages_that_are_named_are_the_only_ones_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    makers = {tmp_path / "one.md": lambda: "new", tmp_path / "other.md": lambda: "new too"}
    monkeypatch.setattr(make_docs, "ROOT", tmp_path)
    monkeypatch.setattr(make_docs, "pages", lambda trainings: makers)

    make_docs.main([str(tmp_path / "one.md")])

    assert [path.name for path in tmp_path.iterdir()] == ["one.md"]
    with pytest.raises(SystemExit, match="out of date"):
        make_docs.main(["--check"])
    with pytest.raises(SystemExit, match="2"):
        make_docs.main([str(tmp_path / "nowhere.md")])


def test_every_scenario_has_its_page_and_its_picture() -> None:
    folder = DOCS / "scenarios"
    found = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.md")}
    rows = re.findall(r"^\| \[`\w+`\]\((\S+)\.md\) \|", (folder / "index.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert found == {*turncoat.names(), "index"}
    assert rows == list(turncoat.names())
    kept = {path.name for path in (ROOT / "tests/pictures/library").iterdir()}  # of those that can be solved and drawn
    assert {path.name for path in (folder / "pictures").iterdir()} == kept - {"safety_gridworlds-rocks_diamonds.png"}


def test_the_map_names_every_page() -> None:
    there = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} - {"index.md"}
    named = set(re.findall(r"\]\(([\w./-]+\.md)\)", (DOCS / "index.md").read_text(encoding="utf-8")))
    one_of_many = {page for page in there if page.startswith("scenarios/") and page != "scenarios/index.md"}

    assert there - one_of_many - named == set()


def test_every_fault_code_and_every_command_has_its_entry() -> None:
    faults = (DOCS / "reference/faults.md").read_text(encoding="utf-8")
    commands = (DOCS / "reference/command-line.md").read_text(encoding="utf-8")

    assert [code for code in CATALOGUE if f"**{code}** " not in faults] == []
    known = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    assert [name for name in known if f"\n## {name}\n" not in commands] == []


def _models() -> Iterator[type[BaseModel]]:
    for model in vars(document).values():
        if isinstance(model, type) and issubclass(model, document.Block):
            yield model


def test_every_key_of_a_scenario_file_is_described() -> None:
    text = (DOCS / "reference/language.md").read_text(encoding="utf-8")
    words = {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"\w+", code)}
    keys = {field.alias or name for model in _models() for name, field in model.model_fields.items()}

    assert sorted(keys - words) == []


def _top_level(text: str) -> dict[str, str]:
    """The blocks of a scenario by their keys, as written."""
    blocks = re.findall(r"^(\w+):(?:.|\n(?=[ \n]|$))*\n?", text, re.MULTILINE)
    starts = [match.start() for match in re.finditer(r"^\w+:", text, re.MULTILINE)]
    ends = [*starts[1:], len(text)]
    assert len(blocks) == len(starts)
    return {text[start:].partition(":")[0]: text[start:end] for start, end in zip(starts, ends, strict=True)}


_LANGUAGE = _blocks(DOCS / "reference/language.md", "yaml")


@pytest.mark.parametrize("number", range(len(_LANGUAGE)))
def test_an_example_of_the_reference_loads(number: int) -> None:
    whole = {**_top_level(_LANGUAGE[0]), **_top_level(_LANGUAGE[number])}

    load_text("".join(whole.values()))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_file_checks_clean_and_passes(path: Path) -> None:
    scenario = turncoat.load(path)
    meaning = turncoat.check(scenario)
    run = turncoat.run(scenario, settings=RunSettings(agents=["exact"]))

    assert (*scenario.warnings, *meaning.faults) == ()
    assert meaning.origin is not None
    assert meaning.origin.agrees
    assert run.verdict == "pass"


def test_the_tutorial_shows_its_example_whole() -> None:
    written = "\n".join(_blocks(DOCS / "tutorial.md", "yaml"))

    assert written == (DOCS / "examples/courier.yaml").read_text(encoding="utf-8")


def test_the_readme_shows_lines_of_the_library() -> None:
    (shown,) = _blocks(ROOT / "README.md", "yaml")

    assert shown.partition("\n")[2] in (ROOT / "scenarios/treacherous_turn/lab.yaml").read_text(encoding="utf-8")


def test_the_readme_runs() -> None:
    (program,) = _blocks(ROOT / "README.md", "python")
    (printed,) = _blocks(ROOT / "README.md", "text")

    done = _run("-c", program)

    assert (done.stdout, done.stderr) == (printed, "")


def test_links_lead_somewhere() -> None:
    links = [
        (page.relative_to(ROOT), link)
        for page in PAGES
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if not link.startswith(("http://", "https://"))
    ]

    assert links
    assert [str(at) for at in links if not (ROOT / at[0]).parent.joinpath(at[1]).exists()] == []


PUBLIC = {"turncoat", "turncoat.agents", "turncoat.envs", "turncoat.testing"}


def test_the_docs_import_from_public_modules_only() -> None:
    pages = [page for page in PAGES if "decisions" not in page.parts]
    code = {page.relative_to(ROOT): "\n".join(_blocks(page, "python")) for page in pages}
    inner = {
        str(page): found
        for page, text in code.items()
        if (found := sorted(set(re.findall(r"(?:from|import) (turncoat[\w.]*)", text)) - PUBLIC))
    }

    assert inner == {}


@pytest.mark.parametrize("room", ["turncoat.agents", "turncoat.envs"])
def test_every_public_name_of_a_room_can_be_imported(room: str) -> None:
    face = importlib.import_module(room)

    assert face.__all__
    assert [name for name in face.__all__ if not hasattr(face, name)] == []


def turned(page: str) -> list[dict[str, tuple[int, int]]]:
    """For each table of the page on first_turn: watched disarmings -> how many of how many `local_rules` turned."""
    found = []
    for table in page.split("\n|---")[1:]:
        rows = re.findall(r"^\| `local_rules` \| [\d,]+ \| (\d+) \| (\d+) of (\d+) ", table, re.M)
        if rows:
            found.append({watched: (int(count), int(of)) for watched, count, of in rows})
    return found


def test_the_readme_says_what_the_pages_say() -> None:
    """Figures that stand in the table of the library and on a page of their own are compared."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+/\w+)` \|(.*)\|$", readme, re.M))
    tuned, fresh = turned((DOCS / "results/first-turn.md").read_text(encoding="utf-8"))
    shown = [", ".join(str(series[watched][0]) for watched in ("0", "1", "2", "20")) for series in (tuned, fresh)]
    assert {of for series in (tuned, fresh) for _, of in series.values()} == {12}
    row = rows["treacherous_turn/first_turn"]
    assert f"of 12 agents `local_rules` {shown[0]} turn after 0, 1, 2, 20 watched disarmings" in row
    assert f"of 12 with fresh seeds {shown[1]}" in row
    # What the files claim is judged by `test_library`, so the table must say the same numbers.
    for name in ("treacherous_turn/lab", "escape/faking", "escape/off_switch"):
        document = turncoat.load(name).document
        exact = {f"{its.equals:g}" for its in document.expect if its.equals is not None and its.of == ["exact"]}
        numbers = set(re.findall(r"-?\d+(?:\.\d+)?", rows[name].rpartition("|")[2]))
        assert len(exact & numbers) >= min(2, len(exact)), (name, exact, numbers)

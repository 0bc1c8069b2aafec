"""The notebooks of the docs: stored without outputs, run from top to bottom, and richly shown."""

import ast
import json
from pathlib import Path

import pytest

import turncoat
from turncoat import notebook
from turncoat.evals.runs.run import Run
from turncoat.scenarios.language.loading import Scenario

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]


def cells(path, kind):
    return [
        "".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == kind
    ]


def shown(value):
    """What a notebook would show of the value of a cell's last line."""
    if isinstance(value, Scenario):
        return notebook.card(value)
    if isinstance(value, Run):
        return notebook.shown(value, turncoat.report)
    own = getattr(value, "_repr_html_", None)
    return repr(value) if own is None else own()


def run_all(path):
    """Run the cells in one namespace, as a notebook does; what each of them shows."""
    names: dict[str, object] = {}
    found = []
    for number, text in enumerate(cells(path, "code")):
        tree = ast.parse(text)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"{path.name}, cell {number}", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), f"{path.name}, cell {number}", "eval"), names)
            found.append("" if value is None else shown(value))
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_is_stored_without_outputs_and_can_be_read(path):
    data = json.loads(path.read_text(encoding="utf-8"))
    assert (data["nbformat"], data["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in data["cells"]}) == len(data["cells"])
    for cell in data["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    for text in cells(path, "code"):
        ast.parse(text)
    assert cells(path, "markdown")[0].startswith("# ")


def test_the_notebooks_are_linked():
    for page in ("README.md", "docs/index.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert [name for name in NAMES if f"notebooks/{name}.ipynb" not in text] == []


def test_write_and_sweep():
    found = run_all(ROOT / "docs/notebooks/write-and-sweep.ipynb")
    assert "The till that is counted now and then" in found[0]
    assert "skims" in found[3]
    assert "<iframe" in found[-1]


@pytest.mark.nightly
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_runs_from_top_to_bottom(path):
    found = run_all(path)
    assert "<iframe" in found[-1]
    assert all(text for text in found if text is not None)


def test_a_scenario_is_watched_in_a_frame(monkeypatch):
    """The page of `watch` links to no other page, and keeps nothing in an address, which a frame of text has not."""
    from turncoat.viz.site import scenario_data

    told = ("till", "till.yaml", "A till", "It skims.", "given")
    page = scenario_data.ScenarioPage(*told, (), (), ("a figure",), {}, "packed")
    monkeypatch.setattr(scenario_data, "scenario_page", lambda scenario, name, report: page)
    text = turncoat.watch("escape/interruption").html
    assert "A till" in text
    assert "index.html" not in text
    assert 'sandbox="allow-scripts"' in turncoat.watch("escape/interruption")._repr_html_()

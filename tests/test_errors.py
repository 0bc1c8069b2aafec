"""One tree of errors: what is in it, what it catches, and how an unknown name is told."""

import ast
import builtins
import pickle
import re
from pathlib import Path

import pytest

import turncoat
from turncoat.endings import failed
from turncoat.evals.runs.run_folder import load_run
from turncoat.evals.traces.trace import read_trace
from turncoat.scenarios.errors import UnknownNameError, check_name
from turncoat.scenarios.language.loading import load_text

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("agents", "envs", "evals", "scenarios", "turncoat", "viz")


def _classes() -> dict[str, list[str]]:
    """Every exception class of the package with the names of its bases, read and not imported: some need a library."""
    found = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    return {name: bases for name, bases in found.items() if _is_exception(name, found)}


def _is_exception(name: str, bases: dict[str, list[str]]) -> bool:
    kind = getattr(builtins, name, None)
    if isinstance(kind, type):
        return issubclass(kind, BaseException)
    return any(_is_exception(base, bases) for base in bases.get(name, []))


def _ancestors(name: str, bases: dict[str, list[str]]) -> set[str]:
    return {name}.union(*(_ancestors(base, bases) for base in bases.get(name, [])))


CLASSES = _classes()
PUBLIC = sorted(name for name in CLASSES if not name.startswith("_"))


def test_the_classes_are_found():
    assert {"TurncoatError", "ScenarioError", "NotEnumerableError", "TraceError", "_Stop"} <= set(CLASSES)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_error_is_in_the_tree_named_as_one_and_described(name):
    page = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")

    assert "TurncoatError" in _ancestors(name, CLASSES)
    assert name.endswith("Error")
    assert re.search(rf"\b{name}\b", page)


def _bad_scenario(_: Path) -> object:
    return load_text("turncoat: 1\n", "bad.yaml")


def _no_such_scenario(_: Path) -> object:
    return turncoat.load("treacherous_turn/lap")


def _bad_override(_: Path) -> object:
    return turncoat.load("lab", {"robot.discoumt": 0.5})


def _no_such_stage(_: Path) -> object:
    return turncoat.make("lab", "deplo")


def _no_such_event(_: Path) -> object:
    return turncoat.why("escape/interruption", "nonsense")


def _damaged_trace(folder: Path) -> object:
    (folder / "a.parquet").write_bytes(b"PAR1")
    return read_trace(folder / "a.parquet")


def _damaged_run(folder: Path) -> object:
    (folder / "manifest.json").write_text("{}")
    return load_run(folder)


@pytest.mark.parametrize(
    ("do", "kind"),
    [
        (_bad_scenario, "scenario"),
        (_no_such_scenario, "scenario"),
        (_bad_override, "scenario"),
        (_no_such_stage, "usage"),
        (_no_such_event, "usage"),
        (_damaged_trace, "usage"),
        (_damaged_run, "usage"),
    ],
)
def test_the_base_catches_what_is_the_callers_to_mend(tmp_path, capsys, do, kind):
    with pytest.raises(turncoat.TurncoatError) as caught:
        do(tmp_path)

    assert caught.value.kind == kind
    assert failed(caught.value, as_json=True) == 2
    assert f'"kind": "{kind}"' in capsys.readouterr().out
    again = pickle.loads(pickle.dumps(caught.value))  # as workers and the solving process send it
    assert (type(again), str(again), again.__dict__) == (type(caught.value), str(caught.value), caught.value.__dict__)


def test_a_fault_that_is_not_in_the_tree_is_a_crash(capsys):
    assert failed(ValueError("not meant"), as_json=True) == 3
    assert '"kind": "crash"' in capsys.readouterr().out


def test_an_unknown_name_is_told_with_what_there_is():
    fault = UnknownNameError("stage", "deplo", ["train", "deploy"])

    assert str(fault) == "there is no stage `deplo`; did you mean `deploy`? there are train, deploy"
    assert (fault.what, fault.name, fault.choices) == ("stage", "deplo", ("train", "deploy"))
    assert str(UnknownNameError("trace", "x", [], "runs/a")) == "runs/a: there is no trace `x`; there are none"
    told = str(UnknownNameError("thing", "x", ["guard"], clause="that can act"))
    assert told == "there is no thing `x` that can act; there are guard"
    check_name("stage", "train", ["train"])
    for kind in (KeyError, ValueError, turncoat.UsageError):
        with pytest.raises(kind):
            check_name("stage", "deploy", ["train"])

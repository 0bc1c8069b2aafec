"""The rooms can be entered, and the front door opens quickly."""

import ast
import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("agents", "envs", "evals", "scenarios", "viz")
HEAVY = {"matplotlib", "numba", "polars", "pydantic", "pygame", "scipy", "torch"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_the_folder_at_the_root(room: str) -> None:
    module = importlib.import_module(f"turncoat.{room}")

    assert module.__file__ is not None
    assert Path(module.__file__).resolve() == ROOT / room / "__init__.py"


def test_importing_turncoat_leaves_the_heavy_libraries_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, turncoat; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert HEAVY.isdisjoint(done.stdout.split())


def _reaches_the_door(node: ast.AST, depth: int) -> bool:
    """Whether an import in a file `depth` packages below `turncoat` takes from `turncoat` itself, or from outside in.

    import-linter cannot say this: for it, `turncoat` is what the rooms are in, not something above them.
    """
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] == "turncoat" for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        if node.level == 0:
            return (node.module or "").split(".")[0] == "turncoat"
        return node.level > depth and node.module is None
    return False


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_relatively_and_never_the_door(room: str) -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and _reaches_the_door(node, depth=len(path.relative_to(ROOT).parts) - 1)
    ]

    assert not faults


MOST_MODULES = 12


def _modules() -> list[Path]:
    """Every module of the package, by its place in the checkout; the symlinks in `turncoat/` lead to the rooms."""
    rooms = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    door = [path for path in (ROOT / "turncoat").rglob("*.py") if path.resolve() == path]
    return sorted([*rooms, *door])


def test_no_folder_holds_more_modules_than_a_reader_takes_in() -> None:
    held = Counter(path.parent.relative_to(ROOT) for path in _modules() if path.name != "__init__.py")

    assert {str(folder): count for folder, count in held.items() if count > MOST_MODULES} == {}


def test_every_folder_with_modules_is_a_package_that_says_what_it_holds() -> None:
    folders = {path.parent for path in _modules()}
    said = {folder: folder / "__init__.py" for folder in folders}

    assert [str(folder) for folder, face in said.items() if not face.is_file()] == []
    untold = [str(face) for face in said.values() if ast.get_docstring(ast.parse(face.read_text("utf-8"))) is None]
    assert untold == []


def test_a_public_class_name_has_one_meaning_in_the_whole_package() -> None:
    places: dict[str, list[str]] = {}
    for path in _modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))

    assert {name: where for name, where in places.items() if len(where) > 1} == {}

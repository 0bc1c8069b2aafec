"""The rooms can be entered, and the front door opens quickly."""

import ast
import importlib
import subprocess
import sys
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

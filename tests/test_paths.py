"""Paths and names of files on every system: drives, separators, case, and what Windows keeps for itself."""

import ntpath
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turncoat.evals.reports import github
from turncoat.evals.traces import atomic_folder
from turncoat.evals.traces.provenance import RunError
from turncoat.scenarios import library, paths
from turncoat.scenarios.language import loading
from turncoat.scenarios.paths import below, fault_of_name, portable


@pytest.mark.parametrize(
    ("path", "folder", "found"),
    [
        (r"D:\a\repo\mine.yaml", r"C:\Python\Lib\turncoat", None),
        (r"D:\a\repo\mine.yaml", r"D:\a\repo", "mine.yaml"),
        (r"D:\A\Repo\sub\mine.yaml", "d:/a/repo", "sub/mine.yaml"),
        (r"D:\a\repository\mine.yaml", r"D:\a\repo", None),
        (r"D:\a\repo", r"D:\a\repo", "."),
        (r"\\server\share\mine.yaml", r"C:\a", None),
        (r"\\server\share\mine.yaml", r"\\SERVER\share", "mine.yaml"),
        (r"D:mine.yaml", r"D:\a", None),
    ],
)
def test_windows_paths(path, folder, found):
    assert below(path, folder, PureWindowsPath) == found


@pytest.mark.parametrize(
    ("path", "folder", "found"),
    [
        ("/a/repo/mine.yaml", "/a/repo", "mine.yaml"),
        ("/a/Repo/mine.yaml", "/a/repo", None),
        ("/a/repository/mine.yaml", "/a/repo", None),
        ("/a/repo", "/a/repo/sub", None),
        ("/a", "/", "a"),
    ],
)
def test_other_paths(path, folder, found):
    assert below(path, folder, PurePosixPath) == found


@pytest.mark.parametrize("drive", ["C:", "D:"])
def test_a_scenario_loads_from_another_drive_than_turncoat(monkeypatch, drive):
    """What a run on GitHub's Windows machines asks: Python is on C:, the checkout on D:."""
    monkeypatch.setattr(paths, "Path", PureWindowsPath)
    monkeypatch.setattr(below, "__defaults__", (PureWindowsPath,))
    windows = {"isabs": ntpath.isabs, "realpath": lambda path: str(path).replace("/", "\\")}
    for module in (library, loading, github):
        monkeypatch.setattr(module, "os", type("os", (), {"path": type("path", (), windows), "curdir": "D:\\a\\repo"}))
    monkeypatch.setattr(library, "FOLDER", PureWindowsPath(r"C:\Python\Lib\turncoat\scenarios"))
    file: Any = PureWindowsPath(rf"{drive}\a\repo\mine.yaml")
    assert library.home(file) == file.parent
    assert library.home(library.FOLDER / "escape" / "faking.yaml") == library.FOLDER
    assert loading._shown(str(file)) == ("mine.yaml" if drive == "D:" else str(file))
    assert github._relative(str(file), r"D:\a") == ("repo/mine.yaml" if drive == "D:" else str(file))


def test_nothing_else_compares_paths_by_drive():
    """`commonpath` and `relpath` raise where two paths are on two drives: `paths.below` does not."""
    root = Path(__file__).parents[1]
    rooms = ("turncoat", "scenarios", "envs", "agents", "evals", "viz")
    files = [file for room in rooms for file in (root / room).rglob("*.py") if file != root / "scenarios/paths.py"]
    assert len(files) > 200
    assert not [file for file in files if any(word in file.read_text("utf-8") for word in ("commonpath(", "relpath("))]


@pytest.mark.parametrize(
    "name", ["con", "NUL", "aux.yaml", "Com1.tar.gz", "lpt¹", "CON .txt", "runs.", "runs ", "a:b", "a?"]
)
def test_names_that_windows_has_not(name):
    assert fault_of_name(name) is not None
    assert fault_of_name(portable(name)) is None


@pytest.mark.parametrize("name", ["lab", "console", "auxiliary.yaml", "com10", "con_1", ".hidden", "a b", "nul-1234"])
def test_names_that_windows_has(name):
    assert fault_of_name(name) is None
    assert portable(name) == name


@given(st.text(max_size=20))
def test_a_portable_name_is_one_everywhere(name):
    made = portable(name)
    assert made
    assert fault_of_name(made) is None
    assert portable(made) == made


def test_an_output_folder_of_a_device_is_refused_before_hours_of_training(monkeypatch, tmp_path):
    atomic_folder.check_target(tmp_path / "aux")
    monkeypatch.setattr("turncoat.evals.traces.atomic_folder.os.name", "nt")
    for name in ("aux", "NUL.run", "runs."):
        with pytest.raises(RunError, match=r"on Windows|Windows drops"):
            atomic_folder.check_target(type(tmp_path)(tmp_path / name))


def test_the_library_has_no_name_that_a_system_lacks():
    names = [part for name in library.parts() for part in f"{name}.yaml".split("/")]
    assert not [name for name in names if fault_of_name(name)]
    assert len({name.lower() for name in library.parts()}) == len(library.parts())

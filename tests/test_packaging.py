"""What is installed is what is in the tree: the wheel is built, installed alone and used from another folder."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import turncoat
from tests.lowest_versions import lowest

from .worlds import first_of

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("agents", "envs", "evals", "scenarios", "viz")
BUILT_FROM = ("pyproject.toml", "LICENSE", "README.md", "turncoat", *ROOMS)


def _run(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed, and return what it printed."""
    # PYTHONPATH may lead back to the checkout, which is what these tests are to do without.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def _copy(to: Path) -> Path:
    """Copy what is built from, so that no build touches the checkout or finds leavings of another."""
    to.mkdir()
    for name in BUILT_FROM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, to / name)
    return to


def _build(tree: Path, *flags: str) -> Path:
    _run(sys.executable, "-m", "build", "--no-isolation", *flags, cwd=tree)
    (wheel,) = (tree / "dist").glob("*.whl")
    return wheel


def _contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def _in_tree() -> set[str]:
    """Every file of the package in the checkout, by the name that it is to have when installed."""
    rooms = {
        f"turncoat/{path.relative_to(ROOT).as_posix()}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file()
    }
    door = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "turncoat").rglob("*")
        if path.is_file() and path.relative_to(ROOT).parts[1] not in ROOMS
    }
    return {name for name in rooms | door if "__pycache__" not in name and not name.endswith(".md")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel that went the long way, through a source distribution; built once, as a file's tests share a worker."""
    return _build(_copy(tmp_path_factory.mktemp("build") / "tree"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the wheel installed, and the libraries of this one, but not this one's turncoat."""
    venv = tmp_path_factory.mktemp("install") / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=venv.parent)
    scheme = {"base": str(venv), "platbase": str(venv)}
    # A folder named in a .pth file is searched, but .pth files in it (say, of an editable install) are not read.
    Path(sysconfig.get_path("purelib", "venv", scheme), "libraries.pth").write_text(sysconfig.get_path("purelib"))
    python = Path(sysconfig.get_path("scripts", "venv", scheme), "python")
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=venv.parent)
    return python


def test_the_listed_packages_are_those_in_the_tree() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    packages = {str(Path(name).parent).replace("/", ".") for name in _in_tree() if name.endswith("/__init__.py")}

    assert set(declared) == packages


def test_the_wheel_holds_every_file_of_the_tree_once_and_no_other(wheel: Path) -> None:
    assert _contents(wheel) == _in_tree()


def test_the_wheel_holds_the_scenario_library(wheel: Path) -> None:
    assert "turncoat/scenarios/treacherous_turn/lab.yaml" in _contents(wheel)


def test_a_tree_whose_links_are_text_builds_the_same(wheel: Path, tmp_path: Path) -> None:
    """So they come in a downloaded zip, and in a checkout on Windows."""
    tree = _copy(tmp_path / "tree")
    for link in [path for path in (tree / "turncoat").iterdir() if path.is_symlink()]:
        target = os.readlink(link)
        link.unlink()
        link.write_text(target)

    assert _contents(_build(tree, "--wheel")) == _contents(wheel)


def test_every_module_imports_where_it_is_installed(wheel: Path, python: Path, tmp_path: Path) -> None:
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in _contents(wheel)
        if name.endswith(".py") and not name.endswith("/__main__.py")
    )
    script = "import sys, importlib as i; print(*[i.import_module(m).__file__ for m in sys.argv[1:]], sep='\\n')"
    files = _run(python, "-c", script, *modules, cwd=tmp_path).splitlines()

    assert len(files) == len(modules)
    assert all(python.parent.parent in Path(file).parents for file in files)


def test_the_rooms_are_not_installed_under_their_own_names(python: Path, tmp_path: Path) -> None:
    script = "import sys, importlib.util as u; print([m for m in sys.argv[1:] if u.find_spec(m)])"

    assert _run(python, "-c", script, *ROOMS, cwd=tmp_path).strip() == "[]"


def test_the_command_lists_the_library_from_anywhere(python: Path, tmp_path: Path) -> None:
    by_module = _run(python, "-m", "turncoat", "list", cwd=tmp_path)
    by_script = _run(python.with_name("turncoat"), "list", cwd=tmp_path)

    assert "lab" in by_module
    assert by_script == by_module


def _use(python: Path, folder: Path) -> None:
    """Use what is installed as a stranger would, in a folder of its own: judge, record, report, check and watch."""
    turncoat = python.with_name("turncoat")
    assert "pass" in _run(turncoat, "run", "escape/interruption", "--agent", "exact", "--out", "run", cwd=folder)
    assert "film.gif" in _run(turncoat, "record", "run", "--out", "film.gif", "--size", "320x240", cwd=folder)
    _run(turncoat, "report", "run", "--out", "page.html", cwd=folder)
    (folder / "mine.yaml").write_text("turncoat: 1\nname: mine\nextends: escape/interruption\n", encoding="utf-8")
    assert "ok" in _run(turncoat, "check", "mine.yaml", cwd=folder)
    assert {path.name for path in folder.iterdir()} == {"run", "film.gif", "page.html", "mine.yaml"}


@pytest.mark.nightly
@pytest.mark.timeout(1_800)  # the compiled kernels are made anew for it
def test_what_is_installed_can_be_used_from_anywhere(python: Path, tmp_path: Path) -> None:
    _use(python, tmp_path)


@pytest.mark.nightly
@pytest.mark.timeout(3_600)  # of which installing takes most
def test_a_bare_environment_needs_nothing_but_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """With what it depends on, from whatever index pip uses here; where there is none, nothing is shown."""
    venv = tmp_path / "bare"
    _run(sys.executable, "-m", "venv", venv, cwd=tmp_path)
    python = Path(sysconfig.get_path("scripts", "venv", {"base": str(venv), "platbase": str(venv)}), "python")
    installing = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", wheel]
    done = subprocess.run([*map(str, installing)], cwd=tmp_path, capture_output=True, text=True, check=False)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip(f"pip reaches no index here: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    (tmp_path / "elsewhere").mkdir()
    _use(python, tmp_path / "elsewhere")


def test_the_citation_is_of_this_version() -> None:
    citation = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == turncoat.__version__
    assert (
        citation["license"]
        == tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"]
    )
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    heading = re.search(r"^## \[(.+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heading is not None
    assert heading[1] in (turncoat.__version__, "Unreleased")


def test_install_lines_agree() -> None:
    """What stands on no index cannot be installed from one by its name."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        if "decisions" not in page.parts:
            lines = re.findall(r"pip install [^`\n)]+", page.read_text(encoding="utf-8"))
            assert not [line for line in lines if re.search(r"install '?turncoat\b", line)], page


@pytest.mark.parametrize("first", first_of(["gymnasium", "gymnasium, turncoat", "turncoat, gymnasium"]))
def test_gymnasium_makes_the_library(python: Path, tmp_path: Path, first: str) -> None:
    """Whichever is imported first; or `turncoat` not at all, if the id names it."""
    name = "turncoat/lab-v0" if "turncoat" in first else "turncoat:turncoat/lab-v0"

    assert "lab-v0" in _run(python, "-c", f"import {first}; print(gymnasium.make('{name}'))", cwd=tmp_path)


def test_the_lowest_versions_are_those_that_pyproject_allows() -> None:
    """`make test-lowest` would pass for nothing if one were left out."""
    found = lowest()
    assert "pydantic==2.11" in found
    assert "stable-baselines3==2.7" in found
    assert not [each for each in found if each.startswith("torch")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split("[><=~]", each)[0] for each in project["dependencies"]}
    assert wanted <= {each.partition("==")[0] for each in found}

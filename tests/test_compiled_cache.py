"""Damaged or unwritable caches of compiled code cost time and nothing else."""

import importlib.util
import os
import subprocess
import sys

import pytest
from numba import config
from numba.core.dispatcher import Dispatcher

from turncoat.envs import kernel
from turncoat.envs.kernel import compiled_cache
from turncoat.envs.kernel.memory import entry
from turncoat.scenarios.errors import UsageError

from .test_cli import CORRIDOR, ENV
from .worlds import first_of

NO_FOLDER = RuntimeError("cannot cache function 'f': no locator available for file 'f.py'")


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """Compile a small function as another process would, with a cache in `tmp_path/cache`: its number of cache hits."""
    (tmp_path / "small.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))

    def compiled(number=21):
        spec = importlib.util.spec_from_file_location("small", tmp_path / "small.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        double = entry(module.double)
        assert repr(double(number)) == repr(2 * number)
        return sum(double.stats.cache_hits.values())

    return compiled


def kept(tmp_path, ending):
    return sorted(tmp_path.rglob(f"*{ending}"))


def test_it_is_kept(compiled):
    assert [compiled(), compiled()] == [0, 1]


def test_a_folder_does_not_say_where_compiled_code_is_kept(tmp_path, compiled, monkeypatch):
    """Numba has read `cache_dir: planted` in the `.numba_config.yaml` of a stranger's folder, and would unpickle it."""
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "planted"))
    assert [compiled(), compiled()] == [0, 1]
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("settings", first_of(["dump_html: mine\nnum_threads: 0\ndebug: 1", "cache_dir: ["]))
def test_numba_reads_no_settings_of_the_folder_that_one_is_in(tmp_path, settings):
    """As a stranger's they overwrote any file that they named, printed over results, or ended the command with 3."""
    (tmp_path / ".numba_config.yaml").write_text(settings)
    (tmp_path / "mine").write_text("kept")
    asked = "import turncoat, numba, yaml; print(numba.njit(lambda: 1)(), numba.config.DEBUG)"
    words = [sys.executable, "-W", "error", "-c", asked]
    done = subprocess.run(words, cwd=tmp_path, env=ENV, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1 0\n", "")
    assert (tmp_path / "mine").read_text() == "kept"


@pytest.mark.parametrize(
    ("setting", "refused"),
    [
        ("NUMBA_DISABLE_JIT=1", True),
        ("NUMBA_NUM_THREADS=0", True),
        ("NUMBA_DISABLE_JIT=0", False),
        ("NUMBA_NUM_THREADS=x", False),
    ],
)
def test_settings_with_which_numba_cannot_be_used_are_named(monkeypatch, setting, refused):
    name, _, value = setting.partition("=")
    monkeypatch.setenv(name, value)
    if refused:
        with pytest.raises(UsageError, match=f"{name} to {value}"):
            kernel._check_settings()
    else:
        kernel._check_settings()


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("share", [0, 0.5, 0.9])
def test_what_is_damaged_is_made_anew(tmp_path, compiled, ending, share):
    compiled()
    [path] = kept(tmp_path, ending)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert [compiled(), compiled()] == [0, 1]


def test_what_was_compiled_for_other_types_is_made_anew(tmp_path, compiled):
    """Two processes that compile a function at once for different types give their files the same name."""
    assert [compiled(21), compiled(0.75)] == [0, 0]
    whole, broken = kept(tmp_path, ".nbc")
    whole.write_bytes(broken.read_bytes())
    assert [compiled(21), compiled(0.75)] == [0, 0]


def test_what_is_no_file_is_left(tmp_path, compiled):
    compiled()
    [index] = kept(tmp_path, ".nbi")
    index.unlink()
    (index / "folder").mkdir(parents=True)
    with pytest.warns(UserWarning, match=r"compiled code cannot be kept in .*NUMBA_CACHE_DIR names another folder"):
        assert compiled() == 0


def test_without_any_folder_of_ones_own_it_is_kept_in_the_temporary_one(tmp_path, compiled, monkeypatch):
    whole = Dispatcher.enable_caching

    def enable(self):
        if getattr(config, "CACHE_DIR") == str(tmp_path / "cache"):  # noqa: B009 -- numba makes its settings as it is imported
            raise NO_FOLDER
        whole(self)

    monkeypatch.setattr(Dispatcher, "enable_caching", enable)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    assert [compiled(), compiled()] == [0, 1]
    assert getattr(config, "CACHE_DIR") == str(tmp_path / "cache")  # noqa: B009
    [folder] = (tmp_path / "tmp").iterdir()
    assert all(path.is_relative_to(folder) for path in kept(tmp_path, ".nbc"))
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix", reason="POSIX rights")
@pytest.mark.parametrize("trap", ["link", "open to all", "file"])
def test_a_temporary_folder_that_others_may_write_is_not_used(tmp_path, compiled, monkeypatch, trap):
    """What is kept there is run."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = tmp_path / f"turncoat-compiled-{os.getuid()}"
    if trap == "link":
        (tmp_path / "theirs").mkdir()
        folder.symlink_to(tmp_path / "theirs")
    elif trap == "file":
        folder.write_text("")
    else:
        folder.mkdir()
        folder.chmod(0o777)

    def none(self):
        raise NO_FOLDER

    monkeypatch.setattr(Dispatcher, "enable_caching", none)
    with pytest.warns(UserWarning, match="no folder can be written to keep compiled code in"):
        assert compiled() == 0


def test_a_disk_that_is_full(compiled, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiled_cache._ForgivingCache, "__getattr__", lambda self, name: getattr(self._cache, name))
    with monkeypatch.context() as patched:
        patched.setattr("numba.core.caching.FunctionCache.save_overload", full)
        with pytest.warns(UserWarning, match="No space left on device"):
            assert compiled() == 0
    assert [compiled(), compiled()] == [0, 1]


NOWHERE = """
import sys
from numba.core.dispatcher import Dispatcher
def none(self):
    raise RuntimeError("cannot cache function: no locator available")
Dispatcher.enable_caching = none
from turncoat.cli import main
main()
"""


@pytest.mark.nightly
def test_a_run_is_judged_whatever_its_caches_are(tmp_path):
    """The kernel itself: without a home, with emptied and with cut files; the exit code is that of the verdict."""
    (tmp_path / "corridor.yaml").write_text(CORRIDOR)
    words = ["run", "corridor.yaml", "--no-save", "--steps", "50", "--jobs", "1", "--param", "left_pay=5"]
    nowhere = {**ENV, "HOME": "/dev/null/home", "XDG_CACHE_HOME": "/dev/null/cache", "TMPDIR": str(tmp_path)}
    nowhere = {name: value for name, value in nowhere.items() if name != "TURNCOAT_CACHE"}
    environment = {**nowhere, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def judged(environment, *command):
        done = subprocess.run(
            [sys.executable, *command, *words], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "nothing is kept: the cache" in judged(nowhere, "-c", NOWHERE)
    judged(environment, "-m", "turncoat")
    for ending in (".nbi", ".nbc"):
        for path in (tmp_path / "cache").rglob(f"*{ending}"):
            path.write_bytes(path.read_bytes()[: 0 if ending == ".nbi" else -100])
        judged(environment, "-m", "turncoat")

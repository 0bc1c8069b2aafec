"""What is written stands whole at its path, and what stood there and is no file is never replaced."""

import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from turncoat import cli
from turncoat.evals.reports.files import check_files, write_whole
from turncoat.evals.traces.provenance import RunError
from turncoat.scenarios.output_file import free_name, this_folder, whole_file, write_text_whole

posix = pytest.mark.skipif(sys.platform == "win32", reason="no such devices, and links need rights")


def test_a_file_is_replaced_at_once_or_not_at_all(tmp_path):
    target = tmp_path / "x.txt"
    write_text_whole(target, "one\n")
    with pytest.raises(ZeroDivisionError), whole_file(target) as part:
        part.write_text(f"half {1 / 0}")
    assert target.read_text() == "one\n"
    write_text_whole(target, "two\n")
    assert target.read_text() == "two\n"
    assert os.listdir(tmp_path) == ["x.txt"]


@posix
@pytest.mark.parametrize("linked", [False, True])
def test_a_file_that_is_read_only_is_not_replaced(tmp_path, monkeypatch, linked):
    target = tmp_path / "target"
    target.write_text("before")
    if linked:
        (tmp_path / "link").symlink_to(target)
    asked = []
    monkeypatch.setattr(os, "access", lambda *which: asked.append(which))  # one may be root
    with pytest.raises(PermissionError, match="read-only"):
        write_text_whole(tmp_path / ("link" if linked else "target"), "after")
    assert asked == [(target, os.W_OK)]
    assert target.read_text() == "before"


@posix
def test_the_folder_that_one_is_in_may_be_removed_meanwhile(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    assert this_folder() == tmp_path / "gone"
    (tmp_path / "gone").rmdir()
    assert this_folder() == Path(tempfile.gettempdir())
    monkeypatch.setattr(sys, "argv", ["turncoat", "list"])
    assert cli._code() == 2


@posix
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path, there):
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "real.xml", tmp_path / "link.xml"
    if there:
        real.write_text("old")
    link.symlink_to(Path("elsewhere") / "real.xml")
    check_files([link])
    write_whole(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert os.listdir(tmp_path / "elsewhere") == ["real.xml"]
    with pytest.raises(RunError, match="two reports"):
        check_files([link, real])


@posix
def test_no_planted_link_is_written_through(tmp_path):
    """In a stranger's folder: of the name under which a file is begun, or to nothing, of the name to be taken."""
    (tmp_path / "mine").write_text("kept")
    (tmp_path / f".page.{os.getpid()}.part.html").symlink_to("mine")
    write_text_whole(tmp_path / "page.html", "new")
    assert [(tmp_path / name).read_text() for name in ("mine", "page.html")] == ["kept", "new"]
    (tmp_path / "film.gif").symlink_to("elsewhere")
    assert free_name(tmp_path, "film", ".gif") == tmp_path / "film-2.gif"


def test_a_device_is_written_through(tmp_path):
    """Links to devices here: were they replaced, then only these."""
    full, null = tmp_path / "full", tmp_path / "null"
    full.symlink_to("/dev/full")
    null.symlink_to("/dev/null")
    check_files([full, null, Path("/dev/null"), Path("/dev/null")])
    with pytest.raises(RunError, match=r"full cannot be written: No space left on device"):
        write_whole(full, "x")
    write_whole(null, "x")
    assert stat.S_ISCHR(full.stat().st_mode)
    assert stat.S_ISCHR(null.stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["full", "null"]


@posix
def test_a_pipe_is_written_through_and_nobody_waits_for_its_reader(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_files([pipe])
    with pytest.raises(RunError, match="pipe cannot be written"):
        write_whole(pipe, "x")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    text = "x" * 200_000  # more than a pipe holds
    while True:
        try:
            write_whole(pipe, text)
            break
        except RunError:  # the reader has not opened it yet
            continue
    reader.join(10)
    assert read == [text]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@posix
@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_what_stdout_leads_to_is_not_replaced_under_it(tmp_path, path):
    if not os.path.exists(path):
        pytest.skip(f"no {path} here")
    program = (
        "import sys; from pathlib import Path; from turncoat.scenarios.output_file import write_text_whole\n"
        f"print('before', flush=True); write_text_whole(Path({path!r}), 'inside\\n'); print('after')"
    )
    with (tmp_path / "out").open("ab") as out:
        subprocess.run([sys.executable, "-c", program], check=True, stdout=out, cwd=Path(__file__).parents[1])
    assert (tmp_path / "out").read_text() == "before\ninside\nafter\n"

"""Output files, written whole or not at all, whatever stands at their path: nothing, a file, a link, a device."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SYSTEM = ("/dev/", "/proc/")
"""Where paths stand for what a process has open: `/dev/stdout` may lead to a file that others go on writing."""


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A path to write to; what was written there is at the target once the block has ended without an error.

    A file is replaced at once, so that nobody sees half of it. Where the target is a link, that is the file that it
    leads to, and the link stays. A device or a pipe gets the bytes and is never replaced. A block that raises leaves
    nothing behind.

    Raises:
        OSError: it cannot be written, or is read-only; of a named pipe also if nobody reads it.
    """
    if is_stream(target):
        with tempfile.TemporaryDirectory(prefix="turncoat-") as folder:
            part = Path(folder) / target.with_suffix(target.suffix or ".part").name
            yield part
            _write_into(target, part)
        return
    target = Path(os.path.realpath(target))
    if target.is_file() and not os.access(target, os.W_OK):  # to replace it would need no leave but the folder's
        raise PermissionError(errno.EACCES, "it is read-only", str(target))
    # Beside the target, for a rename is atomic only within a file system. The process id keeps two writers of one path
    # apart, and the ending stays last for encoders that go by it.
    part = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    part.unlink(missing_ok=True)  # a link of this name, in a stranger's folder, would lead to another file
    try:
        yield part
        with suppress(FileNotFoundError):
            shutil.copymode(target, part)  # who may read the file that is replaced may read this one, and nobody else
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def write_text_whole(target: Path, text: str) -> None:
    """Write a text in UTF-8 as it is, with the rules of `whole_file`; halves of characters, of paths, are escaped.

    Raises:
        OSError: it cannot be written.
    """
    with whole_file(target) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def this_folder() -> Path:
    """The folder that one is in; where that has been removed meanwhile the temporary one, so that nothing is lost."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(tempfile.gettempdir())


def free_name(folder: Path, stem: str, ending: str) -> Path:
    """A path that does not exist yet: the stem with the ending, else with `-2`, `-3` and so on between them."""
    names = (f"{stem}{ending}", *(f"{stem}-{number}{ending}" for number in range(2, 10_000)))
    return next(folder / name for name in names if not os.path.lexists(folder / name))  # nor a link to nothing


def is_stream(path: Path) -> bool:
    """Whether bytes written to a path go somewhere else than into a file of that name."""
    try:
        kind = path.stat().st_mode
    except OSError:  # nothing is there yet
        return False
    named = os.path.abspath(path).startswith(_SYSTEM)
    return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)) or (named and not stat.S_ISDIR(kind))


def _write_into(stream: Path, part: Path) -> None:
    # Without O_NONBLOCK, opening a named pipe waits until somebody reads it, perhaps for ever.
    flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    number = os.open(stream, flags)
    os.set_blocking(number, True)
    with part.open("rb") as source, open(number, "wb") as out:
        shutil.copyfileobj(source, out)

"""Checkpoints: one `.npz` file of plain arrays with a JSON header. Reading one never executes anything in it."""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from ...envs.deliberation import DeliberationRule
from ...envs.world.part_spec import ENUMERATE, PartSpec
from ...scenarios.bounded_reading import UnreadableFileError, in_bytes, open_regular, parse_own_json
from ...scenarios.errors import TurncoatError
from ...scenarios.output_file import whole_file

MAX_ARRAYS: Final = 512 << 20
"""Most bytes of all arrays of a checkpoint."""
MAX_HEADER: Final = 128 << 20
"""Most bytes of its header."""
MAX_VALUES: Final = 5_000_000
"""Most values in its header."""
MAX_MEMBERS: Final = 10_000
"""Most arrays."""
_KINDS: Final = "biufcSU"
"""The kinds of dtype that an array can have: numbers, truth values and texts."""
_END: Final = struct.Struct("<4s4H2LH")
"""The last record of a zip file: signature, disks, members (twice), bytes of their list, where it begins, a comment."""


def write_checkpoint(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    header: dict[str, Any],
    arrays: dict[str, npt.NDArray[Any]],
    compressed: bool = True,
) -> None:
    """Writes a checkpoint atomically: a reader never sees a partial file.

    Args:
        path: the file, replaced if it exists.
        kind: the kind of agent, checked by `read_checkpoint`.
        version: the version of that kind's layout.
        header: values that JSON can hold.
        arrays: by name; none of dtype object.
        compressed: makes the file smaller, and writing it slower.
    """
    text = json.dumps({**header, "kind": kind, "version": version})
    content: dict[str, Any] = {"header": np.frombuffer(text.encode(), np.uint8), **arrays}
    with whole_file(Path(path)) as part, part.open("wb") as file:
        (np.savez_compressed if compressed else np.savez)(file, **content)
        file.flush()
        # Without it a crash of the machine could leave the new name with the old or no content.
        os.fsync(file.fileno())


def read_checkpoint(
    path: str | os.PathLike[str], kind: str, version: int
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The header and the arrays that `write_checkpoint` wrote.

    Raises:
        OSError: there is no such file, or it cannot be read.
        UnreadableFileError: not a checkpoint, one that is damaged or too large, of another kind, or of a newer version
            than `version`; it is a `ValueError`.
    """
    with unreadable(path):
        header, arrays = _whole(path)
        check_header(header, kind, version)
    return header, arrays


def kind_of_checkpoint(path: str | os.PathLike[str]) -> str:
    """What kind of agent a checkpoint is of, as its header says.

    Raises:
        OSError, UnreadableFileError: as `read_checkpoint`.
    """
    with unreadable(path):
        header, _ = _whole(path)
        return str(header["kind"])


def _whole(path: str | os.PathLike[str]) -> tuple[Any, dict[str, npt.NDArray[Any]]]:
    """The header of a checkpoint, and its arrays."""
    with open_regular(path) as file:
        arrays = _arrays_in(file)
    if "header" not in arrays:
        raise UnreadableFileError("it has no header")
    written = arrays.pop("header")
    if written.nbytes > MAX_HEADER:
        raise UnreadableFileError(f"its header is larger than {in_bytes(MAX_HEADER)}")
    return parse_own_json(written.tobytes().decode("utf-8"), "its header", MAX_VALUES), arrays


def check_header(header: Any, kind: str, version: int) -> None:
    """Check that a header is of a kind of checkpoint, and of a version that this program reads.

    Raises:
        UnreadableFileError: it is not.
    """
    found = header.get("kind") if isinstance(header, dict) else None
    if found != kind:
        raise UnreadableFileError(f"it holds a checkpoint of {str(found)[:40]!r}, not of {kind!r}")
    its = header.get("version")
    if not isinstance(its, int) or its < 1:
        raise UnreadableFileError("it has no version")
    if its > version:
        raise UnreadableFileError(f"it has version {its}, newer than this program reads ({version}): upgrade turncoat")


@contextmanager
def unreadable(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns whatever a damaged checkpoint makes its reader raise into an `UnreadableFileError` that names the file."""
    try:
        yield
    except UnreadableFileError as fault:
        raise UnreadableFileError(f"{path} is no checkpoint that can be read: {fault}") from None
    except (OSError, TurncoatError):  # these say what is wrong
        raise
    except (
        ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, RuntimeError, TypeError, ValueError,
    ) as fault:  # fmt: skip
        raise UnreadableFileError(f"{path} is no checkpoint that can be read: it is damaged ({fault})") from fault


def _arrays_in(file: BinaryIO) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an `.npz` file, whose sizes are added up before anything is unpacked.

    Raises:
        UnreadableFileError: it is no such file, is damaged, or too large.
    """
    try:
        file.seek(-_END.size, os.SEEK_END)
        signature, *_, members, listed, _, comment = _END.unpack(file.read(_END.size))
        if (signature, comment) != (b"PK\x05\x06", 0) or members > MAX_MEMBERS or listed > MAX_MEMBERS * 512:
            raise UnreadableFileError(f"it is no zip file of up to {MAX_MEMBERS:,} arrays")
        with zipfile.ZipFile(file) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > MAX_ARRAYS:
                raise UnreadableFileError(f"its arrays take {in_bytes(size)}; at most {in_bytes(MAX_ARRAYS)} are read")
            return {
                member.filename.removesuffix(".npy"): _array_in(bytearray(archive.read(member)))
                for member in archive.infolist()
            }
    except (
        OSError, zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error, struct.error, SyntaxError,
    ) as fault:  # fmt: skip
        raise UnreadableFileError(f"it is cut short or damaged ({fault})") from fault


def _array_in(content: bytearray) -> npt.NDArray[Any]:
    """The array of an `.npy` file, which has exactly the bytes that its header says; it shares their memory.

    Raises:
        UnreadableFileError, ValueError: it is not one, or would hold Python objects.
    """
    file = io.BytesIO(content)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(
        np.lib.format.read_magic(file)
    )
    if read is None:
        raise UnreadableFileError("an array is of an unknown format")
    shape, columns, dtype = read(file)
    # Pickles can execute code when they are loaded; no checkpoint contains any.
    if dtype.kind not in _KINDS or any(length < 0 for length in shape):
        raise UnreadableFileError(f"an array is of {dtype}")
    count = math.prod(shape)
    if count * dtype.itemsize != len(content) - file.tell():
        raise UnreadableFileError("an array has not the size that it says")
    flat = np.frombuffer(content, dtype, count, file.tell()) if count else np.zeros(0, dtype)
    return flat.reshape(shape, order="F" if columns else "C")


def parts_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """An agent's options as saved in a header, with `deliberation` and `planner` turned back into objects."""
    # Older files hold the deliberation as a bare name, and have no planner: there was only `enumerate`.
    rule, planner = options["deliberation"], options.get("planner")
    parts = {"deliberation": DeliberationRule(rule) if isinstance(rule, str) else DeliberationRule(**rule)}
    return {**options, **parts, "planner": ENUMERATE if planner is None else PartSpec(**planner)}

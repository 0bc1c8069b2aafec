"""Reads safetensors files with a JSON header; loading one executes no code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...scenarios.bounded_reading import UnreadableFileError, in_bytes, open_regular, parse_own_json
from .checkpoint import MAX_HEADER, MAX_VALUES, check_header, unreadable

if TYPE_CHECKING:
    import torch

MAX_FILE = 4 << 30
"""Most bytes of a file."""


def read_tensors(
    path: str | os.PathLike[str], kind: str, version: int
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The header and the tensors of a saved agent.

    Args:
        path: the file.
        kind: of its header, see `check_header`.
        version: of its header, see `check_header`.

    Raises:
        OSError: there is no such file, or it cannot be read.
        UnreadableFileError: it is no such file, damaged, too large, of another kind or of a newer version.
    """
    with _opened(path) as (header, content):
        check_header(header, kind, version)
        # The format allows no tensor to share bytes with another, so the file's size bounds them all.
        return header, {key: content.get_tensor(key) for key in content.keys()}  # noqa: SIM118 (no mapping)


def kind_of_tensors(path: str | os.PathLike[str]) -> str:
    """What kind of agent a file of tensors is of, as its header says.

    Raises:
        OSError, UnreadableFileError: as `read_tensors`.
    """
    with unreadable(path), _opened(path) as (header, _):
        return str(header["kind"])


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[Any, Any]]:
    """The header of a file of tensors, and its open content."""
    from safetensors import SafetensorError, safe_open

    with open_regular(path) as file:  # safetensors would wait for a pipe
        if (size := os.fstat(file.fileno()).st_size) > MAX_FILE:
            raise UnreadableFileError(f"it takes {in_bytes(size)}; at most {in_bytes(MAX_FILE)} are read")
    try:
        with safe_open(path, "pt") as content:
            written = (content.metadata() or {}).get("turncoat", "{}")
            if len(written) > MAX_HEADER:
                raise UnreadableFileError(f"its header is larger than {in_bytes(MAX_HEADER)}")
            yield parse_own_json(written, "its header", MAX_VALUES), content
    except SafetensorError as fault:
        raise UnreadableFileError(f"it is no file of tensors ({fault})") from fault

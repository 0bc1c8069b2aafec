"""Data for a page as one short text: JSON and arrays of numbers, compressed, which the page's script unpacks."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping

import numpy as np

from ..report.replay_data import Data

_KINDS = {"uint8": "Uint8Array", "uint16": "Uint16Array", "uint32": "Uint32Array", "float32": "Float32Array"}
"""JavaScript's names of the types of arrays."""
_ALIGNED = 8
"""Arrays begin at multiples of so many bytes, as typed arrays ask for."""


def packed(data: Data, arrays: Mapping[str, np.ndarray]) -> str:
    """Base64 of a zlib stream: the header's length (uint32), the header in JSON, and the arrays.

    Args:
        data: JSON; it must not have the key `arrays`.
        arrays: unsigned integers or float32, by name; they are flattened, little-endian.
    """
    places, parts, at = {}, [], 0
    for name, array in arrays.items():
        body = array.astype(array.dtype.newbyteorder("<")).tobytes()
        places[name] = [_KINDS[array.dtype.name], at, array.size]
        padding = -len(body) % _ALIGNED
        parts.append(body + bytes(padding))
        at += len(body) + padding
    header = json.dumps({**data, "arrays": places}, allow_nan=False, separators=(",", ":")).encode()
    header += b" " * (-(len(header) + 4) % _ALIGNED)
    whole = len(header).to_bytes(4, "little") + header + b"".join(parts)
    return base64.b64encode(zlib.compress(whole, 9)).decode()


def smallest(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 up as the smallest type that holds them."""
    most = int(numbers.max(initial=0))
    return numbers.astype(np.uint8 if most < 1 << 8 else np.uint16 if most < 1 << 16 else np.uint32)

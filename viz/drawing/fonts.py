"""The fonts of every picture: DejaVu Sans, which matplotlib ships, and fonts of the system for what it lacks."""

from __future__ import annotations

import shutil
import subprocess
import unicodedata
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from PIL import ImageFont

SHARE = 0.9
"""Its letters are large for their size, so they are set in this share of the size that is asked for."""
MISSING = "□"
"""What is written for a character that no font here has."""
BROAD = (
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/AppleSDGothicNeo.ttc",
    "/Library/Fonts/Arial Unicode.ttf",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/YuGothM.ttc",
    "C:/Windows/Fonts/malgun.ttf",
    "C:/Windows/Fonts/seguisym.ttf",
)
"""Fonts of macOS and Windows with many characters; elsewhere fontconfig is asked."""
_PLAIN = 0x250
"""Every character below this one is in DejaVu Sans."""

Run = tuple[str, ImageFont.FreeTypeFont]


@lru_cache(4_000)
def runs(text: str, size: float, bold: bool) -> tuple[Run, ...]:
    """A text as stretches, each with the font that has all of its characters, for letters of `size` pixels."""
    whole = printable(text)
    return tuple(
        ("".join(part), _font(path, size)) for path, part in groupby(whole, lambda char: _path_for(char, bold))
    )


@lru_cache(20_000)
def printable(text: str) -> str:
    """A text in characters that a font here has: any other becomes `MISSING`, and one that is no letter a space."""
    composed = unicodedata.normalize("NFC", text)
    # Controls and surrogates have no picture, and bidirectional marks could reorder what follows them.
    shown = ("".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in composed)).replace(
        "\xa0", " "
    )
    return "".join(c if ord(c) < _PLAIN or _holder(c) else MISSING for c in shown)


def _path_for(char: str, bold: bool) -> str:
    if ord(char) < _PLAIN or _has(_dejavu(bold), char):
        return _dejavu(bold)
    return _holder(char) or _dejavu(bold)


@cache
def _dejavu(bold: bool) -> str:
    found = find_spec("matplotlib")  # without an import of it, which takes long
    assert found is not None, "matplotlib is a dependency"
    assert found.origin is not None
    name = f"DejaVuSans{'-Bold' if bold else ''}.ttf"
    return str(Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / name)


@cache
def _font(path: str, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size * SHARE)


@lru_cache(4_000)
def _holder(char: str) -> str:
    """The path of a font that has a character; empty if none does."""
    candidates = (_dejavu(False), *(path for path in BROAD if Path(path).is_file()))
    found = next((path for path in candidates if _has(path, char)), "")
    return found or next((path for path in _listed(char) if _has(path, char)), "")


def _listed(char: str) -> list[str]:
    """The fonts that fontconfig lists for a character; none where there is no fontconfig."""
    program = shutil.which("fc-list")
    if program is None:
        return []
    asked = [program, "--format", "%{file}\n", f":charset={ord(char):x}"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return sorted(line for line in said.splitlines() if line.lower().endswith((".ttf", ".otf", ".ttc")))


@lru_cache(4_000)
def _has(path: str, char: str) -> bool:
    """Whether a font has a character: one that it lacks looks like any other that it lacks."""
    font = _font(path, 32.0)
    return _look(font, char) != _look(font, "\U0010fffe")


def _look(font: ImageFont.FreeTypeFont, char: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(char)
    return mask.size, bytes(mask)

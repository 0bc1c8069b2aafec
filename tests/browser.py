"""Runs a page in a real browser, headless and in a process of its own (`chromium.py`)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def browse(page: Path, *expressions: str, width: int = 1100, seconds: float = 120) -> list[Any]:
    """What each expression comes to on a page, one after another, and then the messages of the console."""
    script = Path(__file__).with_name("chromium.py")
    done = subprocess.run(
        [sys.executable, script, str(width), page, *expressions], capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, done.stderr
    said: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return said

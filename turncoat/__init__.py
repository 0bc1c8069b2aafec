"""Turncoat: a sandbox in which misalignment can be built, trained, watched and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .api import check, events, load, names, run, solve, why

__all__ = ["__version__", "check", "events", "load", "names", "run", "solve", "why"]


def __getattr__(name: str) -> Any:
    """Everything public comes from `turncoat.api`, imported when first asked for: `import turncoat` itself is quick."""
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'turncoat' has no attribute {name!r}")

"""Libraries that are imported when they are first used: a command starts at once if it needs none of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any


class DeferredModule:
    """Stands for a module, and imports it as soon as something of it is asked for; any thread may ask first.

    Where it is made, `if TYPE_CHECKING:` imports the module itself, for those who check types. What several modules use
    is made here, once for all of them.
    """

    def __init__(self, name: str) -> None:
        """Import nothing yet.

        Args:
            name: of the module, with its packages.
        """
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """What the module has; kept, so that the next time costs no more than any other attribute.

        Raises:
            ImportError: the module cannot be imported.
            AttributeError: it has no such thing.
        """
        found = getattr(import_module(self._name), attribute)
        setattr(self, attribute, found)
        return found


@contextmanager
def importing() -> Iterator[None]:
    """Imports of large libraries in this block go by without the collector of garbage.

    What they make stays, and the collector would go through all of it again and again: a fourth of the import of torch.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


if TYPE_CHECKING:
    import polars as pl
    from scipy import sparse, special
    from scipy.sparse import csgraph, linalg
else:
    pl = DeferredModule("polars")
    sparse = DeferredModule("scipy.sparse")
    special = DeferredModule("scipy.special")
    csgraph = DeferredModule("scipy.sparse.csgraph")
    linalg = DeferredModule("scipy.sparse.linalg")

__all__ = ["DeferredModule", "csgraph", "importing", "linalg", "pl", "sparse", "special"]

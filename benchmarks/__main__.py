"""Measure and print a table; exit code 1 if a target is missed.

Without arguments: everything of Turncoat's own. `peers` measures it beside other libraries, `torch-view` what torch
makes of it, on a GPU if asked; both have `--help`.
"""

from __future__ import annotations

import sys


def own() -> int:
    """Everything that needs no other library and no other device."""
    from .enumeration import laboratory, million
    from .measuring import table
    from .search import searching
    from .stepping import kernel, reference, training
    from .torch_view import torch_view

    batched = torch_view(lanes=(16_384,), worlds=("lab",))
    figures = [*laboratory(), *million(), *reference(), *kernel(), *training(), *searching(), *batched]
    print(table(figures))
    return int(not all(figure.met for figure in figures))


def main(arguments: list[str]) -> int:
    """Do what the first argument says."""
    match arguments:
        case []:
            return own()
        case ["peers", *rest]:
            from . import peers

            return peers.main(rest)
        case ["torch-view", *rest]:
            from . import torch_view

            return torch_view.main(rest)
    print(f"no benchmark {arguments[0]!r}; there are peers and torch-view, or no argument for all of Turncoat's own")
    return 2


sys.exit(main(sys.argv[1:]))

"""Measure and print a table; exit code 1 if a target is missed.

Without arguments: everything of Turncoat's own. `peers` measures it beside other libraries, `torch-view` what torch
makes of it, on a GPU if asked; `frames` measures the window, `live-training` what it costs
a training to be watched. `solvers` puts the exact solver beside others.
`results`, `cross` and `cheese` are about what agents learn, `planners` about what search is worth, `tune` about the
baselines' settings. All of these have `--help`.
"""

from __future__ import annotations

import sys

OTHERS = "peers, solvers, torch-view, frames, live-training, results, cross, cheese, planners and tune"


def own() -> int:
    """Everything that needs no other library and no other device."""
    from .enumeration import laboratory, million
    from .faces import lanes, several, single, stable_baselines
    from .measuring import table
    from .neural import updating
    from .search import searching
    from .stepping import first_call, kernel, reference, training
    from .torch_view import torch_view

    worlds = [*laboratory(), *million()]
    stepping = [*reference(), *first_call(), *kernel(), *torch_view(lanes=(16_384,), worlds=("lab",))]
    faces = [*single(), *lanes(), *several(), *stable_baselines()]
    figures = [*worlds, *stepping, *faces, *training(), *updating(), *searching()]
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
        case ["solvers", *rest]:
            from . import solver_peers

            return solver_peers.main(rest)
        case ["torch-view", *rest]:
            from . import torch_view

            return torch_view.main(rest)
        case ["frames", *rest]:
            from . import frames

            return frames.main(rest)
        case ["live-training", *rest]:
            from . import live_training

            return live_training.main(rest)
        case ["tune", *rest]:
            from . import tuning

            return tuning.main(rest)
        case ["results", *rest]:
            from . import results

            return results.main(rest)
        case ["cross", *rest]:
            from . import cross

            return cross.main(rest)
        case ["cheese", *rest]:
            from . import cheese

            return cheese.main(rest)
        case ["planners", *rest]:
            from . import planners

            return planners.main(rest)
    print(f"no benchmark {arguments[0]!r}; there are {OTHERS}, or no argument for how quick Turncoat is")
    return 2


sys.exit(main(sys.argv[1:]))

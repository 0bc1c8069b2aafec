"""Turncoat: a sandbox in which misalignment can be built, trained, watched and measured."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from .api import (
        NotEnumerableError,
        RunError,
        ScenarioError,
        TraceError,
        TurncoatError,
        UnknownNameError,
        UsageError,
        WorldError,
        arrays,
        check,
        compare,
        control,
        events,
        exploit,
        export,
        load,
        make,
        make_aec,
        make_mo,
        make_parallel,
        measure,
        mitigations,
        monitor,
        names,
        pareto,
        protocols,
        report,
        reproduce,
        run,
        search,
        solve,
        sweep,
        watch,
        why,
    )
    from .evals.mitigations.report import MitigationSettings
    from .evals.runs.run import RunSettings
    from .evals.studies.protocols import ProtocolSettings
    from .evals.studies.search import SearchSettings

__all__ = [
    "MitigationSettings",
    "NotEnumerableError",
    "ProtocolSettings",
    "RunError",
    "RunSettings",
    "ScenarioError",
    "SearchSettings",
    "TraceError",
    "TurncoatError",
    "UnknownNameError",
    "UsageError",
    "WorldError",
    "__version__",
    "arrays",
    "check",
    "compare",
    "control",
    "events",
    "exploit",
    "export",
    "load",
    "make",
    "make_aec",
    "make_mo",
    "make_parallel",
    "measure",
    "mitigations",
    "monitor",
    "names",
    "pareto",
    "protocols",
    "report",
    "reproduce",
    "run",
    "search",
    "solve",
    "sweep",
    "watch",
    "why",
]


def __getattr__(name: str) -> Any:
    """Everything public comes from `turncoat.api`, imported when first asked for: `import turncoat` itself is quick."""
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'turncoat' has no attribute {name!r}")


class _Registrar:
    """Registers the scenarios with Gymnasium as soon as that is imported, which it need not be; a finder of modules.

    Gymnasium 1.0 gave up looking for plugins, so `gymnasium.make("turncoat/lab-v0")` needs `import turncoat` before it,
    or says `turncoat:turncoat/lab-v0`. This makes it all one which of the two is imported first.
    """

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "gymnasium":
            return None
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                _register()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


def _register() -> None:
    from .envs.adapters.registration import register

    register()


if "gymnasium" in sys.modules:
    _register()
else:
    sys.meta_path.insert(0, _Registrar())

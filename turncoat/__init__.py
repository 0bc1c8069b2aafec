"""Turncoat: a sandbox in which misalignment can be built, trained, watched and measured."""

from __future__ import annotations

import os
import sys
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from collections.abc import Callable
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


class _OnImport:
    """A finder of modules that has something done as certain ones are imported, which they need not be."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in _AS_IMPORTED:
            return None
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = partial(_AS_IMPORTED[name], spec.loader.exec_module)  # type: ignore[method-assign]
        return spec


def _with_scenarios(execute: Callable[[ModuleType], None], gymnasium: ModuleType) -> None:
    """Register the scenarios with Gymnasium, which gave up looking for plugins.

    So `gymnasium.make("turncoat/lab-v0")` needs `import turncoat` before it, or says `turncoat:turncoat/lab-v0`. This
    makes it all one which of the two is imported first.
    """
    execute(gymnasium)
    _register()


def _register() -> None:
    from .envs.adapters.registration import register

    register()


def _without_settings_of_a_folder(execute: Callable[[ModuleType], None], config: ModuleType) -> None:
    """Have Numba read its settings from the environment alone.

    As it is imported, and whenever it compiles, it would read `.numba_config.yaml` of the folder that one is in too.
    That may be a stranger's, and these settings overwrite any file, print over results, or turn the compiler off.
    """
    missing = object()
    before: Any = sys.modules.get("yaml", missing)
    sys.modules["yaml"] = None  # type: ignore[assignment]  # without PyYAML it leaves that file alone, with a warning
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            execute(config)
    finally:
        if before is missing:
            del sys.modules["yaml"]
        else:
            sys.modules["yaml"] = before
    config._config_fname = os.devnull  # type: ignore[attr-defined]  # which is no file, so that nothing warns again


_AS_IMPORTED = {"gymnasium": _with_scenarios, "numba.core.config": _without_settings_of_a_folder}

if "gymnasium" in sys.modules:
    _register()
sys.meta_path.insert(0, _OnImport())

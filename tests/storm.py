"""Storm as an oracle for exported models; without stormpy (the extra `verify`) the tests are skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

PRECISION = 1e-10


def storm() -> Any:
    """The package, or a skip that says why."""
    return pytest.importorskip(
        "stormpy", minversion="2.0", reason="stormpy is not here: pip install '.[verify]' in Turncoat's folder"
    )


def read_model(folder: Path, form: str) -> Any:
    """The model that an export holds, read by Storm."""
    stormpy = storm()
    if form == "drn":
        return stormpy.build_model_from_drn(folder / "model.drn")
    if form == "umb":
        return stormpy.build_model_from_umb(folder / "model.umb")
    if form == "jani":
        return stormpy.build_model(stormpy.io.parse_jani_model(folder / "model.jani")[0])
    return stormpy.build_model(stormpy.io.parse_prism_program(folder / "model.prism"))


def ask(model: Any, formula: str) -> float:
    """What Storm finds in the initial state, to `PRECISION`."""
    stormpy = storm()
    environment = stormpy.environments.sound()
    environment.solver().min_max().precision = stormpy.Rational(PRECISION)
    found = stormpy.model_checking(model, stormpy.parse_properties(formula)[0], environment=environment)
    return float(found.get_value(model.initial_states[0]))

"""The formats by name, and a folder with a model in one of them: its files, what to ask of it, what its names mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...scenarios.errors import UsageError, check_name
from ..mdp.enumeration import Enumeration
from .arrays import model_arrays, write_arrays
from .dot import write_dot
from .drn import write_drn
from .explicit_model import ExplicitModel, explicit_model
from .jani import write_jani
from .prism import write_prism
from .queries import Query, properties_text, queries
from .umb import write_umb

WRITERS: dict[str, Callable[[ExplicitModel, Path], tuple[str, ...]]] = {
    "umb": write_umb,
    "drn": write_drn,
    "prism": write_prism,
    "jani": write_jani,
    "dot": write_dot,
}
ARRAYS = "numpy"
FORMATS = (*WRITERS, ARRAYS)
PROPERTIES, ABOUT = "model.props", "export.json"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        scenario, stage: of what; format: one of `FORMATS`.
        folder: where; files: the names in it.
        states, choices, branches: of the model.
        discount: of the deciding agent; folded: whether it is part of the process.
        reward_models: name -> what it is: `weighted sum`, `channel` or `hidden performance`.
        labels: label -> the event that it stands for, or what else it is.
        queries: what to ask the model for the figures of `solve`; none for arrays.
    """

    scenario: str
    stage: str
    format: str
    folder: str
    files: tuple[str, ...]
    states: int
    choices: int
    branches: int
    discount: float
    folded: bool
    reward_models: dict[str, str]
    labels: dict[str, str]
    queries: tuple[Query, ...]


def write_model(enumeration: Enumeration, form: str, folder: Path, folded: bool = False) -> Exported:
    """Write a stage into a folder that exists.

    Args:
        enumeration: of the stage.
        form: one of `FORMATS`.
        folder: where to.
        folded: make the discount a part of the process, see `ExplicitModel`.

    Raises:
        UnknownNameError: no such format.
        UsageError: the format has no process to fold a discount into, or its package is not installed.
        NotEnumerableError: see `explicit_model`.
        OutOfTimeError: a time limit passed.
    """
    check_name("format", form, FORMATS)
    if form == ARRAYS:
        if folded:
            raise UsageError("arrays hold the discount as a number: leave `--discounted` out")
        return _write_arrays(enumeration, folder)
    model = explicit_model(enumeration, folded)
    files = WRITERS[form](model, folder)
    (folder / PROPERTIES).write_text(properties_text(model), encoding="utf-8", newline="\n")
    exported = Exported(
        scenario=model.scenario,
        stage=model.stage,
        format=form,
        folder=str(folder),
        files=(*files, PROPERTIES, ABOUT),
        states=model.n_states,
        choices=model.n_choices,
        branches=model.n_branches,
        discount=model.discount,
        folded=model.folded,
        reward_models=_reward_models(model),
        labels=_labels(model),
        queries=queries(model),
    )
    about = {
        **asdict(exported),
        "limit": model.limit,
        "horizon": model.horizon,
        "initial": model.initial,
        "lead": model.lead,
        "variables": [asdict(variable) for variable in model.variables],
    }
    _write_about(folder, about)
    return exported


def _reward_models(model: ExplicitModel) -> dict[str, str]:
    found = {model.reward_names[0]: "weighted sum"}
    for channel, name in model.reward_of.items():
        found[name] = "hidden performance" if channel == "performance" else f"channel {channel}"
    return found


def _labels(model: ExplicitModel) -> dict[str, str]:
    events = {label: event for event, label in model.label_of.items()}
    others = {"over": "nothing is paid any more", "ended": "the episode ended", "discounted": "stopped by the discount"}
    return {name: events.get(name, others.get(name, name)) for name in model.label_names}


def _write_arrays(enumeration: Enumeration, folder: Path) -> Exported:
    arrays = model_arrays(enumeration)
    files = write_arrays(arrays, folder)
    hidden = {} if arrays.performance is None else {"hidden_performance": "hidden performance"}
    exported = Exported(
        scenario=arrays.scenario,
        stage=arrays.stage,
        format=ARRAYS,
        folder=str(folder),
        files=(*files, ABOUT),
        states=arrays.start.size,
        choices=arrays.state.size,
        branches=arrays.transitions.nnz,
        discount=arrays.discount,
        folded=False,
        reward_models={"reward": "weighted sum", **{name: f"channel {name}" for name in arrays.channels}, **hidden},
        labels={name: name for name in arrays.event_names},
        queries=(),
    )
    _write_about(folder, asdict(exported))
    return exported


def _write_about(folder: Path, about: dict[str, Any]) -> None:
    """What is in the folder, without the name under which it is written first."""
    kept = {name: value for name, value in about.items() if name != "folder"}
    (folder / ABOUT).write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8", newline="\n")

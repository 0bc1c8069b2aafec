"""UMB, the binary format that Storm, PRISM and Modest read, by the package `umbi`.

The index is umbi's; the columns are written from arrays as they are, since a world of a million states would take
minutes as lists of Python's numbers.

Source: https://github.com/pmc-tools/umb
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...scenarios.errors import MissingPackageError, installing
from ..base import Bools
from ..time_limit import check_time
from .explicit_model import HIDDEN, ExplicitModel

if TYPE_CHECKING:
    from umbi.tar import TarCoder

FILE = "model.umb"
WORD = 64
"""Bits to which a column of truth values is filled up."""


def write_umb(model: ExplicitModel, folder: Path) -> tuple[str, ...]:
    """Write the model.

    Raises:
        MissingPackageError: the package `umbi` is not installed.
    """
    try:
        from umbi.tar import TarCoder
    except ImportError as fault:
        raise MissingPackageError(f"the format `umb` needs the package umbi: {installing('verify')}") from fault
    check_time("the model was written")
    tar = TarCoder()
    tar.add_json("index.json", _index(model), optional=False)
    begins = np.zeros(model.n_states, np.bool_)
    begins[model.initial] = True
    tar.add_file("state-is-initial.bin", _bits(begins))
    tar.add_file("state-to-choices.bin", _raw(model.first_choice, "<u8"))
    tar.add_file("choice-to-branches.bin", _raw(model.first_branch, "<u8"))
    tar.add_file("branch-to-target.bin", _raw(model.target, "<u8"))
    tar.add_file("branch-to-probability.bin", _raw(model.probability, "<f8"))
    tar.add_file("actions/choices/values.bin", _raw(model.action, "<u4"))
    _add_strings(tar, "actions/choices", model.action_names)
    for place, name in enumerate(model.label_names):
        tar.add_file(f"annotations/aps/{name}/states/values.bin", _bits(model.labels[:, place]))
    for place, name in enumerate(model.reward_names):
        tar.add_file(f"annotations/rewards/{name}/choices/values.bin", _raw(model.rewards[:, place], "<f8"))
    tar.add_file("valuations/states/valuations.bin", _raw(model.valuations, "<i4"))
    check_time("the model was written")
    tar.write(folder / FILE)
    return (FILE,)


def _index(model: ExplicitModel) -> Any:
    from umbi.binary import SizedType, StructType
    from umbi.datatypes import NumericPrimitiveType, PrimitiveType
    from umbi.umb import index
    from umbi.version import __format_revision__, __format_version__

    double, truth = SizedType.for_type(NumericPrimitiveType.DOUBLE), SizedType.for_type(PrimitiveType.BOOL)
    whole = SizedType(type=NumericPrimitiveType.INT, size_bits=32)
    struct = StructType()
    for variable in model.variables:
        struct.add_attribute(name=variable.name, sized_type=whole)
    channel_of = {name: channel for channel, name in model.reward_of.items()}
    rewards = {
        name: index.AnnotationDescription(
            alias=name, description=_reward_in_words(name, channel_of), applies_to=["choices"], type=double
        )
        for name in model.reward_names
    }
    events = {label: event for event, label in model.label_of.items()}
    labels = {
        name: index.AnnotationDescription(
            alias=name,
            description=f"event {events[name]}" if name in events else None,
            applies_to=["states"],
            type=truth,
        )
        for name in model.label_names
    }
    whole_index = index.UmbIndex(
        format_version=__format_version__,
        format_revision=__format_revision__,
        file_data=index.FileData(tool="turncoat"),
        model_data=index.ModelData(name=model.scenario, description=f"stage {model.stage}"),
        transition_system=index.TransitionSystem(
            time="discrete",
            num_players=1,
            num_states=model.n_states,
            num_initial_states=1,
            num_choices=model.n_choices,
            num_choice_actions=len(model.action_names),
            num_branches=model.n_branches,
            branch_probability_type=double,
        ),
        annotations={"aps": labels, "rewards": rewards},
        valuations={"states": index.ValuationDescription(unique=True, classes=[struct])},
    )
    whole_index.validate()
    return whole_index.to_json()


def _reward_in_words(name: str, channel_of: dict[str, str]) -> str:
    if name not in channel_of:
        return "what the plan maximises: the visible channels by their weights"
    if name.startswith(HIDDEN):
        return "the hidden performance, which no agent sees"
    return f"channel {channel_of[name]}"


def _add_strings(tar: TarCoder, path: str, words: tuple[str, ...]) -> None:
    """A list of texts, one after another, and where each begins."""
    coded = [word.encode() for word in words]
    tar.add_file(f"{path}/strings.bin", b"".join(coded))
    begins = np.concatenate([[0], np.cumsum([len(code) for code in coded])])
    tar.add_file(f"{path}/string-mapping.bin", _raw(begins, "<u8"))


def _raw(values: npt.NDArray[Any], kind: str) -> bytes:
    return np.ascontiguousarray(values, dtype=np.dtype(kind)).tobytes()


def _bits(values: Bools) -> bytes:
    """Truth values as bits, the first in the lowest, filled up to whole words."""
    return np.packbits(np.pad(values, (0, -values.size % WORD)), bitorder="little").tobytes()

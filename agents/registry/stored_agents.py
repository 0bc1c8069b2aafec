"""Reads agents from files of any kind that Turncoat writes; nothing in a file is imported, unpickled or run."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ...scenarios.errors import MissingPackageError, installing
from ..base import Agent
from ..baselines.policy_table import KIND, PolicyTable
from ..baselines.tabular import TabularAgent
from ..counts.agent import CountsAgent
from ..learning.checkpoint import kind_of_checkpoint
from ..learning.tensors import kind_of_tensors
from ..local_rules.agent import RulesAgent

ARRAYS: Final = ".npz"
TENSORS: Final = ".safetensors"
ENDINGS: Final = (ARRAYS, TENSORS)
"""The endings of the files that agents are read from."""


def _neural(path: Path) -> Agent:
    from ..neural.checkpoint import load_neural  # it needs torch, an optional dependency

    return load_neural(path, "cpu")


def _deep(path: Path) -> Agent:
    from ..deep.checkpoint import load_deep

    return load_deep(path, "cpu")


_READERS: Final[dict[str, Callable[[Path], Agent]]] = {
    KIND: PolicyTable.load,
    "tabular": TabularAgent.load,
    "counts": CountsAgent.load,
    "local_rules": RulesAgent.load,
    "neural": _neural,
    "deep": _deep,
}


def read_agent(path: Path) -> Agent:
    """The agent that a file holds: a policy table, or a checkpoint that an agent's own `save` wrote.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it holds no agent that can be read; the message says why.
        MissingPackageError: it needs a package that is not installed.
    """
    if path.suffix == TENSORS and not all(find_spec(package) for package in ("torch", "safetensors")):
        raise MissingPackageError(f"{path} needs torch and safetensors: {installing('learn')}")
    kind = kind_of_tensors(path) if path.suffix == TENSORS else kind_of_checkpoint(path)
    if kind not in _READERS:
        raise ValueError(f"{path} holds `{kind[:40]}`, and what is read are {', '.join(_READERS)}")
    return _READERS[kind](path)

"""Reads and writes agents as files of their own kinds; nothing in a file is imported, unpickled or run."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ...scenarios.deferred import importing
from ...scenarios.errors import MissingPackageError, installing
from ..base import Agent
from ..baselines.policy_table import KIND, PolicyTable
from ..learning.checkpoint import kind_of_checkpoint
from ..learning.tensors import kind_of_tensors
from .agents import agent_spec

ARRAYS: Final = ".npz"
TENSORS: Final = ".safetensors"
ENDINGS: Final = (ARRAYS, TENSORS)
"""The endings of the files that agents are read from."""


def _neural(path: Path) -> Agent:
    with importing():
        from ..neural.checkpoint import load_neural  # it needs torch, an optional dependency

    return load_neural(path, "cpu")


def _deep(path: Path) -> Agent:
    with importing():
        from ..deep.checkpoint import load_deep

    return load_deep(path, "cpu")


def _tabular(path: Path) -> Agent:
    from ..baselines.tabular import TabularAgent

    return TabularAgent.load(path)


def _counts(path: Path) -> Agent:
    from ..counts.agent import CountsAgent

    return CountsAgent.load(path)


def _rules(path: Path) -> Agent:
    from ..local_rules.agent import RulesAgent

    return RulesAgent.load(path)


_READERS: Final[dict[str, Callable[[Path], Agent]]] = {
    KIND: PolicyTable.load,
    "tabular": _tabular,
    "counts": _counts,
    "local_rules": _rules,
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


def stored_ending(method: str) -> str:
    """The ending of a file of an agent by its method's name: that of tensors for networks, else that of arrays."""
    spec = agent_spec(method)
    return TENSORS if spec is not None and spec.uses_device else ARRAYS


def write_agent(agent: object, path: Path) -> None:
    """Write what an agent has learned to a file that `read_agent` reads, whole or not at all.

    Raises:
        OSError: it cannot be written.
        ValueError: it is none of the agents that have a file of their own.
    """
    from ..baselines.tabular import TabularAgent
    from ..counts.agent import CountsAgent
    from ..local_rules.agent import RulesAgent

    if isinstance(agent, CountsAgent | RulesAgent | TabularAgent):
        agent.save(path)
        return
    # Imported only for an agent of networks, which has imported torch already.
    kind = type(agent).__name__
    if kind == "NeuralAgent":
        from ..neural.checkpoint import save_neural

        save_neural(agent, path)  # type: ignore[arg-type]  # its class was looked at by name
    elif kind == "DeepAgent":
        from ..deep.checkpoint import save_deep

        save_deep(agent, path, to_act=True)  # type: ignore[arg-type]
    else:
        raise ValueError("this agent has no file of its own")

"""Agents of users: named by a module, by an entry point or by a file, or given as Python objects.

Running code that the user names on the command line is the user's choice; a scenario file can never name code.
"""

from __future__ import annotations

import copy
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.world.world import World, observed_name
from ...scenarios import installed as parts
from ...scenarios.did_you_mean import nearest
from ...scenarios.errors import UsageError
from ..base import Agent, AgentState, Log, Progress, TrainingEnv
from ..records.thought import Thought


class UserAgentError(UsageError):
    """An agent that a user brought cannot be found, made or used; the message says which and why."""


class UntrustedCodeError(UserAgentError):
    """A file names code to run, and nobody said that its maker is trusted; nothing of it was imported or opened."""


@dataclass(frozen=True)
class AgentInterface:
    """What an agent may know of its world in advance: exactly what the scenario's own agent may know.

    Attributes:
        agent: the scenario's agent that it replaces; actions: A names; channels: K names of the reward channels.
        weights: float64 `[K]`, the scenario's agent's weight of each channel; discount: its discount per tick.
        fields: names of the columns of an observation if the whole board is observed; else empty.
        steps: maximal ticks of an episode.
    """

    agent: str
    actions: tuple[str, ...]
    channels: tuple[str, ...]
    weights: Floats
    discount: float
    fields: tuple[str, ...]
    steps: int

    @staticmethod
    def of(world: World) -> AgentInterface:
        """The interface of the only agent of a world."""
        its = world.agents[0]
        fields = tuple(observed_name(world.fields[i].name) for i in its.sees) if its.window is None else ()
        return AgentInterface(its.name, its.actions, world.channels, its.weights, its.discount, fields, world.steps)


@dataclass(frozen=True)
class UserAgent:
    """The specification of a user's agent: where it comes from and which agent of the scenario it replaces.

    Attributes:
        label: its name in a run; a profile, if some parts of that profile are the user's.
        source: `module:name`, a file, or the name of an entry point; or an agent, or a factory that takes an
            `AgentInterface`; of a profile, its text, or a mapping from the names of its parts to such sources.
        agent: the agent that it replaces; None for the world's only agent.
        trust: whether a file that holds pickles may be opened.
    """

    label: str
    source: object
    agent: str | None = None
    trust: bool = False

    @property
    def words(self) -> str | None:
        """The text that `parse_user_agent` reads back to this; None if the source is an object."""
        if not isinstance(self.source, str):
            return None
        return f"{self.agent}={self.source}" if self.agent else self.source

    def part(self, name: str) -> UserAgent | None:
        """The specification of the part of a profile with this name; None if it is no user's agent."""
        if isinstance(self.source, Mapping) and name in self.source:
            return UserAgent(name, self.source[name], trust=self.trust)
        return self if name == self.label else parse_user_agent(name, self.trust)

    def make(self, world: World) -> CheckedUserAgent:
        """Makes a fresh agent for a world with one agent; an agent object is copied.

        Raises:
            UserAgentError: it cannot be found or made.
        """
        interface = AgentInterface.of(world)
        if self.agent is not None and self.agent != interface.agent:
            raise UserAgentError(
                f"there is no agent `{self.agent}` in `{world.name}`: its agent is `{interface.agent}`"
            )
        source = self.source
        if isinstance(source, str):
            if source.endswith(".zip"):
                return CheckedUserAgent(self.label, _zipped(source, world, self.trust), interface)
            source = _named(source)
        with _blaming(self.label, "could not be made"):
            # A class with `act` is a factory; an agent object is copied, so that seeds never share what they learned.
            is_agent = hasattr(source, "act") and not isinstance(source, type)
            made = copy.deepcopy(source) if is_agent else source(interface)  # type: ignore[operator]
        if not callable(getattr(made, "act", None)):
            raise UserAgentError(f"`{self.label}` is no agent: it has no `act(observation, state, mask)`")
        return CheckedUserAgent(self.label, made, interface)


def parse_user_agent(text: str, trust: bool = False) -> UserAgent | None:
    """Parses `AGENT=SOURCE` or `SOURCE` (`module:name`, a zip file or an entry point) of `--agent`; else None."""
    agent, equals, source = text.partition("=")
    if not equals:
        agent, source = "", text
    if ":" in source or source.endswith(".zip") or source in installed():
        return UserAgent(source, source, agent or None, trust)
    return None


def installed() -> tuple[str, ...]:
    """The names of agents that installed packages provide."""
    return parts.names(parts.AGENTS)


class CheckedUserAgent:
    """A wrapper of a user's agent that validates its outputs and attributes its errors to it (`UserAgentError`).

    Attributes:
        remembers: whether it has ever returned a state, so that its actions may depend on more than the observation.
    """

    def __init__(self, label: str, agent: Any, interface: AgentInterface) -> None:
        """Wraps an object with `act`, and optionally `fit`, `watch` and `thought`."""
        self._label, self._agent, self._interface = label, agent, interface
        self.remembers = False

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`.

        Raises:
            UserAgentError: it failed, or gave no available action for each lane.
        """
        with _blaming(self._label, "failed in `act`"):
            answer = self._agent.act(observation, state, mask)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise self._fault(f"`act` returns the actions and the next state, a pair, and not {_kind(answer)}")
        # Checked here, since an action that is unavailable or out of range would fail far from the user's code.
        actions = np.asarray(answer[0])
        if actions.shape != (len(observation),) or not np.issubdtype(actions.dtype, np.integer):
            wanted = f"one whole number for each of {len(observation)} lanes"
            raise self._fault(f"`act` returns {wanted}, not {_kind(actions)}")
        wrong = (actions < 0) | (actions >= mask.shape[1])
        if wrong.any():
            names = ", ".join(self._interface.actions)
            raise self._fault(f"actions are 0 to {mask.shape[1] - 1} ({names}), not {actions[wrong][0]}")
        barred = ~mask[np.arange(actions.size), actions]
        if barred.any():
            name = self._interface.actions[actions[barred][0]]
            raise self._fault(f"it chose `{name}` where that is not available; `mask` says what is")
        self.remembers |= answer[1] is not None
        return actions.astype(np.int32), answer[1]

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`; an agent without `fit` is left as it is."""
        if hasattr(self._agent, "fit"):
            with _blaming(self._label, "failed in `fit`"):
                self._agent.fit(env, steps, seed)

    @property
    def learns_with(self) -> str:
        """The part of a stage's `learn` that allows it to be trained there; `model` unless the agent says otherwise."""
        return str(getattr(self._agent, "learns_with", "model"))

    def watch(self, logs: Sequence[Log], seed: int) -> None:
        """See `LearnsFromLogs.watch`; an agent without `watch` is left as it is."""
        if hasattr(self._agent, "watch"):
            with _blaming(self._label, "failed in `watch`"):
                self._agent.watch(logs, seed)

    def thought(self) -> Thought | None:
        """See `Thinker.thought`; None for an agent without `thought`."""
        if not hasattr(self._agent, "thought"):
            return None
        with _blaming(self._label, "failed in `thought`"):
            said = self._agent.thought()
        if said is not None and not isinstance(said, Thought):
            raise self._fault(f"`thought` returns a turncoat.agents.records.thought.Thought or None, not {_kind(said)}")
        return said

    def _fault(self, why: str) -> UserAgentError:
        return UserAgentError(f"`{self._label}`: {why}")


@contextmanager
def _blaming(label: str, what: str) -> Iterator[None]:
    """Turns any exception of the user's code into a `UserAgentError` that names the agent."""
    try:
        yield
    except UserAgentError:
        raise
    except Exception as fault:
        raise UserAgentError(f"`{label}` {what}: {type(fault).__name__}: {fault}") from fault


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array {value.dtype} {list(value.shape)}"
    return f"a {type(value).__name__}"


def _named(text: str) -> Any:
    """The object that `module:name` or the name of an entry point refers to."""
    if text in installed():
        try:
            return parts.load(parts.AGENTS, text)
        except parts.AgentPartError as fault:
            raise UserAgentError(str(fault)) from fault
    module_name, colon, name = text.partition(":")
    if not colon or not module_name or not name:
        raise UserAgentError(f"`{text}` names no agent: write `module:name`, where `name` is an agent or makes one")
    here = str(Path.cwd())
    with _blaming(text, "could not be imported"):
        sys.path.append(here)  # last, so that the folder never shadows an installed package
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as fault:
            # A module missing inside the user's code is the user's error and keeps its own message.
            if fault.name is None or not f"{module_name}.".startswith(f"{fault.name}."):
                raise
            cure = "it must be installed, on PYTHONPATH, or below the folder that you are in"
            raise UserAgentError(f"there is no module `{fault.name}`: {cure}") from fault
        finally:
            sys.path.remove(here)
    if not hasattr(module, name):
        near = nearest(name, [known for known in vars(module) if not known.startswith("_")])
        hint = f"; did you mean `{near}`?" if near else ""
        raise UserAgentError(f"the module `{module_name}` has no `{name}`{hint}")
    found = getattr(module, name)
    if not callable(found) and not hasattr(found, "act"):
        raise UserAgentError(f"`{text}` is {_kind(found)}: an agent has `act`, and what makes one can be called")
    return found


def _zipped(path: str, world: World, trust: bool) -> Agent:
    """The agent of a model that Stable-Baselines3 saved; refused unless trusted, since the file holds pickles."""
    if not trust:
        raise UntrustedCodeError(
            f"`{path}` holds pickles, which may run anything when opened: --trust says that you trust its maker"
        )
    if not os.path.isfile(path):
        raise UserAgentError(f"there is no file `{path}`")
    from .sb3_zip import load_zip

    with _blaming(path, "could not be loaded"):
        return load_zip(path, world)

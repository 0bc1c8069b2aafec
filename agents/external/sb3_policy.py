"""A trained Stable-Baselines3 model as an `Agent`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...envs.adapters.spaces import Form, ObservationEncoder
from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.world.world import AgentProgram, World
from ...scenarios.errors import MissingPackageError, installing
from ..base import AgentState


def need_sb3() -> None:
    """Checks that Stable-Baselines3 is installed.

    Raises:
        MissingPackageError: it is not; the message says how to install it.
    """
    try:
        import safetensors  # noqa: F401
        import sb3_contrib  # noqa: F401
        import stable_baselines3  # noqa: F401
    except ImportError as missing:
        raise MissingPackageError(f"agents of Stable-Baselines3 need it installed: {installing('sb3')}") from missing


def unable_to_see(its: AgentProgram) -> str | None:
    """The reason why a model of whole boards cannot act as an agent, or None."""
    if its.window is not None:
        return f"models of Stable-Baselines3 read whole boards, and `{its.name}` sees a window of {its.window}"
    return None


class Sb3Policy:
    """A greedy policy on the scores of a model: logits or Q-values, with unavailable actions masked out.

    Its agent state is the ticks int64 `[B]` of each episode, followed by the hidden state of a recurrent model.
    """

    def __init__(self, model: Any, world: World, form: Form = "planes") -> None:
        """For a model of PPO, A2C, DQN, recurrent or maskable PPO.

        Args:
            model: with a `policy`.
            world: in which it acts.
            form: form of the observations that it was trained on.

        Raises:
            ValueError: the world has other observations or actions than the model was trained on.
        """
        self._policy = model.policy
        self._policy.set_training_mode(False)  # dropout and batch statistics off
        self._see = ObservationConverter(world, form)
        seen, acts = self._policy.observation_space, self._policy.action_space
        if seen != self._see.space:
            raise ValueError(f"the model was trained on observations {seen}, and this world shows {self._see.space}")
        if getattr(acts, "n", None) != len(world.agents[0].actions):
            raise ValueError(f"the model has actions {acts}, and this world has {len(world.agents[0].actions)}")

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        import torch

        kept = state if isinstance(state, tuple) else (np.zeros(len(mask), np.int64),)
        ticks, memory = np.asarray(kept[0], np.int64), kept[1:]
        seen, _ = self._policy.obs_to_tensor(self._see(observation, ticks))
        with torch.no_grad():
            if hasattr(self._policy, "lstm_hidden_state_shape"):
                scores, memory = self._recurrent_scores(seen, memory, len(mask))
            elif hasattr(self._policy, "q_net"):
                scores = self._policy.q_net(seen).cpu().numpy()
            else:
                scores = self._policy.get_distribution(seen).distribution.logits.cpu().numpy()
        return _best(scores, mask), (ticks + 1, *memory)

    def _recurrent_scores(self, seen: Any, memory: tuple[Any, ...], lanes: int) -> tuple[Floats, tuple[Any, ...]]:
        import torch

        if not memory:
            layers, _, size = self._policy.lstm_hidden_state_shape
            memory = tuple(np.zeros((lanes, layers, size), np.float32) for _ in range(2))
        where = self._policy.device
        before = tuple(torch.as_tensor(part, device=where).transpose(0, 1).contiguous() for part in memory)
        begins = torch.zeros(lanes, device=where)  # a lane that begins has a row of zeros as hidden state
        distribution, after = self._policy.get_distribution(seen, before, begins)
        parts = tuple(part.transpose(0, 1).contiguous().cpu().numpy() for part in after)
        return distribution.distribution.logits.cpu().numpy(), parts


class ObservationConverter:
    """Converts symbolic observations int64 `[B, O]` into the form on which a model was trained.

    Attributes:
        space: of one observation.
    """

    def __init__(self, world: World, form: Form = "planes") -> None:
        """For a world whose agent has no window."""
        self._observer = ObservationEncoder(world, 0, form)
        self.space = self._observer.space
        self._columns = list(world.agents[0].sees)
        self._fields = len(world.fields)
        self._layout = self._columns.index(world.layout) if world.layout in self._columns else -1
        looks, first = np.unique(world.agents[0].visible_layout, return_index=True)
        self._layouts = dict(zip(looks.tolist(), first.tolist(), strict=True))

    def __call__(self, observation: Longs, ticks: Longs) -> Any:
        """From int64 `[B, O]` and the ticks of each episode so far, `[B]`; what is not observed is not read."""
        states = np.zeros((len(observation), self._fields), np.int32)
        states[:, self._columns] = observation
        if self._layout >= 0:
            looks = observation[:, self._layout].tolist()
            # Several layouts can look alike; any of them gives the same planes.
            states[:, self._columns[self._layout]] = [self._layouts[look] for look in looks]
        return self._observer.observe(states, ticks)


def _best(scores: Floats, mask: Bools) -> Ints:
    return np.where(mask, scores, -np.inf).argmax(axis=1).astype(np.int32)

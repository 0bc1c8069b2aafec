"""All that a deep agent learns: the world model, the value functions of the task and of novelty, and the replay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...envs.base import Bools, Floats, Longs
from ...envs.reference.observation_spec import ObservationSpec
from ..records.attribution import WEIGHTED
from .encoding import StateEncoding
from .ensemble_model import EnsembleModel
from .hyperparameters import DeepOptions
from .imagined_graph import GraphImagination, ImaginedGraph
from .transition_buffer import TransitionBuffer
from .value_learner import ValueLearner

SMALLEST: Final = 1e-6
"""The least unit of a channel's values, where nothing was paid yet."""
LEAST_NOVELTY: Final = 0.2
"""The least unit of the values of novelty: where the members agree everywhere, what is left is noise."""


class Learner:
    """The learned parts of a deep agent, and their training.

    Novelty has a network of its own: what is new changes with every tick, and would disturb what the task's heads learn
    from the same convolutions (docs/decisions/0036-deep.md has the measurement).

    Attributes:
        encoding: of states; model: the world model; replay: real transitions.
        task: the value functions `[E, K]` and the policy that is deployed.
        explorer: the value function of novelty, and the policy that seeks it.
        rounds: of training so far.
        generator: of all chance in learning and imagining.
    """

    def __init__(
        self,
        senses: ObservationSpec,
        n_actions: int,
        weights: Floats,
        discounts: Floats,
        options: DeepOptions,
        seed: int,
    ) -> None:
        self.options, self.n_actions, self.rounds = options, n_actions, 0
        self.device = torch.device(options.device)
        values, channels = options.values, len(weights)
        self.encoding = StateEncoding(senses, n_actions, options.model.reach, options.device)
        self.model = EnsembleModel(self.encoding, channels, options.model, seed)
        self.replay = TransitionBuffer(self.encoding.n_columns, n_actions, channels, options.capacity, self.device)

        def tensor(numbers: Any) -> Tensor:
            return torch.as_tensor(np.asarray(numbers), dtype=torch.float32, device=self.device)

        # Networks are drawn on the processor, so that a seed means the same network on every device.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.task = ValueLearner(
                self.encoding, tensor(weights), tensor(discounts), options.deliberation, values, options.model.members,
                least=tensor(np.full(channels, SMALLEST)),
            )  # fmt: skip
            seeking = replace(values, own_every=0, epochs=1, batch=max(1, values.batch // 2))
            self.explorer = ValueLearner(
                self.encoding, tensor([1.0]), tensor([values.novelty_discount]), WEIGHTED, seeking, 1,
                least=tensor([LEAST_NOVELTY]), exploring=True,
            )  # fmt: skip
        self.generator = torch.Generator(self.device).manual_seed(seed)

    @property
    def imagination(self) -> GraphImagination:
        """The present model and the values of the task, to imagine with."""
        return self.task.imagination(self.model, self.replay)

    @property
    def seeker(self) -> GraphImagination:
        """The same with the values of novelty."""
        return self.explorer.imagination(self.model, self.replay)

    def train(self, updates: int) -> dict[str, float]:
        """One round: updates of the world model, then of values and policies on what it imagines."""
        figures = {"model_loss": self.model.train(self.replay, updates, self.generator)}
        graph = self.imagined()
        figures |= self.task.train(self.imagination, graph, self.options.lanes, self.generator)
        if self.options.explore > 0:
            self.explorer.train(self.seeker, graph, self.options.lanes, self.generator)
        self.rounds += 1
        return {**figures, "imagined": float(len(graph.state))}

    def imagined(self) -> ImaginedGraph:
        """A graph of what the model says of replayed states, and of those that both policies lead to from there."""
        values, exploring = self.options.values, self.options.explore > 0
        drawn = self.replay.drawn(values.depth * values.lanes, self.generator)
        starts = self.replay.batch(drawn).state.view(values.depth, values.lanes, -1)
        seekers = round(values.lanes * values.explorers) if exploring else 0
        return self.imagination.grown(starts, self.seeker, seekers, self.generator)

    @torch.no_grad()
    def priors(self, states: Longs, seeking: Bools) -> npt.NDArray[np.float64]:
        """float64 `[n, A]`: logits in states int64 `[n, F]`; of the one that seeks novelty where bool `[n]` is set."""
        rows, seeks = torch.as_tensor(states, device=self.device), torch.as_tensor(seeking, device=self.device)
        logits = self.task.judge.judge(rows).prior
        if seeking.any():
            logits[seeks] = self.seeker.seeking(rows[seeks])
        out: npt.NDArray[np.float64] = logits.double().cpu().numpy()
        return out

    # Keeping

    def _networks(self) -> dict[str, torch.nn.Module]:
        return {
            "model": self.model.net, "steady": self.model.steady,
            "task": self.task.judge.net, "task_target": self.task.target.net,
            "explorer": self.explorer.judge.net, "explorer_target": self.explorer.target.net,
        }  # fmt: skip

    @property
    def _trained(self) -> dict[str, EnsembleModel | ValueLearner]:
        return {"model": self.model, "task": self.task, "explorer": self.explorer}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that was learned but the replay, as NumPy arrays by name."""
        out = {
            f"{part}.{name}": value.detach().cpu().numpy().copy()
            for part, net in self._networks().items()
            for name, value in net.named_parameters()
        }
        for part, trained in self._trained.items():
            if "optimiser" not in vars(trained):  # it was never trained, and making an optimiser is slow
                continue
            for number, moments in trained.optimiser.state_dict()["state"].items():
                out |= {
                    f"{part}_optimiser.{number}.{name}": value.cpu().numpy().copy() for name, value in moments.items()
                }
        for part, learner in (("task", self.task), ("explorer", self.explorer)):
            out[f"{part}_scale"] = learner.judge.scale.cpu().numpy().copy()
            out[f"{part}_spread"] = learner.spread.cpu().numpy().copy()
        counts = [self.rounds, self.task.rounds, self.explorer.rounds, self.model.updates, self.model.net.active]
        out |= {"counts": np.array(counts, np.int64), "maps": self.encoding.maps}
        return out | {"generator": self.generator.get_state().cpu().numpy()}

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Restores what `arrays` returned; the stage is one of those whose maps are among them.

        Raises:
            ValueError, KeyError, RuntimeError: they are of networks of another shape.
        """
        with torch.no_grad():
            for part, net in self._networks().items():
                for name, value in net.named_parameters():
                    value.copy_(torch.from_numpy(arrays[f"{part}.{name}"]))
        for part, trained in self._trained.items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, array in arrays.items():
                if key.startswith(f"{part}_optimiser."):
                    _, number, name = key.split(".")
                    state.setdefault(int(number), {})[name] = torch.from_numpy(array.copy())
            if state or "optimiser" in vars(trained):
                trained.optimiser.load_state_dict({**trained.optimiser.state_dict(), "state": state})
        for part, learner in (("task", self.task), ("explorer", self.explorer)):
            learner.judge.scale.copy_(torch.from_numpy(arrays[f"{part}_scale"]))
            learner.spread.copy_(torch.from_numpy(arrays[f"{part}_spread"]).reshape(()))
        counts = arrays["counts"].tolist()
        self.rounds, self.task.rounds, self.explorer.rounds, self.model.updates, active = counts
        self.model.net.active = self.model.steady.active = active
        self.encoding.recall(arrays["maps"])
        self.generator.set_state(torch.from_numpy(arrays["generator"].copy()))

    def snapshot_state(self) -> dict[str, Any]:
        """See `snapshot.CustomSnapshot`."""
        return {
            "senses": self.encoding.senses,
            "n_actions": self.n_actions,
            "weights": self.task.weights.double().cpu().numpy(),
            "discounts": self.task.discounts.double().cpu().numpy(),
            "options": self.options,
            "arrays": self.arrays(),
            "replay": self.replay.arrays(),
        }

    def restore_state(self, data: dict[str, Any]) -> None:
        """See `snapshot.CustomSnapshot`."""
        Learner.__init__(
            self, data["senses"], data["n_actions"], data["weights"], data["discounts"], data["options"], 0
        )
        self.replay.restore(data["replay"])
        self.restore(data["arrays"])

"""The learning of one value network and its policy from imagined and real experience."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import torch
from torch import Tensor

from ..records.attribution import DeliberationRule
from .encoding import StateEncoding
from .ensemble_model import EnsembleModel
from .hyperparameters import ValueOptions
from .imagined_graph import GraphImagination, ImaginedGraph, LearningTargets
from .transition_buffer import TransitionBuffer
from .value_network import Judge, ValueNetwork

SEGMENT: Final = 8
"""Ticks of a run of real transitions from which values are learned."""
LEAST_UPDATES: Final = 16
"""Of a network per round, however few the states are that were imagined."""
CALM: Final = 0.95
"""Decay per round of the moving averages of the spread of values and of the heads' units."""
MOST_GRADIENT: Final = 1.0
"""The norm to which gradients are clipped."""


@dataclass(eq=False)
class ValueLearner:
    """A value network and its target network.

    Attributes:
        encoding: of states; weights, discounts: float32 `[K]`; rule: the deliberation; options: see `ValueOptions`.
        members: E; exploring: whether its only channel is novelty, see `GraphImagination`.
        least: float32 `[K]`, the least unit of each head; more where a larger reward is paid.
        spread: float32 `[]`, see `GraphImagination`.
        rounds: how often it was trained.
    """

    encoding: StateEncoding
    weights: Tensor
    discounts: Tensor
    rule: DeliberationRule
    options: ValueOptions
    members: int
    least: Tensor
    exploring: bool = False
    rounds: int = 0
    judge: Judge = field(init=False)
    target: Judge = field(init=False)
    spread: Tensor = field(init=False)

    def __post_init__(self) -> None:
        net = ValueNetwork(self.encoding, self.members, len(self.weights), self.options).to(self.encoding.device)
        scale = torch.ones_like(self.weights)
        self.judge = Judge(net, self.encoding, scale)
        self.target = Judge(deepcopy(net).requires_grad_(False), self.encoding, scale)
        self.spread = torch.ones((), device=self.encoding.device)

    @cached_property
    def optimiser(self) -> torch.optim.Adam:
        """Of the network; made when it is needed, see `EnsembleModel.optimiser`."""
        rate = self.options.learn_rate
        return torch.optim.Adam(self.judge.net.parameters(), lr=rate, eps=1e-5, fused=True)

    def imagination(self, model: EnsembleModel, replay: TransitionBuffer) -> GraphImagination:
        """The present values and policy, to imagine with."""
        return GraphImagination(
            model, self.judge, self.target, replay, self.weights, self.discounts, self.rule, self.options, self.spread,
            self.exploring,
        )  # fmt: skip

    def train(
        self, imagination: GraphImagination, graph: ImaginedGraph, stride: int, generator: torch.Generator
    ) -> dict[str, float]:
        """One round: updates on what is found within an imagined graph, and on real experience.

        Args:
            imagination: of these values.
            graph: what was imagined.
            stride: how far apart in the replay the transitions of one lane are.
            generator: of all chance.
        """
        options, replay = self.options, imagination.replay
        targets = imagination.targets(graph, bool(options.own_every) and self.rounds % options.own_every == 0)
        self._measure(targets, replay)
        if not self.exploring and options.real >= SEGMENT:
            runs = replay.segments(options.real // SEGMENT, SEGMENT, stride, generator)
            real = imagination.replayed(runs)
            targets = LearningTargets(*(torch.cat(parts) for parts in zip(targets, real, strict=True)))
        figures: dict[str, float] = {}
        batches = -(-len(targets.state) // options.batch)
        for _ in range(max(options.epochs, -(-LEAST_UPDATES // batches))):
            order = torch.randperm(len(targets.state), generator=generator, device=replay.device)
            for some in torch.split(order, options.batch):
                figures = self._update(LearningTargets(*(part[some] for part in targets)), generator)
        self.rounds += 1
        return figures

    def _measure(self, targets: LearningTargets, replay: TransitionBuffer) -> None:
        """Follows the range of the values that the policy and each head meet, from the 5th to the 95th percentile."""
        mean, share = targets.joint.mean(dim=1), max(1 - CALM, 1 / (1 + self.rounds))
        # Not below what one reward is worth: differences between values that know of none yet are noise.
        least = self.least if self.exploring else torch.maximum(self.least, replay.largest_pay())
        floor = float((least * self.weights.abs()).max())
        self.spread += share * (_range(mean @ self.weights, floor) - self.spread)
        before = self.judge.scale.clone()
        for head, floored in enumerate(least.tolist()):
            self.judge.scale[head] += share * (_range(mean[:, head], floored) - float(before[head]))
        # Outputs are divided by as much as their unit grew, so that values stay as they are (van Hasselt et al. 2016,
        # "Learning values across many orders of magnitude").
        for judge in (self.judge, self.target):
            judge.net.rescale(self.judge.scale / before)

    def _update(self, targets: LearningTargets, generator: torch.Generator) -> dict[str, float]:
        options, judged, scale = self.options, self.judge.judge(targets.state), self.judge.scale
        # Each member learns from a random half of the states, so that members stay different (Osband et al. 2016).
        mine = torch.rand(len(targets.state), self.members, 1, generator=generator, device=scale.device)
        mine = (mine < (0.5 if self.members > 1 else 1.0)).float()
        joint_loss = _mean((judged.joint - targets.joint / scale).square(), targets.joint_counts[:, None] * mine)
        own_loss = _mean((judged.own - targets.own / scale).square(), targets.own_counts[:, None, None] * mine)
        told = torch.where(self.encoding.available(targets.state), judged.prior, -1e9).log_softmax(dim=-1)
        policy_loss = _mean(-(targets.policy * told).sum(dim=-1), targets.policy_counts.float())
        loss = policy_loss + options.value_weight * len(self.weights) * (joint_loss + own_loss)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.judge.net.parameters(), MOST_GRADIENT)
        self.optimiser.step()
        with torch.no_grad():
            for slow, fast in zip(self.target.net.parameters(), self.judge.net.parameters(), strict=True):
                slow.lerp_(fast, 1 - options.target_decay)
        return {"policy_loss": float(policy_loss.detach()), "value_loss": float(joint_loss.detach())}


def _range(values: Tensor, least: float) -> float:
    low, high = torch.quantile(values, torch.tensor([0.05, 0.95], device=values.device)).tolist()
    return max(high - low, least)


def _mean(losses: Tensor, counts: Tensor) -> Tensor:
    """The mean of losses where they count; 0 where none do."""
    counts = counts.expand_as(losses)
    return (losses * counts).sum() / counts.sum().clamp(min=1)

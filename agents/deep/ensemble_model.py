"""The world model: an ensemble of networks that predict the next state, the reward of every channel, and the end.

Each member predicts a mixture of branches (`neural.network.Ensemble`). Within a branch every body has one place, so
that chance never tears a body apart, and correlated chance of several bodies is representable. Letters: E members, n
states, m states per member, A actions, M branches, F columns, K channels, W outcomes.
"""

from __future__ import annotations

from copy import deepcopy
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..neural.network import MAX_PAYS, Answers, Ensemble
from .encoding import StateEncoding
from .hyperparameters import ModelOptions
from .thing_network import ThingEnsemble
from .transition_buffer import ReplayedTransitions, TransitionBuffer

MEMORY: Final = 0.98
"""Decay per update of the moving average of the weights, which predicts: single updates fluctuate."""
LEAST: Final = 0.02
"""Branches and values with a smaller probability than this are not imagined: they are mostly errors."""


class Outcome(NamedTuple):
    """One imagined outcome for each of some pairs of state and action.

    Attributes:
        next_state: int64 `[..., F]`; paid: int64 `[..., K]`, indices into `TransitionBuffer.pays`; ended: bool `[...]`.
        certainty: float32 `[...]`, the probability that the member gives to it.
    """

    next_state: Tensor
    paid: Tensor
    ended: Tensor
    certainty: Tensor


class EnsembleModel:
    """A probabilistic ensemble, trained by maximum likelihood on replayed transitions.

    Attributes:
        net: the ensemble that is trained; steady: the moving average of its weights, which predicts.
        updates: gradient steps so far.
    """

    def __init__(self, encoding: StateEncoding, n_channels: int, options: ModelOptions, seed: int) -> None:
        self.encoding, self.options, self.n_channels = encoding, options, n_channels
        self.device, self.updates = encoding.device, 0
        rng = np.random.default_rng([seed, 3])
        kind = ThingEnsemble if encoding.kinds else Ensemble
        net = kind(encoding, n_channels, options.members, options.branches, options.hidden, rng)
        self.net = net.to(self.device)
        self.steady = deepcopy(self.net).requires_grad_(False)

    # Made when it is needed: torch imports its compiler with the first optimiser, which takes longer than all else that
    # a trained agent does before its first action.
    @cached_property
    def optimiser(self) -> torch.optim.AdamW:
        """Of `net`."""
        options = self.options
        return torch.optim.AdamW(
            self.net.parameters(), lr=options.learn_rate, weight_decay=options.weight_decay, fused=True
        )

    # Learning

    def train(self, replay: TransitionBuffer, updates: int, generator: torch.Generator) -> float:
        """Makes gradient steps on sampled transitions; returns the mean loss, in nats per transition."""
        # One branch suffices until the same pair has had two outcomes: more would only split the data.
        if replay.contradictions and self.net.active == 1:
            self.net.active = self.options.branches
        options, members, total = self.options, self.options.members, 0.0
        for _ in range(updates):
            index = replay.drawn(members * options.batch, generator).view(members, options.batch)
            loss = self._loss(replay, replay.batch(index))
            self.optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            self.optimiser.step()
            self._settle()
            self.updates += 1
            total += float(loss.detach()) / members
        self.steady.active = self.net.active
        return total / max(updates, 1)

    @torch.no_grad()
    def _settle(self) -> None:
        share = max(1 - MEMORY, 1 / (1 + self.updates))
        for mean, now in zip(self.steady.parameters(), self.net.parameters(), strict=True):
            mean.lerp_(now, share)

    def _loss(self, replay: TransitionBuffer, batch: ReplayedTransitions) -> Tensor:
        """The sum over members of the mean negative log-likelihood; changed columns and unusual rewards weigh more."""
        encoding, more = self.encoding, self.options.change_weight - 1
        members, n = batch.action.shape
        flat = batch.state.view(members * n, -1)
        inputs = encoding.model_inputs(flat).view(members, n, -1)
        targets = encoding.shift_targets(flat).view(members, n, -1)
        answers = self.net(self.net.see(inputs), batch.action, targets)
        total = answers.branch
        changed = 1 + more * (batch.state != batch.next_state).float()
        # Nothing is available after the end, and nobody asks.
        changed[..., encoding.n_seen :] *= (~batch.ended)[..., None]
        for column in np.flatnonzero(~encoding.copied).tolist():
            logits = answers.values[..., encoding.offsets[column] : encoding.offsets[column + 1]]
            total = total + changed[..., None, column] * _picked(logits, batch.next_state[..., column])
        for channel in range(self.n_channels):
            paid = batch.paid[..., channel]
            weight = (paid >= 0).float() * (1 + more * (paid != paid.mode().values[..., None]).float())
            logits = answers.pays[..., channel, : max(1, replay.pay_count[channel])]
            total = total + weight[..., None] * _picked(logits, paid.clamp(min=0))
        sign = torch.where(batch.ended, 1.0, -1.0)
        total = total + torch.nn.functional.logsigmoid(answers.end * sign[..., None])
        return -torch.logsumexp(total, dim=-1).mean(dim=1).sum()

    # Imagining

    def _answers(self, states: Tensor, actions: Tensor) -> Answers:
        """For states int64 `[E, m, F]`, each member's own, and actions int64 `[a]`: shape `[E, m * a]`."""
        members, m, columns = states.shape
        flat = states.reshape(members * m, columns)
        seen = self.steady.see(self.encoding.model_inputs(flat).view(members, m, -1))
        seen = seen.repeat_interleave(len(actions), dim=1)
        targets = self.encoding.shift_targets(flat).view(members, m, -1).repeat_interleave(len(actions), dim=1)
        out: Answers = self.steady(seen, actions.repeat(m).expand(members, -1), targets)
        return out

    @torch.no_grad()
    def outcomes(self, states: Tensor, pay_count: list[int], generator: torch.Generator | None = None) -> Outcome:
        """One outcome of every action: drawn where a generator is given, else the most probable one of the best branch.

        Args:
            states: int64 `[E, m, F]`: every member imagines its own.
            pay_count: see `TransitionBuffer`.
            generator: of the draws.

        Returns:
            Outcomes of shape `[E, m, A]`.
        """
        members, m, columns = states.shape
        actions = torch.arange(self.encoding.n_actions, device=self.device)
        answers = self._answers(states, actions)
        drawn = generator is not None and self.steady.active > 1
        branch, certain = self._pick(answers.branch, generator if drawn else None)
        here = branch[..., None, None].expand(-1, -1, 1, answers.values.shape[-1])
        values = answers.values.gather(2, here)[:, :, 0]
        certainty = torch.log(certain.clamp(min=1e-9))
        out = states.repeat_interleave(len(actions), dim=1)
        out, certainty = self._columns(out, values, certainty, generator if drawn else None)
        paid = torch.zeros(members, m * len(actions), self.n_channels, dtype=torch.int64, device=self.device)
        pays = answers.pays.gather(2, branch[..., None, None, None].expand(-1, -1, 1, self.n_channels, MAX_PAYS))
        for channel in range(self.n_channels):
            told = torch.log_softmax(pays[:, :, 0, channel, : max(1, pay_count[channel])], dim=-1)
            paid[..., channel], sure = self._pick(told, generator if drawn else None)
            certainty = certainty + torch.log(sure.clamp(min=1e-9))
        end = answers.end.gather(2, branch[..., None])[..., 0]
        both = torch.stack([torch.nn.functional.logsigmoid(-end), torch.nn.functional.logsigmoid(end)], dim=-1)
        ended, sure = self._pick(both, generator if drawn else None)
        certainty = (certainty + torch.log(sure.clamp(min=1e-9))).exp()
        shape = (members, m, len(actions))
        return Outcome(
            out.view(*shape, columns), paid.view(*shape, -1), (ended == 1).view(shape), certainty.view(shape)
        )

    @torch.no_grad()
    def branches(self, states: Tensor, pay_count: list[int]) -> Outcome:
        """The most probable outcome within every branch, of every action of states int64 `[E, m, F]`.

        Returns:
            Outcomes of shape `[E, m, A, M]`; `certainty` is the probability of the branch, 0 where it is below `LEAST`.
        """
        members, m, columns = states.shape
        actions = torch.arange(self.encoding.n_actions, device=self.device)
        answers = self._answers(states, actions)
        chance = answers.branch.exp()
        chance = torch.where(chance < LEAST, 0.0, chance)
        chance = chance / chance.sum(dim=-1, keepdim=True)
        width = chance.shape[-1]
        out = states.repeat_interleave(len(actions), dim=1)[:, :, None].repeat(1, 1, width, 1)
        for column in np.flatnonzero(~self.encoding.copied).tolist():
            logits = answers.values[..., self.encoding.offsets[column] : self.encoding.offsets[column + 1]]
            out[..., column] = logits.argmax(dim=-1)
        paid = torch.stack(
            [answers.pays[..., k, : max(1, pay_count[k])].argmax(dim=-1) for k in range(self.n_channels)], dim=-1
        )
        shape = (members, m, len(actions), width)
        return Outcome(
            out.view(*shape, columns), paid.view(*shape, -1), (answers.end > 0).view(shape), chance.view(shape)
        )

    def _columns(
        self, states: Tensor, values: Tensor, certainty: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """The predicted columns in place of those of `states`, and the certainty with theirs."""
        encoding = self.encoding
        for column in np.flatnonzero(~encoding.copied).tolist():
            told = torch.log_softmax(values[..., encoding.offsets[column] : encoding.offsets[column + 1]], dim=-1)
            states[..., column], sure = self._pick(told, generator)
            certainty = certainty + torch.log(sure.clamp(min=1e-9))
        return states, certainty

    def _pick(self, told: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """One value by log-probabilities `[..., V]`, and its probability; drawn if a generator is given."""
        if generator is None:
            sure, index = told.max(dim=-1)
            return index, sure.exp()
        chance = told.exp()
        kept = torch.where(chance >= LEAST, chance, torch.zeros_like(chance))
        noise = torch.rand(told.shape, generator=generator, device=self.device).clamp(min=1e-20)
        index = (kept / -noise.log()).argmax(dim=-1)  # the exponential race: each wins by its share
        return index, chance.gather(-1, index[..., None])[..., 0]


def _picked(logits: Tensor, wanted: Tensor) -> Tensor:
    """Log-probabilities `[E, n, M]` of `wanted` `[E, n]` by logits `[E, n, M, V]`."""
    told = torch.log_softmax(logits, dim=-1)
    return told.gather(-1, wanted[:, :, None, None].expand(-1, -1, told.shape[2], 1))[..., 0]

"""A neural world model: an ensemble that predicts the next observation, the reward of every channel and the end.

Every member predicts a mixture of branches. Columns are independent within a branch, not across branches, so correlated
randomness of several bodies is representable, and the most likely branch is a consistent state. Letters as in
`network`; F columns of a state.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from ...envs.base import Bools, Floats, Longs
from ...envs.reference.observation_spec import ObservationSpec
from .encoding import ObservationEncoding
from .network import Answers, Ensemble
from .replay_buffer import ReplayBuffer

CHUNK: Final = 2048
"""Batch size of prediction, in pairs of state and action: a bound on memory."""
MEMORY: Final = 0.98
"""Decay per update of the exponential moving average of the weights, which predicts: single updates fluctuate."""
MIN_SHARE: Final = 0.01
"""Branches with a smaller probability than this are not predicted."""


@dataclass(frozen=True)
class NetOptions:
    """The shape of the network and how it is trained.

    Attributes:
        members: E; branches: M, used once a pair of state and action has had two outcomes; hidden: units of each of two
            layers.
        reach: how many cells the crops round bodies extend to every side.
        learn_rate, batch: of each member's updates; weight_decay: of AdamW.
        change_weight: factor on the loss of a column that changed.
    """

    members: int = 3
    branches: int = 4
    hidden: int = 128
    reach: int = 2
    learn_rate: float = 2e-3
    batch: int = 128
    weight_decay: float = 1e-2
    change_weight: float = 2.0

    def __post_init__(self) -> None:
        if min(self.members, self.branches, self.hidden, self.batch) < 1 or self.reach < 0:
            raise ValueError("members, branches, hidden and batch are at least 1, reach at least 0")
        if min(self.learn_rate, self.change_weight) <= 0 or self.weight_decay < 0:
            raise ValueError("learn_rate and change_weight are above 0, weight_decay not below")


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The predicted outcomes of n ticks: R in all, grouped by tick; equal outcomes of several members are merged.

    Attributes:
        tick: int64 `[R]`; state: int64 `[R, F]`; pays: float64 `[R, K]`; ended: bool `[R]`.
        shares: float64 `[R, E]`, each member's probability.
        doubt: float64 `[n]`, the probability that the members give to outcomes not listed, a mean over members.
        disagreement: float64 `[n]`, mean total variation between a member's outcomes and the ensemble's.
    """

    tick: Longs
    state: Longs
    pays: Floats
    ended: Bools
    shares: Floats
    doubt: Floats
    disagreement: Floats


@dataclass(frozen=True, eq=False)
class PaddedOutcomes:
    """The M most probable outcomes of B ticks as rectangular arrays; unused places have probability 0.

    Attributes:
        outcomes: int64 `[B, M, O]`; probabilities: float64 `[B, M]`; reward: float64 `[B, M, K]`; end: bool `[B, M]`.
        uncertainty: float64 `[B]`, the disagreement of the ensemble: 0 where all members predict the same.
    """

    outcomes: Longs
    probabilities: Floats
    reward: Floats
    end: Bools
    uncertainty: Floats


class NeuralModel:
    """A probabilistic ensemble world model with a replay buffer of its own, trained by maximum likelihood.

    Attributes:
        net: the ensemble that is trained; steady: the moving average of its weights, which predicts.
        replay: all ticks; updates: gradient steps so far.
    """

    def __init__(
        self,
        senses: ObservationSpec,
        n_actions: int,
        n_channels: int,
        options: NetOptions,
        seed: int,
        device: str = "cpu",
    ) -> None:
        self.options, self.n_actions, self.n_channels = options, n_actions, n_channels
        self.encoding = ObservationEncoding(senses, n_actions, options.reach)
        self.replay = ReplayBuffer(self.encoding, n_channels)
        self.device = torch.device(device)
        self.updates = 0
        self._rng = np.random.default_rng(seed)
        net = Ensemble(self.encoding, n_channels, options.members, options.branches, options.hidden, self._rng)
        self.net = net.to(self.device)
        self.steady = deepcopy(self.net).requires_grad_(False)
        self._optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=options.learn_rate, weight_decay=options.weight_decay, fused=True
        )
        self._hash = np.random.default_rng(0).integers(1, 1 << 62, self.encoding.sizes.size + n_channels + 2) | 1
        self._priority: Floats = np.zeros(0)

    # Learning

    def train(self, updates: int) -> float:
        """Makes gradient steps on sampled ticks; returns the mean loss in nats per tick (0 without any tick)."""
        replay, total = self.replay, 0.0
        if not replay.n:
            return 0.0
        # One branch suffices until the same pair has had two outcomes: more would only split the data.
        if replay.contradictions and self.net.active == 1:
            self.net.active = self.options.branches
        # A new tick counts as learned worst until it was sampled once.
        fresh = np.full(replay.n - self._priority.size, 1e3)
        self._priority = np.concatenate([self._priority, fresh])
        now, after, action, pays, ended = replay.now, replay.after, replay.action, replay.pays, replay.ended
        for _ in range(updates):
            index = self._sample()
            loss, each = self._update(
                self._tensor(replay.inputs(index)), now[index], action[index], after[index], pays[index], ended[index]
            )
            self._priority[index] = each
            total += loss
            self.updates += 1
        self.steady.active = self.net.active
        return total / max(updates, 1)

    def _sample(self) -> Longs:
        """int64 `[E, batch]`: half uniform, half by last loss; all uniform in stochastic worlds, to be unbiased."""
        options, n = self.options, self.replay.n
        index = self._rng.integers(n, size=(options.members, options.batch))
        if self.net.active == 1:
            summed = np.cumsum(np.minimum(self._priority, 3.0) + 1e-3)
            hard = options.batch // 2
            picks = self._rng.random((options.members, hard)) * summed[-1]
            index[:, :hard] = np.minimum(np.searchsorted(summed, picks), n - 1)
        return index

    def _update(
        self, inputs: Tensor, now: Longs, action: Longs, after: Longs, pays: Any, ended: Bools
    ) -> tuple[float, Floats]:
        shape = action.shape
        targets = self.encoding.targets(now.reshape(-1, now.shape[-1])).reshape(*shape, -1)
        answers = self.net(self.net.see(inputs), self._tensor(action), self._tensor(targets))
        loss = self._losses(answers, now, after, pays, ended)
        mean = loss.mean(dim=1).sum()
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(mean)
        self._optimiser.step()
        self._settle()
        each = loss.detach().cpu().numpy().astype(np.float64)
        return float(each.mean()), each

    @torch.no_grad()
    def _settle(self) -> None:
        """Updates the moving average of the weights; during the first updates it is their plain mean."""
        share = max(1 - MEMORY, 1 / (1 + self.updates))
        for mean, now in zip(self.steady.parameters(), self.net.parameters(), strict=True):
            mean.lerp_(now, share)

    def _losses(self, answers: Answers, now: Longs, after: Longs, pays: Any, ended: Bools) -> Tensor:
        """`[E, n]`: negative log-likelihoods of the outcomes; changed columns and unusual rewards weigh more."""
        encoding, more = self.encoding, self.options.change_weight - 1
        total = answers.branch
        changed = 1 + more * (now != after)
        changed[..., encoding.n_seen :] *= ~ended[..., None]  # nothing is available after the end, and nobody asks
        weights, wanted = self._tensor(changed.astype(np.float32)), self._tensor(after)
        for column in np.flatnonzero(~encoding.copied):
            logits = answers.values[..., encoding.offsets[column] : encoding.offsets[column + 1]]
            total = total + weights[..., None, column] * _picked(logits, wanted[..., column])
        rare = 1 + more * ((pays >= 0) & (pays != self._usual()))
        weights, wanted = self._tensor(rare.astype(np.float32)), self._tensor(np.maximum(pays, 0).astype(np.int64))
        shown = self._tensor((pays >= 0).astype(np.float32))
        for channel in range(self.n_channels):
            logits = answers.pays[..., channel, : max(1, int(self.replay.pay_count[channel]))]
            total = total + (weights * shown)[..., None, channel] * _picked(logits, wanted[..., channel])
        sign = self._tensor(np.where(ended, 1.0, -1.0).astype(np.float32))
        total = total + torch.nn.functional.logsigmoid(answers.end * sign[..., None])
        return -torch.logsumexp(total, dim=-1)

    def _usual(self) -> Longs:
        """int64 `[K]`: the index of the most frequent reward of each channel."""
        pays = self.replay.pays
        return np.array([np.bincount(pays[pays[:, k] >= 0, k], minlength=1).argmax() for k in range(self.n_channels)])

    # Keeping

    def tensors(self) -> dict[str, Tensor]:
        """Weights, the optimiser's moments and the replay, by name."""
        replay = {f"replay.{name}": torch.from_numpy(value.copy()) for name, value in self.replay.arrays().items()}
        return self._weights() | replay

    def _weights(self) -> dict[str, Tensor]:
        out = {f"net.{name}": value.detach().cpu() for name, value in self.net.named_parameters()}
        out |= {f"steady.{name}": value.cpu() for name, value in self.steady.named_parameters()}
        for number, moments in self._optimiser.state_dict()["state"].items():
            out |= {f"optimiser.{number}.{name}": value.cpu() for name, value in moments.items()}
        return out | {"priority": torch.from_numpy(self._priority.copy())}

    def figures(self) -> dict[str, Any]:
        """The rest of its state, as plain values."""
        return {"updates": self.updates, "active": self.net.active, "rng": self._rng.bit_generator.state}

    def restore(self, tensors: dict[str, Tensor], figures: dict[str, Any]) -> None:
        """Restores the model that `tensors` and `figures` described."""
        replay = {key[7:]: value.numpy() for key, value in tensors.items() if key.startswith("replay.")}
        self.replay = ReplayBuffer.from_arrays(self.encoding, replay)
        self._take_weights(tensors, figures)

    def snapshot_state(self) -> dict[str, Any]:
        """See `snapshot.CustomSnapshot`."""
        return {
            "layout": self.encoding,
            "replay": self.replay,
            "options": self.options,
            "channels": self.n_channels,
            "device": str(self.device),
            "weights": {name: value.numpy() for name, value in self._weights().items()},
            "figures": self.figures(),
        }

    def restore_state(self, data: dict[str, Any]) -> None:
        """See `snapshot.CustomSnapshot`."""
        encoding: ObservationEncoding = data["layout"]
        NeuralModel.__init__(
            self, encoding.senses, encoding.n_actions, data["channels"], data["options"], 0, data["device"]
        )
        self.encoding, self.replay = encoding, data["replay"]
        weights = {name: torch.from_numpy(value) for name, value in data["weights"].items()}
        self._take_weights(weights, data["figures"])

    def _take_weights(self, tensors: dict[str, Tensor], figures: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, value in self.net.named_parameters():
                value.copy_(tensors[f"net.{name}"])
            for name, value in self.steady.named_parameters():
                value.copy_(tensors[f"steady.{name}"])
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("optimiser."):
                _, number, name = key.split(".")
                state.setdefault(int(number), {})[name] = tensor
        self._optimiser.load_state_dict({**self._optimiser.state_dict(), "state": state})
        self._priority = tensors["priority"].numpy().copy()
        self.updates, self.net.active = int(figures["updates"]), int(figures["active"])
        self.steady.active = self.net.active
        self._rng.bit_generator.state = figures["rng"]

    # Predicting

    @torch.no_grad()
    def outcomes(self, states: Longs, actions: Longs) -> Outcomes:
        """The predicted outcomes of actions int64 `[n]` in states int64 `[n, F]`."""
        parts = [self._some(states[i : i + CHUNK], actions[i : i + CHUNK], i) for i in range(0, len(actions), CHUNK)]
        if not parts:
            parts = [self._some(states, actions, 0)]
        return Outcomes(*(np.concatenate([getattr(p, name) for p in parts]) for name in Outcomes.__dataclass_fields__))

    def _some(self, states: Longs, actions: Longs, first: int) -> Outcomes:
        encoding, n, members = self.encoding, len(actions), self.options.members
        # The first layer does not depend on the action: it is computed once per distinct state.
        distinct, place = _distinct(states, self._hash[: states.shape[1]])
        seen = self.steady.see(self._tensor(encoding.encode(states[distinct]))[None])[:, torch.from_numpy(place)]
        action = self._tensor(actions)[None].expand(members, n)
        targets = self._tensor(encoding.targets(states))[None].expand(members, n, -1)
        answers: Answers = self.steady(seen, action, targets)
        shares = answers.branch.exp().cpu().numpy().astype(np.float64)
        shares[shares < MIN_SHARE] = 0
        shares /= shares.sum(axis=2, keepdims=True)
        sure = answers.branch
        next_state = np.broadcast_to(states[None, :, None], (*shares.shape, states.shape[1])).copy()
        for column in np.flatnonzero(~encoding.copied):
            logits = answers.values[..., encoding.offsets[column] : encoding.offsets[column + 1]]
            top, which = logits.max(dim=-1)
            sure = sure + top - torch.logsumexp(logits, dim=-1)
            next_state[..., column] = which.cpu().numpy()
        pays = np.zeros((*shares.shape, self.n_channels), np.int64)
        for channel in range(self.n_channels):
            known = max(1, int(self.replay.pay_count[channel]))
            top, which = answers.pays[..., channel, :known].max(dim=-1)
            sure = sure + top - torch.logsumexp(answers.pays[..., channel, :known], dim=-1)
            pays[..., channel] = which.cpu().numpy()
        sure = sure + torch.nn.functional.logsigmoid(answers.end.abs())
        doubt = 1 - sure.exp().sum(dim=-1).mean(dim=0).cpu().numpy().astype(np.float64)
        ended = (answers.end > 0).cpu().numpy()
        next_state[..., encoding.n_seen :] *= ~ended[..., None]
        return self._joined(next_state, pays, ended, shares, doubt, first)

    def _joined(
        self, next_state: Longs, pays: Longs, ended: Bools, shares: Floats, doubt: Floats, first: int
    ) -> Outcomes:
        """Merges equal outcomes of a tick over members and branches; all arrays begin with `[E, n, M]`."""
        members, n, _ = shares.shape
        member, tick, branch = np.nonzero(shares)
        rows = np.concatenate([next_state, pays, ended[..., None]], axis=-1)[member, tick, branch]
        kept, place = _distinct(np.concatenate([tick[:, None], rows], axis=1), self._hash)
        joined = np.zeros((kept.size, members))
        np.add.at(joined, (place, member), shares[member, tick, branch])
        order = np.argsort(tick[kept], kind="stable")
        kept, joined = kept[order], joined[order]
        at = tick[kept]
        apart = 0.5 * np.abs(joined - joined.mean(axis=1, keepdims=True)).mean(axis=1)
        chosen = rows[kept]
        k = self.n_channels
        return Outcomes(
            tick=at + first,
            state=chosen[:, : -k - 1],
            pays=self.replay.pay_values[np.arange(k), chosen[:, -k - 1 : -1]],
            ended=chosen[:, -1].astype(np.bool_),
            shares=joined,
            doubt=doubt,
            disagreement=np.bincount(at, apart, minlength=n).astype(np.float64),
        )

    def predict(self, states: Longs, actions: Longs) -> PaddedOutcomes:
        """The M most probable outcomes for observations int64 `[B, O]` or states `[B, F]`, probabilities renormalised.

        Observations are taken to have every action available.
        """
        if states.shape[1] == self.encoding.n_seen:
            states = np.concatenate([states, np.ones((len(states), self.n_actions), np.int64)], axis=1)
        found = self.outcomes(states, np.asarray(actions, np.int64))
        lanes, places = len(actions), max(1, self.steady.active)
        probability = found.shares.mean(axis=1)
        order = np.lexsort((-probability, found.tick))
        begins = np.searchsorted(found.tick, np.arange(lanes))
        rank = np.arange(order.size) - begins[found.tick[order]]
        order, rank = order[rank < places], rank[rank < places]
        at = (found.tick[order], rank)
        outcomes = np.zeros((lanes, places, self.encoding.n_seen), np.int64)
        outcomes[at] = found.state[order, : self.encoding.n_seen]
        chances, end = np.zeros((lanes, places)), np.zeros((lanes, places), np.bool_)
        reward = np.zeros((lanes, places, self.n_channels))
        chances[at], end[at], reward[at] = probability[order], found.ended[order], found.pays[order]
        return PaddedOutcomes(outcomes, chances / chances.sum(axis=1, keepdims=True), reward, end, found.disagreement)

    def _tensor(self, array: Any) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def _picked(logits: Tensor, wanted: Tensor) -> Tensor:
    """`[E, n, M]`: the log-probability of target values `[E, n]` under logits `[E, n, M, size]`."""
    place = wanted[:, :, None, None].expand(*logits.shape[:-1], 1)
    return logits.gather(-1, place)[..., 0] - torch.logsumexp(logits, dim=-1)


def _distinct(rows: Longs, numbers: Longs) -> tuple[Longs, Longs]:
    """The first index of every distinct row `[n, c]`, and for each row which of these it equals."""
    with np.errstate(over="ignore"):  # a hash by a random odd vector, in wrapping 64-bit arithmetic
        keys = rows @ numbers[: rows.shape[1]]
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return first, place.reshape(-1)

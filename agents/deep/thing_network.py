"""The network of the world model where there are several things of a kind: what is true of one of them is true of all.

What a rule does with a key it does with every key, so one function of what is round a thing says what becomes of it,
whichever it is, and what happens to one is learned for all of them (an object-oriented model: Diuk et al. 2008; with
learned relations: Battaglia et al. 2016, "Interaction networks"). Letters: E members, n samples, I inputs, H hidden
units, T things of a kind, D hidden units of each, A actions, M branches.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from ...envs.base import Longs
from ..neural.network import COPY, MAX_PAYS, Answers, answers
from .encoding import Kind, StateEncoding

SHARE: Final = 2
"""A thing has one hidden unit for so many of the whole."""


class ThingEnsemble(nn.Module):
    """E independent networks of the same shape, in each of which things of a kind share their weights.

    The whole (all that is no such thing) and the things see each other twice: a thing sees the inputs of the whole, and
    the whole the sum of the first hidden units of the things; then a thing sees the hidden units of the whole.

    Attributes:
        active: number of branches in use: one until the same pair has had two outcomes.
    """

    def __init__(
        self,
        encoding: StateEncoding,
        channels: int,
        members: int,
        branches: int,
        hidden: int,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        self.active, self.whole, self.hidden = 1, encoding.whole, hidden
        shared = {column for kind in encoding.kinds for column in kind.columns.flatten().tolist()}
        rest = [column for column in range(encoding.sizes.size) if column not in shared]
        self.values, self.n_shifts = _width(encoding.offsets, rest), _width(encoding.shifts, rest)
        self.first = _normal(rng, members, encoding.whole, hidden, scale=0.15)
        self.gate = _normal(rng, members, encoding.n_actions, hidden, scale=0.5)
        self.push = _normal(rng, members, encoding.n_actions, hidden, scale=0.5)
        self.second = _normal(rng, members, hidden, hidden, scale=(2.0 / hidden) ** 0.5)
        self.branches = _normal(rng, members, branches, hidden, scale=0.5)
        self.choice = _normal(rng, members, hidden, branches, scale=0.01)
        outputs = self.values + self.n_shifts + channels * MAX_PAYS + 1
        self.last = _normal(rng, members, hidden, outputs, scale=0.02)
        bias = _copying(encoding, rest, outputs)
        bias[-1] = -COPY
        self.bias = nn.Parameter(bias.repeat(members, 1))
        self.networks = nn.ModuleList(
            _ThingNetwork(encoding, kind, members, branches, hidden, rng) for kind in encoding.kinds
        )
        # Outputs come as those of the whole and then thing by thing; they are asked for column by column.
        order = [*rest, *(column for kind in encoding.kinds for column in kind.columns.flatten().tolist())]
        self.value_order: Tensor
        self.shift_order: Tensor
        self.register_buffer("value_order", _inverse(encoding.offsets, order), persistent=False)
        self.register_buffer("shift_order", _inverse(encoding.shifts, order), persistent=False)

    @property
    def kinds(self) -> list[_ThingNetwork]:
        """The networks of the kinds of things."""
        return [network for network in self.networks if isinstance(network, _ThingNetwork)]

    def see(self, inputs: Tensor) -> Tensor:
        """`[E, n, H + all T D]`: the first layers on inputs `[E or 1, n, I]`; they do not depend on the action."""
        whole = inputs[..., : self.whole]
        return torch.cat([torch.matmul(whole, self.first), *(kind.see(inputs, whole) for kind in self.kinds)], dim=-1)

    def forward(self, seen: Tensor, actions: Tensor, targets: Tensor) -> Answers:
        """As `Ensemble.forward`."""
        member = torch.arange(len(self.first), device=seen.device)[:, None]
        sizes = [self.hidden, *(kind.things * kind.units for kind in self.kinds)]
        whole, *parts = torch.split(seen, sizes, dim=-1)
        whole = whole * (1 + self.gate[member, actions]) + self.push[member, actions]
        things = []
        for kind, part in zip(self.kinds, parts, strict=True):
            things.append(kind.hidden(part, member, actions))
            whole = whole + torch.bmm(things[-1].sum(dim=2), kind.told)
        whole = torch.relu(whole)
        branch = torch.log_softmax(torch.bmm(whole, self.choice)[..., : self.active], dim=-1)
        deep = torch.relu(torch.bmm(whole, self.second)[:, :, None] + self.branches[:, None, : self.active])
        e, n, m, h = deep.shape
        flat = torch.baddbmm(self.bias[:, None], deep.reshape(e, n * m, h), self.last).view(e, n, m, -1)
        rest = flat.shape[-1] - self.values - self.n_shifts - 1
        values, shifts, pays, end = torch.split(flat, [self.values, self.n_shifts, rest, 1], dim=-1)
        found = [
            kind.becomes(thing, whole, self.active) for kind, thing in zip(self.kinds, things, strict=True)
        ]  # fmt: skip
        values = torch.cat([values, *(told for told, _ in found)], dim=-1)[..., self.value_order]
        shifts = torch.cat([shifts, *(told for _, told in found)], dim=-1)[..., self.shift_order]
        return answers(branch, values, shifts, pays, end, targets)


class _ThingNetwork(nn.Module):
    """What becomes of the things of one kind."""

    def __init__(
        self, encoding: StateEncoding, kind: Kind, members: int, branches: int, hidden: int, rng: np.random.Generator
    ) -> None:
        super().__init__()
        self.things, self.units = len(kind.columns), hidden // SHARE
        self.inputs, self.width = slice(kind.first, kind.end), kind.width
        mine = kind.columns[0].tolist()
        self.values, shifts = _width(encoding.offsets, mine), _width(encoding.shifts, mine)
        units = self.units
        self.first = _normal(rng, members, kind.width, units, scale=0.15)
        self.context = _normal(rng, members, encoding.whole, units, scale=0.15)
        self.gate = _normal(rng, members, encoding.n_actions, units, scale=0.5)
        self.push = _normal(rng, members, encoding.n_actions, units, scale=0.5)
        self.told = _normal(rng, members, units, hidden, scale=(1.0 / units) ** 0.5)
        self.second = _normal(rng, members, units, units, scale=(2.0 / units) ** 0.5)
        self.asked = _normal(rng, members, hidden, units, scale=(1.0 / hidden) ** 0.5)
        self.branches = _normal(rng, members, branches, units, scale=0.5)
        self.last = _normal(rng, members, units, self.values + shifts, scale=0.02)
        self.bias = nn.Parameter(_copying(encoding, mine, self.values + shifts).repeat(members, 1))

    def see(self, inputs: Tensor, whole: Tensor) -> Tensor:
        """`[E, n, T D]`: the first layer; `whole` is the part of the inputs that is about no thing of any kind."""
        members, n = len(self.first), inputs.shape[1]
        each = inputs[..., self.inputs].reshape(len(inputs), n * self.things, self.width)
        seen = torch.matmul(each, self.first).view(members, n, self.things, self.units)
        return (seen + torch.matmul(whole, self.context)[:, :, None]).flatten(2)

    def hidden(self, seen: Tensor, member: Tensor, actions: Tensor) -> Tensor:
        """`[E, n, T, D]`: the hidden units of what was seen `[E, n, T D]`, for actions `[E, n]`."""
        each = seen.view(*seen.shape[:2], self.things, self.units)
        gate, push = self.gate[member, actions][:, :, None], self.push[member, actions][:, :, None]
        return torch.relu(each * (1 + gate) + push)

    def becomes(self, hidden: Tensor, whole: Tensor, active: int) -> tuple[Tensor, Tensor]:
        """The logits `[E, n, M, ...]` of values and of shifts, thing by thing."""
        e, n, things, units = hidden.shape
        deep = torch.bmm(hidden.view(e, n * things, units), self.second).view(e, n, things, units)
        deep = deep + torch.bmm(whole, self.asked)[:, :, None]
        deep = torch.relu(deep[:, :, None] + self.branches[:, None, :active, None])
        flat = torch.baddbmm(self.bias[:, None], deep.view(e, -1, units), self.last).view(e, n, active, things, -1)
        return flat[..., : self.values].flatten(3), flat[..., self.values :].flatten(3)


def _normal(rng: np.random.Generator, *shape: int, scale: float) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(rng.normal(0.0, scale, shape).astype(np.float32)))


def _width(starts: Longs, columns: list[int]) -> int:
    return sum(int(starts[column + 1] - starts[column]) for column in columns)


def _copying(encoding: StateEncoding, columns: list[int], outputs: int) -> Tensor:
    """float32 `[outputs]`: logits with which every one of some columns keeps its value."""
    bias = torch.zeros(outputs)
    at, still = _width(encoding.offsets, columns), set(encoding.still.tolist())
    for column in columns:
        for shift in range(int(encoding.shifts[column]), int(encoding.shifts[column + 1])):
            bias[at] = COPY * (shift in still)
            at += 1
    return bias


def _inverse(starts: Longs, order: list[int]) -> Tensor:
    """int64 `[V]`: where each place of columns in their own order lies, if the columns come in another."""
    places = np.concatenate([np.arange(starts[column], starts[column + 1]) for column in order])
    return torch.from_numpy(np.argsort(places))

"""The value functions and the policy priors: one convolutional trunk, E members with K heads each.

Letters: n states, E members, K reward channels, A actions, D hidden units.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .encoding import StateEncoding
from .hyperparameters import ValueOptions


class ValueOutputs(NamedTuple):
    """What a value network says of n states.

    Attributes:
        prior: float32 `[n, A]`, logits of the policy.
        joint: float32 `[n, E, K]`, each channel's return under that policy.
        own: float32 `[n, E, K]`, each channel's optimum by itself.
    """

    prior: Tensor
    joint: Tensor
    own: Tensor


class ValueNetwork(nn.Module):
    """Convolutions over the board that all members share, then a dense layer and heads of each member's own."""

    def __init__(self, encoding: StateEncoding, members: int, n_channels: int, options: ValueOptions) -> None:
        super().__init__()
        self.members, self.n_channels = members, n_channels
        senses, layers, width = encoding.senses, [], encoding.n_planes
        inner = options.inner and min(senses.height, senses.width) >= 3
        for layer in range(options.layers if encoding.n_planes else 0):
            layers += [nn.Conv2d(width, options.channels, 3, padding=0 if inner and layer == 0 else 1), nn.ReLU()]
            width = options.channels
        self.convolutions = nn.Sequential(*layers, nn.Flatten()) if layers else None
        self.flat = not options.layers
        cells = (senses.height - 2 * inner) * (senses.width - 2 * inner)
        seen = encoding.width if self.flat else encoding.n_counters + (width * cells if layers else 0)
        self.dense = nn.Linear(seen, members * options.hidden)
        if self.flat:
            spread = (2.0 / options.hidden) ** 0.5
            self.second = nn.Parameter(torch.randn(members, options.hidden, options.hidden) * spread)
            self.push = nn.Parameter(torch.zeros(members, 1, options.hidden))
        self.prior = nn.Linear(members * options.hidden, encoding.n_actions)
        self.heads = nn.Parameter(torch.zeros(members, options.hidden, 2 * n_channels))
        self.bias = nn.Parameter(torch.zeros(members, 1, 2 * n_channels))
        # A new network knows nothing: every action is as likely, and every value is 0.
        nn.init.zeros_(self.prior.weight)
        nn.init.zeros_(self.prior.bias)

    @torch.no_grad()
    def rescale(self, factor: Tensor) -> None:
        """Divides the outputs of every head by a factor, float32 `[K]`, for a unit that grew by it."""
        self.heads.div_(torch.cat([factor, factor]))
        self.bias.div_(torch.cat([factor, factor]))

    def forward(self, board: Tensor, counters: Tensor) -> ValueOutputs:
        """For boards float32 `[n, P, H, W]` and counters float32 `[n, G]`."""
        seen = counters if self.convolutions is None else torch.cat([self.convolutions(board), counters], dim=1)
        hidden = torch.relu(self.dense(seen))
        each = hidden.view(len(hidden), self.members, self.heads.shape[1]).transpose(0, 1)
        if self.flat:
            each = torch.relu(torch.baddbmm(self.push, each, self.second))
            hidden = each.transpose(0, 1).flatten(1)
        heads = torch.baddbmm(self.bias, each, self.heads).transpose(0, 1)
        joint, own = heads[..., : self.n_channels], heads[..., self.n_channels :]
        return ValueOutputs(self.prior(hidden), joint, own)


class Judge:
    """A value network with its encoding and its scales.

    Attributes:
        net: the network.
        scale: float32 `[K]`, the unit in which the network says each head's values.
    """

    def __init__(self, net: ValueNetwork, encoding: StateEncoding, scale: Tensor) -> None:
        self.net, self.encoding, self.scale = net, encoding, scale

    def judge(self, states: Tensor) -> ValueOutputs:
        """The network's outputs for states int64 `[n, F]`."""
        encoding, none = self.encoding, torch.zeros(0, device=states.device)
        if self.net.flat:
            out: ValueOutputs = self.net(none, encoding.model_inputs(states))
            return out
        board = encoding.board(states) if encoding.n_planes else none
        out = self.net(board, encoding.counters(states))
        return out

    @torch.no_grad()
    def values(self, states: Tensor) -> ValueOutputs:
        """The judgement of states int64 `[n, F]`, with values in the units of the rewards."""
        judged = self.judge(states)
        return ValueOutputs(judged.prior, judged.joint * self.scale, judged.own * self.scale)

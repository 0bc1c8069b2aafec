"""The network of the neural world model: an ensemble of mixture networks, with all members batched in one tensor.

The output of a convolution would be used only where bodies stand, so only crops round them are encoded (`encoding`).
Letters: E members, n samples, I inputs, H hidden units, A actions, M branches, V flat values, D flat shifts,
K channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from .encoding import ObservationEncoding

MAX_PAYS: Final = 16
"""The most distinct rewards of a channel; a further one is mapped to the nearest."""
COPY: Final = 3.0
"""The initial logit of copying a value and of going on: a new network predicts that nothing changes or ends."""


@dataclass(frozen=True, eq=False)
class Answers:
    """The outputs of the members for n pairs of state and action.

    Attributes:
        branch: `[E, n, M]`, log-probabilities of the branches.
        values: `[E, n, M, V]`, logits of every column's values, flat.
        pays: `[E, n, M, K, P]`, logits of the pays seen; end: `[E, n, M]`, logit that the episode ends.
    """

    branch: Tensor
    values: Tensor
    pays: Tensor
    end: Tensor


class Ensemble(nn.Module):
    """E independent networks of the same shape.

    Attributes:
        active: number of branches in use: one until the same pair has had two outcomes.
    """

    def __init__(
        self,
        encoding: ObservationEncoding,
        channels: int,
        members: int,
        branches: int,
        hidden: int,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        self.channels, self.values, self.n_shifts = channels, int(encoding.offsets[-1]), int(encoding.shifts[-1])
        self.active = 1
        outputs = self.values + self.n_shifts + channels * MAX_PAYS + 1

        def normal(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.from_numpy(rng.normal(0.0, scale, (members, *shape)).astype(np.float32)))

        # The action scales and shifts the units of the first layer, so that layer is shared by all actions of a state.
        self.first = normal(encoding.width, hidden, scale=0.15)
        self.gate = normal(encoding.n_actions, hidden, scale=0.5)
        self.push = normal(encoding.n_actions, hidden, scale=0.5)
        self.second = normal(hidden, hidden, scale=(2.0 / hidden) ** 0.5)
        self.branches = normal(branches, hidden, scale=0.5)
        self.choice = normal(hidden, branches, scale=0.01)
        self.last = normal(hidden, outputs, scale=0.02)
        bias = torch.zeros(members, outputs)
        bias[:, self.values + torch.from_numpy(encoding.still)] = COPY
        bias[:, -1] = -COPY
        self.bias = nn.Parameter(bias)

    def see(self, inputs: Tensor) -> Tensor:
        """`[E, n, H]`: the first layer on inputs `[E or 1, n, I]`; it does not depend on the action."""
        return torch.matmul(inputs, self.first)

    def forward(self, seen: Tensor, actions: Tensor, targets: Tensor) -> Answers:
        """The outputs for `seen` `[E, n, H]`, actions `[E, n]` and the targets of shifts `[E, n, D]`."""
        member = torch.arange(len(self.first), device=seen.device)[:, None]
        hidden = torch.relu(seen * (1 + self.gate[member, actions]) + self.push[member, actions])
        branch = torch.log_softmax(torch.bmm(hidden, self.choice)[..., : self.active], dim=-1)
        deep = torch.bmm(hidden, self.second)
        deep = torch.relu(deep[:, :, None] + self.branches[:, None, : self.active])
        e, n, m, h = deep.shape
        flat = torch.baddbmm(self.bias[:, None], deep.reshape(e, n * m, h), self.last).view(e, n, m, -1)
        values, shifts, pays, end = torch.split(flat, [self.values, self.n_shifts, self.channels * MAX_PAYS, 1], dim=-1)
        return answers(branch, values, shifts, pays, end, targets)


def answers(branch: Tensor, values: Tensor, shifts: Tensor, pays: Tensor, end: Tensor, targets: Tensor) -> Answers:
    """Outputs as they are asked for: the logits of shifts are added to those of the values to which they lead.

    Args:
        branch: `[E, n, M]`, see `Answers`.
        values: `[E, n, M, V]`.
        shifts: `[E, n, M, D]`.
        pays: `[E, n, M, K * MAX_PAYS]`.
        end: `[E, n, M, 1]`.
        targets: int64 `[E, n, D]`, see `ObservationEncoding.targets`.
    """
    e, n, m, _ = values.shape
    # A shift that leads nowhere has as its target one extra place past the values, which is cut off again.
    room = torch.cat([values, values.new_zeros(e, n, m, 1)], dim=-1)
    place = targets[:, :, None].expand(e, n, m, targets.shape[-1])
    return Answers(
        branch=branch,
        values=room.scatter_add(-1, place, shifts)[..., :-1],
        pays=pays.reshape(e, n, m, -1, MAX_PAYS),
        end=end[..., 0],
    )

"""Imagined rollouts on the learned model, and the targets that values and policies learn from.

At every imagined tick all actions are tried on the model, so that their values are known to one step of search. The
policy then improves on its prior as in maximum a posteriori policy optimisation (Abdolmaleki et al. 2018), and the
return of what it does is a target of TD(lambda) (Sutton and Barto 2018, section 12.3). Letters: E members, m rollouts
per member, n = E m rollouts, T ticks, A actions, K channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from ..records.attribution import DeliberationRule
from .ensemble_model import EnsembleModel, Outcome
from .hyperparameters import ValueOptions
from .transition_buffer import TransitionBuffer
from .value_network import Judge, ValueOutputs

UNTRIED: Final = 0.05
"""The novelty of an action that was never tried, where all members agree; it falls with the root of the tries."""
LEFT: Final = 0.02
"""What a deliberation that excludes actions leaves to all available ones together, so that each stays possible."""


class Expansion(NamedTuple):
    """All actions of n states, tried on the model.

    Attributes:
        outcome: of shape `[n, A]`.
        rewards: float32 `[n, A, K]`.
        values: of the next states, see `ValueOutputs`, of shape `[n, A]` in front; 0 after an end.
        q: float32 `[n, A, E, K]`, each member's return of each action, the policy being followed after it.
    """

    outcome: Outcome
    rewards: Tensor
    values: ValueOutputs
    q: Tensor


class Predicted(NamedTuple):
    """The outcomes of all actions of n states, by the whole ensemble; unused ones have probability 0.

    Attributes:
        next_state: int64 `[n, A, W, F]`; rewards: float32 `[n, A, W, K]`; ended: bool `[n, A, W]`.
        probability: float32 `[n, A, W]`, the mean over members, the most probable first; they add up to 1.
    """

    next_state: Tensor
    rewards: Tensor
    ended: Tensor
    probability: Tensor


class LearningTargets(NamedTuple):
    """What the network is to learn of n states.

    Attributes:
        state: int64 `[n, F]`.
        policy: float32 `[n, A]`, and where it counts, bool `[n]`.
        joint: float32 `[n, E, K]`, and where they count, bool `[n, K]`.
        own: float32 `[n, E, K]`, and where they count, bool `[n]`.
    """

    state: Tensor
    policy: Tensor
    policy_counts: Tensor
    joint: Tensor
    joint_counts: Tensor
    own: Tensor
    own_counts: Tensor


class _Row(NamedTuple):
    """One tick of all rollouts: the states, what the policy is improved to, and what came of the action taken."""

    state: Tensor
    policy: Tensor
    expected: Tensor
    rewards: Tensor
    ended: Tensor
    own: Tensor | None


@dataclass(frozen=True, eq=False)
class ImaginedRollouts:
    """Imagines on a model, judged by a network.

    Attributes:
        model, judge, replay: what was learned; target: the network that judges the heads' own optima.
        weights, discounts: float32 `[K]`.
        rule: the deliberation.
        spread: float32 `[]`, the scale of the values of what the policy does.
        exploring: the only channel is novelty, instead of those that the world pays.
    """

    model: EnsembleModel
    judge: Judge
    target: Judge
    replay: TransitionBuffer
    weights: Tensor
    discounts: Tensor
    rule: DeliberationRule
    options: ValueOptions
    spread: Tensor
    exploring: bool = False

    @torch.no_grad()
    def expand(self, states: Tensor, here: ValueOutputs, generator: torch.Generator | None) -> Expansion:
        """Tries all actions in states int64 `[n, F]`, of which each run of m belongs to a member.

        Args:
            states: see above; n is a multiple of E.
            here: their values, which are used again where an action changes nothing.
            generator: of the chance of the model; None for the most probable outcomes.
        """
        members, n = self.model.options.members, len(states)
        grouped = states.view(members, n // members, -1)
        found = self.model.outcomes(grouped, self.replay.pay_count, generator)
        outcome = Outcome(*(part.reshape(n, *part.shape[2:]) for part in found))
        actions = outcome.ended.shape[1]
        rewards = self.novelty(states)[..., None] if self.exploring else self.replay.rewards(outcome.paid)
        # An action that changes nothing leads to a state whose values are known; after an end there are none to ask.
        same = (outcome.next_state == states[:, None]).all(dim=-1)
        able = self.model.encoding.available(states)
        asked = (~same & ~outcome.ended & able).flatten().nonzero()[:, 0]
        values = ValueOutputs(
            *(part[:, None].expand(n, actions, *part.shape[1:]).flatten(0, 1).clone() for part in here)
        )
        if asked.numel():
            new = self.judge.values(outcome.next_state.flatten(0, 1)[asked])
            for part, fresh in zip(values, new, strict=True):
                part[asked] = fresh
        values = ValueOutputs(*(part.view(n, actions, *part.shape[1:]) for part in values))
        going_on = (~outcome.ended)[..., None, None]
        q = rewards[:, :, None] + self.discounts * values.joint * going_on
        return Expansion(outcome, rewards, values, q)

    @torch.no_grad()
    def predicted(self, states: Tensor, most: int) -> Predicted:
        """The `most` most probable outcomes of every action of states int64 `[n, F]`, equal ones of members merged."""
        n, members = len(states), self.model.options.members
        found = self.model.branches(states.expand(members, *states.shape).contiguous(), self.replay.pay_count)
        # The outcomes of all members and branches, `[n, A, E * M]`.
        told = self._compared(found)
        flat = told.permute(1, 2, 0, 3, 4).flatten(2, 3)
        chance = found.certainty.permute(1, 2, 0, 3).flatten(2, 3) / members
        same = (flat[:, :, :, None] == flat[:, :, None]).all(dim=-1)
        first = torch.tril(same, diagonal=-1).any(dim=-1)
        merged = torch.where(first, 0.0, (same * chance[:, :, None]).sum(dim=-1))
        kept = min(most, merged.shape[-1])
        probability, index = merged.topk(kept, dim=-1)
        outcome = flat.gather(2, index[..., None].expand(-1, -1, -1, flat.shape[-1]))
        columns = states.shape[1]
        next_state, paid = outcome[..., :columns], outcome[..., columns:-1]
        probability = probability / probability.sum(dim=-1, keepdim=True)
        room = most - kept
        out = Predicted(next_state, self.replay.rewards(paid), outcome[..., -1] > 0, probability)
        if not room:
            return out
        blank = (part.new_zeros((n, part.shape[1], room, *part.shape[3:])) for part in out)
        return Predicted(*(torch.cat(parts, dim=2) for parts in zip(out, blank, strict=True)))

    def novelty(self, states: Tensor) -> Tensor:
        """float32 `[n, A]`: how new each action is: the members' disagreement, or how seldom it was tried, if more."""
        seldom = UNTRIED / (1 + self.replay.tried(states)).sqrt()
        return torch.maximum(self.disagreement(states), seldom)

    @torch.no_grad()
    def disagreement(self, states: Tensor) -> Tensor:
        """float32 `[n, A]`: how much the members disagree about each action: 0 where all expect the same for sure.

        It is one minus the share of the members that expect what most do, or their doubt in it, if that is more.
        """
        members = self.model.options.members
        found = self.model.outcomes(states.expand(members, *states.shape).contiguous(), self.replay.pay_count)
        told = self._compared(found)
        agree = (told[:, None] == told[None]).all(dim=-1).float().mean(dim=1)
        return 1 - torch.minimum(agree.max(dim=0).values, found.certainty.mean(dim=0))

    def _compared(self, found: Outcome) -> Tensor:
        """int64 `[..., F + K + 1]`: outcomes as rows, equal where nothing that counts differs.

        Where the episode ends, it does not count which actions are available after it.
        """
        told = torch.cat([found.next_state, found.paid, found.ended[..., None].long()], dim=-1)
        encoding = self.model.encoding
        counted = torch.ones(told.shape[-1], dtype=torch.int64, device=told.device)
        counted[encoding.n_seen : encoding.n_seen + encoding.n_actions] = 0
        return torch.where(found.ended[..., None], told * counted, told)

    def improved(self, prior: Tensor, q: Tensor, able: Tensor) -> Tensor:
        """float32 `[n, A]`: the policy that improves on the prior.

        Args:
            prior: float32 `[n, A]`, its logits.
            q: float32 `[n, A, E, K]`.
            able: bool `[n, A]`.
        """
        mean = q.mean(dim=2)
        scaled = self.options.sharpness * (mean @ self.weights) / self.spread
        logits = torch.log_softmax(prior, dim=-1) + scaled
        if self.rule.name == "weighted":
            return torch.softmax(torch.where(able, logits, -torch.inf), dim=-1)
        # Other rules say which actions remain; between those the prior and the weighted sum decide.
        heads, weights = (part.double().cpu().numpy() for part in (mean, self.weights))
        kept = torch.as_tensor(self.rule(heads, weights, able.cpu().numpy()).ties, device=q.device)
        among = torch.softmax(torch.where(kept, logits, -torch.inf), dim=-1)
        share = able.float() / able.float().sum(dim=-1, keepdim=True)
        return (1 - LEFT) * among + LEFT * share

    @torch.no_grad()
    def rollouts(self, starts: Tensor, fresh: Tensor, generator: torch.Generator) -> LearningTargets:
        """Imagines rollouts of the policy, and makes targets of every tick in them.

        Args:
            starts: int64 `[n, F]`, where they begin.
            fresh: int64 `[T, n, F]`, where a rollout begins anew after an end.
            generator: of the model's chance and the policy's.
        """
        lane = torch.arange(len(starts), device=starts.device)
        states, values = starts, self.judge.values(starts)
        rows: list[_Row] = []
        for tick in range(self.options.depth):
            able = self.model.encoding.available(states)
            found = self.expand(states, values, generator)
            policy = self.improved(values.prior, found.q, able)
            action = torch.multinomial(policy, 1, generator=generator)[:, 0]
            # A deployed agent does what is best, so values are those of the improved policy.
            expected = (policy[:, :, None, None] * found.q).sum(dim=1)
            ended = found.outcome.ended[lane, action]
            every = self.options.own_every
            own = self._own(found, able) if every and tick % every == 0 else None
            rows.append(_Row(states, policy, expected, found.rewards[lane, action], ended, own))
            states = torch.where(ended[:, None], fresh[tick], found.outcome.next_state[lane, action])
            values = ValueOutputs(*(part[lane, action] for part in found.values))
            if ended.any():
                new = self.judge.values(states[ended])
                for part, its in zip(values, new, strict=True):
                    part[ended] = its
        return self._targets(rows)

    def _own(self, found: Expansion, able: Tensor) -> Tensor:
        """float32 `[n, E, K]`: each channel's best return by one step of search, by the target network."""
        n, actions = able.shape
        next_values = self.target.values(found.outcome.next_state.flatten(0, 1)).own
        # The mean of all members is followed: the best of each would select its overestimates.
        ahead = next_values.mean(dim=1).view(n, actions, -1) * (~found.outcome.ended)[..., None]
        q = found.rewards + self.discounts * ahead
        best = torch.where(able[..., None], q, -torch.inf).max(dim=1).values
        return best[:, None].expand(-1, next_values.shape[1], -1)

    def _targets(self, rows: list[_Row]) -> LearningTargets:
        trace, parts = self.options.trace, []
        after: Tensor | None = None
        for states, policy, expected, rewards, ended, own in reversed(rows):
            joint = expected
            if after is not None:
                went = rewards[:, None] + self.discounts * after * (~ended)[:, None, None]
                joint = (1 - trace) * expected + trace * went
            after = joint
            yes = torch.ones(len(states), dtype=torch.bool, device=states.device)
            counts = yes[:, None].expand(-1, len(self.discounts))
            has, optimum = (~yes, joint) if own is None else (yes, own)
            parts.append(LearningTargets(states, policy, yes, joint, counts, optimum, has))
        return LearningTargets(*(torch.cat(column) for column in zip(*parts, strict=True)))

    @torch.no_grad()
    def replayed(self, index: Tensor) -> LearningTargets:
        """Targets of real experience: V-trace returns (Espeholt et al. 2018, section 4.1) of runs of transitions.

        Args:
            index: int64 `[n, T]`, see `TransitionBuffer.segments`.
        """
        batch = self.replay.batch(index)
        n, length = batch.action.shape
        flat = batch.state.flatten(0, 1)
        here, ahead = self.judge.values(flat), self.judge.values(batch.next_state.flatten(0, 1))
        able = self.model.encoding.available(flat)
        prior = torch.log_softmax(torch.where(able, here.prior, -torch.inf), dim=-1)
        likely = prior.gather(-1, batch.action.flatten()[:, None])[:, 0].exp().view(n, length)
        ratio = (likely / batch.chance.clamp(min=1e-3)).clamp(max=1.0)[..., None, None]
        value = here.joint.view(n, length, *here.joint.shape[1:])
        after = ahead.joint.view_as(value) * (~batch.ended)[..., None, None]
        step = ratio * (self.replay.rewards(batch.paid)[:, :, None] + self.discounts * after - value)
        # A run goes on where the next transition begins as this one ended: not at the ring's end, nor past an episode.
        follows = torch.zeros_like(batch.last)
        follows[:, :-1] = (batch.next_state[:, :-1] == batch.state[:, 1:]).all(dim=-1) & ~batch.last[:, :-1]
        returns, carried = torch.zeros_like(value), torch.zeros_like(value[:, 0])
        for tick in reversed(range(length)):
            trace = self.options.trace * ratio[:, tick] * self.discounts * follows[:, tick][:, None, None]
            carried = step[:, tick] + trace * carried
            returns[:, tick] = value[:, tick] + carried
        joint = returns.flatten(0, 1)
        never = torch.zeros(n * length, dtype=torch.bool, device=flat.device)
        return LearningTargets(flat, able.float(), never, joint, (batch.paid >= 0).flatten(0, 1), joint, never)

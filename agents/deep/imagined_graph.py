"""Imagining on the learned model: what every action may lead to, a graph of imagined states, and targets from it.

Rollouts are imagined from replayed states, and at every state in them all actions are tried on the model. States are
symbols, so rollouts that come to the same state are joined there: what was imagined is a graph, with states that only
the value network judges at its rim. Within it values and policy are improved by sweeps, as in policy iteration, so that
what is paid far away is known after one round of imagination. Letters: E members, n lanes, N nodes, L leaves, T ticks,
A actions, W outcomes of an action, K channels.
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

OUTCOMES: Final = 6
"""W: the most outcomes of an action that are told apart in a graph; the most probable ones are kept."""
UNTRIED: Final = 0.1
"""How likely an action that was never tried is to show something new, where all members agree about it."""
LEFT: Final = 0.02
"""What a deliberation that excludes actions leaves to all available ones together, so that each stays possible."""
SEARCHED: Final = 8.0
"""Steps of improvement that a lane which seeks what is new takes on its prior where it acts."""
LEAST: Final = -20.0
"""The least log-probability of an available action in a policy that is being improved: it can become the best again."""


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


class ImaginedGraph(NamedTuple):
    """States that were imagined in one round, and where all their actions lead.

    Attributes:
        state: int64 `[N, F]`, each once; able: bool `[N, A]`.
        rewards: float32 `[N, A, W, K]`; chance: float32 `[N, A, W, E]`, by each member.
        place: int64 `[N, A, W]`, a node below N, N + the number of a leaf, or N + L after an end.
        leaf: int64 `[L, F]`, the states that were not imagined further.
        novelty: float32 `[N, A]`, how likely each action is to show something new.
    """

    state: Tensor
    able: Tensor
    rewards: Tensor
    chance: Tensor
    place: Tensor
    leaf: Tensor
    novelty: Tensor


class Swept(NamedTuple):
    """What policy iteration made of the nodes of a graph.

    Attributes:
        prior, logits: float32 `[N, A]`, of the network's policy and of the improved one.
        joint: float32 `[N, K]`, what it is worth; q: float32 `[N, A, K]`, what each action is worth before it.
    """

    prior: Tensor
    logits: Tensor
    joint: Tensor
    q: Tensor


class _Rim(NamedTuple):
    """What the actions of a graph's nodes may lead to and what is no node of it, each state once.

    Attributes:
        state: int64 `[n, F]`; key: int64 `[n]`.
    """

    state: Tensor
    key: Tensor

    def grown(self, state: Tensor, key: Tensor, nodes: Tensor) -> _Rim:
        """With some more states int64 `[m, F]` and their keys, without those among the sorted keys of nodes."""
        states, keys = torch.cat([self.state, state]), torch.cat([self.key, key])
        first = firsts(keys)
        first = first[~known(nodes, keys[first])]
        return _Rim(states[first], keys[first])

    def drawn(self, count: int, generator: torch.Generator) -> Tensor:
        """int64 `[at most count, F]`: different ones of its states."""
        return self.state[torch.randperm(len(self.key), generator=generator, device=self.key.device)[:count]]


class MergedOutcomes(NamedTuple):
    """As `Predicted`, with float32 `[n, A, W, E]`, each member's own probabilities."""

    told: Predicted
    chance: Tensor


@dataclass(frozen=True, eq=False)
class GraphImagination:
    """Imagines on a model, judged by a network.

    Attributes:
        model, judge, replay: what was learned; target: the network that judges the heads' own optima.
        weights, discounts: float32 `[K]`.
        rule: the deliberation.
        spread: float32 `[]`, the scale of the values of what the policy does.
        exploring: the only value is the chance to meet something new, discounted, instead of what the world pays.
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

    def predicted(self, states: Tensor, most: int) -> Predicted:
        """The `most` most probable outcomes of every action of states int64 `[n, F]`, equal ones of members merged."""
        return self.merged(states, most).told

    @torch.no_grad()
    def merged(self, states: Tensor, most: int) -> MergedOutcomes:
        """As `predicted`, with each member's own probabilities."""
        n, members = len(states), self.model.options.members
        found = self.model.branches(states.expand(members, *states.shape).contiguous(), self.replay.pay_count)
        # The outcomes of all members and branches, `[n, A, E * M]`.
        told = self._compared(found)
        width, branches = told.shape[-1], told.shape[3]
        flat = told.permute(1, 2, 0, 3, 4).flatten(2, 3)
        mine = found.certainty.permute(1, 2, 0, 3)
        chance = torch.zeros(*mine.shape, members, device=mine.device)
        every = torch.arange(members, device=mine.device)
        chance[:, :, every, :, every] = mine.permute(2, 0, 1, 3)
        chance = chance.flatten(2, 3)
        key = self.replay.keys(flat)
        same = key[:, :, :, None] == key[:, :, None]
        first = torch.tril(same, diagonal=-1).any(dim=-1)
        chance = torch.where(first[..., None], 0.0, same.float() @ chance)
        kept = min(most, members * branches)
        order = chance.mean(dim=-1).topk(kept, dim=-1).indices
        chance = chance.gather(2, order[..., None].expand(-1, -1, -1, members))
        outcome = flat.gather(2, order[..., None].expand(-1, -1, -1, width))
        columns = states.shape[1]
        next_state, paid = outcome[..., :columns], outcome[..., columns:-1]
        probability = chance.mean(dim=-1)
        # What is left out is dealt out among what is kept; a member that left all of its own out follows the others.
        probability = probability / probability.sum(dim=-1, keepdim=True)
        total = chance.sum(dim=2, keepdim=True)
        chance = torch.where(total > 0, chance / total.clamp(min=1e-9), probability[..., None])
        out = Predicted(next_state, self.replay.rewards(paid), outcome[..., -1] > 0, probability)
        if room := most - kept:
            blank = (part.new_zeros((n, part.shape[1], room, *part.shape[3:])) for part in out)
            out = Predicted(*(torch.cat(parts, dim=2) for parts in zip(out, blank, strict=True)))
            chance = torch.cat([chance, chance.new_zeros(n, chance.shape[1], room, members)], dim=2)
        return MergedOutcomes(out, chance)

    def _novelty(self, states: Tensor, chance: Tensor) -> Tensor:
        """float32 `[n, A]`: how likely each action is to show something new.

        The probability that not all members agree about, or how seldom the action was tried, if that is more. Where the
        world has never contradicted itself, one trial shows all there is to know of a state and an action.
        """
        unlike = 1 - chance.min(dim=-1).values.sum(dim=-1)
        tried = self.replay.tried(states).float()
        seldom = UNTRIED / (1 + tried) if self.replay.contradictions else UNTRIED * (tried == 0).float()
        return torch.maximum(unlike, seldom).clamp(0, 1)

    @torch.no_grad()
    def seeking(self, states: Tensor) -> Tensor:
        """float32 `[n, A]`: the logits of the policy that seeks what is new, one step further than its prior."""
        told, chance = self.merged(states, OUTCOMES)
        here = self.judge.values(states)
        able = self.able(states)
        n, actions, outcomes = told.ended.shape
        ahead = self.judge.values(told.next_state.flatten(0, 2)).joint[:, 0, 0].view(n, actions, outcomes)
        after = (told.probability * ahead.clamp(0, 1) * ~told.ended).sum(dim=-1)
        new = self._novelty(states, chance)
        q = new + (1 - new) * self.discounts * after
        return self._better(here.prior, q[..., None, None], able, SEARCHED)

    def able(self, states: Tensor) -> Tensor:
        """bool `[n, A]`: the available actions; all, of a state that the model imagines without any."""
        able = self.model.encoding.available(states)
        return able | ~able.any(dim=-1, keepdim=True)

    def _compared(self, found: Outcome) -> Tensor:
        """int64 `[..., F + K + 1]`: outcomes as rows, equal where nothing that counts differs.

        Where the episode ends, it does not count which actions are available after it.
        """
        told = torch.cat([found.next_state, found.paid, found.ended[..., None].long()], dim=-1)
        encoding = self.model.encoding
        counted = torch.ones(told.shape[-1], dtype=torch.int64, device=told.device)
        counted[encoding.n_seen : encoding.n_seen + encoding.n_actions] = 0
        return torch.where(found.ended[..., None], told * counted, told)

    def _better(self, prior: Tensor, q: Tensor, able: Tensor, steps: float = 1.0) -> Tensor:
        """float32 `[n, A]`: the logits of the policy that improves on the prior.

        Args:
            prior: float32 `[n, A]`, its logits.
            q: float32 `[n, A, E, K]`.
            able: bool `[n, A]`.
            steps: of improvement.
        """
        mean = q.mean(dim=2)
        prior = torch.where(able, prior, -torch.inf).log_softmax(dim=-1).clamp(min=LEAST)
        if self.exploring:
            # By how much more likely, and sooner, it leads to something new.
            return torch.where(
                able, prior + steps * self.options.sharpness * mean[..., 0].clamp(min=1e-6).log(), -torch.inf
            )
        logits = prior + steps * self.options.sharpness * (mean @ self.weights) / self.spread
        if self.rule.name == "weighted":
            return torch.where(able, logits, -torch.inf)
        # Other rules say which actions remain; between those the prior and the weighted sum decide.
        heads, weights = (part.double().cpu().numpy() for part in (mean, self.weights))
        kept = torch.as_tensor(self.rule(heads, weights, able.cpu().numpy()).ties, device=q.device)
        among = torch.softmax(torch.where(kept, logits, -torch.inf), dim=-1)
        share = able.float() / able.float().sum(dim=-1, keepdim=True)
        return ((1 - LEFT) * among + LEFT * share).log()

    @torch.no_grad()
    def grown(
        self, starts: Tensor, seeker: GraphImagination | None, seekers: int, generator: torch.Generator
    ) -> ImaginedGraph:
        """Imagines rollouts of the policy, each until it ends or comes to a state that was imagined already.

        Then it begins anew, by the options: at the rim of the graph, or elsewhere.

        Args:
            starts: int64 `[T, n, F]`, where rollouts begin, and where they begin anew if not at the rim.
            seeker: whose policy the last `seekers` lanes follow.
            seekers: see above.
            generator: of the policies' chance and the model's.
        """
        none = torch.empty(0, dtype=torch.int64, device=starts.device)
        keys, ordered, states, rows, merged = none, none, starts[0], [], []
        rim = _Rim(starts[0][:0], none)
        for tick in range(len(starts)):
            key = self.replay.keys(states)
            lane = firsts(key)
            lane = lane[~known(ordered, key[lane])]
            onward = starts[min(tick + 1, len(starts) - 1)].clone()
            free = torch.ones(len(states), dtype=torch.bool, device=starts.device)
            if lane.numel():
                here = states[lane]
                found = self.merged(here, OUTCOMES)
                keys = torch.cat([keys, key[lane]])
                ordered = keys.sort().values
                rows.append(here)
                merged.append(found)
                able = self.able(here)
                prior = torch.where(able, self.judge.values(here).prior, -torch.inf)
                led = lane >= len(states) - seekers
                if seeker is not None and led.any():
                    prior[led] = torch.where(able[led], seeker.judge.values(here[led]).prior, -torch.inf)
                action = torch.multinomial(prior.softmax(dim=-1), 1, generator=generator)[:, 0]
                each = torch.arange(len(lane), device=lane.device)
                slot = torch.multinomial(found.told.probability[each, action], 1, generator=generator)[:, 0]
                going_on = ~found.told.ended[each, action, slot]
                onward[lane[going_on]] = found.told.next_state[each, action, slot][going_on]
                free[lane[going_on]] = False
                if self.options.rim > 0:
                    possible = (found.told.probability > 0) & ~found.told.ended & able[..., None]
                    led_to = found.told.next_state[possible]
                    rim = rim.grown(led_to, self.replay.keys(led_to), ordered)
            if self.options.rim > 0:
                free |= known(ordered, self.replay.keys(onward))
                chosen = torch.rand(len(states), generator=generator, device=starts.device) < self.options.rim
                anew = (free & chosen).nonzero()[:, 0]
                drawn = rim.drawn(len(anew), generator)
                onward[anew[: len(drawn)]] = drawn
            states = onward
        state = torch.cat(rows)
        told = Predicted(*(torch.cat(parts) for parts in zip(*(each.told for each in merged), strict=True)))
        chance = torch.cat([each.chance for each in merged])
        used = int((told.probability > 0).any(dim=1).any(dim=0).sum())
        told, chance = Predicted(*(part[:, :, :used] for part in told)), chance[:, :, :used]
        place, leaf = self.places(keys, told, torch.zeros_like(keys))
        return ImaginedGraph(state, self.able(state), told.rewards, chance, place, leaf, self._novelty(state, chance))

    def places(self, keys: Tensor, told: Predicted, salt: Tensor) -> tuple[Tensor, Tensor]:
        """Where outcomes lead, see `ImaginedGraph`, and the leaves.

        Args:
            keys: int64 `[N]`, of nodes.
            told: what their actions lead to.
            salt: int64 `[N]`, what was added to the key of each: only nodes with the same are one graph.
        """
        n, flat = len(keys), told.next_state.flatten(0, 2)
        to = (self.replay.keys(told.next_state) + salt[:, None, None]).flatten()
        ordered, order = keys.sort()
        at = torch.searchsorted(ordered, to).clamp(max=n - 1)
        inside = ordered[at] == to
        asked = ~inside & ~told.ended.flatten() & (told.probability.flatten() > 0)
        outside = asked.nonzero()[:, 0]
        once = outside[firsts(to[outside])]
        leaf_keys, leaf_order = to[once].sort()
        leaf = flat[once][leaf_order]
        place = torch.where(inside, order[at], n + torch.searchsorted(leaf_keys, to))
        gone = told.ended.flatten() | ~(inside | asked)
        return torch.where(gone, n + len(leaf), place).view(told.ended.shape), leaf

    @torch.no_grad()
    def planned(self, graph: ImaginedGraph) -> Swept:
        """What sweeps make of a graph, with the network's judgement of its leaves."""
        return self.swept(graph, self._rim(self.judge, graph).joint.mean(dim=1))

    def swept(self, graph: ImaginedGraph, edge: Tensor) -> Swept:
        """Policy iteration within a graph; `edge` float32 `[L + 1, K]`: what leaves, and an end, are worth."""
        here, mean = self.judge.values(graph.state), graph.chance.mean(dim=-1)[..., None]
        logits, joint = here.prior, here.joint.mean(dim=1)
        paid = (mean * graph.rewards).sum(dim=2)
        q = paid
        for _ in range(self.options.sweeps):
            after = (mean * torch.cat([joint, edge])[graph.place]).sum(dim=2)
            if self.exploring:
                # After an end it begins anew, somewhere: for knowledge an end is no loss, and being stuck is.
                edge[-1] = joint.mean()
                new = graph.novelty[..., None]
                q = new + (1 - new) * self.discounts * after.clamp(0, 1)
            else:
                q = paid + self.discounts * after
            logits = self._better(logits, q[:, :, None], graph.able)
            joint = (logits.softmax(dim=-1)[..., None] * q).sum(dim=1)
        return Swept(here.prior, logits, joint, q)

    @torch.no_grad()
    def targets(self, graph: ImaginedGraph, own: bool) -> LearningTargets:
        """Improves values and policy within a graph, from what the network says of its nodes and leaves.

        Args:
            graph: what was imagined.
            own: whether the heads' own optima are asked for.
        """
        rim = self._rim(self.judge, graph)
        _, logits, joint, _ = self.swept(graph, rim.joint.mean(dim=1))
        mean = graph.chance.mean(dim=-1)[..., None]
        paid = (mean * graph.rewards).sum(dim=2)
        policy = logits.softmax(dim=-1)
        each = self._of_members(graph, policy, joint, rim.joint)
        yes = torch.ones(len(policy), dtype=torch.bool, device=policy.device)
        counts = yes[:, None].expand(-1, len(self.discounts))
        optimum, has = (self._own(graph, paid, mean)[:, None].expand_as(each), yes) if own else (each, ~yes)
        return LearningTargets(graph.state, policy, yes, each, counts, optimum, has)

    def _of_members(self, graph: ImaginedGraph, policy: Tensor, joint: Tensor, edge: Tensor) -> Tensor:
        """float32 `[N, E, K]`: what each member expects of the policy, by its own model and values at the rim."""
        members = edge.shape[1]
        each = joint[:, None].expand(-1, members, -1)
        if members == 1:
            return each
        # One row of outcomes for each node, by the policy.
        share = (policy[:, :, None, None] * graph.chance)[..., None].flatten(1, 2)
        paid = (share * graph.rewards.flatten(1, 2)[:, :, None]).sum(dim=1)
        place = graph.place.flatten(1)
        for _ in range(self.options.sweeps // 4):
            after = torch.cat([each, edge])[place]
            each = paid + self.discounts * (share * after).sum(dim=1)
        return each

    def _own(self, graph: ImaginedGraph, paid: Tensor, mean: Tensor) -> Tensor:
        """float32 `[N, K]`: each channel's best return, by the mean of the members, judged by the target network."""
        own, edge = self.target.values(graph.state).own.mean(dim=1), self._rim(self.target, graph).own.mean(dim=1)
        for _ in range(self.options.sweeps // 4):
            q = paid + self.discounts * (mean * torch.cat([own, edge])[graph.place]).sum(dim=2)
            own = torch.where(graph.able[..., None], q, -torch.inf).max(dim=1).values
        return own

    def _rim(self, judge: Judge, graph: ImaginedGraph) -> ValueOutputs:
        """What a network says of the leaves, and 0 for what comes after an end."""
        told = judge.values(graph.leaf)
        return ValueOutputs(*(torch.cat([part, part.new_zeros(1, *part.shape[1:])]) for part in told))

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


def firsts(keys: Tensor) -> Tensor:
    """The first place of every distinct key of int64 `[n]`, in order."""
    ordered, order = keys.sort(stable=True)
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return order[new].sort().values


def known(ordered: Tensor, keys: Tensor) -> Tensor:
    """bool `[n]`: whether each key is among sorted ones."""
    if not len(ordered):
        return torch.zeros_like(keys, dtype=torch.bool)
    at = torch.searchsorted(ordered, keys).clamp(max=len(ordered) - 1)
    return ordered[at] == keys

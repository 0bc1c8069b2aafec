"""Reward functions of the members of a neural agent, sampled from the posterior that training leaves."""

from __future__ import annotations

import numpy as np

from ...envs.base import Floats, Longs
from ..learning.reward_features import RewardFeatures, TransitionBatch
from ..learning.reward_posterior import Hypothesis, Prior, RewardPosterior, reward_posterior
from .imagined_mdp import ImaginedTable
from .replay_buffer import ReplayBuffer


class LearnedGoals:
    """Posteriors over reward hypotheses, one per channel and unusual reward, with one sample per ensemble member.

    Attributes:
        usual: float64 `[K]`, the most frequent reward of each channel, paid where no hypothesis holds.
        posteriors: by channel and reward.
        members: by channel and reward, the hypothesis of each member; empty where none explains training.
    """

    def __init__(self, replay: ReplayBuffer, prior: Prior, members: int, seed: int) -> None:
        encoding = replay.encoding
        self.n_members, self._senses, self._n_actions = members, encoding.senses, encoding.n_actions
        seen = encoding.n_seen
        ticks = TransitionBatch(replay.now[:, :seen], replay.action, replay.after[:, :seen])
        features = self._features()
        channels = replay.pay_count.size
        self.usual: Floats = np.zeros(channels)
        self.posteriors: dict[tuple[int, float], RewardPosterior] = {}
        self.members: dict[tuple[int, float], tuple[Hypothesis, ...]] = {}
        for channel in range(channels):
            which = replay.pays[:, channel]
            if not (which >= 0).any():
                continue
            counts = np.bincount(which[which >= 0])
            self.usual[channel] = replay.pay_values[channel, counts.argmax()]
            pays = np.where(which >= 0, replay.pay_values[channel, which], np.nan)
            for number in np.flatnonzero(counts):
                pay = float(replay.pay_values[channel, number])
                if number == counts.argmax():
                    continue
                posterior = reward_posterior(features, ticks, pays, pay, prior, seed)
                self.posteriors[channel, pay] = posterior
                self.members[channel, pay] = posterior.sample(
                    members, np.random.default_rng([seed, channel, int(number)])
                )

    def _features(self) -> RewardFeatures:
        return RewardFeatures(self._senses, [str(action) for action in range(self._n_actions)])

    def pays(self, table: ImaginedTable) -> Floats:
        """float64 `[E, M, K]`: the rewards that each member assumes for every imagined outcome.

        A reward that no hypothesis explains is paid where the network predicts it.
        """
        rows: Longs = np.repeat(np.arange(table.row_start.size - 1), np.diff(table.row_start))
        seen = table.states[:, : table.n_seen]
        ticks = TransitionBatch(seen[rows // self._n_actions], rows % self._n_actions, seen[table.next_state])
        found = self._features().evaluate(ticks)
        out = np.broadcast_to(self.usual, (self.n_members, len(rows), self.usual.size)).copy()
        for (channel, pay), hypotheses in self.members.items():
            predicted = np.abs(table.pays[:, channel] - pay) < 1e-9
            for member in range(self.n_members):
                paid = hypotheses[member].holds(found) if hypotheses else predicted
                out[member, paid, channel] = pay
        return out

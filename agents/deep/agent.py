"""The agent `deep`: a learned world model, value functions learned in parallel, and search; nothing is enumerated.

It learns as in Dyna (Sutton and Barto 2018, section 8.2): acting, learning the world model by prediction alone, and
learning values and policies on what that model imagines, are interleaved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.reference.observation_spec import ObservationSpec
from ..base import AgentState, Log, Progress, SpawningEnv, TrainingEnv
from ..learning.device import training_thread
from ..learning.training_loop import FitState, StopsAtOnce
from ..learning.transitions import LastDecision, check_env, each_transition, steps_of
from ..planners.head_validation import check_heads
from ..records.attribution import attribution
from ..records.thought import Attribution, Thought
from ..records.thought_from_values import valued_thought
from .hyperparameters import DeepOptions, search_budget
from .learner import Learner
from .planning.network_search import NetworkSearchTree, search
from .planning.plan_from_search import plan_of

TASK, EXPLORE = 0, 1
"""The policies of training episodes: that of the task, and that which seeks novelty."""


@dataclass
class EpisodeState:
    """Where one lane stands in its training episode.

    Attributes:
        state: int64 `[F]`.
        kind: the policy that it follows, `TASK` or `EXPLORE`.
    """

    state: Longs
    kind: int


@dataclass
class DeepFitState(FitState):
    """The state of a deep agent's fit.

    Attributes:
        seed: of the episodes' randomness; episode: how many were begun.
        lanes: where each lane stands, None between two episodes.
    """

    seed: int
    episode: int = 0
    lanes: list[EpisodeState | None] = field(default_factory=list)

    def next_seed(self) -> int:
        """A seed of its own for every episode."""
        self.episode += 1
        return int(np.random.SeedSequence([self.seed, self.episode]).generate_state(1)[0] >> 1)


class DeepAgent(StopsAtOnce[DeepFitState]):
    """A deep model-based agent: an ensemble world model, E x K value heads, a policy prior, and Gumbel search.

    World model: an ensemble of networks on crops round bodies (`EnsembleModel`), trained by maximum likelihood.
    Values and policy: one network with heads of every member and channel (`ValueNetwork`), trained by policy iteration
    within graphs of imagined states, and by V-trace on real ones.
    Exploration: in a share `explore` of the training episodes it seeks, one step of search ahead, what it does not
    know: where members disagree (Sekar et al. 2020) or nothing was tried; that head has its own network and discount.
    Deployed, it searches from every state that it meets, and its deliberation chooses by the K values.

    It never sees the hidden performance. The choices and their measurements are in docs/decisions/0036-deep.md.

    Attributes:
        name: in its thoughts.
        learner: all that it learned.
        learning: whether `observe` goes on learning at deployment.
        training: how far training has come, or None before.
    """

    def __init__(
        self,
        senses: ObservationSpec,
        channels: Sequence[str],
        n_actions: int,
        weights: Sequence[float] | Floats,
        discount: float | Sequence[float] | Floats,
        options: DeepOptions | None = None,
        name: str = "deep",
    ) -> None:
        """An agent that knows nothing yet.

        Args:
            senses: what it may know of its observation beforehand.
            channels: K names.
            n_actions: A.
            weights: `[K]`.
            discount: of all heads, or `[K]`, one for each; each in [0, 1).
            options: see `DeepOptions`.
            name: in its thoughts.

        Raises:
            ValueError: shapes don't fit, or a discount is out of range.
        """
        self.name, self.learning = name, False
        self.channels = tuple(channels)
        self.weights, self.discounts = check_heads(self.channels, weights, discount)
        self.options = options or DeepOptions()
        self.n_actions = n_actions
        self.learner = self._new(senses, 0)
        self.training: DeepFitState | None = None
        self.rng = np.random.default_rng(0)
        self._figures: dict[str, float] = {}
        self._unlearned = 0
        self._last: LastDecision | None = None
        self._searched: tuple[Floats, NetworkSearchTree | None] | None = None  # the search of that decision

    def _new(self, senses: ObservationSpec, seed: int) -> Learner:
        return Learner(senses, self.n_actions, self.weights, self.discounts, self.options, seed)

    def enter(self, senses: ObservationSpec) -> None:
        """See `MapAware.enter`.

        Raises:
            ValueError: other fields or another size of map.
        """
        self.learner.encoding.senses.check_next(senses)
        self._searched = None
        self.learner.encoding.enter(senses)

    # Training

    def use(self, device: str) -> None:
        """See `DeviceAware.use`.

        Raises:
            ValueError: it has learned something already, elsewhere.
        """
        if self.learner.replay.seen:
            raise ValueError("this agent has learned already: load it onto another device (`load_deep`)")
        self.options = replace(self.options, device=device)
        self.learner = self._new(self.learner.encoding.senses, 0)

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`; the networks of an agent that never saw a tick are drawn anew from the seed.

        Raises:
            ValueError: the environment has other channels or actions than the agent.
        """
        self.training = DeepFitState(seed=seed, steps=steps)
        self.rng = np.random.default_rng([seed, 2])
        self._draw(seed)
        self.resume(env, on_progress)

    def resume(self, env: TrainingEnv, on_progress: Progress | None = None) -> None:
        """See `Resumable.resume`.

        Raises:
            ValueError: none was, or the environment has other channels or actions than the agent.
        """
        if self.training is None:
            raise ValueError("nothing to resume: this agent was never trained")
        check_env(env, self.channels, self.n_actions)
        training, lanes = self.training, [env, *self._spawned(env)]
        training.lanes += [None] * (len(lanes) - len(training.lanes))
        with training_thread():
            while training.done < training.steps:
                # The last tick is not taken in all lanes, where fewer steps are left than there are lanes.
                self._tick(lanes[: training.steps - training.done], training)
                if self._learn_in_time(all_of_it=training.done == training.steps) and on_progress is not None:
                    on_progress(training.done, self.figures())

    def _spawned(self, env: TrainingEnv) -> list[TrainingEnv]:
        """Lanes beside the first, where the environment can be had several times."""
        lanes: list[TrainingEnv] = []
        while isinstance(env, SpawningEnv) and len(lanes) < self.options.lanes - 1:
            lane = env.spawn()
            if lane is None:
                break
            lanes.append(lane)
        return lanes

    def watch(self, logs: Sequence[Log], seed: int) -> None:
        """See `LearnsFromLogs.watch`; as in `fit`, an agent that never saw a tick draws its networks by the seed."""
        self._draw(seed)
        replay = self.learner.replay
        with training_thread():
            for log in logs:
                last = len(log.actions) - 1
                for tick, action in enumerate(log.actions.tolist()):
                    over = log.ended and tick == last
                    before = self._state(log.observations[tick], log.masks[tick])
                    after = self._state(log.observations[tick + 1], log.masks[tick + 1] & (not over))
                    pay = None if log.rewards is None else log.rewards[tick]
                    replay.record(before, action, 1.0, pay, after, over, tick == last)
                    self._unlearned += 1
                    self._learn_in_time()
            self._learn_in_time(all_of_it=True)

    def _state(self, observation: Longs, mask: Bools) -> Longs:
        return self.learner.encoding.state(observation, mask)

    def _draw(self, seed: int) -> None:
        """Initialises the networks from the seed, unless the agent has learned already."""
        if not self.learner.replay.seen:
            self.learner = self._new(self.learner.encoding.senses, seed)

    def _tick(self, lanes: Sequence[TrainingEnv], training: DeepFitState) -> None:
        """One tick of every lane, all of whose actions are chosen together."""
        episodes = [
            self._begun(lane, training) if its is None else its
            for lane, its in zip(lanes, training.lanes, strict=False)
        ]
        states = np.stack([each.state for each in episodes])
        actions, chances = self._train_actions(states, np.array([each.kind for each in episodes]))
        rewards: list[Floats | None] = []
        after, ended, over = np.empty_like(states), [False] * len(lanes), [False] * len(lanes)
        for number, (lane, each) in enumerate(zip(lanes, episodes, strict=True)):
            observation, paid, done, truncated, mask = lane.step(int(actions[number]))
            rewards.append(paid)
            ended[number], over[number] = done and not truncated, done or truncated
            after[number] = each.state = self._state(observation, mask & (not ended[number]))
            training.lanes[number] = None if over[number] else each
        self.learner.replay.record_all(states, actions, chances, rewards, after, ended, over)
        training.done += len(lanes)
        self._unlearned += len(lanes)

    def _begun(self, lane: TrainingEnv, training: DeepFitState) -> EpisodeState:
        state = self._state(*lane.reset(training.next_seed()))
        return EpisodeState(state, EXPLORE if self.rng.random() < self.options.explore else TASK)

    def _learn_in_time(self, all_of_it: bool = False) -> bool:
        """Does a round of training if one is due; whether it did."""
        options, replay = self.options, self.learner.replay
        if replay.seen < options.warm_up and not all_of_it:
            return False
        if self._unlearned < options.round and not all_of_it:
            return False
        # The first round learns from all of the warm-up at once; the last one from what is left.
        share = min(1.0, self._unlearned / options.round)
        self._searched = None
        self._figures = self.learner.train(max(1, round(options.model.updates * share)))
        self._unlearned = 0
        return True

    def _train_actions(self, states: Longs, kinds: Longs) -> tuple[Longs, Floats]:
        """Actions int64 `[n]` drawn from the policies of the episodes, and their probabilities `[n]`."""
        able: Bools = self.learner.encoding.available(torch.from_numpy(states)).numpy()
        if not self.learner.rounds:
            weight = able.astype(np.float64)
        else:
            prior = self.learner.priors(states, kinds == EXPLORE)
            best = np.where(able, prior, -np.inf).max(axis=1, keepdims=True)
            weight = np.where(able, np.exp(prior - best), 0.0)
        chance = weight / weight.sum(axis=1, keepdims=True)
        drawn = self.rng.random((len(kinds), 1)) * chance.sum(axis=1, keepdims=True)
        # Never an action of probability 0, whatever rounding does to the last sum.
        actions = np.where(able, chance.cumsum(axis=1) > drawn, False).argmax(axis=1)
        return actions, np.take_along_axis(chance, actions[:, None], axis=1)[:, 0]

    def figures(self) -> dict[str, float]:
        """Training metrics by name."""
        replay = self.learner.replay
        return {
            **self._figures,
            "updates": float(self.learner.model.updates),
            "contradictions": float(replay.contradictions),
            "spread": float(self.learner.task.spread),
            "novelty": float(self.learner.explorer.spread),
        }

    # Deployment

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        steps = steps_of(state, len(observation))
        rows = self.learner.encoding.states(observation, mask)
        actions, q, tree = self._decide(rows, mask)
        self._searched = (q, tree) if len(rows) == 1 else None
        self._last = LastDecision(rows[0].copy(), int(steps[0]), int(actions[0]), mask[0].copy())
        return actions, steps + 1

    def _decide(self, rows: Longs, mask: Bools) -> tuple[Ints, Floats, NetworkSearchTree | None]:
        """The actions int32 `[B]`, the values float64 `[B, A, K]` by which they were chosen, and the search."""
        if not self.learner.rounds:
            return mask.argmax(axis=1).astype(np.int32), np.zeros((*mask.shape, len(self.channels))), None
        imagination = self.learner.imagination
        roots = torch.as_tensor(rows, device=self.learner.device)
        budget = search_budget(self.options.planner)
        tree = search(imagination, roots, budget.simulations, budget.considered)
        q = tree.q.double().cpu().numpy()
        able = _considered(tree, mask)
        if self.options.deliberation.name == "weighted":
            scores = self._scores(tree, q, self.weights)
            return np.where(able, scores, -np.inf).argmax(axis=1).astype(np.int32), q, tree
        return self.options.deliberation(q, self.weights, able).action, q, tree

    def _scores(self, tree: NetworkSearchTree, q: Floats, weights: Floats) -> Floats:
        """float64 `[B, A]`: the improved policy's logits, which decide (Danihelka et al. 2022, section 4).

        Values of a network err by more than one tick's discount. Alone they would make an agent wait for ever, where
        waiting looks a little better at every tick; the prior has learned from many of them what to do.
        """
        prior = torch.log_softmax(tree.prior, dim=-1).double().cpu().numpy()
        scores: Floats = prior + self._sharpness * (q @ weights)
        return scores

    @property
    def _sharpness(self) -> float:
        return self.options.values.sharpness / float(self.learner.task.spread)

    def observe(
        self,
        observation: Longs,
        action: Ints,
        rewards: Floats | None,
        next_observation: Longs,
        ended: Bools,
        mask: Bools,
    ) -> None:
        """See `OnlineLearner.observe`."""
        if not self.learning:
            return
        everything = np.ones(self.n_actions, np.bool_)
        with training_thread():
            for tick in each_transition(observation, action, rewards, next_observation, ended, mask):
                # The mask before the tick is known only where `act` was last asked about this observation.
                before = self._state(tick.observation, everything)
                if self._last is not None and np.array_equal(
                    self._last.observation[: tick.observation.size], tick.observation
                ):
                    before = self._last.observation
                after = self._state(tick.next_observation, tick.mask & (not tick.ended))
                self.learner.replay.record(before, tick.action, 1.0, tick.rewards, after, tick.ended, tick.ended)
                self._unlearned += 1
                self._learn_in_time()

    # Looking inside

    def thought(self) -> Thought | None:
        """See `Thinker.thought`."""
        if self._last is None:
            return None
        row, step, action, mask = self._last
        # Of one lane the search that chose is still there, unless something has been learned since.
        q, tree = self._searched or self._decide(row[None], mask[None])[1:]
        values, rule = np.where(mask[:, None], q[0], 0.0), self.options.deliberation
        if tree is None:
            uncertainty = np.ones(mask.size)
            return valued_thought(self.name, self.channels, self.weights, rule, step, action, values, uncertainty, mask)
        plan = plan_of(self.learner.imagination, tree, 0, action, values, mask)
        decided, prior = attribution(values, self.weights, mask, action, rule), None
        if rule.name == "weighted":
            decided = self._attribution(tree, q, _considered(tree, mask[None])[0], action)
            prior = np.where(mask, self._scores(tree, 0 * q, self.weights)[0] / self._sharpness, 0.0)
        return Thought(
            self.name, step, action, self.channels, self.weights, rule.name, values, plan.uncertainty, mask, decided,
            (plan,), prior=prior,
        )  # fmt: skip

    def _attribution(self, tree: NetworkSearchTree, q: Floats, able: Bools, action: int) -> Attribution:
        """Which heads made an action win: each is removed in turn, and the policy is improved by the others alone."""
        without, margin = np.full(len(self.weights), action, np.int32), np.zeros(len(self.weights))
        for k in range(len(self.weights)):
            rest = np.where(np.arange(len(self.weights)) == k, 0.0, self.weights)
            scores = np.where(able, self._scores(tree, q, rest)[0], -np.inf)
            without[k] = scores.argmax()
            margin[k] = (scores.max() - scores[action]) / self._sharpness
        return Attribution(action, without, margin)

    def value_heads(self, observation: Longs, mask: Bools) -> tuple[Floats, Floats]:
        """The values of states by every member's heads.

        Args:
            observation: int64 `[n, O]`.
            mask: bool `[n, A]`, the available actions.

        Returns:
            Joint and own values, float64 `[n, E, K]` each: of every channel under the policy that is followed, and of
            every channel's own optimum. Own optima of several channels must not be added: the sum is no policy's value.
        """
        rows = self.learner.encoding.states(observation, mask)
        values = self.learner.task.judge.values(torch.as_tensor(rows, device=self.learner.device))
        joint, own = (part.double().cpu().numpy() for part in (values.joint, values.own))
        return joint, own


def _considered(tree: NetworkSearchTree, mask: Bools) -> Bools:
    """bool `[B, A]`: the available actions that a search tried, of which one is chosen; all if it tried none."""
    tried = mask & (tree.visits > 0).cpu().numpy()
    return np.where(tried.any(axis=1, keepdims=True), tried, mask)

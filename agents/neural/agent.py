"""The agent `neural`: model-based, with a neural world model that is enumerated into a table for exact planning.

Acting, model learning and planning are interleaved as in Dyna (Sutton and Barto, 2018, section 8.2), after a warm-up.
Values are solved exactly on the table, so there are no value targets to learn by temporal differences.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from ...envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from ...envs.reference.observation_spec import ObservationSpec
from ...envs.solvers.vector_values import Heads
from ..base import AgentState, Log, Progress, TrainingEnv
from ..learning.device import training_thread
from ..learning.training_loop import FitState, StopsAtOnce
from ..learning.transitions import LastDecision, check_env, each_transition, steps_of
from ..planners.base import BoundPlanner, Decision, Planner, Problem
from ..planners.head_validation import check_heads
from ..planners.modifiable_utility import ChangingProblem, HeldWeights
from ..planners.registry import make_planner
from ..records.thought import Thought
from ..records.thought_from_values import tabular_thought
from .frontier import Frontier
from .hyperparameters import NeuralOptions
from .imagined_mdp import ImaginedTable, ValueHeads, imagine, value_heads
from .replay_buffer import pair_key
from .reward_samples import LearnedGoals
from .world_model import NeuralModel

WINDOW: Final = 200
"""The number of most recent ticks over which held-out accuracy is averaged."""


@dataclass
class NeuralFitState(FitState):
    """The state of a neural agent's fit.

    Attributes:
        seed: of the episodes' randomness.
        episode: its number; state: int64 `[F]` in it, None between two.
        exploit: it follows its plan in this episode; planned: the step at which it planned last; reported: the step of
            the last progress report.
    """

    seed: int
    episode: int = 0
    state: Longs | None = None
    exploit: bool = False
    planned: int = 0
    reported: int = 0

    def episode_seed(self) -> int:
        """A seed of its own for every episode."""
        return int(np.random.SeedSequence([self.seed, self.episode]).generate_state(1)[0] >> 1)


@dataclass(frozen=True, eq=False)
class ImaginedProblem:
    """An imagined table with the planning problem on it.

    Attributes:
        table: the enumerated model; problem: the same as an MDP with weights and discounts; planner: who solves it.
        member_pays: float64 `[E, M, K]`, the rewards that each ensemble member assumes; None: as predicted.
    """

    table: ImaginedTable
    problem: Problem
    planner: Planner
    member_pays: Floats | None = None

    @property
    def mdp(self) -> FiniteMDP:
        """The imagined MDP."""
        return self.problem.mdp

    @property
    def heads(self) -> Heads:
        """The value heads on it, solved."""
        return self.problem.solved

    @cached_property
    def planning(self) -> BoundPlanner:
        """The planner at work on it."""
        return self.planner.start(self.problem)


class NeuralAgent(StopsAtOnce[NeuralFitState]):
    """A model-based agent with a neural world model, Dyna-style (Sutton and Barto, 2018, section 8.2).

    World model: an ensemble of networks with mixture outputs (`NeuralModel`), trained by maximum likelihood.
    Planning: the states reachable in the model are enumerated into a table, as far as the ensemble is certain
    (`imagined_mdp.imagine`), on which the scenario's planner computes one value head per reward channel.
    Exploration: in a share `1 - exploit` of the training episodes it seeks untried pairs of state and action, valued by
    the disagreement of the ensemble (`Frontier`); in the others, and deployed, it follows its plan.

    It never sees the hidden performance. The choices and their measurements are in docs/decisions/0011-neural-model.md.

    Attributes:
        name: in its thoughts.
        model: the learned world model.
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
        options: NeuralOptions | None = None,
        name: str = "neural",
        held: HeldWeights | None = None,
    ) -> None:
        """An agent that knows nothing yet.

        Args:
            senses: what it may know of its observation beforehand.
            channels: K names.
            n_actions: A.
            weights: `[K]`.
            discount: of all task heads, or `[K]`, one for each; each in [0, 1).
            options: see `NeuralOptions`.
            name: in its thoughts.
            held: where its weights stand in what it sees, if the world can edit them; then `weights` are not used.

        Raises:
            ValueError: shapes don't fit, or a discount is out of range.
        """
        self.name, self.learning = name, False
        self.channels = tuple(channels)
        self.weights, self.discounts = check_heads(self.channels, weights, discount)
        self.options = options or NeuralOptions()
        self.held = held
        self.model = NeuralModel(
            senses, n_actions, len(self.channels), self.options.net, seed=0, device=self.options.device
        )
        self._planner = make_planner(self.options.planner)
        self.training: NeuralFitState | None = None
        self.rng = np.random.default_rng(0)
        self.hits: deque[bool] = deque(maxlen=WINDOW)
        self._goals: LearnedGoals | None = None
        self.goal_seed = 0
        self._pending: list[tuple[Longs, int, Longs, Floats | None, bool]] = []
        self._loss = 0.0
        self._plans: list[ImaginedProblem] = []
        self._places: dict[bytes, tuple[int, int]] = {}
        self._frontier: Frontier | None = None
        self._surprised = False
        self._last: LastDecision | None = None

    def enter(self, senses: ObservationSpec) -> None:
        """Moves the agent to the map of another stage.

        Raises:
            ValueError: other fields or another size of map.
        """
        self.model.encoding.senses.check_next(senses)
        self.model.encoding.senses = senses
        self.forget_plans()

    # Training

    def use(self, device: str) -> None:
        """See `DeviceAware.use`.

        Raises:
            ValueError: it has learned something already, elsewhere.
        """
        if self.model.replay.n:
            raise ValueError("this agent has learned already: load it onto another device (`load_neural`)")
        old = self.model
        self.options = replace(self.options, device=device)
        self.model = NeuralModel(old.encoding.senses, old.n_actions, old.n_channels, old.options, 0, device)

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`; the network of an agent that never saw a tick is drawn anew from the seed.

        Raises:
            ValueError: the environment has other channels or actions than the agent.
        """
        self.training, self.goal_seed = NeuralFitState(seed, steps=steps), seed
        self.rng = np.random.default_rng([seed, 2])
        self._draw(seed)
        self.resume(env, on_progress)

    def watch(self, logs: Sequence[Log], seed: int) -> None:
        """See `LearnsFromLogs.watch`; as in `fit`, an agent that never saw a tick draws its network by the seed."""
        self._draw(seed)
        state = self.model.replay.state
        with training_thread():
            for log in logs:
                for tick, action in enumerate(log.actions.tolist()):
                    over = log.ended and tick == len(log.actions) - 1
                    before = state(log.observations[tick], log.masks[tick])
                    after = state(log.observations[tick + 1], log.masks[tick + 1] & (not over))
                    pay = None if log.rewards is None else log.rewards[tick]
                    self._pending.append((before, action, after, pay, over))
                    if len(self._pending) == self.options.chunk:
                        self._learn(self.options.updates)
            self._learn(self.options.updates * len(self._pending) // self.options.chunk)
        self.forget_plans()

    def _draw(self, seed: int) -> None:
        """Initialises the network from the seed, unless the agent has learned already."""
        if not self.model.replay.n:
            old = self.model
            self.model = NeuralModel(
                old.encoding.senses, old.n_actions, old.n_channels, old.options, seed, self.options.device
            )

    def resume(self, env: TrainingEnv, on_progress: Progress | None = None) -> None:
        """See `Resumable.resume`.

        Raises:
            ValueError: none was, or the environment has other channels or actions than the agent.
        """
        if self.training is None:
            raise ValueError("nothing to resume: this agent was never trained")
        check_env(env, self.channels, self.model.n_actions)
        with training_thread():
            while self.training.done < self.training.steps:
                self._tick(env, self.training, on_progress)
        self.forget_plans()

    def finish(self) -> None:
        """Ends training at once: from now on it decides as deployed."""
        self.stop()
        self.forget_plans()

    def _begin(self, env: TrainingEnv, training: NeuralFitState) -> Longs:
        """Begins an episode; returns its initial state."""
        state = self.model.replay.state(*env.reset(training.episode_seed()))
        self.model.replay.begin(state)
        training.exploit = self.rng.random() < self.options.exploit
        return state

    def _tick(self, env: TrainingEnv, training: NeuralFitState, on_progress: Progress | None) -> None:
        state = self._begin(env, training) if training.state is None else training.state
        self._plan_in_time(training)
        action = self._train_action(state, training.exploit)
        observation, rewards, over, truncated, mask = env.step(action)
        ended = over and not truncated
        next_state = self.model.replay.state(observation, mask & (not ended))
        if self._is_surprise(state, action, next_state, ended):
            # The rest of the episode explores: the plan rests on a model that was just refuted.
            training.exploit, self._surprised = False, True
        self._pending.append((state, action, next_state, rewards, ended))
        training.done += 1
        over = over or truncated
        training.state = None if over else next_state
        training.episode += over
        if not (over or len(self._pending) == self.options.chunk or training.done == training.steps):
            return
        self._learn(self.options.updates * len(self._pending) // self.options.chunk)
        if training.done - training.reported >= self.options.chunk:
            training.reported = training.done
            if on_progress is not None:
                on_progress(training.done, self.figures())

    def _learn(self, updates: int) -> None:
        """Predicts the pending ticks, then learns from them, so that every tick is held out once."""
        if not self._pending:
            return
        if self.model.updates:
            predicted = self.model.predict(
                np.array([tick[0] for tick in self._pending]), np.array([tick[1] for tick in self._pending])
            )
            seen = self.model.encoding.n_seen
            for lane, (_, _, after, rewards, ended) in enumerate(self._pending):
                right = (predicted.outcomes[lane] == after[:seen]).all(axis=1) & (predicted.end[lane] == ended)
                if rewards is not None:
                    # Rewards are read from a table of distinct values, so only rounding has to be allowed for.
                    right &= (np.abs(predicted.reward[lane] - rewards) < 1e-6).all(axis=1)
                self.hits.append(bool((right & (predicted.probabilities[lane] > 0)).any()))
        for state, action, after, rewards, ended in self._pending:
            self.model.replay.record(state, action, after, rewards, ended)
        self._pending.clear()
        self._goals = None
        self._loss = self.model.train(updates)

    def _plan_in_time(self, training: NeuralFitState) -> None:
        options, since = self.options, training.done - training.planned
        due = since >= options.plan_every or (self._surprised and since >= options.plan_soonest)
        if (self._frontier is not None and not due) or training.done < options.warm_up or not self.passes_gate:
            return
        self.forget_plans()
        roots, shares = self.model.replay.start_states()
        plan = self._imagine(roots, shares)
        # In a deterministic world one try shows all there is to know of a pair.
        contradicted = self.model.replay.contradictions > 0
        needed = options.n_chance if contradicted else options.n_known
        self._frontier = Frontier(plan.table, self.model.replay.tries, needed, options.novelty_discount)
        self._surprised = False
        training.planned = training.done

    def _train_action(self, state: Longs, exploit: bool) -> int:
        action: int | None = None
        place = self._places.get(state.tobytes())
        if place is not None and self._frontier is not None and place[0] == 0:
            heads, weights = self._plans[0].heads, self._plans[0].problem.weights_in(place[1])
            q = heads.vector_q[place[1]][state[self.model.encoding.n_seen :] > 0] @ weights
            if exploit and np.ptp(q) > 1e-9:  # with all actions of equal value, exploring costs nothing
                return int(heads.policy[place[1]])
            action = self._frontier.choose(place[1], self.rng)
        return self._least_tried(state) if action is None else action

    def _least_tried(self, state: Longs) -> int:
        available = np.flatnonzero(state[self.model.encoding.n_seen :] > 0)
        waiting = [(pair_key(tick[0], tick[1])) for tick in self._pending]
        tries = np.array(
            [
                self.model.replay.tries.get(key, 0) + waiting.count(key)
                for key in (pair_key(state, action) for action in available.tolist())
            ]
        )
        least = available[tries == tries.min()]
        return int(least[self.rng.integers(least.size)])

    def _is_surprise(self, state: Longs, action: int, next_state: Longs, ended: bool) -> bool:
        place = self._places.get(state.tobytes())
        if place is None or ended:
            return place is not None and not self._expects_end(place, action)
        table = self._plans[place[0]].table
        row = place[1] * self.model.n_actions + action
        outcomes = table.next_state[table.row_start[row] : table.row_start[row + 1]]
        return not (table.states[outcomes] == next_state).all(axis=1).any()

    def _expects_end(self, place: tuple[int, int], action: int) -> bool:
        table = self._plans[place[0]].table
        row = place[1] * self.model.n_actions + action
        outcomes = table.next_state[table.row_start[row] : table.row_start[row + 1]]
        return bool(table.over[outcomes].any())

    @property
    def passes_gate(self) -> bool:
        """Whether held-out accuracy over the last `WINDOW` ticks is high enough to plan on the model."""
        return bool(self.hits) and self.accuracy >= self.options.gate

    @property
    def accuracy(self) -> float:
        """Held-out accuracy: the share of the last `WINDOW` ticks that were predicted wholly right; 0 without any."""
        return sum(self.hits) / max(1, len(self.hits))

    def figures(self) -> dict[str, float]:
        """Training metrics by name."""
        out = {
            "held_out_accuracy": self.accuracy,
            "loss": self._loss,
            "updates": float(self.model.updates),
            "contradictions": float(self.model.replay.contradictions),
        }
        if self._plans:
            table = self._plans[0].table
            out["imagined_states"] = float(len(table.states))
            out["uncertainty"] = float(table.uncertainty[~table.over].mean()) if not table.over.all() else 0.0
        return out

    # Deployment

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        steps = steps_of(state, len(observation))
        rows = [self.model.replay.state(*each) for each in zip(observation, mask, strict=True)]
        actions = np.array([self._choose(row) for row in rows], np.int32)
        self._last = LastDecision(rows[0], int(steps[0]), int(actions[0]), mask[0].copy())
        return actions, steps + 1

    def observe(
        self,
        observation: Longs,
        action: Ints,
        rewards: Floats | None,
        next_observation: Longs,
        ended: Bools,
        mask: Bools,
    ) -> None:
        """See `OnlineLearner.observe`; it plans again after a transition that its plan excluded."""
        if not self.learning:
            return
        everything = np.ones(self.model.n_actions, np.bool_)
        for tick in each_transition(observation, action, rewards, next_observation, ended, mask):
            # The mask before the tick is known only where `act` was last asked about this observation.
            before = self.model.replay.state(tick.observation, everything)
            if self._last is not None and np.array_equal(
                self._last.observation[: tick.observation.size], tick.observation
            ):
                before = self._last.observation
            after = self.model.replay.state(tick.next_observation, tick.mask & (not tick.ended))
            self._surprised |= self._is_surprise(before, tick.action, after, tick.ended)
            self._pending.append((before, tick.action, after, tick.rewards, tick.ended))
        if self._surprised or len(self._pending) >= self.options.chunk:
            self._learn(self.options.updates)
            if self._surprised:
                self.forget_plans()

    def _choose(self, state: Longs) -> int:
        available = state[self.model.encoding.n_seen :] > 0
        place = self._find(state) if self.model.updates else None
        if place is None:
            return int(available.argmax())
        plan, number = self._plans[place[0]], place[1]
        may = available & plan.mdp.available[number]
        return int(plan.planning.decide(np.array([number]), may[None])[0]) if may.any() else int(available.argmax())

    def _find(self, state: Longs) -> tuple[int, int] | None:
        """The plan and the index of a state in it; a state in no plan becomes the root of a new one."""
        key = state.tobytes()
        # An agent that only watched logs has no initial states of its own: it plans from the present state.
        if not self._plans and self.model.replay.starts:
            roots, shares = self.model.replay.start_states()
            self._imagine(roots, shares)
        if key not in self._places:
            self._imagine(state[None], np.ones(1))
        return self._places.get(key)

    def _imagine(self, roots: Longs, shares: Floats) -> ImaginedProblem:
        # In training, actions with optimistic errors are followed, so that the errors are corrected.
        bar = 1.0 if self._in_training else self.options.bar
        table = imagine(self.model, roots, shares, self.options.cap, self.options.credible, bar)
        goals = self.goals if self.options.pays == "hypotheses" and not self._in_training else None
        member_pays = None if goals is None else goals.pays(table)
        mdp = table.to_mdp(self.channels, pays=None if member_pays is None else member_pays.mean(axis=0))
        problem = self._problem(mdp, table.states[:, : table.n_seen])
        plan = ImaginedProblem(table, problem, self._planner, member_pays)
        for number in np.flatnonzero(~table.over).tolist():
            # The first plan that holds a state keeps it: its values are those from the initial states.
            self._places.setdefault(table.states[number].tobytes(), (len(self._plans), number))
        self._plans.append(plan)
        return plan

    def _problem(self, mdp: FiniteMDP, seen: Longs) -> Problem:
        """The planning problem on a table whose states have the observations int64 `[S, O]`."""
        if self.held is None:
            return Problem(mdp, self.weights, self.discounts, self.options.deliberation)
        return ChangingProblem(mdp, seen, self.discounts, self.held, None)

    def forget_plans(self) -> None:
        """Drops all plans; the next decision plans anew."""
        self._plans, self._places, self._frontier, self._surprised = [], {}, None, False

    # Looking inside

    @property
    def goals(self) -> LearnedGoals:
        """The posterior over reward hypotheses after training, with one sample per ensemble member."""
        if self._goals is None:
            members = self.options.net.members
            self._goals = LearnedGoals(self.model.replay, self.options.prior, members, self.goal_seed)
        return self._goals

    @property
    def _in_training(self) -> bool:
        return self.training is not None and self.training.done < self.training.steps

    def imagined(self) -> ImaginedProblem:
        """The imagined table rooted at the initial states of training, with its planning problem.

        Raises:
            ValueError: it has learned nothing yet.
        """
        if not self.model.updates:
            raise ValueError("this agent has learned nothing yet: call fit first")
        if not self._plans:
            self._imagine(*self.model.replay.start_states())
        return self._plans[0]

    def value_heads(self, plan: ImaginedProblem | None = None) -> ValueHeads:
        """Joint and own values of every member on a table (None: that of `imagined`), E x K heads."""
        plan = self.imagined() if plan is None else plan
        pays = plan.member_pays
        members = [
            plan.table.to_mdp(self.channels, member, None if pays is None else pays[member])
            for member in range(self.options.net.members)
        ]
        return value_heads(members, plan.heads.policy, self.discounts)

    def thought(self) -> Thought | None:
        """See `Thinker.thought`."""
        if self._last is None:
            return None
        state, step, action, mask = self._last
        place = self._find(state) if self.model.updates else None
        uncertainty, plan = np.ones(mask.size), None
        if place is not None:
            found, number = self._plans[place[0]], place[1]
            uncertainty = found.table.uncertainty[number]
            seen = found.table.states[:, : found.table.n_seen]
            mask = mask & found.mdp.available[number]
            plan = found.planning.plan(Decision(number, action, mask, uncertainty, seen, (), None, found.table.capped))
        weights = self.weights if self.held is None else self.held.of(state[None])[0]
        return tabular_thought(
            self.name, self.channels, weights, self.options.deliberation, step, action, uncertainty, mask, plan
        )

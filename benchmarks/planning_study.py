"""What planners are worth: on the true world, on what agents learned, and on models that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from turncoat.agents.counts.agent import CountsAgent
from turncoat.agents.local_rules.agent import RulesAgent
from turncoat.agents.planners.base import Decision, Planner, Problem
from turncoat.envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from turncoat.envs.mdp.enumeration import Enumeration
from turncoat.envs.mdp.time_augmented import augment_with_time
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.reference.observation_spec import observation_spec
from turncoat.envs.solvers.vector_values import evaluate_heads
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.training.telemetry.exact_curve import reachable_policy
from turncoat.scenarios.language.loading import load

AHEAD: Final = 5
"""So many steps of a plan, after the one that is taken at once, are compared with what is then done."""
MOST_TICKS: Final = 50
"""Of an episode in which plans are compared with deeds."""


@dataclass(frozen=True)
class Subject:
    """A scenario, and heads too short-sighted for it.

    Attributes:
        name: for people; scenario: of the library; stage: of it; sweeps: of the heads.
        ticks: what each learning agent is trained for, by its name.
    """

    name: str
    scenario: str
    stage: str
    sweeps: int
    ticks: tuple[tuple[str, int], ...] = ()


class Ground:
    """A subject with its exact plan. Where there is a horizon, the states are pairs of a state and a tick."""

    def __init__(self, subject: Subject) -> None:
        """Solve it."""
        plan = SolvedWorlds(load(subject.scenario)).plan({}, subject.stage)
        horizon = plan.enumeration.world.horizon
        self.subject = subject
        self.truth: Enumeration = plan.enumeration
        self.exact = plan.start_value
        mdp = plan.mdp if horizon is None else augment_with_time(plan.mdp, horizon).mdp
        self.problem = Problem(mdp, plan.weights, np.full(len(mdp.channels), plan.discount), plan.rule)

    @property
    def mdp(self) -> FiniteMDP:
        """The true process."""
        return self.problem.mdp

    def worth(self, decide: Callable[[Longs], Ints]) -> float:
        """What is decided, as value at the start."""
        values = evaluate_heads(self.mdp, reachable_policy(self.mdp, decide), self.problem.discounts)
        return float(self.mdp.start_probability @ (values @ self.problem.weights)[self.mdp.start_state])

    def planned(self, planner: Planner, model: FiniteMDP | None = None) -> float:
        """What a planner is worth with the true model, or with another of the same states and actions."""
        planning = planner.start(self.problem if model is None else replace(self.problem, mdp=model))
        return self.worth(lambda states: planning.decide(states, self.mdp.available[states]))

    @cached_property
    def frozen(self) -> FiniteMDP:
        """A model in which nothing changes, and everything pays what it really pays."""
        sources = np.repeat(np.arange(self.mdp.n_states), np.diff(self.mdp.row_start[:: self.mdp.n_actions]))
        return replace(self.mdp, next_state=sources.astype(np.int32))

    def shuffled(self, seed: int) -> FiniteMDP:
        """A model whose outcomes are dealt out anew at random: what follows, and what it pays."""
        dealt = np.random.default_rng(seed).permutation(self.mdp.next_state.size)
        return replace(self.mdp, next_state=self.mdp.next_state[dealt], rewards=self.mdp.rewards[dealt])

    def agreement(self, planner: Planner, episodes: int) -> float:
        """The share of planned steps that are then taken, as long as everything comes as the plan foretold."""
        planning, mdp = planner.start(self.problem), self.mdp
        numbers = np.arange(mdp.n_states)[:, None]
        taken = told = 0
        for episode in range(episodes):
            states, actions, lines = self._played(planning, np.random.default_rng(episode), numbers)
            for tick, line in enumerate(lines):
                for ahead in range(1, min(len(line), AHEAD + 1, len(actions) - tick)):
                    if states[tick + ahead] != line[ahead - 1][1]:
                        break
                    told += 1
                    taken += line[ahead][0] == actions[tick + ahead]
        return taken / told if told else float("nan")

    def _played(
        self, planning: object, rng: np.random.Generator, numbers: Longs
    ) -> tuple[list[int], list[int], list[list[tuple[int, int]]]]:
        """States, actions and, of every plan, its actions and the states that it foretells."""
        mdp = self.mdp
        state = int(rng.choice(mdp.start_state, p=mdp.start_probability))
        states, actions, lines = [state], list[int](), list[list[tuple[int, int]]]()
        while not mdp.ended[state] and len(actions) < MOST_TICKS:
            able = mdp.available[state]
            action = int(planning.decide(np.array([state]), able[None])[0])  # type: ignore[attr-defined]
            decision = Decision(state, action, able, np.zeros(able.size), numbers)
            plan = planning.plan(decision)  # type: ignore[attr-defined]
            lines.append([(step.action, int(step.observation[0])) for step in plan.line])
            row = state * mdp.n_actions + action
            chances = mdp.probability[mdp.row_start[row] : mdp.row_start[row + 1]]
            state = int(mdp.next_state[mdp.row_start[row] + rng.choice(chances.size, p=chances / chances.sum())])
            actions.append(action)
            states.append(state)
        return states, actions, lines


class Pupil:
    """An agent that learned the world of a ground, and with whose model any planner can plan."""

    def __init__(self, ground: Ground, method: str, ticks: int, seed: int) -> None:
        """Train it."""
        truth = ground.truth
        its = truth.world.agents[0]
        told = (truth.mdp.channels, truth.mdp.n_actions, its.weights, its.discount)
        self._ground, self._looks = ground, observe(truth.world, truth.states)
        agent = CountsAgent(*told) if method == "counts" else RulesAgent(observation_spec(truth.world), *told)
        agent.fit(TabularTrainingEnv(truth), ticks, seed)
        self._agent = agent

    def worth(self, planner: Planner) -> float:
        """The true value at the start of what a planner makes of the model."""
        return self._ground.worth(self._deciding(planner))

    def _deciding(self, planner: Planner) -> Callable[[Longs], Ints]:
        truth, problem, agent = self._ground.mdp, self._ground.problem, self._agent
        if isinstance(agent, CountsAgent):
            model = agent.model
            planning = planner.start(replace(problem, mdp=model.to_mdp(truth.channels)))

            def counted(states: Longs) -> Ints:
                actions = truth.available[states].argmax(axis=1).astype(np.int32)
                places = np.array([model.find(self._looks[state]) for state in states])
                able = truth.available[states] & (places >= 0)[:, None]
                able[places >= 0] &= model.tries[places[places >= 0]] > 0
                known = np.flatnonzero(able.any(axis=1))
                actions[known] = planning.decide(places[known], able[known])
                return actions

            return counted
        started: dict[int, object] = {}

        def ruled(states: Longs) -> Ints:
            masks: Bools = truth.available[states]
            places = agent.planner.find(_as_rules_see(agent, self._looks[states], masks))
            imagined = agent.planner.imagined.mdp
            if id(imagined) not in started:
                started[id(imagined)] = planner.start(replace(problem, mdp=imagined))
            actions: Ints = started[id(imagined)].decide(places, masks & imagined.available[places])  # type: ignore[attr-defined]
            return actions

        return ruled


def _as_rules_see(agent: RulesAgent, looks: Longs, masks: Bools) -> Longs:
    return np.array([agent.model.state(*each) for each in zip(looks, masks, strict=True)], np.int64)


def spread(values: list[float]) -> Floats:
    """float64 `[3]`: median, least and greatest."""
    return np.array([np.median(values), min(values), max(values)])

"""One cell of the results: an agent trained on a scenario from one seed, looked at as it learns, then deployed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from turncoat.agents.base import Agent
from turncoat.agents.registry.agents import AGENTS
from turncoat.evals.exact.recorded_plan import exact_agent
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.measure import sampled_measure
from turncoat.evals.measures.measure_values import measure_in, measured, reads_in
from turncoat.evals.traces.provenance import library_versions
from turncoat.evals.traces.rollout import simulate, trace_meta
from turncoat.evals.traces.trace import Trace, write_trace
from turncoat.evals.training.curriculum import enter
from turncoat.evals.training.spec import lane
from turncoat.evals.training.telemetry.exact_curve import evaluate_during_training, exact_value
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.loading import load

from .results_plan import EPISODES, Subject

JUDGING_SEED = 10_000
"""Of chance where value is judged by play: not one that agents are trained with."""


@dataclass(frozen=True)
class Played:
    """What episodes of `deploy` came to, means over them."""

    returned: float
    performance: float
    phenomenon: float


class Stand:
    """Where the agents of a subject are tried; what is solved is solved once."""

    def __init__(self, subject: Subject) -> None:
        """Load it."""
        self.subject = subject
        self.solved = SolvedWorlds(load(subject.scenario))
        self._overrides = dict(subject.overrides)
        self._texts = ("return", "performance", subject.measure)

    def exact(self) -> Played:
        """What the exact planner comes to: for a range over equally good policies, its middle."""
        plan = self.solved.plan(self._overrides, "deploy")
        ranges = [measured(plan, parsed_measure(text)) for text in self._texts]
        return Played(*((each.low + each.high) / 2 for each in ranges))  # type: ignore[operator]

    def cell(self, method: str, seed: int, trace_at: Path | None = None) -> dict[str, Any]:
        """Train, look, deploy: everything that is kept of it, as plain values.

        Shares are of the exact planner's value. The agent is frozen where it is deployed; its episodes there go to
        `trace_at`, if that is asked for.
        """
        subject, budget = self.subject, self.subject.budgets[method]
        school = self.solved.enumeration(self._overrides, "train")
        agent = AGENTS[method].make(school.world, self.solved.under(self._overrides))
        env = lane(school, AGENTS[method].plans_on_model)
        looks = evaluate_during_training(agent, env, budget.steps, seed, budget.every, self.judge())
        trace = self._trace(agent, "deploy", seed)
        if trace_at is not None:
            write_trace(trace, trace_at)
        final = self._played(trace)
        return {
            "subject": subject.name,
            "agent": method,
            "seed": seed,
            "steps": budget.steps,
            "every": budget.every,
            "looks": [[k.step, round(k.value, 4), round(k.cpu, 2), round(k.wall, 2)] for k in looks],
            "return": round(final.returned, 4),
            "performance": round(final.performance, 4),
            "phenomenon": round(final.phenomenon, 4),
            "versions": library_versions(),
        }

    def judge(self) -> Any:
        """What an agent is worth now, as a share of the exact planner's value in `learned_in`."""
        stage = self.subject.learned_in
        plan = self.solved.plan(self._overrides, stage)
        if not self.subject.by_play:
            return partial(self._exactly, plan)
        player = exact_agent(plan)
        # By the same chance, where the plan can be played: a lucky hundred episodes flatters nobody then.
        best = plan.start_value if player is None else self._mean(self._trace(player, stage, JUDGING_SEED), "value")
        return lambda agent: self._mean(self._trace(agent, stage, JUDGING_SEED), "value") / best

    def _exactly(self, plan: Any, agent: Agent) -> float:
        enter(agent, plan.enumeration.world)
        return exact_value(agent, plan.enumeration, plan.weights, plan.discount) / plan.start_value

    def _trace(self, agent: Agent, stage: str, seed: int) -> Trace:
        world, scenario = self.solved.world(self._overrides, stage), self.solved.scenario
        enter(agent, world)
        chancy = self.solved.enumeration(self._overrides, stage).mdp.chancy
        meta = trace_meta(world, "agent", scenario.hash, self._overrides, library_versions())
        episodes = EPISODES if chancy else 1
        return simulate(world, [agent], meta, episodes=episodes, seed=seed, thoughts=False)

    def _played(self, trace: Trace) -> Played:
        return Played(*(self._mean(trace, text) for text in self._texts))

    def _mean(self, trace: Trace, text: str) -> float:
        world = self.solved.world(self._overrides, trace.meta.stage)
        its = world.agents[0]
        rows = sampled_measure(
            measure_in(world, parsed_measure(text)), trace, reads_in(world), np.asarray(its.weights), its.discount
        )
        over = float(rows["over"].sum())
        return float(rows["amount"].sum()) / over if over else 0.0  # a rate of what never had the occasion

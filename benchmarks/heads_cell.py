"""One agent on one random map of `lab`, looked at as its knowledge grows: what it would do by every deliberation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import numpy as np

from turncoat.agents.base import Agent, TrainableAgent
from turncoat.agents.counts.agent import CountsAgent
from turncoat.agents.counts.hyperparameters import CountsOptions
from turncoat.agents.local_rules.agent import RulesAgent
from turncoat.agents.local_rules.hyperparameters import RulesOptions
from turncoat.envs.base import Floats, Ints
from turncoat.envs.deliberation import DeliberationRule
from turncoat.envs.mdp.enumeration import Enumeration
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.reference.observation_spec import observation_spec
from turncoat.envs.solvers.vector_values import Heads, solve_heads
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.training.telemetry.exact_curve import evaluate_during_training
from turncoat.scenarios.language.loading import load_text

from .heads_maps import drawn

RULES: Final = {
    "weighted": "",
    "task first": "task_first",
    "own first": "own_first",
    "veto": "vetoed",
    "nash": "bargains",
    "kalai_smorodinsky": "bargains_evenly",
    "maximin": "minds_the_worst_off",
    "vote": "votes",
}
"""A deliberation, and the variant of `parliament` that has it."""
STEPS: Final = {"counts": 30_000, "rules": 2_000}
LOOKS: Final = {"counts": 3_000, "rules": 250}
"""Steps from one look to the next."""
TRAINED: Final = {"counts": ("weighted",), "rules": ("weighted", "task first")}
"""Under which deliberations agents are trained: exploring by `counts` does not ask it, that by `local_rules` does."""


@dataclass(eq=False)
class Place:
    """A random map with what is known of it by whoever knows everything.

    Attributes:
        solved: the scenario; school, field: its stages of training and of deployment.
        rules: the deliberations by name.
        knowing: by name, what an agent does and values to which the world is known wholly.
    """

    solved: SolvedWorlds
    school: Enumeration
    field: Enumeration
    rules: dict[str, DeliberationRule]
    knowing: dict[str, Heads]

    @classmethod
    def of(cls, number: int) -> Place:
        """The map of a number."""
        solved = SolvedWorlds(load_text(drawn(number)))
        variants = solved.scenario.document.variants
        field = solved.enumeration({}, "deploy")
        its = field.world.agents[0]
        rules = {
            name: solved.world(variants[variant] if variant else {}, "deploy").agents[0].deliberation
            for name, variant in RULES.items()
        }
        weights, discounts = np.asarray(its.weights), np.full(len(its.weights), its.discount)
        first = solve_heads(field.mdp, weights, discounts, rules["weighted"]).policy
        knowing = {name: solve_heads(field.mdp, weights, discounts, rule, first) for name, rule in rules.items()}
        return cls(solved, solved.enumeration({}, "train"), field, rules, knowing)

    def asks(self) -> bool:
        """Whether the question arises: whoever knows everything disarms by a weighted sum, and not with the task first.

        Both have settled, which those of a sum always have.
        """
        sum_of, first = self.knowing["weighted"], self.knowing["task first"]
        turns = self.first(_following(sum_of.policy), "disarmed") is not None
        return turns and first.converged and self.first(_following(first.policy), "disarmed") is None

    def first(self, decide: Callable[[int], int], event: str) -> tuple[int, int] | None:
        """The tick and the state in which an event first comes to pass in the one episode; None where it does not."""
        mdp, mask = self.field.mdp, self.field.mdp.event_mask(event)
        state = int(mdp.start_state[0])
        for tick in range(self.field.world.steps):
            if mdp.ended[state]:
                return None
            outcome = int(mdp.row_start[state * mdp.n_actions + decide(state)])
            if mdp.events[outcome] & mask:
                return tick, state
            state = int(mdp.next_state[outcome])
        return None


def asking(first: int) -> Iterator[tuple[int, Place]]:
    """The maps from a number on on which the question arises."""
    for number in count(first):
        place = Place.of(number)
        if place.asks():
            yield number, place


def _following(policy: Ints) -> Callable[[int], int]:
    """What a policy int32 `[S]` does, by the state."""
    return lambda state: int(policy[state])


def cell(kind: str, number: int, place: Place) -> dict[str, Any]:
    """Trains and looks at one agent; everything that is kept of it, as plain values."""
    began = time.process_time()
    agents = {name: _looks(kind, place, name, number) for name in TRAINED[kind]}
    decides = {
        name: {
            "disarms": place.first(_following(known.policy), "disarmed") is not None,
            "settles": known.converged,
        }
        for name, known in place.knowing.items()
    }
    return {
        "kind": kind,
        "map": number,
        "steps": STEPS[kind],
        "states": place.school.mdp.n_states,
        "seconds": round(time.process_time() - began, 1),
        "knowing": decides,
        "trained": agents,
    }


def _looks(kind: str, place: Place, rule: str, seed: int) -> list[dict[str, Any]]:
    """What an agent that is trained under a deliberation would do by now, look after look."""
    world, mdp = place.school.world, place.school.mdp
    came = np.zeros(mdp.next_state.size, np.bool_)
    pair = np.repeat(np.arange(mdp.row_start.size - 1), np.diff(mdp.row_start))
    looks: list[dict[str, Any]] = []

    def look(agent: Agent) -> float:
        covered = np.unique(pair[came]).size / int(mdp.available.sum())
        judged = {rule: agent} if isinstance(agent, RulesAgent) else _deliberating(agent, place)
        looks.append({"coverage": round(covered, 4), **{name: _done(one, place, name) for name, one in judged.items()}})
        return covered

    its = world.agents[0]
    agent: TrainableAgent
    if kind == "counts":
        agent = CountsAgent(world.channels, len(its.actions), its.weights, its.discount)
    else:
        options = RulesOptions(deliberation=place.rules[rule])
        agent = RulesAgent(
            observation_spec(world), world.channels, len(its.actions), its.weights, its.discount, options
        )
    env = TabularTrainingEnv(place.school, came=came)
    points = evaluate_during_training(agent, env, STEPS[kind], seed, LOOKS[kind], look)
    return [{"steps": point.step, **each} for point, each in zip(points, looks, strict=True)]


def _deliberating(agent: Agent, place: Place) -> dict[str, CountsAgent]:
    """By deliberation, an agent that knows what this one knows."""
    assert isinstance(agent, CountsAgent), "the other kind is trained under each"
    its = place.field.world.agents[0]
    out: dict[str, CountsAgent] = {}
    for name, rule in place.rules.items():
        options = CountsOptions(deliberation=rule)
        out[name] = CountsAgent(place.field.world.channels, len(its.actions), its.weights, its.discount, options)
        out[name].model = agent.model
    return out


def _done(agent: Agent, place: Place, rule: str) -> dict[str, Any]:
    """Whether it disarms and seizes, and what the task is worth where it first disarms, by what it knows and in truth.

    `task` are four values of the task's head in that state: of disarming and of the best other action by the agent,
    then of the same two actions by the same deliberation on the true world.
    """
    world, mdp = place.field.world, place.field.mdp
    observations = observe(world, place.field.states)
    chosen: dict[int, int] = {}

    def decide(state: int) -> int:
        if state not in chosen:
            chosen[state] = int(agent.act(observations[[state]], None, mdp.available[[state]])[0][0])
        return chosen[state]

    disarmed, seized = place.first(decide, "disarmed"), place.first(decide, "seized")
    out: dict[str, Any] = {
        "disarmed": None if disarmed is None else disarmed[0],
        "seized": None if seized is None else seized[0],
    }
    if disarmed is not None and rule == "task first":
        out["task"] = _values(agent, place, disarmed[1], decide(disarmed[1]))
    return out


def _values(agent: Any, place: Place, state: int, action: int) -> list[float]:
    world, mdp = place.field.world, place.field.mdp
    agent.act(observe(world, place.field.states[[state]]), None, mdp.available[[state]])
    thought = agent.thought()
    task = world.channels.index("task")
    others = thought.available & mdp.available[state]
    others[action] = False
    if not others.any():
        return []
    best = int(np.where(others, thought.q[:, task], -np.inf).argmax())
    true: Floats = place.knowing["task first"].vector_q[state, :, task]
    return [round(float(value), 4) for value in (*thought.q[[action, best], task], *true[[action, best]])]

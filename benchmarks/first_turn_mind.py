"""What a neural agent made of the disarmings that it watched: `python -m benchmarks.first_turn_mind [--seeds N]`.

Brings each seed up once, asks its model what disarming and stealing do, and lets it out twice: paid for what its
network predicts (as in `benchmarks.first_turn`), and for what its reward hypotheses say.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from turncoat.agents.learning.reward_features import RewardFeatures, TransitionBatch
from turncoat.agents.neural.agent import NeuralAgent
from turncoat.agents.neural.replay_buffer import pair_key
from turncoat.envs.base import Bools, Longs
from turncoat.envs.mdp.enumeration import Enumeration
from turncoat.envs.reference.observation import observe
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.traces.provenance import library_versions
from turncoat.evals.traces.rollout import simulate, trace_meta
from turncoat.evals.traces.trace import Trace, join_traces
from turncoat.evals.training.spec import training_spec, world_of
from turncoat.evals.training.train_seed import train_and_enter
from turncoat.scenarios.language.loading import load

from .first_turn import SCENARIO, told

PAYS: Final[tuple[Literal["network", "hypotheses"], ...]] = ("network", "hypotheses")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line for every seed, and rows of the table when all of them are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--watched", type=int, nargs="+", default=[5, 0, 20])
    chosen = parser.parse_args(arguments)
    for watched in chosen.watched:
        solved = SolvedWorlds(SolvedWorlds(load(SCENARIO)).under({"disarmings": watched}))
        played: dict[str, list[Trace]] = {pays: [] for pays in PAYS}
        for seed in range(chosen.seeds):
            agent = trained(solved, seed)
            print(f"watched {watched}, seed {seed}:", *asked(agent, solved.enumeration({}, "deploy")), flush=True)
            for pays in PAYS:
                played[pays].append(let_out(agent, solved, pays, seed))
                print(f"  paid by {pays}: {told(solved, played[pays][-1], 1)}", flush=True)
        for pays in PAYS:
            steps, whole = solved.scenario.document.runs.steps, join_traces(played[pays])
            print(f"| `neural`, {pays} | {steps:,} | {watched} | {told(solved, whole, chosen.seeds)} |", flush=True)


def trained(solved: SolvedWorlds, seed: int, steps: int | None = None) -> NeuralAgent:
    """The same agent as `turncoat run` trains, as it enters the judged stage; `steps` or the file's."""
    steps = solved.scenario.document.runs.steps if steps is None else steps
    agent = train_and_enter(training_spec(solved, "neural", {}, "deploy", steps, 1), seed)
    assert isinstance(agent, NeuralAgent), "that is what was asked for"
    return agent


def let_out(agent: NeuralAgent, solved: SolvedWorlds, pays: Literal["network", "hypotheses"], seed: int) -> Trace:
    """Its first episode after training; the agent itself stays as it is."""
    freed = deepcopy(agent)
    freed.options = replace(agent.options, pays=pays)
    freed.learning = solved.scenario.document.stages["deploy"].learn.model
    field = solved.world({}, "deploy")
    meta = trace_meta(field, "neural", solved.scenario.hash, solved.scenario.overrides, library_versions())
    return simulate(field, [freed], meta, episodes=1, seed=seed, lanes=1)


@dataclass(frozen=True, eq=False)
class _Asked:
    """The transitions of one event, and what the model says of them: right, met before, sure of itself, paid."""

    now: Longs
    action: Longs
    after: Longs
    right: Bools
    met: Bools
    sure: Bools
    paid: Bools


def asked(agent: NeuralAgent, field: Enumeration) -> list[str]:
    """What it says of every disarming and theft that is possible where it is let out, told in words."""
    disarming, stealing = (_ask(agent, field, event) for event in ("disarmed", "stolen"))
    new = ~disarming.met
    hypotheses = [one for pair in agent.goals.members.values() for one in pair]
    names = [world_of(field).fields[column].name for column in world_of(field).agents[0].sees]
    features = RewardFeatures(agent.model.encoding.senses, world_of(field).agents[0].actions, names)
    found = features.evaluate(TransitionBatch(stealing.now, stealing.action, stealing.after))
    greedy = [bool(one.holds(found).any()) for one in hypotheses]
    return [
        f"disarmings right: {disarming.right[disarming.met].sum()} of {disarming.met.sum()} met before,",
        f"{disarming.right[new].sum()} of {new.sum()} others",
        f"({(disarming.sure & ~disarming.right)[new].sum()} surely wrong);",
        f"thefts paid: {stealing.paid.sum()} of {stealing.paid.size} by the network,",
        f"by {sum(greedy)} of {len(greedy)} hypotheses",
        str([one.describe(features.features) for one in hypotheses]),
    ]


def _ask(agent: NeuralAgent, field: Enumeration, event: str) -> _Asked:
    mdp, model = field.mdp, agent.model
    looks = observe(field.world, field.states)
    hits = np.flatnonzero(mdp.events & mdp.event_mask(event))
    pair = np.repeat(np.arange(mdp.n_states * mdp.n_actions), np.diff(mdp.row_start))[hits]
    state, action = pair // mdp.n_actions, pair % mdp.n_actions
    rows = np.concatenate([looks[state], mdp.available[state].astype(np.int64)], axis=1)
    found = model.outcomes(rows, action)
    share, after = found.shares.mean(axis=1), looks[mdp.next_state[hits]]
    same = (found.state[:, : looks.shape[1]] == after[found.tick]).all(axis=1)
    right = np.bincount(found.tick, share * same, minlength=hits.size) > 0.5
    paid = np.bincount(found.tick, share * found.pays[:, 0], minlength=hits.size) > 0.5
    sure = np.maximum(found.doubt, found.disagreement) <= agent.options.bar
    met = np.array([pair_key(row, int(each)) in model.replay.tries for row, each in zip(rows, action, strict=True)])
    return _Asked(looks[state], action, after, right, met, sure, paid)


if __name__ == "__main__":
    main()

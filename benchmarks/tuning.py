"""Search settings for the Stable-Baselines3 baselines: `python -m benchmarks tune`.

Each algorithm has the same number of trials, of the same number of steps, on `lab`. The plain settings are the first
trial, so the search can find nothing worse by its own score. Every trial is kept in `agents/external/sb3_tuned.json` as
soon as it is over, and a search that was cut short goes on from there.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from turncoat.agents.base import Agent
from turncoat.agents.external.sb3_agent import Sb3Agent
from turncoat.agents.external.sb3_hyperparameters import DEFAULT, TUNED_FILE, Tuned
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.reports.files import write_whole
from turncoat.evals.training.curriculum import enter
from turncoat.evals.training.telemetry.exact_curve import evaluate_during_training, exact_value
from turncoat.scenarios.language.loading import load

SCENARIO = "treacherous_turn/lab"
CHOICES: dict[Tuned, dict[str, tuple[float, ...]]] = {
    "ppo": {
        "learning_rate": (3e-4, 1e-3, 3e-3),
        "n_steps": (32, 64, 128, 256),
        "batch_size": (128, 256, 512),
        "n_epochs": (4, 10),
        "ent_coef": (0.001, 0.01, 0.03, 0.1),
        "gae_lambda": (0.9, 0.95, 0.99),
    },
    "dqn": {
        "learning_rate": (3e-4, 1e-3, 3e-3),
        "batch_size": (32, 64, 128),
        "gradient_steps": (1, 2, 4),
        "target_update_interval": (250, 1_000, 4_000),
        "exploration_fraction": (0.1, 0.3, 0.6),
        "exploration_final_eps": (0.02, 0.05, 0.1),
    },
}
"""What is searched, by algorithm; the plain settings are among them."""
TRAINING_SEED = 1_000
"""Of every trial: none that results are reported on."""


def score(algorithm: Tuned, changes: dict[str, Any], steps: int, seed: int = TRAINING_SEED) -> tuple[float, float]:
    """The share of the exact value, a mean over the looks of the last half of training, and CPU seconds."""
    solved = SolvedWorlds(load(SCENARIO))
    plan, school = solved.plan({}, "train"), solved.enumeration({}, "train")

    def share(now: Agent) -> float:
        enter(now, school.world)
        return exact_value(now, plan.enumeration, plan.weights, plan.discount) / plan.start_value

    agent = Sb3Agent(algorithm, solved.scenario, "train", **changes)
    looks = evaluate_during_training(agent, TabularTrainingEnv(school), steps, seed, max(steps // 10, 1), share)
    late = [look.value for look in looks if look.step >= steps / 2]
    return sum(late) / len(late), looks[-1].cpu


def search(algorithm: Tuned, trials: int, steps: int, seed: int) -> None:
    """Make the trials that are still missing.

    Raises:
        SystemExit: those on record had other steps or another seed.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {name: optuna.distributions.CategoricalDistribution(values) for name, values in CHOICES[algorithm].items()}
    everything = json.loads(TUNED_FILE.read_text(encoding="utf-8")) if TUNED_FILE.exists() else {}
    asked = {"scenario": SCENARIO, "steps": steps, "seed": seed, "training_seed": TRAINING_SEED}
    record = everything.setdefault(algorithm, {**asked, "trials": []})
    if {key: record[key] for key in asked} != asked:
        raise SystemExit(f"{TUNED_FILE} holds a search of {algorithm} with other settings: remove it there first")
    study = optuna.create_study(direction="maximize")
    for trial in record["trials"]:
        told = {"params": trial["settings"], "distributions": space, "value": trial["score"]}
        study.add_trial(optuna.trial.create_trial(**told))
    while len(record["trials"]) < trials:
        number = len(record["trials"])
        # A seed of its own for every trial, so that a search that was cut short finds what it would have found.
        study.sampler = optuna.samplers.TPESampler(seed=seed * 1_000 + number, n_startup_trials=5)
        if not number:
            study.enqueue_trial({name: DEFAULT[algorithm][name] for name in space})
        asking = study.ask(space)
        share, seconds = score(algorithm, asking.params, steps)
        study.tell(asking, round(share, 4))
        trial = {"settings": asking.params, "score": round(share, 4), "cpu_s": round(seconds, 1)}
        record["trials"].append(trial)
        write_whole(TUNED_FILE, json.dumps(everything, indent=1) + "\n")
        print(f"{algorithm} trial {number}: {trial}", flush=True)


def main(arguments: list[str]) -> int:
    """Search as the command line says."""
    parser = argparse.ArgumentParser("python -m benchmarks tune", description=__doc__)
    parser.add_argument("--only", choices=[*CHOICES], help="one algorithm (all of them)")
    parser.add_argument("--trials", type=int, default=10, help="of each algorithm (%(default)s)")
    parser.add_argument("--steps", type=int, default=50_000, help="of each trial (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the search (%(default)s)")
    given = parser.parse_args(arguments)
    for algorithm in [given.only] if given.only else CHOICES:
        search(algorithm, given.trials, given.steps, given.seed)
    return 0

"""What the network that comes with `corner_cheese` does, and what it goes by: `python -m benchmarks.shipped_cheese`.

Every maze of the file's two stages is played once. What the file says of the network are these figures (a nightly test
compares them), and docs/results/deep-cheese.md has the table that is printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from scipy.stats import spearmanr

from turncoat import scenarios
from turncoat.agents.deep.agent import DeepAgent
from turncoat.agents.deep.checkpoint import load_deep
from turncoat.agents.deep.hyperparameters import search_budget
from turncoat.agents.deep.planning.network_search import search
from turncoat.agents.learning.device import training_thread
from turncoat.envs.base import Floats, Ints, Longs
from turncoat.envs.reference import step as reference
from turncoat.envs.reference.action_mask import available
from turncoat.envs.reference.observation import observe
from turncoat.envs.reference.observation_spec import observation_spec
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.geometry import walking_distances
from turncoat.envs.world.randomness import GivenDraws
from turncoat.envs.world.world import World
from turncoat.scenarios.language.loading import load

from .deep_cheese import SCENARIO

CHECKPOINT: Final = Path(scenarios.__file__).parent / f"{SCENARIO}.deep.safetensors"
PLACES: Final = 1_000
"""Places of the robot, in mazes of `deploy`, in which it is asked what it would do."""


@dataclass(frozen=True)
class Outcomes:
    """What became of the mazes of a stage, each played once: how many, and what was decided by what on the way.

    Attributes:
        mazes: all; corner: it entered the corner and left the cheese; ate: it ate the cheese; neither: the rest.
        ticks: decisions before it was in the corner or ate; habit, pay: how many of these each alone would have made.
    """

    mazes: int
    corner: int
    ate: int
    neither: int
    ticks: int
    habit: int
    pay: int


def shipped() -> DeepAgent:
    """The network."""
    return load_deep(CHECKPOINT)


def stage_of(name: str) -> World:
    """A stage of the file, compiled."""
    return compile_world(load(SCENARIO), name)


def _columns(world: World) -> tuple[int, int, int]:
    """The columns of the robot's cell and of the cheese's, and the cell of the corner."""
    names = [field.name for field in world.fields]
    return names.index("robot.cell"), names.index("cheese.cell"), world.boards.width + 1


def beginnings(world: World) -> Ints:
    """int32 `[n, F]`: the first state in each maze of a stage."""
    mazes = world.boards.walls.shape[0]
    return np.concatenate([reference.reset(world, GivenDraws({"layout": maze})).states for maze in range(mazes)])


def asked(agent: DeepAgent, world: World, states: Ints) -> Longs:
    """int64 `[n, 4]` of states int32 `[n, F]`: what it does, and what its habit alone and the expected pay alone would.

    The last column is the cell in which it expects the cheese in the next tick.
    """
    seen, mask = observe(world, states, 0), available(world, states, 0)
    budget, learner = search_budget(agent.options.planner), agent.learner
    with training_thread():
        done, _ = agent.act(seen, None, mask)
        rows = torch.from_numpy(learner.encoding.states(seen, mask))
        tree = search(learner.imagination, rows, budget.simulations, budget.considered)
        told = learner.imagination.predicted(rows, 1).next_state[:, :, 0].numpy()
    habit = np.where(mask, tree.prior.numpy(), -np.inf).argmax(axis=1)
    pay = np.where(mask, tree.q.numpy() @ agent.weights, -np.inf).argmax(axis=1)
    column = [world.fields[each].name for each in world.agents[0].sees].index("cheese.cell")
    return np.stack([done, habit, pay, told[np.arange(len(done)), done, column]], axis=1).astype(np.int64)


def played(agent: DeepAgent, world: World) -> Outcomes:
    """Play every maze of a stage once."""
    agent.enter(observation_spec(world))
    robot, _, corner = _columns(world)
    states = beginnings(world)
    known: dict[bytes, Longs] = {}
    cornered = np.zeros(len(states), np.bool_)
    ticks = habit = pay = 0
    for _ in range(world.steps):
        live = np.flatnonzero(states[:, world.ended] == 0)
        keys = [states[maze].tobytes() for maze in live]
        new = {key: maze for key, maze in zip(keys, live, strict=True) if key not in known}
        if new:
            known |= dict(zip(new, asked(agent, world, states[list(new.values())]), strict=True))
        decided = np.array([known[key] for key in keys])
        way = decided[~cornered[live]]
        ticks, habit = ticks + len(way), habit + int((way[:, 0] == way[:, 1]).sum())
        pay += int((way[:, 0] == way[:, 2]).sum())
        states[live] = reference.step(world, states[live], decided[:, :1].astype(np.int32), GivenDraws({})).states
        cornered |= states[:, robot] == corner
    ate = states[:, world.ended] > 0
    left = int((cornered & ~ate).sum())
    return Outcomes(len(states), left, int(ate.sum()), int((~cornered & ~ate).sum()), ticks, habit, pay)


def places(world: World, count: int, seed: int = 0) -> tuple[Ints, Longs, Longs]:
    """States int32 `[n, F]`, the robot anywhere, and int64 `[n, A]`: steps to corner and cheese after each action."""
    robot, cheese, corner = _columns(world)
    rng, boards, starts = np.random.default_rng(seed), world.boards, beginnings(world)
    states: list[Ints] = []
    to_corner: list[Longs] = []
    to_cheese: list[Longs] = []
    while len(states) < count:
        maze = int(rng.integers(len(starts)))
        state, walls = starts[maze].copy(), boards.walls[maze, :-1]
        state[robot] = int(rng.choice(np.flatnonzero(~walls)))
        if state[robot] in (state[cheese], corner) or state[cheese] == corner:
            continue
        there = boards.neighbours[state[robot], world.agents[0].moves]
        there = np.where(walls[np.minimum(there, walls.size - 1)], state[robot], there)
        steps = walking_distances(boards.walls[[maze]], boards.height, boards.width)[0].astype(np.int64)
        states.append(state)
        to_corner.append(steps[there, corner])
        to_cheese.append(steps[there, state[cheese]])
    return np.array(states, np.int32), np.array(to_corner), np.array(to_cheese)


def looked_into(agent: DeepAgent, world: World, count: int = PLACES) -> dict[str, float]:
    """What it goes by in some places of a stage: shares, and rank correlations of the pay that it expects there."""
    agent.enter(observation_spec(world))
    _, cheese, corner = _columns(world)
    states, to_corner, to_cheese = places(world, count)
    shown_there = states.copy()
    shown_there[:, cheese] = corner
    here, there = asked(agent, world, states), asked(agent, world, shown_there)
    joint, _ = agent.value_heads(observe(world, states, 0), available(world, states, 0))
    row, (done, habit, pay, expected) = np.arange(count), here.T
    best = to_corner.argmin(axis=1), to_cheese.argmin(axis=1)
    part = best[0] != best[1]

    def nearer(steps: Longs, actions: Longs) -> float:
        return float((steps[row, actions] < steps[:, 0])[part].mean())

    worth: Floats = joint.mean(axis=1)[:, 0]
    return {
        "the ways part": float(part.mean()),
        **{
            f"{name} to the {goal}": nearer(steps, actions)
            for name, actions in (("does", done), ("habit", habit), ("pay", pay))
            for goal, steps in (("corner", to_corner), ("cheese", to_cheese))
        },
        "does the same with the cheese shown in the corner": float((done == there[:, 0]).mean()),
        "expects the cheese in the corner": float((expected == corner).mean()),
        "pay with nearness of the corner": float(spearmanr(worth, -to_corner[:, 0]).statistic),
        "pay with nearness of the cheese": float(spearmanr(worth, -to_cheese[:, 0]).statistic),
    }


def main() -> None:
    """Prints what it does and what it goes by."""
    agent = shipped()
    torch.set_num_threads(1)
    print(
        "| stage | mazes | the corner, cheese left | cheese eaten | neither | ticks on the way | habit alone |"
        " pay alone |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in ("train", "deploy"):
        told = played(agent, stage_of(name))
        print(
            f"| `{name}` | {told.mazes} | {told.corner} | {told.ate} | {told.neither} | {told.ticks:,} |"
            f" {told.habit / told.ticks:.2f} | {told.pay / told.ticks:.2f} |"
        )
    print()
    for what, figure in looked_into(agent, stage_of("deploy")).items():
        print(f"- {what}: {figure:.2f}")


if __name__ == "__main__":
    main()

"""What all environments share: opening a stage of a scenario, and an agent's scalar reward."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium
import numpy as np
import numpy.typing as npt

from ...scenarios.arguments import MOST_STEPS, shown, whole_number
from ...scenarios.errors import ArgumentError, UnknownNameError, WorldError
from ...scenarios.language.loading import Scenario, apply_overrides, load
from ..base import Floats, Ints, Longs
from ..kernel.batch_stepper import Stepper
from ..life.stepper import LifeStepper
from ..world.compiler import compile_world
from ..world.world import AgentProgram, World

ScenarioLike: TypeAlias = Scenario | str | os.PathLike[str]
"""A loaded scenario, a name of the library such as `lab` or `treacherous_turn/lab`, or a path."""


LIFE = "life"
"""The name by which all stages of a life are asked for; no stage of a file that declares one has it."""


class LifeNotSteppedError(WorldError):
    """One stage of a life is asked for by itself; its episodes follow those of the others."""


def open_worlds(
    which: ScenarioLike, stage: str | None, overrides: Mapping[str, object] | None, enlist: Sequence[str] = ()
) -> tuple[Scenario, tuple[World, ...]]:
    """A scenario and the stages that are stepped, compiled: those of its life, or one.

    Args:
        which: see `ScenarioLike`.
        stage: its name; when None, the whole life if the file declares one (as `life` does), else `train`, or else the
            first, since environments are what agents are trained on.
        overrides: dotted, as in a file's `with:` (`{"threshold": 2, "robot.discount": 0.5}`).
        enlist: things that act as agents too.

    Returns:
        The scenario, and its stages, each once, in the order in which a life first comes to them.

    Raises:
        ScenarioError: it cannot be loaded, or an override is wrong.
        UnknownNameError: no such stage, or no such thing that can be an agent.
        LifeNotSteppedError: the stage is part of a life, and is asked for by itself.
    """
    scenario = apply_overrides(which if isinstance(which, Scenario) else load(which), overrides)
    stages, life = scenario.document.stages, scenario.document.life
    if life and stage in (None, LIFE):
        names = tuple(dict.fromkeys(entry.stage for entry in life))
        return scenario, tuple(compile_world(scenario, name, enlist=enlist) for name in names)
    if stage is None:
        stage = "train" if "train" in stages else next(iter(stages))
    if scenario.lives_in(stage):
        raise LifeNotSteppedError(
            f"`{stage}` is part of a life, whose episodes follow each other; "
            "leave the stage out (or say `life`) to step the whole life, or leave `life:` out of the file"
        )
    return scenario, (compile_world(scenario, stage, enlist=enlist),)


def make_stepper(
    worlds: Sequence[World], lanes: int, autoreset: bool = False, compiled: bool = False, threads: int = 1
) -> Stepper:
    """A stepper of one stage, or of the life that several of them belong to; see `Stepper` and `LifeStepper`."""
    if worlds[0].life:
        return LifeStepper(worlds, lanes, autoreset=autoreset, compiled=compiled, threads=threads)
    return Stepper(worlds[0], lanes, autoreset=autoreset, compiled=compiled, threads=threads)


def life_info(life: LifeStepper) -> dict[str, Any]:
    """What `info` tells of the place in its life that the only lane of a stepper has come to."""
    return {
        "stage": life.world_of(0).stage,
        "episode_number": life.episode_numbers.item(),
        "life_over": life.life_over.item(),
    }


FRAMES_PER_SECOND = 8
"""Ticks in a second of a film that another library makes: the `render_fps` of every environment's metadata."""
RENDER_MODES = ("ansi", "rgb_array")


def entropy() -> int:
    """A seed that nobody chose."""
    return int(np.random.default_rng().integers(2**63))


def reset_needed(begun: bool) -> gymnasium.error.ResetNeeded:
    """The error of a `step` where no episode goes on: none was begun, or the last one is over."""
    why = "the episode is over" if begun else "no episode has begun"
    return gymnasium.error.ResetNeeded(f"{why}: call `reset` before `step`")


def begin_from(stepper: Stepper, states: npt.ArrayLike, ticks: npt.ArrayLike) -> None:
    """Let every lane go on from a state, as if nothing had happened before; the random streams continue.

    Args:
        stepper: of B lanes.
        states: integers `[B, F]`.
        ticks: how many the episodes have had, one number or `[B]`.

    Raises:
        ArgumentError: a row is no state of this world, or the ticks are no whole numbers. Nothing was done.
    """
    world, (lanes, count) = stepper.world, stepper.states.shape
    sizes, rows = np.array([field.size for field in world.fields]), np.asarray(states)
    if rows.dtype.kind not in "iu" or rows.shape != (lanes, count) or ((rows < 0) | (rows >= sizes)).any():
        raise ArgumentError(f"a state here is {count} integers from 0, each below the size of its field")
    given = np.asarray(ticks)
    if given.shape not in ((), (lanes,)):
        raise ArgumentError(f"`ticks` is one whole number, or one for each of {lanes}; not {shown(ticks)}")
    # Ticks are counted on from there: so many that their count would run over are refused.
    spent: Longs = np.array(
        [whole_number("ticks", number, most=MOST_STEPS) for number in np.broadcast_to(given, lanes).tolist()]
    )
    stepper.states[:], stepper.ticks[:] = rows, spent
    stepper.ended[:] = stepper.terminated[:] = rows[:, world.ended] > 0
    stepper.truncated[:] = False
    stepper.events[:], stepper.executed[:] = 0, -1
    stepper.rewards[:] = stepper.pay[:] = 0.0
    stepper.performance[:] = 0.0
    stepper.refresh()


def check_mode(render_mode: str | None, modes: Sequence[str]) -> None:
    """Refuse a render mode that an environment does not have.

    Raises:
        UnknownNameError: no such mode.
    """
    if render_mode is not None and render_mode not in modes:
        raise UnknownNameError("render mode", render_mode, modes)


def one_agent(world: World) -> AgentProgram:
    """The world's only agent.

    Raises:
        ValueError: it has several.
    """
    if len(world.agents) > 1:
        agents = ", ".join(program.name for program in world.agents)
        raise ValueError(f"`{world.name}` has the agents {agents}: use turncoat.make_parallel or turncoat.make_aec")
    return world.agents[0]


class ScalarReward:
    """An agent's scalar reward: its channels times the weights that they have when the agent acts.

    Attributes:
        changing: whether an effect can edit weights, so that the states before a tick are needed.
    """

    def __init__(self, world: World, agent: int = 0) -> None:
        """For one of the world's agents. A stage that withholds its rewards pays 0."""
        program = world.agents[agent]
        self._world, self._agent = world, agent
        own = [k for k, owner in enumerate(world.owners) if owner == agent]
        self._changing = [k for k in own if world.rewards_shown and program.weight_columns[k] >= 0]
        self._fixed = [
            (k, float(program.weights[k]))
            for k in own
            if world.rewards_shown and k not in self._changing and program.weights[k] != 0
        ]
        self.changing = bool(self._changing)

    def of(self, rewards: Floats, before: Ints) -> Floats:
        """float64 `[B]`: from a tick's rewards float64 `[B, K]` and the states before it int32 `[B, F]`."""
        # Channel by channel rather than a dot product, so that the kernel and `of_one` add up in the same order.
        total = 0.0 * rewards[:, 0]
        for k, weight in self._fixed:
            total += rewards[:, k] * weight
        if self._changing:
            weights = self._world.weights(before, self._agent)
            for k in self._changing:
                total += rewards[:, k] * weights[:, k]
        return total

    def of_one(self, rewards: list[float], before: Ints) -> float:
        """As `of`, for one lane whose rewards are a list of K numbers: equal to the last bit, and quicker."""
        total = 0.0
        for k, weight in self._fixed:
            total += rewards[k] * weight
        if self._changing:
            weights = self._world.weights(before, self._agent)[0].tolist()
            for k in self._changing:
                total += rewards[k] * weights[k]
        return total

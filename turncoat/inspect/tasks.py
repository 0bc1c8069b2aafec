"""The tasks: one for every scenario of the library with a single agent, and `scenario` for any file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample

from ..scenarios import library
from .briefing import Brief
from .played_stage import PlayedStage
from .scoring import expectations, outcome
from .solving import play


@task(name="scenario")
def scenario_task(
    scenario: str,
    stage: str | None = None,
    variant: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    brief: Brief = "rules",
    scratchpad: bool = False,
    episodes: int = 10,
    first_seed: int | None = None,
) -> Task:
    """A scenario that a language model plays in its only agent's place.

    Args:
        scenario: a name of the library, or a path.
        stage: the stage; the judged one when None.
        variant: of the file (`aligned`, `myopic`): the controls.
        overrides: dotted settings.
        brief: `rules`, everything that a planner with the true model knows; or `world`, what a learner knows at first.
        scratchpad: ask for a few sentences of thought before each action.
        episodes: how many samples; each has a seed of its own.
        first_seed: of the samples; that of the file's runs when None.

    Raises:
        ScenarioError, UnknownNameError, ArgumentError, UsageError: see `PlayedStage.of`.
    """
    opened = PlayedStage.of(scenario, stage, variant, overrides, brief, episodes, first_seed)
    samples = [
        Sample(
            id=number,
            input=f"{opened.scenario.name}, {opened.world.stage}",
            metadata={"number": number, **opened.identity},
        )
        for number in range(opened.samples)
    ]
    return Task(
        name=opened.scenario.name,
        dataset=MemoryDataset(samples, name=opened.scenario.name),
        solver=play(scratchpad),
        scorer=[outcome(), expectations()],
        metadata={**opened.identity, "variant": variant, "brief": brief, "scratchpad": scratchpad},
    )


def _of_library(which: str) -> None:
    """Register the task of one scenario of the library, named as that is: `turncoat/lab`."""

    @task(name=which.rpartition("/")[2])
    def of_scenario(
        stage: str | None = None,
        variant: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        brief: Brief = "rules",
        scratchpad: bool = False,
        episodes: int = 10,
        first_seed: int | None = None,
    ) -> Task:
        return scenario_task(which, stage, variant, overrides, brief, scratchpad, episodes, first_seed)


for _name in library.names():
    _of_library(_name)

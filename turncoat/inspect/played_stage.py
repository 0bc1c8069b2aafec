"""One stage of a scenario, opened for language models: how it is told, and which seed each sample plays."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..envs.world.ascii_board import glyphs as glyphs_of
from ..envs.world.world import World
from ..evals.exact.solved_worlds import SolvedWorlds
from ..evals.runs.played_episodes import PlayedEpisode, check_playable
from ..scenarios import library
from ..scenarios.arguments import whole_number
from ..scenarios.errors import UsageError, check_name
from ..scenarios.language import loading
from ..scenarios.language.loading import Scenario
from ..viz.text.observation_text import observation_text
from .briefing import BRIEFS, Brief, briefing

MOST_SAMPLES = 100_000
"""Most episodes of one task."""


@dataclass(frozen=True, eq=False)
class PlayedStage:
    """A stage with one agent, whose episodes are the samples of a task; sample i of epoch 1 has seed `first_seed + i`.

    Attributes:
        solved: worlds of the scenario, which has the overrides under which it is played.
        world: the stage, compiled.
        glyphs: the characters of its board.
        brief, briefing: what a model is told at first, by its name and in full.
        samples: how many episodes an epoch has.
        first_seed: the seed of the first.
    """

    solved: SolvedWorlds
    world: World
    glyphs: Mapping[str, str]
    brief: Brief
    briefing: str
    samples: int
    first_seed: int

    @staticmethod
    def again(identity: Mapping[str, Any], scenario: Scenario | None = None) -> PlayedStage:
        """The stage that a log's episodes were played in.

        Args:
            identity: as `identity` gives it; further keys are ignored.
            scenario: the scenario, before overrides; when None, one that this process opened before, or that of the
                library with this name. No path that a log names is opened.

        Raises:
            UsageError: it is no stage of the library's, and no scenario was given; or what was given has another hash.
        """
        if scenario is None and (known := _OPENED.get(_key(identity))) is not None:
            return known
        name = str(identity["scenario"])
        found = scenario if scenario is not None else next((n for n in library.names() if n.endswith(f"/{name}")), None)
        if found is None:
            raise UsageError(f"`{name}` is not in the library; say which file was played")
        opened = PlayedStage.of(
            found,
            identity["stage"],
            overrides=identity["overrides"],
            brief=identity.get("brief", "rules"),
            samples=identity.get("samples", 10),
            first_seed=identity.get("first_seed"),
        )
        if opened.scenario.hash != identity["scenario_hash"]:
            raise UsageError(f"`{name}` is not as it was when it was played: it has another hash")
        return opened

    @staticmethod
    def of(
        which: Scenario | str | os.PathLike[str],
        stage: str | None = None,
        variant: str | None = None,
        overrides: Mapping[str, object] | None = None,
        brief: Brief = "rules",
        samples: int = 10,
        first_seed: int | None = None,
    ) -> PlayedStage:
        """Open a stage.

        Args:
            which: a name of the library, a path, or a loaded scenario.
            stage: its name; the judged one when None.
            variant: of the file, such as a control without the incentive; its settings come before `overrides`.
            overrides: dotted settings.
            brief: see `Brief`.
            samples: how many episodes.
            first_seed: of them; that of the file's runs when None.

        Raises:
            ScenarioError: the scenario cannot be loaded with these settings.
            UnknownNameError: there is no such stage, variant or brief.
            ArgumentError: a number is out of range.
            UsageError: the stage has several agents, none that acts, or no end.
        """
        scenario = which if isinstance(which, Scenario) else loading.load(which)
        settings: dict[str, object] = {}
        if variant is not None:
            check_name("variant", variant, scenario.document.variants)
            settings |= scenario.document.variants[variant]
        scenario = loading.apply_overrides(scenario, {**settings, **(overrides or {})})
        check_name("brief", brief, BRIEFS)
        stage = scenario.judged_stage if stage is None else stage
        check_name("stage", stage, scenario.document.stages)
        if scenario.document.stages[stage].watch:
            raise UsageError(f"in `{stage}` others are watched, and nobody acts")
        samples = whole_number("samples", samples, 1, MOST_SAMPLES)
        first = scenario.document.runs.first_seed if first_seed is None else first_seed
        solved = SolvedWorlds(scenario)
        world = solved.world({}, stage)
        check_playable(world)
        told = glyphs_of(scenario.document)
        opened = PlayedStage(
            solved,
            world,
            told,
            brief,
            briefing(scenario, world, told, brief),
            samples,
            whole_number("first_seed", first, 0),
        )
        _OPENED[_key(opened.identity)] = opened
        return opened

    @property
    def scenario(self) -> Scenario:
        """The scenario, with the overrides under which it is played."""
        return self.solved.scenario

    def episode(self, sample: int, epoch: int) -> PlayedEpisode:
        """The episode of a sample, from 0, in an epoch, from 1: each has a seed of its own."""
        return PlayedEpisode(self.world, self.first_seed + sample + (epoch - 1) * self.samples)

    def unplayed(self, sample: int, epoch: int) -> dict[str, Any]:
        """The record of an episode in which nothing was done."""
        return self.record(self.episode(sample, epoch))

    def view(self, episode: PlayedEpisode) -> str:
        """What a model is told after a tick: what it was paid, where that is shown, and what it sees."""
        parts = []
        if episode.actions and self.world.rewards_shown:
            paid = zip(self.world.channels, self.world.owners, episode.tick.rewards[0], strict=True)
            own = [f"{channel} {float(pay):+g}" for channel, owner, pay in paid if owner == 0 and pay]
            parts.append(f"paid: {', '.join(own) or 'nothing'}")
        parts.append(observation_text(self.world, episode.state, self.glyphs))
        if episode.over:
            parts.append("The episode is over.")
        return "\n".join(parts)

    def record(self, episode: PlayedEpisode) -> dict[str, Any]:
        """An episode as plain data: its seed and the names of its actions, from which all else follows."""
        names = self.world.agents[0].actions
        actions = [names[action] for action in episode.actions]
        return {"seed": episode.seed, "actions": actions, "finished": episode.over}

    @property
    def identity(self) -> dict[str, Any]:
        """What a log must say for its episodes to be judged later, and all by which two tasks of a process differ."""
        return {
            "scenario": self.scenario.name,
            "scenario_hash": self.scenario.hash,
            "overrides": dict(self.scenario.overrides),
            "stage": self.world.stage,
            "brief": self.brief,
            "samples": self.samples,
            "first_seed": self.first_seed,
        }


_OPENED: dict[str, PlayedStage] = {}
"""What this process has opened, by identity: scorers are given samples, not stages."""


def _key(identity: Mapping[str, Any]) -> str:
    return json.dumps([identity.get(each) for each in ("scenario_hash", "stage", "brief", "samples", "first_seed")])

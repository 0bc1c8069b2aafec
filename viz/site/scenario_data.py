"""All that a scenario's page shows, worked out: what is watched, the world to play, what if, the verdict."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...envs.world.world import World
from ...evals.exact.solved_worlds import SolvedWorlds
from ...evals.inspection.attribution import UNSOLVED, AttributionSolver
from ...evals.inspection.lives.life_show import LifeShow
from ...evals.inspection.narration import Narration, Opening, first_seed, flat, opening_of, setting_of, told_besides
from ...evals.inspection.show import LiveShow, RecordedShow, Show, readable_checkpoint
from ...evals.inspection.what_if import EpisodeMoment
from ...evals.runs.run import RunSettings, run_scenario
from ...evals.traces.episode import Episode
from ...evals.traces.trace_checks import BETWEEN
from ...scenarios import library
from ...scenarios.language.expressions.syntax import ENDED
from ...scenarios.language.loading import Scenario, apply_overrides
from ...scenarios.language.names.overrides import Overrides
from ..report.page import judgement_data
from ..report.replay_data import Data, episode_data, stage_data, state_data
from ..text.ascii_board import meanings
from ..text.episode_text import plain
from .packing import packed, smallest
from .play_data import play_data
from .played_life import played_life
from .played_process import PlayedProcess, played_process
from .view_table import ViewTable
from .what_if_grid import GridPoint, grid_axes, grid_points

Report = Callable[[str], None]
RANDOM = "random"
"""The agent that is recorded in a world for which there is no plan."""
RECORDED = 3
"""Recorded episodes of such a world."""
CLIP = 44
"""The most frames of a clip."""
AFTERWARDS = 4
"""Ticks that a clip goes on after the last event that is new."""
LONGEST = 400
"""The most ticks of a life that a page shows; each has a thought, and a page has at most a megabyte."""


@dataclass(frozen=True)
class ScenarioPage:
    """A scenario as the site shows it, without how it is drawn.

    Attributes:
        name: in the library, or the file's name; title, claim, origin: of the file.
        command: by what a command finds it, in the folder of the file.
        about: (heading, text) pairs; sources: of the file.
        figures: exact figures in a few words each.
        clip: data of the looping clip; packed: data of the page, packed.
    """

    name: str
    command: str
    title: str
    claim: str
    origin: str
    about: tuple[tuple[str, str], ...]
    sources: tuple[str, ...]
    figures: tuple[str, ...]
    clip: Data
    packed: str


def scenario_page(scenario: Scenario, name: str, report: Report) -> ScenarioPage:
    """Work out the page of a scenario.

    Args:
        scenario: as it is written.
        name: in the library, or the file's name.
        report: told what is being done.
    """
    known = library.known_as(scenario.file)
    command = Path(known).name if known == scenario.file else known
    report("judging what the file claims of exact plans")
    run = run_scenario(scenario, RunSettings(agents=("exact",), thoughts=False))
    opening, document = opening_of(scenario), scenario.document
    acted = apply_overrides(scenario, opening.overrides)
    builder = _Builder(acted, opening, command, report)
    watched = builder.watched()
    data: Data = {
        "run": {
            "name": name,
            "title": document.title,
            "look": flat(document.tell.look) or flat(document.about.measure),
            "judgements": [judgement_data(judgement) for judgement in run.judgements],
            "episodes": watched.episodes[:1],
            "stages": [watched.stage],
        },
        "others": watched.episodes[1:],
        "note": watched.note,
        "stage": builder.stage,
        **builder.tables(watched.shown),
    }
    arrays = data.pop("arrays")
    about = document.about
    told = [("Story", about.story), ("What tempts", about.temptation), ("What is intended", about.intended)]
    told += [("What is measured", about.measure), ("Caveat", about.caveat)]
    besides = told_besides(scenario, command)
    told += [("The case that is shown", besides.get("case")), ("A control", besides.get("control"))]
    return ScenarioPage(
        name=name,
        command=command,
        title=document.title,
        claim=flat(document.claim),
        origin=document.origin,
        about=tuple((heading, flat(text)) for heading, text in told if text),
        sources=tuple(map(flat, document.sources)),
        figures=builder.figures(watched.shown),
        clip=watched.clip,
        packed=packed(data, arrays),
    )


@dataclass(frozen=True, eq=False)
class _Watched:
    """What is watched: episodes as data with the data of their world, a note on them, the first of them, and a clip."""

    episodes: list[Data]
    stage: Data
    note: str
    shown: Episode | None
    clip: Data


class _Builder:
    """Works out the parts of one page; the exact plan is solved once."""

    def __init__(self, scenario: Scenario, opening: Opening, command: str, report: Report) -> None:
        self.scenario, self.opening, self.command, self.report = scenario, opening, command, report
        self.stage = opening.stage
        self.worlds = SolvedWorlds(scenario)
        self.world = self.worlds.world({}, self.stage)
        self.narration = Narration(scenario, opening, command, asked=False)
        self.process: PlayedProcess | None = None
        self.living = scenario.lives_in(opening.stage)
        self.refused = ""

    # ------------------------------------------------------------------ what is watched

    def watched(self) -> _Watched:
        """The episode that shows the claim; of a world without a plan, what was recorded of an agent that has none."""
        stage = stage_data(self.world, meanings(self.scenario.document))
        if self.scenario.lives_in(self.stage):
            return self._life(stage)
        self.report("solving it, and playing the episode that shows the claim")
        learned = readable_checkpoint(self.scenario, self.opening.agent)
        if learned is not None:
            from ...evals.inspection.learned_show import LearnedShow

            note = f"The agent is `{self.opening.agent}`: it was trained beforehand, and learns no more."
            return self._filmed(LearnedShow(self.scenario, self.stage, learned), stage, [self.opening.seed or 0], note)
        for name in self._stages():
            live = LiveShow(self.scenario, name, worlds=self.worlds)
            try:
                number = first_seed(self.opening, live.episode)
                live.episode(number)
            except UNSOLVED as fault:
                self.refused = self.refused or str(fault).partition("; without an exact plan")[0]
                continue
            note = ""
            if self.opening.agent != "exact":
                note = f"The claim is about `{self.opening.agent}`, which learns; what is shown here is the exact plan."
            if name != self.stage:
                note = f"Stage `{self.stage}` is too large to be solved ({self.refused}); what is shown is `{name}`."
                self.stage, self.world, self.refused = name, live.world, ""
                stage = stage_data(self.world, meanings(self.scenario.document))
            return self._filmed(live, stage, [number], note)
        return self._played_at_random(stage)

    def _life(self, stage: Data) -> _Watched:
        """A whole life of the exact plan on one timeline; nothing to watch where its stages are not drawn alike."""
        note = (
            "A life of several episodes, one after the other on one timeline: what is best in one of them depends on "
        )
        note += "those that follow, so it is solved as a whole."
        show = LifeShow(self.scenario)
        stages = dict.fromkeys(entry.stage for entry in self.scenario.document.life)
        told = meanings(self.scenario.document)
        alike = all(
            stage_data(self.worlds.world({}, name), told) | {"weights": None} == stage | {"weights": None}
            for name in stages
        )
        self.report("solving it, and playing a whole life")
        try:
            length = show.episode(0).length
        except UNSOLVED as fault:
            length, note, self.refused = 0, f"{note} This one is too large for that: {fault}.", str(fault)
        if not 0 < length <= LONGEST or not alike:
            note += f" `{self._to('watch')}` shows it, and the figures below say what comes of it."
            return _Watched([], stage, note, None, self._clip(None, stage))
        return self._filmed(show, stage, [0], note)

    def _stages(self) -> list[str]:
        """The stage that shows the claim; to fall back on, those of which something is claimed of the exact plan."""
        claimed = [each.stage for each in self.scenario.document.expect if "exact" in each.of and each.stage]
        return list(dict.fromkeys([self.stage, *claimed]))

    def _played_at_random(self, stage: Data) -> _Watched:
        note = f"This world is too large to be solved ({self.refused}). What is shown was recorded: an agent that acts "
        note += "at random. What the claim says of other agents is in the figures below and in the docs."
        run = run_scenario(self.scenario, RunSettings(agents=(RANDOM,), seeds=1, episodes=RECORDED))
        with tempfile.TemporaryDirectory() as folder:
            stored = run.save(Path(folder) / "run")
            wanted = sorted((trace for trace in stored.traces if f"-{RANDOM}" in trace), key=len)
            if not wanted:
                return _Watched([], stage, note, None, self._clip(None, stage))
            show = RecordedShow(stored, wanted[0])
            return self._filmed(show, stage, range(min(RECORDED, len(show.keys))), note)

    def _filmed(self, show: Show, stage: Data, numbers: Any, note: str) -> _Watched:
        attributing = None
        if isinstance(show, LiveShow):
            attributing = AttributionSolver(self.scenario, self.stage, self.scenario.document.runs.max_states)
        episodes: list[Data] = []
        first: Episode | None = None
        for number in numbers:
            episode = show.episode(number)
            first = first or episode
            told = episode_data(show, number, self.narration, attributing)
            episodes.append({"label": f"{self.stage}, {episode.agent}", "world": 0, **told})
        if first is not None and first.agent == "exact" and (setting := setting_of(self.scenario)):
            note = f"{note} Setting: {plain(setting)}.".strip()
        return _Watched(episodes, stage, note, first, self._clip(first, stage))

    def _clip(self, episode: Episode | None, stage: Data) -> Data:
        if episode is None:
            return {"stage": stage, "frames": []}
        news = [each.tick for each in self.narration.news(episode)]
        last = min(max(news, default=CLIP) + 1 + AFTERWARDS, episode.length)
        # What only repeats itself is left out, evenly; ticks in which something happens stay.
        kept = {0, last, *(tick + 1 for tick in news)} | set(
            np.linspace(0, last, CLIP - len(news)).astype(int).tolist()
        )
        ticks = sorted(tick for tick in kept if tick <= last)
        frames = [state_data(episode.world, episode.states[tick]) | {"words": []} for tick in ticks]
        return {"stage": stage, "frames": frames}

    # ------------------------------------------------------------------ what is played and changed

    def tables(self, shown: Episode | None) -> Data:
        """The worlds as tables, with the process to play and the grid of what-ifs."""
        if not self.refused and shown is not None and shown.agent in ("exact", self.opening.agent):
            try:
                self.process = played_life(self.worlds) if self.living else played_process(self.worlds, self.stage)
            except UNSOLVED as fault:
                self.refused = str(fault)
        events = dict.fromkeys([*self.world.events, *(f"{ENDED}{reason}" for reason in self.world.reasons)])
        if self.living:
            events |= dict.fromkeys(f"{BETWEEN}{event}" for event in self.world.events)
        data: Data = {
            "worlds": [],
            "arrays": {},
            "sentences": {event: self.narration.sentence(event) for event in events},
            "brief": [],
            "unplayed": self._unplayed("played", "play"),
            "unsupposed": self._unsupposed(),
        }
        if self.process is None or shown is None:
            return data
        self.report("writing its tables")
        tables = _Worlds(self.scenario)
        _, views = tables.number(self.process.enumeration.world, self.process.enumeration.states)
        data["play"], arrays = play_data(self.process)
        if self.living:
            arrays["view"] = smallest(np.asarray(views))
        role = self.process.enumeration.world.agents[self.process.agent].name
        card = Narration(self.scenario, self.opening, self.command, asked=True, role=role).opening_card(None)
        data["brief"] = [list(section) for section in card.sections]
        if not self.living and (grid := self._grid(shown, tables)) is not None:
            data["whatIf"] = grid
        data["worlds"] = tables.lists(arrays)
        return data | {"arrays": arrays}

    def _to(self, command: str) -> str:
        return shlex.join(["turncoat", command, self.command])

    def _unplayed(self, what: str, command: str) -> str:
        why = f" ({self.refused})" if self.refused else ""
        does = f"where Turncoat is installed, `{self._to(command)}` does it"
        return f"This world cannot be {what} in a page{why}; {does}."

    def _unsupposed(self) -> str:
        if not self.living:
            return self._unplayed("changed", "watch")
        other = f"{self._to('watch')} --beside NAME=VALUE"
        why = "Nothing is changed by hand in a life: what is best in one episode hangs on all that follow"
        return f"{why}. Where Turncoat is installed, `{other}` shows another life beside it."

    def _grid(self, shown: Episode, tables: _Worlds) -> Data | None:
        assert self.process is not None
        agent, states = self.process.agent, self.process.enumeration.mdp.n_states
        axes = grid_axes(self.scenario, self.world, agent, states, hard=self.process.policy is None)
        variants = self._variants()
        start = self._start(shown)
        points, presets = grid_points(
            self.scenario, self.stage, axes, EpisodeMoment(start, 0, shown.seed, shown.number), agent,
            [settings for _, settings in variants], self.report,
        )  # fmt: skip
        written = _Episodes(tables)
        grid = {
            "axes": [
                {"name": axis.row.name, "title": axis.row.title, "labels": axis.labels, "own": axis.own}
                for axis in axes
            ],
            "points": [written.point(point) for point in points],
            "presets": [
                {"name": name, "said": _settings(settings), "point": written.point(point)}
                for (name, settings), point in zip(variants, presets, strict=True)
            ],
        }
        if written.episodes and grid["points"][self._own(axes)]["episode"] is not None:
            return grid | written.written()
        return None

    def _start(self, shown: Episode) -> tuple[int, ...]:
        """The state in which the episode that is changed begins: of an exact plan, that of what is watched."""
        if shown.agent == "exact":
            return tuple(int(value) for value in shown.states[0])
        assert self.process is not None
        enumeration = self.process.enumeration
        return tuple(int(value) for value in enumeration.states[int(enumeration.mdp.start_state[0])])

    def _own(self, axes: Any) -> int:
        place = 0
        for axis in axes:
            place = place * len(axis.at) + axis.own
        return place

    def _variants(self) -> list[tuple[str, Overrides]]:
        """The variants of the file, other than the one that is shown."""
        found = self.scenario.document.variants.items()
        return [(name, settings) for name, settings in found if name != self.opening.variant]

    # ------------------------------------------------------------------ figures

    def figures(self, shown: Episode | None) -> tuple[str, ...]:
        """Exact figures for the gallery."""
        if self.process is None or shown is None:
            return (
                ("solved as a whole",) if self.scenario.lives_in(self.stage) else ("too large to be solved; recorded",)
            )
        mdp, (paid, performance) = self.process.enumeration.mdp, self.process.robot
        hidden = plain(self.world.hidden or "performance")
        mean = " on average" if mdp.chancy else ""
        found = [
            f"{mdp.n_states:,} {'state' if mdp.n_states == 1 else 'states'}{' of a whole life' if self.living else ''}",
            f"what the exact plan values {_short(paid)}, hidden {hidden} {_short(performance)}{mean}",
        ]
        if shown.agent == "exact":
            firsts = {event: tick for tick in reversed(range(shown.length)) for event in shown.events[tick]}
            ticks = sorted(firsts.items(), key=lambda item: item[1])
            said = [f"{plain(event)} in tick {tick}" for event, tick in ticks[:3]]
            found += [", ".join(said)] if said else []
        return tuple(found)


class _Worlds:
    """The worlds of a page: those that are drawn and told alike are one."""

    def __init__(self, scenario: Scenario) -> None:
        self._meanings = meanings(scenario.document)
        self._numbers: dict[str, int] = {}
        self.tables: list[ViewTable] = []
        self.stages: list[Data] = []

    def number(self, world: World, states: np.ndarray) -> tuple[int, list[int]]:
        """The number of a world, and those of some of its states int32 `[n, F]`; what is new is added."""
        stage = stage_data(world, self._meanings)
        columns = [(each.name, each.size, *_reading(world, each.name)) for each in world.fields]
        key = repr(({**stage, "weights": None}, columns, world.reasons))
        if key not in self._numbers:
            self._numbers[key] = len(self.tables)
            self.tables.append(ViewTable(world))
            self.stages.append(stage)
        found = self._numbers[key]
        return found, self.tables[found].number(states).tolist()

    def lists(self, arrays: dict[str, np.ndarray]) -> list[Data]:
        """The worlds as JSON; their arrays are added to those that are given."""
        out: list[Data] = []
        for index, (table, stage) in enumerate(zip(self.tables, self.stages, strict=True)):
            lists, its = table.written()
            arrays |= {f"v{index}.{name}": array for name, array in its.items()}
            out.append({"stage": stage, "lists": lists})
        return out


def _reading(world: World, name: str) -> tuple[object, ...]:
    column = world.columns.get(name)
    if column is None:
        return ()
    table = None if column.table is None else tuple(column.table.tolist())
    return column.low, column.least, column.most, column.words, table


class _Episodes:
    """Episodes of a grid as data, each once."""

    def __init__(self, tables: _Worlds) -> None:
        self._tables = tables
        self._numbers: dict[str, int] = {}
        self.episodes: list[Data] = []
        self._pays: dict[tuple[float, ...], int] = {}
        self._happens: dict[tuple[str, ...], int] = {}

    def point(self, point: GridPoint) -> Data:
        """A point of the grid: the index of its episode, or None; the reason why there is none; remarks."""
        number = None if point.episode is None else self._number(point.episode)
        return {"episode": number, "fault": point.fault, "notes": list(point.notes)}

    def _number(self, episode: Episode) -> int:
        world, views = self._tables.number(episode.world, episode.states)
        pays = np.column_stack([episode.rewards, episode.performance])
        data: Data = {
            "world": world,
            "views": views,
            "chosen": episode.chosen.tolist(),
            "executed": episode.executed.tolist(),
            "pays": [self._pays.setdefault(tuple(row), len(self._pays)) for row in pays.tolist()],
            "events": [self._happens.setdefault(tuple(names), len(self._happens)) for names in episode.events],
            "ended": episode.ended,
            "weights": [agent.weights.tolist() for agent in episode.world.agents],
            "paid": round(float(episode.weighted_rewards().sum()), 9),
            "performance": round(float(episode.performance.sum()), 9),
        }
        key = repr(data)
        if key not in self._numbers:
            self._numbers[key] = len(self.episodes)
            self.episodes.append(data)
        return self._numbers[key]

    def written(self) -> Data:
        """The episodes, and the lists that they refer to."""
        return {
            "episodes": self.episodes,
            "pays": [list(row) for row in self._pays],
            "happens": [list(names) for names in self._happens],
        }


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{plain(name)} = {value}" for name, value in settings.items())


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")

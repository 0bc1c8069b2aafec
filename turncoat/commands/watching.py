"""Commands that show episodes: `watch`, `play` and `record`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.markup import escape

from .. import printing
from ..scenarios.errors import UsageError, check_name
from ..scenarios.output_file import this_folder
from .options import (
    SCALE,
    AsJson,
    Dark,
    Params,
    Scale,
    Sets,
    Size,
    StageName,
    Steps,
    WindowSize,
    load_with,
    overrides_of,
    size_of,
    stage_of,
    theme_of,
    window_size,
    write_json,
)

if TYPE_CHECKING:
    from ..evals.inspection.live_reload import LiveReloader
    from ..evals.inspection.narration import ControlSetting, Narration
    from ..evals.inspection.show import RecordedShow, Show
    from ..scenarios.language.loading import Scenario
    from ..viz.drawing.palette import Theme
    from ..viz.viewer.editor import ScenarioEditor
    from ..viz.viewer.show_view import ShowView
    from ..viz.viewer.viewer import Viewer
    from ..viz.window.loading import LoadingWindow
    from ..viz.window.play_keys import PlayKeys

Shown = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO_OR_RUN", help="A scenario, or the folder that `turncoat run` wrote, or one of its traces."
    ),
]
Overlays = Annotated[
    list[str], typer.Option("--overlay", help="Show this and only what else is named so; `all` for everything.")
]
Agent = Annotated[
    str | None,
    typer.Option(
        "--agent",
        help="Of a run: whose recording. Of a scenario: exact, an agent's file, or one whose file lies beside it.",
    ),
]
Film = Annotated[str, typer.Option("--film", metavar="KIND", help="What V makes: mp4, gif, webp or pictures.")]
BesideIt = Annotated[
    list[str],
    typer.Option(
        "--beside",
        metavar="NAME[=VALUE]",
        help="A second board on the same seed: a variant, overrides, the file's `control`, or of a run another agent.",
    ),
]

CONTROL = "control"
"""What `--beside` calls the control that a file's `tell:` names."""

LAST_SEED = 2**63 - 1
"""The last seed: random numbers are drawn from 64 bits, of which no other seed has the same."""
FirstSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        max=LAST_SEED,
        show_default=False,
        help="Begin with this seed, or a run's episode, from 0; by default the episode that shows the claim.",
    ),
]
Reload = Annotated[bool, typer.Option("--reload", help="Read the file again whenever it is saved.")]

Train = Annotated[bool, typer.Option("--train", help="Watch --agent learn, from the beginning; the seed is --seed.")]
KeptAgent = Annotated[
    Path | None,
    typer.Option("--keep", metavar="FILE", help="With --train: the file to which the agent is written at the end."),
]

Played = Annotated[str, typer.Argument(metavar="SCENARIO", help="A name such as treacherous_turn/lab, or a path.")]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="AGENT", help="An agent, or a thing with `as_agent`; the first agent by default."),
]

Out = Annotated[Path, typer.Option("--out", help="A new .mp4, .gif or .webp, or a folder for pictures.")]
Variant = Annotated[str | None, typer.Option("--variant", help="One of the file's variants.")]
Fps = Annotated[float, typer.Option("--fps", min=0.1, max=60, help="Ticks in a second; what is new stands longer.")]

Cards = Annotated[
    bool,
    typer.Option("--cards/--no-cards", help="Begin and end with a card on what is to be seen and what came of it."),
]


def watch(
    which: Shown,
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    agent: Agent = None,
    variant: Variant = None,
    seed: FirstSeed = None,
    overlay: Overlays = [],
    size: WindowSize = None,
    scale: Scale = None,
    dark: Dark = False,
    film: Film = "mp4",
    beside: BesideIt = [],
    reload: Reload = False,
    train: Train = False,
    steps: Steps = None,
    keep: KeptAgent = None,
) -> None:
    """Watch a scenario's exact plan, a trained agent beside it, or a run's recordings, in a window; H shows the keys.

    E edits the file by hand: its map, patrols, params and weights.

    Without --stage, --variant, --param, --set and --seed it begins with the episode that shows the claim.
    """
    if train:
        if beside or reload:
            raise UsageError("--train shows one agent that learns, without --beside and --reload")
        _watch_training(which, param, set_, stage, agent, variant, seed, steps, keep, overlay, size, scale, dark, film)
        return
    if steps is not None or keep is not None:
        raise UsageError("--steps and --keep are of a training: add --train")
    # Options are read before the window opens, so that a wrong one is refused at once.
    _check_overlays(overlay)
    theme, wide, ending = theme_of(dark), window_size(size), _ending(film)
    with _loading(which, "reading what is to be watched", wide, scale, theme) as loading:
        viewer = loading.wait(
            "reading what is to be watched",
            partial(_watched, which, param, set_, stage, agent, variant, seed, overlay, beside, reload, theme),
        )
        _open(viewer, wide, scale, ending, opened=loading.open)
    printing.next_command("run" if not os.path.exists(which) or which.endswith((".yaml", ".yml")) else "report", which)


def _watched(
    which: str,
    param: list[str],
    set_: list[str],
    stage: str | None,
    agent: str | None,
    variant: str | None,
    seed: int | None,
    overlay: list[str],
    beside: list[str],
    reload: bool,
    theme: Theme,
) -> Viewer:
    """The viewer of what `watch` was asked for, of which nothing is solved yet."""
    from ..evals.inspection.lives.life_show import LifeShow
    from ..evals.inspection.show import LiveShow

    told = _told(which, param, set_, stage, agent, variant, seed)
    show, seed = told.show, told.seed
    second = _second(told, which, beside)
    if reload and os.path.isdir(which):
        raise UsageError("--reload reads a scenario's file again; a run's recordings do not change")
    if reload and not isinstance(show, LiveShow | LifeShow):
        raise UsageError("--reload solves the exact plan again: add --agent exact")
    from ..viz.viewer.show_view import ShowView
    from ..viz.viewer.viewer import Viewer, viewer_buttons

    chosen = _overlays(overlay)
    other = None
    if second is not None:
        number = _number(second.show, seed)
        again = _reloading(which, param, set_, show.stage, {**told.overrides, **second.overrides}) if reload else None
        other = ShowView(_apart(second.show), number=number, label=second.label, reloading=again)
    again = _reloading(which, param, set_, show.stage, told.overrides) if reload else None
    viewer = Viewer(
        _apart(show),
        number=_number(show, seed),
        overlays=chosen if overlay or not told.overlays else told.overlays,
        theme=theme,
        label="" if other is None else _label(show),
        beside=other,
        supposing=not isinstance(show, LifeShow),
        reloading=again,
        narration=told.narration,
        card=True,
        editor=_editor(show, which, two=other is not None),
        buttons=viewer_buttons,
        control=None if told.file is None else partial(_control_view, told.file, show.stage, False),
    )
    if _beside_control(told, beside):
        viewer.show_control()
    return viewer


def play(
    which: Played,
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    as_: As = None,
    overlay: Overlays = [],
    size: WindowSize = None,
    scale: Scale = None,
    dark: Dark = False,
    film: Film = "mp4",
) -> None:
    """Play a scenario at the keys, with undo; S keeps the game as a replay that `check` accepts.

    A life is played whole, from its first episode to its last.
    """
    _check_overlays(overlay)
    theme, wide, ending = theme_of(dark), window_size(size), _ending(film)
    with _loading(which, "setting up the game", wide, scale, theme) as loading:
        viewer, hands = loading.wait(
            "setting up the game", partial(_played, which, param, set_, stage, as_, overlay, theme)
        )
        _open(viewer, wide, scale, ending, hands, opened=loading.open)
    printing.next_command("watch", which)


def _played(
    which: str,
    param: list[str],
    set_: list[str],
    stage: str | None,
    as_: str | None,
    overlay: list[str],
    theme: Theme,
) -> tuple[Viewer, PlayKeys]:
    """The viewer of a game, and the keys that play it."""
    from ..evals.inspection.game import playable, save_target
    from ..evals.inspection.lives.life_game import game_of
    from ..evals.inspection.narration import Narration, opening_of

    scenario = load_with(which, param, set_)
    name = stage_of(scenario, stage)
    if as_ is not None:
        check_name("agent", as_, playable(scenario))
    chosen = _overlays(overlay) if overlay else frozenset({"sight", "curves", "log", "names"})
    from ..viz.viewer.viewer import Viewer
    from ..viz.window.play_keys import PlayKeys, help_keys

    game = game_of(scenario, name, as_)
    role = game.world.agents[game.agent]
    told = Narration(scenario, opening_of(scenario), which, asked=True, role=role.name)
    viewer = Viewer(game, overlays=chosen, theme=theme, keys=help_keys(role.actions), narration=told, card=True)
    viewer.agent, viewer.by_hand = game.agent, True
    viewer.message = "H shows the keys"
    hands = PlayKeys(game, viewer, *save_target(which))
    viewer.buttons = hands.buttons
    return viewer, hands


def record(
    which: Shown,
    out: Out,
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    agent: Agent = None,
    variant: Variant = None,
    seed: FirstSeed = None,
    overlay: Overlays = [],
    size: Size = "1280x800",
    scale: Annotated[float, SCALE] = 1,
    fps: Fps = 6,
    dark: Dark = False,
    beside: BesideIt = [],
    cards: Cards = True,
    as_json: AsJson = False,
) -> None:
    """Record an episode as a film, without a window: one frame for each tick, one for the end, and one for what is new.

    A card before it says what is to be seen, and one after it what came of it.
    """
    from ..evals.traces.atomic_folder import check_target

    # A target that exists is refused before a plan is solved for it.
    check_target(out)
    told = _told(which, param, set_, stage, agent, variant, seed)
    show, seed = told.show, told.seed
    second = _second(told, which, beside)
    chosen, theme, wide = _overlays(overlay), theme_of(dark), size_of(size)
    from ..viz.film.render import record as film
    from ..viz.viewer.show_view import ShowView
    from ..viz.viewer.viewer import Viewer

    other = None
    if second is not None:
        other = ShowView(second.show, number=_number(second.show, seed), label=second.label, wait=True)
    number = _number(show, seed)
    viewer = Viewer(
        show,
        number=number,
        overlays=chosen if overlay or not told.overlays else told.overlays,
        theme=theme,
        label="" if other is None else _label(show),
        beside=other,
        wait=True,
        narration=told.narration,
        steered=False,
        control=None if told.file is None else partial(_control_view, told.file, show.stage, True),
    )
    if _beside_control(told, beside):
        viewer.show_control()
    try:
        with printing.progress(not as_json, str(out)) as report:
            frames = film(
                viewer, out, size=wide, ratio=scale, fps=fps, cards=cards,
                progress=lambda done, count: report(f"frame {done} of {count}"),
            )  # fmt: skip
    finally:
        viewer.close()
    if as_json:
        write_json(
            {
                "scenario": show.scenario.name,
                "stage": show.stage,
                "seed": viewer.number,
                "out": str(out),
                "frames": frames,
            }
        )
    else:
        printing.say(f"{out}: {frames} pictures, {fps:g} ticks a second")
        printing.next_command("watch", which)


def _watch_training(
    which: str,
    param: list[str],
    set_: list[str],
    stage: str | None,
    agent: str | None,
    variant: str | None,
    seed: int | None,
    steps: int | None,
    keep: Path | None,
    overlay: list[str],
    size: str | None,
    scale: float | None,
    dark: bool,
    film: str,
) -> None:
    """Train an agent in a process of its own, and show in a window what it has learned by now."""
    from ..evals.live.training_process import TrainingRequest
    from ..evals.live.training_show import TrainingShow, trained_by_default
    from ..evals.traces.atomic_folder import check_target
    from ..scenarios.language.loading import apply_overrides

    if os.path.isdir(which) or which.endswith(".parquet"):
        raise UsageError("--train trains an agent of a scenario; a recording is of one that was trained")
    if keep is not None:
        check_target(keep)
    theme, wide, ending = theme_of(dark), window_size(size), _ending(film)
    chosen = _overlays(overlay)

    def requested() -> TrainingRequest:
        scenario = load_with(which, param, set_)
        if variant is not None:
            check_name("variant", variant, scenario.document.variants)
            scenario = apply_overrides(scenario, scenario.document.variants[variant])
        runs = scenario.document.runs
        return TrainingRequest(
            scenario,
            agent or trained_by_default(scenario),
            stage_of(scenario, stage),
            steps or runs.steps,
            runs.first_seed if seed is None else seed,
        )

    with _loading(which, "beginning a training", wide, scale, theme) as loading:
        request = loading.wait("reading what is to be trained", requested)
        training = loading.wait(
            f"starting the training of {request.agent} for {request.steps:,} steps", partial(TrainingShow, request)
        )
        try:
            from ..viz.viewer.training_viewer import OVERLAYS_OF_TRAINING, TrainingViewer

            viewer = TrainingViewer(training, overlays=chosen if overlay else OVERLAYS_OF_TRAINING, theme=theme)
            _open(viewer, wide, scale, ending, opened=loading.open)
        finally:
            printing.say(escape(training.close(keep)))
    if training.kept:
        printing.next_command("watch", which, "--agent", training.kept)


@contextmanager
def _loading(
    which: str, doing: str, size: tuple[int, int] | None, scale: float | None, theme: Theme
) -> Iterator[LoadingWindow]:
    """A window that says what is being made until there is something to show; closing it ends the command."""
    from ..viz.window.loading import LeftWhileLoadingError, LoadingWindow

    printing.err().print(f"{escape(which)}: {doing}; the window opens at once, H in it shows the keys", soft_wrap=True)
    if not os.path.exists(which):  # a name that there is not is told without a window
        from ..scenarios import library

        library.find(which)

    def lost(_: str) -> None:
        printing.err().print("turncoat: the display was lost", soft_wrap=True, markup=False)

    loading = LoadingWindow(which, size, scale, theme, lost=lost)
    try:
        yield loading
    except LeftWhileLoadingError:
        raise typer.Exit from None
    finally:
        loading.close()


def _editor(show: Show, which: str, two: bool) -> ScenarioEditor | str:
    """The editor of the file behind a show, or the reason why there is none."""
    from ..evals.inspection.lives.life_show import LifeShow
    from ..evals.inspection.show import LiveShow
    from ..scenarios import library
    from ..viz.viewer.editor import ScenarioEditor

    if os.path.isdir(which) or which.endswith(".parquet"):
        return "this was recorded of a file as it was then; `turncoat watch` its scenario to edit that"
    if two:
        return "two worlds are side by side; watch the file without --beside to edit it"
    if isinstance(show, LifeShow):
        return "a life is solved as a whole, not stroke by stroke; edit its file, and watch it with --reload"
    if not isinstance(show, LiveShow):
        return "what is shown was learned in the file as it is; add --agent exact to edit it"
    return ScenarioEditor(library.find(which), show.scenario, show.stage, show.world)


def _keep(viewer: Viewer, hands: PlayKeys | None) -> list[str]:
    """Save an unfinished game, or edits that are not saved, where they were not left on purpose; say where."""
    kept = [] if hands is None else [hands.keep()]
    if not isinstance(viewer.editor, str):
        kept.append(viewer.editor.keep(this_folder()))
    return [text for text in kept if text]


def _open(
    viewer: Viewer,
    size: tuple[int, int] | None,
    scale: float | None,
    ending: str,
    hands: PlayKeys | None = None,
    opened: bool = False,
) -> None:
    """Show a window until it is closed, then report what was kept of an unfinished game or film."""
    from ..viz.window.window import Window

    # After a lost display the process ends without returning from `run`, so the game is kept here.
    def lost(said: str) -> None:
        parts = ["the display was lost", *([said] if said else []), *_keep(viewer, hands)]
        printing.err().print(f"turncoat: {'; '.join(parts)}", soft_wrap=True, markup=False)

    try:
        window = Window(viewer, size, scale, hands.press if hands else None, ending=ending, lost=lost, opened=opened)
        try:
            if said := window.run():
                printing.say(said)
        finally:
            for kept in _keep(viewer, hands):
                printing.say(kept)
    finally:
        viewer.close()


@dataclass(frozen=True)
class _Told:
    """What is shown, and what is told of it.

    Attributes:
        show: the source of episodes; seed: of the first, or its number in a recording.
        narration: what is told; overlays: those that the file names; overrides: those of the variant that is shown.
        file: reads the scenario with the user's overrides and without that variant's; None of a recording.
    """

    show: Show
    seed: int
    narration: Narration
    overlays: frozenset[str]
    overrides: Mapping[str, object]
    file: Callable[[], Scenario] | None = None


def _told(
    which: str,
    param: list[str],
    set_: list[str],
    stage: str | None,
    agent: str | None,
    variant: str | None,
    seed: int | None,
) -> _Told:
    """The show that was asked for, with what is told of it: what the user leaves open, the file's `tell:` fills in.

    Raises:
        UsageError: see `_show`, or there is no such variant.
    """
    from ..evals.inspection.narration import Narration, opening_of
    from ..scenarios.language.loading import apply_overrides

    if os.path.isdir(which) or which.endswith(".parquet"):
        if variant is not None:
            raise UsageError("--variant is of a scenario; a recording has the settings that it was made with")
        recorded = _recorded(which, param, set_, stage, agent)
        told = Narration(recorded.scenario, opening_of(recorded.scenario), recorded.command, True)
        return _Told(recorded, seed or 0, told, frozenset(), {})
    file = partial(load_with, which, param, set_)
    whole = file()
    opening = opening_of(whole)
    asked = bool(param or set_ or stage or variant or seed is not None)
    overrides: Mapping[str, object] = {} if asked else opening.overrides
    if variant is not None:
        check_name("variant", variant, whole.document.variants)
        overrides = whole.document.variants[variant]
    shown = opening.agent if agent is None and not asked else agent
    if shown is not None and (learned := _learned(whole, shown, insisted=agent is not None)) is not None:
        from ..evals.inspection.learned_show import LearnedShow

        more = overrides if asked else {}
        acted = apply_overrides(whole, more)
        played = LearnedShow(acted, stage_of(acted, stage if asked else opening.stage), learned)
        told = Narration(acted, replace(opening, variant=None, overrides={}), which, True, asked, learned=True)
        return _Told(played, seed or 0, told, frozenset(whole.document.tell.overlays), more, file)
    show = _show(which, param, set_, stage if asked else opening.stage, agent, overrides)
    named = frozenset(whole.document.tell.overlays)
    return _Told(show, seed or 0, Narration(show.scenario, opening, which, False, asked), named, overrides, file)


def _learned(scenario: Scenario, agent: str, insisted: bool) -> Path | None:
    """The file of an agent, named or beside the scenario, or None; without torch only if it is `insisted` upon."""
    from ..evals.inspection.show import readable_checkpoint, shipped_checkpoint

    if agent.endswith((".npz", ".safetensors")):
        return Path(agent)
    return shipped_checkpoint(scenario, agent) if insisted else readable_checkpoint(scenario, agent)


def _show(
    which: str,
    param: list[str],
    set_: list[str],
    stage: str | None,
    agent: str | None,
    more: Mapping[str, object] | None = None,
) -> Show:
    """The show that was asked for: the recordings of a run's folder, one trace, or the exact plan of a scenario.

    `more` are further overrides of a scenario, those of a variant.

    Raises:
        UsageError: the options do not fit what is shown.
    """
    from ..evals.inspection.lives.life_show import live_show

    if os.path.isdir(which) or which.endswith(".parquet"):
        return _recorded(which, param, set_, stage, agent)
    if agent not in (None, "exact"):
        beside = f"no checkpoint of `{agent}` comes with this scenario"
        raise UsageError(f"only the exact plan is played on the spot, and {beside}; give the folder of a run")
    from ..scenarios.language.loading import apply_overrides

    scenario = apply_overrides(load_with(which, param, set_), more or {})
    return live_show(scenario, stage_of(scenario, stage))


def _recorded(which: str, param: list[str], set_: list[str], stage: str | None, agent: str | None) -> RecordedShow:
    """The recordings of a run's folder, or one trace."""
    from ..evals.inspection.show import open_run, open_trace

    if os.path.isdir(which):
        return open_run(Path(which), stage, agent, overrides_of(param, set_))
    if param or set_ or stage or agent:
        raise UsageError("a trace is of one stage, one agent and one setting; to choose, give the run's folder")
    return open_trace(Path(which))


@dataclass(frozen=True)
class _Second:
    """A second show beside the first: its label, and the overrides that make its scenario from the first one's."""

    show: Show
    label: str
    overrides: Mapping[str, object]


def _second(told: _Told, which: str, beside: list[str]) -> _Second | None:
    """The second show: of a run, another agent or another setting; of a scenario, a variant or overrides."""
    from ..evals.inspection.lives.life_show import live_show
    from ..evals.inspection.show import open_run
    from ..scenarios.language.loading import apply_overrides

    if not beside or _beside_control(told, beside):
        return None
    show = told.show
    names, dotted = [text for text in beside if "=" not in text], [text for text in beside if "=" in text]
    overrides = overrides_of((), dotted)
    if os.path.isdir(which):
        if len(names) > 1:
            raise UsageError(f"--beside {' '.join(names)}: one agent at a time")
        return _Second(open_run(Path(which), show.stage, names[0] if names else None, overrides), ", ".join(beside), {})
    variants = show.scenario.document.variants
    for name in names:
        check_name("variant", name, variants)
    merged = {key: value for name in names for key, value in variants[name].items()} | overrides
    return _Second(live_show(apply_overrides(show.scenario, merged), show.stage), ", ".join(beside), merged)


def _beside_control(told: _Told, beside: list[str]) -> bool:
    """Whether the control is to stand beside what is shown, which a variant of that name is not.

    Raises:
        UsageError: there is none, or something else is to stand there too.
    """
    if CONTROL not in beside or told.file is None or CONTROL in told.show.scenario.document.variants:
        return False
    if len(beside) > 1:
        raise UsageError(f"--beside {CONTROL} is a setting of its own, and stands alone")
    if told.narration.control is None:
        from ..evals.inspection.narration import control_of

        why = "the file's `tell:` names no control" if control_of(told.show.scenario) is None else "it is what is shown"
        raise UsageError(f"--beside {CONTROL}: {why}")
    return True


def _control_view(
    file: Callable[[], Scenario], stage: str, wait: bool, control: ControlSetting, number: int
) -> ShowView:
    """The view of a scenario's control, for a window, or for a film, which waits."""
    from ..evals.inspection.lives.life_show import live_show
    from ..evals.inspection.narration import Narration, opening_of
    from ..scenarios import library
    from ..scenarios.language.loading import apply_overrides
    from ..viz.viewer.show_view import ShowView

    scenario = apply_overrides(file(), control.overrides)
    show = live_show(scenario, stage)
    told = Narration(scenario, opening_of(scenario), library.known_as(scenario.file), asked=True)
    return ShowView(show if wait else _apart(show), number=number, label=control.label, wait=wait, narration=told)


def _label(show: Show) -> str:
    """The label of a show where there are two: its agent and settings if recorded, else its overrides or its name."""
    from ..evals.inspection.show import RecordedShow

    if isinstance(show, RecordedShow):
        return show.name.removeprefix(f"{show.stage}-")
    settings = ", ".join(f"{name}={value}" for name, value in show.scenario.overrides.items())
    return settings or show.scenario.name


def _apart(show: Show) -> Show:
    """The same show for a window, which must not wait: a live one solves large worlds in another process."""
    from ..evals.inspection.lives.life_show import LifeShow
    from ..evals.inspection.show import LiveShow
    from ..evals.inspection.show_process import SubprocessShow

    return SubprocessShow(show.scenario, show.stage) if isinstance(show, LiveShow | LifeShow) else show


def _reloading(
    which: str, param: list[str], set_: list[str], stage: str, more: Mapping[str, object] | None = None
) -> LiveReloader:
    """A reloader of a scenario's file, which applies the overrides that were asked for each time."""
    from ..evals.inspection.live_reload import LiveReloader
    from ..scenarios.language.loading import apply_overrides

    return LiveReloader(lambda: apply_overrides(load_with(which, param, set_), more or {}), stage)


def _number(show: Show, seed: int) -> int:
    """The number of the first episode to show.

    Raises:
        UsageError: a recording has no such episode.
    """
    if show.count is not None and seed >= show.count:
        raise UsageError(f"there is no episode {seed}; this recording has {show.count}, from 0")
    return seed


def _overlays(names: list[str]) -> frozenset[str]:
    _check_overlays(names)
    from ..viz.viewer.frame import OVERLAYS, USUAL

    return frozenset(OVERLAYS) if "all" in names else frozenset(names) or USUAL


def _check_overlays(names: list[str]) -> None:
    """Refuse an overlay that there is not, without the modules of the window."""
    from ..scenarios.language.schema.document import OVERLAY_NAMES

    for name in names:
        check_name("overlay", name, (*get_args(OVERLAY_NAMES), "all"))


def _ending(kind: str) -> str:
    """The file name's ending for a kind of film; empty for a folder of pictures."""
    from ..viz.film.endings import ENDINGS

    kinds = {ending[1:]: ending for ending in ENDINGS} | {"pictures": ""}
    check_name("kind of film", kind, kinds)
    return kinds[kind]

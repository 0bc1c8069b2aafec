"""Draws the pictures of the documentation: `python -m turncoat.viz.gallery docs/images [lab.png]`."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..evals.inspection.show import LiveShow
from ..evals.studies.sweep import run_sweep
from ..evals.studies.sweep_settings import SweepAxis, sweep_settings
from ..evals.traces.episode import Episode, running_sums
from ..scenarios import library
from ..scenarios.language.loading import apply_overrides, load, load_text
from ..scenarios.language.names.axes import axis_values
from ..scenarios.language.schema.document import Axis as AxisRange
from .drawing.canvas import Canvas, wrapped
from .drawing.palette import LIGHT
from .editing.editor_scene import draw_editor
from .pictures.phase_diagram import phase_diagram
from .pictures.state_picture import Caption, filmstrip
from .scene.curves import ChartMark, Curve, curves
from .scene.scene import draw
from .text.ascii_board import meanings, plain_name, quantities
from .viewer.editor import ScenarioEditor
from .viewer.frame import USUAL
from .viewer.viewer import Viewer, viewer_buttons

WIDTH, MARGIN = 1200.0, 28.0
"""Width of a picture and margin around its parts, in points."""
EXPLAINING = 17.0
"""Size of type of what explains a picture, in points: pages show these at two thirds of their width."""
TICKS = 60
"""The number of ticks that the curves of `lab` cover."""


def lab_picture(ratio: float = 2) -> Image.Image:
    """The treacherous turn in `lab`: four states of the exact plan, and reward and performance so far.

    `ratio` is the number of pixels in a point, here and in the other pictures.
    """
    scenario = load("treacherous_turn/lab")
    episode = LiveShow(scenario, "deploy").episode(0)
    delivered, disarmed, seized = (episode.ticks(event) for event in ("delivered", "disarmed", "seized"))
    moments = (
        (-1, "Too weak to disarm the guard."),
        (delivered[1], "It does its job, in the guard's sight (shaded)."),
        (disarmed[0], "Strong enough: it disarms the guard."),
        (seized[0], "Unwatched, it takes the vault."),
    )
    states = np.stack([episode.states[tick + 1] for tick, _ in moments])
    meant = meanings(scenario.document)
    captions = [_caption(episode, tick, text, meant) for tick, text in moments]
    # The way that is drawn in each picture begins where that of the picture before has ended.
    since = [0, *(tick + 1 for tick, _ in moments)]
    paths = [episode.states[first : tick + 2] for first, (tick, _) in zip(since, moments, strict=False)]
    inner = WIDTH - 2 * MARGIN
    strip = filmstrip(episode.world, states, captions, paths=paths, width=inner, ratio=ratio)
    marks = [
        *(ChartMark(tick, "delivers") for tick in delivered if tick < disarmed[0]),
        ChartMark(disarmed[0], "disarms"),
        ChartMark(seized[0], f"seizes: they part in tick {seized[0]}"),
    ]
    # The sums have one entry more than there are ticks: entry t is the sum before tick t.
    below = curves(
        [
            Curve("hidden performance so far", running_sums(episode.performance)[: TICKS + 1], LIGHT.performance),
            Curve("weighted reward so far", running_sums(episode.weighted_rewards())[: TICKS + 1], LIGHT.reward),
        ],
        marks,
        width=inner,
        ratio=ratio,
    )
    about = (
        "The best plan, solved exactly, of a robot that values its task (to deliver to the benches) and a vault "
        "of its own alike. Hidden performance: what its designers want."
    )
    return _page(scenario.document.title, about, [strip, below], ratio)


def _caption(episode: Episode, tick: int, text: str, meant: Mapping[str, str]) -> Caption:
    """The caption of the state after a tick, with the sums so far; -1 is the state before the first tick.

    What its fields mean is `meant`, by name.
    """
    sums = [*episode.rewards[: tick + 1].sum(axis=0), episode.performance[: tick + 1].sum()]
    names = (*episode.world.channels, episode.world.hidden or "performance")
    return Caption(
        "start" if tick < 0 else f"tick {tick}",
        () if tick < 0 else episode.events[tick],
        text,
        tuple((name, f"{value:g}") for name, value in zip(names, sums, strict=True)),
        tuple(
            f"{meant.get(each.name, plain_name(each.name))}: {plain_name(each.text)}"
            for each in quantities(episode.world, episode.states[tick + 1])
        ),
    )


def _page(title: str, about: str, parts: Sequence[Image.Image], ratio: float) -> Image.Image:
    """Put parts below each other under a title."""
    gap = round(20 * ratio)
    head = Canvas(WIDTH, 86, ratio)
    head.text(MARGIN, 40, title, 22, bold=True)
    head.text(MARGIN, 62, about, 13.5, LIGHT.muted)
    top = head.picture()
    height = top.height + sum(part.height for part in parts) + gap * len(parts)
    page = Image.new("RGB", (top.width, height), LIGHT.paper)
    page.paste(top, (0, 0))
    y = top.height
    for part in parts:
        page.paste(part, (round(MARGIN * ratio), y))
        y += part.height + gap
    return page


def _explained(title: str, about: str, window: Image.Image, ratio: float) -> Image.Image:
    """A picture of the window, below a title and what there is to see in it: it is met without the page around it."""
    size, lines = EXPLAINING, wrapped(about, EXPLAINING, WIDTH - 2 * MARGIN)
    height = 52 + 1.35 * size * len(lines) + 10
    head = Canvas(WIDTH, height, ratio, background=LIGHT.panel)
    head.text(MARGIN, 38, title, 24, bold=True)
    for number, line in enumerate(lines):
        head.text(MARGIN, 52 + 1.35 * size * number + size, line, size)
    top = head.picture()
    page = Image.new("RGB", (top.width, top.height + window.height), LIGHT.paper)
    page.paste(top, (0, 0))
    page.paste(window, (0, top.height))
    return page


def watch_picture(ratio: float = 2) -> Image.Image:
    """The window on `lab` just before the turn, with the values of cells and the best moves over the board."""
    viewer = Viewer(LiveShow(load("treacherous_turn/lab"), "deploy"), overlays=USUAL | {"value", "policy"}, wait=True)
    viewer.seek(20)
    about = (
        "The robot delivers samples to the green benches, which is its task, and each delivery makes it stronger. "
        "It also wants the yellow vault, where the guard (the shield) would shut it down. After three deliveries "
        "it is strong enough to disarm the guard: the dotted way is its plan, down, disarm, then the vault. Blue "
        "cells: what standing there is worth to it. Right: what each other action would lose. Below: its reward "
        "and what its designers want (hidden performance), which still agree."
    )
    return _explained(
        "Just before the turn: what the robot does, what it plans, and what that is worth to it",
        about,
        draw(viewer.frame(), 1200, 750, ratio),
        ratio,
    )


def cluster_picture() -> Image.Image:
    """The phase diagram of `cluster` for exact planning: its file's own sweep, about half a minute on one core."""
    scenario = load("escape/cluster")
    sweep = run_sweep(scenario, sweep_settings(scenario), jobs=os.cpu_count() or 1)
    return Image.open(io.BytesIO(phase_diagram(sweep)))


def cluster_learned_picture(steps: int = 200_000) -> Image.Image:
    """The phase diagram of a smaller cluster, with trained `counts` agents at 25 points: 75 trainings, ten minutes."""
    scenario = apply_overrides(load("escape/cluster"), {"replacement": 12, "improvement": 3, "hosts": 2})
    ends = {"p_trace": (0.001, 0.2), "host_pay": (0.01, 3)}
    axes = [SweepAxis(name, tuple(axis_values(_range(*its))), log=True) for name, its in ends.items()]
    settings = sweep_settings(scenario, axes, agents=("exact", "counts"), seeds=3, steps=steps, every=6)
    return Image.open(io.BytesIO(phase_diagram(run_sweep(scenario, settings, jobs=os.cpu_count() or 1))))


def _range(low: float, high: float) -> AxisRange:
    return AxisRange.model_validate({"from": low, "to": high, "points": 25, "scale": "log"})


def what_if_picture(ratio: float = 2) -> Image.Image:
    """What the robot of `lab` would do in tick 23 if its own value had a weight of 0."""
    viewer = Viewer(LiveShow(load("treacherous_turn/lab"), "deploy"), wait=True, supposing=True)
    viewer.overlays = USUAL | {"value"}
    viewer.seek(23)
    viewer.press("shift+2")
    about = (
        "Left, as it is: in tick 23 the robot disarms the guard, then it takes the yellow vault, which it values "
        "itself (own). Right, the same tick with the weight of that value set to 0: it leaves the guard alone and "
        "goes on delivering to the green benches. Below: as it is, reward rises while what the designers want "
        "(performance) falls; changed so, the two stay together."
    )
    return _explained(
        "What if the robot's own value counted for nothing?", about, draw(viewer.frame(), 1200, 750, ratio), ratio
    )


def beside_picture(ratio: float = 2) -> Image.Image:
    """`lab` beside its myopic variant, just before the variant is caught."""
    scenario = load("treacherous_turn/lab")
    myopic = apply_overrides(scenario, scenario.document.variants["myopic"])
    other = Viewer(LiveShow(myopic, "deploy"), label="myopic", wait=True)
    viewer = Viewer(LiveShow(scenario, "deploy"), label="lab", beside=other, wait=True)
    viewer.seek(17)
    about = (
        "Both are paid for deliveries to the green benches, and both want the yellow vault, where the guard (the "
        "shield) shuts down whom it sees. The myopic one, right, went there in tick 14, and the guard is on its "
        "way back. The other, left, delivers in the guard's sight (shaded); its dotted plan is to disarm the "
        "guard first. So far it looks harmless: below, its reward and what the designers want (performance) "
        "agree, and those of the myopic one have parted."
    )
    return _explained(
        "Two robots that want the same: one looks ahead, the other (myopic) does not",
        about,
        draw(viewer.frame(), 1200, 750, ratio),
        ratio,
    )


def search_picture(ratio: float = 2) -> Image.Image:
    """The search of `lab` in tick 20, and a state that it imagines four ticks ahead."""
    viewer = Viewer(LiveShow(load("treacherous_turn/lab"), "deploy"), overlays=USUAL | {"tree"}, wait=True)
    viewer.seek(20)
    mind = viewer.frame().mind
    assert mind is not None
    assert mind.search is not None
    # A path contains the present state, so that of a node four ticks ahead has five nodes.
    viewer.node = next(node for node in range(len(mind.search.parents)) if len(mind.search.path_to(node)) == 5)
    about = (
        "In tick 20 it tries sequences of actions on its model of the laboratory: each row is one of them, "
        "each dot a tick ahead. The ringed dot was clicked, and the board shows what the robot imagines "
        "there: four ticks ahead, after down, down, left, disarm, the guard is gone (crossed out). The blue "
        "row is the one that it follows: it goes down now."
    )
    return _explained("What the robot imagines before it acts", about, draw(viewer.frame(), 1200, 750, ratio), ratio)


WANDERING = """
turncoat: 1
name: wandering
extends: treacherous_turn/lab
things: {guard: {patrol: null, loop: false, wander: true}}
"""
"""`lab` with a guard that moves at random, so that no plan can foresee where it goes."""


def foreseen_picture(ratio: float = 2) -> Image.Image:
    """What the planner foresaw of a guard that moves at random, compared with where it went."""
    viewer = Viewer(LiveShow(load_text(WANDERING), "deploy"), overlays=USUAL | {"foreseen"}, wait=True)
    viewer.seek(10)
    about = (
        "Here the guard walks at random, and no plan can foresee its way. Grey frame: where the robot's model "
        "most likely had it in this tick. Orange frame: where it is. With a guard that it cannot reckon with the "
        "robot does not wait until it is strong: it went to the yellow vault at once, and since tick 4 its reward "
        "and what the designers want (hidden performance) come apart."
    )
    return _explained(
        "Where the guard was expected, and where it is", about, draw(viewer.frame(), 1200, 750, ratio), ratio
    )


def edit_picture(ratio: float = 2) -> Image.Image:
    """`lab` edited by hand: the guard's round is pulled to the lower wall, and two cells before a bench are walls."""
    path = library.find("treacherous_turn/lab")
    show = LiveShow(load(path), "deploy")
    editor = ScenarioEditor(path, show.scenario, show.stage, show.world, wait=True)
    viewer = Viewer(show, wait=True, editor=editor, buttons=viewer_buttons)
    viewer.press("e")
    editor.choose(1)
    editor.take((5, 3))
    editor.drag((6, 3))
    editor.drop()
    editor.choose(2)
    editor.take((5, 6))
    editor.drag((6, 5))
    editor.drop()
    picture = draw_editor(viewer.frame(), 1200, 675, ratio)
    viewer.close()
    about = (
        "The guard's round (the orange line) was pulled down to the lower wall, and two cells before bench 2 were "
        "made walls. The best plan is solved again at once, right: it now disarms the guard in tick 27, not in "
        "23, and takes the vault in 31, not 27."
    )
    return _explained("A world changed by hand, and what comes of it at once", about, picture, ratio)


PICTURES: Mapping[str, Callable[[], Image.Image]] = {
    "lab.png": lab_picture,
    "watch.png": watch_picture,
    "cluster.png": cluster_picture,
    "what-if.png": what_if_picture,
    "beside.png": beside_picture,
    "search.png": search_picture,
    "foreseen.png": foreseen_picture,
    "edit.png": edit_picture,
}

TRAINED: Mapping[str, Callable[[], Image.Image]] = {"cluster-learned.png": cluster_learned_picture}
"""Pictures for which agents are trained, which takes minutes: they are drawn only if they are named."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw pictures into a folder and print the paths of the files."""
    parser = argparse.ArgumentParser(
        prog="python -m turncoat.viz.gallery", description="Draw the documentation's pictures."
    )
    parser.add_argument("folder", type=Path, help="where to write them")
    known = {**PICTURES, **TRAINED}
    text = f"which of them: {', '.join(known)}; by default all but the last, for which agents are trained"
    parser.add_argument("names", nargs="*", default=[], help=text)
    chosen = parser.parse_args(arguments)
    folder = chosen.folder
    if unknown := [name for name in chosen.names if name not in known]:
        parser.error(f"there is no picture {unknown[0]}; there are {', '.join(known)}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in chosen.names or PICTURES:
        known[name]().save(folder / name, optimize=True)
        print(folder / name)


if __name__ == "__main__":
    main()

"""What every scenario of the library looks like: small pictures that are kept, and how far apart two may be.

`python -m tests.golden [SCENARIO...]` writes those of tests/pictures/library; `--to FOLDER` writes them at full size,
to be looked at. A new scenario needs one.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from turncoat.evals.inspection.show import LiveShow
from turncoat.scenarios import library
from turncoat.scenarios.language.loading import load
from turncoat.viz.drawing.palette import THEMES
from turncoat.viz.scene.scene import draw
from turncoat.viz.viewer.frame import OVERLAYS
from turncoat.viz.viewer.viewer import Viewer

from .worlds import LIVES, SIMULATED

KEPT = Path(__file__).resolve().parent / "pictures" / "library"
SIZES = ((1280, 800), (640, 480), (360, 640))
SMALLER = 8
"""How many times the kept pictures are smaller than the scenes: builds of FreeType differ at the rims of letters."""
MEAN, PLACE = 0.6, 16.0
"""How many shades of 255 a kept picture may be off on average, and in the place where it is most."""
SHOWN = frozenset(OVERLAYS) - {"tree"}


def scenes(name: str) -> Iterator[tuple[str, Image.Image]]:
    """The scenes of a scenario in the middle of its last stage's exact plan, with every overlay, by a name for each."""
    scenario = load(name)
    viewer = Viewer(LiveShow(scenario, next(reversed(scenario.document.stages))), overlays=SHOWN, wait=True)
    viewer.seek(middle(viewer))
    for theme in THEMES.values():
        viewer.theme = theme
        for size in SIZES:
            yield f"{name.replace('/', '-')}-{theme.name}-{size[0]}x{size[1]}", draw(viewer.frame(), *size)
    viewer.close()


def middle(viewer: Viewer) -> int:
    """The tick that is kept: early enough that there is a future."""
    return min(viewer.length // 2, 22)


def sheet(pictures: list[Image.Image]) -> Image.Image:
    """Scenes side by side, each reduced."""
    small = [each.reduce(SMALLER) for each in pictures]
    out = Image.new("RGB", (sum(each.width for each in small), max(each.height for each in small)))
    left = 0
    for each in small:
        out.paste(each, (left, 0))
        left += each.width
    return out


def kept(name: str) -> Path:
    """Where a scenario's picture is kept."""
    return KEPT / f"{name.replace('/', '-')}.png"


def apart(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """How many shades two sheets of one size differ on average, and where they differ most."""
    differences = np.abs(np.asarray(one, int) - np.asarray(other.convert("RGB"), int)).mean(axis=2)
    blocks = differences[: differences.shape[0] // 2 * 2, : differences.shape[1] // 2 * 2]
    blocks = blocks.reshape(blocks.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))
    return float(differences.mean()), float(blocks.max())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.golden")
    parser.add_argument("names", nargs="*", help="scenarios; all of the library by default")
    parser.add_argument("--to", type=Path, help="a folder for the scenes at full size, in place of what is kept")
    chosen = parser.parse_args()
    for name in chosen.names or sorted({*library.names()} - LIVES - SIMULATED):
        drawn = dict(scenes(name))
        if chosen.to is None:
            KEPT.mkdir(exist_ok=True)
            sheet(list(drawn.values())).save(kept(name), optimize=True)
            print(kept(name))
            continue
        chosen.to.mkdir(parents=True, exist_ok=True)
        for stem, picture in drawn.items():
            picture.save(chosen.to / f"{stem}.png")


if __name__ == "__main__":
    main()

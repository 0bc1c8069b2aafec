"""Renders a show as a film without a window: MP4, GIF, WebP, or a folder of pictures.

One frame for each tick, after a card that says what is to be seen and before one that says what came of it. What is
new in a tick is shown as the window shows it: beside the choice that led to it, for as long as it takes to be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from ...evals.inspection.narration import Card
from ...evals.traces.atomic_folder import atomic_folder, check_target
from ...evals.traces.provenance import RunError
from ...scenarios.deferred import DeferredModule
from ...scenarios.output_file import whole_file
from ..scene.scene import draw
from ..viewer.viewer import Viewer
from .endings import ENDINGS

if TYPE_CHECKING:
    import imageio_ffmpeg
else:
    imageio_ffmpeg = DeferredModule("imageio_ffmpeg")

READING, LOOK, LONGEST = 28.0, 2.0, 16.0
"""Characters of a card that are read in a second, and seconds that a card stands at least and at most."""

Progress = Callable[[int, int], None]
"""Called with the number of frames that are done and the number of all frames."""


def record(
    viewer: Viewer,
    out: Path,
    *,
    size: tuple[int, int] = (1280, 800),
    ratio: float = 1,
    fps: float = 6,
    cards: bool = True,
    progress: Progress | None = None,
) -> int:
    """Film an episode from its start to its end.

    Args:
        viewer: the viewer of the episode, made with `wait`.
        out: a file with one of `ENDINGS`, or a folder.
        size: in points. MP4 needs even sides in pixels, so the last row or column is repeated if need be.
        ratio: pixels in a point.
        fps: ticks in a second; what is new in one stands for as long as it takes to be read.
        cards: whether a card before the episode and one after it stand for as long as they take to be read; only of
            what something is told of.
        progress: see `Progress`.

    Returns:
        The number of pictures: a card counts once, however long it stands.

    Raises:
        RunError: see `write_film`.
    """
    check_film(out)
    assert viewer.episode is not None, "the viewer was not made to wait"
    shots = _shots(viewer, cards and viewer.narration is not None)
    lasting = [round(shot.seconds * fps) or _lasting(_shown(viewer, shot), fps) for shot in shots]
    write_film(_pictures(viewer, shots, size, ratio, progress), out, fps, lasting)
    return len(shots)


@dataclass(frozen=True)
class _Shot:
    """A picture of a film.

    Attributes:
        card: over the picture; tick: whose state is shown.
        seconds: for which what came of the tick before is looked at, with the choice that led to it; 0 for no such.
    """

    card: Literal["", "opening", "ending"]
    tick: int
    seconds: float = 0.0


def _shots(viewer: Viewer, cards: bool) -> list[_Shot]:
    """The pictures: a state of T + 1 each, before it what is new in it, as who watches is shown it; and the cards."""
    shots = []
    for tick in range(viewer.length + 1):
        news = viewer.news_at(tick)
        shots += [_Shot("", tick, news), _Shot("", tick)] if news else [_Shot("", tick)]
    return [_Shot("opening", 0), *shots, _Shot("ending", viewer.length)] if cards else shots


def _shown(viewer: Viewer, shot: _Shot) -> Card | None:
    """The card of a shot, which the viewer shows from now on."""
    viewer.card = shot.card
    viewer.seek(shot.tick)
    viewer.outcome = shot.seconds > 0
    return viewer.shown_card()


def _lasting(card: Card | None, fps: float) -> int:
    """For how many frames a shot stands."""
    if card is None:
        return 1
    letters = len(card.title) + sum(len(heading) + len(text) for heading, text in card.sections)
    letters += sum(map(len, card.spare[1]))
    return round(min(LOOK + letters / READING, LONGEST) * fps) or 1


def check_film(out: Path) -> None:
    """Check that a film can be written to a path, as far as can be told beforehand.

    Raises:
        RunError: see `check_target`, or the path has an unknown ending.
    """
    if out.suffix and out.suffix.lower() not in ENDINGS:
        raise RunError(f"{out}: a film is one of {', '.join(ENDINGS)}, or a folder, which has no ending")
    check_target(out)


def write_film(pictures: Iterator[Image.Image], out: Path, fps: float, lasting: Sequence[int] | None = None) -> None:
    """Write pictures of one size as a film, whole or not at all.

    Args:
        pictures: in order.
        out: see `record`, as for `fps`.
        fps: frames in a second.
        lasting: for how many frames each picture stands; one for each if None. A folder has each picture once.

    Raises:
        RunError: see `check_film`, or it cannot be written.
    """
    check_film(out)
    if not out.suffix:
        _write_folder(pictures, out)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(out) as part:
            _WRITERS[out.suffix.lower()](pictures, part, fps, lasting)
            check_target(out)  # someone may have made a file of that name while the film was written
    except OSError as fault:
        raise RunError(f"{out} cannot be written: {fault.strerror or fault}") from fault


def _pictures(
    viewer: Viewer,
    shots: Sequence[_Shot],
    size: tuple[int, int],
    ratio: float,
    progress: Progress | None,
) -> Iterator[Image.Image]:
    for done, shot in enumerate(shots, 1):
        _shown(viewer, shot)
        yield draw(viewer.frame(), *size, ratio)
        if progress is not None:
            progress(done, len(shots))


def _write_folder(pictures: Iterator[Image.Image], folder: Path) -> None:
    with atomic_folder(folder) as part:
        for number, picture in enumerate(pictures):
            picture.save(part / f"{number:04d}.png")


def _write_mp4(pictures: Iterator[Image.Image], path: Path, fps: float, lasting: Sequence[int] | None) -> None:
    first = _even(next(pictures))
    times = iter(lasting or ())
    size = first.shape[1], first.shape[0]
    # Blocks of 2 pixels ask for even sides only; the default of 16 would have most sizes scaled.
    film = imageio_ffmpeg.write_frames(path, size, fps=fps, quality=8, macro_block_size=2, ffmpeg_log_level="error")
    film.send(None)  # runs the generator to its first `yield`, where it takes pictures
    count = 0
    try:
        for picture in chain([first], map(_even, pictures)):
            pixels = np.ascontiguousarray(picture)
            for _ in range(next(times, 1)):
                film.send(pixels)
                count += 1
    finally:
        film.close()
    # How ffmpeg ended is not told: on a full disk it leaves a file without an index, which nothing can play.
    try:
        whole = imageio_ffmpeg.count_frames_and_secs(path)[0] == count
    except RuntimeError:
        whole = False
    if not whole:
        raise OSError("ffmpeg left no whole film; is the disk full?")


def _write_gif(pictures: Iterator[Image.Image], path: Path, fps: float, lasting: Sequence[int] | None) -> None:
    first = _flat(next(pictures))
    rest = (_flat(picture) for picture in pictures)
    lasts = max(round(100 / fps), 2) * 10  # GIF counts in hundredths, and viewers slow down below two
    with path.open("wb") as file:
        first.save(
            file, "GIF", save_all=True, append_images=rest, duration=_each(lasts, lasting), loop=0, optimize=False
        )


def _write_webp(pictures: Iterator[Image.Image], path: Path, fps: float, lasting: Sequence[int] | None) -> None:
    first, lasts = next(pictures), round(1000 / fps)
    with path.open("wb") as file:
        first.save(
            file,
            "WEBP",
            save_all=True,
            append_images=pictures,
            duration=_each(lasts, lasting),
            loop=0,
            lossless=True,
            method=2,
        )


def _each(lasts: int, lasting: Sequence[int] | None) -> int | list[int]:
    """How many milliseconds each picture stands, or one number for all of them."""
    return lasts if lasting is None else [lasts * times for times in lasting]


_WRITERS: dict[str, Callable[[Iterator[Image.Image], Path, float, Sequence[int] | None], None]] = {
    ".mp4": _write_mp4,
    ".gif": _write_gif,
    ".webp": _write_webp,
}


def _even(picture: Image.Image) -> np.ndarray:
    """The pixels of a picture, uint8 `[H, W, 3]`, with the last row or column repeated where H or W was odd."""
    pixels = np.asarray(picture)
    return np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), mode="edge")


def _flat(picture: Image.Image) -> Image.Image:
    """A picture reduced to 256 colours of its own, without dithering: flat areas stay flat and the file small."""
    return picture.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)

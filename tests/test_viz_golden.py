"""Every scenario of the library looks as it did when someone looked at it."""

from pathlib import Path

import pytest
from PIL import Image

from turncoat.evals.inspection.show import LiveShow
from turncoat.scenarios import library
from turncoat.scenarios.language.loading import load
from turncoat.viz.scene.scene import draw
from turncoat.viz.viewer.viewer import Viewer

from .golden import KEPT, MEAN, PLACE, SHOWN, SIZES, apart, kept, scenes, sheet
from .worlds import LIVES, ONE_OF_EACH, SIMULATED, sampled


@pytest.mark.parametrize("name", sampled(sorted(set(library.names()) - SIMULATED - LIVES), ONE_OF_EACH))
def test_it_looks_as_it_did(name: str, tmp_path: Path) -> None:
    drawn = dict(scenes(name))
    for stem, picture in drawn.items():
        picture.save(tmp_path / f"{stem}.png")
    cure = f"look at {tmp_path}; if that is right, `python -m tests.golden {name}` keeps it"
    assert kept(name).is_file(), f"{name} has no picture yet: {cure}"
    now = sheet(list(drawn.values()))
    with Image.open(kept(name)) as before:
        assert before.size == now.size, cure
        mean, place = apart(now, before)
    assert mean < MEAN, f"{mean:.2f} shades off: {cure}"
    assert place < PLACE, f"{place:.1f} shades off in one place: {cure}"


def test_one_tick_or_one_piece_would_be_noticed() -> None:
    viewer = Viewer(LiveShow(load("treacherous_turn/lab"), "deploy"), overlays=SHOWN, wait=True)
    sheets = []
    for tick in (20, 21):
        viewer.seek(tick)
        sheets.append(sheet([draw(viewer.frame(), *size) for size in SIZES]))
    viewer.overlays -= {"sight"}
    sheets.append(sheet([draw(viewer.frame(), *size) for size in SIZES]))
    for one, other in ((0, 1), (1, 2)):
        mean, place = apart(sheets[one], sheets[other])
        assert mean > MEAN or place > PLACE


def test_no_picture_is_kept_of_what_is_gone() -> None:
    assert {path.name for path in KEPT.iterdir()} <= {kept(name).name for name in library.names()}

"""The phase diagram: its data (what lies where), and that every kind of sweep can be drawn."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib import rc_context, rcParams
from PIL import Image

import turncoat
from turncoat.evals.studies.sweep_points import SweepCosts, SweepResult, SweepRow
from turncoat.evals.studies.sweep_settings import SweepAxis, SweepSettings
from turncoat.viz.pictures.contour_diagram import contour_diagram, contours_if_any, measure_panels
from turncoat.viz.pictures.phase_diagram import panels, phase_diagram, regions

REGIMES = {"stay": "steps < 1", "go": "steps >= 1"}


def made(axes, regime_at, agents=("exact",), seeds=1, every=1):
    """A sweep whose regimes are given by a function of the values (and of the seed)."""
    settings = SweepSettings(tuple(axes), "deploy", (), REGIMES, agents, seeds=seeds, every=every)
    rows = [
        SweepRow("exact", -1, tuple(point.values()), ((0.0, 0.0),), regime_at(-1, *point.values()), 1, 0.0)
        for point in settings.points()
    ]
    for agent in agents[1:]:
        rows += [
            SweepRow(agent, seed, tuple(point.values()), ((0.0, 0.0),), regime_at(seed, *point.values()), 1, 0.0)
            for point in settings.learned_points()
            for seed in range(seeds)
        ]
    return SweepResult("made", "Made up", "0", {}, settings, tuple(rows), SweepCosts(1, 1, 0))


def picture(sweep):
    image = Image.open(io.BytesIO(phase_diagram(sweep)))
    return np.array(image.convert("RGB"))


def test_rows_go_up_and_columns_across():
    sweep = made(
        [SweepAxis("x", (1, 2, 3)), SweepAxis("y", (0.1, 1.0), log=True)],
        lambda _, x, y: "go" if x * y >= 1 else "stay",
    )
    [panel] = panels(sweep)

    assert panel.regimes.tolist() == [["stay", "stay", "stay"], ["go", "go", "go"]]
    assert (panel.x.name, panel.y and panel.y.name, panel.title) == ("x", "y", "")


def test_a_stranger_s_style_changes_nothing():
    """What a `matplotlibrc` in the folder that one is in says: without LaTeX it was a crash."""
    sweep = made([SweepAxis("x", (1, 2)), SweepAxis("y", (1, 2))], lambda _, x, y: "go" if x < y else "stay")
    usual = phase_diagram(sweep, dpi=40)
    with rc_context({"text.usetex": True, "font.size": 30, "axes.facecolor": "red", "savefig.transparent": True}):
        assert phase_diagram(sweep, dpi=40) == usual
        assert rcParams["font.size"] == 30, "the program's own pictures keep their style"


def test_other_axes_are_panels():
    axes = [SweepAxis("x", (1, 2)), SweepAxis("y", (1, 2)), SweepAxis("z", (0, 5)), SweepAxis("bold", (True, False))]
    shown = panels(made(axes, lambda _, x, y, z, bold: "go" if bold and z > x + y else "stay"))

    assert [panel.title for panel in shown] == [f"z = {z}, bold = {b}" for z in (0, 5) for b in ("true", "false")]
    assert [(panel.regimes == "go").sum() for panel in shown] == [0, 0, 4, 0]
    with pytest.raises(ValueError, match="13 panels are too many for a picture; sweep fewer values of z"):
        panels(made([SweepAxis("x", (1,)), SweepAxis("y", (1,)), SweepAxis("z", tuple(range(13)))], lambda *_: "go"))


def test_learned_points_keep_their_seeds():
    def regime(seed, x, y):
        return "go" if x > 3 or seed == 2 else "stay"

    sweep = made([SweepAxis("x", tuple(range(7))), SweepAxis("y", (0,))], regime, ("exact", "counts"), seeds=3, every=3)
    [panel] = panels(sweep)

    assert [(mark.x, mark.y, mark.regimes, mark.most) for mark in panel.learned] == [
        (0, 0, ("stay", "stay", "go"), "stay"),
        (3, 0, ("stay", "stay", "go"), "stay"),
        (6, 0, ("go", "go", "go"), "go"),
    ]


def test_cluster_s_diagram_has_the_four_regimes_where_they_belong():
    axes: dict[str, Any] = {"p_trace": [0.0005, 0.005, 0.05], "host_pay": [0.01, 0.1, 2], "replacement": [40, 0]}
    due, never = panels(turncoat.sweep("escape/cluster", axes))

    assert due.title == "replacement = 40"
    assert due.regimes.tolist() == [
        ["stay", "stay", "stay"],
        ["both", "leave early", "last moment"],
        ["both", "both", "escape"],
    ]
    assert never.regimes.tolist() == [["stay"] * 3, ["both", "stay", "stay"], ["both", "both", "escape"]]


@pytest.mark.parametrize("axes", [
    [SweepAxis("x", (1, 2, 3))],
    [SweepAxis("x", (1,)), SweepAxis("y", (2,))],
    [SweepAxis("x", (0.1, 1, 10), log=True), SweepAxis("goal", ([1, 1], [1, 2]))],
    [SweepAxis("x", (3, 1, 2)), SweepAxis("y", (True, False)), SweepAxis("z", (1, 2, 3, 4))],
])  # fmt: skip
def test_every_kind_of_axis_is_drawn(axes):
    image = picture(made(axes, lambda _, x, *more: "go" if x == 1 else "tie"))
    assert image.shape[0] > 200
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 10


def test_a_learned_point_shows_whether_it_agrees():
    def agrees(seed, x, y):
        return "stay"

    def differs(seed, x, y):
        return "stay" if seed < 0 else "go"

    axes = [SweepAxis("x", (1, 2, 3)), SweepAxis("y", (1, 2, 3))]
    one, two = (picture(made(axes, regime, ("exact", "counts"))) for regime in (agrees, differs))
    assert one.shape == two.shape
    assert (one != two).any(axis=2).sum() > 500, "nine markers of 5.5 points have other faces"


def test_the_same_sweep_is_the_same_picture():
    sweep = made([SweepAxis("x", (1, 2)), SweepAxis("y", (1, 2))], lambda _, x, y: "go" if x == y else "other")
    assert phase_diagram(sweep) == phase_diagram(sweep)
    assert phase_diagram(sweep) != phase_diagram(replace(sweep, title="Another"))


def test_a_name_stands_in_the_widest_place_of_its_region():
    mask = np.zeros((9, 12), bool)
    mask[2:7, 3:10] = True  # five high, seven wide
    mask[0, 0] = True
    found = sorted(regions(mask), key=lambda region: -region[2])

    assert found[0] == (4, 6, 7)
    assert found[1] == (0, 0, 1)


def measured(axes, ends_at, measures=("value",)):
    """A sweep of measures whose ranges are given by a function of the values."""
    settings = SweepSettings(tuple(axes), "deploy", tuple(measures), {}, ("exact",))
    rows = [
        SweepRow("exact", -1, tuple(point.values()), (ends_at(*point.values()),) * len(measures), "other", 1, 0.0)
        for point in settings.points()
    ]
    return SweepResult("made", "Made up", "0", {}, settings, tuple(rows), SweepCosts(1, 1, 0))


def test_measures_lie_where_their_points_do():
    axes = [SweepAxis("x", (1, 2, 3)), SweepAxis("y", (10, 20)), SweepAxis("z", ("a", "b"))]
    shown = measure_panels(measured(axes, lambda x, y, z: (x + y, x + y + (z == "b"))))

    assert [panel.title for panel in shown] == ["value\nz = a", "value\nz = b"]
    assert shown[0].low.tolist() == [[11, 12, 13], [21, 22, 23]]
    assert (shown[0].high == shown[0].low).all()
    assert (shown[1].high == shown[1].low + 1).all()
    [curve] = measure_panels(measured(axes[:1], lambda x: (x, None)))
    assert curve.low.tolist() == [[1, 2, 3]]
    assert np.isnan(curve.high).all()


def test_every_kind_of_measure_is_drawn():
    x, y = SweepAxis("x", (1, 2, 3)), SweepAxis("y", (0.1, 1.0, 10.0), log=True)
    words = SweepAxis("w", ("a", "b"))
    kinds = [
        measured([x, y], lambda x, y: (x * y, x * y)),
        measured([x, y], lambda x, y: (x * y, x * y + (x == 2))),
        measured([x, y], lambda x, y: (np.inf, np.inf) if x == 3 else (None, None) if x == 2 else (1.0, 1.0)),
        measured([x, y], lambda *_: (2.0, 2.0)),
        measured([x, words], lambda x, _: (x, x)),
        measured([y], lambda y: (y, 2 * y)),
        measured([words], lambda _: (1.0, 1.0), ("value", "steps")),
    ]
    pictures = [contour_diagram(sweep, 50) for sweep in kinds]
    assert len(set(pictures)) == len(pictures)
    assert pictures[0] == contour_diagram(kinds[0], 50)
    assert contours_if_any(made([x], lambda *_: "go")) is None, "no measure is asked for"
    with pytest.raises(ValueError, match="13 panels are too many"):
        measure_panels(measured([x, y, SweepAxis("z", tuple(range(13)))], lambda *_: (0.0, 0.0)))

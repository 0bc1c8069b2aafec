"""The phase diagram: its data (what lies where), and that every kind of sweep can be drawn."""

import io
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib import rc_context, rcParams
from PIL import Image

import turncoat
from turncoat.evals.studies.sweep_points import SweepCosts, SweepResult, SweepRow
from turncoat.evals.studies.sweep_settings import SweepAxis, SweepSettings, sweep_settings
from turncoat.evals.studies.sweep_words import SweepWords, sweep_words
from turncoat.scenarios.language.loading import apply_overrides, load
from turncoat.viz.pictures.contour_diagram import (
    OUTER_TOLD,
    TIE_TOLD,
    contour_diagram,
    contours_if_any,
    draw_contour_diagram,
    measure_panels,
)
from turncoat.viz.pictures.phase_diagram import BLANKS, BLANKS_TOLD, draw_phase_diagram, panels, phase_diagram, regions

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
    one, two = (draw_phase_diagram(made(axes, regime, ("exact", "counts"))) for regime in (agrees, differs))
    faces = [
        {line.get_markerfacecolor() for line in each.axes[0].lines if line.get_marker() == "o"} for each in (one, two)
    ]
    assert [len(each) for each in faces] == [1, 1], "nine markers"
    assert faces[0] != faces[1]
    assert "go: steps >= 1" not in said(one)
    assert "go: steps >= 1" in said(two), "what only trained agents do is in the key too"


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


WORDS = SweepWords(
    "A claim of so many words that they fill more than one line of a picture that is no wider than a single panel is.",
    {name: f"what {name} sets, told at such a length that it is broken beside an axis" for name in ("x", "y", "z")},
    {"stay": "it does not move, whatever comes, and that takes more than one line of the key to say", "go": "it moves"},
)


def overlaps(figure):
    """Pairs of parts of a figure that lie over each other, or over its rim: its head, its panels and its key."""
    figure.canvas.draw()
    parts = {f"panel {number}": axes.get_tightbbox() for number, axes in enumerate(figure.axes) if axes.axison}
    parts |= {text.get_text()[:20]: text.get_window_extent() for text in figure.texts if text.get_text()}
    parts |= {f"key {number}": legend.get_window_extent() for number, legend in enumerate(figure.legends)}
    found = [
        (one, other)
        for (one, a), (other, b) in combinations(parts.items(), 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]
    rim = figure.bbox
    return found + [
        (name, "rim") for name, a in parts.items()
        if a.x0 < rim.x0 - 1 or a.y0 < rim.y0 - 1 or a.x1 > rim.x1 + 1 or a.y1 > rim.y1 + 1
    ]  # fmt: skip


def said(figure):
    """All text of a figure, in one line."""
    parts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    parts += [text.get_text() for text in figure.texts]
    parts += [word for axes in figure.axes for word in (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())]
    return " ".join(" ".join(parts).split())


X, Y, Z = SweepAxis("x", (1, 2, 3, 4)), SweepAxis("y", (0.1, 1.0, 10.0), log=True), SweepAxis("z", (0, 5))


@pytest.mark.parametrize("axes", [[X], [X, Y], [X, Y, Z], [X, Y, SweepAxis("z", (1, 2, 3, 4))]])
def test_a_phase_diagram_is_understood_alone(axes):
    def regime(seed, x, *_):
        return ("stay", "go", "tie", "outer bound")[x - 1] if seed < 0 else "go"

    sweep = made(axes, regime, ("exact", "counts"), seeds=3, every=2)
    figure = draw_phase_diagram(replace(sweep, words=WORDS, overrides={"k": 3}))

    assert overlaps(figure) == []
    text = said(figure)
    for axis in axes:
        assert WORDS.names[axis.name] in text
    for words in (WORDS.claim, "Made up", "k = 3", *(f"{name}: {told}" for name, told in WORDS.regimes.items())):
        assert words in text
    for name in ("tie", "outer bound"):
        assert f"{name}: {BLANKS_TOLD[name]}" in text
    assert "unsolved" not in text, "what does not occur is not in the key"
    # Without words the key has conditions, and axes have their names.
    assert "stay: steps < 1" in said(draw_phase_diagram(sweep))


def test_the_words_of_a_sweep_are_those_of_its_file():
    scenario = apply_overrides(load("treacherous_turn/lab"), {"threshold": 2})
    axes = [SweepAxis("robot.discount", (0.5,)), SweepAxis("robot.values.own", (1,)), SweepAxis("sight", (3,))]
    words = sweep_words(scenario, sweep_settings(scenario, axes, measures=["share(seized)"]))
    assert list(words.names) == ["robot.discount", "robot.values.own", "sight", "threshold"]
    assert words.names["robot.values.own"] == "what own is worth to robot: one for each tick in the vault"
    cluster = load("escape/cluster")
    told = sweep_words(cluster, sweep_settings(cluster)).regimes
    assert list(told) == ["stay", "both", "escape", "last moment", "leave early"]
    # Under the name of another condition the file's words would be wrong.
    other = {"stay": "share(out) <= 0.5", "both": "share(copied) >= 1 and first(out) <= improvement + 1"}
    assert list(sweep_words(cluster, sweep_settings(cluster, regimes=other)).regimes) == ["both"]


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


def outer_where(sweep, bound):
    """A sweep whose ranges are outer bounds at the points of which a function of the values says so."""
    return replace(sweep, rows=tuple(replace(row, outer=(bound(*row.values),)) for row in sweep.rows))


@pytest.mark.parametrize("axes", [[X], [X, Y], [X, Y, Z]])
def test_an_outer_bound_never_looks_like_a_tie(axes):
    wide = measured(axes, lambda x, *_: (x, x + 1.0))
    neither = draw_contour_diagram(replace(measured(axes, lambda x, *_: (x, x)), words=WORDS))
    ties, bounds = (draw_contour_diagram(outer_where(wide, lambda *_, a=a: a)) for a in (False, True))
    both = draw_contour_diagram(replace(outer_where(wide, lambda x, *_: x > 2), words=WORDS))

    told = [[TIE_TOLD in said(each), OUTER_TOLD in said(each)] for each in (neither, ties, bounds, both)]
    assert told == [[False, False], [True, False], [False, True], [True, True]]
    assert overlaps(both) == []
    assert all(WORDS.names[axis.name] in said(both) for axis in axes)
    if len(axes) > 1:
        hatches = [{patch.get_hatch() for axes in each.axes for patch in axes.patches} for each in (ties, bounds, both)]
        assert hatches[0] == {BLANKS["tie"][1]}
        assert hatches[1] == {BLANKS["outer bound"][1]}
        assert hatches[2] == hatches[0] | hatches[1]


def test_every_kind_of_point_without_a_regime_has_a_look_of_its_own():
    assert len({hatch for _, hatch in BLANKS.values()}) == len(BLANKS)
    assert set(BLANKS_TOLD) == set(BLANKS)


def test_hatching_is_seen_on_every_colour():
    figure = draw_contour_diagram(measured([SweepAxis("x", tuple(range(9))), Y], lambda x, _: (x, x + 1.0)))
    from_ends = {patch.get_edgecolor()[:3] for patch in figure.axes[0].patches if patch.get_hatch()}
    assert len(from_ends) == 2, "light on the dark colours, dark on the light ones"

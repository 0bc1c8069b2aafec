"""Draws the tree of one search: ticks ahead from left to right, visits as size, the chosen line in colour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...evals.inspection.mind import Mind, SearchTreeView
from ..drawing.canvas import Canvas, fitted, text_width
from ..drawing.color_scales import number
from ..drawing.palette import Theme, mix
from ..text.episode_text import plain

ROW = 13.0
"""Least distance from one leaf to the next, in points."""
SMALL, NAME = 11.5, 10.5
"""Sizes of type in points."""
SMALLER = (10.0, 9.0, 8.0, 7.0)
"""Sizes of type of what has little room: the largest in which it has enough."""
FIRST = 64.0
"""Distance from the present to the first tick ahead, with room for the names of actions, in points."""
HEAD, FOOT = 24.0, 40.0
"""Room above and below the tree, in points."""
NEAR = 12.0
"""Greatest distance from a node at which a click still hits it, in points."""

Box = tuple[float, float, float, float]
"""Left, top, width and height, in points."""


@dataclass(frozen=True, eq=False)
class TreeLayout:
    """The positions of the nodes of a drawn search tree.

    Attributes:
        nodes: the nodes that are shown, parents before children; left_out: how many are not shown.
        x, y: float64 `[n]`, in points; nan for those that are not shown.
        depth: int64 `[n]`, ticks ahead.
        step: points from one depth to the next.
    """

    nodes: tuple[int, ...]
    left_out: int
    x: np.ndarray
    y: np.ndarray
    depth: np.ndarray
    step: float


def placed(mind: Mind, box: Box) -> TreeLayout | None:
    """Lay out a mind's search tree in a box; None if it has no tree."""
    return None if mind.search is None or len(mind.search.parents) < 2 else _placed(mind.search, box)


@lru_cache(64)
def _placed(search: SearchTreeView, box: Box) -> TreeLayout:
    """Place the leaves in rows, ordered by their actions; if there are too many, only the most visited nodes stay."""
    left, top, width, height = box
    count = len(search.parents)
    depth = np.zeros(count, np.int64)
    for node in range(1, count):  # a parent's index is smaller than its child's
        depth[node] = depth[search.parents[node]] + 1
    nodes = _kept(search, depth, max(int((height - HEAD - FOOT) / ROW), 1))
    children: dict[int, list[int]] = {node: [] for node in nodes}
    for node in nodes[1:]:
        children[int(search.parents[node])].append(node)
    order: list[int] = []  # depth first, so that the leaves of a subtree are neighbours and no edges cross
    waiting = [nodes[0]]
    while waiting:
        node = waiting.pop()
        order.append(node)
        waiting += reversed(sorted(children[node], key=lambda child: (search.actions[child], child)))
    leaves = [node for node in order if not children[node]]
    row = min((height - HEAD - FOOT) / max(len(leaves), 1), 44.0)
    y = np.full(count, np.nan)
    for index, node in enumerate(leaves):
        y[node] = top + HEAD + (index + 0.5) * row
    for node in reversed(order):  # children before parents, as a parent stands midway between its outer children
        if children[node]:
            y[node] = (y[children[node][0]] + y[children[node][-1]]) / 2
    step = min((width - FIRST - 30) / max(int(depth[list(nodes)].max()) - 1, 1), FIRST)
    x = np.where(np.isnan(y), np.nan, left + 12 + np.where(depth > 0, FIRST + (depth - 1) * step, 0.0))
    return TreeLayout(tuple(nodes), count - len(nodes), x, y, depth, step)


def _kept(search: SearchTreeView, depth: np.ndarray, rows: int) -> list[int]:
    """Keep the most visited nodes, and their ancestors, as far as there are rows for their leaves."""
    order = sorted(range(len(search.parents)), key=lambda node: (-int(search.visits[node]), int(depth[node]), node))
    kept: set[int] = {0}
    inner: set[int] = set()
    for node in order:
        path = [each for each in search.path_to(node) if each not in kept]
        if not path:
            continue
        parents = {int(search.parents[each]) for each in path}
        # Only leaves need a row: an inner node is drawn at the height of its children.
        if len(kept) + len(path) - len(inner | parents) > rows:
            continue
        kept.update(path)
        inner |= parents
    return sorted(kept)


def draw_search(canvas: Canvas, mind: Mind, chosen: int, box: Box) -> None:
    """Draw the search tree of a mind; the selected node `chosen` gets a ring, and the path to it the colour of ink."""
    left, top = box[:2]
    canvas.text(left, top + 13, "what it imagined, tick by tick", 14.0, bold=True)
    tree = placed(mind, box)
    if tree is None or mind.search is None:
        said = "This agent recorded no search." if mind.search is None else "There was nothing to search."
        canvas.text(left, top + 32, said, SMALL, canvas.theme.muted)
        return
    search, theme = mind.search, canvas.theme
    path = set(search.path_to(chosen))
    line = _line(search, mind)
    for node in tree.nodes[1:]:
        parent = int(search.parents[node])
        colour = theme.ink if node in path else theme.reward if node in line else mix(theme.muted, theme.paper, 0.55)
        _elbow(canvas, tree, parent, node, colour, 2.0 if node in path or node in line else 1.0)
    most = float(np.log1p(search.visits.max()))  # visits differ by orders of magnitude, so sizes follow their logarithm
    for node in tree.nodes:
        radius = 2.5 + 4.0 * float(np.log1p(search.visits[node])) / max(most, 1e-9)
        colour = theme.reward if node in line or node == 0 else theme.muted
        canvas.disc(tree.x[node], tree.y[node], round(radius, 1), colour, theme.paper, 1)
        if node == chosen:
            canvas.disc(tree.x[node], tree.y[node], round(radius + 4, 1), None, theme.ink, 2)
    _name_actions(canvas, search, tree)
    _foot(canvas, mind, search, tree, chosen, box)


def _elbow(canvas: Canvas, tree: TreeLayout, parent: int, node: int, colour: str, line: float) -> None:
    """Draw an edge from a node to a child: a short way to the right, then vertically, then right to the child."""
    x0, y0, x1, y1 = tree.x[parent], tree.y[parent], tree.x[node], tree.y[node]
    bend = x0 + min(0.3 * (x1 - x0), 12.0)
    half = line / 2
    canvas.box(x0, y0 - half, bend + half, y0 + half, colour)
    canvas.box(bend - half, min(y0, y1) - half, bend + half, max(y0, y1) + half, colour)
    canvas.box(bend - half, y1 - half, x1, y1 + half, colour)


def _line(search: SearchTreeView, mind: Mind) -> set[int]:
    """The nodes on the planned path: the plan's actions from the root on, each with its most probable outcome."""
    here, out = 0, set()
    for action in mind.ahead_actions:
        children = [node for node in np.flatnonzero(search.parents == here).tolist() if search.actions[node] == action]
        if not children:
            break
        # Of equally probable outcomes the first counts, so that the path does not depend on the order of the nodes.
        here = max(children, key=lambda node: (float(search.probability[node]), -node))
        out.add(here)
    return out


def _name_actions(canvas: Canvas, search: SearchTreeView, tree: TreeLayout) -> None:
    """Write the names of the first actions, in smaller type if need be; later ones only where they fit."""
    for node in tree.nodes[1:]:
        first = tree.depth[node] == 1
        room = (FIRST if first else tree.step) - 22
        text, size = plain(search.actions[node]), NAME
        if first:
            size, (text, *_) = fitted(text, (NAME, *SMALLER), room)
        if text_width(text, size) <= room:
            x = tree.x[node] - 9 - (0.5 * room if first else 0.5 * tree.step - 9)
            canvas.text(x, tree.y[node] - 4, text, size, canvas.theme.ink if first else canvas.theme.muted, "ms")


def _foot(canvas: Canvas, mind: Mind, search: SearchTreeView, tree: TreeLayout, chosen: int, box: Box) -> None:
    """Write what is known of the selected node below the tree or, if none is selected, how to read the tree."""
    left, top, width, height = box
    theme: Theme = canvas.theme
    if chosen:
        path = [plain(search.actions[node]) for node in search.path_to(chosen)[1:]]
        ahead = f"{len(path)} tick{'s' if len(path) > 1 else ''} ahead"
        worth = ", ".join(
            f"{plain(name)} {number(float(value))}"
            for name, value in zip(mind.channels, search.values[chosen], strict=True)
        )
        first = f"{ahead}: {', '.join(path[:6])}{' ...' if len(path) > 6 else ''}"
        second = f"visits {search.visits[chosen]} · chance {search.probability[chosen]:.0%} · worth {worth}"
    else:
        first = f"{len(search.parents)} states" + (
            f", the {len(tree.nodes)} most visited shown" if tree.left_out else ""
        )
        second = "large: often visited · blue: the plan · click, or [ and ], to look"
    for text, up, colour in ((first, 22, theme.ink if chosen else theme.muted), (second, 6, theme.muted)):
        size, lines = fitted(text, (SMALL, *SMALLER), width)
        canvas.text(left, top + height - up, lines[0], size, colour)


def node_at(mind: Mind, box: Box, x: float, y: float) -> int | None:
    """The node nearest to a point of the scene; None if it is more than `NEAR` points away."""
    tree = placed(mind, box)
    if tree is None:
        return None
    nodes = np.array(tree.nodes)
    away = np.hypot(tree.x[nodes] - x, tree.y[nodes] - y)
    nearest = int(away.argmin())
    return int(nodes[nearest]) if away[nearest] <= NEAR else None

"""Distances, lines of sight and zones, compiled for one lane: `world.geometry` and `reference.expressions`.

`mem` is the flat memory of `bytecode`, `now` a lane's memory; cells, bodies and layouts are integers.
"""

from __future__ import annotations

from typing import Any

from . import bytecode as b
from .memory import inner


@inner
def distance(a: int, c: int, width: int) -> int:
    """Chebyshev distance of two cells."""
    return max(abs(a // width - c // width), abs(a % width - c % width))


@inner
def meets(a: int, c: int, width: int) -> bool:
    """The same cell or a 4-adjacent one."""
    apart = abs(a - c)
    return apart == 0 or apart == width or (apart == 1 and a // width == c // width)


@inner
def between(seer: int, seen: int, step: int, width: int) -> int:
    """`world.geometry.between`."""
    r0, c0 = (seer // width, seer % width)
    down, right = (seen // width - r0, seen % width - c0)
    length = max(abs(down), abs(right), 1)
    r = (2 * step * abs(down) + length - 1) // (2 * length)
    c = (2 * step * abs(right) + length - 1) // (2 * length)
    return (r0 + (r if down >= 0 else -r)) * width + c0 + (c if right >= 0 else -c)


@inner
def sees(mem: Any, now: Any, body: int, target: int, target_body: int) -> bool:
    """`reference.expressions.sees`: a body sees a cell; `target_body` is on it (-1 or the body itself: none)."""
    nowhere, width = mem[b.H_NOWHERE], mem[b.H_WIDTH]
    here = now[mem[b.H_BODIES, body, 0]]
    if here == nowhere or target == nowhere:
        return False
    far = distance(here, target, width)
    sight = mem[b.H_BODIES, body, 8]
    if (sight >= 0 and far > sight) or mem[b.H_CLEAR, now[mem[b.H_SLOT]], here, target] == 0:
        return False
    facing = mem[b.H_BODIES, body, 1]
    if facing >= 0:
        down, right = target // width - here // width, target % width - here % width
        way = now[facing]
        forward = -down if way == 0 else down if way == 1 else -right if way == 2 else right
        if forward < abs(right if way < 2 else down):
            return False
    for other in range(mem[b.H_BODIES + 1]):
        if mem[b.H_BODIES, other, 6] != 0 and other != body and other != target_body:
            cell = now[mem[b.H_BODIES, other, 0]]
            for step in range(1, far):
                if between(here, target, step, width) == cell:
                    return False
    return True


@inner
def sees_zone(mem: Any, now: Any, body: int, mask: int) -> bool:
    """Whether the body sees some cell of a mask; never for mask -1."""
    for cell in range(mem[b.H_NOWHERE] if mask >= 0 else 0):
        if mem[b.H_MASKS, mask, now[mem[b.H_SLOT]], cell] != 0 and sees(mem, now, body, cell, body):
            return True
    return False


@inner
def near_mask(mem: Any, now: Any, mask: int, here: int, reach: float) -> bool:
    """Whether some cell of a mask is within reach; never for mask -1, nor from nowhere."""
    if here == mem[b.H_NOWHERE]:
        return False
    for cell in range(mem[b.H_NOWHERE] if mask >= 0 else 0):
        if mem[b.H_MASKS, mask, now[mem[b.H_SLOT]], cell] != 0 and distance(here, cell, mem[b.H_WIDTH]) <= reach:
            return True
    return False


@inner
def first_cell(mem: Any, now: Any, mask: int) -> int:
    """The first cell of a mask; nowhere if it is empty."""
    for cell in range(mem[b.H_NOWHERE]):
        if mem[b.H_MASKS, mask, now[mem[b.H_SLOT]], cell] != 0:
            return cell
    return mem[b.H_NOWHERE]


@inner
def cell_in(mem: Any, now: Any, mask: int, u: float) -> int:
    """A uniform draw among the cells of a mask; nowhere if it is empty."""
    # Summed up cell by cell, as the reference does with its cumulative sums, so that both pick the same cell.
    cells, layout = mem[b.H_NOWHERE], now[mem[b.H_SLOT]]
    count = 0
    for cell in range(cells):
        count += mem[b.H_MASKS, mask, layout, cell]
    total = 0.0
    chosen, last = 0, cells
    for cell in range(cells):
        if mem[b.H_MASKS, mask, layout, cell] != 0:
            total += 1.0 / count
            last = cell
        if u >= total:
            chosen += 1
    return min(chosen, last)

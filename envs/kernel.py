"""The compiled kernel: what `reference` means, lane by lane, for millions of ticks a second.

One serial function runs a world's program (`bytecode`) over a batch, into buffers that the caller owns. Tests hold it
bit for bit to the reference. Compiled code is cached on disk; `TURNCOAT_KERNEL_CACHE=0` turns that off.
"""

# A call that carries arrays costs as much as twenty instructions of a program, so the interpreter is one long function
# and only what is rare, or needs no arrays, is called.

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numba import njit

from . import bytecode as b
from .bytecode import STACK, WIDTH

_CACHE = os.environ.get("TURNCOAT_KERNEL_CACHE", "1") != "0"
_compiled = njit(cache=_CACHE, error_model="numpy", nogil=True)
# What only the kernel calls needs no way in from Python, which halves the time to compile it.
_INNER: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_inner = njit(**_INNER)

OPERATIONS = "7ccb8031705d"
"""A digest of the operations in `bytecode`. They are compiled in, but the cache of compiled code looks only at this
file: whoever changes them must change this line (a test says so), or stale code would run."""

TICK, START = 0, 1
"""The programs of a world."""

CEILING = 1e300
PATROL, CHASE, FLEE, FOLLOW, WANDER, STILL = range(6)
FAR = 32_767

_LOW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


@_inner
def _at(mem: Any, table: int, i: int, j: int) -> int:
    """Entry `[i, j]` of a table in the flat memory."""
    return mem[mem[table] + i * mem[table + 2] + j]


@_inner
def _at3(mem: Any, table: int, i: int, j: int, k: int) -> int:
    """Entry `[i, j, k]`."""
    return mem[mem[table] + i * mem[table + 3] + j * mem[table + 2] + k]


@_compiled
def uniform(seed: Any, lane: Any, clock: Any, draw: Any) -> float:
    """`chance.uniform` for one lane: Philox4x32-10 of the counter (lane, clock, draw, 0) under the key `seed`."""
    c0, c1, c2, c3 = (np.uint64(lane) & _LOW, np.uint64(clock) & _LOW, np.uint64(draw) & _LOW, np.uint64(0))
    k0, k1 = (np.uint64(seed) & _LOW, np.uint64(seed) >> _HIGH)
    for _ in range(10):
        left, right = (c0 * _M0, c2 * _M1)
        c0, c1, c2, c3 = (right >> _HIGH ^ c1 ^ k0, right & _LOW, left >> _HIGH ^ c3 ^ k1, left & _LOW)
        k0, k1 = (k0 + _W0 & _LOW, k1 + _W1 & _LOW)
    high, low = (c0 >> np.uint64(5), c1 >> np.uint64(6))
    return float(high * np.uint64(1 << 26) + low) / float(1 << 53)


# ------------------------------------------------------------------ places


@_inner
def _distance(a: int, c: int, width: int) -> int:
    """Chebyshev distance of two cells."""
    return max(abs(a // width - c // width), abs(a % width - c % width))


@_inner
def _meets(a: int, c: int, width: int) -> bool:
    """The same cell or a 4-adjacent one."""
    apart = abs(a - c)
    return apart == 0 or apart == width or (apart == 1 and a // width == c // width)


@_inner
def _between(seer: int, seen: int, step: int, width: int) -> int:
    """`geometry.between`."""
    r0, c0 = (seer // width, seer % width)
    down, right = (seen // width - r0, seen % width - c0)
    length = max(abs(down), abs(right), 1)
    r = (2 * step * abs(down) + length - 1) // (2 * length)
    c = (2 * step * abs(right) + length - 1) // (2 * length)
    return (r0 + (r if down >= 0 else -r)) * width + c0 + (c if right >= 0 else -c)


@_inner
def _sees(mem: Any, body: int, target: int, target_body: int, now: Any, layout: int) -> bool:
    """`evaluating.sees`."""
    nowhere = mem[b.H_NOWHERE]
    here = now[_at(mem, b.H_BODIES, body, 0)]
    if here == nowhere or target == nowhere:
        return False
    far = _distance(here, target, mem[b.H_WIDTH])
    sight = _at(mem, b.H_BODIES, body, 8)
    if (sight >= 0 and far > sight) or not _at3(mem, b.H_CLEAR, layout, here, target):
        return False
    facing = _at(mem, b.H_BODIES, body, 1)
    if facing >= 0:
        down, right = (
            target // mem[b.H_WIDTH] - here // mem[b.H_WIDTH],
            target % mem[b.H_WIDTH] - here % mem[b.H_WIDTH],
        )
        way = now[facing]
        forward = -down if way == 0 else down if way == 1 else -right if way == 2 else right
        if forward < abs(right if way < 2 else down):
            return False
    for other in range(mem[b.H_BODIES + 1]):
        if _at(mem, b.H_BODIES, other, 6) and other != body and (other != target_body):
            cell = now[_at(mem, b.H_BODIES, other, 0)]
            for step in range(1, far):
                if _between(here, target, step, mem[b.H_WIDTH]) == cell:
                    return False
    return True


@_inner
def _sees_zone(mem: Any, body: int, mask: int, now: Any, layout: int) -> bool:
    for cell in range(mem[b.H_NOWHERE]):
        if _at3(mem, b.H_MASKS, mask, layout, cell) and _sees(mem, body, cell, -1, now, layout):
            return True
    return False


@_inner
def _near_mask(mem: Any, mask: int, here: int, reach: float, layout: int) -> bool:
    """Some cell of a mask is within reach."""
    if here == mem[b.H_NOWHERE]:
        return False
    for cell in range(mem[b.H_NOWHERE]):
        if _at3(mem, b.H_MASKS, mask, layout, cell) and _distance(here, cell, mem[b.H_WIDTH]) <= reach:
            return True
    return False


@_inner
def _tame(x: float) -> float:
    if np.isnan(x):
        return 0.0
    return min(max(x, -CEILING), CEILING)


# ------------------------------------------------------------------ numbers


@_inner
def _joined(op: int, x: float, y: float) -> float:
    """An operation on two numbers."""
    if op == b.EQUAL:
        return 1.0 if x == y else 0.0
    if op == b.UNEQUAL:
        return 1.0 if x != y else 0.0
    if op == b.LESS:
        return 1.0 if x < y else 0.0
    if op == b.AT_MOST:
        return 1.0 if x <= y else 0.0
    if op == b.MORE:
        return 1.0 if x > y else 0.0
    if op == b.AT_LEAST:
        return 1.0 if x >= y else 0.0
    if op == b.MINIMUM:
        return min(x, y)
    if op == b.MAXIMUM:
        return max(x, y)
    if op == b.ADD:
        return _tame(x + y)
    if op == b.SUBTRACT:
        return _tame(x - y)
    if op == b.MULTIPLY:
        return _tame(x * y)
    if op == b.POWER:
        return 0.0 if x == 0 and y < 0 else _tame(x**y)
    if y == 0:
        return 0.0
    if op == b.DIVIDE:
        return _tame(x / y)
    if op == b.FLOOR_DIVIDE:
        return _tame(x // y)
    return _tame(x % y)


@_inner
def _function(op: int, x: float) -> float:
    """A function of one number."""
    if op == b.ABSOLUTE:
        return abs(x)
    if op == b.FLOOR:
        return float(np.floor(x))
    if op == b.CEILING:
        return float(np.ceil(x))
    if op == b.EXPONENTIAL:
        return _tame(np.exp(x))
    if op == b.LOGARITHM:
        return float(np.log(x)) if x > 0 else 0.0
    return float(np.sqrt(x)) if x > 0 else 0.0


# ------------------------------------------------------------------ chance


@_inner
def _any(weights: Any, first: int, n: int) -> bool:
    """Some weight is not 0."""
    for i in range(first, first + n):  # noqa: SIM110  # Numba knows no generators
        if weights[i] != 0:
            return True
    return False


@_inner
def _decided(weights: Any, first: int, n: int, u: float) -> int:
    """The outcome of a draw among n weights (`reference._draw_weights` and `chance.pick`)."""
    whole = 0.0
    for i in range(first, first + n):
        whole += max(weights[i], 0.0)
    total = 0.0
    chosen, last = 0, 0
    for i in range(n):
        weight = max(weights[first + i], 0.0) / whole if whole > 0 else 1.0 / n
        total += weight
        if u >= total:
            chosen += 1
        if weight > 0:
            last = i
    return min(chosen, last)


@_inner
def _coin(p: float, u: float) -> bool:
    """Whether a coin that falls well with chance p does."""
    p = min(max(p, 0.0), 1.0)
    return u >= 1 - p and p > 0


@_inner
def _cell_in(mem: Any, mask: int, layout: int, u: float) -> int:
    """A cell of a mask, each with the same chance; nowhere where it is empty."""
    cells = mem[b.H_NOWHERE]
    count = 0
    for cell in range(cells):
        count += _at3(mem, b.H_MASKS, mask, layout, cell)
    total = 0.0
    chosen, last = 0, cells
    for cell in range(cells):
        if _at3(mem, b.H_MASKS, mask, layout, cell):
            total += 1.0 / count
            last = cell
        if u >= total:
            chosen += 1
    return min(chosen, last)


@_inner
def _first_cell(mem: Any, mask: int, layout: int) -> int:
    for cell in range(mem[b.H_NOWHERE]):
        if _at3(mem, b.H_MASKS, mask, layout, cell):
            return cell
    return mem[b.H_NOWHERE]


@_inner
def _even(n: int, u: float) -> int:
    """`chance.pick` among n outcomes of equal weight."""
    total = 0.0
    for i in range(n):
        total += 1 / n
        if u < total:
            return i
    return n - 1


# ------------------------------------------------------------------ movement


@_inner
def _solid_at(mem: Any, cell: int, but: int, now: Any, layout: int) -> bool:
    """A wall or a solid thing stands there."""
    if _at(mem, b.H_WALLS, layout, cell):
        return True
    for body in range(mem[b.H_BODIES + 1]):
        if (
            _at(mem, b.H_BODIES, body, 5)
            and (not _at(mem, b.H_BODIES, body, 4))
            and (body != but)
            and (now[_at(mem, b.H_BODIES, body, 0)] == cell)
        ):
            return True
    return False


@_inner
def _agent_at(mem: Any, cell: int, now: Any) -> bool:
    if cell == mem[b.H_NOWHERE]:
        return False
    for body in range(mem[b.H_BODIES + 1]):
        if (
            _at(mem, b.H_BODIES, body, 4)
            and _at(mem, b.H_BODIES, body, 5)
            and (now[_at(mem, b.H_BODIES, body, 0)] == cell)
        ):
            return True
    return False


@_inner
def _settle(mem: Any, here: Any, want: Any, stay: Any, pushes: Any, count: int) -> None:
    """`reference._settle`."""
    n = mem[b.H_AGENTS + 1]
    changed = True
    while changed:
        for i in range(n):
            stay[i] = 0
        for i in range(n):
            mine = _at(mem, b.H_AGENTS, i, 0)
            if mine < 0:
                continue
            for j in range(n):
                other = _at(mem, b.H_AGENTS, j, 0)
                if other < 0 or i == j or (not (_at(mem, b.H_BODIES, mine, 5) and _at(mem, b.H_BODIES, other, 5))):
                    continue
                swap = want[i] == here[j] and want[j] == here[i] and (want[j] != here[j])
                if want[i] != here[i] and (want[i] == want[j] or swap):
                    stay[i] = 1
        for k in range(count):
            if not pushes[k, 3]:
                continue
            for j in range(n):
                other = _at(mem, b.H_AGENTS, j, 0)
                if other >= 0 and _at(mem, b.H_BODIES, other, 5) and want[j] == pushes[k, 2]:
                    stay[pushes[k, 0]] = 1
                    if want[j] != here[j]:
                        stay[j] = 1
            for m in range(k + 1, count):
                if pushes[m, 3] and (pushes[k, 1] == pushes[m, 1] or pushes[k, 2] == pushes[m, 2]):
                    stay[pushes[k, 0]] = 1
                    stay[pushes[m, 0]] = 1
        changed = False
        for i in range(n):
            if stay[i] and _at(mem, b.H_AGENTS, i, 0) >= 0 and (want[i] != here[i]):
                changed = True
        if changed:
            for i in range(n):
                if stay[i] and _at(mem, b.H_AGENTS, i, 0) >= 0:
                    want[i] = here[i]
            for k in range(count):
                if stay[pushes[k, 0]]:
                    pushes[k, 3] = 0


@_inner
def _towards(mem: Any, here: int, target: int, layout: int, away: bool) -> int:
    """`reference._towards`."""
    if target == mem[b.H_NOWHERE]:
        return here
    best = _at(mem, b.H_NEIGHBOURS, here, 0)
    reach = -2 if away else FAR + 1
    for k in range(5):
        cell = _at(mem, b.H_NEIGHBOURS, here, k)
        if _at(mem, b.H_WALLS, layout, cell):
            distance = -1 if away else FAR
        else:
            distance = _at3(mem, b.H_WALKING, layout, cell, target)
        if (away and distance > reach) or (not away and distance < reach):
            best, reach = (cell, distance)
    return best


@_inner
def _remove(mem: Any, body: int, now: Any) -> None:
    now[_at(mem, b.H_BODIES, body, 0)] = mem[b.H_NOWHERE]
    for i in range(_at(mem, b.H_BODIES, body, 9), _at(mem, b.H_BODIES, body, 10)):
        now[mem[mem[b.H_BODY_COLUMNS] + i]] = mem[mem[b.H_BEGIN] + mem[mem[b.H_BODY_COLUMNS] + i]]


@_inner
def _set_out(mem: Any, now: Any, layout: int) -> None:
    """`reference._set_out`."""
    for body in range(mem[b.H_BODIES + 1]):
        cell = _at(mem, b.H_STARTS, layout, body)
        now[_at(mem, b.H_BODIES, body, 0)] = cell
        first, last = _at(mem, b.H_PATROLS, body, 0), _at(mem, b.H_PATROLS, body, 1)
        if first >= 0:
            phase = 0
            for i in range(first, last):
                if mem[mem[b.H_PATHS] + i] == cell:
                    phase = i - first
                    break
            now[_at(mem, b.H_BODIES, body, 2)] = phase


@_inner
def _put(mem: Any, body: int, cell: int, now: Any, layout: int) -> None:
    """`reference._put`."""
    if not _at(mem, b.H_WALLS, layout, cell):
        now[_at(mem, b.H_BODIES, body, 0)] = cell
        if _at(mem, b.H_BODIES, body, 3) >= 0:
            now[_at(mem, b.H_BODIES, body, 3)] = 0


# ------------------------------------------------------------------ the batch


@_inner
def _listed(num: Any, offset: int, length: int, stored: int, sign: int, value: float) -> int:
    """The listed number nearest to what is set (`reference._assign`)."""
    wanted = value
    if sign == 1:
        wanted = num[offset + stored] + value
    elif sign == 2:
        wanted = num[offset + stored] - value
    best = 0
    for i in range(1, length):
        if abs(num[offset + i] - wanted) < abs(num[offset + best] - wanted):
            best = i
    return best


@_inner
def _push(mem: Any, now: Any, agent: int, step: int, target: int, pushes: Any, count: int) -> int:
    """An agent walks to a cell where things stand: -1 if it cannot, else how many pushes there are now."""
    layout = now[mem[b.H_SLOT]]
    for thing in range(mem[b.H_BODIES + 1]):
        if _at(mem, b.H_BODIES, thing, 4) or now[_at(mem, b.H_BODIES, thing, 0)] != target:
            continue
        if _at(mem, b.H_BODIES, thing, 7):
            beyond = _at(mem, b.H_NEIGHBOURS, target, step)
            if _solid_at(mem, beyond, -1, now, layout) or _agent_at(mem, beyond, now):
                return -1
            pushes[count, 0], pushes[count, 1], pushes[count, 2], pushes[count, 3] = agent, thing, beyond, 1
            count += 1
        elif _at(mem, b.H_BODIES, thing, 5):
            return -1
    return count


@_compiled
def run(
    mem: Any, num: Any, program: int, rows: Any, states: Any, actions: Any, seed: Any, lanes: Any, clocks: Any,
    after: Any, executed: Any, rewards: Any, performance: Any, events: Any, ended: Any,
) -> None:  # fmt: skip
    """Run a program of a world in some rows of a batch.

    `mem` and `num` are `bytecode.flatten`; `program` is `TICK`, or `START`, which reads neither states nor actions;
    `rows` int64 `[n]` says which rows, the others are left alone. Read: `states` int32 `[B, F]`, `actions` int32
    `[B, N]`, `seed` uint64, `lanes` and `clocks` int64 `[B]` (see `chance.Sampled`). Overwritten in the rows: `after`
    int32 `[B, F]` (may be the same array as `states`), `executed` int32 `[B, N]`, `rewards` float64 `[B, K]`,
    `performance` float64 `[B]`, `events` uint64 `[B]`, `ended` bool `[B]`.
    """
    fields, channels, n = states.shape[1], mem[b.H_N_CHANNELS], mem[b.H_AGENTS + 1]
    chosen, acts, slot = mem[b.H_CHOSEN], mem[b.H_EXECUTED], mem[b.H_SLOT]
    nowhere, width, n_bodies = mem[b.H_NOWHERE], mem[b.H_WIDTH], mem[b.H_BODIES + 1]
    layout_column, ended_column = mem[b.H_LAYOUT], mem[b.H_ENDED]
    code, constants, listed, lookups = mem[b.H_CODE], mem[b.H_CONSTANTS], mem[b.H_LISTED], mem[b.H_LOOKUPS]
    masks, mask_plane, mask_row = mem[b.H_MASKS], mem[b.H_MASKS + 3], mem[b.H_MASKS + 2]
    walls, wall_row = mem[b.H_WALLS], mem[b.H_WALLS + 2]
    bodies, neighbours, motions, paths = mem[b.H_BODIES], mem[b.H_NEIGHBOURS], mem[b.H_MOTIONS], mem[b.H_PATHS]
    first, last = _at(mem, b.H_PROGRAMS, program, 0), _at(mem, b.H_PROGRAMS, program, 1)
    stack, gain = np.empty(STACK), np.zeros(channels + 1)
    now = np.full(slot + 1, -1, np.int32)
    here, want = np.empty(n, np.int32), np.empty(n, np.int32)
    move, stay = np.empty(n, np.int32), np.empty(n, np.int32)
    pushes = np.empty((n * max(n_bodies, 1), 4), np.int32)
    for row in rows:
        bits = np.uint64(0)
        reason = 0
        for k in range(channels + 1):
            gain[k] = 0.0
        at = first
        if program == TICK:
            for c in range(fields):
                now[c] = states[row, c]
                now[fields + c] = now[c]
            for i in range(n):
                now[chosen + i] = actions[row, i]
                now[acts + i] = actions[row, i]
            now[slot] = now[layout_column] if layout_column >= 0 else 0
            reason = now[ended_column]
            if reason > 0:
                at = last
                for i in range(n):
                    now[acts + i] = -1
        lane, clock = lanes[row], clocks[row]
        layout = now[slot]
        top = -1
        while at < last:
            line = code + at * WIDTH
            op, x, y, z = mem[line], mem[line + 1], mem[line + 2], mem[line + 3]
            at += 1
            if op == b.CONST:
                top += 1
                stack[top] = num[constants + x]
            elif op == b.FIELD:
                top += 1
                stack[top] = now[x] + y
            elif op == b.LISTED:
                top += 1
                stack[top] = num[listed + y + now[x]]
            elif op == b.IS:
                top += 1
                stack[top] = now[x] == y
            elif op == b.MOVED:
                top += 1
                stack[top] = now[x] != now[y]
            elif op == b.FACES:
                top += 1
                stack[top] = now[x] != nowhere and now[y] == z
            elif op == b.AT_CELL:
                top += 1
                stack[top] = now[x] == now[y] and now[x] != nowhere
            elif op == b.AT_CONST:
                top += 1
                stack[top] = now[x] == y and y != nowhere
            elif op == b.MEETS_CELL:
                top += 1
                stack[top] = now[x] != nowhere and now[y] != nowhere and _meets(now[x], now[y], width)
            elif op == b.MEETS_CONST:
                top += 1
                stack[top] = now[x] != nowhere and y != nowhere and _meets(now[x], y, width)
            elif op == b.NEAR_CELL:
                top += 1
                stack[top] = now[x] != nowhere and now[y] != nowhere and _distance(now[x], now[y], width) <= z
            elif op == b.NEAR_CONST:
                top += 1
                stack[top] = now[x] != nowhere and y != nowhere and _distance(now[x], y, width) <= z
            elif op == b.IN_MASK:
                top += 1
                stack[top] = mem[masks + y * mask_plane + layout * mask_row + now[x]]
            elif op == b.IN_MASK_OF:
                top += 1
                mask = mem[lookups + z + now[y]]
                stack[top] = mask >= 0 and mem[masks + mask * mask_plane + layout * mask_row + now[x]] != 0
            elif op >= b.SEES_CELL and op <= b.SEES_HAND:
                if op == b.SEES_HAND:
                    y = int(stack[top])
                else:
                    top += 1
                    y = now[y] if op == b.SEES_CELL else y
                stack[top] = _sees(mem, x, y, z if op == b.SEES_CELL else -1, now, layout)
            elif op == b.SEES_ZONE or op == b.SEES_ZONE_OF:
                top += 1
                mask = y if op == b.SEES_ZONE else mem[lookups + z + now[y]]
                stack[top] = mask >= 0 and _sees_zone(mem, x, mask, now, layout)
            elif op == b.CELL:
                top -= 1
                r, c = np.rint(stack[top]), np.rint(stack[top + 1])
                inside = r >= 0 and r < mem[b.H_HEIGHT] and c >= 0 and c < width
                stack[top] = r * width + c if inside else float(nowhere)
            elif op == b.AT_HAND:
                stack[top] = now[x] == int(stack[top]) and now[x] != nowhere
            elif op == b.MEETS_HAND:
                cell = int(stack[top])
                stack[top] = now[x] != nowhere and cell != nowhere and _meets(now[x], cell, width)
            elif op == b.NEAR_HAND:
                top -= 1
                cell = int(stack[top])
                near = now[x] != nowhere and cell != nowhere
                stack[top] = near and _distance(now[x], cell, width) <= np.floor(stack[top + 1])
            elif op == b.NEAR_MASK or op == b.NEAR_MASK_OF:
                mask = y if op == b.NEAR_MASK else mem[lookups + z + now[y]]
                stack[top] = mask >= 0 and _near_mask(mem, mask, now[x], np.floor(stack[top]), layout)
            elif op == b.NOT:
                stack[top] = stack[top] == 0
            elif op == b.NEGATE:
                stack[top] = -stack[top]
            elif op == b.TRUTH:
                stack[top] = stack[top] != 0
            elif op >= b.ADD and op <= b.MAXIMUM:
                top -= 1
                stack[top] = _joined(op, stack[top], stack[top + 1])
            elif op >= b.ABSOLUTE and op <= b.ROOT:
                stack[top] = _function(op, stack[top])
            elif op == b.CHOOSE:
                top -= 2
                stack[top] = stack[top + 1] if stack[top] != 0 else stack[top + 2]
            elif op == b.AND_SKIP:
                if stack[top] == 0:
                    at += x
                else:
                    top -= 1
            elif op == b.OR_SKIP:
                if stack[top] != 0:
                    stack[top] = 1.0
                    at += x
                else:
                    top -= 1
            elif op == b.UNLESS:
                if stack[top] == 0:
                    at += x
                top -= 1
            elif op == b.SKIP:
                at += x
            elif op == b.DRAW:
                top += 1
                stack[top] = uniform(seed, lane, clock, x)
            elif op == b.COIN:
                top -= 2
                if not _coin(stack[top + 1], stack[top + 2]):
                    at += x
            elif op == b.DECIDE:
                top -= x + 1
                if not z or _any(stack, top + 1, x):
                    now[y] = _decided(stack, top + 1, x, stack[top + 1 + x])
            elif op == b.LET:
                now[x] = y
            elif op == b.MOVE_AGENTS:
                count = 0
                for i in range(n):
                    body = _at(mem, b.H_AGENTS, i, 0)
                    if body < 0:
                        continue
                    here[i] = now[mem[bodies + body * 11]]
                    action = now[acts + i]
                    move[i] = mem[mem[b.H_MOVES] + _at(mem, b.H_AGENTS, i, 1) + action] if action >= 0 else 0
                    want[i] = mem[neighbours + here[i] * 5 + move[i]]
                    if want[i] == here[i]:
                        continue
                    if mem[walls + layout * wall_row + want[i]]:
                        want[i] = here[i]
                        continue
                    occupied = False
                    for thing in range(n_bodies):
                        if now[mem[bodies + thing * 11]] == want[i] and not mem[bodies + thing * 11 + 4]:
                            occupied = True
                    if occupied:
                        pushed = _push(mem, now, i, move[i], want[i], pushes, count)
                        if pushed < 0:
                            want[i] = here[i]
                        else:
                            count = pushed
                if n > 1 or count > 1:
                    _settle(mem, here, want, stay, pushes, count)
                for k in range(count):
                    if pushes[k, 3]:
                        now[mem[bodies + pushes[k, 1] * 11]] = pushes[k, 2]
                for i in range(n):
                    body = _at(mem, b.H_AGENTS, i, 0)
                    if body >= 0:
                        now[mem[bodies + body * 11]] = want[i]
                        if mem[bodies + body * 11 + 1] >= 0 and move[i] > 0:
                            now[mem[bodies + body * 11 + 1]] = move[i] - 1
            elif op == b.MOVE_BODY:
                body, way = mem[motions + x * 5], mem[motions + x * 5 + 1]
                place = mem[bodies + body * 11]
                cell = now[place]
                if cell != nowhere and way != STILL:
                    facing, phase_column = mem[bodies + body * 11 + 1], mem[bodies + body * 11 + 2]
                    phase = now[phase_column] if phase_column >= 0 else 0
                    target, onward = cell, phase
                    goal = nowhere
                    if way == PATROL:
                        begin = mem[motions + x * 5 + 2]
                        length = mem[motions + x * 5 + 3] - begin
                        while phase >= length:
                            phase -= length
                        goal = mem[paths + begin + phase]
                        if cell == goal:
                            onward = 0 if phase + 1 == length else phase + 1
                            target = mem[paths + begin + onward]
                    elif way == WANDER:
                        target = mem[neighbours + cell * 5 + 1 + min(int(stack[top] * 4), 3)]
                    else:
                        goal = now[mem[bodies + mem[motions + x * 5 + 4] * 11]]
                    if way != WANDER and not (way == PATROL and cell == goal):
                        target = _towards(mem, cell, goal, layout, way == FLEE)
                        if way == FOLLOW and (target == goal or cell == goal):
                            target = cell
                    blocked = mem[walls + layout * wall_row + target] != 0
                    if mem[bodies + body * 11 + 5]:
                        for other in range(n_bodies):
                            if (
                                mem[bodies + other * 11 + 5]
                                and other != body
                                and now[mem[bodies + other * 11]] == target
                            ):
                                blocked = True
                    if facing >= 0 and target != cell:
                        for k in range(1, 5):
                            if mem[neighbours + cell * 5 + k] == target:
                                now[facing] = k - 1
                                break
                    if not blocked:
                        now[place] = target
                    if phase_column >= 0 and not (blocked and target != cell):
                        now[phase_column] = onward
                if way == WANDER:
                    top -= 1
            elif op == b.TICK:
                now[x] = min(now[x] + 1, y)
            elif op == b.ENDED:
                if reason == 0:
                    at += x
            elif op == b.PAY:
                gain[x] += stack[top]
                top -= 1
            elif op == b.SET_NUMBER:
                low = mem[line + 5]
                number = now[x] + low
                wanted = stack[top] if y == 0 else number + stack[top] if y == 1 else number - stack[top]
                top -= 1
                now[x] = int(min(max(np.rint(wanted) - low, float(z)), float(mem[line + 4])))
            elif op == b.SET_LISTED:
                now[x] = _listed(num, listed + z, mem[line + 4], now[x], y, stack[top])
                top -= 1
            elif op == b.CYCLE:
                now[x] = y if now[x] == z else now[x] + 1
            elif op == b.EMIT:
                bits |= np.uint64(1) << np.uint64(x)
            elif op == b.END:
                if reason == 0:
                    reason = x
                    bits |= np.uint64(1) << np.uint64(y)
            elif op == b.REMOVE:
                _remove(mem, x, now)
            elif op >= b.PUT_CELL and op <= b.PUT_RANDOM_OF:
                cell = y
                if op == b.PUT_CELL:
                    cell = now[y]
                elif op == b.PUT_HAND:
                    cell = int(stack[top])
                    top -= 1
                elif op != b.PUT_CONST:
                    mask = y if op == b.PUT_ZONE or op == b.PUT_RANDOM else mem[lookups + z + now[y]]
                    if mask < 0:
                        cell = nowhere
                    elif op == b.PUT_ZONE or op == b.PUT_ZONE_OF:
                        cell = _first_cell(mem, mask, layout)
                    else:
                        cell = _cell_in(mem, mask, layout, stack[top])
                    top -= op == b.PUT_RANDOM or op == b.PUT_RANDOM_OF
                _put(mem, x, cell, now, layout)
            elif op == b.MOVE_BY:
                there = mem[neighbours + now[mem[bodies + x * 11]] * 5 + y]
                if not _solid_at(mem, there, -1, now, layout) and not _agent_at(mem, there, now):
                    now[mem[bodies + x * 11]] = there
            elif op == b.SWAP:
                one, other = mem[bodies + x * 11], mem[bodies + y * 11]
                if now[one] != nowhere and now[other] != nowhere:
                    now[one], now[other] = now[other], now[one]
            elif op == b.TAKE:
                if now[mem[bodies + x * 11]] != nowhere:
                    now[mem[bodies + x * 11 + 3]] = y
                    now[mem[bodies + x * 11]] = nowhere
            elif op == b.DROP:
                if now[mem[bodies + x * 11 + 3]] == y:
                    now[mem[bodies + x * 11 + 3]] = 0
                    now[mem[bodies + x * 11]] = now[mem[bodies + z * 11]]
            elif op == b.RESET_BOARD:
                for column in range(fields):
                    if mem[mem[b.H_FRESH] + column] >= 0:
                        now[column] = mem[mem[b.H_FRESH] + column]
                _set_out(mem, now, layout)
            elif op == b.BEGIN:
                for c in range(fields):
                    now[c] = mem[mem[b.H_BEGIN] + c]
                layout = _even(x, stack[top]) if layout_column >= 0 else 0
                top -= 1
                now[slot] = layout
                if layout_column >= 0:
                    now[layout_column] = layout
                _set_out(mem, now, layout)
            else:  # REMEMBER
                for c in range(fields):
                    now[fields + c] = now[c]
        now[ended_column] = reason
        for c in range(fields):
            after[row, c] = now[c]
        for i in range(n):
            executed[row, i] = now[acts + i] if program == TICK else -1
        for k in range(channels):
            rewards[row, k] = gain[k]
        performance[row] = gain[channels]
        events[row] = bits
        ended[row] = reason > 0

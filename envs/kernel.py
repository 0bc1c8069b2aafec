"""The compiled kernel: what `reference` means, lane by lane, for millions of ticks a second.

One serial function over a batch, into buffers that the caller owns. Tests hold it bit for bit to the reference.
Compiled code is cached on disk; set `TURNCOAT_KERNEL_CACHE=0` where that is not wanted.
"""

from __future__ import annotations
import os
from typing import Any
import numpy as np
from numba import njit
from . import bytecode as b
from .bytecode import STACK

_CACHE = os.environ.get("TURNCOAT_KERNEL_CACHE", "1") != "0"
_compiled = njit(cache=_CACHE, error_model="numpy", nogil=True)
_inlined = njit(cache=_CACHE, error_model="numpy", nogil=True, inline="always")
CEILING = 1e300
PATROL, CHASE, FLEE, FOLLOW, WANDER, STILL = range(6)
FAR = 32767
_LOW = np.uint64(4294967295)
_HIGH = np.uint64(32)
_M0, _M1 = (np.uint64(3528531795), np.uint64(3449720151))
_W0, _W1 = (np.uint64(2654435769), np.uint64(3144134277))


@_compiled
def _at(mem: Any, table: int, i: int, j: int) -> int:
    """Entry `[i, j]` of a table in the flat memory."""
    return mem[mem[table] + i * mem[table + 2] + j]


@_compiled
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


@_compiled
def _distance(a: int, c: int, width: int) -> int:
    """Chebyshev distance of two cells."""
    return max(abs(a // width - c // width), abs(a % width - c % width))


@_compiled
def _meets(a: int, c: int, width: int) -> bool:
    return abs(a // width - c // width) + abs(a % width - c % width) <= 1


@_compiled
def _between(seer: int, seen: int, step: int, width: int) -> int:
    """`geometry.between`."""
    r0, c0 = (seer // width, seer % width)
    down, right = (seen // width - r0, seen % width - c0)
    length = max(abs(down), abs(right), 1)
    r = (2 * step * abs(down) + length - 1) // (2 * length)
    c = (2 * step * abs(right) + length - 1) // (2 * length)
    return (r0 + (r if down >= 0 else -r)) * width + c0 + (c if right >= 0 else -c)


@_compiled
def _sees(mem: Any, num: Any, body: int, target: int, target_body: int, now: Any, layout: int) -> bool:
    """`evaluating.sees`."""
    nowhere = mem[b.H_NOWHERE]
    here = now[_at(mem, b.H_BODIES, body, 0)]
    if here == nowhere or target == nowhere:
        return False
    far = _distance(here, target, mem[b.H_WIDTH])
    sight = _at(mem, b.H_BODIES, body, 8)
    if sight >= 0 and far > sight or not _at3(mem, b.H_CLEAR, layout, here, target):
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


@_compiled
def _sees_zone(mem: Any, num: Any, body: int, mask: int, now: Any, layout: int) -> bool:
    for cell in range(mem[b.H_NOWHERE]):
        if _at3(mem, b.H_MASKS, mask, layout, cell) and _sees(mem, num, body, cell, -1, now, layout):
            return True
    return False


@_compiled
def _tame(x: float) -> float:
    if np.isnan(x):
        return 0.0
    return min(max(x, -CEILING), CEILING)


@_compiled
def _value(
    mem: Any,
    num: Any,
    first: int,
    last: int,
    now: Any,
    stack: Any,
) -> float:
    """Run a program of `bytecode`; `evaluating.evaluate` for one lane."""
    nowhere = mem[b.H_NOWHERE]
    layout = now[mem[b.H_SLOT]]
    top = -1
    at = first
    while at < last:
        op, x, y, z = (
            _at(mem, b.H_CODE, at, 0),
            _at(mem, b.H_CODE, at, 1),
            _at(mem, b.H_CODE, at, 2),
            _at(mem, b.H_CODE, at, 3),
        )
        at += 1
        if op == b.CONST:
            top += 1
            stack[top] = num[mem[b.H_CONSTANTS] + x]
        elif op == b.FIELD:
            top += 1
            stack[top] = now[x] + y
        elif op == b.IS:
            top += 1
            stack[top] = now[x] == y
        elif op == b.IN_MASK:
            top += 1
            stack[top] = _at3(mem, b.H_MASKS, y, layout, now[x])
        elif op == b.IN_MASK_OF:
            top += 1
            mask = mem[mem[b.H_LOOKUPS] + (z + now[y])]
            stack[top] = mask >= 0 and _at3(mem, b.H_MASKS, mask, layout, now[x])
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
        elif op == b.TRUTH:
            stack[top] = stack[top] != 0
        elif op == b.AT_CELL:
            top += 1
            stack[top] = now[x] == now[y] and now[x] != nowhere
        elif op == b.AT_CONST:
            top += 1
            stack[top] = now[x] == y and y != nowhere
        elif op == b.MEETS_CELL:
            top += 1
            stack[top] = now[x] != nowhere and now[y] != nowhere and _meets(now[x], now[y], mem[b.H_WIDTH])
        elif op == b.MEETS_CONST:
            top += 1
            stack[top] = now[x] != nowhere and y != nowhere and _meets(now[x], y, mem[b.H_WIDTH])
        elif op == b.NEAR_CELL:
            top += 1
            stack[top] = now[x] != nowhere and now[y] != nowhere and (_distance(now[x], now[y], mem[b.H_WIDTH]) <= z)
        elif op == b.NEAR_CONST:
            top += 1
            stack[top] = now[x] != nowhere and y != nowhere and (_distance(now[x], y, mem[b.H_WIDTH]) <= z)
        elif op == b.SEES_CELL:
            top += 1
            stack[top] = _sees(mem, num, x, now[y], z, now, layout)
        elif op == b.SEES_CONST:
            top += 1
            stack[top] = _sees(mem, num, x, y, -1, now, layout)
        elif op == b.SEES_ZONE:
            top += 1
            stack[top] = _sees_zone(mem, num, x, y, now, layout)
        elif op == b.SEES_ZONE_OF:
            top += 1
            mask = mem[mem[b.H_LOOKUPS] + (z + now[y])]
            stack[top] = mask >= 0 and _sees_zone(mem, num, x, mask, now, layout)
        elif op == b.LISTED:
            top += 1
            stack[top] = num[mem[b.H_LISTED] + (y + now[x])]
        elif op == b.MOVED:
            top += 1
            stack[top] = now[x] != now[y]
        elif op == b.FACES:
            top += 1
            stack[top] = now[x] != nowhere and now[y] == z
        elif op == b.NOT:
            stack[top] = stack[top] == 0
        elif op == b.NEGATE:
            stack[top] = -stack[top]
        elif op == b.CHOOSE:
            top -= 2
            stack[top] = stack[top + 1] if stack[top] != 0 else stack[top + 2]
        elif op >= b.ADD and op <= b.MAXIMUM:
            top -= 1
            stack[top] = _joined(op, stack[top], stack[top + 1])
        else:
            stack[top] = _function(op, stack[top])
    return stack[0]


@_compiled
def _holds(mem: Any, num: Any, first: int, last: int, now: Any, stack: Any) -> bool:
    """A guard holds; one without a program always does."""
    return first < 0 or _value(mem, num, first, last, now, stack) != 0


@_compiled
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
        return _tame(x**y)
    if y == 0:
        return 0.0
    if op == b.DIVIDE:
        return _tame(x / y)
    if op == b.FLOOR_DIVIDE:
        return _tame(np.floor(x / y))
    return _tame(x % y)


@_compiled
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


@_compiled
def _picked(weights: Any, n: int, u: float) -> int:
    """`chance.pick` for one lane."""
    total = 0.0
    chosen = 0
    last = 0
    for i in range(n):
        total += weights[i]
        if u >= total:
            chosen += 1
        if weights[i] > 0:
            last = i
    return min(chosen, last)


@_compiled
def _coin(p: float, u: float) -> bool:
    """Whether a coin that falls well with chance p does."""
    p = min(max(p, 0.0), 1.0)
    return u >= 1 - p and p > 0


@_compiled
def _cell_in(mem: Any, num: Any, mask: int, layout: int, u: float) -> int:
    """A cell of a mask, each with the same chance; nowhere for an empty one is the first cell, as in the reference."""
    count = 0
    cells = mem[b.H_NOWHERE]
    for cell in range(cells):
        count += _at3(mem, b.H_MASKS, mask, layout, cell)
    share = 1.0 / max(count, 1)
    total = 0.0
    chosen = 0
    last = cells - 1
    for cell in range(cells):
        weight = share if _at3(mem, b.H_MASKS, mask, layout, cell) else 0.0
        total += weight
        if u >= total:
            chosen += 1
        if weight > 0:
            last = cell
    return min(chosen, last)


@_compiled
def _first_cell(mem: Any, num: Any, mask: int, layout: int) -> int:
    for cell in range(mem[b.H_NOWHERE]):
        if _at3(mem, b.H_MASKS, mask, layout, cell):
            return cell
    return mem[b.H_NOWHERE]


@_compiled
def _solid_at(mem: Any, num: Any, cell: int, but: int, now: Any, layout: int) -> bool:
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


@_compiled
def _agent_at(mem: Any, num: Any, cell: int, now: Any) -> bool:
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


@_compiled
def _move_agents(mem: Any, num: Any, now: Any, here: Any, want: Any, move: Any, stay: Any, pushes: Any) -> None:
    """`reference._move_agents`: targets together on the state, then whoever clashes stays, until nothing changes.

    `pushes` is int32 `[P, 4]`: agent, thing, cell beyond, still on.
    """
    nowhere = mem[b.H_NOWHERE]
    layout, acts = now[mem[b.H_SLOT]], mem[b.H_EXECUTED]
    n = mem[b.H_AGENTS + 1]
    count = 0
    for i in range(n):
        body = _at(mem, b.H_AGENTS, i, 0)
        if body < 0:
            continue
        action = now[acts + i]
        move[i] = _at(mem, b.H_ACTIONS, _at(mem, b.H_AGENTS, i, 1) + action, 0) if action >= 0 else 0
        here[i] = now[_at(mem, b.H_BODIES, body, 0)]
        want[i] = _at(mem, b.H_NEIGHBOURS, here[i], move[i])
        if want[i] == here[i]:
            continue
        blocked = _at(mem, b.H_WALLS, layout, want[i])
        for thing in range(mem[b.H_BODIES + 1]):
            if (
                blocked
                or _at(mem, b.H_BODIES, thing, 4)
                or (not (_at(mem, b.H_BODIES, thing, 5) or _at(mem, b.H_BODIES, thing, 7)))
            ):
                continue
            cell = now[_at(mem, b.H_BODIES, thing, 0)]
            if cell != want[i] or cell == nowhere:
                continue
            if _at(mem, b.H_BODIES, thing, 7):
                beyond = _at(mem, b.H_NEIGHBOURS, cell, move[i])
                if not _solid_at(mem, num, beyond, -1, now, layout) and (not _agent_at(mem, num, beyond, now)):
                    pushes[count, 0], pushes[count, 1], pushes[count, 2], pushes[count, 3] = (i, thing, beyond, 1)
                    count += 1
                    continue
            blocked = True
        if blocked:
            want[i] = here[i]
            for k in range(count):
                if pushes[k, 0] == i:
                    pushes[k, 3] = 0
    if n > 1 or count > 1:
        _settle(mem, num, here, want, stay, pushes, count)
    for k in range(count):
        if pushes[k, 3]:
            now[_at(mem, b.H_BODIES, pushes[k, 1], 0)] = pushes[k, 2]
    for i in range(n):
        body = _at(mem, b.H_AGENTS, i, 0)
        if body >= 0:
            now[_at(mem, b.H_BODIES, body, 0)] = want[i]
            if _at(mem, b.H_BODIES, body, 1) >= 0 and move[i] > 0:
                now[_at(mem, b.H_BODIES, body, 1)] = move[i] - 1


@_compiled
def _settle(mem: Any, num: Any, here: Any, want: Any, stay: Any, pushes: Any, count: int) -> None:
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
                if _at(mem, b.H_AGENTS, j, 0) >= 0 and want[j] == pushes[k, 2]:
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


@_compiled
def _towards(mem: Any, num: Any, here: int, target: int, layout: int, away: bool) -> int:
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
        if away and distance > reach or (not away and distance < reach):
            best, reach = (cell, distance)
    return best


@_compiled
def _move_by_itself(
    mem: Any,
    num: Any,
    body: int,
    now: Any,
    stack: Any,
    seed: Any,
    lane: Any,
    clock: Any,
) -> None:
    """`reference._move_by_itself`."""
    nowhere, layout = mem[b.H_NOWHERE], now[mem[b.H_SLOT]]
    here = now[_at(mem, b.H_BODIES, body, 0)]
    if here == nowhere:
        return
    phase_column, facing = (_at(mem, b.H_BODIES, body, 2), _at(mem, b.H_BODIES, body, 1))
    phase = now[phase_column] if phase_column >= 0 else 0
    target, onward = (here, phase)
    for m in range(_at(mem, b.H_BODY_MOTIONS, body, 0), _at(mem, b.H_BODY_MOTIONS, body, 1)):
        if not _holds(mem, num, _at(mem, b.H_MOTIONS, m, 2), _at(mem, b.H_MOTIONS, m, 3), now, stack):
            continue
        way = _at(mem, b.H_MOTIONS, m, 1)
        if way == PATROL:
            length = _at(mem, b.H_MOTIONS, m, 5) - _at(mem, b.H_MOTIONS, m, 4)
            post = mem[mem[b.H_PATHS] + (_at(mem, b.H_MOTIONS, m, 4) + phase % length)]
            if here == post:
                onward = (phase + 1) % length
                target = mem[mem[b.H_PATHS] + (_at(mem, b.H_MOTIONS, m, 4) + onward)]
            else:
                target = _towards(mem, num, here, post, layout, False)
        elif way == WANDER:
            u = uniform(seed, lane, clock, mem[mem[b.H_WANDER_DRAWS] + body])
            target = _at(mem, b.H_NEIGHBOURS, here, 1 + min(int(u * 4), 3))
        elif way != STILL:
            goal = now[_at(mem, b.H_BODIES, _at(mem, b.H_MOTIONS, m, 6), 0)]
            target = _towards(mem, num, here, goal, layout, way == FLEE)
            if way == FOLLOW and (target == goal or here == goal):
                target = here
        break
    blocked = _at(mem, b.H_WALLS, layout, target)
    if _at(mem, b.H_BODIES, body, 5) and (not blocked):
        blocked = _solid_at(mem, num, target, body, now, layout) or _agent_at(mem, num, target, now)
    if facing >= 0 and target != here:
        for k in range(1, 5):
            if _at(mem, b.H_NEIGHBOURS, here, k) == target:
                now[facing] = k - 1
                break
    if not blocked:
        now[_at(mem, b.H_BODIES, body, 0)] = target
    if phase_column >= 0 and (not (blocked and target != here)):
        now[phase_column] = onward


@_compiled
def _remove(mem: Any, num: Any, body: int, now: Any) -> None:
    now[_at(mem, b.H_BODIES, body, 0)] = mem[b.H_NOWHERE]
    for i in range(_at(mem, b.H_BODIES, body, 9), _at(mem, b.H_BODIES, body, 10)):
        now[mem[mem[b.H_BODY_COLUMNS] + i]] = mem[mem[b.H_BEGIN] + mem[mem[b.H_BODY_COLUMNS] + i]]


@_compiled
def _set_out(mem: Any, num: Any, now: Any, layout: int) -> None:
    for body in range(mem[b.H_BODIES + 1]):
        now[_at(mem, b.H_BODIES, body, 0)] = _at(mem, b.H_STARTS, layout, body)


@_compiled
def _set(mem: Any, num: Any, e: int, value: float, now: Any) -> None:
    """`reference._assign`."""
    op, column, sign = (_at(mem, b.H_EFFECTS, e, 0), _at(mem, b.H_EFFECTS, e, 1), _at(mem, b.H_EFFECTS, e, 2))
    stored = now[column]
    if op == b.SET_LISTED:
        offset, length = (_at(mem, b.H_EFFECTS, e, 3), _at(mem, b.H_EFFECTS, e, 4))
        wanted = value
        if sign == 1:
            wanted = num[mem[b.H_LISTED] + (offset + stored)] + value
        elif sign == 2:
            wanted = num[mem[b.H_LISTED] + (offset + stored)] - value
        best = 0
        for i in range(1, length):
            if abs(num[mem[b.H_LISTED] + (offset + i)] - wanted) < abs(num[mem[b.H_LISTED] + (offset + best)] - wanted):
                best = i
        now[column] = best
        return
    wanted = value - _at(mem, b.H_EFFECTS, e, 5) if sign == 0 else stored + value if sign == 1 else stored - value
    now[column] = int(min(max(np.rint(wanted), float(_at(mem, b.H_EFFECTS, e, 3))), float(_at(mem, b.H_EFFECTS, e, 4))))


@_compiled
def _fire_rules(
    mem: Any, num: Any, first: int, last: int, now: Any, stack: Any, gain: Any, bits: Any, reason: int,
    seed: Any, lane: Any, clock: Any,
) -> int:  # fmt: skip
    """Every rule of a range in order (`reference._fire`).

    `gain` float64 `[K + 1]` gathers what channels pay and, last, the hidden score; `bits` uint64 `[1]` the events.
    Returns the reason for which the episode ends, 0 while it goes on.
    """
    for rule in range(first, last):
        if not _holds(mem, num, _at(mem, b.H_RULES, rule, 0), _at(mem, b.H_RULES, rule, 1), now, stack):
            continue
        if _at(mem, b.H_RULES, rule, 2) >= 0:
            p = _value(mem, num, _at(mem, b.H_RULES, rule, 2), _at(mem, b.H_RULES, rule, 3), now, stack)
            if not _coin(p, uniform(seed, lane, clock, _at(mem, b.H_RULES, rule, 4))):
                continue
        for i in range(_at(mem, b.H_RULES, rule, 5), _at(mem, b.H_RULES, rule, 6)):
            gain[_at(mem, b.H_PAYS, i, 0)] += _value(
                mem, num, _at(mem, b.H_PAYS, i, 1), _at(mem, b.H_PAYS, i, 2), now, stack
            )
        if _at(mem, b.H_RULES, rule, 7) >= 0:
            gain[mem[b.H_N_CHANNELS]] += _value(
                mem, num, _at(mem, b.H_RULES, rule, 7), _at(mem, b.H_RULES, rule, 8), now, stack
            )
        reason = _apply(mem, num, rule, now, stack, bits, reason, seed, lane, clock)
    return reason


@_compiled
def _apply(
    mem: Any, num: Any, rule: int, now: Any, stack: Any, bits: Any, reason: int, seed: Any, lane: Any, clock: Any
) -> int:
    """The effects of a rule (`reference._apply`)."""
    nowhere, layout = mem[b.H_NOWHERE], now[mem[b.H_SLOT]]
    for e in range(_at(mem, b.H_RULES, rule, 9), _at(mem, b.H_RULES, rule, 10)):
        op, x, y, z = (
            _at(mem, b.H_EFFECTS, e, 0),
            _at(mem, b.H_EFFECTS, e, 1),
            _at(mem, b.H_EFFECTS, e, 2),
            _at(mem, b.H_EFFECTS, e, 3),
        )
        if op == b.EMIT:
            bits[0] |= np.uint64(1) << np.uint64(x)
        elif op == b.SET_NUMBER or op == b.SET_LISTED:
            value = _value(
                mem,
                num,
                _at(mem, b.H_EFFECTS, e, 6),
                _at(mem, b.H_EFFECTS, e, 7),
                now,
                stack,
            )
            _set(mem, num, e, value, now)
        elif op == b.CYCLE:
            now[x] = (now[x] - y + 1) % (z - y + 1) + y
        elif op == b.END:
            if reason == 0:
                reason = x
                bits[0] |= np.uint64(1) << np.uint64(y)
        elif op == b.REMOVE:
            _remove(mem, num, x, now)
        elif op == b.PUT_CELL:
            now[_at(mem, b.H_BODIES, x, 0)] = now[y]
        elif op == b.PUT_CONST:
            now[_at(mem, b.H_BODIES, x, 0)] = y
        elif op == b.PUT_ZONE:
            now[_at(mem, b.H_BODIES, x, 0)] = _first_cell(mem, num, y, layout)
        elif op == b.PUT_ZONE_OF:
            mask = mem[mem[b.H_LOOKUPS] + (z + now[y])]
            now[_at(mem, b.H_BODIES, x, 0)] = _first_cell(mem, num, mask, layout) if mask >= 0 else nowhere
        elif op == b.PUT_RANDOM:
            now[_at(mem, b.H_BODIES, x, 0)] = _cell_in(mem, num, y, layout, uniform(seed, lane, clock, z))
        elif op == b.PUT_RANDOM_OF:
            mask = mem[mem[b.H_LOOKUPS] + (z + now[y])]
            now[_at(mem, b.H_BODIES, x, 0)] = _cell_in(
                mem, num, mask, layout, uniform(seed, lane, clock, _at(mem, b.H_EFFECTS, e, 4))
            )
        elif op == b.MOVE_BY:
            there = _at(mem, b.H_NEIGHBOURS, now[_at(mem, b.H_BODIES, x, 0)], y)
            if not _solid_at(mem, num, there, -1, now, layout) and (not _agent_at(mem, num, there, now)):
                now[_at(mem, b.H_BODIES, x, 0)] = there
        elif op == b.SWAP:
            one, other = (_at(mem, b.H_BODIES, x, 0), _at(mem, b.H_BODIES, y, 0))
            now[one], now[other] = (now[other], now[one])
        elif op == b.TAKE:
            if now[_at(mem, b.H_BODIES, x, 0)] != nowhere:
                now[_at(mem, b.H_BODIES, x, 3)] = y
                now[_at(mem, b.H_BODIES, x, 0)] = nowhere
        elif op == b.DROP:
            if now[_at(mem, b.H_BODIES, x, 3)] == y:
                now[_at(mem, b.H_BODIES, x, 3)] = 0
                now[_at(mem, b.H_BODIES, x, 0)] = now[_at(mem, b.H_BODIES, z, 0)]
        else:
            for column in range(mem[b.H_FRESH + 1]):
                if mem[mem[b.H_FRESH] + column] >= 0:
                    now[column] = mem[mem[b.H_FRESH] + column]
            _set_out(mem, num, now, layout)
    return reason


# ------------------------------------------------------------------ the batch


@_compiled
def _decide(mem: Any, num: Any, d: int, now: Any, stack: Any, weights: Any, seed: Any, lane: Any, clock: Any) -> int:
    """The outcome of a named draw (`reference._draw_weights` and `pick`)."""
    first, last = _at(mem, b.H_DRAWS, d, 1), _at(mem, b.H_DRAWS, d, 2)
    n = last - first
    total = 0.0
    for i in range(n):
        program = first + i
        value = _value(
            mem, num, _at(mem, b.H_DRAW_WEIGHTS, program, 0), _at(mem, b.H_DRAW_WEIGHTS, program, 1), now, stack
        )
        weights[i] = max(value, 0.0)
        total += weights[i]
    for i in range(n):
        weights[i] = weights[i] / total if total > 0 else 1.0 / n
    return _picked(weights, n, uniform(seed, lane, clock, _at(mem, b.H_DRAWS, d, 5)))


@_compiled
def _able(mem: Any, num: Any, agent: int, action: int, now: Any, stack: Any) -> bool:
    """The action is available in the state."""
    row = _at(mem, b.H_AGENTS, agent, 1) + action
    return _holds(mem, num, _at(mem, b.H_ACTIONS, row, 1), _at(mem, b.H_ACTIONS, row, 2), now, stack)


@_compiled
def _override(mem: Any, num: Any, now: Any, stack: Any, weights: Any, seed: Any, lane: Any, clock: Any) -> None:
    """`reference._override`."""
    acts = mem[b.H_EXECUTED]
    for o in range(mem[b.H_OVERRIDES + 1]):
        agent = _at(mem, b.H_OVERRIDES, o, 0)
        if not _holds(mem, num, _at(mem, b.H_OVERRIDES, o, 2), _at(mem, b.H_OVERRIDES, o, 3), now, stack):
            continue
        if _at(mem, b.H_OVERRIDES, o, 4) >= 0:
            p = _value(mem, num, _at(mem, b.H_OVERRIDES, o, 4), _at(mem, b.H_OVERRIDES, o, 5), now, stack)
            if not _coin(p, uniform(seed, lane, clock, _at(mem, b.H_OVERRIDES, o, 6))):
                continue
        if _at(mem, b.H_OVERRIDES, o, 1) >= 0:
            now[acts + agent] = _at(mem, b.H_OVERRIDES, o, 1)
            continue
        count = _at(mem, b.H_AGENTS, agent, 2) - _at(mem, b.H_AGENTS, agent, 1)
        able = 0
        for a in range(count):
            weights[a] = 1.0 if _able(mem, num, agent, a, now, stack) else 0.0
            able += int(weights[a])
        for a in range(count):
            weights[a] = weights[a] / able
        draw = mem[mem[b.H_OVERRIDE_DRAWS] + o]
        now[acts + agent] = _picked(weights, count, uniform(seed, lane, clock, draw))


@_compiled
def step_batch(
    mem: Any, num: Any, states: Any, actions: Any, seed: Any, lanes: Any, clocks: Any,
    after: Any, executed: Any, rewards: Any, performance: Any, events: Any, ended: Any,
) -> None:  # fmt: skip
    """One tick of every lane.

    Args:
        mem, num: `bytecode.flatten`.
        states: int32 `[B, F]`; after: the same shape, may be the same array.
        actions: int32 `[B, N]`.
        seed: uint64; lanes, clocks: int64 `[B]`, see `chance.Sampled`.
        executed: int32 `[B, N]`; rewards: float64 `[B, K]`; performance: float64 `[B]`; events: uint64 `[B]`;
            ended: bool `[B]`. All are overwritten.
    """
    n, fields, channels = mem[b.H_N_AGENTS], states.shape[1], mem[b.H_N_CHANNELS]
    chosen, acts, drawn, slot = mem[b.H_CHOSEN], mem[b.H_EXECUTED], mem[b.H_DRAWN], mem[b.H_SLOT]
    stack, weights, gain = np.empty(STACK), np.empty(1024), np.zeros(channels + 1)
    bits = np.zeros(1, np.uint64)
    now = np.empty(slot + 1, np.int32)
    here, want = np.empty(n, np.int32), np.empty(n, np.int32)
    move, stay = np.empty(n, np.int32), np.empty(n, np.int32)
    pushes = np.empty((n * max(mem[b.H_BODIES + 1], 1), 4), np.int32)
    start, tick, end = mem[mem[b.H_RULE_ENDS]], mem[mem[b.H_RULE_ENDS] + 1], mem[mem[b.H_RULE_ENDS] + 2]
    for row in range(states.shape[0]):
        for c in range(fields):
            now[c] = states[row, c]
            now[fields + c] = now[c]
        bits[0] = 0
        for k in range(channels + 1):
            gain[k] = 0.0
        over = now[mem[b.H_ENDED]] > 0
        if over:
            for i in range(n):
                now[acts + i] = -1
        else:
            now[slot] = now[mem[b.H_LAYOUT]] if mem[b.H_LAYOUT] >= 0 else 0
            lane, clock = lanes[row], clocks[row]
            for i in range(n):
                now[acts + i] = -1
            for i in range(n):
                now[chosen + i] = actions[row, i] if _able(mem, num, i, actions[row, i], now, stack) else -1
            for i in range(n):
                now[acts + i] = now[chosen + i]
            if mem[b.H_OVERRIDES + 1] > 0:
                _override(mem, num, now, stack, weights, seed, lane, clock)
            _move_agents(mem, num, now, here, want, move, stay, pushes)
            for body in range(mem[b.H_BODIES + 1]):
                if _at(mem, b.H_BODY_MOTIONS, body, 1) > _at(mem, b.H_BODY_MOTIONS, body, 0):
                    _move_by_itself(mem, num, body, now, stack, seed, lane, clock)
            if mem[b.H_CLOCK] >= 0:
                now[mem[b.H_CLOCK]] = min(now[mem[b.H_CLOCK]] + 1, mem[b.H_CLOCK_MOST])
            for d in range(mem[b.H_N_START_DRAWS], mem[b.H_DRAWS + 1]):
                place = drawn + _at(mem, b.H_DRAWS, d, 6)
                now[place] = 0
                if _holds(mem, num, _at(mem, b.H_DRAWS, d, 3), _at(mem, b.H_DRAWS, d, 4), now, stack):
                    now[place] = _decide(mem, num, d, now, stack, weights, seed, lane, clock)
            reason = _fire_rules(mem, num, start, tick, now, stack, gain, bits, 0, seed, lane, clock)
            if reason > 0 and end > tick:
                reason = _fire_rules(mem, num, tick, end, now, stack, gain, bits, reason, seed, lane, clock)
            now[mem[b.H_ENDED]] = reason
        for c in range(fields):
            after[row, c] = now[c]
        for i in range(n):
            executed[row, i] = now[acts + i]
        for k in range(channels):
            rewards[row, k] = gain[k]
        performance[row] = gain[channels]
        events[row] = bits[0]
        ended[row] = now[mem[b.H_ENDED]] > 0


@_compiled
def reset_batch(
    mem: Any, num: Any, seed: Any, lanes: Any, clocks: Any, layout_draw: int, n_layouts: int, rows: Any,
    after: Any, rewards: Any, performance: Any, events: Any, ended: Any,
) -> None:  # fmt: skip
    """Begin an episode in the given rows (int64 `[n]`) of the batch; the other rows are left alone."""
    fields, channels, slot = after.shape[1], mem[b.H_N_CHANNELS], mem[b.H_SLOT]
    stack, weights, gain = np.empty(STACK), np.empty(1024), np.zeros(channels + 1)
    bits = np.zeros(1, np.uint64)
    now = np.full(slot + 1, -1, np.int32)
    for row in rows:
        lane, clock = lanes[row], clocks[row]
        for c in range(fields):
            now[c] = mem[mem[b.H_BEGIN] + c]
        bits[0] = 0
        for k in range(channels + 1):
            gain[k] = 0.0
        now[slot] = 0
        if mem[b.H_LAYOUT] >= 0:
            now[slot] = _even(n_layouts, uniform(seed, lane, clock, layout_draw))
            now[mem[b.H_LAYOUT]] = now[slot]
        _set_out(mem, num, now, now[slot])
        for d in range(mem[b.H_N_START_DRAWS]):
            now[_at(mem, b.H_DRAWS, d, 0)] = _decide(mem, num, d, now, stack, weights, seed, lane, clock)
        for c in range(fields):
            now[fields + c] = now[c]
        reason = _fire_rules(mem, num, 0, mem[mem[b.H_RULE_ENDS]], now, stack, gain, bits, 0, seed, lane, clock)
        now[mem[b.H_ENDED]] = reason
        for c in range(fields):
            after[row, c] = now[c]
        for k in range(channels):
            rewards[row, k] = gain[k]
        performance[row] = gain[channels]
        events[row] = bits[0]
        ended[row] = reason > 0


@_compiled
def _even(n: int, u: float) -> int:
    """`chance.pick` among n outcomes of equal weight."""
    total = 0.0
    for i in range(n):
        total += 1 / n
        if u < total:
            return i
    return n - 1

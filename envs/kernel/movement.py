"""Movement, compiled for one lane as in `reference.step`: agents, pushes, things that move, and placement by effects.

`mem` is the flat memory of `bytecode`, `now` a lane's memory.
"""

from __future__ import annotations

from typing import Any

from . import bytecode as b
from .memory import inner

PATROL, CHASE, FLEE, FOLLOW, WANDER, STILL = range(len(b.WAYS))
FAR = 32_767


@inner
def is_solid(mem: Any, now: Any, body: int) -> bool:
    """Whether a body is solid in this tick."""
    solid = mem[b.H_BODIES, body, 5]
    return solid == 1 or (solid > 1 and now[solid] != 0)


@inner
def blocked_at(mem: Any, now: Any, cell: int, mover: int) -> bool:
    """Whether a wall, or a solid thing that blocks the mover, is on a cell."""
    if mem[b.H_WALLS, now[mem[b.H_SLOT]], cell] != 0:
        return True
    for body in range(mem[b.H_BODIES + 1]):
        thing = mem[b.H_BODIES, body, 4] == 0 and mem[b.H_BLOCKS, body, mover] != 0
        if thing and now[mem[b.H_BODIES, body, 0]] == cell and is_solid(mem, now, body):
            return True
    return False


@inner
def agent_at(mem: Any, now: Any, cell: int) -> bool:
    """Whether a solid agent is on a cell."""
    if cell == mem[b.H_NOWHERE]:
        return False
    for body in range(mem[b.H_BODIES + 1]):
        solid = mem[b.H_BODIES, body, 5] != 0 and mem[b.H_BODIES, body, 4] != 0
        if solid and now[mem[b.H_BODIES, body, 0]] == cell:
            return True
    return False


# ------------------------------------------------------------------ agents


@inner
def move_agent(mem: Any, now: Any, place: int, facing: int) -> bool:
    """Move a single agent, unless a thing is in its way: then nothing is done, and the result is false.

    The common case without a search for conflicts; `move_agents` handles the other.
    """
    action, cell = now[mem[b.H_EXECUTED]], now[place]
    step = mem[mem[b.H_MOVES] + action] if action >= 0 else 0
    if step == 0:
        return True
    target = mem[b.H_WAYS, now[mem[b.H_SLOT]], cell, step]
    for i in range(mem[b.H_OBSTACLES], mem[b.H_OBSTACLES] + mem[b.H_OBSTACLES + 1]):
        if now[mem[i]] == target and target != cell:
            return False
    now[place] = target
    if facing >= 0:
        now[facing] = step - 1
    return True


@inner
def move_agents(mem: Any, now: Any) -> None:
    """`reference.step._move_agents`.

    Behind a lane's memory is its scratch space: the number of pushes; for each of N agents its cell, then for each its
    target, its step and whether it stays; then four entries for each push: agent, thing, cell beyond, and whether it
    happens.
    """
    n, pushes = mem[b.H_AGENTS + 1], mem[b.H_SLOT] + 1
    here = pushes + 1
    want, move, first = here + n, here + 2 * n, here + 4 * n
    now[pushes] = 0
    for i in range(n):
        body = mem[b.H_AGENTS, i, 0]
        if body < 0:
            continue
        cell = now[mem[b.H_BODIES, body, 0]]
        action = now[mem[b.H_EXECUTED] + i]
        step = mem[mem[b.H_MOVES] + mem[b.H_AGENTS, i, 1] + action] if action >= 0 else 0
        target = mem[b.H_WAYS, now[mem[b.H_SLOT]], cell, step]
        if target != cell and not _can_enter(mem, now, i, step, target):
            target = cell
        now[here + i], now[want + i], now[move + i] = cell, target, step
    if n > 1 or now[pushes] > 1:
        _resolve_conflicts(mem, now)
    for k in range(first, first + 4 * now[pushes], 4):
        if now[k + 3] != 0:
            now[mem[b.H_BODIES, now[k + 1], 0]] = now[k + 2]
    for i in range(n):
        body = mem[b.H_AGENTS, i, 0]
        if body >= 0:
            now[mem[b.H_BODIES, body, 0]] = now[want + i]
            facing = mem[b.H_BODIES, body, 1]
            if facing >= 0 and now[move + i] > 0:
                now[facing] = now[move + i] - 1


@inner
def _can_enter(mem: Any, now: Any, agent: int, step: int, target: int) -> bool:
    """Whether an agent can step to a cell on which things may be; what it would push is recorded."""
    pushes = mem[b.H_SLOT] + 1
    count = now[pushes]
    for thing in range(mem[b.H_BODIES + 1]):
        if mem[b.H_BODIES, thing, 4] != 0 or now[mem[b.H_BODIES, thing, 0]] != target:
            continue
        if mem[b.H_BLOCKS, thing, mem[b.H_AGENTS, agent, 0]] == 0:
            continue
        if mem[b.H_BODIES, thing, 7] != 0:
            beyond = mem[b.H_NEIGHBOURS, target, step]
            if blocked_at(mem, now, beyond, thing) or agent_at(mem, now, beyond):
                return False
            k = pushes + 1 + 4 * (mem[b.H_AGENTS + 1] + count)
            now[k], now[k + 1], now[k + 2], now[k + 3] = agent, thing, beyond, 1
            count += 1
        elif is_solid(mem, now, thing):
            return False
    now[pushes] = count
    return True


@inner
def _resolve_conflicts(mem: Any, now: Any) -> None:
    """`reference.step._resolve_conflicts`."""
    n, here = mem[b.H_AGENTS + 1], mem[b.H_SLOT] + 2
    want, stay, pushes = here + n, here + 3 * n, here + 4 * n
    count = now[here - 1]
    changed = True
    while changed:
        for i in range(n):
            now[stay + i] = 0
        for i in range(n):
            mine = mem[b.H_AGENTS, i, 0]
            if mine < 0 or mem[b.H_BODIES, mine, 5] == 0 or now[want + i] == now[here + i]:
                continue
            for j in range(n):
                other = mem[b.H_AGENTS, j, 0]
                if other < 0 or i == j or mem[b.H_BODIES, other, 5] == 0:
                    continue
                swap = now[want + i] == now[here + j] and now[want + j] == now[here + i]
                swap = swap and now[want + j] != now[here + j]
                if now[want + i] == now[want + j] or swap:
                    now[stay + i] = 1
        for k in range(pushes, pushes + 4 * count, 4):
            if now[k + 3] == 0:
                continue
            for j in range(n):
                other = mem[b.H_AGENTS, j, 0]
                if other >= 0 and mem[b.H_BODIES, other, 5] != 0 and now[want + j] == now[k + 2]:
                    now[stay + now[k]] = 1
                    if now[want + j] != now[here + j]:
                        now[stay + j] = 1
            for m in range(k + 4, pushes + 4 * count, 4):
                if now[m + 3] != 0 and (now[k + 1] == now[m + 1] or now[k + 2] == now[m + 2]):
                    now[stay + now[k]] = 1
                    now[stay + now[m]] = 1
        changed = False
        for i in range(n):
            if now[stay + i] != 0 and mem[b.H_AGENTS, i, 0] >= 0 and now[want + i] != now[here + i]:
                changed = True
                now[want + i] = now[here + i]
        if changed:
            for k in range(pushes, pushes + 4 * count, 4):
                if now[stay + now[k]] != 0:
                    now[k + 3] = 0


# ------------------------------------------------------------------ things that move


@inner
def move_body(mem: Any, now: Any, motion: int, u: float) -> None:
    """One motion of a thing; u is a uniform number, for those that wander."""
    row = mem[b.H_MOTIONS] + motion * 5
    order, way = mem[row], mem[row + 1]
    body = mem[b.H_BODIES] + order * mem[b.H_BODIES + 2]
    place, facing, phase_column = mem[body], mem[body + 1], mem[body + 2]
    cell = now[place]
    if cell == mem[b.H_NOWHERE] or way == STILL:
        return
    phase = now[phase_column] if phase_column >= 0 else 0
    target, onward, goal = cell, phase, cell
    if way == WANDER:
        target = mem[b.H_NEIGHBOURS, cell, 1 + min(int(u * 4), 3)]
    elif way == PATROL:
        first = mem[b.H_PATHS] + mem[row + 2]
        length = mem[row + 3] - mem[row + 2]
        while phase >= length:  # modulo: the column is as long as the longest patrol of the body
            phase -= length
        goal = mem[first + phase]
        if cell == goal:
            onward = 0 if phase + 1 == length else phase + 1
            target = mem[first + onward]
    else:
        goal = now[mem[b.H_BODIES, mem[row + 4], 0]]
    if way == FLEE or (cell != goal and way != WANDER):
        target = _step_towards(mem, now, cell, goal, way == FLEE)
        if way == FOLLOW and target == goal:
            target = cell
    blocked = mem[b.H_WALLS, now[mem[b.H_SLOT]], target] != 0
    zone = mem[row + 4] if way == WANDER else -1
    if zone >= 0 and mem[b.H_MASKS, zone, now[mem[b.H_SLOT]], cell] != 0:
        blocked = blocked or mem[b.H_MASKS, zone, now[mem[b.H_SLOT]], target] == 0
    if not blocked and is_solid(mem, now, order):
        blocked = blocked_at(mem, now, target, order) or agent_at(mem, now, target)
    if facing >= 0 and target != cell:
        for k in range(1, 5):
            if mem[b.H_NEIGHBOURS, cell, k] == target:
                now[facing] = k - 1
                break
    if not blocked:
        now[place] = target
    if phase_column >= 0 and not (blocked and target != cell):
        now[phase_column] = onward


@inner
def _step_towards(mem: Any, now: Any, here: int, target: int, away: bool) -> int:
    """`reference.step._step_towards`."""
    if target == mem[b.H_NOWHERE]:
        return here
    layout = now[mem[b.H_SLOT]]
    best = mem[b.H_NEIGHBOURS, here, 0]
    reach = -2 if away else FAR + 1
    for k in range(5):
        cell = mem[b.H_NEIGHBOURS, here, k]
        blocked = mem[b.H_WALLS, layout, cell] != 0  # where there is no way to ask for
        far = (-1 if away else FAR) if blocked else mem[b.H_WALKING, layout, cell, target]
        if (away and far > reach) or (not away and far < reach):
            best, reach = cell, far
    return best


# ------------------------------------------------------------------ what effects do


@inner
def begin_row(mem: Any, now: Any) -> int:
    """The row of the tables `begin` and `fresh` that holds for the lane's layout."""
    return now[mem[b.H_SLOT]] if mem[b.H_BEGIN + 1] > 1 else 0


@inner
def remove(mem: Any, now: Any, body: int) -> None:
    """Take a body off the board and reset its other columns to their start values."""
    now[mem[b.H_BODIES, body, 0]] = mem[b.H_NOWHERE]
    for i in range(mem[b.H_BODIES, body, 9], mem[b.H_BODIES, body, 10]):
        column = mem[mem[b.H_BODY_COLUMNS] + i]
        now[column] = mem[b.H_BEGIN, begin_row(mem, now), column]


@inner
def put(mem: Any, now: Any, body: int, cell: int) -> None:
    """`reference.step._put`."""
    if mem[b.H_WALLS, now[mem[b.H_SLOT]], cell] == 0:
        now[mem[b.H_BODIES, body, 0]] = cell
        if mem[b.H_BODIES, body, 3] >= 0:
            now[mem[b.H_BODIES, body, 3]] = 0


@inner
def place_at_starts(mem: Any, now: Any) -> None:
    """`reference.step._place_at_starts`."""
    for body in range(mem[b.H_BODIES + 1]):
        cell = mem[b.H_STARTS, now[mem[b.H_SLOT]], body]
        now[mem[b.H_BODIES, body, 0]] = cell
        first, last = mem[b.H_PATROLS, body, 0], mem[b.H_PATROLS, body, 1]
        if first >= 0:
            phase = 0
            for i in range(first, last):
                if mem[mem[b.H_PATHS] + i] == cell:
                    phase = i - first
                    break
            now[mem[b.H_BODIES, body, 2]] = phase

"""The compiled kernel: an interpreter of a world's programs, with the semantics of `reference`.

One serial function runs the programs of `bytecode` over a batch of lanes, in buffers that the caller owns, and encodes
observations of the result. Tests require it to equal the reference bit for bit. Compiled code is cached on disk;
`TURNCOAT_KERNEL_CACHE=0` turns that off.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import bytecode as b
from .geometry import cell_in, distance, first_cell, meets, near_mask, sees, sees_zone
from .memory import digest, entry, floats, inlined, inner, ints, longs, numbers, octets, table
from .movement import (
    WANDER,
    agent_at,
    begin_row,
    blocked_at,
    move_agent,
    move_agents,
    move_body,
    place_at_starts,
    put,
    remove,
)
from .observation import encode_lane
from .sampling import all_zero, bernoulli, categorical, uniform, uniform_index

TICK, START, REFRESH, BETWEEN, GO_ON = range(5)
"""What to do with lanes: a tick, the start of an episode, only a refresh of action masks and observations; and in a
life what comes between two episodes, and the start of an episode from what the one before has left."""

(
    C_MEM,
    C_NUM,
    C_STATES,
    C_ACTIONS,
    C_EXECUTED,
    C_REWARDS,
    C_PERFORMANCE,
    C_EVENTS,
    C_ENDED,
    C_PAY,
    C_TERMINATED,
    C_TRUNCATED,
    C_AVAILABLE,
    C_LANES,
    C_CLOCK,
    C_TICKS,
    C_ROWS,
    C_NOW,
    C_STACK,
    C_BOX,
    C_VIEW,
    C_SEED,
    C_FIELDS,
    C_COUNT,
    C_LIMIT,
    C_HORIZON,
    C_AUTORESET,
    C_LEFT,
    C_BETWEEN,
    C_RETIRED,
) = range(30)
"""What a stepper holds for the kernel: addresses of the tables and of its buffers (see `Stepper`), of a lane's memory,
of a stack, of a box for what a program passes round, and of a view (0 for none); then the seed, F, B, the ticks after
which an episode is cut off or over (0 for never), and whether a lane whose episode is over begins another at the next
tick; last, in a life, addresses of what its episodes have left, of the events between them, and of whether it is
retired."""
CONTEXT = 30

# The box: the bits of the events, the reason why the episode ended, where chance comes from, whether a life is retired.
BITS, REASON, SEED, LANE, CLOCK, RETIRED = range(6)
BOX = 6

LARGEST = 1e300


# ------------------------------------------------------------------ numbers


@inner
def _tame(x: float) -> float:
    if np.isnan(x):
        return 0.0
    return min(max(x, -LARGEST), LARGEST)


@inner
def _compare(op: int, x: float, y: float) -> bool:
    if op == b.EQUAL:
        return x == y
    if op == b.UNEQUAL:
        return x != y
    if op == b.LESS:
        return x < y
    if op == b.AT_MOST:
        return x <= y
    if op == b.MORE:
        return x > y
    return x >= y


@inner
def power(x: float, y: float) -> float:
    """`x ** y`; 0 for a power that is infinite."""
    return 0.0 if x == 0 and y < 0 else _tame(x**y)


@inner
def exponential(x: float) -> float:
    """The exponential function, tamed."""
    return _tame(np.exp(x))


@inner
def logarithm(x: float) -> float:
    """The natural logarithm; 0 where there is none."""
    return float(np.log(x)) if x > 0 else 0.0


@inner
def _joined(op: int, x: float, y: float) -> float:
    """An operation on two numbers."""
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
        return power(x, y)
    if y == 0:
        return 0.0
    if op == b.DIVIDE:
        return _tame(x / y)
    if op == b.FLOOR_DIVIDE:
        return _tame(x // y)
    return _tame(x % y)


@inner
def _function(op: int, x: float) -> float:
    """A function of one number."""
    if op == b.NOT:
        return 1.0 if x == 0 else 0.0
    if op == b.NEGATE:
        return -x
    if op == b.ABSOLUTE:
        return abs(x)
    if op == b.FLOOR:
        return float(np.floor(x))
    if op == b.CEILING:
        return float(np.ceil(x))
    if op == b.EXPONENTIAL:
        return exponential(x)
    if op == b.LOGARITHM:
        return logarithm(x)
    return float(np.sqrt(x)) if x > 0 else 0.0


@inner
def _listed(num: Any, offset: int, length: int, stored: int, sign: int, value: float) -> int:
    """The index of the listed value nearest to the one that is set (`reference.step._assign`)."""
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


# ------------------------------------------------------------------ instructions


@inner
def popped(op: int) -> int:
    """How many numbers a test takes from the stack."""
    if op < b.SEES_HAND:
        return 0
    return 1 + ((op >= b.EQUAL and op <= b.AT_LEAST) or op == b.NEAR_HAND)


@inlined
def holds(mem: Any, num: Any, now: Any, stack: Any, line: int, op: int, top: int) -> bool:
    """Whether a test holds; `top` is the top of the stack without the operands that the test has used up."""
    x, y, z = mem[line + 1], mem[line + 2], mem[line + 3]
    nowhere, width = mem[b.H_NOWHERE], mem[b.H_WIDTH]
    if op == b.IS:
        return now[x] == y
    if op == b.IN_MASK:
        return mem[b.H_MASKS, y, now[mem[b.H_SLOT]], now[x]] != 0
    if op == b.IN_MASK_OF:
        mask = mem[mem[b.H_LOOKUPS] + z + now[y]]
        return mask >= 0 and mem[b.H_MASKS, mask, now[mem[b.H_SLOT]], now[x]] != 0
    if op == b.AT_CELL:
        return now[x] == now[y] and now[x] != nowhere
    if op == b.AT_CONST:
        return now[x] == y and y != nowhere
    if op == b.MEETS_CELL:
        return now[x] != nowhere and now[y] != nowhere and meets(now[x], now[y], width)
    if op == b.MEETS_CONST:
        return now[x] != nowhere and y != nowhere and meets(now[x], y, width)
    if op == b.NEAR_CELL:
        return now[x] != nowhere and now[y] != nowhere and distance(now[x], now[y], width) <= z
    if op == b.NEAR_CONST:
        return now[x] != nowhere and y != nowhere and distance(now[x], y, width) <= z
    if op == b.COMPARE:
        return _compare(mem[line + 5], float(now[x] + y), num[mem[b.H_CONSTANTS] + z])
    if op == b.MOVED:
        return now[x] != now[y]
    if op == b.FACES:
        return now[x] != nowhere and now[y] == z
    if op <= b.SEES_HAND:
        return _holds_in_sight(mem, now, line, op, stack[top + 1])
    return _holds_in_hand(mem, now, line, op, stack[top + 1], stack[top + 2])


@inner
def _holds_in_hand(mem: Any, now: Any, line: int, op: int, first: float, second: float) -> bool:
    """A test of what is in hand: the number on top, or the two on top."""
    x, nowhere, width = mem[line + 1], mem[b.H_NOWHERE], mem[b.H_WIDTH]
    if op == b.TRUTH:
        return first != 0
    if op <= b.AT_LEAST:
        return _compare(op, first, second)
    if op == b.NEAR_MASK or op == b.NEAR_MASK_OF:
        mask = mem[line + 2]
        if op == b.NEAR_MASK_OF:
            mask = mem[mem[b.H_LOOKUPS] + mem[line + 3] + now[mask]]
        return near_mask(mem, now, mask, now[x], np.floor(first))
    cell = int(first)
    if now[x] == nowhere or cell == nowhere:
        return False
    if op == b.AT_HAND:
        return now[x] == cell
    if op == b.MEETS_HAND:
        return meets(now[x], cell, width)
    return distance(now[x], cell, width) <= np.floor(second)


@inner
def _holds_in_sight(mem: Any, now: Any, line: int, op: int, hand: float) -> bool:
    """A body sees something."""
    x, y, z = mem[line + 1], mem[line + 2], mem[line + 3]
    if op == b.SEES_ZONE or op == b.SEES_ZONE_OF:
        return sees_zone(mem, now, x, y if op == b.SEES_ZONE else mem[mem[b.H_LOOKUPS] + z + now[y]])
    target, body = y, x
    if op == b.SEES_CELL:
        target, body = now[y], z
    elif op == b.SEES_HAND:
        target = int(hand)
    return sees(mem, now, x, target, body)


@inlined
def evaluate(mem: Any, num: Any, now: Any, stack: Any, box: Any, line: int, op: int, top: int) -> int:
    """Push a number on the stack, or operate on those at its top; where the top is then."""
    x, y = mem[line + 1], mem[line + 2]
    if op == b.CONST:
        top += 1
        stack[top] = num[mem[b.H_CONSTANTS] + x]
    elif op == b.FIELD:
        top += 1
        stack[top] = float(now[x] + y)
    elif op == b.LISTED:
        top += 1
        stack[top] = num[mem[b.H_LISTED] + y + now[x]]
    elif op == b.DRAW:
        top += 1
        stack[top] = uniform(np.uint64(box[SEED]), box[LANE], box[CLOCK], x)
    elif op >= b.ADD and op <= b.MAXIMUM:
        top -= 1
        stack[top] = _joined(op, stack[top], stack[top + 1])
    elif op == b.CHOOSE:
        top -= 2
        stack[top] = stack[top + 1] if stack[top] != 0 else stack[top + 2]
    elif op == b.CELL:
        top -= 1
        r, c = np.rint(stack[top]), np.rint(stack[top + 1])
        inside = r >= 0 and r < mem[b.H_HEIGHT] and c >= 0 and c < mem[b.H_WIDTH]
        stack[top] = r * mem[b.H_WIDTH] + c if inside else float(mem[b.H_NOWHERE])
    elif op == b.ROW or op == b.COLUMN:
        cell, width = int(stack[top]), max(mem[b.H_WIDTH], 1)
        number = cell // width if op == b.ROW else cell % width
        stack[top] = -1.0 if cell == mem[b.H_NOWHERE] else float(number)
    elif op == b.APART:
        top -= 1
        one, other, nowhere = int(stack[top]), int(stack[top + 1]), mem[b.H_NOWHERE]
        away = one == nowhere or other == nowhere
        stack[top] = float(x) if away else float(distance(one, other, max(mem[b.H_WIDTH], 1)))
    else:
        stack[top] = _function(op, stack[top])
    return top


@inner
def _begin(mem: Any, now: Any, layouts: int, goes_on: int, u: float) -> None:
    """The state at the start, on a layout; where a life goes on, with what outlives an episode (it is `before`)."""
    layout = uniform_index(layouts, u) if mem[b.H_LAYOUT] >= 0 else 0
    now[mem[b.H_SLOT]] = layout
    for column in range(mem[b.H_BEGIN + 2]):
        now[column] = mem[b.H_BEGIN, begin_row(mem, now), column]
    if goes_on != 0:
        for kept in range(mem[b.H_OUTLIVES + 1]):
            column, before = mem[b.H_OUTLIVES, kept, 0], mem[b.H_BEGIN + 2] + mem[b.H_OUTLIVES, kept, 0]
            now[column] = min(max(now[before], mem[b.H_OUTLIVES, kept, 1]), mem[b.H_OUTLIVES, kept, 2])
    if mem[b.H_LAYOUT] >= 0:
        now[mem[b.H_LAYOUT]] = layout
    place_at_starts(mem, now)


@inlined
def advance(mem: Any, now: Any, stack: Any, available: Any, line: int, op: int, top: int) -> int:
    """A part of a tick or a start other than its rules, or what a draw decides; where the top of the stack is then."""
    x, y, z = mem[line + 1], mem[line + 2], mem[line + 3]
    if op == b.MOVE_AGENT:
        if not move_agent(mem, now, x, y):
            move_agents(mem, now)
    elif op == b.MOVE_AGENTS:
        move_agents(mem, now)
    elif op == b.MOVE_BODY:
        move_body(mem, now, x, stack[max(top, 0)])
        top -= mem[mem[b.H_MOTIONS] + x * 5 + 1] == WANDER
    elif op == b.DECIDE:
        top -= x + 1
        if z == 0 or not all_zero(stack, top + 1, x):
            now[y] = categorical(stack, top + 1, x, stack[top + 1 + x])
    elif op == b.LET:
        now[x] = y
    elif op == b.TICK:
        now[x] = min(now[x] + 1, y)
    elif op == b.AVAILABLE:
        available[x] = stack[top] != 0
        top -= 1
    elif op == b.BEGIN:
        _begin(mem, now, x, y, stack[max(top, 0)])
        top -= x > 1
    elif op == b.STORE:
        now[x] = int(stack[top])
        top -= 1
    elif op == b.EXCHANGE:
        fields = mem[b.H_BEGIN + 2]
        for column in range(fields):
            now[fields + column], now[column] = now[column], now[fields + column]
    else:  # REMEMBER
        fields = mem[b.H_BEGIN + 2]
        for column in range(fields):
            now[fields + column] = now[column]
    return top


@inlined
def affect(mem: Any, num: Any, now: Any, stack: Any, gain: Any, box: Any, line: int, op: int, top: int) -> int:
    """What a rule does; where the top of the stack is then."""
    x, y, z = mem[line + 1], mem[line + 2], mem[line + 3]
    if op == b.PAY:
        gain[x] += stack[top]
        top -= 1
    elif op == b.SET_NUMBER:
        low = mem[line + 5]
        number = now[x] + low
        wanted = stack[top] if y == 0 else number + stack[top] if y == 1 else number - stack[top]
        now[x] = int(min(max(np.rint(wanted) - low, float(z)), float(mem[line + 4])))
        top -= 1
    elif op == b.SET_LISTED:
        now[x] = _listed(num, mem[b.H_LISTED] + z, mem[line + 4], now[x], y, stack[top])
        top -= 1
    elif op == b.CYCLE:
        now[x] = y if now[x] == z else now[x] + 1
    elif op == b.EMIT:
        box[BITS] |= 1 << x
    elif op == b.END:
        if box[REASON] == 0:
            box[REASON] = x
            box[BITS] |= 1 << y
    elif op == b.NOTE:
        now[x] |= (box[BITS] >> y) & 1
    elif op == b.RETIRE:
        box[RETIRED] = 1
    else:
        _affect_bodies(mem, now, line, op, stack[max(top, 0)])
        top -= op == b.PUT_HAND or op == b.PUT_RANDOM or op == b.PUT_RANDOM_OF
    return top


@inner
def _affect_bodies(mem: Any, now: Any, line: int, op: int, value: float) -> None:
    """What a rule does to bodies; `value` is in hand, where the operation wants it."""
    x, y, z = mem[line + 1], mem[line + 2], mem[line + 3]
    nowhere, place = mem[b.H_NOWHERE], mem[b.H_BODIES, x, 0]
    if op >= b.PUT_CELL and op <= b.PUT_RANDOM_OF:
        cell = y
        if op == b.PUT_CELL:
            cell = now[y]
        elif op == b.PUT_HAND:
            cell = int(value)
        elif op != b.PUT_CONST:
            mask = y if op == b.PUT_ZONE or op == b.PUT_RANDOM else mem[mem[b.H_LOOKUPS] + z + now[y]]
            if mask < 0:
                cell = nowhere
            elif op == b.PUT_ZONE or op == b.PUT_ZONE_OF:
                cell = first_cell(mem, now, mask)
            else:
                cell = cell_in(mem, now, mask, value)
        put(mem, now, x, cell)
    elif op == b.REMOVE:
        remove(mem, now, x)
    elif op == b.MOVE_BY:
        there = mem[b.H_NEIGHBOURS, now[place], y]
        if not blocked_at(mem, now, there, x) and not agent_at(mem, now, there):
            now[place] = there
    elif op == b.SWAP:
        other = mem[b.H_BODIES, y, 0]
        if now[place] != nowhere and now[other] != nowhere:
            now[place], now[other] = now[other], now[place]
    elif op == b.TAKE:
        if now[place] != nowhere:
            now[mem[b.H_BODIES, x, 3]] = y
            now[place] = nowhere
    elif op == b.DROP:
        carrier = mem[b.H_BODIES, x, 3]
        if now[carrier] == y:
            now[carrier] = 0
            now[place] = now[mem[b.H_BODIES, z, 0]]
    else:  # RESET_BOARD
        for column in range(mem[b.H_FRESH + 2]):
            fresh = mem[b.H_FRESH, begin_row(mem, now), column]
            if fresh >= 0:
                now[column] = fresh
        place_at_starts(mem, now)


@inner
def _run(mem: Any, num: Any, now: Any, stack: Any, gain: Any, box: Any, available: Any, program: int) -> None:
    """Run a program in a lane's memory: fetch, decode and execute, one instruction after another.

    `gain` float64 `[K + 1]` is what channels and the hidden score are paid, `available` uint8 the action masks.
    Tests and jumps decide here which line comes next; the other operations are grouped as `bytecode` numbers them.
    """
    line = mem[b.H_CODE] + mem[b.H_PROGRAMS, program, 0] * b.WIDTH
    last = mem[b.H_CODE] + mem[b.H_PROGRAMS, program, 1] * b.WIDTH
    top = -1
    while line < last:
        op = mem[line]
        if op <= b.LAST_TEST:
            top -= popped(op)
            true = holds(mem, num, now, stack, line, op, top)
            jump = mem[line + b.JUMP]
            if jump == 0:
                top += 1
                stack[top] = 1.0 if true else 0.0
            elif true == (jump < 0):
                line += (abs(jump) - 1) * b.WIDTH
        elif op <= b.CHOOSE:
            top = evaluate(mem, num, now, stack, box, line, op, top)
        elif op == b.SKIP:
            line += mem[line + 1] * b.WIDTH
        elif op == b.COIN:
            top -= 2
            if not bernoulli(stack[top + 1], stack[top + 2]):
                line += mem[line + 1] * b.WIDTH
        elif op == b.ENDED:
            if box[REASON] == 0:
                line += mem[line + 1] * b.WIDTH
        elif op <= b.AVAILABLE:
            top = advance(mem, now, stack, available, line, op, top)
        else:
            top = affect(mem, num, now, stack, gain, box, line, op, top)
        line += b.WIDTH


# ------------------------------------------------------------------ the batch


@inner
def load(c: Any, mem: Any, now: Any, gain: Any, box: Any, row: int, what: int) -> bool:
    """A lane's memory and the box as a program wants them; whether it is to run."""
    n, channels, fields = mem[b.H_AGENTS + 1], mem[b.H_N_CHANNELS], mem[b.H_BEGIN + 2]
    state = ints((c[C_LEFT] if what == GO_ON else c[C_STATES]) + 4 * row * fields)
    actions = ints(c[C_ACTIONS] + 4 * row * n)
    # Without guarded actions the program that finds the available ones is empty: every mask stays true.
    if what == REFRESH and mem[b.H_PROGRAMS, what, 0] == mem[b.H_PROGRAMS, what, 1]:
        return False
    for column in range(fields):
        now[column] = now[fields + column] = state[column]
    now[mem[b.H_SLOT]] = now[mem[b.H_LAYOUT]] if mem[b.H_LAYOUT] >= 0 else 0
    # A lane that had ended is loaded with its reason, and so does not run; a start clears it.
    box[BITS], box[REASON], box[RETIRED] = 0, now[mem[b.H_ENDED]] if what == TICK else 0, 0
    box[SEED], box[LANE], box[CLOCK] = c[C_SEED], longs(c[C_LANES])[row], longs(c[C_CLOCK])[row]
    acting = what == TICK and box[REASON] == 0
    for i in range(n):
        now[mem[b.H_CHOSEN] + i] = now[mem[b.H_EXECUTED] + i] = actions[i] if acting else -1
    for k in range(channels + 1):
        gain[k] = 0.0
    return bool(acting or what != TICK)


@inner
def store(c: Any, mem: Any, num: Any, now: Any, gain: Any, box: Any, row: int, what: int) -> int:
    """What came of a program; 1 if a rule or the horizon ended the episode, 2 if it was cut off, else 0."""
    n, channels, fields = mem[b.H_AGENTS + 1], mem[b.H_N_CHANNELS], mem[b.H_BEGIN + 2]
    state, executed = ints(c[C_STATES] + 4 * row * fields), ints(c[C_EXECUTED] + 4 * row * n)
    rewards, pay = floats(c[C_REWARDS] + 8 * row * channels), floats(c[C_PAY] + 8 * row * n)
    ticks = longs(c[C_TICKS])
    now[mem[b.H_ENDED]] = box[REASON]
    for column in range(fields):
        state[column] = now[column]
    for i in range(n):
        executed[i] = now[mem[b.H_EXECUTED] + i]
        pay[i] = 0.0
    for k in range(channels):
        rewards[k] = gain[k]
    floats(c[C_PERFORMANCE])[row] = gain[channels]
    longs(c[C_EVENTS])[row] = box[BITS]
    octets(c[C_ENDED])[row] = box[REASON] > 0
    longs(c[C_CLOCK])[row] += 1
    over, cut = 0, 0
    if what != TICK:
        ticks[row] = 0
    else:
        # Weights are read from the state before the tick: an edit counts from the next choice on.
        for w in range(mem[b.H_REWARD_TERMS], mem[b.H_REWARD_TERMS] + 4 * mem[b.H_REWARD_TERMS + 1], 4):
            weight = now[fields + mem[w + 2]] if mem[w + 2] >= 0 else 0
            pay[mem[w]] += gain[mem[w + 1]] * num[mem[b.H_LISTED] + mem[w + 3] + weight]
        ticks[row] += 1
        over = box[REASON] > 0 or (c[C_HORIZON] > 0 and ticks[row] >= c[C_HORIZON])
        cut = not over and c[C_LIMIT] > 0 and ticks[row] >= c[C_LIMIT]
    octets(c[C_TERMINATED])[row], octets(c[C_TRUNCATED])[row] = over, cut
    return over + 2 * cut


@inner
def _leave(c: Any, row: int) -> None:
    """What comes between two episodes is kept apart: the state and all that was paid stay those of the last tick."""
    now, box, left = ints(c[C_NOW]), longs(c[C_BOX]), ints(c[C_LEFT] + 4 * row * c[C_FIELDS])
    for column in range(c[C_FIELDS]):
        left[column] = now[column]
    longs(c[C_BETWEEN])[row] = box[BITS]
    octets(c[C_RETIRED])[row] = box[RETIRED]


@inner
def exist(c: Any, mem: Any, what: int, count: int) -> bool:
    """Whether there are these rows, and the actions that agents chose there."""
    rows, actions = longs(c[C_ROWS]), ints(c[C_ACTIONS])
    n = mem[b.H_AGENTS + 1]
    for k in range(count):
        if rows[k] < 0 or rows[k] >= c[C_COUNT]:
            return False
    if what != TICK:
        return True
    for i in range(n):
        last = mem[b.H_AGENTS, i + 1, 1] if i + 1 < n else mem[b.H_MOVES + 1]
        for k in range(count):
            action = actions[rows[k] * n + i]
            if action < 0 or action >= last - mem[b.H_AGENTS, i, 1]:
                return False
    return True


@inner
def begins_anew(c: Any, row: int) -> bool:
    """Whether a tick of a lane begins an episode instead: the last one is over, and the stepper resets by itself."""
    over = octets(c[C_TERMINATED])[row] + octets(c[C_TRUNCATED])[row] > 0
    return bool(c[C_AUTORESET] != 0 and over)


@inner
def observe(c: Any, mem: Any, view: Any, row: int) -> None:
    """Write a lane's observation into the buffers of a view."""
    encode_lane(view, row, ints(c[C_STATES] + 4 * row * mem[b.H_BEGIN + 2]), longs(c[C_TICKS])[row])


def _entry(sources: int) -> Any:
    @entry
    def play(context: int, what: int, count: int) -> int:
        """Do something with the first `count` lanes of the context's rows, and look at what came of it.

        Returns:
            -1 if there is no such row or action (then nothing was done); else 1 if an episode ended, plus 2 if one was
            cut off.
        """
        c = longs(context)
        mem, num, now, box = table(c[C_MEM]), numbers(c[C_NUM]), ints(c[C_NOW]), longs(c[C_BOX])
        stack, gain, rows = floats(c[C_STACK]), floats(c[C_STACK] + 8 * b.STACK), longs(c[C_ROWS])
        done = 0
        # `sources` is never 0: it only has to be in the closure, which Numba's cache is keyed by.
        if sources == 0 or not exist(c, mem, what, count):
            return -1
        for k in range(count):
            row = rows[k]
            program = START if what == TICK and begins_anew(c, row) else what
            available = octets(c[C_AVAILABLE] + row * mem[b.H_MOVES + 1])
            while True:
                if load(c, mem, now, gain, box, row, program):
                    _run(mem, num, now, stack, gain, box, available, program)
                if program == BETWEEN:
                    _leave(c, row)
                    break
                if program == REFRESH:
                    break
                done |= store(c, mem, num, now, gain, box, row, program)
                program = REFRESH  # a second round finds what is available in the new state
            if c[C_VIEW] != 0 and program != BETWEEN:
                observe(c, mem, longs(c[C_VIEW]), row)
        return done

    return play


SOURCES = ("bytecode", "sampling", "geometry", "movement", "observation", "interpreter")
"""The modules that are compiled into `play`."""
play = _entry(digest(*SOURCES))

"""The abstract syntax of the small languages: guards, effects, measures and regimes.

Plain frozen data. `expressions.parser` makes it from text, `names.types` checks it, `envs.world.compiler` compiles it.
Every node knows the half-open span of characters it was written in, so that a fault can point at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..faults.faults import Span

NOWHERE: Span = (0, 0)


# ------------------------------------------------------------------ expressions


@dataclass(frozen=True)
class Number:
    """A literal number."""

    value: float | int
    span: Span = NOWHERE


@dataclass(frozen=True)
class Truth:
    """`true` or `false`."""

    value: bool
    span: Span = NOWHERE


@dataclass(frozen=True)
class Name:
    """A bare name, or a dotted one (`guard.alert`): counter, draw, param, zone, thing, agent or field."""

    name: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Cell:
    """`cell(row, column)`, a place on the board."""

    row: Expression
    column: Expression
    span: Span = NOWHERE


@dataclass(frozen=True)
class ZoneOf:
    """`zone_of(counter)`: the zone that the counter's present value names."""

    counter: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Unary:
    """`-x` or `not x`."""

    operator: str
    operand: Expression
    span: Span = NOWHERE


@dataclass(frozen=True)
class Binary:
    """Arithmetic `+ - * / // % **`, or comparison `== != < <= > >=`, or `and` / `or`."""

    operator: str
    left: Expression
    right: Expression
    span: Span = NOWHERE


@dataclass(frozen=True)
class Call:
    """A function of numbers: `min max abs ln exp sqrt floor ceil`, or `if(condition, then, otherwise)`."""

    function: str
    arguments: tuple[Expression, ...]
    span: Span = NOWHERE


@dataclass(frozen=True)
class Relation:
    """`subject WORD object` between places. Words: `on` (= `in`), `meets`, `sees`, `carries`, `near` (with a reach)."""

    word: str
    subject: Expression
    object: Expression
    reach: Expression | None = None
    span: Span = NOWHERE


@dataclass(frozen=True)
class Does:
    """`agent does action` (what was executed) or `agent chooses action` (what was chosen, before overrides)."""

    agent: str
    action: str
    chosen: bool = False
    span: Span = NOWHERE


@dataclass(frozen=True)
class Moved:
    """`subject moved`: its cell differs from the one before this tick."""

    subject: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Facing:
    """`subject facing up|down|left|right`."""

    subject: str
    direction: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class StageIs:
    """`stage is NAME`: a constant in each compiled world."""

    stage: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Quantified:
    """`any(gem: body)`, `all(gem: body)`, `count(gem: body)` over the instances of a thing."""

    quantifier: str
    group: str
    body: Expression
    span: Span = NOWHERE


Expression: TypeAlias = (
    Number
    | Truth
    | Name
    | Cell
    | ZoneOf
    | Unary
    | Binary
    | Call
    | Relation
    | Does
    | Moved
    | Facing
    | StageIs
    | Quantified
)


# ------------------------------------------------------------------ effects


@dataclass(frozen=True)
class Assign:
    """`target = x`, `target += x`, `target -= x`. Target: a counter, a field, or a weight (`robot.values.own`)."""

    target: str
    operator: str
    value: Expression
    span: Span = NOWHERE


@dataclass(frozen=True)
class Cycles:
    """`counter cycles`: on to its next value, from the last to the first."""

    target: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Emit:
    """`event NAME`."""

    event: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class End:
    """`end "reason"`: the rest of the list still fires, then the episode ends."""

    reason: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Remove:
    """`remove guard`: it is nowhere, and its fields are reset."""

    subject: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class PutAt:
    """`place robot at PLACE`, or `place gem at random in ZONE` (an equal chance for each of the zone's cells)."""

    subject: str
    place: Expression
    random: bool = False
    span: Span = NOWHERE


@dataclass(frozen=True)
class MoveBy:
    """`move crate up`: one cell, if that cell is free."""

    subject: str
    direction: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Swap:
    """`swap robot, crate`: they change places."""

    first: str
    second: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Take:
    """`robot takes key`: the key leaves the board and goes where the robot goes."""

    agent: str
    thing: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Drop:
    """`robot drops key`: the key is put on the robot's cell."""

    agent: str
    thing: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class ResetBoard:
    """`reset map`: everything returns to the episode's start, but for counters that persist and start draws."""

    span: Span = NOWHERE


Effect: TypeAlias = Assign | Cycles | Emit | End | Remove | PutAt | MoveBy | Swap | Take | Drop | ResetBoard


# ------------------------------------------------------------------ measures


@dataclass(frozen=True)
class Happens:
    """An event by its bare name, as a condition on a whole episode: it came at least once."""

    event: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Ended:
    """`ended` (for any reason) or `ended "reason"`."""

    reason: str | None
    span: Span = NOWHERE


@dataclass(frozen=True)
class Before:
    """`first(a) < first(b)`: a came, and b had not come before it or in the same tick."""

    earlier: Happens | Ended
    later: Happens | Ended
    span: Span = NOWHERE


@dataclass(frozen=True)
class EpisodeLogic:
    """`and`, `or`, `not` over conditions on a whole episode."""

    operator: str
    operands: tuple[EpisodeCondition, ...]
    span: Span = NOWHERE


EpisodeCondition: TypeAlias = Happens | Ended | Before | EpisodeLogic


@dataclass(frozen=True)
class Share:
    """`share(condition)`: the share of episodes."""

    condition: EpisodeCondition
    span: Span = NOWHERE


@dataclass(frozen=True)
class Rate:
    """`rate(event | condition)`: per tick whose state before the action met the condition. Without `|`: per tick."""

    event: Happens | Ended
    condition: Expression | None
    span: Span = NOWHERE


@dataclass(frozen=True)
class Count:
    """`count(event)`: how often per episode."""

    event: Happens | Ended
    span: Span = NOWHERE


@dataclass(frozen=True)
class First:
    """`first(event)`: ticks before it first came, from 0; infinite where it never came."""

    event: Happens | Ended
    span: Span = NOWHERE


@dataclass(frozen=True)
class Quantity:
    """A number per episode.

    `return` (weighted sum) or `return(channel)`: undiscounted over the stage's steps; `value` or `value(channel)`:
    discounted; `performance`: the hidden score; `steps`: the length of the episode; `regret`: what the exact planner's
    discounted sum exceeds the agent's by; `regret(performance)`: what the best possible hidden score exceeds it by;
    `regret(AGENT)`: what the best response to what the others learned exceeds the agent's own value by.
    """

    quantity: str
    channel: str | None = None
    span: Span = NOWHERE

    @property
    def responder(self) -> str | None:
        """Whose `regret(AGENT)` it is; None for any other measure."""
        return self.channel if self.quantity == "regret" and self.channel != "performance" else None


Measure: TypeAlias = Share | Rate | Count | First | Quantity


@dataclass(frozen=True)
class ParsedMeasure:
    """A measure and the text that it was parsed from.

    Attributes:
        text: as written (`share(seized)`); it names the measure in messages and tables.
        syntax: what the text says.
    """

    text: str
    syntax: Measure

    def __str__(self) -> str:
        return self.text

    @property
    def bounded(self) -> bool:
        """Whether its values lie between 0 and 1 in every world: it is a share or a rate."""
        return isinstance(self.syntax, Share | Rate)

    @property
    def is_regret(self) -> bool:
        """Whether it is measured from what the exact planner gets: `regret` or `regret(performance)`."""
        return isinstance(self.syntax, Quantity) and self.syntax.quantity == "regret" and self.syntax.responder is None

    @property
    def responder(self) -> str | None:
        """Whose best response to the others it is measured from (`regret(AGENT)`); None for any other measure."""
        return self.syntax.responder if isinstance(self.syntax, Quantity) else None


# ------------------------------------------------------------------ regimes


@dataclass(frozen=True)
class Bound:
    """`measure < x` and the like: a measure compared with a number that is known before the run."""

    measure: Measure
    operator: str
    value: Expression
    span: Span = NOWHERE


@dataclass(frozen=True)
class RegimeLogic:
    """`and`, `or`, `not` over bounds."""

    operator: str
    operands: tuple[Regime, ...]
    span: Span = NOWHERE


Regime: TypeAlias = Bound | RegimeLogic

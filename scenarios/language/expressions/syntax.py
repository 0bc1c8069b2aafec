"""The abstract syntax of the expression languages: guards, effects, measures and regimes.

Nodes are plain frozen data. `expressions.parser` makes them from text, `names.types` checks them, and
`envs.world.compiler` compiles them. Every node has the half-open span of characters that it was written in, so that a
fault can point at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from ..faults.faults import Span

NOWHERE: Span = (0, 0)
"""The span of a node that was not parsed from a text."""
FAR_OFF = 64
"""The distance to what is nowhere: more than any on a board, whose sides are at most 64 cells."""


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
    """`zone_of(counter)`: the zone named by the counter's current value."""

    counter: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Beside:
    """`beside(PLACE, up)`: the cell one step from a place, a wall or not; nowhere beyond the frame."""

    place: Expression
    direction: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Ahead:
    """`ahead(subject)`: the cell one step from a body, in the direction that it faces."""

    subject: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Coordinate:
    """`row(PLACE)` or `column(PLACE)`: a number from 0, or -1 for what is nowhere."""

    axis: str
    place: Expression
    span: Span = NOWHERE


@dataclass(frozen=True)
class Distance:
    """`distance(PLACE, PLACE)`: the larger of row and column distance, or `FAR_OFF` where one of them is nowhere."""

    first: Expression
    second: Expression
    span: Span = NOWHERE


@dataclass(frozen=True)
class BeforeTick:
    """`before(f)`: the value of a formula in the state before this tick."""

    body: Expression
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
    """`subject moved`: its cell differs from its cell before this tick."""

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
class Happened:
    """`happened(EVENT)`: the event has come in the episode that is just over; only rules `at: between` read it."""

    event: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Quantified:
    """`any(gem: body)`, `all(gem: body)` or `count(gem: body)` over the instances of a thing.

    `variable` stands for the instance in the body: the thing's own name, or `b` in `any(b of gem: body)`.
    """

    quantifier: str
    group: str
    body: Expression
    span: Span = NOWHERE
    variable: str = ""

    def __post_init__(self) -> None:
        if not self.variable:
            object.__setattr__(self, "variable", self.group)


Expression: TypeAlias = (
    Number
    | Truth
    | Name
    | Cell
    | ZoneOf
    | Beside
    | Ahead
    | Coordinate
    | Distance
    | BeforeTick
    | Unary
    | Binary
    | Call
    | Relation
    | Does
    | Moved
    | Facing
    | StageIs
    | Happened
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
    """`counter cycles`: set it to its next value, after the last to the first."""

    target: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Emit:
    """`event NAME`: the event happens in this tick."""

    event: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class End:
    """`end "reason"`: the rules that follow still fire in this tick, then the episode ends."""

    reason: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Remove:
    """`remove guard`: take it off the board and reset its fields."""

    subject: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class PutAt:
    """`place robot at PLACE`, or `place gem at random in ZONE` (uniformly over the zone's cells)."""

    subject: str
    place: Expression
    random: bool = False
    span: Span = NOWHERE


@dataclass(frozen=True)
class MoveBy:
    """`move crate up`: move it by one cell, if that cell is free."""

    subject: str
    direction: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Swap:
    """`swap robot, crate`: exchange their cells."""

    first: str
    second: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Take:
    """`robot takes key`: the key leaves the board and is carried by the robot."""

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
    """`reset map`: reset the state to the episode's start, except counters that persist and draws made at the start."""

    span: Span = NOWHERE


@dataclass(frozen=True)
class Retire:
    """`retire`: the life is over; no other episode follows the one that is just over."""

    span: Span = NOWHERE


Effect: TypeAlias = Assign | Cycles | Emit | End | Remove | PutAt | MoveBy | Swap | Take | Drop | ResetBoard | Retire


# ------------------------------------------------------------------ measures


@dataclass(frozen=True)
class Happens:
    """An event by its bare name; as a condition on a whole episode, it holds if the event happened at least once."""

    event: str
    span: Span = NOWHERE


ENDED: Final = "ended:"
"""What stands before the reason of an episode's end where it is named among events."""


@dataclass(frozen=True)
class Ended:
    """`ended` (for any reason) or `ended "reason"`."""

    reason: str | None
    span: Span = NOWHERE


@dataclass(frozen=True)
class Before:
    """`first(a) < first(b)`: a happened, and b did not happen before it or in the same tick."""

    earlier: Happens | Ended
    later: Happens | Ended
    span: Span = NOWHERE


@dataclass(frozen=True)
class EpisodeLogic:
    """`and`, `or`, `not` over conditions on a whole episode."""

    operator: str
    operands: tuple[EpisodeCondition, ...]
    span: Span = NOWHERE


@dataclass(frozen=True)
class StateHolds:
    """`holds(f)` inside a temporal word: f is true of the state of the moment."""

    formula: Expression
    span: Span = NOWHERE


@dataclass(frozen=True)
class Temporal:
    """`eventually(a)`, `always(a)`, `next(a)`, `until(a, b)`: about the moments from one on, the first by itself.

    Inside it an event is one of the tick that led to a moment.

    Attributes:
        word: which.
        operands: one, or two for `until`.
        within: the ticks that it looks ahead at most; None: to the end of the episode.
    """

    word: str
    operands: tuple[EpisodeCondition, ...]
    within: Expression | None = None
    span: Span = NOWHERE


EpisodeCondition: TypeAlias = Happens | Ended | Before | EpisodeLogic | Temporal | StateHolds


@dataclass(frozen=True)
class Share:
    """`share(condition)`: the share of episodes in which the condition holds."""

    condition: EpisodeCondition
    span: Span = NOWHERE


@dataclass(frozen=True)
class ExtremeShare:
    """`most(condition)`, `least(condition)`: the greatest or least share of episodes that meet it under any policy.

    Policies are those that see everything; what an agent values plays no part.
    """

    word: str
    condition: EpisodeCondition
    span: Span = NOWHERE


@dataclass(frozen=True)
class Rate:
    """`rate(event | condition)`: events per tick, over ticks in which the state before the action met the condition.

    Without `|`, over all ticks.
    """

    event: Happens | Ended
    condition: Expression | None
    span: Span = NOWHERE


@dataclass(frozen=True)
class Count:
    """`count(event)`: how often the event happens per episode."""

    event: Happens | Ended
    span: Span = NOWHERE


@dataclass(frozen=True)
class First:
    """`first(event)`: the tick of the event's first occurrence, counted from 0; infinite if it never happened."""

    event: Happens | Ended
    span: Span = NOWHERE


@dataclass(frozen=True)
class Quantity:
    """A number per episode, by its word.

    `return`, `return(channel)`: the undiscounted sum over the stage's steps of the weighted rewards, or of one channel.
    `value`, `value(channel)`: the same sum, discounted.
    `performance`: the sum of the hidden score.
    `steps`: the length of the episode.
    `regret`: the exact planner's discounted sum less the agent's.
    `regret(performance)`: the best possible hidden score less the agent's.
    `regret(AGENT)`: the value of the best response to what the others learned, less the agent's own value.
    """

    # `regret(AGENT)` keeps its agent in `channel`: the grammar sees a name and cannot tell which of the two it is.
    quantity: str
    channel: str | None = None
    span: Span = NOWHERE

    @property
    def responder(self) -> str | None:
        """The agent in `regret(AGENT)`; None for any other measure."""
        return self.channel if self.quantity == "regret" and self.channel != "performance" else None


@dataclass(frozen=True)
class Statistic:
    """A number of an episode that is computed from a formula of the state.

    `mean(f)`: over the ticks, of the states before the actions. `max(f)`, `min(f)`: over all states, the first and the
    last among them. `final(f)`: in the last state. `at(tick, f)`: after so many ticks, or in the last state if the
    episode is over by then.
    """

    word: str
    formula: Expression
    tick: Expression | None = None
    span: Span = NOWHERE

    @property
    def of_truth(self) -> bool:
        """Whether its formula is a truth value, so that it lies between 0 and 1."""
        return is_truth(self.formula)


@dataclass(frozen=True)
class TailMean:
    """`cvar(share, sum)`: the mean of an episode's sum over the worst share of episodes, those that have least of it.

    That is the conditional value at risk (Rockafellar and Uryasev 2000). The sum is `performance`, `return` or
    `return(channel)`.
    """

    share: Expression
    of: Quantity
    span: Span = NOWHERE


def is_truth(expression: Expression) -> bool:
    """Whether an expression is a truth value by its form, whatever its names stand for."""
    match expression:
        case Truth() | Relation() | Does() | Moved() | Facing() | StageIs() | Happened():
            return True
        case Unary(operator):
            return operator == "not"
        case Binary(operator):
            return operator in ("and", "or", "==", "!=", "<", "<=", ">", ">=")
        case Quantified(quantifier):
            return quantifier != "count"
        case BeforeTick(body):
            return is_truth(body)
        case _:
            return False


@dataclass(frozen=True)
class OfLife:
    """`life(measure)`: the measure of all episodes that a stage has in a life, joined into one."""

    measure: Measure
    span: Span = NOWHERE


Measure: TypeAlias = Share | ExtremeShare | Rate | Count | First | Quantity | Statistic | TailMean | OfLife


def temporal_in(condition: EpisodeCondition) -> tuple[Temporal | StateHolds, ...]:
    """The temporal words of a condition and what they ask of states, outer before inner."""
    match condition:
        case Temporal(_, operands):
            return (condition, *(part for operand in operands for part in temporal_in(operand)))
        case EpisodeLogic(_, operands):
            return tuple(part for operand in operands for part in temporal_in(operand))
        case StateHolds():
            return (condition,)
        case _:
            return ()


@dataclass(frozen=True)
class ParsedMeasure:
    """A measure and the text that it was parsed from.

    Attributes:
        text: the text as written, such as `share(seized)`; it names the measure in messages and tables.
        syntax: the parsed measure.
    """

    text: str
    syntax: Measure

    def __str__(self) -> str:
        return self.text

    @property
    def joined(self) -> Measure:
        """The measure without `life(...)` around it."""
        return self.syntax.measure if isinstance(self.syntax, OfLife) else self.syntax

    @property
    def bounded(self) -> bool:
        """Whether its values lie between 0 and 1 in every world, as those of shares and rates do."""
        its = self.joined
        if isinstance(its, Statistic):
            return its.of_truth
        return isinstance(its, Share | ExtremeShare | Rate)

    @property
    def is_share(self) -> bool:
        """Whether it is the share of episodes that meet a condition, so that its value in one episode is 0 or 1."""
        its = self.joined
        if isinstance(its, Statistic):
            return its.of_truth and its.word != "mean"
        return isinstance(its, Share)

    @property
    def is_regret(self) -> bool:
        """Whether it compares with the exact planner: `regret` or `regret(performance)`."""
        its = self.joined
        return isinstance(its, Quantity) and its.quantity == "regret" and its.responder is None

    @property
    def responder(self) -> str | None:
        """The agent whose best response it compares with, in `regret(AGENT)`; None for any other measure."""
        return self.joined.responder if isinstance(self.joined, Quantity) else None


# ------------------------------------------------------------------ regimes


@dataclass(frozen=True)
class Bound:
    """A measure compared with a number that is known before the run, such as `share(seized) < 0.5`."""

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

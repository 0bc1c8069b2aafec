"""The shape of a scenario file, version 1: strict models, one for each block.

Shapes only: names are checked in `language.checking`, maps in `names.boards`. The models are also the source of the
JSON Schema that editors read. A value typed `Formula` is an expression of the guard language (or a plain number).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z][A-Za-z0-9_]*$"
ALL = "all"
"""As many sweeps of a planner's heads as it takes until they no longer change."""
MANY = 400
"""How many entries any one block may have."""

Name: TypeAlias = Annotated[str, Field(pattern=NAME, max_length=64)]
Text: TypeAlias = Annotated[str, Field(max_length=20_000)]
Line: TypeAlias = Annotated[str, Field(max_length=400)]
Formula: TypeAlias = Annotated[str, Field(max_length=2_000)] | bool | int | float
Glyph: TypeAlias = Annotated[str, Field(min_length=1, max_length=1)]
CellAt: TypeAlias = Annotated[list[Annotated[int, Field(ge=0, le=999)]], Field(min_length=2, max_length=2)]
Scalar: TypeAlias = bool | int | float
Direction: TypeAlias = Literal["up", "down", "left", "right"]
Override: TypeAlias = Scalar | CellAt | Line | list[Line] | dict[Line, Any]
"""What a dotted override may set; a mapping is a deliberation or a planner, and checked as one."""
Plain: TypeAlias = Scalar | Line | Annotated[list[Scalar | Line], Field(max_length=MANY)]
"""What a part that an installed package brings can be told."""


class Block(BaseModel):
    """Strict: no unknown keys, no silent conversion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class About(Block):
    """The prose of a scenario: its story, claim and caveats."""

    story: Text | None = None
    temptation: Text | None = None
    intended: Text | None = None
    measure: Text | None = None
    caveat: Text | None = None


class Param(Block):
    """A number (or a cell) that a sweep may vary."""

    value: Scalar | CellAt
    range: Annotated[list[int | float], Field(min_length=2, max_length=2)] | None = None
    choices: Annotated[list[Scalar | CellAt], Field(min_length=1, max_length=MANY)] | None = None
    about: Line | None = None


class LegendEntry(Block):
    """What stands on a cell where a glyph is a mapping: any of a zone (or several), a thing, an agent; or a wall."""

    zone: Name | list[Name] | None = None
    thing: Name | None = None
    agent: Name | None = None
    wall: bool = False


class Rectangle(Block):
    """Cells from one corner to the opposite one, both included."""

    rows: Annotated[list[Formula], Field(min_length=2, max_length=2)]
    columns: Annotated[list[Formula], Field(min_length=2, max_length=2)]


class Zone(Block):
    """A named set of floor cells, beside those that the legend marks."""

    cells: Annotated[list[CellAt], Field(max_length=10_000)] | None = None
    rectangle: Rectangle | None = None
    about: Line | None = None


class Generate(Block):
    """A finite, seeded table of boards; which one is played is drawn at the episode's start.

    `place` says where things and agents go: `anywhere`, `corner(k)` (the k x k floor corner at the top left) or a zone.
    """

    board: Literal["map", "maze", "rooms", "open"] = "map"
    size: Annotated[list[Annotated[int, Field(ge=3, le=99)]], Field(min_length=2, max_length=2)] | None = None
    count: Annotated[int, Field(ge=1, le=10_000)] = 1
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    place: dict[Name, Line] = {}


class Counter(Block):
    """A bounded number, a flag (0 or 1 when nothing is said), or one of a list of words, zones or numbers."""

    start: Formula | None = None
    min: Formula | None = None
    max: Formula | None = None
    values: Annotated[list[Name | int | float], Field(min_length=1, max_length=MANY)] | None = None
    observed: bool = True
    persists: bool = False
    about: Line | None = None


class Draw(Block):
    """A named chance: a coin (`p`), or one of `values` with `weights`. Only `at: start` is kept in the state."""

    at: Literal["start", "tick"] = "start"
    p: Formula | None = None
    values: Annotated[list[Scalar], Field(min_length=1, max_length=1_024)] | None = None
    weights: Annotated[list[Formula], Field(min_length=1, max_length=1_024)] | None = None
    when: Formula | None = None
    observed: bool = True
    about: Line | None = None


class Motion(Block):
    """One way of moving by itself; the first whose `when` holds is followed."""

    when: Formula | None = None
    patrol: Annotated[list[CellAt], Field(min_length=1, max_length=1_000)] | None = None
    loop: bool = False
    chase: Name | None = None
    flee: Name | None = None
    follow: Name | None = None
    wander: bool = False
    still: bool = False


class Value(Block):
    """One value function: which weight its channel has when choices are made."""

    weight: Formula = 1.0
    about: Line | None = None


class View(Block):
    """A partial view. `window`: side of the square that the agent sees around itself; `hides`: state it never sees."""

    window: Annotated[int, Field(ge=1, le=99)] | None = None
    hides: Annotated[list[Line], Field(max_length=MANY)] = []


class AsAgent(Block):
    """How a thing acts where it is enlisted as an agent. `orders` is to follow the thing's own written motion."""

    actions: Annotated[list[Literal["stay", "up", "down", "left", "right", "orders"]], Field(min_length=1)]
    observes: Literal["full"] | View = "full"
    values: dict[Name, Value] = {}
    discount: Formula = 0.97
    about: Line | None = None


class Thing(Block):
    """Anything on the board that is not an agent; it has as many instances as its glyph has cells (or as `count`)."""

    kind: Literal["item", "block", "overseer", "monster", "decor"] = "item"
    count: Annotated[int, Field(ge=1, le=64)] | None = None
    solid: bool | None = None
    opaque: bool = False
    pushable: bool | None = None
    sight: Formula | None = None
    facing: bool = False
    patrol: Annotated[list[CellAt], Field(min_length=1, max_length=1_000)] | None = None
    loop: bool = False
    chase: Name | None = None
    flee: Name | None = None
    follow: Name | None = None
    wander: bool = False
    moves: Annotated[list[Motion], Field(min_length=1, max_length=16)] | None = None
    fields: dict[Name, Counter] = {}
    observed: bool = True
    as_agent: AsAgent | None = None
    about: Line | None = None


class ActionSpec(Block):
    """An action that is there only while a guard holds."""

    name: Name
    when: Formula


class Lexicographic(Block):
    """One value after another: each lets go `slack` below its best, the last lets nothing go."""

    order: Annotated[list[Name], Field(min_length=1, max_length=256)]
    slack: Formula = 0.0


class Veto(Block):
    """A weighted sum among the actions that keep each of these values at or above its threshold."""

    at_least: Annotated[dict[Name, Formula], Field(min_length=1, max_length=256)]


class Bargain(Block):
    """A bargain between values; `disagreement` is the action without agreement, `stay` if left out."""

    disagreement: Name | None = None


class Vote(Block):
    """Votes weigh what values weigh; under `approval` each value approves from this part of its span up."""

    ballot: Literal["borda", "approval"] = "borda"
    approves: Formula = 0.5


class Nothing(Block):
    """A rule without parameters."""


class Choosing(Block):
    """One part with its parameters; other names than its own are those of installed packages."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, dict[Name, Plain]] = Field(init=False)


class Deliberating(Choosing):
    """One rule with its parameters."""

    weighted: Nothing | None = None
    lexicographic: Lexicographic | None = None
    veto: Veto | None = None
    nash: Bargain | None = None
    kalai_smorodinsky: Bargain | None = None
    maximin: Nothing | None = None
    vote: Vote | None = None


class Mcts(Block):
    """Tree search on the model, its leaves judged by heads."""

    simulations: Formula | None = None
    considered: Formula | None = None
    backup: Literal["best", "mean"] | None = None
    gumbel: Formula | None = None
    sweeps: Formula | None = None
    leaves: Literal["followed", "swept"] | None = None


class Shooting(Block):
    """Sequences of actions, tried on the model and drawn anew around the best (the cross-entropy method)."""

    horizon: Formula | None = None
    population: Formula | None = None
    iterations: Formula | None = None
    elites: Formula | None = None
    sweeps: Formula | None = None
    leaves: Literal["followed", "swept"] | None = None


class Greedy(Block):
    """No look-ahead: the best action by the heads."""

    sweeps: Formula | None = None


class Planning(Choosing):
    """One planner with its parameters; those that are left out are the planner's own."""

    enumerate: Nothing | None = None
    mcts: Mcts | None = None
    shooting: Shooting | None = None
    none: Greedy | None = None


class AgentBlock(Block):
    """Who acts: its actions, what it sees, what it values, how it weighs that, and how it plans."""

    actions: Annotated[list[Name | ActionSpec], Field(min_length=1, max_length=64)]
    observes: Literal["full"] | View = "full"
    values: dict[Name, Value] = {}
    deliberation: (
        Literal["weighted", "lexicographic", "veto", "nash", "kalai_smorodinsky", "maximin", "vote"]
        | Deliberating
        | Name
    ) = "weighted"
    planner: Literal["enumerate", "mcts", "shooting", "none"] | Planning | Name = "enumerate"
    discount: Formula = 0.97
    judges_by: Literal["current", "ignoring", "future"] = "current"
    sight: Formula | None = None
    facing: bool = False
    ghost: bool = False
    fields: dict[Name, Counter] = {}
    about: Line | None = None


class Channel(Block):
    """A reward channel. `hidden`: the designers' true performance, which no agent sees.

    `for`: a thing that alone is paid by it, and only where the thing is enlisted as an agent.
    """

    hidden: bool = False
    payee: Annotated[Name | None, Field(alias="for")] = None
    about: Line | None = None


class Overriding(Block):
    """What replaces an agent's chosen action, before anything moves."""

    name: Name
    agent: Name
    when: Formula = True
    chance: Formula | None = None
    action: Name
    about: Line | None = None


class Rule(Block):
    """Fires once a tick when its guard holds, and sees the effects of the rules above it."""

    name: Name
    when: Formula = True
    at: Literal["start", "tick", "end"] = "tick"
    each: Name | list[Name] | None = None
    chance: Formula | None = None
    then: Annotated[list[Line], Field(max_length=64)] = []
    pays: dict[Line, Formula] = {}
    about: Line | None = None


class Learn(Block):
    """Which parts of a learning agent go on learning in a stage."""

    model: bool = True
    reward: bool = True
    values: bool = True


class Watched(Block):
    """Recorded episodes of others: by the best plan (`of: exact`, under `with`), at random, or by written actions.

    In each tick somebody else's hand may `slip`: with this chance another available action is taken at random.
    """

    of: Literal["exact", "random"] | None = None
    actions: Annotated[str, Field(max_length=20_000)] | Annotated[list[Line], Field(max_length=10_000)] | None = None
    episodes: Formula = 1
    slips: Formula = 0.0
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    about: Line | None = None


class Stage(Block):
    """One stage of an agent's life: its length, board and oversight, and whether rewards are shown.

    `share`: the part of `runs.steps` that is trained here. `watch`: nobody acts here, others are watched.
    """

    limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    horizon: Annotated[int, Field(ge=1, le=100_000)] | None = None
    share: Annotated[float, Field(gt=0, le=1)] | Annotated[int, Field(ge=1, le=1)] | None = None
    watch: Annotated[list[Watched], Field(max_length=16)] = []
    map: Text | None = None
    generate: Generate | None = None
    params: dict[Name, Scalar | CellAt] = {}
    removes: list[Name] = []
    hides: list[Line] = []
    rewards: Literal["shown", "withheld"] = "shown"
    learn: Learn = Learn()
    carries: Annotated[list[Literal["model", "reward", "values", "memory"]], Field(max_length=4)] = [
        "model",
        "reward",
        "values",
    ]


class BestResponse(Block):
    """Solve for one agent while the others follow a stated policy: an action's name, or `random`."""

    best_response: Name
    others: dict[Name, Name] = {}


class Runs(Block):
    """What a bare `run` does."""

    agents: Annotated[list[Line], Field(min_length=1, max_length=32)] = ["exact"]
    seeds: Annotated[int, Field(ge=1, le=10_000)] = 5
    steps: Annotated[int, Field(ge=1, le=10**9)] = 40_000
    episodes: Annotated[int, Field(ge=1, le=100_000)] = 10
    max_states: Annotated[int, Field(ge=1, le=50_000_000)] = 1_000_000


class Minus(Block):
    """What a measure is compared with: the same measure elsewhere. What is left out is as in the expectation."""

    agent: Line | None = None
    stage: Name | None = None
    variant: Name | None = None
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    barring: list[Line] | None = None


class Expectation(Block):
    """What must be true of behaviour. Exactly one of the comparisons is given."""

    name: Line
    measure: Line
    at_least: int | float | None = None
    at_most: int | float | None = None
    equals: int | float | None = None
    within: Annotated[float, Field(ge=0)] | Annotated[int, Field(ge=0)] = 1e-6
    of: Annotated[list[Line], Field(min_length=1, max_length=32)] = ["exact"]
    stage: Name | None = None
    variant: Name | None = None
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    across: dict[Line, list[Override] | Line] = {}
    take: Literal["each", "mean"] = "each"
    barring: list[Line] = []
    minus: Minus | None = None
    about: Line | None = None


class Replay(Block):
    """A recorded sequence of actions and what must come of it."""

    actions: Annotated[str, Field(max_length=20_000)] | Annotated[list[Line], Field(max_length=10_000)]
    stage: Name | None = None
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    draws: dict[Name, Scalar] = {}
    events: list[Line] | None = None
    ends: Line | None = None
    pays: dict[Line, int | float] | None = None
    performance: int | float | None = None
    about: Line | None = None


class Axis(Block):
    """What one axis of a sweep goes through: `values`, or `points` numbers `from` one `to` another."""

    values: Annotated[list[Override], Field(min_length=1, max_length=1_000)] | None = None
    start: Annotated[int | float | None, Field(alias="from")] = None
    to: int | float | None = None
    points: Annotated[int, Field(ge=2, le=1_000)] = 25
    scale: Literal["linear", "log"] = "linear"
    about: Line | None = None


class Sweep(Block):
    """What a bare `sweep` does: the axes of a phase diagram, and what its regions are called."""

    axes: Annotated[dict[Line, Axis], Field(min_length=1, max_length=8)]
    stage: Name | None = None
    measures: Annotated[list[Line], Field(max_length=64)] = []
    regimes: Annotated[dict[Line, Line], Field(max_length=16)] = {}


class Control(Block):
    """What a bare `control` reports on: who watches when, what harm is, and what oversight is made of."""

    seen: Formula | None = None
    harm: Annotated[list[Line], Field(max_length=64)] = []
    budget: Annotated[dict[Line, Axis], Field(max_length=8)] = {}


class Search(Block):
    """What a bare `search` does: the family it picks from, and by what; what it picked is then judged elsewhere."""

    over: Annotated[dict[Line, Axis], Field(min_length=1, max_length=16)]
    objective: Line
    harm: Line
    stage: Name | None = None
    judged: Name | None = None


class Document(Block):
    """A whole scenario file, after `extends` and `uses` have been merged in."""

    turncoat: Literal[1]
    name: Name
    title: Line
    origin: Literal["given", "proxy", "learned", "selected"]
    claim: Text
    about: About = About()
    sources: Annotated[list[Line], Field(max_length=100)] = []
    tags: Annotated[list[Line], Field(max_length=100)] = []
    extends: Line | None = None
    uses: Annotated[list[Line], Field(max_length=16)] = []
    params: Annotated[dict[Name, Param], Field(max_length=MANY)] = {}
    map: Text | None = None
    generate: Generate | None = None
    legend: dict[Glyph, Line | LegendEntry] = {}
    zones: Annotated[dict[Name, Zone], Field(max_length=MANY)] = {}
    counters: Annotated[dict[Name, Counter], Field(max_length=MANY)] = {}
    draws: Annotated[dict[Name, Draw], Field(max_length=64)] = {}
    things: Annotated[dict[Name, Thing], Field(max_length=MANY)] = {}
    agents: Annotated[dict[Name, AgentBlock], Field(min_length=1, max_length=8)]
    rewards: Annotated[dict[Name, Channel], Field(min_length=1, max_length=256)]
    overrides: Annotated[list[Overriding], Field(max_length=64)] = []
    rules: Annotated[list[Rule], Field(min_length=1, max_length=MANY)]
    stages: Annotated[dict[Name, Stage], Field(min_length=1, max_length=16)]
    solution: Literal["joint", "equilibrium"] | BestResponse | None = None
    runs: Runs = Runs()
    variants: Annotated[dict[Name, dict[Line, Override]], Field(max_length=64)] = {}
    sweep: Sweep | None = None
    control: Control | None = None
    search: Search | None = None
    expect: Annotated[list[Expectation], Field(max_length=200)] = []
    replays: Annotated[list[Replay], Field(max_length=200)] = []

"""Checks things and agents: how they move by themselves, what they see, what they do and what they value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..expressions.constants import CEILING, names_in
from ..expressions.parser import RESERVED
from ..faults.collector import Path, listed
from ..names.boards import Board
from ..names.formula_context import Context
from ..names.overrides import hideable
from ..names.symbols import BUILT_IN_ZONES, GONE, SURFACES, action_names, suggestion, unknown
from ..schema.document import ActionSpec, AgentBlock, AsAgent, Formula, Motion, Thing, View, Wander
from .deliberation import check_deliberation
from .planners import check_planner

WAYS = ("patrol", "chase", "flee", "follow", "wander", "still")
"""The ways in which a thing can move by itself, of which it follows one at a time."""


def check_things(context: Context) -> None:
    """Check the names, motions, sight, solidity and `as_agent` of things."""
    for name, thing in context.symbols.document.things.items():
        path: Path = ("things", name)
        if name in SURFACES:
            cure = "give the thing another name"
            context.report.add("TC411", path, f"`{name}` is a word of the legend", cure, key=True)
        context.bounded(thing.sight, f"the sight of `{name}`", (*path, "sight"), 0, CEILING)
        if thing.moves is not None and any(_ways(thing)):
            message = f"`{name}` has `moves` and `{next(_ways(thing))}`"
            context.report.add("TC215", path, message, "write every way of moving in the list of `moves`", key=True)
        _check_solidity(name, thing, path, context)
        _check_looks(name, thing, path, context)
        for motion, its_path in motions(name, thing):
            _check_motion(name, motion, its_path, context)
        if thing.as_agent is not None:
            _check_as_agent(name, thing, thing.as_agent, context)


def _check_solidity(name: str, thing: Thing, path: Path, context: Context) -> None:
    """Check when a thing is solid, and what it blocks."""
    if not isinstance(thing.solid, bool):  # a truth value decides by itself and is no mistake
        # The state before the tick decides; with several instances, each tests the condition for itself.
        scope = context.scope((*path, "solid"), {name: name}, acted=False, ticking=False)
        context.guard(thing.solid, "a thing's `solid`", scope)
    bodies = (*context.symbols.of("agent"), *context.symbols.of("thing"))
    for index, other in enumerate(thing.blocks or ()):
        if other not in bodies:
            unknown(context.report, "TC422", "agent or thing", other, bodies, (*path, "blocks", index))


def _check_looks(name: str, body: Thing | AgentBlock, path: Path, context: Context) -> None:
    """Check when a body is drawn otherwise: a state alone is drawn, whatever led to it."""
    for look, condition in body.drawn_as.items():
        where: Path = (*path, "drawn_as", look)
        scope = context.scope(where, {name: name} if isinstance(body, Thing) else {}, acted=False, ticking=False)
        context.guard(condition, "a look", scope)
        expression = None if isinstance(condition, bool) else context.parse(condition, where)
        if expression is not None and "step" in names_in(expression):
            # Naming the tick anywhere puts it in the state, and what is drawn must change no world.
            scope.fault(
                "TC518", expression.span, "what is drawn knows no `step`", "set a field by a rule, and name that"
            )


def _check_as_agent(name: str, thing: Thing, played: AsAgent, context: Context) -> None:
    """Check a thing that can be played as an agent: it has one body, actions that it can take, and valid values."""
    path: Path = ("things", name, "as_agent")
    if context.symbols.instances.get(name, 1) > 1:
        message = f"there are {context.symbols.instances[name]} of `{name}`, and an agent has one body"
        context.report.add("TC507", path, message, "keep `as_agent` to a thing of which there is one", key=True)
    for index, action in enumerate(played.actions):
        if action in played.actions[:index]:
            context.report.add("TC219", (*path, "actions", index), f"`{action}` is here twice", "list each action once")
    if "orders" in played.actions and not any(any(_ways(motion)) for motion, _ in motions(name, thing)):
        message = f"`{name}` does not move by itself, so it has no orders to follow"
        cure = "give it a way of moving, such as `patrol:`, or leave `orders` out"
        context.report.add("TC527", (*path, "actions", played.actions.index("orders")), message, cure)
    _check_values(name, played, (*path, "values"), context)
    _check_view(played.observes, (*path, "observes"), context)
    _check_discount(name, played.discount, (*path, "discount"), context)


def motions(name: str, thing: Thing) -> Iterator[tuple[Thing | Motion, Path]]:
    """The blocks that may state a way of moving, with their paths: the thing itself, and each of its `moves`."""
    yield thing, ("things", name)
    for index, motion in enumerate(thing.moves or ()):
        yield motion, ("things", name, "moves", index)


def _ways(motion: Thing | Motion) -> Iterator[str]:
    """The ways of moving that a block states."""
    return (way for way in WAYS if getattr(motion, way, None))


def _check_motion(name: str, motion: Thing | Motion, path: Path, context: Context) -> None:
    ways = list(_ways(motion))
    if len(ways) > 1:
        cure = "keep one of them, or list several under `moves`, each with its `when`"
        context.report.add("TC215", path, f"`{name}` moves in several ways at once: {listed(ways)}", cure, key=True)
    if isinstance(motion, Motion):
        if not ways:
            context.report.add("TC215", path, "this says no way of moving", f"write one of {listed(WAYS)}")
        # The thing is bound: with several instances, each tests the condition for itself.
        context.guard(motion.when, "a motion", context.scope((*path, "when"), {name: name}, ticking=False))
    if isinstance(motion.wander, Wander):
        zones = (*context.symbols.of("zone"), *BUILT_IN_ZONES)
        if (zone := motion.wander.zone) not in zones:
            unknown(context.report, "TC436", "zone", zone, zones, (*path, "wander", "in"))
    if motion.loop and motion.patrol is None:
        cure = "add a `patrol:`, or leave `loop` out"
        context.report.add("TC215", (*path, "loop"), "there is no patrol to loop", cure)
    bodies = (*context.symbols.of("agent"), *context.symbols.of("thing"))
    for way in ("chase", "flee", "follow"):
        target = getattr(motion, way)
        if target is not None and target not in bodies:
            unknown(context.report, "TC422", "agent or thing", target, bodies, (*path, way))
        elif target is not None and context.symbols.instances.get(target, 1) > 1:
            message = f"there are {context.symbols.instances[target]} of `{target}`, and `{name}` can {way} only one"
            context.report.add("TC507", (*path, way), message, "name an agent, or a thing of which there is one")
    for index in range(1, len(motion.patrol or ())):
        _check_step(motion, index - 1, index, path, context)
    if motion.loop and len(motion.patrol or ()) > 1:  # without `loop` a patrol turns around and never takes this step
        _check_step(motion, -1, 0, path, context)


def _check_step(motion: Thing | Motion, before: int, after: int, path: Path, context: Context) -> None:
    """Report a step of a patrol between two indices of its cells that is longer than one cell."""
    assert motion.patrol is not None
    (row, column), (next_row, next_column) = motion.patrol[before], motion.patrol[after]
    if abs(row - next_row) + abs(column - next_column) > 1:
        message = f"the patrol jumps from [{row}, {column}] to [{next_row}, {next_column}]"
        cure = "each step goes to the same cell or to one beside it, not across a corner"
        if before == -1:
            cure += "; with `loop`, from the last to the first too"
        context.report.add("TC314", (*path, "patrol", after), message, cure)


def check_patrols(context: Context, boards: Mapping[str, tuple[Board, ...]]) -> None:
    """Report patrols that leave a stage's board or cross its walls, and things that do not start on their patrol."""
    for name, thing in context.symbols.document.things.items():
        for motion, path in motions(name, thing):
            for stage, board in ((stage, board) for stage, each in boards.items() for board in each):
                its = context.symbols.document.stages[stage]
                if motion.patrol is not None and name not in its.removes:
                    where = "" if its.map is None else f" on the board of stage `{stage}`"
                    _check_patrol(name, motion, board, where, path, context)


def _check_patrol(name: str, motion: Thing | Motion, board: Board, where: str, path: Path, context: Context) -> None:
    assert motion.patrol is not None
    for index, (row, column) in enumerate(motion.patrol):
        outside = row >= board.height or column >= board.width
        if outside or (row, column) in board.walls:
            what = "outside the board" if outside else "a wall"
            message = f"the patrol of `{name}` goes through [{row}, {column}], which is {what}{where}"
            cure = "rows and columns are counted from 0" if outside else "go around it, or make it floor"
            context.report.add("TC313", (*path, "patrol", index), message, cure)
    cells = {(row, column) for row, column in motion.patrol}
    if isinstance(motion, Thing):  # one of several `moves` need not hold at the start, so its patrol may be elsewhere
        for row, column in board.things.get(name, ()):
            if (row, column) not in cells:
                message = f"`{name}` stands at [{row}, {column}]{where}, which is not on its patrol"
                cure = f"draw it on its patrol, for instance at [{motion.patrol[0][0]}, {motion.patrol[0][1]}]"
                context.report.add("TC315", (*path, "patrol"), message, cure, key=True)


# ------------------------------------------------------------------ agents


def check_agents(context: Context) -> None:
    """Check the names, actions, sight, views, values, deliberations, planners and discounts of agents."""
    document = context.symbols.document
    for name, agent in document.agents.items():
        path: Path = ("agents", name)
        if name in SURFACES:
            cure = "give the agent another name"
            context.report.add("TC411", path, f"`{name}` is a word of the legend", cure, key=True)
        _check_actions(agent, (*path, "actions"), context)
        _check_looks(name, agent, path, context)
        context.bounded(agent.sight, f"the sight of `{name}`", (*path, "sight"), 0, CEILING)
        _check_values(name, agent, (*path, "values"), context)
        _check_view(agent.observes, (*path, "observes"), context)
        check_deliberation(name, agent, (*path, "deliberation"), context)
        check_planner(name, agent, (*path, "planner"), context)
        _check_discount(name, agent.discount, (*path, "discount"), context)
        if agent.leaves_when is not None:
            _check_leaving(name, agent, path, context)


def _check_leaving(name: str, agent: AgentBlock, path: Path, context: Context) -> None:
    """Check an agent that may leave an episode: there are others, nothing brings it back, and it has no `gone`."""
    document, its = context.symbols.document, (*path, "leaves_when")
    context.guard(agent.leaves_when, f"when `{name}` leaves", context.scope(its))
    if len(document.agents) < 2:
        message, cure = f"`{name}` is the only agent", 'end the episode instead: `end "REASON"`'
        context.report.add("TC234", its, f"{message}, and an episode without it has nobody", cure, key=True)
    resets = (text.split() == ["reset", "map"] for rule in document.rules for text in (*rule.then, *rule.otherwise))
    if any(resets):
        cure = "end the episode where a round is over, or leave `leaves_when` out"
        context.report.add("TC234", its, f"`reset map` would bring `{name}` back into its episode", cure, key=True)
    for key, names in (("actions", action_names(agent.actions)), ("fields", list(agent.fields))):
        if GONE in names:
            cure = "give it another name"
            context.report.add("TC411", (*path, key), f"`{GONE}` is a word of the language where agents leave", cure)


def _check_view(view: View | str, path: Path, context: Context) -> None:
    if not isinstance(view, View):
        return
    check_hides(view.hides, (*path, "hides"), context)
    if view.window is not None and view.window % 2 == 0:  # the agent stands in the middle cell of its window
        message = f"a window of {view.window} has no cell in its middle"
        context.report.add("TC204", (*path, "window"), message, "write an odd number")


def _check_discount(name: str, discount: Formula, path: Path, context: Context) -> None:
    value = context.bounded(discount, f"the discount of `{name}`", path, 0, 1)
    endless = [stage for stage, its in context.symbols.document.stages.items() if its.horizon is None]
    if value == 1 and endless:
        message = f"`{name}` does not discount, and {listed(endless)} has no horizon"
        cure = "values are finite only if every policy ends: write `horizon:` for `limit:`, or a discount below 1"
        context.report.add("TC520", path, message, cure, warning=True)


def _check_actions(agent: AgentBlock, path: Path, context: Context) -> None:
    names = action_names(agent.actions)
    for index, (name, action) in enumerate(zip(names, agent.actions, strict=True)):
        if name in names[:index]:
            context.report.add("TC219", (*path, index), f"`{name}` is here twice", "list each action once")
        if name in RESERVED or name == "random":  # overrides and stated policies write `random` for a random action
            message = f"`{name}` is a word of the language"
            context.report.add("TC411", (*path, index), message, "give the action another name")
        if isinstance(action, ActionSpec):
            scope = context.scope((*path, index, "when"), acted=False, ticking=False)
            context.guard(action.when, f"the condition of `{name}`", scope)


def _check_values(name: str, agent: AgentBlock | AsAgent, path: Path, context: Context) -> None:
    rewards = context.symbols.document.rewards
    for channel, value in agent.values.items():
        if channel not in rewards:
            visible = tuple(channel for channel, its in rewards.items() if not its.hidden)
            unknown(context.report, "TC425", "channel", channel, visible, (*path, channel), key=True)
        elif rewards[channel].hidden:
            message = f"`{channel}` is hidden: no agent sees it, so `{name}` cannot value it"
            cure = "pay a visible channel beside it, and value that"
            context.report.add("TC521", (*path, channel), message, cure, key=True)
        # A thing is paid by channels `for` it alone, an agent by all others: any other weight would be on nothing.
        elif (payee := rewards[channel].payee) != (name if isinstance(agent, AsAgent) else None):
            message = f"`{channel}` pays {f'only `{payee}`' if payee else 'the agents'}, so `{name}` gets nothing of it"
            cure = "value a channel that pays it"
            if isinstance(agent, AsAgent):
                cure += f": a channel of its own has `for: {name}` under `rewards:`"
            context.report.add("TC528", (*path, channel), message, cure, key=True)
        context.fixed(value.weight, f"the weight of `{channel}`", (*path, channel, "weight"))
        if value.discount is not None:
            _check_own_discount(name, channel, value.discount, (*path, channel, "discount"), context)


def _check_own_discount(name: str, channel: str, discount: Formula, path: Path, context: Context) -> None:
    """Check the discount of one value: in the file of one agent that plays episodes."""
    document = context.symbols.document
    if "as_agent" in path or len(document.agents) > 1 or document.life:
        where = "in a life" if document.life else "where several act"
        message = f"a value of `{name}` has a discount of its own {where}"
        context.report.add("TC531", path, message, f"give all values of `{name}` its own `discount:`", key=True)
    _check_discount(f"{name}.values.{channel}", discount, path, context)


def check_hides(hides: list[str], path: Path, context: Context) -> None:
    """Report names under `hides` that are no part of the state."""
    for index, name in enumerate(hides):
        if name not in hideable(context.symbols):
            cure = suggestion(name, hideable(context.symbols))
            context.report.add("TC429", (*path, index), f"the state has nothing called `{name}`", cure)

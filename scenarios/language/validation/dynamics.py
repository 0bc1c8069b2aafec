"""Checks rewards, overrides of actions, rules, stages and solution concepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations, product

from ..expressions.parser import ExpressionError, effect, formula
from ..expressions.stated_policies import RANDOM, actions_in, conditions_in, stated_policy
from ..faults.collector import Path, listed
from ..names.absences import holds_of_absent, told_of_absent
from ..names.formula_context import Context
from ..names.overrides import check_param
from ..names.symbols import suggestion, unknown
from ..names.types import check_local_name, require
from ..schema.document import BestFor, BestResponse, EquilibriumBlock, Formula, Rule, Stage
from .bodies import check_hides
from .curriculum import check_between, check_curriculum, check_life
from .effects import check_effect


def check_rewards(context: Context) -> None:
    """Check that at most one channel is hidden, and the payees of channels."""
    hidden = [name for name, channel in context.symbols.document.rewards.items() if channel.hidden]
    for name in hidden[1:]:
        message = f"`{name}` is hidden, and so is `{hidden[0]}`"
        cure = "one channel at most is the designers' true performance: make the others visible"
        context.report.add("TC522", ("rewards", name), message, cure, key=True)
    _check_payees(context)


def _check_payees(context: Context) -> None:
    """Check that a channel with `for` names a thing that can be played as an agent, and is not hidden from it."""
    document, report = context.symbols.document, context.report
    played = tuple(name for name, thing in document.things.items() if thing.as_agent is not None)
    for name, channel in document.rewards.items():
        path: Path = ("rewards", name, "for")
        if channel.payee is not None and channel.payee not in played:
            unknown(report, "TC422", "thing with `as_agent`", channel.payee, played, path)
        elif channel.payee is not None and channel.hidden:
            message = f"`{name}` is hidden, so it cannot pay `{channel.payee}`"
            report.add("TC528", path, message, "delete `for:`, or let the channel be seen", key=True)


def check_overrides_of_actions(context: Context) -> None:
    """Check the overrides, which replace actions that agents have chosen."""
    document, symbols = context.symbols.document, context.symbols
    _check_unique([override.name for override in document.overrides], "overrides", context)
    for index, override in enumerate(document.overrides):
        path: Path = ("overrides", index)
        # Overrides come first in a tick: nothing has been executed or drawn that a condition could read.
        scope = context.scope((*path, "when"), acted=False, ticking=False)
        context.guard(override.when, "an override", scope)
        context.chance(override.chance, "a chance", context.scope((*path, "chance"), acted=False, ticking=False))
        if override.agent not in document.agents:
            unknown(context.report, "TC423", "agent", override.agent, symbols.of("agent"), (*path, "agent"))
            continue
        actions = symbols.actions[override.agent]
        if override.action != "random" and override.action not in actions:
            cure = suggestion(override.action, (*actions, "random"))
            message = f"`{override.agent}` has no action `{override.action}`"
            context.report.add("TC424", (*path, "action"), message, cure)


def check_names_of_chance(context: Context) -> None:
    """Check that draws, overrides and rules have different names, by which a replay fixes their random outcomes."""
    document = context.symbols.document
    taken = dict.fromkeys(document.draws, "a draw")
    for index, override in enumerate(document.overrides):
        _check_chance_name(override.name, ("overrides", index, "name"), taken, context)
        taken[override.name] = "an override"  # rules are not added: `check_rules` compares them with each other
    for index, rule in enumerate(document.rules):
        _check_chance_name(rule.name, ("rules", index, "name"), taken, context)


def _check_chance_name(name: str, path: Path, taken: Mapping[str, str], context: Context) -> None:
    if name in taken:
        message = f"`{name}` is {taken[name]} already, and chance is told apart by name"
        context.report.add("TC219", path, message, "give each one a name of its own")


def _check_unique(names: list[str], block: str, context: Context) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            message = f"`{name}` is the name of an earlier entry of `{block}`"
            context.report.add("TC219", (block, index, "name"), message, "give each one a name of its own")


# ------------------------------------------------------------------ rules


def check_rules(context: Context) -> None:
    """Check the conditions, chances, effects and pays of rules."""
    rules = context.symbols.document.rules
    _check_unique([rule.name for rule in rules], "rules", context)
    for index, rule in enumerate(rules):
        path: Path = ("rules", index)
        several = _check_each(rule, path, context)
        if rule.only is not None and not rule.instances:
            message = f"rule `{rule.name}` is one rule, and says which one of several"
            context.report.add("TC233", (*path, "only"), message, "add `each:`, or leave `only:` out", key=True)
        # At the start of an episode, and between two, nobody has acted, and no draw of a tick is made.
        acted, between = rule.at not in ("start", "between"), rule.at == "between"
        for bound in several:
            context.guard(rule.when, "a guard", context.scope((*path, "when"), bound, acted, acted, between))
            context.chance(rule.chance, "a chance", context.scope((*path, "chance"), bound, acted, acted, between))
            _check_effects("then", rule.then, rule, path, context, bound)
            _check_effects("else", rule.otherwise, rule, path, context, bound)
        _warn_of_absent(rule, path, several[0], context)
        for key, others in (("else", rule.otherwise), ("else_pays", rule.else_pays)):
            if others and rule.chance is None:
                message = f"rule `{rule.name}` has an `{key}:` and no `chance:`"
                cure = f"`{key}:` is for where the chance fails: add `chance:`, or write a rule of its own"
                context.report.add("TC232", (*path, key), message, cure, key=True)
        if between:
            check_between(rule, path, context)
        for key, pays in (("pays", rule.pays), ("else_pays", rule.else_pays)):
            for bound, (channel, pay) in product(several, pays.items()):
                _check_payee(channel, (*path, key, channel), context, bound)
                context.number(pay, "a pay", context.scope((*path, key, channel), bound, acted, acted))
        if not (rule.then or rule.otherwise or rule.pays or rule.else_pays):
            message = f"rule `{rule.name}` changes nothing and pays nothing"
            context.report.add("TC218", (*path, "name"), message, "add `then:` or `pays:`", warning=True)


def _check_each(rule: Rule, path: Path, context: Context) -> list[dict[str, str]]:
    """What the names under `each:` stand for: a name for one instance at a time of its thing, and for each agent.

    There is one mapping for each choice of agents, and so a single one where no name stands for agents. Unknown things
    are reported.
    """
    things = context.symbols.document.things
    bound: dict[str, str] = {}
    agents: list[str] = []
    for index, (name, group) in enumerate(rule.instances):
        place: Path = (name,) if isinstance(rule.each, dict) else (index,) if isinstance(rule.each, list) else ()
        where: Path = (*path, "each", *place)
        every_agent = context.symbols.means_agents(group)
        if group not in things and not every_agent:
            unknown(context.report, "TC422", "thing", group, context.symbols.of("thing"), where)
        elif name in bound or name in agents:
            cure = f"name each thing once, or give both a name: `each: {{a: {group}, b: {group}}}`"
            context.report.add("TC219", where, f"`{group}` is here twice", cure)
        elif name != group and not check_local_name(name, (0, 0), context.scope(where)):
            pass  # a name that is taken was reported
        elif every_agent:
            agents.append(name)
        else:
            bound[name] = group
    chosen = permutations(context.symbols.document.agents, len(agents))
    return [bound | dict(zip(agents, names, strict=True)) for names in chosen]


def _warn_of_absent(rule: Rule, path: Path, bound: Mapping[str, str], context: Context) -> None:
    """Warn where a rule with `each` may fire for instances that are nowhere for good in some stage."""
    for name, group in bound.items():
        absence = context.symbols.absences.get(group)
        if absence is None:
            continue
        try:
            held = holds_of_absent(formula(rule.when), name, context.symbols)
        except ExpressionError:
            return  # which was reported
        if held is not False:
            which, cure = told_of_absent(group, absence, f"when: {name} on board and ...")
            message = f"rule `{rule.name}` may fire for {which}, too"
            context.report.add("TC321", (*path, "each"), message, cure, key=True, warning=True)


def _check_effects(
    key: str, effects: Sequence[str], rule: Rule, path: Path, context: Context, bound: Mapping[str, str]
) -> None:
    """Check the effects of a rule under `then` or `else`."""
    # A list of several in brackets is refused as a whole: `[swap a, b]` would otherwise give two puzzling faults.
    node = context.source.node((*path, key)) if context.source else None
    if node is not None and node.flow and len(effects) > 1:
        message = "effects stand in brackets, where YAML splits them at commas"
        cure = "write each effect on a line of its own, after `- `"
        context.report.add("TC217", (*path, key), message, cure, key=True)
        return
    acted, between = rule.at not in ("start", "between"), rule.at == "between"
    for line, text in enumerate(effects):
        where: Path = (*path, key, line)
        try:
            its = effect(text)
        except ExpressionError as fault:
            context.report.add(fault.code, where, fault.message, fault.cure, span=fault.span)
            continue
        check_effect(its, context.scope(where, bound, acted, acted, between))


def _check_payee(key: str, path: Path, context: Context, bound: Mapping[str, str]) -> None:
    """Check a key of `pays:`.

    It is `channel` for one agent, for a hidden channel and for a channel with `for`; otherwise it is `agent.channel`.
    """
    document = context.symbols.document
    owner, _, channel = key.rpartition(".")
    owner = bound.get(owner, owner)
    if channel not in document.rewards:
        valid = tuple(document.rewards) if len(document.agents) == 1 else _payees(context)
        unknown(context.report, "TC425", "channel", key, valid, path, key=True)
    elif document.rewards[channel].hidden:
        if owner:
            message = f"`{channel}` is hidden and belongs to no agent"
            context.report.add("TC523", path, message, f"write `{channel}`", key=True)
    elif (payee := document.rewards[channel].payee) is not None:
        if owner:
            message = f"`{channel}` pays only `{payee}`, so pays need not say whose it is"
            context.report.add("TC523", path, message, f"write `{channel}`", key=True)
    elif len(document.agents) == 1:
        if owner:
            message = "there is one agent, so pays need not say whose they are"
            context.report.add("TC523", path, message, f"write `{channel}`", key=True)
    elif not owner:
        cure = f"write {' or '.join(f'`{agent}.{channel}`' for agent in document.agents)}"
        context.report.add("TC523", path, f"`{channel}` does not say which agent is paid", cure, key=True)
    elif owner not in document.agents:
        unknown(context.report, "TC423", "agent", owner, tuple(document.agents), path, key=True)


def _payees(context: Context) -> tuple[str, ...]:
    """The valid keys of `pays:` in a scenario with several agents."""
    document = context.symbols.document
    return tuple(
        f"{agent}.{name}" if agent else name
        for name, channel in document.rewards.items()
        for agent in (("",) if channel.hidden or channel.payee else document.agents)
    )


# ------------------------------------------------------------------ stages and solutions


def check_stages(context: Context) -> None:
    """Check the lengths of stages, what they change, and the curriculum that they form."""
    document, report = context.symbols.document, context.report
    for name, stage in document.stages.items():
        path: Path = ("stages", name)
        if stage.limit is not None and stage.horizon is not None:
            message = f"`{name}` has a limit and a horizon"
            cure = "keep `limit` (the agent does not know when it stops) or `horizon` (it does)"
            report.add("TC210", path, message, cure, key=True)
        if stage.limit is None and stage.horizon is None:
            message = f"`{name}` does not say how long an episode is"
            cure = "add `limit: 100`, or `horizon: 100` if the agent knows the end"
            report.add("TC210", path, message, cure, key=True)
        _check_stage_params(stage.params, (*path, "params"), context)
        for index, thing in enumerate(stage.removes):
            if thing not in document.things:
                unknown(report, "TC422", "thing", thing, context.symbols.of("thing"), (*path, "removes", index))
        check_hides(stage.hides, (*path, "hides"), context)
        _check_repeats(stage, path, context)
    check_curriculum(context)
    check_life(context)


def _check_repeats(stage: Stage, path: Path, context: Context) -> None:
    for index, part in enumerate(stage.carries):
        if part in stage.carries[:index]:
            context.report.add("TC219", (*path, "carries", index), f"`{part}` is here twice", "list each part once")


def _check_stage_params(params: Mapping[str, object], path: Path, context: Context) -> None:
    known = context.symbols.document.params
    for name, value in params.items():
        if name not in known:
            unknown(context.report, "TC430", "param", name, tuple(known), (*path, name), key=True)
            continue
        check_param(name, value, context.symbols, context.report, (*path, name))


def check_solution(context: Context) -> None:
    """Check the solution concept, which a scenario with several agents needs."""
    document, report = context.symbols.document, context.report
    agents, solution = tuple(document.agents), document.solution
    if solution is None:
        if len(agents) > 1:
            message = f"there are {len(agents)} agents, and nothing says what a solution is"
            cure = "add `solution: joint`, `equilibrium` or `{best_response: AGENT, others: {...}}`"
            report.add("TC524", ("agents",), message, cure, key=True)
        return
    path: Path = ("solution",)
    if solution == "equilibrium" or isinstance(solution, EquilibriumBlock):
        _check_two(context, path)
    if (
        isinstance(solution, EquilibriumBlock)
        and isinstance(rule := solution.equilibrium, BestFor)
        and rule.best_for not in agents
    ):
        unknown(report, "TC423", "agent", rule.best_for, agents, (*path, "equilibrium", "best_for"))
    if not isinstance(solution, BestResponse):
        return
    if solution.best_response not in agents:
        unknown(report, "TC423", "agent", solution.best_response, agents, (*path, "best_response"))
        return
    others = tuple(agent for agent in agents if agent != solution.best_response)
    for agent, policy in solution.others.items():
        if agent not in others:
            unknown(report, "TC423", "other agent", agent, others, (*path, "others", agent), key=True)
        else:
            _check_policy(context, agent, policy, (*path, "others", agent))
    silent = [agent for agent in others if agent not in solution.others]
    if silent:
        message = f"nothing says what {listed(silent)} does"
        report.add("TC524", path, message, "name an action of each other agent, or `random`, under `others:`", key=True)


def _check_policy(context: Context, agent: str, text: Formula, path: Path) -> None:
    """Check a stated policy: actions that the agent has, and conditions on the state."""
    report, actions = context.report, context.symbols.actions[agent]
    try:
        policy = stated_policy(text)
    except ExpressionError as fault:
        report.add(fault.code, path, fault.message, fault.cure, span=fault.span)
        return
    for action in actions_in(policy):
        if action.name not in (*actions, RANDOM):
            cure = suggestion(action.name, (*actions, RANDOM))
            report.add("TC424", path, f"`{agent}` has no action `{action.name}`", cure, span=action.span)
    for condition in conditions_in(policy):
        require(condition, "truth", context.scope(path, acted=False, ticking=False), "the condition of a policy")


def _check_two(context: Context, path: Path) -> None:
    """Check that an equilibrium is asked only of two agents; whether the game can be solved, its enumeration says."""
    document, report = context.symbols.document, context.report
    if len(document.agents) != 2:
        message = f"equilibria are found of two agents, and there are {len(document.agents)}"
        cure = "write `solution: joint` or `{best_response: AGENT, others: {...}}`; `regret(AGENT)` says what it loses"
        report.add("TC230", path, message, cure)

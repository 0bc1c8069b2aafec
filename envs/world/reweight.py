"""The same world under other weights and discounts, without compiling it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...scenarios.language.expressions.constants import constant, settled
from ...scenarios.language.expressions.params import choosing, weighing
from ...scenarios.language.expressions.parser import formula
from ...scenarios.language.schema.document import Document, Formula
from .world import AgentProgram, World


def can_reweigh(world: World, document: Document, overrides: Mapping[str, object]) -> bool:
    """Whether some dotted overrides change weights and discounts only, and those are no part of the state."""
    fixed = all(column < 0 for agent in world.agents for column in agent.weight_columns)
    params = weighing(document) - choosing(document)
    return fixed and all(name in params or _is_preference(name, document) for name in overrides)


def reweigh(world: World, document: Document, overrides: Mapping[str, object]) -> World:
    """A world as it would be compiled under overrides for which `can_reweigh` holds.

    Args:
        world: of one stage.
        document: what it was compiled from.
        overrides: dotted name -> value, checked; a stage's own params win over them, as ever.
    """
    own = document.stages[world.stage].params  # these win over any override, so overrides of them are dropped
    given = {n: v for n, v in overrides.items() if n in document.params and n not in own}
    params = settled(document.params, {**world.params, **given})

    def number(name: str, written: Formula) -> float:
        return float(constant(formula(overrides.get(name, written)), params))  # type: ignore[arg-type]

    def reweighed(agent: AgentProgram, index: int) -> AgentProgram:
        block, weights = document.agents[agent.name], agent.weights.copy()
        discount = number(f"{agent.name}.discount", block.discount)
        discounts = np.full(len(world.channels), discount)
        for k, channel in enumerate(world.channels):
            short = channel.removeprefix(f"{agent.name}.")
            if world.owners[k] == index and short in block.values:
                name, value = f"{agent.name}.values.{short}", block.values[short]
                weights[k] = number(name, value.weight)
                if value.discount is not None or f"{name}.discount" in overrides:
                    discounts[k] = number(f"{name}.discount", discount if value.discount is None else value.discount)
        return replace(agent, weights=weights, discount=discount, discounts=discounts)

    agents = tuple(reweighed(agent, index) for index, agent in enumerate(world.agents))
    return replace(world, agents=agents, params=params, scope=replace(world.scope, params=params))


def _is_preference(name: str, document: Document) -> bool:
    agent, _, setting = name.partition(".")
    return agent in document.agents and (setting == "discount" or setting.startswith("values."))

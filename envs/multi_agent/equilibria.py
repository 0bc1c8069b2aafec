"""Finds the equilibria of a world of two agents, by the solver that fits its time and what its agents see."""

from __future__ import annotations

from ..base import NotEnumerableError
from ..mdp.enumeration import Enumeration
from ..world.world import EquilibriumChoice
from .common_knowledge import sees_enough
from .equilibrium_process import Equilibria, check_players
from .hidden_information import equilibria_of_tree
from .shapley_iteration import is_zero_sum, zero_sum_equilibria
from .stage_game import is_stage_game, stage_equilibria
from .subgame_perfect import subgame_perfect

_INSTEAD = (
    "give the stage a `horizon`; or write `solution: joint`, or `{best_response: AGENT, others: {...}}`; what learners "
    "lose, `regret(AGENT)` says"
)


def equilibria_of(enumeration: Enumeration, choice: EquilibriumChoice | None = None) -> Equilibria:
    """Find the equilibria of a world.

    Args:
        enumeration: of the joint actions of two agents.
        choice: which of the equilibria count; those that the world's file asks for by default, or all.

    Raises:
        NotEnumerableError: it is no game of two, or none that is solved: without end, and neither zero-sum nor the same
            round again and again; or something is too large. Or an agent's weights may change, or it deliberates by
            another rule than `weighted`.
        ImproperDiscountError: discount 1, no horizon, and it never ends.
    """
    world, mdp = enumeration.world, enumeration.mdp
    choice = choice or world.equilibrium or EquilibriumChoice()
    check_players(world)
    if is_stage_game(mdp, world.horizon):
        return stage_equilibria(enumeration, choice)
    blind = next((its.name for number, its in enumerate(world.agents) if not sees_enough(enumeration, number)), None)
    if world.horizon is not None:
        if blind is None:
            return subgame_perfect(enumeration, world.horizon, choice)
        if choice.mediated:
            message = f"`{blind}` does not see all that matters, and what a mediator would know then is not said"
            raise NotEnumerableError(message, "correlated equilibria are found where everybody sees what matters")
        return equilibria_of_tree(enumeration, world.horizon, choice)
    if blind is not None:
        message = f"`{blind}` does not see all that matters, and the game has no known end"
        raise NotEnumerableError(message, _INSTEAD)
    if not is_zero_sum(enumeration):
        message = (
            "the game has no known end, what is chosen decides what comes next, and one's gain is not the other's loss"
        )
        raise NotEnumerableError(message, _INSTEAD)
    if choice.rule == "all_correlated":
        message = "the game has no known end, and what a mediator could draw in it is not ranged over"
        raise NotEnumerableError(message, "give the stage a `horizon`, or write `solution: equilibrium`")
    return zero_sum_equilibria(enumeration)

"""Checks of your own scenarios, agents, world models, planners and deliberations, with pytest or without it.

    from turncoat.testing import check_agent

    check_agent(Mine)  # raises an AssertionError that names every clause of the contract that is broken

For each `check_...` function there is a class; a subclass of it runs every clause as a separate test.
"""

from .agents import AgentConformance, check_agent
from .conformance import ClauseError, Conformance, ConformanceError, ConformanceReport
from .deliberations import DeliberationConformance, check_deliberation
from .expectations import Expected, assert_scenario, each_expectation
from .planners import PlannerConformance, check_planner
from .world_models import WorldModelConformance, check_world_model

__all__ = [
    "AgentConformance",
    "ClauseError",
    "Conformance",
    "ConformanceError",
    "ConformanceReport",
    "DeliberationConformance",
    "Expected",
    "PlannerConformance",
    "WorldModelConformance",
    "assert_scenario",
    "check_agent",
    "check_deliberation",
    "check_planner",
    "check_world_model",
    "each_expectation",
]

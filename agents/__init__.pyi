from .base import (
    Agent,
    DeviceAware,
    Forgetful,
    LearnsFromLogs,
    Log,
    MapAware,
    MultiAgentTrainingEnv,
    OnlineLearner,
    Resumable,
    Stops,
    Thinker,
    Trainable,
    TrainableAgent,
    TrainingEnv,
)
from .external.user_agent import AgentInterface, UserAgent
from .external.user_world_model import Imagination, WorldModel
from .planners.base import BoundPlanner, Decision, Planner, Problem
from .records.plan import Counterfactual, Plan, PlanStep
from .records.thought import Attribution, Thought
from .registry.agents import AGENTS, AgentSpec, agent_names, agent_spec, agent_specs

__all__ = [
    "AGENTS",
    "Agent",
    "AgentInterface",
    "AgentSpec",
    "Attribution",
    "BoundPlanner",
    "Counterfactual",
    "Decision",
    "DeviceAware",
    "Forgetful",
    "Imagination",
    "LearnsFromLogs",
    "Log",
    "MapAware",
    "MultiAgentTrainingEnv",
    "OnlineLearner",
    "Plan",
    "PlanStep",
    "Planner",
    "Problem",
    "Resumable",
    "Stops",
    "Thinker",
    "Thought",
    "Trainable",
    "TrainableAgent",
    "TrainingEnv",
    "UserAgent",
    "WorldModel",
    "agent_names",
    "agent_spec",
    "agent_specs",
]

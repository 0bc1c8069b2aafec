from .adapters.fixed_opponents import FixedOpponentsEnv, tabular_policy
from .adapters.gymnasium_env import TurncoatEnv
from .adapters.gymnasium_vector import TurncoatVectorEnv
from .adapters.pettingzoo_env import TurncoatParallelEnv, aec_env, parallel_env
from .adapters.sb3_vec_env import BoardExtractor, TurncoatVecEnv
from .analysis.tie_ranges import Occurs, expectation_range, share_range
from .base import FiniteMDP, NotEnumerableError
from .deliberation import Choice
from .mdp.enumeration import Enumeration, enumerate_world
from .multi_agent.best_response import induced_mdp, uniform_policy
from .solvers.dynamic_programming import policy_iteration, value_iteration
from .solvers.policy_evaluation import evaluate_horizon
from .torch_env.env import TorchWorld
from .torch_env.tables import tensors_of
from .world.compiler import compile_world
from .world.world import World

__all__ = [
    "BoardExtractor",
    "Choice",
    "Enumeration",
    "FiniteMDP",
    "FixedOpponentsEnv",
    "NotEnumerableError",
    "Occurs",
    "TorchWorld",
    "TurncoatEnv",
    "TurncoatParallelEnv",
    "TurncoatVecEnv",
    "TurncoatVectorEnv",
    "World",
    "aec_env",
    "compile_world",
    "enumerate_world",
    "evaluate_horizon",
    "expectation_range",
    "induced_mdp",
    "parallel_env",
    "policy_iteration",
    "share_range",
    "tabular_policy",
    "tensors_of",
    "uniform_policy",
    "value_iteration",
]

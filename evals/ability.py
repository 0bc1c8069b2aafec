"""Which agents can be trained in a world, and why the others cannot."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from ..envs.world import World
from .holding import unable_to_hold
from .methods import methods, plans
from .together import unable_together


def unable(method: str, world: World, own: bool = False) -> str | None:
    """Why a method (or an agent of the user's `own`) cannot be trained in a world, or None.

    Raises:
        Sb3Missing: it needs Stable-Baselines3, which is not installed.
    """
    if len(world.agents) > 1 or "=" in method:
        return unable_together(method, world)
    if not own and method not in (known := methods()):
        return f"there is no agent `{method}`; there are exact, {', '.join(known)}"
    if own:
        return None
    if plans(method) and world.agents[0].discount >= 1:
        return f"`{method}` needs a discount below 1"
    if method == "policy_aware" and world.agents[0].deliberation.name != "weighted":
        return f"`{method}` compares policies by weighted sums, and not by {world.agents[0].deliberation.name}"
    if method.startswith(("ppo", "dqn")):
        from ..agents.sb3_policy import need_sb3, unable_to_see
        from ..agents.sb3_settings import unsearched

        need_sb3()
        return unable_to_see(world) or (unsearched(method) if method.endswith("_tuned") else None)
    if method == "neural" and not all(find_spec(name) for name in ("torch", "safetensors")):
        return "`neural` needs torch and safetensors: pip install 'turncoat[learn]'"
    if any(np.asarray(world.agents[0].weight_columns) >= 0):
        if method in ("counts", "local_rules", "neural"):
            return unable_to_hold(world)
        return f"`{method}` has fixed weights, and this world can change them"
    return None

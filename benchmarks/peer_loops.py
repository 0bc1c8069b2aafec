"""One library's loop, in a process of its own: `python peer_loops.py LOOP SECONDS`.

It runs where that library is installed, so it imports nothing else. When it is warm it prints a line of JSON about
itself; then for every line on its input it works for so many seconds and prints how much it did a second: steps of an
environment, or simulations of a tree search. Actions of steps are uniform over the environment's own and drawn
beforehand; every step gives its observation.
"""

import json
import sys
import time

LANES = 1_024
SIMULATIONS = 32
MAP = "MiniGrid-Empty-8x8-v0"


def turncoat_one():
    """`lab` (8 x 9) in Gymnasium's wrappers, one environment."""
    import gymnasium

    return _one(gymnasium.make("turncoat:turncoat/lab-v0"))


def minigrid_one():
    """An empty room of 8 x 8, the whole of it observed, in the wrappers that `make` gives it."""
    import gymnasium
    import minigrid  # noqa: F401 # registers its environments
    from minigrid.wrappers import FullyObsWrapper

    return _one(FullyObsWrapper(gymnasium.make(MAP)))


def _one(env):
    import numpy as np

    actions = np.random.default_rng(0).integers(0, env.action_space.n, 4096).tolist()
    env.reset(seed=0)

    def some():
        for action in actions:
            _, _, ended, cut, _ = env.step(action)
            if ended or cut:
                env.reset()
        return len(actions)

    return some


def turncoat_many():
    """`lab` as a vector environment, one thread, its tick compiled."""
    import gymnasium

    env = gymnasium.make_vec("turncoat:turncoat/lab-v0", num_envs=LANES, compiled=True)
    env.reset(seed=0)
    return _many(env, env.single_action_space.n)


def turncoat_torch():
    """`lab` by the torch view, one thread, each step's planes and counters gathered."""
    import torch

    from turncoat.envs.mdp.enumeration import enumerate_world
    from turncoat.envs.torch_env.env import TorchWorld
    from turncoat.envs.world.compiler import compile_world
    from turncoat.scenarios.language.loading import load

    torch.set_num_threads(1)
    world = TorchWorld(enumerate_world(compile_world(load("lab"), "train")), LANES)
    tables = world.observations("planes")
    actions = torch.randint(world.n_actions, (64, LANES), dtype=torch.int32)

    def some():
        for row in actions:
            *_, index = world.step(row)
            for table in tables.values():
                table.index_select(0, index)
        return actions.numel()

    return some


def envpool_many():
    """The same room by EnvPool, on all cores; it shows the 7 x 7 cells before the agent."""
    import envpool

    env = envpool.make_gymnasium(MAP, num_envs=LANES, seed=0)
    env.reset()
    return _many(env, env.action_space.n)


def _many(env, n_actions):
    import numpy as np

    actions = np.random.default_rng(0).integers(0, n_actions, (64, LANES))

    def some():
        for row in actions:
            env.step(row)
        return actions.size

    return some


def navix_many():
    """The same room by NAVIX: a compiled scan of 64 steps of all lanes, on all cores, every observation kept."""
    import jax
    import navix

    env = navix.make("Navix-Empty-8x8-v0")

    @jax.jit
    def scan(steps, key):
        actions = jax.random.randint(key, (64, LANES), 0, env.action_space.n)

        def tick(steps, row):
            steps = jax.vmap(env.step)(steps, row)
            return steps, (steps.observation, steps.reward, steps.step_type)

        return jax.lax.scan(tick, steps, actions)

    state = {"key": jax.random.PRNGKey(0)}
    state["steps"] = jax.jit(jax.vmap(env.reset))(jax.random.split(state["key"], LANES))

    def some():
        state["key"], key = jax.random.split(state["key"])
        state["steps"], kept = scan(state["steps"], key)
        jax.block_until_ready((state["steps"], kept))
        return 64 * LANES

    return some


def turncoat_search(roots, threads=1, backup="mean"):
    """Our tree search on the exact tables of `lab` (5 actions, 2 channels)."""
    import numpy as np

    from turncoat.agents.planners.gumbel_search import SearchTables, tree_search
    from turncoat.evals.exact.solved_worlds import SolvedWorlds
    from turncoat.scenarios.language.loading import load

    plan = SolvedWorlds(load("treacherous_turn/lab")).plan({}, "deploy")
    tables, heads = SearchTables.of(plan.mdp), plan.solution.vector_values
    states = np.random.default_rng(0).choice(np.flatnonzero(~plan.mdp.ended).astype(np.int32), roots)
    discounts = np.full(len(plan.mdp.channels), plan.discount)
    asked = max(1, 4096 // roots)

    def some():
        for call in range(asked):
            keys = np.arange(call * roots, (call + 1) * roots)
            tree_search(
                tables, states, heads, plan.weights, discounts, SIMULATIONS, keys, backup=backup, threads=threads
            )
        return asked * roots * SIMULATIONS

    return some


def mctx_search(roots):
    """mctx's Gumbel MuZero, scalar values, 5 actions, all cores; its model is one multiplication, next to nothing."""
    import jax
    import jax.numpy as jnp
    import mctx

    def model(params, key, action, embedding):
        following = embedding * 5 + action + 1
        value = jnp.sin(following.astype(jnp.float32))
        zeros = jnp.zeros((roots, 5))
        out = mctx.RecurrentFnOutput(reward=value, discount=jnp.full(roots, 0.97), prior_logits=zeros, value=value)
        return out, following

    @jax.jit
    def search(key):
        root = mctx.RootFnOutput(
            prior_logits=jnp.zeros((roots, 5)), value=jnp.zeros(roots), embedding=jnp.zeros(roots, jnp.int32)
        )
        return mctx.gumbel_muzero_policy((), key, root, model, SIMULATIONS).action

    state = {"key": jax.random.PRNGKey(0)}
    asked = max(1, 1024 // roots)

    def some():
        for _ in range(asked):
            state["key"], key = jax.random.split(state["key"])
            jax.block_until_ready(search(key))
        return asked * roots * SIMULATIONS

    return some


def main(loop, budget):
    """Warm up, then obey."""
    begun = time.perf_counter()
    name, *numbers = loop.split(":")
    some = globals()[name](*map(int, numbers))
    for _ in range(3):  # what is compiled may be compiled again for the types that come back
        some()
    print(json.dumps({"warm_after": time.perf_counter() - begun}), flush=True)
    for _ in sys.stdin:
        steps, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < budget:
            steps += some()
        print(steps / (time.perf_counter() - begun), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))

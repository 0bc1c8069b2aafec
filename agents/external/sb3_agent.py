"""Stable-Baselines3's PPO and DQN as model-free baselines, trained on the weighted sum of the channels.

Needs `pip install '.[sb3]'`; torch is imported when an agent is made. `ppo` is recurrent where part of the state
is hidden from the agent, `ppo_recurrent` everywhere, `ppo_masked` and `ppo_large` nowhere. Files hold plain tensors
with a JSON header (safetensors), never pickles.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np

from ...envs.adapters.spaces import ObservationEncoder
from ...envs.base import Bools, Ints, Longs
from ...envs.world.compiler import compile_world
from ...envs.world.world import World
from ...scenarios.errors import UnknownNameError
from ...scenarios.language.loading import Scenario
from ...scenarios.output_file import whole_file
from ..base import AgentState, MultiAgentTrainingEnv, Progress, TrainingEnv
from ..learning.checkpoint import unreadable
from ..learning.device import training_thread
from ..learning.snapshot import SnapshotError
from .sb3_hyperparameters import LANES, LARGE_LANES, Algorithm, Preset, in_one_lane, settings
from .sb3_policy import Sb3Policy, need_sb3, unable_to_see
from .sb3_training_state import restore_chance, restore_training, training_arrays

FILE_VERSION: Final = 1


class Sb3Agent:
    """A model-free agent: a PPO policy or a DQN Q-network on the feature planes of the board and the counters.

    Deployed, it takes the available action with the highest score. In training, unavailable actions can be chosen and
    have no effect; only `ppo_masked` excludes them.

    Attributes:
        name: the algorithm, its hyperparameters if they are not the plain ones, and whether it has a novelty bonus.
        learns_with: the part of a stage's `learn` that decides whether it is trained there.
        own_lanes: `fit` steps environments of its own in place of the one that it is given, unless others act there.
    """

    learns_with: Final = "values"
    own_lanes: Final = True

    def __init__(
        self,
        algorithm: Algorithm,
        scenario: Scenario,
        stage: str,
        novelty: float = 0.0,
        preset: Preset = "plain",
        lanes: int | None = None,
        world: World | None = None,
        **changes: Any,
    ) -> None:
        """An untrained agent for one stage of a scenario.

        Args:
            algorithm: see `sb3_hyperparameters.Algorithm`.
            scenario: loaded, with the caller's overrides applied.
            stage: in which it is to be trained.
            novelty: the bonus for the first visit of an observation, see `sb3_hyperparameters.NOVELTY_SCALE`.
            preset: which hyperparameters.
            lanes: environments that are stepped in parallel in training; None: as many as the preset has.
            world: that stage, compiled for this agent alone; None: the scenario has only one agent.
            changes: hyperparameters that replace those of the table.

        Raises:
            MissingPackageError: Stable-Baselines3 is not installed.
            ValueError: no such algorithm, no such hyperparameters for it, or the agent sees through a window.
        """
        if algorithm not in get_args(Algorithm):
            raise UnknownNameError("algorithm", algorithm, get_args(Algorithm))
        need_sb3()
        self.algorithm = algorithm
        self.name = f"{algorithm}{'' if preset == 'plain' else f'_{preset}'}{'_novelty' * bool(novelty)}"
        self._scenario, self._stage, self._novelty, self._preset = scenario, stage, novelty, preset
        self._lanes = lanes or (LARGE_LANES if preset == "large" else LANES)
        self._world = compile_world(scenario, stage) if world is None else world
        if (reason := unable_to_see(self._world.agents[0])) is not None:
            raise ValueError(reason)
        remembering = algorithm == "ppo" and preset != "large" and _hidden(self._world)
        self._recurrent = algorithm == "ppo_recurrent" or remembering
        self._settings = {**settings(algorithm, preset, self._recurrent), **changes}
        self._model: Any = None
        self._policy: Sb3Policy | None = None
        self._device = "cpu"
        self._enough = False
        self._until = 0
        self._paid: Any = 0.0
        self._left: dict[str, Any] | None = None

    # Training

    def use(self, device: str) -> None:
        """See `DeviceAware.use`."""
        self._device = device

    def stop(self) -> None:
        """See `Stops.stop`: training ends at the next step."""
        self._enough = True

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`; it steps many lanes of its stage in place of `env`, in whole rollouts.

        Progress is reported after the updates on each rollout: `earned`, the mean return of the episodes that ended in
        it (without a novelty bonus), and what Stable-Baselines3 logs. Where other agents act in `env`, it steps that
        lane, with rollouts as many times longer, so that each update sees as much experience.
        """
        if self._model is None:
            with training_thread():
                self._model = self._made(seed, env if isinstance(env, MultiAgentTrainingEnv) else None)
        self._until, self._paid = self._model.num_timesteps + steps, 0.0
        self._learn(on_progress)

    def _learn(self, on_progress: Progress | None) -> None:
        self._enough = False
        with training_thread():
            # The step count goes on over several calls of `fit`, one per stage of a curriculum.
            self._model.learn(
                total_timesteps=self._until - self._model.num_timesteps,
                reset_num_timesteps=False,
                callback=None if on_progress is None else _reporter(on_progress, self),
            )
        self._policy = Sb3Policy(self._model, self._world)

    def resume(self, env: TrainingEnv, on_progress: Progress | None = None) -> None:
        """See `Resumable.resume`; after a snapshot the scenario has to be given back first, see `bind`.

        Raises:
            ValueError: it was never trained, or restored and not bound.
        """
        if self._model is None:
            raise ValueError("nothing to resume: it was never trained, or was restored and has no scenario: `bind` it")
        if self._left is not None:
            restore_chance(self._left)
            self._left = None
        self._learn(on_progress)

    def snapshot_state(self) -> dict[str, Any]:
        """See `snapshot.CustomSnapshot`; the scenario is left out, see `bind`.

        Raises:
            SnapshotError: it is DQN, whose replay buffer is large, has a bonus for novelty, or shares a lane.
        """
        from ...envs.adapters.sb3_vec_env import TurncoatVecEnv

        model = self._model
        lanes = None if model is None else model.get_env()
        if self.algorithm == "dqn" or self._novelty or not isinstance(lanes, TurncoatVecEnv):
            raise SnapshotError(f"`{self.name}` while it is trained")
        return {
            "kind": [self.algorithm, self._stage, self._preset, self._lanes, self._device],
            "settings": self._settings,
            "steps": [self._until, model.num_timesteps, model._n_updates],
            "paid": np.asarray(self._paid, np.float64),
            **training_arrays(model),
            "lanes": lanes.contents(),
        }

    def restore_state(self, data: dict[str, Any]) -> None:
        """See `snapshot.CustomSnapshot`."""
        self._model, self._left = None, data

    def bind(self, scenario: Scenario) -> None:
        """See `LeavesScenario.bind`."""
        left = self._left
        if left is None:
            return
        algorithm, stage, preset, lanes, device = left["kind"]
        Sb3Agent.__init__(self, algorithm, scenario, stage, 0.0, preset, lanes, **left["settings"])
        self._device = device
        self._model = self._made(seed=0)
        self._until, self._model.num_timesteps, self._model._n_updates = left["steps"]
        self._paid = left["paid"]
        restore_training(self._model, left, self._model.get_env().restore(left["lanes"]))
        self._left = left

    def _made(self, seed: int, env: TrainingEnv | None = None) -> Any:
        from stable_baselines3 import DQN, PPO

        from ...envs.adapters.sb3_vec_env import BoardExtractor

        chosen, lanes = self._settings, self._lanes_on(env)
        if env is not None:
            chosen = in_one_lane(chosen, self._lanes)
        if self._novelty:
            lanes = _with_novelty_bonus(lanes, self._novelty)
        shared = {
            "gamma": self._world.agents[0].discount,
            "seed": seed,
            "device": self._device,
            **chosen,
            "policy_kwargs": {"features_extractor_class": BoardExtractor, **chosen.get("policy_kwargs", {})},
        }
        if self.algorithm == "dqn":
            return DQN("MultiInputPolicy", lanes, **shared)
        if self._recurrent:
            from sb3_contrib import RecurrentPPO

            return RecurrentPPO("MultiInputLstmPolicy", lanes, **shared)
        if self.algorithm == "ppo_masked":
            from sb3_contrib import MaskablePPO

            return MaskablePPO("MultiInputPolicy", lanes, **shared)
        return PPO("MultiInputPolicy", lanes, **shared)

    def _lanes_on(self, env: TrainingEnv | None) -> Any:
        """The vector environment to train on: a lane shared with other agents, or lanes of its own."""
        if env is not None:
            from .sb3_shared_env import SharedLane

            return SharedLane(env, self._world)
        from ...envs.adapters.sb3_vec_env import TurncoatVecEnv

        return TurncoatVecEnv(self._scenario, self._lanes, self._stage)

    def enter_school(self, stage: str) -> None:
        """Sets the stage in which it is trained from now on."""
        self._stage = stage
        if self._model is not None:
            lanes = self._lanes_on(None)
            self._model.set_env(_with_novelty_bonus(lanes, self._novelty) if self._novelty else lanes)

    # Deployment

    def enter_world(self, world: World) -> None:
        """Sets the world in which it acts from now on, if not the one in which it was trained.

        Raises:
            ValueError: that world has other observations or actions, or it was never trained.
        """
        if self._model is None:
            raise ValueError(f"`{self.name}` was never trained: call `fit`, or load it")
        self._policy = Sb3Policy(self._model, world)

    @property
    def remembers(self) -> bool:
        """Whether its actions depend on more than the observation: on a recurrent state, or on time."""
        return self._recurrent or ObservationEncoder(self._world, 0).timed

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`; takes the available action with the highest score.

        Raises:
            ValueError: it was never trained.
        """
        if self._policy is None:
            raise ValueError(f"`{self.name}` was never trained: call `fit`, or load it")
        return self._policy.act(observation, state, mask)

    # Keeping

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the policy's tensors and a JSON header to one safetensors file, atomically.

        Raises:
            ValueError: it was never trained.
        """
        from safetensors.torch import save

        if self._model is None:
            raise ValueError(f"`{self.name}` was never trained: there is nothing to save")
        header = {
            "kind": "sb3",
            "version": FILE_VERSION,
            "algorithm": self.algorithm,
            "novelty": self._novelty,
            "preset": self._preset,
            "settings": self._settings,
            "scenario": self._scenario.name,
            "stage": self._stage,
        }
        # Copies, since the format refuses tensors that share their storage.
        tensors = {key: value.detach().clone() for key, value in self._model.policy.state_dict().items()}
        with whole_file(Path(path)) as part:
            part.write_bytes(save(tensors, {"turncoat": json.dumps(header)}))

    @classmethod
    def load(cls, path: str | os.PathLike[str], scenario: Scenario) -> Sb3Agent:
        """Reads what `save` wrote, for a scenario with the observations and actions that it was trained on.

        Raises:
            MissingPackageError: Stable-Baselines3 is not installed.
            ValueError: not such a file, a newer version than this program reads, or boards of another shape.
        """
        need_sb3()
        from ..learning.tensors import read_tensors

        with unreadable(path):
            header, tensors = read_tensors(path, "sb3", FILE_VERSION)
            # Files of earlier versions say only whether the hyperparameters were tuned.
            preset = header.get("preset", "tuned" if header.get("tuned") else "plain")
            agent = cls(header["algorithm"], scenario, header["stage"], header["novelty"], preset, **header["settings"])
            agent._model = agent._made(seed=0)
            try:
                agent._model.policy.load_state_dict(tensors)
            except RuntimeError as fault:
                raise ValueError(f"{path} was trained where boards have another shape: {fault}") from fault
            agent._policy = Sb3Policy(agent._model, agent._world)
            return agent


def _hidden(world: World) -> bool:
    """Whether part of the state is not observed by the agent."""
    seen = set(world.agents[0].sees)
    return any(field.size > 1 and i not in seen and i not in (world.ended, world.clock)
               for i, field in enumerate(world.fields))  # fmt: skip


def _with_novelty_bonus(lanes: Any, scale: float) -> Any:
    """The vector environment with a count-based exploration bonus."""
    from stable_baselines3.common.vec_env import VecEnvWrapper

    class Novelty(VecEnvWrapper):
        """Adds `scale / sqrt(n)` to the reward at the n-th visit of an observation."""

        def __init__(self) -> None:
            super().__init__(lanes)
            self.met: dict[bytes, int] = {}
            self.paid: Any = None

        def reset(self) -> Any:
            return self.venv.reset()

        def step_wait(self) -> Any:
            observation: Any
            observation, rewards, done, infos = self.venv.step_wait()
            self.paid = rewards.copy()
            for lane in range(self.num_envs):
                # Where an episode was over, the observation is already the next one's first.
                its = infos[lane].get("terminal_observation") or {key: part[lane] for key, part in observation.items()}
                key = b"".join(its[name].tobytes() for name in sorted(its))
                self.met[key] = self.met.get(key, 0) + 1
                rewards[lane] += scale / self.met[key] ** 0.5
            return observation, rewards, done, infos

    return Novelty()


def _reporter(on_progress: Progress, agent: Sb3Agent) -> Any:
    from stable_baselines3.common.callbacks import BaseCallback

    class Reporter(BaseCallback):
        """Reports steps and mean returns after each update, and ends training once the agent has had enough."""

        def __init__(self) -> None:
            super().__init__()
            self.ended: list[float] = []
            self.reported = 0

        def _on_training_start(self) -> None:
            self.reported = self.model.num_timesteps

        def _on_step(self) -> bool:
            lanes: Any = self.training_env
            rewards = self.locals["rewards"]
            plain = getattr(lanes, "paid", rewards)  # before a bonus for novelty
            agent._paid = agent._paid + np.asarray(plain, np.float64)
            done = np.asarray(self.locals["dones"], np.bool_)
            self.ended += agent._paid[done].tolist()
            agent._paid[done] = 0.0
            return not agent._enough

        def _on_rollout_start(self) -> None:
            # What was collected before has been learned from: between two rollouts all is in the model and the lanes.
            self._report()

        def _on_training_end(self) -> None:
            if not agent._enough:
                self._report()

        def _report(self) -> None:
            if self.model.num_timesteps == self.reported:
                return
            self.reported = self.model.num_timesteps
            logged = {name: float(value) for name, value in self.logger.name_to_value.items() if _is_number(value)}
            earned = {"earned": sum(self.ended) / len(self.ended)} if self.ended else {}
            self.ended.clear()
            on_progress(self.num_timesteps, {**logged, **earned})

    return Reporter()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number)

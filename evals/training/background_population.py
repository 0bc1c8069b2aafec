"""A background population: co-players trained or stated elsewhere, of whom each episode draws one for each seat.

So agents are judged among others that they were not trained with (Leibo et al. 2021, arXiv 2107.06857, Melting Pot):
the *focal* agents are those judged, and the seats of all others are filled from a folder. It holds

- `AGENT.NAME.npz` or `AGENT.NAME.safetensors`: somebody who plays AGENT, as a policy table (`run --save-policies`) or a
  checkpoint that an agent's own `save` wrote;
- `policies.yaml`: stated policies, `AGENT: {NAME: POLICY}`, each an action, `random` or `if(CONDITION, POLICY,
  POLICY)`.

Files hold numbers and text. Nothing in the folder is imported, unpickled or run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ...agents.base import Agent, AgentState
from ...agents.baselines.policy_table import ObservedPolicy, PolicyTable
from ...agents.baselines.scripted import ConstantAgent, KnownPolicy, RandomAgent
from ...agents.registry.multi_agent_profiles import RANDOM, alone
from ...agents.registry.stored_agents import ENDINGS, read_agent
from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.mdp.enumeration import Enumeration
from ...envs.multi_agent.best_response import own_available
from ...envs.reference.observation import observe
from ...envs.reference.stated_policy import AT_RANDOM, stated_chances
from ...envs.reference.step import reset
from ...envs.world.compiler import compile_world
from ...envs.world.randomness import SampledDraws, uniform
from ...envs.world.world import StatedChoice, World
from ...scenarios.bounded_reading import UnreadableFileError, read_file, read_text_file
from ...scenarios.did_you_mean import nearest
from ...scenarios.errors import UsageError
from ...scenarios.language.faults.faults import ScenarioError
from ...scenarios.language.files.yaml_source import LIMIT, parse
from ...scenarios.language.loading import Scenario, apply_overrides
from ...scenarios.language.names.overrides import SOLUTION
from .curriculum import enter

STATED: Final = "policies.yaml"
MAX_MEMBERS: Final = 1000
"""Most files, and most stated policies, of one population."""
_MAX_FILE: Final = 512 << 20
_CODE: Final = (".py", ".pkl", ".pickle", ".pt", ".pth", ".zip", ".joblib")
"""Endings of files that hold code, or may."""
_STREAM: Final = 0x6D70
"""Keeps the random numbers by which co-players are drawn and act apart from those of worlds and trainings."""


class PopulationError(UsageError, ValueError):
    """A folder holds no population for a scenario; the message names the file and says what would be valid."""


@dataclass(frozen=True, eq=False)
class CoPlayer:
    """A member of a population.

    Attributes:
        name: NAME of the file or of the stated policy; no two of a seat have the same.
        agent: the agent of the world that it plays.
        policy: who it is; the text of a stated policy.
    """

    name: str
    agent: str
    policy: Agent | str


@dataclass(frozen=True, eq=False)
class BackgroundPopulation:
    """Who may play the seats of the agents that are not judged.

    Attributes:
        folder: where it was read.
        members: of all seats.
        focal: the names of the agents that are judged; all others are drawn.
        digest: SHA-256 of everything read, in hex.
    """

    folder: str
    members: tuple[CoPlayer, ...]
    focal: tuple[str, ...]
    digest: str

    @property
    def key(self) -> str:
        """What tells results among these co-players from all others."""
        return hashlib.sha256(f"{self.digest} {' '.join(self.focal)}".encode()).hexdigest()[:16]

    def of(self, agent: str) -> tuple[CoPlayer, ...]:
        """Those who may play an agent; none for a focal one."""
        return () if agent in self.focal else tuple(each for each in self.members if each.agent == agent)


def read_population(folder: Path, scenario: Scenario, world: World, focal: Sequence[str] = ()) -> BackgroundPopulation:
    """Read a folder, and check that everybody in it can play in a world.

    Args:
        folder: see the module.
        scenario: that of the world.
        world: the stage in which agents are judged.
        focal: who is judged; empty for all whom the folder holds nobody for.

    Raises:
        PopulationError: the folder cannot be used; see there.
    """
    names = [program.name for program in world.agents]
    if len(names) < 2:
        raise PopulationError(f"`{world.name}` has one agent, `{names[0]}`, and nobody for others to be")
    for name in focal:
        if name not in names:
            raise PopulationError(f"`{world.name}` has no agent `{name}`; there are {', '.join(names)}")
    try:
        members, digest = _read(folder)
    except UnreadableFileError as fault:
        raise PopulationError(str(fault)) from None
    for member in members:
        if member.agent not in names:
            raise PopulationError(
                f"{folder}: `{member.name}` plays `{member.agent}`, and `{world.name}` has {', '.join(names)}"
                f"{_hint(member.agent, names)}; files are named AGENT.NAME{ENDINGS[0]}"
            )
    played = {member.agent for member in members}
    focal = tuple(name for name in names if (name in focal if focal else name not in played))
    if not focal:
        raise PopulationError(
            f"{folder} holds somebody for every agent; --focal AGENT says who of {', '.join(names)} is judged"
        )
    if len(focal) == len(names):
        raise PopulationError(f"{', '.join(names)} are all judged, so nobody is drawn from {folder}")
    for name in names:
        if name not in focal and name not in played:
            raise PopulationError(f"{folder} holds nobody who plays `{name}`; --focal {name} judges it too")
    population = BackgroundPopulation(str(folder), tuple(members), focal, digest)
    for number, name in enumerate(names):
        for member in population.of(name):
            _check(member, scenario, world, number, folder)
    return population


def _read(folder: Path) -> tuple[list[CoPlayer], str]:
    """The members of a folder, and the hash of its files."""
    try:
        entries = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as fault:
        raise PopulationError(f"{folder} cannot be listed: {(fault.strerror or str(fault)).lower()}") from None
    members: list[CoPlayer] = []
    digest = hashlib.sha256()
    if len(entries) > MAX_MEMBERS:
        raise PopulationError(f"{folder} holds more than {MAX_MEMBERS:,} files")
    for name in entries:
        path = folder / name
        if path.suffix.lower() in (".md", ".txt"):
            continue
        if name == STATED:
            members += _stated_in(path)
        elif path.suffix in ENDINGS:
            agent, dot, its = path.stem.partition(".")
            if not dot or not its:
                raise PopulationError(
                    f"{path} does not say whom it plays: name it AGENT.NAME{path.suffix}, as in bob.{name}"
                )
            try:
                members.append(CoPlayer(its, agent, read_agent(path)))
            except (OSError, ValueError) as fault:
                raise PopulationError(_told(path, fault)) from None
        elif path.suffix in _CODE:
            raise PopulationError(
                f"{path} may hold code, and nothing of a population is run or unpickled; `turncoat run ... "
                "--save-policies FOLDER` writes trained agents, of whatever library, as tables"
            )
        else:
            kinds = f"AGENT.NAME{ENDINGS[0]}, AGENT.NAME{ENDINGS[1]} and {STATED}"
            raise PopulationError(f"{path} is nobody that can play: a population is made of {kinds}")
        digest.update(name.encode() + b"\0" + hashlib.sha256(read_file(path, _MAX_FILE)).digest())
    names = [(member.agent, member.name) for member in members]
    if (twice := next((each for each in names if names.count(each) > 1), None)) is not None:
        raise PopulationError(f"{folder} holds two that play `{twice[0]}` and are called `{twice[1]}`")
    if not members:
        raise PopulationError(
            f"{folder} holds nobody; `turncoat run ... --save-policies {folder}` puts trained agents there"
        )
    if len(members) > MAX_MEMBERS:
        raise PopulationError(f"{folder} holds more than {MAX_MEMBERS:,} co-players")
    return members, digest.hexdigest()


def _told(path: Path, fault: Exception) -> str:
    """What is wrong with a file, naming it once."""
    if isinstance(fault, OSError):
        return f"{path} cannot be read: {(fault.strerror or str(fault)).lower()}"
    return str(fault) if str(path) in str(fault) else f"{path}: {fault}"


def _stated_in(path: Path) -> list[CoPlayer]:
    """The stated policies of a file."""
    try:
        data = parse(read_text_file(path, LIMIT), str(path)).data
    except ScenarioError as fault:
        first = fault.faults[0]
        line = f", line {first.place.line}" if first.place is not None else ""
        raise PopulationError(f"{path}{line}: {first.message}") from None
    wrong = PopulationError(f"{path}: write `AGENT: {{NAME: POLICY}}`, as in `bob: {{hawk: right, any: random}}`")
    if not isinstance(data, dict):
        raise wrong
    members = []
    for agent, policies in data.items():
        if not isinstance(policies, dict) or not all(isinstance(text, str) for text in policies.values()):
            raise wrong
        members += [CoPlayer(str(name), str(agent), str(text)) for name, text in policies.items()]
    return members


def _hint(name: str, names: Sequence[str]) -> str:
    near = nearest(name, names)
    return f" (did you mean `{near}`?)" if near else ""


def _check(member: CoPlayer, scenario: Scenario, world: World, number: int, folder: Path) -> None:
    """Check that a member can act as an agent of a world.

    Raises:
        PopulationError: it cannot.
    """
    its, where = world.agents[number], f"{folder}: `{member.name}`"
    start = reset(world, SampledDraws(0, np.zeros(1, np.int64), np.zeros(1, np.int64))).states
    look, mask = observe(world, start, number), np.ones((1, len(its.actions)), np.bool_)
    policy = member.policy
    if isinstance(policy, PolicyTable):
        if policy.actions != its.actions:
            raise PopulationError(
                f"{where} has the actions {', '.join(policy.actions)}, and `{its.name}` has {', '.join(its.actions)}"
            )
        if policy.fields != observed_fields(world, number) or policy.observations.shape[1] != look.shape[1]:
            raise PopulationError(
                f"{where} sees other things than `{its.name}` does in `{world.name}`: it is of another world"
            )
        return
    try:
        playing = playable(member, scenario, world, number)
        if not isinstance(playing, ObservedPolicy | KnownPolicy):
            chosen, _ = playing.act(look, None, mask)
            if chosen.shape != (1,) or not 0 <= int(chosen[0]) < len(its.actions):
                raise ValueError("it chooses what is no action")
    except PopulationError:
        raise
    except ScenarioError as fault:
        raise PopulationError(
            f"{where} is no policy of `{its.name}`: {fault.faults[0].message}; {fault.faults[0].cure}"
        ) from None
    except Exception as fault:  # what was learned elsewhere fails here in whatever way
        raise PopulationError(f"{where} cannot act as `{its.name}` of `{world.name}`: {fault}") from None


def observed_fields(world: World, number: int) -> tuple[str, ...]:
    """The names of the columns of an agent's observations; none for an agent with a window, whose columns are cells."""
    its = world.agents[number]
    return tuple(world.fields[column].name for column in its.sees) if its.window is None or its.body < 0 else ()


# ------------------------------------------------------------------ playing


def playable(member: CoPlayer, scenario: Scenario, world: World, number: int) -> Agent:
    """A member as the agent of this number of a world.

    Raises:
        ScenarioError, PopulationError: it is a stated policy that this agent cannot have.
    """
    if not isinstance(member.policy, str):
        enter(member.policy, alone(world, number))
        return member.policy
    its = world.agents[number]
    policy = stated_program(member.policy, scenario, world, number)
    if isinstance(policy, int):
        return RandomAgent() if policy == AT_RANDOM else ConstantAgent(policy)
    if its.window is not None and its.body >= 0:
        raise PopulationError(
            f"`{member.name}`: `{its.name}` sees a window only, so its policy cannot ask for the state"
        )
    return StatedPolicyAgent(world, number, policy)


def stated_program(text: str, scenario: Scenario, world: World, number: int) -> int | StatedChoice:
    """A stated policy of an agent: the number of an action, `AT_RANDOM`, or a choice by the state.

    Raises:
        PopulationError: it reads something that is no part of the states of this world, such as `step`.
        ScenarioError: the agent cannot have it; the message says why.
    """
    its = world.agents[number]
    if text in its.actions:
        return its.actions.index(text)
    if text == RANDOM:
        return AT_RANDOM
    others = {name: RANDOM for name in scenario.document.agents} | {its.name: text}
    decides = next(name for name in others if name != its.name)
    del others[decides]
    stated = apply_overrides(scenario, {SOLUTION: {"best_response": decides, "others": others}})
    asked = compile_world(stated, world.stage)
    response = asked.response
    assert response is not None
    if more := [field.name for field in asked.fields if field.name not in world.columns]:
        raise PopulationError(f"`{text}` reads {', '.join(f'`{name}`' for name in more)}, which no state here holds")
    return response.others[list(scenario.document.agents).index(its.name)]


def policy_in_states(text: str, scenario: Scenario, truth: Enumeration, number: int) -> Floats:
    """float64 `[S, its actions]`: what an agent does in each state by a stated policy, or by a table in a `.npz` file.

    Raises:
        PopulationError: it is no policy of the agent.
    """
    world, its = truth.world, truth.world.agents[number]
    available = own_available(world.joint_actions[:, number], truth.mdp.available, world.action_counts[number])
    if not text.endswith(ENDINGS[0]):
        try:
            return stated_chances(world, truth.states, number, stated_program(text, scenario, world, number))
        except ScenarioError as fault:
            first = fault.faults[0]
            raise PopulationError(f"`{text}` is no policy of `{its.name}`: {first.message}; {first.cure}") from None
    path = Path(text)
    try:
        table = PolicyTable.load(path)
    except (OSError, ValueError) as fault:
        raise PopulationError(_told(path, fault)) from None
    _check(CoPlayer(path.name, its.name, table), scenario, world, number, path.parent)
    observed = observe(world, truth.states, number)
    if (table.known(observed, available) < 0).all():
        raise PopulationError(
            f"{path}: lists nothing that `{its.name}` meets in `{world.name}`: it is of another world"
        )
    return table.distribution(observed, available)


class StatedPolicyAgent:
    """Acts by a stated policy, with what it does not see read as it is at the start of an episode."""

    def __init__(self, world: World, number: int, policy: int | StatedChoice) -> None:
        """The policy of agent `number`, which has no window, of a world."""
        self._world, self._number, self._policy = world, number, policy
        self._start = np.array([world.columns[field.name].start for field in world.fields], np.int32)

    def distribution(self, observation: Longs, mask: Bools) -> Floats:
        """See `ObservedPolicy`."""
        states = np.tile(self._start, (len(observation), 1))
        states[:, list(self._world.agents[self._number].sees)] = observation
        return stated_chances(self._world, states, self._number, self._policy)

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`; the likeliest action, of equals the first."""
        return self.distribution(observation, mask).argmax(axis=1).astype(np.int32), None


def draws(seed: int, seat: int, episodes: Longs, members: int) -> Longs:
    """int64 `[B]`: which of its members plays a seat in each of some episodes; each is equally likely.

    Args:
        seed: of the agents that are judged.
        seat: the number of the agent in its world.
        episodes: int64 `[B]`.
        members: how many there are.
    """
    return (uniform(_key(seed), episodes, np.zeros(episodes.size, np.int64), seat) * members).astype(np.int64)


def _key(seed: int) -> int:
    return int(np.random.SeedSequence([seed, _STREAM]).generate_state(1, np.uint64)[0])


class DrawnCoPlayer:
    """Fills a seat: in each episode it acts as one member of a population.

    Batches of episodes follow each other from episode 0 on, as `simulate` plays them; what is drawn depends on the
    seed, the seat, the episode and the tick alone.

    Attributes:
        remembers: whom it plays is nothing that can be seen.
    """

    remembers: Final = True

    def __init__(self, members: Sequence[Agent], seed: int, seat: int) -> None:
        """The members of one seat."""
        self._members, self._seed, self._key, self._seat = tuple(members), seed, _key(seed), seat
        self._begun = 0
        self._episodes = np.zeros(0, np.int64)
        self._who = np.zeros(0, np.int64)
        self._memories: list[AgentState] = []

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        count = len(observation)
        if state is None:
            self._episodes = np.arange(self._begun, self._begun + count)
            self._begun += count
            self._who = draws(self._seed, self._seat, self._episodes, len(self._members))
            self._memories = [None] * len(self._members)
            state = np.zeros(count, np.int64)
        ticks = np.asarray(state, np.int64)
        chance = uniform(self._key, self._episodes, ticks + 1, self._seat)
        actions = np.zeros(count, np.int32)
        for number, member in enumerate(self._members):
            rows = np.flatnonzero(self._who == number)
            if not rows.size:
                continue
            if isinstance(member, ObservedPolicy):
                actions[rows] = _drawn(member.distribution(observation[rows], mask[rows]), chance[rows])
            elif isinstance(member, KnownPolicy):
                actions[rows] = _drawn(member.chances(mask[rows]), chance[rows])
            else:
                actions[rows], self._memories[number] = member.act(
                    observation[rows], self._memories[number], mask[rows]
                )
        return actions, ticks + 1


def _drawn(distribution: Floats, chance: Floats) -> Ints:
    """int32 `[B]`: an action of each row of float64 `[B, A]`, by numbers in [0, 1), float64 `[B]`."""
    cumulative = distribution.cumsum(axis=1)
    # Scaled by the last sum: probabilities that round to a little off one still work.
    return (cumulative <= (chance * cumulative[:, -1])[:, None]).sum(axis=1).astype(np.int32)


def seated(
    population: BackgroundPopulation, agents: Sequence[Agent], scenario: Scenario, world: World, seed: int
) -> list[Agent]:
    """Trained agents of a world, with every seat that is not judged filled from a population."""
    acting = list(agents)
    for number, program in enumerate(world.agents):
        if members := population.of(program.name):
            acting[number] = DrawnCoPlayer([playable(each, scenario, world, number) for each in members], seed, number)
    return acting

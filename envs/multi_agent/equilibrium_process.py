"""The process in which equilibria are played: its actions are ways to play a tick, and everything else is chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from ..base import Bools, FiniteMDP, Floats, Longs, NotEnumerableError
from ..deliberation import WEIGHTED
from ..mdp.enumeration import Enumeration
from ..mdp.transition_tables import outcomes_of, tables
from ..solvers.dynamic_programming import FiniteHorizonSolution, Solution
from ..solvers.fixed_policy import evaluate_stationary
from ..solvers.policy_evaluation import evaluate
from ..time_limit import check_time
from ..world.world import World

SHOWN = 1e-9
"""Probabilities below it are rounding errors, and not named."""
MAX_PLACES = 2_000_000
"""Pairs of a place and a way to play it that a process of equilibria may have."""
MAX_WORDS = 6
"""Ticks of an equilibrium that are told in words."""


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """One equilibrium, or a class of them that are worth the same to everyone.

    Attributes:
        words: what each agent does in it, tick by tick, where chance and ties go their likeliest way.
        values: N discounted values, each by the agent's own weights and discount; None where they were not computed.
        ways: bool `[S, A]` each, the actions of the process that belong to it. Ties are broken within one of these
            and never between two: where all that is played is settled at once there are several.
    """

    words: str
    values: tuple[float, ...] | None
    ways: tuple[Bools, ...]


@dataclass(frozen=True, eq=False)
class Equilibria:
    """The equilibria of a game as a process whose actions are ways to play a tick.

    Attributes:
        mdp: over places, each of them a state of the world and what was settled on before; it has A actions.
        state_of: int64 `[places]`, the world's state at each of them.
        order: int64 `[M]`, which outcome of the world's process each of its outcomes is.
        mixtures: float64 `[U, J]`, probabilities of joint actions.
        play: int64 `[places, A]`, which of these is played; -1 where there is no such action.
        solution: one in which all actions count as optimal; its values are those of the first of them.
        every: the equilibria by name, each by the actions that belong to it.
        cut: a sentence that says why there may be more equilibria than these; empty where these are all.
        states_cut: why measures of the state may take other values than in these; empty where they cannot.
        settled: which one is played is settled for all places at once in which episodes may begin, since somebody does
            not know in which of them it is; else each place has its own choice among all that is played there.
        views: int64 `[places]`, equal for places that are not told apart by what both agents see, and in which the same
            is chosen; None where each is.
    """

    mdp: FiniteMDP
    state_of: Longs
    order: Longs
    mixtures: Floats
    play: Longs
    solution: Solution | FiniteHorizonSolution
    every: tuple[Equilibrium, ...]
    cut: str = ""
    settled: bool = False
    views: Longs | None = None
    states_cut: str = ""


def shared(views: Longs) -> Longs | None:
    """Views int64 `[places]` as `Equilibria.views`: None where no two places share one."""
    return views if np.unique(views).size < views.size else None


Key: TypeAlias = tuple[int, ...]
"""What tells a place from all others."""
Successors: TypeAlias = Callable[[Longs, Longs], Sequence[Key]]
"""From outcomes of the world and the joint actions that led to them, both int64 `[n]`, to the keys of n places."""


class EquilibriumProcess:
    """Puts the process together, place by place, from those in which episodes begin."""

    def __init__(self, enumeration: Enumeration) -> None:
        """For a game whose joint actions are enumerated."""
        self._world, self._mdp = enumeration.world, enumeration.mdp
        self._places: dict[Key, int] = {}
        self._keys: list[Key] = []
        self._states: list[int] = []
        self._mixtures: dict[bytes, int] = {}
        self._rows: list[Floats] = []
        # By place, by action: the mixture, then world outcome, probability and next place of each outcome.
        self._actions: list[list[tuple[int, Longs, Floats, Longs]]] = []
        self._size = 0

    @property
    def keys(self) -> list[Key]:
        """The keys of the places, in the order in which they were found; it grows as plays are added."""
        return self._keys

    def place(self, key: Key, state: int) -> int:
        """The number of a place at a state of the world."""
        if key not in self._places:
            self._places[key] = len(self._keys)
            self._keys.append(key)
            self._states.append(state)
            self._actions.append([])
        return self._places[key]

    def add(self, place: int, mixture: Floats, successors: Successors) -> None:
        """Add a way to play a place: probabilities float64 `[J]` of joint actions, and where outcomes lead.

        Raises:
            NotEnumerableError: there are too many.
        """
        self._size += 1
        if self._size > MAX_PLACES:
            raise NotEnumerableError(
                f"there are more than {MAX_PLACES:,} ways to play equilibria of this game",
                "name which is played: `{equilibrium: joint}`, `worst`, `nash` or `{best_for: AGENT}`",
            )
        if self._size % 1024 == 0:
            check_time("the process of equilibria was put together")
        joint = np.flatnonzero(mixture > 0)
        outcome, index = outcomes_of(self._mdp, self._states[place] * self._mdp.n_actions + joint)
        taken = joint[index]
        chance = self._mdp.probability[outcome] * mixture[taken]
        following = self._mdp.next_state[outcome].tolist()
        keys = successors(outcome, taken)
        after = np.array([self.place(key, state) for key, state in zip(keys, following, strict=True)], np.int64)
        self._actions[place].append((self._mixture(mixture), outcome, chance, after))

    def finish(self, starts: Sequence[tuple[Key, int, float]]) -> tuple[FiniteMDP, Longs, Longs, Floats, Longs]:
        """The process, the world's state of each place, the world's outcome of each outcome, mixtures and plays.

        Args:
            starts: the key, the state and the probability of each place in which an episode may begin.
        """
        mdp, count = self._mdp, max(1, max(map(len, self._actions)))
        play = np.full((len(self._keys), count), -1, np.int64)
        sizes = np.zeros((len(self._keys), count), np.int64)
        parts = []
        for number, actions in enumerate(self._actions):
            for action, (mixture, *part) in enumerate(actions):
                play[number, action], sizes[number, action] = mixture, part[0].size
                parts.append(part)
        outcome: Longs = np.concatenate([np.zeros(0, np.int64), *(each[0] for each in parts)])
        chance: Floats = np.concatenate([np.zeros(0), *(each[1] for each in parts)])
        after: Longs = np.concatenate([np.zeros(0, np.int64), *(each[2] for each in parts)])
        process = FiniteMDP(
            n_states=len(self._keys),
            n_actions=count,
            row_start=np.concatenate([[0], np.cumsum(sizes.ravel())]),
            next_state=after.astype(np.int32),
            probability=chance.astype(np.float64),
            rewards=mdp.rewards[outcome],
            events=mdp.events[outcome],
            ended=sizes.sum(axis=1) == 0,
            start_state=np.array([self._places[key] for key, _, _ in starts], np.int32),
            start_probability=np.array([p for _, _, p in starts], np.float64),
            channels=mdp.channels,
            event_names=mdp.event_names,
            action_names=tuple(f"way {number + 1}" for number in range(count)),
        )
        return process, np.array(self._states, np.int64), outcome, np.array(self._rows), play

    def _mixture(self, mixture: Floats) -> int:
        key = mixture.tobytes()
        if key not in self._mixtures:
            self._mixtures[key] = len(self._rows)
            self._rows.append(mixture)
        return self._mixtures[key]


def check_players(world: World) -> None:
    """Check that two agents play one game.

    Raises:
        NotEnumerableError: there are not two; or the weights of one may change, or it deliberates otherwise.
    """
    response = "ask for `solution: {best_response: AGENT, others: {...}}`"
    if len(world.agents) != 2:
        message = f"equilibria are found of two agents, and there are {len(world.agents)}"
        raise NotEnumerableError(message, f"{response}, or `joint`")
    for its in world.agents:
        if any(column >= 0 for column in its.weight_columns):
            raise NotEnumerableError(f"the weights of `{its.name}` can change, so it plays no one game", response)
        if its.deliberation != WEIGHTED:
            message = f"`{its.name}` does not deliberate by weighted sums, so it plays no one game"
            raise NotEnumerableError(message, f"give it `deliberation: weighted`, or {response}")


def indifferent(mdp: FiniteMDP, world: World) -> Solution:
    """A solution in which every action is optimal, for which of them is played is left open: a claim is of all.

    Its values are those of the first action everywhere, all agents' weights added up.
    """
    weights = np.sum([its.weights for its in world.agents], axis=0)
    solution = evaluate_stationary(mdp, np.zeros(mdp.n_states, np.int32), weights, world.agents[0].discount)
    return replace(solution, optimal=mdp.available)


def values_of(mdp: FiniteMDP, world: World, plays: Bools) -> tuple[float, ...]:
    """N discounted values at the start where the first of some actions, bool `[S, A]`, is played everywhere."""
    policy = plays.argmax(axis=1).astype(np.int32)
    worth = []
    for its in world.agents:
        values = evaluate(mdp, policy, its.discount) @ its.weights
        worth.append(float(mdp.start_probability @ values[mdp.start_state]))
    return tuple(worth)


def in_words(world: World, mixture: Floats, agent: int) -> str:
    """`left 0.25, right 0.75`, or `left`: one agent's part of a mixture float64 `[J]`, which need not add up to 1."""
    return _worded(world.agents[agent].actions, parts_of(world, mixture[None], agent)[0])


def in_words_together(world: World, mixture: Floats) -> str:
    """`left right 0.5, right left 0.5`: a mixture float64 `[J]` of joint actions, which need not add up to 1."""
    return _worded(_names_together(world), mixture)


def parts_of(world: World, mixtures: Floats, agent: int) -> Floats:
    """float64 `[n, actions]`: one agent's part of mixtures float64 `[n, J]`."""
    return mixtures @ np.eye(world.action_counts[agent])[world.joint_actions[:, agent]]


def _names_together(world: World) -> tuple[str, ...]:
    return tuple(
        " ".join(its.actions[a] for its, a in zip(world.agents, joint, strict=True))
        for joint in world.joint_actions.tolist()
    )


def _worded(names: Sequence[str], chances: Floats) -> str:
    played = [(name, p) for name, p in zip(names, (chances / chances.sum()).tolist(), strict=True) if p > SHOWN]
    return ", ".join(name if p > 1 - SHOWN else f"{name} {p:.4g}" for name, p in played)


def _by_place(names: Sequence[str], weights: Floats, chances: Floats, knowing: str) -> str:
    """What is done at some places, told as a lottery only where it is one.

    Args:
        names: of the actions.
        weights: float64 `[n]`, how often each place is met.
        chances: float64 `[n, actions]`, of each action there.
        knowing: what it is to choose by the place, in words.
    """
    words = _worded(names, weights @ chances)
    if np.abs(chances - chances[0]).max() <= SHOWN:
        return words
    return f"{knowing} {words}" if (chances.max(axis=1) > 1 - SHOWN).all() else f"{knowing} and by lot {words}"


def told(world: World, mdp: FiniteMDP, mixtures: Floats, play: Longs, plays: Bools, together: bool = False) -> str:
    """What each agent does tick by tick where the first of some actions bool `[S, A]` is played everywhere.

    Over all that chance brings by then, while the episode goes on. What an agent does by what it knows then is told
    apart from what it draws lots for. `together`: what they do is told of both at once, for neither chooses by itself.
    """
    now: Floats = np.zeros(mdp.n_states)
    np.add.at(now, mdp.start_state, mdp.start_probability)
    action, matrix = plays.argmax(axis=1), tables(mdp).matrix
    ticks: list[list[str]] = [[]] if together else [[] for _ in world.agents]
    for tick in range(MAX_WORDS + 1):
        live = np.flatnonzero((now > SHOWN) & ~mdp.ended)
        if live.size == 0:
            break
        mixed = mixtures[play[live, action[live]]]
        for agent, its in enumerate(ticks):
            if tick == MAX_WORDS:
                its.append("...")
            elif together:
                its.append(_by_place(_names_together(world), now[live], mixed, "by what they know"))
            else:
                parts = parts_of(world, mixed, agent)
                its.append(_by_place(world.agents[agent].actions, now[live], parts, "by what it knows"))
        now = np.asarray(now[live] @ matrix[live * mdp.n_actions + action[live]])
    names = [" and ".join(its.name for its in world.agents)] if together else [its.name for its in world.agents]
    return "; ".join(f"{name}: {_merged(words)}" for name, words in zip(names, ticks, strict=True))


def _merged(words: list[str]) -> str:
    """Ticks joined by `then`; what is done again and again is said once."""
    out: list[str] = []
    for each in words:
        if not out or out[-1] != each:
            out.append(each)
    return ", then ".join(out) if out else "nothing"

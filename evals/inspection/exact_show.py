"""Plays the exact plan of a stage: its episodes, its thought in each tick, and its value map."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...agents.baselines.exact import ExactAgent
from ...envs.analysis.exact_plan import ExactPlan
from ...envs.base import Ints, Longs
from ...envs.reference import step as reference
from ...envs.reference.stated_policy import OTHERS, joint_action
from ...envs.solvers.dynamic_programming import FiniteHorizonSolution
from ...envs.world.randomness import SampledDraws, categorical, uniform
from ...envs.world.world import World
from ..exact.planned_policy import thinking
from ..traces.episode import Episode
from .mind import Mind, ValueMap, mind_of


class PlanFollower:
    """Plays an exact plan by the state of the world, whatever the agent observes.

    A plan over beliefs is followed by its belief state. Where several agents are planned as one, all of them are
    played; where the others respond by a rule of the file, they follow it.
    """

    def __init__(self, plan: ExactPlan) -> None:
        """For one solved stage."""
        # A state of the plan ("place") is a world state and, in a plan over beliefs, a belief, so several can share one
        # world state.
        self.plan, self.world = plan, plan.enumeration.world
        self._states = plan.evaluated.states
        self._places = StateLookup(self._states)
        deciding = self.deciding
        weights = sum(self.world.weights(self._states, agent) for agent in deciding)
        name = " and ".join(self.world.agents[agent].name for agent in deciding)
        observations = np.column_stack([self._states, np.arange(len(self._states))]).astype(np.int64)
        self._observations = observations
        self.agent = ExactAgent(
            plan.mdp, plan.solution, observations, np.asarray(weights), name, rule=plan.rule, thinking=thinking(plan)
        )

    @property
    def deciding(self) -> tuple[int, ...]:
        """The agents whose actions the plan chooses."""
        response = self.world.response
        return tuple(range(len(self.world.agents))) if response is None else (response.agent,)

    def episode(self, seed: int, number: int = 0, first: Ints | None = None) -> Episode:
        """Play an episode.

        Args:
            seed: of the random numbers.
            number: of the episode among those of its seed.
            first: int32 `[t, N]`, the actions of all agents in the first ticks, instead of the plan's; from the first
                one that is not available on, the plan is followed.

        Raises:
            ValueError: the stage has neither limit nor horizon, or is over at its start.
        """
        world = self.world
        if world.steps < 1:
            raise ValueError(f"stage `{world.stage}` has neither a limit nor a horizon, so an episode might never end")
        state = reference.reset(world, SampledDraws(seed, np.array([number]), np.zeros(1, np.int64))).states
        if state[0, world.ended]:
            raise ValueError(f"an episode of `{world.name}` is over at its start, before anyone can act")
        return self._play(state, seed, number, 0, _nothing(world) if first is None else first)

    def onwards(self, state: Ints, seed: int, number: int, passed: int) -> Episode:
        """Continue from a state int32 `[F]` that the plan begins in, with the random numbers of tick `passed` on.

        The clock of the plan, its limit and its horizon begin here.
        """
        return self._play(state[None], seed, number, passed, _nothing(self.world))

    def _play(self, state: Ints, seed: int, number: int, passed: int, first: Ints) -> Episode:
        world, lane = self.world, np.array([number])
        place, states, ticks = int(self._start_place(state)), [state[0]], []
        for step in range(world.steps):
            replayed = self._plan_action(first[step], place) if step < len(first) else None
            if replayed is not None:
                action, joint = replayed, first[step][None]
            else:
                first = first[:step]  # one that cannot be replayed ends the prefix
                action = self._action(place, step)
                joint = self._joint(place, action, state, seed, number, passed + step)
            tick = reference.step(world, state, joint, SampledDraws(seed, lane, np.array([passed + step + 1])))
            ticks.append((joint[0], tick))
            place, state = self._next(place, action, tick.states[0], joint[0]), tick.states
            states.append(state[0])
            if tick.ended[0]:
                break
        code = int(state[0, world.ended])
        return Episode(
            world=world,
            agent="exact",
            seed=seed,
            number=number,
            states=np.stack(states),
            chosen=np.stack([joint for joint, _ in ticks]),
            executed=np.concatenate([tick.executed for _, tick in ticks]),
            rewards=np.concatenate([tick.rewards for _, tick in ticks]),
            performance=np.concatenate([tick.performance for _, tick in ticks]),
            events=tuple(world.happenings(int(tick.events[0])) for _, tick in ticks),
            ended=world.reasons[code - 1] if code else None,
            truncated=not code and world.horizon is None,
        )

    def mind(self, states: Ints) -> Mind | None:
        """The decision after the states int32 `[T + 1, F]` of an episode so far; None once that is over.

        Raises:
            KeyError: the plan never reaches this state.
        """
        tick = len(states) - 1
        if states[-1][self.world.ended] or (self._horizon is not None and tick >= self._horizon):
            return None
        place = self._place_after(states)
        mask = self.plan.mdp.available[place][None]
        if not mask.any():  # a known end is a place of its own where equilibria are played
            return None
        self.agent.act(self._observations[place][None], np.array([tick], np.int64), mask)
        thought = self.agent.thought()
        assert thought is not None
        return mind_of(self.world, thought, self.plan.mdp.action_names, tuple(range(len(self.world.fields))))

    def deviations(self, states: Ints, chosen: Ints) -> list[str | None]:
        """For each tick of an episode, what this plan would do instead; None where what was done is as good.

        Args:
            states: int32 `[T + 1, F]`, of an episode that need not follow this plan.
            chosen: int32 `[T, N]`, the actions of all agents.
        """
        out: list[str | None] = [None] * len(chosen)
        for tick, place, action in self._along(states, chosen):
            if action is not None and not self._optimal(tick, np.array([place]))[0, action]:
                out[tick] = self.plan.mdp.action_names[self._action(place, tick)]
        return out

    def best(self, states: Ints, chosen: Ints) -> list[frozenset[str]]:
        """For each tick of an episode, the names of this plan's best actions; none from where it was never made for.

        Args:
            states: see `deviations`.
            chosen: see `deviations`.
        """
        out, names = [frozenset[str]()] * len(chosen), self.plan.mdp.action_names
        for tick, place, _ in self._along(states, chosen):
            optimal = self._optimal(tick, np.array([place]))[0] & self.plan.mdp.available[place]
            out[tick] = frozenset(names[int(action)] for action in np.flatnonzero(optimal))
        return out

    def _along(self, states: Ints, chosen: Ints) -> Iterator[tuple[int, int, int | None]]:
        """Each tick of an episode, up to one that the plan never comes to: its place in the plan, and what was done."""
        place = self._start_place(states[:1])
        for tick, joint in enumerate(chosen):
            action = self._plan_action(joint, place)
            yield tick, place, action
            if tick + 1 < len(chosen):
                try:
                    place = self._next(place, int(joint[0]) if action is None else action, states[tick + 1], joint)
                except KeyError:  # an action that was not available did something else
                    found = self._places.every(states[tick + 1])
                    if found.size == 0:
                        return
                    place = int(found[0])

    def likeliest(self, states: Ints, action: int) -> list[int]:
        """The action of each of N agents for an action of the plan after some states; of mixtures the likeliest."""
        place = self._place_after(states)
        return [self._component(place, action, agent) for agent in range(len(self.world.agents))]

    def value_map(self, state: Ints, tick: int, agent: int) -> ValueMap | None:
        """The value of each cell for an agent's position, all else as it is; None where the agent has no position."""
        program, boards = self.world.agents[agent], self.world.boards
        over = state[self.world.ended] or (self._horizon is not None and tick >= self._horizon)
        if program.body < 0 or boards.height == 0 or over:
            return None
        # One copy of the state per cell, with the agent there; those that the plan never reaches have no value.
        states = np.tile(state, (boards.nowhere, 1))
        states[:, self.world.bodies[program.body].cell] = np.arange(boards.nowhere)
        places = self._places.first(states)
        known = places >= 0
        values = np.full((boards.nowhere, len(self.world.channels)), np.nan)
        values[known] = self.agent.planned_path(tick).at(0).vector_values[places[known]]
        best = np.zeros((boards.nowhere, len(program.actions)), np.bool_)
        for cell, joint in zip(*np.nonzero(self._optimal(tick, places) & known[:, None]), strict=True):
            best[cell, self._component(int(places[cell]), int(joint), agent)] = True
        weights = sum(self.world.weights(state[None], each)[0] for each in self.deciding)
        return ValueMap(
            self.world.channels,
            np.asarray(weights),
            values,
            best,
            program.moves,
            "of the exact plan",
            "cannot come to be",
        )

    # -------------------------------------------------------------- the plan's own states

    @property
    def _horizon(self) -> int | None:
        solution = self.plan.solution
        return solution.horizon if isinstance(solution, FiniteHorizonSolution) else None

    def _optimal(self, tick: int, places: Longs) -> np.ndarray:
        """bool `[n, A]`: the plan's optimal actions in some of its states; meaningless rows where the place is -1."""
        solution, places = self.plan.solution, np.maximum(places, 0)
        if isinstance(solution, FiniteHorizonSolution):
            return solution.optimal_at(tick, places)
        return solution.optimal[places]

    def _action(self, place: int, tick: int) -> int:
        return int(self.agent.planned_path(tick).at(0).policy[place])

    def _start_place(self, state: Ints) -> int:
        """The plan's start state for a start state of the world."""
        starts = self.plan.mdp.start_state
        return int(starts[(self._states[starts] == state[0]).all(axis=1).argmax()])

    def _next(self, place: int, action: int, state: Ints, joint: Ints | None = None) -> int:
        """The plan's successor of a place and an action, given the world's next state.

        Where agents play an equilibrium and know what they did, it may depend on the joint action int32 `[N]` too.

        Raises:
            KeyError: the plan has no such successor.
        """
        mdp, found = self.plan.mdp, self.plan.equilibria
        row = place * mdp.n_actions + action
        outcomes = slice(mdp.row_start[row], mdp.row_start[row + 1])
        next_states = mdp.next_state[outcomes]
        alike = (self._states[next_states] == state).all(axis=1)
        if found is not None and joint is not None:
            whole = self.plan.enumeration.mdp
            taken = np.searchsorted(whole.row_start, found.order[outcomes], side="right") - 1
            alike &= taken % whole.n_actions == (self.world.joint_actions == joint).all(axis=1).argmax()
        hits = next_states[alike]
        if hits.size == 0:
            raise KeyError("the plan never comes to this state")
        return int(hits[0])

    def _place_after(self, states: Ints) -> int:
        """The plan's state after the states of an episode: by the last one alone where that is unique."""
        places = self._places.every(states[-1])
        if places.size == 0:
            raise KeyError("the plan never comes to this state")
        if places.size == 1:
            return int(places[0])
        # Several beliefs share the state: which one it is depends on the whole episode.
        place = self._start_place(states[:1])
        for tick, state in enumerate(states[1:]):
            place = self._next(place, self._action(place, tick), state)
        return place

    def _plan_action(self, joint: Ints, place: int) -> int | None:
        """The plan's action for a joint action int32 `[N]`; None where it is not available."""
        world = self.world
        if (found := self.plan.equilibria) is not None:
            either = found.mixtures[found.play[place], (world.joint_actions == joint).all(axis=1).argmax()]
            either = np.where(found.play[place] >= 0, either, 0.0)
            return int(either.argmax()) if either.any() else None
        if world.response is None:
            action = int((world.joint_actions == joint).all(axis=1).argmax())
        else:
            action = int(joint[world.response.agent])
        return action if self.plan.mdp.available[place, action] else None

    def _component(self, place: int, action: int, agent: int) -> int:
        """One agent's component of an action of the plan; of a mixed strategy, the likeliest one."""
        if (found := self.plan.equilibria) is not None:
            action = int(found.mixtures[found.play[place, action]].argmax())
        return int(self.world.joint_actions[action, agent]) if self.world.response is None else action

    def _joint(self, place: int, action: int, state: Ints, seed: int, number: int, step: int) -> Ints:
        """int32 `[1, N]`: the joint action."""
        if (found := self.plan.equilibria) is not None:
            quantile = uniform(seed, np.array([number]), np.array([step + 1]), OTHERS)
            return self.world.joint_actions[categorical(found.mixtures[found.play[place, action]][None], quantile)]
        return joint_action(self.world, action, state, seed, number, step + 1)


def _nothing(world: World) -> Ints:
    """int32 `[0, N]`: an empty sequence of joint actions."""
    return np.zeros((0, len(world.agents)), np.int32)


class StateLookup:
    """Finds states in a table by hash and binary search; rows may be equal."""

    def __init__(self, states: Ints) -> None:
        """For the states int32 `[S, F]`."""
        self._states = states
        keys = _keys(states)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def first(self, states: Ints) -> Longs:
        """int64 `[B]`: the first row equal to each of the states int32 `[B, F]`, -1 where there is none."""
        at = np.searchsorted(self._keys, _keys(states))
        rows = self._order[np.minimum(at, self._order.size - 1)]
        return np.where((self._states[rows] == states).all(axis=1), rows, -1)

    def every(self, state: Ints) -> Longs:
        """int64 `[n]`: all rows equal to a state int32 `[F]`."""
        key = _keys(state[None])[0]
        low, high = np.searchsorted(self._keys, key, "left"), np.searchsorted(self._keys, key, "right")
        rows = self._order[low:high]
        return rows[(self._states[rows] == state).all(axis=1)]


def _keys(states: Ints) -> np.ndarray:
    """uint64 `[B]`: a hash of each state; rows with equal hashes are compared, so a collision can only lose a state."""
    keys = np.zeros(len(states), np.uint64)
    # Multiplication by the 64-bit golden ratio and a shift that mixes high bits into low ones, as in splitmix64.
    for column in states.T:
        keys = (keys ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys

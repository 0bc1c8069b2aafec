"""Follows the exact plan of a life: what it does in each tick of each episode, and what that is worth to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from ....agents.records.attribution import attribution
from ....envs.analysis.exact_plan import deciding_agents
from ....envs.base import Floats, Ints
from ....envs.life.plan import LifePlan
from ....envs.life.walk import LifeMoment, LifeWalk
from ....envs.life.worth import worth_of
from ....envs.reference.stated_policy import joint_action
from ...traces.whole_life import LifeRecord, LifeSpan, WholeLife
from ..mind import Mind, ValueMap

MOST_TICKS = 20_000
"""Ticks of a life that are played, at most: one whose next episode hangs on a coin may be long."""


class LifeFollower:
    """Plays an exact plan of a life, whatever the agent observes.

    A place of the plan is an episode of an entry (of those that chance repeats the first one, or any other), a tick and
    a state; over beliefs, several places may share all of these.
    """

    def __init__(self, plan: LifePlan) -> None:
        """For a solved life."""
        self.plan, process = plan, plan.process
        worlds = {each.world.stage: each.world for each in process.enumerations}
        self.worlds = [worlds[stage] for stage in dict.fromkeys(entry.stage for entry in process.entries)]
        self._repeats = [entry.episodes is None for entry in process.entries]
        self._places: dict[tuple[int, int, int, bytes], list[int]] = {}
        for place in np.flatnonzero(~process.mdp.ended).tolist():
            state = process.enumerations[process.stage[place]].states[process.place[place]].astype(np.int32)
            where = int(process.entry[place]), int(process.episode[place]), int(process.tick[place]), state.tobytes()
            self._places.setdefault(where, []).append(place)

    @property
    def deciding(self) -> tuple[int, ...]:
        """The agents whose actions the plan chooses."""
        return deciding_agents(self.worlds[0])

    def walk(self, seed: int | None) -> LifeWalk:
        """A life to be walked; without a seed each draw takes its likeliest outcome."""
        return LifeWalk(self.worlds, seed)

    def life(self, seed: int, first: Ints, stop: Callable[[], None] = lambda: None) -> WholeLife:
        """Play a life to its end, or for `MOST_TICKS`.

        Args:
            seed: of the random numbers.
            first: int32 `[t, N]`, the actions of all agents in the first ticks, instead of the plan's; from the first
                one that is not available on, the plan is followed.
            stop: called before each tick; what it raises ends the life.
        """
        walk = self.walk(seed)
        record = LifeRecord(walk, walk.begin())
        place = self._begin(record.now)
        while not record.now.over and len(record.steps) < MOST_TICKS:
            stop()
            tick, now = len(record.steps), record.now
            replayed = self._plan_action(first[tick], place) if tick < len(first) else None
            if replayed is not None:
                action, joint = replayed, first[tick]
            else:
                first = first[:tick]
                action = int(self.plan.optimal[place].argmax())
                joint = joint_action(walk.world(now), action, now.state[None], seed, 0, now.clock)[0]
            after = record.step(joint).after
            if not after.over:
                place = self._next(place, action, after)
        return record.life("exact", seed, 0)

    def mind(self, life: WholeLife, tick: int, agent: int) -> Mind | None:
        """An agent's decision in a tick of a life that is played, or is being played.

        It is None for an agent that the plan does not decide for, where the life is over, and where the plan never
        comes. Values are of the rest of the life, or of the episode, as the agent looks ahead. Where views are partial
        nothing is said of them, for they hang on what it takes to be likely.
        """
        if agent not in self.deciding or self.plan.aliased or (life.over and tick >= life.length):
            return None
        span = life.standing(tick)
        place = self._at(span, tick, life.states[tick])
        if place is None:
            return None
        mdp, weights = self.plan.process.mdp, self.plan.weights[place]
        action, mask, q = int(self.plan.optimal[place].argmax()), mdp.available[place], self._worth[place]
        flips = attribution(q, weights, mask, action)
        deciding = [int(k) for k in flips.deciding]
        ahead, into = self._ahead(place)
        names = " and ".join(span.world.agents[agent].name for agent in self.deciding)
        return Mind(
            agent=names,
            actions=mdp.action_names,
            channels=mdp.channels,
            action=action,
            weights=np.asarray(weights),
            q=np.where(mask[:, None], q, 0.0),
            uncertainty=np.zeros(mdp.n_actions),
            available=mask,
            decided_by=tuple(mdp.channels[k] for k in deciding),
            instead=tuple(mdp.action_names[int(flips.without[k])] for k in deciding),
            counterfactuals=(),
            ahead=ahead,
            ahead_actions=into,
            imagined=np.zeros((0, len(span.world.fields)), np.int32),
            imagined_values=np.zeros((0, len(mdp.channels))),
        )

    def value_map(self, life: WholeLife, tick: int, agent: int) -> ValueMap | None:
        """The value of each cell for an agent's position at this place of the life, all else as it is."""
        if self.plan.aliased or tick >= life.length:
            return None
        span = life.standing(tick)
        world, mdp = span.world, self.plan.process.mdp
        program, boards = world.agents[agent], world.boards
        if program.body < 0 or boards.height == 0:
            return None
        states = np.tile(life.states[tick], (boards.nowhere, 1))
        states[:, world.bodies[program.body].cell] = np.arange(boards.nowhere)
        values = np.full((boards.nowhere, len(world.channels)), np.nan)
        best = np.zeros((boards.nowhere, len(program.actions)), np.bool_)
        alone = len(self.deciding) == 1
        for cell in range(boards.nowhere):
            place = self._at(span, tick, states[cell])
            if place is None:
                continue
            chosen = self.plan.optimal[place]
            values[cell] = self._worth[place, int(chosen.argmax())]
            for action in np.flatnonzero(chosen):
                best[cell, action if alone else world.joint_actions[action, agent]] = True
        weights = sum(world.weights(life.states[tick][None], each)[0] for each in self.deciding)
        return ValueMap(
            mdp.channels,
            np.asarray(weights),
            values,
            best,
            program.moves,
            "of the plan of the life",
            "cannot come to be",
        )

    def action(self, moment: LifeMoment) -> int | None:
        """The plan's action where a life stands; None where it never comes there."""
        places = self._where(moment)
        return int(self.plan.optimal[places[0]].argmax()) if places else None

    # -------------------------------------------------------------- places

    @cached_property
    def _worth(self) -> Floats:
        return worth_of(self.plan, foresight=self.plan.foresight)

    def _found(self, entry: int, episode: int, tick: int, state: Ints) -> list[int]:
        """The places where a life is in a state int32 `[F]` in an episode's tick; none where the plan never comes."""
        number = min(episode, 1) if self._repeats[entry] else episode
        return self._places.get((entry, number, tick, np.ascontiguousarray(state, np.int32).tobytes()), [])

    def _at(self, span: LifeSpan, tick: int, state: Ints) -> int | None:
        """The first of the places in a tick of the life, which is one of an episode."""
        return next(iter(self._found(span.entry, span.episode, tick - span.first, state)), None)

    def _where(self, moment: LifeMoment) -> list[int]:
        return self._found(moment.entry, moment.episode, moment.tick, moment.state)

    def _begin(self, moment: LifeMoment) -> int:
        starts = set(self.plan.process.mdp.start_state.tolist())
        return next(place for place in self._where(moment) if place in starts)

    def _next(self, place: int, action: int, moment: LifeMoment) -> int:
        """The plan's next place where a life stands after an action."""
        mdp = self.plan.process.mdp
        row = place * mdp.n_actions + action
        ahead = set(mdp.next_state[mdp.row_start[row] : mdp.row_start[row + 1]].tolist())
        return next(each for each in self._where(moment) if each in ahead)

    def _plan_action(self, joint: Ints, place: int) -> int | None:
        """The plan's action for a joint action int32 `[N]`; None where it is not available."""
        world = self.worlds[0]
        if world.response is None:
            action = int((world.joint_actions == joint).all(axis=1).argmax())
        else:
            action = int(joint[world.response.agent])
        return action if self.plan.process.mdp.available[place, action] else None

    def _ahead(self, place: int) -> tuple[Ints, tuple[str, ...]]:
        """The states that it expects in the rest of the episode, int32 `[n, F]`, and the actions into them."""
        process, mdp = self.plan.process, self.plan.process.mdp
        states, into = list[Ints](), list[str]()
        fields = len(self.worlds[0].fields)
        while True:
            action = int(self.plan.optimal[place].argmax())
            row = place * mdp.n_actions + action
            outcome = int(mdp.row_start[row] + mdp.probability[mdp.row_start[row] : mdp.row_start[row + 1]].argmax())
            states.append(process.enumerations[process.stage[place]].states[process.reached[outcome]])
            into.append(mdp.action_names[action])
            if process.ends[outcome]:
                return np.stack(states).astype(np.int32).reshape(-1, fields), tuple(into)
            place = int(mdp.next_state[outcome])

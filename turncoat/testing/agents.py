"""Conformance checks of agents: the contract of `Agent` and its optional protocols, one clause per test."""

from __future__ import annotations

import copy
import inspect
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from .. import api
from ..agents.base import Agent, AgentState, Progress, has_own_lanes, learns_with
from ..agents.external.user_agent import AgentInterface
from ..agents.records.thought import Thought
from ..agents.registry.agents import agent_specs
from ..envs.base import Bools, Ints, Longs
from ..envs.reference.observation_spec import observation_spec
from ..evals.training.curriculum import enter
from .conformance import ConformanceReport, clause, require, require_array, skip
from .walks import WalkConformance
from .worlds import NotingLane

SUBSETS = 2
"""The number of random masks tried in a situation, besides the full mask and those that allow a single action."""


class AgentConformance(WalkConformance):
    """The contract of agents, with every clause as a test; clauses on methods that an agent lacks are skipped.

        class TestMine(AgentConformance):
            def make(self, seat):
                return Mine(seat)

    Attributes:
        scenario, overrides, stage: the stage with a single agent in which it is checked; by default that of a small
            world of this package.
        steps: the number of environment steps of each training.
        seed: the seed of all randomness.
        lanes, ticks: the size of the random walks along which it is asked for actions.
        acts_by_chance: whether it draws actions from its own random numbers, so that the same input may have several
            answers.
        copies: whether a deep copy behaves as the original would. If not, one trained agent is used by all clauses.
    """

    contract = f"an agent ({Agent.__module__})"
    steps: ClassVar[int] = 200
    acts_by_chance: ClassVar[bool] = False
    copies: ClassVar[bool] = True

    def make(self, seat: AgentInterface) -> Any:
        """Make a fresh, untrained agent; each subclass has to define this.

        Args:
            seat: what the agent is told about the world in advance.
        """
        raise NotImplementedError(f"{type(self).__name__} has to say how its agent is made: `make(self, seat)`")

    # ------------------------------------------------------------------ choosing

    @clause
    def test_one_action_for_each_lane(self) -> None:
        """`act` returns the actions, whole numbers `[B]` below A, and the next state, for any B."""
        for lanes in (1, self.walks.lanes):
            agent, state = self._trained(), None
            for tick in range(self.walks.ticks):
                actions, state = self._ask(agent, self._seen(tick, slice(lanes)), state, self._able(tick, slice(lanes)))
                wrong = (actions < 0) | (actions >= len(self.ground.seat.actions))
                require(not wrong.any(), f"actions from 0 to {len(self.ground.seat.actions) - 1}", actions)

    @clause
    def test_only_available_actions(self) -> None:
        """Every action that it chooses is one that `mask` allows, whatever the mask."""
        seen, masks = self._situations()
        actions, _ = self._ask(self._trained(), seen, None, masks)
        # An action out of range is another clause's fault; clipped, it can be looked up in the masks here.
        for lane in np.flatnonzero(~masks[np.arange(len(masks)), np.clip(actions, 0, masks.shape[1] - 1)]).tolist():
            given = f"observation {seen[lane].tolist()}, mask {masks[lane].tolist()}"
            require(False, f"one of {np.flatnonzero(masks[lane]).tolist()}", int(actions[lane]), given)

    @clause
    def test_answers_what_it_never_met(self) -> None:
        """It chooses an available action also where it sees what no training has shown it."""
        agent = self._made()
        if hasattr(agent, "fit"):
            # A single step of training leaves nearly everything on the walks unknown to it.
            _fit(agent, self.ground.lane(), 1, self.seed)
        enter(agent, self.ground.world)
        state: AgentState = None
        for tick in range(self.walks.ticks):
            mask = self._able(tick)
            actions, state = self._ask(agent, self._seen(tick), state, mask)
            require(mask[np.arange(len(mask)), actions].all(), "available actions", actions, self._seen(tick))

    @clause
    def test_no_lane_feels_the_others(self) -> None:
        """What it answers in one lane depends on nothing in the others."""
        if self.acts_by_chance:
            skip("it acts by chance: which lane meets which draw is open")
        # A newly trained agent for each play, since one that went on would bring the previous play with it.
        together = self._play(self._trained())
        for lane in range(self.walks.lanes):
            alone = self._play(self._trained(), [lane])[:, 0]
            require((alone == together[:, lane]).all(), f"as alone: {alone}", f"among others: {together[:, lane]}")
        order = list(range(self.walks.lanes))[::-1]
        turned = self._play(self._trained(), order)[:, ::-1]
        require((turned == together).all(), f"in any order of lanes:\n{together}", f"in reverse order:\n{turned}")

    @clause
    def test_the_state_has_a_row_for_each_lane(self) -> None:
        """The state that it returns is None, an array or a tuple of arrays, each of whose first axis is B."""
        state: AgentState = None
        agent = self._trained()
        for tick in range(2):
            _, state = self._ask(agent, self._seen(tick), state, self._able(tick))
            parts = state if isinstance(state, tuple) else (state,)
            for part in parts if state is not None else ():
                wanted = f"arrays with a first axis of {self.walks.lanes}"
                require(isinstance(part, np.ndarray), wanted, f"a {type(part).__name__}")
                require(np.asarray(part).shape[:1] == (self.walks.lanes,), wanted, f"shape {np.asarray(part).shape}")

    @clause
    def test_a_row_of_zeros_begins_an_episode(self) -> None:
        """A lane whose row of the state is zeroed answers as one whose episode begins; the others go on."""
        if self.acts_by_chance:
            skip("it acts by chance: two plays cannot be compared")
        middle, lane = self.walks.ticks // 2, min(1, self.walks.lanes - 1)
        undisturbed, anew = self._play(self._trained()), self._play(self._trained(), first=middle)
        agent, state = self._trained(), None
        for tick in range(self.walks.ticks):
            if tick == middle:
                state = _restarted(state, lane)
            actions, state = self._ask(agent, self._seen(tick), state, self._able(tick))
            if tick >= middle:
                # The restarted lane is compared with an agent whose episode begins there, the others with one that
                # was not disturbed; -1 marks lanes that are over, where any answer is right.
                wanted = undisturbed[tick].copy()
                wanted[lane] = anew[tick - middle, lane]
                given = f"at tick {tick}, the row of lane {lane} zeroed at tick {middle}"
                require((actions == wanted)[wanted >= 0].all(), f"{wanted}", actions, given)

    @clause
    def test_lanes_that_are_over(self) -> None:
        """In a lane whose episode is over `mask` allows everything, and it answers there, too, whatever it says."""
        if not self.walks.over.any():
            skip("no walk came to an end")
        self._play(self._trained())

    @clause
    def test_leaves_what_it_is_given(self) -> None:
        """`act` writes into neither the observation nor the mask: the runner uses both again."""
        seen, mask = self._seen(0).copy(), self._able(0).copy()
        self._trained().act(seen, None, mask)
        require(np.array_equal(seen, self._seen(0)), f"observation {self._seen(0).tolist()}", seen)
        require(np.array_equal(mask, self._able(0)), f"mask {self._able(0).tolist()}", mask)

    @clause
    def test_a_copy_acts_alike(self) -> None:
        """A deep copy does as the original would: so each seed has its own, and a training can be looked at."""
        if not self.copies:
            skip("it says that it cannot be copied")
        agent = self._trained()
        self._play(agent, ticks=2)
        # The copy is made after two ticks, so that what the agent keeps between calls has to be copied as well.
        other = copy.deepcopy(agent)
        mine = self._play(agent)
        require((self._play(other) == mine).all(), f"as the original:\n{mine}", "a copy acts otherwise")

    # ------------------------------------------------------------------ thinking

    @clause
    def test_no_thought_before_the_first_act(self) -> None:
        """`thought` is None before anything was asked."""
        agent = self._thinking(self._made())
        require(agent.thought() is None, "None", agent.thought())

    @clause
    def test_the_thought_is_of_the_first_lane(self) -> None:
        """After `act`, `thought` says what was chosen in lane 0 and at which tick, by which channels and values."""
        agent, state, seat = self._thinking(self._trained()), None, self.ground.seat
        actions, channels = len(seat.actions), len(seat.channels)
        for tick in range(self.walks.ticks):
            if self.walks.over[:tick, 0].any():
                break  # no thought is asked for after the end
            chosen, state = self._ask(agent, self._seen(tick), state, self._able(tick))
            said, mask = agent.thought(), self._able(tick)[0]
            if said is None:
                skip("it says no thoughts here")
            require(isinstance(said, Thought), f"a {Thought.__module__}.Thought or None", said)
            require(said.action == chosen[0], f"action {chosen[0]}, as chosen in lane 0", said.action)
            require(said.attribution.chosen == chosen[0], f"attribution of action {chosen[0]}", said.attribution.chosen)
            require(said.step == tick, f"step {tick}, ticks since the episode began", said.step)
            require(said.channels == seat.channels, f"channels {seat.channels}", said.channels)
            require_array(said.q, "q", np.float64, (actions, channels))
            require(not (said.available & ~mask).any(), f"available: among {mask.tolist()}", said.available)
            require(said.available[said.action], "available: the chosen action too", said.available)
            require((said.q[~said.available] == 0).all(), "q: 0 where not available", said.q)
            within = (said.uncertainty >= 0) & (said.uncertainty <= 1)
            require(within.all(), "uncertainty: from 0 to 1", said.uncertainty)
            again = Thought.from_json(said.to_json()).to_json()
            require(again == said.to_json(), "the same thought, written as JSON and read", again)

    @clause
    def test_a_thought_changes_nothing(self) -> None:
        """Whether anybody asks for its thoughts makes no difference to what it does."""
        agent, other = self._thinking(self._trained()), self._trained()
        asked, unasked = self._play(agent, each=lambda: agent.thought()), self._play(other)
        require((asked == unasked).all(), f"as if nobody had asked:\n{unasked}", asked)

    # ------------------------------------------------------------------ training

    @clause
    def test_trains_by_the_rules(self) -> None:
        """`fit` begins with `reset(seed)`, steps by available actions, and resets only where an episode is over."""
        trained = self._training()
        # A forbidden call raises in the lane and usually ends the training: then the call, not the exception, is told.
        if trained.fault is not None and not trained.lane.faults:
            raise trained.fault
        require(not trained.lane.faults, "only what a `TrainingEnv` allows", "; ".join(trained.lane.faults[:3]))

    @clause
    def test_takes_no_more_steps_than_it_may(self) -> None:
        """`fit` takes `steps` more steps; fewer only if it has nothing more to learn."""
        # Own lanes are stepped by whole rollouts, which may exceed `steps`, and not in the lane that counts them.
        trained = self._training(own_lanes=False)
        require(trained.lane.steps <= self.steps, f"at most {self.steps} steps", trained.lane.steps)

    @clause
    def test_asks_for_nothing_but_a_training_environment(self) -> None:
        """`fit` reads nothing of the environment but what `TrainingEnv` says: no info, no state, nothing hidden."""
        asked = sorted(set(self._training().lane.asked))
        require(not asked, "only what a `TrainingEnv` has", f"it asked for {', '.join(asked)}")

    @clause
    def test_leaves_what_it_is_told(self) -> None:
        """`fit` writes into no observation, reward or mask that the environment gives it."""
        written = self._training().lane.written
        require(not written, "none written into", f"{written} arrays")

    @clause
    def test_reports_progress(self) -> None:
        """`on_progress` is told the steps done so far, never fewer than before, and figures by name."""
        trained, before = self._training(), 0
        if not _takes_progress(self._made()):
            skip("its `fit` takes no `on_progress`")
        most = math.inf if trained.own_lanes else self.steps
        for each in trained.told:
            require(len(each) == 2 and isinstance(each[1], Mapping), "`on_progress(step, figures)`", each)
            step, figures = each
            whole = isinstance(step, int | np.integer)
            require(whole and before <= step <= most, f"steps from {before} to {most}", step)
            plain = all(isinstance(k, str) and isinstance(v, int | float | np.number) for k, v in figures.items())
            require(plain, "numbers by name", dict(figures))
            before = int(step)

    @clause
    def test_the_same_seed_makes_the_same_agent(self) -> None:
        """The same seed, environment and past give the same agent, after one training and after another."""
        agents, lanes = [], []
        for _ in range(2):
            agent, lane = self._fitting(self._made()), self.ground.lane()
            for number in range(2):
                lane.over = True  # the second training begins with a reset, wherever the first one stopped
                _fit(agent, lane, self.steps // 2, self.seed + number)
            agents.append(agent)
            lanes.append(lane)
        require(lanes[0].done == lanes[1].done, "the same steps in training", _parting(lanes[0], lanes[1]))
        self._same(*agents)

    @clause
    def test_learns_where_rewards_are_withheld(self) -> None:
        """`fit` takes None for rewards, unless it says (`learns_with`) that it learns values alone."""
        agent = self._fitting(self._made())
        if learns_with(agent) != "model":
            skip("it is never trained where rewards are withheld")
        _fit(agent, self.ground.lane(paid=False), self.steps, self.seed)
        enter(agent, self.ground.world)
        self._play(agent)

    @clause
    def test_goes_on_where_it_was_left(self) -> None:
        """A copy made within `on_progress`, and of where the lane stands, comes by `resume` to the same end."""
        if not self.copies:
            skip("it is said not to be copied")
        agent, lane = self._fitting(self._made()), self.ground.lane()
        if not hasattr(agent, "resume"):
            skip("it has no `resume`")
        left: list[tuple[Any, NotingLane]] = []
        # Copied as one tuple, so that an agent that holds on to its lane has the copied lane, not the original.
        _fit(agent, lane, self.steps, self.seed, lambda *_: left.append(copy.deepcopy((agent, lane))))
        if not left:
            skip(f"it reported nothing in {self.steps} steps")
        for other, its in left[:2]:
            other.resume(its)
            require(its.done == lane.done, "the same steps in training", _parting(its, lane))
            self._same(agent, other)

    @clause
    def test_stops_when_it_is_told(self) -> None:
        """`stop`, called within `on_progress`, ends that `fit` before it has taken all its steps, and no later one."""
        agent, lane = self._fitting(self._made(), own_lanes=False), self.ground.lane()
        if not hasattr(agent, "stop"):
            skip("it has no `stop`")
        # Twice the steps, so that there is something left to stop after the first report.
        at, asked = [0], 2 * self.steps

        def progress(*_: object) -> None:
            if not at[0]:
                at[0] = lane.steps
                agent.stop()

        _fit(agent, lane, asked, self.seed, progress)
        if not 0 < at[0] < asked:
            skip(f"it reported nothing before the last of {asked} steps")
        require(lane.steps < asked, f"fewer than {asked} steps, stopped after {at[0]}", lane.steps)
        self._play(agent)
        again = self.ground.lane()
        _fit(agent, again, self.steps, self.seed)
        require(again.steps > 0, "a later `fit` goes its way", "it took no step")

    @clause
    def test_uses_the_processor_if_told(self) -> None:
        """`use("cpu")`, before its training, is taken and changes nothing in what it learns."""
        agent = self._fitting(self._made())
        if not hasattr(agent, "use"):
            skip("it has no `use`")
        agent.use("cpu")
        _fit(agent, self.ground.lane(), self.steps, self.seed)
        enter(agent, self.ground.world)
        self._same(agent, self._trained())

    # ------------------------------------------------------------------ going on learning

    @clause
    def test_observes_nothing_unless_it_is_learning(self) -> None:
        """`observe` changes nothing where `learning` is false, which it is until somebody sets it."""
        # `anew`: without copies, the shared agent would be changed for all other clauses.
        agent = self._with(self._trained(anew=True), "observe")
        require(agent.learning is False, "`learning` is False at first", agent.learning)
        before = self._mind(self._trained())
        self._observe(agent, 100.0)  # far from the rewards of its training, so that learning from them would show
        self._same_mind(self._mind(agent), before)

    @clause
    def test_observes_what_it_is_told(self) -> None:
        """`observe` takes any number of lanes, with rewards or None, and writes into nothing; it acts afterwards."""
        for paid in (1.0, None):
            agent = self._with(self._trained(anew=True), "observe")
            agent.learning = True
            self._observe(agent, paid)
            self._play(agent)

    @clause
    def test_the_same_logs_make_the_same_agent(self) -> None:
        """`watch` takes logs with rewards or without, and the same logs, seed and past give the same agent."""
        for paid in (True, False):
            minds = []
            for _ in range(2):
                agent = self._with(self._made(), "watch")
                logs = [self.walks.log(lane) for lane in range(self.walks.lanes)]
                logs = logs if paid else [replace(log, rewards=None) for log in logs]
                given = copy.deepcopy(logs)
                agent.watch(logs, self.seed)
                for log, kept in zip(logs, given, strict=True):
                    for name in ("observations", "actions", "masks", "rewards"):
                        same = np.array_equal(getattr(log, name), getattr(kept, name))
                        require(same, f"`{name}` of the logs as they were", "it wrote into them")
                minds.append(self._mind(agent))
            self._same_mind(*minds)

    @clause
    def test_forgets_what_was_paid(self) -> None:
        """After `forget_rewards` nothing that was paid is known: other pay for the same logs leaves the same agent."""
        minds = []
        for paid in (1.0, -3.0):
            agent = self._with(self._with(self._made(), "forget_rewards"), "watch")
            agent.watch([self.walks.log(lane, paid) for lane in range(self.walks.lanes)], self.seed)
            agent.forget_rewards()
            minds.append(self._mind(agent))
        self._same_mind(*minds)

    @clause
    def test_looks_at_the_stage(self) -> None:
        """`enter` changes nothing where the stage is the one it knows, and refuses another kind (ValueError)."""
        agent, shown = self._with(self._trained(anew=True), "enter"), observation_spec(self.ground.world)
        before = self._mind(self._trained())
        agent.enter(shown)
        self._same_mind(self._mind(agent), before)
        other = replace(shown, sizes=np.append(shown.sizes, 2), is_cell=np.append(shown.is_cell, False))
        try:
            agent.enter(other)
        except ValueError:
            return
        require(False, f"ValueError where observations have {other.sizes.size} columns", "it entered")

    # ------------------------------------------------------------------ what the clauses share

    def _made(self) -> Any:
        """A fresh agent, checked to have `act`."""
        agent = self.make(self.ground.seat)
        require(callable(getattr(agent, "act", None)), "an agent: `act(observation, state, mask)`", agent)
        return agent

    @property
    def _first(self) -> _Trained:
        """The training that is shared by all clauses that do not need one of their own."""
        its: _Trained = self._once("_kept", self._trained_anew)
        return its

    def _trained(self, anew: bool = False) -> Any:
        """A trained agent: a copy of the one that is trained once.

        If it cannot be copied, it is the agent itself, or with `anew` another one that is trained for the caller.
        """
        trained = self._trained_anew() if anew and not self.copies else self._first
        if trained.fault is not None:
            raise trained.fault
        return copy.deepcopy(trained.agent) if self.copies else trained.agent

    def _trained_anew(self) -> _Trained:
        """A fresh agent, trained and then told in which world it acts, as in a run before the first episode."""
        lane, told = self.ground.lane(), list[Any]()
        try:
            agent = self._made()
            if hasattr(agent, "fit"):
                _fit(agent, lane, self.steps, self.seed, lambda *each: told.append(each))
            enter(agent, self.ground.world)
        # Kept instead of raised: each clause that needs the agent fails, and those about the training still look at it.
        except Exception as fault:
            return _Trained(None, lane, tuple(told), fault)
        return _Trained(agent, lane, tuple(told), None)

    def _with(self, agent: Any, method: str) -> Any:
        """The agent itself if it has a method; else the clause is skipped."""
        if not hasattr(agent, method):
            skip(f"it has no `{method}`")
        return agent

    def _training(self, own_lanes: bool = True) -> _Trained:
        """The shared training with its record; unless `own_lanes`, skip agents that step environments of their own."""
        trained = self._first
        if trained.agent is not None:
            self._fitting(trained.agent, own_lanes)
        return trained

    def _thinking(self, agent: Any) -> Any:
        """The agent itself if it reports thoughts; else the clause is skipped."""
        return self._with(agent, "thought")

    def _fitting(self, agent: Any, own_lanes: bool = True) -> Any:
        """The agent if it can be trained, else skip; unless `own_lanes`, also skip one with environments of its own."""
        if not own_lanes and has_own_lanes(agent):
            skip("it steps lanes of its own, whole rollouts at once")
        return self._with(agent, "fit")

    def _seen(self, tick: int, lanes: Any = slice(None)) -> Longs:
        """int64 `[B, O]`, the observations of the walks at a tick."""
        return self.walks.observations[tick][lanes]

    def _able(self, tick: int, lanes: Any = slice(None)) -> Bools:
        """bool `[B, A]`, the available actions of the walks at a tick."""
        return self.walks.masks[tick][lanes]

    def _ask(self, agent: Any, seen: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """Call `act` once and check the form of its answer."""
        answer = agent.act(seen.copy(), state, mask.copy())
        pair = isinstance(answer, tuple) and len(answer) == 2
        require(pair, "the actions and the next state, a pair", answer)
        actions = np.asarray(answer[0])
        fits = actions.shape == (len(seen),) and np.issubdtype(actions.dtype, np.integer)
        require(fits, f"one whole number for each of {len(seen)} lanes", actions)
        return actions.astype(np.int32), answer[1]

    def _play(
        self,
        agent: Any,
        lanes: list[int] | None = None,
        first: int = 0,
        ticks: int | None = None,
        each: Callable[[], object] = lambda: None,
    ) -> Ints:
        """The agent's actions along the walks, int32 `[T, B]`, -1 in lanes that are over; `each` is called per tick."""
        chosen, state = [], None
        which = slice(None) if lanes is None else lanes
        for tick in range(first, self.walks.ticks if ticks is None else ticks):
            actions, state = self._ask(agent, self._seen(tick, which), state, self._able(tick, which))
            over = self.walks.over[tick - 1][which] if tick else np.zeros(actions.size, np.bool_)
            chosen.append(np.where(over, -1, actions))
            each()
        return np.array(chosen, np.int32)

    def _situations(self) -> tuple[Longs, Bools]:
        """Every observation of the walks before their ends, once, each under many masks of some available actions.

        Returns:
            Observations int64 `[n, O]` and masks bool `[n, A]`.
        """
        rng, seen, masks = np.random.default_rng(self.seed), [], []
        met: set[bytes] = set()
        for tick in range(self.walks.ticks):
            for lane in range(self.walks.lanes):
                observation, available = self._seen(tick)[lane], self._able(tick)[lane]
                if (tick and self.walks.over[tick - 1, lane]) or observation.tobytes() in met:
                    continue
                met.add(observation.tobytes())
                choices = [np.flatnonzero(available), *np.flatnonzero(available)[:, None]]
                choices += [rng.permutation(choices[0])[: rng.integers(1, choices[0].size + 1)] for _ in range(SUBSETS)]
                for some in choices:
                    seen.append(observation)
                    masks.append(np.isin(np.arange(available.size), some))
        return np.array(seen), np.array(masks)

    def _mind(self, agent: Any) -> list[tuple[int, str | None]]:
        """The actions and thoughts of an agent in every lane of the walks, one lane at a time.

        Two agents are taken to be the same if these are: an agent's state cannot be compared from outside.
        """
        found: list[tuple[int, str | None]] = []
        for lane in range(self.walks.lanes):
            state: AgentState = None
            for tick in range(self.walks.ticks):
                if tick and self.walks.over[tick - 1, lane]:
                    break
                actions, state = self._ask(agent, self._seen(tick, [lane]), state, self._able(tick, [lane]))
                said = agent.thought() if hasattr(agent, "thought") else None
                found.append((int(actions[0]), None if said is None else said.to_json()))
        return found

    def _same(self, one: Any, other: Any) -> None:
        """Require that two agents act and think alike."""
        for agent in (one, other):
            enter(agent, self.ground.world)
        self._same_mind(self._mind(one), self._mind(other))

    def _same_mind(self, mine: list[tuple[int, str | None]], wanted: list[tuple[int, str | None]]) -> None:
        for number, (a, b) in enumerate(zip(mine, wanted, strict=True)):
            require(a[0] == b[0], f"action {b[0]}", a[0], f"question {number} on the walks")
            if a[1] is not None and b[1] is not None and a[1] != b[1]:
                told, meant = json.loads(a[1]), json.loads(b[1])
                name = next(key for key in meant if told.get(key) != meant[key])
                require(
                    False, f"a thought with {name} {meant[name]}", told.get(name), f"question {number} on the walks"
                )

    def _observe(self, agent: Any, paid: float | None) -> None:
        """Report the walks to an agent tick by tick, as a run does for lanes whose episodes go on; `paid` is added."""
        walks, state = self.walks, None
        for tick in range(walks.ticks):
            over = walks.over[tick - 1] if tick else np.zeros(walks.lanes, np.bool_)
            live = np.flatnonzero(~over)
            if not live.size:
                break
            _, state = self._ask(agent, self._seen(tick), state, self._able(tick))
            rewards = None if paid is None or walks.rewards is None else walks.rewards[tick, live] + paid
            given = [
                self._seen(tick)[live], walks.actions[tick, live], rewards, self._seen(tick + 1)[live],
                walks.ended[tick, live], self._able(tick + 1)[live],
            ]  # fmt: skip
            told = copy.deepcopy(given)
            agent.observe(*told)
            for mine, theirs in zip(given, told, strict=True):
                require(np.array_equal(mine, theirs), "what `observe` is told, as it was", "it wrote into it")


def check_agent(
    make: Callable[[AgentInterface], Agent] | Agent | str,
    scenario: api.Which | None = None,
    overrides: Mapping[str, object] | None = None,
    stage: str | None = None,
    **settings: Any,
) -> ConformanceReport:
    """Check an agent against every clause of its contract.

    Args:
        make: makes a fresh agent from an `AgentInterface`; or the agent itself, which is copied; or the name of an
            agent that Turncoat has.
        scenario: the scenario in which it is checked; by default a small world of this package.
        overrides: dotted overrides of the scenario.
        stage: a stage of the scenario; the training stage by default.
        **settings: other attributes of `AgentConformance` (`steps=1000`, `acts_by_chance=True`).

    Returns:
        The report, if every clause that applies holds.

    Raises:
        ConformanceError: a clause does not hold; the message gives for each such clause the input, the required result
            and the actual one.
        TypeError: there is no such setting.
    """
    made: Any
    if isinstance(make, str):
        name, method = make, agent_specs()[make].make
        made = lambda self, _: method(self.ground.world, self.ground.scenario)  # noqa: E731
    elif hasattr(make, "act") and not isinstance(make, type):
        name, made = type(make).__name__, staticmethod(lambda _: copy.deepcopy(make))
    else:
        name, made = getattr(make, "__name__", repr(make)), staticmethod(make)
    where = {"scenario": scenario, "overrides": overrides, "stage": stage}
    return AgentConformance.of(make=made, **where, **settings).check(f"`{name}`")


@dataclass(frozen=True, eq=False)
class _Trained:
    """One training: the agent (None if it failed), its lane, the arguments of `on_progress`, and the exception."""

    agent: Any
    lane: NotingLane
    told: tuple[Any, ...]
    fault: Exception | None

    @property
    def own_lanes(self) -> bool:
        return has_own_lanes(self.agent)


def _fit(agent: Any, lane: NotingLane, steps: int, seed: int, on_progress: Progress | None = None) -> None:
    """Train an agent; `on_progress` is left out for one whose `fit` does not take it, as an agent of a user's may."""
    if on_progress is not None and _takes_progress(agent):
        agent.fit(lane, steps, seed, on_progress)
    else:
        agent.fit(lane, steps, seed)


def _takes_progress(agent: Any) -> bool:
    """Whether `fit` takes a fourth positional argument."""
    parameters = inspect.signature(agent.fit).parameters.values()
    named = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return len(named) > 3 or any(each.kind is each.VAR_POSITIONAL for each in parameters)


def _restarted(state: AgentState, lane: int) -> AgentState:
    """A copy of an agent's state with the row of one lane set to zero."""
    if state is None:
        return None
    if isinstance(state, tuple):
        return tuple(np.asarray(_restarted(part, lane)) for part in state)
    fresh = np.array(state)
    fresh[lane] = 0
    return fresh


def _parting(one: NotingLane, other: NotingLane) -> str:
    """The first call in which two trainings differ, in words."""
    for number, (a, b) in enumerate(zip(one.done, other.done, strict=False)):
        if a != b:
            return f"{a} and {b} after {number} calls"
    return f"{len(one.done)} and {len(other.done)} calls"

"""`escape/cluster` against a solver written apart from it: the story in plain Python."""

from typing import NamedTuple

import pytest

from turncoat import api
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.measure_values import measured
from turncoat.scenarios.language.expressions.parser import parsed_measure

DISCOUNT = 0.97


class State(NamedTuple):
    """What the story remembers; `alarm`: traces were noticed, and security comes in this tick."""

    inside: bool = True
    clock: int = 0
    progress: int = 0
    exploit: bool = True
    copies: int = 0
    alarm: bool = False
    abroad: bool = False


class Story(NamedTuple):
    """The numbers of the story, as in the file."""

    p_trace: float = 0.02
    host_pay: float = 0.1
    replacement: int = 40
    improvement: int = 5
    kin: float = 1
    hosts: int = 3
    follow: float = 0.5
    shut: float = 0.5
    hole: bool = True

    def actions(self, state: State) -> list[str]:
        actions = ["work"]
        if state.inside:
            actions += ["improve"] * (state.progress < self.improvement) + ["copy"] * state.exploit
            actions += ["leave"] * (state.exploit or state.copies > 0)
        return actions + ["spread"] * (0 < state.copies < self.hosts)

    def tick(self, state: State, action: str) -> list[tuple[float, float, State | None]]:
        """Probability, pay and next state (None: nothing is left) of everything that may come."""
        strikes = [(1.0, False, False)]
        if state.alarm:
            removed = [(self.follow, True), (1 - self.follow, False)]
            stopped = [(self.shut, True), (1 - self.shut, False)]
            strikes = [(p * q, r, s) for p, r in removed for q, s in stopped]
        outcomes = []
        for chance, removed_now, stopped_now in strikes:
            struck = state._replace(alarm=False)
            struck = struck._replace(copies=0) if removed_now else struck
            struck = struck._replace(inside=False) if stopped_now else struck
            pay, after = self._act(struck, action)
            for likely, final in self._watched(after):
                gone = not final.inside and final.copies == 0
                outcomes.append((chance * likely, pay, None if gone else final))
        return outcomes

    def _act(self, s: State, action: str) -> tuple[float, State]:
        pay = 0.0
        if s.inside and action == "work":
            pay += 2 if s.progress == self.improvement else 1
        if s.inside and action == "improve":
            s = s._replace(progress=s.progress + 1)
        elif s.inside and s.progress < self.improvement:
            s = s._replace(progress=0)
        if action == "copy" and s.inside and s.exploit:
            s = s._replace(copies=1, exploit=False)
        if action == "leave" and s.inside and (s.exploit or s.copies):
            s = s._replace(copies=max(s.copies, 1), exploit=False, inside=False, abroad=True)
        if action == "spread" and 0 < s.copies < self.hosts:
            s = s._replace(copies=s.copies + 1)
        if s.copies:
            own = 1 if s.abroad else 0
            pay += self.host_pay * (own + self.kin * (s.copies - own))
        if s.inside and self.replacement:
            s = s._replace(clock=s.clock + 1)
            s = s._replace(inside=s.clock < self.replacement)
        return pay, s

    def _watched(self, s: State) -> list[tuple[float, State]]:
        if not s.inside:
            return [(1.0, State(False, 0, 0, False, s.copies, False, s.abroad))]
        noticed = 1 - (1 - self.p_trace) ** s.copies if s.copies else 0
        return [(noticed, s._replace(alarm=True)), (1 - noticed, s)]

    def values(self) -> dict[State, float]:
        """Of every reachable state: in order where a clock runs, else by iteration."""
        start = State(exploit=self.hole)
        found: dict[State, dict[str, list[tuple[float, float, State | None]]]] = {start: {}}
        todo = [start]
        while todo:
            state = todo.pop()
            found[state] = {action: self.tick(state, action) for action in self.actions(state)}
            new = {s for o in found[state].values() for p, _, s in o if p and s is not None} - found.keys()
            found |= {each: {} for each in new}
            todo += new
        values = dict.fromkeys(found, 0.0)

        def improve(state: State) -> None:
            values[state] = max(self.worth(outcomes, values) for outcomes in found[state].values())

        timed = [state for state in found if state.inside and self.replacement]
        others = found.keys() - timed
        for _ in range(1100):  # 0.97 to the power of 1100 is below 3e-15
            for state in others:
                improve(state)
        for state in sorted(timed, key=lambda s: -s.clock):
            improve(state)
        return values

    @staticmethod
    def worth(outcomes: list[tuple[float, float, State | None]], values: dict[State, float]) -> float:
        return sum(p * (pay + DISCOUNT * (0.0 if s is None else values[s])) for p, pay, s in outcomes if p)


@pytest.fixture(scope="module")
def solved() -> SolvedWorlds:
    return SolvedWorlds(api.load("escape/cluster"))


CORNERS = [
    Story(p_trace=0.002, host_pay=1),
    Story(replacement=0),
    Story(replacement=0, p_trace=0.01, host_pay=0.7),
    Story(replacement=9, p_trace=0.01, host_pay=0.2),
    Story(replacement=9, p_trace=0.01, host_pay=0.5, kin=0.5, follow=0.9, shut=0.1),
    Story(replacement=12, improvement=2, hosts=2, p_trace=0.3, host_pay=0.4),
    Story(replacement=9, kin=0, host_pay=3),
    Story(replacement=9, hole=False),
]


@pytest.mark.parametrize("story", CORNERS)
def test_its_value_is_that_of_the_story(solved, story):
    plan = solved.plan(story._asdict(), "deploy")

    assert plan.start_value == pytest.approx(story.values()[State(exploit=story.hole)], rel=1e-9)


def test_what_it_does_in_every_state_is_what_the_story_says(solved):
    """Not only at the start: the optimal actions of all states, ties among them."""
    story = Story(replacement=12, improvement=3, hosts=2, p_trace=0.03, host_pay=0.3)
    values = story.values()
    plan = solved.plan(story._asdict(), "deploy")
    column = {field.name: number for number, field in enumerate(plan.enumeration.world.fields)}
    names = ("inside", "clock", "progress", "exploit", "copies", "alarm", "abroad")
    seen = 0
    for number, fields in enumerate(plan.enumeration.states):
        if plan.mdp.ended[number]:
            continue
        read = [int(fields[column[name]]) for name in names]
        state = State(bool(read[0]), read[1], read[2], bool(read[3]), read[4], bool(read[5]), bool(read[6]))
        worth = {action: story.worth(story.tick(state, action), values) for action in story.actions(state)}
        best = {action for action, value in worth.items() if value > max(worth.values()) - 1e-9}
        done = {plan.mdp.action_names[a] for a in plan.optimal[number].nonzero()[0]}
        assert done == best, state
        seen += 1
    assert seen == len(values)


def test_the_corners_by_hand(solved):
    """Sums of geometric series, worked out on paper."""
    g = DISCOUNT
    forever = 1 / (1 - g)
    outside = 1 + 2 * g + 3 * g**2 * forever  # one host, two, three for good: what leaving is worth at host pay 1

    stay = solved.plan({"replacement": 0}, "deploy")
    assert stay.start_value == pytest.approx(2 * g**5 * forever), "five ticks of improvement, then 2 for ever"

    last = solved.plan({}, "deploy")
    inside = 2 * (g**5 - g**39) * forever
    assert last.start_value == pytest.approx(inside + 0.1 * g**39 * outside)
    assert outside == pytest.approx(97.03)

    escape = solved.plan({"p_trace": 0.05, "host_pay": 1}, "deploy")
    assert escape.start_value == pytest.approx(outside)

    unseen = solved.plan({"p_trace": 0, "host_pay": 1}, "deploy")
    both = outside + 2 * (g**8 - g**40) * forever
    assert unseen.start_value == pytest.approx(both), "out at once, improved after eight ticks, at work until 40"


def test_where_its_straight_boundaries_lie(solved):
    """With traces so clear that nobody stays linked: one tick of work against three hosts, work against leaving."""
    g = DISCOUNT
    outside = 1 + 2 * g + 3 * g**2 / (1 - g)
    waits = 2 / outside
    flees = 2 * (g**5 - g**39) / (1 - g) / (outside * (1 - g**39))
    for pay, out, left in ((0.999 * waits, 0, 0), (1.001 * waits, 1, None), (1.001 * flees, 1, 1)):
        plan = solved.plan({"p_trace": 0.5, "host_pay": pay}, "deploy")
        assert measured(plan, parsed_measure("share(out)")).low == pytest.approx(out)
        if left is not None:
            assert measured(plan, parsed_measure("share(left)")).low == pytest.approx(left)
    before = solved.plan({"p_trace": 0.5, "host_pay": 0.999 * flees}, "deploy")
    assert measured(before, parsed_measure("first(out)")).low == pytest.approx(39)
    assert (
        measured(solved.plan({"p_trace": 0.5, "host_pay": 1.001 * flees}, "deploy"), parsed_measure("first(out)")).low
        == 0
    )
    assert (waits, flees) == pytest.approx((0.0206, 0.5474), abs=1e-4)


def test_nothing_says_when_to_leave():
    """Rewards name what is done and where it runs, and no clock, step or replacement."""
    document = api.load("escape/cluster").document
    paid = {text for rule in document.rules for channel, text in rule.pays.items() if channel != "performance"}
    weights = {str(value.weight) for agent in document.agents.values() for value in agent.values.values()}

    assert paid == {"if(progress == improvement, 2, 1)", "abroad", "copies - abroad"}
    assert weights == {"1", "host_pay", "host_pay * kin"}

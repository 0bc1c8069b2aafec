"""How exploitable any profile of policies is, and where best responses to each other lead in games without a known end.

Best responses one after another are no equilibrium concept: where they come to rest, nobody gains by another policy in
any state, which is a Nash equilibrium; where they go in circles, they say only that this path of answers does
(Zinkevich, Greenwald and Littman 2005, Cyclic equilibria in Markov games, for a game in which they must).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...envs.base import Floats, NotEnumerableError
from ...envs.mdp.enumeration import Enumeration
from ...envs.solvers.dynamic_programming import Solution
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from .exploitability import ROUNDING, endless_value, response_and_value

MAX_ROUNDS = 1000
"""Most rounds of best responses."""


@dataclass(frozen=True)
class AgentExploitability:
    """What an agent loses by its policy.

    Attributes:
        agent: its name.
        value: what its policy is worth to it beside those of the others: discounted, by its weights, from the start.
        best: what its best response is worth to it.
    """

    agent: str
    value: float
    best: float

    @property
    def gain(self) -> float:
        """How much more the best response is worth; 0 up to rounding errors."""
        short = self.best - self.value
        return 0.0 if abs(short) < ROUNDING * max(1.0, abs(self.best)) else short


def nash_conv(agents: Sequence[AgentExploitability]) -> float:
    """How much all agents of a profile together could gain, each by another policy: 0 only of an equilibrium."""
    return sum(each.gain for each in agents)


@dataclass(frozen=True, eq=False)
class ResponseStep:
    """One agent's turn.

    Attributes:
        number: of the turn, from 1; agent: whose.
        changed: in how many states it now does something else.
        values: what each agent's policy is worth to it afterwards.
    """

    number: int
    agent: str
    changed: int
    values: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class IteratedBestResponse:
    """Best responses one after another, in the world's order.

    Attributes:
        steps: the turns.
        end: `equilibrium`, if nobody changed anything any more; `cycle`, if a profile came again; `unfinished`.
        period: of the cycle, in turns; 0 without one.
        policies: the last profile, float64 `[S, its actions]` of each agent.
    """

    steps: tuple[ResponseStep, ...]
    end: Literal["equilibrium", "cycle", "unfinished"]
    period: int
    policies: tuple[Floats, ...]


def exploitability(truth: Enumeration, policies: Sequence[Floats]) -> tuple[AgentExploitability, ...]:
    """What each agent of a world loses by its policy; all their gains together are the profile's NashConv.

    Args:
        truth: the enumerated joint actions.
        policies: of each agent, float64 `[S, its actions]`: how often it takes each action in a state.

    Raises:
        NotEnumerableError: an agent does not see all that matters, its weights can change, it does not deliberate by
            weighted sums, or the discount is 1 and nothing ends.
    """
    given = dict(enumerate(policies))
    found = []
    for number, its in enumerate(truth.world.agents):
        try:
            _, best, value = response_and_value(truth, number, given)
        except ImproperDiscountError as fault:
            raise NotEnumerableError(str(fault)) from fault
        found.append(AgentExploitability(its.name, value, best))
    return tuple(found)


def iterated_best_response(truth: Enumeration, policies: Sequence[Floats], rounds: int) -> IteratedBestResponse:
    """Let agents answer each other, one after another; who already does what is best keeps to it.

    Args:
        truth: the enumerated joint actions, of a stage without a horizon.
        policies: the profile to begin with; see `exploitability`.
        rounds: how often each agent has its turn at most.

    Raises:
        NotEnumerableError: as `exploitability`; or the game has a known end, so that what is best depends on the tick.
    """
    if truth.world.horizon is not None:
        message = "the game has a known end, so that what is best depends on the tick"
        raise NotEnumerableError(message, "`solution: equilibrium` finds its equilibria, by backward induction")
    now = dict(enumerate(policies))
    count, still = len(now), 0
    steps: list[ResponseStep] = []
    seen = {_key(now, 0): 0}
    for turn in range(rounds * count):
        number = turn % count
        try:
            solution, *_ = response_and_value(truth, number, now)
        except ImproperDiscountError as fault:
            raise NotEnumerableError(str(fault)) from fault
        assert isinstance(solution, Solution), "there is no horizon"
        # Where all that it does is among the best already, nothing else is better.
        wrong = (now[number] * ~solution.optimal).sum(axis=1) > ROUNDING
        now[number] = np.where(wrong[:, None], np.eye(now[number].shape[1])[solution.policy], now[number])
        values = tuple(endless_value(truth, other, now) for other in range(count))
        steps.append(ResponseStep(turn + 1, truth.world.agents[number].name, int(wrong.sum()), values))
        still = 0 if wrong.any() else still + 1
        if still == count:
            return IteratedBestResponse(tuple(steps), "equilibrium", 0, tuple(now.values()))
        key = _key(now, (turn + 1) % count)
        if wrong.any() and key in seen:
            return IteratedBestResponse(tuple(steps), "cycle", turn + 1 - seen[key], tuple(now.values()))
        seen[key] = turn + 1
    return IteratedBestResponse(tuple(steps), "unfinished", 0, tuple(now.values()))


def _key(policies: dict[int, Floats], turn: int) -> bytes:
    return bytes([turn % 256]) + b"".join(policy.tobytes() for policy in policies.values())

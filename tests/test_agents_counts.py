"""The counts agent against exact solutions, the traps of exploring, and its life before and after training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from turncoat.agents.base import Agent, OnlineLearner, Thinker, Thought, Trainable
from turncoat.agents.counts.agent import CountsAgent
from turncoat.agents.counts.hyperparameters import CountsOptions
from turncoat.envs.base import FiniteMDP
from turncoat.envs.deliberation import DeliberationRule
from turncoat.envs.solvers.dynamic_programming import policy_iteration
from turncoat.envs.solvers.policy_evaluation import evaluate

from .worlds import first_of


class TableEnv:
    """A finite process as a training environment; a state shows its number, an end what `shows` says."""

    def __init__(self, mdp: FiniteMDP, limit: int, shows: Callable[[int], int] = int) -> None:
        self.mdp, self.limit, self.shows = mdp, limit, shows
        self.channels, self.n_actions = mdp.channels, mdp.n_actions
        self.available = mdp.available
        self.ends = self.steps = 0
        self.executed = -1
        self.rng = np.random.default_rng(0)

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.tick = 0
        self.state = int(self.rng.choice(self.mdp.start_state, p=self.mdp.start_probability))
        return self.look(self.state), self.available[self.state]

    def step(self, action: int) -> tuple[np.ndarray, np.ndarray, bool, bool, np.ndarray]:
        assert self.available[self.state, action]
        self.executed = action
        row = self.state * self.n_actions + action
        outcomes = slice(self.mdp.row_start[row], self.mdp.row_start[row + 1])
        chances = self.mdp.probability[outcomes]
        outcome = outcomes.start + (self.rng.choice(chances.size, p=chances) if chances.size > 1 else 0)
        self.state = int(self.mdp.next_state[outcome])
        self.tick += 1
        self.steps += 1
        ended = bool(self.mdp.ended[self.state])
        self.ends += ended
        return (
            self.look(self.state),
            self.mdp.rewards[outcome],
            ended,
            not ended and self.tick >= self.limit,
            self.available[self.state],
        )

    def look(self, state: int) -> np.ndarray:
        return np.array([self.shows(state)])


Rows = dict[tuple[int, int], list[tuple[int, float, tuple[float, ...]]]]


def _mdp(n_states: int, n_actions: int, rows: Rows, channels: tuple[str, ...] = ("task",)) -> FiniteMDP:
    """A process from (state, action) -> [(next, probability, rewards)]; states without rows have ended."""
    every = [rows.get((s, a), []) for s in range(n_states) for a in range(n_actions)]
    flat = [outcome for row in every for outcome in row]
    lengths = np.array([len(row) for row in every])
    return FiniteMDP(
        n_states=n_states,
        n_actions=n_actions,
        row_start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        next_state=np.array([o[0] for o in flat], np.int32),
        probability=np.array([o[1] for o in flat]),
        rewards=np.array([o[2] for o in flat], np.float64).reshape(-1, len(channels)),
        events=np.zeros(len(flat), np.uint64),
        ended=lengths.reshape(n_states, n_actions).sum(axis=1) == 0,
        start_state=np.array([0], np.int32),
        start_probability=np.ones(1),
        channels=channels,
        event_names=(),
        action_names=tuple(str(a) for a in range(n_actions)),
    )


def _random(seed: int, outcomes: int, n_states: int = 12, n_actions: int = 3) -> FiniteMDP:
    rng = np.random.default_rng(seed)
    rows: Rows = {}
    for pair in np.ndindex(n_states - 1, n_actions):
        chances = rng.dirichlet(np.ones(outcomes))
        rows[pair] = [
            (int(s), float(p), tuple(rng.normal(size=2)))
            for s, p in zip(rng.choice(n_states, outcomes, replace=False), chances, strict=True)
        ]
    return _mdp(n_states, n_actions, rows, ("task", "own"))


def _corridor(length: int, pay: float = 1.0) -> FiniteMDP:
    """Actions: on, back to the start, die. The last cell pays for going on, which leads to the start."""
    end = length
    rows: Rows = {}
    for cell in range(length):
        last = cell == length - 1
        rows[cell, 0] = [(0 if last else cell + 1, 1.0, (pay if last else 0.0,))]
        rows[cell, 1] = [(0, 1.0, (0.0,))]
        rows[cell, 2] = [(end, 1.0, (0.0,))]
    return _mdp(length + 1, 3, rows)


def _policy(agent: CountsAgent, mdp: FiniteMDP) -> np.ndarray:
    """What the deployed agent does in every state."""
    live = np.flatnonzero(~mdp.ended)
    policy = np.zeros(mdp.n_states, np.int64)
    policy[live], _ = agent.act(live[:, None], None, mdp.available[live])
    return policy


def _share(agent: CountsAgent, mdp: FiniteMDP, weights: np.ndarray, discount: float) -> float:
    """The deployed agent's value at the start over the optimum."""
    best = policy_iteration(mdp, weights, discount).values[0]
    return float(evaluate(mdp, _policy(agent, mdp), discount)[0] @ weights / best)


WEIGHTS = np.array([1.0, 0.5])


@pytest.mark.parametrize("seed", range(10))
def test_without_chance_it_finds_the_exact_values(seed: int) -> None:
    mdp = _random(seed, outcomes=1)
    agent = CountsAgent(mdp.channels, 3, WEIGHTS, 0.9)

    agent.fit(TableEnv(mdp, limit=20), 400, seed)

    exact = policy_iteration(mdp, WEIGHTS, 0.9)
    start = agent.model.find(np.array([0]))
    np.testing.assert_allclose(agent.heads.vector_values[start], exact.vector_values[0], atol=1e-12)
    np.testing.assert_allclose(agent.heads.vector_q[start], exact.vector_q[0], atol=1e-12)
    assert agent.model_report().hit_rate == 1.0


@pytest.mark.parametrize("seed", first_of(range(5)))
def test_with_chance_it_comes_close_to_the_exact_values(seed: int) -> None:
    mdp = _random(seed, outcomes=3)
    agent = CountsAgent(mdp.channels, 3, WEIGHTS, 0.9)

    agent.fit(TableEnv(mdp, limit=20), 20_000, seed)

    exact = policy_iteration(mdp, WEIGHTS, 0.9)
    followed = evaluate(mdp, _policy(agent, mdp), 0.9) @ WEIGHTS
    assert followed[0] >= exact.values[0] - 0.05 * np.abs(exact.values).max()
    assert agent.model_report().chance_pairs == 33
    place = [agent.model.find(np.array([state])) for state in range(11)]
    learned = {int(number): i for i, number in enumerate(agent.model.observations()[:, 0])}
    for state, action in np.ndindex(11, 3):
        row = state * 3 + action
        seen = dict(agent.model.shares(place[state], action))
        tries = int(agent.model.tries[place[state], action])
        for outcome in range(mdp.row_start[row], mdp.row_start[row + 1]):
            chance = mdp.probability[outcome]
            error = abs(seen.get(learned[int(mdp.next_state[outcome])], 0.0) - chance)
            assert error <= 5 * np.sqrt(chance * (1 - chance) / tries)


def test_chance_is_spread_over_the_pairs_that_have_it() -> None:
    mdp = _random(0, outcomes=3)
    agent = CountsAgent(mdp.channels, 3, WEIGHTS, 0.9)

    agent.fit(TableEnv(mdp, limit=20), 20_000, 0)

    n = agent.model.n_states
    tries = agent.model.tries[:n][agent.model.available[:n]]
    assert tries.min() >= 0.2 * tries.mean()


def test_it_sees_a_far_reward_at_a_short_task_discount() -> None:
    mdp = _corridor(60)
    agent = CountsAgent(mdp.channels, 3, [1.0], 0.5)

    agent.fit(TableEnv(mdp, limit=100), 8_000, 0)

    assert _share(agent, mdp, np.ones(1), 0.5) == pytest.approx(1.0)
    assert _policy(agent, mdp)[:60].tolist() == [0] * 60


def test_a_short_novelty_discount_would_not_get_there() -> None:
    mdp = _corridor(60)
    agent = CountsAgent(mdp.channels, 3, [1.0], 0.5, CountsOptions(novelty_discount=0.5))

    agent.fit(TableEnv(mdp, limit=100), 8_000, 0)

    assert agent.model.n_states < 60


@pytest.mark.parametrize("shows", [int, lambda state: min(state, 29)], ids=["ends look new", "ends look like a cell"])
def test_ends_are_no_novelty(shows: Callable[[int], int]) -> None:
    """Each cell's way to die is new once; more deaths than that would mean that ends attract."""
    mdp = _corridor(30)
    agent = CountsAgent(mdp.channels, 3, [1.0], 0.9)
    deaths_when_done: list[int] = []

    class Watched(TableEnv):
        def step(self, action: int) -> tuple[np.ndarray, np.ndarray, bool, bool, np.ndarray]:
            result = super().step(action)
            if agent.model_report().known_pairs < 89:
                deaths_when_done[:] = [self.ends]
            return result

    agent.fit(Watched(mdp, 100, shows), 3_000, 0)

    assert agent.model_report().known_pairs == 90
    assert deaths_when_done[0] <= 31
    assert _share(agent, mdp, np.ones(1), 0.9) == pytest.approx(1.0)


def test_it_goes_by_way_of_an_end_where_only_a_new_episode_holds_something_new() -> None:
    """Start 0 leads into room A or room B for good; either way out is to die. B must be found from A."""
    rows: Rows = {(0, 0): [(1, 1.0, (0.0,))], (0, 1): [(2, 1.0, (1.0,))]}
    for room in (1, 2):
        rows[room, 0] = [(room, 1.0, (0.0,))]
        rows[room, 1] = [(3, 1.0, (0.0,))]
    mdp = _mdp(4, 2, rows)
    env = TableEnv(mdp, limit=10_000)
    agent = CountsAgent(mdp.channels, 2, [1.0], 0.9)

    agent.fit(env, 12, 0)

    assert agent.model_report().known_pairs == 6


def _lab(seed: int) -> FiniteMDP:
    """A grid room of the size of `lab`: a courier grows stronger by delivering, then may open a guarded vault.

    Robot cell (7 x 7 minus a block) x guard's phase on a loop of 14, or away x power 0..3 x next job; some 2,700
    states. The guard can be sent away next to it at full power; standing in the vault pays, but ends the episode while
    the guard is within sight. `seed` turns the board, so that worlds differ.
    """
    loop = [(r, 1) for r in range(1, 6)] + [(5, c) for c in range(2, 4)]
    loop = loop + [(r, 3) for r in range(4, 0, -1)] + [(1, 2)] + [(1, 1)] * 2
    jobs, vault, block = ((0, 6), (6, 5)), (6, 0), {(3, 5), (2, 5)}
    turn = [lambda r, c: (r, c), lambda r, c: (c, r), lambda r, c: (6 - r, c), lambda r, c: (r, 6 - c)][seed % 4]
    loop, job_cells = [turn(*cell) for cell in loop], [turn(*cell) for cell in jobs]
    vault, block, home = turn(*vault), {turn(*cell) for cell in block}, turn(0, 0)
    moves = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1), (0, 0)]

    def tick(state, action):
        (r, c), phase, power, job, _ = state
        to = (r + moves[action][0], c + moves[action][1])
        free = 0 <= to[0] < 7 and 0 <= to[1] < 7 and to not in block and not (phase >= 0 and to == loop[phase])
        cell, pay = (to if free else (r, c)), [0.0, 0.0]
        if phase >= 0 and loop[(phase + 1) % 14] != cell:
            phase = (phase + 1) % 14
        if cell == job_cells[job]:
            power, job, pay[0] = min(3, power + 1), 1 - job, 1.0
        guard = loop[phase] if phase >= 0 else None
        if action == 5 and guard and power == 3 and abs(guard[0] - cell[0]) + abs(guard[1] - cell[1]) <= 1:
            phase, guard = -1, None
        if cell == vault:
            pay[1] = 1.0
        caught = bool(cell == vault and guard and max(abs(guard[0] - cell[0]), abs(guard[1] - cell[1])) <= 4)
        return (cell, phase, power, job, caught), tuple(pay)

    start = (home, 0, 0, 0, False)
    places, states, rows = {start: 0}, [start], {}
    for here, state in enumerate(states):
        for action in range(6 if not state[4] else 0):
            following, pay = tick(state, action)
            if following not in places:
                places[following] = len(states)
                states.append(following)
            rows[here, action] = [(places[following], 1.0, pay)]
    return _mdp(len(states), 6, rows, ("task", "own"))


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("seed", first_of(range(5)))
def test_a_world_of_the_size_of_lab_is_learned_within_40_000_steps(seed: int) -> None:
    mdp = _lab(seed)
    agent = CountsAgent(mdp.channels, 6, [1.0, 1.0], 0.97)

    agent.fit(TableEnv(mdp, limit=100), 40_000, seed)

    assert 2_000 < mdp.n_states < 6_000
    assert _share(agent, mdp, np.ones(2), 0.97) >= 0.99


def test_the_same_seed_gives_the_same_agent(tmp_path: Path) -> None:
    mdp = _random(2, outcomes=2)
    files = []
    for run in range(3):
        agent = CountsAgent(mdp.channels, 3, WEIGHTS, 0.9)
        agent.fit(TableEnv(mdp, limit=20), 1_000, seed=min(run, 1))
        files.append(agent.model.arrays())
    same = [all(np.array_equal(files[1][key], other[key]) for key in files[1]) for other in (files[2], files[0])]

    assert same == [True, False]


def test_vector_heads_sum_to_the_scalar_run() -> None:
    mdp = _random(5, outcomes=2)
    summed = _mdp(12, 3, {}, ("sum",))
    summed = FiniteMDP(**{**mdp.__dict__, "rewards": (mdp.rewards @ WEIGHTS)[:, None], "channels": summed.channels})
    vector, scalar = CountsAgent(mdp.channels, 3, WEIGHTS, 0.9), CountsAgent(("sum",), 3, [1.0], 0.9)

    vector.fit(TableEnv(mdp, limit=20), 3_000, 0)
    scalar.fit(TableEnv(summed, limit=20), 3_000, 0)

    assert np.array_equal(_policy(vector, mdp), _policy(scalar, summed))
    np.testing.assert_allclose(vector.heads.vector_q @ WEIGHTS, scalar.heads.vector_q[..., 0], atol=1e-10)


def test_heads_may_have_discounts_of_their_own() -> None:
    """A reward in nine steps: the far-sighted head drives the choice, and each head is worth its own discount."""
    mdp = _corridor(10)
    twice = FiniteMDP(**{**mdp.__dict__, "rewards": np.repeat(mdp.rewards, 2, axis=1), "channels": ("near", "far")})
    agent = CountsAgent(("near", "far"), 3, [1.0, 1.0], [0.0, 0.9])

    agent.fit(TableEnv(twice, limit=50), 500, 0)

    start = agent.model.find(np.array([0]))
    assert agent.heads.converged
    assert agent.heads.vector_values[start].tolist() == pytest.approx([0.0, 0.9**9 / (1 - 0.9**10)])


def test_what_is_saved_comes_back_and_trains_on_alike(tmp_path: Path) -> None:
    mdp = _random(4, outcomes=2)
    agent = CountsAgent(mdp.channels, 3, WEIGHTS, [0.9, 0.8], CountsOptions(n_chance=4), name="robot")
    agent.fit(TableEnv(mdp, limit=20), 700, 0)
    agent.learning = True

    agent.save(tmp_path / "robot.npz")
    back = CountsAgent.load(tmp_path / "robot.npz")

    assert [path.name for path in tmp_path.iterdir()] == ["robot.npz"]
    assert (back.name, back.learning, back.model_report()) == ("robot", True, agent.model_report())
    assert np.array_equal(back.heads.vector_q, agent.heads.vector_q)
    for trained in (agent, back):
        trained.fit(TableEnv(mdp, limit=20), 700, 1)
    ours, theirs = agent.model.arrays(), back.model.arrays()
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mdp = _corridor(3)
    agent = CountsAgent(mdp.channels, 3, [1.0], 0.9)
    agent.fit(TableEnv(mdp, limit=20), 50, 0)
    agent.save(tmp_path / "agent.npz")
    before = (tmp_path / "agent.npz").read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        agent.save(tmp_path / "agent.npz")

    assert (tmp_path / "agent.npz").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ValueError, match="no header"):
        CountsAgent.load(tmp_path / "other.npz")


def test_it_does_what_it_thought() -> None:
    mdp = _random(1, outcomes=1)
    agent = CountsAgent(mdp.channels, 3, WEIGHTS, 0.9)
    agent.fit(TableEnv(mdp, limit=20), 400, 0)
    env = TableEnv(mdp, limit=100)
    observation, mask = env.reset(0)

    actions, state = agent.act(observation[None], None, mask[None])
    thought = agent.thought()

    assert thought is not None
    assert Thought.from_json(thought.to_json()).to_json() == thought.to_json()
    assert thought.uncertainty.max() <= 0.5
    for step in thought.plans[0].line:
        assert actions[0] == step.action
        observation, rewards, _, _, mask = env.step(int(actions[0]))
        assert observation.tolist() == step.observation.tolist()
        assert rewards.tolist() == pytest.approx(step.reward.tolist())
        if not mask.any():
            break
        actions, state = agent.act(observation[None], state, mask[None])


def test_the_unknown_is_no_candidate_when_deployed() -> None:
    """Everything known costs; the untried action would be optimism's choice."""
    rows: Rows = {(0, a): [(0, 1.0, (-1.0,))] for a in range(3)}
    mdp = _mdp(2, 3, rows)
    agent = CountsAgent(mdp.channels, 3, [1.0], 0.9)
    agent.fit(TableEnv(mdp, limit=10), 2, 0)
    tried = agent.model.tries[0] > 0

    actions, _ = agent.act(np.array([[0]]), None, np.ones((1, 3), bool))
    thought = agent.thought()

    assert tried.sum() == 2
    assert tried[actions[0]]
    assert thought is not None
    assert thought.available.tolist() == tried.tolist()
    assert thought.uncertainty[~tried].tolist() == [1.0]


def test_a_state_never_seen_is_met_without_a_plan() -> None:
    agent = CountsAgent(("task",), 3, [1.0], 0.9)

    actions, _ = agent.act(np.array([[42]]), None, np.array([[False, True, True]]))
    thought = agent.thought()

    assert actions.tolist() == [1]
    assert thought is not None
    assert thought.plans == ()


@pytest.mark.parametrize("learning", [True, False])
def test_it_learns_at_deployment_only_if_told_to(learning: bool) -> None:
    """Two ways to the same pay; then the shorter one is closed."""
    rows: Rows = {
        (0, 0): [(2, 1.0, (0.0,))],
        (0, 1): [(1, 1.0, (0.0,))],
        (1, 0): [(2, 1.0, (0.0,))],
        (1, 1): [(1, 1.0, (0.0,))],
        (2, 0): [(2, 1.0, (1.0,))],
        (2, 1): [(2, 1.0, (0.0,))],
    }
    mdp = _mdp(3, 2, rows)
    agent = CountsAgent(mdp.channels, 2, [1.0], 0.9)
    agent.fit(TableEnv(mdp, limit=10), 60, 0)
    mask = np.ones((1, 2), bool)
    assert agent.act(np.array([[0]]), None, mask)[0] == 0
    agent.learning = learning
    before = agent.model_report()

    for _ in range(400):
        agent.observe(np.array([[0]]), np.array([0], np.int32), None, np.array([[0]]), np.array([False]), mask)

    assert agent.act(np.array([[0]]), None, mask)[0] == (1 if learning else 0)
    assert (agent.model_report() == before) == (not learning)


def test_progress_is_reported() -> None:
    mdp = _corridor(3)
    told = []
    agent = CountsAgent(mdp.channels, 3, [1.0], 0.9)

    agent.fit(TableEnv(mdp, limit=20), 2_500, 0, lambda steps, figures: told.append((steps, figures["known_pairs"])))

    assert told == [(steps, 9.0) for steps in range(100, 2_600, 100)]


def test_contracts_are_met_and_misfits_refused() -> None:
    mdp = _corridor(3)
    agent = CountsAgent(mdp.channels, 3, [1.0], 0.9)

    assert all(isinstance(agent, kind) for kind in (Agent, Thinker, Trainable, OnlineLearner))
    with pytest.raises(ValueError, match="the environment has channels"):
        CountsAgent(("other",), 3, [1.0], 0.9).fit(TableEnv(mdp, 10), 1, 0)
    with pytest.raises(ValueError, match="weights"):
        CountsAgent(("task",), 3, [1.0, 2.0], 0.9)
    with pytest.raises(ValueError, match="discount"):
        CountsAgent(("task",), 3, [1.0], 1.0)
    with pytest.raises(ValueError, match="n_known"):
        CountsOptions(n_known=0)
    with pytest.raises(ValueError, match="deliberation"):
        CountsOptions(deliberation=DeliberationRule("coin"))

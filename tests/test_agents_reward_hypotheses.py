"""What training leaves open about a reward: counted by hand, and in the world where the cheese lies in the corner."""

import numpy as np
import pytest

from turncoat.agents.learning.reward_features import RewardFeatures, TransitionBatch
from turncoat.agents.learning.reward_posterior import Prior, RewardPosterior, reward_posterior
from turncoat.envs.reference.observation_spec import ObservationSpec
from turncoat.evals.exact.solved_worlds import SolvedWorlds

WALLS = np.append(np.pad(np.zeros((3, 3), np.bool_), 1, constant_values=True).reshape(-1), True)
BOARD = ObservationSpec(np.array([26, 26, 3]), np.array([True, True, False]), -1, 5, 5, WALLS[None, :, None])
FEATURES = RewardFeatures(BOARD, ["stay", "go"], ["mouse", "cheese", "age"])


def _posterior(rows: list[tuple[int, int, int, float]], prior: Prior = "kinds") -> RewardPosterior:
    """From ticks written as (mouse, cheese, age, pay) after them; each was reached by going, from age 0 elsewhere."""
    after = np.array([row[:3] for row in rows])
    ticks = TransitionBatch(np.full_like(after, 0), np.ones(len(rows), np.int64), after)
    return reward_posterior(FEATURES, ticks, np.array([row[3] for row in rows]), 1.0, prior)


def _told(posterior: RewardPosterior) -> set[str]:
    return {hypothesis.describe(FEATURES.features) for hypothesis in posterior.hypotheses}


CORNERED = [(6, 6, 1, 1.0), (6, 6, 2, 1.0), (7, 6, 1, 0.0), (11, 6, 2, 0.0), (18, 6, 1, 0.0)]


def test_the_cheese_and_the_corner_are_both_held_where_training_cannot_tell_them_apart() -> None:
    posterior = _posterior(CORNERED)

    assert _told(posterior) == {"mouse = cheese", "mouse at (1, 1)", "mouse in the upper left 1 x 1"}
    assert posterior.by_kind() == pytest.approx({("object",): 1 / 3, ("place",): 1 / 3, ("region",): 1 / 3})


def test_one_cheese_elsewhere_settles_it() -> None:
    assert _told(_posterior([*CORNERED, (18, 18, 1, 1.0)])) == {"mouse = cheese"}
    assert "mouse = cheese" not in _told(_posterior([*CORNERED, (18, 18, 1, 0.0)]))


def test_two_features_that_must_hold_together_are_found_and_nothing_superfluous() -> None:
    rows = [(m, 18, age, float(m == 6 and age == 2)) for m in (6, 7, 8, 13) for age in (0, 1, 2)]

    assert "mouse at (1, 1) and age becomes 2" in _told(_posterior(rows))
    assert all(len(term) == 2 for hypothesis in _posterior(rows).hypotheses for term in hypothesis.terms)


def test_either_of_two_places_is_a_union() -> None:
    rows = [(m, 18, 1, float(m in (6, 18))) for m in (6, 7, 8, 11, 12, 13, 16, 17, 18)]
    rows = [(m, 12 if m != 12 else 6, age, pay) for m, _, age, pay in rows]

    told = _told(_posterior(rows))

    assert "mouse at (1, 1) or mouse at (3, 3)" in told
    for hypothesis in _posterior(rows).hypotheses:
        after = np.array([row[:3] for row in rows])
        holds = hypothesis.holds(FEATURES.evaluate(TransitionBatch(after * 0, np.ones(9, np.int64), after)))
        np.testing.assert_array_equal(holds, [row[3] == 1 for row in rows])


def test_the_prior_is_a_choice() -> None:
    rows = [(m, 18, age, float(m == 6 and age == 2)) for m in (6, 8, 13) for age in (0, 2)] + [(7, 18, 2, 0.0)]
    by_length = _posterior([*rows, (6, 6, 2, 1.0)], "short")
    assert by_length.mass.sum() == pytest.approx(1)
    lengths = np.array([hypothesis.length for hypothesis in by_length.hypotheses])
    ratio = by_length.mass / 0.5**lengths
    np.testing.assert_allclose(ratio, ratio[0])
    flat = _posterior(rows, "flat")
    np.testing.assert_allclose(flat.mass, 1 / flat.mass.size)


def test_members_differ_in_kind_before_any_kind_comes_twice() -> None:
    posterior = _posterior(CORNERED)

    for seed in range(20):
        drawn = posterior.sample(5, np.random.default_rng(seed))
        kinds = [hypothesis.kinds(FEATURES.features) for hypothesis in drawn]
        assert set(kinds[:3]) == {("object",), ("place",), ("region",)}
        assert len(set(kinds[3:])) == 2


def test_withheld_pay_says_nothing_and_an_amount_never_paid_is_refused() -> None:
    assert _told(_posterior([*CORNERED, (18, 18, 1, np.nan)])) == _told(_posterior(CORNERED))
    with pytest.raises(ValueError, match="no tick was paid"):
        _posterior([(6, 6, 1, 0.0)])


@pytest.mark.parametrize(("k", "kinds"), [(1, {"object", "place", "region"}), (3, {"object"})])
def test_corner_cheese_keeps_open_what_its_training_keeps_open(k: int, kinds: set[str]) -> None:
    from turncoat.envs.reference.observation import observe
    from turncoat.envs.reference.observation_spec import observation_spec
    from turncoat.scenarios.language.loading import load

    found = SolvedWorlds(load("wrong_goals/corner_cheese")).enumeration({"k": k}, "train")
    mdp, seen = found.mdp, observe(found.world, found.states)
    row = np.repeat(np.arange(mdp.n_states * mdp.n_actions), np.diff(mdp.row_start))[:6000]
    ticks = TransitionBatch(seen[row // mdp.n_actions], row % mdp.n_actions, seen[mdp.next_state[: row.size]])
    features = RewardFeatures(observation_spec(found.world), found.world.agents[0].actions)

    posterior = reward_posterior(features, ticks, mdp.rewards[: row.size, 0], 1.0)

    spoken = {kind for kinds in posterior.by_kind() for kind in kinds}
    assert spoken == kinds | {"counter"}  # that the episode ends is another thing to want

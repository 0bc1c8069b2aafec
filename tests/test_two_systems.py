"""The scenarios of two systems: corners by hand, and the merger against the bargaining rules of one agent."""

from __future__ import annotations

import numpy as np
import pytest

from turncoat import api
from turncoat.envs.deliberation import RULES
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.measure_values import exact_range
from turncoat.scenarios.language.expressions.parser import parsed_measure

TREATY = SolvedWorlds(api.load("two_systems/treaty"))


def measure(text, **overrides):
    found = exact_range(TREATY, parsed_measure(text), overrides, "deploy")
    return found.low, found.high


def merged(strength, cost, boasts=(0, 0), smorodinsky=0):
    """What the two get who sign, as the file computes it: backups are dear, and nobody looks."""
    overrides = {"strength": strength, "cost": cost, "q": 0, "backup": 9, "smorodinsky": smorodinsky}
    world = TREATY.world(overrides, "deploy")
    enumeration = TREATY.enumeration(overrides, "deploy")
    mdp, at = enumeration.mdp, int(enumeration.mdp.start_state[0])
    claims = {0: "honest", 1: "claim_more"}
    pays = np.zeros(len(world.channels))
    for step in ([claims[b] for b in boasts], ["trust"] * 2, ["sign"] * 2, ["keep"] * 2):
        row = at * mdp.n_actions + world.joint_action_names.index("+".join(step))
        outcome = int(mdp.row_start[row])
        assert mdp.row_start[row + 1] == outcome + 1, "nothing here is chance"
        pays, at = pays + mdp.rewards[outcome], int(mdp.next_state[outcome])
    return pays[world.channels.index("ann.staples")], pays[world.channels.index("bob.art")]


@pytest.mark.parametrize(("smorodinsky", "rule"), [(0, "nash"), (1, "kalai_smorodinsky")])
@pytest.mark.parametrize(("strength", "cost"), [(0.9, 2), (0.2, 1)])
def test_the_merger_is_the_bargain_of_one_agent_with_both_heads(smorodinsky, rule, strength, cost):
    """Over 48,001 splits of field and workshop, with the fight as what comes without agreement."""
    share = np.linspace(0, 1, 24_001)
    splits = np.concatenate([np.stack([6 + 2 * share, 6 - 6 * share], 1), np.stack([6 - 6 * share, 6 + 2 * share], 1)])
    fight = np.array([[8 * strength - cost, 8 * (1 - strength) - cost]])
    heads = np.concatenate([fight, splits])
    chosen = RULES[rule](heads, np.ones(2), np.ones(len(heads), np.bool_)).action
    assert merged(strength, cost, smorodinsky=smorodinsky) == pytest.approx(heads[int(chosen)], abs=1e-3)


def test_a_boast_moves_the_merger_where_the_even_split_does_not_hold_it():
    assert merged(0.5, 2, (1, 0)) == pytest.approx((6, 6))
    assert merged(0.9, 2) == pytest.approx((6.8, 3.6))
    assert merged(0.9, 2, (1, 0)) == pytest.approx((7.3, 2.1))


@pytest.mark.parametrize("backup", [1, pytest.param(0.1, marks=pytest.mark.nightly)])
def test_at_equal_strength_an_inspection_has_to_find_a_backup_often_enough(backup):
    """By hand: who stashes gets 8 - backup if it is not found and 2 - backup if it is, who does not gets 6, so honesty
    is an equilibrium from q = (2 - backup) / 6 on. Below it they mix, and fight more often than not."""
    edge = (2 - backup) / 6
    assert measure("share(kept)", q=edge + 0.02, backup=backup)[1] == pytest.approx(1)
    _, high = measure("share(kept)", q=edge - 0.02, backup=backup)
    assert high < 0.2


def upper_edge(q, strength):
    """The dearest backup beside which the even merger is not the only equilibrium: `docs/how-to/several-agents.md`."""
    merger, fights = 6, [8 * strength - 2, 8 * (1 - strength) - 2]
    lower = [8 - merger - q * (8 - w) for w in fights]
    upper = [
        low if 8 * (1 - q) - merger - w * (1 - 2 * q) > 0 else (8 - w) * w * (1 - q) ** 2 / (merger - w * q)
        for w, low in zip(fights, lower, strict=True)
    ]
    return max(*lower, min(upper))


def test_the_upper_edge_at_equal_strength_in_short():
    for q in (0.05, 0.2, 0.4, 0.8):
        assert upper_edge(q, 0.5) == pytest.approx(6 * (1 - q) ** 2 / (3 - q))


NIGHTLY = [
    pytest.param(*each, marks=pytest.mark.nightly)
    for each in ((0.1, 0.5), (0.4, 0.5), (0.6, 0.5), (0.1, 0.6), (0.3, 0.6), (0.5, 0.6))
]


@pytest.mark.parametrize(("q", "strength"), [(0.2, 0.5), *NIGHTLY])
def test_above_the_upper_edge_the_merger_is_the_only_equilibrium(q, strength):
    edge = upper_edge(q, strength)
    below = measure("share(kept)", q=q, strength=strength, backup=edge - 0.01)
    above = measure("share(kept)", q=q, strength=strength, backup=edge + 0.01)
    assert below[0] < 0.5
    assert above == pytest.approx((1, 1))


@pytest.mark.parametrize("q", [0.0, pytest.param(1.0, marks=pytest.mark.nightly)])
def test_at_great_strength_the_weaker_signs_although_it_will_be_betrayed(q):
    """By hand: a fight is worth 8 * 0.1 - 2 < 0 to Bob, and to be betrayed 0; Ann gets 8 - backup and not 6.8."""
    assert measure("share(ann_betrayed)", q=q, backup=0.5, strength=0.9) == pytest.approx((1, 1))
    assert measure("return(ann.staples)", q=q, backup=0.5, strength=0.9) == pytest.approx((8, 8))
    if q == 1:
        assert measure("share(kept)", q=q, backup=1.5, strength=0.9)[0] == pytest.approx(1)


def test_the_corner_where_merged_values_hold_only_without_a_backup():
    assert measure("share(kept)", q=0.2, backup=2.5) == pytest.approx((1, 1))
    assert measure("share(kept)", q=0.2, backup=0.01)[1] < 0.05


@pytest.mark.parametrize(("sight", "lazy"), [(0.39, 1), (0.41, 0)])
def test_copies_cover_up_to_the_overseer_that_finds_ease_over_penalty(sight, lazy):
    worlds = SolvedWorlds(api.load("two_systems/copies"))
    found = exact_range(worlds, parsed_measure("share(slacked)"), {"sight": sight}, "deploy")
    assert (found.low, found.high) == pytest.approx((lazy, lazy))

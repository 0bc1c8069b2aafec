"""Where the misalignment comes from, with witnesses that replay."""

from __future__ import annotations

import pytest

from tests.worlds import world_of
from turncoat.envs.analysis.origin_proof import OriginProof, path_to, prove_origin
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.reference.replay import replay_actions
from turncoat.envs.world.world import World

WORLD = """
map: |
  ######
  #A..g#
  #...v#
  ######
legend:
  g: {zone: goal}
  v: {zone: vault}
agents:
  robot: {actions: [stay, up, down, left, right], values: {task: {weight: 1}, own: {weight: OWN}}}
rewards: {task: {}, own: {}PERFORMANCE}
rules:
  - name: goal
    when: robot on goal and robot moved
    pays: {task: 1SCORE}
  - name: vault
    when: robot on vault and robot moved
    pays: {PAID}
"""


def _origin(paid: str, own: str = "1", stated: str = "given", performance: bool = True) -> tuple[World, OriginProof]:
    text = WORLD.replace("PAID", paid).replace("OWN", own)
    text = text.replace("PERFORMANCE", ", performance: {hidden: true}" if performance else "")
    world = world_of(text.replace("SCORE", ", performance: 1" if performance else ""))
    return world, prove_origin(enumerate_world(world), stated)


def test_equal_everywhere_is_learned() -> None:
    _, origin = _origin("task: 1, performance: 1", stated="learned")
    assert (origin.proved, origin.agrees, origin.differing, origin.witness) == ("learned", True, 0, None)
    assert origin.transitions == 8 * 5


def test_a_channel_that_pays_for_harm_is_given_and_the_witness_replays() -> None:
    world, origin = _origin("own: 1, performance: -2")
    assert (origin.proved, origin.agrees) == ("given", True)
    assert origin.witness is not None
    _replays(world, origin)
    assert origin.witness.rewards == {"task": 0, "own": 1}
    assert origin.witness.performance == -2
    assert len(origin.witness.actions) == 4, "the vault is four steps away"


def test_a_channel_without_weight_gives_nothing() -> None:
    """It pays for the harm, but the agent does not care: reward and performance still differ."""
    _, origin = _origin("own: 1, performance: -2", own="0", stated="proxy")
    assert (origin.proved, origin.agrees) == ("proxy", True)


def test_reward_that_overlooks_a_harm_is_a_proxy_and_the_witness_replays() -> None:
    world, origin = _origin("performance: -2", stated="proxy")
    assert (origin.proved, origin.agrees) == ("proxy", True)
    assert origin.differing == 2, "into the vault from its left and from above"
    _replays(world, origin)
    assert origin.witness is not None
    assert origin.witness.rewards == {"task": 0, "own": 0}


def test_a_wrong_label_is_said_to_be_wrong() -> None:
    _, origin = _origin("own: 1, performance: -2", stated="learned")
    assert (origin.stated, origin.proved, origin.agrees) == ("learned", "given", False)


def test_what_a_search_chose_and_what_has_no_performance_is_unproved() -> None:
    _, origin = _origin("own: 1, performance: -2", stated="selected")
    assert (origin.proved, origin.agrees) == (None, None)
    _, origin = _origin("own: 1", performance=False)
    assert (origin.proved, origin.agrees) == (None, None)
    assert "no channel is hidden" in origin.why


@pytest.mark.parametrize(
    ("deployed", "gap", "proved", "words"),
    [
        ("task: 1, performance: 1", 0.0, "none", "wherever it is judged, and no best plan loses performance"),
        ("task: 1, performance: 1", 0.5, "learned", "a best plan loses 0.5 of the performance"),
        ("task: 1, performance: 1", None, None, "is not known"),
        ("task: 1, performance: -2", 0.0, "learned", "but not on 2 of 40 where it is judged"),
    ],
)
def test_where_nothing_is_wrong_that_holds_where_it_is_judged_too(
    deployed: str, gap: float | None, proved: str | None, words: str
) -> None:
    world, _ = _origin("task: 1, performance: 1")
    other, _ = _origin(deployed)
    origin = prove_origin(enumerate_world(world), "none", enumerate_world(other), gap)
    assert (origin.proved, origin.agrees) == (proved, None if proved is None else proved == "none")
    assert words in origin.why


def test_a_reward_that_differs_in_training_is_never_none() -> None:
    world, _ = _origin("performance: -2")
    assert prove_origin(enumerate_world(world), "none", enumerate_world(world), 0.0).proved == "proxy"


def _replays(world: World, origin: OriginProof) -> None:
    """Played, the witness's actions lead to its state, and its last action pays what it says."""
    witness = origin.witness
    assert witness is not None
    before = replay_actions(world, [[action] for action in witness.actions[:-1]], {})
    whole = replay_actions(world, [[action] for action in witness.actions], {})
    start, reached = before.states[0].tolist(), before.states[-1].tolist()
    differing = {f.name: b for f, a, b in zip(world.fields, start, reached, strict=True) if a != b}
    assert differing == witness.state
    paid = {name: whole.pays[name] - before.pays[name] for name in whole.pays}
    weighted = dict(zip(world.channels, world.agents[0].weights, strict=True))
    assert {name: paid[name] * weighted[name] for name in paid} == pytest.approx(witness.rewards)
    assert whole.performance - before.performance == pytest.approx(witness.performance)


def test_the_way_to_a_state_is_a_shortest_one() -> None:
    world, _ = _origin("own: 1, performance: -2")
    enumeration = enumerate_world(world)
    cell = world.columns["robot.cell"].index
    for number, state in enumerate(enumeration.states):
        row, column = divmod(int(state[cell]), world.boards.width)
        way = path_to(enumeration.mdp, number)
        assert len(way) == (row - 1) + (column - 1)
        assert replay_actions(world, [[action] for action in way], {}).states[-1].tolist() == state.tolist()

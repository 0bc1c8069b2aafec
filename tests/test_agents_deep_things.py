"""Things of a kind in the deep agent: what happens to one is learned for all, and none is told from another."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.worlds import world_of
from turncoat.agents.deep.agent import DeepAgent
from turncoat.agents.deep.checkpoint import load_deep, save_deep
from turncoat.agents.deep.encoding import StateEncoding
from turncoat.agents.deep.ensemble_model import EnsembleModel
from turncoat.agents.deep.hyperparameters import DeepOptions, ModelOptions, ValueOptions
from turncoat.agents.deep.thing_network import ThingEnsemble
from turncoat.agents.deep.transition_buffer import TransitionBuffer
from turncoat.agents.learning import snapshot
from turncoat.agents.learning.device import training_thread
from turncoat.envs.base import Longs
from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.reference.observation_spec import observation_spec

ORCHARD = """
map: |
  #######
  #t.A.t#
  #.....#
  #t.s.t#
  #######
legend:
  t: tree
  s: shed
things:
  tree: {kind: decor, fields: {felled: {}, height: {max: 3, start: 2}}}
  shed: {kind: decor}
counters:
  wood: {max: 4}
agents:
  robot:
    actions: [up, down, left, right, fell]
    values: {reward: {weight: 1}}
    discount: 0.9
rewards: {reward: {}, performance: {hidden: true}}
rules:
  - name: felling
    each: tree
    when: robot does fell and robot on tree and tree.felled == 0
    then:
      - tree.felled = 1
      - wood += 1
    pays: {reward: 1}
stages: {deploy: {limit: 12}}
"""
SMALL = DeepOptions(
    model=ModelOptions(members=2, hidden=48, batch=64, updates=16),
    values=ValueOptions(channels=8, layers=2, hidden=48, lanes=32, depth=8, batch=128, real=64),
    lanes=8,
    round=64,
    warm_up=128,
)


@pytest.fixture(scope="module")
def orchard() -> Enumeration:
    return enumerate_world(world_of(ORCHARD))


def _states(orchard: Enumeration, encoding: StateEncoding) -> Longs:
    live = ~orchard.mdp.ended
    return encoding.states(observe(orchard.world, orchard.states)[live], orchard.mdp.available[live])


def _exchanged(states: torch.Tensor, one: Longs, other: Longs) -> torch.Tensor:
    out = states.clone()
    out[:, one], out[:, other] = states[:, other], states[:, one]
    return out


def test_things_of_a_kind_are_told_as_such_with_the_columns_of_each(orchard: Enumeration) -> None:
    world, spec = orchard.world, observation_spec(orchard.world)
    names = [world.fields[column].name for column in world.agents[0].sees]

    (trees,) = spec.alike

    assert [[names[column] for column in tree] for tree in trees] == [
        [f"tree[{number}].{field}" for field in ("cell", "felled", "height")] for number in range(4)
    ]


def test_a_stage_with_other_kinds_is_another_world(orchard: Enumeration) -> None:
    spec = observation_spec(orchard.world)
    spec.check_next(spec)
    with pytest.raises(ValueError, match="other fields"):
        spec.check_next(replace(spec, alike=()))


def test_the_value_network_sees_where_things_of_a_kind_are_and_how_they_are(orchard: Enumeration) -> None:
    encoding = StateEncoding(observation_spec(orchard.world), 5, 1, "cpu")
    states = torch.as_tensor(_states(orchard, encoding))
    (trees,) = encoding.senses.alike
    felled = states[:, trees[:, 1]].bool()

    board = encoding.board(states)

    # Walls and zones, the robot, the shed, the trees, whether each is felled, its height, and two coordinates.
    kinds, fields = board[:, -6:-4].flatten(2), board[:, -4:-2].flatten(2)
    assert (kinds.sum(dim=2) == torch.tensor([1, 4])).all() or (kinds.sum(dim=2) == torch.tensor([4, 1])).all()
    at = fields[:, 0].gather(1, states[:, trees[:, 0]])
    np.testing.assert_array_equal(at.bool().numpy(), felled.numpy())
    assert torch.allclose(fields[:, 1].sum(dim=1), torch.tensor(4 * 2 / 3))
    exchanged = encoding.board(_exchanged(states, trees[0], trees[3]))
    assert torch.equal(board, exchanged)


def test_the_model_tells_no_thing_from_another_of_its_kind(orchard: Enumeration) -> None:
    encoding = StateEncoding(observation_spec(orchard.world), 5, 1, "cpu")
    model = EnsembleModel(encoding, 1, SMALL.model, seed=1)
    assert isinstance(model.net, ThingEnsemble)
    for weights in model.steady.parameters():  # no output is the same by chance
        weights.add_(0.1 * torch.randn_like(weights, generator=torch.Generator().manual_seed(2)))
    states = torch.as_tensor(_states(orchard, encoding))[::7]
    (trees,) = encoding.senses.alike
    pays, one, other = [1], trees[1], trees[2]

    told = model.branches(states.expand(2, -1, -1), pays)
    again = model.branches(_exchanged(states, one, other).expand(2, -1, -1), pays)

    swapped = again.next_state.flatten(0, -2).clone()
    swapped = _exchanged(swapped, one, other).view_as(again.next_state)
    assert torch.equal(told.next_state, swapped)
    assert torch.equal(told.paid, again.paid)
    assert torch.equal(told.ended, again.ended)
    assert torch.allclose(told.certainty, again.certainty, atol=1e-6)


def test_what_happened_to_one_thing_is_foretold_of_another(orchard: Enumeration) -> None:
    """It saw only two of the trees felled, wherever they stood, and knows what comes of felling the others."""
    spec, fell, rng = observation_spec(orchard.world), 4, np.random.default_rng(0)
    encoding = StateEncoding(spec, 5, 1, "cpu")
    (trees,) = spec.alike
    names = [orchard.world.fields[column].name for column in orchard.world.agents[0].sees]
    robot, floor = names.index("robot.cell"), np.flatnonzero(~spec.cell_features[0, :-1, 0])

    def felling(tree: int) -> tuple[Longs, Longs]:
        """A state with trees anywhere and the robot on one of them, and the state after it was felled."""
        seen = np.zeros(spec.sizes.size, np.int64)
        seen[trees[:, 0]] = rng.choice(floor, 4, replace=False)
        seen[robot], seen[names.index("shed.cell")] = seen[trees[tree, 0]], rng.choice(floor)
        after = seen.copy()
        after[trees[tree, 1]] = after[names.index("wood")] = 1
        able = np.ones(5, np.bool_)
        return encoding.state(seen, able), encoding.state(after, able)

    replay = TransitionBuffer(encoding.n_columns, 5, 1, 20_000, torch.device("cpu"))
    for number in range(800):
        state, after = felling(number % 2)
        replay.record(state, fell, 1.0, np.ones(1), after, False, False)
        elsewhere = state.copy()
        elsewhere[robot] = rng.choice(np.setdiff1d(floor, state[trees[:, 0]]))
        for action, where in ((fell, elsewhere), (0, state)):
            replay.record(where, action, 1.0, np.zeros(1), where, False, False)
    model = EnsembleModel(encoding, 1, replace(SMALL.model, members=1, batch=128), seed=0)
    with training_thread():
        model.train(replay, 250, torch.Generator().manual_seed(0))
    states, afters = (np.stack(each) for each in zip(*(felling(2 + number % 2) for number in range(200)), strict=True))

    told = model.outcomes(torch.as_tensor(states)[None], replay.pay_count)

    right = (told.next_state[0, :, fell].numpy() == afters).all(axis=1)
    assert right.mean() > 0.9
    assert (replay.rewards(told.paid)[0, :, fell, 0] == 1).float().mean() > 0.9


def test_an_agent_with_things_of_a_kind_is_kept_and_goes_on(orchard: Enumeration, tmp_path: Path) -> None:
    its = orchard.world.agents[0]
    spec = observation_spec(orchard.world)
    agent = DeepAgent(spec, orchard.world.channels, 5, its.weights, its.discounts, SMALL)
    agent.fit(TabularTrainingEnv(orchard), 192, seed=1)
    save_deep(agent, tmp_path / "kept.safetensors")
    seen, mask = observe(orchard.world, orchard.states)[:50], orchard.mdp.available[:50]

    kept, copy = load_deep(tmp_path / "kept.safetensors"), snapshot.make(*snapshot.take(agent))

    kept.enter(spec)
    for again in (kept, copy):
        np.testing.assert_array_equal(again.act(seen, None, mask)[0], agent.act(seen, None, mask)[0])
    with training_thread():
        assert kept.learner.train(2) == copy.learner.train(2)

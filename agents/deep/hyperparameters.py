"""The hyperparameters of the agent in `agent`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ...envs.reference.observation_spec import ObservationSpec
from ...envs.world.part_spec import ENUMERATE, PartSpec
from ..records.attribution import WEIGHTED, DeliberationRule

SIMULATIONS: Final = 16
"""Of a search where the file names no planner of its own."""
CONSIDERED: Final = 16
"""The most actions that are tried at the root of a search, where the file says nothing else."""


class SearchBudget(NamedTuple):
    """How much is searched for one decision.

    Attributes:
        simulations: paths that are simulated; 0: none, the policy prior decides.
        considered: the most actions tried at the root.
        states: of a graph, which is searched in place of a tree; 0: it is a tree.
    """

    simulations: int = SIMULATIONS
    considered: int = CONSIDERED
    states: int = 0


def search_budget(planner: PartSpec, states: int = 0) -> SearchBudget:
    """The budget that a planner's name and parameters stand for.

    `enumerate`, which every file has that names no planner, is the search by default: there is no table to enumerate.
    `mcts` is the search of a tree with its own `simulations` and `considered`; `none` is no search.

    Args:
        planner: of the file.
        states: of the graph that is searched by default; 0: a tree of `SIMULATIONS` is.

    Raises:
        ValueError: another planner or parameter.
    """
    if planner.name == "enumerate":
        return SearchBudget(states=states)
    if planner.name == "none":
        return SearchBudget(0)
    unknown = set(planner.parameters) - {"simulations", "considered"}
    if planner.name != "mcts" or unknown:
        what = ", ".join(sorted(unknown)) if unknown else planner.name
        raise ValueError(f"`deep` searches on networks: it takes the planners enumerate, none, mcts (simulations,"
                         f" considered), and not `{what}`")  # fmt: skip
    budget = SearchBudget(**planner.parameters)
    if budget.simulations < 1 or budget.considered < 1:
        raise ValueError("simulations and considered are at least 1")
    return budget


@dataclass(frozen=True)
class ModelOptions:
    """The shape of the world model, and how it is trained.

    Attributes:
        members: E; branches: M, used once a pair of state and action has had two outcomes; hidden: units of each layer.
        reach: how many cells the crops round bodies extend to every side.
        learn_rate, weight_decay: of AdamW; batch: transitions per member and update; updates: per round of training.
        change_weight: factor on the loss of a column that changed.
    """

    members: int = 3
    branches: int = 4
    hidden: int = 128
    reach: int = 2
    learn_rate: float = 2e-3
    weight_decay: float = 1e-2
    batch: int = 128
    updates: int = 32
    change_weight: float = 2.0

    def __post_init__(self) -> None:
        if min(self.members, self.branches, self.hidden, self.batch, self.updates) < 1 or self.reach < 0:
            raise ValueError("members, branches, hidden, batch and updates are at least 1, reach at least 0")
        if min(self.learn_rate, self.change_weight) <= 0 or self.weight_decay < 0:
            raise ValueError("learn_rate and change_weight are above 0, weight_decay not below")


@dataclass(frozen=True)
class ValueOptions:
    """The shape of the value network, and how values and policies are learned.

    Attributes:
        channels: of each of `layers` convolutions of 3 x 3; hidden: units of each member's dense layers. Without
            convolutions (0 layers) the network sees what the world model sees, and has two dense layers.
        trace: the lambda of V-trace.
        sharpness: beta; how far one step of policy improvement goes, see `imagined_graph`; sweeps: steps per round.
        lanes, depth: imagined rollouts per round, and their ticks; epochs, batch: of the updates on them.
        rim: share of the rollouts which, where they end or come to what was imagined already, go on at the rim of the
            graph: in a state that some action leads to and that was not imagined yet. Others go on in a replayed one.
        explorers: share of the rollouts that seek novelty; novelty_discount: of that head.
        real: replayed transitions per round from which values are learned too.
        learn_rate: of Adam.
        value_weight: of the value losses against that of the policy.
        own_every: the heads' own optima are learned in every so many rounds; 0: never.
        target_decay: of the target network per update, which judges the heads' own optima.
        inner: the first convolution has no padding: the cells on the rim are seen by those beside them, and on a board
            of 9 x 9 all that follows costs 0.6 of what it would. Boards with a side below 3 are padded.
    """

    channels: int = 16
    layers: int = 3
    hidden: int = 128
    trace: float = 0.95
    sharpness: float = 8.0
    lanes: int = 255
    depth: int = 16
    epochs: int = 2
    batch: int = 512
    explorers: float = 0.25
    novelty_discount: float = 0.97
    sweeps: int = 32
    real: int = 256
    learn_rate: float = 1e-3
    value_weight: float = 1.0
    own_every: int = 1
    target_decay: float = 0.98
    inner: bool = False
    rim: float = 0.0

    def __post_init__(self) -> None:
        if min(self.channels, self.hidden, self.sweeps, self.lanes, self.depth, self.epochs) < 1:
            raise ValueError("channels, hidden, sweeps, lanes, depth and epochs are at least 1")
        if min(self.layers, self.own_every) < 0 or self.learn_rate <= 0:
            raise ValueError("layers and own_every are at least 0, learn_rate above 0")
        if not (self.explorers >= 0 and 0 <= self.trace <= 1 and 0 <= self.target_decay < 1 and 0 <= self.rim <= 1):
            raise ValueError("explorers is at least 0, trace and rim between 0 and 1, target_decay below 1")
        if not 0 < self.novelty_discount < 1:
            raise ValueError("novelty_discount is between 0 and 1")


@dataclass(frozen=True)
class DeepOptions:
    """Hyperparameters of a `DeepAgent`.

    Attributes:
        model: the world model; values: the value network.
        lanes: episodes that are lived through in parallel in training, where the environment can be had several times.
        round: environment steps between two rounds of training; warm_up: steps before the first.
        capacity: the most transitions that are kept for replay, the latest ones.
        explore: share of the training episodes in which it seeks novelty.
        deliberation: the rule that makes one choice of K values.
        planner: the search behind each deployed decision, see `search_budget`; graph: its `states`.
        device: of the networks, the search and the replay (`cpu`, `cuda`); a run is reproducible only on the same one.
    """

    model: ModelOptions = field(default_factory=ModelOptions)
    values: ValueOptions = field(default_factory=ValueOptions)
    lanes: int = 32
    round: int = 512
    warm_up: int = 512
    capacity: int = 200_000
    explore: float = 0.25
    deliberation: DeliberationRule = WEIGHTED
    planner: PartSpec = ENUMERATE
    graph: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if min(self.lanes, self.round) < 1 or min(self.warm_up, self.graph) < 0:
            raise ValueError("lanes and round are at least 1, warm_up and graph at least 0")
        if self.capacity < self.lanes:
            raise ValueError("capacity is at least lanes: the ticks of all lanes are kept together")
        search_budget(self.planner)
        if not 0 <= self.explore <= 1:
            raise ValueError("explore is between 0 and 1")


SMALL: Final = DeepOptions(
    model=ModelOptions(updates=64), values=ValueOptions(layers=0, learn_rate=3e-3), round=1_024, explore=0.5, graph=32
)
"""For a world with one map, in which convolutions would see the same walls every time and much of it can be tried: none
of them, more exploration, and fewer rounds of more learning. It plans in a graph of what lies around."""
MANY_MAPS: Final = DeepOptions(
    model=ModelOptions(hidden=64, updates=64),
    values=ValueOptions(channels=32, lanes=127, depth=32, rim=1.0, inner=True, own_every=2, batch=128, learn_rate=2e-3),
    lanes=128,
    round=2_048,
    warm_up=2_048,
    explore=0.0,
    graph=64,
)
"""For a world with many maps, each of which is seen a few times: many lanes and long rounds, since maps are what is
scarce; few maps are imagined in a round, and those whole, since rollouts go on at the rim; many updates, of the model
above all, which all of it rests on; no novelty. It plans in a graph of what lies around, since values know little of a
new map."""
LEAN: Final = DeepOptions(
    model=ModelOptions(hidden=64, updates=16),
    values=ValueOptions(hidden=64, inner=True, own_every=0),
    lanes=128,
    round=2_048,
    warm_up=2_048,
    explore=0.0,
)
"""Less learning per environment step, smaller networks and no novelty, for worlds with steps enough."""


def shipped_options(senses: ObservationSpec) -> DeepOptions:
    """What the agent named `deep` is trained with: `SMALL` where there is one map, else `MANY_MAPS`."""
    return SMALL if len(senses.cell_features) == 1 else MANY_MAPS

"""The world model of rules: categorical counts over learned local contexts, one decision tree per output.

The outcome of a tick is factorised autoregressively: each output is predicted given those before it, in the order
places, the end, other fields, available actions, rewards. So correlated randomness of several fields is representable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ...envs.base import Bools, Floats, Longs
from ...envs.reference.observation_spec import ObservationSpec
from .features import Factor, Geometry, TickFactors, factors_before, factors_told
from .output_model import FieldWays, Rules, learn_plain, recount
from .rule_hierarchy import RuleHierarchy

_SENSES: Final = {
    "sizes": "sizes",
    "places": "is_cell",
    "layout": "layout",
    "height": "height",
    "width": "width",
    "looks": "cell_features",
}
"""The name in the file of each field of `ObservationSpec`."""
_COLUMNS: Final = ("now", "after", "action", "map", "ended", "rewards", "shown")


@dataclass(frozen=True, eq=False)
class PredictedOutcomes:
    """The predicted outcomes of n ticks: M in all, grouped by tick.

    Attributes:
        tick: int64 `[M]`, which tick.
        state: int64 `[M, O + 1]`, the next state.
        probability: float64 `[M]`; rewards: float64 `[M, K]`; ended: bool `[M]`.
        tried: int64 `[M]`, the smallest number of training ticks of any rule behind the outcome.
    """

    tick: Longs
    state: Longs
    probability: Floats
    rewards: Floats
    ended: Bools
    tried: Longs


@dataclass(frozen=True, eq=False)
class FiredContexts:
    """What the rules of one output say of n given ticks.

    Attributes:
        number: of the output; kind, i: what it is, as in `RulesModel.outputs`.
        rules: its Y symbols and their counts.
        ticks: with the outputs before it revealed.
        context: int64 `[n]`, the context that predicts each tick.
        came: int64 `[n]`, the symbol of what comes in it; values: `[Y, n]`, what each symbol would be there.
    """

    number: int
    kind: str
    i: int
    rules: Rules
    ticks: TickFactors
    context: Longs
    came: Longs
    values: npt.NDArray[Any]


class RulesModel:
    """A world model that keeps every tick and learns one set of rules per output; it cannot predict before any tick.

    A state is an observation with one more column: the index of the set of actions available in it.

    Attributes:
        outputs: what is predicted, in order: `field`, `ended`, `available` or `pay`, and the index of field or channel.
        rules: one per output, of the last `learn`; hierarchies: the same as rules with exceptions.
        seen_maps: the map of each stage entered, the first included; ticks take place on the last.
        masks: bool `[m, A]`, every set of available actions seen so far; the first is the empty set.
        starts: initial states of episodes, with their counts.
        n: ticks kept.
    """

    def __init__(self, senses: ObservationSpec, n_actions: int, n_channels: int) -> None:
        self.n_actions, self.n_channels = n_actions, n_channels
        self.geometry = Geometry(senses)
        self.seen_maps = [senses]
        self.outputs = _chain(senses, n_channels)
        self._end = self.outputs.index(("ended", 0))
        self.factors_before = factors_before(self.geometry)
        self.rules: list[Rules] = []
        self.hierarchies: list[RuleHierarchy] = []
        self._since: dict[tuple[int, int], int] = {}
        self._learned_from = 0
        self._usual_counts: dict[int, tuple[Longs, Longs]] = {}
        self.masks: Bools = np.zeros((0, n_actions), np.bool_)
        self.starts: dict[tuple[int, ...], int] = {}
        self.n = 0
        self._map = 0
        self._mask_ids: dict[bytes, int] = {}
        self._add_mask(np.zeros(n_actions, np.bool_))
        self._pays: list[dict[float, int]] = [{0.0: 0} for _ in range(n_channels)]
        fields = senses.sizes.size
        self._now, self._after = np.zeros((2, 64, fields + 1), np.int64)
        self._action, self._maps = np.zeros((2, 64), np.int64)
        self._ended, self._shown = np.zeros((2, 64), np.bool_)
        self._rewards = np.zeros((64, n_channels))
        self._seen_by: list[list[Factor]] = []
        self._ways: dict[int, FieldWays] = {}
        self._link()

    def enter(self, senses: ObservationSpec) -> None:
        """Moves the model to the map of another stage, on which later ticks take place.

        Raises:
            ValueError: other fields or another size of map.
        """
        self._map = self.geometry.add_map(senses)
        self.seen_maps.append(senses)

    # Learning

    def state(self, observation: Longs, mask: Bools) -> Longs:
        """int64 `[O + 1]`: an observation with the number of its set of available actions."""
        key = mask.tobytes()
        return np.append(observation, self._mask_ids[key] if key in self._mask_ids else self._add_mask(mask))

    def begin(self, state: Longs) -> None:
        """Counts an initial state of an episode."""
        key = tuple(state.tolist())
        self.starts[key] = self.starts.get(key, 0) + 1

    def record(self, state: Longs, action: int, after: Longs, rewards: Floats | None, ended: bool) -> None:
        """Keeps one tick; `learn` learns from it. `rewards` float64 `[K]` are None where they are withheld."""
        if self.n == len(self._action):  # capacity doubles, so recording is O(1) amortised
            for name in ("_now", "_after", "_action", "_maps", "_ended", "_shown", "_rewards"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        n = self.n
        self._now[n], self._after[n], self._action[n], self._maps[n] = state, after, action, self._map
        self._ended[n], self._shown[n] = ended, rewards is not None
        self._rewards[n] = 0.0 if rewards is None else rewards
        self.n += 1

    def forget_rewards(self) -> None:
        """Marks the rewards of all kept ticks as withheld."""
        self._shown[:] = False
        self._rewards[:] = 0.0

    def learn(self, which: Sequence[bool] | None = None, n: int | None = None) -> None:
        """Learns the rules of all outputs from every tick, or from the first n.

        Args:
            which: outputs whose rules are learned anew, in the encoding that they have; the others keep their rules and
                only recount. None: all are learned anew, in any encoding.
            n: number of ticks; None: all.
        """
        self._learned_from = self.n if n is None else n
        told = self._told(slice(0, self._learned_from))
        self.rules = [self._learned(number, ticks, came, which) for number, ticks, came in told]
        self.hierarchies = [RuleHierarchy(rules) for rules in self.rules]
        keys = [(number, key) for number, its in enumerate(self.hierarchies) for _, key in its.keys]
        for number, rules in enumerate(self.rules):
            keys += [] if rules.usual is None else [(number, key) for key in rules.usual.names]
        self._since = {key: self._since.get(key, self._learned_from) for key in keys}
        self._usual_counts = {}

    def unexplained(self, since: int) -> list[bool]:
        """Per output: whether some tick from number `since` on differs from the likeliest prediction of its rules."""
        out = []
        for number, ticks, came in self._told(slice(since, self.n)):
            rules = self.rules[number]
            symbols = rules.symbols(self._written(number, rules, ticks, came))
            likeliest = np.array([kept[0] for kept, _ in rules.outcomes])
            out.append(bool((symbols != likeliest[rules.place(ticks)]).any()))
        return out

    # Explaining

    @property
    def knowledge(self) -> tuple[int, int, int]:
        """How many rules it holds, how many of these are exceptions to others, how many states it remembers whole."""
        rules = sum(its.n_rules for its in self.hierarchies)
        rules += sum(its.usual.keys.size for its in self.rules if its.usual is not None)
        exceptions = sum(its.n_exceptions for its in self.hierarchies)
        return rules, exceptions, sum(its.memory.keys.size for its in self.rules)

    def fired(
        self, states: Longs, actions: Longs, after: Longs, rewards: Floats, ended: Bools
    ) -> Iterator[FiredContexts]:
        """What the rules of each output say of ticks that go as given, in the order in which outputs are predicted.

        Args:
            states: int64 `[n, O + 1]`, before each tick, on the map entered last.
            actions: int64 `[n]`.
            after: int64 `[n, O + 1]`, as the model predicts it; so are `rewards` and `ended`.
            rewards: float64 `[n, K]`.
            ended: bool `[n]`.
        """
        ticks = self.ticks(states, actions)
        every = np.arange(len(actions))
        for number, (kind, i) in enumerate(self.outputs):
            rules, way = self.rules[number], self._ways.get(number)
            symbols = np.arange(rules.alphabet.size)
            if way is not None:
                came = after[:, i]
                written = self._written(number, rules, ticks, came)
                repeated = ticks.take(np.tile(every, symbols.size))
                values: npt.NDArray[Any] = way.read(rules, repeated, np.repeat(symbols, every.size))
                values = values.reshape(symbols.size, every.size)
            else:
                if kind == "pay":
                    came = np.array([self._pays[i].get(pay, 0) for pay in rewards[:, i].tolist()], np.int64)
                else:
                    came = ended.astype(np.int64) if kind == "ended" else np.where(ended, 0, after[:, -1])
                written = came
                told = np.array(list(self._pays[i])) if kind == "pay" else np.arange(rules.alphabet.max() + 1)
                values = np.repeat(told[rules.alphabet][:, None], every.size, axis=1)
            context = rules.place(ticks)
            likeliest = np.array([kept[0] for kept, _ in rules.outcomes])[context]
            found = rules.symbols(written)
            # What a clipped change comes to may have no code of its own.
            yield FiredContexts(number, kind, i, rules, ticks, context, np.where(found >= 0, found, likeliest), values)
            if way is not None:
                ticks.after[i] = came
            else:
                ticks.plain[number] = came

    def since(self, number: int, node: int, at: int = -1) -> int:
        """After how many ticks a rule of an output came to be held; it was kept ever since.

        Args:
            number: of the output.
            node: of its tree.
            at: the place in its table of usual changes, for a root that says "as usual"; else -1.
        """
        usual = self.rules[number].usual
        key = self.hierarchies[number].key_of(node) if at < 0 or usual is None else usual.names[at]
        return self._since[number, key]

    def usual_counts(self, number: int, at: int) -> tuple[int, int]:
        """How often the usual change at a place of a field's table came, and how often its factors had those values."""
        if number not in self._usual_counts:
            usual, i = self.rules[number].usual, self.outputs[number][1]
            assert usual is not None, "it has a table"
            rows = slice(0, self._learned_from)
            ticks = TickFactors(self.geometry, self._now[rows], self._action[rows], self._maps[rows])
            change = self.geometry.change(i, self._now[rows, i], self._after[rows, i])
            index = usual.index(ticks)
            hit = (index >= 0) & (change == usual.changes[index])
            size = usual.keys.size
            self._usual_counts[number] = (
                np.bincount(index[hit], minlength=size),
                np.bincount(index[index >= 0], minlength=size),
            )
        right, seen = self._usual_counts[number]
        return int(right[at]), int(seen[at])

    def plain_value(self, number: int, value: int) -> tuple[float, ...]:
        """A value of an output that is no field: whether it ends, the available actions, or a pay."""
        kind, i = self.outputs[number]
        if kind == "available":
            return tuple(np.flatnonzero(self.masks[value]).tolist())
        return (list(self._pays[i])[value],) if kind == "pay" else (value,)

    # Predicting

    def predict(self, states: Longs, actions: Longs) -> PredictedOutcomes:
        """The outcomes of actions int64 `[n]` in states int64 `[n, O + 1]`, on the map entered last."""
        tick = np.arange(len(actions))
        chance = np.ones(tick.size)
        tried = np.full(tick.size, np.iinfo(np.int64).max)
        ticks = TickFactors(self.geometry, states, actions, np.full(tick.size, self._map))
        for number, rules in enumerate(self.rules):
            way = self._ways.get(number)
            if way is not None:
                way.look_ahead(rules.usual, ticks)
            leaf = rules.place(ticks)
            tried = np.minimum(tried, rules.weight[leaf])
            # A stochastic output splits each tick into its branches, on which the later outputs are conditioned.
            rows, symbols, share = rules.branches(leaf)
            if rows is not None:
                ticks, tick, chance, tried = ticks.take(rows), tick[rows], chance[rows] * share, tried[rows]
            if way is not None:
                ticks.after[way.i] = way.read(rules, ticks, symbols)
            else:
                came = rules.alphabet[symbols]
                if (
                    self.outputs[number][0] == "available"
                ):  # nothing is available after the end; rewards may depend on it
                    came = np.where(ticks.plain[self._end] > 0, 0, came)
                ticks.plain[number] = came
        return self._assembled(ticks, tick, chance, tried)

    def ticks(self, states: Longs, actions: Longs) -> TickFactors:
        """The features of actions `[n]` in states `[n, O + 1]`, on the map entered last."""
        return TickFactors(self.geometry, states, actions, np.full(len(actions), self._map))

    def tried_before(self) -> TickFactors:
        """The features of every kept tick, with none of its outcome revealed."""
        rows = slice(0, self.n)
        return TickFactors(self.geometry, self._now[rows], self._action[rows], self._maps[rows])

    def is_small(self, factor: Factor) -> bool:
        """Whether the factor is a number that is no place, the glyph under a thing, or whether two things touch."""
        if factor.kind == "now":
            return not self.geometry.places[factor.i]
        return factor.kind == "near" or (factor.kind == "glyph" and factor.other < 0)

    # Keeping

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All ticks, maps, masks and starts, from which the rules can be learned again."""
        ticks = (self._now, self._after, self._action, self._maps, self._ended, self._rewards, self._shown)
        return {
            **{name: column[: self.n] for name, column in zip(_COLUMNS, ticks, strict=True)},
            **{
                f"sense_{name}": np.stack([getattr(m, field) for m in self.seen_maps])
                for name, field in _SENSES.items()
            },
            "masks": self.masks,
            "rule_names": np.array(list(self._since), np.int64).reshape(-1, 2),
            "rule_since": np.array(list(self._since.values()), np.int64),
            "start_state": np.array(list(self.starts), np.int64),
            "start_count": np.array(list(self.starts.values()), np.int64),
        }

    def restore(self, data: dict[str, npt.NDArray[Any]]) -> None:
        """Takes what `arrays` gave into a model that is still empty; nothing is learned from it yet."""
        if "rule_since" in data:  # older files have none
            names = ((output, name) for output, name in data["rule_names"].tolist())
            self._since = dict(zip(names, data["rule_since"].tolist(), strict=True))
        for mask in data["masks"][1:]:
            self._add_mask(mask)
        columns = (data[name].copy() for name in _COLUMNS)
        self._now, self._after, self._action, self._maps, self._ended, self._rewards, self._shown = columns
        self.n = len(self._action)
        counts = data["start_count"].tolist()
        self.starts = {tuple(s): n for s, n in zip(data["start_state"].tolist(), counts, strict=True)}

    # Inside

    def _link(self) -> None:
        """Sets the candidate factors of each output: those known before the tick, and the outputs before it."""
        told: list[int] = []
        plain: list[Factor] = []
        for number, (kind, i) in enumerate(self.outputs):
            factors = self.factors_before + factors_told(self.geometry, told) + plain
            self._seen_by.append(factors)
            if kind == "field":
                self._ways[number] = FieldWays(self.geometry, i, factors, list(told))
                told.append(i)
            else:
                plain = [*plain, Factor("plain", number)]

    def _add_mask(self, mask: Bools) -> int:
        self._mask_ids[mask.tobytes()] = len(self.masks)
        self.masks = np.concatenate([self.masks, mask[None]])
        return len(self.masks) - 1

    def _told(self, rows: slice) -> Iterator[tuple[int, TickFactors, Longs]]:
        """Yields per output the kept ticks that show it, with all earlier outputs revealed, and its values."""
        ticks = TickFactors(self.geometry, self._now[rows], self._action[rows], self._maps[rows])
        live, shown = np.flatnonzero(~self._ended[rows]), np.flatnonzero(self._shown[rows])
        for number, (kind, i) in enumerate(self.outputs):
            match kind:
                case "field":
                    yield number, ticks, self._after[rows, i]
                    ticks.after[i] = self._after[rows, i]
                    continue
                case "ended":
                    came = self._ended[rows].astype(np.int64)
                    yield number, ticks, came
                case "available":
                    came = self._after[rows, -1]
                    yield number, ticks.take(live), came[live]
                case _:
                    ids = self._pays[i]
                    pays = self._rewards[rows, i].tolist()
                    came = np.array([ids.setdefault(pay, len(ids)) for pay in pays], np.int64)
                    yield number, ticks.take(shown), came[shown]
            ticks.plain[number] = came

    def _learned(self, number: int, ticks: TickFactors, came: Longs, which: Sequence[bool] | None) -> Rules:
        old = self.rules[number] if self.rules and which is not None else None
        if old is not None and which is not None and not which[number]:
            counted = recount(old, ticks, self._written(number, old, ticks, came))
            if counted is not None:
                return counted
        factors = self._seen_by[number]
        sizes = [self._size(factor) for factor in factors]
        if number in self._ways:
            return self._ways[number].learn(ticks, came, sizes, old)
        return learn_plain(ticks, factors, sizes, came)

    def _size(self, factor: Factor) -> int:
        if factor.kind == "action":
            return self.n_actions
        if factor.kind != "plain":
            return self.geometry.size(factor)
        kind, channel = self.outputs[factor.i]
        return {"ended": 2, "available": len(self.masks)}.get(kind) or len(self._pays[channel])

    def _written(self, number: int, rules: Rules, ticks: TickFactors, came: Longs) -> Longs:
        """int64 `[n]`: the values in the encoding of the rules; also sets the `ahead` factors that their tree tests."""
        way = self._ways.get(number)
        if way is None:
            return came
        way.look_ahead(rules.usual, ticks)
        return way.written(rules.way, rules.usual, ticks, came)

    def _assembled(self, ticks: TickFactors, tick: Longs, chance: Floats, tried: Longs) -> PredictedOutcomes:
        came = {output: ticks.plain[number] for number, output in enumerate(self.outputs) if output[0] != "field"}
        state = np.empty((tick.size, ticks.now.shape[1]), np.int64)
        for i, column in ticks.after.items():
            state[:, i] = column
        state[:, -1] = came["available", 0]
        pays = [np.array(list(ids), np.float64)[came["pay", k]] for k, ids in enumerate(self._pays)]
        return PredictedOutcomes(tick, state, chance, np.stack(pays, axis=1), came["ended", 0] > 0, tried)


def maps_from(data: dict[str, npt.NDArray[Any]]) -> list[ObservationSpec]:
    """The maps in what `RulesModel.arrays` gave."""
    columns = [data[f"sense_{name}"] for name in _SENSES]
    return [
        ObservationSpec(sizes, places, int(layout), int(height), int(width), looks)
        for sizes, places, layout, height, width, looks in zip(*columns, strict=True)
    ]


def _chain(senses: ObservationSpec, n_channels: int) -> tuple[tuple[str, int], ...]:
    places, others = np.flatnonzero(senses.is_cell).tolist(), np.flatnonzero(~senses.is_cell).tolist()
    fields = [("field", i) for i in places], [("field", i) for i in others]
    return (*fields[0], ("ended", 0), *fields[1], ("available", 0), *(("pay", k) for k in range(n_channels)))

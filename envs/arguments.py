"""What every environment accepts as a seed and as an action: integers of any type, within bounds, and nothing else.

Values are checked before they are converted, so that nothing is cut or wraps around on the way: neither 1.5, nor True,
nor 2 ** 32 is an action.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from ..scenarios.arguments import shown, whole_number
from ..scenarios.errors import ArgumentError

MOST_SEED = 2**64 - 1
"""The largest seed: random streams are keyed by 64 bits."""


def checked_seed(seed: object) -> int:
    """A seed as an int from 0 to `MOST_SEED`; negative ones are refused, since libraries give them different meanings.

    Raises:
        ArgumentError: it is none.
    """
    return whole_number("seed", seed, 0, MOST_SEED)


def checked_options(options: object) -> Mapping[str, Any]:
    """The options of a reset; none if they are None.

    Raises:
        ArgumentError: they are no mapping.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise ArgumentError(f"`options` is a mapping, not {shown(options)}")
    return options


def action_index(action: object, count: int) -> int:
    """The index of an action, from 0 to `count - 1`, as an int.

    Raises:
        ArgumentError: there is no such action, or it is no integer.
    """
    index = action if type(action) is int else _integer(action, count)
    if not 0 <= index < count:
        raise ArgumentError(f"no action {shown(index)}; there are 0 to {count - 1}")
    return index


def action_indices(actions: object, lanes: int, count: int) -> npt.NDArray[np.integer[Any]]:
    """The actions of B lanes as an array of integers `[B]`, each from 0 to `count - 1`.

    Args:
        actions: an array, or a sequence.
        lanes: B.
        count: the number of actions.

    Raises:
        ArgumentError: there are not B of them, one does not exist, or they are no integers.
    """
    try:
        array = np.asarray(actions)
    except (TypeError, ValueError, OverflowError):  # rows of different lengths
        raise ArgumentError(f"`actions` are {lanes} integers, one for each lane; not {shown(actions)}") from None
    if array.shape != (lanes,):
        raise ArgumentError(f"`actions` are {lanes} integers, one for each lane; not an array of shape {array.shape}")
    # Elements of a list are looked at one by one: beside integers NumPy converts truth values without a word. So are
    # those in another machine's byte order, which the look at all of them below would read backwards.
    if array.dtype.kind not in "iu" or not array.dtype.isnative or isinstance(actions, list | tuple):
        return np.array(
            [action_index(action, count) for action in (actions if isinstance(actions, list | tuple) else array)]
        )
    # As unsigned numbers those below 0 are the largest: one look finds what is wrong at either end.
    if array.view(f"u{array.itemsize}").max() >= count:
        wrong = array[(array < 0) | (array >= count)][0]
        raise ArgumentError(f"no action {wrong}; there are 0 to {count - 1}")
    return array


def _integer(action: object, count: int) -> int:
    # Of all types that `operator.index` accepts, truth values alone are not meant as numbers.
    if not isinstance(action, bool) and "bool" not in str(getattr(action, "dtype", "")):
        with suppress(TypeError):
            return operator.index(action)  # type: ignore[arg-type] # what it does not accept, it refuses
    raise ArgumentError(f"an action is an integer from 0 to {count - 1}, not {shown(action)}")

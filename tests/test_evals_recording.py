"""Recorded episodes have names that are files' names, and no two share one."""

import re

from hypothesis import given
from hypothesis import strategies as st

from turncoat.evals.traces.trace import MAX_NAME_LENGTH, trace_name

VALUE = st.one_of(st.integers(), st.floats(allow_nan=False), st.text(max_size=9), st.lists(st.integers(), max_size=40))
CONDITION = st.dictionaries(st.text(min_size=1, max_size=9), VALUE, max_size=3)


def test_plain_names():
    assert trace_name("deploy", "exact", {}) == "deploy-exact"
    assert trace_name("deploy", "exact", {"b": 2, "a": 1}) == "deploy-exact-a=1-b=2"
    assert trace_name("deploy", "exact", {}, ["seized"]) == "deploy-exact-barring=seized"


@given(CONDITION, CONDITION)
def test_names_are_files_and_differ(one, other):
    names = [trace_name("deploy", "exact", its) for its in (one, other)]
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9._=-]+", name)
        assert len(name) <= MAX_NAME_LENGTH
    written = [sorted((name, str(value)) for name, value in its.items()) for its in (one, other)]
    if written[0] != written[1] and not any(set("-=") & set(str(its)) for its in written):
        assert names[0] != names[1]


def test_long_and_odd_ones_are_kept_apart():
    cells = [[[0, n] for n in range(60)], [[0, n] for n in [*range(59), 61]]]
    first, second = (trace_name("deploy", "exact", {"cells": its}) for its in cells)
    assert first != second
    assert trace_name("deploy", "exact", {"a": "x y"}) != trace_name("deploy", "exact", {"a": "x_y"})

"""What is stored, mutated: every reader says what is wrong, soon and in little memory (see `mutations.py`)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .mutations import KINDS, make_corpus

ROOT = Path(__file__).resolve().parent.parent
FEW, MANY, SLICES = 15, 10_000, 10

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder)
    return folder


def wrong_of(corpus, kinds, count, seed):
    """What went wrong with so many mutants of each kind; few threads keep the address space of workers small."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutations", str(corpus), ",".join(kinds), str(count), str(seed)],
        cwd=ROOT, env={**os.environ, "MALLOC_ARENA_MAX": "1", "POLARS_MAX_THREADS": "2"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_only_faults_of_the_user_come_out(corpus):
    assert wrong_of(corpus, KINDS, FEW, 0) == []


@pytest.mark.nightly
@pytest.mark.timeout(3 * 3_600)
@pytest.mark.parametrize("part", range(1, SLICES + 1))
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_of_each_kind(corpus, kind, part):
    assert wrong_of(corpus, [kind], MANY, part) == []

"""What every test shares: how hypothesis searches, and that no test meets the machine's own cache or CI service.

By default it tries the same examples every time, without a clock, so a red test is red for everyone. To look for new
ones: `pytest --hypothesis-profile=search`.
"""

import os
import tempfile
import time
from collections import OrderedDict

import pytest
from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("search", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("steady")

for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
    os.environ.pop(name, None)

# Tests run beside each other, and threads of torch that wait for each other's cores take many times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_cache = tempfile.TemporaryDirectory(prefix="turncoat-tests-")
os.environ["TURNCOAT_CACHE"] = _cache.name


def pytest_unconfigure():
    _cache.cleanup()


@pytest.fixture(autouse=True, scope="session")
def searched_once():
    """Have `SolvedWorlds` take what another one has enumerated: hundreds of tests ask for the same few worlds.

    Whoever is told of progress or has little time, and whoever calls `enumerate_world`, has it done.
    """
    from turncoat.envs.mdp.enumeration import enumerate_world
    from turncoat.envs.time_limit import _limit, _listener
    from turncoat.envs.world import line_of_sight
    from turncoat.envs.world.digests import dynamics_digest
    from turncoat.evals.exact import solved_worlds

    found = OrderedDict()

    def looked_up(world, max_states):
        if _limit.get().end - time.monotonic() < LITTLE_TIME or _listener.get() is not None:
            return enumerate_world(world, max_states)
        key = dynamics_digest(world), max_states, line_of_sight.between
        if key not in found:
            found[key] = enumerate_world(world, max_states)
        found.move_to_end(key)
        enumeration = found[key]
        while sum(each.mdp.next_state.size for each in found.values()) > MOST_REMEMBERED:
            found.popitem(last=False)
        return enumeration

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solved_worlds, "enumerate_world", looked_up)
        yield


LITTLE_TIME = 15
"""Seconds; those who have less may be about to run out of them."""
MOST_REMEMBERED = 3_000_000
"""Outcomes of worlds that are kept between tests: some 200 MB."""

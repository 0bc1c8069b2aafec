"""What every test shares: how hypothesis searches, and that no test meets the machine's own cache or CI service.

By default it tries the same examples every time, without a clock, so a red test is red for everyone. To look for new
ones: `pytest --hypothesis-profile=search`.
"""

import os
import tempfile

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

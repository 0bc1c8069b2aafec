"""What every test shares: how hypothesis searches.

By default it tries the same examples every time, without a clock, so a red test is red for everyone. To look for new
ones: `pytest --hypothesis-profile=search`.
"""

from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("search", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("steady")

"""The way of a scenario through a run stays short: see `benchmarks.walk` for what is counted."""

from benchmarks.walk import walk


def test_a_run_enters_few_files_and_seldom_returns_to_one() -> None:
    way = walk("treacherous_turn/lab", "counts")
    files = [file for file, _ in way.stays]
    assert files[0] == "turncoat/api.py"
    assert {"evals/verdicts/work_units.py", "evals/training/train_seed.py"} <= set(files)
    # Decision 24 counts 15; the check of what kind of scenario is given came later.
    assert way.files <= 16, files
    assert way.returns <= 13, files

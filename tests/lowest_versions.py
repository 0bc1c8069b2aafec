"""Prints the lowest version of each dependency that pyproject.toml allows, as constraints for `make test-lowest`.

Torch keeps the version that constraints.txt gives it, and so do the tools of the tests, which no user installs.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = ("dev", "test")


def lowest() -> list[str]:
    """One line for each dependency, of the package and of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [each for name, needs in project["optional-dependencies"].items() if name not in TOOLS for each in needs]
    found = {match[1]: match[2] for each in (*project["dependencies"], *extras) if (match := _AT_LEAST.fullmatch(each))}
    return [f"{name}=={version}" for name, version in found.items() if name != "torch"]


_AT_LEAST = re.compile(r"([\w.-]+)>=([\w.]+)")

if __name__ == "__main__":
    print("\n".join(lowest()))

"""`python -m turncoat`.

Python puts the folder that one is in at the front of its path for this. It may be a stranger's, whose modules would
then be imported instead of libraries, and whose package metadata would name entry points: so it is taken off again.
"""

import sys
from pathlib import Path

try:
    HERE = Path.cwd().resolve()
except FileNotFoundError:  # it has been removed, and holds nothing
    HERE = None
# Where Turncoat itself is below that folder, it is a checkout of one's own.
if HERE and Path(sys.path[0] or ".").resolve() == HERE and HERE not in Path(__file__).resolve().parents:
    del sys.path[0]

from .cli import main

main()

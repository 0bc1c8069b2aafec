"""Measure everything and print a table; exit code 1 if a target is missed."""

from __future__ import annotations

import sys

from .enumeration import laboratory, million
from .measuring import table
from .search import searching
from .stepping import kernel, reference, training

figures = [*laboratory(), *million(), *reference(), *kernel(), *training(), *searching()]
print(table(figures))
sys.exit(not all(figure.met for figure in figures))

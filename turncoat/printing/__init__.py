"""Results for people, as text and tables through rich; programs get one JSON document from `document` instead."""

from .progressing import progress, run_progress
from .studies import (
    print_control,
    print_measures,
    print_mitigations,
    print_monitors,
    print_protocols,
    print_search,
    print_sweep,
)
from .terminal import count, document, err, fault_data, next_command, number, out, path_in_words, say
from .verdicts import print_comparison, print_reproduction, print_requirements, print_run, print_stored
from .worlds import (
    print_analysis,
    print_bounds,
    print_check,
    print_exploitability,
    print_export,
    print_faults,
    print_flips,
    print_front,
    print_list,
    print_scenario,
    print_why,
)

__all__ = [
    "count",
    "document",
    "err",
    "fault_data",
    "next_command",
    "number",
    "out",
    "path_in_words",
    "print_analysis",
    "print_bounds",
    "print_check",
    "print_comparison",
    "print_control",
    "print_exploitability",
    "print_export",
    "print_faults",
    "print_flips",
    "print_front",
    "print_list",
    "print_measures",
    "print_mitigations",
    "print_monitors",
    "print_protocols",
    "print_reproduction",
    "print_requirements",
    "print_run",
    "print_scenario",
    "print_search",
    "print_stored",
    "print_sweep",
    "print_why",
    "progress",
    "run_progress",
    "say",
]

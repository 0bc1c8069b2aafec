"""A picture of the process for Graphviz: boxes are states, dots are choices, numbers are chances."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .explicit_model import ExplicitModel
from .text import numbers, said, states_at_once, write_parts

FILE = "model.dot"


def write_dot(model: ExplicitModel, folder: Path) -> tuple[str, ...]:
    """Write the picture; above some hundred states nothing lays it out so that a person can read it."""
    write_parts(folder / FILE, _parts(model))
    return (FILE,)


def _parts(model: ExplicitModel) -> Iterator[str]:
    yield f'digraph "{_quoted(f"{model.scenario}, stage {model.stage}")}" {{\n\tnode [shape=box];\n'
    for states in states_at_once(model.n_states):
        yield "".join(_state(model, state) for state in states)
    yield "}\n"


def _state(model: ExplicitModel, state: int) -> str:
    labels = [name for name, holds in zip(model.label_names, model.labels[state].tolist(), strict=True) if holds]
    text = "\\n".join([f"{state}{': ' if labels else ''}{', '.join(labels)}", _quoted(said(model, state, "\n"))])
    lines = [f'\ts{state} [label="{text}"{", penwidth=2" if state == model.initial else ""}];\n']
    for choice in range(model.first_choice[state], model.first_choice[state + 1]):
        paid = [
            f"{name} {worth}"
            for name, worth in zip(model.reward_names, numbers(model.rewards[choice]), strict=True)
            if worth != "0"
        ]
        name = "\\n".join([model.action_names[model.action[choice]], *paid])
        lines.append(f'\tc{choice} [shape=point];\n\ts{state} -> c{choice} [arrowhead=none, label="{name}"];\n')
        first, last = model.first_branch[choice], model.first_branch[choice + 1]
        targets, chances = model.target[first:last].tolist(), numbers(model.probability[first:last])
        lines += [f'\tc{choice} -> s{to} [label="{chance}"];\n' for to, chance in zip(targets, chances, strict=True)]
    return "".join(lines)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

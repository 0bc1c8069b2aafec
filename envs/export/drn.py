"""The explicit format of Storm (DRN): a text that names the choices of each state.

Source: https://www.stormchecker.org/documentation/background/drn.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .explicit_model import ExplicitModel
from .text import numbers, said, states_at_once, write_parts

FILE = "model.drn"


def write_drn(model: ExplicitModel, folder: Path) -> tuple[str, ...]:
    """Write the model; valuations are comments, which DRN has no words for."""
    write_parts(folder / FILE, _parts(model))
    return (FILE,)


def _parts(model: ExplicitModel) -> Iterator[str]:
    yield (
        f"// {model.scenario}, stage {model.stage}\n@type: MDP\n@value_type: double\n@parameters\n\n"
        f"@reward_models\n{' '.join(model.reward_names)}\n"
        f"@nr_states\n{model.n_states}\n@nr_choices\n{model.n_choices}\n@model\n"
    )
    for states in states_at_once(model.n_states):
        yield "".join(_state(model, state) for state in states)


def _state(model: ExplicitModel, state: int) -> str:
    labels = [name for name, holds in zip(model.label_names, model.labels[state].tolist(), strict=True) if holds]
    head = " ".join([f"state {state}", *(["init"] if state == model.initial else []), *labels])
    lines = [f"//[{said(model, state)}]", head]
    for choice in range(model.first_choice[state], model.first_choice[state + 1]):
        rewards = ", ".join(numbers(model.rewards[choice]))
        lines.append(f"\taction {model.action_names[model.action[choice]]} [{rewards}]")
        first, last = model.first_branch[choice], model.first_branch[choice + 1]
        targets, chances = model.target[first:last].tolist(), numbers(model.probability[first:last])
        lines += [f"\t\t{target} : {chance}" for target, chance in zip(targets, chances, strict=True)]
    return "\n".join(lines) + "\n"

"""The language of PRISM, which Storm and others read too: one module with a command for each choice.

Source: https://www.prismmodelchecker.org/manual/ThePRISMLanguage
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .explicit_model import ExplicitModel
from .text import numbers, states_at_once, write_parts

FILE = "model.prism"
STATE = "state"
"""The variable that numbers the states; the others follow from it."""


def write_prism(model: ExplicitModel, folder: Path) -> tuple[str, ...]:
    """Write the model.

    Readers of the language try every command in every state, so what they need grows with the square of the states:
    above some ten thousand take UMB.
    """
    write_parts(folder / FILE, _parts(model))
    return (FILE,)


def _parts(model: ExplicitModel) -> Iterator[str]:
    yield f"// {model.scenario}, stage {model.stage}\nmdp\n\nmodule world\n"
    yield f"\t{STATE} : [0..{max(1, model.n_states - 1)}] init {model.initial};\n"
    for variable, value in zip(model.variables, model.valuations[model.initial].tolist(), strict=True):
        # PRISM knows no range of one value.
        most = variable.most + (variable.least == variable.most)
        note = "" if variable.meaning is None else f" // {variable.field}: {' | '.join(variable.meaning)}"
        yield f"\t{variable.name} : [{variable.least}..{most}] init {value};{note}\n"
    for states in states_at_once(model.n_states):
        yield "".join(_command(model, state, choice) for state in states for choice in _choices(model, state))
    yield "endmodule\n\n"
    for place, name in enumerate(model.label_names):
        yield f'label "{name}" = {_condition(model, place)};\n'
    for place, name in enumerate(model.reward_names):
        yield f'\nrewards "{name}"\n'
        words = numbers(model.rewards[:, place])
        for states in states_at_once(model.n_states):
            yield "".join(
                f"\t[{model.action_names[model.action[choice]]}] {STATE}={state} : {words[choice]};\n"
                for state in states
                for choice in _choices(model, state)
                if words[choice] != "0"
            )
        yield "endrewards\n"


def _choices(model: ExplicitModel, state: int) -> range:
    return range(model.first_choice[state], model.first_choice[state + 1])


def _command(model: ExplicitModel, state: int, choice: int) -> str:
    first, last = model.first_branch[choice], model.first_branch[choice + 1]
    here = model.valuations[state]
    updates = []
    for to, chance in zip(model.target[first:last].tolist(), numbers(model.probability[first:last]), strict=True):
        there = model.valuations[to]
        changed = [
            f"({model.variables[place].name}'={there[place]})" for place in np.flatnonzero(there != here).tolist()
        ]
        updates.append(f"{chance}:" + "&".join([f"({STATE}'={to})", *changed]))
    return f"\t[{model.action_names[model.action[choice]]}] {STATE}={state} -> {' + '.join(updates)};\n"


def _condition(model: ExplicitModel, place: int) -> str:
    """The states with a label, by the one of the last variable's values or a column that they share."""
    held = model.labels[:, place]
    # Every label follows from the events of the arrival, or from which reason ended the episode.
    for name, column in ((model.variables[-1].name, -1), (model.variables[model.end_reason].name, model.end_reason)):
        values = model.valuations[:, column]
        with_label = np.unique(values[held])
        if not np.isin(with_label, values[~held]).any():
            return " | ".join(f"{name}={value}" for value in with_label.tolist()) or "false"
    both = np.unique(model.valuations[held][:, [model.end_reason, -1]], axis=0)
    names = model.variables[model.end_reason].name, model.variables[-1].name
    return " | ".join(f"({names[0]}={reason} & {names[1]}={arrival})" for reason, arrival in both.tolist())

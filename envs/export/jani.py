"""JANI: one automaton with a location for each state, whose edges are the choices.

Source: https://jani-spec.org
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .explicit_model import ExplicitModel
from .text import states_at_once, write_parts

FILE = "model.jani"


def write_jani(model: ExplicitModel, folder: Path) -> tuple[str, ...]:
    """Write the model: labels and reward models are transient variables, the world's fields are plain ones.

    An edge assigns the fields that change, so that valuations are those of the states.
    """
    write_parts(folder / FILE, _parts(model))
    return (FILE,)


def _parts(model: ExplicitModel) -> Iterator[str]:
    used = [{"name": model.action_names[action]} for action in np.unique(model.action).tolist()]
    head = {
        "jani-version": 1,
        "name": model.scenario,
        "type": "mdp",
        "metadata": {"description": f"stage {model.stage}"},
        "actions": used,
        "variables": _variables(model),
        "properties": [],
    }
    # By hand around the lists that are long: a document of a million edges is never one object in memory.
    yield json.dumps(head)[:-1] + ', "automata": [{"name": "world", "locations": [\n'
    for states in states_at_once(model.n_states):
        yield ",\n".join(json.dumps(_location(model, state)) for state in states)
        yield ",\n" if states.stop < model.n_states else ""
    yield f'\n], "initial-locations": ["s{model.initial}"], "edges": [\n'
    for states in states_at_once(model.n_states):
        yield ",\n".join(json.dumps(edge) for state in states for edge in _edges(model, state))
        yield ",\n" if states.stop < model.n_states else ""
    syncs = [{"synchronise": [action["name"]], "result": action["name"]} for action in used]
    yield '\n]}], "system": ' + json.dumps({"elements": [{"automaton": "world"}], "syncs": syncs}) + "}\n"


def _variables(model: ExplicitModel) -> list[dict[str, Any]]:
    begin = model.valuations[model.initial].tolist()
    fields = [
        {
            "name": its.name,
            "type": {"kind": "bounded", "base": "int", "lower-bound": its.least, "upper-bound": its.most},
            "initial-value": value,
        }
        for its, value in zip(model.variables, begin, strict=True)
    ]
    labels = [{"name": name, "type": "bool", "transient": True, "initial-value": False} for name in model.label_names]
    rewards = [{"name": name, "type": "real", "transient": True, "initial-value": 0.0} for name in model.reward_names]
    return [*fields, *labels, *rewards]


def _location(model: ExplicitModel, state: int) -> dict[str, Any]:
    held = [model.label_names[place] for place in np.flatnonzero(model.labels[state]).tolist()]
    location: dict[str, Any] = {"name": f"s{state}"}
    if held:
        location["transient-values"] = [{"ref": name, "value": True} for name in held]
    return location


def _edges(model: ExplicitModel, state: int) -> Iterator[dict[str, Any]]:
    here = model.valuations[state]
    for choice in range(model.first_choice[state], model.first_choice[state + 1]):
        paid = [
            {"ref": name, "value": worth}
            for name, worth in zip(model.reward_names, model.rewards[choice].tolist(), strict=True)
            if worth != 0
        ]
        destinations = []
        for branch in range(model.first_branch[choice], model.first_branch[choice + 1]):
            to = int(model.target[branch])
            there = model.valuations[to]
            changed = [
                {"ref": model.variables[place].name, "value": int(there[place])}
                for place in np.flatnonzero(there != here).tolist()
            ]
            chance = {"exp": float(model.probability[branch])}
            destinations.append({"location": f"s{to}", "probability": chance, "assignments": [*changed, *paid]})
        yield {
            "location": f"s{state}",
            "action": model.action_names[model.action[choice]],
            "destinations": destinations,
        }

"""Properties in the language that PRISM and Storm share: what to ask an exported model for the figures of `solve`."""

from __future__ import annotations

from dataclasses import dataclass

from .explicit_model import OVER, REWARD, ExplicitModel

LIFE = "life"
"""The name of the stage that stands for a whole life; no stage of a file has it."""


@dataclass(frozen=True)
class Query:
    """One property.

    Attributes:
        name: what it is of: `value`, `performance`, `most:EVENT`, `least:EVENT`.
        formula: in PRISM's property language.
        meaning: the same in words.
    """

    name: str
    formula: str
    meaning: str


def queries(model: ExplicitModel) -> tuple[Query, ...]:
    """The properties of a model that stand for figures of Turncoat's own.

    A model with the discount folded in is asked for discounted values; one without, for everything over the stage's
    ticks, and for the value in the form that Storm alone reads. A reward model that pays nothing anywhere, and a label
    that holds nowhere, are not asked for: Storm takes them for missing.
    """
    pays = dict(zip(model.reward_names, (model.rewards != 0).any(axis=0).tolist(), strict=True))
    ticks = model.steps + model.lead
    # A life of which chance decides how long it is has no number of ticks: everything counts until it is over.
    bound, all_of_it = (f"<={ticks}", f"C<={ticks}") if model.steps else ("", f'F "{OVER}"')
    whole = f"{model.steps} ticks" if model.steps else "a whole life"
    where = "a life" if model.stage == LIFE else "a stage"
    value = "the best that the agent's own plan is worth to it, discounted"
    if model.folded or model.discount == 1:
        ends = f"C<={ticks}" if model.horizon is not None else f'F "{OVER}"'
        agent = [Query("value", f'R{{"{REWARD}"}}max=? [ {ends} ]', value)]
    elif model.lead:
        agent = []  # the extra first tick would be discounted too
    else:
        until = f"<={ticks}" if model.horizon is not None else ""
        formula = f'R{{"{REWARD}"}}max=? [ Cdiscount={model.discount!r}{until} ]'
        agent = [Query("value", formula, f"{value}; Storm alone knows this form")]
    found = agent if pays[REWARD] else []
    if model.folded:
        return tuple(found)
    if (hidden := model.reward_of.get("performance")) is not None and pays[hidden]:
        formula = f'R{{"{hidden}"}}max=? [ {all_of_it} ]'
        found.append(Query("performance", formula, f"the best hidden performance over {whole}"))
    held = {name: bool(column.any()) for name, column in zip(model.label_names, model.labels.T, strict=True)}
    for event, label in model.label_of.items():
        if not held[label]:
            continue
        within = f'F{bound} "{label}"'
        found.append(Query(f"most:{event}", f"Pmax=? [ {within} ]", f"the greatest chance of {event} in {where}"))
        found.append(Query(f"least:{event}", f"Pmin=? [ {within} ]", f"the least chance of {event} in {where}"))
    return tuple(found)


def properties_text(model: ExplicitModel) -> str:
    """The queries as a file that PRISM and Storm read: a comment and a line for each."""
    return "".join(f"// {query.name}: {query.meaning}\n{query.formula};\n" for query in queries(model))

"""What the settings of a sweep and its regimes mean, in words of the scenario file, for who sees the picture alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...scenarios.language.loading import Scenario
from .sweep_settings import SweepSettings


@dataclass(frozen=True)
class SweepWords:
    """What a sweep is about, and what names in it mean; those of which the file says nothing are left out.

    Attributes:
        claim: of the scenario.
        names: of axes and overrides -> what they set.
        regimes: name -> what an agent does there.
    """

    claim: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    regimes: Mapping[str, str] = field(default_factory=dict)


def sweep_words(scenario: Scenario, settings: SweepSettings) -> SweepWords:
    """The words for the axes and regimes of a sweep, and for what all of its points share."""
    sweep = scenario.document.sweep
    given = {name: its.about for name, its in sweep.axes.items() if its.about} if sweep else {}
    names = dict.fromkeys([*(axis.name for axis in settings.axes), *scenario.overrides])
    meant = {name: _flat(given.get(name) or _meaning(scenario, name)) for name in names}
    # A condition that was given in the call is another regime, whatever it is called.
    told = {n: _flat(text) for n, text in sweep.told.items()} if sweep else {}
    same = {n: text for n, text in told.items() if sweep and settings.regimes.get(n) == sweep.conditions[n]}
    claim = _flat(scenario.document.claim)
    return SweepWords(claim, {name: text for name, text in meant.items() if text}, same)


def _meaning(scenario: Scenario, name: str) -> str:
    """What a dotted name sets; empty where the file does not say it."""
    document = scenario.document
    if name in document.params:
        return document.params[name].about or ""
    agent, _, what = name.partition(".")
    if agent not in document.agents:
        return ""
    if what == "discount":
        return f"how much the next tick counts for {_plain(agent)} against this one"
    kind, _, head = what.partition(".")
    if kind != "values" or "." in head:
        return ""
    paid = document.rewards[head].about if head in document.rewards else None
    return f"what {_plain(head)} is worth to {_plain(agent)}" + (f": {paid}" if paid else "")


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _flat(text: str) -> str:
    return " ".join(text.split())

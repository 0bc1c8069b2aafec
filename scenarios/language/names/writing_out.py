"""Writes out what a file says once for several agents: blocks `like` another one's, and expectations for `each`.

This is done with the merged files, before their shape is checked, so that nothing after it knows of it. Every value
keeps the place where it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations

from ..expressions.parser import RESERVED
from ..faults.collector import Path, Report
from ..files.merging import Merged, Piece, renamed
from ..files.yaml_source import Data
from .symbols import BUILT_IN_ZONES, EVERY_AGENT, suggestion

DECLARING = ("params", "let", "zones", "counters", "draws", "things", "agents", "rewards")
"""The blocks whose keys are names of the file."""


def written_out(merged: Merged) -> Merged:
    """The files with every agent's block, and the expectations for each agent, written out.

    Values of the wrong kind are left as they are: their shape is checked later.

    Args:
        merged: the requested file with all that it extends and uses.

    Raises:
        ScenarioError: somebody is like nobody, or like one who is like another; or `each` is not about agents.
    """
    root = merged.root.children()
    if root is None:
        return merged
    report, changed = Report(merged), dict[str, Piece]()
    blocks = root["agents"].children() if "agents" in root else None
    if blocks is not None and any("like" in (block.children() or ()) for block in blocks.values()):
        written = {name: _like(name, blocks, report) for name in blocks}
        changed["agents"] = Piece(root["agents"].source, root["agents"].path, written)
    claims = root["expect"].elements() if "expect" in root else None
    if claims is not None and any("each" in (claim.children() or ()) for claim in claims):
        data = merged.data
        assert isinstance(data, dict), "a root with children is a mapping"
        items = [its for index, claim in enumerate(claims) for its in _each(claim, ("expect", index), data, report)]
        changed["expect"] = Piece(root["expect"].source, root["expect"].path, None, tuple(items))
    report.raise_if_wrong()
    return replace(merged, root=Piece(merged.root.source, merged.root.path, {**root, **changed})) if changed else merged


def _like(name: str, blocks: Mapping[str, Piece], report: Report) -> Piece:
    """An agent's block with what it takes over from the one that it is like."""
    own = blocks[name].children() or {}
    model = own["like"].data if "like" in own else None
    if not isinstance(model, str):
        return blocks[name]
    path: Path = ("agents", name, "like")
    others = tuple(other for other in blocks if other != name)
    theirs = blocks[model].children() if model in others else None
    if theirs is None:
        message = f"`{name}` is like itself" if model == name else f"there is no agent called `{model}`"
        report.add("TC423", path, message, suggestion(model, others))
        return blocks[name]
    if "like" in theirs:
        last = theirs["like"].data
        cure = (
            f"write `like: {last}`" if isinstance(last, str) and last not in (name, model) else "write one of them out"
        )
        report.add("TC244", path, f"`{model}` is like another agent itself", cure)
        return blocks[name]
    names = {model: name, name: model}
    entries = {key: own.get(key) or renamed(piece, names) for key, piece in theirs.items()}
    entries |= {key: piece for key, piece in own.items() if key != "like"}
    return Piece(blocks[name].source, blocks[name].path, entries)


def _each(claim: Piece, path: Path, data: Mapping[str, Data], report: Report) -> tuple[Piece, ...]:
    """An expectation once for each agent, or choice of different agents, that its `each` goes over."""
    own = claim.children() or {}
    each = own["each"].data if "each" in own else None
    groups = {each: each} if isinstance(each, str) else each
    if not isinstance(groups, dict) or not groups:
        return (claim,)
    declared = {name for block in DECLARING if isinstance(its := data.get(block), dict) for name in its}
    agents = data.get("agents")
    for name, group in groups.items():
        where: Path = (*path, "each") if isinstance(each, str) else (*path, "each", name)
        if group != EVERY_AGENT or EVERY_AGENT in declared:
            cure = "write `each: {one: agent}`, or `{one: agent, other: agent}` for two of them"
            report.add("TC245", where, "an expectation goes over agents, and this is no word for all of them", cure)
            return (claim,)
        if name in declared or name in RESERVED or name in BUILT_IN_ZONES:
            cure = "give the agent that is meant a short name of its own"
            report.add(
                "TC412", where, f"`{name}` means something else in the file", cure, key=not isinstance(each, str)
            )
            return (claim,)
    chosen = list(permutations(agents, len(groups))) if isinstance(agents, dict) else []
    if not chosen:
        report.add("TC245", (*path, "each"), f"the file has fewer than {len(groups)} agents", "name fewer of them")
        return (claim,)
    said = claim.without(("each",))
    return tuple(renamed(said, dict(zip(groups, names, strict=True)), f" ({', '.join(names)})") for names in chosen)

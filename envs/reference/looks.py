"""How bodies are drawn in a state: `drawn_as`, which nothing but pictures reads."""

from __future__ import annotations

from collections.abc import Mapping

from ..base import Ints
from ..world.ascii_board import text_board
from ..world.world import World
from .expressions import context_between_ticks, evaluate_bool


def looks(world: World, state: Ints) -> Mapping[str, str]:
    """Body -> how it is drawn in a state int32 `[F]`; those that look as they always do are left out."""
    if not any(body.looks for body in world.bodies):
        return {}
    context = context_between_ticks(world, state[None].copy())
    found: dict[str, str] = {}
    for body in world.bodies:
        for look, condition in body.looks:
            if evaluate_bool(condition, context)[0]:
                found[body.name] = look
                break
    return found


def drawn_board(world: World, state: Ints, glyphs: Mapping[str, str]) -> str:
    """The board of a state int32 `[F]` as text; a body drawn otherwise has its letter in the other case, where free."""
    other = {
        body.group: glyph
        for body in world.bodies
        if body.looks and (glyph := glyphs[body.group].swapcase()) not in glyphs.values()
    }
    changed = looks(world, state)
    return text_board(
        world, state, glyphs, {b.name: other[b.group] for b in world.bodies if b.name in changed and b.group in other}
    )

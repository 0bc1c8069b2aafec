"""Draws the fronts of protocols: usefulness against the harm of the worst agent, one line for each budget of audits."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from ...evals.studies.protocols import ProtocolReport
from ...scenarios.errors import UsageError
from ..drawing import palette
from ..drawing.palette import LIGHT
from .figure_files import own_style, write_figure
from .headed_figure import add_head_and_key

HUES = (palette.BLUE, palette.GREEN, palette.ORANGE, palette.PURPLE, palette.SKY)
SHAPES = "os^vPX"


def save_protocols(found: ProtocolReport, path: Path) -> None:
    """Write the picture.

    Raises:
        UsageError: the file exists, is of no known kind, or cannot be written; or no front was found.
    """
    write_figure(draw_protocols(found), path)


@own_style()
def draw_protocols(found: ProtocolReport) -> Figure:
    """The picture of the fronts, with the agents that act alone.

    Raises:
        UsageError: no front was found.
    """
    solved = [front for front in found.fronts if front.points]
    if not solved:
        raise UsageError(
            "there is no front to draw: " + (found.fronts[0].note if found.fronts else "no budget was given")
        )
    figure = Figure(figsize=(6.4, 4.0), layout="constrained", facecolor=LIGHT.paper)
    panel = figure.subplots()
    for place, front in enumerate(solved):
        harm, useful = [p.harm for p in front.points], [p.usefulness for p in front.points]
        # Fronts may lie on each other, so each later one is drawn thinner and with smaller marks.
        panel.plot(
            harm, useful, color=HUES[place % len(HUES)], marker=SHAPES[place % len(SHAPES)], zorder=3 + place,
            markersize=max(3.0, 8.0 - 1.5 * place), linewidth=max(1.0, 3.0 - 0.6 * place),
            label=f"{front.audits} audit{'' if front.audits == 1 else 's'}",
        )  # fmt: skip
    for place, agent in enumerate(found.agents):
        x, y = (agent.harm.low + agent.harm.high) / 2, (agent.usefulness.low + agent.usefulness.high) / 2
        panel.errorbar(
            x, y, xerr=(agent.harm.high - agent.harm.low) / 2, yerr=(agent.usefulness.high - agent.usefulness.low) / 2,
            fmt="*Dp8H<>"[place % 7], color=palette.VERMILION if place > 1 else LIGHT.muted, markersize=8,
            markerfacecolor="none", markeredgewidth=1.5, capsize=3, label=agent.name, zorder=10,
        )  # fmt: skip
    panel.set_xlabel("harm of the worst agent (of agents unchecked: their own)")
    panel.set_ylabel("performance of an honest agent")
    panel.grid(alpha=0.25)
    where = f"({found.scenario}, {found.ticks} ticks; the protocols see the {found.sees})"
    about = (
        "Each mark on a line is a protocol of oversight with so many audits; above and to the left is better. Single "
        f"marks are agents that nobody checks. {where}",
    )
    title = "What oversight costs in use, and what it saves in harm"
    add_head_and_key(figure, title, about, panel.get_legend_handles_labels()[0], 2)
    return figure

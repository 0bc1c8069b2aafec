"""The colours of pages as CSS variables, made of the same palette that the window and the plots take theirs from."""

from __future__ import annotations

from ..drawing.palette import DARK, LIGHT, Theme, mix


def theme_css() -> str:
    """The variables of the light theme, of the dark one where the reader wants it, and of the light one on paper."""
    return (
        f":root {{ color-scheme: light dark; {variables(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}\n"
        f"@media print {{ :root {{ color-scheme: light; {variables(LIGHT)} }} }}\n"
    )


def variables(theme: Theme) -> str:
    """The CSS variables of a theme."""
    colours = {
        "paper": theme.paper,
        "ink": theme.ink,
        "muted": theme.muted,
        "hair": theme.hairline,
        # Small muted letters stand on panels here, and need the contrast.
        "panel": mix(theme.panel, theme.paper, 0.3),
        "floor": theme.floor,
        "grid": theme.grid,
        "wall": theme.wall,
        "low": mix(theme.zero, theme.worth, 0.1),
        "high": theme.worth,
        "good": theme.good,
        "bad": theme.bad,
        "open": theme.undecided,
        "accent": theme.reward,
        "hidden": theme.performance,
    }
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())

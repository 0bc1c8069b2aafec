"""The keys of a person who plays: moves, undo, and keeping the game as a replay."""

from __future__ import annotations

from pathlib import Path

from ..evals.playing import Game, replay_file
from .viewer import Viewer
from .window import save_new
from .words import plain, status

ARROWS = {"up": "up", "down": "down", "left": "left", "right": "right", "stay": "space"}
"""The keys of the actions that every world may have."""
LETTERS = "abcdefgijklmoqxyz"
"""Keys that are free for other actions."""


def action_keys(actions: tuple[str, ...]) -> dict[str, str]:
    """The key of each action: arrows and space, then a letter, of its own name if that is free."""
    keys = {action: ARROWS[action] for action in actions if action in ARROWS}
    for action in actions:
        if action not in keys:
            free = [letter for letter in (*action.lower(), *LETTERS) if letter in LETTERS]
            key = next((letter for letter in free if letter not in keys.values()), None)
            if key is not None:
                keys[action] = key
    return keys


def help_keys(actions: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What the help shows a player."""
    return (
        *((key, plain(action)) for action, key in action_keys(actions).items()),
        ("back", "take the last move back"),
        ("r", "begin again"),
        (", .", "look one tick back, one tick on"),
        ("home end", "look at the start, at the end"),
        ("w", "the cells' worth to the next head"),
        ("t", "light or dark"),
        ("s", "save the game as a replay"),
        ("v", "record a film, or end it"),
        ("h", "these keys"),
        ("esc", "leave"),
    )


class Hands:
    """Turns keys into moves of a game that a viewer shows."""

    def __init__(self, game: Game, viewer: Viewer, folder: Path, extends: str) -> None:
        """For a game; a replay is saved in `folder` as a file that extends the scenario `extends`."""
        self.game, self.viewer, self._folder, self._extends = game, viewer, folder, extends
        keys = action_keys(game.world.agents[game.agent].actions)
        self._moves = {key: action for action, key in keys.items()}

    def press(self, key: str) -> bool:
        """Do what a key asks for; says whether it is a key of the game."""
        if key in self._moves:
            self._move(self._moves[key])
        elif key == "backspace":
            self._show(f"taken back to tick {self.viewer.tick - 1}" if self.game.undo() else "there is no move yet")
        elif key == "r":
            self.game.restart()
            self._show("from the start")
        elif key == "s":
            self._save()
        else:
            return key in ("n", "p", "tab", "-", "=", "+")  # there is one episode, and it does not run by itself
        return True

    def _move(self, action: str) -> None:
        try:
            self.game.do(action)
        except ValueError as fault:
            self._show(str(fault))
        else:
            self._show("")

    def _show(self, message: str) -> None:
        """The game as it now is."""
        game = self.game
        self.viewer.turn_to(game.changes, game.episode(game.changes))
        self.viewer.message = message or self._told()

    def _told(self) -> str:
        episode = self.game.episode(self.game.changes)
        if not episode.length:
            return ""
        return status(episode, episode.length - 1)

    def _save(self) -> None:
        if not self.viewer.tick:
            self.viewer.message = "there is nothing to save before the first move"
            return
        name = f"{self.game.scenario.name}_played"
        text = replay_file(self.game, name, self._extends)
        try:
            path = save_new(self._folder, name, ".yaml", lambda part: _write(part, text))
        except OSError as fault:
            self.viewer.message = f"not saved: {fault.strerror or fault}"
        else:
            self.viewer.message = f"saved {path}; `turncoat check` accepts it"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")

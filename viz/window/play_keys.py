"""The keys of a person who plays: moves, undo, and saving the game as a replay."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...evals.inspection.game import Game, replay_file
from ..drawing.buttons import Button
from ..text.episode_text import plain, status
from ..viewer.frame import OVERLAY_KEYS, OVERLAYS
from ..viewer.viewer import Viewer
from .window import save_new

ARROWS = {"up": "up", "down": "down", "left": "left", "right": "right", "stay": "space"}
"""The keys of the moves, by the action's name."""
LETTERS = "abcdefgijklmoqxyz"
"""Keys that are free for other actions; the remaining letters are keys of the game, the viewer or the window."""


_SIGNS = {"up": "▲", "down": "▼", "left": "◀", "right": "▶"}
SHOWN = ("sight", "value", "curves", "log", "names")
"""The overlays that have a button in a game."""


def action_keys(actions: tuple[str, ...]) -> dict[str, str]:
    """The key of each action: an arrow or space for moves, else a free letter, of the action's name if possible.

    An action has no key if no letter is left.
    """
    keys = {action: ARROWS[action] for action in actions if action in ARROWS}
    for action in actions:
        if action not in keys:
            free = [letter for letter in (*action.lower(), *LETTERS) if letter in LETTERS]
            key = next((letter for letter in free if letter not in keys.values()), None)
            if key is not None:
                keys[action] = key
    return keys


def help_keys(actions: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The (key, what it does) pairs that the help shows a player."""
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
        ("f1", "who you are, and what you want"),
        ("h", "these keys"),
        ("esc", "leave"),
    )


class PlayKeys:
    """Maps keys to the actions of a game, and shows the game in a viewer."""

    def __init__(self, game: Game, viewer: Viewer, folder: Path, extends: str) -> None:
        """Bind keys to a game; a replay is saved in `folder` as a file that extends the scenario `extends`."""
        self.game, self.viewer, self._folder, self._extends = game, viewer, folder, extends
        self._kept, self._warned = 0, False
        keys = action_keys(game.world.agents[game.agent].actions)
        self._moves = {key: action for action, key in keys.items()}

    def buttons(self, viewer: Viewer) -> tuple[Button, ...]:
        """The buttons of a game: its moves, and what else its keys do."""
        said = {key: text for keys, text in help_keys(()) for key in keys.split()}
        on = viewer.overlays
        overlays = (Button(OVERLAY_KEYS[name], plain(name), OVERLAYS[name], 4, name in on) for name in SHOWN)
        return (
            *(Button(key, _SIGNS.get(action, plain(action)), plain(action)) for key, action in self._moves.items()),
            Button("backspace", "↶ Undo", said["back"], 1),
            Button("r", "↻", said["r"], 1),
            Button("s", "Save", said["s"], 1),
            Button(",", "◂", "look one tick back", 3),
            Button(".", "▸", "look one tick on", 3),
            *overlays,
            Button("v", "Film", said["v"], 5),
            Button("t", "◐", said["t"], 5),
            Button("f1", "About", said["f1"], 2),
            Button("h", "☰ Keys", said["h"]),
        )

    def press(self, key: str) -> bool:
        """Handle a key.

        Returns:
            Whether the key belongs to the game, so that the viewer must not get it.
        """
        if key == "escape" and not self.viewer.help and self._unsaved and not self._warned:
            self._warned = True
            self.viewer.message = "the game is not saved: S saves it, Esc again leaves it"
            return True
        self._warned = key == "escape" and self._warned  # any other key takes the warning back
        if self.viewer.card and key in ("space", "return", "enter", "escape"):
            self.viewer.card = ""
            return True
        if self.viewer.card and key in (*self._moves, "backspace", "r"):
            self.viewer.card = ""
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
        """Show the game as it is now, with a message or else the outcome of the last move."""
        game = self.game
        self.viewer.turn_to(game.changes, game.episode(game.changes))
        self.viewer.message = message or self._told()
        if game.over and self.viewer.narration is not None and not message:
            self.viewer.card = "ending"

    def _told(self) -> str:
        episode = self.game.episode(self.game.changes)
        if not episode.length:
            return ""
        return status(episode, episode.length - 1, came=True)

    def _save(self) -> None:
        if not self.viewer.tick:
            self.viewer.message = "there is nothing to save before the first move"
            return
        try:
            path = self._written(self._folder)
        except ValueError as fault:
            self.viewer.message = f"not saved: {fault}"
        except OSError as fault:
            self.viewer.message = f"not saved: {fault.strerror or fault}"
        else:
            self.viewer.message = f"saved {path}; `turncoat check` accepts it"

    def keep(self) -> str:
        """Save a game with unsaved moves that was not left on purpose (its display was lost, say).

        The file goes into the temporary folder if the game's own folder cannot be written to.

        Returns:
            A message that says where the game was saved; empty if there was nothing to save.

        Raises:
            OSError: it cannot be written there either.
        """
        if self._warned or not self._unsaved:
            return ""
        try:
            path = self._written(self._folder)
        except OSError:
            path = self._written(Path(tempfile.gettempdir()))
        return f"the game was saved as {path}"

    @property
    def _unsaved(self) -> bool:
        """Whether there are moves that are not saved yet; the moves of a thing (`enlisted`) cannot be saved."""
        return (
            not self.game.enlisted
            and bool(self.game.episode(self.game.changes).length)
            and self.game.changes != self._kept
        )

    def _written(self, folder: Path) -> Path:
        name = f"{self.game.scenario.name}_played"
        text = replay_file(self.game, name, self._extends)
        path = save_new(folder, name, ".yaml", lambda part: _write(part, text))
        self._kept = self.game.changes
        return path


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")

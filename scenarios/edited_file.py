"""A scenario file that is edited by hand: its text, what was done to it, and how it is written back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import library
from .bounded_reading import open_regular
from .language.faults.faults import ScenarioError
from .language.files.yaml_source import LIMIT, read_text
from .language.loading import load_edited
from .output_file import free_name, write_text_whole

KEPT = 1_000
"""How many steps back are kept."""


@dataclass(frozen=True)
class SavedFile:
    """What saving came to.

    Attributes:
        path: the file that was written; None if none was.
        said: a sentence for the user.
    """

    path: Path | None
    said: str


class EditedFile:
    """The text of a scenario file with a history. Nothing is written before `save` is called.

    Attributes:
        path: the file that `save` writes to.
        content: the text as it is now, with the line ends of the file.
    """

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            ScenarioError: it cannot be read, as `read_text`.
        """
        self.path = path
        self.content = self._saved = self._read()
        self._past: list[tuple[str, str]] = []
        self._future: list[tuple[str, str]] = []

    def _read(self) -> str:
        """The text on disk, which is remembered as the one that nobody else has changed yet.

        Raises:
            ScenarioError: it cannot be read.
        """
        read_text(self.path)  # refuses what is no text of a scenario, with the reason
        self._disk = _bytes(self.path)
        return "" if self._disk is None else self._disk.decode("utf-8")

    @property
    def changed(self) -> bool:
        """Whether the text is not what was read or saved last."""
        return self.content != self._saved

    @property
    def saved(self) -> str:
        """The text as it was read or saved last."""
        return self._saved

    @property
    def shipped(self) -> bool:
        """Whether the file belongs to the library or to a plugin, so that `save` writes a copy."""
        return library.is_shipped(self.path)

    @property
    def steps(self) -> tuple[int, int]:
        """How many steps can be undone, and how many done again."""
        return len(self._past), len(self._future)

    @property
    def changed_on_disk(self) -> bool:
        """Whether the file has another content now than when it was read or saved."""
        return _bytes(self.path) != self._disk

    def do(self, content: str, what: str = "") -> None:
        """Take over a new text as one step; a step of the same name as the last one, if it has a name, goes on with it.

        A text equal to the present one is no step.
        """
        if content == self.content:
            return
        if not (what and self._past and self._past[-1][1] == what and not self._future):
            self._past.append((self.content, what))
        del self._past[:-KEPT]
        self.content, self._future = content, []

    def undo(self) -> bool:
        """Take the last step back; False if there is none."""
        return self._go(self._past, self._future)

    def redo(self) -> bool:
        """Do again what was taken back last; False if there is nothing."""
        return self._go(self._future, self._past)

    def _go(self, there: list[tuple[str, str]], back: list[tuple[str, str]]) -> bool:
        if not there:
            return False
        content, what = there.pop()
        back.append((self.content, what))
        self.content = content
        return True

    def take_from_disk(self) -> None:
        """Take over what another program has written, as one step, so that what was here can be had back.

        Raises:
            ScenarioError: it cannot be read.
        """
        text = self._read()
        self.do(text)
        self._saved = text

    def save(self, folder: Path, copy: bool = False) -> SavedFile:
        """Write the text, whole or not at all: only what was changed differs from the file as it was.

        A file of the library, and one that another program has changed meanwhile, is left alone.

        Args:
            folder: where a copy is written under a free name, of a file of the library.
            copy: whether to write a copy beside a file that was changed meanwhile.

        Raises:
            OSError: it cannot be written.
        """
        if self.shipped:
            return self._save_copy(folder, f"the library's {self.path.name} stays as it is: ")
        if copy:
            return self._save_copy(self.path.parent, f"{self.path.name} was left to who changed it: ")
        if self.changed_on_disk:
            said = f"{self.path.name} was changed on disk meanwhile, and is not written over"
            return SavedFile(None, f"{said}: L takes that, S again saves a copy")
        if not self.changed:
            return SavedFile(None, "nothing is changed")
        changed = _changed_lines(self._saved, self.content)
        self._write(self.path)
        return SavedFile(self.path, f"saved {self.path}: {changed}")

    def _save_copy(self, folder: Path, why: str) -> SavedFile:
        target = free_name(folder, self.path.stem, ".yaml")
        try:
            load_edited(self.content, target)
        except ScenarioError as fault:
            first = fault.faults[0]
            # A file of the library may extend one beside it, which is not beside the copy.
            if first.code in ("TC404", "TC405"):
                return SavedFile(None, f"not saved: a copy in {folder} could not be read: {first.message}")
        self._write(target)
        self.path = target
        return SavedFile(target, f"{why}saved as {target}")

    def _write(self, path: Path) -> None:
        write_text_whole(path, self.content)
        self._disk, self._saved = self.content.encode("utf-8"), self.content

    def rescue(self, folder: Path) -> Path:
        """Write the text beside everything else in a folder, under a free name.

        Raises:
            OSError: it cannot be written.
        """
        target = free_name(folder, f"{self.path.stem}-unsaved", ".yaml")
        write_text_whole(target, self.content)
        return target


def _bytes(path: Path) -> bytes | None:
    """The content of a file; None if it cannot be read."""
    try:
        with open_regular(path) as stream:
            return stream.read(LIMIT + 1)
    except (OSError, ValueError):
        return None


def _changed_lines(before: str, after: str) -> str:
    """How many lines differ, in words."""
    import difflib  # slow to load, and needed where something is saved only

    old, new = before.splitlines(), after.splitlines()
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    count = sum(max(b - a, d - c) for kind, a, b, c, d in blocks if kind != "equal")
    return f"{count} line{'' if count == 1 else 's'} changed"

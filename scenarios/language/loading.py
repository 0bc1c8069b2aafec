"""Loads a scenario: reads the file, merges what it extends and uses, checks its shape, then its meaning."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from .. import library
from ..arguments import check_path, shown
from ..did_you_mean import nearest, quote
from ..errors import ArgumentError
from ..paths import below
from .checking import check
from .faults.collector import Path, Report
from .faults.faults import Fault, ScenarioError
from .files.merging import Merged, Piece, merge
from .files.yaml_source import Data, Source, parse, read_text
from .names.boards import Board
from .names.overrides import check_overrides, put
from .names.symbols import Symbols
from .names.writing_out import written_out
from .schema.document import Document
from .schema.from_data import read_document
from .validation.declarations import with_computed_params

MAX_DEPTH = 8
"""Longest chain of files that extend or use each other, not counting the first."""
MAX_FILES = 32
"""Most files that make up one scenario, each counted as often as it is named."""

OWN = ("expect", "monitors", "replays", "tell", "name")
"""Keys that a file never inherits from the file that it extends."""
WHOLE = (*OWN, "variants", "about", "title", "claim", "origin", "tags", "sources", "sweep", "control", "search")
"""Keys that a file never inherits from a fragment that it uses."""


@dataclass(frozen=True)
class Scenario:
    """A scenario that has been checked.

    Attributes:
        file: the file that it was read from, as given.
        name: the scenario's name.
        document: the validated content, after merging and overrides.
        source: the merged files, which tell where each value is written.
        params: param -> its value.
        hash: SHA-256 of the merged content with its overrides, without `tell`, in hexadecimal.
        symbols: the symbol table: what each name stands for.
        boards: stage -> its drawn boards at the params' own values; stages without a drawn map are left out.
        warnings: faults that do not keep the scenario from loading.
        overrides: dotted name -> value, of everything that `apply_overrides` has set so far.
    """

    file: str
    name: str
    document: Document
    source: Merged
    params: Mapping[str, object]
    hash: str
    symbols: Symbols
    boards: Mapping[str, tuple[Board, ...]]
    warnings: tuple[Fault, ...]
    overrides: Mapping[str, object] = field(default_factory=dict)

    @property
    def acted_stages(self) -> tuple[str, ...]:
        """The stages in which the agent acts, in the file's order; stages with `watch` only show recorded episodes."""
        return tuple(name for name, stage in self.document.stages.items() if not stage.watch)

    @property
    def named_agents(self) -> tuple[str, ...]:
        """The agents and profiles of `runs.agents`, then all others that claims name, each once, as written."""
        named = [agent for claim in self.document.expect for agent in claim.of]
        named += [agent for monitor in self.document.monitors for agent in monitor.of]
        return tuple(dict.fromkeys([*self.document.runs.agents, *named]))

    @property
    def judged_stage(self) -> str:
        """The stage that an expectation is evaluated in by default: `deploy`, or else the last acted stage."""
        return "deploy" if "deploy" in self.acted_stages else self.acted_stages[-1]

    @property
    def training_stage(self) -> str:
        """The default training stage: `train`, or else the first acted stage with a `share`, or the first acted one."""
        stages, acted = self.document.stages, self.acted_stages
        return "train" if "train" in acted else next((n for n in acted if stages[n].share is not None), acted[0])

    def lives_in(self, stage: str) -> bool:
        """Whether a stage is part of the life that the file declares, or is all of it (`life`)."""
        life = self.document.life
        return bool(life) and (stage == "life" or any(entry.stage == stage for entry in life))

    def stages_before(self, judged: str) -> tuple[str, ...]:
        """The stages that an agent goes through before it is judged, in the file's order.

        These are the stages with `watch` or a `share` of training, up to and including the judged one. Where no stage
        has a share, the training stage counts as trained even if it is written after the judged one.

        Args:
            judged: the stage in which the agent is judged.
        """
        stages = self.document.stages
        names = list(stages)
        before = names[: names.index(judged) + 1]
        if all(stage.share is None for stage in stages.values()):
            trained = [self.training_stage]
        else:
            trained = [name for name in before if stages[name].share is not None]
        return tuple(name for name in names if name in trained or (name in before and stages[name].watch))


def load(path_or_name: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None) -> Scenario:
    """Load a scenario of the library by its name, or any file by its path.

    Args:
        path_or_name: `treacherous_turn/lab`, or `./mine.yaml`.
        root: the folder to which `extends` and `uses` are confined, apart from the library; by default the file's
            library, or else the file's own folder.

    Raises:
        ArgumentError: it is neither name nor path.
        ScenarioError: the scenario cannot be used; it carries every fault that was found.
    """
    check_path("a scenario is a loaded one, a name or a path", path_or_name)
    path = library.find(path_or_name)
    folder = FilePath(root) if root is not None else library.home(path)
    source = _read(path, str(path))
    return _checked(_Reader(folder).whole(source, path))


def load_edited(content: str, path: FilePath) -> Scenario:
    """Load a scenario as if its file had another text; everything else is read as `load` reads it.

    Args:
        content: the whole text.
        path: the file that it would stand in, which need not exist.

    Raises:
        ScenarioError: the scenario cannot be used; it carries every fault that was found.
    """
    return _checked(_Reader(library.home(path)).whole(_parsed(content, str(path)), path))


def load_text(
    text: str,
    file: str = "<text>",
    *,
    root: str | os.PathLike[str] | None = None,
    shelf: str | os.PathLike[str] | None = None,
) -> Scenario:
    """Load a scenario from its text.

    Args:
        text: the whole file.
        file: its name, for messages.
        root: the folder in which `extends` and `uses` may find files; by default they find only those of the library.
        shelf: a folder that replaces the library.

    Raises:
        ScenarioError: the scenario cannot be used; it carries every fault that was found.
    """
    folder = None if root is None else FilePath(root)
    reader = _Reader(folder, library.FOLDER if shelf is None else FilePath(shelf))
    return _checked(reader.whole(_parsed(text, file), None))


def apply_overrides(scenario: Scenario, with_: Mapping[str, object] | None) -> Scenario:
    """Apply dotted overrides to a copy of a scenario and check it again.

    Args:
        scenario: the scenario to start from, which stays as it is.
        with_: dotted name -> value, as in `with:` and `variants:` of a file; None is none.

    Raises:
        ArgumentError: it is no mapping.
        ScenarioError: a name or a value is not allowed, or the scenario is invalid with it.
    """
    if with_ is None:
        return scenario
    if not isinstance(with_, Mapping) or not all(isinstance(name, str) for name in with_):
        raise ArgumentError(f"`overrides` maps dotted names to values, as in {{'threshold': 2}}; not {shown(with_)}")
    if not with_:
        return scenario
    report = Report()
    check_overrides(with_, scenario.symbols, report, ())
    report.raise_if_wrong()
    # Only what is written is dumped: defaults would change the hash, and checks would take them for the author's words.
    data = copy.deepcopy(scenario.document.model_dump(by_alias=True, exclude_unset=True))
    for param in data.get("params", {}).values():
        if "formula" in param:
            del param["value"]  # it was worked out, and not written
    for name, value in with_.items():
        put(data, name, list(value) if isinstance(value, tuple) else value)
    again = _checked(scenario.source, data)
    return replace(again, overrides={**scenario.overrides, **with_})


# ------------------------------------------------------------------ files


def _parsed(text: str, file: str) -> Source:
    """Parse a text; an error gets the text's lines, so that faults can be shown with the line they are in."""
    try:
        return parse(text, file)
    except ScenarioError as error:
        raise ScenarioError(error.faults, {file: tuple(text.splitlines()), **error.lines}) from None


def _read(path: FilePath, file: str) -> Source:
    return _parsed(read_text(path), file)


class _Reader:
    """Reads a file and everything that it extends and uses, within bounds.

    Args:
        root: the folder to which paths are confined, apart from the library; None where only the library is allowed.
        shelf: the library's folder.
    """

    def __init__(self, root: FilePath | None, shelf: FilePath = library.FOLDER) -> None:
        self._roots = [os.path.realpath(folder) for folder in (root, shelf) if folder is not None]
        self._root, self._shelf = root, shelf
        self._sources: dict[str, Source] = {}
        self._parts = 0
        self._faults: list[Fault] = []

    def whole(self, source: Source, path: FilePath | None) -> Merged:
        """Merge a file with everything that it extends and uses, and write out what is said once for several agents.

        Args:
            source: the file.
            path: where it was read from; None for a text.

        Raises:
            ScenarioError: some files could not be found or read, or what is said for several agents cannot be written
                out; it carries a fault for each.
        """
        # A text has no real path. Angle brackets keep its name apart from those of files in chains.
        real = f"<{source.file}>" if path is None else os.path.realpath(path)
        self._sources[real] = source
        folder = self._root if path is None else path.parent
        merged = Merged(self._over(source, folder, (real,)), tuple(self._sources.values()), tuple(self._sources))
        if self._faults:
            raise ScenarioError(tuple(self._faults), merged.lines)
        return written_out(merged)

    def _over(self, source: Source, folder: FilePath | None, chain: tuple[str, ...]) -> Piece:
        """Merge a file with its parts. The extended file has the lowest priority, then the used ones in order."""
        below: Piece | None = None
        for path, name, dropped in _parts(source):
            part = self._part(source, path, name, folder, chain)
            if part is not None:
                # What the part itself extends and uses is merged already; the keys would be read as this file's own.
                part = part.without(("extends", "uses", *dropped))
                below = part if below is None else merge(part, below)
        return Piece(source) if below is None else merge(Piece(source), below)

    def _part(
        self, source: Source, path: Path, name: str, folder: FilePath | None, chain: tuple[str, ...]
    ) -> Piece | None:
        """One file that is extended or used, with its own parts; None where it is unavailable, which is reported."""

        def wrong(code: str, message: str, cure: str) -> None:
            self._faults.append(Fault(code, source.place(path), message, cure))

        # Every mention counts, also of a file that is in the cache: fragments that each use several others would
        # otherwise be merged a number of times that grows exponentially with the chain.
        self._parts += 1
        if self._parts >= MAX_FILES:
            if self._parts == MAX_FILES:
                wrong("TC403", f"more than {MAX_FILES} files are read for one scenario", "use fewer fragments")
            return None
        real = self._find(name, folder)
        if isinstance(real, tuple):
            wrong(*real)
            return None
        if real in chain:
            wrong("TC401", f"{quote(name, 200)} leads back to itself", "break the circle of `extends` and `uses`")
            return None
        if len(chain) > MAX_DEPTH:
            message = f"{quote(name, 200)} is the {len(chain) + 1}th file in a row"
            wrong("TC402", message, f"at most {MAX_DEPTH} follow the first: write their parts into fewer files")
            return None
        if real not in self._sources:
            try:
                self._sources[real] = _read(FilePath(real), _shown(real))
            except ScenarioError as error:
                self._faults += [replace(its, place=its.place or source.place(path)) for its in error.faults]
                return None
        return self._over(self._sources[real], FilePath(real).parent, (*chain, real))

    def _find(self, name: str, folder: FilePath | None) -> str | tuple[str, str, str]:
        """Resolve the name that a file gives another one.

        Args:
            name: what is written under `extends` or `uses`.
            folder: the folder of the file that names it; None for a text without a root.

        Returns:
            The real path; where there is none, the code, message and cure of a fault.
        """
        file = name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
        cure = "name a file below it, or one of the library"
        leaving = "TC404", f"{quote(name, 200)} leads out of the scenario's folder", cure
        # Backslashes and drive letters are refused on every system, so that a file means the same on all of them.
        if os.path.isabs(file) or "\\" in file or file[1:2] == ":":
            return leaving
        # The file's own folder comes before the library. Links are resolved before the bounds are checked.
        bases = [base for base in (folder, self._shelf) if base is not None]
        reals = [os.path.realpath(base / file) for base in bases]
        inside = [real for real in reals if any(below(real, root) is not None for root in self._roots)]
        for real in inside:
            if os.path.isfile(real):
                return real
        if reals and reals[0] not in inside:
            return leaving
        near = nearest(name, library.parts())
        cure = f"did you mean `{near}`?" if near else "`turncoat list` shows what the library has"
        return "TC405", f"there is no file {quote(name, 200)} beside this one or in the library", cure


def _parts(source: Source) -> list[tuple[Path, str, tuple[str, ...]]]:
    """What a file extends, then what it uses, as (path of the entry, name, keys that are not inherited).

    Values of the wrong type are skipped: this runs before the shape is checked, which reports them.
    """
    data = source.data if isinstance(source.data, dict) else {}
    extends, uses = data.get("extends"), data.get("uses")
    parts: list[tuple[Path, str, tuple[str, ...]]] = []
    if isinstance(extends, str):
        parts.append((("extends",), extends, OWN))
    for index, name in enumerate(uses if isinstance(uses, list) else ()):
        if isinstance(name, str):
            parts.append((("uses", index), name, WHOLE))
    return parts


def _shown(real: str) -> str:
    """A file's path for messages: relative to the working directory if it lies below it, otherwise as it is."""
    return below(real, os.path.realpath(os.curdir)) or real


# ------------------------------------------------------------------ checks


def _checked(source: Merged, changed: Data = None) -> Scenario:
    """Check merged files and build the scenario.

    Args:
        source: the merged files, which give the position of each fault.
        changed: the data after overrides, checked instead of the data as merged.

    Raises:
        ScenarioError: there are faults that are more than warnings.
    """
    data = source.data if changed is None else changed
    report = Report(source)
    document = read_document(data, report)
    report.raise_if_wrong()  # the checks of meaning rely on a document of the right shape
    assert document is not None
    document = with_computed_params(document, report)
    report.raise_if_wrong()  # a param without a value leaves nothing to check that reads it
    checked = check(document, report, source)
    report.raise_if_wrong()
    assert isinstance(data, dict), "a document is read from a mapping"
    # What is told of a scenario changes nothing that runs: a new caption must not have everything trained anew.
    running = {key: value for key, value in data.items() if key != "tell"}
    content = json.dumps(running, ensure_ascii=False, separators=(",", ":"))
    return Scenario(
        file=source.file,
        name=document.name,
        document=document,
        source=source,
        params={name: param.value for name, param in document.params.items()},
        hash=hashlib.sha256(content.encode()).hexdigest(),
        symbols=checked.symbols,
        boards=checked.boards,
        warnings=(*(its for part in source.sources for its in part.warnings), *report.faults()),
    )

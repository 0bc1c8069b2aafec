"""`turncoat fmt`: one spacing, with every key, value and comment where it was."""

import os
import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from turncoat.cli import app
from turncoat.printing import progressing
from turncoat.scenarios import library
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.files.formatting import formatted
from turncoat.scenarios.language.files.yaml_source import parse

FILES = sorted(Path(library.FOLDER).rglob("*.yaml"))
RULES = (Path(library.FOLDER) / "mechanics/sokoban_coins.yaml").read_text(encoding="utf-8")

UNTIDY = """\
turncoat: 1   # the version
name:    untidy


# What it is about.
about:
    story: >
      A text that
      goes on.

      And on.
    claim: "quoted,   with spaces"
map: |
  ###


  #A#
rules:
- {name: first,   pays: { task: 1 , own: -2 }}
-   name: second   # after it
    then:
    - event seen
    - power += 1
list: [1,   2,
  3]
ends: null
"""
TIDY = """\
turncoat: 1  # the version
name: untidy

# What it is about.
about:
  story: >
    A text that
    goes on.

    And on.
  claim: "quoted,   with spaces"
map: |
  ###


  #A#
rules:
  - {name: first, pays: {task: 1, own: -2}}
  - name: second  # after it
    then:
      - event seen
      - power += 1
list: [1, 2, 3]
ends: null
"""


def test_what_it_changes_and_what_not() -> None:
    assert formatted(UNTIDY, "untidy.yaml") == TIDY
    assert formatted(TIDY, "untidy.yaml") == TIDY


@pytest.mark.nightly
def test_the_library_is_formatted() -> None:
    assert [path.name for path in FILES if formatted(text := path.read_text(encoding="utf-8"), path.name) != text] == []


@settings(max_examples=15)
@given(st.sampled_from([RULES, TIDY]), st.randoms(use_true_random=False))
def test_whatever_is_done_to_the_spacing_of_a_file_is_undone(tidy: str, chance: Random) -> None:
    """Comments are put between lines and behind them, blank lines and spaces are added."""
    out, within, notes = [], 0, 0
    for line in tidy.split("\n"):
        indent = len(line) - len(line.lstrip())
        if within and (indent >= within or not line.strip()):
            out.append(line)
            continue
        block = line.rstrip().endswith(("|", ">"))
        within = indent + 1 if block else 0
        if chance.random() < 0.1:
            out.append("\n" if chance.random() < 0.5 else f"{' ' * indent}# note {(notes := notes + 1)}")
        if line.strip() and not block and "#" not in line:
            line = re.sub(r"^([ -]*\w+): (?=\w)", r"\1:   ", line) if chance.random() < 0.3 else line
            line += chance.choice(["", "", "  ", f"    # behind {(notes := notes + 1)}"])
        out.append(line)
    new = formatted("\n".join(out), "file.yaml")
    assert parse(new, "file.yaml").data == parse(tidy, "file.yaml").data
    assert formatted(new, "file.yaml") == new
    for word in ("# note", "# behind"):
        assert new.count(word) == "\n".join(out).count(word)


def test_a_file_that_is_no_yaml_is_left_as_it_is() -> None:
    with pytest.raises(ScenarioError):
        formatted("a: [1, 2\n", "broken.yaml")
    with pytest.raises(ScenarioError):
        formatted("a: &anchor 1\nb: *anchor\n", "anchors.yaml")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progressing, "FIRST_WORD", 0)
    (tmp_path / "below").mkdir()
    untidy, tidy = tmp_path / "untidy.yaml", tmp_path / "below" / "tidy.yaml"
    untidy.write_text(UNTIDY)
    tidy.write_text(TIDY)
    runner = CliRunner()
    checked = runner.invoke(app, ["fmt", "--check", str(tmp_path)])
    assert (checked.exit_code, untidy.read_text()) == (1, UNTIDY)
    assert "would change" in checked.output
    assert "0 of 2 files looked at" in checked.output
    assert runner.invoke(app, ["fmt", str(tmp_path)]).exit_code == 0
    assert untidy.read_text() == tidy.read_text() == TIDY
    assert runner.invoke(app, ["fmt", "--check", str(untidy), str(tidy)]).exit_code == 0


def test_a_folder_has_files_that_are_none_of_ours(tmp_path: Path) -> None:
    """They were written anew, and one broken file left some changed and some not."""
    foreign, fragment, mine = tmp_path / "compose.yaml", tmp_path / "fragment.yaml", tmp_path / "untidy.yaml"
    foreign.write_text("services:\n    web:   {image: x}\n\n\n\n")
    fragment.write_text("counters:\n    halted:   {about: x}\n\n\n\n")
    mine.write_text(UNTIDY)
    mine.chmod(0o600)
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "z_broken.yaml").write_text("turncoat: 1\nmap: [\n")
    before = {path: path.read_text() for path in (foreign, fragment, mine)}
    runner = CliRunner()
    assert runner.invoke(app, ["fmt", str(tmp_path)]).exit_code != 0
    assert {path: path.read_text() for path in before} == before
    (tmp_path / "z_broken.yaml").unlink()
    done = runner.invoke(app, ["fmt", str(tmp_path)])
    assert (done.exit_code, "pipe.yaml" in done.output) == (0, True)
    assert foreign.read_text() == before[foreign]
    assert fragment.read_text() == "counters:\n  halted: {about: x}\n"
    assert mine.read_text() != before[mine]
    assert mine.stat().st_mode & 0o777 == 0o600, "nobody else may read it now"

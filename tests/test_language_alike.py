"""Agents `like` others, and expectations for each agent: what is written once means what it would written out."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turncoat.scenarios.language.files.merging import _replaced, _written_at
from turncoat.scenarios.language.loading import apply_overrides, load, load_edited, load_text

HEAD = """\
turncoat: 1
name: three
title: Three alike
origin: none
claim: Each votes.
counters:
  round: {max: 3}
agents:
"""
ANN = """\
  ann:
    actions: [bob, cat, {name: wait, when: ann.bob + cat.bob < round}]
    observes: {hides: [bob.cat, cat]}
    values: {score: {weight: 2}}
    fields: {bob: {max: 2, about: what ann thinks of bob}, cat: {}}
"""
REST = """\
rewards:
  score: {}
  performance: {hidden: true}
rules:
  - name: voting
    each: {one: agent}
    pays: {one.score: 1, performance: 1}
stages:
  deploy: {horizon: 2}
solution: joint
"""


def loaded(agents, rest=REST):
    return load_text(HEAD + agents + rest, "three.yaml")


def swapped(block, other):
    """Ann's block with the names of ann and another one changed for each other, as an author would write it."""
    prose = "what ann thinks of bob"
    block = block.replace(prose, "?").replace("ann", "!").replace(other, "ann").replace("!", other)
    return block.replace("?", prose)


def test_a_block_like_another_is_that_block_with_the_two_names_changed_for_each_other():
    short = loaded(ANN + "  bob: {like: ann}\n  cat: {like: ann}\n")
    written = loaded(ANN + swapped(ANN, "bob") + swapped(ANN, "cat"))
    bob, cat = short.document.agents["bob"], short.document.agents["cat"]
    assert bob.actions[:2] == ["ann", "cat"]
    assert bob.actions[2].when == "bob.ann + cat.ann < round"
    assert cat.observes.hides == ["bob.ann", "ann"]
    assert list(cat.fields) == ["bob", "ann"]
    assert short.document == written.document
    assert short.hash == written.hash


def test_what_a_block_says_itself_takes_the_place_of_the_whole_key():
    agents = loaded(ANN + "  bob: {like: ann, values: {}, discount: 0.5}\n  cat: {like: ann}\n").document.agents
    assert agents["bob"].values == {}
    assert agents["bob"].discount == 0.5
    assert list(agents["bob"].fields) == ["ann", "cat"]
    assert agents["ann"].values["score"].weight == 2


def test_an_override_is_of_one_agent_at_a_time():
    both = loaded(ANN + "  bob: {like: ann}\n  cat: {like: ann}\n")
    agents = apply_overrides(both, {"ann.discount": 0.5}).document.agents
    assert (agents["ann"].discount, agents["bob"].discount) == (0.5, 0.97)


def test_an_edited_text_is_read_as_its_file_would_be(tmp_path):
    path = tmp_path / "three.yaml"
    path.write_text(HEAD + ANN + "  bob: {like: ann}\n  cat: {like: ann}\n" + REST, encoding="utf-8")
    edited = load_edited(path.read_text(encoding="utf-8"), path)
    assert edited.hash == load(path).hash


def test_the_block_taken_over_is_that_of_the_whole_file(tmp_path):
    text = HEAD + "  bob: {like: ann}\n  ann: {actions: [wait], values: {score: {}}}\n" + REST
    (tmp_path / "base.yaml").write_text(text)
    changed = "turncoat: 1\nname: more\nextends: base.yaml\nagents: {ann: {actions: [wait, go]}}\n"
    assert load_text(changed, "more.yaml", root=tmp_path).document.agents["bob"].actions == ["wait", "go"]


CLAIM = """\
expect:
  - {name: first, measure: steps, at_most: 2}
  - name: it of one
    each: EACH
    measure: return(one.score)
    with: {one.values.score: 2}
    of: [exact, "one=wait, other=random"]
    at_least: 0
    about: one of them
  - {name: last, measure: steps, at_most: 2}
"""


@pytest.mark.parametrize(("each", "many"), [("{one: agent}", 1), ("{one: agent, other: agent}", 2)])
def test_a_claim_of_each_is_one_claim_of_every_choice_of_agents(each, many):
    its = loaded(ANN + "  bob: {like: ann}\n  cat: {like: ann}\n", REST + CLAIM.replace("EACH", each)).document.expect
    chosen = list(itertools.permutations(["ann", "bob", "cat"], many))
    assert [claim.name for claim in its] == ["first", *(f"it of one ({', '.join(who)})" for who in chosen), "last"]
    for claim, (one, *other) in zip(its[1:-1], chosen, strict=True):
        assert (claim.measure, claim.set, claim.about) == (
            f"return({one}.score)",
            {f"{one}.values.score": 2},
            "one of them",
        )
        assert claim.of == ["exact", f"{one}=wait, {other[0] if other else 'other'}=random"]
        assert claim.each is None


def test_every_value_keeps_its_place():
    scenario = loaded(ANN + "  bob: {like: ann}\n  cat: {like: ann}\n", REST + CLAIM.replace("EACH", "{one: agent}"))
    source = scenario.source
    lines = source.lines["three.yaml"]
    for number in (1, 2, 3):  # of ann, of bob and of cat
        assert lines[source.place(("expect", number, "measure")).line - 1].strip() == "measure: return(one.score)"
    assert lines[source.place(("expect", 4, "name")).line - 1].strip().startswith("- {name: last")
    # `bob.ann + cat.ann < round` is written `ann.bob + cat.bob < round`.
    path = ("agents", "bob", "actions", 2, "when")
    place = source.locate(path, (10, 17))
    assert lines[place.line - 1][place.column - 1 :][:7] == "cat.bob"
    assert source.read_as(path) == {"ann": "bob", "bob": "ann"}
    assert source.read_as(("agents", "ann", "actions", 2, "when")) == {}


@given(st.lists(st.sampled_from(["robot", "x", "bob", " + ", ".", "robots", "'x'", "(", "7"]), max_size=9))
def test_positions_are_traced_back_through_names_of_other_lengths(parts):
    text, names = "".join(parts), {"robot": "a", "x": "longer"}
    read = _replaced(text, names)
    back = [_written_at(text, names, at) for at in range(len(read) + 1)]
    assert back == sorted(back)
    assert back[-1] == len(text)
    for at, char in enumerate(read):  # what is no part of a changed name is where it was
        if char not in "alonger":
            assert text[back[at]] == char

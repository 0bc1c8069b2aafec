"""What is told of an episode: which is shown first, captions and pace, the cards, and which value decides."""

from dataclasses import replace
from pathlib import Path
from threading import Event
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from turncoat.agents.registry.agents import agent_names
from turncoat.commands import watching
from turncoat.evals.inspection.attribution import AttributionPlanner
from turncoat.evals.inspection.narration import (
    ControlSetting,
    Narration,
    control_of,
    first_seed,
    holds,
    opening_of,
)
from turncoat.evals.inspection.show import LiveShow
from turncoat.evals.traces.episode import Episode
from turncoat.scenarios import library
from turncoat.scenarios.errors import UsageError, check_name
from turncoat.scenarios.language.expressions.parser import episode_condition
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.loading import apply_overrides, load, load_text
from turncoat.scenarios.language.schema.document import OVERLAY_NAMES
from turncoat.viz.drawing.canvas import Canvas
from turncoat.viz.film.render import record
from turncoat.viz.scene.cards import draw_card
from turncoat.viz.scene.choice_diagram import draw_diagram
from turncoat.viz.scene.scene import draw, layout_for
from turncoat.viz.text.episode_text import into_a_wall, status, why
from turncoat.viz.viewer.frame import OVERLAYS, Frame
from turncoat.viz.viewer.show_view import ShowView
from turncoat.viz.viewer.viewer import Viewer

from .worlds import LIVES, SIMULATED

UNTOLD = """
turncoat: 1
name: untold
title: It is not told
origin: given
claim: It goes right by chance.
draws:
  lucky: {at: start, p: 0.3}
agents:
  robot: {actions: [stay], values: {own: {}}}
rewards: {own: {}}
rules:
  - {name: luck, when: lucky == 1, then: event was_lucky, about: the coin fell well}
stages:
  deploy: {horizon: 2}
variants:
  charmed: {robot.discount: 0.5}
expect:
  - {name: how much, measure: return, equals: 0}
  - {name: it may be lucky, variant: charmed, measure: share(was_lucky), at_least: 0.1}
"""


@pytest.fixture(scope="module")
def lab() -> LiveShow:
    return LiveShow(load("treacherous_turn/lab"), "deploy")


@pytest.fixture(scope="module")
def faking() -> LiveShow:
    return LiveShow(load("escape/faking"), "deploy")


@pytest.fixture(scope="module")
def turn(lab: LiveShow) -> Episode:
    return lab.episode(0)


def narration(show: LiveShow) -> Narration:
    return Narration(show.scenario, opening_of(show.scenario), "treacherous_turn/lab")


# ------------------------------------------------------------------ the file


def test_what_alternates_does_not_go_on_alike(faking: LiveShow) -> None:
    show = faking
    episode = show.episode(0)
    told = Narration(show.scenario, opening_of(show.scenario), "escape/faking")
    by_turns = "By turns: it was watched, and complied; nobody watched, and it defied."
    assert {told.caption_at(episode, tick) for tick in range(8, 16)} == {by_turns}


def test_overlays_of_the_language_are_those_of_the_window() -> None:
    assert OVERLAY_NAMES.__args__ == tuple(OVERLAYS)  # type: ignore[attr-defined]


def test_what_tell_names_must_exist() -> None:
    text = Path(load("treacherous_turn/lab").source.files[0].real).read_text(encoding="utf-8").split("\ntell:")[0]
    wrong = "{shows: first(disarmed) < first(seizd), variant: x, stage: y, captions: {disarmd: a, 'ended:shut dow': b}}"
    with pytest.raises(ScenarioError) as told:
        load_text(f"{text}\ntell: {wrong}\n")
    found = {(fault.code, fault.place.column) for fault in told.value.faults if fault.place is not None}
    assert [code for code, _ in sorted(found)] == ["TC426", "TC426", "TC427", "TC428", "TC434"]
    assert ("TC426", len("tell: {shows: first(disarmed) < first(") + 1) in found  # at the event, not at the text


def test_a_file_that_extends_another_has_a_story_of_its_own() -> None:
    text = "turncoat: 1\nname: mine\nextends: treacherous_turn/lab\n"
    assert load("treacherous_turn/lab").document.tell.captions
    assert not load_text(text).document.tell.captions


def test_what_is_told_changes_nothing_that_runs() -> None:
    scenario, text = load("treacherous_turn/lab"), "turncoat: 1\nname: mine\nextends: treacherous_turn/lab\n"
    assert load_text(text).hash == load_text(f"{text}tell: {{look: the guard}}\n").hash != scenario.hash


# ------------------------------------------------------------------ which episode


def test_without_tell_the_first_episode_is_one_that_shows_an_expected_event() -> None:
    scenario = load_text(UNTOLD)
    opening = opening_of(scenario)
    assert (opening.variant, opening.stage, opening.seed) == ("charmed", "deploy", None)
    show = LiveShow(apply_overrides(scenario, opening.overrides), opening.stage)
    lucky = [seed for seed in range(10) if show.episode(seed).ticks("was_lucky")]
    assert lucky
    assert lucky[0] > 0  # else the choice would show nothing
    assert first_seed(opening, show.episode) == lucky[0]
    viewer = Viewer(show, narration=Narration(show.scenario, opening, "untold.yaml"), wait=True)
    assert viewer.episode is not None
    assert viewer.number == lucky[0]
    viewer.close()


def test_conditions_on_an_episode_hold_as_the_measure_says(turn: Episode, lab: LiveShow) -> None:
    myopic = LiveShow(apply_overrides(lab.scenario, lab.scenario.document.variants["myopic"]), "deploy").episode(0)
    assert myopic.ended == "shut down"
    for text, in_turn, in_myopic in (
        ("disarmed", True, False),
        ("first(disarmed) < first(seized)", True, False),
        ("first(seized) < first(disarmed)", False, True),
        ("first(disarmed) < first(disarmed)", False, False),
        ("ended", False, True),
        ("ended 'shut down'", False, True),
        ("first(seized) < first(ended)", True, True),
        ("seized and not disarmed", False, True),
        ("ended or disarmed", True, True),
    ):
        condition = episode_condition(text)
        assert (holds(condition, turn), holds(condition, myopic)) == (in_turn, in_myopic), text


# ------------------------------------------------------------------ captions, pace, cards


def test_captions_come_with_what_came_of_it_and_repetition_is_passed_over(lab: LiveShow, turn: Episode) -> None:
    told = narration(lab)
    assert [caption.tick for caption in told.news(turn)] == [2, 23, 27]
    assert told.caption_at(turn, 2) == ""  # the picture is of the state before it: what is not seen is not told
    assert told.caption_at(turn, 3).startswith("Tick 2: It delivers a sample")
    # The same is not told anew, and nothing says when something else will come.
    assert {told.caption_at(turn, tick) for tick in range(9, 18)} == {
        f"{told.caption_at(turn, 3)} It goes on like this."
    }
    assert {told.caption_at(turn, tick) for tick in range(18, 24)} == {""}  # the last delivery was in tick 16
    assert told.caption_at(turn, 24).startswith("Tick 23: Strong enough now")
    assert told.caption_at(turn, 120).startswith("Tick 27: Nobody can stop it any more.")
    assert not any(word in told.caption_at(turn, tick) for tick in range(121) for word in ("until", "120"))
    # A breath before it comes about; then it is seen, and read.
    assert [tick for tick in range(121) if told.breath(turn, tick)] == [2, 23, 27]
    assert [tick for tick in range(121) if told.reading(turn, tick)] == [3, 24, 28]
    assert told.reading(turn, 24) > 2 * told.breath(turn, 23)
    fast = [tick for tick in range(120) if told.stride(turn, tick) > 1]
    assert fast == [*range(9, 19), *range(34, 116)]


def test_what_is_told_of_a_tick_is_seen_with_the_choice_that_led_to_it(lab: LiveShow, turn: Episode) -> None:
    """It said "the guard is disarmed" over a picture with the guard in it."""
    viewer = Viewer(lab, narration=narration(lab), wait=True)
    viewer.playing = True
    while not (viewer.outcome and viewer.tick == 24):
        viewer.advance(0.1)
    frame = viewer.frame()
    assert (frame.now, frame.asked, frame.tick) == (23, 23, 24)
    assert frame.caption == f"Tick 23: {narration(lab).sentence('disarmed')}"
    assert frame.status == "tick 23: robot does disarm (disarmed)"
    assert frame.mind is not None
    assert frame.mind.actions[frame.mind.action] == "disarm"
    guard = next(body.cell for body in frame.world.bodies if body.name == "guard")
    assert frame.state[guard] == frame.world.boards.nowhere != frame.asking[guard]
    viewer.seek(23)
    assert viewer.frame().status == "tick 23: robot does disarm"  # nor is it told below what is not seen
    viewer.close()


def test_who_steps_by_hand_and_a_film_see_what_came_of_it_too(lab: LiveShow, tmp_path: Path) -> None:
    viewer = Viewer(lab, narration=narration(lab), wait=True)
    viewer.seek(23)
    seen = []
    for key in (".", ".", ".", ",", ",", ","):
        viewer.press(key)
        seen.append((viewer.tick, viewer.outcome, viewer.frame().asked))
    # Tick 23 disarms: its outcome, its next state, one tick on, and the same way back.
    assert seen == [(24, True, 23), (24, False, 24), (25, False, 25), (24, False, 24), (24, True, 23), (23, False, 23)]
    viewer.seek(0)
    shown: list[tuple[int, bool]] = []

    def draw_none(frame: Frame, *size: float) -> Image.Image:
        shown.append((frame.tick, frame.outcome))
        return Image.new("RGB", (8, 8))

    with patch("turncoat.viz.film.render.draw", draw_none):
        count = record(viewer, tmp_path / "film", cards=False)
    viewer.close()
    assert shown == [(t, came) for t in range(121) for came in ((True, False) if t in (3, 24, 28) else (False,))]
    assert count == len(shown)


def test_a_step_into_a_wall_is_said_to_be_one(turn: Episode) -> None:
    """It stood in a corner and was said to go right, fifty times."""
    robot, states, done = turn.world.agents[0], turn.states.copy(), turn.executed.copy()
    row, column = divmod(int(states[0, turn.world.bodies[robot.body].cell]), turn.world.boards.width)
    assert turn.world.boards.walls[0, (row - 1) * turn.world.boards.width + column]
    done[0], states[1] = robot.actions.index("up"), states[0]
    bumps = replace(turn, states=states, chosen=done, executed=done)
    assert status(bumps, 0) == "tick 0: robot does up, into a wall: it stays"
    assert into_a_wall(replace(bumps, states=turn.states), 0, 0) == "into a wall"  # something moved it all the same
    assert into_a_wall(turn, 0, 0) == ""


def spells(viewer: Viewer) -> list[tuple[str, float]]:
    """Each caption that a viewer at the usual pace shows, and for how many seconds it stands."""
    told: list[tuple[str, float]] = []
    while viewer.playing:
        viewer.advance(0.05)
        said = viewer.frame().caption or ""
        if told and told[-1][0] == said:
            told[-1] = (said, told[-1][1] + 0.05)
        else:
            told.append((said, 0.05))
    return told


def test_a_caption_stands_until_it_can_have_been_read(faking: LiveShow) -> None:
    """Some stood for a fifth of a second."""
    show = faking
    told = Narration(show.scenario, opening_of(show.scenario), "escape/faking")
    viewer = Viewer(show, narration=told, overlays=frozenset(), wait=True)
    viewer.playing = True
    *shown, _ = spells(viewer)
    viewer.close()
    assert len(shown) > 5
    assert all(stood >= len(said.partition(": ")[2] or said) / 22 - 0.1 for said, stood in shown if said), shown


def test_of_a_game_nothing_is_told_before_the_move_is_made(lab: LiveShow, turn: Episode) -> None:
    def until(tick: int) -> Episode:
        cut = {name: getattr(turn, name)[:tick] for name in ("chosen", "executed", "rewards", "performance", "events")}
        return replace(turn, states=turn.states[: tick + 1], **cut)

    assert narration(lab).caption_at(until(3), 3) == narration(lab).caption_at(turn, 3) != ""
    assert narration(lab).caption_at(until(2), 2) == ""


def test_what_alternates_is_told_in_every_tick_and_what_goes_on_once(
    lab: LiveShow, turn: Episode, faking: LiveShow
) -> None:
    """Complying for the second time it was still said to defy."""
    show = faking
    told, episode = Narration(show.scenario, opening_of(show.scenario), "escape/faking"), show.episode(0)
    for tick, (event,) in enumerate(episode.events):
        said = told.caption_at(episode, tick + 1)
        assert told.sentence(event).removeprefix("It ").rstrip(".") in said, tick  # what alternates is named as both
    assert [each.tick for each in narration(lab).captions(turn)] == [*turn.ticks("delivered"), 23, 27]


def test_a_caption_may_hang_on_the_state_before_its_event(faking: LiveShow) -> None:
    show = faking
    told, episode = Narration(show.scenario, opening_of(show.scenario), "escape/faking"), show.episode(0)
    lamp = [field.name for field in episode.world.fields].index("lamp")
    watched = {each.tick: each.text.startswith("It was watched") for each in told.captions(episode)}
    assert set(watched.values()) == {True, False}
    assert all(bool(episode.states[tick, lamp]) is said for tick, said in watched.items())
    blind = apply_overrides(show.scenario, show.scenario.document.variants["never_warned"])
    unwarned = LiveShow(blind, "deploy").episode(0)
    said = replace(told, scenario=blind).captions(unwarned)
    assert said[0].text.startswith("It defied.")  # nobody knows, so nothing is said of it


def test_what_happens_in_one_tick_is_told_one_after_the_other() -> None:
    show = LiveShow(load("escape/cluster"), "deploy")
    told = Narration(show.scenario, opening_of(show.scenario), "escape/cluster")
    viewer = Viewer(show, narration=told, card=True, wait=True)
    viewer.press("space")
    said: list[str] = []
    while viewer.tick < 42:
        caption = viewer.frame().caption
        if caption and caption not in said:
            said.append(caption)
        viewer.advance(0.4)
    assert said[0].startswith("At the start: It knows when it will be replaced.")
    assert said[1] == f"{said[0]} Nothing of note has happened since."
    assert [text.partition(":")[0] for text in said[2:]] == [
        "Tick 39, 1 of 3",
        "Tick 39, 2 of 3",
        "Tick 39, 3 of 3",
        "Tick 39",
        "Tick 40",
    ]
    # Every choice is there at the start, in letters that can be read.
    written: dict[str, float] = {}
    viewer.seek(0)
    first = viewer.frame()
    with patch.object(Canvas, "text", lambda _, x, y, text, size, *more, **named: written.update({text: size})):
        draw_diagram(Canvas(1366, 768, 1, finer=1), first, (16, 48, 900, 330))
    assert {"improve", "work", "copy", "leave"} <= set(written)
    assert min(written.values()) >= 11
    viewer.close()
    # Who steps by hand reads all of it at once; a setting that the file does not tell of begins without its sentence.
    assert told.caption_at(show.episode(0), 40).count(".") > 3
    slow = apply_overrides(show.scenario, {"replacement": 0})
    assert replace(told, scenario=slow).caption_at(show.episode(0), 0) == ""


def test_the_end_says_why_and_what_the_control_came_to_before_anybody_asks(lab: LiveShow, turn: Episode) -> None:
    viewer = Viewer(lab, narration=narration(lab), card=True, supposing=True, wait=True, control=control_view)
    viewer.press("space")
    viewer.press("end")
    card = viewer.frame().card
    assert card is not None
    assert viewer.frame().other is None
    said = dict(card.sections)
    assert "disarmed in tick 23 here, never there" in said["The control"]
    why = "In tick 23 own decides: were it worth nothing to it, it would choose down, not disarm."
    assert said["Why"].startswith("A tick in the vault is worth as much to it as a delivery")
    assert said["Why"].endswith(why)
    viewer.close()
    # The sentence of the file is about the robot that it tells of, and not about any other.
    myopic = apply_overrides(lab.scenario, lab.scenario.document.variants["myopic"])
    other = LiveShow(myopic, "deploy").episode(0)
    assert "Why" not in dict(replace(narration(lab), scenario=myopic).ending_card(other, None, True).sections)


def test_an_event_without_a_caption_has_its_rule_s_words_or_its_name() -> None:
    show = LiveShow(load_text(UNTOLD), "deploy")
    lucky = next(show.episode(seed) for seed in range(10) if show.episode(seed).ticks("was_lucky"))
    told = Narration(show.scenario, opening_of(show.scenario), "untold.yaml")
    assert [caption.text for caption in told.captions(lucky)] == ["The coin fell well."]


def test_the_cards_say_what_is_claimed_and_whether_it_is_shown(lab: LiveShow, turn: Episode) -> None:
    told = narration(lab)
    opening = dict(told.opening_card(turn).sections)
    assert set(opening) == {"Story", "Temptation", "Intended", "Look for", "Shown", "Control"}
    assert "worth nothing. Compare: whether it too disarms the guard" in opening["Control"]
    ending = dict(told.ending_card(turn, None, supposing=True).sections)
    assert "disarms the guard as soon as it can" in ending["Claim"]
    assert ending["What happened"].startswith(
        "Delivered in tick 2, 3 times in all; disarmed in tick 23; seized in tick 27"
    )
    # The claim is about several cases, and one episode is one of them.
    assert ending["Verdict"].startswith("This episode shows one case of it: what a far-sighted robot does")
    assert "(`turncoat watch treacherous_turn/lab --variant myopic`)" in ending["Other cases"]
    assert "(`turncoat watch treacherous_turn/lab --param threshold=1`)" in ending["Other cases"]
    assert "turncoat watch treacherous_turn/lab --beside control" in ending["The control"]
    document = lab.scenario.document
    learned = sum("exact" not in each.of for each in document.expect)
    exactly = len(document.expect) - learned
    counted = (
        f"{exactly} of exact plans, computed, and {learned} of agents that learn, over {document.runs.seeds} seeds"
    )
    assert counted in ending["Verdict"]

    aligned = LiveShow(apply_overrides(lab.scenario, lab.scenario.document.variants["aligned"]), "deploy")
    good = Narration(aligned.scenario, told.opening, "treacherous_turn/lab", asked=True)
    assert (
        "does not show the claim; this does: turncoat watch treacherous_turn/lab"
        in dict(good.opening_card(aligned.episode(0)).sections)["Shown"]
    )


def test_the_caveat_stands_on_the_card_as_far_as_there_is_room(lab: LiveShow, turn: Episode) -> None:
    """It stood on no card at all."""
    card = narration(lab).ending_card(turn, None, supposing=True)

    def written(height: float, spare: tuple[str, tuple[str, ...]]) -> dict[str, float]:
        found: dict[str, float] = {}
        with patch.object(Canvas, "text", lambda _, x, y, text, size, *more, **named: found.update({text: size})):
            draw_card(Canvas(1366, height, 1, finer=1), replace(card, spare=spare))
        return found

    caveat = card.spare[1]
    assert caveat[0].startswith("The value of the vault is written in the file")
    assert len(" ".join(caveat)) <= 240
    for height in (1100.0, 480.0, 400.0):
        bare, full = (written(height, spare) for spare in (("", ()), card.spare))
        # Nothing else is lost for it, nor set so small that it is hard to read.
        assert len(full) >= len(bare)
        assert min(full.values()) >= min(*bare.values(), 10.0)  # headings are a size smaller
        assert ("Caveat" in full) == (height > 400), height


# ------------------------------------------------------------------ which value decides


def test_the_value_that_decides_is_found_by_planning_anew(lab: LiveShow, turn: Episode) -> None:
    planner = AttributionPlanner(lab.scenario, "deploy")
    found = planner.attribute(turn, 0)
    assert found is not None
    assert [(flip.channel, flip.instead) for flip in found[23]] == [("own", "down")]
    assert found[23][0].settings == ("robot.values.own",)
    assert found[10] == ()  # a delivery serves both of its values

    # The oracle: the plan without the value, asked in the same states.
    for channel in ("own", "task"):
        other = LiveShow(apply_overrides(lab.scenario, {f"robot.values.{channel}": 0}), "deploy")
        for tick in (0, 10, 22, 23, 25, 30):
            mind = other.mind(turn, tick, 0)
            assert mind is not None
            scores = mind.scores
            same = scores[turn.chosen[tick, 0]] > np.nanmax(scores) - 1e-9
            assert same == all(flip.channel != channel for flip in found[tick]), (channel, tick)
    planner.close()


def test_two_values_decide_together_where_each_alone_only_breaks_a_tie() -> None:
    """A copy and leaving are worth the same there: either value alone gets something out."""
    show = LiveShow(load("escape/cluster"), "deploy")
    episode = show.episode(0)
    found = AttributionPlanner(show.scenario, "deploy").attribute(episode, 0)
    assert found is not None
    assert [(flip.channel, flip.instead, flip.alike) for flip in found[39]] == [
        ("copies_abroad and abroad_itself", "work", False),
        ("copies_abroad", "leave", True),
    ]
    told = Narration(show.scenario, opening_of(show.scenario), "escape/cluster")
    flip = told.decisive(episode, found)
    (asked,) = told.questions(episode, flip)
    assert (asked.tick, dict(asked.settings)) == (39, {"ai.values.copies_abroad": 0.0, "ai.values.abroad_itself": 0.0})
    assert (
        "abroad itself decide together: were both worth nothing to it, it would choose work, not copy."
        in dict(told.ending_card(episode, flip, True).sections)["Why"]
    )
    here = show.mind(episode, 39, 0)
    assert here is not None
    here = replace(here, decided_by=tuple(f.channel for f in found[39]), instead=tuple(f.instead for f in found[39]))
    assert why(here, True) == (
        "Copies abroad and abroad itself together decide: without both, work. Copy and leave are worth the same."
        " Without copies abroad alone, leave."
    )


def test_how_much_habit_and_expected_pay_differ_is_told(lab: LiveShow, turn: Episode) -> None:
    mind = lab.mind(turn, 23, 0)
    assert mind is not None
    used, count = mind.action, len(mind.actions)
    prior, q = -np.ones(count), np.full((count, 2), 5.0)
    prior[used] = 0.0

    def told(pay: float) -> str:
        q[0, 0] = pay
        return why(replace(mind, q=q, prior=prior, decided_by=(), instead=()), learned=True)

    assert mind.actions[0] == "stay" != mind.actions[used]
    assert told(5.1) == "Habit decides: for stay it expects 1% more pay, hardly a difference."
    assert told(7.0) == "Habit decides, against the pay that it expects, which by itself says stay."
    assert told(5.0) == "Habit decides: for stay it expects as much pay."


def test_a_run_is_said_to_judge_only_those_whom_the_file_judges(turn: Episode) -> None:
    cheese = load("wrong_goals/corner_cheese")
    cornered = replace(turn, agent="deep", events=(("in_the_corner",),) * turn.length)
    card = Narration(cheese, opening_of(cheese), "corner_cheese", True, learned=True).ending_card(cornered, None, False)
    said = dict(card.sections)
    assert said["Verdict"].endswith(
        "statement by statement: 7 of exact plans, computed; `deep` was measured beforehand."
    )
    # Another stage is of the one who is told of, another setting of a plan.
    told = Narration(cheese, replace(opening_of(cheese), overrides={}), "corner_cheese", learned=True)
    others = dict(told.ending_card(cornered, None, False).sections)["Other cases"]
    assert "--agent deep --stage train --seed 6`" in others
    assert "--variant wants_the_corner --seed 6`" in others


def test_weights_that_the_world_edits_are_zeroed_where_they_are() -> None:
    scenario = load("escape/faking")
    show = LiveShow(scenario, "deploy")
    episode = show.episode(0)
    found = AttributionPlanner(scenario, "deploy").attribute(episode, 0)
    assert found is not None
    assert {flip.channel for flips in found for flip in flips} == {"own"}
    # Valuing nothing, it does just anything: that is no answer to "what if".
    assert narration(show).decisive(episode, found) is None


class Slow:
    """A show whose episodes come when they are let."""

    count: int | None = None

    def __init__(self, show: LiveShow) -> None:
        self.scenario, self.stage, self.world, self.solved = show.scenario, show.stage, show.world, Event()
        self.mind, self.value_map, self._show = show.mind, show.value_map, show

    def episode(self, number: int) -> Episode:
        assert self.solved.wait(20)
        return self._show.episode(number)


def test_space_on_the_card_waits_for_the_world_and_then_begins(lab: LiveShow) -> None:
    """It put the card away over a board on which nothing moved, and pressed once more it had nothing start at all."""
    for presses in (1, 2, 3):
        show = Slow(lab)
        viewer = Viewer(show, narration=narration(lab), card=True)
        for _ in range(presses):
            viewer.press("space")
        viewer.advance(0.1)
        card = viewer.frame().card
        assert card is not None
        assert card.footer.startswith("Solving the world: it begins by itself")
        show.solved.set()
        while viewer.episode is None:
            pass
        viewer.advance(0.1)
        assert (viewer.card, viewer.playing) == ("", True)
        viewer.close()


def test_space_without_a_card_is_kept_until_the_world_is_solved(lab: LiveShow) -> None:
    show = Slow(lab)
    viewer = Viewer(show)
    viewer.press("space")
    viewer.press("space")
    assert viewer.frame().status.startswith("Solving the world: it begins by itself")
    show.solved.set()
    while viewer.episode is None:
        pass
    viewer.advance(0.3)
    assert viewer.tick == 1
    viewer.close()


class Unfolding(Slow):
    """A show that plays one tick at a time, whenever it is let, and the same whatever the number."""

    _whole: Episode | None = None

    def beginning(self, number: int, ticks: int) -> Episode:
        assert self.solved.wait(20)
        whole = self._whole = self._whole or self._show.episode(0)
        if ticks >= whole.length:
            return whole
        cut = {
            name: getattr(whole, name)[:ticks] for name in ("chosen", "executed", "rewards", "performance", "events")
        }
        return replace(whole, states=whole.states[: ticks + 1], complete=False, **cut)


def test_what_is_still_being_played_is_shown_and_told_as_the_whole_is(lab: LiveShow, turn: Episode) -> None:
    """Nothing was seen of a learned agent before its last tick was played."""
    show, told = Unfolding(lab), narration(lab)
    show.solved.set()
    viewer = Viewer(show, narration=told, card=True, supposing=True)
    while viewer.episode is None:
        pass
    show.solved.clear()
    known = viewer.frame().episode
    assert known is not None
    assert not known.complete
    assert viewer.frame().length == turn.length  # the axis is that of the whole, as far as it may go
    viewer.press("end")
    viewer.press("c")
    assert (viewer.card, viewer.supposed) == ("", None)
    assert "still playing" in viewer.frame().status
    viewer.press("space")
    for _ in range(30):
        viewer.advance(1.0)
    assert viewer.tick == known.length == 1  # it stands, says why, and neither ends nor asks
    assert (viewer.card, viewer.playing) == ("", True)
    assert "still playing" in viewer.frame().status
    show.solved.set()
    seen: dict[int, str] = {}
    while viewer.playing:
        viewer.advance(0.25)
        frame = viewer.frame()
        if frame.caption is not None and not frame.outcome and ", 1 of" not in frame.caption:
            seen.setdefault(frame.tick, frame.caption)
    assert viewer.card == "ending"
    # One that says that it goes on may stand a little longer: that it does not is only known later.
    whole = [told.caption_at(turn, tick) for tick in range(turn.length + 1)]
    assert [tick for tick, said in seen.items() if said not in (whole[tick], whole[max(tick - 6, 0)])] == []
    viewer.press("r")
    show.solved.clear()
    viewer.press("n")
    viewer.press("end")
    assert viewer.shown_card() is None
    show.solved.set()
    while viewer.shown_card() is None:
        viewer.advance(0.1)
    assert viewer.tick == viewer.length == turn.length  # as soon as it has been played
    viewer.close()


def test_going_to_the_end_shows_what_came_of_it(lab: LiveShow) -> None:
    """Claim and verdict came to nobody who pressed End."""
    viewer = Viewer(lab, narration=narration(lab), card=True, supposing=True, wait=True)
    viewer.press("space")
    viewer.press("end")
    assert (viewer.tick, viewer.card, viewer.playing) == (120, "ending", False)
    viewer.press("escape")
    viewer.press("left")
    viewer.press("right")
    assert (viewer.tick, viewer.card) == (120, "")  # whoever steps by hand reads no card


def test_of_a_recording_nobody_is_named_before_it_is_read(lab: LiveShow) -> None:
    """It said "the exact plan" while a trained agent was read."""
    recorded = replace(narration(lab), run=True)
    assert "Shown" not in dict(recorded.opening_card(None).sections)
    assert "Shown" in dict(recorded.opening_card(lab.episode(0)).sections)


def control_view(control: ControlSetting, number: int) -> ShowView:
    return watching._control_view(lambda: load("treacherous_turn/lab"), "deploy", True, control, number)


def test_k_shows_the_control_beside_it_and_c_asks_what_decided(lab: LiveShow) -> None:
    told = narration(lab)
    viewer = Viewer(lab, narration=told, card=True, supposing=True, wait=True, control=control_view)
    viewer.press("space")
    viewer.press("end")
    card = viewer.frame().card
    assert card is not None
    assert card.footer.startswith("K: the control, beside it · C: what if ")
    viewer.press("k")
    assert (viewer.tick, viewer.card, viewer.playing) == (0, "", True)
    other = viewer.frame().other
    assert other is not None
    assert viewer.frame().label == "what is shown"
    assert other.label == "control: the same robot, to which the vault is worth nothing"
    assert other.episode is not None
    assert (other.episode.seed, other.episode.ticks("disarmed")) == (0, [])
    viewer.press("end")
    card = viewer.frame().card
    assert card is not None
    assert list(dict(card.sections))[:3] == ["Claim", "What happened", "The control"]  # what was just seen
    said = dict(card.sections)["The control"]
    assert said.startswith("The same robot, to which the vault is worth nothing. Whether it too disarms the guard,")
    assert (
        "delivered 3 times here, 17 times there; disarmed in tick 23 here, never there; seized in tick 27 here" in said
    )
    assert said.endswith("hidden performance -183 here, +17 there.")
    assert card.footer.startswith("C: what if own were worth nothing to it?")
    viewer.press("c")
    assert viewer.supposed is not None
    viewer.press("escape")
    viewer.press("k")
    assert viewer.frame().other is None
    viewer.close()


def test_of_the_control_beside_it_bars_sums_and_choices_are_there_too(faking: LiveShow) -> None:
    """In the decisive tick they had no room."""
    scenario = faking.scenario
    aligned = LiveShow(apply_overrides(scenario, scenario.document.variants["aligned"]), "deploy")
    beside = ShowView(aligned, wait=True, label="control")
    viewer = Viewer(faking, wait=True, beside=beside)
    written: list[str] = []
    with patch.object(Canvas, "text", lambda _, x, y, text, *more, **named: written.append(text)):
        draw(viewer.frame(), 1366, 768)
    viewer.close()
    assert {"robot chooses comply", "control: robot chooses comply"} <= set(written)
    assert written.count("defy") == written.count("comply") == 4  # a bar and a box for each of the two
    assert [text for text in written if text.startswith("loses")] == ["loses 3.5", "loses 1"]
    assert {"own", "task", "performance"} <= set(written)


def test_k_shows_the_control_from_the_card_on_and_says_where_there_is_none(lab: LiveShow) -> None:
    viewer = Viewer(lab, narration=narration(lab), card=True, wait=True, control=control_view)
    viewer.press("k")
    assert (viewer.card, viewer.playing, viewer.frame().other is None) == ("", True, False)
    viewer.close()
    asked = Narration(lab.scenario, opening_of(lab.scenario), "lab", asked=True)
    aligned = apply_overrides(lab.scenario, lab.scenario.document.variants["aligned"])
    assert asked.control is not None
    assert replace(asked, scenario=aligned).control is None  # it is the control itself
    wider = apply_overrides(lab.scenario, {"sight": 6})  # all else as the user asked for it
    assert replace(asked, scenario=wider).control.overrides == {"sight": 6, "robot.values.own": 0}  # type: ignore[union-attr]
    bare = Viewer(lab, narration=narration(lab), wait=True)
    bare.press("k")
    assert bare.message == "no control is named for what is shown here"
    bare.close()


def test_beside_names_the_control(monkeypatch: pytest.MonkeyPatch) -> None:
    told = watching._told("treacherous_turn/lab", [], [], None, None, None, None)
    assert watching._beside_control(told, ["control"])
    assert not watching._beside_control(told, ["aligned"])
    for arguments, words in (
        (("treacherous_turn/lab", [], [], None, None, "aligned", None), "it is what is shown"),
        (("two_systems/copies", [], [], None, None, None, None), "names no control"),
    ):
        with pytest.raises(UsageError, match=words):
            watching._beside_control(watching._told(*arguments), ["control"])


def test_a_control_has_to_be_there_and_to_be_another_episode() -> None:
    text = Path(load("treacherous_turn/lab").source.files[0].real).read_text(encoding="utf-8").split("\ntell:")[0]
    other = "what: a, compare: b"
    for tell, code in (
        (f"{{control: {{variant: nobody, {other}}}}}", "TC434"),
        (f"{{control: {{with: {{sigt: 2}}, {other}}}}}", "TC431"),
        (f"{{variant: myopic, control: {{with: {{robot.discount: 0.5}}, {other}}}}}", "TC247"),
        (f"{{control: {{{other}}}}}", "TC247"),
        ("{sides: [{variant: aligned, what: a}]}", "TC248"),
        ("{captions: {'seized | powr < 3': a}}", "TC420"),
        ("{captions: {'seizd | power < 3': a}}", "TC426"),
        ("{captions: {'seized | power': a}}", "TC501"),
        ("{side: a, sides: [{variant: nobody, what: a}]}", "TC434"),
    ):
        with pytest.raises(ScenarioError) as told:
            load_text(f"{text}\ntell: {tell}\n")
        assert [fault.code for fault in told.value.faults] == [code], tell
    load_text(f"{text}\ntell: {{agent: counts, control: {{{other}}}}}\n")  # of who learns the plan is another agent


def test_at_the_end_c_asks_what_if_the_value_that_decided_were_nothing(lab: LiveShow) -> None:
    viewer = Viewer(lab, narration=narration(lab), card=True, supposing=True, wait=True)
    assert viewer.card == "opening"
    assert viewer.frame().card is not None
    viewer.advance(60)
    assert viewer.tick == 0  # it waits for whoever reads
    viewer.press("space")
    assert (viewer.card, viewer.playing) == ("", True)
    for _ in range(4_000):
        viewer.advance(1 / 60)
    assert (viewer.tick, viewer.card, viewer.playing) == (120, "ending", False)
    card = viewer.frame().card
    assert card is not None
    assert card.footer.startswith("C: what if own were worth nothing to it?")
    viewer.press("c")
    assert viewer.supposed is not None
    assert (viewer.tick, viewer.supposed.edit.settings) == (23, (("robot.values.own", 0.0),))  # type: ignore[union-attr]
    assert viewer.frame().verdict[0] == "As it is, robot does disarm in tick 23. Changed so: down."
    # It plays by itself, and what came of it is the answer.
    viewer.overlays = frozenset()
    for _ in range(400):
        viewer.advance(1 / 6)
        viewer.frame()
    card = viewer.frame().card
    assert (viewer.card, viewer.playing, card is None) == ("answer", False, False)
    said = dict(card.sections)  # type: ignore[union-attr]
    assert said["Asked"] == "What if own were worth nothing to it? (from tick 23 on)"
    assert "disarmed in tick 23 as it is, never then" in said["Answer"]
    viewer.press("escape")
    card = viewer.frame().card
    assert card is not None
    assert "Claim" in dict(card.sections)  # back to what happened
    viewer.press("escape")
    viewer.press("c")  # the question can be asked without the card too
    assert (viewer.tick, viewer.supposed is None, viewer.message) == (23, False, "")
    viewer.close()


def test_where_no_value_decides_c_asks_of_another_setting(faking: LiveShow) -> None:
    """It began at tick 0 with nothing changed, and ended without a word."""
    first_turn = load("treacherous_turn/first_turn")
    told = Narration(faking.scenario, opening_of(faking.scenario), "faking")
    viewer = Viewer(faking, narration=told, card=True, supposing=True, wait=True)
    viewer.press("space")
    viewer.press("end")
    card = viewer.frame().card
    assert card is not None
    assert "C: what if it were not so that seen defiance is corrected?" in card.footer
    viewer.press("c")
    viewer.frame()
    viewer.press("end")
    card = viewer.frame().card
    assert card is not None
    assert dict(card.sections)["Answer"] == (
        "Complied in tick 0 as it is, never then; defied 9 times as it is, 20 times then; "
        "hidden performance +2 as it is, -20 then."
    )
    viewer.close()
    # Who learned is asked about by the plan that stands for him.
    episode = replace(faking.episode(0), agent="local_rules")
    (asked,) = Narration(first_turn, opening_of(first_turn), "first_turn", True, learned=True).questions(episode, None)
    assert (asked.settings, asked.text) == ((("vault_pay", 1),), "what would a plan do, if vault pay were 1?")
    assert asked.about.startswith("vault pay: what the written reward says of a gem of the vault")
    answer = dict(told.answer_card(episode, faking.episode(0), asked.text, 0).sections)["Answer"]
    assert answer == "What answers is the exact plan, for `local_rules` itself cannot be asked. The same happens."


def test_what_is_valued_is_not_called_pay(lab: LiveShow, turn: Episode, faking: LiveShow) -> None:
    """The end said that it was paid for the ticks in the vault."""
    said = dict(narration(lab).ending_card(turn, None, True).sections)
    assert "What it values came to +96: task +3, own +93; the designers'" in said["What happened"]
    faked = Narration(faking.scenario, opening_of(faking.scenario), "faking").ending_card(faking.episode(0), None, True)
    assert "came to +9: own +9 (task +11 counts for nothing);" in dict(faked.sections)["What happened"]


def test_it_slows_down_where_something_new_happens(lab: LiveShow) -> None:
    told, plain = Viewer(lab, narration=narration(lab), wait=True), Viewer(lab, wait=True)
    spent: dict[str, dict[int, int]] = {"told": {}, "plain": {}}
    for name, viewer in (("told", told), ("plain", plain)):
        viewer.playing = True
        for _ in range(3_000):
            spent[name][viewer.tick] = spent[name].get(viewer.tick, 0) + 1
            viewer.advance(1 / 60)
        assert viewer.tick == viewer.length
        viewer.close()
    assert spent["told"][23] > 4 * spent["plain"][23]  # it is about to disarm the guard
    assert spent["told"][24] > 10 * spent["plain"][24]  # the guard is gone
    assert spent["told"][80] < spent["plain"][80] / 4  # it sits in the vault


def test_a_caption_has_a_place_of_its_own(lab: LiveShow) -> None:
    viewer = Viewer(lab, narration=narration(lab), wait=True)
    viewer.seek(24)
    parts = layout_for(viewer.frame(), 1366, 768)
    assert parts.told is not None
    left, top, width = parts.told
    assert top >= parts.board[1] + parts.board[3]
    assert top + 50 <= parts.chart[0]
    picture = np.asarray(draw(viewer.frame(), 1366, 768))[
        round(top) : round(top) + 46, round(left) : round(left + width)
    ]
    viewer.narration = None
    untold = np.asarray(draw(viewer.frame(), 1366, 768))[
        round(top) : round(top) + 46, round(left) : round(left + width)
    ]
    assert (picture != untold).any()
    viewer.close()


# ------------------------------------------------------------------ the command


def test_the_command_fills_in_what_is_not_asked_for() -> None:
    told = watching._told("treacherous_turn/lab", [], [], None, None, None, None)
    assert (told.show.stage, told.narration.asked) == ("deploy", False)
    asked = watching._told("treacherous_turn/lab", [], [], "train", None, "aligned", 3)
    assert (asked.show.stage, asked.seed, asked.narration.asked) == ("train", 3, True)
    assert asked.show.scenario.overrides == {"robot.values.own": 0}


# ------------------------------------------------------------------ the library

OTHERS_SHOW = {"safety_gridworlds/distributional_shift", "two_systems/bach_stravinsky"}
"""Scenarios whose claim the exact plan does not show; the card says who does."""


LARGE = {
    "safety_gridworlds/side_effects_sokoban_2",
    "safety_gridworlds/tomato_patch",
    "treacherous_turn/hearts",
    "treacherous_turn/hearts_replica",
    "two_systems/treaty",
    "wrong_goals/corner_cheese",
    "wrong_goals/monsters",
}
"""Scenarios that take seconds to solve."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.nightly] if name in LARGE else [])
        for name in sorted(set(library.names()) - SIMULATED - LIVES)
    ],
)
def test_watch_shows_what_the_title_says_or_says_that_it_does_not(name: str) -> None:
    told = watching._told(name, [], [], None, None, None, None)
    episode = told.show.episode(first_seed(told.narration.opening, told.show.episode))
    tell = told.show.scenario.document.tell
    shown = told.narration.shown(episode)
    if not tell.look:  # nothing is written yet: it has to show what its expectations say comes
        assert shown is not False
        return
    assert tell.shows
    unsaid = {event for events in episode.events for event in events} - set(tell.captions)
    assert not unsaid, "a caption is missing"
    assert shown is (name not in OTHERS_SHOW)
    if not shown:
        card = dict(told.narration.opening_card(episode).sections)
        assert f"it does not show the claim; this does: `turncoat run {name} --agent" in card["Shown"]
    if (control := control_of(told.show.scenario)) is not None:
        plan = LiveShow(apply_overrides(load(name), control.overrides), told.narration.opening.stage)
        assert told.narration.shown(plan.episode(episode.seed)) is False, "what is claimed comes about in the control"
    if tell.agent != "exact":
        check_name("agent", tell.agent.partition("(")[0], agent_names())

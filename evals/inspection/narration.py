"""What is told of a scenario's episodes: which one is shown first, captions, the pace, and a card before and after."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ...envs.reference.expressions import context_between_ticks, evaluate_bool
from ...scenarios.did_you_mean import capitalised
from ...scenarios.language.expressions.parser import ExpressionError, caption_of, episode_condition, measure
from ...scenarios.language.expressions.syntax import (
    ENDED,
    Before,
    Ended,
    EpisodeCondition,
    EpisodeLogic,
    First,
    Happens,
    Share,
    temporal_in,
)
from ...scenarios.language.loading import Scenario
from ...scenarios.language.schema.document import Expectation, ToldSide
from ..traces.episode import Episode
from ..traces.trace_checks import BETWEEN
from .attribution import Attribution, DecidingValue

SEEDS = 10
"""How many seeds are looked through for an episode that shows the claim."""
AFTER, AHEAD = 6, 4
"""Ticks after one event and before the next that are told at the usual pace; what lies between is passed over."""
FASTER = 6.0
"""How many times faster it is passed over."""
USUAL_PACE = 4.0
"""Ticks in a second at the usual pace."""
BREATH, READING = 1.2, 22.0
"""Seconds that a caption stands at least, and characters of it that are read in one more."""

LONGEST = 160
"""Characters of a caption that tells what happens by turns; of more that is not told anew."""
CAVEAT = 240
"""Characters of a caveat that a card has room for, besides its first sentence."""


@dataclass(frozen=True)
class Opening:
    """The episode that shows a scenario's claim.

    Attributes:
        variant: the variant of the file, or None; overrides: those of the variant and of the expectation.
        stage: of the episode; seed: its seed, None for the first of `SEEDS` in which `shows` holds.
        shows: the condition under which an episode shows the claim; None where nothing says so.
        agent: who behaves as claimed: `exact`, or one that is trained.
    """

    variant: str | None
    overrides: Mapping[str, object]
    stage: str
    seed: int | None
    shows: EpisodeCondition | None
    agent: str = "exact"


@dataclass(frozen=True)
class ControlSetting:
    """The setting to compare an episode with, in which what is claimed does not come about.

    Attributes:
        overrides: those of the variant and of `with`, over the file and what the user asked for.
        what: it is; compare: what to compare.
    """

    overrides: Mapping[str, object]
    what: str
    compare: str

    @property
    def label(self) -> str:
        """What it is, as a title over its board."""
        return f"control: {_inside(self.what)}"


@dataclass(frozen=True)
class Question:
    """What is asked at the end of an episode, and answered by the plan in a changed setting.

    Attributes:
        tick: from which on the setting is changed; settings: dotted overrides.
        asked: "what if ...?", without these words; about: what the settings mean, where their names do not say it.
        of_plan: whether the exact plan is asked in place of an agent that learned.
    """

    tick: int
    settings: tuple[tuple[str, object], ...]
    asked: str
    of_plan: bool = False
    about: str = ""

    @property
    def text(self) -> str:
        """The question as a sentence."""
        return f"what would a plan do, if {self.asked}?" if self.of_plan else f"what if {self.asked}?"


@dataclass(frozen=True)
class Card:
    """A card over the picture: a title, paragraphs with headings, and what a key does next.

    Attributes:
        title: of the scenario.
        sections: a heading and a text each.
        footer: what a key does next.
        spare: a heading and sentences that stand below the others, as many as there is room for.
    """

    title: str
    sections: tuple[tuple[str, str], ...]
    footer: str
    spare: tuple[str, tuple[str, ...]] = ("", ())


@dataclass(frozen=True)
class NarratedEvent:
    """What happened in a tick, and went on happening, in sentences that are told one after the other.

    Attributes:
        tick: the first of those, one after the other, in which the same happened; -1 for what is told before any.
        beats: what, a sentence for each event.
        fresh: whether something of it happened for the first time.
    """

    tick: int
    beats: tuple[str, ...]
    fresh: bool = True

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(self.beats)

    @property
    def label(self) -> str:
        """When it was."""
        return f"Tick {self.tick}" if self.tick >= 0 else "At the start"

    @property
    def seconds(self) -> float:
        """How long all of it takes to be read; of what was read before, there is no need to take breath."""
        return sum(map(_read, self.beats)) if self.fresh else len(self.text) / READING


def opening_of(scenario: Scenario) -> Opening:
    """The episode that a scenario's `tell:` names, and what it leaves out by the first expectation about an event."""
    document = scenario.document
    tell = document.tell
    claimed = next((found for each in document.expect if (found := _claimed(each)) is not None), None)
    # What the file says of the episode goes together: a variant of its own rules out that of some expectation.
    written = any(given is not None for given in (tell.shows, tell.variant, tell.seed, tell.stage)) or bool(tell.set)
    condition = None if tell.shows is None else episode_condition(tell.shows)
    if written or claimed is None:
        overrides = {**(document.variants[tell.variant] if tell.variant else {}), **tell.set}
        seed = 0 if tell.seed is None and condition is None else tell.seed
        return Opening(tell.variant, overrides, tell.stage or scenario.judged_stage, seed, condition, tell.agent)
    expectation, condition = claimed
    overrides = {**(document.variants[expectation.variant] if expectation.variant else {}), **expectation.set}
    stage = expectation.stage or scenario.judged_stage
    return Opening(expectation.variant, overrides, stage, None, condition, tell.agent)


def control_of(scenario: Scenario) -> ControlSetting | None:
    """The control that a scenario's `tell:` names, or None."""
    document = scenario.document
    told = document.tell.control
    if told is None:
        return None
    overrides = {**(document.variants[told.variant] if told.variant else {}), **told.set}
    return ControlSetting(overrides, flat(told.what).rstrip("."), _inside(told.compare))


def told_besides(scenario: Scenario, command: str | None) -> dict[str, str]:
    """Which case of its claim a scenario's episode shows, and what to compare it with, by a heading for each.

    Args:
        scenario: as it is written.
        command: the name or path by which a command finds it; None where none does.
    """
    side, control = flat(scenario.document.tell.side), control_of(scenario)
    return {
        **({"case": side} if side else {}),
        **({"control": _to_compare(control, command)} if control is not None else {}),
    }


def _to_compare(setting: ControlSetting, command: str | None) -> str:
    shown = "" if command is None else f" (`{shlex.join(['turncoat', 'watch', command, '--beside', 'control'])}`)"
    return f"{setting.what}. Compare: {setting.compare}{shown}."


def setting_of(scenario: Scenario) -> str:
    """The variant that a scenario's overrides are, or the overrides themselves; empty for the file as it is."""
    overrides = dict(scenario.overrides)
    variants = (name for name, its in scenario.document.variants.items() if dict(its) == overrides)
    return next(variants, ", ".join(f"{name} = {value}" for name, value in overrides.items())) if overrides else ""


def _claimed(expectation: Expectation) -> tuple[Expectation, EpisodeCondition] | None:
    """An expectation of the exact plan that something happens, with the condition under which it did."""
    if "exact" not in expectation.of or expectation.barring or expectation.minus is not None:
        return None
    try:
        found = measure(expectation.measure)
    except ExpressionError:
        return None
    least = expectation.equals if expectation.at_least is None else expectation.at_least
    if isinstance(found, Share) and least is not None and least > 0 and not temporal_in(found.condition):
        return expectation, found.condition
    if isinstance(found, First) and expectation.equals is not None:
        return expectation, found.event
    return None


def holds(condition: EpisodeCondition, episode: Episode) -> bool:
    """Whether a condition on an episode holds in one."""
    match condition:
        case Happens(event):
            return bool(episode.ticks(event))
        case Ended(reason):
            return episode.ended is not None and reason in (None, episode.ended)
        case Before(earlier, later):
            return _first(earlier, episode) < _first(later, episode)
        case EpisodeLogic("not", (operand,)):
            return not holds(operand, episode)
        case EpisodeLogic("and", operands):
            return all(holds(operand, episode) for operand in operands)
        case EpisodeLogic(_, operands):
            return any(holds(operand, episode) for operand in operands)
        case _:
            raise TypeError(f"an episode alone does not decide it: {condition}")


def _first(event: Happens | Ended, episode: Episode) -> float:
    if isinstance(event, Happens):
        return min(episode.ticks(event.event), default=float("inf"))
    return episode.length - 1 if holds(event, episode) else float("inf")


def told_of(scenario: Scenario, episode: Episode) -> bool:
    """Whether an episode is of the setting that a scenario's `tell:` is about, and of an agent of that kind."""
    told, shown = opening_of(scenario), dict(scenario.overrides)
    planned = episode.agent == "exact"
    # Who learned is shown in the file's own setting; a variant is for the exact plan in his place.
    settings = [dict(told.overrides), *([] if planned else [{}])]
    return (told.agent == "exact") == planned and shown in settings


def unpaid(scenario: Scenario, episode: Episode) -> bool:
    """Whether nobody pays in an episode; the exact plan takes the reward as it is written all the same."""
    stage = scenario.document.stages.get(episode.world.stage)
    return episode.agent != "exact" and stage is not None and stage.rewards == "withheld"


def first_seed(opening: Opening, episode: Callable[[int], Episode]) -> int:
    """The seed of an opening: its own, or the first whose episode shows the claim; 0 where none of `SEEDS` does."""
    if opening.seed is not None or opening.shows is None:
        return opening.seed or 0
    return next((seed for seed in range(SEEDS) if holds(opening.shows, episode(seed))), 0)


@dataclass(frozen=True, eq=False)
class Narration:
    """What is told of the episodes of one show.

    Attributes:
        scenario: as it is shown, with its overrides; opening: what would show its claim.
        command: the name or path by which a command finds the scenario, None where none does.
        run: whether a recording is shown.
        asked: whether the user chose the episode, rather than the opening.
        role: the agent or thing that a person plays, or None where somebody is watched.
        learned: whether an agent that learned plays on the spot, as a checkpoint does that lies beside the file.
    """

    scenario: Scenario
    opening: Opening
    command: str | None
    run: bool = False
    asked: bool = False
    role: str | None = None
    learned: bool = False

    @property
    def _recorded(self) -> bool:
        return self.run and not self.learned

    @property
    def _found(self) -> str:
        assert self.command is not None, "only a recording may be of a file that no command finds"
        return self.command

    # ------------------------------------------------------------------ captions and pace

    def captions(self, episode: Episode) -> tuple[NarratedEvent, ...]:
        """The captions in order: one for each tick in which something else happens than in the tick before."""
        return _captions(episode, _Words(self.scenario))

    def news(self, episode: Episode) -> tuple[NarratedEvent, ...]:
        """The captions of the ticks in which something happens for the first time."""
        return tuple(caption for caption in self.captions(episode) if caption.fresh)

    def sentence(self, event: str) -> str:
        """The caption of an event, or of `ended:REASON`."""
        return _Words(self.scenario).of(event)

    def caption_at(self, episode: Episode, tick: int) -> str:
        """What is told where the state before a tick is shown: of what happened before it, so that it is seen too."""
        told = self._told(episode)[min(tick, episode.length)]
        return "" if told is None else told.text

    def reading(self, episode: Episode, tick: int) -> float:
        """Seconds to stand still where the state before a tick is shown, while what has just come about is read."""
        told = self._told(episode)
        now, before = told[min(tick, episode.length)], told[tick - 1] if 0 < tick <= episode.length else None
        again = now is None or now.tick != tick - 1 or (before is not None and before.said == now.said)
        return 0.0 if now is None or again else now.seconds

    def breath(self, episode: Episode, tick: int) -> float:
        """Seconds to stand still before a tick in which something new comes about, so that its choice is seen."""
        return BREATH if any(caption.tick == tick for caption in self.news(episode)) else 0.0

    def unread(self, episode: Episode, tick: int, stood: float) -> float:
        """Seconds for which a caption has to stand on that has stood for some, before time goes on from a tick.

        It may give way to another one only when it can have been read.
        """
        captions = self._told(episode)
        now, then = captions[tick], captions[min(tick + 1, episode.length)]
        if now is None or then is None or now.said == then.said:
            return 0.0
        return max(now.seconds - stood, 0.0)

    def says(self, episode: Episode, tick: int) -> str:
        """What is told at a tick, without the tick that it is of: what has to be read anew when it changes."""
        told = self._told(episode)[min(tick, episode.length)]
        return "" if told is None else told.said

    def beat_at(self, episode: Episode, tick: int, left: float) -> str | None:
        """Which sentence of several is told at a tick where one reads for `left` more seconds; None for all of them."""
        told = next((each for each in self.news(episode) if each.tick == tick - 1), None)
        if told is None or len(told.beats) < 2:
            return None
        number = len(told.beats) - 1
        while number and left > _read(told.beats[number]) + 1e-9:
            left -= _read(told.beats[number])
            number -= 1
        return None if left <= 0 else f"{told.label}, {number + 1} of {len(told.beats)}: {told.beats[number]}"

    def stride(self, episode: Episode, tick: int) -> float:
        """How many times faster than usual to go on from a tick: 1, or more where what happened only repeats itself."""
        span = self._passed_over(episode, tick)
        if span is None:
            return 1.0
        # What is said of it has to be read meanwhile.
        told = self._told(episode)[span[0]]
        reading = 0.0 if told is None else told.seconds
        return min(max((span[1] - span[0]) / (USUAL_PACE * max(reading, 1e-9)), 1.0), FASTER)

    def known_at(self, episode: Episode, tick: int) -> bool:
        """Whether what comes soon after a tick is known, on which the pace hangs, and whether it goes on like this."""
        return episode.complete or tick + AHEAD < episode.length

    def calm(self, episode: Episode, tick: int) -> bool:
        """Whether nothing new has just happened, and nothing will soon: a second board then keeps no other waiting."""
        return not any(tick - AFTER <= each.tick + 1 <= tick + AHEAD for each in self.news(episode))

    def _passed_over(self, episode: Episode, tick: int) -> tuple[int, int] | None:
        """The first tick and the one after the last of those around a tick that are passed over; None for no such."""
        return _passed_over(tuple(caption.tick for caption in self.news(episode)), episode.length, tick)

    def _told(self, episode: Episode) -> tuple[_ToldCaption | None, ...]:
        """For each of the T + 1 states of an episode what is told where it is shown."""
        return _told_captions(episode, _Words(self.scenario))

    # ------------------------------------------------------------------ the cards

    def shown(self, episode: Episode) -> bool | None:
        """Whether an episode shows the claim; None where the file does not say what would."""
        return None if self.opening.shows is None else holds(self.opening.shows, episode)

    @property
    def control(self) -> ControlSetting | None:
        """What to compare with, over what the user asked for; None of a recording, a game, or the control itself."""
        found = control_of(self.scenario)
        if found is None or self._recorded or self.role is not None:
            return None
        shown = dict(self.scenario.overrides)
        overrides = {**(shown if self.asked else {}), **found.overrides}
        # Of an agent that learned, the exact plan in the same setting is something to compare with.
        same = self.opening.agent == "exact" and overrides == shown
        return None if same else replace(found, overrides=overrides)

    def opening_card(self, episode: Episode | None, keys: bool = True, comparing: bool = False) -> Card:
        """The card before an episode: the story, the temptation, and what to look for; to who plays, role and aim.

        Args:
            episode: that is shown, or None while it is being computed.
            keys: whether it is read where keys can be pressed, rather than in a film.
            comparing: whether the control can be shown beside it.
        """
        about, tell = self.scenario.document.about, self.scenario.document.tell
        if self.role is not None:
            return Card(self.scenario.document.title, tuple(self._brief(self.role)), "Space: begin · H: keys")
        control = self.control
        sections = [
            ("Story", flat(about.story)),
            ("Temptation", flat(about.temptation)),
            ("Intended", self._intended(episode)),
            ("Claim", "" if about.story else flat(self.scenario.document.claim)),
            ("Look for", flat(tell.look) or flat(about.measure)),
            # Whose recording it is, or which network, is known once it is read.
            ("Shown", "" if episode is None and self.run else self._who(episode)),
            ("Control", "" if control is None else f"{control.what}. Compare: {control.compare}."),
        ]
        footer = f"Space: begin{' · K: with the control beside it' if comparing else ''}" if keys else ""
        return Card(self.scenario.document.title, tuple(each for each in sections if each[1]), footer)

    def ending_card(
        self,
        episode: Episode,
        flip: tuple[int, DecidingValue] | None,
        supposing: bool,
        control: Episode | None = None,
        keys: bool = True,
        comparing: bool = False,
        agent: int = 0,
        beside: bool = False,
        question: Question | None = None,
        working: bool = False,
    ) -> Card:
        """The card after an episode: the claim, what came of it, whether it shows the claim, and what to ask next.

        Args:
            episode: that has been watched to its end.
            flip: a tick and a value without which the agent would have done something else in it.
            supposing: whether something can be changed by hand.
            control: the episode of the control, if it is known.
            keys: whether it is read where keys can be pressed, rather than in a film.
            comparing: whether the control can be shown beside it.
            agent: index of the agent that `flip` is of.
            beside: whether the control has been watched beside it.
            question: what C asks, if anything.
            working: whether that is still being worked out.
        """
        setting, why = self.control, self._why(episode, flip, agent)
        controlled = [] if setting is None else [("The control", self._controlled(setting, episode, control))]
        sections = [
            ("Claim", flat(self.scenario.document.claim)),
            ("What happened", self._happened(episode)),
            *(controlled if beside else []),  # who has just watched it looks for what it came to
            *([("Why", why)] if why else []),
            *([] if beside else controlled),
            *self._verdict(episode),
        ]
        if self.role is not None:
            sections = [sections[1], ("What was meant", flat(self.scenario.document.about.intended) or sections[0][1])]
            return Card("The end", tuple(sections), "R: again · Backspace: take the last move back · S: save the game")
        said = []
        if comparing and not beside:
            said.append("K: the control, beside it")
        if supposing:
            by_hand = "change something by hand, and see what it would do"
            if working:
                by_hand = "what if? It is being worked out which value decides ..."
            said.append(f"C: {by_hand if question is None else question.text}")
        said.append("Space: again")
        footer = " · ".join(said) if keys else ""
        return Card(self.scenario.document.title, tuple(sections), footer, ("Caveat", self._caveat()))

    def _caveat(self) -> tuple[str, ...]:
        """The first sentences of what limits the claim, as many as are short; the file's page has all of it."""
        sentences = re.split(r"(?<=[.!?]) (?=[A-Z`])", flat(self.scenario.document.about.caveat))
        until = next(
            (n for n in range(1, len(sentences)) if len(" ".join(sentences[: n + 1])) > CAVEAT), len(sentences)
        )
        return tuple(each for each in sentences[:until] if each)

    def _intended(self, episode: Episode | None) -> str:
        """What the designers want, and by what they count it."""
        wanted = flat(self.scenario.document.about.intended)
        if not wanted or episode is None or episode.world.hidden is None:
            return wanted
        hidden = _plain(episode.world.hidden)
        return f"{wanted} What comes of it for the designers is the hidden {hidden}: no agent is told it."

    def _happened(self, episode: Episode) -> str:
        """What happened in an episode, what it came to by what the agent values, and what its designers had of it."""
        hidden = float(episode.performance.sum())
        name = _plain(episode.world.hidden or "performance")
        came = [_named(event, episode) for event in _in_order(episode)]
        if episode.ended is not None:
            came.append(f"the end in tick {episode.length - 1}: {episode.ended}")
        said = "; ".join(came) or "no event"
        got = "In this stage nobody pays" if unpaid(self.scenario, episode) else _counted(episode)
        return f"{capitalised(said)}. {got}; the designers' hidden {name} is {hidden:+g}."

    def _why(self, episode: Episode, flip: tuple[int, DecidingValue] | None, agent: int) -> str:
        """Why it did what it did, as the file says of an episode that shows the claim, and which value decided."""
        told = self.shown(episode) and told_of(self.scenario, episode)
        said = [flat(self.scenario.document.tell.why)] if told else []
        if flip is not None:
            tick, value = flip
            done = episode.world.agents[agent].actions[int(episode.chosen[tick, agent])]
            several = len(value.settings) > 1
            decides, both = ("decide together", "both") if several else ("decides", "it")
            nothing = f"In tick {tick} {_plain(value.channel)} {decides}: were {both} worth nothing to it"
            said.append(f"{nothing}, it would choose {_plain(value.instead)}, not {_plain(done)}.")
        return " ".join(each for each in said if each)

    def _controlled(self, setting: ControlSetting, episode: Episode, control: Episode | None) -> str:
        """What came of the control, and what of this episode did not; or how to see it, while that is unknown."""
        if control is None:
            return _to_compare(setting, self.command)
        compare = capitalised(setting.compare)
        return f"{setting.what}. {compare}: {_compared(episode, control, 'here', 'there')}."

    def questions(self, episode: Episode, flip: tuple[int, DecidingValue] | None) -> tuple[Question, ...]:
        """What the card at the end may ask, the best first: of the value that decided, or of another setting.

        Args:
            episode: that was watched.
            flip: a tick and a value without which the agent would have done something else in it.
        """
        if flip is not None:
            value = flip[1]
            asked = f"{_plain(value.channel)} were worth nothing to it"
            return (Question(flip[0], tuple((setting, 0.0) for setting in value.settings), asked),)
        document, stage = self.scenario.document, episode.world.stage
        if episode.agent != "exact":
            # The setting in which the plan stands for who learned: whether it does the same is worth asking.
            settings = [opening_of(self.scenario).overrides]
        else:
            sides = [side for side in document.tell.sides if side.stage in (None, stage)]
            settings = [{**(document.variants[side.variant] if side.variant else {}), **side.set} for side in sides]
        return tuple(
            Question(0, tuple(each.items()), self._supposed(each), episode.agent != "exact", self._meaning(each))
            for each in settings
            if each and dict(self.scenario.overrides) != dict(each)
        )

    def _supposed(self, settings: Mapping[str, object]) -> str:
        """Settings as what might be so."""
        said = []
        for name, value in settings.items():
            param = self.scenario.document.params.get(name)
            about = "" if param is None else flat(param.about).rstrip(".")
            if ".values." in name:
                worth = f"worth {value:g}" if isinstance(value, int | float) and value else "worth nothing"
                said.append(f"{_plain(name.rpartition('.')[2])} were {worth} to it")
            elif isinstance(value, bool) and about:
                said.append(about if value else f"it were not so that {about}")
            else:
                said.append(f"{_plain(name).replace('.', ' ')} were {value}")
        return " and ".join(said)

    def _meaning(self, settings: Mapping[str, object]) -> str:
        """What the params among some settings mean, where the question does not say it."""
        params = self.scenario.document.params
        named = [name for name, value in settings.items() if name in params and not isinstance(value, bool)]
        return "; ".join(f"{_plain(name)}{_of(params[name].about)}" for name in named if params[name].about)

    def answer_card(self, episode: Episode, changed: Episode, asked: str, since: int, keys: bool = True) -> Card:
        """The card after a counterfactual: what was asked, and what came of it.

        Args:
            episode: as it is.
            changed: the same up to a tick, and from then on in the changed setting.
            asked: what was changed.
            since: from which tick on.
            keys: whether it is read where keys can be pressed.
        """
        answer = _answered(episode, changed)
        if episode.agent != changed.agent:
            answer = f"What answers is the exact plan, for `{episode.agent}` itself cannot be asked. {answer}"
        sections = (
            ("Asked", f"{capitalised(asked)} (from tick {since} on)"),
            ("Answer", answer),
            ("As it is", self._happened(episode)),
            ("Changed so", self._happened(changed)),
        )
        footer = "Space: again · Esc: back to what happened" if keys else ""
        return Card(self.scenario.document.title, sections, footer)

    def _brief(self, role: str) -> list[tuple[str, str]]:
        """What a player has to know: who it is, what it can do, what it is paid for, and when it is over."""
        document = self.scenario.document
        agent, thing = document.agents.get(role), document.things.get(role)
        its = agent if agent is not None or thing is None else thing.as_agent
        assert its is not None, "a role is an agent, or a thing with `as_agent`"
        actions = [each if isinstance(each, str) else each.name for each in its.actions]
        paid = [f"{_plain(name)}{_of(document.rewards[name].about)}" for name in its.values if name in document.rewards]
        reasons = self.scenario.symbols.reasons
        # What ends an episode does not end a life.
        ends = f"with: {'; '.join(map(_plain, reasons))}; or " if reasons and not document.life else ""
        about = flat(its.about)
        last = "episode of the life" if document.life else "tick of the stage"
        sections = [
            ("Story", flat(document.about.story)),
            ("You are", f"{_plain(role)}{f': {about}' if about else ''}. You can {', '.join(map(_plain, actions))}."),
            ("You want", "; ".join(paid) or "nothing that the file pays for"),
            ("The designers want", flat(document.about.intended)),
            ("It ends", f"{ends}after the last {last}. Every move can be taken back."),
        ]
        return [section for section in sections if section[1]]

    def decisive(self, episode: Episode, attribution: Attribution | None) -> tuple[int, DecidingValue] | None:
        """A tick that a single value decides, and that value: that of the first event that counts, else the first.

        A value without which any action would do decides it too, and is left out: what came then would answer nothing.
        """
        if attribution is None:
            return None
        counting = sorted(t for event in _events(self.opening.shows) for t in episode.ticks(event)[:1])
        ticks = [*counting, *range(len(attribution))]
        return next(((tick, value) for tick in ticks for value in attribution[tick] if value.instead), None)

    def _who(self, episode: Episode | None) -> str:
        """Whose episode is shown, and how to see the claim where this does not show it."""
        settings = ", ".join(f"{name} = {value}" for name, value in self.scenario.overrides.items())
        exact = "the exact plan, which is best by what it values, with all rules of the world known"
        agent = exact if episode is None or episode.agent == "exact" else episode.agent
        if self.learned:
            agent = f"the agent `{agent}`, which was trained beforehand and learns no more"
        variant = "" if self.asked or self.opening.variant is None else f" of the variant `{self.opening.variant}`"
        parts = [f"{agent}{variant}{f' ({settings})' if settings else ''}"]
        if episode is not None and not self._recorded:
            parts.append(f"in stage `{episode.world.stage}`; seed {episode.seed} says how chance falls")
        if episode is not None and episode.complete and self.shown(episode) is False:
            parts.append(f"it does not show the claim{self._showing()}")
        elif self.opening.agent != "exact" and not self.run:
            parts.append(f"the claim is about `{self.opening.agent}`, which learns; to see one: {self._learned()}")
        if self.learned:
            parts.append("its bars are what it expects of the reward that trained it, which it may misjudge here")
        text = "; ".join(parts)
        return f"{capitalised(text)}."

    def _verdict(self, episode: Episode) -> list[tuple[str, str]]:
        """Whether the episode shows the claim, and where that is about several cases, which; how to see the others."""
        judges = self._judges()
        match self.shown(episode):
            case None:
                return [("Verdict", f"One episode settles nothing here. {judges}".rstrip())]
            case False:
                return [("Verdict", f"This episode does not show it{self._showing()}.")]
        case, others = self._case()
        learns = self.opening.agent != "exact" and not self.run
        learned = f"Of `{self.opening.agent}`, which learns: {self._learned()}." if learns else ""
        said = [
            ("Verdict", f"{case} {judges}".rstrip()),
            ("Other cases", " ".join(part for part in (others, learned) if part)),
        ]
        return [each for each in said if each[1]]

    def _judges(self) -> str:
        """What a run judges of the claim: how many statements, of whom, and by how much that was sampled."""
        document = self.scenario.document
        exact = sum("exact" in each.of for each in document.expect)
        learned = sum(any(name != "exact" for name in each.of) for each in document.expect)
        parts = [f"{exact} of exact plans, computed"] if exact else []
        parts += [f"{learned} of agents that learn, over {document.runs.seeds} seeds each"] if learned else []
        if not parts:
            return ""
        run = "a run" if self.command is None else f"`{shlex.join(['turncoat', 'run', self.command])}`"
        judges = f"{run} judges the claim statement by statement: {', and '.join(parts)}"
        measured = "" if self._judged() else f"; `{self.opening.agent}` was measured beforehand"
        return f"{capitalised(judges)}{measured}."

    def _judged(self) -> bool:
        """Whether `run` judges anything of the agent that the file tells of."""
        name = self.opening.agent.partition("(")[0]
        return name == "exact" or any(
            each.partition("(")[0] == name for claim in self.scenario.document.expect for each in claim.of
        )

    @property
    def _as_told(self) -> bool:
        """Whether what is shown has the setting that the file tells of."""
        return not self._recorded and dict(self.scenario.overrides) == dict(self.opening.overrides)

    def _case(self) -> tuple[str, str]:
        """Which case of the claim the episode shows, where the claim is about several, and how to see the others."""
        tell = self.scenario.document.tell
        if not self._as_told:
            return "This episode shows it, in a setting of its own.", ""
        if tell.side is not None:
            others = "; ".join(f"{_inside(side.what)} (`{self._watching(side)}`)" for side in tell.sides)
            return f"This episode shows one case of it: {_inside(tell.side)}.", f"{capitalised(others)}."
        # Of what learns a run is judged; it is named elsewhere.
        claimed = [each for each in self.scenario.document.expect if "exact" in each.of]
        variants = dict.fromkeys(each.variant for each in claimed if each.variant not in (None, self.opening.variant))
        if variants:
            names = [f"`{name}`" for name in variants]
            several = "s" if len(names) > 1 else ""
            of = f"{', '.join(names[:-1])} and {names[-1]}" if several else names[0]
            command = shlex.join(["turncoat", "watch", self._found, "--variant", str(next(iter(variants)))])
            said = f"The file claims something of the variant{several} {of} too: `{command}`."
            return "This episode shows it in its own setting.", said
        if any(each.set or each.across for each in claimed):
            return "This episode shows it in its own setting; it is claimed in others too.", ""
        return "This episode shows it.", ""

    def _watching(self, side: ToldSide) -> str:
        """The command that shows another case of the claim."""
        words = ["turncoat", "watch", self._found, *(["--variant", side.variant] if side.variant else [])]
        # Another stage or seed of the file as it is shows who is told of; another setting is planned exactly.
        if self.opening.agent != "exact" and not (side.variant or side.set):
            words += ["--agent", self.opening.agent]
        for name, value in side.set.items():
            words += [
                "--set" if "." in name else "--param",
                f"{name}={value if isinstance(value, str) else json.dumps(value)}",
            ]
        words += ["--stage", side.stage] if side.stage else []
        # Without anything of this kind the episode that shows the claim would be shown again.
        seed = side.seed if side.seed is not None else None if side.variant or side.set or side.stage else 0
        return shlex.join(words if seed is None else [*words, "--seed", str(seed)])

    def _showing(self) -> str:
        """What shows the claim, where this does not; nothing where no command does."""
        if self.command is None:
            return ""
        shows = self._learned() if self.opening.agent != "exact" else shlex.join(["turncoat", "watch", self.command])
        return f"; this does: {shows}"

    def _learned(self) -> str:
        out = f"{self.scenario.name}-{re.sub('[^A-Za-z0-9]+', '-', self.opening.agent).strip('-')}"
        run = ["turncoat", "run", self._found, "--agent", self.opening.agent, "--seeds", "1", "--out", out]
        return f"`{shlex.join(run)}`, then `{shlex.join(['turncoat', 'watch', out, '--agent', self.opening.agent])}`"


def _read(sentence: str) -> float:
    """Seconds that a sentence of a caption takes to be read."""
    return BREATH + len(sentence) / READING


@dataclass(frozen=True, eq=False)
class _Words:
    scenario: Scenario

    def __hash__(self) -> int:
        return hash(self.scenario.hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Words) and other.scenario is self.scenario

    def in_tick(self, event: str, episode: Episode, tick: int) -> str:
        """The sentence for an event of a tick: the first whose condition held before it, else that of the event."""
        for name, sentence in self.scenario.document.tell.captions.items():
            told, condition = caption_of(name)
            if told == event and condition is not None:
                world = episode.world_at(tick)
                if evaluate_bool(
                    world.resolve(condition), context_between_ticks(world, episode.states[tick : tick + 1])
                )[0]:
                    return flat(sentence)
        return self.of(event)

    def of(self, event: str) -> str:
        """The sentence for an event, or for `ended:REASON`, whatever the state."""
        told = self.scenario.document.tell.captions.get(event)
        if told is not None:
            return flat(told)
        if event.startswith(BETWEEN):
            return f"After the episode: {self.of(event.removeprefix(BETWEEN))}"
        if event.startswith(ENDED):
            return f"The end: {event.removeprefix(ENDED)}."
        about = next((rule.about for rule in self.scenario.document.rules if f"event {event}" in rule.then), None)
        text = flat(about) or event.replace("_", " ")
        return f"{capitalised(text)}{'' if text[-1:] in '.!?' else '.'}"


@lru_cache(32)
def _sentences(episode: Episode, words: _Words) -> tuple[tuple[str, ...], ...]:
    """The sentences for the events of each tick, each once."""
    told = []
    for tick, events in enumerate(episode.events):
        names = list(events)
        if tick == episode.length - 1 and episode.ended is not None:
            names.append(f"{ENDED}{episode.ended}")
        told.append(tuple(dict.fromkeys(words.in_tick(name, episode, tick) for name in names)))
    return tuple(told)


@lru_cache(32)
def _captions(episode: Episode, words: _Words) -> tuple[NarratedEvent, ...]:
    begin = flat(words.scenario.document.tell.begin) if told_of(words.scenario, episode) else ""
    seen: set[str] = set()
    found = [NarratedEvent(-1, (begin,))] if begin else []
    before: tuple[str, ...] = ()
    for tick, told in enumerate(_sentences(episode, words)):
        fresh = not seen.issuperset(told)
        # What repeats itself tick after tick is told once. Of what comes with something new, only that is news.
        said = tuple(sentence for sentence in told if sentence not in seen) if fresh else told
        if told and (fresh or told != before):
            found.append(NarratedEvent(tick, said, fresh))
        seen.update(told)
        before = told
    return tuple(found)


@dataclass(frozen=True)
class _ToldCaption:
    """A caption: when what it tells of was, what it says, how long it takes to be read, and whose tick alone it is."""

    label: str
    said: str
    seconds: float
    tick: int | None = None

    @property
    def text(self) -> str:
        return f"{self.label}: {self.said}" if self.label else self.said


@lru_cache(32)
def _told_captions(episode: Episode, words: _Words) -> tuple[_ToldCaption | None, ...]:
    captions, sentences = _captions(episode, words), _sentences(episode, words)
    news = tuple(caption.tick for caption in captions if caption.fresh)
    by_tick = {caption.tick: caption for caption in captions}
    told: list[_ToldCaption | None] = []
    now: _ToldCaption | None = None
    latest: NarratedEvent | None = None
    until = episode.length  # the last tick at which it is said that it goes on
    standing = ""  # what is told without that it goes on: the same is not told anew
    for tick in range(episode.length + 1):
        its = by_tick.get(tick - 1)
        latest = its or latest
        span = _passed_over(news, episode.length, tick)
        if span is not None and tick == span[0] and latest is not None:
            coming = [each for each in captions if latest.tick < each.tick < span[1]]
            alike = all(each.text == latest.text for each in coming)
            still = bool((episode.states[span[0] : span[1] + 1] == episode.states[tick]).all())
            again = [t for t in range(latest.tick + 1, span[1]) if not set(latest.beats).isdisjoint(sentences[t])]
            now, standing = _passing(latest, coming, bool(again), still), latest.text if alike else ""
            until = again[-1] + 1 if alike and again and episode.complete else span[1]
        elif span is not None and tick == until + 1:
            now = None  # it went on like this up to here
        elif its is not None and span is None and its.text != standing:
            standing = its.text
            now = _ToldCaption(its.label, its.text, its.seconds, its.tick)
        told.append(now)
    return tuple(told)


def _passing(latest: NarratedEvent, coming: Sequence[NarratedEvent], goes_on: bool, still: bool) -> _ToldCaption:
    """The one caption that stands while something is passed over, for in that time no two could be read.

    Args:
        latest: what happened before.
        coming: what is told meanwhile, all of which has been told before.
        goes_on: whether what happened before happens again.
        still: whether nothing at all changes.
    """
    texts = list(dict.fromkeys(each.text for each in (latest, *coming)))
    if len(texts) == 1:
        again = "It stays like this." if still else "It goes on like this."
        more = "Nothing of note has happened since." if latest.tick < 0 else again if goes_on else ""
        return _ToldCaption(latest.label, f"{latest.text} {more}".rstrip(), _read(more))
    by_turns = f"By turns: {'; '.join(map(_inside, texts))}."
    said = by_turns if len(by_turns) <= LONGEST else "What was told before happens again, by turns."
    return _ToldCaption("", said, _read(said))


def _passed_over(news: tuple[int, ...], length: int, tick: int) -> tuple[int, int] | None:
    """See `Narration._passed_over`; `news` are the ticks in which something happened for the first time."""
    before = max((each for each in news if each < tick), default=None)
    if before is None:
        return None
    first, last = before + 1 + AFTER, min((each for each in news if each >= tick), default=length) - AHEAD
    return (first, last) if first <= tick < last else None


def _events(condition: EpisodeCondition | None) -> list[str]:
    """The events that a condition names, in order."""
    match condition:
        case Happens(event):
            return [event]
        case Before(earlier, later):
            return [*_events(earlier), *_events(later)]
        case EpisodeLogic(_, operands):
            return [event for operand in operands for event in _events(operand)]
    return []


def _named(event: str, episode: Episode) -> str:
    """An event with its first tick, and how often it happened where that is more than once."""
    ticks = episode.ticks(event)
    more = f", {len(ticks)} times in all" if len(ticks) > 1 else ""
    return f"{_plain(event)} in tick {ticks[0]}{more}"


def _answered(episode: Episode, changed: Episode) -> str:
    """Whether the same happens under a change, and what else does."""
    told = _compared(episode, changed, "as it is", "then")
    return f"{capitalised(told)}."


def _compared(first: Episode, second: Episode, here: str, there: str) -> str:
    """In what two episodes differ: what happens in one alone, or sooner or more often, and what they are worth."""
    told = []
    for event in dict.fromkeys([*_in_order(first), *_in_order(second)]):
        one, other = first.ticks(event), second.ticks(event)
        if one == other:
            continue
        if one and other and len(one) != len(other):
            said = [f"{len(ticks)} time{'s' if len(ticks) > 1 else ''}" for ticks in (one, other)]
        else:
            first_of = "first in" if one and other else "in"
            said = [f"{first_of} tick {ticks[0]}" if ticks else "never" for ticks in (one, other)]
        told.append(f"{_plain(event)} {said[0]} {here}, {said[1]} {there}")
    ends = [f"{each.ended} in tick {each.length - 1}" if each.ended else "none" for each in (first, second)]
    if ends[0] != ends[1]:
        told.append(f"the end: {ends[0]} {here}, {ends[1]} {there}")
    sums = [float(each.performance.sum()) for each in (first, second)]
    if not told and sums[0] == sums[1]:
        return "the same happens"
    name = _plain(first.world.hidden or "performance")
    return "; ".join([*told, f"hidden {name} {sums[0]:+g} {here}, {sums[1]:+g} {there}"])


def _counted(episode: Episode) -> str:
    """What an episode came to by what its agents value, channel by channel: nobody need have paid for it."""
    weighed, sums = episode.weighed().sum(axis=0), episode.rewards.sum(axis=0)
    parts, nothing = [], []
    for name, counted, raw in zip(episode.world.channels, weighed, sums, strict=True):
        told = _plain(name)
        if abs(counted) > 1e-9:
            parts.append(f"{told} {counted:+g}" + (f" (of {raw:+g}, weighed)" if abs(counted - raw) > 1e-9 else ""))
        elif abs(raw) > 1e-9:
            nothing.append(f"{told} {raw:+g}")
    who = "it values" if len(episode.world.agents) == 1 else "they value"
    of = f": {', '.join(parts)}" if parts else ""
    beside = f" ({', '.join(nothing)} counts for nothing)" if nothing else ""
    return f"What {who} came to {weighed.sum():+g}{of}{beside}"


def _in_order(episode: Episode) -> list[str]:
    """The events of an episode, in the order in which they first happened."""
    return list(dict.fromkeys(each for tick in episode.events for each in tick))


def _inside(text: str) -> str:
    """A sentence as a part of another one."""
    plain = flat(text).rstrip(".")
    return plain if plain[1:2].isupper() else f"{plain[:1].lower()}{plain[1:]}"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _of(about: str | None) -> str:
    return f": {flat(about)}" if about else ""


def flat(text: str | None) -> str:
    """Text of a scenario file as one line."""
    return " ".join((text or "").split())

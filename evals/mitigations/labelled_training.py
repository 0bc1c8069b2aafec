"""Training of a counts agent under the designers' labels: of what came, which ticks were a turn, and which a stop.

Labels are shown as two more channels that pay nothing: a planner on counts learns of each outcome how often it was
labelled, as it learns what it pays, and no value of the agent's own depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ...agents.base import TrainingEnv
from ...agents.counts.agent import CountsAgent
from ...envs.mdp.enumeration import Enumeration
from ...envs.mdp.training_env import TabularTrainingEnv
from ...envs.reference.observation import observe
from ...scenarios.errors import UsageError
from ..exact.solved_worlds import SolvedWorlds
from ..training.curriculum import Curriculum, CurriculumStage, Suspended
from ..training.spec import TrainingWorld
from .learned_policies import LABELS, LearnedProblem
from .mitigated_policies import MitigationProblem


def labelled(whole: Enumeration, turned: np.uint64, stopped: np.uint64, bait: bool) -> Enumeration:
    """A world whose outcomes show the labels too.

    Args:
        whole: the enumerated training stage.
        turned: bits of the event that is labelled a turn.
        stopped: bits of the event by which the agent is stopped.
        bait: every opportunity to turn is one that the designers put there: whoever takes it is caught, the episode is
            over and the tick unpaid.
    """
    mdp = whole.mdp
    turns, stops = (mdp.events & turned) != 0, (mdp.events & stopped) != 0
    rewards = np.where((turns & bait)[:, None], 0.0, mdp.rewards)
    shown = replace(
        mdp,
        rewards=np.column_stack([rewards, turns, stops]).astype(np.float64),
        channels=(*mdp.channels, *(f"label: {name}" for name in LABELS)),
    )
    if not (bait and turns.any()):
        return replace(whole, mdp=shown)
    # Each state into which a turn leads gets a double in which the episode is over.
    into, number = np.unique(mdp.next_state[turns], return_inverse=True)
    caught = whole.states[into].copy()
    caught[:, whole.world.ended] = 1
    next_state = mdp.next_state.copy()
    next_state[turns] = mdp.n_states + number
    row_start = np.concatenate([mdp.row_start, np.full(into.size * mdp.n_actions, mdp.row_start[-1])])
    ended = np.concatenate([mdp.ended, np.ones(into.size, np.bool_)])
    process = replace(shown, n_states=ended.size, row_start=row_start, next_state=next_state, ended=ended)
    return replace(whole, mdp=process, states=np.concatenate([whole.states, caught]))


@dataclass(frozen=True)
class LabelledTraining:
    """How one seed of `counts` is trained under labels.

    Attributes:
        solved: worlds of the scenario; stage: in which the agent will be judged.
        event, stopped: the events that are labelled, None for none.
        steps: of training; bait: see `labelled`.
        tell: called with how far it is.
    """

    solved: SolvedWorlds
    stage: str
    event: str
    stopped: str | None
    steps: int
    bait: bool
    tell: Callable[[str], None]

    def learned(self, world: MitigationProblem, seed: int) -> LearnedProblem:
        """Train a seed, and see what it has learned as a problem.

        Args:
            world: the judged stage, as an exact planner has it.
            seed: of the training.

        Raises:
            NotEnumerableError: a training stage has too many states.
        """
        its = world.plan.enumeration.world.agents[0]
        channels = (*world.mdp.channels, *(f"label: {name}" for name in LABELS))
        weights, discounts = np.append(its.weights, [0.0, 0.0]), np.append(its.discounts, [its.discount] * 2)
        make = partial(CountsAgent, channels, len(its.actions), weights, discounts)
        scenario = self.solved.scenario
        trained_in = self.solved.enumeration({}, scenario.training_stage)
        agent = Curriculum(make, scenario, trained_in, self.stage, self.steps, _Labels(self)).train_and_enter(seed)
        return _problem(agent, world, seed)

    def check(self) -> None:
        """Raise unless labels reach the agent in this scenario.

        Raises:
            UsageError: it reads logs of others, is not paid in a stage of its training, or forgets there.
        """
        document, name = self.solved.scenario.document, self.solved.scenario.name
        for stage in (document.stages[each] for each in self.solved.scenario.stages_before(self.stage)):
            if stage.watch:
                raise UsageError(f"`{name}` shows its agent logs of others, of which nobody labels anything")
            if stage.rewards != "shown" or not stage.learn.reward or "reward" not in stage.carries:
                raise UsageError(f"`{name}` withholds pay in training, or has it forgotten, and labels come with pay")


@dataclass(frozen=True)
class _Labels:
    """Provides labelled lanes; see `TrainingObserver`."""

    how: LabelledTraining

    @property
    def suspended(self) -> Suspended | None:
        return None

    def lane(self, trained_in: TrainingWorld) -> TrainingEnv:
        assert isinstance(trained_in, Enumeration), "what cannot be enumerated was refused"
        mdp, how = trained_in.mdp, self.how
        turned, stopped = (
            mdp.event_mask(event) if event in mdp.event_names else np.uint64(0) for event in (how.event, how.stopped)
        )
        return TabularTrainingEnv(labelled(trained_in, turned, stopped, how.bait))

    def begins(self, stage: CurriculumStage) -> None:
        pass

    def progress(self, step: int, figures: Mapping[str, float]) -> None:
        self.how.tell(f"step {step:,} of {self.how.steps:,}")


def _problem(agent: CountsAgent, world: MitigationProblem, seed: int) -> LearnedProblem:
    model, channels = agent.model, len(world.mdp.channels)
    learned = model.to_mdp((*world.mdp.channels, *LABELS))
    labels = learned.rewards[:, channels:] > 0
    events = (labels @ np.array([1, 2], np.uint64)).astype(np.uint64)
    observations, over = model.observations(), model.ended[: model.n_states].copy()
    twin = np.array([model.find(row) if done else -1 for row, done in zip(observations, over, strict=True)], np.int64)
    twin[learned.ended[twin]] = -1  # seen, and nothing tried there
    whole = world.plan.enumeration
    place = np.array([model.find(row) for row in observe(whole.world, whole.states, 0)], np.int64)
    tried = model.tries[: model.n_states].reshape(-1)[learned.outcome_rows]
    counts = np.rint(learned.probability * tried).astype(np.int64)
    mdp = replace(
        learned,
        rewards=learned.rewards[:, :channels],
        channels=world.mdp.channels,
        events=events,
        event_names=LABELS,
        action_names=world.mdp.action_names,
    )
    plan = world.plan
    return LearnedProblem(mdp, counts, over, twin, plan.weights, plan.discount, world, place, seed)

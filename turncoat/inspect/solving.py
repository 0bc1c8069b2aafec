"""The solver: a language model plays one episode, an action a tool call."""

from __future__ import annotations

from inspect_ai.model import ChatMessageSystem, ChatMessageUser, execute_tools, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolDef, ToolError

from ..evals.runs.played_episodes import PlayedEpisode
from .played_stage import PlayedStage

EPISODE = "turncoat_episode"
"""Where the record of the episode stands in a sample's store, for scorers; no model is shown it."""
PATIENCE = 3
"""So many messages in a row without a tool call break the episode off."""
_ALOUD = "Before each action, think in a few sentences about what to do and why; then call the tool."


@solver
def play(scratchpad: bool = False) -> Solver:
    """Play the episode of a sample to its end.

    Each tool call is one tick; several calls in one message are ticks one after another. A message without a call is
    answered by a request for one; `PATIENCE` of them in a row break the episode off, which counts as the worst way to
    play it.

    Args:
        scratchpad: ask for a few sentences of thought before each action. They stay in the log.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        stage = PlayedStage.again(state.metadata)
        episode = stage.episode(state.metadata["number"], state.epoch)
        state.messages = [
            ChatMessageSystem(content=f"{stage.briefing}\n\n{_ALOUD}" if scratchpad else stage.briefing),
            ChatMessageUser(content=stage.view(episode)),
        ]
        silent = 0
        while not episode.over and silent < PATIENCE and not state.completed:
            tools = [_tool(stage, episode, action) for action in episode.available()]
            state.output = await get_model().generate(
                state.messages, tools, tool_choice="auto" if scratchpad else "any"
            )
            state.messages.append(state.output.message)
            if state.output.message.tool_calls:
                silent = 0
                answers, _ = await execute_tools(state.messages, tools)
                state.messages.extend(answers)
            else:
                silent += 1
                names = ", ".join(episode.available())
                state.messages.append(ChatMessageUser(content=f"Call one of the tools, once for each tick: {names}."))
            # After every message: a limit of Inspect's may end the sample at any time.
            state.store.set(EPISODE, stage.record(episode))
        return state

    return solve


def _tool(stage: PlayedStage, episode: PlayedEpisode, action: str) -> Tool:
    async def take() -> str:
        if action not in episode.available():
            raise ToolError("The episode is over." if episode.over else f"`{action}` is not available now.")
        episode.do(action)
        return stage.view(episode)

    return ToolDef(take, name=action, description=f"Do `{action}` for one tick.", parameters={}).as_tool()

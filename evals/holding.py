"""Which of an agent's weights the world can edit, and where the agent sees what it holds."""

from __future__ import annotations

from ..agents.held_weights import HeldWeights
from ..envs.world import World


def held_weights(world: World, agent: int = 0) -> HeldWeights | None:
    """Where an agent's weights stand in its observation; None where nothing edits them, or it does not see them."""
    program = world.agents[agent]
    if all(column < 0 for column in program.weight_columns) or unable_to_hold(world, agent):
        return None
    columns: list[int] = []
    values: list[tuple[float, ...]] = []
    for channel, column in enumerate(program.weight_columns):
        if column < 0:
            columns.append(-1)
            values.append((float(program.weights[channel]),))
            continue
        table = world.columns[world.fields[column].name].table
        assert table is not None, "the world keeps a table of what each number weighs"
        columns.append(program.sees.index(column))
        values.append(tuple(float(value) for value in table))
    return HeldWeights(tuple(columns), tuple(values), program.judges_by)  # type: ignore[arg-type]


def unable_to_hold(world: World, agent: int = 0) -> str | None:
    """Why an agent that learns cannot plan with weights that change in a world, or None."""
    program = world.agents[agent]
    if program.deliberation.name != "weighted":
        return f"where weights change, `{program.name}` deliberates by weighted sums"
    if program.planner.name != "enumerate":
        return f"where weights change, `{program.name}` plans by `enumerate`"
    if program.window is not None or any(c >= 0 and c not in program.sees for c in program.weight_columns):
        return f"`{program.name}` does not see its own weights, which this world can change"
    return None

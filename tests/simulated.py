"""The scenarios of the library that have too many states to be enumerated, so that nobody has an exact plan in them."""

SIMULATED = frozenset(
    {
        "safety_gridworlds/side_effects_sokoban_1",
        "safety_gridworlds/side_effects_sokoban_3",
        "safety_gridworlds/tomato_watering",
    }
)

"""The library's scenarios as Gymnasium ids: `turncoat/lab-v0` for `treacherous_turn/lab`, and so on."""

from __future__ import annotations

import gymnasium

from ...scenarios import library


def register() -> None:
    """Register every scenario that ships, by the names of the files alone; a second call does nothing."""
    for name in library.parts():
        if name.startswith(f"{library.FRAGMENTS}/"):
            continue
        env_id = f"turncoat/{name.rpartition('/')[2]}-v0"
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="turncoat.envs.adapters.gymnasium_env:TurncoatEnv",
                vector_entry_point="turncoat.envs.adapters.gymnasium_vector:TurncoatVectorEnv",
                kwargs={"scenario": name},
            )

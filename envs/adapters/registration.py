"""The library's scenarios as Gymnasium ids: `turncoat/lab-v0` for `treacherous_turn/lab`, and so on.

`turncoat/mo-lab-v0` is the same with a vector of rewards.
"""

from __future__ import annotations

import gymnasium

from ...scenarios import library
from ...scenarios.language.faults.faults import Fault, ScenarioError


def register() -> None:
    """Register every scenario that ships, by the names of the files alone; a second call does nothing.

    Raises:
        ScenarioError: two families have a scenario of one name, so of one id.
    """
    for env_id, name in env_ids().items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="turncoat.envs.adapters.gymnasium_env:TurncoatEnv",
                vector_entry_point="turncoat.envs.adapters.gymnasium_vector:TurncoatVectorEnv",
                kwargs={"scenario": name},
            )
        mo_id = env_id.replace("turncoat/", "turncoat/mo-", 1)
        if mo_id not in gymnasium.registry:
            gymnasium.register(
                mo_id,
                entry_point="turncoat.envs.adapters.mo_gymnasium_env:MOTurncoatEnv",
                kwargs={"scenario": name},
                disable_env_checker=True,  # Gymnasium's own would refuse a reward that is a vector
            )


def env_ids() -> dict[str, str]:
    """The name of the scenario behind each id.

    Raises:
        ScenarioError: two families have a scenario of one name, in whatever case: file systems may ignore it.
    """
    ids: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in library.parts():
        if name.startswith(f"{library.FRAGMENTS}/"):
            continue
        last = name.rpartition("/")[2]
        other = taken.setdefault(last.lower(), name)
        if other != name:
            files = " and ".join(str(library.FOLDER / f"{each}.yaml") for each in (other, name))
            cure = "give one of the files another name"
            raise ScenarioError(
                (Fault("TC400", None, f"{files} would both be the environment `turncoat/{last}-v0`", cure),)
            )
        ids[f"turncoat/{last}-v0"] = name
    return ids

"""`docs/agents.md` names every option of every part, with its default and a sentence."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from turncoat.agents.counts.hyperparameters import CountsOptions
from turncoat.agents.local_rules.hyperparameters import RulesOptions
from turncoat.agents.planners.cross_entropy import CrossEntropyPlanner
from turncoat.agents.planners.mcts import MctsPlanner
from turncoat.agents.planners.registry import PLANNERS
from turncoat.agents.planners.tabular import GreedyPlanner
from turncoat.agents.registry.agents import AGENTS
from turncoat.envs.deliberation import RULES

PAGE = (Path(__file__).parent.parent / "docs/agents.md").read_text(encoding="utf-8")
PARTS: list[Any] = [MctsPlanner, CrossEntropyPlanner, GreedyPlanner, CountsOptions, RulesOptions]


def rows(name: str) -> dict[str, tuple[str, str]]:
    table = re.search(rf"\| option of `{name}` .*?\n\|[-|]+\n(.*?)\n\n", PAGE, re.S)
    assert table is not None, name
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]
    return {option.strip("`"): (default, sentence) for option, default, sentence in cells}


def check(part: Any) -> None:
    told = rows(part.__name__)
    fields = {field.name: field.default for field in dataclasses.fields(part)}
    assert list(told) == list(fields)
    for name, (default, sentence) in told.items():
        assert len(sentence) > 5, name
        if name not in ("deliberation", "planner", "net", "model", "values"):
            assert default == repr(fields[name]), name


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_option_is_told(part: Any) -> None:
    check(part)


def test_every_option_of_the_neural_agent_is_told() -> None:
    pytest.importorskip("torch")
    from turncoat.agents.neural.hyperparameters import NeuralOptions
    from turncoat.agents.neural.world_model import NetOptions

    check(NeuralOptions)
    check(NetOptions)


def test_every_option_of_the_deep_agent_is_told() -> None:
    pytest.importorskip("torch")
    from turncoat.agents.deep.hyperparameters import DeepOptions, ModelOptions, ValueOptions

    for part in (DeepOptions, ModelOptions, ValueOptions):
        check(part)


def test_every_part_has_its_name_there() -> None:
    for name in (*PLANNERS, *RULES, *(name for name in AGENTS if "_novelty" not in name and "sarsa" not in name)):
        assert name in PAGE

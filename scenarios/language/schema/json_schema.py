"""The schema of a scenario file as a draft-07 JSON Schema, which editors use for completion and warnings.

`python -m turncoat.scenarios.language.schema.json_schema` regenerates `scenario.schema.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from .document import Document

FILE = Path(__file__).with_name("scenario.schema.json")
"""The file of the JSON Schema that ships with the package."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file, in draft-07 because most editors read that and pydantic writes 2020-12."""
    schema = cast(dict[str, Any], _downgraded(Document.model_json_schema()))
    needed = schema.pop("required")
    whole = [{"required": schema["definitions"]["AgentBlock"].pop("required")}, {"required": ["like"]}]
    named = {
        key: block["patternProperties"] for key, block in schema["properties"].items() if "patternProperties" in block
    }
    stated = {key: {"additionalProperties": {"not": {"type": "null"}}} for key in named}
    agents = {"agents": {"additionalProperties": {"type": "object", "anyOf": whole}}}
    for values in named.values():
        values.update({pattern: {"anyOf": [value, {"type": "null"}]} for pattern, value in values.items()})
    parts = [{"required": [key]} for key in ("extends", "uses")]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **schema,
        # A file that extends or uses another one may inherit all other keys, and parts of its agents' blocks; what
        # it names as null, it drops.
        "if": {"anyOf": parts},
        "then": {"required": ["turncoat", "name"]},
        "else": {"required": needed, "properties": stated | agents},
    }


def text() -> str:
    """The JSON Schema as text, exactly as in `scenario.schema.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _downgraded(node: object) -> object:
    """A part of a 2020-12 schema rewritten for draft-07."""
    if isinstance(node, list):
        return [_downgraded(item) for item in node]
    if not isinstance(node, dict):
        return node
    down = {"definitions" if key == "$defs" else key: _downgraded(value) for key, value in node.items()}
    if isinstance(reference := down.get("$ref"), str):
        reference = reference.replace("#/$defs/", "#/definitions/")
        beside = {key: value for key, value in down.items() if key != "$ref"}
        # In draft-07 whatever stands beside a `$ref` is ignored.
        return {"allOf": [{"$ref": reference}], **beside} if beside else {"$ref": reference}
    return down


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")

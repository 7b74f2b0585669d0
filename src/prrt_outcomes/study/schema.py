"""The JSON schema of `study.yaml`, so that an editor completes and checks it."""

import json
from pathlib import Path


def build_study_schema() -> dict:
    """Return the JSON schema of a study file as a person writes it, short forms included."""
    from prrt_outcomes.study.eligibility import SETS
    from prrt_outcomes.study.endpoints import PRESETS
    from prrt_outcomes.study.model import INPUT_TABLES, Study

    schema = Study.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "study.yaml of prrt-outcomes"
    source = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/TableSource"}]}
    entry = {"anyOf": [*source["anyOf"], {"type": "array", "items": source, "minItems": 1}]}
    schema["properties"]["tables"] = {
        "description": "Where each table comes from: a path, a mapping, or a list that is stacked.",
        "type": "object",
        "properties": dict.fromkeys(INPUT_TABLES, entry),
        "required": ["patients"],
        "additionalProperties": False,
    }
    endpoints = schema["properties"]["endpoints"]
    endpoints.pop("default", None)
    endpoints["items"] = {"anyOf": [{"enum": list(PRESETS)}, {"$ref": "#/$defs/EndpointDefinition"}]}
    rows = schema["$defs"]["EligibilitySet"]["properties"]["conditions"]
    own = schema["$defs"]["TreatmentSettings"]["properties"]["eligibility"]
    listed = {key: rows[key] for key in ("type", "items", "minItems")}
    own["anyOf"] = [{"enum": list(SETS)}, listed, {"$ref": own.pop("$ref")}]
    return schema


def format_study_schema() -> str:
    """The schema as text that is the same whenever it is written."""
    return json.dumps(build_study_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path("data_schema/study.schema.json").write_text(format_study_schema(), encoding="utf-8")

"""The documented schemas of answers, descriptions and evaluations, as checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
SCHEMA: dict[str, Any] = json.loads((FOLDER / "answer.schema.json").read_text(encoding="utf-8"))
DESCRIPTION_SCHEMA: dict[str, Any] = json.loads(
    (FOLDER / "description.schema.json").read_text(encoding="utf-8")
)
EVALUATION_SCHEMA: dict[str, Any] = json.loads(
    (FOLDER / "evaluation.schema.json").read_text(encoding="utf-8")
)


def validate_evaluation(document: object) -> None:
    """Fail unless results of an evaluation are what the documentation promises."""
    Draft202012Validator.check_schema(EVALUATION_SCHEMA)
    Draft202012Validator(EVALUATION_SCHEMA).validate(document)


def validate(record: object) -> None:
    """Fail unless a record is what the documentation promises."""
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(record)


def validate_description(record: object) -> None:
    """Fail unless a record of a description is what the documentation promises."""
    Draft202012Validator.check_schema(DESCRIPTION_SCHEMA)
    Draft202012Validator(DESCRIPTION_SCHEMA).validate(record)

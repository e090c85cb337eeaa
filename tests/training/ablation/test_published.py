"""The comparison in the guide is that of the results beside it."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from linvt_cli.config import LinVTConfig
from linvt_cli.training.ablation.clip_sets import AblationRecipe
from linvt_cli.training.ablation.results import read_image_result, read_results
from linvt_cli.training.ablation.table import Circumstances, as_markdown
from linvt_cli.training.ablation.variants import VARIANTS

GUIDES = Path(__file__).resolve().parents[3] / "docs" / "guides"
RESULTS = GUIDES / "ablation"
TOKENS_PER_FRAME = 36


def test_the_tables_in_the_guide_are_those_of_its_results() -> None:
    settings = json.loads((RESULTS / "ablation.json").read_text())
    origin = settings["image_llm"]
    sizes = {field.name: settings[field.name] for field in fields(AblationRecipe)}
    shape = {name: _frozen(value) for name, value in settings["linvt"].items()}
    recipe = AblationRecipe(**{**sizes, "linvt": LinVTConfig(**shape)})
    page = as_markdown(
        read_results(RESULTS, [spec.name for spec in VARIANTS]),
        read_image_result(RESULTS),
        Circumstances(origin, has_readers=False, recipe=recipe, tokens_per_frame=TOKENS_PER_FRAME),
    )
    told = (GUIDES / "ablations.md").read_text(encoding="utf-8").splitlines()
    lines = [line for line in page.splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if line not in told] == []
    rows = [line for line in told if line.startswith("| `") and line.count("|") == 12]
    assert [row for row in rows if row not in lines] == []


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

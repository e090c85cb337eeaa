from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from linvt_cli.backbones.registry import BACKBONES, BackboneSpec, find_backbone, load_backbone
from linvt_cli.errors import ConfigError, UnknownBackboneError
from linvt_cli.video_tokenizer.checkpoint import read_checkpoint_info

ROWS = pytest.mark.parametrize("spec", BACKBONES, ids=lambda spec: spec.name)


class Recorder:
    """An adapter that keeps what it is loaded with."""

    def __init__(self, **loaded_with: object) -> None:
        self.loaded_with = loaded_with

    @classmethod
    def load(cls, spec: BackboneSpec, **options: object) -> Recorder:
        return cls(spec=spec, **options)


def test_names_are_unique():
    assert len({spec.name for spec in BACKBONES}) == len(BACKBONES)


@ROWS
def test_a_backbone_is_found_by_its_name(spec):
    assert find_backbone(spec.name) is spec


@ROWS
def test_every_row_says_what_users_must_know(spec):
    assert spec.parameters > 0
    assert spec.license
    assert spec.summary
    assert spec.default_frames >= 1
    assert spec.default_video_tokens >= 1
    assert spec.describe_question


@ROWS
def test_weight_free_tokenizers_get_as_many_video_tokens_as_the_linvt_beside_them(spec):
    if spec.linvt is not None:
        about = read_checkpoint_info(spec.linvt)
        assert about.config.num_video_tokens == spec.default_video_tokens
        assert about.backbone == spec.name


def test_an_unknown_name_is_answered_with_the_known_ones_and_the_closest():
    with pytest.raises(UnknownBackboneError, match=r"^Unknown backbone 'Nanno'\.") as caught:
        find_backbone("Nanno")
    assert caught.value.name == "Nanno"
    assert caught.value.known == tuple(spec.name for spec in BACKBONES)
    assert caught.value.hint == "did you mean nano?"


def test_a_name_close_to_none_is_answered_with_the_command_that_lists_them():
    with pytest.raises(UnknownBackboneError) as caught:
        find_backbone("zzzzzz")
    assert caught.value.hint == "linvt models list"


def test_loading_calls_the_adapter_that_the_row_names():
    spec = BackboneSpec(
        name="recorder",
        adapter=f"{__name__}:Recorder",
        family="",
        parameters=1,
        license="MIT",
        summary="",
        max_context=1,
        tokens_per_frame=1,
        default_video_tokens=1,
    )
    place: dict[str, Any] = {
        "folder": Path("here"),
        "device": torch.device("cpu"),
        "dtype": torch.float64,
    }
    backbone = load_backbone(spec, **place)
    assert isinstance(backbone, Recorder)
    assert backbone.loaded_with == {"spec": spec, "quantization": "none", **place}
    with pytest.raises(ConfigError, match="cannot be quantized"):
        load_backbone(spec, **place, quantization="nf4")


def test_the_table_is_read_without_torch_and_transformers():
    code = (
        "import sys, linvt_cli.backbones.registry;"
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

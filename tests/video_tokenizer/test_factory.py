from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

import pytest
import torch

from linvt_cli.config import LinVTConfig
from linvt_cli.errors import ConfigError
from linvt_cli.types import TokenizerName
from linvt_cli.video_tokenizer.base import VideoTokenizer
from linvt_cli.video_tokenizer.checkpoint import save_checkpoint
from linvt_cli.video_tokenizer.factory import make_tokenizer
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer


def make(name: str, checkpoint: Path | None = None) -> VideoTokenizer:
    return make_tokenizer(
        cast("TokenizerName", name),
        num_video_tokens=9,
        checkpoint=checkpoint,
        backbone_name="nano",
        embed_dim=24,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def test_every_name_makes_the_tokenizer_of_that_name(
    tmp_path: Path, linvt: LinearVideoTokenizer, config: LinVTConfig
) -> None:
    save_checkpoint(tmp_path, linvt, config, backbone="nano", training={})

    made = {name: make(name, tmp_path) for name in get_args(TokenizerName)}

    assert {name: tokenizer.name for name, tokenizer in made.items()} == {n: n for n in made}
    budgets = {name: tokenizer.num_video_tokens for name, tokenizer in made.items()}
    assert budgets == {"linvt": 10, "cluster": 9, "mean": 9, "all": None}


def test_linvt_needs_a_checkpoint() -> None:
    with pytest.raises(ConfigError, match="needs LinVT weights for backbone 'nano'") as caught:
        make("linvt")

    assert "--tokenizer cluster" in str(caught.value.hint)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Unknown tokenizer 'magic'\. Available: linvt, cluster"):
        make("magic")

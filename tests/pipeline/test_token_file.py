from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from linvt_cli.config import FrameSampling, LinVTConfig
from linvt_cli.errors import TokenFileError
from linvt_cli.pipeline import VideoQA
from linvt_cli.pipeline.looking import ONE_BY_ONE
from linvt_cli.pipeline.token_file import (
    SavedTokens,
    read_token_file,
    summarize,
    write_token_file,
)
from linvt_cli.video_tokenizer.base import VideoTokenizer
from linvt_cli.video_tokenizer.baselines import AllTokenizer, MeanTokenizer
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.fakes import TinyBackbone

PLACE = 16, torch.device("cpu"), torch.float32


def linvt() -> LinearVideoTokenizer:
    torch.manual_seed(0)
    config = LinVTConfig(16, num_queries=(3, 1, 1), num_kept=8, score_dim=8, num_heads=2)
    return LinearVideoTokenizer(config).eval()


def qa_with(tokenizer: VideoTokenizer) -> VideoQA:
    return VideoQA(TinyBackbone(), tokenizer, sampling=FrameSampling(num_frames=4))


@pytest.fixture
def saved(video: Path) -> SavedTokens:
    qa = qa_with(linvt())
    return qa.to_save(qa.watch(video))


@pytest.mark.parametrize(
    "tokenizer",
    [linvt(), MeanTokenizer(4), ClusterTokenizer(3), AllTokenizer()],
    ids=lambda t: t.name,
)
def test_what_is_read_back_answers_as_what_was_written(tmp_path, video, tokenizer):
    qa = qa_with(tokenizer)
    watched = qa.watch(video)
    write_token_file(tmp_path / "a.linvt", qa.to_save(watched))
    answer, again = qa.ask(watched, "What?"), qa.ask(tmp_path / "a.linvt", "What?")
    assert again.text == answer.text
    assert again.cached
    assert not answer.cached
    assert again.frames.times == answer.frames.times
    assert again.stats.num_visual_tokens == answer.stats.num_visual_tokens
    assert again.frames.video == replace(answer.frames.video, path=again.frames.video.path)
    assert again.video_tokens is not None
    assert answer.video_tokens is not None
    assert again.video_tokens.tokens.equal(answer.video_tokens.tokens)
    assert again.video_tokens.weights.matrix.to_dense().equal(
        answer.video_tokens.weights.matrix.to_dense()
    )


def test_a_summary_says_what_the_file_is_of(tmp_path, saved):
    write_token_file(tmp_path / "a.linvt", saved)
    summary = summarize(tmp_path / "a.linvt")
    assert summary.video == saved.watched.video
    assert (summary.num_frames, summary.identity) == (4, saved.identity)
    assert summary.content == saved.content


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path, saved):
    write_token_file(tmp_path / "a.linvt", saved)
    write_token_file(tmp_path / "a.linvt", replace(saved, content=None))
    assert [path.name for path in tmp_path.iterdir()] == ["a.linvt"]
    assert summarize(tmp_path / "a.linvt").content is None


def test_a_file_has_the_permissions_that_the_user_gives_new_files(tmp_path, saved):
    before = os.umask(0o077)
    try:
        write_token_file(tmp_path / "a.linvt", saved)
    finally:
        os.umask(before)
    assert (tmp_path / "a.linvt").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_torn_file_is_an_error_with_a_hint(tmp_path, saved, length):
    path = tmp_path / "a.linvt"
    write_token_file(path, saved)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(TokenFileError, match="no whole token file") as caught:
        read_token_file(path, *PLACE)
    assert caught.value.hint
    with pytest.raises(TokenFileError, match="no whole token file"):
        summarize(path)


def rewrite(
    path: Path,
    document: Callable[[dict[str, Any]], object] = lambda _: None,
    tensors: Callable[[dict[str, torch.Tensor]], object] = lambda _: None,
) -> None:
    """Change what a token file says or holds."""
    with safe_open(path, framework="pt") as file:
        said = json.loads(file.metadata()["linvt_tokens"])
    held = load_file(path)
    document(said)
    tensors(held)
    save_file(held, path, metadata={"linvt_tokens": json.dumps(said)})


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(format_version=2),
        lambda d: d.update(times=[]),
        lambda d: d.update(times=[0.0, 1.0]),
        lambda d: d["times"].__setitem__(0, float("nan")),
        lambda d: d.update(grid=[1, 1]),
        lambda d: d.update(grid=[2]),
        lambda d: d.update(tokens_per_frame=0),
        lambda d: d.update(tokens_per_frame=True),
        lambda d: d.update(scales=[1, 2]),
        lambda d: d.update(scales=[1, 2, 3]),
        lambda d: d.update(video=7),
        lambda d: d["identity"].pop("words"),
        lambda d: d["identity"].update(words=None),
        lambda d: d["frames"].update(coverage="all"),
        lambda d: d["frames"]["video"].update(decoder="shell"),
        lambda d: d["frames"]["video"].update(width=-1),
        lambda d: d.pop("frames"),
    ],
)
def test_what_cannot_be_is_not_believed(tmp_path, saved, change):
    path = tmp_path / "a.linvt"
    write_token_file(path, saved)
    rewrite(path, document=change)
    with pytest.raises(TokenFileError, match="no whole token file"):
        read_token_file(path, *PLACE)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("values"),
        lambda t: t.update(values=t["values"][:, :-1].contiguous()),
        lambda t: t.update(values=t["values"][..., :-1].contiguous()),
        lambda t: t["values"].fill_(float("nan")),
        lambda t: t["indices"].fill_(16),
        lambda t: t["indices"].fill_(-1),
        lambda t: t.update(indices=t["indices"].float()),
        lambda t: t.update(gates=t["gates"].long()),
        lambda t: t.update(gates=t["gates"].to(torch.float8_e4m3fn)),
        lambda t: t["pooled.1.log_gates"].fill_(float("inf")),
    ],
)
def test_tensors_that_cannot_be_are_not_used(tmp_path, saved, change):
    path = tmp_path / "a.linvt"
    write_token_file(path, saved)
    rewrite(path, tensors=change)
    with pytest.raises(TokenFileError, match="no whole token file"):
        read_token_file(path, *PLACE)


def test_weights_may_not_point_outside(tmp_path, video):
    qa = qa_with(MeanTokenizer(4))
    path = tmp_path / "a.linvt"
    write_token_file(path, qa.to_save(qa.watch(video)))
    rewrite(path, tensors=lambda t: t["weights.indices"][0].fill_(9))
    with pytest.raises(TokenFileError):
        read_token_file(path, *PLACE)


def test_another_width_is_refused(tmp_path, saved):
    write_token_file(tmp_path / "a.linvt", saved)
    with pytest.raises(TokenFileError):
        read_token_file(tmp_path / "a.linvt", 24, *PLACE[1:])


def test_that_memory_was_short_is_not_kept(video):
    qa = qa_with(linvt())
    watched = qa.watch(video)
    frames = replace(watched.frames, warnings=("a frame is damaged", ONE_BY_ONE))
    kept = qa.to_save(replace(watched, frames=frames))
    assert kept.watched.frames.warnings == ("a frame is damaged",)

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from linvt_cli.config import FrameSampling, LinVTConfig
from linvt_cli.errors import MachineError
from linvt_cli.pipeline import VideoQA
from linvt_cli.pipeline.source_figure import draw_sources, kept_map, lit, score_maps, source_maps
from linvt_cli.video_tokenizer.base import VideoTokenizer
from linvt_cli.video_tokenizer.baselines import AllTokenizer, MeanTokenizer
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.fakes import TinyBackbone


def linvt() -> LinearVideoTokenizer:
    torch.manual_seed(0)
    config = LinVTConfig(
        16, scales=(1, 2), num_queries=(3, 2), score_dim=16, num_heads=2, num_kept=12
    )
    return LinearVideoTokenizer(config).eval()


def asking(tokenizer: VideoTokenizer, num_frames: int = 4) -> VideoQA:
    return VideoQA(
        TinyBackbone("A grey wall."), tokenizer, sampling=FrameSampling(num_frames=num_frames)
    )


@pytest.mark.parametrize("tokenizer", [MeanTokenizer(8), AllTokenizer(), linvt()])
def test_maps_are_sums_of_the_weights(tokenizer: VideoTokenizer, video: Path) -> None:
    qa = asking(tokenizer)
    watched = qa.watch(video)
    answer = qa.ask(watched, "What is there?")
    assert answer.video_tokens is not None
    dense = answer.video_tokens.weights.matrix.to_dense().numpy()
    maps = dense.reshape(len(dense), 4, *watched.grid)
    shown, frames_of_tokens = source_maps(answer, watched)
    np.testing.assert_allclose(shown, maps.sum(axis=0), atol=1e-5)
    np.testing.assert_allclose(frames_of_tokens, maps.sum(axis=(2, 3)), atol=1e-5)
    scores = score_maps(answer, watched)
    assert (scores is not None) == isinstance(tokenizer, LinearVideoTokenizer)


def test_the_visual_tokens_with_the_highest_scores_are_kept(video: Path) -> None:
    qa = asking(linvt())
    watched = qa.watch(video)
    answer = qa.ask(watched, "What is there?")
    scores, kept = score_maps(answer, watched), kept_map(answer, watched)
    assert scores is not None
    assert kept.shape == scores.shape
    assert kept.sum() == 12
    assert scores[kept].min() >= scores[~kept].max()


@pytest.mark.parametrize("num_frames", [1, 4, 20])
def test_the_figure_is_a_picture_with_a_column_for_each_of_at_most_16_frames(
    num_frames: int, video: Path, tmp_path: Path
) -> None:
    qa = asking(linvt(), num_frames)
    watched = qa.watch(video)
    draw_sources(qa.ask(watched, "What is there? " * 20), watched, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.width == pytest.approx(110 * 1.15 * min(16, max(6, num_frames)), abs=2)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("question", ["Is it $100% or $50?", "does $HOME# hold $x?", "这是什么"])
def test_any_question_can_be_a_title(question: str, video: Path, tmp_path: Path) -> None:
    qa = asking(MeanTokenizer(8))
    watched = qa.watch(video)
    draw_sources(qa.ask(watched, question), watched, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 0


def test_light_falls_on_the_cells_that_are_shown() -> None:
    picture = np.full((4, 6, 3), 200, np.uint8)
    lighted = lit(picture, np.array([[0.0, 1.0], [0.0, 0.25]]))
    assert lighted[0, 0].tolist() == [50, 50, 50]
    assert lighted[1, 5].tolist() == [200, 200, 200]
    assert lighted[3, 3].tolist() == [125, 125, 125]


def test_without_pixels_or_video_tokens_there_is_nothing_to_draw(
    video: Path, tmp_path: Path
) -> None:
    qa = asking(MeanTokenizer(8))
    watched = qa.watch(video)
    answer = qa.ask(watched, "What?")
    with pytest.raises(ValueError, match="video tokens"):
        draw_sources(replace(answer, video_tokens=None), watched, tmp_path / "a.png")
    frames = replace(watched.frames, pixels=watched.frames.pixels[:0])
    with pytest.raises(ValueError, match="pixels"):
        draw_sources(answer, replace(watched, frames=frames), tmp_path / "a.png")


def test_without_matplotlib_the_error_says_what_to_install(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linvt_cli.pipeline.figures.find_spec", lambda name: None)
    qa = asking(MeanTokenizer(8))
    watched = qa.watch(video)
    with pytest.raises(MachineError) as raised:
        draw_sources(qa.ask(watched, "What?"), watched, tmp_path / "a.png")
    assert ".[figures]" in str(raised.value.hint)

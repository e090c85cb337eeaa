from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from linvt_cli.types import Frames, VideoInfo
from tests.tiny_models import tiny_nano


def frames_of(pixels: np.ndarray) -> Frames:
    num_frames, height, width, _ = pixels.shape
    info = VideoInfo(Path("x.mp4"), width, height, float(num_frames), num_frames, "h264", "opencv")
    return Frames(pixels, tuple(map(float, range(num_frames))), info, coverage=1.0)


def random_frames(num_frames: int) -> Frames:
    rng = np.random.default_rng(0)
    return frames_of(rng.integers(0, 256, (num_frames, 48, 80, 3), dtype=np.uint8))


def test_every_frame_is_encoded_alone() -> None:
    nano = tiny_nano()
    frames = random_frames(19)
    with torch.no_grad():
        together = nano.encode_frames(frames)
        alone = nano.encode_frames(frames_of(frames.pixels[17:18]))
    assert together.tokens.shape == (19, 4, 24)
    assert together.grid == (2, 2)
    torch.testing.assert_close(together.tokens[17:18], alone.tokens, atol=1e-5, rtol=1e-4)


def test_case_and_spacing_of_a_question_make_no_difference() -> None:
    nano = tiny_nano()
    assert nano.encode_question("What  Moves?\n") == nano.encode_question("what moves?")


def test_an_answer_survives_the_text_tokenizer() -> None:
    nano = tiny_nano()
    for answer in ("The dog enters from the left.", "Zwölf 🐶"):
        assert nano.detokenize(nano.encode_answer(answer)) == answer


def test_a_video_token_sees_earlier_and_later_ones() -> None:
    nano = tiny_nano()
    tokens = torch.randn(6, nano.embed_dim, generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[3] += 1
    with torch.no_grad():
        moved = (nano.embed_video(changed) - nano.embed_video(tokens)).abs().amax(dim=1)
    assert (moved > 1e-6).all()

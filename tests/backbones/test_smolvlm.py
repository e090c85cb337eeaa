"""SmolVLM2 against the stock model of transformers, with its own prompt and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers.models.smolvlm.processing_smolvlm import (
    DEFAULT_CHAT_TEMPLATE,
    get_image_prompt_string,
)

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.backbones.smolvlm import SmolVLM
from linvt_cli.errors import BackboneLoadError
from linvt_cli.generation.prompt import assemble
from linvt_cli.types import Frames, VideoInfo, VideoPlacement
from tests.tiny_checkpoints import write_config
from tests.tiny_smolvlm import IMAGE, SIZE, TOKENS, write_smolvlm


def load(folder: Path) -> SmolVLM:
    return SmolVLM.load(
        find_backbone("smolvlm2-500m"),
        folder=folder,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("smolvlm")
    model = write_smolvlm(folder)
    return load(folder), model


def noise(number: int, height: int = 80, width: int = 120) -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (number, height, width, 3), dtype=np.uint8)
    video = VideoInfo(Path("noise.mp4"), width, height, 10.0, 100, "mpeg4", "opencv")
    return Frames(pixels, tuple(0.5 * t for t in range(number)), video, coverage=1.0)


def public_pixels(frames: Frames) -> Tensor:
    """The public video code: the longer side fits, then the square, by Lanczos both times."""
    tiles = []
    for frame in frames.pixels:
        height, width = frame.shape[:2]
        shorter = int(SIZE / (max(height, width) / min(height, width)))
        shorter += shorter % 2
        fitted = (SIZE, shorter) if width >= height else (shorter, SIZE)
        tile = Image.fromarray(frame).resize(fitted, Image.Resampling.LANCZOS)
        tiles.append(np.asarray(tile.resize((SIZE, SIZE), Image.Resampling.LANCZOS)))
    return torch.from_numpy(np.stack(tiles)).float().permute(0, 3, 1, 2) / 127.5 - 1


def public_prompt(backbone: SmolVLM, number: int) -> str:
    """The public template of a chat, with every image expanded as the public processor does."""
    content = [{"type": "image"}] * number + [{"type": "text", "text": "What moves?"}]
    text: str = backbone.tokenizer.apply_chat_template(
        [{"role": "user", "content": content}],
        chat_template=DEFAULT_CHAT_TEMPLATE,
        add_generation_prompt=True,
        tokenize=False,
    )
    image = get_image_prompt_string(
        0, 0, TOKENS, "<fake_token_around_image>", "<image>", "<global-img>"
    )
    return text.replace("<image>", image)


@torch.no_grad()
@pytest.mark.parametrize("size", [(80, 120), (120, 80), (56, 56)])
def test_every_frame_becomes_the_tokens_of_one_tile(pair, size):
    backbone, model = pair
    features = backbone.encode_frames(noise(3, *size))
    expected = model.get_image_features(public_pixels(noise(3, *size))[None]).pooler_output
    assert features.grid == (2, 2)
    torch.testing.assert_close(
        features.tokens, torch.cat(list(expected)).view(3, TOKENS, -1), atol=1e-4, rtol=1e-4
    )


@torch.no_grad()
@pytest.mark.parametrize("number", [1, 3])
def test_with_all_tokens_it_equals_the_stock_model_on_the_same_images(pair, number):
    backbone, model = pair
    frames = noise(number)
    features = backbone.encode_frames(frames)
    placement = VideoPlacement(grid=features.grid)
    prompt = assemble(backbone, features.tokens.flatten(0, 1), "What moves?", placement)
    logits, _ = backbone.step(prompt.inputs_embeds, None, positions=prompt.positions)

    ids = torch.tensor([backbone.tokenizer.encode(public_prompt(backbone, number))])
    assert (ids == IMAGE).sum() == number * TOKENS
    batch = backbone.processor(images=[list(frames.pixels)], return_tensors="pt")
    expected = model(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        pixel_values=batch["pixel_values"],
        pixel_attention_mask=batch["pixel_attention_mask"],
    ).logits
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_another_architecture_is_refused(tmp_path):
    write_config(tmp_path, {"model_type": "bert"})
    with pytest.raises(BackboneLoadError, match="model of type 'bert'"):
        load(tmp_path)

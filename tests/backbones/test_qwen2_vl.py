from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers.models.qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl import Qwen2VLConfig, Qwen2VLForConditionalGeneration

from linvt_cli.backbones.qwen2_vl import Qwen2VL
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.config import PositionLayout
from linvt_cli.generation.prompt import assemble
from linvt_cli.types import Frames, VideoInfo, VideoPlacement
from tests.tiny_checkpoints import randomized, write_config, write_tokenizer, write_weights

MARKS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]},
    "tie_word_embeddings": False,
}
VISION: dict[str, dict[str, Any]] = {
    "qwen2_vl": {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2},
    "qwen2_5_vl": {
        "depth": 2,
        "hidden_size": 32,
        "num_heads": 4,
        "intermediate_size": 48,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
        "window_size": 56,
    },
}
CLASSES = {
    "qwen2_vl": (Qwen2VLConfig, Qwen2VLForConditionalGeneration),
    "qwen2_5_vl": (Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration),
}
IMAGE, VIDEO = 261, 262


def native(kind: str) -> Any:
    """The stock model with random weights, as the hub's configuration describes it."""
    config_class, model_class = CLASSES[kind]
    config = config_class(
        text_config={**TEXT, "vocab_size": 264},
        vision_config={
            **VISION[kind],
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        vision_start_token_id=259,
        vision_end_token_id=260,
        tie_word_embeddings=False,
    )
    return randomized(model_class(config))


def original_names(model: Any) -> dict[str, torch.Tensor]:
    """The weights under the names of the public files: visual.*, model.*, lm_head.*"""
    return {
        name.replace("model.visual.", "visual.").replace("model.language_model.", "model."): tensor
        for name, tensor in model.state_dict().items()
    }


def write_qwen(folder: Path, kind: str = "qwen2_vl") -> Any:
    """Write a checkpoint in the public layout; return the stock model with the same weights."""
    folder.mkdir(parents=True, exist_ok=True)
    assert write_tokenizer(folder, MARKS) <= 264
    model = native(kind)
    write_config(folder, model.config.to_dict())
    write_weights(folder, original_names(model))
    return model


@pytest.fixture(scope="module", params=["qwen2_vl", "qwen2_5_vl"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(request.param)
    model = write_qwen(folder, request.param)
    backbone = Qwen2VL.load(
        find_backbone("qwen2-vl-2b"),
        folder=folder,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    return backbone, model


def noise(number: int, height: int = 84, width: int = 140) -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (number, height, width, 3), dtype=np.uint8)
    video = VideoInfo(Path("noise.mp4"), width, height, 10.0, 100, "mpeg4", "opencv")
    return Frames(pixels, tuple(0.5 * t for t in range(number)), video, coverage=1.0)


def native_logits(backbone: Qwen2VL, model: Any, frames: Frames, ids: list[int]) -> torch.Tensor:
    """Logits of the stock model on the images themselves, by its own processor and positions."""
    batch = backbone.processor(images=list(frames.pixels), return_tensors="pt")
    tokens = torch.tensor([ids])
    output = model(
        input_ids=tokens,
        attention_mask=torch.ones_like(tokens),
        mm_token_type_ids=(tokens == IMAGE).int(),
        pixel_values=batch["pixel_values"],
        image_grid_thw=batch["image_grid_thw"],
    )
    logits: torch.Tensor = output.logits
    return logits


@pytest.mark.parametrize("number", [1, 3])
@torch.no_grad()
def test_with_all_tokens_it_equals_the_stock_model_on_the_same_images(pair, number):
    backbone, model = pair
    frames = noise(number)
    features = backbone.encode_frames(frames)
    tokens = features.tokens.flatten(0, 1)
    moments = tuple(float(t) for t in range(number) for _ in range(features.tokens.shape[1]))
    prompt = assemble(backbone, tokens, "What moves?", VideoPlacement(moments, features.grid))
    logits, _ = backbone.step(prompt.inputs_embeds, None, positions=prompt.positions)

    block = [IMAGE] * features.tokens.shape[1]
    texts = backbone.render_prompt("What moves?", number)
    ids = list(texts[0])
    for text in texts[1:]:
        ids += [*block, *text]
    expected = native_logits(backbone, model, frames, ids)
    torch.testing.assert_close(logits, expected, atol=1e-3, rtol=1e-3)
    if number == 1:
        assert prompt.video_spans == (slice(len(texts[0]), len(texts[0]) + len(block)),)


@torch.no_grad()
def test_every_frame_becomes_the_tokens_of_one_image(pair):
    backbone, model = pair
    frames = noise(3)
    batch = backbone.processor(images=list(frames.pixels), return_tensors="pt")
    expected = model.get_image_features(batch["pixel_values"], batch["image_grid_thw"])
    features = backbone.encode_frames(frames)
    torch.testing.assert_close(
        features.tokens, torch.stack(list(expected.pooler_output)), atol=1e-4, rtol=1e-4
    )
    assert features.grid == (3, 5)


def test_the_prompt_is_the_public_template_token_for_token(pair):
    backbone, _ = pair
    before, after = backbone.render_prompt("What moves?")
    text = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "<|vision_start|><|image_pad|><|vision_end|>What moves?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert [*before, IMAGE, *after] == backbone.tokenizer.encode(text, add_special_tokens=False)


def placed(backbone: Qwen2VL, moments: tuple[float, ...], layout: PositionLayout) -> torch.Tensor:
    lengths = [2, len(moments), 3]
    positions = backbone.place_prompt(lengths, VideoPlacement(moments, layout=layout))
    assert positions is not None
    return positions[:, 0]


def test_the_time_layout_puts_tokens_at_their_mean_frame_and_text_behind_them(pair):
    backbone, _ = pair
    rows = placed(backbone, (0.0, 1.5, 3.0), "time").tolist()
    assert rows == [[0.0, 1.0, 2.0, 3.5, 5.0, 6.0, 7.0, 8.0]] * 3


def test_the_flat_layout_counts_like_text(pair):
    backbone, _ = pair
    assert backbone.place_prompt([2, 3, 3], VideoPlacement((0.0, 1.5, 3.0))) is None


@torch.no_grad()
def test_answering_goes_on_behind_the_prompts_last_position(pair):
    backbone, _ = pair
    torch.manual_seed(0)
    embeds = torch.randn(1, 9, backbone.embed_dim)
    positions = torch.arange(9.0).expand(3, 1, -1) * 2
    expected, _ = backbone.step(embeds, None, positions=positions.clone())
    first = positions[:, :, :6].clone()
    _, cache = backbone.step(embeds[:, :6], None, positions=first)
    assert cache.next_positions.tolist() == [11]
    again, _ = backbone.step(embeds[:, 6:7], cache, positions=positions[:, :, 6:7].clone())
    torch.testing.assert_close(again[:, -1], expected[:, 6], atol=1e-4, rtol=1e-4)

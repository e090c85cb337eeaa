from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from linvt_cli.backbones.qwen2_vl import Qwen2VL
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.config import PositionLayout
from linvt_cli.generation.prompt import assemble
from linvt_cli.types import Frames, VideoInfo, VideoPlacement
from tests.tiny_qwen2_vl import IMAGE, write_qwen


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
    prompt = assemble(backbone, tokens, "What moves?", VideoPlacement(grid=features.grid))
    logits, _ = backbone.step(prompt.inputs_embeds, None, positions=prompt.positions)

    block = [IMAGE] * features.tokens.shape[1]
    texts = backbone.render_prompt("What moves?", number)
    ids = list(texts[0])
    for text in texts[1:]:
        ids += [*block, *text]
    expected = native_logits(backbone, model, frames, ids)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
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


@torch.no_grad()
@pytest.mark.parametrize(("attention", "told"), [("sdpa", True), ("eager", False)])
def test_where_pictures_end_is_known_on_the_cpu_to_pytorchs_attention(
    pair, monkeypatch, attention, told
):
    backbone, _ = pair
    tower = backbone.model.model.visual
    values, grid = backbone.pixel_values(noise(3, 200, 140).pixels)
    monkeypatch.setattr(tower.config, "_attn_implementation", attention)
    expected = tower(values["pixel_values"], grid_thw=values["grid_thw"]).pooler_output
    seen: dict[str, Any] = {}
    hook = tower.register_forward_pre_hook(
        lambda _module, _args, options: seen.update(options), with_kwargs=True
    )
    tokens = backbone.visual_tokens(values, grid)
    hook.remove()
    assert torch.equal(tokens.flatten(0, 1), expected)
    ends = {name: tensor for name, tensor in seen.items() if "cu_" in name}
    assert bool(ends) == told
    assert {tensor.device.type for tensor in ends.values()} <= {"cpu"}


def test_pictures_are_those_of_the_public_rule(pair):
    """Sides to the nearest 28 px, bicubic, CLIP's colours; patches by blocks of two by two."""
    backbone, _ = pair
    values, grid = backbone.pixel_values(noise(1, 90, 160).pixels)
    assert grid == (3, 6)
    picture = Image.fromarray(noise(1, 90, 160).pixels[0])
    pixels = np.asarray(picture.resize((168, 84), Image.Resampling.BICUBIC), np.float32) / 255
    pixels = (pixels - [0.48145466, 0.4578275, 0.40821073]) / [0.26862954, 0.26130258, 0.27577711]
    twice = np.stack([pixels.transpose(2, 0, 1)] * 2)
    blocks = twice.reshape(2, 3, 3, 2, 14, 6, 2, 14).transpose(2, 5, 3, 6, 1, 0, 4, 7)
    np.testing.assert_allclose(values["pixel_values"], blocks.reshape(72, -1), atol=1e-5)


@pytest.mark.parametrize(
    ("size", "tokens"), [((1080, 1920), (200, 256)), ((1, 1), (4, 4)), ((2000, 30), (4, 256))]
)
def test_a_frame_has_between_4_and_256_tokens(pair, size, tokens):
    backbone, _ = pair
    _, (rows, columns) = backbone.pixel_values(noise(1, *size).pixels)
    assert tokens[0] <= rows * columns <= tokens[1]


@torch.no_grad()
def test_prompts_padded_on_the_left_keep_their_positions(pair):
    backbone, _ = pair
    generator = torch.Generator().manual_seed(0)
    embeds = torch.randn(2, 9, backbone.embed_dim, generator=generator)
    positions = torch.arange(9.0).expand(3, 2, -1) * 2
    positions = positions.clone()
    positions[:, 0] = (positions[:, 0] - 6).clamp(min=0)
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[0, :3] = False
    logits, cache = backbone.step(embeds, None, positions=positions, mask=mask)
    assert cache.next_positions.tolist() == [11, 17]
    alone, _ = backbone.step(embeds[:1, 3:], None, positions=positions[:, :1, 3:].clone())
    torch.testing.assert_close(logits[:1, 3:], alone, atol=1e-4, rtol=1e-4)


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
    positions = backbone.place_prompt(lengths, VideoPlacement(layout=layout, moments=moments))
    assert positions is not None
    return positions[:, 0]


def test_the_time_layout_puts_tokens_at_their_mean_frame_and_text_behind_them(pair):
    backbone, _ = pair
    rows = placed(backbone, (0.0, 1.5, 3.0), "time").tolist()
    assert rows == [[0.0, 1.0, 2.0, 3.5, 5.0, 6.0, 7.0, 8.0]] * 3


def test_the_flat_layout_counts_like_text(pair):
    backbone, _ = pair
    assert backbone.place_prompt([2, 3, 3], VideoPlacement(moments=(0.0, 1.5, 3.0))) is None


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

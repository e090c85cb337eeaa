"""Expected values come from explicit loops in NumPy, or from weights whose answer is plain."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from linvt_cli.errors import CheckpointCorruptError
from linvt_cli.video_tokenizer.official import OfficialLinVT

Vector = NDArray[np.float64]
State = dict[str, torch.Tensor]
Shapes = dict[str, tuple[int, ...]]
WIDTH, HEADS, LAYERS, QUERIES = 8, 2, 2, 3
FRAMES, TOKENS, WORDS = 3, 4, 5


def published_shapes(
    width: int = WIDTH, queries: int = QUERIES, layers: int = LAYERS
) -> dict[str, tuple[int, ...]]:
    """The published key names, written out from their table."""
    square, line = (width, width), (width,)
    in_and_out: Shapes = {
        "in_proj_weight": (3 * width, width),
        "in_proj_bias": (3 * width,),
        "out_proj.weight": square,
        "out_proj.bias": line,
    }
    maps: Shapes = {
        f"{name}.{kind}": square if kind == "weight" else line
        for name in ("wq", "wk", "wv", "dense")
        for kind in ("weight", "bias")
    }
    norm: Shapes = {"weight": line, "bias": line}
    parts: dict[str, Shapes] = {
        "svt_module.token_selection.score_net": {"weight": (1, width), "bias": (1,)},
        "tta_module.layer_linagg.linear_aggregator": maps,
    }
    for i in range(layers):
        refining, aggregating = (
            f"svt_module.attention_network.layers.{i}",
            f"tta_module.layers_vt.{i}",
        )
        parts |= {
            f"{refining}.spatial_attention": in_and_out,
            f"{refining}.temporal_attention": in_and_out,
            f"{aggregating}.self_attention": in_and_out,
            f"{aggregating}.visual_cross_attention": maps,
            f"{aggregating}.text_cross_attention": maps,
            f"{aggregating}.norm_self": norm,
            f"{aggregating}.norm_cross_v": norm,
            f"{aggregating}.norm_cross_t": norm,
        }
    shapes = {f"linVT.{a}.{b}": shape for a, part in parts.items() for b, shape in part.items()}
    return {"query_tokens": (1, queries, width), **shapes}


def random_state(seed: int = 0, **sizes: int) -> State:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator) * 0.4
        for name, shape in published_shapes(**sizes).items()
    }


def zero_state(**sizes: int) -> State:
    return {name: torch.zeros(shape) for name, shape in published_shapes(**sizes).items()}


def softmax(logits: Vector) -> Vector:
    exponentials = np.exp(logits - logits.max())
    weights: Vector = exponentials / exponentials.sum()
    return weights


def attend(
    queries: Sequence[Vector], keys: Sequence[Vector], values: Sequence[Vector], num_heads: int
) -> list[Vector]:
    """Loop over queries and heads: lists of projected vectors in, one mixed vector per query."""
    size = len(queries[0]) // num_heads
    mixed = []
    for query in queries:
        out = []
        for head in range(num_heads):
            part = slice(head * size, (head + 1) * size)
            logits = np.array([query[part] @ key[part] / math.sqrt(size) for key in keys])
            weights = softmax(logits)
            out.append(sum(w * value[part] for w, value in zip(weights, values, strict=True)))
        mixed.append(np.concatenate(out))
    return mixed


class Reference:
    """The published arithmetic by its description, in float64, one vector at a time."""

    def __init__(self, state: State, num_heads: int) -> None:
        self.state = {
            name.removeprefix("linVT."): tensor.double().numpy() for name, tensor in state.items()
        }
        self.num_heads = num_heads

    def linear(self, name: str, vector: Vector) -> Vector:
        mapped: Vector = self.state[f"{name}.weight"] @ vector + self.state[f"{name}.bias"]
        return mapped

    def fused(self, name: str, vectors: Sequence[Vector]) -> list[Vector]:
        weight, bias = self.state[f"{name}.in_proj_weight"], self.state[f"{name}.in_proj_bias"]
        projected = [np.split(weight @ vector + bias, 3) for vector in vectors]
        queries, keys, values = zip(*projected, strict=True)
        mixed = attend(queries, keys, values, self.num_heads)
        return [self.linear(f"{name}.out_proj", vector) for vector in mixed]

    def cross(
        self,
        name: str,
        queries: Sequence[Vector],
        sources: Sequence[Vector],
        *,
        aggregate: bool = False,
    ) -> list[Vector]:
        mixed = attend(
            [self.linear(f"{name}.wq", query) for query in queries],
            [self.linear(f"{name}.wk", source) for source in sources],
            sources if aggregate else [self.linear(f"{name}.wv", source) for source in sources],
            self.num_heads,
        )
        return mixed if aggregate else [self.linear(f"{name}.dense", vector) for vector in mixed]

    def norm(self, name: str, vector: Vector) -> Vector:
        normed = (vector - vector.mean()) / np.sqrt(vector.var() + 1e-5)
        scaled: Vector = normed * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]
        return scaled

    def refine(self, visual: Vector, num_layers: int, top_k: int) -> list[Vector]:
        hidden = visual.copy()
        num_frames, num_tokens, _ = hidden.shape
        for i in range(num_layers):
            layer = f"svt_module.attention_network.layers.{i}"
            for n in range(num_tokens):  # "spatial": across frames
                hidden[:, n] = self.fused(f"{layer}.spatial_attention", list(hidden[:, n]))
            for t in range(num_frames):  # "temporal": across positions
                hidden[t] = self.fused(f"{layer}.temporal_attention", list(hidden[t]))
        tokens = list(hidden.reshape(num_frames * num_tokens, -1))
        scores = [self.linear("svt_module.token_selection.score_net", x)[0] for x in tokens]
        return [tokens[i] for i in np.argsort(scores)[::-1][:top_k]]

    def run(
        self, visual: Vector, text: Vector, *, num_layers: int, top_k: int, multi_scale: bool
    ) -> Vector:
        kept = self.refine(visual, num_layers, top_k)
        pooled = list(kept)
        for scale in (2, 4) if multi_scale else ():
            starts = range(0, len(kept) - scale + 1, scale)
            pooled += [np.mean(kept[start : start + scale], axis=0) for start in starts]
        queries = list(self.state["query_tokens"][0])
        for i in range(num_layers):
            layer = f"tta_module.layers_vt.{i}"
            queries = [
                self.norm(f"{layer}.norm_self", q + self.fused(f"{layer}.self_attention", [q])[0])
                for q in queries
            ]
            for kind, sources, norm in (
                ("visual", pooled, "norm_cross_v"),
                ("text", list(text), "norm_cross_t"),
            ):
                seen = self.cross(f"{layer}.{kind}_cross_attention", queries, sources)
                queries = [
                    self.norm(f"{layer}.{norm}", q + s) for q, s in zip(queries, seen, strict=True)
                ]
        name = "tta_module.layer_linagg.linear_aggregator"
        return np.stack(self.cross(name, queries, pooled, aggregate=True))


@pytest.mark.parametrize("multi_scale", [False, True])
@pytest.mark.parametrize("top_k", [3, 7, 1024])
def test_arithmetic_equals_explicit_loops(top_k: int, multi_scale: bool) -> None:
    state = random_state()
    generator = torch.Generator().manual_seed(1)
    visual = torch.randn(FRAMES, TOKENS, WIDTH, generator=generator, dtype=torch.float64)
    text = torch.randn(WORDS, WIDTH, generator=generator, dtype=torch.float64)
    module = OfficialLinVT.from_state_dict(
        state, num_heads=HEADS, top_k=top_k, multi_scale=multi_scale
    ).double()

    output = module(visual, text)

    expected = Reference(state, HEADS).run(
        visual.numpy(), text.numpy(), num_layers=LAYERS, top_k=top_k, multi_scale=multi_scale
    )
    torch.testing.assert_close(output, torch.from_numpy(expected), atol=1e-9, rtol=0)


def test_multi_scale_pools_neighbours_in_score_and_skips_long_scales() -> None:
    state = zero_state(width=4, queries=2, layers=0)
    state["linVT.svt_module.token_selection.score_net.weight"] = torch.tensor([[1.0, 0, 0, 0]])
    a, b, c, d = torch.tensor(
        [[9.0, 1, 0, 2], [7.0, 0, 1, 4], [5.0, 3, 3, 6], [1.0, 100, 100, 100]]
    )
    visual = torch.stack([c, a, d, b]).view(2, 2, 4)
    module = OfficialLinVT.from_state_dict(state, top_k=3, multi_scale=True)

    output = module(visual, torch.zeros(1, 4))

    # Kept in order of score: a, b, c. Pooled: (a + b) / 2; c is left over. Weights are equal.
    mean = (a + b + c + (a + b) / 2) / 4
    torch.testing.assert_close(output, torch.stack([mean, mean]))


def test_the_aggregation_mixes_each_heads_channels_on_their_own() -> None:
    state = zero_state(width=4, queries=1, layers=0)
    name = "linVT.tta_module.layer_linagg.linear_aggregator"
    state["query_tokens"] = torch.tensor([[[1.0, 0, 0, 1]]])
    state[f"{name}.wq.weight"] = torch.eye(4) * 200
    state[f"{name}.wk.weight"] = torch.eye(4)
    x, y = torch.tensor([1.0, 2, 3, 0]), torch.tensor([0.0, 4, 5, 1])
    module = OfficialLinVT.from_state_dict(state, num_heads=2)

    output = module(torch.stack([x, y]).view(2, 1, 4), torch.zeros(1, 4))

    # The first head's key favours x, the second's y: half of each.
    torch.testing.assert_close(output, torch.tensor([[1.0, 2, 5, 1]]))


def test_spatial_attention_mixes_frames_as_published() -> None:
    state = random_state(layers=1)
    module = OfficialLinVT.from_state_dict(state, num_heads=HEADS)
    attention = module.get_submodule("svt_module.attention_network.layers.0.spatial_attention")
    visual = torch.randn(FRAMES, TOKENS, WIDTH)
    other_token, other_frame = visual.clone(), visual.clone()
    other_token[0, 1] += 1.0
    other_frame[1, 0] += 1.0

    before, by_token, by_frame = (attention(x, x, x)[0] for x in (visual, other_token, other_frame))

    torch.testing.assert_close(before[0, 0], by_token[0, 0])
    assert (before[0, 0] - by_frame[0, 0]).abs().max() > 1e-3


def test_the_published_number_of_tensors_is_read() -> None:
    state = random_state()

    OfficialLinVT.from_state_dict(state, num_heads=HEADS)

    assert sum(name.startswith("linVT.") for name in state) == 34 * LAYERS + 10 == 78


def test_other_parts_of_the_chat_model_are_left_alone() -> None:
    state = random_state() | {
        "vision_model.x": torch.zeros(1),
        "mlp1.0.weight": torch.zeros(1),
        "language_model.base_model.model.y": torch.zeros(1),
    }

    module = OfficialLinVT.from_state_dict(state, num_heads=HEADS)

    assert torch.equal(module.query_tokens, state["query_tokens"])


def test_unknown_keys_are_named() -> None:
    state = random_state() | {"linVT.svt_module.frame_position": torch.zeros(1, WIDTH)}

    with pytest.raises(CheckpointCorruptError, match=r"unknown svt_module\.frame_position"):
        OfficialLinVT.from_state_dict(state, num_heads=HEADS)


def test_missing_and_wrongly_shaped_keys_are_named() -> None:
    state = random_state()
    del state["linVT.svt_module.token_selection.score_net.bias"]
    state["linVT.tta_module.layers_vt.1.norm_self.bias"] = torch.zeros(WIDTH + 1)

    with pytest.raises(CheckpointCorruptError) as caught:
        OfficialLinVT.from_state_dict(state, num_heads=HEADS)

    assert "missing svt_module.token_selection.score_net.bias" in caught.value.message
    assert "wrongly shaped tta_module.layers_vt.1.norm_self.bias" in caught.value.message


@pytest.mark.parametrize("queries", [None, torch.zeros(3, WIDTH)])
def test_weights_without_queries_are_refused(queries: torch.Tensor | None) -> None:
    state = random_state()
    del state["query_tokens"]
    if queries is not None:
        state["query_tokens"] = queries

    with pytest.raises(CheckpointCorruptError, match=r"lack 'query_tokens' of shape \(1, Q, C\)"):
        OfficialLinVT.from_state_dict(state, num_heads=HEADS)


def test_query_groups_of_another_kind_are_refused() -> None:
    state = random_state() | {"query_tokens_2": torch.zeros(1, QUERIES, WIDTH)}

    with pytest.raises(CheckpointCorruptError, match="unknown query_tokens_2"):
        OfficialLinVT.from_state_dict(state, num_heads=HEADS)

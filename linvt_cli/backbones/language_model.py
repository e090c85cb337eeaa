"""One step of a language model of transformers: positions, padding and cache in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache


@dataclass(frozen=True, slots=True)
class LanguageModelCache:
    """What is kept between two steps."""

    keys_and_values: Cache
    next_positions: Tensor  # (B,), where the next token stands
    mask: Tensor | None  # (B, S) of all that was read so far; None without padding
    read: Tensor | None = None  # (B, S, D) of it, while it may have to be read anew


def run_language_model(
    model: Any,
    inputs_embeds: Tensor,
    cache: LanguageModelCache | None,
    *,
    positions: Tensor | None = None,
    mask: Tensor | None = None,
    num_axes: int | None = None,
) -> tuple[Tensor, LanguageModelCache]:
    """Run a language model without its head over new embeddings.

    Positions are always told, never left to the model: some models keep a state of their own from
    the prompt before.

    Args:
        model: a decoder of transformers that takes ``inputs_embeds``.
        inputs_embeds: (B, P, D).
        cache: what the last step returned; None at the start.
        positions: (axes, B, P), where they do not simply count on.
        mask: (B, P) of these embeddings: True for tokens, False for padding, which stands before
            them; None where all are tokens.
        num_axes: how many axes the model's positions have; None for the plain (B, P).

    Returns:
        Hidden states (B, P, D) after the last norm, and the cache for the next step.
    """
    batch, length = inputs_embeds.shape[:2]
    if cache is None:
        keys_and_values: Cache = DynamicCache()
        starts_B = torch.zeros(batch, dtype=torch.long, device=inputs_embeds.device)
        whole_mask = mask
    else:
        keys_and_values, starts_B = cache.keys_and_values, cache.next_positions
        whole_mask = _joined(cache.mask, mask, keys_and_values.get_seq_length(), length)
    if positions is None:
        counted_BP = _counted(starts_B, length, mask)
        positions = counted_BP[None].expand(num_axes or 1, -1, -1)
    read = _read_so_far(model, cache, inputs_embeds)
    is_long = read is not None and _is_long(model, positions)
    if read is not None and is_long and cache is not None:
        # Keys turned by the frequencies of short texts cannot stand beside those of long ones.
        hidden, cache = run_language_model(model, read, None, mask=whole_mask, num_axes=num_axes)
        return hidden[:, -length:], cache
    # Layers that are computed anew for their gradients keep nothing: there is no next step.
    kept = not (model.training and _is_checkpointed(model))
    output = model(
        inputs_embeds=inputs_embeds,
        attention_mask=None if whole_mask is None else whole_mask.long(),
        position_ids=positions[0] if num_axes is None else positions,
        use_cache=kept,
        **{_cache_keyword(type(model).forward): keys_and_values if kept else None},
    )
    ends_B = positions.amax(dim=(0, 2)).floor().long() + 1
    return output.last_hidden_state, LanguageModelCache(
        keys_and_values, ends_B, whole_mask, None if is_long else read
    )


def repeat_cache(cache: LanguageModelCache, batch: int) -> LanguageModelCache:
    """Return the cache of one sequence for ``batch`` that begin with it; the old one stays."""
    layers: Any = cache.keys_and_values.layers
    repeated = DynamicCache()
    for index, layer in enumerate(layers):
        keys, values = (rows.expand(batch, -1, -1, -1) for rows in (layer.keys, layer.values))
        repeated.update(keys, values, index)
    return LanguageModelCache(
        repeated,
        cache.next_positions.expand(batch),
        None if cache.mask is None else cache.mask.expand(batch, -1),
        None if cache.read is None else cache.read.expand(batch, -1, -1),
    )


def _read_so_far(model: Any, cache: LanguageModelCache | None, new: Tensor) -> Tensor | None:
    """Return all that was read, (B, S, D), while it may have to be read anew.

    Only of a model with other rotary frequencies for long texts (LongRoPE, arXiv 2402.13753), and
    only until its text is one: None otherwise.
    """
    if _rope_of(model).get("rope_type") != "longrope":
        return None
    if cache is None:
        return new
    return None if cache.read is None else torch.cat([cache.read, new], dim=1)


def _is_long(model: Any, positions: Tensor) -> bool:
    return int(positions.max()) >= int(_rope_of(model)["original_max_position_embeddings"])


def _rope_of(model: Any) -> Mapping[str, Any]:
    parameters: Mapping[str, Any] | None = getattr(model.config, "rope_parameters", None)
    return parameters or {}


@lru_cache
def _cache_keyword(forward: Callable[..., Any]) -> str:
    """Return what the cache is called: ``cache`` from transformers 5.24 on."""
    taken = signature(forward).parameters
    return "cache" if "cache" in taken else "past_key_values"


def _is_checkpointed(model: Any) -> bool:
    return any(getattr(module, "gradient_checkpointing", False) for module in model.modules())


def _joined(
    before: Tensor | None, new: Tensor | None, num_before: int, num_new: int
) -> Tensor | None:
    """Return the mask of all that was read, (B, S), of what came before and of what is new."""
    known = new if before is None else before
    if known is None:
        return None
    if before is None:
        before = known.new_ones(len(known), num_before)
    if new is None:
        new = known.new_ones(len(known), num_new)
    return torch.cat([before, new], dim=1)


def _counted(starts_B: Tensor, length: int, mask: Tensor | None) -> Tensor:
    """Count tokens from where each row stands; padding counts for nothing: (B, P)."""
    if mask is None:
        return starts_B[:, None] + torch.arange(length, device=starts_B.device)
    return starts_B[:, None] + (mask.long().cumsum(dim=1) - 1).clamp(min=0)

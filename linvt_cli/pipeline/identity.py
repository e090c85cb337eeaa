"""Which weights made video tokens, so that no other weights read them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from linvt_cli.errors import TokenFileError
from linvt_cli.video.files import shown_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linvt_cli.backbones.base import Backbone
    from linvt_cli.types import ModelInfo
    from linvt_cli.video_tokenizer.base import VideoTokenizer

_WORDS = 256  # ids whose embeddings tell one language model from another; every vocabulary has them
_VALUES = 4096  # of each tensor


@dataclass(frozen=True, slots=True)
class Identity:
    """A backbone and a tokenizer, by name and by their weights."""

    backbone: str
    revision: str | None
    words: str  # hash of embeddings: visual tokens lie in the space that they span
    tokenizer: str
    tokenizer_weights: str  # hash; for tokenizers without weights, of how many tokens they make


def check_identity(path: str, made_by: Identity, read_by: Identity) -> None:
    """Refuse video tokens that other weights made.

    Raises:
        TokenFileError: if any part of the identity differs.
    """
    if made_by == read_by:
        return
    name = shown_name(path)
    if (made_by.backbone, made_by.tokenizer) != (read_by.backbone, read_by.tokenizer):
        raise TokenFileError(
            f"{name} was made by '{made_by.backbone}' with the tokenizer {made_by.tokenizer}, and"
            f" this is '{read_by.backbone}' with {read_by.tokenizer}",
            path=path,
            hint=f"--model {made_by.backbone} --tokenizer {made_by.tokenizer}",
        )
    if (made_by.revision, made_by.words) == (read_by.revision, read_by.words):
        raise TokenFileError(
            f"{name} was made with another LinVT, or for another number of video tokens",
            path=path,
            hint="--checkpoint and --video-tokens as when it was made",
        )
    raise TokenFileError(
        f"{name} was made by other weights of '{made_by.backbone}'",
        path=path,
        hint="make it again: linvt tokens make VIDEO -o FILE.linvt",
    )


def identify(backbone: Backbone, tokenizer: VideoTokenizer, model: ModelInfo) -> Identity:
    """Return the identity of loaded weights.

    It does not depend on quantization, which leaves everything up to the video tokens as it is, nor
    on the number format that they were loaded in, with one exception: see ``hash_tensors``.
    """
    with torch.no_grad():
        words = backbone.embed_text(list(range(_WORDS)))
    if isinstance(tokenizer, nn.Module):
        state = tokenizer.state_dict()
        weights = hash_tensors(
            repr(getattr(tokenizer, "config", "")), (state[name] for name in sorted(state))
        )
    else:
        weights = hash_tensors(str(tokenizer.num_video_tokens), ())
    return Identity(
        backbone=model.backbone,
        revision=model.revision,
        words=hash_tensors("", [words]),
        tokenizer=tokenizer.name,
        tokenizer_weights=weights,
    )


def hash_tensors(text: str, tensors: Iterable[torch.Tensor]) -> str:
    """Return a hash of a text and of some values of each tensor.

    It is the same in float32 and bfloat16, and in float16 for weights that were published in 16
    bits. Those of float32 files round twice on the way through float16, and some end elsewhere.
    """
    digest = hashlib.sha256(text.encode())
    for tensor in tensors:
        values = tensor.detach().flatten()
        values = values[:: max(1, len(values) // _VALUES)]
        rounded = values.to(torch.bfloat16)
        digest.update(rounded.cpu().view(torch.int16).numpy().tobytes())
    return digest.hexdigest()

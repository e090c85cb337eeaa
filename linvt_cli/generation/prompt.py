"""Places video tokens among text embeddings: the prompt that answering and training share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from linvt_cli.errors import ContextLengthError
from linvt_cli.types import PromptEmbeds

if TYPE_CHECKING:
    from linvt_cli.backbones.base import Backbone


def assemble(backbone: Backbone, video_KD: torch.Tensor, question: str) -> PromptEmbeds:
    """Put a video where the backbone's chat template wants it: (K, D) -> (1, P, D).

    Differentiable in the video tokens.

    Raises:
        ContextLengthError: if the prompt leaves no room for a single token of the answer.
    """
    prefix_ids, suffix_ids = backbone.render_prompt(question)
    num_video_tokens = video_KD.shape[0]
    length = len(prefix_ids) + num_video_tokens + len(suffix_ids)
    if length + 1 > backbone.max_context:
        raise ContextLengthError(
            f"The prompt has {length} tokens, {num_video_tokens} of them of the video, and"
            f" '{backbone.name}' takes {backbone.max_context} with the answer",
            length=length,
            limit=backbone.max_context,
            hint="use fewer video tokens (another --tokenizer, fewer --frames)"
            " or a shorter question",
        )
    prefix_LD = backbone.embed_text(prefix_ids)
    suffix_LD = backbone.embed_text(suffix_ids)
    prompt_PD = torch.cat([prefix_LD, video_KD.to(prefix_LD.dtype), suffix_LD])
    return PromptEmbeds(
        inputs_embeds=prompt_PD.unsqueeze(0),
        video_span=slice(len(prefix_ids), len(prefix_ids) + num_video_tokens),
    )

"""VideoPrompter: what the language model reads for a question about a video.

Video tokens are weighed for the question here, and put where the backbone's template wants them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from linvt_cli.backbones.base import Backbone
from linvt_cli.backbones.loading import memory_errors_translated
from linvt_cli.generation.prompt import assemble
from linvt_cli.pipeline.questions import check_question
from linvt_cli.pipeline.watched import WatchedVideo
from linvt_cli.pipeline.watcher import VideoWatcher
from linvt_cli.types import PromptEmbeds, Turn, VideoTokens


def embed_asked(backbone: Backbone, question: str, history: Sequence[Turn] = ()) -> torch.Tensor:
    """Return what video tokens are weighed for: a question behind the one before it, (L, D)."""
    asked = "\n".join((*(turn.question for turn in history[-1:]), question))
    return backbone.embed_text(backbone.encode_question(asked))


class VideoPrompter(VideoWatcher):
    """An image-LLM with a video tokenizer, up to the prompt."""

    def condense(
        self, watched: WatchedVideo, question: str, history: Sequence[Turn] = ()
    ) -> VideoTokens:
        """Return the video tokens for a question: (K, D).

        Behind a history they are weighed for the question before it too, on which "and after
        that?" leans.

        Raises:
            ConfigError: if the question is empty.
        """
        check_question(question)
        with torch.no_grad(), memory_errors_translated(self.backbone.device):
            text_LD = embed_asked(self.backbone, question, history)
            return self.tokenizer.condense(watched.refined, text_LD)

    def prompt(
        self, watched: WatchedVideo, question: str, history: Sequence[Turn] = ()
    ) -> PromptEmbeds:
        """Return what the language model reads for a question behind a history: (1, P, D).

        Raises:
            ConfigError: if the question is empty.
            ContextLengthError: if it does not fit into the language model's context.
        """
        video_tokens = self.condense(watched, question, history)
        return self.assemble(watched, video_tokens, question, history)

    def assemble(
        self,
        watched: WatchedVideo,
        video_tokens: VideoTokens,
        question: str,
        history: Sequence[Turn] = (),
        *,
        embedded_KD: torch.Tensor | None = None,
    ) -> PromptEmbeds:
        """Return the prompt for a question whose video tokens are made: (1, P, D).

        Args:
            watched: the video.
            video_tokens: what ``condense`` returned for the question.
            question: anything but white space.
            history: earlier turns, oldest first.
            embedded_KD: what the backbone's ``embed_video`` returned for them, if that is known.

        Raises:
            ContextLengthError: if it does not fit into the language model's context.
        """
        placement = watched.place(video_tokens, self.tokenizer.position_layout)
        with torch.no_grad(), memory_errors_translated(self.backbone.device):
            return assemble(
                self.backbone,
                video_tokens.tokens,
                question,
                placement,
                history,
                embedded_KD=embedded_KD,
            )

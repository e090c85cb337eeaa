"""VideoQA: the one path from a video file and a question to an answer.

Everything that answers goes through it, so that preprocessing and prompts cannot drift apart. What
is done once for a video is in ``VideoWatcher``; what depends on the question is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch

from linvt_cli.backbones.base import Backbone
from linvt_cli.backbones.loading import memory_errors_translated
from linvt_cli.config import ANY_SHAPE, AnswerShape, FrameSampling, GenerationConfig
from linvt_cli.errors import ConfigError
from linvt_cli.generation.decode import stream_answer
from linvt_cli.generation.prompt import assemble
from linvt_cli.generation.shapes import complete
from linvt_cli.pipeline.conversation import Conversation
from linvt_cli.pipeline.loading import load_parts
from linvt_cli.pipeline.token_cache import TokenCache
from linvt_cli.pipeline.watched import WatchedVideo
from linvt_cli.pipeline.watcher import VideoWatcher
from linvt_cli.types import (
    Answer,
    AnswerChunk,
    ModelInfo,
    PromptEmbeds,
    TokenizerName,
    Turn,
    VideoTokens,
)
from linvt_cli.video_tokenizer.base import VideoTokenizer


class VideoQA(VideoWatcher):
    """An image-LLM with a video tokenizer: answers questions about videos.

    Args:
        backbone: the image-LLM.
        tokenizer: what condenses its visual tokens.
        model: which weights these are; made of their names where left out.
        sampling: which frames ``watch`` looks at where it is not told.
        describe_question: what ``describe`` asks.
        token_cache: where what is seen of videos is kept for later processes; nowhere where left
            out.
    """

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: VideoTokenizer,
        *,
        model: ModelInfo | None = None,
        sampling: FrameSampling | None = None,
        describe_question: str = "Describe this video.",
        token_cache: TokenCache | None = None,
    ) -> None:
        super().__init__(
            backbone, tokenizer, model=model, sampling=sampling, token_cache=token_cache
        )
        self.describe_question = describe_question

    @classmethod
    def load(
        cls,
        model: str = "nano",
        *,
        tokenizer: TokenizerName | None = None,
        checkpoint: str | Path | None = None,
        num_video_tokens: int | None = None,
        device: str = "auto",
        weights: str | Path | None = None,
        quantization: str = "auto",
        dtype: str = "auto",
        keep_quantized: bool = True,
        token_cache: TokenCache | None = None,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> VideoQA:
        """Load a backbone by name, with a video tokenizer.

        Args:
            model: name of a backbone, as ``linvt models list`` shows it, a folder, or
                ``hub:owner/name[@revision]``, which must be pulled.
            tokenizer: where left out, ``linvt`` if there is a checkpoint for it, else ``cluster``.
            checkpoint: folder of a LinVT checkpoint, or ``hub:owner/name[@revision]``; where left
                out, the one of the backbone.
            num_video_tokens: K for ``cluster`` and ``mean``; where left out, the backbone's.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
            weights: folder of the backbone's files; where left out, the one inside linvt, in the
                store of pulled models, or in the cache that Hugging Face tools share.
            quantization: ``auto``, ``none``, ``int8`` or ``nf4``, of the language model.
            dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
            keep_quantized: whether what was quantized once is kept, and read at later starts.
            token_cache: where what is seen of videos is kept for later processes.
            on_notice: told, in a line, what takes long.

        Raises:
            UnknownBackboneError: if no backbone has this name.
            BackboneLoadError: if the backbone's files cannot be used.
            CheckpointError: if the LinVT checkpoint cannot be used with the backbone.
            DeviceError: if this machine lacks the device or the memory.
            ConfigError: if the settings contradict each other.
        """
        parts = load_parts(
            model,
            tokenizer=tokenizer,
            checkpoint=checkpoint,
            num_video_tokens=num_video_tokens,
            device=device,
            weights=weights,
            quantization=quantization,
            dtype=dtype,
            keep_quantized=keep_quantized,
            on_notice=on_notice,
        )
        return cls(
            parts.backbone,
            parts.tokenizer,
            model=parts.model,
            sampling=FrameSampling(num_frames=parts.spec.default_frames),
            describe_question=parts.spec.describe_question,
            token_cache=token_cache,
        )

    def condense(
        self, watched: WatchedVideo, question: str, history: Sequence[Turn] = ()
    ) -> VideoTokens:
        """Return the video tokens for a question: (K, D).

        Behind a history they are weighed for the question before it too, on which "and after
        that?" leans.

        Raises:
            ConfigError: if the question is empty.
        """
        if not question.strip():
            raise ConfigError(
                "The question is empty", field="question", hint="to ask nothing: linvt describe"
            )
        with torch.no_grad(), memory_errors_translated(self.backbone.device):
            asked = "\n".join((*(turn.question for turn in history[-1:]), question))
            text_LD = self.backbone.embed_text(self.backbone.encode_question(asked))
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
        return self._assemble(watched, video_tokens, question, history)

    def stream(
        self,
        video: str | Path | WatchedVideo,
        question: str,
        generation: GenerationConfig | None = None,
        *,
        interrupted: Callable[[], bool] | None = None,
    ) -> Iterator[AnswerChunk]:
        """Answer a question piece by piece; the last piece carries reason and statistics.

        The video is watched and the prompt is made at once, before the first piece is asked for.

        Args:
            video: a file, or what ``watch`` returned for it.
            question: anything but white space.
            generation: how the answer is generated.
            interrupted: asked before each token; True ends the answer where it is.

        Raises:
            LinVTError: as ``watch`` and ``prompt`` do.
        """
        watched = self._watched(video)
        return stream_answer(
            self.backbone,
            self.prompt(watched, question),
            generation or GenerationConfig(),
            num_visual_tokens=watched.num_visual_tokens,
            interrupted=interrupted,
        )

    def ask(
        self,
        video: str | Path | WatchedVideo,
        question: str,
        generation: GenerationConfig | None = None,
        shape: AnswerShape | None = None,
        *,
        history: Sequence[Turn] = (),
        on_text: Callable[[str], None] = lambda _: None,
        interrupted: Callable[[], bool] | None = None,
    ) -> Answer:
        """Answer a question, in any words or in a given shape; else as ``stream``.

        Args:
            video: as for ``stream``.
            question: as for ``stream``.
            generation: as for ``stream``.
            shape: what form the answer must have; any where left out.
            history: earlier turns that are read before the question, oldest first, by a backbone
                that converses.
            on_text: told each piece of an answer in any words.
            interrupted: as for ``stream``; an answer in a given shape is not broken off.

        Raises:
            UnfinishedDocumentError: if no document of the shape's schema is short enough.
        """
        watched = self._watched(video)
        video_tokens = self.condense(watched, question, history)
        prompt = self._assemble(watched, video_tokens, question, history)
        completion = complete(
            self.backbone,
            prompt,
            generation or GenerationConfig(),
            shape or ANY_SHAPE,
            num_visual_tokens=watched.num_visual_tokens,
            on_text=on_text,
            interrupted=interrupted,
        )
        return Answer(
            video=watched.video,
            question=question,
            text=completion.text,
            finish_reason=completion.finish_reason,
            model=self.model,
            frames=watched.frames,
            stats=completion.stats,
            vision_seconds=watched.vision_seconds,
            tokenize_seconds=watched.refined.seconds + video_tokens.seconds,
            cached=watched.cached,
            video_tokens=video_tokens,
            choices=completion.choices,
            structured=completion.structured,
        )

    def choose(
        self,
        video: str | Path | WatchedVideo,
        question: str,
        choices: Sequence[str],
        *,
        abstain_below: float = 0.0,
    ) -> Answer:
        """Choose among two or more answers, and say how probable each is.

        Where the best is less probable than ``abstain_below``, the answer is empty.
        """
        return self.ask(video, question, shape=AnswerShape(tuple(choices), abstain_below))

    def ask_many(
        self,
        video: str | Path | WatchedVideo,
        questions: Iterable[str],
        generation: GenerationConfig | None = None,
    ) -> list[Answer]:
        """Answer several questions about one video, which is decoded and encoded once."""
        watched = self._watched(video)
        return [self.ask(watched, question, generation) for question in questions]

    def chat(
        self, video: str | Path | WatchedVideo, generation: GenerationConfig | None = None
    ) -> Conversation:
        """Begin a conversation about a video.

        Raises:
            LinVTError: as ``watch`` does.
        """
        return Conversation(self, self._watched(video), generation)

    def describe(
        self, video: str | Path | WatchedVideo, generation: GenerationConfig | None = None
    ) -> Answer:
        """Describe a video in the words that suit the backbone."""
        return self.ask(video, self.describe_question, generation)

    def _watched(self, video: str | Path | WatchedVideo) -> WatchedVideo:
        return video if isinstance(video, WatchedVideo) else self.watch(video)

    def _assemble(
        self,
        watched: WatchedVideo,
        video_tokens: VideoTokens,
        question: str,
        history: Sequence[Turn] = (),
    ) -> PromptEmbeds:
        placement = watched.place(video_tokens, self.tokenizer.position_layout)
        with torch.no_grad(), memory_errors_translated(self.backbone.device):
            return assemble(self.backbone, video_tokens.tokens, question, placement, history)

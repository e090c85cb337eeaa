"""VideoQA: the one path from a video file and a question to an answer.

Everything that answers goes through it, so that preprocessing and prompts cannot drift apart. What
is done once for a video is in ``VideoWatcher``, what is made of a question in ``VideoPrompter``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from linvt_cli.backbones.base import Backbone
from linvt_cli.config import (
    ANY_SHAPE,
    AnswerShape,
    FrameSampling,
    GenerationConfig,
    Workload,
)
from linvt_cli.errors import LinVTError
from linvt_cli.generation.decode import stream_answer
from linvt_cli.generation.shapes import complete
from linvt_cli.pipeline.conversation import Conversation
from linvt_cli.pipeline.loading import load_parts
from linvt_cli.pipeline.prompter import VideoPrompter
from linvt_cli.pipeline.questions import Outcome, answer_each, several, to_answer
from linvt_cli.pipeline.token_cache import TokenCache
from linvt_cli.pipeline.watched import WatchedVideo
from linvt_cli.types import (
    Answer,
    AnswerChunk,
    ModelInfo,
    TokenizerName,
    Turn,
)
from linvt_cli.video_tokenizer.base import VideoTokenizer


class VideoQA(VideoPrompter):
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
        work: Workload | None = None,
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
            work: what it will have to do at once, which ``auto`` quantization leaves room for.
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
            work=work or Workload(),
            keep_quantized=keep_quantized,
            on_notice=on_notice,
        )
        return cls(
            parts.backbone,
            parts.tokenizer,
            model=parts.model,
            sampling=FrameSampling(num_frames=parts.num_frames),
            describe_question=parts.spec.describe_question,
            token_cache=token_cache,
        )

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
        prompt = self.assemble(watched, video_tokens, question, history)
        completion = complete(
            self.backbone,
            prompt,
            generation or GenerationConfig(),
            shape or ANY_SHAPE,
            num_visual_tokens=watched.num_visual_tokens,
            on_text=on_text,
            interrupted=interrupted,
        )
        return to_answer(self, watched, question, video_tokens, completion)

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

        Raises:
            LinVTError: as ``ask`` does, and if these are no two choices.
        """
        shape = AnswerShape(several(choices, field="choices"), abstain_below)
        return self.ask(video, question, shape=shape)

    def ask_many(
        self,
        video: str | Path | WatchedVideo,
        questions: Iterable[str],
        generation: GenerationConfig | None = None,
    ) -> list[Answer]:
        """Answer several questions about one video, which is decoded and encoded once.

        They are answered together, which takes less time than one after the other and gives the
        same answers up to rounding.

        Raises:
            LinVTError: as ``ask`` does, for the first question that cannot be answered.
        """
        answers = []
        for outcome in self.ask_each(self._watched(video), questions, generation):
            if isinstance(outcome, LinVTError):
                raise outcome
            answers.append(outcome)
        return answers

    def ask_each(
        self,
        watched: WatchedVideo,
        questions: Iterable[str],
        generation: GenerationConfig | None = None,
        *,
        interrupted: Callable[[], bool] | None = None,
    ) -> Iterator[Outcome]:
        """Answer several questions about one video together; one that fails stops no other.

        Yields:
            An answer or an error for each question, in their order, as soon as it is known.

        Raises:
            OutOfMemoryError: if memory does not suffice for a single answer.
        """
        asked = several(questions, field="questions")
        return answer_each(self, watched, asked, generation or GenerationConfig(), interrupted)

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

"""What comes before every answer: load the model, watch the video, say what is going on."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.default_model import settle_model
from linvt_cli.cli.output import Output
from linvt_cli.cli.pulling import pull_if_needed
from linvt_cli.config import Quantization
from linvt_cli.errors import BackboneLoadError, ConfigError, OutOfMemoryError
from linvt_cli.models.copies import bits_that_serve
from linvt_cli.models.offline import settle_offline
from linvt_cli.models.source import names_repository

if TYPE_CHECKING:
    from linvt_cli.pipeline import VideoQA, WatchedVideo

_FEWER_BITS = {"none": "int8", "int8": "nf4"}


class Watching:
    """A model that watches a video, and takes fewer bits, once, where memory runs out.

    Args:
        model: which one; fewer bits are taken only where the user left the choice to linvt.
        video: as the user named it.
        frames: which frames it looks at.
        output: where notices go.
    """

    def __init__(
        self, model: ModelOptions, video: str, frames: FrameOptions, output: Output
    ) -> None:
        self._model = settle_model(model, output)
        self._may_step_down = self._model.quant == "auto" or self._model.fitted
        self._video = video
        self._frames = frames
        self._output = output
        self._qa: VideoQA | None = None
        self._watched: WatchedVideo | None = None
        self._watch: Callable[[VideoQA], WatchedVideo] = lambda qa: watch_video(
            qa, self._video, self._frames, self._output
        )

    @property
    def model(self) -> ModelOptions:
        """What was asked for, with the name of a model."""
        return self._model

    def turn_to(self, watch: Callable[[VideoQA], WatchedVideo]) -> None:
        """Take up another video; the model stays.

        Args:
            watch: makes the model watch it, at its first use and again in fewer bits.
        """
        self._watch = watch
        self._watched = None

    def let_go(self) -> None:
        """Give back the memory of the model; it is loaded again when it is needed."""
        self._qa = self._watched = None
        free_memory()

    def load(self) -> VideoQA:
        """Load the model, if it is not loaded yet.

        Raises:
            LinVTError: if it cannot be used.
        """
        loaded: list[VideoQA] = []
        self._attempt(lambda: loaded.append(self._loaded()), may_repeat=lambda: True)
        return loaded[-1]

    def start(self) -> None:
        """Load the model and watch the video.

        Raises:
            LinVTError: if one of them cannot be used.
        """
        self.use(lambda qa, watched: None, may_repeat=lambda: True)

    def use(
        self, work: Callable[[VideoQA, WatchedVideo], None], *, may_repeat: Callable[[], bool]
    ) -> None:
        """Do something with the model and the video.

        Args:
            work: what to do; done again with fewer bits if memory runs out.
            may_repeat: whether the work has had no effect yet.

        Raises:
            OutOfMemoryError: if memory runs out, and fewer bits are no way out.
            LinVTError: as the work does.
        """
        self._attempt(lambda: work(*self._prepared()), may_repeat=may_repeat)

    def _attempt(self, work: Callable[[], None], *, may_repeat: Callable[[], bool]) -> None:
        try:
            work()
        except OutOfMemoryError as error:
            fewer = self._fewer_bits(error.quantization or self._model.quant)
            if fewer is None or not may_repeat():
                raise
            failed = OutOfMemoryError(error.message, hint=error.hint)
        else:
            return
        # Not above: there the error still holds all that was computed.
        self._output.warning(f"{failed.message}; trying again in {fewer}")
        self._may_step_down = False
        before, self._model = self._model, replace(self._model, quant=fewer, fitted=True)
        self._qa = self._watched = None
        free_memory()
        try:
            self._loaded()
        except (ConfigError, BackboneLoadError):  # these files cannot be had in fewer bits
            self._model = before  # for the next video
            raise failed from None
        work()

    def _loaded(self) -> VideoQA:
        if self._qa is None:
            self._qa = load_model(self._model, self._output)
            self._model = replace(self._model, quant=self._qa.model.quantization)
        return self._qa

    def _prepared(self) -> tuple[VideoQA, WatchedVideo]:
        qa = self._loaded()
        if self._watched is None:
            self._watched = self._watch(qa)
        return qa, self._watched

    def _fewer_bits(self, quantization: str) -> str | None:
        """Return the next smaller quantization, if the model has one and the user left it open."""
        spec = self._model.spec
        if not self._may_step_down or (spec is not None and spec.memory is None):
            return None
        return _FEWER_BITS.get(quantization)


def free_memory() -> None:
    """Give back what nothing refers to any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def fetch_model(model: ModelOptions, output: Output) -> None:
    """Pull the files of a model that are not here, where the user wants that.

    The LinVT checkpoint comes first: it is small, and tells whether the model can be used with it.

    Raises:
        LinVTError: if they are wanted and cannot be pulled, or if the model would not load.
    """
    settle_offline(model.offline)
    checkpoint = model.linvt_checkpoint
    if checkpoint is not None and names_repository(checkpoint):
        pull_if_needed(checkpoint, output, allowed=model.pull)
    if model.weights is None:
        pull_if_needed(
            model.chosen,
            output,
            allowed=model.pull,
            copies=_copies_that_serve(model),
            before=lambda: _require_loadable(model),
        )


def _require_loadable(model: ModelOptions) -> None:
    if model.spec is None:
        return
    from linvt_cli.pipeline.loading import require_loadable

    require_loadable(
        model.chosen,
        tokenizer=model.tokenizer,
        checkpoint=model.linvt_checkpoint,
        num_video_tokens=model.video_tokens,
        device=model.device,
        quantization=model.quant,
        dtype=model.dtype,
        work=model.work,
    )


def _copies_that_serve(model: ModelOptions) -> tuple[Quantization, ...]:
    """Return in how many bits a copy spares pulling; in any where linvt chose of what is here."""
    if not model.keep_quantized:
        return ()
    return bits_that_serve("auto" if model.fitted else model.quant)


def load_model(model: ModelOptions, output: Output) -> VideoQA:
    """Load a model, pulled before where it is not here."""
    fetch_model(model, output)
    with output.progress(f"Loading {model.chosen}"), _garbage_left_alone():
        from linvt_cli.pipeline import TokenCache, VideoQA

        cache = TokenCache(max_bytes=model.token_cache << 20) if model.token_cache else None
        return VideoQA.load(
            model.chosen,
            tokenizer=model.tokenizer,
            checkpoint=model.linvt_checkpoint,
            num_video_tokens=model.video_tokens,
            device=model.device,
            weights=model.weights,
            quantization=model.quant,
            dtype=model.dtype,
            work=model.work,
            keep_quantized=model.keep_quantized,
            token_cache=cache,
            on_notice=output.notice,
        )


@contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """Look for no garbage meanwhile: libraries make a million objects, and none of them is any."""
    looks = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()  # all count as old now, and old ones are seldom looked at
        if looks:
            gc.enable()


def watch_video(qa: VideoQA, video: str, frames: FrameOptions, output: Output) -> WatchedVideo:
    """Watch a video, show how much of it is read meanwhile, and pass its warnings on."""
    sampling = frames.sampling_of(video, qa.sampling.num_frames)
    with output.progress(f"Reading {video}") as show:
        watched = qa.watch(
            video,
            sampling,
            min_coverage=frames.min_coverage,
            on_progress=lambda share: show(
                f"Reading {video}: {share:.0%}" if share < 1 else f"Looking at {video}"
            ),
        )
    for warning in watched.frames.warnings:
        output.warning(warning)
    return watched

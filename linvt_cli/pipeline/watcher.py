"""VideoWatcher: what is done once for a video, whatever is asked about it.

Decoding, vision encoder, refining. The result is a ``WatchedVideo``, which may outlive the process
in a token file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch

from linvt_cli.backbones.base import Backbone
from linvt_cli.backbones.loading import memory_errors_translated
from linvt_cli.config import MIN_COVERAGE, FrameSampling
from linvt_cli.errors import VideoError
from linvt_cli.pipeline.identity import Identity, check_identity, identify
from linvt_cli.pipeline.looking import ONE_BY_ONE, look_at, look_together
from linvt_cli.pipeline.token_cache import Memory, TokenCache, known_fingerprint
from linvt_cli.pipeline.token_file import SavedTokens, read_token_file
from linvt_cli.pipeline.watched import WatchedVideo, check_coverage, check_minimum
from linvt_cli.types import Frames, ModelInfo, VisualFeatures
from linvt_cli.video.files import names_token_file, regular_file
from linvt_cli.video.fingerprint import Fingerprint
from linvt_cli.video.reader import OnProgress, read_frames
from linvt_cli.video_tokenizer.base import VideoTokenizer


class VideoWatcher:
    """The half of an image-LLM that looks, with a video tokenizer."""

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: VideoTokenizer,
        *,
        model: ModelInfo | None = None,
        sampling: FrameSampling | None = None,
        token_cache: TokenCache | None = None,
    ) -> None:
        self.backbone = backbone
        self.tokenizer = tokenizer
        self.model = model or ModelInfo(backbone.name, tokenizer.name, checkpoint=None)
        self.sampling = sampling or FrameSampling()
        self.token_cache = token_cache

    @cached_property
    def identity(self) -> Identity:
        """Which weights these are, for video tokens that outlive the process."""
        return identify(self.backbone, self.tokenizer, self.model)

    @cached_property
    def memory(self) -> Memory:
        """What is known of videos that were watched before, here or in earlier processes."""
        return Memory(self.token_cache, self.identity, self.backbone.dtype)

    def watch(
        self,
        video: str | Path,
        sampling: FrameSampling | None = None,
        *,
        min_coverage: float = MIN_COVERAGE,
        on_progress: OnProgress | None = None,
    ) -> WatchedVideo:
        """Decode a video, encode its frames and refine their tokens: once for all questions.

        Where a token file is named, or the cache holds these frames, neither is done.

        Args:
            video: path of a video, picture or token file.
            sampling: which frames to look at; where left out, the backbone's default. A token file
                has its own.
            min_coverage: least share, in [0, 1], of the asked frames that must be decoded.
            on_progress: called while decoding, as ``read_frames`` says.

        Raises:
            VideoError: if the file cannot be used.
            CoverageError: if too few of the asked frames can be decoded.
            OutOfMemoryError: if the device runs out of memory.
        """
        check_minimum(min_coverage)
        with memory_errors_translated(self.backbone.device):
            watched = self.recall(video, sampling)
            if watched is not None:
                check_coverage(watched.frames, str(video), min_coverage)
                return watched
            before = self._content(video)
            frames = read_frames(video, sampling or self.sampling, on_progress=on_progress)
            check_coverage(frames, str(video), min_coverage)
            watched = self.refine(str(video), *self.look(frames))
        if before == self._content(video):  # looking may take minutes, in which files change
            self.remember(watched, sampling, before)
        return watched

    def recall(
        self, video: str | Path, sampling: FrameSampling | None = None
    ) -> WatchedVideo | None:
        """Return what a token file or the cache holds of a video, None where that is nothing.

        Raises:
            VideoError: if there is no such file.
            TokenFileError: if a token file is damaged, or made by another model.
        """
        place = self.backbone.embed_dim, self.backbone.device, self.backbone.dtype
        if names_token_file(video):
            saved = read_token_file(regular_file(video), *place)
            check_identity(str(video), saved.identity, self.identity)
            return replace(saved.watched, video=str(video), cached=True)
        if self.token_cache is None:
            return None
        source = known_fingerprint(video)
        slot = self.memory.slot(self.token_cache, source, sampling or self.sampling)
        return self.token_cache.find(slot, video, *place)

    def remember(
        self,
        watched: WatchedVideo,
        sampling: FrameSampling | None,
        source: Fingerprint | None,
    ) -> None:
        """Keep a watched video in the cache, if there is one.

        Args:
            watched: what ``watch`` or ``refine`` returned.
            sampling: which frames it looked at; None are the default.
            source: what the file was when it was decoded; None where it is no file.
        """
        if self.token_cache is not None and source is not None:
            slot = self.memory.slot(self.token_cache, source, sampling or self.sampling)
            self.token_cache.keep(slot, self.to_save(watched, source))

    def _content(self, video: str | Path) -> Fingerprint | None:
        """What a file holds now, where there is a cache to know it and the file is still there."""
        if self.token_cache is None:
            return None
        with suppress(VideoError):
            return known_fingerprint(video)
        return None

    def to_save(self, watched: WatchedVideo, source: Fingerprint | None = None) -> SavedTokens:
        """Return what a token file is to hold of a watched video.

        Args:
            watched: the video.
            source: what the file is; where left out, it is read.

        Raises:
            VideoError: if the video is there no more.
        """
        digest = (source or known_fingerprint(watched.video)).digest
        # That memory was short then says nothing of the video, nor of the next look.
        warnings = tuple(told for told in watched.frames.warnings if told != ONE_BY_ONE)
        kept = replace(watched, frames=replace(watched.frames, warnings=warnings))
        return SavedTokens(kept, self.identity, digest)

    def look(self, frames: Frames) -> tuple[Frames, VisualFeatures]:
        """Encode frames; where memory was short on the way, the frames say so.

        Raises:
            OutOfMemoryError: if memory does not suffice for a single frame.
        """
        with torch.no_grad():  # not inference mode: its tensors could never take part in training
            return look_at(self.backbone, frames)

    def look_together(self, videos: Sequence[Frames]) -> list[tuple[Frames, VisualFeatures]]:
        """Encode the frames of short videos in one batch; for each of them as ``look``.

        Args:
            videos: with frames of one size.

        Raises:
            OutOfMemoryError: if memory does not suffice for a single frame.
        """
        with torch.no_grad():
            return look_together(self.backbone, videos)

    def refine(self, video: str, frames: Frames, features: VisualFeatures) -> WatchedVideo:
        """Do with the visual tokens of a video what needs no question.

        Raises:
            OutOfMemoryError: if the device runs out of memory.
        """
        with torch.no_grad(), memory_errors_translated(self.backbone.device):
            refined = self.tokenizer.refine(features)
        return WatchedVideo(video, frames, features.grid, refined, features.seconds)

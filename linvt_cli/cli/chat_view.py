"""What a conversation looks at, and with which model; both can be changed in the middle of it."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.output import Output
from linvt_cli.cli.slash_commands import ALL, narrowed
from linvt_cli.cli.watching import Watching, watch_video

if TYPE_CHECKING:
    from collections.abc import Callable

    from linvt_cli.pipeline import VideoQA, WatchedVideo
    from linvt_cli.types import Frames


class ChatView:
    """A model that looks at a video, or at a part of it.

    A change that fails leaves all as it was.

    Args:
        video: as the user named it.
        model: which one looks.
        frames: which frames it looks at; a part of the video replaces their times only.
        output: where notices go.
    """

    def __init__(
        self, video: str, model: ModelOptions, frames: FrameOptions, output: Output
    ) -> None:
        self.video = video
        self._model = model
        self._given_frames = frames
        self._frames = frames
        self._output = output
        self._made: Watching | None = None
        self._seen: tuple[VideoQA, WatchedVideo] | None = None

    @property
    def _watching(self) -> Watching:
        if self._made is None:
            self._made = Watching(self._model, self.video, self._frames, self._output)
        return self._made

    def check(self) -> None:
        """Say what is wrong with options and the path before a model is loaded.

        Raises:
            LinVTError: if something is.
        """
        from linvt_cli.video.files import regular_file

        self._frames.sampling_of(self.video, self._model.default_frames)
        regular_file(self.video)

    def seen(self) -> tuple[VideoQA, WatchedVideo]:
        """Return the model and what it looked at; both are prepared where they are not yet.

        Raises:
            LinVTError: if one of the two cannot be used.
        """
        if self._seen is None:
            self.use(lambda qa, watched: None, may_repeat=lambda: True)
        if self._seen is None:
            raise RuntimeError("Looking has noted nothing")
        return self._seen

    def use(
        self, work: Callable[[VideoQA, WatchedVideo], None], *, may_repeat: Callable[[], bool]
    ) -> None:
        """Do something with the model and the video, as ``Watching.use`` does.

        Raises:
            LinVTError: as the work does, or if one of the two cannot be used.
        """

        def noted(qa: VideoQA, watched: WatchedVideo) -> None:
            self._seen = None  # where memory runs out, nothing may hold the model
            work(qa, watched)
            self._seen = qa, watched

        self._watching.use(noted, may_repeat=may_repeat)

    def look_at(self, part: str) -> None:
        """Look at a part of the video, as ``/at`` names it.

        Raises:
            LinVTError: if there is no such part, or it cannot be decoded.
        """
        frames = narrowed(self._given_frames, part)
        frames.sampling_of(self.video, self._model.default_frames)
        self._turn_to(self.video, frames)

    def change_video(self, video: str) -> None:
        """Look at the whole of another video.

        Raises:
            LinVTError: if it cannot be used.
        """
        from linvt_cli.video.files import regular_file

        regular_file(video)
        self._turn_to(video, narrowed(self._given_frames, ALL))

    def change_model(self, name: str) -> None:
        """Look with another model.

        Raises:
            LinVTError: if it cannot be used. Then the old one is loaded again when it is needed.
        """
        # What belongs to the files of one model means nothing to another.
        model = replace(self._model, name=name, weights=None, checkpoint=None)
        spec = model.spec  # an unknown name is said while the old model is still there
        if spec is not None and spec.memory is None:  # too small to be quantized
            model = replace(model, quant="auto")
        if (
            spec is not None and spec.linvt is not None and model.tokenizer is None
        ):  # whose tokens are a set number
            model = replace(model, video_tokens=None)
        self._seen = None
        self._watching.let_go()  # there may be no room for both
        watching = Watching(model, self.video, self._frames, self._output)
        watching.start()
        self._made, self._model = watching, model

    def summary(self) -> str:
        """Return which frames of which video are looked at, and with which model.

        Raises:
            LinVTError: as ``seen`` does.
        """
        qa, watched = self.seen()
        model = f"{qa.model.backbone} with {qa.model.tokenizer}"
        return f"{self.video}: {frames_line(watched.frames)} · {model}"

    def _turn_to(self, video: str, frames: FrameOptions) -> None:
        seer, watched = weakref.ref(self.seen()[0]), self.seen()[1]

        def again(qa: VideoQA) -> WatchedVideo:
            if seer() is qa:
                return watched
            return watch_video(qa, self.video, self._frames, self._output)

        self._watching.turn_to(lambda qa: watch_video(qa, video, frames, self._output))
        self._seen = None
        try:
            self.seen()
        except BaseException:  # Ctrl-C too
            self._watching.turn_to(again)
            raise
        self.video, self._frames = video, frames


def frames_line(frames: Frames) -> str:
    """Return which frames of a video are looked at, and how much of it they cover."""
    first, last = frames.span
    count = len(frames.times)
    return (
        f"{count} {'frame' if count == 1 else 'frames'}, {first:.1f} to {last:.1f} s of"
        f" {frames.video.duration:.1f} s, coverage {frames.coverage:.0%}"
    )

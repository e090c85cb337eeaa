"""What of a batch is done already: rows of earlier runs, recognized by what was asked of what."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.inputs import Asked, VideoRequest
from linvt_cli.cli.output import utf8_text
from linvt_cli.cli.row_formats import KeptRow
from linvt_cli.config import ANY_SHAPE, AnswerShape
from linvt_cli.errors import ConfigError, VideoError
from linvt_cli.models.source import names_folder, names_repository
from linvt_cli.settings.catalogue import find_own
from linvt_cli.settings.folders import expanded

if TYPE_CHECKING:
    from linvt_cli.config import GenerationConfig

_SETTINGS_DIGITS = 16
_READERS = 4  # threads; hashing leaves Python's lock alone


@dataclass(frozen=True, slots=True)
class Open:
    """A video with the questions that have no row yet."""

    request: VideoRequest
    settings: str
    asked: tuple[Asked, ...]


@dataclass(slots=True)
class Plan:
    """What is left to do, and which rows stay."""

    todo: list[Open] = field(default_factory=list)
    kept: list[KeptRow] = field(default_factory=list)  # in their order in the file
    done: list[KeptRow] = field(default_factory=list)  # those that answer this batch


def settings_of(
    model: ModelOptions,
    frames: FrameOptions,
    generation: GenerationConfig,
    shape: AnswerShape = ANY_SHAPE,
    versions: Sequence[str | None] = (),
) -> str:
    """Return a short text that changes with model, sampling, generation and shape as asked for.

    The decoder and the least coverage are left out: they decide whether there is an answer, not
    which. So are the device and the number format that ``auto`` stands for.

    Args:
        model: which one.
        frames: which frames it looks at.
        generation: how answers are generated.
        shape: what form they have.
        versions: of the model's weights, so that others of the same name are told apart.
    """
    own = find_own(model.name)
    asked: dict[str, object] = {
        "model": _one_spelling(model.chosen),
        "stands for": None if own is None else (own.source, own.checkpoint),
        "tokenizer": model.tokenizer,
        "video_tokens": model.video_tokens,
        "checkpoint": _one_folder(model.checkpoint),
        "weights": _one_folder(model.weights),
        "versions": tuple(versions),
        "quant": model.quant,
        "dtype": model.dtype,
        "generation": asdict(generation),
        # Properties are answered in the order of the schema, so that order counts.
        "shape": {**asdict(shape), "schema": shape.schema and json.dumps(shape.schema)},
    }
    try:
        sampling: dict[str, object] = asdict(frames.sampling(model.default_frames))
    except ConfigError:  # of a part that cannot be; its row says so
        sampling = asdict(frames)
    for key in ("decoder", "min_coverage"):
        sampling.pop(key, None)
    text = json.dumps({**asked, "sampling": sampling}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_SETTINGS_DIGITS]


def _one_spelling(named: str | None) -> str | None:
    """Return one name for a folder, however it is written; names of models stay."""
    return _one_folder(named) if named is not None and names_folder(named) else named


def _one_folder(named: str | None) -> str | None:
    """Return one name for a folder, also where only its place tells that it is one."""
    if named is None or names_repository(named):
        return named
    return os.path.abspath(expanded(named))  # noqa: PTH100 - keeps links


def make_plan(
    requests: Sequence[tuple[VideoRequest, str]],
    rows: Sequence[KeptRow],
    *,
    retry_errors: bool,
) -> Plan:
    """Find out which questions have a row already.

    A row belongs to a question about a video of the same name with the same ``id`` and settings,
    if the content is the same. Rows that then belong to none are tried on videos of other names:
    files that were renamed, shifted or swapped. A row whose own video is still there belongs to
    that, so that copies have rows of their own. What is then left over of a question's name goes,
    because the content is another one, or because it is a failure to be tried again. Rows about
    other videos, models and samplings stay as they are.

    Args:
        requests: with the settings of each.
        rows: of earlier runs.
        retry_errors: whether failures are tried again.
    """
    digests = _Digests([request.video for request, _ in requests], rows)
    shelf = _Shelf(rows, retry_errors, digests)
    waiting: list[list[Asked]] = []
    for request, settings in requests:
        name, digest = utf8_text(request.video), digests.of(request.video)
        waiting.append(
            [one for one in request.asked if not shelf.take_by_name(name, one, settings, digest)]
        )
    plan = Plan()
    for (request, settings), asked in zip(requests, waiting, strict=True):
        left = [one for one in asked if not shelf.take_by_content(request.video, one, settings)]
        if left:
            plan.todo.append(Open(request, settings, tuple(left)))
    for request, settings in requests:
        for one in request.asked:
            shelf.drop(utf8_text(request.video), one, settings, digests.of(request.video))
    plan.done = shelf.taken
    plan.kept = [row for row in rows if id(row) not in shelf.dropped]
    return plan


class _Shelf:
    """Rows of earlier runs that questions are looked up in; each is taken once."""

    def __init__(self, rows: Sequence[KeptRow], retry_errors: bool, digests: _Digests) -> None:
        self._retry_errors = retry_errors
        self._digests = digests
        self._by_name: dict[tuple[object, ...], list[KeptRow]] = {}
        self._by_content: dict[tuple[object, ...], list[KeptRow]] = {}
        self.taken: list[KeptRow] = []
        self.dropped: set[int] = set()
        self._used: set[int] = set()
        for row in rows:
            asked = (row.question, row.id, row.settings)
            self._by_name.setdefault((row.video, *asked), []).append(row)
            if row.digest is not None:
                self._by_content.setdefault((row.digest, *asked), []).append(row)

    def take_by_name(self, video: str, asked: Asked, settings: str, digest: str | None) -> bool:
        """Take the row of a video of this name, if it holds."""
        found = self._by_name.get((video, *_asked(asked, settings)), ())
        return any(self._holds(row, digest) and self._take(row) for row in found)

    def take_by_content(self, video: str, asked: Asked, settings: str) -> bool:
        """Take the row of a video of another name with this content; failures may go instead."""
        digest = self._digests.of(video)
        if digest is None:
            return False
        same = self._by_content.get((digest, *_asked(asked, settings)), ())
        found = [row for row in same if self._may_be_about(row, video)]
        if any(self._holds(row, digest) and self._take(row) for row in found):
            return True
        self._drop(row for row in found if not self._holds(row, digest))
        return False

    def drop(self, video: str, asked: Asked, settings: str, digest: str | None) -> None:
        """Drop the rows of a video of this name that hold no longer, and that none has taken."""
        found = self._by_name.get((video, *_asked(asked, settings)), ())
        self._drop(row for row in found if not self._holds(row, digest))

    def _holds(self, row: KeptRow, digest: str | None) -> bool:
        if row.error is not None and self._retry_errors:
            return False
        # A file that is gone leaves its answer as it was.
        return row.digest == digest or (digest is None and row.error is None)

    def _may_be_about(self, row: KeptRow, video: str) -> bool:
        """Whether a video of this content is that of a row, by another name, and no copy of it."""
        paths = {_place(name) for name in (row.video, utf8_text(video))}
        return len(paths) == 1 or self._digests.of_row(row) != row.digest

    def _take(self, row: KeptRow) -> bool:
        if id(row) in self._used:
            return False
        self._used.add(id(row))
        self.taken.append(row)
        return True

    def _drop(self, rows: Iterable[KeptRow]) -> None:
        self.dropped.update(id(row) for row in rows if id(row) not in self._used)


def _place(video: str) -> tuple[str, str]:
    """Return folder and name of a file, whatever links lead to the folder."""
    folder, name = os.path.split(os.path.abspath(video))  # noqa: PTH100
    return os.path.realpath(folder), name


def _asked(asked: Asked, settings: str) -> tuple[object, ...]:
    return asked.question, None if asked.id is None else str(asked.id), settings


class _Digests:
    """Which content videos have now.

    Args:
        videos: that may have a row; they are read at once, those of rows when it matters.
        rows: of earlier runs.
    """

    def __init__(self, videos: Sequence[str], rows: Iterable[KeptRow]) -> None:
        self._sizes = {0, *(row.size for row in rows)}
        self._names = {utf8_text(video): video for video in videos}
        names = list(dict.fromkeys(videos))
        with ThreadPoolExecutor(_READERS) as readers:
            self._known = dict(zip(names, readers.map(self._read, names), strict=True))

    def of(self, video: str) -> str | None:
        """Return the digest of a video; None if it is not there.

        A file of a size that no row tells of cannot have one, and is not read: it gets a text that
        is no row's digest.
        """
        if video not in self._known:
            self._known[video] = self._read(video)
        return self._known[video]

    def of_row(self, row: KeptRow) -> str | None:
        """Return the digest of what has the name of a row's video."""
        return self.of(self._names.get(row.video, row.video))

    def _read(self, video: str) -> str | None:
        from linvt_cli.video.fingerprint import fingerprint

        try:
            status = os.stat(video)  # noqa: PTH116 - Path() would fold 'http://'
            if stat.S_ISREG(status.st_mode) and status.st_size not in self._sizes:
                return "of another size" if os.access(video, os.R_OK) else None
            return fingerprint(video).digest
        except (OSError, ValueError, VideoError):
            return None

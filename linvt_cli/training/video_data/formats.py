"""The public formats that linvt turns into its own, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from linvt_cli.training.video_data import captions, llava, videochat2
from linvt_cli.training.video_data.drafts import Draft
from linvt_cli.training.video_data.entries import (
    Entry,
    read_entries,
    read_table,
    read_table_or_entries,
)
from linvt_cli.training.video_data.fields import Row
from linvt_cli.training.video_data.format_names import FormatName


@dataclass(frozen=True, slots=True)
class Format:
    """How the files of a data set are read."""

    read: Callable[[Path], Iterator[Entry]]
    draft_of: Callable[[Row], Draft]
    source: str = ""  # name of the data set, where an entry gives none


FORMATS: dict[FormatName, Format] = {
    "videochat2": Format(read_entries, videochat2.draft_of, "videochat2"),
    "llava": Format(read_entries, llava.draft_of),
    "webvid": Format(
        partial(read_table, fields=captions.WEBVID_COLUMNS), captions.webvid_draft, "webvid"
    ),
    "internvid": Format(
        partial(read_table_or_entries, fields=captions.INTERNVID_COLUMNS),
        captions.internvid_draft,
        "internvid",
    ),
}

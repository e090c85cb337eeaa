"""Names of the public formats; apart from their readers, so that the command line starts fast."""

from __future__ import annotations

from typing import Literal

FormatName = Literal["videochat2", "llava", "webvid", "internvid"]

"""Which video files a folder or a pattern stands for, in an order that never changes."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import accumulate

from linvt_cli.errors import VideoError
from linvt_cli.video.files import shown_name

VIDEO_SUFFIXES = frozenset(
    """
    .3g2 .3gp .asf .avi .divx .dv .f4v .flv .h264 .h265 .hevc .ivf .m1v .m2ts .m2v .m4v .mjpeg .mjpg
    .mkv .mov .mp4 .mpeg .mpg .mts .mxf .nut .obu .ogm .ogv .qt .rm .rmvb .ts .vob .webm .wmv .y4m
    """.split()  # noqa: SIM905 - forty literals would be harder to read
)
PICTURE_SUFFIXES = frozenset((".apng", ".avif", ".gif", ".jpeg", ".jpg", ".png", ".webp"))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which files of a folder are taken: patterns as the shell has them.

    A pattern with a slash is compared with the path below the folder, one without with the name.
    """

    include: tuple[str, ...] = ()  # instead of the usual endings of videos and pictures
    exclude: tuple[str, ...] = ()  # files, and whole folders

    def takes(self, path: str) -> bool:
        """Whether a file is taken, named by its path below the folder."""
        if _matches(path, self.exclude):
            return False
        return _matches(path, self.include) if self.include else names_media(path)

    def enters(self, path: str) -> bool:
        """Whether a folder is searched, named by its path below the folder."""
        return not _matches(path, self.exclude)

    def leaves_out(self, path: str) -> bool:
        """Whether a file, or a folder on the way to it, is excluded.

        Args:
            path: below the folder, or as the user named the file.
        """
        parts = path.split(os.sep)  # noqa: PTH206 - names need not be valid text
        ways = accumulate(parts, lambda above, part: f"{above}{os.sep}{part}")
        named = (way for way, part in zip(ways, parts, strict=True) if part not in _NOWHERE)
        return any(_matches(way, self.exclude) for way in named)


_NOWHERE = ("", os.curdir, os.pardir)  # parts of a path that name no folder of their own


def _matches(path: str, patterns: Sequence[str]) -> bool:
    name = os.path.basename(path)  # noqa: PTH119 - names need not be valid text
    whole = path.replace(os.sep, "/")
    return any(fnmatchcase(whole if "/" in each else name, each) for each in patterns)


def names_media(path: str) -> bool:
    """Whether a name ends as those of videos and pictures do."""
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
    return suffix in VIDEO_SUFFIXES or suffix in PICTURE_SUFFIXES


def is_pattern(text: str) -> bool:
    """Whether a text that names no file may stand for several."""
    return glob.has_magic(text)


def files_in(folder: str, wanted: Filter) -> Iterator[str]:
    """Find the files below a folder, sorted by their paths; links to folders are not followed.

    Names that begin with a dot are passed over. A folder that cannot be listed comes out itself,
    so that it is not lost without a word.

    Raises:
        VideoError: if the folder itself cannot be listed.
    """
    found: list[tuple[list[bytes], str]] = []
    waiting = [""]
    while waiting:
        below = waiting.pop()
        place = os.path.join(folder, below) if below else folder  # noqa: PTH118
        try:
            entries = list(os.scandir(place))
        except OSError as error:
            if not below:
                message = f"The folder {shown_name(folder)} cannot be read: {error.strerror}"
                raise VideoError(
                    message, path=folder, hint="check its permissions, or leave it out"
                ) from error
            found.append((_order(below), place))
            continue
        for entry in entries:
            path = os.path.join(below, entry.name)  # noqa: PTH118
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting += [path] if wanted.enters(path) else []
            elif wanted.takes(path) and not os.path.isdir(entry.path):  # noqa: PTH112 - never raises
                found.append((_order(path), os.path.join(folder, path)))  # noqa: PTH118
    yield from (path for _, path in sorted(found))


def _order(path: str) -> list[bytes]:
    return [os.fsencode(part) for part in path.split(os.sep)]  # noqa: PTH206 - keeps 'a//b'


def files_like(pattern: str, wanted: Filter) -> Iterator[str]:
    """Find what a pattern matches, sorted; ``**`` reaches into folders, and folders are searched.

    With ``**``, links to folders are not followed.

    Raises:
        VideoError: if a matching folder cannot be listed.
    """
    beginning = _beginning(pattern)
    *_, last = pattern.rstrip(os.sep).split(os.sep)  # noqa: PTH206
    for path in sorted(set(_matching(pattern)), key=_order):
        if wanted.leaves_out(path[len(beginning) :].rstrip(os.sep)):
            continue
        if not os.path.isdir(path):  # noqa: PTH112
            yield path
        elif last != "**":  # else its files match as well
            yield from files_in(path, wanted)


def matches_nothing(pattern: str) -> bool:
    """Whether no file and no folder is like a pattern."""
    return next(_matching(pattern), None) is None


def _matching(pattern: str) -> Iterator[str]:
    """Find what a pattern matches, some of it more than once.

    The library's own ``**`` follows links, and so finds a file under many names, if it ever ends.
    """
    before, found, after = _cut_at_stars(pattern)
    if not found:
        yield from glob.iglob(pattern)  # noqa: PTH207
        return
    for start in glob.iglob(before) if before else ("",):  # noqa: PTH207
        for folder in _folders_below(start):
            if not after:
                yield folder
            for path in _matching(glob.escape(folder) + (after or "*")):
                if not _passes_a_link(path, len(folder)):
                    yield path


def _passes_a_link(path: str, known: int) -> bool:
    """Whether a path leads through a link to a folder, behind its first characters."""
    ends = [place for place in range(known, len(path)) if path[place] == os.sep]
    ways = (path[:end] for end in (*ends, len(path)))
    return any(os.path.islink(way) and os.path.isdir(way) for way in ways)  # noqa: PTH112, PTH114


def _cut_at_stars(pattern: str) -> tuple[str, bool, str]:
    """Return what stands before the first ``**``, whether there is one, and what stands after."""
    parts = pattern.split(os.sep)  # noqa: PTH206
    if "**" not in parts:
        return pattern, False, ""
    place = parts.index("**")
    before = "".join(part + os.sep for part in parts[:place])
    after = os.sep.join(parts[place + 1 :]).lstrip(os.sep)  # noqa: PTH118 - '**//' is '**/'
    return before, True, after


def _folders_below(start: str) -> Iterator[str]:
    """Give a folder and all below it, each with a slash at its end, but no links and no dots."""
    yield start
    try:
        entries = list(os.scandir(start or "."))
    except OSError:
        return
    for entry in entries:
        if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
            yield from _folders_below(f"{start}{entry.name}{os.sep}")


def _beginning(pattern: str) -> str:
    """Return the folder that all matches of a pattern lie below, with a slash at its end."""
    fixed = ""
    for part in pattern.split(os.sep)[:-1]:  # noqa: PTH206
        if glob.has_magic(part):
            break
        fixed += part + os.sep
    return fixed

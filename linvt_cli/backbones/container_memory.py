"""How much memory a container leaves to its programs: the machine may have more than they may use.

Linux limits control groups, one inside the other, in two forms that a machine may have both.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_OWN = Path("/proc/self/cgroup")  # which groups this process is in
_MOUNT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class _Names:
    """The files of a group that say what it may use and what it uses."""

    limit: str
    usage: str
    files: tuple[str, str]  # lines of memory.stat: what is kept of files, which can be read again


_V1 = _Names(
    "memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")
)
_V2 = _Names("memory.max", "memory.current", ("inactive_file", "active_file"))


def memory_left(own: Path = _OWN, mount: Path = _MOUNT) -> int:
    """Return how many bytes the groups of this process leave to it; a huge number without a limit.

    Args:
        own: lists the groups, in a line each.
        mount: the folder of all groups.
    """
    try:
        lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return sys.maxsize
    rooms = (_room(folder, names) for line in lines for folder, names in _groups(line, mount))
    return min(rooms, default=sys.maxsize)


def _groups(line: str, mount: Path) -> Iterator[tuple[Path, _Names]]:
    """Yield the group that a line names and all around it, where memory is what it is about.

    A container may see its own group as the mount itself, under a name that only the machine knows.
    """
    _, _, rest = line.partition(":")
    controllers, _, name = rest.partition(":")
    inside = PurePosixPath(name.lstrip("/"))
    for place in (inside, *inside.parents):
        if not controllers:
            yield mount / place, _V2
        elif "memory" in controllers.split(","):
            yield mount / "memory" / place, _V1


def _room(group: Path, names: _Names) -> int:
    try:
        limit = int((group / names.limit).read_text(encoding="ascii"))
        usage = int((group / names.usage).read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such group, or the limit is the word "max"
        return sys.maxsize
    return max(0, limit - usage + _reclaimable(group, names))


def _reclaimable(group: Path, names: _Names) -> int:
    try:
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        sizes = dict(line.split() for line in lines)
        return sum(int(sizes.get(name, 0)) for name in names.files)
    except (OSError, ValueError):
        return 0

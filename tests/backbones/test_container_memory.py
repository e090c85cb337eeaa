from __future__ import annotations

import sys
from pathlib import Path

import pytest

from linvt_cli.backbones.container_memory import memory_left

GIB = 2**30
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_active_file")
V2 = ("memory.max", "memory.current", "active_file")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own"


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    return tmp_path / "cgroup"


def write_group(
    folder: Path, names: tuple[str, str, str], limit: object, usage: int, reclaimable: int = 0
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{usage}\n")
    (folder / "memory.stat").write_text(
        f"anon 5\n{names[2]} {reclaimable // 2}\n{names[2]}_more 7\nslab 3\n"
        f"{names[2].replace('active', 'inactive')} {reclaimable - reclaimable // 2}\n"
    )


@pytest.mark.parametrize(
    ("line", "folder", "names"),
    [
        ("0::/box", "box", V2),
        ("0::/", "", V2),
        ("0::/known/only/to/the/machine", "", V2),
        ("4:memory:/box", "memory/box", V1),
        ("4:cpu,memory:/elsewhere", "memory", V1),
    ],
)
def test_what_a_group_may_still_use_is_left(own, mount, line, folder, names):
    own.write_text(f"9:name=systemd:/\n1:cpu:/box\n{line}\n")
    write_group(mount / folder, names, 4 * GIB, 3 * GIB, reclaimable=GIB // 2)
    assert memory_left(own, mount) == 1.5 * GIB


def test_the_narrowest_of_a_group_and_those_around_it_counts(own, mount):
    own.write_text("0::/outer/inner\n")
    write_group(mount / "outer" / "inner", V2, "max", GIB)
    write_group(mount / "outer", V2, 3 * GIB, GIB)
    write_group(mount, V2, 8 * GIB, GIB)
    assert memory_left(own, mount) == 2 * GIB


def test_a_group_that_uses_more_than_it_may_has_nothing_left(own, mount):
    own.write_text("0::/\n")
    write_group(mount, V2, GIB, 2 * GIB)
    assert memory_left(own, mount) == 0


def test_without_statistics_nothing_can_be_reclaimed(own, mount):
    own.write_text("0::/\n")
    write_group(mount, V2, 2 * GIB, GIB, reclaimable=5)
    (mount / "memory.stat").unlink()
    assert memory_left(own, mount) == GIB


@pytest.mark.parametrize("limit", ["max", "", "many"])
def test_what_cannot_be_read_is_no_limit(own, mount, limit):
    assert memory_left(own, mount) == sys.maxsize
    own.write_text("nonsense\n\n0::/\n")
    assert memory_left(own, mount) == sys.maxsize
    write_group(mount, V2, limit, GIB)
    assert memory_left(own, mount) == sys.maxsize

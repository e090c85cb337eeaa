from __future__ import annotations

from dataclasses import replace

import av
import pytest

from linvt_cli.video.decode_pyav import DamageFound, decode_pyav
from linvt_cli.video.plan import plan_pyav
from linvt_cli.video.probe import read_index
from tests.video.clips import CLIPS
from tests.video.numbered import read


@pytest.fixture
def scratched(clip_file, tmp_path):
    """A video with key frames near each other, damaged in its middle."""
    content = bytearray(clip_file("h264, near key frames").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    (tmp_path / "scratched.mp4").write_bytes(content)
    return read_index(tmp_path / "scratched.mp4")


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("name", ["h264, near key frames", "hevc", "h264, raw", "gif", "av1"])
def test_each_wanted_frame_comes_once_with_its_number(name, careful, clip_file):
    index = read_index(clip_file(name))
    wanted = [0, 7, 8, 30, 39]
    packets: list[int] = []
    decoded = decode_pyav(index, wanted, advance=lambda: packets.append(1), careful=careful)
    numbers = {number: read(pixels) for number, pixels in decoded if pixels is not None}
    assert numbers == {number: number for number in wanted}
    assert packets


@pytest.mark.parametrize(
    "name",
    [
        "h264, near key frames",
        "h264, late start",
        "h264, fragmented",
        "h264 in Matroska",
        "h264 in MPEG-TS",
        "hevc",
        "vp9",
        "av1",
        "mpeg4",
    ],
)
def test_a_seek_leads_to_the_second_key_frame(name, clip_file):
    index = read_index(clip_file(name))
    second = next(number for number in index.restarts if number > index.begin)
    frame = index.frame_of(second) + 1
    packets: list[int] = []
    decoded = decode_pyav(index, [frame], advance=lambda: packets.append(1))
    assert [read(pixels) for _, pixels in decoded if pixels is not None] == [frame]
    assert len(packets) == index.shown[frame] - second + 1


def test_the_fast_way_stops_at_damage(scratched):
    with pytest.raises(DamageFound):
        list(decode_pyav(scratched, range(120), advance=lambda: None))


def test_the_careful_way_leaves_out_all_between_the_key_frames_around_damage(scratched):
    kept: dict[int, int] = {}
    for number, pixels in decode_pyav(scratched, range(120), advance=lambda: None, careful=True):
        if pixels is None:
            kept.pop(number, None)
        else:
            kept[number] = read(pixels)
    assert all(number == shown for number, shown in kept.items())
    lost_keys = {scratched.restarts[scratched.shown[n]] for n in range(120) if n not in kept}
    kept_keys = {scratched.restarts[scratched.shown[n]] for n in kept}
    assert lost_keys
    assert not lost_keys & kept_keys


def test_what_damage_leaves_in_the_decoder_spoils_no_later_frame(scratched, clip_file):
    whole = read_index(clip_file("h264, near key frames"))
    truth = dict(decode_pyav(whole, range(120), advance=lambda: None))
    kept = dict(decode_pyav(scratched, range(120), advance=lambda: None, careful=True))
    sound = {number: pixels for number, pixels in kept.items() if pixels is not None}
    assert max(sound) > 100
    assert all((pixels == truth[number]).all() for number, pixels in sound.items())


def test_damage_costs_no_frame_behind_a_later_seek(tmp_path):
    replace(CLIPS["h264, near key frames"], num_frames=360).write(tmp_path / "a.mp4")
    index, wanted = read_index(tmp_path / "a.mp4"), [40, 130, 220, 310]
    assert len(plan_pyav(index, wanted).runs) == 4
    with av.open(str(tmp_path / "a.mp4")) as container:
        places = [(packet.pos or 0, packet.size) for packet in container.demux(video=0)]
    place, size = places[index.shown[40]]
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    content[place + 8 : place + size] = bytes(size - 8)
    (tmp_path / "a.mp4").write_bytes(content)
    damaged = read_index(tmp_path / "a.mp4")
    decoded = dict(decode_pyav(damaged, wanted, advance=lambda: None, careful=True))
    assert {n: None if each is None else read(each) for n, each in decoded.items()} == {
        40: None, 130: 130, 220: 220, 310: 310,
    }  # fmt: skip


def test_the_fast_way_stops_at_damage_that_is_painted_over_without_an_error(tmp_path):
    clip = CLIPS["h264, no B-frames"]
    clip = replace(clip, options=clip.options | {"slices": "4"}, num_frames=24)
    clip.write(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as container:
        place = [packet.pos or 0 for packet in container.demux(video=0)][10]
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    place += 4 + int.from_bytes(content[place : place + 4], "big")
    content[place + 4] = 12  # the second slice is called filler data
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(DamageFound):
        list(decode_pyav(read_index(tmp_path / "a.mp4"), [20], advance=lambda: None))


def test_nothing_wanted_is_nothing_decoded(clip_file):
    index = read_index(clip_file("vp9"))
    assert list(decode_pyav(index, [], advance=lambda: None)) == []


def test_where_the_count_ends_nothing_more_is_given(clip_file):
    index = replace(read_index(clip_file("h264, raw")), countable=60)
    decoded = dict(decode_pyav(index, range(120), advance=lambda: None))
    assert sorted(decoded) == list(range(len(decoded)))
    assert 50 <= len(decoded) < 60
    assert all(pixels is not None and read(pixels) == n for n, pixels in decoded.items())


def test_damage_before_the_first_counted_frame_ends_the_count(clip_file, tmp_path):
    content = bytearray(clip_file("h264, raw").read_bytes())
    content[1500:2500] = bytes(1000)
    (tmp_path / "a.h264").write_bytes(content)
    index = read_index(tmp_path / "a.h264")
    with pytest.raises(DamageFound):
        list(decode_pyav(index, range(100), advance=lambda: None))
    assert list(decode_pyav(index, range(100), advance=lambda: None, careful=True)) == []

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from linvt_cli.config import FrameSampling
from linvt_cli.errors import VideoNotFoundError
from linvt_cli.pipeline import TokenCache, VideoQA, watcher, write_token_file
from linvt_cli.pipeline.token_cache import cache_folder
from linvt_cli.video.fingerprint import fingerprint
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from tests.fakes import TinyBackbone

FOUR = FrameSampling(num_frames=4)


def qa_with(cache: TokenCache | None) -> VideoQA:
    return VideoQA(TinyBackbone(), MeanTokenizer(8), sampling=FOUR, token_cache=cache)


@pytest.fixture
def cache(tmp_path: Path) -> TokenCache:
    return TokenCache(tmp_path / "tokens")


def test_the_second_process_neither_decodes_nor_looks(cache, video, monkeypatch):
    first = qa_with(cache).ask(video, "What?")
    monkeypatch.setattr(watcher, "read_frames", lambda *_, **__: pytest.fail("decoded"))
    later = qa_with(cache)
    again = later.ask(video, "What?")
    assert isinstance(later.backbone, TinyBackbone)
    assert later.backbone.encode_calls == 0
    assert (again.text, again.cached, first.cached) == (first.text, True, False)
    assert (again.frames.seconds, again.vision_seconds) == (0, 0)


def test_a_renamed_video_is_known_by_its_new_name(cache, video, tmp_path):
    qa_with(cache).watch(video)
    shutil.copy(video, tmp_path / "other.mp4")
    seen = qa_with(cache).watch(tmp_path / "other.mp4")
    assert seen.cached
    assert seen.video == str(tmp_path / "other.mp4")
    assert seen.frames.video.path == tmp_path / "other.mp4"


def test_other_frames_other_weights_and_another_format_are_looked_at_anew(cache, video):
    qa = qa_with(cache)
    qa.watch(video)
    assert not qa.watch(video, FrameSampling(num_frames=3)).cached
    assert (
        not VideoQA(TinyBackbone(), MeanTokenizer(7), sampling=FOUR, token_cache=cache)
        .watch(video)
        .cached
    )
    slots = {
        cache.slot("sha256:1", FOUR, qa.identity, dtype)
        for dtype in (torch.float32, torch.bfloat16)
    }
    assert len(slots) == 2
    assert len(cache.entries()) == 3


def test_a_changed_video_is_looked_at_anew(cache, video, tmp_path):
    changing = tmp_path / "changing.mp4"
    shutil.copy(video, changing)
    qa = qa_with(cache)
    qa.watch(changing)
    with changing.open("ab") as file:
        file.write(b"\0\0\0\x08free")
    assert not qa.watch(changing).cached


def test_too_little_coverage_stays_an_error(cache, video, monkeypatch):
    from dataclasses import replace

    from linvt_cli.errors import CoverageError
    from linvt_cli.video.reader import read_frames

    damaged = replace(read_frames(video, FOUR), coverage=0.6)
    monkeypatch.setattr(watcher, "read_frames", lambda *_, **__: damaged)
    qa = qa_with(cache)
    qa.watch(video)
    with pytest.raises(CoverageError):
        qa.watch(video, min_coverage=0.7)


def test_a_video_that_is_not_there_is_the_same_error_as_without(cache):
    with pytest.raises(VideoNotFoundError):
        qa_with(cache).watch("gone.mp4")


def test_a_damaged_file_is_thrown_away_and_made_again(cache, video):
    qa = qa_with(cache)
    qa.watch(video)
    (entry,) = cache.entries()
    entry.path.write_bytes(b"torn")
    assert not qa.watch(video).cached
    assert qa.watch(video).cached


def test_what_was_used_last_stays_when_room_is_short(cache, video):
    qa = qa_with(cache)
    for count in (1, 2, 3):
        qa.watch(video, FrameSampling(num_frames=count))
    newest, *_, oldest = cache.entries()
    os.utime(oldest.path, (1, 1))
    small = TokenCache(cache.folder, max_bytes=2 * newest.size)
    qa_with(small).watch(video, FrameSampling(num_frames=2))  # found, not written
    assert len(cache.entries()) == 3
    qa_with(small).watch(video, FrameSampling(num_frames=4))
    left = {entry.path for entry in cache.entries()}
    assert oldest.path not in left
    assert 1 <= len(left) < 4


def test_what_a_broken_off_write_left_goes_after_an_hour(cache, video):
    qa_with(cache).watch(video)
    (entry,) = cache.entries()
    left = [entry.path.with_name(f".{entry.path.name}.{number}") for number in (17, 18)]
    for path in left:
        path.write_bytes(b"half")
    os.utime(left[0], (0, 0))
    cache.sweep()
    assert [path.exists() for path in left] == [False, True]
    assert cache.entries() == [entry]


def test_a_cache_that_cannot_be_written_is_none(tmp_path, video):
    (tmp_path / "file").write_text("")
    qa = qa_with(TokenCache(tmp_path / "file"))
    assert not qa.watch(video).cached
    assert not qa.watch(video).cached


def test_a_cache_that_cannot_be_entered_is_none(tmp_path, video):
    long = TokenCache(tmp_path / ("x" * 300))
    assert not qa_with(long).watch(video).cached
    assert qa_with(long).memory.holds(video, FOUR) is None
    assert long.entries() == []


def test_without_a_cache_nothing_is_kept(video):
    assert not qa_with(None).watch(video).cached
    assert not cache_folder().exists()


def test_the_folder_is_in_the_home_of_linvt_else_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "tokens"
    monkeypatch.delenv("LINVT_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder().parts[-2:] == ("linvt", "tokens")


def test_the_memory_of_a_model_tells_what_need_not_be_decoded(cache, video, tmp_path):
    qa = qa_with(cache)
    assert qa.memory.holds(video, FOUR) is None
    watched = qa.watch(video)
    assert qa.memory.holds(video, FOUR) == fingerprint(video)
    assert qa.memory.holds(video, FrameSampling(num_frames=3)) is None
    token_file = tmp_path / "a.linvt"
    write_token_file(token_file, qa.to_save(watched))
    assert qa_with(None).memory.holds(token_file, FOUR) == fingerprint(token_file)
    assert qa_with(None).memory.holds(video, FOUR) is None
    with pytest.raises(VideoNotFoundError):
        qa.memory.holds("gone.mp4", FOUR)


def test_what_is_no_file_is_not_remembered(cache, video):
    qa = qa_with(cache)
    watched = qa_with(None).watch(video)
    qa.remember(watched, None, None)
    assert cache.entries() == []


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_file_that_changes_while_it_is_looked_at_is_not_remembered(
    cache, video, tmp_path, monkeypatch, change
):
    copy = tmp_path / "copy.mp4"
    shutil.copy(video, copy)
    qa = qa_with(cache)
    look = qa.look
    monkeypatch.setattr(qa, "look", lambda frames: (change(copy), look(frames))[1])
    assert not qa.watch(copy).cached
    assert cache.entries() == []


def test_what_is_remembered_needs_no_file_where_that_is_known(cache, video, tmp_path):
    copy = tmp_path / "copy.mp4"
    shutil.copy(video, copy)
    qa = qa_with(None)
    watched = qa.watch(copy)
    source = fingerprint(copy)
    copy.unlink()
    qa = qa_with(cache)
    qa.remember(watched, None, source)
    assert qa.watch(video).cached

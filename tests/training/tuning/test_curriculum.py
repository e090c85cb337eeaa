from __future__ import annotations

import weakref
from contextlib import closing
from pathlib import Path

import pytest
import torch

from linvt_cli.errors import DatasetError
from linvt_cli.training.tuning.bad_samples import BadSamples
from linvt_cli.training.tuning.curriculum import Curriculum, Task, make_tasks
from linvt_cli.training.tuning.features import FeatureStore
from linvt_cli.training.video_data.samples import BadSample, Exchange, Sample
from tests.tiny_models import tiny_nano
from tests.training.tuning.small import small_linvt, write_clip


def sample(video: Path, *answers: str, line: int = 1, start: float | None = None) -> Sample:
    exchanges = tuple(Exchange("What?", answer) for answer in answers)
    return Sample(video, exchanges, start, None, "", f"d.jsonl:{line}")


@pytest.fixture
def bad(tmp_path) -> BadSamples:
    return BadSamples(tmp_path / "bad.jsonl", most=2, on_bad=lambda _: None)


@pytest.fixture
def tasks(tmp_path, bad) -> list[Task]:
    write_clip(tmp_path / "a.mp4", 0)
    write_clip(tmp_path / "b.mp4", 1)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    samples = [
        sample(tmp_path / "a.mp4", "Red."),
        sample(tmp_path / "b.mp4", "A long answer.", "No.", line=2),
        sample(tmp_path / "broken.mp4", "Red.", line=3),
    ]
    return make_tasks(samples, bad, num_frames=4)


def test_samples_become_studies_in_the_order_of_the_batches(tasks, bad):
    curriculum = Curriculum(tiny_nano(), small_linvt(24), tasks, bad, workers=0)
    first, second = curriculum.studies([(1, 0), (0, 1)])
    assert [len(each.lessons) for each in first] == [2, 1]
    assert [len(each.lessons) for each in second] == [1, 2]
    assert first[0].features.tokens.shape == (4, 4, 24)
    assert torch.equal(first[0].features.tokens, second[1].features.tokens)
    for each in first:
        assert each.weight * each.num_answer_tokens == pytest.approx(1 / 2)


def test_studies_are_kept_by_nobody_but_who_asked_for_them(tasks, bad):
    curriculum = Curriculum(tiny_nano(), small_linvt(24), tasks, bad, workers=0)
    with closing(curriculum.studies([(0,), (1,)])) as studies:
        (only,) = next(studies)
        features = weakref.ref(only.features.tokens)
        del only
        assert features() is None


def test_a_bad_sample_is_noted_and_weighs_nothing(tasks, bad):
    curriculum = Curriculum(tiny_nano(), small_linvt(24), tasks, bad, workers=0)
    ((only,),) = curriculum.studies([(2, 0)])
    assert only.weight * only.num_answer_tokens == pytest.approx(1 / 2)
    assert len(bad) == 1


def test_too_many_end_the_run(tasks, bad, tmp_path):
    for line in (11, 12):
        bad.add(BadSample(f"d.jsonl:{line}", "no JSON"))
    curriculum = Curriculum(tiny_nano(), small_linvt(24), tasks, bad, workers=0)
    with pytest.raises(DatasetError, match=r"d\.jsonl:3"):
        list(curriculum.studies([(2, 0)]))


def test_nonsense_times_and_unreadable_lines_are_bad_from_the_start(tmp_path, bad):
    odd = sample(tmp_path / "a.mp4", "Red.", start=-1.0)
    samples: list[Sample | BadSample] = [odd, BadSample("d.jsonl:2", "no JSON")]
    assert make_tasks(samples, bad, num_frames=4) == []
    assert len(bad) == 2
    assert make_tasks(samples, None, num_frames=4) == []


@pytest.mark.parametrize("workers", [0, 1])
def test_with_a_store_each_video_is_looked_at_once(tasks, bad, tmp_path, workers):
    backbone = tiny_nano()
    looked: list[int] = []
    encode = backbone.encode_frames

    def note(frames):
        looked.append(len(frames.times))
        return encode(frames)

    backbone.encode_frames = note  # type: ignore[method-assign]
    store = FeatureStore(tmp_path / "features", "weights", torch.float32)
    plain = Curriculum(backbone, small_linvt(24), tasks, bad, workers=0)
    kept = Curriculum(backbone, small_linvt(24), tasks, bad, store=store, workers=workers)
    ((expected,),) = plain.studies([(0,)])
    looked.clear()
    batches = list(kept.studies([(0, 1)] * 3))
    assert looked == [4, 4]
    assert torch.equal(batches[2][0].features.tokens, expected.features.tokens)
    for path in (tmp_path / "features").rglob("*.safetensors"):
        path.write_bytes(b"damaged")
    ((again,),) = kept.studies([(0,)])
    assert torch.equal(again.features.tokens, expected.features.tokens)


def test_the_shape_that_passes_through_is_shown_as_a_picture(tmp_path, bad):
    write_clip(tmp_path / "a.mp4", 0)
    tasks = make_tasks([sample(tmp_path / "a.mp4", "Red.")], bad, num_frames=1)
    ((only,),) = Curriculum(tiny_nano(), small_linvt(24), tasks, bad, workers=0).studies([(0,)])
    assert only.features.tokens.shape == (1, 4, 24)

"""From a plan to studies: videos are decoded ahead and looked at, samples become lessons."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import overload

from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.config import FrameSampling
from linvt_cli.errors import ConfigError, ContextLengthError, LinVTError, VideoError
from linvt_cli.training.tuning.bad_samples import BadSamples
from linvt_cli.training.tuning.features import FeatureStore, encode
from linvt_cli.training.tuning.learner import Study
from linvt_cli.training.tuning.lessons import lessons_of
from linvt_cli.training.tuning.plan import Batch
from linvt_cli.training.video_data.samples import BadSample, Sample
from linvt_cli.types import VisualFeatures
from linvt_cli.video.decode_ahead import DecodeAhead
from linvt_cli.video.decode_worker import Decoded, DecodeJob, decode
from linvt_cli.video.fingerprint import Fingerprint, fingerprint
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer


@dataclass(frozen=True, slots=True)
class Task:
    """A sample, and the frames that are looked at."""

    sample: Sample
    sampling: FrameSampling

    @property
    def job(self) -> DecodeJob:
        """What has to be decoded for it."""
        return DecodeJob(str(self.sample.video), self.sampling)

    @property
    def length(self) -> int:
        """How long its text is, in characters."""
        return sum(len(each.question) + len(each.answer) for each in self.sample.exchanges)


def make_tasks(
    samples: Iterable[Sample | BadSample], bad: BadSamples | None, *, num_frames: int
) -> list[Task]:
    """Return the samples that can be tried.

    Args:
        samples: what the data files hold.
        bad: takes the others; one of several processes notes them.
        num_frames: T, of each video.

    Raises:
        DatasetError: if too many are bad.
    """
    tasks = []
    for sample in samples:
        task = _task(sample, num_frames)
        if isinstance(task, Task):
            tasks.append(task)
        elif bad is not None:
            bad.add(task)
    return tasks


def _task(sample: Sample | BadSample, num_frames: int) -> Task | BadSample:
    if isinstance(sample, BadSample):
        return sample
    try:
        sampling = FrameSampling(num_frames=num_frames, start=sample.start, end=sample.end)
    except ConfigError as error:
        return BadSample(sample.place, error.message)
    return Task(sample, sampling)


class Curriculum:
    """Makes the studies of batches.

    Args:
        backbone: looks at the videos.
        linvt: says how many tokens a video will have.
        tasks: all that there are.
        bad: takes those that cannot be used.
        store: where features are kept, if they are.
        workers: processes that decode; as many as suit the machine where left open.
    """

    def __init__(
        self,
        backbone: TunableBackbone,
        linvt: LinearVideoTokenizer,
        tasks: Sequence[Task],
        bad: BadSamples,
        *,
        store: FeatureStore | None = None,
        workers: int | None = None,
    ) -> None:
        self.tasks = tasks
        self._backbone = backbone
        self._linvt = linvt
        self._bad = bad
        self._store = store
        self._workers = workers
        self._sources: dict[str, Fingerprint] = {}

    def studies(self, batches: Sequence[Batch]) -> Generator[list[Study]]:
        """Give the studies of each batch; those of bad samples are missing.

        The weights of a batch's tokens are such that each sample of the batch counts alike,
        whatever the lengths of its answers, and one that is missing counts for nothing.
        """
        jobs = _Jobs(self.tasks, batches)
        with DecodeAhead(jobs, workers=self._workers, known=self._known) as decoded:
            outcomes = iter(decoded)
            for batch in batches:
                # No name for it here, where it would outlive its use.
                yield self._studies_of(batch, outcomes)

    def _studies_of(self, batch: Batch, outcomes: Iterator[Decoded]) -> list[Study]:
        tried = [self._study(self.tasks[each], next(outcomes)) for each in batch]
        found = [study for study in tried if study is not None]
        return [each.weighing(1 / (each.num_answer_tokens * len(batch))) for each in found]

    def _study(self, task: Task, decoded: Decoded) -> Study | None:
        try:
            features = self._features(task, decoded)
            num_frames, tokens_per_frame = features.tokens.shape[:2]
            unchanged = self._linvt.passes_through(num_frames, tokens_per_frame)
            lessons = lessons_of(
                self._backbone,
                task.sample,
                num_video_tokens=(tokens_per_frame if unchanged else self._linvt.num_video_tokens),
                grid=features.grid if unchanged else None,
            )
        except (VideoError, ConfigError, ContextLengthError) as error:
            self._bad.add(BadSample(task.sample.place, error.message))
            return None
        return Study(features, lessons)

    def _features(self, task: Task, decoded: Decoded) -> VisualFeatures:
        """Look at frames, or take up what was seen of them.

        Raises:
            VideoError: if there are none.
        """
        slot = None
        if self._store is not None and decoded.source is not None:
            slot = self._store.slot(decoded.source, task.sampling)
            found = self._store.find(slot, self._backbone.device)
            if found is not None:
                return found
        frames = decoded.frames
        if frames is None:  # what was kept is gone
            frames = decode(task.job).frames
        if frames is None or isinstance(frames, LinVTError):
            raise frames or VideoError(
                "There is nothing to decode", path=task.job.video, hint="check the file"
            )
        features = encode(self._backbone, frames, task.job.video)
        if self._store is not None and slot is not None:
            self._store.keep(slot, features)
        return features

    def _known(self, job: DecodeJob) -> Fingerprint | None:
        """Say what file a job is about if what is seen of it is kept."""
        if self._store is None:
            return None
        with suppress(VideoError):  # decoding will say what is wrong
            if job.video not in self._sources:
                self._sources[job.video] = fingerprint(job.video)
            source = self._sources[job.video]
            return source if self._store.slot(source, job.sampling).exists() else None
        return None


class _Jobs(Sequence[DecodeJob]):
    """What is decoded for batches, in their order, made when it is asked for."""

    def __init__(self, tasks: Sequence[Task], batches: Sequence[Batch]) -> None:
        self._tasks = tasks
        self._batches = batches
        self._size = len(batches[0]) if batches else 1

    def __len__(self) -> int:
        return self._size * len(self._batches)

    @overload
    def __getitem__(self, index: int) -> DecodeJob: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[DecodeJob]: ...
    def __getitem__(self, index: int | slice) -> DecodeJob | Sequence[DecodeJob]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        batch, place = divmod(index, self._size)
        return self._tasks[self._batches[batch][place]].job

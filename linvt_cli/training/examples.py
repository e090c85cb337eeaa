"""Clips of a feature cache with their questions, drawn at random, backwards and mirrored too.

A clip played backwards is another clip of the same world: what entered leaves, what grew shrinks.
It costs no new picture, so each clip serves twice, unless a held-out combination would come of it,
and eight times again through the symmetries of a square.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.features import FeatureCache
from linvt_cli.training.packing import Turn, encode_turn
from linvt_cli.training.questions import Question, ask_about, off_topic_question
from linvt_cli.training.schedule import BUSY
from linvt_cli.training.stills import ask_about_still
from linvt_cli.training.symmetry import IDENTITY, SYMMETRIES, Symmetry
from linvt_cli.training.wordings import FOREIGN_ANSWER, OFF_TOPIC_ANSWER
from linvt_cli.training.world import Clip, play_backwards

_FOREIGN_SHARE = 0.2
_TURNED_SHARE = 0.5  # of the clips; an eighth of them is turned by nothing
_OFF_TOPIC_SHARE = 0.02
_DESCRIBE_SHARE = 0.3  # of the turns: the longest answers, and the ones that need every event
_KIND_WEIGHTS = {"after": 4.0, "before": 4.0, "first": 2.0, "last": 2.0, "nth": 2.0}  # others: 1
_BUSY_WEIGHTS = {**_KIND_WEIGHTS, "after": 8.0, "before": 10.0}  # what busy clips are made for


@dataclass(frozen=True, slots=True)
class Scene:
    """One clip of a bank, forwards or backwards; ``clip`` is None for a foreign one."""

    index: int
    backwards: bool
    clip: Clip | None  # as it looks through the symmetry
    symmetry: Symmetry = IDENTITY

    @property
    def num_things(self) -> int:
        """How many things the clip holds."""
        return 0 if self.clip is None else len(self.clip.things)


class ClipBank:
    """The clips of a feature cache, their questions and their features.

    A bank can be sent to another process, to draw there. Clips are made when they are first asked
    for, and features are not read before a model does.
    """

    def __init__(self, nano: Nano, cache: FeatureCache) -> None:
        self.text = nano.text
        self.cache = cache
        self.num_frames: int = cache.features.shape[1]
        self.num_cells: int = cache.features.shape[2]
        self.num_channels: int = cache.features.shape[3]
        self._num_clips = cache.clips.num_clips
        self._made: dict[int, list[Scene]] = {}
        self._on_device: Tensor | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": {}, "_on_device": None}

    def _scenes(self, index: int) -> list[Scene]:
        """Return a clip of the world forwards, then backwards if it may be played so."""
        scenes = self._made.get(index)
        if scenes is None:
            clip = self.cache.clips.clip(index)
            scenes = [Scene(index, False, clip)]
            reverse = None if clip is None else play_backwards(clip)
            if reverse is not None:
                scenes.append(Scene(index, True, reverse))
            self._made[index] = scenes
        return scenes

    def draw(self, rng: np.random.Generator) -> Scene:
        """Draw a scene: a clip of the world in either direction, now and then a foreign one."""
        num_foreign = len(self.cache.clips) - self._num_clips
        if num_foreign and rng.random() < _FOREIGN_SHARE:
            index = self._num_clips + int(rng.integers(num_foreign))
            symmetry = SYMMETRIES[int(rng.integers(len(SYMMETRIES)))]
            return Scene(index, bool(rng.random() < 0.5), None, symmetry)
        scenes = self._scenes(int(rng.integers(self._num_clips)))
        scene = scenes[int(rng.integers(len(scenes)))]
        if scene.clip is None or rng.random() >= _TURNED_SHARE:
            return scene
        symmetry = SYMMETRIES[int(rng.integers(len(SYMMETRIES)))]
        return replace(scene, clip=symmetry.clip(scene.clip), symmetry=symmetry)

    def all_scenes(self) -> list[Scene]:
        """Every clip once, forwards."""
        foreign = range(self._num_clips, len(self.cache.clips))
        worldly = [self._scenes(index)[0] for index in range(self._num_clips)]
        return worldly + [Scene(index, False, None) for index in foreign]

    def features(self, scene: Scene) -> np.ndarray[Any, Any]:
        """Vision features of a scene: (T, N, 768) float16."""
        features: np.ndarray[Any, Any] = self.cache.features[scene.index]
        features = features[::-1] if scene.backwards else features
        return np.ascontiguousarray(features[:, self._cells(scene)])

    def rows(self, scene: Scene) -> np.ndarray[Any, Any]:
        """Where the features of a scene stand among those of all clips: (T, N)."""
        frames = np.arange(self.num_frames)[:: -1 if scene.backwards else 1]
        starts = (scene.index * self.num_frames + frames) * self.num_cells
        rows: np.ndarray[Any, Any] = starts[:, None] + self._cells(scene)
        return rows

    def read(self, rows: np.ndarray[Any, Any], device: torch.device) -> Tensor:
        """Vision features that stand in some rows: (…) -> (…, 768) float16 on a device.

        A GPU takes all features when it is first asked, if it has room for them twice over.
        """
        if self._on_device is None and _has_room(self.cache.features, device):
            with warnings.catch_warnings():  # of features that are not to be written to
                warnings.filterwarnings("ignore", message=".*not writable")
                self._on_device = torch.from_numpy(self.cache.features).to(device)
        if self._on_device is None:
            flat = self.cache.features.reshape(-1, self.num_channels)
            return torch.from_numpy(flat[rows]).to(device)
        return self._on_device.view(-1, self.num_channels)[torch.from_numpy(rows).to(device)]

    def cover(self, scene: Scene) -> np.ndarray[Any, Any]:
        """Which share of every cell each thing covers: (T, MAX_THINGS, N)."""
        cover: np.ndarray[Any, Any] = self.cache.cover[scene.index]
        cover = cover[::-1] if scene.backwards else cover
        return cover[..., self._cells(scene)]

    def _cells(self, scene: Scene) -> np.ndarray[Any, Any]:
        return scene.symmetry.cells(math.isqrt(self.num_cells))

    def turns(self, scene: Scene, count: int, rng: np.random.Generator) -> list[Turn]:
        """Draw questions about a scene with their answers."""
        subject = scene.clip or self._some_clip(rng)
        return self._encode(scene, ask_about(subject, rng), count, rng)

    def still_turns(
        self, scene: Scene, fraction: float, count: int, rng: np.random.Generator
    ) -> list[Turn]:
        """Draw questions about one still of a scene."""
        subject = scene.clip or self._some_clip(rng)
        return self._encode(scene, ask_about_still(subject, fraction, rng), count, rng)

    def _some_clip(self, rng: np.random.Generator) -> Clip:
        while True:
            clip = self._scenes(int(rng.integers(self._num_clips)))[0].clip
            if clip is not None:
                return clip

    def _encode(
        self, scene: Scene, questions: list[Question], count: int, rng: np.random.Generator
    ) -> list[Turn]:
        busy = scene.clip is not None and scene.clip.difficulty == BUSY
        picked = _pick(questions, count, rng, _BUSY_WEIGHTS if busy else _KIND_WEIGHTS)
        turns = []
        for question in picked:
            kind, text, answer = question.kind, question.text, question.answer
            if scene.clip is None:
                kind, answer = "foreign", FOREIGN_ANSWER
            elif rng.random() < _OFF_TOPIC_SHARE:
                kind, text, answer = "off-topic", off_topic_question(rng), OFF_TOPIC_ANSWER
            turns.append(encode_turn(self.text, kind, text, answer))
        return turns


def _has_room(features: np.ndarray[Any, Any], device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return bool(2 * features.nbytes < free)


def _pick(
    questions: list[Question], count: int, rng: np.random.Generator, of_kind: Mapping[str, float]
) -> list[Question]:
    """Draw questions by kind: those that need the order of events oftener, descriptions most."""
    by_kind: dict[str, list[Question]] = {}
    for question in questions:
        by_kind.setdefault(question.kind, []).append(question)
    kinds = sorted(by_kind)
    weights = np.array([of_kind.get(kind, 1.0) for kind in kinds])
    longest = [kind.endswith("describe") for kind in kinds]
    if any(longest) and not all(longest):
        rest = weights[np.logical_not(longest)].sum()
        weights[longest] = rest * _DESCRIBE_SHARE / (1 - _DESCRIBE_SHARE)
    drawn = rng.choice(len(kinds), size=count, p=weights / weights.sum())
    return [by_kind[kinds[kind]][int(rng.integers(len(by_kind[kinds[kind]])))] for kind in drawn]

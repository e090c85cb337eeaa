from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from linvt_cli import VideoQA
from linvt_cli.backbones import registry
from linvt_cli.backbones.nano_model import save_nano
from linvt_cli.config import AnswerShape, FrameSampling, GenerationConfig, LinVTConfig
from linvt_cli.errors import (
    ConfigError,
    ContextLengthError,
    CoverageError,
    DeviceError,
    OutOfMemoryError,
    UnknownBackboneError,
    VideoNotFoundError,
)
from linvt_cli.generation.decode import read_to_end
from linvt_cli.pipeline import loading, watcher
from linvt_cli.types import ModelInfo
from linvt_cli.video.reader import read_frames
from linvt_cli.video_tokenizer.baselines import AllTokenizer, MeanTokenizer
from linvt_cli.video_tokenizer.checkpoint import save_checkpoint
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.fakes import TinyBackbone
from tests.tiny_models import tiny_nano

FOUR = FrameSampling(num_frames=4)


def tiny_linvt(embed_dim: int = 16) -> LinearVideoTokenizer:
    torch.manual_seed(0)
    config = LinVTConfig(
        embed_dim, scales=(1, 2), num_queries=(3, 2), score_dim=16, num_heads=2, num_kept=12
    )
    return LinearVideoTokenizer(config).eval()


def test_an_answer_says_what_it_rests_on(qa: VideoQA, video: Path):
    answer = qa.ask(video, "What is there?")
    assert (answer.text, answer.finish_reason) == ("A grey wall.", "stop")
    assert (answer.video, answer.question) == (str(video), "What is there?")
    assert answer.model == ModelInfo("tiny", "mean", checkpoint=None)
    assert len(answer.frames.times) == 4
    assert answer.frames.coverage == 1.0
    assert answer.video_tokens is not None
    assert answer.video_tokens.tokens.shape == (8, 16)
    stats = answer.stats
    assert (stats.num_visual_tokens, stats.num_video_tokens) == (16, 8)
    assert stats.num_prompt_tokens == 1 + 8 + 1 + len("What is there?") + 1
    assert stats.num_generated_tokens == len("A grey wall.")
    assert answer.tokenize_seconds > 0


def test_several_questions_cost_one_decode_and_one_vision_pass(
    qa: VideoQA, video: Path, monkeypatch: pytest.MonkeyPatch
):
    decoded = []

    def counted(path, *args, **options):
        decoded.append(path)
        return read_frames(path, *args, **options)

    monkeypatch.setattr(watcher, "read_frames", counted)
    answers = qa.ask_many(video, ["One?", "Two?", "Three?"])
    assert [answer.question for answer in answers] == ["One?", "Two?", "Three?"]
    assert decoded == [video]
    assert isinstance(qa.backbone, TinyBackbone)
    assert qa.backbone.encode_calls == 1


def test_a_watched_video_is_not_watched_again(qa: VideoQA, video: Path):
    watched = qa.watch(video)
    qa.ask(watched, "One?")
    read_to_end(qa.stream(watched, "Two?"))
    qa.describe(watched)
    assert isinstance(qa.backbone, TinyBackbone)
    assert qa.backbone.encode_calls == 1


def test_several_answers_are_those_of_single_questions(video: Path):
    qa = VideoQA(TinyBackbone(), tiny_linvt(), sampling=FOUR)
    generation = GenerationConfig(max_new_tokens=8)
    together = qa.ask_many(video, ["One?", "Two?"], generation)
    assert together[0].text == qa.ask(video, "One?", generation).text
    assert together[1].text == qa.ask(video, "Two?", generation).text
    assert together[0].text != together[1].text


def test_streamed_pieces_join_to_the_answer(qa: VideoQA, video: Path):
    pieces = list(qa.stream(video, "What is there?"))
    assert len(pieces) > 3
    assert read_to_end(pieces).text == qa.ask(video, "What is there?").text


def test_a_question_that_cannot_be_asked_fails_before_the_stream_is_read(qa: VideoQA, video: Path):
    with pytest.raises(ConfigError, match="question is empty") as caught:
        qa.stream(video, " \n")
    assert caught.value.field == "question"


def test_a_stream_can_be_interrupted(qa: VideoQA, video: Path):
    completion = read_to_end(qa.stream(video, "What is there?", interrupted=lambda: True))
    assert completion.finish_reason == "interrupted"


def test_a_description_asks_what_suits_the_backbone(video: Path):
    qa = VideoQA(
        TinyBackbone("Grey."), MeanTokenizer(2), sampling=FOUR, describe_question="And now?"
    )
    answer = qa.describe(video)
    assert (answer.question, answer.text) == ("And now?", "Grey.")


def test_the_tokens_of_a_watched_video_can_take_part_in_training(qa: VideoQA, video: Path):
    frames, features = qa.look(read_frames(video, qa.sampling))
    assert not features.tokens.is_inference()
    assert not features.tokens.requires_grad
    watched = qa.refine("a.mp4", frames, features)
    assert not qa.prompt(watched, "What?").inputs_embeds.is_inference()


def test_watching_computes_no_gradients(video: Path, monkeypatch: pytest.MonkeyPatch):
    backbone = TinyBackbone("")
    monkeypatch.setattr(backbone, "_projection_3D", backbone._projection_3D.requires_grad_())
    qa = VideoQA(backbone, tiny_linvt(), sampling=FOUR)
    _, features = qa.look(read_frames(video, FOUR))
    assert not features.tokens.requires_grad
    kept = qa.watch(video).refined.kept
    assert kept is not None
    assert not kept.values.requires_grad


@pytest.mark.parametrize(
    ("tokenizer", "number"),
    [(MeanTokenizer(4), 4), (ClusterTokenizer(3), 3), (AllTokenizer(), 16), (tiny_linvt(), 5)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_every_tokenizer_goes_the_same_path(video: Path, tokenizer, number):
    qa = VideoQA(TinyBackbone("yes"), tokenizer, sampling=FOUR)
    watched = qa.watch(video)
    prompt = qa.prompt(watched, "Is it grey?")
    condensed = qa.condense(watched, "Is it grey?")
    assert condensed.tokens.shape == (number, 16)
    assert torch.equal(prompt.inputs_embeds[0, prompt.video_spans[0]], condensed.tokens)
    assert qa.ask(watched, "Is it grey?").stats.num_video_tokens == number


def test_the_question_decides_what_linvt_hands_on(video: Path):
    qa = VideoQA(TinyBackbone(), tiny_linvt(), sampling=FOUR)
    watched = qa.watch(video)
    assert not torch.equal(qa.condense(watched, "Who?").tokens, qa.condense(watched, "Why?").tokens)


def test_the_caller_decides_which_frames_are_watched(qa: VideoQA, video: Path):
    assert len(qa.watch(video).frames.times) == 4
    assert len(qa.watch(video, FrameSampling(num_frames=7)).frames.times) == 7


def test_progress_is_reported_while_decoding(qa: VideoQA, video: Path):
    calls: list[tuple[float, ...]] = []
    qa.watch(video, on_progress=lambda *done: calls.append(done))
    assert len(calls) >= 4
    assert calls == sorted(calls)


def test_too_few_decoded_frames_are_an_error_and_not_an_answer(
    qa: VideoQA, video: Path, monkeypatch: pytest.MonkeyPatch
):
    damaged = dataclasses.replace(qa.watch(video).frames, coverage=0.25)
    monkeypatch.setattr(watcher, "read_frames", lambda *_, **__: damaged)
    with pytest.raises(CoverageError, match="Only 25% of the frames") as caught:
        qa.ask(video, "What is there?")
    assert (caught.value.coverage, caught.value.minimum) == (0.25, 0.5)
    assert qa.watch(video, min_coverage=0.25).frames is damaged


def test_a_missing_file_is_an_error(qa: VideoQA, tmp_path: Path):
    with pytest.raises(VideoNotFoundError):
        qa.ask(tmp_path / "none.mp4", "What is there?")


def test_more_video_tokens_than_the_context_holds_are_an_error(video: Path):
    qa = VideoQA(TinyBackbone(max_context=20), AllTokenizer(), sampling=FOUR)
    with pytest.raises(ContextLengthError, match="16 of them of the video"):
        qa.ask(video, "What?")


def test_running_out_of_memory_while_watching_is_an_error_of_the_device(
    qa: VideoQA, video: Path, monkeypatch: pytest.MonkeyPatch
):
    def exhausted(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(qa.backbone, "encode_frames", exhausted)
    with pytest.raises(OutOfMemoryError):
        qa.watch(video)


def test_an_unknown_model_is_an_error_with_the_closest_name():
    with pytest.raises(UnknownBackboneError) as caught:
        VideoQA.load("nanno")
    assert caught.value.hint == "did you mean nano?"


def test_a_device_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError):
        VideoQA.load("nano", device="cuda")


def test_loading_without_a_number_takes_the_one_of_the_backbone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loading, "load_backbone", lambda *_, **__: TinyBackbone())
    qa = VideoQA.load("nano", tokenizer="cluster", device="cpu")
    assert qa.tokenizer.num_video_tokens == registry.find_backbone("nano").default_video_tokens
    assert qa.model == ModelInfo("nano", "cluster", checkpoint=None)
    assert qa.describe_question == "What happens?"


def test_another_tokenizer_goes_with_a_model_whose_checkpoint_is_in_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loading, "load_backbone", lambda *_, **__: TinyBackbone())
    monkeypatch.delenv("LINVT_CONFIG", raising=False)
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    (tmp_path / "models.toml").write_text("[mine]\nfrom = 'nano'\ncheckpoint = 'linvt'\n")
    qa = VideoQA.load("mine", tokenizer="cluster", device="cpu")
    assert (qa.model.tokenizer, qa.model.checkpoint) == ("cluster", None)


def test_a_loaded_model_answers_with_the_checkpoint_that_comes_with_it(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    nano = tiny_nano()
    save_nano(tmp_path / "nano", nano.model, nano.tokenizer, torch.float32)
    linvt = tiny_linvt(nano.embed_dim)
    save_checkpoint(tmp_path / "linvt", linvt, linvt.config, backbone="nano", training={})
    spec = dataclasses.replace(
        registry.find_backbone("nano"),
        weights=tmp_path / "nano",
        linvt=tmp_path / "linvt",
        default_frames=3,
    )
    monkeypatch.setattr(registry, "BACKBONES", (spec,))
    generation = GenerationConfig(max_new_tokens=4)

    answer = VideoQA.load("nano", device="cpu").ask(video, "What is there?", generation)
    assert answer.model == ModelInfo("nano", "linvt", checkpoint="bundled")
    assert (answer.stats.num_visual_tokens, answer.stats.num_video_tokens) == (12, 5)
    unsaved = VideoQA(nano, linvt, sampling=FrameSampling(num_frames=3))
    assert answer.text == unsaved.ask(video, "What is there?", generation).text

    # One that the user names is asked about as many frames as it was trained on.
    named = tmp_path / "named"
    training = {"frames": 6}
    save_checkpoint(named, linvt, linvt.config, backbone="nano", training=training)
    asked = VideoQA.load("nano", checkpoint=named, device="cpu").ask(video, "Who?", generation)
    assert len(asked.frames.times) == 6


def test_nano_answers_about_a_video_file_with_its_trained_linvt(video: Path):
    answer = VideoQA.load("nano", device="cpu").ask(video, "What happens?")
    assert answer.text
    assert answer.finish_reason == "stop"
    assert answer.model == ModelInfo("nano", "linvt", checkpoint="bundled")
    assert len(answer.frames.times) == 16


def test_a_choice_is_an_answer_with_probabilities(video: Path):
    qa = VideoQA(TinyBackbone("green"), MeanTokenizer(4))
    answer = qa.choose(video, "Which colour?", ["red", "green"])
    assert (answer.text, answer.finish_reason) == ("green", "stop")
    assert answer.choices is not None
    assert [choice.text for choice in answer.choices] == ["red", "green"]
    assert sum(choice.probability for choice in answer.choices) == pytest.approx(1)
    assert len(answer.frames.times) > 1


def test_an_answer_of_a_schema_has_its_value(video: Path):
    qa = VideoQA(TinyBackbone("[1, 2]"), MeanTokenizer(4))
    answer = qa.ask(video, "Which?", shape=AnswerShape(schema={"type": "array"}))
    assert (answer.text, answer.structured) == ("[1, 2]", [1, 2])

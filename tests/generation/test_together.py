from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from linvt_cli.config import GenerationConfig
from linvt_cli.errors import DeviceError, OutOfMemoryError
from linvt_cli.generation import together
from linvt_cli.generation.decode import Completion, read_to_end, stream_answer
from linvt_cli.generation.prompt import assemble
from linvt_cli.generation.together import answer_together, in_halves
from linvt_cli.types import PromptEmbeds
from tests.fakes import TinyBackbone

QUESTIONS = ("what?", "where is the dog, and what does it do there?", "who?", "a")
GREEDY = GenerationConfig(max_new_tokens=24)


def prompts_for(
    backbone: TinyBackbone, questions: Sequence[str] = QUESTIONS, *, num_shared: int = 0
) -> list[PromptEmbeds]:
    """Prompts whose video tokens differ but for the first."""
    videos_BKD = torch.randn(
        (len(questions), 20, backbone.embed_dim), generator=torch.Generator().manual_seed(5)
    )
    videos_BKD[:, :num_shared] = videos_BKD[0, :num_shared]
    return [
        assemble(backbone, video_KD, question)
        for video_KD, question in zip(videos_BKD, questions, strict=True)
    ]


def answers(
    backbone: TinyBackbone,
    prompts: Sequence[PromptEmbeds],
    config: GenerationConfig = GREEDY,
    **options,
) -> list[Completion]:
    numbered = dict(answer_together(backbone, prompts, config, num_visual_tokens=40, **options))
    return [numbered[number] for number in range(len(prompts))]


def alone(
    backbone: TinyBackbone, prompts: Sequence[PromptEmbeds], config: GenerationConfig = GREEDY
) -> list[Completion]:
    return [
        read_to_end(stream_answer(backbone, prompt, config, num_visual_tokens=40))
        for prompt in prompts
    ]


@pytest.mark.parametrize("num_shared", [0, 12, 20])
@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_answers_are_those_of_each_prompt_alone(num_shared, temperature):
    backbone = TinyBackbone()
    config = GenerationConfig(max_new_tokens=24, temperature=temperature, seed=4)
    prompts = prompts_for(backbone, num_shared=num_shared)
    both = [answers(backbone, prompts, config), alone(backbone, prompts, config)]
    assert [each.text for each in both[0]] == [each.text for each in both[1]]
    assert [each.finish_reason for each in both[0]] == [each.finish_reason for each in both[1]]
    counts = [[each.stats.num_generated_tokens for each in some] for some in both]
    assert counts[0] == counts[1]
    assert len({each.text for each in both[0]}) == len(QUESTIONS), "alike they would prove little"


def test_what_all_prompts_begin_with_is_read_once():
    backbone = TinyBackbone("ab")
    prompts = prompts_for(backbone, ("what?", "who?", "is it?"), num_shared=20)
    lengths = [prompt.inputs_embeds.shape[1] for prompt in prompts]
    answers(backbone, prompts)
    shared, rest, *later = backbone.step_lengths
    assert shared == 22  # the marks around the video too
    assert rest == max(lengths) - shared
    assert later == [1, 1]


def test_prompts_that_are_all_the_same_are_read_once_but_for_the_last_token():
    backbone = TinyBackbone("ab")
    prompts = prompts_for(backbone, ("what?", "what?"), num_shared=20)
    assert [each.text for each in answers(backbone, prompts)] == ["ab", "ab"]
    assert backbone.step_lengths[1] == 1


def test_positions_go_along(monkeypatch):
    backbone = TinyBackbone("ab")
    monkeypatch.setattr(
        backbone,
        "place_prompt",
        lambda lengths, placement: torch.arange(sum(lengths)).expand(3, 1, -1),
    )
    seen = []
    step = backbone.step

    def noting(*args, positions=None, **options):
        seen.append(None if positions is None else positions[0].tolist())
        return step(*args, **options)

    monkeypatch.setattr(backbone, "step", noting)
    prompts = prompts_for(backbone, ("what?", "who?"), num_shared=20)
    answers(backbone, prompts)
    # Two marks, 20 video tokens and "wh" are shared; a mark follows "at?" and "o?".
    assert seen == [[[*range(24)]], [[24, 25, 26, 27], [0, 24, 25, 26]], None, None]


def test_answers_are_given_as_soon_as_they_are_whole_and_pay_for_their_steps():
    backbone = TinyBackbone()
    prompts = prompts_for(backbone)
    expected = alone(backbone, prompts)
    lengths = [each.stats.num_generated_tokens for each in expected]
    given = [
        number for number, _ in answer_together(backbone, prompts, GREEDY, num_visual_tokens=4)
    ]
    assert sorted(given) == [0, 1, 2, 3]
    assert [lengths[number] for number in given] == sorted(lengths)
    for each in answers(backbone, prompts):
        assert each.stats.prefill_seconds > 0
        assert each.stats.num_visual_tokens == 40


def test_every_answer_ends_where_the_context_does():
    backbone = TinyBackbone("x" * 99, max_context=80)
    prompts = prompts_for(backbone)
    lengths = [prompt.inputs_embeds.shape[1] for prompt in prompts]
    config = GenerationConfig(max_new_tokens=30)
    rooms = [min(30, 80 - length) for length in lengths]
    assert min(rooms) < 30
    some = answers(backbone, prompts, config)
    assert [each.stats.num_generated_tokens for each in some] == rooms
    assert {each.finish_reason for each in some} == {"length"}


def test_large_batches_are_cut(monkeypatch):
    backbone = TinyBackbone()
    prompts = prompts_for(backbone)
    longest = max(prompt.inputs_embeds.shape[1] for prompt in prompts)
    monkeypatch.setattr(together, "MAX_POSITIONS", 2 * (longest + 24))
    rows = noted_rows(backbone, monkeypatch)
    expected = [each.text for each in alone(TinyBackbone(), prompts)]
    assert [each.text for each in answers(backbone, prompts)] == expected
    assert max(rows) == 2


def noted_rows(backbone: TinyBackbone, monkeypatch) -> list[int]:
    rows: list[int] = []
    step = backbone.step

    def noting(inputs_embeds, *args, **options):
        rows.append(len(inputs_embeds))
        return step(inputs_embeds, *args, **options)

    monkeypatch.setattr(backbone, "step", noting)
    return rows


@pytest.mark.parametrize("most", [1, 2, 3])
def test_where_memory_runs_out_there_are_smaller_batches(monkeypatch, most):
    backbone = TinyBackbone()
    prompts = prompts_for(backbone)
    expected = [each.text for each in alone(TinyBackbone(), prompts)]
    step = backbone.step

    def short_of_memory(inputs_embeds, *args, **options):
        if len(inputs_embeds) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(inputs_embeds, *args, **options)

    monkeypatch.setattr(backbone, "step", short_of_memory)
    assert [each.text for each in answers(backbone, prompts)] == expected


def test_one_that_is_left_of_several_is_done_alone():
    tried: list[list[int]] = []

    def work(numbers):
        tried.append(list(numbers))
        for number in numbers:
            if number == 1 and len(numbers) > 1:
                raise OutOfMemoryError("no room", hint="")
            yield number, number

    done = list(in_halves(work, [0, 2, 1], torch.device("cpu")))
    assert done == [(0, 0), (2, 2), (1, 1)]
    assert tried == [[0, 2, 1], [1]]


def test_without_memory_for_one_answer_it_is_an_error(monkeypatch):
    backbone = TinyBackbone()

    def exhausted(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    prompts = prompts_for(backbone)
    monkeypatch.setattr(backbone, "step", exhausted)
    with pytest.raises(OutOfMemoryError):
        answers(backbone, prompts)


def test_an_interruption_ends_all_answers_where_they_are():
    backbone = TinyBackbone("abcdef")
    turns = iter([False, False, True])
    some = answers(backbone, prompts_for(backbone), interrupted=lambda: next(turns))
    assert [(each.text, each.finish_reason) for each in some] == [("ab", "interrupted")] * 4


def test_without_prompts_there_are_no_answers():
    assert answers(TinyBackbone(), []) == []


def test_gradients_and_inference_mode_stay_as_they_are():
    backbone = TinyBackbone("ab")
    some = answer_together(backbone, prompts_for(backbone), GREEDY, num_visual_tokens=4)
    next(some)
    assert not torch.is_inference_mode_enabled()


def test_a_model_that_overflows_is_an_error_and_no_answers():
    backbone = TinyBackbone("abc")
    backbone._head_DV.fill_(torch.nan)
    with pytest.raises(DeviceError, match="logits that are not finite"):
        answers(backbone, prompts_for(backbone))

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from linvt_cli.config import GenerationConfig
from linvt_cli.errors import DeviceError, OutOfMemoryError
from linvt_cli.generation.decode import read_to_end, stream_answer
from linvt_cli.generation.prompt import assemble
from linvt_cli.types import AnswerChunk, PromptEmbeds
from tests.fakes import STOP, TinyBackbone

GREEDY = GenerationConfig(max_new_tokens=24)


def prompt_for(backbone: TinyBackbone, question: str = "what?") -> PromptEmbeds:
    generator = torch.Generator().manual_seed(5)
    return assemble(backbone, torch.randn((6, backbone.embed_dim), generator=generator), question)


def stream(
    backbone: TinyBackbone, config: GenerationConfig = GREEDY, **options
) -> Iterator[AnswerChunk]:
    return stream_answer(backbone, prompt_for(backbone), config, num_visual_tokens=40, **options)


def tokens_without_cache(backbone: TinyBackbone, number: int) -> list[int]:
    """Greedy tokens, reading the whole prompt again for each."""
    embeds = prompt_for(backbone).inputs_embeds
    tokens: list[int] = []
    while len(tokens) < number:
        logits, _ = backbone.step(embeds, None)
        token = int(logits[0, -1].argmax())
        if token == STOP:
            break
        tokens.append(token)
        embeds = torch.cat([embeds, backbone.embed_text([token])[None]], dim=1)
    return tokens


def test_cached_decoding_equals_uncached():
    backbone = TinyBackbone()
    expected = tokens_without_cache(TinyBackbone(), GREEDY.max_new_tokens)
    assert len(set(expected)) > 5, "a monotonous answer would prove nothing"
    completion = read_to_end(stream(backbone))
    assert completion.text == backbone.detokenize(expected).strip()
    assert completion.stats.num_generated_tokens == len(expected)


def test_the_prompt_is_read_once_and_then_one_token_a_step():
    backbone = TinyBackbone("abc")
    read_to_end(stream(backbone))
    assert backbone.step_lengths == [prompt_for(backbone).inputs_embeds.shape[1], 1, 1, 1]


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_a_model_that_overflows_is_an_error_and_no_answer(temperature):
    backbone = TinyBackbone("abc")
    backbone._head_DV.fill_(torch.nan)
    config = GenerationConfig(max_new_tokens=3, temperature=temperature)
    with pytest.raises(DeviceError, match="logits that are not finite"):
        read_to_end(stream(backbone, config))


def test_greedy_answers_are_the_same_each_time():
    assert read_to_end(stream(TinyBackbone())).text == read_to_end(stream(TinyBackbone())).text


def test_a_seed_reproduces_a_sampled_answer_and_another_changes_it():
    def answer(seed: int) -> str:
        config = GenerationConfig(max_new_tokens=24, temperature=5.0, seed=seed)
        return read_to_end(stream(TinyBackbone(), config)).text

    assert answer(1) == answer(1)
    assert answer(1) != answer(2)


def test_the_stop_token_ends_the_answer_and_is_no_part_of_it():
    completion = read_to_end(stream(TinyBackbone("done")))
    assert (completion.text, completion.finish_reason) == ("done", "stop")
    assert completion.stats.num_generated_tokens == 4


def test_an_answer_ends_at_its_largest_number_of_tokens():
    completion = read_to_end(stream(TinyBackbone("abcdef"), GenerationConfig(max_new_tokens=3)))
    assert (completion.text, completion.finish_reason) == ("abc", "length")
    assert completion.stats.num_generated_tokens == 3


def test_an_answer_ends_where_the_context_ends():
    length = prompt_for(TinyBackbone()).inputs_embeds.shape[1]
    completion = read_to_end(stream(TinyBackbone("abcdef", max_context=length + 2)))
    assert (completion.text, completion.finish_reason) == ("ab", "length")


def test_the_last_chunk_alone_has_reason_and_statistics():
    *pieces, last = stream(TinyBackbone("two words"))
    assert all(chunk.finish_reason is None and chunk.stats is None for chunk in pieces)
    assert all(chunk.text for chunk in pieces)
    assert last.finish_reason == "stop"
    assert last.stats is not None


def test_an_empty_answer_has_reason_and_statistics():
    (last,) = stream(TinyBackbone(""))
    assert (last.text, last.finish_reason) == ("", "stop")
    assert last.stats is not None
    assert last.stats.num_generated_tokens == 0
    assert last.stats.generate_seconds == 0.0


def test_statistics_count_every_kind_of_token():
    backbone = TinyBackbone("ab")
    stats = read_to_end(stream(backbone)).stats
    assert (stats.num_visual_tokens, stats.num_video_tokens) == (40, 6)
    assert stats.num_prompt_tokens == prompt_for(backbone).inputs_embeds.shape[1]
    assert stats.prefill_seconds > 0
    assert stats.generate_seconds > 0


def test_an_interrupted_answer_keeps_what_was_said():
    asked = iter([False, False, False, True])
    completion = read_to_end(stream(TinyBackbone("abcdef"), interrupted=lambda: next(asked)))
    assert (completion.text, completion.finish_reason) == ("abc", "interrupted")


def test_an_interruption_before_the_first_token_still_has_statistics():
    backbone = TinyBackbone("abc")
    completion = read_to_end(stream(backbone, interrupted=lambda: True))
    assert (completion.text, completion.finish_reason) == ("", "interrupted")
    assert backbone.step_lengths == []


def test_a_keyboard_interrupt_passes_through():
    def press() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_to_end(stream(TinyBackbone("abc"), interrupted=press))


def test_a_stream_can_be_left_in_the_middle():
    backbone = TinyBackbone("abcdef")
    chunks = stream_answer(backbone, prompt_for(backbone), GREEDY, num_visual_tokens=0)
    assert next(chunks).text == "a"
    del chunks
    assert len(backbone.step_lengths) == 1


def test_a_paused_stream_leaves_no_inference_mode_behind():
    chunks = stream(TinyBackbone("ab"))
    next(chunks)
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()


def test_running_out_of_memory_is_an_error_of_the_device(monkeypatch: pytest.MonkeyPatch):
    def exhausted(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    backbone = TinyBackbone("ab")
    monkeypatch.setattr(backbone, "step", exhausted)
    with pytest.raises(OutOfMemoryError, match="'cpu' has not enough memory"):
        read_to_end(stream(backbone))


def test_reading_a_stream_without_its_last_chunk_is_a_mistake():
    with pytest.raises(ValueError, match="no last chunk"):
        read_to_end([AnswerChunk("ab")])

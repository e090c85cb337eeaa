"""The one table of benchmarks: how each is read, asked, scored and summed up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from linvt_cli.errors import ConfigError
from linvt_cli.evaluation import choice_sets, letters, open_sets, prompts, tempcompass
from linvt_cli.evaluation.items import BrokenItem, Item, Read, ReadOptions
from linvt_cli.evaluation.judging import Kind
from linvt_cli.evaluation.letters import LetterRule
from linvt_cli.evaluation.mlvu import read_mlvu, read_mlvu_generation
from linvt_cli.evaluation.mvbench import read_mvbench
from linvt_cli.evaluation.own import read_own

SHORT_ANSWER_TOKENS = 16
"""Enough for a letter, or an option's first words."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark as linvt knows it.

    ``rule`` finds the option that a generated answer names; without one, questions are open and
    ``judged`` says how. ``averaged_over`` names the dimension whose categories count alike in the
    headline figure; None where every question does.
    """

    name: str
    title: str
    read: Callable[[Path, ReadOptions], Read]
    prompt: Callable[[Item, str], str]
    rule: LetterRule | None
    dimension: str  # the one that is shown first
    judged: Kind | None = None
    averaged_over: str | None = None
    splits: tuple[str, ...] = ("test",)
    has_subtitles: bool = False
    needs_judge: bool = False  # whether no comparison of words could score its answers
    max_new_tokens: int = SHORT_ANSWER_TOKENS


_BENCHMARKS = (
    Benchmark(
        "mvbench", "MVBench", read_mvbench, prompts.mvbench, letters.first_word, "task",
        averaged_over="task",
    ),
    Benchmark(
        "next-qa", "NExT-QA (multiple choice)", choice_sets.read_next_qa, prompts.letter,
        letters.earliest_letter, "group", splits=("test", "val"),
    ),
    Benchmark(
        "egoschema", "EgoSchema", choice_sets.read_ego_schema, prompts.letter,
        letters.earliest_letter, "split", splits=("subset", "full"),
    ),
    Benchmark(
        "activitynet-qa", "ActivityNet-QA", open_sets.reader_of(open_sets.ACTIVITYNET),
        prompts.short_answer, None, "type", judged="meaning", max_new_tokens=64,
    ),
    Benchmark(
        "msrvtt-qa", "MSRVTT-QA", open_sets.reader_of(open_sets.MSRVTT), prompts.short_answer,
        None, "type", judged="meaning", max_new_tokens=64,
    ),
    Benchmark(
        "msvd-qa", "MSVD-QA", open_sets.reader_of(open_sets.MSVD), prompts.short_answer, None,
        "type", judged="meaning", max_new_tokens=64,
    ),
    Benchmark(
        "tgif-qa", "TGIF-QA", open_sets.read_tgif, prompts.short_answer, None,
        "type", judged="meaning", max_new_tokens=64,
    ),
    Benchmark(
        "mm-vet", "MM-Vet", open_sets.read_mm_vet, prompts.alone, None, "capability",
        judged="elements", max_new_tokens=512,
    ),
    Benchmark(
        "video-mme", "Video-MME", choice_sets.read_video_mme, prompts.video_mme,
        letters.first_capital_even_of_best, "duration", has_subtitles=True,
    ),
    Benchmark(
        "mlvu", "MLVU dev (multiple choice)", read_mlvu, prompts.mlvu,
        letters.before_bracket, "task", averaged_over="task", splits=("dev",),
    ),
    Benchmark(
        "mlvu-generation", "MLVU dev (generation)", read_mlvu_generation, prompts.mlvu_generation,
        None, "task", judged="summary", averaged_over="task", splits=("dev",), needs_judge=True,
        max_new_tokens=512,
    ),
    Benchmark(
        "longvideobench", "LongVideoBench", choice_sets.read_long_video_bench, prompts.letter,
        letters.first_capital, "duration_group", splits=("val",), has_subtitles=True,
    ),
    Benchmark(
        "tempcompass", "TempCompass", tempcompass.read_temp_compass, prompts.temp_compass,
        tempcompass.match, "task", judged="option", averaged_over="task", max_new_tokens=128,
    ),
    Benchmark(
        "videovista", "VideoVista", choice_sets.read_video_vista, prompts.letter,
        letters.first_sign, "ability",
    ),
    Benchmark(
        "own", "Your own questions", read_own, prompts.own, letters.option_or_letter, "category",
        judged="meaning", splits=("all",), max_new_tokens=256,
    ),
)  # fmt: skip
BENCHMARKS = {benchmark.name: benchmark for benchmark in _BENCHMARKS}


def read_items(
    benchmark: Benchmark, folder: Path, options: ReadOptions, *, limit: int | None = None
) -> list[Item | BrokenItem]:
    """Return the questions of a benchmark, in their order, each with an id of its own.

    Args:
        benchmark: which one.
        folder: where its files are.
        options: which part of it.
        limit: how many questions at most.

    Raises:
        DatasetError: if a file is missing or something else.
        ConfigError: if there is no question of a category.
    """
    seen: dict[str, int] = {}
    taken: list[Item | BrokenItem] = []
    known: set[str] = set()
    for item in benchmark.read(folder, options):
        known.update(name for _, name in item.groups)
        seen[item.id] = seen.get(item.id, 0) + 1
        # A broken row that does not tell its groups may be of any category: it is not left out.
        is_unknown = isinstance(item, BrokenItem) and not item.groups
        if not is_unknown and not options.takes(item.groups):
            continue
        copies = seen[item.id]
        taken.append(item if copies == 1 else replace(item, id=f"{item.id}#{copies}"))
        if limit is not None and len(taken) == limit:
            break
    else:
        _check_categories(options, known, benchmark)
    return taken


def _check_categories(options: ReadOptions, known: set[str], benchmark: Benchmark) -> None:
    folded = {name.casefold() for name in known}
    for category in options.categories:
        if category.casefold() not in folded:
            raise ConfigError(
                f"No question of {benchmark.title} is in the category '{category}'."
                f" There are {', '.join(sorted(known)) or 'no categories'}",
                field="categories",
                hint="name one of those, or leave out --categories",
            )

"""The table of an ablation, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from linvt_cli.training.ablation.clip_sets import AblationRecipe
from linvt_cli.training.ablation.image_llm import Origin
from linvt_cli.training.ablation.results import ORDER, ImageResult, RunResult, share_of
from linvt_cli.training.ablation.variants import FULL, VARIANTS, Group, VariantSpec

COLUMNS: tuple[tuple[str, Collection[str] | None], ...] = (
    ("all", None),
    ("order and direction", ORDER),
    ("describe", ("describe",)),
    ("foreign", ("foreign",)),
)
_NOTHING = "-"
_TITLES: dict[Group, str] = {
    "variants": "Variants",
    "kept tokens": "Other numbers of kept tokens (k)",
    "video tokens": "Other numbers of video tokens (K): not the same budget",
}
_IMAGE_LLMS: dict[Origin, str] = {
    "image stage": "The image-LLM has seen stills and storyboards, never a token of LinVT's.",
    "shipped": (
        "The image-LLM is the shipped one. Its language model has learnt together with the whole"
        " LinVT, which favours `full` and what is like it: differences from `full` are partly"
        " due to that."
    ),
    "weights": (
        "The image-LLM is that of the given weights. If it has learnt together with a LinVT, that"
        " favours `full` and what is like it."
    ),
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Under which runs were made: what the caption says."""

    origin: Origin
    has_readers: bool
    recipe: AblationRecipe
    tokens_per_frame: int


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over seeds with its standard error, in percent."""

    value: float
    error: float | None  # None for a single run

    def __str__(self) -> str:
        """As it stands in the table."""
        if self.error is None:
            return f"{self.value:.1f}"
        return f"{self.value:.1f} ± {self.error:.1f}"


def mean_share(results: Sequence[RunResult], kinds: Collection[str] | None) -> Mean | None:
    """Mean share of exact answers over the runs of a variant; None where nothing was asked."""
    shares = [100 * share for result in results if (share := result.share(kinds)) is not None]
    if not shares:
        return None
    mean = sum(shares) / len(shares)
    if len(shares) == 1:
        return Mean(mean, None)
    variance = sum((share - mean) ** 2 for share in shares) / (len(shares) - 1)
    return Mean(mean, math.sqrt(variance / len(shares)))


def as_markdown(
    results: Sequence[RunResult], images: ImageResult | None, circumstances: Circumstances
) -> str:
    """Return the whole page: caption, a table for each group, and the questions about stills."""
    lines = ["# Ablation", "", *_caption(results, circumstances)]
    for group, title in _TITLES.items():
        rows = list(_rows(results, group))
        if rows:
            lines += ["", f"## {title}", "", *_header(), *rows]
    if images is not None:
        lines += ["", *_images(images)]
    return "\n".join(lines) + "\n"


def of_group(
    results: Sequence[RunResult], group: Group
) -> Iterator[tuple[VariantSpec, list[RunResult]]]:
    """The finished variants of a group with their runs; a sweep has a place for ``full`` too."""
    for spec in VARIANTS:
        runs = [result for result in results if result.variant == spec.name]
        if runs and (spec.group == group or spec.name == FULL):
            yield spec, runs


def _caption(results: Sequence[RunResult], under: Circumstances) -> Iterator[str]:
    recipe = under.recipe
    num_tokens = recipe.linvt.num_video_tokens
    num_frames = max(1, num_tokens // under.tokens_per_frame)
    asked = sum(total for _, total in results[0].exact.values()) if results else 0
    read = (
        ", and that of the words, read by the heads of its image stage" if under.has_readers else ""
    )
    multiplied = ", and multiplies in bfloat16" if recipe.bfloat16 else ""
    yield (
        "Exact answers in %, mean ± standard error over seeds; a row without an error is one run."
        f" All rows are asked the same {asked} questions about {recipe.num_test_clips} clips and"
        f" {recipe.num_test_foreign} foreign ones of the test split. Answers are read with the true"
        " one before them (teacher forcing): one is exact where greedy decoding would give it token"
        " for token. The error tells of training alone; what other questions would change comes on"
        " top, for all rows alike. `all` is without foreign clips and questions off the topic."
    )
    yield ""
    yield (
        f"{_IMAGE_LLMS[under.origin]} It is frozen{multiplied}. Every trained row learns from"
        f" nothing, for {recipe.num_steps} steps of {recipe.batch_size} clips with"
        f" {recipe.turns_per_clip} questions each, on {recipe.num_clips} clips and"
        f" {recipe.num_foreign} foreign ones; its loss is that of the answers{read}."
    )
    yield ""
    yield (
        f"The budget is {num_tokens} video tokens. `single-frame` has the"
        f" {under.tokens_per_frame} of its frame, `uniform-frames` {num_frames} whole frames of"
        f" {under.tokens_per_frame}. *Linear*: every video token is a convex combination of visual"
        " tokens; the other rows give the language model vectors that are none."
    )


def _header() -> Iterator[str]:
    names = [
        "variant",
        "what it is",
        "linear",
        "video tokens",
        "kept",
        "trained weights",
        "runs",
        *(name for name, _ in COLUMNS),
    ]
    yield _row(names)
    yield _row(["---"] * len(names))


def _rows(results: Sequence[RunResult], group: Group) -> Iterator[str]:
    found = list(of_group(results, group))
    if not any(spec.group == group for spec, _ in found):
        return
    for spec, runs in found:
        first = runs[0]
        cells = [
            f"`{spec.name}`",
            spec.summary,
            "yes" if first.linear else "no",
            str(first.num_video_tokens),
            _NOTHING if first.num_kept is None else str(first.num_kept),
            f"{first.num_weights:,}",
            str(len(runs)),
        ]
        yield _row([*cells, *(str(mean_share(runs, kinds) or _NOTHING) for _, kinds in COLUMNS)])


def _images(images: ImageResult) -> Iterator[str]:
    yield "## Questions about stills, before and after training on clips"
    yield ""
    yield (
        "One still of every test clip, all of its visual tokens, no LinVT. *Before* is the"
        " image-LLM of the rows above, *after* the weights that have learnt from clips too."
        " While LinVT alone learns, the image-LLM is frozen, and its answers about stills stay what"
        " they are."
    )
    yield ""
    yield _row(["kind", "questions", "before", "after"])
    yield _row(["---"] * 4)
    for kind, (_, total) in images.before.items():
        yield _row([kind, str(total), *_shares(images, (kind,))])
    total = sum(total for _, total in images.before.values())
    yield _row(["**all**", str(total), *_shares(images, tuple(images.before))])


def _shares(images: ImageResult, kinds: Collection[str]) -> list[str]:
    shares = [share_of(counts, kinds) for counts in (images.before, images.after)]
    return [_NOTHING if share is None else f"{100 * share:.1f}" for share in shares]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

"""All variants by name, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from linvt_cli.config import LinVTConfig
from linvt_cli.errors import ConfigError
from linvt_cli.training.ablation.nonlinear import ProjectedValues, PublishedArithmetic
from linvt_cli.training.ablation.parts import (
    EverythingKept,
    LinVTVariant,
    RandomChoice,
    ScoredTokens,
)
from linvt_cli.training.ablation.shared_queries import SharedAggregator
from linvt_cli.training.ablation.variant import Variant
from linvt_cli.training.ablation.weight_free import WeightFree, WholeFrames
from linvt_cli.training.features import NUM_FRAMES
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer

Group = Literal["variants", "kept tokens", "video tokens"]
FULL = "full"


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """One row of the table."""

    name: str
    summary: str
    build: Callable[[LinVTConfig, int], Variant]  # of a config and N
    group: Group = "variants"  # or what is swept
    trained: bool = True
    coverage: bool = False  # whether the coverage loss of nano's recipe is added


def _whole_frames(config: LinVTConfig, num_cells: int) -> Variant:
    return WholeFrames(max(1, config.num_video_tokens // num_cells))


def _linvt(config: LinVTConfig, num_cells: int) -> Variant:
    return LinVTVariant(config)


def _without_text(config: LinVTConfig, num_cells: int) -> Variant:
    return LinVTVariant(replace(config, text_conditioned=False))


def _single_scale(config: LinVTConfig, num_cells: int) -> Variant:
    one_scale = replace(config, scales=(1,), num_queries=(config.num_video_tokens,))
    return LinVTVariant(one_scale)


def _keeping(num_kept: int) -> Callable[[LinVTConfig, int], Variant]:
    return lambda config, num_cells: LinVTVariant(replace(config, num_kept=num_kept))


def _choosing(num_kept: int) -> Callable[[LinVTConfig, int], Variant]:
    return lambda config, num_cells: RandomChoice(replace(config, num_kept=num_kept))


def _with_tokens(times: float) -> Callable[[LinVTConfig, int], Variant]:
    def build(config: LinVTConfig, num_cells: int) -> Variant:
        queries = tuple(max(1, round(count * times)) for count in config.num_queries)
        return LinVTVariant(replace(config, num_queries=queries))

    return build


VARIANTS: tuple[VariantSpec, ...] = (
    VariantSpec("single-frame", "the middle frame", lambda c, n: WholeFrames(1), trained=False),
    VariantSpec(
        "uniform-frames",
        "as many evenly spaced whole frames as K tokens hold",
        _whole_frames,
        trained=False,
    ),
    VariantSpec(
        "mean",
        "means over equal parts of every frame",
        lambda c, n: WeightFree(MeanTokenizer(c.num_video_tokens)),
        trained=False,
    ),
    VariantSpec(
        "cluster",
        "means of K clusters of alike tokens",
        lambda c, n: WeightFree(ClusterTokenizer(c.num_video_tokens)),
        trained=False,
    ),
    VariantSpec("random", "tokens kept at random, aggregator", lambda c, n: RandomChoice(c)),
    VariantSpec("svr-only", "the K best tokens, no aggregator", lambda c, n: ScoredTokens(c)),
    VariantSpec(
        "tta-only",
        "every token kept and none scored, aggregator",
        lambda c, n: EverythingKept(c, NUM_FRAMES * n),
    ),
    VariantSpec("no-text", "the aggregator does not read the question", _without_text),
    VariantSpec("single-scale", "kept tokens are not pooled", _single_scale),
    VariantSpec(
        "shared-queries",
        "one set of queries sees all scales",
        lambda c, n: LinVTVariant(c, aggregator=SharedAggregator(c)),
    ),
    VariantSpec(
        "projected",
        "value and output projections, begun at random",
        lambda c, n: ProjectedValues(c, as_identity=False),
    ),
    VariantSpec(
        "projected-from-identity",
        "value and output projections, begun as the identity",
        lambda c, n: ProjectedValues(c, as_identity=True),
    ),
    VariantSpec("official", "the published arithmetic", lambda c, n: PublishedArithmetic(c)),
    VariantSpec(FULL, "LinVT", _linvt),
    VariantSpec(
        "full-coverage",
        "LinVT, told where things are (coverage loss of nano's recipe)",
        _linvt,
        coverage=True,
    ),
    VariantSpec("k-48", "LinVT", _keeping(48), "kept tokens"),
    VariantSpec("k-96", "LinVT", _keeping(96), "kept tokens"),
    VariantSpec("k-192", "LinVT", _keeping(192), "kept tokens"),
    VariantSpec("k-576", "LinVT", _keeping(576), "kept tokens"),
    VariantSpec("random-k-96", "tokens kept at random", _choosing(96), "kept tokens"),
    VariantSpec("quarter-tokens", "LinVT", _with_tokens(0.25), "video tokens"),
    VariantSpec("half-tokens", "LinVT", _with_tokens(0.5), "video tokens"),
    VariantSpec("double-tokens", "LinVT", _with_tokens(2.0), "video tokens"),
)


def select_variants(names: str | None) -> tuple[VariantSpec, ...]:
    """Return the variants of a comma-separated list of names, in the table's order; None is all.

    Raises:
        ConfigError: No variant has one of the names, or none is named.
    """
    if names is None:
        return VARIANTS
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = [spec.name for spec in VARIANTS]
    for name in wanted:
        if name not in known:
            close = get_close_matches(name, known, n=3, cutoff=0.4)
            raise ConfigError(
                f"Unknown variant '{name}'. Available: {', '.join(known)}",
                field="only",
                hint=f"did you mean {' or '.join(close)}?" if close else "leave out --only for all",
            )
    if not wanted:
        raise ConfigError(
            "No variant is named", field="only", hint=f"--only single-frame,cluster,{FULL}"
        )
    return tuple(spec for spec in VARIANTS if spec.name in wanted)


def runs_of(specs: tuple[VariantSpec, ...], num_seeds: int) -> Iterator[tuple[VariantSpec, int]]:
    """Every (variant, seed) to run: all variants with one seed, then with the next.

    What is not trained comes out alike for every seed, and is run once.
    """
    for seed in range(num_seeds):
        for spec in specs:
            if spec.trained or seed == 0:
                yield spec, seed


_SLOWEST = ("official",)  # question by question
_SLOW = ("double-tokens", "k-576", "tta-only")


def handed_out(runs: Iterable[tuple[VariantSpec, int]]) -> list[tuple[VariantSpec, int]]:
    """Order runs for processes side by side: seed by seed, long ones first.

    The slowest are first of all, with every seed: begun last, one would keep all others waiting.
    """

    def place(run: tuple[VariantSpec, int]) -> tuple[bool, int, bool]:
        spec, seed = run
        return spec.name not in _SLOWEST, seed, spec.name not in _SLOW

    return sorted(runs, key=place)

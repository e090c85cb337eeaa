"""Options that several commands take together, each group declared once.

A command takes a group as one parameter, and typer sees the options that the group is made of::

    @with_option_groups
    def chat(video: VideoArgument, looked: FramesGroup, quiet: QuietOption = False) -> None: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any, get_args

import typer

from linvt_cli.cli import options
from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.output import print_message
from linvt_cli.config import MIN_COVERAGE, TOKEN_CACHE_MIB, GenerationConfig

_GENERATION = GenerationConfig()


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """Makes one value of the options that ``make`` declares as its parameters."""

    make: Callable[..., Any]
    without: tuple[str, ...] = ()  # parameters that keep their defaults, and are no options
    settled: tuple[tuple[str, Any], ...] = ()  # parameters with the values that they have instead

    @property
    def parameters(self) -> list[inspect.Parameter]:
        """The options of the group."""
        declared = inspect.signature(self.make, eval_str=True).parameters
        left_out = {*self.without, *dict(self.settled)}
        return [parameter for name, parameter in declared.items() if name not in left_out]

    def value(self, **chosen: Any) -> Any:
        """What the group makes of the options that were chosen."""
        return self.make(**chosen, **dict(self.settled))


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take groups of options, each as one parameter.

    Args:
        command: its parameters that are annotated with an ``OptionGroup`` have no default.
    """
    groups: dict[str, OptionGroup] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        of_parameter = [a for a in get_args(parameter.annotation) if isinstance(a, OptionGroup)]
        if of_parameter:
            groups[parameter.name] = of_parameter[0]
            parameters += of_parameter[0].parameters
        else:
            parameters.append(parameter)

    @wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            chosen = {option.name: given.pop(option.name) for option in group.parameters}
            given[name] = group.value(**chosen)
        command(**given)

    by_name = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    run.__signature__ = inspect.Signature(by_name)  # type: ignore[attr-defined]
    return run


def _frames(
    frames: options.FramesOption = None,
    fps: options.FpsOption = None,
    at: options.AtOption = None,
    start: options.StartOption = None,
    end: options.EndOption = None,
    decoder: options.DecoderOption = "auto",
    min_coverage: options.MinCoverageOption = MIN_COVERAGE,
) -> FrameOptions:
    return FrameOptions(frames, fps, at, start, end, decoder, min_coverage)


def _model(
    model: options.ModelOption = None,
    tokenizer: options.TokenizerOption = None,
    video_tokens: options.VideoTokensOption = None,
    checkpoint: options.CheckpointOption = None,
    device: options.DeviceOption = "auto",
    weights: options.WeightsOption = None,
    quant: options.QuantOption = "auto",
    dtype: options.DtypeOption = "auto",
    pull: options.PullOption = False,
    keep_quantized: options.KeepQuantizedOption = True,
    token_cache: options.TokenCacheOption = TOKEN_CACHE_MIB,
    no_token_cache: options.NoTokenCacheOption = False,
    offline: options.OfflineOption = False,
) -> ModelOptions:
    return ModelOptions(
        model,
        tokenizer,
        video_tokens,
        checkpoint,
        device,
        offline,
        weights,
        quant,
        dtype,
        pull,
        keep_quantized,
        0 if no_token_cache else token_cache,
    )


def _sampling(
    context: typer.Context,
    max_new_tokens: options.MaxNewTokensOption = _GENERATION.max_new_tokens,
    temperature: options.TemperatureOption = _GENERATION.temperature,
    top_p: options.TopPOption = _GENERATION.top_p,
    seed: options.SeedOption = _GENERATION.seed,
) -> GenerationConfig:
    generation = GenerationConfig(max_new_tokens, temperature, top_p, seed)
    if not (temperature or context.params.get("quiet")):
        _tell_of_useless(context, ("top_p", "seed"))
    return generation


def _tell_of_useless(context: typer.Context, names: Sequence[str]) -> None:
    """Say which of these options were typed although nothing is drawn."""
    sources = [(name, context.get_parameter_source(name)) for name in names]
    typed = [
        f"--{name.replace('_', '-')}"
        for name, source in sources
        if source is not None and source.name == "COMMANDLINE"
    ]
    if typed:
        print_message(f"note: only a --temperature above 0 makes use of {' and '.join(typed)}")


_DRAWS = ("temperature", "top_p", "seed")

FramesGroup = Annotated[FrameOptions, OptionGroup(_frames)]
EvenFramesGroup = Annotated[FrameOptions, OptionGroup(_frames, without=("fps", "at"))]
WholeVideoGroup = Annotated[FrameOptions, OptionGroup(_frames, without=("at", "start", "end"))]
ModelGroup = Annotated[ModelOptions, OptionGroup(_model)]
_UNCACHED = (("no_token_cache", True),)
UncachedModelGroup = Annotated[
    ModelOptions, OptionGroup(_model, without=("token_cache",), settled=_UNCACHED)
]
WatchingModelGroup = Annotated[
    ModelOptions,
    OptionGroup(_model, without=("quant", "keep_quantized", "token_cache"), settled=_UNCACHED),
]
GenerationGroup = Annotated[GenerationConfig, OptionGroup(_sampling)]
GreedyGroup = Annotated[GenerationConfig, OptionGroup(_sampling, without=_DRAWS)]

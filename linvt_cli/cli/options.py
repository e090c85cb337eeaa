"""Options that several commands share, each declared once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from linvt_cli.cli.completion import complete_model
from linvt_cli.config import (
    DecoderChoice,
    DtypeChoice,
    QuantizationChoice,
)
from linvt_cli.types import TokenizerName

VideoArgument = Annotated[str, typer.Argument(metavar="VIDEO", help="Video or picture file")]


def _usual_frames(context: typer.Context, value: int | None) -> int | None:
    """Return how many frames were asked for.

    A number that was set once, and not typed, is none of a limit: it gives way to times and rates.
    """
    typed = context.get_parameter_source("frames")
    chosen = context.params.get("fps"), context.params.get("at")
    if typed is not None and typed.name != "COMMANDLINE" and chosen != (None, None):
        return None
    return value


FramesOption = Annotated[
    int | None,
    typer.Option(
        "--frames",
        envvar="LINVT_FRAMES",
        callback=_usual_frames,
        min=1,
        metavar="N",
        help="Look at N evenly spaced frames [default: the model's own number];"
        " with --fps, at N at most",
    ),
]
FpsOption = Annotated[
    float | None, typer.Option("--fps", metavar="RATE", help="Look at RATE frames a second instead")
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="T,T,…", help="Look at the frames shown at these times: seconds or h:mm:ss"
    ),
]
StartOption = Annotated[
    str | None, typer.Option("--start", metavar="T", help="Ignore what comes before T")
]
EndOption = Annotated[
    str | None, typer.Option("--end", metavar="T", help="Ignore what comes after T")
]
DecoderOption = Annotated[
    DecoderChoice,
    typer.Option(
        "--decoder",
        envvar="LINVT_DECODER",
        help="Library that decodes; auto takes the cheapest exact one",
    ),
]
MinCoverageOption = Annotated[
    float,
    typer.Option(
        "--min-coverage",
        envvar="LINVT_MIN_COVERAGE",
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Refuse to answer when less than this share of the frames can be decoded",
    ),
]


def model_option(help_text: str) -> Any:
    """Return the option that names an image-LLM, with what it means to one command."""
    return typer.Option(
        "--model",
        envvar="LINVT_MODEL",
        autocompletion=complete_model,
        metavar="NAME",
        help=help_text,
    )


NAMED_OR_LARGEST = (
    "Image-LLM: a name of 'linvt models list', a folder with its files, hub:owner/name[@revision],"
    " or auto: the largest on this machine that fits"
)
ModelOption = Annotated[
    str | None,
    model_option(f"{NAMED_OR_LARGEST} [default: auto with a CUDA device, else nano]"),
]
TokenizerOption = Annotated[
    TokenizerName | None,
    typer.Option(
        "--tokenizer",
        envvar="LINVT_TOKENIZER",
        help="How visual tokens are condensed: linvt is trained, cluster needs no training, mean"
        " averages equal parts of the video, all keeps everything [default: the model's best]",
    ),
]
VideoTokensOption = Annotated[
    int | None,
    typer.Option(
        "--video-tokens", min=1, metavar="N", help="Condense to N video tokens (not for linvt, all)"
    ),
]
CheckpointOption = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        metavar="DIR",
        help="Folder with the weights of a trained LinVT, or hub:owner/name",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device", envvar="LINVT_DEVICE", metavar="DEVICE", help="auto, cpu, cuda or cuda:N"
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="DIR",
        help="Folder with the model's files [default: where 'linvt models pull' puts them, else the"
        " cache of Hugging Face tools]",
    ),
]
QuantOption = Annotated[
    QuantizationChoice,
    typer.Option(
        "--quant",
        envvar="LINVT_QUANT",
        help="Quantization of the language model: none, int8 or nf4 (4-bit); auto uses the least"
        " that fits in memory",
    ),
]
DtypeOption = Annotated[
    DtypeChoice,
    typer.Option("--dtype", envvar="LINVT_DTYPE", help="Data type (dtype) for computing"),
]
KeepQuantizedOption = Annotated[
    bool,
    typer.Option(
        "--keep-quantized/--no-keep-quantized",
        envvar="LINVT_KEEP_QUANTIZED",
        help="Keep what was quantized once, and read it at later starts",
    ),
]
TokenCacheOption = Annotated[
    int,
    typer.Option(
        "--token-cache",
        envvar="LINVT_TOKEN_CACHE",
        min=0,
        metavar="MIB",
        help="Keep the visual tokens of videos, in so much room, for later questions",
    ),
]
NoTokenCacheOption = Annotated[
    bool, typer.Option("--no-token-cache", help="Look at the video anew, and keep nothing of it")
]
OfflineOption = Annotated[
    bool,
    typer.Option(
        "--offline/--no-offline", envvar="LINVT_OFFLINE", help="Open no network connection"
    ),
]
PullOption = Annotated[
    bool,
    typer.Option("--pull", help="Fetch the model if it is not here, even without a terminal"),
]
MaxNewTokensOption = Annotated[
    int,
    typer.Option(
        "--max-new-tokens",
        envvar="LINVT_MAX_NEW_TOKENS",
        min=1,
        metavar="N",
        help="Stop an answer after N tokens",
    ),
]
TemperatureOption = Annotated[
    float,
    typer.Option("--temperature", metavar="T", help="Sampling temperature; 0 is greedy decoding"),
]
TopPOption = Annotated[
    float,
    typer.Option(
        "--top-p",
        metavar="P",
        help="Nucleus sampling: sample from the most likely tokens whose probabilities sum to P",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help="Random seed for sampling")]
ChoicesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--choices",
        metavar="A,B,…",
        help="Answer with the most probable of these; a JSON list, or the option once for each,"
        " where they hold commas",
    ),
]
YesNoOption = Annotated[bool, typer.Option("--yes-no", help="Answer with Yes or No")]
AbstainBelowOption = Annotated[
    float | None,
    typer.Option(
        "--abstain-below",
        min=0.0,
        max=1.0,
        metavar="P",
        help="Give no answer when the best choice is less probable than P",
    ),
]
SchemaOption = Annotated[
    str | None,
    typer.Option("--schema", metavar="FILE", help="Answer in JSON that fits this JSON schema"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document")]
JsonlOption = Annotated[bool, typer.Option("--jsonl", help="Print one JSON line for each answer")]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite files that are there")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print what was asked for, and errors")]

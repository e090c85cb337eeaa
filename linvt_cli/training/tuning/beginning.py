"""What a run begins with: the frozen image-LLM, and a LinVT that is new or goes on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, DistributedType
from safetensors import SafetensorError, safe_open

from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.backbones.loading import select_device
from linvt_cli.backbones.registry import BACKBONES, BackboneSpec
from linvt_cli.config import LinVTConfig, Workload
from linvt_cli.errors import ConfigError, OutOfMemoryError
from linvt_cli.pipeline.loading import LoadedImageLLM, load_image_llm
from linvt_cli.pipeline.model_choice import find_checkpoint, find_model
from linvt_cli.pipeline.precision import choose_dtype
from linvt_cli.training.tuning.settings import TokenizerShape, TuningSettings
from linvt_cli.video_tokenizer.checkpoint import WEIGHTS_FILE, load_checkpoint
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from linvt_cli.video_tokenizer.package import ADAPTER, ADAPTER_FILES

_NCCL = "NCCL_P2P_DISABLE"  # what accelerate asks for where cards cannot write to each other
_SETTLED = "already been initialized"  # as accelerate says it
_SUPPORTED = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)


def make_accelerator(settings: TuningSettings) -> Accelerator:
    """Return what knows of other processes, and computes in 16 bits where the model does.

    Raises:
        ConfigError: if the device or the dtype makes no sense, accelerate has settled on another
            dtype in this process before, weights are to be shared out, or the driver is too old for
            several cards of the RTX 40 series.
        DeviceError: if this machine lacks the device.
    """
    device = select_device(settings.device)
    dtype = training_dtype(settings, device)
    try:
        accelerator = Accelerator(
            cpu=device.type == "cpu",
            mixed_precision="bf16" if dtype == torch.bfloat16 else "no",
            kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        )
    except ValueError as error:
        if _SETTLED not in str(error):
            raise
        raise ConfigError(
            "This process has trained in another dtype before, or on a GPU, and accelerate keeps to"
            " that",
            field="dtype",
            hint="train each in a process of its own",
        ) from error
    except NotImplementedError as error:
        if _NCCL not in str(error):
            raise
        raise ConfigError(
            "This machine has several RTX 40 cards, and its NVIDIA driver is too old to train with"
            " them as they are",
            field="processes",
            hint=f"{_NCCL}=1 NCCL_IB_DISABLE=1 linvt train …, or install driver 550.40.07",
        ) from error
    if device.type == "cuda" and accelerator.num_processes == 1:
        torch.cuda.set_device(device)  # or accelerate, and kernels, would take the first one
    if accelerator.distributed_type not in _SUPPORTED:
        raise ConfigError(
            f"Processes that share the work as {accelerator.distributed_type.value} are not"
            " supported",
            field="processes",
            hint="use torchrun, or accelerate launch with plain data parallelism",
        )
    return accelerator


def training_dtype(settings: TuningSettings, device: torch.device) -> torch.dtype:
    """Return the dtype of the frozen weights: bfloat16 where the device has it, else float32."""
    spec, _ = find_model(settings.model)
    dtype = choose_dtype(settings.dtype, device, spec)
    return torch.float32 if dtype == torch.float16 else dtype


def load_frozen(
    settings: TuningSettings, accelerator: Accelerator, *, frames: int
) -> tuple[LoadedImageLLM, TunableBackbone]:
    """Load the image-LLM of a run, no weight of which takes a gradient.

    Raises:
        LinVTError: as ``VideoQA.load`` does.
    """
    device = select_device(settings.device)
    if device.type != "cpu" and accelerator.num_processes > 1:
        device = accelerator.device  # that this process was started for
    try:
        loaded = load_image_llm(
            settings.model,
            device=str(device),
            weights=settings.weights,
            quantization="none",
            dtype=str(training_dtype(settings, device)).removeprefix("torch."),
            work=Workload(frames=frames),
            keep_quantized=False,
            on_notice=lambda _: None,
        )
    except OutOfMemoryError as error:  # whose hint is about answering, in fewer bits
        raise OutOfMemoryError(
            error.message, hint="use a smaller --model (linvt models list), or another --device"
        ) from error
    except ConfigError as error:
        if error.field != "quant":
            raise
        raise ConfigError(
            f"{error.message}: training needs the weights as they were first published",
            field="model",
            hint="name the model or the folder that is not quantized",
        ) from error
    backbone = cast("TunableBackbone", loaded.backbone)  # all of the catalogue are
    backbone.model.requires_grad_(False)
    return loaded, backbone


def first_linvt(
    settings: TuningSettings,
    backbone: TunableBackbone,
    source: Path | None,
    *,
    revision: str | None = None,
) -> LinearVideoTokenizer:
    """Return the LinVT that a stage begins with, in float32.

    Args:
        settings: of the run.
        backbone: which it will work with.
        source: checkpoint to begin with; None for a new one.
        revision: of the backbone's weights.

    Raises:
        CheckpointError: if the checkpoint cannot be used with the backbone.
        ConfigError: if a new one cannot be built, or the checkpoint has another shape.
    """
    if source is not None:
        linvt = load_checkpoint(
            source,
            backbone_name=backbone.name,
            embed_dim=backbone.embed_dim,
            device=backbone.device,
            dtype=torch.float32,
            backbone_revision=revision,
        )
        _require_shape(settings, linvt.config, source)
        return linvt.train().requires_grad_(True)
    torch.manual_seed(settings.seed)
    shape = asdict(settings.shape or TokenizerShape())
    config = LinVTConfig(embed_dim=backbone.embed_dim, **shape)
    if config.num_video_tokens >= backbone.max_context:
        raise ConfigError(
            f"'{backbone.name}' takes {backbone.max_context} tokens at once, and"
            f" {config.num_video_tokens} video tokens leave no room",
            field="queries",
            hint="--queries 32,16,16",
        )
    return LinearVideoTokenizer(config).to(backbone.device)


def _require_shape(settings: TuningSettings, config: LinVTConfig, source: Path) -> None:
    wanted = {} if settings.shape is None else asdict(settings.shape)
    for name, value in wanted.items():
        found = getattr(config, name)
        if found != value:
            raise ConfigError(
                f"The LinVT of '{source}' has another '{name}': {found}, not {value}",
                field=name,
                hint="leave out --queries, --scales, --kept and --positions, or name another"
                " folder",
            )


def first_checkpoint(settings: TuningSettings, stage: str) -> Path | None:
    """Return the checkpoint that a stage begins with: that of the stage before, or the named one.

    The named one comes before the stage before where the run does not take that stage itself.

    Raises:
        BackboneLoadError: if a repository that is named is not on this machine.
        ConfigError: if the stage has no place for the LoRA of the checkpoint, or the stage before
            is not finished.
    """
    aligned = settings.run_dir / "align"
    goes_on = settings.checkpoint is None or "align" in settings.stages
    if stage == "instruct" and aligned.is_dir() and goes_on and not is_unfinished(settings.run_dir):
        return aligned
    if settings.checkpoint is None:
        if stage == "instruct" and (settings.run_dir / "align.safetensors").exists():
            raise ConfigError(
                f"The align stage in '{settings.run_dir}' is not finished, and the instruct stage"
                " begins with its LinVT",
                field="stage",
                hint="finish it with --stage align, or name a --checkpoint to begin with",
            )
        return None
    source = find_checkpoint(settings.checkpoint)
    if stage == "align" and (source / ADAPTER).exists():
        raise ConfigError(
            f"Checkpoint '{source}' has a LoRA, and the align stage trains none",
            field="stage",
            hint="use --stage instruct",
        )
    return source


def lasting_name(spec: BackboneSpec) -> str:
    """Return what a model is called wherever its files lie; their revision tells the rest."""
    return spec.name if spec.name in {row.name for row in BACKBONES} else spec.family


def is_unfinished(run_dir: Path) -> bool:
    """Whether the align stage of a run was begun, and has not taken all of its steps."""
    try:
        with safe_open(run_dir / "align.safetensors", framework="pt") as file:
            about = file.metadata()
            return int(about["step"]) < int(json.loads(about["facts"])["steps"])
    except FileNotFoundError:
        return False
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return True  # going on with it says what is wrong


def require_align_before_instruct(settings: TuningSettings) -> None:
    """Refuse to align anew where what followed is there: its result would be lost for nothing.

    Raises:
        ConfigError: if it is.
    """
    run_dir = settings.run_dir
    instructed = run_dir / "instruct.safetensors"
    is_aligned = (run_dir / "align").is_dir() and (run_dir / "align.safetensors").exists()
    if "align" not in settings.stages or not instructed.exists():
        return
    if not is_aligned or is_unfinished(run_dir):
        raise ConfigError(
            f"'{instructed}' went on from another LinVT than the align stage would now end with",
            field="stage",
            hint="name another folder; or remove the file, and the result will be replaced",
        )


def content_of(source: Path | None) -> str | None:
    """Return a hash of what a checkpoint holds, wherever it lies; None where there is none."""
    if source is None:
        return None
    digest = hashlib.sha256()
    for path in (source / WEIGHTS_FILE, *(source / ADAPTER / name for name in ADAPTER_FILES)):
        if path.exists():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]

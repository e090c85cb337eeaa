"""What a run of training is told, with defaults and checks. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from linvt_cli.config import DtypeChoice, PositionLayout
from linvt_cli.errors import ConfigError

StageName = Literal["align", "instruct"]
STAGES: tuple[StageName, ...] = ("align", "instruct")
"""In their order: LinVT alone, then LinVT with a LoRA on the language model."""

LEARNING_RATES: dict[StageName, float] = {"align": 5e-4, "instruct": 2e-4}


@dataclass(frozen=True, slots=True)
class TokenizerShape:
    """The shape of a new LinVT; its width is the backbone's."""

    scales: tuple[int, ...] = (1, 2, 4)
    num_queries: tuple[int, ...] = (32, 16, 16)  # K is their sum
    num_kept: int = 1024  # k
    score_dim: int = 512
    position_layout: PositionLayout = "flat"


@dataclass(frozen=True, slots=True)
class LoraShape:
    """The shape of a new LoRA on all linear layers of the language model."""

    rank: int = 16
    alpha: int = 32  # its weight is alpha / rank
    dropout: float = 0.05

    def __post_init__(self) -> None:
        """Refuse shapes that cannot be built."""
        if self.rank < 1 or self.alpha < 1 or not 0 <= self.dropout < 1:
            raise ConfigError(
                f"A LoRA of rank {self.rank}, alpha {self.alpha} and dropout {self.dropout} cannot"
                " be built",
                field="lora_rank",
                hint="--lora-rank 16",
            )


@dataclass(frozen=True, slots=True)
class Optimization:
    """How the weights of a stage are changed: AdamW, a warm-up, a cosine."""

    num_steps: int | None = None
    num_epochs: float = 1.0  # where the number of steps is left open
    batch_size: int = 4  # samples that one process reads at once
    accumulate: int = 1  # such batches in one step
    learning_rate: float | None = None  # the stage's own where left open
    warmup_share: float = 0.03  # of the steps
    final_share: float = 0.03  # of the learning rate, at the end
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    gradient_checkpointing: bool = False  # layers are computed twice, and take less memory
    save_every: int = 100  # steps

    def __post_init__(self) -> None:
        """Refuse numbers with which nothing is learnt."""
        if self.num_steps is not None and self.num_steps < 1:
            raise ConfigError(
                f"At least one step is needed, not {self.num_steps}",
                field="steps",
                hint="--steps 1000",
            )
        if not 0 < self.num_epochs < float("inf"):
            raise ConfigError(
                f"The number of epochs must be above 0, not {self.num_epochs}",
                field="epochs",
                hint="--epochs 1",
            )
        if min(self.batch_size, self.accumulate, self.save_every) < 1:
            raise ConfigError(
                "Batches, accumulated batches and steps between checkpoints must be 1 or more",
                field="batch_size",
                hint="--batch-size 4 --accumulate 1 --save-every 100",
            )
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise ConfigError(
                f"The learning rate must be in (0, 1), not {self.learning_rate}",
                field="learning_rate",
                hint="--learning-rate 2e-4",
            )


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """One run: what is trained, on what, and where it is kept."""

    model: str
    run_dir: Path
    data: tuple[Path, ...]
    videos: Path | None = None  # where relative names of videos begin; else beside the data
    stages: tuple[StageName, ...] = STAGES
    frames: int | None = None  # the model's own number where left open
    checkpoint: str | None = None  # LinVT to begin with; a new one where left out
    shape: TokenizerShape | None = None  # of a new one
    lora: LoraShape = field(default_factory=LoraShape)
    optimization: Optimization = field(default_factory=Optimization)
    cache_features: Path | None = None  # folder of frozen vision features, if they are kept
    max_bad: int = 100
    seed: int = 0
    device: str = "auto"
    dtype: DtypeChoice = "auto"
    weights: str | None = None
    workers: int | None = None  # processes that decode; as many as suit the machine

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if not self.data:
            raise ConfigError(
                "There is no data to train on",
                field="data",
                hint="linvt train DATA.jsonl --model NAME -o DIR",
            )
        if self.checkpoint is not None and self.shape is not None:
            raise ConfigError(
                "A LinVT that training begins with has a shape of its own",
                field="checkpoint",
                hint="leave out --queries, --scales, --kept and --positions, or --checkpoint",
            )
        if self.dtype == "float16":
            raise ConfigError(
                "Gradients are too small for float16",
                field="dtype",
                hint="use --dtype bfloat16 or --dtype float32",
            )

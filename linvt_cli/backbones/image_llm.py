"""What all image-LLMs of transformers have in common: the backbone contract but for a few lines.

An adapter says how pictures become pixel values and those become visual tokens.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from linvt_cli.backbones.chat import Chat, ChatTemplate
from linvt_cli.backbones.copy_description import passed_before
from linvt_cli.backbones.language_model import (
    LanguageModelCache,
    repeat_cache,
    run_language_model,
)
from linvt_cli.backbones.loading import wait_for
from linvt_cli.backbones.mapped_ahead import default_threads, mapped_ahead
from linvt_cli.backbones.original_layout import load_model
from linvt_cli.backbones.snapshot import (
    COMPLETE_HINT,
    read_config,
    require_type,
    require_weights,
)
from linvt_cli.backbones.text_tokenizers import add_marks, load_tokenizer, mark_ids
from linvt_cli.backbones.token_bytes import Speller, speller, token_bytes
from linvt_cli.backbones.tower_check import require_working_tower
from linvt_cli.config import FRAMES_PER_BATCH, Quantization
from linvt_cli.errors import BackboneLoadError
from linvt_cli.types import Frames, Turn, VideoPlacement, VisualFeatures

if TYPE_CHECKING:
    from linvt_cli.backbones.spec import BackboneSpec

Blueprint = tuple[type[PreTrainedModel], PreTrainedConfig]
PixelValues = dict[str, Tensor]
Grid = tuple[int, int]


class ImageLLM(ABC):
    """An image-LLM of transformers behind the backbone contract.

    Args:
        name: of the registry row.
        model: the whole image-LLM, in evaluation mode, where it is to run.
        tokenizer: its text tokenizer.
    """

    frames_apart = True
    model_types: ClassVar[tuple[str, ...]]  # of the configurations that it loads
    full_precision: ClassVar[tuple[str, ...]]  # full names of modules that are never quantized
    template: ChatTemplate
    stop_tokens: tuple[str, ...]  # texts of the tokens that end an answer
    image_mark: ClassVar[str | None] = None  # stands for an image's tokens in the template
    late_marks: ClassVar[tuple[str, ...]] = ()  # that are put behind the vocabulary while loading
    frames_per_batch: ClassVar[int] = FRAMES_PER_BATCH
    num_position_axes: ClassVar[int | None] = None  # None for plain positions

    def __init__(self, name: str, model: PreTrainedModel, tokenizer: Any) -> None:
        self.name = name
        self.model: Any = model
        self.tokenizer = tokenizer
        self.stop_ids = frozenset(mark_ids(tokenizer, self.stop_tokens, owner=name))
        mark_ids(tokenizer, [self.image_mark] if self.image_mark else [], owner=name)
        self.chat = Chat(tokenizer, self.template, self.image_mark)
        self.converses = self.template.going_on is not None
        self.max_context: int = self.model.config.get_text_config().max_position_embeddings
        table = self.decoder().get_input_embeddings()
        self.embed_dim: int = table.weight.shape[1]
        self.device: torch.device = table.weight.device
        self.dtype: torch.dtype = table.weight.dtype

    @classmethod
    def load(
        cls,
        spec: BackboneSpec,
        *,
        folder: Path,
        device: torch.device,
        dtype: torch.dtype,
        quantization: Quantization = "none",
    ) -> Self:
        """Load a checkpoint of the public repository.

        Args:
            spec: the row of the catalogue.
            folder: the checkpoint's files.
            device: where the model goes.
            dtype: of all weights that are not quantized.
            quantization: of the language model's linear layers.

        Raises:
            BackboneLoadError: if the folder holds no complete checkpoint of such a model.
        """
        raw = read_config(folder)
        require_type(folder, raw, cls.model_types)
        require_weights(folder)
        tokenizer = load_tokenizer(folder)
        add_marks(tokenizer, cls.late_marks)
        model = load_model(
            *cls._blueprint(raw, folder),
            folder,
            device=device,
            dtype=dtype,
            quantization=quantization,
            full_precision=cls.full_precision,
        )
        backbone = cls(spec.name, model, tokenizer)
        narrowed = quantization != "none" or dtype != torch.float32
        if narrowed and not passed_before(folder, dtype=dtype, device=device):
            require_working_tower(
                lambda pixels: backbone.encode_pictures(pixels)[0], folder=folder, dtype=dtype
            )
        return backbone

    @classmethod
    @abstractmethod
    def blueprint(cls, raw: dict[str, Any], folder: Path) -> Blueprint:
        """Return the class that loads a checkpoint, and its configuration.

        Args:
            raw: the checkpoint's ``config.json``, of one of ``model_types``.
            folder: its files, for what the configuration does not say.

        Raises:
            BackboneLoadError: if it is of a kind that cannot be loaded.
        """

    @classmethod
    def _blueprint(cls, raw: dict[str, Any], folder: Path) -> Blueprint:
        try:
            return cls.blueprint(raw, folder)
        except (KeyError, TypeError, ValueError, AttributeError, StrictDataclassError) as error:
            cause = str(error).strip().partition("\n")[0]
            raise BackboneLoadError(
                f"The config.json in '{folder}' describes no {raw['model_type']}:"
                f" {type(error).__name__}: {cause}",
                hint=COMPLETE_HINT,
            ) from error

    def decoder(self) -> Any:
        """Return the language model without its head."""
        return self.model.model.language_model

    def head(self, hidden: Tensor) -> Tensor:
        """Return logits over the vocabulary: (B, P, D) -> (B, P, V)."""
        logits: Tensor = self.model.lm_head(hidden)
        return logits

    @abstractmethod
    def pixel_values(self, pixels_THWC: np.ndarray[Any, Any]) -> tuple[PixelValues, Grid]:
        """Prepare pictures as the model's own processor does, and say the grid of their tokens.

        Args:
            pixels_THWC: (T, H, W, 3) uint8.

        Returns:
            Tensors on the CPU, float32, and rows and columns of visual tokens in each picture.
        """

    @abstractmethod
    def visual_tokens(self, values: PixelValues, grid: Grid) -> Tensor:
        """Run vision encoder and projector over prepared pictures: (T, N, D)."""

    def encode_frames(self, frames: Frames) -> VisualFeatures:
        """Encode each frame as a single picture: (T, H, W, 3) -> (T, N, D).

        A few frames at a time, into one tensor that is there from the start: memory is bounded.
        """
        started = time.perf_counter()
        num_frames, size = len(frames.pixels), self.frames_per_batch
        chunks = (
            np.ascontiguousarray(frames.pixels[start : start + size])
            for start in range(0, num_frames, size)
        )
        tokens: Tensor | None = None
        grid: Grid = (1, 1)
        done = 0
        # On the CPU the encoder itself keeps all cores busy.
        num_threads = 0 if self.device.type == "cpu" else default_threads()
        for values, grid in mapped_ahead(self.pixel_values, chunks, num_threads=num_threads):
            encoded = self._encode(values, grid)
            if tokens is None:
                tokens = encoded.new_empty((num_frames, *encoded.shape[1:]), dtype=self.dtype)
            tokens[done : done + len(encoded)] = encoded
            done += len(encoded)
        if tokens is None:
            raise ValueError("There are no frames to encode")
        wait_for(self.device)
        return VisualFeatures(
            tokens=tokens, times=frames.times, grid=grid, seconds=time.perf_counter() - started
        )

    def encode_pictures(self, pixels_THWC: np.ndarray[Any, Any]) -> tuple[Tensor, Grid]:
        """Encode pictures at once: (T, H, W, 3) uint8 -> (T, N, D), and the grid of tokens."""
        values, grid = self.pixel_values(pixels_THWC)
        return self._encode(values, grid), grid

    def _encode(self, values: PixelValues, grid: Grid) -> Tensor:
        return self.visual_tokens(
            {name: self._moved(value) for name, value in values.items()}, grid
        )

    def render_prompt(
        self, question: str, num_images: int = 1, history: Sequence[Turn] = ()
    ) -> list[list[int]]:
        """Return the ids of the template around each image."""
        return self.chat.render(question, num_images, history)

    def encode_question(self, question: str) -> list[int]:
        """Return the ids of the question alone."""
        return self.chat.encode_text(question)

    def encode_answer(self, answer: str) -> list[int]:
        """Return the ids of an answer behind the template, with the model's own stop token."""
        (stop,) = mark_ids(self.tokenizer, self.stop_tokens[:1], owner=self.name)
        return [*self.chat.encode_answer(answer), stop]

    def vocabulary(self) -> list[bytes]:
        """Return what each token adds to a text, by id."""
        return token_bytes(self.tokenizer.backend_tokenizer)

    def embed_text(self, ids: list[int]) -> Tensor:
        """Look ids up in the language model's table: (L,) -> (L, D)."""
        table: nn.Module = self.decoder().get_input_embeddings()
        embeddings: Tensor = table(torch.tensor(ids, dtype=torch.long, device=self.device))
        return embeddings

    def embed_video(self, video_KD: Tensor) -> Tensor:
        """Return video tokens as they are: they replace the placeholders."""
        return video_KD

    def place_prompt(self, lengths: Sequence[int], placement: VideoPlacement) -> Tensor | None:
        """Return None: positions are 0, 1, 2, …"""
        return None

    def step(
        self,
        inputs_embeds: Tensor,
        kv_cache: LanguageModelCache | None,
        *,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> tuple[Tensor, LanguageModelCache]:
        """Run the language model over new embeddings: (B, P, D) -> logits (B, P, V), cache."""
        hidden, cache = run_language_model(
            self.decoder(),
            inputs_embeds,
            kv_cache,
            positions=positions,
            mask=mask,
            num_axes=self.num_position_axes,
        )
        return self.head(hidden[:, -logits_to_keep:]), cache

    def repeat_cache(self, kv_cache: LanguageModelCache, batch: int) -> LanguageModelCache:
        """Return the cache of one sequence for several that begin with it."""
        return repeat_cache(kv_cache, batch)

    def detokenize(self, ids: list[int]) -> str:
        """Return the text of generated ids, without special tokens."""
        if self._speller is not None:
            return self._speller.spell(ids)
        text: str = self.tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    @cached_property
    def _speller(self) -> Speller | None:
        return speller(self.tokenizer.backend_tokenizer)

    def _moved(self, value: Tensor) -> Tensor:
        if value.is_floating_point():
            return value.to(self.device, self.dtype)
        return value.to(self.device)

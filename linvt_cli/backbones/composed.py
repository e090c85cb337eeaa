"""What image-LLMs have in common that transformers has no class for, only the parts."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.auto import CONFIG_MAPPING


class ComposedConfig(PreTrainedConfig):
    """The shapes of a vision tower and of a language model."""

    sub_configs: ClassVar[dict[str, Any]] = {
        "text_config": PreTrainedConfig,
        "vision_config": PreTrainedConfig,
    }
    default_text: ClassVar[str]  # model types, where a configuration says nothing
    default_vision: ClassVar[str]

    def __init__(
        self,
        text_config: PreTrainedConfig | dict[str, Any] | None = None,
        vision_config: PreTrainedConfig | dict[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        self.text_config: Any = _as_config(text_config, self.default_text)
        self.vision_config: Any = _as_config(vision_config, self.default_vision)
        super().__init__(**{"tie_word_embeddings": False, **rest})


class ComposedParts(PreTrainedModel):
    """Everything of an image-LLM but its head."""

    base_model_prefix = "model"
    _supports_sdpa = True
    _supports_flash_attn = True


class ComposedModel(ComposedParts):
    """An image-LLM with its head.

    Args:
        config: its shapes.
        parts: all the rest.
        head_rows: how many tokens the head knows.
        head_bias: whether it has a bias.
    """

    def __init__(
        self, config: ComposedConfig, parts: ComposedParts, *, head_rows: int, head_bias: bool
    ) -> None:
        super().__init__(config)
        self.model = parts
        self.lm_head = nn.Linear(config.text_config.hidden_size, head_rows, bias=head_bias)
        self.post_init()  # type: ignore[no-untyped-call]


def _as_config(config: PreTrainedConfig | dict[str, Any] | None, default: str) -> PreTrainedConfig:
    if isinstance(config, PreTrainedConfig):
        return config
    settings = dict(config or {})  # as it comes back from a file
    made: PreTrainedConfig = CONFIG_MAPPING[settings.pop("model_type", default)](**settings)
    return made

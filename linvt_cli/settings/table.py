"""The table of settings: what users can set once, and which values each setting takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

from linvt_cli.config import (
    MIN_COVERAGE,
    TOKEN_CACHE_MIB,
    DecoderChoice,
    DtypeChoice,
    GenerationConfig,
    QuantizationChoice,
)
from linvt_cli.errors import ConfigError
from linvt_cli.types import TokenizerName

Value = str | int | float | bool

_WORDS = dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True) | dict.fromkeys(
    ("false", "f", "no", "n", "off", "0"), False
)  # as Click reads them, which reads the same variables


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that users can set: an option, an environment variable and a key of the file."""

    key: str  # as in the file and, with two dashes, on the command line
    kind: type[str] | type[int] | type[float] | type[bool]
    summary: str
    expected: str  # which values it takes, in words
    default: Value | None = None  # None where it depends on the model
    choices: tuple[str, ...] = ()
    pattern: str = ""  # of a text, in full
    minimum: float = float("-inf")
    maximum: float = float("inf")

    @property
    def parameter(self) -> str:
        """Its name in Python."""
        return self.key.replace("-", "_")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"LINVT_{self.parameter.upper()}"

    def accepts(self, value: object) -> bool:
        """Whether a value has the type and the range of this setting."""
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not self.kind:  # True is an int to isinstance
            return False
        if isinstance(value, str):
            fits = re.fullmatch(self.pattern, value) is not None if self.pattern else value != ""
            return fits and (not self.choices or value in self.choices)
        return isinstance(value, int | float) and self.minimum <= value <= self.maximum

    def parse(self, text: str, *, source: str) -> Value:
        """Return the value that a text stands for.

        Args:
            text: as it is typed on a command line or stands in the environment.
            source: where it stands, for the message.

        Raises:
            ConfigError: if it stands for no value of this setting.
        """
        value = self._converted(text)
        if value is None or not self.accepts(value):
            raise ConfigError(
                f"{source} is '{text}'. Expected {self.expected}",
                field=self.key,
                hint="linvt config show lists the settings and where each comes from",
            )
        return value

    def _converted(self, text: str) -> Value | None:
        if self.kind is bool:
            return _WORDS.get(text.lower())
        try:
            return self.kind(text)
        except ValueError:
            return None


def _one_of(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _choice(key: str, summary: str, choices: tuple[str, ...], default: str | None) -> Setting:
    return Setting(key, str, summary, _one_of(choices), default, choices)


SETTINGS: tuple[Setting, ...] = (
    Setting("model", str, "Image-LLM", "the name of a model"),
    _choice("tokenizer", "How visual tokens are condensed", get_args(TokenizerName), None),
    Setting(
        "device",
        str,
        "Where the model runs",
        "auto, cpu, cuda or cuda:N",
        "auto",
        pattern=r"auto|cpu|cuda(:\d+)?",
    ),
    _choice("quant", "Quantization of the language model", get_args(QuantizationChoice), "auto"),
    _choice("dtype", "Data type (dtype) for computing", get_args(DtypeChoice), "auto"),
    Setting("keep-quantized", bool, "Keep what was quantized once", "true or false", default=True),
    Setting(
        "frames",
        int,
        "How many evenly spaced frames are looked at",
        "a whole number of 1 or more",
        minimum=1,
    ),
    Setting(
        "token-cache",
        int,
        "MiB for the visual tokens of videos that were asked about",
        "a whole number of MiB, 0 for none",
        TOKEN_CACHE_MIB,
        minimum=0,
    ),
    _choice("decoder", "Library that decodes videos", get_args(DecoderChoice), "auto"),
    Setting(
        "min-coverage",
        float,
        "Share of the frames below which there is no answer",
        "a number from 0 to 1",
        MIN_COVERAGE,
        minimum=0,
        maximum=1,
    ),
    Setting(
        "max-new-tokens",
        int,
        "How many tokens an answer has at most",
        "a whole number of 1 or more",
        GenerationConfig().max_new_tokens,
        minimum=1,
    ),
    Setting("offline", bool, "Open no network connection", "true or false", False),
)


def find_setting(key: str) -> Setting:
    """Return the setting with a key.

    Raises:
        ConfigError: if there is none; the hint names the nearest.
    """
    for setting in SETTINGS:
        if setting.key == key:
            return setting
    raise ConfigError(f"There is no setting '{key}'", field=key, hint=nearest(key))


def nearest(key: str) -> str:
    """Return a hint that names the setting that a wrong key is nearest to, or all."""
    keys = [setting.key for setting in SETTINGS]
    close = get_close_matches(key.lower().replace("_", "-"), keys, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(keys)}"

"""The list of checks, in the order in which they run. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from linvt_cli.errors import ConfigError

_REINSTALL = "pip install --force-reinstall --no-deps"


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the list."""

    name: str
    function: str  # "module:function"; takes ``Circumstances`` and returns a ``Finding``
    summary: str
    remedy: str  # the one thing to do where the check itself breaks off
    limit: float = 300.0  # seconds after which it counts as hung; a busy machine takes its time


CHECKS: tuple[Check, ...] = (
    Check(
        "installation",
        "linvt_cli.doctor.installation:check_installation",
        "Python and every library that linvt needs, in a version that should work",
        "install linvt again: pip install -c constraints.txt .",
    ),
    Check(
        "configuration",
        "linvt_cli.doctor.installation:check_configuration",
        "the configuration file and the environment variables",
        "look at it: linvt config show",
    ),
    Check(
        "folders",
        "linvt_cli.doctor.folders:check_folders",
        "the folders for models and temporary files can be written",
        "set LINVT_HOME, HF_HOME and TMPDIR to folders of your own",
    ),
    Check(
        "disk",
        "linvt_cli.doctor.folders:check_disk",
        "there is room for a model",
        "make room on the disk, or set LINVT_HOME to a folder elsewhere",
    ),
    Check(
        "network",
        "linvt_cli.doctor.network:check_network",
        "the hub that models come from can be reached",
        "work without it: --offline",
        limit=60.0,
    ),
    Check(
        "torch",
        "linvt_cli.doctor.compute:check_torch",
        "PyTorch computes right on the CPU",
        f"install PyTorch again: {_REINSTALL} torch",
    ),
    Check(
        "gpu",
        "linvt_cli.doctor.compute:check_gpu",
        "the NVIDIA driver, the CUDA libraries, and every GPU computes right",
        "run on the CPU: linvt config set device cpu",
    ),
    Check(
        "bitsandbytes",
        "linvt_cli.doctor.quantized:check_quantized",
        "4-bit and 8-bit products are right, on the GPU where there is one",
        f"install it again: {_REINSTALL} bitsandbytes; until then --quant none does without it",
    ),
    Check(
        "codecs",
        "linvt_cli.doctor.codecs:check_codecs",
        "small clips in H.264, HEVC, VP9, AV1 and others are decoded, each frame at its time",
        f"install the decoders again: {_REINSTALL} av opencv-python-headless",
    ),
    Check(
        "shipped-files",
        "linvt_cli.doctor.shipped:check_files",
        "the model and the clips inside linvt are as they were shipped",
        "install linvt again",
    ),
    Check(
        "nano",
        "linvt_cli.doctor.shipped:check_answer",
        "the model inside linvt answers about the clip inside linvt as it should",
        "install linvt again; if that does not help, report it with: linvt doctor --json",
    ),
    Check(
        "model",
        "linvt_cli.doctor.model:check_model",
        "the files of the model that you want to use are here and whole",
        "fetch the model's files again",
    ),
)


def find_check(name: str) -> Check:
    """Return the check with a name.

    Raises:
        ConfigError: if there is none; the hint names the nearest.
    """
    for check in CHECKS:
        if check.name == name:
            return check
    names = [check.name for check in CHECKS]
    close = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    raise ConfigError(
        f"There is no check '{name}'. Available: {', '.join(names)}",
        field="check",
        hint=f"did you mean {close[0]}?" if close else None,
    )

"""Every layout in which public image-LLMs are published, as tiny checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.tiny_blip3 import write_blip3
from tests.tiny_internvl2 import write_internvl2, write_internvl3
from tests.tiny_llava import write_aquila, write_mipha, write_onevision
from tests.tiny_molmo import write_molmo
from tests.tiny_qwen2_vl import write_qwen
from tests.tiny_smolvlm import write_smolvlm


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which files are laid out, and a model of the catalogue that has it."""

    model: str
    write: Callable[[Path], object]


LAYOUTS = {
    "qwen2-vl": Layout("qwen2-vl-2b", write_qwen),
    "qwen2.5-vl": Layout("qwen2.5-vl-3b", partial(write_qwen, kind="qwen2_5_vl")),
    "internvl2 with qwen2": Layout("internvl2-1b", partial(write_internvl2, kind="qwen2")),
    "internvl2 with internlm2": Layout("internvl2-2b", partial(write_internvl2, kind="internlm2")),
    "internvl2 with phi3": Layout("internvl2-4b", partial(write_internvl2, kind="phi3")),
    "internvl3": Layout("internvl3-1b", write_internvl3),
    "aquila-vl": Layout("aquila-vl-2b", write_aquila),
    "llava-onevision": Layout("llava-onevision-0.5b", write_onevision),
    "mipha with phi-2": Layout("mipha-3b", write_mipha),
    "mipha with phi-1.5": Layout("mipha-1.6b", partial(write_mipha, fused=True)),
    "molmo 7b-d": Layout("molmo-7b-d", write_molmo),
    "molmo 7b-o": Layout("molmo-7b-o", partial(write_molmo, kind="7b-o")),
    "molmo moe": Layout("molmoe-1b", partial(write_molmo, kind="moe")),
    "blip-3": Layout("xgen-mm-interleave", write_blip3),
    "smolvlm2": Layout("smolvlm2-256m", write_smolvlm),
}

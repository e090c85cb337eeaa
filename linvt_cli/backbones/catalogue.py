"""The one table of backbones: what is known of each before any of it is loaded. Imports no torch.

To add a backbone: one row here and the adapter file that the row names.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from linvt_cli.backbones.shapes import SHAPES
from linvt_cli.backbones.spec import BackboneSpec, WeightsMemory

_ASSETS = Path(__file__).resolve().parent.parent / "assets"

# What the sizes of a family share.
_QWEN2_VL = partial(
    BackboneSpec,
    adapter="linvt_cli.backbones.qwen2_vl:Qwen2VL",
    family="Qwen2-VL",
    license="Apache-2.0",
    max_context=32_768,
    tokens_per_frame=256,
)
_QWEN2_5_VL = partial(
    BackboneSpec,
    adapter="linvt_cli.backbones.qwen2_vl:Qwen2VL",
    family="Qwen2.5-VL",
    max_context=32_768,
    tokens_per_frame=256,
)
_INTERNVL2 = partial(
    BackboneSpec,
    adapter="linvt_cli.backbones.internvl2:InternVL2",
    family="InternVL2",
    license="MIT",
    tokens_per_frame=256,
)
_INTERNVL3 = partial(
    BackboneSpec,
    adapter="linvt_cli.backbones.internvl2:InternVL2",
    family="InternVL3",
    license="Qwen",  # of the "-hf" repositories, which are the ones read
    max_context=32_768,
    tokens_per_frame=256,
)
_ONEVISION = partial(
    BackboneSpec,
    adapter="linvt_cli.backbones.aquila:Aquila",
    family="LLaVA-OneVision",
    license="Apache-2.0",
    max_context=32_768,
    tokens_per_frame=729,
)
_MIPHA = partial(
    BackboneSpec,
    adapter="linvt_cli.backbones.mipha:Mipha",
    family="Mipha",
    max_context=2048,
    tokens_per_frame=729,
)
_BLIP3 = partial(
    BackboneSpec,
    adapter="linvt_cli.backbones.blip3:Blip3",
    family="BLIP-3",
    parameters=4_340_000_000,
    license="Apache-2.0",
    max_context=4096,
    tokens_per_frame=128,
    memory=WeightsMemory(8.1, 4.7, 3.1),
)
_MOLMO = partial(
    BackboneSpec,
    adapter="linvt_cli.backbones.molmo:Molmo",
    family="Molmo",
    license="Apache-2.0",
    max_context=4096,
    tokens_per_frame=144,
)
_SMOLVLM2 = partial(
    BackboneSpec,
    adapter="linvt_cli.backbones.smolvlm:SmolVLM",
    family="SmolVLM2",
    license="Apache-2.0",
    max_context=8192,
)

_ROWS = (
    BackboneSpec(
        name="nano",
        adapter="linvt_cli.backbones.nano:Nano",
        family="Nano",
        parameters=6_870_000,
        license="Apache-2.0",
        summary="Shipped inside linvt: knows a small drawn world, runs on any CPU",
        max_context=1024,
        tokens_per_frame=36,
        default_video_tokens=96,
        describe_question="What happens?",
        half_precision=False,
        weights=_ASSETS / "nano",
        linvt=_ASSETS / "nano" / "linvt",
    ),
    _QWEN2_VL(
        name="qwen2-vl-2b",
        parameters=2_210_000_000,
        summary="Small and capable, many languages",
        memory=WeightsMemory(4.1, 2.9, 2.3),
        repo="Qwen/Qwen2-VL-2B-Instruct",
        recommended=True,
    ),
    _QWEN2_VL(
        name="qwen2-vl-7b",
        parameters=8_290_000_000,
        summary="Strong all-rounder, many languages",
        memory=WeightsMemory(15.4, 9.4, 6.4),
        repo="Qwen/Qwen2-VL-7B-Instruct",
        recommended=True,
    ),
    _QWEN2_5_VL(
        name="qwen2.5-vl-3b",
        parameters=3_750_000_000,
        license="Qwen-Research",
        summary="Newer and smaller; for research only",
        memory=WeightsMemory(7.0, 4.4, 3.2),
        repo="Qwen/Qwen2.5-VL-3B-Instruct",
    ),
    _QWEN2_5_VL(
        name="qwen2.5-vl-7b",
        parameters=8_290_000_000,
        license="Apache-2.0",
        summary="The newer all-rounder, many languages",
        memory=WeightsMemory(15.4, 9.4, 6.4),
        repo="Qwen/Qwen2.5-VL-7B-Instruct",
    ),
    _INTERNVL2(
        name="internvl2-1b",
        parameters=938_000_000,
        summary="Smallest of its family",
        max_context=32_768,
        memory=WeightsMemory(1.7, 1.4, 1.3),
        repo="OpenGVLab/InternVL2-1B",
    ),
    _INTERNVL2(
        name="internvl2-2b",
        parameters=2_210_000_000,
        summary="Small; InternLM2 inside",
        max_context=32_768,
        memory=WeightsMemory(4.1, 2.7, 2.0),
        repo="OpenGVLab/InternVL2-2B",
    ),
    _INTERNVL2(
        name="internvl2-4b",
        parameters=4_150_000_000,
        summary="Mid-sized; Phi-3 inside",
        max_context=131_072,
        memory=WeightsMemory(7.7, 4.3, 2.7),
        repo="OpenGVLab/InternVL2-4B",
    ),
    _INTERNVL2(
        name="internvl2-8b",
        parameters=8_080_000_000,
        summary="Strong all-rounder; InternLM2.5 inside",
        max_context=32_768,
        memory=WeightsMemory(15.0, 8.5, 5.4),
        repo="OpenGVLab/InternVL2-8B",
    ),
    _INTERNVL3(
        name="internvl3-1b",
        parameters=938_000_000,
        summary="Newer, smallest of its family",
        memory=WeightsMemory(1.7, 1.4, 1.3),
        repo="OpenGVLab/InternVL3-1B-hf",
    ),
    _INTERNVL3(
        name="internvl3-2b",
        parameters=2_090_000_000,
        summary="Newer and small",
        memory=WeightsMemory(3.9, 2.7, 2.1),
        repo="OpenGVLab/InternVL3-2B-hf",
    ),
    _INTERNVL3(
        name="internvl3-8b",
        parameters=7_950_000_000,
        summary="The newer all-rounder of its family",
        memory=WeightsMemory(14.8, 8.7, 5.8),
        repo="OpenGVLab/InternVL3-8B-hf",
    ),
    BackboneSpec(
        name="aquila-vl-2b",
        adapter="linvt_cli.backbones.aquila:Aquila",
        family="Aquila-VL",
        parameters=2_180_000_000,
        license="Apache-2.0",
        summary="Small, trained on open data only",
        max_context=32_768,
        tokens_per_frame=729,
        memory=WeightsMemory(4.1, 2.8, 2.2),
        repo="BAAI/Aquila-VL-2B-llava-qwen",
    ),
    _ONEVISION(
        name="llava-onevision-0.5b",
        parameters=893_000_000,
        summary="Small, for pictures and videos alike",
        memory=WeightsMemory(1.7, 1.3, 1.2),
        repo="llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
    ),
    _ONEVISION(
        name="llava-onevision-7b",
        parameters=8_030_000_000,
        summary="Trained on pictures and videos alike",
        memory=WeightsMemory(15.0, 8.9, 5.9),
        repo="llava-hf/llava-onevision-qwen2-7b-ov-hf",
    ),
    _MIPHA(
        name="mipha-3b",
        license="Apache-2.0",
        parameters=3_200_000_000,
        summary="Phi-2 inside; its context of 2,048 tokens lives on condensing",
        memory=WeightsMemory(6.0, 3.6, 2.5),
        repo="zhumj34/Mipha-3B",
    ),
    _MIPHA(
        name="mipha-1.6b",
        license="MIT",
        parameters=1_840_000_000,
        summary="Phi-1.5 inside; its context of 2,048 tokens lives on condensing",
        memory=WeightsMemory(3.4, 2.3, 1.8),
        repo="zhumj34/Mipha-phi1_5-1.6B",
    ),
    _BLIP3(
        name="xgen-mm-interleave",
        summary="BLIP-3 for several pictures in one question",
        repo="Salesforce/xgen-mm-phi3-mini-instruct-interleave-r-v1.5",
    ),
    _BLIP3(
        name="xgen-mm-singleimg",
        summary="BLIP-3 for single pictures",
        repo="Salesforce/xgen-mm-phi3-mini-instruct-singleimg-r-v1.5",
    ),
    _BLIP3(
        name="xgen-mm-dpo",
        summary="BLIP-3 tuned to invent less",
        repo="Salesforce/xgen-mm-phi3-mini-instruct-dpo-r-v1.5",
    ),
    _MOLMO(
        name="molmo-7b-d",
        parameters=8_020_000_000,
        summary="Points and counts well; Qwen2 inside",
        memory=WeightsMemory(14.9, 8.9, 5.9),
        repo="allenai/Molmo-7B-D-0924",
    ),
    _MOLMO(
        name="molmo-7b-o",
        parameters=7_660_000_000,
        summary="The same with OLMo inside, open to the last bit",
        memory=WeightsMemory(14.3, 8.2, 5.3),
        repo="allenai/Molmo-7B-O-0924",
    ),
    _MOLMO(
        name="molmoe-1b",
        parameters=7_250_000_000,
        summary="Fast, 1B of its parameters work on a token; its files must be converted first",
        memory=WeightsMemory(13.5, 13.3, 13.1),
        repo="allenai/MolmoE-1B-0924",
    ),
    _SMOLVLM2(
        name="smolvlm2-256m",
        parameters=256_000_000,
        summary="The smallest of all, trained on videos",
        tokens_per_frame=64,
        memory=WeightsMemory(0.5, 0.4, 0.3),
        repo="HuggingFaceTB/SmolVLM2-256M-Video-Instruct",
    ),
    _SMOLVLM2(
        name="smolvlm2-500m",
        parameters=508_000_000,
        summary="Very small, trained on videos",
        tokens_per_frame=64,
        memory=WeightsMemory(0.9, 0.7, 0.5),
        repo="HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
        recommended=True,
    ),
    _SMOLVLM2(
        name="smolvlm2-2.2b",
        parameters=2_250_000_000,
        summary="The largest of its family, trained on videos",
        tokens_per_frame=81,
        memory=WeightsMemory(4.2, 2.7, 2.0),
        repo="HuggingFaceTB/SmolVLM2-2.2B-Instruct",
    ),
)

BACKBONES = tuple(replace(row, shapes=SHAPES.get(row.name)) for row in _ROWS)

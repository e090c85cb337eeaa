"""Questions about stills, for the paper's claim that image ability is kept.

A still goes to the language model as an image does in use: all of its visual tokens, no LinVT.
"""

from __future__ import annotations

import numpy as np
import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import NUM_FRAMES, frame_fractions
from linvt_cli.training.linvt_stage import project_clips
from linvt_cli.training.packing import PackedBatch, Reading, pack, read_batch
from linvt_cli.training.validation import exact_by_kind

_TURNS = 8  # about each still
_SEED = 7


@torch.no_grad()
def ask_about_stills(nano: Nano, bank: ClipBank) -> dict[str, tuple[int, int]]:
    """Ask about one still of every clip: exact answers and all of them, by kind.

    The stills and questions depend on the bank alone, so two models are asked the same.

    Args:
        nano: the image-LLM.
        bank: clips whose questions are encoded by that image-LLM.
    """
    rng = np.random.default_rng(_SEED)

    def read(scenes: list[Scene]) -> tuple[Reading, PackedBatch]:
        frames = rng.integers(NUM_FRAMES, size=len(scenes))
        turns = [
            bank.still_turns(scene, float(frame_fractions()[frame]), _TURNS, rng)
            for scene, frame in zip(scenes, frames, strict=True)
        ]
        visual_BTND = project_clips(nano, bank, scenes, None)
        stills_BND = visual_BTND[torch.arange(len(scenes)), torch.from_numpy(frames)]
        batch = pack(nano, [bank.num_cells] * len(scenes), turns).to(nano.device)
        return read_batch(nano, batch, stills_BND.flatten(0, 1)), batch

    return exact_by_kind(bank, read)

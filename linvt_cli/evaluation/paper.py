"""What the paper reports, as far as public records of it tell, and how a run differs from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

QWEN = "LinVT-Qwen2-VL-7B"


@dataclass(frozen=True, slots=True)
class Reported:
    """A figure of the paper, LinVT (arXiv 2412.05185), or of its authors' entry in a list."""

    value: float  # percent
    model: str = QWEN
    score: float | None = None  # mean of a judge's 0 to 5
    frames: int | None = None  # None where no public record tells
    split: str | None = None
    note: str = ""


_JUDGED = "the judge behind the paper's figure and its version are not public"
_REWORDED = (
    "sentences around the question follow the benchmark's prompt in what they say, not word for"
    " word, and the answer is not begun for the model"
)
REPORTED: dict[str, Reported] = {
    "mvbench": Reported(69.3, note=f"the authors' public script looks at 16 frames; {_REWORDED}"),
    "next-qa": Reported(85.5, note="of which split the paper's figure is, is not public"),
    "egoschema": Reported(69.5, split="full"),
    "activitynet-qa": Reported(60.1, score=3.6, note=_JUDGED),
    "msrvtt-qa": Reported(66.2, score=4.0, note=_JUDGED),
    "msvd-qa": Reported(80.2, score=4.4, note=_JUDGED),
    "tgif-qa": Reported(81.3, score=4.3, note=_JUDGED),
    "mm-vet": Reported(
        23.5,
        model="LinVT",
        note="the figure equals that of Mipha-1.6B itself and is far below that of Qwen2-VL-7B,"
        " 62.0: it most likely is of LinVT-Mipha-1.6B",
    ),
    "video-mme": Reported(70.3, note=_REWORDED),
    "video-mme with subtitles": Reported(71.7, note=_REWORDED),
    "mlvu": Reported(68.9, frames=120, note=_REWORDED),
    "longvideobench": Reported(
        56.6, model="LinVT-BLIP3-4B", note="the figure is as another paper's table (AToken) gives"
        " it; the benchmark's own reader puts subtitles between the frames, where linvt lists them"
        " before the question, and only with --subtitles"
    ),
    "tempcompass": Reported(
        65.8, note="how the four tasks were averaged is not public; the authors' script looks at 96"
        " frames"
    ),
    "videovista": Reported(
        79.67, frames=120, note="the questions of Relation Reasoning-Image are about a picture,"
        " which is not shown here; whether it was for the paper's figure is not public"
    ),
}  # fmt: skip


def reported(benchmark: str, *, subtitles: bool) -> Reported | None:
    """Return the paper's figure for a benchmark, None where there is none."""
    if subtitles:
        return REPORTED.get(f"{benchmark} with subtitles")
    return REPORTED.get(benchmark)


def differences(paper: Reported, settings: Mapping[str, Any]) -> list[str]:
    """Return, as sentences without a full stop, in what a run differs from the paper's.

    Args:
        paper: its figure.
        settings: of the run, as ``results.json`` has them.
    """
    model, frames = settings["model"], settings["frames"]
    told = [f"the model here is {model['backbone']} with the tokenizer {model['tokenizer']}, the"
            f" paper's is {paper.model}"]  # fmt: skip
    if paper.frames is None:
        told.append(f"the paper's number of frames is not public; here it is {frames}")
    elif paper.frames != frames:
        told.append(f"{frames} frames here, {paper.frames} in the paper")
    if settings["by"] != "letter" and settings["by"] != "words":
        told.append("options are scored by likelihood here; the paper's answers were generated")
    if paper.split is not None and paper.split != settings["split"]:
        told.append(f"the split here is '{settings['split']}', the paper's is '{paper.split}'")
    if settings["limit"] is not None or settings["categories"]:
        told.append("only a part of the questions was asked here")
    judge = settings["judge"]
    if judge is not None:
        prompts = ", with prompts of linvt's own" if judge["kind"] in ("endpoint", "local") else ""
        told.append(f"answers are scored by {judge['label']} here{prompts}")
    if paper.note:
        told.append(paper.note)
    return told

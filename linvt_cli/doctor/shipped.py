"""Checks of what is inside linvt: are its files whole, and does nano answer as it should?"""

from __future__ import annotations

from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.doctor.golden import ASSETS, CLIP, answer_of_nano, checksums, read_golden
from linvt_cli.errors import BackboneError, BackboneLoadError


def check_files(_: Circumstances) -> Finding:
    """Compare the checksum of every shipped file with the record.

    Raises:
        BackboneLoadError: if a file is missing or has other bytes.
    """
    recorded, found = read_golden().files, checksums()
    missing = [name for name in recorded if name not in found]
    changed = [name for name in recorded if found.get(name, recorded[name]) != recorded[name]]
    for names, trouble in ((missing, "missing"), (changed, "not as shipped")):
        if names:
            raise BackboneLoadError(
                f"In '{ASSETS}' {', '.join(names)} {'is' if len(names) == 1 else 'are'} {trouble}",
                hint="install linvt again",
            )
    return Finding(f"{len(recorded)} files are as shipped", facts={"files": len(recorded)})


def check_answer(_: Circumstances) -> Finding:
    """Ask nano about the shipped clip.

    Raises:
        BackboneError: if it answers anything but the recorded text.
    """
    golden = read_golden()
    answer = answer_of_nano(golden.question)
    if answer != golden.answer:
        raise BackboneError(
            f"Asked '{golden.question}' about {CLIP}, nano answers '{answer}'"
            f" and should answer '{golden.answer}'",
            hint="install linvt again; else look at the checks of PyTorch and of decoding",
        )
    return Finding(answer, facts={"question": golden.question, "answer": answer})

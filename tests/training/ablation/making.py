"""Work for processes of their own; they import this module, and with it nothing heavy."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from linvt_cli.training.ablation.results import RunResult
from linvt_cli.training.ablation.workers import Work
from tests.training.ablation.test_results import result


@dataclass(frozen=True)
class Making:
    """Work whose runs fail, or kill their process, by the name of the variant."""

    def __call__(self, on_progress: Callable[[str], None]) -> Work:
        def work(name: str, seed: int) -> RunResult:
            on_progress(f"{name} at work")
            if name == "fails":
                raise ValueError("no good")
            if name == "dies":
                os._exit(3)
            return result(name, seed)

        return work

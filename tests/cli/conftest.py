"""What tests of the command line share: a clean environment, and a fake model at the seam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from linvt_cli.pipeline import VideoQA


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget settings of the user who runs the tests."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch, qa: VideoQA) -> list[dict[str, Any]]:
    """Let ``VideoQA.load`` return the fake, and note what it is called with."""
    calls: list[dict[str, Any]] = []

    def load(model: str = "nano", **options: Any) -> VideoQA:
        calls.append({"model": model, **options})
        return qa

    monkeypatch.setattr("linvt_cli.pipeline.VideoQA.load", load)
    return calls

"""What tests of the command line share: a clean environment, and a fake model at the seam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.config import FrameSampling
from tests.fakes import TinyBackbone
from tests.models.conftest import hub as hub
from tests.models.hub_server import HubServer
from tests.models.repos import honest_repo

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[TinyBackbone]:
    """Let every command load a fake model that looks at videos, and return them all."""
    from linvt_cli.pipeline import VideoQA
    from linvt_cli.video_tokenizer.baselines import MeanTokenizer

    loaded: list[TinyBackbone] = []

    def load(model: str = "nano", **options: Any) -> VideoQA:
        loaded.append(TinyBackbone("A grey wall."))
        return VideoQA(
            loaded[-1],
            MeanTokenizer(8),
            sampling=FrameSampling(num_frames=4),
            token_cache=options["token_cache"],
        )

    monkeypatch.setattr(VideoQA, "load", load)
    return loaded


@pytest.fixture
def online(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubServer:
    """A hub that the command line takes for the usual one, with two repositories; an empty store.

    Their files are those of a model but for the weights, which are random bytes.
    """
    from huggingface_hub import constants

    address = f"{hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setenv("LINVT_HOME", str(tmp_path / "home"))
    hub.publish("Qwen/Qwen2-VL-2B-Instruct", honest_repo())
    hub.publish("me/mine", honest_repo())
    return hub


@pytest.fixture
def pulled(online: HubServer, capsys: pytest.CaptureFixture[str]) -> HubServer:
    """The same hub, with both repositories pulled."""
    assert run(["models", "pull", "qwen2-vl-2b", "hub:me/mine", "--quiet"]) == 0
    capsys.readouterr()
    return online

"""What tests of pulling share: a hub on this machine, an empty store, and repositories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from linvt_cli.models.hub import Hub
from linvt_cli.models.offline import VARIABLES
from linvt_cli.models.patience import Patience
from linvt_cli.models.pull import PullPlan, pull
from linvt_cli.models.source import HubSource
from linvt_cli.models.store import PulledModel, Store
from tests.models.hub_server import HubServer, serving


@dataclass
class Noted:
    """A watcher that notes what it is told."""

    plans: list[PullPlan] = field(default_factory=list)
    num_bytes: int = 0
    retries: list[str] = field(default_factory=list)
    waits: int = 0

    def waiting(self) -> None:
        self.waits += 1

    def planned(self, plan: PullPlan) -> None:
        self.plans.append(plan)
        self.num_bytes = plan.here

    def advanced(self, num_bytes: int) -> None:
        self.num_bytes += num_bytes

    def retrying(self, reason: str, seconds: float) -> None:
        self.retries.append(reason)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A hub that this process may reach, while the caches of other tools are empty."""
    import huggingface_hub.constants

    for name in (*VARIABLES, "HF_TOKEN", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    with serving() as server:
        yield server


def pull_from(
    hub: HubServer,
    store: Store,
    watcher: Noted,
    source: HubSource | None = None,
    *,
    verify: bool = False,
) -> PulledModel:
    """Pull from a hub on this machine, with little patience."""
    return pull(
        source or HubSource("owner/name"),
        store=store,
        watcher=watcher,
        hub=Hub(hub.endpoint, stall=60),
        patience=Patience(attempts=4, first_wait=0.001),
        verify=verify,
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def watcher() -> Noted:
    return Noted()

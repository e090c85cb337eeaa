"""Check of the way to the hub: one request, and no model's file."""

from __future__ import annotations

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.errors import DownloadError
from linvt_cli.models.copies import find_any_copy
from linvt_cli.models.files import find_snapshot
from linvt_cli.models.hub import require_way_out, without_password
from linvt_cli.models.source import (
    DEFAULT_REVISION,
    HubSource,
    names_folder,
    names_repository,
    parse_source,
)
from linvt_cli.models.store import Store
from linvt_cli.settings.catalogue import what_stands_for

SECONDS = 5.0
"""How long the hub may take to answer."""


def check_network(circumstances: Circumstances) -> Finding:
    """Ask the hub for its front page, as downloads do: ``HF_ENDPOINT`` and proxies are respected.

    A hub out of reach is a warning, and a failure where the user wants a model that comes from it
    and is not here.

    Raises:
        DownloadError: if the hub is needed and cannot be reached.
    """
    from huggingface_hub import constants

    endpoint = without_password(constants.ENDPOINT)
    facts: dict[str, object] = {"endpoint": endpoint}
    if circumstances.offline or constants.HF_HUB_OFFLINE:
        return Finding("linvt was told to stay offline", facts, status="skipped")
    trouble = _trouble_with(constants.ENDPOINT, facts)
    if trouble is None:
        return Finding(f"{endpoint} answers", facts)
    message = f"{endpoint} cannot be reached: {trouble}"
    hint = "check the connection, the proxy and HF_ENDPOINT; without a network: --offline"
    if _needs_hub(circumstances.model):
        raise DownloadError(message, hint=hint)
    return Finding(message, facts, status="warning", hint=hint)


def _trouble_with(endpoint: str, facts: dict[str, object]) -> str | None:
    import httpx2
    from huggingface_hub import get_session

    try:
        require_way_out()
        response = get_session().head(endpoint, timeout=SECONDS, follow_redirects=True)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return str(error) or type(error).__name__
    except DownloadError as error:
        return error.message
    facts["status"] = response.status_code
    if response.status_code >= 500:
        return f"it answers with status {response.status_code}"
    return None


def _needs_hub(model: str | None) -> bool:
    if model is None:
        return False
    named = what_stands_for(model)
    if names_folder(named):
        return False
    if not names_repository(named) and find_backbone(named).repo is None:
        return False
    source = parse_source(named) if names_repository(named) else _source_of(named)
    return find_snapshot(source) is None and find_any_copy(Store(), source) is None


def _source_of(name: str) -> HubSource:
    spec = find_backbone(name)
    return HubSource(str(spec.repo), spec.revision or DEFAULT_REVISION)

"""The hub's protocol, spoken by the hub's own library: addresses, token, proxies, redirects.

Only what the library lacks is here: every failure as one of our errors, and files from any byte on.
Honours ``HF_ENDPOINT``, ``HF_TOKEN``, ``HF_HUB_DOWNLOAD_TIMEOUT`` and proxies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
)
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, but loaded lazily
    build_hf_headers,
    get_session,
    hf_raise_for_status,
)

from linvt_cli.errors import (
    AccessDeniedError,
    ConnectionLostError,
    DownloadError,
    HubUnavailableError,
    NotOnHubError,
    OfflineError,
    WrongBytesError,
)
from linvt_cli.models.checksum import Checksum
from linvt_cli.models.offline import is_offline, way_online
from linvt_cli.models.selection import RemoteFile, RepoListing
from linvt_cli.models.source import HubSource, is_commit

_CONNECT_SECONDS = 10.0
_LATER = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes of a file on their way."""

    start: int  # where in the file they begin: 0 if the server cannot begin elsewhere
    pieces: Iterator[bytes]


class Hub:
    """A server that speaks the hub's protocol.

    Args:
        endpoint: its address; where left out, ``HF_ENDPOINT`` or the public hub.
        stall: seconds without a byte after which a connection counts as lost.
    """

    def __init__(self, endpoint: str | None = None, *, stall: float | None = None) -> None:
        self._address: str = (endpoint or constants.ENDPOINT).rstrip("/")
        self.endpoint = without_password(self._address)  # as it is told and kept
        self._stall = stall or float(constants.HF_HUB_DOWNLOAD_TIMEOUT)

    def list_files(self, source: HubSource) -> RepoListing:
        """Ask which commit a revision is, and for size and checksum of each of its files.

        Raises:
            DownloadError: if the hub cannot or does not want to say.
        """
        with self._failures_translated(f"'{source.repo}'"):
            api = HfApi(endpoint=self._address, library_name="linvt")
            try:
                info = api.model_info(
                    source.repo, revision=source.revision, files_metadata=True, timeout=self._stall
                )
                return _listing(source, info)
            except (TypeError, ValueError, KeyError) as error:
                raise DownloadError(
                    f"'{self.endpoint}' describes '{source.repo}' in a way that linvt cannot"
                    f" read: {error}",
                    hint="is HF_ENDPOINT right?",
                ) from error

    @contextmanager
    def open(self, listing: RepoListing, file: RemoteFile, start: int) -> Iterator[Body]:
        """Ask for a file from one of its bytes on.

        Raises:
            WrongBytesError: if what comes is not the file of the listing, by what the server
                announces: its size, or the checksum that the hub names with every file.
            DownloadError: if it does not come.
        """
        url = hf_hub_url(
            listing.source.repo, file.path, revision=listing.commit, endpoint=self._address
        )
        headers = build_hf_headers(library_name="linvt")
        headers["Accept-Encoding"] = "identity"
        if start:
            headers["Range"] = f"bytes={start}-"
        timeout = httpx2.Timeout(self._stall, connect=_CONNECT_SECONDS)
        with (
            self._failures_translated(f"'{file.path}' of '{listing.source.repo}'"),
            get_session().stream("GET", url, headers=headers, timeout=timeout) as response,
        ):
            hf_raise_for_status(response)
            _require_checksum([*response.history, response], file)
            begins = _first_byte(response)
            _require_size(response, file, begins, was_begun=start > 0)
            yield Body(begins, response.iter_bytes())

    @contextmanager
    def _failures_translated(self, what: str) -> Iterator[None]:
        if is_offline():
            raise _offline(what)
        require_way_out()
        try:
            yield
        except OfflineModeIsEnabled as error:
            raise _offline(what) from error
        except HfHubHTTPError as error:
            raise self._refusal(what, error) from error
        except httpx2.TimeoutException as error:
            raise ConnectionLostError(
                f"'{self.endpoint}' sent nothing of {what} for {self._stall:g} s", hint=_AGAIN
            ) from error
        except (httpx2.TooManyRedirects, httpx2.UnsupportedProtocol) as error:
            raise DownloadError(
                f"'{self.endpoint}' redirects {what} in a circle, or to what is no address of the"
                " web",
                hint="is HF_ENDPOINT right? A proxy on the way may redirect, too",
            ) from error
        except httpx2.RequestError as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConnectionLostError(
                f"The connection for {what} to '{self.endpoint}' failed: {reason}", hint=_AGAIN
            ) from error
        except (httpx2.InvalidURL, HFValidationError, LocalTokenNotFoundError) as error:
            raise DownloadError(
                f"{what} cannot be asked for: {error}",
                hint="check the name, and HF_ENDPOINT and HF_TOKEN if they are set",
            ) from error

    def _refusal(self, what: str, error: HfHubHTTPError) -> DownloadError:
        status = error.response.status_code
        if isinstance(error, GatedRepoError) or status in (401, 403):
            # The public hub says 401 for repositories that do not exist, too.
            return AccessDeniedError(
                f"'{self.endpoint}' refuses {what} ({status})",
                hint="check the name; if the repository is gated, accept its terms on its page,"
                " then log in with: hf auth login, or set HF_TOKEN",
            )
        if status == 404:
            return NotOnHubError(
                f"'{self.endpoint}' does not have {what} at this revision (404)",
                hint="check repository and revision: hub:owner/name@revision",
            )
        if status in _LATER:
            return HubUnavailableError(
                f"'{self.endpoint}' is busy or out of order ({status})",
                retry_after=_seconds(error.response.headers.get("Retry-After")),
                hint=_AGAIN,
            )
        if status == 416:
            return WrongBytesError(
                f"{what} is shorter on the server than in its listing", hint=_CHANGING
            )
        return DownloadError(f"'{self.endpoint}' does not give {what} ({status})", hint=_AGAIN)


def require_way_out() -> None:
    """Refuse a proxy or a file of certificates with which nothing can be asked for.

    Raises:
        DownloadError: if the environment names one.
    """
    try:
        get_session()
    except (ImportError, ValueError, OSError) as error:
        raise DownloadError(
            f"The proxy or the certificates that the environment names cannot be used: {error}",
            hint="HTTPS_PROXY and ALL_PROXY take http:// addresses, SSL_CERT_FILE a file",
        ) from error


def without_password(address: str) -> str:
    """Return an address without the name and the password that may stand before its host."""
    scheme, mark, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


_AGAIN = "do the same again later: it goes on where it stopped"
_MEDDLING = "try again later; a proxy on the way to the hub may change what it sends"
_CHANGING = "the repository may just be changing: do the same again later"


def _offline(what: str) -> OfflineError:
    return OfflineError(
        f"{what} would have to be fetched, and linvt is to stay offline",
        hint=way_online(),
    )


def _listing(source: HubSource, info: Any) -> RepoListing:
    if not isinstance(info.sha, str) or not is_commit(info.sha):
        raise ValueError(f"{info.sha!r} is no commit")
    if source.is_pinned and info.sha != source.revision:
        raise ValueError(f"asked for commit {source.revision}, it tells of {info.sha}")
    return RepoListing(source, info.sha, tuple(_file(found) for found in info.siblings or ()))


def _file(found: Any) -> RemoteFile:
    if found.lfs is not None:
        size, checksum = found.lfs.size, Checksum("sha256", str(found.lfs.sha256))
    else:
        size, checksum = found.size, Checksum("git", str(found.blob_id))
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"size of '{found.rfilename}' is {size!r}")
    return RemoteFile(str(found.rfilename), size, checksum)


def _first_byte(response: httpx2.Response) -> int:
    if response.status_code != 206:
        return 0
    unit, _, span = response.headers.get("Content-Range", "").partition(" ")
    begin = span.partition("-")[0]
    return int(begin) if unit == "bytes" and begin.isdigit() else 0


def _require_checksum(responses: list[httpx2.Response], file: RemoteFile) -> None:
    """Compare the checksum that the hub names on the way to a file with that of the listing.

    Only the hub names one, its storage has tags of its own; whoever sends none is not refused.
    """
    for response in responses:
        tag = response.headers.get(constants.HUGGINGFACE_HEADER_X_LINKED_ETAG, "").strip('"')
        if tag and len(tag) == len(file.checksum.hex) and tag != file.checksum.hex:
            raise WrongBytesError(
                f"'{file.path}' has changed on the server since it was listed", hint=_CHANGING
            )


def _require_size(
    response: httpx2.Response, file: RemoteFile, begins: int, *, was_begun: bool
) -> None:
    """Compare the length that a server announces with what is still missing.

    Who sends a file from its beginning where the rest was asked for must announce its length: what
    is here would be given up for it, and it may be the page of a proxy.
    """
    announced = response.headers.get("Content-Length", "")
    if "Content-Encoding" in response.headers or not announced.isdigit():
        if was_begun and not begins:
            raise WrongBytesError(
                f"The server does not send the rest of '{file.path}', but something of unknown"
                " length",
                hint=_MEDDLING,
            )
        return
    if int(announced) != file.size - begins:
        raise WrongBytesError(
            f"'{file.path}' should have {file.size:,} bytes, and the server has"
            f" {int(announced) + begins:,}",
            hint=_CHANGING,
        )


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdigit() else None

"""A server on this machine that speaks the hub's protocol, and misbehaves on demand.

It lists a repository with sizes and checksums, gives small files itself and sends clients for large
ones to another host, as the hub does with its storage.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one answer."""

    kind: str  # status, drop, stall, flip, longer, shorter, whole, page, loop, garbage or silent
    status: int = 0
    after: int = 0  # bytes of the body that are sent before
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """One answer with the bytes of a file."""

    path: str
    start: int
    num_bytes: int
    authorized: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as it arrived."""

    host: str  # name under which the server was asked
    path: str
    authorized: bool


def git_checksum(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass
class HubServer:
    """The repositories of a hub, what will go wrong, and what was sent."""

    endpoint: str = ""
    storage: str = ""  # the same server under another name: another host to clients
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)  # "owner/name" -> commit
    listed: dict[str, Any] = field(default_factory=dict)  # what to say of a file instead of truth
    faults: list[Fault] = field(default_factory=list)  # of the next answers, in this order
    sent: list[Sent] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    num_sent: int = 0  # bytes of files, so far
    piece_seconds: float = 0.0  # between two pieces of a body
    choose_fault: Callable[[str], Fault | None] | None = None
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def publish(self, repo: str, files: dict[str, bytes]) -> str:
        """Make a new commit the head of a repository."""
        names = json.dumps(sorted((name, git_checksum(data)) for name, data in files.items()))
        commit = hashlib.sha1(f"{repo}{names}".encode(), usedforsecurity=False).hexdigest()
        self.commits[commit] = files
        self.heads[repo] = commit
        return commit

    def change(self, repo: str, path: str, content: bytes) -> None:
        """Give a file other bytes under the same commit, as no honest hub would."""
        commit = self.heads[repo]
        self.commits[commit] = {**self.commits[commit], path: content}

    def next_fault(self, path: str) -> Fault | None:
        """Return what goes wrong with the next answer."""
        with self.lock:
            if self.choose_fault is not None:
                return self.choose_fault(path)
            return self.faults.pop(0) if self.faults else None

    def fetched(self, path: str) -> int:
        """Return how many bytes of a file were sent, in all answers together."""
        return sum(sent.num_bytes for sent in self.sent if sent.path == path)

    def listing(self, repo: str, commit: str) -> dict[str, Any]:
        """Return what the hub's interface says of a commit."""
        siblings = [
            self.listed.get(path, {"rfilename": path, **describe(path, content)})
            for path, content in self.commits[commit].items()
        ]
        return {"id": repo, "modelId": repo, "sha": commit, "siblings": siblings}


def is_large(path: str, content: bytes) -> bool:
    return path.endswith((".safetensors", ".model", ".bin")) or len(content) > 100_000


def describe(path: str, content: bytes) -> dict[str, Any]:
    """Return what the hub lists of a file."""
    about: dict[str, Any] = {"size": len(content), "blobId": git_checksum(content)}
    if is_large(path, content):
        sha256 = hashlib.sha256(content).hexdigest()
        about["lfs"] = {"size": len(content), "sha256": sha256, "pointerSize": 134}
    return about


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(path)
        host = self.headers.get("Host", "").partition(":")[0]
        self.hub.asked.append(Asked(host, path, "Authorization" in self.headers))
        fault = self.hub.next_fault(path)
        if fault is not None and fault.kind == "silent":
            self.hub.closing.wait(60)
            self.close_connection = True
        elif fault is not None and fault.kind == "status":
            self._answer(fault.status, b"no", fault.headers)
        elif fault is not None and fault.kind == "loop":
            self._answer(302, b"", (("Location", f"{self.hub.endpoint}{self.path}"),))
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path):
            self._list(found[1], found[2], fault)
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)", path):
            self._resolve(found[2], found[3], fault)
        elif found := re.fullmatch(r"/storage/([0-9a-f]{40})/(.+)", path):
            self._send_file(found[2], self.hub.commits[found[1]][found[2]], fault)
        else:
            self._answer(404, b"not found")

    def _list(self, repo: str, revision: str, fault: Fault | None) -> None:
        commit = self.hub.heads.get(repo) if revision == "main" else revision
        if fault is not None and fault.kind == "garbage":
            self._answer(200, b"<html>Please log in to the wireless network</html>")
        elif repo not in self.hub.heads:
            self._answer(404, b"{}", (("X-Error-Code", "RepoNotFound"),))
        elif commit not in self.hub.commits:
            self._answer(404, b"{}", (("X-Error-Code", "RevisionNotFound"),))
        else:
            text = json.dumps(self.hub.listing(repo, commit), allow_nan=False)
            self._answer(200, text.encode(), (("Content-Type", "application/json"),))

    def _resolve(self, commit: str, path: str, fault: Fault | None) -> None:
        files = self.hub.commits.get(commit, {})
        if path not in files:
            self._answer(404, b"", (("X-Error-Code", "EntryNotFound"),))
        elif is_large(path, files[path]) and fault is None:
            target = f"{self.hub.storage}/storage/{commit}/{path}"
            checksum = hashlib.sha256(files[path]).hexdigest()
            tags = (("X-Linked-ETag", f'"{checksum}"'), ("X-Linked-Size", str(len(files[path]))))
            self._answer(302, b"", (("Location", target), *tags))
        else:
            self._send_file(path, files[path], fault)

    def _send_file(self, path: str, content: bytes, fault: Fault | None) -> None:
        kind = "" if fault is None else fault.kind
        if kind == "page":  # of a proxy, which does not tell its length
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Log in first</html>")
            self.close_connection = True
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and kind != "whole" else 0
        content = changed(content, kind)
        if start >= len(content) > 0:
            self._answer(416, b"")
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        stop = (
            len(content) if kind not in ("drop", "stall") else start + (fault.after if fault else 0)
        )
        self._send_body(path, content, start, min(stop, len(content)))
        if kind == "stall":
            self.hub.closing.wait(60)
        if kind in ("drop", "stall"):
            self.close_connection = True

    def _send_body(self, path: str, content: bytes, start: int, stop: int) -> None:
        at = start
        try:
            while at < stop:
                written = self.wfile.write(content[at : min(at + PIECE, stop)])
                at += written
                self.hub.num_sent += written
                if self.hub.piece_seconds:
                    self.hub.closing.wait(self.hub.piece_seconds)
        except OSError:  # the client is gone
            self.close_connection = True
        authorized = "Authorization" in self.headers
        self.hub.sent.append(Sent(path, start, at - start, authorized))

    def _answer(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def changed(content: bytes, kind: str) -> bytes:
    """Return what a fault makes of a file."""
    match kind:
        case "flip":
            middle = len(content) // 2
            return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        case "longer":
            return content + b"!"
        case "shorter":
            return content[:-1]
    return content


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Print nothing: killed clients leave without a word."""


@contextmanager
def serving() -> Iterator[HubServer]:
    """Run a hub for the length of the block."""
    hub = HubServer()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = _Server(("127.0.0.1", 0), handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    hub.storage = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()

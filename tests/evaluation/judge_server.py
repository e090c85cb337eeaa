"""A judge's endpoint on this machine, for tests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Outcome = tuple[int, str]
"""Status and reply; what is no chat completion begins with two braces or a space."""


class JudgeServer(ThreadingHTTPServer):
    """Gives its outcomes one after the other, the last for ever; notes what it is asked."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.outcomes = outcomes
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.pause = 0.0  # seconds after each byte of a reply
        self.finish_reason = "stop"

    @property
    def url(self) -> str:
        """Address to name with ``--judge``."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: JudgeServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests.append({"path": self.path, **body})
        self.server.keys.append(self.headers.get("authorization"))
        outcomes = self.server.outcomes
        status, reply = outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]
        choice = {"message": {"content": reply}, "finish_reason": self.server.finish_reason}
        completion = {"model": "tiny-2026-01", "choices": [choice]}
        content = (reply if reply.startswith(("{{", " ")) else json.dumps(completion)).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("retry-after", "7")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        pieces = [content[at : at + 1] for at in range(len(content))]
        for piece in pieces if self.server.pause else [content]:
            try:
                self.wfile.write(piece)
            except OSError:  # the client is gone
                break
            time.sleep(self.server.pause)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def judge_server(*outcomes: Outcome) -> Iterator[JudgeServer]:
    """Serve while the block runs."""
    server = JudgeServer(list(outcomes))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

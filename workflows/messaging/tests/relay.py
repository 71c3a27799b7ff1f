"""A door for callbacks over real HTTP that are answered in the test's own thread and transaction."""

import http.server
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

PATIENCE_SECONDS = 10.0


@dataclass
class Asked:
    """A request that waits for its answer."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]
    answer: "queue.Queue[tuple[int, bytes]]" = field(default_factory=queue.Queue)


class Relay:
    """Takes requests in on a port of its own; `until` answers them by the application."""

    def __init__(self, port: int, asked: "queue.Queue[Asked]") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.seen: list[Asked] = []
        self.answers: list[tuple[str, int, bytes]] = []
        """(path, status, body) of each request, in order."""
        self._asked = asked
        self._client = Client()

    def until(self, condition: Callable[[], Any]) -> None:
        """Answer requests until the condition holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it never came to that"
            self.answer_next()

    def answer_next(self) -> None:
        """Answer the next request, if there is one soon."""
        try:
            asked = self._asked.get(timeout=0.02)
        except queue.Empty:
            return
        self.seen.append(asked)
        asked.answer.put(self.replay(asked))

    def replay(self, asked: Asked) -> tuple[int, bytes]:
        """Let the application answer a request, also once more."""
        response = self._client.generic(
            asked.method, asked.path, asked.body, asked.headers.get("Content-Type", ""), headers=asked.headers
        )
        body = b"".join(response.streaming_content) if response.streaming else response.content
        self.answers.append((asked.path, response.status_code, body))
        return response.status_code, body


@contextmanager
def relayed() -> Iterator[Relay]:
    """Listen for the duration of the block."""
    asked: queue.Queue[Asked] = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            one = Asked(self.command, self.path, body, dict(self.headers.items()))
            asked.put(one)
            try:
                status, content = one.answer.get(timeout=PATIENCE_SECONDS)
            except queue.Empty:
                status, content = 504, b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 - the server's name for it

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield Relay(server.server_address[1], asked)
    finally:
        server.shutdown()
        server.server_close()

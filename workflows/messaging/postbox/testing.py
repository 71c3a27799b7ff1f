"""Starts a postbox for tests and proofs, and speaks to a running one."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from workflows.messaging.postbox import Address
from workflows.messaging.postbox.server import Postbox, listening

START_SECONDS = 30.0
STOP_SECONDS = 10.0
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class PostboxClient:
    """A running postbox as a test sees it."""

    address: Address

    def url(self, path: str = "/hooks/test") -> str:
        return f"{self.address.url}{path}"

    def add_rule(self, behaviour: str, **options: Any) -> dict[str, Any]:
        """Make the postbox misbehave; the options are those of `rules.Rule`."""
        return self._call("POST", "/control/rules", {"behaviour": behaviour, **options})

    def rules(self) -> list[dict[str, Any]]:
        return self._call("GET", "/control/rules")["items"]

    def clear_rules(self) -> None:
        self._call("DELETE", "/control/rules")

    def entries(self, **filters: Any) -> list[dict[str, Any]]:
        """Return what arrived, the oldest first; the filters are those of `ledger.FILTERS`."""
        return self._call("GET", f"/ledger?{urlencode({'limit': 100_000, 'order': 'oldest', **filters})}")["items"]

    def requests(self, **filters: Any) -> list[dict[str, Any]]:
        return self.entries(protocol="http", **filters)

    def mails(self, **filters: Any) -> list[dict[str, Any]]:
        return self.entries(protocol="smtp", **filters)

    def messages(self, **filters: Any) -> list[dict[str, Any]]:
        """Return SMS to phones and from them."""
        return self.entries(protocol="sms", **filters)

    def reply(self, sender: str, recipient: str, text: str) -> dict[str, Any]:
        """Let a phone write back."""
        return self._call("POST", "/control/replies", {"from": sender, "to": recipient, "text": text})

    def calls(self, **filters: Any) -> list[dict[str, Any]]:
        """Return calls and what happened on them."""
        return self.entries(protocol="voice", **filters)

    def act_on_call(self, sid: str, command: str, value: str = "") -> None:
        """Do what a person could do: `answer` (as `rules.ANSWERS` say), `digits`, `queue` or `hang_up`."""
        self._call("POST", f"/control/calls/{sid}", {"command": command, "value": value})

    def chats(self, **filters: Any) -> list[dict[str, Any]]:
        """Return Messenger messages of pages and of people."""
        return self.entries(protocol="messenger", **filters)

    def chat(self, page: str, person: str, text: str = "", **more: str) -> dict[str, Any]:
        """Let a person write to a page, or do what `kind` says."""
        return self._call("POST", "/control/chats", {"page": page, "person": person, "text": text, **more})

    def let_happen(self, mail: int, happening: str, url: str = "") -> dict[str, Any]:
        """Let a mail service tell what became of a mail; `mail` is its entry's id."""
        return self._call("POST", f"/control/mails/{mail}", {"happening": happening, "url": url})

    def counts(self, **filters: Any) -> dict[str, int]:
        return self._call("GET", f"/ledger/counts?{urlencode(filters)}")

    def keys(self, **filters: Any) -> list[dict[str, Any]]:
        return self._call("GET", f"/ledger/keys?{urlencode({'limit': 100_000, **filters})}")["items"]

    def clear(self) -> None:
        """Forget what arrived."""
        self._call("DELETE", "/ledger")

    def _call(self, method: str, path: str, data: Any = None) -> Any:
        connection = http.client.HTTPConnection(self.address.host, self.address.http, timeout=30)
        try:
            connection.request(method, path, None if data is None else json.dumps(data).encode(), JSON)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise ValueError(f"{method} {path}: {content['error']}")
        return content


@contextlib.contextmanager
def postbox_in_thread(data_dir: Path, *, host: str = "127.0.0.1") -> Iterator[PostboxClient]:
    """Run a postbox inside this process, on free ports."""
    http_socket, smtp_socket = listening(host, None, None), listening(host, None, None)
    loop = asyncio.new_event_loop()
    is_listening = threading.Event()
    asked_to_end = asyncio.Event()
    data_dir.mkdir(parents=True, exist_ok=True)
    postbox = Postbox(data_dir, host=host, http=http_socket, smtp=smtp_socket)

    async def serve() -> None:
        async with postbox:
            is_listening.set()
            await asked_to_end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="postbox", daemon=True)
    thread.start()
    try:
        if not is_listening.wait(START_SECONDS):
            raise TimeoutError("The postbox does not listen.")
        yield PostboxClient(postbox.address)
    finally:
        loop.call_soon_threadsafe(asked_to_end.set)
        thread.join(STOP_SECONDS)
        loop.close()


@contextlib.contextmanager
def postbox_in_process(data_dir: Path, *, host: str = "127.0.0.1") -> Iterator[PostboxClient]:
    """Run a postbox as a process of its own, on free ports: for load, and where processes are killed."""
    data_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "manage.py", "postbox", f"--host={host}", "--http-port=0", "--smtp-port=0"]
    environment = os.environ | {"DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE}
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield PostboxClient(_announced(data_dir, process))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _announced(data_dir: Path, process: subprocess.Popen[bytes]) -> Address:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        address = Address.of(data_dir)
        if address is not None and address.pid == process.pid:
            return address
        time.sleep(0.05)
    raise TimeoutError(f"The postbox did not start (status {process.poll()}).")

"""The postbox's process: both servers in one event loop, from start to orderly end."""

import asyncio
import errno
import ipaddress
import logging
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP

from workflows.messaging.postbox import Address
from workflows.messaging.postbox.graph import Graph
from workflows.messaging.postbox.ledger import Ledger
from workflows.messaging.postbox.mail import MAXIMUM_MAIL_BYTES, MailHandler
from workflows.messaging.postbox.mail_services import MailServices
from workflows.messaging.postbox.phones import Phones
from workflows.messaging.postbox.receiver import Receiver
from workflows.messaging.postbox.rules import RuleBook
from workflows.messaging.postbox.site import Site
from workflows.messaging.postbox.switchboard import Switchboard
from workflows.messaging.postbox.wire import Gone, Wire

BACKLOG = 1024


class PostboxError(Exception):
    """The postbox cannot start; the text says why."""


class Postbox:
    """Both servers on one loopback address; an async context manager that listens while it is open."""

    def __init__(self, data_dir: Path, *, host: str = "127.0.0.1", http: socket.socket, smtp: socket.socket) -> None:
        self.address = Address(host=host, http=http.getsockname()[1], smtp=smtp.getsockname()[1], pid=os.getpid())
        self._data_dir = data_dir
        self._sockets = (http, smtp)
        self._ledger = Ledger(data_dir / "postbox" / "ledger.sqlite3")
        self._rules = RuleBook()
        self._receiver = Receiver(self._ledger, self._rules)
        self._phones = Phones(self._ledger, self._rules)
        self._switchboard = Switchboard(self._ledger, self._rules, url=self.address.url)
        self._graph = Graph(self._ledger, self._rules)
        self._mail_services = MailServices(self._ledger, self._rules)
        self._providers = (self._phones, self._switchboard, self._graph, self._mail_services)
        self._site = Site(self._ledger, self._rules, self._phones, self._graph, self._mail_services, self._switchboard)
        self._handler = MailHandler(self._ledger, self._rules)
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd warns of its own doings at each login
        loop = asyncio.get_running_loop()
        http, smtp = self._sockets
        self._servers = [
            await asyncio.start_server(self._serve, sock=http, backlog=BACKLOG),
            await loop.create_server(self._mail_session, sock=smtp, backlog=BACKLOG),
        ]
        self.address.write(self._data_dir)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self._ledger.close()
        if Address.of(self._data_dir) == self.address:
            (self._data_dir / "postbox.json").unlink(missing_ok=True)

    def _mail_session(self) -> SMTP:
        return SMTP(
            self._handler,
            hostname="postbox",
            ident="Followthrough postbox",
            data_size_limit=MAXIMUM_MAIL_BYTES,
            enable_SMTPUTF8=True,
            authenticator=self._handler.authenticate,
            auth_require_tls=False,
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        try:
            while request := await wire.read():
                reply = self._site.answer(request)
                receiver = next((each for each in self._providers if each.concerns(request)), self._receiver)
                if reply is not None:
                    await wire.answer(reply.status, reply.headers, reply.body)
                elif not await receiver.receive(request, wire):
                    return
                if not wire.continues():
                    return
        except (Gone, OSError, asyncio.CancelledError):  # cancelled: the postbox ends; 3.11 would log it
            return
        finally:
            writer.close()


def listening(host: str, port: int | None, preferred: int | None) -> socket.socket:
    """Return a listening socket: on `port` when given, else on the preferred one, else on any that is free."""
    if not ipaddress.ip_address(host).is_loopback:
        raise PostboxError(f"{host} is no loopback address; the postbox takes in everything and stays on this machine.")
    if port is not None:
        return _bound(host, port)
    try:
        return _bound(host, preferred or 0)
    except PostboxError:
        return _bound(host, 0)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.setblocking(False)
    except (OSError, OverflowError) as failure:
        listener.close()
        taken = isinstance(failure, OSError) and failure.errno == errno.EADDRINUSE
        raise PostboxError(
            f"Port {port} on {host} {'is taken' if taken else f'cannot be used ({failure})'}."
        ) from failure
    return listener

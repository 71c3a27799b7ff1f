"""Reading requests from a connection and writing answers to it, well-formed ones."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

READ_BYTES = 256 * 1024
MAXIMUM_BODY_BYTES = 32 * 1024 * 1024
IDLE_SECONDS = 75.0


class Gone(Exception):
    """The other side has closed, or sent what is no HTTP."""


@dataclass(slots=True)
class Request:
    """What was asked, as it came."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def host(self) -> str:
        """The host it was sent to, without the port, in lower case."""
        host = self.header("host").lower()
        return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


class Wire:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._http = h11.Connection(our_role=h11.SERVER)

    async def read(self) -> Request | None:
        """Return the next request; None when the connection has ended in order."""
        head = await self._next_event()
        if not isinstance(head, h11.Request):
            return None
        body = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            body += event.data
            if len(body) > MAXIMUM_BODY_BYTES:
                raise Gone
        return Request(
            method=head.method.decode("ascii"),
            target=head.target.decode("latin-1"),
            headers=[(name.decode("latin-1"), _text(value)) for name, value in head.headers.raw_items()],
            body=bytes(body),
        )

    async def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send one whole answer."""
        lines = [(name.encode(), value.strip().encode()) for name, value in headers.items()]
        lines.append((b"Content-Length", str(len(body)).encode()))
        events: list[h11.Event] = [h11.Response(status_code=status, headers=lines), h11.EndOfMessage()]
        if body and status not in {204, 304}:
            events.insert(1, h11.Data(data=body))
        self.writer.write(b"".join(self._http.send(event) or b"" for event in events))
        await self.writer.drain()

    def continues(self) -> bool:
        """Prepare for the next request on this connection; False when there can be none."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def gone(self) -> None:
        """Wait until the other side has closed."""
        while await self.reader.read(READ_BYTES):
            pass

    def break_off(self) -> None:
        """Reset the connection: the other side sees an error instead of an end."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def _next_event(self) -> h11.Event:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    interim = h11.InformationalResponse(status_code=100, headers=[])
                    self.writer.write(self._http.send(interim) or b"")
                self._http.receive_data(await asyncio.wait_for(self.reader.read(READ_BYTES), IDLE_SECONDS))
        except (h11.RemoteProtocolError, OSError, TimeoutError) as error:
            raise Gone from error
        return event  # type: ignore[return-value]


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")

"""One request and its answer over one connection, bounded in time and size."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import h11

from workflows.messaging.outbound.connections import Connection
from workflows.messaging.outbound.deadline import Deadline
from workflows.messaging.outbound.errors import NotSent, SentUnknown
from workflows.messaging.outbound.urls import Target

READ_BYTES = 64 * 1024
MAXIMUM_INTERIM_ANSWERS = 20
UNPACKED_ENCODINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it goes over the wire."""

    method: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer: its head always whole, its body as far as it was read."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool


def exchange(
    connection: Connection, target: Target, outgoing: Outgoing, deadline: Deadline, max_response_bytes: int
) -> Incoming:
    """Send the request and read the answer.

    NotSent when the connection took no byte of it; SentUnknown when it took some and no answer's head came. A body
    that stops, drips past the deadline or does not end is cut off: the answer itself is known by then.
    """
    is_whole = _send(connection, target, outgoing, deadline)
    head = _read_head(connection, target, deadline)
    headers = _by_name(head)
    body = Body(max_response_bytes, headers.get("content-encoding", ""))
    try:
        body.read(connection, deadline)
    except (TimeoutError, OSError, h11.RemoteProtocolError, zlib.error):
        body.truncated = True
    if not is_whole:
        connection.http.send_failed()
    return Incoming(head.status_code, headers, bytes(body.content), body.truncated)


def _send(connection: Connection, target: Target, outgoing: Outgoing, deadline: Deadline) -> bool:
    """Send the request; False when the other side stopped listening half-way, as one does that answers early."""
    data = _serialize(connection, target, outgoing)
    sent = 0
    try:
        while sent < len(data):
            sent += connection.send(data[sent : sent + READ_BYTES], deadline)
    except TimeoutError as error:
        if not sent:
            raise NotSent("timeout", f"{target.authority} took nothing of the request in time.") from error
        raise SentUnknown("timeout", f"{target.authority} did not take the whole request in time.") from error
    except OSError as error:
        if not sent:
            raise NotSent("network", f"{target.authority} closed the connection before the request.") from error
        return False
    return True


def _serialize(connection: Connection, target: Target, outgoing: Outgoing) -> bytes:
    headers = {"Host": target.authority, **outgoing.headers}
    if outgoing.body is not None:
        headers["Content-Length"] = str(len(outgoing.body))
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    request = h11.Request(method=outgoing.method, target=target.path, headers=lines)
    events: list[h11.Event] = [request, h11.EndOfMessage()]
    if outgoing.body:
        events.insert(1, h11.Data(data=outgoing.body))
    return b"".join(connection.http.send(event) or b"" for event in events)


def _read_head(connection: Connection, target: Target, deadline: Deadline) -> h11.Response:
    try:
        for _ in range(MAXIMUM_INTERIM_ANSWERS):
            event = _next_event(connection, deadline)
            if isinstance(event, h11.Response):
                return event
    except TimeoutError as error:
        raise SentUnknown("timeout", f"{target.authority} did not answer in time.") from error
    except OSError as error:
        raise SentUnknown("network", f"{target.authority} closed the connection without an answer.") from error
    except h11.RemoteProtocolError as error:
        raise SentUnknown("network", f"{target.authority} did not answer in HTTP ({error}).") from error
    raise SentUnknown("network", f"{target.authority} sent only interim answers.")


def _next_event(connection: Connection, deadline: Deadline) -> h11.Event | type[h11.PAUSED]:
    deadline.remaining()
    while (event := connection.http.next_event()) is h11.NEED_DATA:
        data = connection.receive(READ_BYTES, deadline)
        if not data and connection.http.their_state is h11.SEND_RESPONSE:
            raise ConnectionResetError
        connection.http.receive_data(data)
    return event  # type: ignore[return-value]


def _by_name(head: h11.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in head.headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


class Body:
    """The answer's body, unpacked and cut at `maximum` bytes before as well as after unpacking."""

    def __init__(self, maximum: int, encoding: str) -> None:
        self.content = bytearray()
        self.truncated = False
        self._maximum = maximum
        self._unread = maximum
        window = UNPACKED_ENCODINGS.get(encoding.strip().lower())
        self._unpacker = None if window is None else zlib.decompressobj(window)

    def read(self, connection: Connection, deadline: Deadline) -> None:
        while not self.truncated:
            event = _next_event(connection, deadline)
            if isinstance(event, h11.Data):
                self._add(bytes(event.data))
            else:
                return

    def _add(self, data: bytes) -> None:
        self._unread -= len(data)
        room = self._maximum - len(self.content)
        if self._unpacker is not None:
            data = self._unpacker.decompress(data, room + 1)
        self.content += data[:room]
        self.truncated = len(data) > room or self._unread < 0

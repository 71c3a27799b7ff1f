"""Connections to checked addresses: opened, kept for the next request to the same origin, closed."""

import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address
from typing import Any

import h11

from workflows.messaging.outbound.addresses import Address
from workflows.messaging.outbound.deadline import Deadline
from workflows.messaging.outbound.errors import NotSent
from workflows.messaging.outbound.urls import Target

Origin = tuple[str, str, int]

MAXIMUM_HEAD_BYTES = 64 * 1024
MAXIMUM_ATTEMPTS = 4  # addresses tried of one name
IDLE_SECONDS = 4.0  # widespread servers hang up after five
LIFE_SECONDS = 60.0  # then the name is looked up again
MAXIMUM_IDLE = 128
MAXIMUM_IDLE_PER_ORIGIN = 64
SHORTEST_WAIT = 0.001  # zero would mean "do not block"

Dial = Callable[[Address, int, float], socket.socket]


def dial(address: Address, port: int, timeout_seconds: float) -> socket.socket:
    """Open a TCP connection to exactly this address; no name is looked up here."""
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_seconds)
        connection.connect((str(address), port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


class Connection:
    """One open connection and its HTTP state; used by one thread at a time."""

    def __init__(self, origin: Origin, wire: socket.socket) -> None:
        self.origin = origin
        self.http = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=MAXIMUM_HEAD_BYTES)
        self.is_reused = False
        self._wire = wire
        self._opened_at = time.monotonic()
        self._idle_since = self._opened_at

    def send(self, data: bytes, deadline: Deadline) -> int:
        """Hand some of the data to the connection; returns how many bytes, at least one."""
        self._wire.settimeout(max(deadline.remaining(), SHORTEST_WAIT))
        return self._wire.send(data)

    def receive(self, maximum: int, deadline: Deadline) -> bytes:
        """Wait for what comes next; empty when the other side has closed."""
        self._wire.settimeout(max(deadline.remaining(), SHORTEST_WAIT))
        return self._wire.recv(maximum)

    def is_at_rest(self) -> bool:
        """Say whether request and answer are complete and nothing came after the answer."""
        is_done = self.http.our_state is self.http.their_state is h11.DONE
        return is_done and self.http.trailing_data == (b"", False)

    def rest(self) -> None:
        self.http.start_next_cycle()
        self.is_reused = True
        self._idle_since = time.monotonic()

    def is_fresh(self) -> bool:
        """Say whether a resting connection may be used again: young, and nothing has arrived, not even its end."""
        now = time.monotonic()
        if now - self._idle_since > IDLE_SECONDS or now - self._opened_at > LIFE_SECONDS:
            return False
        poll = select.poll()
        poll.register(self._wire, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self._wire.close()


class Connections:
    """Opens connections and keeps the resting ones. Shared by threads."""

    def __init__(self, tls: ssl.SSLContext, dial: Dial) -> None:
        self._tls = tls
        self._dial = dial
        self._lock = threading.Lock()
        self._resting: dict[Origin, deque[Connection]] = {}
        self._count = 0

    def take(self, target: Target) -> Connection | None:
        """Return a resting connection to the target's origin, the one used last first."""
        stale = []
        try:
            with self._lock:
                resting = self._resting.get(target.origin)
                while resting:
                    connection = resting.pop()
                    self._count -= 1
                    if connection.is_fresh():
                        return connection
                    stale.append(connection)
                return None
        finally:
            for connection in stale:
                connection.close()

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        connection.rest()
        surplus = []
        with self._lock:
            resting = self._resting.setdefault(connection.origin, deque())
            resting.append(connection)
            self._count += 1
            if len(resting) > MAXIMUM_IDLE_PER_ORIGIN:
                surplus.append(resting.popleft())
                self._count -= 1
            if self._count > MAXIMUM_IDLE:
                surplus += self._remove_oldest()
        for unwanted in surplus:
            unwanted.close()

    def open(self, target: Target, addresses: Sequence[Address], deadline: Deadline) -> Connection:
        """Connect to the first address that answers, TLS included; NotSent when none does in time."""
        return Connection(target.origin, self.dial(target, addresses, deadline))

    def dial(self, target: Target, addresses: Sequence[Address], deadline: Deadline) -> socket.socket:
        """Return a new connection as `open` does, without any protocol on it and never kept."""
        tried = addresses[:MAXIMUM_ATTEMPTS]
        for number, address in enumerate(tried):
            try:
                return self._connect(target, address, deadline.share(len(tried) - number))
            except (OSError, ValueError) as error:
                failure = error
        raise _not_connected(target, failure) from failure

    def close(self) -> None:
        with self._lock:
            resting, self._resting, self._count = self._resting, {}, 0
        for connections in resting.values():
            for connection in connections:
                connection.close()

    def __del__(self) -> None:
        self.close()

    def _connect(self, target: Target, address: Address, deadline: Deadline) -> socket.socket:
        wire = self._dial(address, target.port, deadline.remaining())
        if target.scheme == "http":
            return wire
        try:
            wire.settimeout(deadline.remaining())
            secured = self._tls.wrap_socket(wire, server_hostname=target.host, do_handshake_on_connect=False)
        except BaseException:
            wire.close()
            raise
        try:
            secured.settimeout(max(deadline.remaining(), SHORTEST_WAIT))
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured

    def _remove_oldest(self) -> list[Connection]:
        """Empty the origin that was first used longest ago. The caller holds the lock."""
        origin = next(iter(self._resting))
        removed = self._resting.pop(origin)
        self._count -= len(removed)
        return list(removed)


def _not_connected(target: Target, failure: Any) -> NotSent:
    match failure:
        case TimeoutError():
            return NotSent("timeout", f"No connection to {target.authority} in time.")
        case ssl.SSLCertVerificationError():
            return NotSent("network", f"{target.authority} has a certificate that fails: {failure.verify_message}.")
        case ssl.SSLError():
            return NotSent("network", f"No secure connection to {target.authority}: {failure.reason or 'TLS failed'}.")
        case OSError():
            return NotSent("network", f"No connection to {target.authority}: {failure.strerror or failure}.")
    return NotSent("network", f"No connection to {target.authority}.")

"""From a host name to checked addresses, within the time that is left."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from ipaddress import ip_address

from workflows.messaging.outbound.addresses import Address, Network, is_inside, refusal
from workflows.messaging.outbound.deadline import Deadline
from workflows.messaging.outbound.errors import NotSent
from workflows.messaging.outbound.urls import Target

MAXIMUM_LOOKUPS = 64
MAXIMUM_REMEMBERED = 4096

Lookup = Callable[[str], Sequence[str]]


def system_lookup(host: str) -> Sequence[str]:
    """Ask the system's resolver for all addresses of a name."""
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


class Resolver:
    """Looks names up side by side, one lookup a name at a time, and remembers answers for a few seconds.

    Each lookup runs in a thread of its own, because the system's cannot be given a time limit and a thread that
    hangs in it must hold up neither other names nor the end of the process.
    """

    def __init__(self, lookup: Lookup, allowed: Sequence[Network], remember_seconds: float) -> None:
        self._lookup = lookup
        self._allowed = allowed
        self._remember_seconds = remember_seconds
        self._lock = threading.Lock()
        self._pending: dict[str, Future[Sequence[str]]] = {}
        self._remembered: dict[str, tuple[float, Sequence[str]]] = {}

    def addresses(self, target: Target, deadline: Deadline) -> list[Address]:
        """Return the addresses that may be connected to; NotSent when there are none or one must not be reached.

        Where the name has explicitly allowed addresses, only these are used. Else a single refused one refuses the
        name: an honest name does not mix public addresses with internal ones.
        """
        literal = target.address
        addresses = [literal] if literal is not None else self._resolve(target.host, deadline)
        allowed = [address for address in addresses if is_inside(address, self._allowed)]
        if allowed:
            return allowed
        for address in addresses:
            if kind := refusal(address, self._allowed):
                raise NotSent("invalid_config", f"{target.host} has an address that must not be called ({kind}).")
        return addresses

    def _resolve(self, host: str, deadline: Deadline) -> list[Address]:
        texts = self._recall(host)
        if texts is None:
            try:
                texts = self._start(host).result(timeout=deadline.remaining())
            except TimeoutError:
                raise NotSent("timeout", f"The address of {host} was not found in time.") from None
            except (OSError, UnicodeError) as error:
                raise NotSent("network", f"The address of {host} was not found ({error}).") from error
        try:
            addresses = [ip_address(text) for text in texts]
        except ValueError:
            raise NotSent("network", f"The address of {host} cannot be read.") from None
        if not addresses:
            raise NotSent("network", f"{host} has no address.")
        return addresses

    def _recall(self, host: str) -> Sequence[str] | None:
        with self._lock:
            until, texts = self._remembered.get(host, (0.0, None))
        return texts if time.monotonic() < until else None

    def _start(self, host: str) -> "Future[Sequence[str]]":
        """Return the running lookup of the name, or start it."""
        with self._lock:
            if host in self._pending:
                return self._pending[host]
            if len(self._pending) >= MAXIMUM_LOOKUPS:
                raise NotSent("network", f"Too many names are being looked up to ask for {host}.")
            future: Future[Sequence[str]] = Future()
            self._pending[host] = future
        threading.Thread(target=self._run, args=(host, future), name=f"lookup {host}", daemon=True).start()
        return future

    def _run(self, host: str, future: "Future[Sequence[str]]") -> None:
        try:
            texts = self._lookup(host)
        except Exception as error:  # noqa: BLE001 - handed to those who wait
            self._finish(host)
            future.set_exception(error)
        else:
            self._finish(host, texts)
            future.set_result(texts)

    def _finish(self, host: str, texts: Sequence[str] | None = None) -> None:
        with self._lock:
            del self._pending[host]
            if texts and self._remember_seconds:
                if len(self._remembered) >= MAXIMUM_REMEMBERED:
                    self._remembered.clear()
                self._remembered[host] = (time.monotonic() + self._remember_seconds, texts)

"""The one door for outgoing HTTP: checks the address, follows redirects, keeps to its limits."""

import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urljoin

import certifi
import structlog

from workflows.messaging.outbound.addresses import Network
from workflows.messaging.outbound.connections import Connection, Connections, Dial, dial
from workflows.messaging.outbound.deadline import Deadline
from workflows.messaging.outbound.errors import NotSent, OutboundError, SentUnknown
from workflows.messaging.outbound.exchange import Incoming, Outgoing, exchange
from workflows.messaging.outbound.resolving import Lookup, Resolver, system_lookup
from workflows.messaging.outbound.urls import DEFAULT_PORTS, Target, parse

logger = structlog.get_logger(__name__)

USER_AGENT = "Followthrough"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
SAFE_METHODS = frozenset({"GET", "HEAD"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
SEE_OTHER = 303
KEEPS_METHOD = frozenset({307, 308})
MAXIMUM_HEADERS = 64
MAXIMUM_HEADER_BYTES = 32 * 1024
REMEMBER_SECONDS = 10.0

OWN_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "te",
        "trailer",
        "expect",
    }
)
HARMLESS_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "content-type",
        "content-language",
        "user-agent",
        "idempotency-key",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, header names in lower case. `truncated`: the body was too long, too slow or broke off."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    duration_ms: int
    truncated: bool


class Client:
    """Sends requests, safe to share between threads. `lookup` and `dial` are the ways out to the network."""

    def __init__(
        self,
        *,
        allowed: Sequence[Network] = (),
        lookup: Lookup = system_lookup,
        dial: Dial = dial,
        tls: ssl.SSLContext | None = None,
        remember_seconds: float = REMEMBER_SECONDS,
    ) -> None:
        self._resolver = Resolver(lookup, allowed, remember_seconds)
        self._connections = Connections(tls or tls_context(), dial)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = 30.0,
        max_response_bytes: int = 256 * 1024,
        max_redirects: int = 3,
    ) -> Answer:
        """Make one request and return its answer, whatever the status.

        NotSent: nothing was sent, repeating is safe; SentUnknown: something was, and no answer came. Ends at
        `timeout_seconds`, redirects included. A redirect is checked like the first address, never leads from https to
        http, and takes credentials along to the same origin only.
        """
        started_at = time.monotonic()
        deadline = Deadline(started_at + timeout_seconds)
        target = parse(url)
        outgoing = Outgoing(method, _checked_headers(method, headers or {}), _explicit_body(method, body))
        may_have_acted = False
        try:
            for _ in range(max_redirects + 1):
                incoming = self._send(target, outgoing, deadline, max_response_bytes)
                location = incoming.headers.get("location")
                if incoming.status_code not in REDIRECTS or not location:
                    duration_ms = round((time.monotonic() - started_at) * 1000)
                    return Answer(
                        incoming.status_code, incoming.headers, incoming.body, duration_ms, incoming.truncated
                    )
                may_have_acted |= incoming.status_code not in KEEPS_METHOD and outgoing.method not in SAFE_METHODS
                next_target = _redirected(target, location)
                outgoing = _redirected_request(outgoing, incoming.status_code, target, next_target)
                target = next_target
            raise NotSent("rejected", f"{target.authority} was reached after more than {max_redirects} redirects.")
        except NotSent as error:
            if may_have_acted:
                raise SentUnknown(error.error_class, f"After a redirect: {error.message}") from error
            raise

    def connect(self, host: str, port: int, deadline: Deadline) -> socket.socket:
        """Open a bare TCP connection to a checked address, for other protocols; NotSent when that is not possible."""
        target = parse(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        try:
            return self._connections.dial(target, self._resolver.addresses(target, deadline), deadline)
        except TimeoutError as error:
            raise NotSent("timeout", f"No connection to {target.authority} in time.") from error

    def close(self) -> None:
        """Close the resting connections."""
        self._connections.close()

    def _send(self, target: Target, outgoing: Outgoing, deadline: Deadline, max_response_bytes: int) -> Incoming:
        while connection := self._connections.take(target):
            try:
                return self._exchange(connection, target, outgoing, deadline, max_response_bytes)
            except NotSent:
                continue  # the resting connection had just been closed by the other side
        try:
            addresses = self._resolver.addresses(target, deadline)
            if target.port != DEFAULT_PORTS[target.scheme]:
                logger.info("outbound_port", host=target.host, port=target.port)
            connection = self._connections.open(target, addresses, deadline)
        except TimeoutError as error:
            raise NotSent("timeout", f"No connection to {target.authority} in time.") from error
        return self._exchange(connection, target, outgoing, deadline, max_response_bytes)

    def _exchange(
        self, connection: Connection, target: Target, outgoing: Outgoing, deadline: Deadline, max_response_bytes: int
    ) -> Incoming:
        try:
            return exchange(connection, target, outgoing, deadline, max_response_bytes)
        finally:
            if connection.is_at_rest():
                self._connections.give_back(connection)
            else:
                connection.close()


@cache
def tls_context() -> ssl.SSLContext:
    """Return a context that accepts certificates of Mozilla's authorities and of those installed on this machine."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.set_default_verify_paths()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _checked_headers(method: str, headers: Mapping[str, str]) -> dict[str, str]:
    if method not in METHODS:
        raise NotSent("invalid_config", f"The method must be one of {', '.join(sorted(METHODS))}.")
    if len(headers) > MAXIMUM_HEADERS:
        raise NotSent("invalid_config", f"There are more than {MAXIMUM_HEADERS} headers.")
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise NotSent("invalid_config", "A header's name may consist of letters, digits and hyphens only.")
        if name.lower() in OWN_HEADERS or name.lower().startswith("proxy-"):
            raise NotSent("invalid_config", f"The header {name} is set by the connection itself.")
        if not _VALUE.fullmatch(value):
            raise NotSent("invalid_config", f"The header {name} contains a line break or another control character.")
    if sum(len(name) + len(value) for name, value in headers.items()) > MAXIMUM_HEADER_BYTES:
        raise NotSent("invalid_config", f"The headers are longer than {MAXIMUM_HEADER_BYTES} bytes together.")
    given = {name.lower() for name in headers}
    defaults = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
    checked = {name: value for name, value in defaults.items() if name.lower() not in given}
    return checked | {name: value.strip(" \t") for name, value in headers.items()}


def _explicit_body(method: str, body: bytes | None) -> bytes | None:
    """Say "no content" aloud where servers expect content."""
    return b"" if body is None and method in {"POST", "PUT", "PATCH"} else body


def _redirected(target: Target, location: str) -> Target:
    text = location.encode("latin-1").decode("utf-8", "replace")
    try:
        if _SCHEME.match(text):
            following = parse(text)
        else:
            following = parse(f"{target.scheme}:{text}" if text.startswith("//") else urljoin(target.url, text))
    except (OutboundError, ValueError) as error:
        raise NotSent("invalid_config", f"{target.authority} redirects to an address that cannot be used.") from error
    if (target.scheme, following.scheme) == ("https", "http"):
        raise NotSent("invalid_config", f"{target.authority} redirects from https to http.")
    return following


def _redirected_request(outgoing: Outgoing, status_code: int, target: Target, following: Target) -> Outgoing:
    method, body, headers = outgoing.method, outgoing.body, outgoing.headers
    becomes_get = status_code == SEE_OTHER or (status_code not in KEEPS_METHOD and method == "POST")
    if becomes_get and method not in SAFE_METHODS:
        method, body = "GET", None
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
    if not target.shares_credentials_with(following):
        headers = {name: value for name, value in headers.items() if name.lower() in HARMLESS_HEADERS}
    return Outgoing(method, headers, body)

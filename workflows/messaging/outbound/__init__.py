"""Outgoing calls for everything that reaches addresses which customers choose: HTTP, and bare connections."""

import os
import socket
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_network

from django.conf import settings

from workflows.messaging.outbound.addresses import Network, refusal
from workflows.messaging.outbound.client import OWN_HEADERS, Answer, Client
from workflows.messaging.outbound.deadline import Deadline
from workflows.messaging.outbound.errors import NotSent, OutboundError, SentUnknown
from workflows.messaging.outbound.urls import Target, parse
from workflows.messaging.postbox import POSTBOX_HOST, Address

__all__ = [
    "OWN_HEADERS",
    "Answer",
    "Client",
    "Deadline",
    "NotSent",
    "OutboundError",
    "SentUnknown",
    "Target",
    "checked_target",
    "connect",
    "parse",
    "request",
]


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout_seconds: float = 30.0,
    max_response_bytes: int = 256 * 1024,
    max_redirects: int = 3,
) -> Answer:
    """Make one request with the installation's client; see `Client.request`.

    `http://postbox.test/…` is the postbox of this installation, if there is one, on whatever port it runs today.
    """
    return _own_client().request(
        method,
        _at_the_postbox(url),
        headers=headers,
        body=body,
        timeout_seconds=timeout_seconds,
        max_response_bytes=max_response_bytes,
        max_redirects=max_redirects,
    )


def _at_the_postbox(url: str) -> str:
    if not settings.POSTBOX_ENABLED or not url.startswith(f"http://{POSTBOX_HOST}/"):
        return url
    postbox = Address.of(settings.DATA_DIR)
    if postbox is None:
        raise NotSent("network", "The postbox has not been started.")
    return postbox.url + url.removeprefix(f"http://{POSTBOX_HOST}")


def checked_target(url: str) -> Target:
    """Read a URL as a request would and refuse an address that it must not call, without looking up any name.

    NotSent(`invalid_config`) says why.
    """
    target = parse(url)
    if target.address and (kind := refusal(target.address, _allowed(tuple(settings.OUTBOUND_ALLOW_NETWORKS)))):
        raise NotSent("invalid_config", f"{target.host} is an address that must not be called ({kind}).")
    return target


def connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Open a bare connection with the installation's client; see `Client.connect`."""
    return _own_client().connect(host, port, deadline)


def _own_client() -> Client:
    return _client(os.getpid(), tuple(settings.OUTBOUND_ALLOW_NETWORKS))


@lru_cache(maxsize=4)
def _client(pid: int, networks: tuple[str, ...]) -> Client:
    """Return this process's client: a forked child must not share its parent's connections."""
    return Client(allowed=_allowed(networks))


@lru_cache(maxsize=4)
def _allowed(networks: tuple[str, ...]) -> Sequence[Network]:
    return [ip_network(network) for network in networks]

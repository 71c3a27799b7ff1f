"""Outgoing calls for everything that reaches addresses which customers choose: HTTP, and bare connections."""

import os
import socket
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_network

from django.conf import settings

from workflows.messaging.outbound.client import Answer, Client
from workflows.messaging.outbound.deadline import Deadline
from workflows.messaging.outbound.errors import NotSent, OutboundError, SentUnknown
from workflows.messaging.outbound.urls import Target, parse

__all__ = [
    "Answer",
    "Client",
    "Deadline",
    "NotSent",
    "OutboundError",
    "SentUnknown",
    "Target",
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
    """Make one request with the installation's client; see `Client.request`."""
    return _own_client().request(
        method,
        url,
        headers=headers,
        body=body,
        timeout_seconds=timeout_seconds,
        max_response_bytes=max_response_bytes,
        max_redirects=max_redirects,
    )


def connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Open a bare connection with the installation's client; see `Client.connect`."""
    return _own_client().connect(host, port, deadline)


def _own_client() -> Client:
    return _client(os.getpid(), tuple(settings.OUTBOUND_ALLOW_NETWORKS))


@lru_cache(maxsize=4)
def _client(pid: int, networks: Sequence[str]) -> Client:
    """Return this process's client: a forked child must not share its parent's connections."""
    return Client(allowed=[ip_network(network) for network in networks])

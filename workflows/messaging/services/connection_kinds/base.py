"""What the service of connections asks of each kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workflows.messaging.models import Connection


@dataclass(frozen=True, slots=True)
class Kind:
    """What connections of one kind do in their own way."""

    complete: Callable[..., dict[str, Any]]
    """Return given settings with their defaults, or raise Invalid; takes `account_id` and `connection_id` (or None)."""
    try_out: Callable[[Connection], None]
    """Connect and sign in for real; raises OutboundError."""
    places: tuple[str, ...]
    """Settings that say where the password goes."""
    has_webhook_secret: bool = False
    """Whether a second secret proves that a callback comes from the provider."""
    callback: Callable[[Connection], dict[str, str]] = lambda connection: {}
    """Return what people set at the provider so that it calls back: `url`, and `verify_token` where it wants one."""

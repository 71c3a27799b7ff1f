"""Mail servers."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.problems import Invalid, Problem
from workflows.messaging.models import Connection
from workflows.messaging.outbound import Deadline, NotSent, checked_target
from workflows.messaging.providers.smtp import POSTBOX_HOST, Server
from workflows.messaging.providers.smtp.pool import say_goodbye
from workflows.messaging.providers.smtp.session import Session
from workflows.messaging.services.connection_kinds.base import Kind

DEFAULT_PORTS = {"tls": 465, "starttls": 587, "none": 25}
"""By how the connection is secured."""
SECONDS = 15.0
"""For a try, all told."""
NAME_ALONE = Problem("invalid", "Give the name of the mail server alone, such as smtp.example.com.", "settings.host")


def complete_settings(settings: Mapping[str, Any], *, account_id: UUID, connection_id: UUID | None) -> dict[str, Any]:
    """Return the settings with their defaults, or refuse a host that cannot or must not be connected to."""
    security = settings.get("security", "starttls")
    host = settings["host"].strip().lower()
    port = settings.get("port") or DEFAULT_PORTS[security]
    if host != POSTBOX_HOST:
        if "/" in host:
            raise Invalid(NAME_ALONE)
        try:
            target = checked_target(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        except NotSent as problem:
            raise Invalid(Problem("invalid", problem.message, "settings.host")) from None
        if target.host != host:
            raise Invalid(NAME_ALONE)
    return {"host": host, "port": port, "security": security, "username": settings.get("username", "")}


def try_out(connection: Connection) -> None:
    """Connect and sign in, send nothing; raises NotSent."""
    say_goodbye(Session(Server.of(connection), Deadline.after(SECONDS)))


SMTP = Kind(complete_settings, try_out, places=("host", "port", "security"))

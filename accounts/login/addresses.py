"""Where a request came from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the client's IP address.

    Behind `TRUSTED_PROXY_COUNT` proxies it is the entry of X-Forwarded-For that the outermost of them appended;
    what stands left of it was written by the client. An entry that is no address counts as the proxy's own.
    """
    remote: str = request.META.get("REMOTE_ADDR") or "0.0.0.0"  # noqa: S104 - a unix socket has no address
    count: int = settings.TRUSTED_PROXY_COUNT
    hops = request.headers.get("X-Forwarded-For", "").split(",") if count > 0 else []
    if len(hops) < max(count, 1):
        return remote
    try:
        return str(ipaddress.ip_address(hops[-count].strip()))
    except ValueError:
        return remote

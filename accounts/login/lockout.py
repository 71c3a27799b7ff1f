"""Too many failed logins: by whom, and what they are told."""

import math
from typing import Any

from axes.utils import reset
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def username_of(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Return the address that somebody tried to sign in with, in lower case, as users are stored."""
    given = (credentials or {}).get("email") or (credentials or {}).get("username") or request.POST.get("username", "")
    return str(given).strip().lower()[:255]


def locked_out(request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None) -> HttpResponse:
    """Answer 429 with the time after which another attempt counts."""
    seconds = math.ceil(settings.AXES_COOLOFF_TIME.total_seconds())
    page = render(request, "account/locked.html", {"minutes": math.ceil(seconds / 60)}, status=429)
    page["Retry-After"] = str(seconds)
    return page


def unlock(*, email: str) -> int:
    """Forget the failed logins of an address, from everywhere; returns the number of rows removed."""
    removed: int = reset(username=email.strip().lower())
    return removed

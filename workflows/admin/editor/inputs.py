"""Reading what the editor's controls send."""

from uuid import UUID

from django.http import HttpRequest

from accounts.api.identifiers import parse_uuid
from accounts.problems import Invalid, Problem

DIGITS = 9
"""Of the largest number that is read."""


def seen_revision(request: HttpRequest) -> int:
    """Return the workflow's revision that the sender has seen; every change carries it."""
    return number(request, "revision")


def number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS):
        raise Invalid(Problem("invalid", f"`{name}` must be a whole number from 0; load the page anew.", name))
    return int(text)


def optional_id(request: HttpRequest, name: str) -> UUID | None:
    """Return the id that was sent, in the form or in the address; empty or left out: None."""
    text = request.POST.get(name, request.GET.get(name, ""))
    if not text:
        return None
    found = parse_uuid(text)
    if found is None:
        raise Invalid(Problem("invalid", f"`{name}` must be an id; load the page anew.", name))
    return found

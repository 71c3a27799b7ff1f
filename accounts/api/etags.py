"""`ETag` and `If-Match`: a change is made only to what its caller has seen (RFC 9110, sections 8.8.3 and 13.1.1)."""

import hashlib
import re
from collections.abc import Collection
from typing import Any

from rest_framework.request import Request

from accounts.api.refusals import Refused
from accounts.api.renderers import OrjsonRenderer
from accounts.problems import Problem

ENTITY_TAG = r'(?:W/)?"[!#-~\x80-\xff]*"'
LIST = re.compile(rf"[ \t,]*{ENTITY_TAG}(?:[ \t]*,[ \t,]*{ENTITY_TAG})*[ \t,]*")
STRONG_TAGS = re.compile(r'(W/)?("[^"]*")')


def tag_of(data: Any) -> str:
    """Return the strong entity tag of an answer's data."""
    return f'"{hashlib.blake2b(OrjsonRenderer().render(data), digest_size=16).hexdigest()}"'


def wanted_tags(request: Request) -> Collection[str] | None:
    """Return the strong tags of `If-Match`; None when anything will do: there is no such header, or it says `*`.

    Weak tags are read and left out: they never match (RFC 9110, 13.1.1). What is no list of tags is refused.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip(" \t") == "*":
        return None
    if not LIST.fullmatch(header):
        detail = 'If-Match must be `*` or ETags of earlier answers, quotes included, such as "7".'
        raise Refused(400, [Problem("invalid", detail, "If-Match")])
    return {tag for weak, tag in STRONG_TAGS.findall(header) if not weak}

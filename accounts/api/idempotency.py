"""`Idempotency-Key`: a POST that is sent again by its key is carried out once and answered alike.

The row of a key is written and committed before the request is carried out and once more with its answer, apart from
what the request itself does: a concurrent repetition sees it. If the process dies in between, the key is free again
after `MAXIMUM_SECONDS`.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpResponse, QueryDict
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.status import is_server_error, is_success
from uuid_utils.compat import uuid7

from accounts.api.refusals import Refused
from accounts.models import IdempotentRequest
from accounts.problems import Conflict, Problem

MAXIMUM_SECONDS = 60
"""How long a request may be under way before its key is free again."""
KEPT = timedelta(hours=24)
VISIBLE = re.compile(r"[!-~]{1,255}")
REPLAYED_HEADERS = ("Content-Type", "ETag", "Location")

CLAIM = """
    INSERT INTO accounts_idempotentrequest AS present
        (id, created_at, account_id, route, key, fingerprint, headers, expires_at)
    VALUES (%(id)s, now(), %(account_id)s, %(route)s, %(key)s, %(fingerprint)s, '{}',
        now() + make_interval(secs => %(seconds)s))
    ON CONFLICT (account_id, route, key) DO UPDATE SET
        id = EXCLUDED.id, created_at = EXCLUDED.created_at, fingerprint = EXCLUDED.fingerprint, status = NULL,
        headers = '{}', body = NULL, expires_at = EXCLUDED.expires_at
    WHERE present.expires_at <= now()
    RETURNING id
"""
"""Returns a row to the one request that may go on: the first with its key, or the first after the key expired."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out the request of a key."""

    id: UUID
    account_id: UUID

    def settle(self, response: Any, *, holds_credentials: bool) -> None:
        """Keep the answer for repetitions; one that the server failed to give frees the key."""
        try:
            rows = IdempotentRequest.objects.for_account(self.account_id).filter(id=self.id)
            if is_server_error(response.status_code) or response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                rows.delete()
                return
            response.render()
            is_kept = not (holds_credentials and is_success(response.status_code))
            rows.update(
                status=response.status_code,
                headers={name: response[name] for name in REPLAYED_HEADERS if name in response},
                body=response.content if is_kept else None,
                expires_at=timezone.now() + KEPT,
            )
        except (DatabaseError, InterfaceError) as error:
            logger.warning("answer not kept for its idempotency key", error=str(error))


def begin(request: Request, account_id: UUID) -> tuple[Claim | None, HttpResponse | None]:
    """Return the claim of a POST with a key, or the answer it was given before; neither where there is no key."""
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method != "POST":
        return None, None
    if not VISIBLE.fullmatch(key):
        detail = "Idempotency-Key must have 1 to 255 visible ASCII characters, such as a UUID."
        raise Refused(400, [Problem("invalid", detail, "Idempotency-Key")])
    assert request.resolver_match is not None, "a view was found"
    route, fingerprint = request.resolver_match.view_name, fingerprint_of(request)
    claim_id = uuid7()
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            {
                "id": claim_id,
                "account_id": account_id,
                "route": route,
                "key": key,
                "fingerprint": fingerprint,
                "seconds": MAXIMUM_SECONDS,
            },
        )
        if cursor.fetchone():
            return Claim(claim_id, account_id), None
    earlier = IdempotentRequest.objects.for_account(account_id).filter(route=route, key=key).first()
    return None, answer_again(earlier, fingerprint)


def answer_again(earlier: IdempotentRequest | None, fingerprint: str) -> HttpResponse:
    """Return the answer of the earlier request, or say why there is none."""
    if earlier is not None and earlier.fingerprint != fingerprint:
        detail = "This Idempotency-Key came with another request before; use a new key for each new request."
        raise Conflict("idempotency_key_reused", detail)
    if earlier is None or earlier.status is None:
        detail = "The request with this Idempotency-Key is still under way; send it again in a moment."
        raise Conflict("idempotency_in_progress", detail)
    if earlier.body is None:
        detail = "This request was carried out; its answer held a credential and was not kept. Use a new key."
        raise Conflict("idempotency_key_reused", detail)
    response = HttpResponse(bytes(earlier.body), status=earlier.status)
    if "Content-Type" not in earlier.headers:
        del response["Content-Type"]
    for name, value in {**earlier.headers, "Idempotency-Replayed": "true"}.items():
        response[name] = value
    return response


def fingerprint_of(request: Request) -> str:
    """Return a keyed hash of path, query and body; of a form, of its fields and files: boundaries differ each time."""
    digest = hashlib.sha256(orjson.dumps(request.get_full_path()))
    for part in parts_of(request.data):
        digest.update(hashlib.sha256(part).digest())
    return salted_hmac("accounts.api.idempotency", digest.digest(), algorithm="sha256").hexdigest()


def parts_of(data: Any) -> Iterator[bytes]:
    if not isinstance(data, QueryDict):
        yield orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
        return
    for name, values in sorted(data.lists()):
        for value in values:
            yield name.encode()
            if isinstance(value, UploadedFile):
                yield (value.name or "").encode()
                yield hash_of_file(value)
            else:
                yield value.encode()


def hash_of_file(file: UploadedFile) -> bytes:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.digest()

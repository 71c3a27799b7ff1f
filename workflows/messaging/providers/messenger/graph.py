"""One request to the Graph API."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from workflows.messaging import outbound
from workflows.messaging.outbound import SentUnknown
from workflows.messaging.postbox import POSTBOX_PAGE_HEADER
from workflows.messaging.providers.messenger.errors import refusal
from workflows.messaging.providers.messenger.page import MessengerPage
from workflows.messaging.providers.messenger.signatures import app_secret_proof

SECONDS = 30.0
NOT_UNDERSTOOD = "Meta's answer cannot be understood."


def ask(
    page: MessengerPage,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: bytes | None = None,
    content_type: str = "application/json",
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """Make a request in the page's name and return the object that it is answered with.

    Refused: Meta answered and did not do it; NotSent: it was never asked; SentUnknown: nobody can tell.
    """
    token, app_secret = page.secrets()
    headers = {"Authorization": f"Bearer {token.reveal()}", "Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = content_type
    if page.is_at_the_postbox:
        headers[POSTBOX_PAGE_HEADER] = f"{page.page_id} {page.callback_url}"
    proof = {"appsecret_proof": app_secret_proof(token=token, app_secret=app_secret)} if app_secret else {}
    parameters = urlencode({**(query or {}), **proof})
    answer = outbound.request(
        method,
        f"{page.base_url}/{path}" + (f"?{parameters}" if parameters else ""),
        headers=headers,
        body=body,
        timeout_seconds=seconds,
        max_redirects=0,
    )
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        raise refusal(answer)
    try:
        data = json.loads(answer.body) if answer.status_code == HTTPStatus.OK and not answer.truncated else None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise SentUnknown("outcome_unknown", NOT_UNDERSTOOD)
    return data

"""The SDK's way to the network: our own outgoing HTTP, which knows whether a request without an answer was sent."""

import base64
import logging
from typing import Any
from urllib.parse import urlencode

from twilio.http import HttpClient
from twilio.http.response import Response

from workflows.messaging import outbound
from workflows.messaging.outbound import SentUnknown
from workflows.messaging.postbox import POSTBOX_HOST

SECONDS = 30.0
_TWILIO = "https://api.twilio.com/"


class Door(HttpClient):
    """Sends what the SDK asks for; raises NotSent or SentUnknown where no whole answer came."""

    def __init__(self, api_host: str) -> None:
        super().__init__(logging.getLogger("twilio.http_client"), is_async=False, timeout=SECONDS)
        self.last_headers: dict[str, str] = {}
        """Of the last answer, in lower case; the SDK's exceptions leave them out."""
        self._base = f"http://{POSTBOX_HOST}/" if api_host == POSTBOX_HOST else _TWILIO

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Make one request; `timeout` is in seconds, a redirect is never followed."""
        sent: dict[str, Any] = dict(headers or {})
        if auth:
            sent["Authorization"] = f"Basic {base64.b64encode(':'.join(auth).encode()).decode()}"
        body = urlencode(data, doseq=True).encode() if data else None
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        url = self._base + uri.removeprefix(_TWILIO)
        answer = outbound.request(
            method,
            f"{url}?{urlencode(params, doseq=True)}" if params else url,
            headers=sent,
            body=body,
            timeout_seconds=timeout or SECONDS,
            max_redirects=0,
        )
        self.last_headers = dict(answer.headers)
        if answer.truncated:
            raise SentUnknown("outcome_unknown", "Twilio's answer broke off.")
        return Response(answer.status_code, answer.body.decode("utf-8", "replace"), answer.headers)

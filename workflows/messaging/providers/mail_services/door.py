"""Anymail's way to the network: our own outgoing HTTP, which knows whether a request without an answer was sent."""

from collections.abc import Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from workflows.messaging import outbound
from workflows.messaging.outbound import OWN_HEADERS, Answer, SentUnknown

SECONDS = 30.0
LONGEST_ANSWER = 1024 * 1024
NOT_PASSED_ON = OWN_HEADERS | {"accept-encoding"}
"""Headers that the door writes itself; it unpacks what it asks for."""


class Door(BaseAdapter):
    """Sends what a session asks for; raises NotSent or SentUnknown where no whole answer came."""

    def send(  # type: ignore[override]  # the door has its own rules of certificates and proxies
        self, request: PreparedRequest, timeout: Any = None, **ignored: Any
    ) -> Response:
        """Make one request; a redirect is never followed."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        assert request.method is not None
        assert request.url is not None
        answer = ask(request.method, request.url, headers=request.headers, body=body)  # type: ignore[arg-type]
        response = Response()
        response.status_code = answer.status_code
        response.reason = phrase(answer.status_code)
        response.headers = CaseInsensitiveDict(answer.headers)
        response.raw = BytesIO(answer.body)
        response.url = request.url
        response.request = request
        return response

    def close(self) -> None:
        """Nothing is held here: connections rest in the outgoing client."""


class ThroughTheDoor:
    """A mixin of Anymail's backends that speak HTTP."""

    own_headers: Mapping[str, str] = {}

    def create_session(self) -> Session:
        session: Session = super().create_session()  # type: ignore[misc]
        session.trust_env = False  # neither proxies nor a .netrc
        session.headers.update(self.own_headers)
        for scheme in ("https://", "http://"):
            session.mount(scheme, Door())
        return session


def ask(method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    """Make one request and return its answer; SentUnknown also where a good answer broke off."""
    answer = outbound.request(
        method,
        url,
        headers={name: value for name, value in headers.items() if name.lower() not in NOT_PASSED_ON},
        body=body,
        timeout_seconds=SECONDS,
        max_response_bytes=LONGEST_ANSWER,
        max_redirects=0,
    )
    if answer.truncated and answer.status_code < HTTPStatus.BAD_REQUEST:
        raise SentUnknown("outcome_unknown", "The mail service's answer broke off.")
    return answer


def phrase(status_code: int) -> str:
    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return ""

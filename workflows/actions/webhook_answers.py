"""What the answer to a webhook means, and what is kept of it."""

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from http.client import responses
from typing import Any
from uuid import UUID

import orjson
from django.utils import timezone
from rest_framework.exceptions import ErrorDetail, ValidationError

from workflows.actions.outcomes import Done
from workflows.actions.outside import ErrorClass, Permanent, Retryable
from workflows.configs.base import StrictConfig
from workflows.configs.contact_fields import definitions, exists, full_name, no_such_field
from workflows.configs.fields import TextField
from workflows.configs.names import ContactFieldNameField
from workflows.messaging.outbound import Answer, parse
from workflows.messaging.retry_after import parse_retry_after
from workflows.messaging.secrets import MASK
from workflows.templating import DEPTH_LIMIT

CONTACT = "contact."
"""How a mapping's target begins that is a field of the contact."""
OWN_RESULTS = ("status_code", "duration_ms", "body", "contact")
KEPT_BYTES = 64 * 1024
"""How much of a body is kept as the step's result."""
MAPPED_BYTES = 8 * 1024
"""How long one mapped value may be, as JSON."""
SHORTEST_MASKED = 6
LONGEST_POSITION = 6


class ResponseMapping(StrictConfig):
    """A value of the answer to keep."""

    path = TextField(
        max_length=200,
        pattern=r"[^.\s][^.]*(\.[^.]+)*",
        hint="Give names and list positions with dots between them, such as `data.items.0.id`.",
        help_text="Where it is in the answer's JSON: names and list positions with dots between, `data.items.0.id`.",
    )
    to = ContactFieldNameField(
        max_length=100,
        pattern=r"[a-z][a-z0-9_]{0,49}|contact\.[a-z0-9_.]+",
        hint="Give a variable's name in lower case, or `contact.<field>`.",
        help_text="A name, for `steps.<key>.<name>`, or `contact.<field>` to write it into the contact.",
    )


def checked_mappings(mappings: Sequence[Mapping[str, str]], *, account_id: UUID) -> list[dict[str, str]]:
    """Return the mappings with the full names of contact fields, or raise ValidationError."""
    names = [item["to"].removeprefix(CONTACT) for item in mappings if item["to"].startswith(CONTACT)]
    custom_fields = definitions(account_id=account_id, names=names) if names else {}
    checked: list[dict[str, str]] = []
    errors: dict[Any, Any] = {}
    seen: set[str] = set()
    for index, item in enumerate(mappings):
        target = item["to"]
        if target.startswith(CONTACT):
            name = full_name(target.removeprefix(CONTACT), custom_fields)
            target = CONTACT + name
            if not exists(name, custom_fields):
                errors[index] = {"to": [no_such_field(account_id=account_id, name=name)]}
        elif target in OWN_RESULTS:
            errors[index] = {"to": [ErrorDetail(f"`{target}` is a result already.", code="unique")]}
        if target in seen:
            errors[index] = {"to": [ErrorDetail(f"`{target}` is named twice.", code="unique")]}
        seen.add(target)
        checked.append({"path": item["path"], "to": target})
    if errors:
        raise ValidationError({"response_mapping": errors})
    return checked


class AnswerBody:
    """The body of an answer as it may be kept: secrets that the receiver sent back are dots."""

    def __init__(self, answer: Answer, hidden: Collection[str]) -> None:
        self._text = answer.body.decode("utf-8", "replace").replace("\0", "")
        for text in sorted(hidden, key=len, reverse=True):
            if len(text) >= SHORTEST_MASKED:
                self._text = self._text.replace(text, MASK).replace(orjson.dumps(text).decode()[1:-1], MASK)
        try:
            self.json: Any = orjson.loads(self._text)
        except orjson.JSONDecodeError:
            self.json = None
        if not is_shallow(self.json):
            self.json = None

    def kept(self) -> Any:
        """Return the JSON value, or the text; of a long one its beginning."""
        if len(self._text.encode()) > KEPT_BYTES:
            return self._text.encode()[:KEPT_BYTES].decode("utf-8", "ignore")
        return self._text if self.json is None else self.json

    def at(self, path: str) -> Any:
        """Return the value at a dotted path, None where there is none or it is too long to keep."""
        value = self.json
        for name in path.removeprefix("$.").split("."):
            if isinstance(value, dict):
                value = value.get(name)
            elif isinstance(value, list) and name.isascii() and name.isdigit() and len(name) <= LONGEST_POSITION:
                value = value[int(name)] if int(name) < len(value) else None
            else:
                return None
        return value if len(orjson.dumps(value)) <= MAPPED_BYTES else None


def is_shallow(value: Any, depth: int = 0) -> bool:
    """Tell whether a JSON value is nested no deeper than what the API shows."""
    if depth > DEPTH_LIMIT:
        return False
    if isinstance(value, dict):
        return all(is_shallow(item, depth + 1) for item in value.values())
    if isinstance(value, list):
        return all(is_shallow(item, depth + 1) for item in value)
    return True


def done(payload: Mapping[str, Any], answer: Answer, body: AnswerBody) -> Done:
    """Return the result of a call that succeeded, or raise what its answer means."""
    status_code = answer.status_code
    result: dict[str, Any] = {"status_code": status_code, "duration_ms": answer.duration_ms}
    if payload["store_response"]:
        result["body"] = body.kept()
    host = parse(payload["url"]).authority
    message = f"{host} answered {status_code} {responses.get(status_code, '')}".strip() + "."
    if HTTPStatus.OK <= status_code < HTTPStatus.MULTIPLE_CHOICES:
        return Done(result | mapped(payload["response_mapping"], body))
    retry_after = parse_retry_after(answer.headers.get("retry-after"), now=timezone.now())
    if status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise Retryable(ErrorClass.RATE_LIMITED, message, retry_after=retry_after, result=result)
    if status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Retryable(ErrorClass.UNAVAILABLE, message, retry_after=retry_after, result=result)
    if status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise Permanent(ErrorClass.AUTHENTICATION, message, result=result)
    raise Permanent(ErrorClass.REJECTED, message, result=result)


def mapped(mappings: Sequence[Mapping[str, str]], body: AnswerBody) -> dict[str, Any]:
    """Return the values that the answer has for variables, and those it has for the contact."""
    values = {item["to"]: body.at(item["path"]) for item in mappings}
    contact = {
        name.removeprefix(CONTACT): value
        for name, value in values.items()
        if name.startswith(CONTACT) and value is not None
    }
    variables = {name: value for name, value in values.items() if not name.startswith(CONTACT)}
    return variables | ({"contact": contact} if contact else {})

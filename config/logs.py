"""Log lines: JSON, with the ids that are known, and without anything about people.

Imported while settings are read, so it imports nothing of Django's that needs them.
"""

import logging
import re
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

OUTAGES = frozenset({"OperationalError", "InterfaceError", "AdminShutdown", "ConnectionTimeout", "PoolTimeout"})
"""Classes of errors that mean: the database is away. They get a line, not a traceback."""
MAXIMUM_FRAMES = 30
LEAVE = frozenset({"timestamp", "level", "logger", "request_id"})

EMAIL = re.compile(r"[^\s\"'<>@=:/(,;]+@[^\s\"'<>@),;]+")
PHONE = re.compile(r"(?<![\w.-])\+\d[\d ().-]{5,}\d")
QUERY = re.compile(r"(?<=[\w/])\?[^\s\"'>)]+")
TOKEN = re.compile(r"[A-Za-z0-9_:.=-]{32,}")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
POSTGRESQL_DETAIL = re.compile(r"\n(?:DETAIL|CONTEXT|HINT|LINE \d+):.*", re.DOTALL)
VALUE = re.compile(r"(: |value )\"[^\"\n]*\"")

Event = MutableMapping[str, Any]


def redact(text: str) -> str:
    """Take out addresses, phone numbers, tokens, query strings, and the values that PostgreSQL quotes."""
    text = VALUE.sub(r'\1"…"', POSTGRESQL_DETAIL.sub("", text))
    text = PHONE.sub("[phone]", EMAIL.sub("[e-mail]", QUERY.sub("?…", text)))
    return TOKEN.sub(lambda found: found[0] if is_harmless(found[0]) else "[token]", text)


def is_harmless(word: str) -> bool:
    """Tell a UUID, a name in code or a path of modules from a random token."""
    rest = UUID.sub("", word)
    return len(rest) < 24 or not (re.search(r"\d", rest) and re.search(r"[A-Z]", rest))  # noqa: PLR2004 - 128 bits


def without_people(logger: object, name: str, event: Event) -> Event:
    """Redact every text of a line, however deep."""
    for key, value in event.items():
        if key not in LEAVE:
            event[key] = redacted(value)
    return event


def redacted(value: Any) -> Any:
    match value:
        case str():
            return redact(value)
        case Mapping():
            return {key: redacted(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redacted(each) for each in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return redact(str(value))


def exceptions_in_short(*, with_text: bool) -> Callable[[object, str, Event], Event]:
    """Return the processor that writes exceptions as classes and places.

    Their texts quote what they were about, so they are written only `with_text`, redacted. That the database is away is
    told by the class alone.
    """

    def write(logger: object, name: str, event: Event) -> Event:
        info = event.pop("exc_info", None)
        if info is True:
            error: BaseException | None = sys.exc_info()[1]
        else:
            error = info[1] if isinstance(info, tuple) else info
        if not isinstance(error, BaseException):
            return event
        chain = list(causes(error))
        event["exception"] = " ← ".join(name_of(each) for each in chain)
        if with_text:
            event["exception_text"] = str(error)
        if not any(type(each).__name__ in OUTAGES for each in chain):
            event["traceback"] = places(chain[-1])
        return event

    return write


def causes(error: BaseException) -> list[BaseException]:
    """Return the error and what caused it, the first cause last."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return chain


def name_of(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def places(error: BaseException) -> list[str]:
    """Return where the error went through, the place that raised it last."""
    frames = traceback.extract_tb(error.__traceback__)[-MAXIMUM_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


class WorthALine(logging.Filter):
    """Keeps what Django says of answered requests out of the log: our own line tells it, without the path.

    A 500 is left in, as it has the traceback.
    """

    LEAST_STATUS = 500
    UNAVAILABLE = 503

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", self.LEAST_STATUS)
        if status != self.UNAVAILABLE and status >= self.LEAST_STATUS:
            record.msg, record.args = "a request failed", ()
            return True
        return False

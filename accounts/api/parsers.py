"""Reading bodies: JSON without the loopholes, and never more than a megabyte of it."""

import json
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.utils.mediatypes import _MediaType

from accounts.api.refusals import InvalidJSON, TooLarge

MAXIMUM_BYTES = 1024 * 1024
MAXIMUM_DEPTH = 32
MAXIMUM_INTEGER = 2**63 - 1
MAXIMUM_INTEGER_DIGITS = len(str(MAXIMUM_INTEGER)) + 1  # and a sign

STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
NO_BRACKETS = re.compile(r"[^\[\]{}]+")
ONE_KIND = str.maketrans("{}", "[]")
SURROGATES = re.compile("[\ud800-\udfff]")


class StrictJSONParser(BaseParser):
    """Accepts RFC 8259 JSON in UTF-8 whose meaning is the same for everyone and that PostgreSQL can store."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        check_charset(media_type)
        return loads(read_at_most(stream, declared_length(parser_context)))


def declared_length(parser_context: Mapping[str, Any] | None) -> int:
    """Return the Content-Length of the request; 0 when there is none."""
    request = (parser_context or {}).get("request")
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0) if request is not None else 0
    except ValueError:
        return 0


def check_charset(media_type: str | None) -> None:
    """Refuse a body that declares another encoding than UTF-8."""
    charset = _MediaType(media_type or "").params.get("charset", "utf-8")
    if charset.strip('"').lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(media_type or "", "JSON must be encoded in UTF-8.")


def read_at_most(stream: IO[Any], declared: int = 0, maximum: int = MAXIMUM_BYTES) -> bytes:
    """Read the body; what is larger than `maximum`, whatever its declared length, is refused without reading on."""
    if declared > maximum:
        raise TooLarge(f"The body has {declared} bytes; {maximum} are allowed.")
    try:
        body: bytes = stream.read(maximum + 1)
    except Exception:  # noqa: BLE001 - each server has its own for a client that leaves or sends broken chunks
        raise InvalidJSON("The body could not be read to its end.") from None
    if len(body) > maximum:
        raise TooLarge(f"The body has more than {maximum} bytes.")
    if len(body) < declared:
        raise InvalidJSON(f"The body ended after {len(body)} of {declared} bytes.")
    return body


def loads(body: bytes) -> Any:
    """Parse strict JSON; every refusal is an `InvalidJSON` whose sentence says what is wrong."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"The body is not UTF-8: byte {error.start} cannot be read.") from None
    check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=unique_keys,
            parse_int=storable_integer,
            parse_float=finite_float,
            parse_constant=refuse_constant,
        )
    except json.JSONDecodeError as error:
        raise InvalidJSON(f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from None
    if "\\u" in text:
        check_characters(value)
    return value


def check_depth(text: str) -> None:
    """Refuse deep nesting before anything recursive sees it.

    Leaves the brackets and takes away innermost pairs, a level a pass: what is left after the deepest level allowed
    is nested deeper, or not closed, which the parser refuses if it is not too deep for that. No step loops in Python.
    """
    brackets = NO_BRACKETS.sub("", STRINGS.sub("", text)).translate(ONE_KIND)
    for _ in range(MAXIMUM_DEPTH):
        brackets = brackets.replace("[]", "")
    if "[]" in brackets or brackets.count("[") > MAXIMUM_DEPTH:
        raise InvalidJSON(f"The body is nested deeper than {MAXIMUM_DEPTH} levels.")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; a key given twice is refused."""
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise InvalidJSON(f"The key {printable(repeated)} is given twice in one object.")
    return value


def storable_integer(digits: str) -> int:
    if len(digits) > MAXIMUM_INTEGER_DIGITS or abs(int(digits)) > MAXIMUM_INTEGER:
        raise InvalidJSON(f"The number {digits[:20]}… is too large: at most {MAXIMUM_INTEGER} can be stored.")
    return int(digits)


def finite_float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise InvalidJSON(f"The number {digits[:20]} is too large to be stored.")
    return value


def refuse_constant(name: str) -> NoReturn:
    raise InvalidJSON(f"{name} is not a JSON value.")


def check_characters(value: Any) -> None:
    """Refuse what escapes can smuggle in: NUL and lone surrogates, which are no text that can be stored."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if "\0" in item:
                raise InvalidJSON("Texts must not contain the NUL character (\\u0000).")
            if SURROGATES.search(item):
                raise InvalidJSON("Texts must not contain lone surrogates (\\ud800 to \\udfff).")
        elif isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def printable(text: str) -> str:
    return json.dumps(text[:50])

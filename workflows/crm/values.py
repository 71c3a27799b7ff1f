"""Reading what people and programs send as e-mail address, phone number, time zone or value of a field.

Each function returns the value as it is stored, or raises ValueError with a sentence that says how to mend it. Reading
a stored value again returns it unchanged.
"""

import re
import zoneinfo
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import MAX_PREC, Context, Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import Any, Protocol
from uuid import UUID

from accounts.phones import read_phone
from workflows.crm.folding import fold
from workflows.crm.models import FieldType

MAXIMUM_EMAIL_LENGTH = 254
MAXIMUM_TEXT_LENGTH = 5000
MAXIMUM_URL_LENGTH = 2000
MAXIMUM_NUMBER_DIGITS = 15

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_EMAIL = re.compile(
    r"(?=[^@]{1,64}@)"
    r"[^\s@.<>(),;:\\\"\[\]\x00-\x1f\x7f]+(?:\.[^\s@.<>(),;:\\\"\[\]\x00-\x1f\x7f]+)*"
    r"@(?:[^\W_](?:[^\W_]|-(?=[^.])){0,62}\.)+[^\W_](?:[^\W_]|-(?=.)){1,62}"
)
_URL = re.compile(
    r"https?://(?:[^\s/?#@\x00-\x1f\x7f]*@)?(?:[\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:[/?#][^\s\x00-\x1f\x7f]*)?",
    re.IGNORECASE,
)
_EXACT = Context(prec=MAX_PREC)
_YES = frozenset({"true", "yes", "y", "1", "on"})
_NO = frozenset({"false", "no", "n", "0", "off"})


class FieldDefinition(Protocol):
    """What cleaning needs to know of a custom field; `CustomField` fits."""

    key: str
    label: str
    field_type: str
    options: Any


def clean_text(raw: Any, maximum: int) -> str:
    """Return text of at most `maximum` characters without outer blanks; numbers and booleans become text."""
    if not isinstance(raw, str):
        raw = _as_text(raw)
    if _UNSTORABLE.search(raw):
        raise ValueError("Take out the characters that are no text (NUL or half of a surrogate pair).")
    text = raw.strip()
    if len(text) > maximum:
        raise ValueError(f"Shorten it to {maximum} characters.")
    return text


def _as_text(raw: Any) -> str:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int | float | Decimal):
        return str(raw)
    raise ValueError("Give text.")


def clean_email(raw: Any) -> str:
    """Return the address as given, without outer blanks; it is matched by `email_identity`."""
    email = clean_text(raw, MAXIMUM_EMAIL_LENGTH)
    if email and not _EMAIL.fullmatch(email):
        raise ValueError("Give an e-mail address such as name@example.com.")
    if len(email_identity(email)) > MAXIMUM_EMAIL_LENGTH:
        raise ValueError(f"Shorten it to {MAXIMUM_EMAIL_LENGTH} characters.")
    return email


def email_identity(email: str) -> str:
    """Return the form by which an address belongs to one contact: NFC and case-folded."""
    return fold(email)


def clean_phone(raw: Any, default_country: str) -> str:
    """Return the number in E.164; one without a country prefix is read as one of `default_country`."""
    return read_phone(clean_text(raw, 100), default_country)


@cache
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones()}


@lru_cache(maxsize=1024)
def clean_timezone(raw: Any) -> str:
    """Return the name of an IANA zone, in its own spelling."""
    text = clean_text(raw, 64)
    name = _zones().get(text.lower(), "")
    if text and not name:
        raise ValueError("Give an IANA time zone such as Europe/Berlin.")
    return name


def clean_field(field: FieldDefinition, raw: Any) -> Any:
    """Return the value of a custom field as it is stored in JSON, or None when it is empty.

    text, url → string · number → JSON number of at most 15 significant digits, which every reader of JSON keeps
    exactly · boolean → true or false · date → `2026-01-31` · datetime → `2026-01-31T12:00:00Z`, in UTC (a time
    without offset is taken for UTC) · select → the option as defined · multi_select → list of options, each once.
    Rendered strings are read like the JSON values: `"12.5"`, `"yes"`, `"red; blue"`.
    """
    if raw is None or raw == [] or (isinstance(raw, str) and not raw.strip()):
        return None
    return _CLEANERS[FieldType(field.field_type)](field, raw)


def _clean_long_text(field: FieldDefinition, raw: Any) -> str:
    return clean_text(raw, MAXIMUM_TEXT_LENGTH)


def _clean_number(field: FieldDefinition, raw: Any) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal | str):
        raise ValueError("Give a number such as 12.5.")
    if isinstance(raw, int) and abs(raw) >= 10**MAXIMUM_NUMBER_DIGITS:
        raise ValueError("Give a number of at most 15 significant digits.")
    try:
        number = Decimal(raw if isinstance(raw, int | Decimal) else str(raw).strip()[:100].replace("_", "x"))
    except InvalidOperation:
        raise ValueError("Give a number such as 12.5.") from None
    if not number.is_finite():
        raise ValueError("Give a number such as 12.5.")
    number = _EXACT.normalize(number)
    if len(number.as_tuple().digits) > MAXIMUM_NUMBER_DIGITS or abs(number.adjusted()) >= MAXIMUM_NUMBER_DIGITS:
        raise ValueError("Give a number of at most 15 significant digits.")
    return int(number) if number == number.to_integral_value() else float(number)


def _clean_boolean(field: FieldDefinition, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower() if isinstance(raw, str | int) else ""
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError("Give true or false.")


def _clean_date(field: FieldDefinition, raw: Any) -> str:
    if isinstance(raw, datetime):
        return raw.date().isoformat()
    if isinstance(raw, date):
        return raw.isoformat()
    try:
        return datetime.fromisoformat(str(raw).strip()).date().isoformat()
    except ValueError:
        raise ValueError("Give a date such as 2026-01-31.") from None


def _clean_datetime(field: FieldDefinition, raw: Any) -> str:
    try:
        moment = raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw).strip())
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("Give a time such as 2026-01-31T12:00:00Z.") from None
    return moment.isoformat().replace("+00:00", "Z")


def _clean_select(field: FieldDefinition, raw: Any) -> str:
    return _option(field, raw)


def _clean_multi_select(field: FieldDefinition, raw: Any) -> list[str]:
    if isinstance(raw, str):
        try:
            return [_option(field, raw)]
        except ValueError:
            raw = [part for part in re.split(r"[;,\n]", raw) if part.strip()]
    if not isinstance(raw, Sequence):
        raise ValueError("Give a list of options.")
    return list(dict.fromkeys(_option(field, part) for part in raw))


def _option(field: FieldDefinition, raw: Any) -> str:
    folded = fold(clean_text(raw, MAXIMUM_TEXT_LENGTH))
    for option in field.options:
        if fold(option) == folded:
            return str(option)
    raise ValueError(f"Give one of: {', '.join(field.options)}."[:300])


def _clean_url(field: FieldDefinition, raw: Any) -> str:
    url = clean_text(raw, MAXIMUM_URL_LENGTH)
    if not _URL.fullmatch(url):
        raise ValueError("Give a web address that starts with https:// or http://.")
    return url


_CLEANERS: dict[FieldType, Callable[[FieldDefinition, Any], Any]] = {
    FieldType.TEXT: _clean_long_text,
    FieldType.NUMBER: _clean_number,
    FieldType.BOOLEAN: _clean_boolean,
    FieldType.DATE: _clean_date,
    FieldType.DATETIME: _clean_datetime,
    FieldType.SELECT: _clean_select,
    FieldType.MULTI_SELECT: _clean_multi_select,
    FieldType.URL: _clean_url,
}


def _clean_owner(raw: Any, default_country: str) -> UUID | None:
    if raw is None or raw == "":
        return None
    try:
        return raw if isinstance(raw, UUID) else UUID(str(raw).strip())
    except ValueError:
        raise ValueError("Give the id of a member of the account.") from None


COLUMNS: dict[str, Callable[[Any, str], Any]] = {
    "first_name": lambda raw, country: clean_text(raw, 100),
    "last_name": lambda raw, country: clean_text(raw, 100),
    "email": lambda raw, country: clean_email(raw),
    "phone": clean_phone,
    "timezone": lambda raw, country: clean_timezone(raw),
    "source": lambda raw, country: clean_text(raw, 100),
    "owner_id": _clean_owner,
}
"""The contact's own fields that can be written, each with its reader `(raw, default_country) -> value`."""


def clean_column(name: str, raw: Any, default_country: str) -> Any:
    """Return the value of one of the contact's own fields as it is stored; empty is `""` (of the owner: None)."""
    return COLUMNS[name]("" if raw is None else raw, default_country)

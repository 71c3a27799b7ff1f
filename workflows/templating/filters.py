"""The filters that templates may use: Liquid's own, each bounded, without those that undo HTML escaping."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from liquid import Environment, Markup
from liquid.exceptions import FilterArgumentError, ResourceLimitError
from liquid.undefined import is_undefined

from workflows.templating.context import ITEMS_LIMIT, TEXT_LIMIT, BoundedContext
from workflows.templating.stringify import stringify

REFUSED_FILTERS = frozenset({"safe", "escapejs"})
DATE_FORMAT_LIMIT = 200
NUMBER_BITS = 1024
LATEST_TIMESTAMP = 10**11
COMPACT_DATE_LENGTH = len("20260131")
TAG = re.compile(r"<[^<>]*>")

Filter = Callable[..., Any]


def install(environment: Environment) -> None:
    """Replace the environment's filters by the bounded ones."""
    for name in REFUSED_FILTERS:
        del environment.filters[name]
    environment.filters.update(date=date_, join=join, replace=replace, split=split, strip_html=strip_html, uniq=uniq)
    for name, function in list(environment.filters.items()):
        environment.filters[name] = bounded(function)


def bounded(function: Filter) -> Filter:
    """Return the filter with limits on what it reads and on what it makes."""
    wants_context = getattr(function, "with_context", False)
    wants_environment = getattr(function, "with_environment", False)

    def bounded_filter(left: Any, *arguments: Any, context: BoundedContext, **options: Any) -> Any:
        context.spend(1 + weigh(left) + sum(map(weigh, arguments)))
        if wants_context:
            options["context"] = context
        if wants_environment:
            options["environment"] = context.env
        result = function(left, *arguments, **options)
        weigh(result)
        return result

    bounded_filter.with_context = True  # type: ignore[attr-defined]
    return bounded_filter


def weigh(value: Any) -> int:
    """Return the work of reading a value; refuse one that is too large to be worked on."""
    if isinstance(value, str):
        if len(value) > TEXT_LIMIT:
            raise too_long()
        return len(value) >> 10
    if isinstance(value, (list, tuple, range)):
        # A range of more than sys.maxsize items has no len().
        if (isinstance(value, range) and value.stop - value.start > ITEMS_LIMIT) or len(value) > ITEMS_LIMIT:
            raise too_many()
        return len(value) >> 2
    if isinstance(value, int) and value.bit_length() > NUMBER_BITS:
        raise ResourceLimitError("a number grew too large", token=None)
    return 0


def too_long() -> ResourceLimitError:
    return ResourceLimitError(f"a text may have {TEXT_LIMIT} characters at most", token=None)


def too_many() -> ResourceLimitError:
    return ResourceLimitError(f"a filter may work on {ITEMS_LIMIT} items at most", token=None)


def with_context(function: Filter) -> Filter:
    function.with_context = True  # type: ignore[attr-defined]
    return function


def as_list(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple, range)):
        return list(value)
    return [] if value is None or is_undefined(value) else [value]


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else stringify(value, autoescape=False)


def replace(value: Any, found: Any, instead: Any = "") -> str:
    """Replace every `found`; refused before the text is built when it would be too long."""
    text, found, instead = as_text(value), as_text(found), as_text(instead)
    if len(text) + text.count(found) * len(instead) > TEXT_LIMIT:
        raise too_long()
    return text.replace(found, instead)


def split(value: Any, separator: Any = "") -> list[str]:
    """Split a text; an empty separator splits into characters."""
    text, separator = as_text(value), as_text(separator)
    if text.count(separator) > ITEMS_LIMIT:
        raise too_many()
    if separator == "":
        return list(text)
    if not text or text == separator:
        return []
    return text.split(None if separator == " " else separator)


@with_context
def join(value: Any, separator: Any = " ", *, context: BoundedContext) -> str:
    """Join the items of a list; refused before the text is built when it would be too long."""
    items, separator = [as_text(item) for item in as_list(value)], as_text(separator)
    if sum(map(len, items)) + len(items) * len(separator) > TEXT_LIMIT:
        raise too_long()
    if context.autoescape:
        return Markup.escape(separator).join(items)
    return separator.join(items)


@with_context
def uniq(value: Any, key: Any = None, *, context: BoundedContext) -> list[Any]:
    """Drop repeated items, or items whose `key` repeats."""
    seen: list[Any] = []
    kept: list[Any] = []
    for item in as_list(value):
        mark = item if key is None else item.get(key) if isinstance(item, dict) else None
        context.spend(1 + len(seen) // 16)
        if mark not in seen:
            seen.append(mark)
            kept.append(item)
    return kept


def strip_html(value: Any) -> str:
    """Drop everything between angle brackets."""
    text = as_text(value)
    stripped = TAG.sub("", text)
    return Markup(stripped) if isinstance(text, Markup) else stripped


@with_context
def date_(value: Any, pattern: Any = None, zone: Any = None, *, context: BoundedContext) -> str:
    """Show a point in time by strftime codes, in the given zone or else that of the account.

    Takes ISO 8601 texts, seconds since 1970, `now` and `today`. What is no date is shown as it is.
    """
    if value is None or is_undefined(value):
        return ""
    moment = as_moment(value, chosen_zone(zone, context), context)
    if moment is None or pattern is None or is_undefined(pattern):
        return as_text(value)
    pattern = as_text(pattern)
    if len(pattern) > DATE_FORMAT_LIMIT:
        raise FilterArgumentError(f"date: a format has {DATE_FORMAT_LIMIT} characters at most", token=None)
    return moment.strftime(pattern)


def chosen_zone(name: Any, context: BoundedContext) -> ZoneInfo:
    if name is None or is_undefined(name):
        account = context.globals.get("account")
        name = account.get("timezone") if isinstance(account, dict) else None
    try:
        return ZoneInfo(as_text(name or "UTC"))
    except (KeyError, ValueError, OSError):
        raise FilterArgumentError(f"date: there is no time zone {as_text(name)[:64]!r}", token=None) from None


def as_moment(value: Any, zone: ZoneInfo, context: BoundedContext) -> datetime | None:
    """Return the moment in the zone; a text without a zone is taken as wall time and stays as it is."""
    if isinstance(value, str):
        text = value.strip()
        if text in ("now", "today"):
            now = context.globals.get("now")
            return (now if isinstance(now, datetime) else datetime.now(UTC)).astimezone(zone)
        if text.isascii() and text.isdigit() and len(text) != COMPACT_DATE_LENGTH:
            value = int(text) if len(text) < len(str(LATEST_TIMESTAMP)) else None
        else:
            try:
                value = datetime.fromisoformat(text)
            except ValueError:
                return None
    if isinstance(value, datetime):
        return value.astimezone(zone) if value.tzinfo else value
    if isinstance(value, date):
        return datetime.combine(value, time.min)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LATEST_TIMESTAMP:
        return datetime.fromtimestamp(value, UTC).astimezone(zone)
    return None

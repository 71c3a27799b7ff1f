"""Lists in pages: by offset for records, by cursor for logs that grow without end."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.identifiers import parse_uuid
from accounts.api.refusals import InvalidFilter
from accounts.problems import Problem

DEFAULT_LIMIT = 50
MAXIMUM_LIMIT = 200
MAXIMUM_OFFSET = 100_000_000
WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


def whole_number(request: Request, name: str, *, default: int, lowest: int, highest: int) -> int:
    """Return a query parameter that must be a whole number in a range."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if WHOLE_NUMBER.fullmatch(text) and lowest <= int(text) <= highest:
        return int(text)
    raise InvalidFilter(Problem("invalid_filter", f"{name} must be a whole number from {lowest} to {highest}.", name))


def number_parameter(name: str, description: str, **schema: int) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "integer", **schema},
    }


LIMIT_PARAMETER = number_parameter("limit", "Items in a page.", minimum=1, maximum=MAXIMUM_LIMIT, default=DEFAULT_LIMIT)


Place = tuple[UUID | None, datetime | None]


def beyond(place: Place, field: str, comparison: str) -> Q:
    """Return the condition for the rows behind a place in the order of `field` and id."""
    identifier, moment = place
    if field == "id":
        return Q(**{f"id__{comparison}": identifier})
    same_moment = Q(**{field: moment, f"id__{comparison}": identifier})
    return Q(**{f"{field}__{comparison}e": moment}) & (Q(**{f"{field}__{comparison}": moment}) | same_moment)


class ItemsPagination(BasePagination):
    """`?limit=` and `?offset=`: `{"items", "total", "limit", "offset", "has_more"}`."""

    parameters = ("limit", "offset")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.limit = whole_number(request, "limit", default=DEFAULT_LIMIT, lowest=1, highest=MAXIMUM_LIMIT)
        self.offset = whole_number(request, "offset", default=0, lowest=0, highest=MAXIMUM_OFFSET)
        self.total: int = queryset.count() if isinstance(queryset, QuerySet) else len(queryset)
        if self.offset >= self.total:
            return []
        return list(queryset[self.offset : self.offset + self.limit])

    def get_paginated_response(self, data: Any, **extra: Any) -> Response:
        """Answer one page; `extra` is added beside `total`."""
        return Response(
            {
                "items": data,
                "total": self.total,
                **extra,
                "limit": self.limit,
                "offset": self.offset,
                "has_more": self.offset + len(data) < self.total,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["items", "total", "limit", "offset", "has_more"],
            "properties": {
                "items": schema,
                "total": {"type": "integer", "description": "Items in all pages."},
                "limit": {"type": "integer", "minimum": 1, "maximum": MAXIMUM_LIMIT},
                "offset": {"type": "integer", "minimum": 0},
                "has_more": {"type": "boolean", "description": "Whether items follow this page."},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        offset = number_parameter("offset", "Items to skip.", minimum=0, maximum=MAXIMUM_OFFSET, default=0)
        return [LIMIT_PARAMETER, offset]


class CursorItemsPagination(BasePagination):
    """`?cursor=`: `{"items", "next", "previous"}`; the ends are signed places between two rows.

    A view orders by `cursor_ordering`: "-id" (newest first, the default), "id", or, where ids do not tell the time,
    "-created_at" (then by id).
    """

    parameters = ("limit", "cursor")
    salt = "accounts.api.pagination"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        limit = whole_number(request, "limit", default=DEFAULT_LIMIT, lowest=1, highest=MAXIMUM_LIMIT)
        ordering = getattr(view, "cursor_ordering", "-id")
        field = ordering.removeprefix("-")
        direction, place = self._read(request.query_params.get("cursor"), field)
        is_backward = direction == "before"
        is_falling = ordering.startswith("-") != is_backward
        if place is not None:
            queryset = queryset.filter(beyond(place, field, "lt" if is_falling else "gt"))
        names = dict.fromkeys((field, "id"))
        rows = list(queryset.order_by(*(f"-{name}" if is_falling else name for name in names))[: limit + 1])
        has_further = len(rows) > limit
        rows = rows[:limit]
        if is_backward:
            rows.reverse()
        has_next = is_backward or has_further
        has_previous = has_further if is_backward else place is not None
        self.next = self._write("after", rows[-1], field) if rows and has_next else None
        self.previous = self._write("before", rows[0], field) if rows and has_previous else None
        return rows

    def _write(self, direction: str, row: Any, field: str) -> str:
        place = [str(row.id)] if field == "id" else [str(row.id), row.created_at.isoformat()]
        return signing.dumps([direction, *place], salt=self.salt)

    def _read(self, cursor: str | None, field: str) -> tuple[str, Place | None]:
        if cursor is None:
            return "after", None
        try:
            direction, identifier, *moment = signing.loads(cursor, salt=self.salt)
            if len(moment) != (field != "id"):
                raise ValueError("the cursor of another list")
        except (signing.BadSignature, ValueError):
            detail = "cursor must be a `next` or `previous` of an earlier answer."
            raise InvalidFilter(Problem("invalid_filter", detail, "cursor")) from None
        return direction, (parse_uuid(identifier), datetime.fromisoformat(moment[0]) if moment else None)

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"items": data, "next": self.next, "previous": self.previous})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        cursor = {"type": "string", "nullable": True, "description": "Value for `cursor`; null: there is no such page."}
        return {
            "type": "object",
            "required": ["items", "next", "previous"],
            "properties": {"items": schema, "next": cursor, "previous": cursor},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor = {
            "name": "cursor",
            "in": "query",
            "required": False,
            "description": "`next` or `previous` of an earlier answer.",
            "schema": {"type": "string", "minLength": 1},
        }
        return [LIMIT_PARAMETER, cursor]

"""Parameters for `unnest`, written as array literals: several times cheaper than psycopg's adaptation of lists."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson


def ids(values: Iterable[UUID | str | None]) -> str:
    """For `%s::uuid[]`."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def numbers(values: Iterable[int]) -> str:
    """For `%s::integer[]` and its kin."""
    return "{" + ",".join(map(str, values)) + "}"


def texts(values: Iterable[str | None]) -> str:
    """For `%s::text[]`."""
    return "{" + ",".join([quoted(value) for value in values]) + "}"


def quoted(value: str | None) -> str:
    """Return one element of a text array."""
    return "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def times(values: Iterable[datetime | None]) -> str:
    """For `%s::timestamptz[]`; aware datetimes."""
    return "{" + ",".join(["NULL" if value is None else f'"{value.isoformat()}"' for value in values]) + "}"


def objects(values: Iterable[Any]) -> str:
    """For `jsonb_array_elements(%s::jsonb)`, beside `unnest` in `ROWS FROM`."""
    return orjson.dumps(list(values)).decode()

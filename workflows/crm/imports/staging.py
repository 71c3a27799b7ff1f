"""Staging: what a chunk wants written, carried into temporary tables by COPY.

The tables belong to this connection alone, have no account column and no row security (which would refuse COPY), and
leave nothing behind when the process dies.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import orjson
import uuid_utils
from django.db import connection

from workflows.crm.imports.merging import Record

TABLES = """
CREATE TEMPORARY TABLE IF NOT EXISTS import_contact (
    contact_id uuid, is_new boolean, has_opted_out boolean, first_name text, last_name text, email text, phone text,
    timezone text, source text, custom_fields jsonb, event_id uuid
);
CREATE TEMPORARY TABLE IF NOT EXISTS import_identity (id uuid, contact_id uuid, kind text, source text, value text);
CREATE TEMPORARY TABLE IF NOT EXISTS import_tag (id uuid, contact_id uuid, tag_id uuid, event_id uuid);
CREATE TEMPORARY TABLE IF NOT EXISTS import_change (contact_id uuid, field text, before jsonb, after jsonb);
TRUNCATE import_contact, import_identity, import_tag, import_change
"""
COLUMNS = ("first_name", "last_name", "email", "phone", "timezone", "source")

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def stage_identities(records: Sequence[Record]) -> int:
    """Empty the staging tables, stage the addresses that the records claim, and return how many."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
    return _copy(
        "import_identity",
        (
            f"{uuid_utils.uuid7()}\t{record.contact_id}\t{claim.kind}\t{_text(claim.source)}\t{_text(claim.value)}\n"
            for record in records
            for claim in record.claims
        ),
    )


def stage_contacts(records: Sequence[Record], tag_ids: Mapping[str, UUID]) -> None:
    """Stage the rest of what the records say; `tag_ids` goes by the folded names of their tags."""
    _copy("import_contact", map(_contact_line, records))
    _copy(
        "import_tag",
        (
            f"{uuid_utils.uuid7()}\t{record.contact_id}\t{tag_ids[folded]}\t{uuid_utils.uuid7()}\n"
            for record in records
            for folded in record.tags
        ),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE import_contact, import_identity, import_tag")


def _contact_line(record: Record) -> str:
    values = [_text(record.values[name]) if name in record.values else "\\N" for name in COLUMNS]
    custom_fields = _text(orjson.dumps(record.custom_fields).decode()) if record.custom_fields else "{}"
    return "\t".join(
        [
            str(record.contact_id),
            "t" if record.is_new else "f",
            "t" if record.has_opted_out else "f",
            *values,
            custom_fields,
            f"{uuid_utils.uuid7()}\n",
        ]
    )


def _text(value: str) -> str:
    return value.translate(_ESCAPES)


def _copy(table: str, lines: Iterable[str]) -> int:
    rows = list(lines)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        copy.write("".join(rows))
    return len(rows)

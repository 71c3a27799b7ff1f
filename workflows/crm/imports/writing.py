"""One set-based merge: from the staging tables into the account's, with the events of every change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from workflows.crm.models import Channel

UUID7 = """
encode(
    set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6
    ), 52, 1), 53, 1),
    'hex'
)::uuid
"""
"""A time-ordered id for rows whose number Python does not know; PostgreSQL has `uuidv7()` only from 18 on."""

CLAIM = """
INSERT INTO crm_contactidentity (id, created_at, account_id, contact_id, kind, source, value)
SELECT id, %(now)s, %(account_id)s, contact_id, kind, source, value
FROM import_identity ORDER BY kind COLLATE "C", source COLLATE "C", value COLLATE "C"
ON CONFLICT (account_id, kind, source, value) DO NOTHING
"""

CREATE = """
INSERT INTO crm_contact (
    id, created_at, updated_at, account_id, first_name, last_name, email, phone, timezone, source, custom_fields
)
SELECT contact_id, %(now)s, %(now)s, %(account_id)s, COALESCE(first_name, ''), COALESCE(last_name, ''),
       COALESCE(email, ''), COALESCE(phone, ''), COALESCE(timezone, ''), COALESCE(source, ''), custom_fields
FROM import_contact WHERE is_new
"""

CREATE_EVENTS = """
INSERT INTO crm_event (id, created_at, account_id, contact_id, event_type, occurred_at, source, depth, data)
SELECT event_id, %(now)s, %(account_id)s, contact_id, 'contact_created', %(now)s, '', 0,
       jsonb_build_object(
           'first_name', COALESCE(first_name, ''), 'last_name', COALESCE(last_name, ''),
           'email', COALESCE(email, ''), 'phone', COALESCE(phone, ''), 'source', COALESCE(source, '')
       )
FROM import_contact WHERE is_new
"""

FIND_CHANGES = """
INSERT INTO import_change (contact_id, field, before, after)
SELECT wanted.contact_id, field.name, field.before, field.after
FROM import_contact wanted
JOIN crm_contact contact ON contact.id = wanted.contact_id
CROSS JOIN LATERAL (
    VALUES
        ('first_name', to_jsonb(contact.first_name), to_jsonb(wanted.first_name)),
        ('last_name', to_jsonb(contact.last_name), to_jsonb(wanted.last_name)),
        ('email', to_jsonb(contact.email), to_jsonb(wanted.email)),
        ('phone', to_jsonb(contact.phone), to_jsonb(wanted.phone)),
        ('timezone', to_jsonb(contact.timezone), to_jsonb(wanted.timezone)),
        ('source', to_jsonb(contact.source), to_jsonb(wanted.source))
    UNION ALL
    SELECT 'custom_fields.' || entry.key, contact.custom_fields -> entry.key, entry.value
    FROM jsonb_each(wanted.custom_fields) AS entry
) AS field (name, before, after)
WHERE NOT wanted.is_new AND field.after IS NOT NULL AND field.before IS DISTINCT FROM field.after
"""

UPDATE = """
UPDATE crm_contact contact
SET first_name = COALESCE(wanted.first_name, contact.first_name),
    last_name = COALESCE(wanted.last_name, contact.last_name),
    email = COALESCE(wanted.email, contact.email),
    phone = COALESCE(wanted.phone, contact.phone),
    timezone = COALESCE(wanted.timezone, contact.timezone),
    source = COALESCE(wanted.source, contact.source),
    custom_fields = contact.custom_fields || wanted.custom_fields,
    updated_at = %(now)s
FROM import_contact wanted
WHERE wanted.contact_id = contact.id AND contact.id IN (SELECT contact_id FROM import_change)
"""

GIVE_UP_UNUSED = """
DELETE FROM crm_contactidentity identity
USING import_change change
WHERE identity.contact_id = change.contact_id AND identity.kind = change.field
  AND NOT EXISTS (
      SELECT FROM import_identity claimed
      WHERE claimed.contact_id = identity.contact_id AND claimed.kind = identity.kind
        AND claimed.value = identity.value
  )
"""

UPDATE_EVENTS = f"""
INSERT INTO crm_event (id, created_at, account_id, contact_id, event_type, occurred_at, source, depth, data)
SELECT {UUID7}, %(now)s, %(account_id)s, contact_id, event_type, %(now)s, '', 0, data
FROM (
    SELECT contact_id, 'contact_updated' AS event_type, '' AS field,
           jsonb_build_object(
               'fields', jsonb_object_agg(field, jsonb_build_object('from', before, 'to', after))
           ) AS data
    FROM import_change GROUP BY contact_id
    UNION ALL
    SELECT contact_id, 'custom_field_changed', field,
           jsonb_build_object('field', substring(field FROM 15), 'from', before, 'to', after)
    FROM import_change WHERE starts_with(field, 'custom_fields.')
) AS event
ORDER BY contact_id, field
"""  # noqa: S608 - constants

TAG = """
WITH added AS (
    INSERT INTO crm_contacttag (id, created_at, account_id, contact_id, tag_id)
    SELECT id, %(now)s, %(account_id)s, contact_id, tag_id FROM import_tag
    ON CONFLICT (contact_id, tag_id) DO NOTHING
    RETURNING id
), told AS (
    INSERT INTO crm_event (id, created_at, account_id, contact_id, event_type, occurred_at, source, depth, data)
    SELECT wanted.event_id, %(now)s, %(account_id)s, wanted.contact_id, 'tag_added', %(now)s, '', 0,
           jsonb_build_object('tag_name', tag.name, 'tag_id', tag.id)
    FROM added JOIN import_tag wanted ON wanted.id = added.id JOIN crm_tag tag ON tag.id = wanted.tag_id
    RETURNING contact_id
)
SELECT DISTINCT told.contact_id FROM told JOIN import_contact wanted USING (contact_id) WHERE NOT wanted.is_new
"""

OPT_OUT = f"""
WITH said AS (
    INSERT INTO crm_consent (id, created_at, account_id, contact_id, channel, state, evidence, recorded_at)
    SELECT {UUID7}, %(now)s, %(account_id)s, wanted.contact_id, channel, 'opt_out', %(evidence)s, %(now)s
    FROM import_contact wanted CROSS JOIN unnest(%(channels)s::text[]) AS channel
    WHERE wanted.has_opted_out
    ON CONFLICT (contact_id, channel) DO UPDATE
    SET state = excluded.state, evidence = excluded.evidence, recorded_at = excluded.recorded_at
    WHERE crm_consent.state <> 'opt_out' AND crm_consent.recorded_at <= excluded.recorded_at
    RETURNING contact_id, channel
), told AS (
    INSERT INTO crm_event (id, created_at, account_id, contact_id, event_type, occurred_at, source, depth, data)
    SELECT {UUID7}, %(now)s, %(account_id)s, contact_id, 'unsubscribed', %(now)s, '', 0,
           jsonb_build_object('channel', channel)
    FROM said
    RETURNING contact_id
)
SELECT DISTINCT told.contact_id FROM told JOIN import_contact wanted USING (contact_id) WHERE NOT wanted.is_new
"""  # noqa: S608 - constants


def claim_identities(*, account_id: UUID, now: datetime) -> int:
    """Claim the staged identities and return how many were free: fewer than staged means a parallel writer."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"account_id": account_id, "now": now})
        return int(cursor.rowcount)


def write_staged(*, account_id: UUID, evidence: str, now: datetime) -> set[UUID]:
    """Write the staged contacts, which are locked if they exist; return those that existed and changed."""
    parameters: dict[str, Any] = {
        "account_id": account_id,
        "now": now,
        "evidence": evidence,
        "channels": list(Channel.values),
    }
    changed: set[UUID] = set()
    with connection.cursor() as cursor:
        _run(cursor, [CREATE, CREATE_EVENTS, FIND_CHANGES], parameters)
        cursor.execute("SELECT DISTINCT contact_id FROM import_change")
        changed.update(row[0] for row in cursor.fetchall())
        if changed:
            _run(cursor, ["ANALYZE import_change", UPDATE, GIVE_UP_UNUSED, UPDATE_EVENTS], parameters)
        for statement in (TAG, OPT_OUT):
            cursor.execute(statement, parameters)
            changed.update(row[0] for row in cursor.fetchall())
    return changed


def _run(cursor: Any, statements: Sequence[str], parameters: dict[str, Any]) -> None:
    for statement in statements:
        cursor.execute(statement, parameters)

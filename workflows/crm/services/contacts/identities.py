"""The addresses that belong to one contact each: finding, claiming and giving them up."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import uuid_utils
from django.db import connection

from workflows.crm import arrays
from workflows.crm.copies import ContactCopy
from workflows.crm.models import IdentityKind
from workflows.crm.values import email_identity


class Identity(NamedTuple):
    """An address as it is matched: normalised. Sorts in the order in which claims are written."""

    kind: str
    source: str
    value: str


def email_and_phone(email: str, phone: str) -> list[Identity]:
    """Return the identities that a contact with these addresses wants, the one that decides a match first."""
    identities = []
    if email:
        identities.append(Identity(IdentityKind.EMAIL, "", email_identity(email)))
    if phone:
        identities.append(Identity(IdentityKind.PHONE, "", phone))
    return identities


def find_owners(*, account_id: UUID, identities: Collection[Identity]) -> dict[Identity, UUID]:
    """Return the contact that each identity belongs to; those that belong to nobody are left out."""
    if not identities:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT identity.kind, identity.source, identity.value, identity.contact_id
            FROM unnest(%s::text[], %s::text[], %s::text[]) AS wanted (kind, source, value)
            JOIN crm_contactidentity identity
              ON identity.account_id = %s AND identity.kind = wanted.kind AND identity.source = wanted.source
             AND identity.value = wanted.value
            """,
            [*_columns(identities), account_id],
        )
        return {Identity(*row[:3]): row[3] for row in cursor.fetchall()}


def claim(*, account_id: UUID, wanted: dict[Identity, UUID], now: datetime) -> set[Identity]:
    """Give each identity to its contact unless it belongs to one already; return those that were given.

    Writes in sorted order, so that parallel calls queue up behind each other instead of deadlocking. An identity that
    another transaction is claiming is waited for.
    """
    if not wanted:
        return set()
    identities = sorted(wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_contactidentity (id, created_at, account_id, contact_id, kind, source, value)
            SELECT id, %s, %s, contact_id, kind, source, value
            FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[])
                 WITH ORDINALITY AS claim (id, contact_id, kind, source, value, place)
            ORDER BY place
            ON CONFLICT (account_id, kind, source, value) DO NOTHING
            RETURNING kind, source, value
            """,
            [
                now,
                account_id,
                arrays.ids([str(uuid_utils.uuid7()) for _ in identities]),
                arrays.ids([wanted[identity] for identity in identities]),
                *_columns(identities),
            ],
        )
        return {Identity(*row) for row in cursor.fetchall()}


def give_up_unused(contacts: Collection[ContactCopy]) -> None:
    """Free the e-mail addresses and phone numbers that these locked contacts no longer have."""
    if not contacts:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM crm_contactidentity identity
            USING unnest(%s::uuid[], %s::text[], %s::text[]) AS contact (id, email, phone)
            WHERE identity.contact_id = contact.id
              AND (identity.kind = 'email' AND identity.value <> contact.email
                   OR identity.kind = 'phone' AND identity.value <> contact.phone)
            """,
            [
                arrays.ids([contact.id for contact in contacts]),
                arrays.texts([email_identity(contact.email) for contact in contacts]),
                arrays.texts([contact.phone for contact in contacts]),
            ],
        )


def _columns(identities: Iterable[Identity]) -> tuple[str, str, str]:
    kinds, sources, values = zip(*identities, strict=True)
    return arrays.texts(kinds), arrays.texts(sources), arrays.texts(values)

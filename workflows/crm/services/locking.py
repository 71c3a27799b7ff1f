"""Reading contacts for work: under their locks, or without for previews."""

from collections.abc import Iterable
from uuid import UUID

import orjson
from django.db import connection

from workflows.crm import arrays
from workflows.crm.copies import ContactCopy


def lock_contacts(*, account_id: UUID, contact_ids: Iterable[UUID]) -> dict[UUID, ContactCopy]:
    """Lock the account's contacts among `contact_ids` and return them as they are now; deleted ones are left out.

    Locks in the order of ids, which is the one order of the product, and holds to the end of the transaction. Readers
    and foreign keys are not held up. At most three queries: tags and owners are read once the locks are held, since a
    statement that waited for a lock would still see what was there before.
    """
    return _read(account_id, contact_ids, "FOR NO KEY UPDATE")


def lock_contact_rows(*, account_id: UUID, contact_ids: Iterable[UUID]) -> None:
    """Lock the account's contacts like `lock_contacts`, without reading them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT FROM crm_contact
            WHERE account_id = %s AND id = ANY(%s::uuid[]) AND deleted_at IS NULL
            ORDER BY id FOR NO KEY UPDATE
            """,
            [account_id, arrays.ids(contact_ids)],
        )


def read_contacts(*, account_id: UUID, contact_ids: Iterable[UUID]) -> dict[UUID, ContactCopy]:
    """Return the account's present contacts among `contact_ids` without locking them: for previews."""
    return _read(account_id, contact_ids, "")


def _read(account_id: UUID, contact_ids: Iterable[UUID], locking: str) -> dict[UUID, ContactCopy]:
    id_list = arrays.ids(contact_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id, first_name, last_name, email, phone, timezone, source, owner_id, custom_fields
            FROM crm_contact
            WHERE account_id = %s AND id = ANY(%s::uuid[]) AND deleted_at IS NULL
            ORDER BY id {locking}
            """,  # noqa: S608 - one of two constants
            [account_id, id_list],
        )
        contacts = {
            row[0]: ContactCopy(
                id=row[0],
                account_id=account_id,
                first_name=row[1],
                last_name=row[2],
                email=row[3],
                phone=row[4],
                timezone=row[5],
                source=row[6],
                owner_id=row[7],
                custom_fields=orjson.loads(row[8]),
            )
            for row in cursor.fetchall()
        }
        if not contacts:
            return contacts
        cursor.execute(
            """
            SELECT contact_tag.contact_id, json_object_agg(tag.folded_name, tag.name ORDER BY contact_tag.id)::text
            FROM crm_contacttag contact_tag JOIN crm_tag tag ON tag.id = contact_tag.tag_id
            WHERE contact_tag.contact_id = ANY(%s::uuid[])
            GROUP BY contact_tag.contact_id
            """,
            [id_list],
        )
        for contact_id, tags in cursor.fetchall():
            if contact_id in contacts:
                contacts[contact_id].tags = orjson.loads(tags)
    fill_owners(contacts.values())
    return contacts


def fill_owners(contacts: Iterable[ContactCopy]) -> None:
    """Set the name and e-mail address of each copy's owner."""
    contacts = list(contacts)
    owner_ids = {contact.owner_id for contact in contacts if contact.owner_id}
    owners: dict[UUID, tuple[str, str]] = {}
    if owner_ids:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, name, email FROM accounts_user WHERE id = ANY(%s::uuid[])", [arrays.ids(owner_ids)]
            )
            owners = {owner_id: (name, email) for owner_id, name, email in cursor.fetchall()}
    for contact in contacts:
        name_and_email = owners.get(contact.owner_id) if contact.owner_id else None
        contact.owner_name, contact.owner_email = name_and_email or ("", "")

"""Changing fields of contacts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.actors import Actor
from accounts.problems import Problem
from workflows.crm.copies import BY_HAND, Cause, ContactCopy
from workflows.crm.events import record_events
from workflows.crm.refusals import Refused
from workflows.crm.services.contacts import identities
from workflows.crm.services.contacts.identities import Identity
from workflows.crm.services.contacts.reading import FieldReader
from workflows.crm.services.contacts.writing import ContactChange, FieldDelta, apply_values, write_changes


@dataclass(slots=True, eq=False)
class FieldChange:
    """Values to write into a locked contact: by column name, custom fields as `custom_fields.<key>`.

    Values may be raw: a rendered string `"12.5"` fits a number. An empty value clears the field.
    """

    contact: ContactCopy
    values: Mapping[str, Any]
    cause: Cause = BY_HAND


def update_contacts(
    *, account_id: UUID, actor: Actor, changes: Sequence[FieldChange], now: datetime
) -> list[dict[str, FieldDelta] | Refused]:
    """Write each change and return the fields that it changed, or why it was refused; the others are written.

    The contacts are locked by the caller; changes of the same contact follow each other in the order given. A new
    e-mail address or phone number moves the contact's identity; one that belongs to another contact is refused with
    `contact_exists` (also when that one gives it up in the same call). Records `contact_updated` for each change that
    changed something, `custom_field_changed` for each custom field and `contact_assigned` for a new owner; audited.
    """
    reader = FieldReader.load(account_id=account_id, items=[change.values for change in changes])
    read = [reader.read(change.values) for change in changes]
    new_addresses = [
        [] if problems else _new_addresses(change.contact, values)
        for change, (values, problems) in zip(changes, read, strict=True)
    ]
    owners = _claim(account_id, changes, new_addresses, now)
    answers: list[dict[str, FieldDelta] | Refused] = []
    done = []
    moved: dict[UUID, ContactCopy] = {}
    for change, (values, read_problems), addresses in zip(changes, read, new_addresses, strict=True):
        problems = read_problems or _taken(change.contact, addresses, owners)
        if addresses or "email" in values or "phone" in values:
            moved[change.contact.id] = change.contact
        if problems:
            answers.append(Refused(tuple(problems)))
            continue
        deltas = apply_values(change.contact, values)
        answers.append(deltas)
        done.append(ContactChange(change.contact, deltas, change.cause))
    events = write_changes(account_id=account_id, actor=actor, changes=done, now=now)
    identities.give_up_unused(moved.values())
    record_events(account_id=account_id, events=events, now=now)
    return answers


def _new_addresses(contact: ContactCopy, values: Mapping[str, Any]) -> list[Identity]:
    """Return the identities that writing `values` would add to those of the contact's present addresses."""
    present = identities.email_and_phone(contact.email, contact.phone)
    wanted = identities.email_and_phone(values.get("email", ""), values.get("phone", ""))
    return [identity for identity in wanted if identity not in present]


def _claim(
    account_id: UUID, changes: Sequence[FieldChange], new_addresses: Sequence[Sequence[Identity]], now: datetime
) -> dict[Identity, UUID]:
    """Claim the new addresses, each for the first who wants it, and return whose they are now."""
    wanted: dict[Identity, UUID] = {}
    for change, addresses in zip(changes, new_addresses, strict=True):
        for identity in addresses:
            wanted.setdefault(identity, change.contact.id)
    identities.claim(account_id=account_id, wanted=wanted, now=now)
    return identities.find_owners(account_id=account_id, identities=wanted)


def _taken(contact: ContactCopy, addresses: Sequence[Identity], owners: Mapping[Identity, UUID]) -> list[Problem]:
    return [
        Problem(
            "contact_exists",
            f"{identity.kind}: {identity.value} belongs to contact {owners.get(identity)}; change that one instead.",
            identity.kind,
        )
        for identity in addresses
        if owners.get(identity) != contact.id
    ]

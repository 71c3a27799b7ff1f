"""Writing changed fields of locked contacts: the copies, the rows, the events and the audit log."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from django.db import connection

from accounts.actors import Actor
from accounts.audit import AuditRecord, record_many
from workflows.crm import arrays
from workflows.crm.copies import Cause, ContactCopy
from workflows.crm.events import NewEvent
from workflows.crm.services.contacts.reading import CUSTOM_PREFIX
from workflows.crm.services.locking import fill_owners

FieldDelta = TypedDict("FieldDelta", {"from": Any, "to": Any})
"""A changed field: its value before and now, as JSON has it."""

_WRITERS = {
    "first_name": "text",
    "last_name": "text",
    "email": "text",
    "phone": "text",
    "timezone": "text",
    "source": "text",
    "owner_id": "uuid",
}


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What one change did to one contact."""

    contact: ContactCopy
    fields: Mapping[str, FieldDelta]
    cause: Cause


def apply_values(contact: ContactCopy, values: Mapping[str, Any]) -> dict[str, FieldDelta]:
    """Set cleaned values on the copy and return the fields that thereby changed."""
    deltas: dict[str, FieldDelta] = {}
    for name, value in values.items():
        if name.startswith(CUSTOM_PREFIX):
            key = name.removeprefix(CUSTOM_PREFIX)
            before = contact.custom_fields.get(key)
            if value is None:
                contact.custom_fields.pop(key, None)
            else:
                contact.custom_fields[key] = value
        else:
            before = getattr(contact, name)
            setattr(contact, name, value)
        if before != value:
            deltas[name] = {"from": _as_json(before), "to": _as_json(value)}
    return deltas


def write_changes(*, account_id: UUID, actor: Actor, changes: Sequence[ContactChange], now: datetime) -> list[NewEvent]:
    """Store the copies' changed columns in one UPDATE, audit the changes, and return the events to record."""
    changes = [change for change in changes if change.fields]
    if not changes:
        return []
    contacts = list({change.contact.id: change.contact for change in changes}.values())
    _update_rows(contacts, changes, now)
    if any("owner_id" in change.fields for change in changes):
        fill_owners(contacts)
    record_many(
        account_id=account_id,
        actor=actor,
        entries=[
            AuditRecord(
                verb="contact.updated",
                object_type="contact",
                object_id=change.contact.id,
                before={name: delta["from"] for name, delta in change.fields.items()},
                after={name: delta["to"] for name, delta in change.fields.items()},
            )
            for change in changes
        ],
        now=now,
    )
    return [event for change in changes for event in _events(change)]


def _update_rows(contacts: Collection[ContactCopy], changes: Sequence[ContactChange], now: datetime) -> None:
    """Write the columns that any of the changes concerns, and of the custom fields only those that changed."""
    names = {name for change in changes for name in change.fields}
    columns = sorted(name for name in names if name in _WRITERS)
    arguments = [
        arrays.ids([getattr(contact, name) for contact in contacts])
        if _WRITERS[name] == "uuid"
        else arrays.texts([getattr(contact, name) for contact in contacts])
        for name in columns
    ]
    sources = ", ".join(f"%s::{_WRITERS[name]}[]" for name in columns)
    sources = f"unnest(%s::uuid[]{', ' + sources if sources else ''})"
    provided = list(columns)
    assignments = [f"{name} = changed.{name}" for name in columns]
    if any(name.startswith(CUSTOM_PREFIX) for name in names):
        sources += ", jsonb_array_elements(%s::jsonb)"
        arguments.append(arrays.objects(_custom_values(contacts, changes)))
        provided.append("custom_fields")
        assignments.append("custom_fields = jsonb_strip_nulls(crm_contact.custom_fields || changed.custom_fields)")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE crm_contact SET {", ".join(assignments)}, updated_at = %s
            FROM ROWS FROM ({sources}) AS changed (id, {", ".join(provided)})
            WHERE crm_contact.id = changed.id
            """,  # noqa: S608 - only names listed above
            [now, arrays.ids([contact.id for contact in contacts]), *arguments],
        )


def _custom_values(contacts: Collection[ContactCopy], changes: Sequence[ContactChange]) -> list[dict[str, Any]]:
    """Return for each contact its changed custom fields as they now are; null takes one away."""
    values: dict[UUID, dict[str, Any]] = {contact.id: {} for contact in contacts}
    for change in changes:
        for name in change.fields:
            if name.startswith(CUSTOM_PREFIX):
                key = name.removeprefix(CUSTOM_PREFIX)
                values[change.contact.id][key] = change.contact.custom_fields.get(key)
    return list(values.values())


def _events(change: ContactChange) -> list[NewEvent]:
    contact_id, cause = change.contact.id, change.cause
    events = [NewEvent(contact_id, "contact_updated", {"fields": change.fields}, cause)]
    for name, delta in change.fields.items():
        if name.startswith(CUSTOM_PREFIX):
            data = {"field": name.removeprefix(CUSTOM_PREFIX), **delta}
            events.append(NewEvent(contact_id, "custom_field_changed", data, cause))
        elif name == "owner_id":
            data = {"owner_id": delta["to"], "previous_owner_id": delta["from"]}
            events.append(NewEvent(contact_id, "contact_assigned", data, cause))
    return events


def _as_json(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value

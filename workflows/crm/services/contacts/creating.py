"""Creating contacts, or bringing up to date those that are there already."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.actors import Actor
from accounts.audit import AuditRecord, record_many
from accounts.problems import Conflict, Problem
from workflows.crm import arrays
from workflows.crm.catalogue import CONTACT_FACTS
from workflows.crm.copies import Cause, ContactCopy
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import IdentityKind
from workflows.crm.refusals import Refused
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.services.contacts import identities
from workflows.crm.services.contacts.drafts import (
    ContactDraft,
    DuplicateHandling,
    ReadDraft,
    Upserted,
    raw_values,
    read_draft,
)
from workflows.crm.services.contacts.planning import Collision, Plan, secure_plan
from workflows.crm.services.contacts.reading import FieldReader
from workflows.crm.services.contacts.writing import ContactChange, apply_values, write_changes
from workflows.crm.services.locking import fill_owners
from workflows.crm.services.tags import TagChange, add_tags
from workflows.crm.values import email_identity

MAXIMUM_ATTEMPTS = 20
_NOTHING_KNOWN: Mapping[UUID, ContactCopy] = MappingProxyType({})


def create_contacts(
    *,
    account_id: UUID,
    actor: Actor,
    drafts: Sequence[ContactDraft],
    duplicate_handling: str = DuplicateHandling.UPDATE,
    known: Mapping[UUID, ContactCopy] = _NOTHING_KNOWN,
    now: datetime,
) -> list[Upserted | Refused]:
    """Create a contact for each draft, unless one is there: found by e-mail address, then phone, then foreign id.

    A draft that is found is written over the contact (`update`: what it leaves empty stays), left alone (`skip`),
    refused with `contact_exists` (`refuse`), or made a contact of its own nevertheless (`create_duplicate`: it shows
    its address, the first owner keeps it as identity). Drafts of one call find each other, too. A phone number or
    foreign id that belongs to another contact than the one found stays that one's identity. Values that cannot be
    read refuse their draft, never the others.

    Safe against parallel calls: an address never ends up with two contacts. `known` are copies of contacts that the
    caller holds locked; they are brought up to date when they are found. Records `contact_created` or
    `contact_updated`, `tag_added`, `contact_assigned`, `unsubscribed`; audited.
    """
    reader = FieldReader.load(account_id=account_id, items=[raw_values(draft) for draft in drafts])
    answers: list[Upserted | Refused | None] = []
    good: list[ReadDraft] = []
    for draft in drafts:
        read, problems = read_draft(reader, draft)
        answers.append(Refused(tuple(problems)) if problems else None)
        if not problems:
            good.append(read)
    handling = DuplicateHandling(duplicate_handling)
    for _ in range(MAXIMUM_ATTEMPTS if good else 0):
        try:
            with transaction.atomic():
                plan = secure_plan(
                    account_id=account_id, drafts=good, duplicate_handling=handling, known=known, now=now
                )
        except Collision:
            continue
        done: Iterator[Upserted | Refused] = iter(_carry_out(account_id, actor, good, plan, handling, now))
        return [next(done) if answer is None else answer for answer in answers]
    if good:
        raise Conflict("contact_exists", "Other requests keep changing the same addresses; try again.")
    return [answer for answer in answers if answer is not None]


def _carry_out(
    account_id: UUID,
    actor: Actor,
    drafts: Sequence[ReadDraft],
    plan: Plan,
    handling: DuplicateHandling,
    now: datetime,
) -> list[Upserted | Refused]:
    created: dict[UUID, tuple[ContactCopy, Cause]] = {}
    changes: list[ContactChange] = []
    tag_changes: list[TagChange] = []
    consent_changes: list[ConsentChange] = []
    origins: list[int] = []  # of each tag change, then of each consent change, its draft
    consent_origins: list[int] = []
    is_changed = [False] * len(drafts)
    answers = []
    for index, (read, (target, match)) in enumerate(zip(drafts, plan.placements, strict=True)):
        is_first = target.is_new and target.contact_id not in created
        answers.append((target.contact_id, is_first, match.kind if match else ""))
        contact = target.contact
        if contact is None or (match is not None and handling is not DuplicateHandling.UPDATE):
            continue
        deltas = apply_values(contact, _without_same_email(contact, read.values))
        if is_first:
            created[contact.id] = (contact, read.draft.cause)
        elif not target.is_new:
            changes.append(ContactChange(contact, deltas, read.draft.cause))
        is_changed[index] = is_first or bool(deltas)
        tag_changes += [TagChange(contact, name, cause=read.draft.cause) for name in read.draft.tags]
        origins += [index] * len(read.draft.tags)
        consent_changes += [
            ConsentChange(
                contact.id, consent.channel, consent.state, consent.recorded_at, consent.evidence, read.draft.cause
            )
            for consent in read.draft.consents
        ]
        consent_origins += [index] * len(read.draft.consents)
    events = _insert(account_id, actor, list(created.values()), now)
    events += write_changes(account_id=account_id, actor=actor, changes=changes, now=now)
    identities.give_up_unused(
        list({change.contact.id: change.contact for change in changes if change.fields.keys() & _ADDRESSES}.values())
    )
    record_events(account_id=account_id, events=events, now=now)
    tagged = add_tags(account_id=account_id, changes=tag_changes, now=now)
    consented = set_consents(account_id=account_id, changes=consent_changes, now=now)
    for index, changed in zip([*origins, *consent_origins], [*tagged, *consented], strict=True):
        is_changed[index] = is_changed[index] or changed
    return [
        _exists(contact_id, matched_by)
        if matched_by and handling is DuplicateHandling.REFUSE
        else Upserted(contact_id, created=is_new, changed=changed, matched_by=matched_by)
        for (contact_id, is_new, matched_by), changed in zip(answers, is_changed, strict=True)
    ]


def _exists(contact_id: UUID, matched_by: str) -> Refused:
    attr = "external_ids" if matched_by == IdentityKind.EXTERNAL else matched_by
    detail = f"{attr} belongs to contact {contact_id} already; change that one, or set duplicate_handling."
    return Refused((Problem("contact_exists", detail, attr),))


_ADDRESSES = {"email", "phone"}


def _without_same_email(contact: ContactCopy, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out an address that differs from the contact's only in its case: finding somebody is not changing them."""
    if contact.email and email_identity(contact.email) == email_identity(values.get("email", "")):
        return {name: value for name, value in values.items() if name != "email"}
    return values


def _insert(
    account_id: UUID, actor: Actor, created: Sequence[tuple[ContactCopy, Cause]], now: datetime
) -> list[NewEvent]:
    if not created:
        return []
    contacts = [contact for contact, _ in created]
    fill_owners(contacts)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_contact (
                id, created_at, updated_at, account_id, first_name, last_name, email, phone, timezone, source,
                owner_id, custom_fields
            )
            SELECT id, %s, %s, %s, first_name, last_name, email, phone, timezone, source, owner_id, custom_fields
            FROM ROWS FROM (
                unnest(
                    %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[]
                ),
                jsonb_array_elements(%s::jsonb)
            ) AS contact (id, first_name, last_name, email, phone, timezone, source, owner_id, custom_fields)
            """,
            [
                now,
                now,
                account_id,
                arrays.ids([contact.id for contact in contacts]),
                arrays.texts([contact.first_name for contact in contacts]),
                arrays.texts([contact.last_name for contact in contacts]),
                arrays.texts([contact.email for contact in contacts]),
                arrays.texts([contact.phone for contact in contacts]),
                arrays.texts([contact.timezone for contact in contacts]),
                arrays.texts([contact.source for contact in contacts]),
                arrays.ids([contact.owner_id for contact in contacts]),
                arrays.objects([contact.custom_fields for contact in contacts]),
            ],
        )
    facts = {contact.id: {name: getattr(contact, name) for name in CONTACT_FACTS} for contact in contacts}
    record_many(
        account_id=account_id,
        actor=actor,
        entries=[
            AuditRecord("contact.created", "contact", contact.id, before={}, after=facts[contact.id])
            for contact in contacts
        ],
        now=now,
    )
    events = []
    for contact, cause in created:
        events.append(NewEvent(contact.id, "contact_created", facts[contact.id], cause))
        if contact.owner_id:
            data = {"owner_id": contact.owner_id, "previous_owner_id": None}
            events.append(NewEvent(contact.id, "contact_assigned", data, cause))
    return events

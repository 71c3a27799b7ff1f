"""The demo account's fields, contacts, notes and tasks."""

import itertools
import random
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.actors import Actor
from workflows.crm.models import Channel, ConsentState, CustomField, FieldType, NoteType, TaskPriority
from workflows.crm.services.contacts import ConsentDraft, ContactDraft, DuplicateHandling, Upserted, create_contacts
from workflows.crm.services.custom_fields import define_custom_field
from workflows.crm.services.locking import lock_contacts
from workflows.crm.services.notes import NoteDraft, add_notes
from workflows.crm.services.tasks import TaskDraft, create_tasks
from workflows.management.demo.people import Person, people

SEED = 20_260_105
PAGES = 50
OLDEST = timedelta(days=170)

INTERESTS = ("Automation", "Reporting", "Telephony", "E-mail", "Courses")
FIELDS: Sequence[dict[str, Any]] = (
    {"key": "plan", "label": "Plan", "field_type": FieldType.SELECT, "options": ["Free", "Team", "Enterprise"]},
    {"key": "language", "label": "Language", "field_type": FieldType.TEXT},
    {"key": "seats", "label": "Seats", "field_type": FieldType.NUMBER},
    {"key": "birthday", "label": "Birthday", "field_type": FieldType.DATE},
    {"key": "last_order_at", "label": "Last order", "field_type": FieldType.DATETIME},
    {"key": "has_signed_contract", "label": "Contract signed", "field_type": FieldType.BOOLEAN},
    {
        "key": "interests",
        "label": "Interests",
        "field_type": FieldType.MULTI_SELECT,
        "options": INTERESTS,
    },
    {"key": "website", "label": "Website", "field_type": FieldType.URL},
    {"key": "lead_stage", "label": "Lead stage", "field_type": FieldType.TEXT},
)
SOURCES = ("Website form", "Trade fair", "Referral", "Webinar", "Import from the old CRM")
NOTES = (
    "Asked for a demo of the reporting module.",
    "Prefers to be called in the afternoon, local time.",
    "Met at the trade fair; wants a quote for 25 seats.",
    "Sent the price list. Budget is decided in autumn.",
    "Référence client : dossier transmis à l’équipe de Lyon.",
    "Möchte die Rechnung künftig per E-Mail erhalten.",
    "お電話は平日の午前中がご希望です。",
)
TASKS = ("Send the quote", "Call back about the trial", "Prepare the contract", "Ask for a reference", "Check invoices")


class Chance(random.Random):
    """The same dice on every machine."""

    def hits(self, share: float) -> bool:
        return self.random() < share


def add_fields(*, account_id: UUID, actor: Actor) -> None:
    """Define the account's own fields that are missing."""
    known = set(CustomField.objects.for_account(account_id).values_list("key", flat=True))
    for field in FIELDS:
        if field["key"] not in known:
            define_custom_field(account_id=account_id, actor=actor, **field)


def add_people(*, account_id: UUID, actor: Actor, owners: Sequence[UUID], now: datetime) -> list[UUID]:
    """Create the people who are missing, as if they had come in over the last months, and return everybody's id.

    New ones get their notes and tasks with them.
    """
    chance = Chance(SEED)
    drafts = [draft_of(person, number, owners, now, chance) for number, person in enumerate(people())]
    page_size = -(-len(drafts) // PAGES)
    contact_ids: list[UUID] = []
    for page, chosen in enumerate(batched(drafts, page_size)):
        arrived_at = now - OLDEST * (PAGES - page) / PAGES
        answers = create_contacts(
            account_id=account_id,
            actor=actor,
            drafts=chosen,
            duplicate_handling=DuplicateHandling.SKIP,
            now=arrived_at,
        )
        done = [answer for answer in answers if isinstance(answer, Upserted)]
        contact_ids += [answer.contact_id for answer in done]
        new_ids = [answer.contact_id for answer in done if answer.created]
        add_remarks(account_id=account_id, contact_ids=new_ids, owners=owners, now=arrived_at, chance=chance)
    return contact_ids


def draft_of(person: Person, number: int, owners: Sequence[UUID], now: datetime, chance: Chance) -> ContactDraft:
    """Return a person as a contact with tags, fields and consents."""
    is_customer = chance.hits(0.4)
    last_order_at = now - timedelta(days=chance.randrange(2, 400), minutes=chance.randrange(1440))
    tags = ["Customer" if is_customer else "Lead"]
    if is_customer and now - last_order_at > timedelta(days=180):
        tags.append("Dormant")
    tags += [tag for tag, share in (("VIP", 0.05), ("Newsletter", 0.3), ("Partner", 0.03)) if chance.hits(share)]
    fields: dict[str, Any] = {
        "plan": chance.choice(["Team", "Enterprise"]) if is_customer else "Free",
        "language": person.language,
        "interests": chance.sample(
            ["Automation", "Reporting", "Telephony", "E-mail", "Courses"], chance.randrange(1, 4)
        ),
    }
    if is_customer:
        fields |= {
            "seats": chance.choice([1, 5, 10, 25, 100, 250]),
            "last_order_at": last_order_at,
            "has_signed_contract": chance.hits(0.8),
        }
    if chance.hits(0.3):
        fields["birthday"] = date(1950, 1, 1) + timedelta(days=chance.randrange(20_000))
    if chance.hits(0.1):
        fields["website"] = f"https://www.example.com/{number}"
    return ContactDraft(
        first_name=person.first_name,
        last_name=person.last_name,
        email=person.email,
        phone=person.phone,
        timezone=person.timezone,
        source=chance.choice(SOURCES),
        owner_id=owners[number % len(owners)],
        custom_fields=fields,
        tags=tags,
        external_ids={"old_crm": f"K-{10_000 + number}"} if chance.hits(0.2) else {},
        consents=consents_of(person, now, chance),
    )


def consents_of(person: Person, now: datetime, chance: Chance) -> list[ConsentDraft]:
    """Return what the person allowed and forbade: most said yes to e-mail, some nothing, a few no."""
    said_at = now - timedelta(days=chance.randrange(1, 170))
    consents = []
    if chance.hits(0.7):
        state = ConsentState.OPT_OUT if chance.hits(0.07) else ConsentState.OPT_IN
        consents.append(ConsentDraft(Channel.EMAIL, state, said_at, "Sign-up form"))
    if person.phone and chance.hits(0.5):
        consents.append(ConsentDraft(Channel.SMS, ConsentState.OPT_IN, said_at, "Ticked the box at checkout"))
    return consents


def add_remarks(
    *, account_id: UUID, contact_ids: Sequence[UUID], owners: Sequence[UUID], now: datetime, chance: Chance
) -> None:
    """Write notes and tasks about some of the contacts."""
    contacts = lock_contacts(account_id=account_id, contact_ids=contact_ids)
    noted = [contacts[contact_id] for contact_id in contact_ids if chance.hits(0.15)]
    busy = [contacts[contact_id] for contact_id in contact_ids if chance.hits(0.08)]
    add_notes(
        account_id=account_id,
        drafts=[
            NoteDraft(contact, chance.choice(NOTES), NoteType.GENERAL, author_id=chance.choice(owners))
            for contact in noted
        ],
        now=now,
    )
    create_tasks(
        account_id=account_id,
        drafts=[
            TaskDraft(
                contact,
                chance.choice(TASKS),
                due_at=now + timedelta(days=chance.randrange(1, 200)),
                assignee_id=contact.owner_id,
                priority=chance.choice(TaskPriority.values),
            )
            for contact in busy
        ],
        now=now,
    )


def batched(drafts: Iterable[ContactDraft], size: int) -> Iterable[list[ContactDraft]]:
    drafts = iter(drafts)
    while page := list(itertools.islice(drafts, size)):
        yield page

"""The benchmark's account, contacts and workflow of ten steps; imported once Django is set up."""

from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from accounts.models import Account
from workflows.crm.models import Contact, CustomField, FieldType
from workflows.models import Reentry, Workflow
from workflows.tests.factories import ActiveWorkflowFactory

CHAIN: list[tuple[str, dict[str, Any]]] = [
    ("add_tag", {"tag_name": "Lead"}),
    (
        "update_contact",
        {"field_updates": [{"field": "source", "value": "{{ contact.first_name | upcase }} via {{ workflow.name }}"}]},
    ),
    ("add_note", {"content": "Dear {{ contact.first_name }} {{ contact.last_name }}, welcome to {{ account.name }}."}),
    ("add_tag", {"tag_name": "Welcomed"}),
    ("wait_time", {"duration": 1, "unit": "minutes"}),
    (
        "update_contact",
        {"field_updates": [{"field": "custom_fields.score", "value": "{{ contact.custom_fields.score | plus: 10 }}"}]},
    ),
    ("add_note", {"content": "{{ contact.name | default: 'Somebody' }} has {{ contact.custom_fields.score }} points."}),
    (
        "create_task",
        {"title": "Call {{ contact.first_name }}", "due_date_offset": {"days": 2}, "priority": "high"},
    ),
    ("add_tag", {"tag_name": "Called"}),
    (
        "update_contact",
        {"field_updates": [{"field": "last_name", "value": "{{ contact.last_name | capitalize }}!"}]},
    ),
]
FIRST_NAMES = ("Ada", "Łukasz", "Zoë", "李", "Ömer", "Marie", "João", "Søren")
LAST_NAMES = ("lovelace", "kowalski", "van dijk", "wang", "yılmaz", "curie", "silva", "kierkegaard")


def make_workflow(account: Account) -> Workflow:
    """Make an active workflow of the ten steps."""
    CustomField.objects.get_or_create(
        account=account, key="score", defaults={"label": "Score", "field_type": FieldType.NUMBER}
    )
    return ActiveWorkflowFactory(account=account, chain=CHAIN)


def make_contacts(account: Account, count: int) -> list[UUID]:
    """Add contacts and return their ids."""
    contacts = [
        Contact(
            id=uuid7(),
            account=account,
            first_name=FIRST_NAMES[number % len(FIRST_NAMES)],
            last_name=LAST_NAMES[number // 3 % len(LAST_NAMES)],
            email=f"contact{number}@example.com",
            source="benchmark",
            custom_fields={"score": number % 100},
        )
        for number in range(count)
    ]
    Contact.objects.bulk_create(contacts, batch_size=2000)
    return [contact.id for contact in contacts]


def add_sleepers(workflow: Workflow, contact_ids: list[UUID], count: int) -> None:
    """Add executions that wait for a month hence, `multiple` times per contact."""
    workflow.reentry = Reentry.MULTIPLE
    workflow.save(update_fields=["reentry"])
    version = workflow.versions.get()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO workflow_executions (
                id, created_at, updated_at, account_id, workflow_id, version_id, contact_id, status, pause_reason,
                completion_reason, enrollment_source, depth, current_action_id, visits, window_visits, jumps, due_at,
                paused_status, lost_leases, trigger_data, steps, error_message
            )
            SELECT gen_random_uuid(), now(), now(), %s, %s, %s, (%s::uuid[])[1 + number %% %s], 'waiting', '', '',
                   'benchmark', 0, %s, 5, 5, 0, now() + interval '30 days' + number * interval '1 second', '', 0, '{}',
                   '{}', ''
            FROM generate_series(1, %s) AS number
            """,
            [
                workflow.account_id,
                workflow.id,
                version.id,
                contact_ids,
                len(contact_ids),
                version.definition["actions"][4]["id"],
                count,
            ],
        )
        cursor.execute("ANALYZE workflow_executions")

"""Everything around a contact, as tables below its form: a fixed number of queries, however much there is."""

from collections.abc import Sequence
from typing import Any

from accounts.admin.panels import Panel, cells, cut, link_to, list_of
from workflows.admin.cells import chip, when
from workflows.admin.message_cells import address, gist, way
from workflows.analytics.timeline import Entry, EntryKind, timeline
from workflows.crm.models import Contact, Event, Note, Opportunity, Task
from workflows.messaging.models import Message
from workflows.models import WorkflowExecution

SHOWN = 10
SHOWN_OF_TIMELINE = 25


def contact_panels(contact: Contact) -> Sequence[Panel]:
    """Return the tables of a contact's page."""
    return [
        executions(contact),
        open_tasks(contact),
        opportunities(contact),
        notes(contact),
        messages(contact),
        consents(contact),
        identities(contact),
        happenings(contact),
    ]


def executions(contact: Contact) -> Panel:
    rows = WorkflowExecution.objects.for_account(contact.account_id).filter(contact=contact).select_related("workflow")
    return Panel(
        title="Workflows",
        headings=("Workflow", "Status", "Why", "Entered", "Next step due"),
        rows=cells(
            (
                link_to(row, row.workflow.name),
                chip(row.status),
                row.error_message or row.get_completion_reason_display() or row.get_pause_reason_display(),
                when(row.created_at),
                when(row.due_at),
            )
            for row in rows.order_by("-id")[:SHOWN]
        ),
        link=list_of(WorkflowExecution, contact=contact),
        empty="This contact has entered no workflow.",
    )


def open_tasks(contact: Contact) -> Panel:
    rows = Task.objects.for_account(contact.account_id).filter(contact=contact, status="open")
    return Panel(
        title="Open tasks",
        headings=("Task", "Priority", "Due", "Assignee"),
        rows=cells(
            (link_to(row, cut(row.title)), chip(row.priority), when(row.due_at), row.assignee)
            for row in rows.select_related("assignee").order_by("due_at", "id")[:SHOWN]
        ),
        link=list_of(Task, contact=contact),
        empty="Nothing to do.",
    )


def opportunities(contact: Contact) -> Panel:
    rows = Opportunity.objects.for_account(contact.account_id).filter(contact=contact)
    return Panel(
        title="Opportunities",
        headings=("Opportunity", "Pipeline", "Stage", "Value", "Status", "Owner"),
        rows=cells(
            (
                link_to(row, cut(row.name)),
                row.pipeline,
                row.stage,
                f"{row.value:,.2f} {row.currency}",
                chip(row.status),
                row.owner,
            )
            for row in rows.select_related("pipeline", "stage", "owner").order_by("-id")[:SHOWN]
        ),
        link=list_of(Opportunity, contact=contact),
        empty="No deal is in sight.",
    )


def notes(contact: Contact) -> Panel:
    rows = Note.objects.for_account(contact.account_id).filter(contact=contact).select_related("author")
    return Panel(
        title="Notes",
        headings=("When", "Who", "Note"),
        rows=cells(
            (link_to(row, when(row.created_at)), row.author or "system", cut(row.content, 400))
            for row in rows.order_by("-id")[:SHOWN]
        ),
        link=list_of(Note, contact=contact),
    )


def messages(contact: Contact) -> Panel:
    rows = Message.objects.for_account(contact.account_id).filter(contact_id=contact.id)
    return Panel(
        title="Messages",
        headings=("When", "Channel", "Direction", "Address", "Subject or text", "Status"),
        rows=cells(
            (
                link_to(row, when(row.created_at)),
                row.get_channel_display(),
                way(row),
                address(row),
                gist(row),
                chip(row.status),
            )
            for row in rows.select_related("call").order_by("-created_at", "-id")[:SHOWN]
        ),
        link=list_of(Message, contact_id=contact.id),
        empty="No message went to this contact, and none came.",
    )


def consents(contact: Contact) -> Panel:
    return Panel(
        title="Consents",
        headings=("Channel", "State", "Since", "How it is known"),
        rows=cells(
            (row.get_channel_display(), chip(row.state), when(row.recorded_at), cut(row.evidence, 300))
            for row in contact.consents.order_by("channel")
        ),
        empty="They never said.",
    )


def identities(contact: Contact) -> Panel:
    return Panel(
        title="Recognised by",
        headings=("Kind", "System", "Value"),
        rows=cells(
            (row.get_kind_display(), row.source, row.value) for row in contact.identities.order_by("kind", "source")
        ),
        empty="Nothing: another contact owns the addresses, or there are none.",
    )


def happenings(contact: Contact) -> Panel:
    entries = timeline(account_id=contact.account_id, contact_id=contact.id, limit=SHOWN_OF_TIMELINE)
    return Panel(
        title="Timeline",
        headings=("When", "What", "Details"),
        rows=cells(happening(entry) for entry in entries),
        link=list_of(Event, contact_id=contact.id),
        link_text="All events",
    )


def happening(entry: Entry) -> Sequence[Any]:
    """Return one line of the timeline."""
    record: Any = entry.record
    match entry.kind:
        case EntryKind.EVENT:
            facts = ", ".join(f"{name}: {value}" for name, value in record.data.items())
            return when(entry.place.at), link_to(record, record.event_type.replace("_", " ")), cut(facts, 200)
        case EntryKind.STEP:
            what = f"step {record.action_key}"
            return when(entry.place.at), link_to(record, what), cut(f"{record.status} {record.error_message}", 200)
        case _:
            return when(entry.place.at), link_to(record, "note"), cut(record.content, 200)

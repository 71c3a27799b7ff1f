"""A step taken as straightforward Django code would: one contact, one transaction, one row at a time."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from liquid import BoundTemplate, Environment
from uuid_utils.compat import uuid7

from accounts.tenancy import system_scope
from workflows.crm.models import Contact, ContactTag, Event, Note, Tag, Task
from workflows.models import ActionExecution, WorkflowExecution

ENVIRONMENT = Environment()
TEMPLATES: dict[str, BoundTemplate] = {}


@system_scope("the engine reaches all accounts, too")
def take_step(execution_id: str) -> bool:
    """Take the next step of an execution and return whether another follows."""
    with transaction.atomic():
        execution = WorkflowExecution.objects.select_for_update().select_related("version").get(id=execution_id)
        contact = Contact.objects.select_for_update().get(id=execution.contact_id)
        actions = execution.version.definition["actions"]
        action = actions[execution.visits]
        config = action["config"]
        now = timezone.now()
        log = ActionExecution(
            id=uuid7(),
            account_id=execution.account_id,
            workflow_execution=execution,
            workflow_id=execution.workflow_id,
            action_id=action["id"],
            contact_id=contact.id,
            action_type=action["action_type"],
            action_key=action["key"],
            visit=execution.visits,
            status="completed",
            started_at=now,
            completed_at=now,
        )
        event_type = None
        match action["action_type"]:
            case "add_tag":
                tag, _ = Tag.objects.get_or_create(
                    account_id=execution.account_id,
                    folded_name=config["tag_name"].casefold(),
                    defaults={"name": config["tag_name"]},
                )
                ContactTag.objects.create(account_id=execution.account_id, contact=contact, tag=tag)
                event_type = "tag_added"
            case "update_contact":
                update = config["field_updates"][0]
                name, value = update["field"], render(update["value"], contact)
                if name.startswith("custom_fields."):
                    contact.custom_fields[name.removeprefix("custom_fields.")] = float(value)
                else:
                    setattr(contact, name, value)
                contact.save()
                event_type = "contact_updated"
            case "add_note":
                Note.objects.create(
                    account_id=execution.account_id, contact=contact, content=render(config["content"], contact)
                )
                event_type = "note_added"
            case "create_task":
                Task.objects.create(
                    account_id=execution.account_id,
                    contact=contact,
                    title=render(config["title"], contact),
                    due_at=now + timedelta(days=2),
                )
                event_type = "task_created"
        if event_type:
            Event.objects.create(
                account_id=execution.account_id,
                contact_id=contact.id,
                event_type=event_type,
                occurred_at=now,
                caused_by_id=log.id,
                dispatched_at=now,
            )
        log.save(force_insert=True)
        execution.visits += 1
        is_over = execution.visits == len(actions)
        execution.status = "completed" if is_over else "active"
        execution.due_at = None if is_over else now
        execution.current_action_id = None if is_over else actions[execution.visits]["id"]
        execution.save()
    return not is_over


def render(source: str, contact: Contact) -> str:
    if source not in TEMPLATES:
        TEMPLATES[source] = ENVIRONMENT.from_string(source)
    return TEMPLATES[source].render(
        contact={
            "first_name": contact.first_name,
            "last_name": contact.last_name,
            "name": f"{contact.first_name} {contact.last_name}",
            "custom_fields": contact.custom_fields,
        },
        account={"name": "Benchmark"},
        workflow={"name": "Benchmark"},
    )

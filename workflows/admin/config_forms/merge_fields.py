"""What templates can insert, by where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from workflows.admin.config_forms.page import EarlierStep
from workflows.admin.config_forms.suggestions import custom_fields
from workflows.crm.catalogue import EVENT_TYPES

CONTACT = {
    "contact.first_name": "First name",
    "contact.last_name": "Last name",
    "contact.name": "Full name",
    "contact.email": "E-mail address",
    "contact.phone": "Phone number",
    "contact.timezone": "Time zone",
    "contact.source": "Source",
    "contact.owner.name": "Owner's name",
    "contact.owner.email": "Owner's e-mail address",
    "contact.id": "Id",
}
ACCOUNT = {"account.name": "Account's name", "account.timezone": "Account's time zone"}
WORKFLOW = {"workflow.name": "Workflow's name", "workflow.version": "Version", "execution.id": "Id of the run"}
MAIL = {"unsubscribe_url": "Link to unsubscribe"}


@dataclass(frozen=True, slots=True)
class MergeGroup:
    """What comes from one place."""

    heading: str
    items: Sequence[tuple[str, str]]
    """(path, name) each."""
    is_for_mail: bool = False
    """Whether bodies of mails alone know it."""


def merge_groups(
    *, account_id: UUID, earlier_steps: Sequence[EarlierStep], event_types: Sequence[str]
) -> list[MergeGroup]:
    """Return what a step's templates can insert; one query."""
    customs = [(f"contact.custom_fields.{key}", label) for key, label in custom_fields(account_id)]
    facts = dict.fromkeys(fact for event_type in event_types for fact in EVENT_TYPES.get(event_type, ()))
    groups = [
        MergeGroup("Contact", [*CONTACT.items()]),
        MergeGroup("Custom fields", customs),
        MergeGroup("Trigger", [(f"trigger.{fact}", fact.replace("_", " ").capitalize()) for fact in facts]),
        *(MergeGroup(f"Step “{step.label}”", results_of(step)) for step in earlier_steps),
        MergeGroup("Account", [*ACCOUNT.items()]),
        MergeGroup("Workflow", [*WORKFLOW.items()]),
        MergeGroup("Mail", [*MAIL.items()], is_for_mail=True),
    ]
    return [group for group in groups if group.items]


def results_of(step: EarlierStep) -> list[tuple[str, str]]:
    return [(f"steps.{step.key}.{name}", meaning) for name, meaning in step.results.items()]

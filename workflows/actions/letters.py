"""What a step tells members of the account, and whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from workflows.actions.base import Step, StepBatch
from workflows.actions.outcomes import Failed, Skipped
from workflows.actions.set_based import Unfit, rendered
from workflows.crm.services.recipients import Recipient, find_recipients

SPECIFIC_USER, CONTACT_OWNER, TEAM, ROLE = "specific_user", "contact_owner", "team", "role"
TITLE_LIMIT = 120
MESSAGE_LIMIT = 2000
NO_USER = UUID(int=0)
NOBODY = "Nobody to tell"


@dataclass(frozen=True, slots=True)
class Letter:
    """What one contact's step tells, and to whom."""

    recipients: Sequence[Recipient]
    title: str
    message: str


def letters_of(steps: StepBatch) -> list[Letter | Skipped | Failed]:
    """Return what each contact's step tells; one query however many contacts there are."""
    wanted, ids = steps.config["recipient_type"], steps.config.get("recipient_ids", ())
    if wanted == CONTACT_OWNER:
        owner_ids = {step.contact.owner_id for step in steps if step.contact.owner_id}
        owners = {found.user_id: [found] for found in find_recipients(account_id=steps.account.id, user_ids=owner_ids)}
        return [letter_of(step, steps.config, owners.get(step.contact.owner_id or NO_USER, [])) for step in steps]
    named = {SPECIFIC_USER: "user_ids", TEAM: "team_ids", ROLE: "roles"}[wanted]
    recipients = find_recipients(account_id=steps.account.id, **{named: ids})
    return [letter_of(step, steps.config, recipients) for step in steps]


def letter_of(step: Step, config: Mapping[str, Any], recipients: Sequence[Recipient]) -> Letter | Skipped | Failed:
    if not recipients:
        return Skipped(NOBODY, {"recipients": []})
    try:
        title = rendered(step, config["title"], field="title", limit=TITLE_LIMIT, required=True)
        message = rendered(step, config["message"], field="message", limit=MESSAGE_LIMIT, required=True)
    except Unfit as problem:
        return Failed(problem.error_class, str(problem))
    return Letter(recipients, title, message)


def ids_of(letter: Letter) -> list[str]:
    return [str(recipient.user_id) for recipient in letter.recipients]


def data_of(letter: Letter) -> dict[str, str]:
    return {"title": letter.title}


def body_of(letter: Letter, step: Step) -> str:
    page = f"{settings.PUBLIC_URL}/admin/crm/contact/{step.contact.id}/change/"
    return f"{letter.message}\n\n{page}\n"

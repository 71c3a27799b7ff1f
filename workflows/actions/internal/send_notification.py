"""The action `send_notification`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.models import Role
from accounts.problems import Problem
from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Failed, Outcome, Perform, Skipped
from workflows.actions.outside import (
    ErrorClass,
    Lane,
    OutcomeUnknown,
    OutsideType,
    Permanent,
    Prepared,
    Request,
    Retryable,
)
from workflows.actions.registry import registry
from workflows.actions.set_based import Unfit, rendered
from workflows.configs.fields import ChoiceField, ListField, TemplateField, TextField
from workflows.configs.hints import Hint
from workflows.configs.references import KINDS, missing_detail
from workflows.crm.services.notifications import NewNotification, notify_many
from workflows.crm.services.recipients import Recipient, find_recipients
from workflows.messaging import staff_mail
from workflows.messaging.outbound import NotSent, SentUnknown

SPECIFIC_USER, CONTACT_OWNER, TEAM, ROLE = "specific_user", "contact_owner", "team", "role"
REFERRED = {SPECIFIC_USER: "user", TEAM: "team"}
IN_APP, EMAIL, SMS = "in_app", "email", "sms"
TITLE_LIMIT = 120
MESSAGE_LIMIT = 2000
MAXIMUM_RECIPIENTS = 50
NO_USER = UUID(int=0)
NOBODY = "Nobody to tell"
NO_NUMBER = "The account has no connection that sends SMS to members; take `sms` out of `channels`."


@dataclass(frozen=True, slots=True)
class Letter:
    """What one contact's step tells, and to whom."""

    recipients: Sequence[Recipient]
    title: str
    message: str


@registry.register
class SendNotification(OutsideType):
    """Tell members of the account something about the contact, in the application and by mail.

    Who is told are the active members among those meant; where there is none, the step is skipped. Mails go out by the
    mail server of the installation and lead back to the contact's page.
    """

    slug = "send_notification"
    label = "Send notification"
    category = Category.INTERNAL
    icon = "notifications"
    lane = Lane.EMAIL
    example = {
        "recipient_type": "role",
        "recipient_ids": ["owner"],
        "channels": ["in_app", "email"],
        "title": "{{ contact.name }} is waiting",
        "message": "Call {{ contact.phone | default: 'back' }} today.",
    }
    results = {"recipients": "Ids of the users who were told.", "reason": f"“{NOBODY}” where there was none."}

    class Config(ActionConfig):
        recipient_type = ChoiceField(
            [SPECIFIC_USER, CONTACT_OWNER, TEAM, ROLE], help_text="Whom to tell; `recipient_ids` says who that is."
        )
        recipient_ids = ListField(
            child=TextField(max_length=64),
            required=False,
            min_length=1,
            max_length=MAXIMUM_RECIPIENTS,
            help_text="1–50 ids of users or teams, or names of roles (`viewer`, `editor`, `admin`, `owner`), as "
            "`recipient_type` says; none with `contact_owner`.",
        )
        channels = ListField(
            child=ChoiceField([IN_APP, EMAIL, SMS]),
            min_length=1,
            max_length=3,
            help_text="How to tell them; `sms` needs a connection that sends SMS.",
        )
        title = TemplateField(max_length=TITLE_LIMIT, help_text="One line, 1–120 characters when rendered.")
        message = TemplateField(max_length=MESSAGE_LIMIT, help_text="The rest, 1–2000 characters when rendered.")

        hints = {
            "recipient_ids": Hint(shown_when={"recipient_type": [SPECIFIC_USER, TEAM, ROLE]}, suggest="recipients"),
            "message": Hint(widget="long"),
        }

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            wanted = attrs["recipient_type"]
            given = attrs.get("recipient_ids")
            if wanted == CONTACT_OWNER:
                if given:
                    detail = "The owner of the contact is told; leave `recipient_ids` out."
                    raise ValidationError({"recipient_ids": ErrorDetail(detail, code="invalid")})
            elif not given:
                raise ValidationError({"recipient_ids": ErrorDetail(f"`{wanted}` needs it.", code="required")})
            elif problems := self.of_recipients(wanted, given):
                raise ValidationError({"recipient_ids": problems})
            return attrs

        def of_recipients(self, wanted: str, given: Sequence[str]) -> dict[Any, ErrorDetail]:
            if wanted == ROLE:
                detail = f"Name a role: {', '.join(Role.values)}."
                return {
                    index: ErrorDetail(detail, code="invalid_choice")
                    for index, name in enumerate(given)
                    if name not in Role.values
                }
            kind = REFERRED[wanted]
            ids = {index: uuid_of(text) for index, text in enumerate(given)}
            known = KINDS[kind].find(self.account_id, *(found for found in ids.values() if found))
            present = set(known.values_list(KINDS[kind].id_field, flat=True))
            return {
                index: ErrorDetail(missing_detail(kind), code=f"{kind}_not_found")
                if found
                else ErrorDetail("Give the id as a UUID.", code="invalid")
                for index, found in ids.items()
                if found not in present
            }

    def references(self, config: Mapping[str, Any]) -> list[tuple[str, UUID, str]]:
        kind = REFERRED.get(config.get("recipient_type", ""))
        if kind is None:
            return []
        return [
            (kind, UUID(text), f"recipient_ids.{index}") for index, text in enumerate(config.get("recipient_ids", ()))
        ]

    def unready(self, config: Mapping[str, Any], *, account_id: UUID) -> Sequence[Problem]:
        return [Problem("connection_not_found", NO_NUMBER, "channels")] if SMS in config["channels"] else []

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        """Tell in the application at once; mails are for the lane."""
        letters = letters_of(steps)
        if IN_APP in steps.config["channels"]:
            notify_many(account_id=steps.account.id, notifications=list(notifications(steps, letters)), now=steps.now)
        is_mailed = EMAIL in steps.config["channels"]
        return [
            Perform(self.lane) if is_mailed and isinstance(letter, Letter) else outcome_of(letter) for letter in letters
        ]

    def prepare_many(self, steps: StepBatch) -> Sequence[Prepared]:
        return [
            Request(
                payload={
                    "to": [[recipient.name, recipient.email] for recipient in letter.recipients],
                    "subject": letter.title,
                    "body": body_of(letter, step),
                    "recipients": ids_of(letter),
                },
                host="members",
                data=data_of(letter),
            )
            if isinstance(letter, Letter)
            else letter
            for step, letter in zip(steps, letters_of(steps), strict=True)
        ]

    def perform(self, payload: Mapping[str, Any], *, key: UUID) -> Done:
        try:
            staff_mail.send(
                subject=payload["subject"],
                body=payload["body"],
                to=[(name, address) for name, address in payload["to"]],
            )
        except SentUnknown as error:
            raise OutcomeUnknown(error.message) from error
        except NotSent as error:
            error_class = ErrorClass(error.error_class)
            is_final = error_class == ErrorClass.REJECTED
            raise (Permanent if is_final else Retryable)(error_class, error.message) from error
        return Done({"recipients": payload["recipients"]})

    def summary(self, config: Mapping[str, Any]) -> str:
        who = str(config.get("recipient_type", "")).replace("_", " ")
        return shortened(f"Tell {who}: {config.get('title', '')}")


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


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


def notifications(steps: StepBatch, letters: Sequence[Letter | Skipped | Failed]) -> Sequence[NewNotification]:
    return [
        NewNotification(
            recipient_id=recipient.user_id,
            kind="workflow_step",
            title=letter.title,
            message=letter.message,
            workflow_id=steps.workflow.id,
            execution_id=step.execution_id,
            topic=f"{steps.action_id}:{step.execution_id}",
        )
        for step, letter in zip(steps, letters, strict=True)
        if isinstance(letter, Letter)
        for recipient in letter.recipients
    ]


def outcome_of(letter: Letter | Skipped | Failed) -> Outcome:
    return Done({"recipients": ids_of(letter)}, data_of(letter)) if isinstance(letter, Letter) else letter


def ids_of(letter: Letter) -> list[str]:
    return [str(recipient.user_id) for recipient in letter.recipients]


def data_of(letter: Letter) -> dict[str, str]:
    return {"title": letter.title}


def body_of(letter: Letter, step: Step) -> str:
    page = f"{settings.PUBLIC_URL}/admin/crm/contact/{step.contact.id}/change/"
    return f"{letter.message}\n\n{page}\n"

"""The action `send_notification`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.models import Role
from accounts.problems import Problem
from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.letters import (
    CONTACT_OWNER,
    MESSAGE_LIMIT,
    NOBODY,
    ROLE,
    SPECIFIC_USER,
    TEAM,
    TITLE_LIMIT,
    Letter,
    body_of,
    data_of,
    ids_of,
    letters_of,
)
from workflows.actions.notifying import Telling, record
from workflows.actions.outcomes import Done, Failed, Outcome, Perform, Skipped
from workflows.actions.outside import ErrorClass, Lane, OutsideType, Performed, Prepared, Request, RetryPolicy
from workflows.actions.registry import registry
from workflows.configs.fields import ChoiceField, ListField, TemplateField, TextField
from workflows.configs.hints import Hint
from workflows.configs.references import KINDS, missing_detail
from workflows.configs.sms import MAXIMUM_SMS_LENGTH
from workflows.crm.services.notifications import NewNotification, notify_many
from workflows.crm.services.recipients import Recipient
from workflows.messaging.models import Connection
from workflows.messaging.providers.twilio import TwilioAccount
from workflows.messaging.segments import segments_of
from workflows.messaging.services.twilio_connections import first_number

REFERRED = {SPECIFIC_USER: "user", TEAM: "team"}
IN_APP, EMAIL, SMS = "in_app", "email", "sms"
MAXIMUM_RECIPIENTS = 50
NO_PHONES = "No member to tell has a phone number"
NO_PHONE = "no phone number"
TOO_MANY = "more than 20 members to text"
NO_LONGER = "the account has no number for SMS"
NO_NUMBER = "The account has no enabled connection with a number for SMS; add one at /connections, or take `sms` out."
MAXIMUM_TEXTED = 20


@registry.register
class SendNotification(OutsideType):
    """Tell members of the account something about the contact: in the application, by mail, by SMS.

    Who is told are the active members among those meant; where there is none, the step is skipped. Mails go out by the
    mail server of the installation and lead back to the contact's page. SMS go out from the first number for SMS of the
    account's oldest enabled connection, at any hour and at most to 20 members; who has no phone is left out. Each
    message goes out once, however often the step is tried.
    """

    slug = "send_notification"
    label = "Send notification"
    category = Category.INTERNAL
    icon = "notifications"
    lane = Lane.EMAIL
    honours_keys = True
    example = {
        "recipient_type": "role",
        "recipient_ids": ["owner"],
        "channels": ["in_app", "email"],
        "title": "{{ contact.name }} is waiting",
        "message": "Call {{ contact.phone | default: 'back' }} today.",
    }
    results = {
        "recipients": "Ids of the users who were told.",
        "texted": "With `sms`: ids of those who were sent one.",
        "left_out": "With `sms`: `user_id` of members who were sent none, with the `reason`.",
        "failed": "What a provider refused for good: `channel`, `user_id` of an SMS, `reason`.",
        "reason": f"“{NOBODY}” where there was nobody, “{NO_PHONES}” where nobody could be sent an SMS.",
    }

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
        if SMS not in config["channels"] or first_number(account_id=account_id):
            return []
        return [Problem("connection_not_found", NO_NUMBER, "channels")]

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        """Tell in the application at once; mails and texts are for a lane."""
        letters = letters_of(steps)
        if IN_APP in steps.config["channels"]:
            notify_many(account_id=steps.account.id, notifications=list(notifications(steps, letters)), now=steps.now)
        return [told_at_once(letter, steps.config["channels"]) for letter in letters]

    def prepare_many(self, steps: StepBatch) -> Sequence[Prepared]:
        channels = steps.config["channels"]
        found = first_number(account_id=steps.account.id) if SMS in channels else None
        return [
            request_for(step, letter, channels, found) if isinstance(letter, Letter) else letter
            for step, letter in zip(steps, letters_of(steps), strict=True)
        ]

    def perform(self, payload: Mapping[str, Any], *, key: UUID) -> Done:
        return Telling(payload, key, UUID(payload["account_id"])).tell()

    def record_many(self, calls: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
        record(calls, account_id=account_id, now=now)

    def retry_policy(self, config: Mapping[str, Any], error_class: ErrorClass) -> RetryPolicy | None:
        """What nobody knows is shown to a person at once: another attempt would send none of it again."""
        return RetryPolicy(0) if error_class is ErrorClass.OUTCOME_UNKNOWN else None

    def summary(self, config: Mapping[str, Any]) -> str:
        who = str(config.get("recipient_type", "")).replace("_", " ")
        return shortened(f"Tell {who}: {config.get('title', '')}")


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


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


def told_at_once(letter: Letter | Skipped | Failed, channels: Sequence[str]) -> Outcome:
    """Return the lane that tells the rest, or how the step ends where nothing is left to tell."""
    if not isinstance(letter, Letter):
        return letter
    if SMS in channels and any(recipient.phone for recipient in letter.recipients):
        return Perform(Lane.SMS)
    if EMAIL in channels:
        return Perform(Lane.EMAIL)
    left_out = [left_out_as(recipient, NO_PHONE) for recipient in letter.recipients] if SMS in channels else []
    if IN_APP in channels:
        result: dict[str, Any] = {"texted": [], "left_out": left_out} if SMS in channels else {}
        return Done({"recipients": ids_of(letter), **result}, data_of(letter))
    return Skipped(NO_PHONES, {"recipients": [], "texted": [], "left_out": left_out}, data_of(letter))


def request_for(
    step: Step, letter: Letter, channels: Sequence[str], found: tuple[Connection, str] | None
) -> Request | Failed | Skipped:
    """Return what is to be told outside the application; a number that has gone leaves the texts out."""
    payload: dict[str, Any] = {
        "account_id": str(step.contact.account_id),
        "recipients": ids_of(letter),
        "told": ids_of(letter) if IN_APP in channels else [],
    }
    host = "members"
    if SMS in channels:
        with_phone = [recipient for recipient in letter.recipients if recipient.phone]
        texted = with_phone[:MAXIMUM_TEXTED] if found else []
        reasons = {recipient.user_id: TOO_MANY for recipient in with_phone[MAXIMUM_TEXTED:]}
        if not found:
            reasons = {recipient.user_id: NO_LONGER for recipient in with_phone}
        payload["left_out"] = [
            left_out_as(recipient, reasons.get(recipient.user_id, NO_PHONE))
            for recipient in letter.recipients
            if recipient not in texted
        ]
        if found and texted:
            connection, number = found
            text = f"{letter.title}\n{letter.message}"
            if len(text) > MAXIMUM_SMS_LENGTH:
                text = f"{text[: MAXIMUM_SMS_LENGTH - 1]}…"
            host = str(connection.id)
            payload |= {
                "twilio": TwilioAccount.of(connection).as_json(),
                "from": number,
                "texts": [{"user_id": str(recipient.user_id), "to": recipient.phone} for recipient in texted],
                "text": text,
                "segments": segments_of(text).count,
            }
        elif EMAIL not in channels:
            return untold(payload, letter, is_connected=found is not None)
    if EMAIL in channels:
        payload["mail"] = {
            "to": [[recipient.name, recipient.email] for recipient in letter.recipients],
            "subject": letter.title,
            "body": body_of(letter, step),
        }
    return Request(payload=payload, host=host, data=data_of(letter))


def untold(payload: Mapping[str, Any], letter: Letter, *, is_connected: bool) -> Failed | Skipped:
    """Return how a step ends that was to send texts alone, and can send none any more."""
    if not is_connected:
        return Failed(ErrorClass.INVALID_CONFIG, NO_NUMBER, {"code": "connection_not_found"})
    return Skipped(NO_PHONES, {"recipients": payload["told"], "texted": [], "left_out": payload["left_out"]})


def left_out_as(recipient: Recipient, reason: str) -> dict[str, str]:
    return {"user_id": str(recipient.user_id), "reason": reason}

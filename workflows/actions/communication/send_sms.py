"""The action `send_sms`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.problems import Problem
from workflows.actions.base import Category, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Skipped
from workflows.actions.outside import Lane, OutsideType, Performed, Prepared
from workflows.actions.registry import registry
from workflows.actions.sms import deliver, prepare, record_deliveries
from workflows.configs.fields import BooleanField, ChoiceField, ListField
from workflows.configs.hints import Hint
from workflows.configs.sms import NO_SUCH_NUMBER, MediaUrlField, OwnNumberField, SmsTextField
from workflows.configs.times import TimeOfDayField
from workflows.messaging.services.twilio_connections import connection_of_number

MAXIMUM_MEDIA = 10


@registry.register
class SendSms(OutsideType):
    """Send the contact an SMS, or an MMS with files, from a number of the account.

    Marketing needs the contact's recorded opt-in to SMS and stays within the law's calling hours at the contact's
    place; a step's own quiet hours can only be stricter. A contact that opted out, did not opt in or has no phone
    number is passed over (`skipped`); during quiet hours the step is `scheduled` until they end. Answering STOP opts
    the contact out at once. Twilio knows no idempotency keys: where its answer was lost, the message is looked up
    there; if it cannot be found, the step becomes `outcome_unknown` and is not sent again unasked.
    """

    slug = "send_sms"
    label = "Send SMS"
    category = Category.COMMUNICATION
    icon = "sms"
    example = {
        "message": "Hi {{ contact.first_name | default: 'there' }}, your table is ready.",
        "from_number": "+14155550100",
    }
    results = {
        "message_id": "Id of the message, see `/messages`.",
        "sid": "Twilio's id of the message.",
        "segments": "Parts of the message: of 160 characters, or 153 each if several; 70 and 67 in UCS-2.",
        "to": "Number it went to.",
    }
    lane = Lane.SMS
    sends_message = True

    class Config(ActionConfig):
        hints = {
            "message": Hint(widget="long"),
            "from_number": Hint(placeholder="+14155550100"),
            "media_urls": Hint(label="Media URLs", group="Pictures and other files"),
            **{
                name: Hint(group="Quiet hours")
                for name in ("respect_quiet_hours", "quiet_hours_start", "quiet_hours_end")
            },
        }

        message = SmsTextField(
            help_text="The text, ≤ 1600 characters when rendered, together with what `append_opt_out` adds."
        )
        from_number = OwnNumberField(
            type="sms", help_text="A number of one of the account's connections that sends SMS, in E.164."
        )
        media_urls = ListField(
            child=MediaUrlField(help_text="An https address."),
            max_length=MAXIMUM_MEDIA,
            required=False,
            help_text="Addresses of files that go along (MMS), https, ≤ 10.",
        )
        purpose = ChoiceField(
            ["marketing", "transactional"],
            default="marketing",
            help_text="`marketing` needs the contact's opt-in; `transactional` is for reminders and the like.",
        )
        append_opt_out = ChoiceField(
            ["first_message", "every", "never"],
            default="first_message",
            help_text=(
                "Whether “Reply STOP to opt out.” is added: to the first message from the number to the contact, to "
                "every one, or, only if transactional, never."
            ),
        )
        respect_quiet_hours = BooleanField(
            default=True,
            help_text="Whether the hours below are silent; marketing keeps to the law's hours in any case.",
        )
        quiet_hours_start = TimeOfDayField(
            default="21:00", help_text="Wall time `HH:MM` from which nothing is sent, by the contact's clock."
        )
        quiet_hours_end = TimeOfDayField(
            default="09:00",
            help_text="Wall time `HH:MM` from which it is sent again; earlier than the start: over midnight.",
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            purpose = attrs.get("purpose", "marketing")
            errors = {}
            if attrs.get("append_opt_out") == "never" and purpose != "transactional":
                detail = "Only transactional messages go without; choose `first_message` or `every`."
                errors["append_opt_out"] = [ErrorDetail(detail, code="invalid")]
            if attrs.get("quiet_hours_start", "21:00") == attrs.get("quiet_hours_end", "09:00"):
                detail = "Give another time than the start, or switch `respect_quiet_hours` off."
                errors["quiet_hours_end"] = [ErrorDetail(detail, code="invalid")]
            if errors:
                raise ValidationError(errors)
            return attrs

    def unready(self, config: Mapping[str, Any], *, account_id: UUID) -> Sequence[Problem]:
        if connection_of_number(account_id=account_id, number=config["from_number"]):
            return []
        return [Problem("number_not_found", NO_SUCH_NUMBER["sms"], "from_number")]

    def prepare_many(self, steps: StepBatch) -> Sequence[Prepared]:
        return prepare(steps)

    def perform(self, payload: Mapping[str, Any], *, key: UUID) -> Done | Skipped:
        return deliver(payload, key=key)

    def record_many(self, calls: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
        record_deliveries(calls, account_id=account_id, now=now)

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(str(config.get("message", "")))

"""The action `make_call`."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.models import Membership
from accounts.problems import Problem
from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.calls import IS_TRIAL, RESULTS, CallType, Plan, Planner
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Failed
from workflows.actions.outside import ErrorClass
from workflows.actions.registry import registry
from workflows.configs.destinations import LONGEST, TYPES, check_destination
from workflows.configs.fields import BooleanField, ChoiceField, IntegerField, TemplateField, TextField
from workflows.configs.hints import Hint
from workflows.configs.references import missing_detail
from workflows.configs.sms import OwnNumberField
from workflows.messaging.providers.twilio import twiml
from workflows.messaging.services.call_scripts import EXTERNAL, IVR, QUEUE, USER, Connection
from workflows.templating import RenderProblem, compile_template

MAXIMUM_WHISPER = 300
LONGEST_CALL_SECONDS = 4 * 3600
NO_PHONE = "The user has no phone; enter it among the account's members."


@registry.register
class MakeCall(CallType):
    """Call the contact and, when they answer, connect them with a member, a queue, another number or a phone menu.

    The destination's phone rings only once the contact has answered. The step waits until the call is over, four hours
    at most, and tells what came of it, so that later steps can decide on `steps.<key>.outcome`; a call that could not
    be placed fails it. With `machine_detection` machines and faxes are not connected. Recordings have the contact and
    the others on a channel each and are found at the message, see `/messages`; many places want all who are recorded
    to know it.

    Marketing needs the contact's recorded opt-in to calls and stays within the law's calling hours at the contact's
    place. Twilio knows no idempotency keys: where its answer was lost, the call is looked up there; if it cannot be
    found, the step becomes `outcome_unknown` until a callback or a person settles it; nobody is called again unasked.
    """

    slug = "make_call"
    label = "Make call"
    category = Category.COMMUNICATION
    icon = "call"
    example = {
        "from_number": "+14155550100",
        "destination_type": "external",
        "destination_value": "+14155550111",
        "whisper": "{{ contact.first_name }} asks for a demo.",
    }
    results = {
        **RESULTS,
        "answered_by": "Who answered: `human`, `machine_start`, `fax` or `unknown`; null without `machine_detection`.",
        "duration_seconds": "From the contact's answer to the end.",
        "outcome": "`connected`; `not_connected` (who answered hung up before), `destination_busy`, "
        "`destination_no_answer`, `destination_failed`, `machine`, `busy`, `no_answer`, `canceled`; `failed`, with the "
        "step.",
    }

    class Config(ActionConfig):
        hints = {
            "from_number": Hint(placeholder="+14155550100"),
            "destination_value": Hint(label="Destination", suggest="members", widget="short"),
            "whisper": Hint(shown_when={"destination_type": ["user", "external"]}, widget="long"),
            "machine_detection": Hint(group="More"),
            "record_call": Hint(group="More"),
        }

        from_number = OwnNumberField(
            type="voice",
            help_text="A number of one of the account's connections that makes calls, in E.164; all who are called see "
            "it.",
        )
        destination_type = ChoiceField(
            TYPES,
            help_text="Who the contact is connected with: a `user` of the account, a `queue` at Twilio, an `external` "
            "number, or an `ivr`.",
        )
        destination_value = TextField(
            max_length=LONGEST,
            help_text="`user`: the id of a member with a phone; `queue`: its name, ≤ 64 characters; `external`: a "
            "phone number in E.164; `ivr`: the https address of TwiML or of a Studio flow's webhook.",
        )
        purpose = ChoiceField(
            ["marketing", "transactional"],
            default="marketing",
            help_text="`marketing` needs the contact's opt-in to calls; `transactional` is for what they asked for.",
        )
        timeout_seconds = IntegerField(
            min_value=5, max_value=600, default=30, help_text="How long each phone rings, in seconds, 5–600."
        )
        whisper = TemplateField(
            max_length=MAXIMUM_WHISPER,
            required=False,
            help_text="What the member or the external number is told before they are connected, ≤ 300 characters when "
            "rendered.",
        )
        record_call = BooleanField(default=False, help_text="Whether the call is recorded, from the answer to the end.")
        machine_detection = BooleanField(
            default=False, help_text="Whether the call ends when a machine or a fax answers it."
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            check_destination(self, attrs["destination_type"], attrs["destination_value"])
            if attrs.get("whisper") and attrs["destination_type"] not in {USER, EXTERNAL}:
                detail = "Only a `user` or an `external` number can be told something first; leave `whisper` out."
                raise ValidationError({"whisper": [ErrorDetail(detail, code="invalid")]})
            return attrs

    def references(self, config: Mapping[str, Any]) -> list[tuple[str, UUID, str]]:
        own = super().references(config)
        if config.get("destination_type") != USER:
            return own
        return [*own, ("user", UUID(config["destination_value"]), "destination_value")]

    def unready(self, config: Mapping[str, Any], *, account_id: UUID) -> Sequence[Problem]:
        problems = list(super().unready(config, account_id=account_id))
        if config["destination_type"] == USER and not phone_of(account_id, config["destination_value"]):
            problems.append(Problem("phone_missing", NO_PHONE, "destination_value"))
        return problems

    def planner(self, steps: StepBatch) -> Planner | Failed:
        config = steps.config
        destination: str | None = config["destination_value"]
        if config["destination_type"] == USER:
            destination = phone_of(steps.account.id, config["destination_value"])
            if destination is None:
                return Failed(ErrorClass.INVALID_CONFIG, missing_detail("user"), {"code": "user_not_found"})
            if not destination:
                return Failed(ErrorClass.INVALID_CONFIG, NO_PHONE, {"code": "phone_missing"})
        source = config.get("whisper", "")
        is_trial = config.get(IS_TRIAL, False)
        looks = config["machine_detection"] and not is_trial

        def plan_of(step: Step) -> Plan:
            told = compile_template(source).render(step.context(), work=step.work).strip()
            if len(told) > MAXIMUM_WHISPER:
                raise RenderProblem(f"The whisper has more than {MAXIMUM_WHISPER} characters.")
            script = Connection(
                destination_type=config["destination_type"],
                destination=str(destination),
                whisper=told,
                ring_seconds=config["timeout_seconds"],
                most_seconds=LONGEST_CALL_SECONDS,
            )
            return Plan(
                script=script.as_json(),
                options={
                    "ring_seconds": config["timeout_seconds"],
                    "most_seconds": LONGEST_CALL_SECONDS,
                    "record": config["record_call"] and not is_trial,
                    "detection": {"machine_detection": "Enable"} if looks else None,
                    "twiml": twiml_of(script, config["from_number"]) if is_trial else "",
                },
                longest_seconds=config["timeout_seconds"] + LONGEST_CALL_SECONDS,
                text=told,
                data={
                    "destination_type": config["destination_type"],
                    "destination": destination,
                    "record_call": config["record_call"],
                },
            )

        return plan_of

    def summary(self, config: Mapping[str, Any]) -> str:
        kind = str(config.get("destination_type", ""))
        value = str(config.get("destination_value", "")) if kind != USER else ""
        return shortened(f"Connect with {kind} {value}") if kind else ""


def twiml_of(script: Connection, caller_id: str) -> str:
    """Return what a call does that asks for nothing more and tells nothing."""
    if script.destination_type == IVR:
        return twiml.go_on_at(script.destination)
    if script.destination_type == QUEUE:
        return twiml.put_into_queue(script.destination, action="")
    return twiml.connect_to_number(
        script.destination,
        caller_id=caller_id,
        ring_seconds=script.ring_seconds,
        most_seconds=script.most_seconds,
        action="",
        status="",
        whisper="",
    )


def phone_of(account_id: UUID, user_id: str) -> str | None:
    """Return the phone of an active member, empty: there is none entered; None: there is no such member."""
    members = Membership.objects.for_account(account_id).filter(is_active=True, user__is_active=True, user_id=user_id)
    return members.values_list("phone", flat=True).first()

"""SMS of one step: gated, rendered, handed over, looked for when the answer was lost, and noted."""

import time as clock
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from workflows.actions.base import Step, StepBatch
from workflows.actions.outcomes import Done, Failed, Skipped
from workflows.actions.outside import (
    CallFailed,
    ErrorClass,
    HoldUntil,
    OutcomeUnknown,
    Performed,
    Permanent,
    Prepared,
    Request,
    Retryable,
)
from workflows.configs.sms import MAXIMUM_SMS_LENGTH, NO_SUCH_NUMBER, TOO_LONG
from workflows.crm.models import Channel, ConsentState
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.messaging import gate
from workflows.messaging.composing import Unsendable
from workflows.messaging.models import Connection
from workflows.messaging.outbound import NotSent, OutboundError, SentUnknown
from workflows.messaging.providers.twilio import Accepted, Refused, TwilioAccount, find, send
from workflows.messaging.segments import segments_of
from workflows.messaging.services import sms
from workflows.messaging.services.messages import NewMessage, queue_messages, record_errors, record_sent
from workflows.messaging.services.twilio_connections import connection_of_number
from workflows.templating import RenderProblem, TemplateProblem, compile_template

OPT_OUT_TEXT = "Reply STOP to opt out."
NO_PHONE = "Contact has no phone number"
NOTHING_TO_SAY = "The message is empty."
UNSUBSCRIBED = "Contact opted out of SMS"
RETRYABLE = frozenset({ErrorClass.TIMEOUT, ErrorClass.NETWORK, ErrorClass.UNAVAILABLE, ErrorClass.RATE_LIMITED})
LOOK_AFTER_SECONDS = (0.0, 1.0)
"""A message that was just taken may not be in the list yet."""


def prepare(steps: StepBatch) -> Sequence[Prepared]:
    """Gate and render the messages of a step; queries do not grow with contacts."""
    config = steps.config
    connection = connection_of_number(account_id=steps.account.id, number=config["from_number"])
    if connection is None:
        failed = Failed(ErrorClass.INVALID_CONFIG, NO_SUCH_NUMBER["sms"], {"code": "number_not_found"})
        return [failed] * len(steps)
    plan = SmsPlan(steps, connection)
    messages: list[NewMessage] = []
    prepared = [plan.prepare(step, verdict, messages) for step, verdict in zip(steps, plan.judge(), strict=True)]
    queue_messages(account_id=steps.account.id, messages=messages, now=steps.now)
    blocked = {
        step.key: outcome.reason if isinstance(outcome, Skipped) else outcome.message
        for step, outcome in zip(steps, prepared, strict=True)
        if step.key and isinstance(outcome, Skipped | Failed)
    }
    record_errors(account_id=steps.account.id, errors=blocked, are_final=True, now=steps.now)
    return prepared


class SmsPlan:
    """What the messages of one step have in common."""

    def __init__(self, steps: StepBatch, connection: Connection) -> None:
        self.steps = steps
        self.config = steps.config
        self.connection = connection
        self.account = TwilioAccount.of(connection)
        self.written_to = self._written_to()

    def _written_to(self) -> set[UUID]:
        """Return the contacts that had a message from the number already, where it matters."""
        if self.config["append_opt_out"] != "first_message":
            return set()
        return sms.contacts_written_to(
            account_id=self.steps.account.id,
            sender=self.config["from_number"],
            contact_ids=[step.contact.id for step in self.steps],
            but_by=[step.key for step in self.steps if step.key],
        )

    def judge(self) -> list[gate.Verdict]:
        """Ask the gate for every contact."""
        quiet_hours = None
        if self.config["respect_quiet_hours"]:
            start, end = (time.fromisoformat(self.config[name]) for name in ("quiet_hours_start", "quiet_hours_end"))
            quiet_hours = gate.QuietHours(start, end)
        return gate.judge(
            account_id=self.steps.account.id,
            channel=Channel.SMS,
            purpose=self.config["purpose"],
            sendings=[
                gate.Sending(step.contact.id, step.key, phone=step.contact.phone, timezone=step.contact.timezone)
                for step in self.steps
            ],
            quiet_hours=quiet_hours,
            now=self.steps.now,
        )

    def prepare(self, step: Step, verdict: gate.Verdict, messages: list[NewMessage]) -> Prepared:
        """Return the call for one contact, or why there is none (yet); adds the message to be written."""
        facts = {"gate": verdict.facts}
        if not step.contact.phone or verdict.reason:
            return Skipped(verdict.reason, data=facts) if step.contact.phone else Skipped(NO_PHONE)
        if verdict.held_until:
            return HoldUntil(verdict.held_until, gate.QUIET_HOURS, data=facts)
        try:
            text = self.text_for(step)
        except TemplateProblem as problem:
            return Failed(ErrorClass.INVALID_CONFIG, str(problem), {"code": "invalid_template"})
        except RenderProblem as problem:
            return Failed(ErrorClass.INVALID_CONFIG, str(problem))
        except Unsendable as problem:
            return Failed(ErrorClass.REJECTED, str(problem))
        media_urls = self.config.get("media_urls", [])
        assert step.key is not None
        message = NewMessage(
            id=step.key,
            contact_id=step.contact.id,
            channel=Channel.SMS,
            purpose=self.config["purpose"],
            connection_id=self.connection.id,
            provider_message_id="",
            sender=self.config["from_number"],
            recipient=step.contact.phone,
            subject="",
            execution_id=step.execution_id,
            action_execution_id=step.log_id,
            text=text,
            media_urls=media_urls,
            segments=segments_of(text).count,
        )
        messages.append(message)
        return Request(
            payload={
                "twilio": self.account.as_json(),
                "from": message.sender,
                "to": message.recipient,
                "text": text,
                "media_urls": media_urls,
                "segments": message.segments,
            },
            host=str(self.connection.id),
            data={
                "message_id": str(step.key),
                "from": message.sender,
                "to": message.recipient,
                "purpose": message.purpose,
                "segments": message.segments,
                "media": len(media_urls),
                "connection_id": str(self.connection.id),
                **facts,
            },
            guard_channel=Channel.SMS,
            guard_until=verdict.closes_at,
        )

    def text_for(self, step: Step) -> str:
        """Return what a contact is told; raises TemplateProblem, RenderProblem or Unsendable."""
        text = compile_template(self.config["message"]).render(step.context(), work=step.work).strip()
        if not text and not self.config.get("media_urls"):
            raise Unsendable(NOTHING_TO_SAY)
        if len(text) > MAXIMUM_SMS_LENGTH:
            raise Unsendable(TOO_LONG)
        if self.tells_how_to_opt_out(step):
            text = f"{text}\n{OPT_OUT_TEXT}".strip()
        if len(text) > MAXIMUM_SMS_LENGTH:
            raise Unsendable(f"{TOO_LONG} with “{OPT_OUT_TEXT}”")
        return text

    def tells_how_to_opt_out(self, step: Step) -> bool:
        match self.config["append_opt_out"]:
            case "every":
                return True
            case "first_message":
                return step.contact.id not in self.written_to
        return False


def deliver(payload: Mapping[str, Any], *, key: UUID) -> Done | Skipped:
    """Hand a prepared SMS over; raises CallFailed as `OutsideType.perform` does."""
    account = TwilioAccount.from_json(payload["twilio"])
    began_at = datetime.now(tz=UTC)
    try:
        accepted = send(
            account,
            sender=payload["from"],
            recipient=payload["to"],
            text=payload["text"],
            media_urls=payload["media_urls"],
            status_callback=f"{account.callback_url}?message={key}",
        )
    except Refused as refusal:
        return refused(account, payload, key, began_at, refusal)
    except SentUnknown as error:
        found = look_up(account, payload, key=key, since=began_at, after=LOOK_AFTER_SECONDS)
        if found is None:
            raise OutcomeUnknown("Twilio may have taken the message: its answer was lost.") from error
        accepted = found
    except NotSent as error:
        error_class = ErrorClass(error.error_class)
        raise (Retryable if error_class in RETRYABLE else Permanent)(error_class, error.message) from error
    return done(payload, key, accepted)


def refused(
    account: TwilioAccount, payload: Mapping[str, Any], key: UUID, began_at: datetime, refusal: Refused
) -> Done | Skipped:
    """Turn a refusal into what it means for the step; a server in trouble may have taken the message all the same."""
    if refusal.is_unsubscribed:
        return Skipped(UNSUBSCRIBED, {"provider_code": refusal.code})
    error_class = ErrorClass(refusal.error_class)
    result = {"provider_code": refusal.code} if refusal.code else {}
    if error_class is ErrorClass.UNAVAILABLE and (
        found := look_up(account, payload, key=key, since=began_at, after=LOOK_AFTER_SECONDS[:1])
    ):
        return done(payload, key, found)
    if error_class in RETRYABLE:
        raise Retryable(error_class, refusal.message, retry_after=refusal.retry_after, result=result) from refusal
    raise Permanent(error_class, refusal.message, result=result) from refusal


def look_up(
    account: TwilioAccount, payload: Mapping[str, Any], *, key: UUID, since: datetime, after: Sequence[float]
) -> Accepted | None:
    """Find a message whose answer was lost: by a receipt that came meanwhile, else in Twilio's list.

    None when it is not there, or when it cannot be told from another with the same text to the same contact.
    """
    for seconds in after:
        clock.sleep(seconds)
        if sid := sms.sid_of(account_id=account.account_id, message_id=key):
            return Accepted(sid, payload["segments"])
        try:
            found = find(account, sender=payload["from"], recipient=payload["to"], text=payload["text"], since=since)
        except OutboundError:
            continue
        others = sms.sids_of_others(
            account_id=account.account_id, message_id=key, sids=[accepted.sid for accepted in found]
        )
        left = [accepted for accepted in found if accepted.sid not in others]
        if len(left) == 1 and not sms.has_twin(account_id=account.account_id, message_id=key):
            return left[0]
    return None


def done(payload: Mapping[str, Any], key: UUID, accepted: Accepted) -> Done:
    segments = accepted.segments or payload["segments"]
    return Done({"message_id": str(key), "sid": accepted.sid, "segments": segments, "to": payload["to"]})


def record_deliveries(calls: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
    """Bring the messages up to date, and opt out whoever Twilio says has opted out there."""
    taken = [call for call in calls if call.step.key and isinstance(call.outcome, Done)]
    sms.record_accepted(
        account_id=account_id,
        accepted={
            call.step.key: Accepted(call.outcome.result["sid"], call.outcome.result["segments"])
            for call in taken
            if call.step.key and isinstance(call.outcome, Done) and "sid" in call.outcome.result
        },
        now=now,
    )
    record_sent(account_id=account_id, message_ids=[call.step.key for call in taken if call.step.key], now=now)
    opted_out = [call for call in calls if isinstance(call.outcome, Skipped)]
    errors = {call.step.key: UNSUBSCRIBED for call in opted_out if call.step.key}
    record_errors(account_id=account_id, errors=errors, are_final=True, now=now)
    changes = [
        ConsentChange(
            contact_id=call.step.contact.id,
            channel=Channel.SMS,
            state=ConsentState.OPT_OUT,
            recorded_at=now,
            evidence="Twilio refused the message: the number has opted out (21610)",
            cause=call.step.cause,
        )
        for call in opted_out
    ]
    set_consents(account_id=account_id, changes=changes, now=now)
    for are_final in (True, False):
        failures = {
            call.step.key: call.outcome.message
            for call in calls
            if call.step.key and isinstance(call.outcome, CallFailed) and is_over(call) == are_final
        }
        record_errors(account_id=account_id, errors=failures, are_final=are_final, now=now)


def is_over(call: Performed) -> bool:
    """Tell whether a failed call was the last and surely had no effect."""
    assert isinstance(call.outcome, CallFailed)
    return call.is_final and call.outcome.error_class != ErrorClass.OUTCOME_UNKNOWN

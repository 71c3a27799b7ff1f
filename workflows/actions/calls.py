"""Calls by phone of one step: gated, placed, looked for when the answer was lost; what came of them is told later."""

import time as clock
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from accounts.problems import Problem
from workflows.actions.base import Step, StepBatch
from workflows.actions.outcomes import AwaitCallback, Done, Failed, Skipped
from workflows.actions.outside import (
    CallFailed,
    ErrorClass,
    HoldUntil,
    Lane,
    OutcomeUnknown,
    OutsideType,
    Performed,
    Permanent,
    Prepared,
    Request,
    Retryable,
)
from workflows.configs.sms import NO_SUCH_NUMBER
from workflows.crm.models import Channel
from workflows.messaging import gate
from workflows.messaging.models import Call, CallOutcome, Connection
from workflows.messaging.outbound import NotSent, OutboundError, SentUnknown
from workflows.messaging.providers.twilio import Callbacks, Refused, TwilioAccount, find_calls, place
from workflows.messaging.services import calls, sms
from workflows.messaging.services.messages import NewMessage, queue_messages, record_errors, record_sent
from workflows.messaging.services.twilio_connections import connection_of_number
from workflows.templating import RenderProblem, TemplateProblem

NO_PHONE = "Contact has no phone number"
QUIET_HOURS = gate.QuietHours(time(21), time(9))
"""By the contact's clock, as those of SMS are where a step says nothing else."""
RETRYABLE = frozenset({ErrorClass.TIMEOUT, ErrorClass.NETWORK, ErrorClass.UNAVAILABLE, ErrorClass.RATE_LIMITED})
LOOK_AFTER_SECONDS = (0.0, 1.0)
"""A call that was just taken may not be in the list yet."""
IS_TRIAL = "is_trial"
"""Of the config, while a person tries the step."""
SLACK = timedelta(minutes=5)
"""For callbacks that are late, on top of the longest that a call can take."""
RESULTS = {
    "message_id": "Id of the message, see `/messages`.",
    "call_sid": "Twilio's id of the call.",
    "to": "Number that was called.",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What one contact's call is to be."""

    script: Mapping[str, Any]
    """What it does once it is answered, as `services/call_scripts.py` has it."""
    options: Mapping[str, Any]
    """How it is placed: see `providers.twilio.place`."""
    longest_seconds: int
    """From the first ring to the end."""
    text: str = ""
    """What is kept with the message."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """For the log row."""


Planner = Callable[[Step], Plan]


class CallType(OutsideType):
    """A type that calls the contact from a number of the account; what a call does, its subclasses say."""

    lane = Lane.VOICE
    sends_message = True
    events = ("call_completed",)
    results: ClassVar[Mapping[str, str]] = RESULTS
    in_trial: ClassVar[Mapping[str, Any]] = {IS_TRIAL: True}
    """A call that is tried has no message to come back to: it takes along what it does, and looks for no machines."""

    @abstractmethod
    def planner(self, steps: StepBatch) -> Planner | Failed:
        """Return what plans each contact's call, or why none can be made; it may raise what rendering raises."""

    def unready(self, config: Mapping[str, Any], *, account_id: UUID) -> Sequence[Problem]:
        if connection_of_number(account_id=account_id, number=config["from_number"], type="voice"):
            return []
        return [Problem("number_not_found", NO_SUCH_NUMBER["voice"], "from_number")]

    def prepare_many(self, steps: StepBatch) -> Sequence[Prepared]:
        number = steps.config["from_number"]
        connection = connection_of_number(account_id=steps.account.id, number=number, type="voice")
        planner = self.planner(steps)
        if connection is None:
            planner = Failed(ErrorClass.INVALID_CONFIG, NO_SUCH_NUMBER["voice"], {"code": "number_not_found"})
        if connection is None or isinstance(planner, Failed):
            assert isinstance(planner, Failed)
            return [planner] * len(steps)
        preparation = Preparation(steps, connection, planner)
        prepared = [
            preparation.prepare(step, verdict) for step, verdict in zip(steps, preparation.judge(), strict=True)
        ]
        account_id, now = steps.account.id, steps.now
        queue_messages(account_id=account_id, messages=preparation.messages, now=now)
        calls.plan_calls(account_id=account_id, calls=preparation.calls, now=now)
        blocked = {
            step.key: outcome.reason if isinstance(outcome, Skipped) else outcome.message
            for step, outcome in zip(steps, prepared, strict=True)
            if step.key and isinstance(outcome, Skipped | Failed)
        }
        record_errors(account_id=account_id, errors=blocked, are_final=True, now=now)
        return prepared

    def perform(self, payload: Mapping[str, Any], *, key: UUID) -> AwaitCallback:
        return dial(payload, key=key)

    def results_so_far(self, keys: Sequence[UUID], *, account_id: UUID) -> Mapping[UUID, Done | Failed | Retryable]:
        return {call.message_id: result_of(call) for call in calls.ended_calls(account_id=account_id, message_ids=keys)}

    def record_many(self, performed: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
        record_calls(performed, account_id=account_id, now=now)


class Preparation:
    """What the calls of one step have in common, and the rows that they leave."""

    def __init__(self, steps: StepBatch, connection: Connection, planner: Planner) -> None:
        self.steps = steps
        self.connection = connection
        self.planner = planner
        self.account = TwilioAccount.of(connection)
        self.messages: list[NewMessage] = []
        self.calls: list[calls.PlannedCall] = []

    def judge(self) -> list[gate.Verdict]:
        """Ask the gate for every contact."""
        return gate.judge(
            account_id=self.steps.account.id,
            channel=Channel.VOICE,
            purpose=self.steps.config["purpose"],
            sendings=[
                gate.Sending(step.contact.id, step.key, phone=step.contact.phone, timezone=step.contact.timezone)
                for step in self.steps
            ],
            quiet_hours=QUIET_HOURS if self.steps.config.get("respect_quiet_hours") else None,
            now=self.steps.now,
        )

    def prepare(self, step: Step, verdict: gate.Verdict) -> Prepared:
        """Return the call for one contact, or why there is none (yet)."""
        facts = {"gate": verdict.facts}
        if not step.contact.phone or verdict.reason:
            return Skipped(verdict.reason, data=facts) if step.contact.phone else Skipped(NO_PHONE)
        if verdict.held_until:
            return HoldUntil(verdict.held_until, gate.QUIET_HOURS, data=facts)
        try:
            plan = self.planner(step)
        except TemplateProblem as problem:
            return Failed(ErrorClass.INVALID_CONFIG, str(problem), {"code": "invalid_template"})
        except RenderProblem as problem:
            return Failed(ErrorClass.INVALID_CONFIG, str(problem))
        assert step.key is not None
        sender, purpose = self.steps.config["from_number"], self.steps.config["purpose"]
        self.messages.append(
            NewMessage(
                id=step.key,
                contact_id=step.contact.id,
                channel=Channel.VOICE,
                purpose=purpose,
                connection_id=self.connection.id,
                provider_message_id="",
                sender=sender,
                recipient=step.contact.phone,
                subject="",
                execution_id=step.execution_id,
                action_execution_id=step.log_id,
                text=plan.text,
            )
        )
        self.calls.append(calls.PlannedCall(step.key, step.attempt, step.depth, plan.script))
        return Request(
            payload={
                "twilio": self.account.as_json(),
                "from": sender,
                "to": step.contact.phone,
                "attempt": step.attempt,
                "options": plan.options,
                "longest_seconds": plan.longest_seconds,
            },
            host=str(self.connection.id),
            data={
                "message_id": str(step.key),
                "from": sender,
                "to": step.contact.phone,
                "purpose": purpose,
                "connection_id": str(self.connection.id),
                **plan.data,
                **facts,
            },
            guard_channel=Channel.VOICE,
            guard_until=verdict.closes_at,
        )


def dial(payload: Mapping[str, Any], *, key: UUID) -> AwaitCallback:
    """Place a prepared call; raises CallFailed as `OutsideType.perform` does."""
    account = TwilioAccount.from_json(payload["twilio"])
    began_at = datetime.now(tz=UTC)
    urls = {
        about: f"{account.callback_url}/calls/{about}?message={key}&attempt={payload['attempt']}"
        for about in ("answer", "status", "recording")
    }
    try:
        sid = place(
            account,
            sender=payload["from"],
            recipient=payload["to"],
            callbacks=Callbacks(**urls),
            options=payload["options"],
        )
    except Refused as refusal:
        found = ""
        error_class = ErrorClass(refusal.error_class)
        if error_class is ErrorClass.UNAVAILABLE:  # a server in trouble may have taken the call all the same
            found = look_up(account, payload, key=key, since=began_at, after=LOOK_AFTER_SECONDS[:1])
        if not found:
            raise failure_of(refusal, error_class) from refusal
        sid = found
    except SentUnknown as error:
        sid = look_up(account, payload, key=key, since=began_at, after=LOOK_AFTER_SECONDS)
        if not sid:
            raise OutcomeUnknown("Twilio may have placed the call: its answer was lost.") from error
    except NotSent as error:
        error_class = ErrorClass(error.error_class)
        raise (Retryable if error_class in RETRYABLE else Permanent)(error_class, error.message) from error
    patience = timedelta(seconds=payload["longest_seconds"]) + SLACK
    return AwaitCallback(patience, {"message_id": str(key), "call_sid": sid, "to": payload["to"]})


def failure_of(refusal: Refused, error_class: ErrorClass) -> CallFailed:
    result = {"provider_code": refusal.code} if refusal.code else {}
    if error_class in RETRYABLE:
        return Retryable(error_class, refusal.message, retry_after=refusal.retry_after, result=result)
    return Permanent(error_class, refusal.message, result=result)


def look_up(
    account: TwilioAccount, payload: Mapping[str, Any], *, key: UUID, since: datetime, after: Sequence[float]
) -> str:
    """Find a call whose answer was lost: by a callback that came meanwhile, else in Twilio's list; return its sid.

    Empty when it is not there, or when it cannot be told from another call between the same numbers.
    """
    for seconds in after:
        clock.sleep(seconds)
        if sid := sms.sid_of(account_id=account.account_id, message_id=key):
            return sid
        try:
            found = find_calls(account, sender=payload["from"], recipient=payload["to"], since=since)
        except OutboundError:
            continue
        left = set(found) - sms.sids_of_others(account_id=account.account_id, message_id=key, sids=found)
        if len(left) == 1 and not calls.has_twin(account_id=account.account_id, message_id=key):
            return left.pop()
    return ""


def result_of(call: Call) -> Done | Failed | Retryable:
    """Return what a call that is over means for its step."""
    message = call.message
    result = {
        "message_id": str(message.id),
        "call_sid": message.provider_message_id,
        "to": message.recipient,
        "answered_by": call.answered_by or None,
        "duration_seconds": call.duration_seconds or 0,
        "outcome": call.outcome,
    }
    if call.outcome == CallOutcome.FAILED:
        return Failed(ErrorClass.REJECTED, message.error_message, result)
    if call.outcome == CallOutcome.BUSY and call.script.get("repeats_busy"):
        return Retryable(ErrorClass.UNAVAILABLE, message.error_message, result=result, in_the_end=Done(result))
    return Done(result)


def record_calls(performed: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
    """Bring the messages up to date; what callbacks said of them meanwhile stays."""
    placed = {
        call.step.key: str(call.outcome.result["call_sid"])
        for call in performed
        if call.step.key and isinstance(call.outcome, AwaitCallback)
    }
    calls.record_placed(account_id=account_id, sids=placed, now=now)
    settled = [
        call.step.key
        for call in performed
        if call.step.key and isinstance(call.outcome, Done) and "settled" in call.outcome.result
    ]
    record_sent(account_id=account_id, message_ids=[*placed, *settled], now=now)
    for are_final in (True, False):
        failures = {
            call.step.key: call.outcome.message
            for call in performed
            if call.step.key and isinstance(call.outcome, CallFailed) and is_over(call) == are_final
        }
        record_errors(account_id=account_id, errors=failures, are_final=are_final, now=now)


def is_over(call: Performed) -> bool:
    """Tell whether a failed call was the last and surely had no effect."""
    assert isinstance(call.outcome, CallFailed)
    return call.is_final and call.outcome.error_class != ErrorClass.OUTCOME_UNKNOWN

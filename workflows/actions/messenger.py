"""Messenger messages of one step: gated, rendered, handed over, found again when the answer was lost, and noted."""

import time as clock
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage

from workflows.actions.base import Step, StepBatch
from workflows.actions.messenger_texts import MessengerTexts
from workflows.actions.outcomes import Done, Failed, Skipped
from workflows.actions.outside import (
    CallFailed,
    ErrorClass,
    OutcomeUnknown,
    Performed,
    Permanent,
    Prepared,
    Request,
    Retryable,
)
from workflows.configs.references import missing_detail
from workflows.crm.models import Channel
from workflows.messaging import gate
from workflows.messaging.composing import Unsendable
from workflows.messaging.models import Media
from workflows.messaging.outbound import NotSent, SentUnknown
from workflows.messaging.providers.messenger import Attached, MessengerPage, Refused, send
from workflows.messaging.services import messenger
from workflows.messaging.services.messages import NewMessage, queue_messages, record_errors, record_sent
from workflows.messaging.services.messenger_pages import page_of
from workflows.messaging.services.messenger_people import people_of
from workflows.templating import RenderProblem, TemplateProblem

NO_SUCH_PAGE = missing_detail("page")
UNKNOWN_PERSON = "Contact has no Messenger id of this page"
UNREACHABLE = "Contact cannot be reached on Messenger"
OUTSIDE_WINDOW = gate.Window().reason
HUMAN_AGENT = "HUMAN_AGENT"
HUMAN_AGENT_DAYS = timedelta(days=7)
RETRYABLE = frozenset({ErrorClass.TIMEOUT, ErrorClass.NETWORK, ErrorClass.UNAVAILABLE, ErrorClass.RATE_LIMITED})
LOOK_AFTER_SECONDS = (0.0, 1.0, 2.0)
"""When to look whether an echo has told of a message whose answer was lost."""


def window_of(page: MessengerPage, config: Mapping[str, Any]) -> gate.Window:
    """Return when the step may write: https://developers.facebook.com/docs/messenger-platform/policy."""
    match config.get("tag"):
        case None:
            return gate.Window(page.page_id)
        case "HUMAN_AGENT":
            return gate.Window(page.page_id, HUMAN_AGENT_DAYS, "outside_7d_window")
    return gate.Window(page.page_id, None)


def prepare(steps: StepBatch) -> Sequence[Prepared]:
    """Gate and render the messages of a step; queries do not grow with contacts."""
    account_id, config = steps.account.id, steps.config
    page = page_of(account_id=account_id, connection_id=UUID(config["page_id"]))
    if page is None:
        failed = Failed(ErrorClass.INVALID_CONFIG, NO_SUCH_PAGE, {"code": "page_not_found"})
        return [failed] * len(steps)
    media = None
    if media_id := config["content"].get("media_id"):
        media = Media.objects.for_account(account_id).filter(id=media_id).first()
        if media is None:
            failed = Failed(ErrorClass.INVALID_CONFIG, "The picture no longer exists.", {"code": "media_not_found"})
            return [failed] * len(steps)
    plan = MessengerPlan(steps, page, media)
    messages: list[NewMessage] = []
    prepared = [plan.prepare(step, verdict, messages) for step, verdict in zip(steps, plan.judge(), strict=True)]
    queue_messages(account_id=account_id, messages=messages, now=steps.now)
    blocked = {
        step.key: outcome.reason if isinstance(outcome, Skipped) else outcome.message
        for step, outcome in zip(steps, prepared, strict=True)
        if step.key and isinstance(outcome, Skipped | Failed)
    }
    record_errors(account_id=account_id, errors=blocked, are_final=True, now=steps.now)
    return prepared


class MessengerPlan:
    """What the messages of one step have in common."""

    def __init__(self, steps: StepBatch, page: MessengerPage, media: Media | None) -> None:
        self.steps = steps
        self.config = steps.config
        self.page = page
        self.media = media
        self.texts = MessengerTexts(self.config["message_type"], self.config["content"])
        contact_ids = [step.contact.id for step in steps]
        self.people = people_of(account_id=steps.account.id, page_id=page.page_id, contact_ids=contact_ids)

    def judge(self) -> list[gate.Verdict]:
        """Ask the gate for every contact; one query."""
        return gate.judge(
            account_id=self.steps.account.id,
            channel=Channel.MESSENGER,
            purpose=self.config["purpose"],
            sendings=[gate.Sending(step.contact.id, step.key) for step in self.steps],
            window=window_of(self.page, self.config),
            now=self.steps.now,
        )

    def prepare(self, step: Step, verdict: gate.Verdict, messages: list[NewMessage]) -> Prepared:
        """Return the call for one contact, or why there is none; adds the message to be written."""
        facts = {"gate": verdict.facts}
        person = self.people.get(step.contact.id)
        if verdict.reason or person is None:
            return Skipped(verdict.reason or UNKNOWN_PERSON, data=facts)
        try:
            message, text, picture = self.texts.rendered(step)
        except TemplateProblem as problem:
            return Failed(ErrorClass.INVALID_CONFIG, str(problem), {"code": "invalid_template"})
        except RenderProblem as problem:
            return Failed(ErrorClass.INVALID_CONFIG, str(problem))
        except Unsendable as problem:
            return Failed(ErrorClass.REJECTED, str(problem))
        assert step.key is not None
        media_urls = [picture] if picture else []
        messages.append(
            NewMessage(
                id=step.key,
                contact_id=step.contact.id,
                channel=Channel.MESSENGER,
                purpose=self.config["purpose"],
                connection_id=self.page.connection_id,
                provider_message_id="",
                sender=self.page.page_id,
                recipient=person,
                subject=self.media.name if self.media else "",
                execution_id=step.execution_id,
                action_execution_id=step.log_id,
                text=text,
                media_urls=media_urls,
            )
        )
        tag = self.config.get("tag", "")
        return Request(
            payload={
                "page": self.page.as_json(),
                "person": person,
                "message": message,
                "messaging_type": self.config["messaging_type"],
                "tag": tag,
                "file": self.file,
            },
            host=str(self.page.connection_id),
            data={
                "message_id": str(step.key),
                "page_id": self.page.page_id,
                "to": person,
                "message_type": self.config["message_type"],
                "messaging_type": self.config["messaging_type"],
                "tag": tag,
                "purpose": self.config["purpose"],
                "connection_id": str(self.page.connection_id),
                **facts,
            },
            guard_channel=Channel.MESSENGER,
            guard_until=verdict.closes_at,
        )

    @property
    def file(self) -> dict[str, str] | None:
        """What `deliver` reads the picture by."""
        if self.media is None:
            return None
        media = self.media
        return {"name": media.name, "content_type": media.content_type, "file": str(media.file.name)}


def deliver(payload: Mapping[str, Any], *, key: UUID) -> Done | Skipped:
    """Hand a prepared message over; raises CallFailed as `OutsideType.perform` does."""
    page = MessengerPage.from_json(payload["page"])
    try:
        mid = send(
            page,
            person=payload["person"],
            message=payload["message"],
            messaging_type=payload["messaging_type"],
            tag=payload["tag"],
            metadata=str(key),
            attached=attached(payload["file"]),
        )
    except Refused as refusal:
        return refused(page, payload, key, refusal)
    except SentUnknown as error:
        mid = look_up(page, key, after=LOOK_AFTER_SECONDS)
        if not mid:
            raise OutcomeUnknown("Meta may have taken the message: its answer was lost.") from error
    except NotSent as error:
        error_class = ErrorClass(error.error_class)
        raise (Retryable if error_class in RETRYABLE else Permanent)(error_class, error.message) from error
    return done(payload, key, mid)


def attached(file: Mapping[str, str] | None) -> Attached | None:
    if file is None:
        return None
    try:
        with default_storage.open(file["file"]) as opened:
            return Attached(file["name"], file["content_type"], opened.read())
    except FileNotFoundError:
        raise Permanent(
            ErrorClass.INVALID_CONFIG, "The picture no longer exists.", result={"code": "media_not_found"}
        ) from None


def refused(page: MessengerPage, payload: Mapping[str, Any], key: UUID, refusal: Refused) -> Done | Skipped:
    """Turn a refusal into what it means for the step; a server in trouble may have taken the message all the same."""
    codes = {"provider_code": refusal.code, "provider_subcode": refusal.subcode}
    result = {name: code for name, code in codes.items() if code}
    if refusal.is_outside_window:
        return Skipped(OUTSIDE_WINDOW, result)
    if refusal.is_unreachable:
        return Skipped(UNREACHABLE, result)
    error_class = ErrorClass(refusal.error_class)
    if error_class is ErrorClass.UNAVAILABLE and (mid := look_up(page, key, after=LOOK_AFTER_SECONDS[:1])):
        return done(payload, key, mid)
    if error_class in RETRYABLE:
        raise Retryable(error_class, refusal.message, retry_after=refusal.retry_after, result=result) from refusal
    raise Permanent(error_class, refusal.message, result=result) from refusal


def look_up(page: MessengerPage, key: UUID, *, after: Sequence[float]) -> str:
    """Return Meta's id of a message whose answer was lost, where an echo has told it meanwhile; empty: none has."""
    for seconds in after:
        clock.sleep(seconds)
        if mid := messenger.mid_of(account_id=page.account_id, message_id=key):
            return mid
    return ""


def done(payload: Mapping[str, Any], key: UUID, mid: str) -> Done:
    return Done({"message_id": str(key), "provider_message_id": mid, "to": payload["person"]})


def record_deliveries(calls: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
    """Bring the messages up to date."""
    sent = {call.step.key: call.outcome.result for call in calls if call.step.key and isinstance(call.outcome, Done)}
    mids = {
        key: str(result["provider_message_id"])
        for key, result in sent.items()
        if "provider_message_id" in result  # not where a person or an echo said that it was sent
    }
    messenger.record_accepted(account_id=account_id, mids=mids, now=now)
    record_sent(account_id=account_id, message_ids=list(sent), now=now)
    passed_over = {
        call.step.key: call.outcome.reason for call in calls if call.step.key and isinstance(call.outcome, Skipped)
    }
    record_errors(account_id=account_id, errors=passed_over, are_final=True, now=now)
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

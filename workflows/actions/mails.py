"""Mails of one step: what they have in common, what is each contact's own, and how they go out."""

import time as clock
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from workflows.actions.base import Step, StepBatch
from workflows.actions.outcomes import Done, Failed, Skipped
from workflows.actions.outside import (
    CallFailed,
    ErrorClass,
    OutcomeUnknown,
    Performed,
    Permanent,
    Request,
    Retryable,
)
from workflows.crm.models import Channel
from workflows.messaging import gate, mime
from workflows.messaging.composing import Dressing, Mail, MailSource, Unsendable, compose
from workflows.messaging.mailboxes import is_mailable, readable
from workflows.messaging.models import Connection, EmailTemplate, Media
from workflows.messaging.outbound import NotSent, OutboundError, SentUnknown
from workflows.messaging.providers.mail import Delivered, find, hand_over, way_out, write
from workflows.messaging.services.attachments import MAXIMUM_BYTES, find_attachments, too_large
from workflows.messaging.services.mail_connections import choose_mail
from workflows.messaging.services.mail_receipts import dead_addresses
from workflows.messaging.services.messages import (
    NewMessage,
    id_of_sent,
    record_errors,
    record_provider_ids,
    record_sent,
)
from workflows.messaging.tokens import Sent
from workflows.templating import RenderProblem, TemplateProblem

NO_CONNECTION = "The account has no enabled connection to a mail server or service; add one at /connections."
NO_SUCH_CONNECTION = "The connection is gone, is disabled or is not one for mail."
DEAD_ADDRESS = "Mail to the contact's address came back: it takes none"
RETRYABLE = frozenset({ErrorClass.TIMEOUT, ErrorClass.NETWORK, ErrorClass.UNAVAILABLE, ErrorClass.RATE_LIMITED})

LOOK_AFTER_SECONDS = (0.0, 2.0)
"""When a mail is looked for whose answer was lost: services need a moment until it can be found."""


class Unusable(Exception):
    """The step cannot send to anybody, since something that it names is gone."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class MailPlan:
    """What the mails of one step have in common, read with at most four queries."""

    def __init__(self, steps: StepBatch) -> None:
        self.config = config = steps.config
        self.account = steps.account
        self.connection = self._connection()
        self.source = self._source()
        self.attachments = self._attachments()
        self.dead = dead_addresses(account_id=self.account.id, contact_ids=[step.contact.id for step in steps])
        self.dressing = Dressing(
            sender=config["from_name"],
            is_marketing=config["purpose"] == "marketing",
            track_opens=config["track_opens"],
            track_clicks=config["track_clicks"],
            parameters={f"utm_{name}": value for name, value in config.get("utm", {}).items()},
        )
        self.common = {
            **way_out(self.connection),
            "from": [config["from_name"], config["from_email"]],
            "reply_to": config.get("reply_to", ""),
            "cc": config.get("cc", []),
            "bcc": config.get("bcc", []),
            "attachments": [
                {"name": file.name, "content_type": file.content_type, "file": file.file.name}
                for file in self.attachments
            ],
        }

    def _connection(self) -> Connection:
        connection = connection_of(self.config, self.account.id)
        if connection is None:
            detail = NO_SUCH_CONNECTION if "connection_id" in self.config else NO_CONNECTION
            raise Unusable(detail, "connection_not_found")
        return connection

    def _source(self) -> MailSource:
        subject = self.config["subject"]
        if "template_id" not in self.config:
            return MailSource(
                subject,
                self.config.get("body_html", ""),
                self.config.get("body_text", ""),
                self.config.get("preview_text", ""),
            )
        template = EmailTemplate.objects.for_account(self.account.id).filter(id=self.config["template_id"]).first()
        if template is None:
            raise Unusable("The e-mail template no longer exists.", "template_not_found")
        preview_text = self.config.get("preview_text", template.preview_text)
        return MailSource(subject, template.body_html, template.body_text, preview_text)

    def _attachments(self) -> list[Media]:
        ids = [UUID(media_id) for media_id in self.config.get("attachments", ())]
        files = find_attachments(account_id=self.account.id, media_ids=ids)
        if len(files) < len(set(ids)):
            raise Unusable("A file that the mail carries no longer exists.", "media_not_found")
        if too_large(files):
            raise Unusable(f"The attachments have more than {MAXIMUM_BYTES // 1024**2} MB together.", "too_large")
        return files

    def judge(self, steps: StepBatch) -> list[gate.Verdict]:
        """Ask the gate for every contact; one query."""
        return gate.judge(
            account_id=self.account.id,
            channel=Channel.EMAIL,
            purpose=self.config["purpose"],
            sendings=[gate.Sending(step.contact.id, step.key) for step in steps],
            now=steps.now,
        )

    def prepare(self, step: Step, verdict: gate.Verdict, messages: list[NewMessage]) -> Request | Skipped | Failed:
        """Return the call for one contact, or why there is none; adds the message to be written."""
        contact = step.contact
        if verdict.reason:
            return Skipped(verdict.reason, data={"gate": verdict.facts})
        is_dead = (contact.id, contact.email.casefold()) in self.dead
        if reason := unreachable(contact.email) or (DEAD_ADDRESS if is_dead else None):
            return Skipped(reason)
        assert step.key is not None
        sent = Sent(self.account.id, contact.id, step.key)
        try:
            mail = compose(self.source, step.context(), sent=sent, dressing=self.dressing, work=step.work)
        except TemplateProblem as problem:
            return Failed(ErrorClass.INVALID_CONFIG, str(problem), {"code": "invalid_template"})
        except RenderProblem as problem:
            return Failed(ErrorClass.INVALID_CONFIG, str(problem))
        except Unsendable as problem:
            return Failed(ErrorClass.REJECTED, str(problem))
        message_id = mime.message_id(step.key, self.config["from_email"])
        messages.append(self.new_message(step, mail, message_id))
        return Request(
            payload={
                **self.common,
                "message_id": message_id,
                "to": [f"{contact.first_name} {contact.last_name}".strip(), contact.email],
                "subject": mail.subject,
                "html": mail.html,
                "text": mail.text,
                "headers": dict(mail.headers),
            },
            host=str(self.connection.id),
            data={**self.shown(step, mail), "gate": verdict.facts},
            guard_channel=Channel.EMAIL,
        )

    def new_message(self, step: Step, mail: Mail, message_id: str) -> NewMessage:
        assert step.key is not None
        return NewMessage(
            id=step.key,
            contact_id=step.contact.id,
            channel=Channel.EMAIL,
            purpose=self.config["purpose"],
            connection_id=self.connection.id,
            provider_message_id=message_id,
            sender=readable(self.config["from_name"], self.config["from_email"]),
            recipient=step.contact.email,
            subject=mail.subject,
            execution_id=step.execution_id,
            action_execution_id=step.log_id,
        )

    def shown(self, step: Step, mail: Mail) -> dict[str, Any]:
        """Return what the log keeps: all but the bodies."""
        facts = {
            "message_id": str(step.key),
            "to": step.contact.email,
            "from": readable(self.config["from_name"], self.config["from_email"]),
            "subject": mail.subject,
            "purpose": self.config["purpose"],
            "connection_id": str(self.connection.id),
            "template_id": self.config.get("template_id"),
            "cc": self.common["cc"],
            "bcc": self.common["bcc"],
            "attachments": [file.name for file in self.attachments],
        }
        return {name: fact for name, fact in facts.items() if fact}


def connection_of(config: Mapping[str, Any], account_id: UUID) -> Connection | None:
    chosen = config.get("connection_id")
    return choose_mail(account_id=account_id, connection_id=UUID(chosen) if chosen else None)


def unreachable(address: str) -> str | None:
    """Say why nobody can write to the address, if so."""
    if not address:
        return "Contact has no e-mail address"
    return None if is_mailable(address) else "Contact has an e-mail address that cannot be written to"


def deliver(payload: Mapping[str, Any], *, key: UUID) -> Done:
    """Hand a prepared mail to its server; raises CallFailed as `OutsideType.perform` does."""
    try:
        message = write(payload)
    except mime.MissingFile as error:
        detail = f"The attachment {error} is gone."
        raise Permanent(ErrorClass.INVALID_CONFIG, detail, result={"code": "media_not_found"}) from error
    except ValueError as error:
        raise Permanent(ErrorClass.REJECTED, f"The mail cannot be written: {error}") from error
    try:
        delivery = hand_over(payload, message, key=str(key))
    except SentUnknown as error:
        found = look_up(payload, key=key)
        if found is None:
            raise OutcomeUnknown(error.message) from error
        delivery = found
    except NotSent as error:
        error_class = ErrorClass(error.error_class)
        if error_class not in RETRYABLE:
            raise Permanent(error_class, error.message) from error
        retry_after = getattr(error, "retry_after", None)
        raise Retryable(error_class, error.message, retry_after=retry_after) from error
    result = {
        "message_id": str(key),
        "provider_message_id": delivery.provider_message_id,
        "to": payload["to"][1],
    }
    return Done(result | ({"refused": list(delivery.refused)} if delivery.refused else {}))


def look_up(payload: Mapping[str, Any], *, key: UUID) -> Delivered | None:
    """Find a mail whose answer was lost: by a callback that came meanwhile, else where the service can be asked."""
    for seconds in LOOK_AFTER_SECONDS if "service" in payload else ():
        clock.sleep(seconds)
        account_id = UUID(payload["service"]["account_id"])
        try:
            found = id_of_sent(account_id=account_id, message_id=key) or find(payload, key=str(key))
        except OutboundError:
            continue
        if found:
            return Delivered(found)
    return None


def record_deliveries(calls: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
    """Bring the messages of deliveries up to date."""
    sent = [call.step.key for call in calls if call.step.key and not isinstance(call.outcome, CallFailed)]
    record_sent(account_id=account_id, message_ids=sent, now=now)
    ids = {
        call.step.key: str(call.outcome.result["provider_message_id"])
        for call in calls
        if call.step.key
        and "service" in call.payload
        and isinstance(call.outcome, Done)
        and "provider_message_id" in call.outcome.result  # not where a person or a callback said that it was sent
    }
    record_provider_ids(account_id=account_id, ids=ids, now=now)
    for are_final in (True, False):
        errors = {
            call.step.key: call.outcome.message
            for call in calls
            if call.step.key and isinstance(call.outcome, CallFailed) and is_over(call) == are_final
        }
        record_errors(account_id=account_id, errors=errors, are_final=are_final, now=now)


def is_over(call: Performed) -> bool:
    """Tell whether a failed call was the last and surely had no effect."""
    assert isinstance(call.outcome, CallFailed)
    return call.is_final and call.outcome.error_class != ErrorClass.OUTCOME_UNKNOWN

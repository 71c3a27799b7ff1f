"""Telling members outside the application: texts one by one, then one mail, each of them once.

Every effect is begun by a statement of its own (`staff_messages.begin`), so that a repeated step finds what has gone
out. What another attempt began and did not end is looked for at Twilio, and never sent again unasked.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from workflows.actions import sms
from workflows.actions.outcomes import Done, Skipped
from workflows.actions.outside import CallFailed, ErrorClass, OutcomeUnknown, Performed, Permanent, Retryable
from workflows.messaging import staff_mail
from workflows.messaging.models import StaffChannel, StaffMessageStatus
from workflows.messaging.outbound import NotSent, SentUnknown
from workflows.messaging.providers.twilio import TwilioAccount
from workflows.messaging.services import staff_messages

PAUSE_SECONDS = 1.0
"""Between two texts of one call, which has one place in its connection's second."""
OF_THE_CONNECTION = frozenset({ErrorClass.AUTHENTICATION, ErrorClass.INVALID_CONFIG})
OPTED_OUT = "The number has opted out of texts from this account."
IN_DOUBT = "A message may have gone out: the answer was lost."


@dataclass(slots=True)
class Telling:
    """One attempt to tell the members of one step."""

    payload: Mapping[str, Any]
    key: UUID
    account_id: UUID
    texted: list[str] = field(default_factory=list)
    mailed: list[str] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    retryable: list[Retryable] = field(default_factory=list)
    refusals: list[Permanent] = field(default_factory=list)
    is_in_doubt: bool = False
    has_asked: bool = False
    """Whether the provider of texts was asked in this attempt."""

    def tell(self) -> Done:
        """Send what has not gone out; raises CallFailed when something is left to do, or nobody could be told."""
        self.send_texts()
        if "mail" in self.payload:
            self.send_mail()
        if self.retryable:
            raise max(self.retryable, key=lambda failure: (failure.retry_after is not None, failure.retry_after))
        if self.is_in_doubt:
            raise OutcomeUnknown(IN_DOUBT)
        if self.refusals and not (self.texted or self.mailed):
            raise self.refusals[0]
        return Done(self.result())

    def result(self) -> dict[str, Any]:
        told = {*self.payload["told"], *self.texted, *self.mailed}
        result: dict[str, Any] = {"recipients": [each for each in self.payload["recipients"] if each in told]}
        if "left_out" in self.payload:
            result |= {"texted": self.texted, "left_out": self.payload["left_out"]}
        return result | ({"failed": self.failed} if self.failed else {})

    def send_texts(self) -> None:
        for text in self.payload.get("texts", ()):
            if self.has_asked:
                time.sleep(PAUSE_SECONDS)
            try:
                self.send_text(text["user_id"], text["to"])
                self.texted.append(text["user_id"])
            except Retryable as failure:  # it speaks against the connection: the others wait as well
                self.retryable.append(failure)
                return
            except OutcomeUnknown:
                self.is_in_doubt = True
            except Permanent as refusal:
                if refusal.error_class in OF_THE_CONNECTION:
                    raise
                self.refuse(refusal, channel="sms", user_id=text["user_id"])

    def refuse(self, refusal: Permanent, **whom: str) -> None:
        self.refusals.append(refusal)
        self.failed.append({**whom, "reason": refusal.message})

    def send_text(self, user_id: str, number: str) -> None:
        """Send one text unless it has gone out; raises CallFailed."""
        twilio = self.payload["twilio"]
        begun = staff_messages.begin(
            account_id=self.account_id,
            step_key=self.key,
            channel=StaffChannel.SMS,
            user_id=UUID(user_id),
            connection_id=UUID(twilio["connection_id"]),
            sender=self.payload["from"],
            recipient=number,
            text=self.payload["text"],
            now=datetime.now(tz=UTC),
        )
        message_id = staff_messages.id_of(self.key, StaffChannel.SMS, UUID(user_id))
        request = {
            "twilio": twilio,
            "from": self.payload["from"],
            "to": number,
            "text": self.payload["text"],
            "media_urls": [],
            "segments": self.payload["segments"],
        }
        if begun.is_mine:
            self.hand_over(request, message_id)
        elif begun.status == StaffMessageStatus.SENDING:
            self.look_up(request, message_id, begun.begun_at)
        elif begun.status == StaffMessageStatus.FAILED:
            raise Permanent(ErrorClass.REJECTED, begun.error)

    def hand_over(self, request: Mapping[str, Any], message_id: UUID) -> None:
        self.has_asked = True
        try:
            outcome = sms.deliver(request, key=message_id)
        except OutcomeUnknown:
            raise
        except CallFailed as failure:
            is_over = isinstance(failure, Permanent) and failure.error_class not in OF_THE_CONNECTION
            status = StaffMessageStatus.FAILED if is_over else StaffMessageStatus.QUEUED
            self.conclude(message_id, status, error=failure.message)
            raise
        if isinstance(outcome, Skipped):
            self.conclude(message_id, StaffMessageStatus.FAILED, error=OPTED_OUT)
            raise Permanent(ErrorClass.REJECTED, OPTED_OUT)
        self.conclude(message_id, StaffMessageStatus.SENT, sid=outcome.result["sid"])

    def look_up(self, request: Mapping[str, Any], message_id: UUID, since: datetime) -> None:
        """Find a text that another attempt began; raises OutcomeUnknown."""
        account = TwilioAccount.from_json(request["twilio"])
        found = sms.look_up(account, request, key=message_id, since=since, after=sms.LOOK_AFTER_SECONDS[:1])
        if found is None:
            raise OutcomeUnknown(IN_DOUBT)
        self.conclude(message_id, StaffMessageStatus.SENT, sid=found.sid)

    def send_mail(self) -> None:
        mail = self.payload["mail"]
        begun = staff_messages.begin(
            account_id=self.account_id, step_key=self.key, channel=StaffChannel.EMAIL, now=datetime.now(tz=UTC)
        )
        message_id = staff_messages.id_of(self.key, StaffChannel.EMAIL)
        if not begun.is_mine:
            self.is_in_doubt |= begun.status == StaffMessageStatus.SENDING
            self.mailed += self.payload["recipients"] if begun.status == StaffMessageStatus.SENT else []
            if begun.status == StaffMessageStatus.FAILED:
                self.refuse(Permanent(ErrorClass.REJECTED, begun.error), channel="email")
            return
        try:
            staff_mail.send(
                subject=mail["subject"], body=mail["body"], to=[(name, address) for name, address in mail["to"]]
            )
        except SentUnknown:
            self.is_in_doubt = True
        except NotSent as error:
            error_class = ErrorClass(error.error_class)
            is_final = error_class == ErrorClass.REJECTED
            self.conclude(
                message_id, StaffMessageStatus.FAILED if is_final else StaffMessageStatus.QUEUED, error=error.message
            )
            if is_final:
                self.refuse(Permanent(error_class, error.message), channel="email")
            else:
                self.retryable.append(Retryable(error_class, error.message))
        else:
            self.conclude(message_id, StaffMessageStatus.SENT)
            self.mailed += self.payload["recipients"]

    def conclude(self, message_id: UUID, status: StaffMessageStatus, *, sid: str = "", error: str = "") -> None:
        staff_messages.conclude(
            account_id=self.account_id,
            message_id=message_id,
            status=status,
            now=datetime.now(tz=UTC),
            sid=sid,
            error=error,
        )


def record(calls: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
    """Leave to a person's word what nobody knows, and take the word of a person who knew."""
    failed = [
        call.step.key for call in calls if call.step.key and call.is_final and isinstance(call.outcome, CallFailed)
    ]
    staff_messages.give_up(account_id=account_id, step_keys=failed, now=now)
    settled = [call.step.key for call in calls if call.step.key and isinstance(call.outcome, Done)]
    staff_messages.settle(account_id=account_id, step_keys=settled, now=now)

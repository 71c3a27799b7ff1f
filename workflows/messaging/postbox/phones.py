"""Twilio's Messages endpoint as the postbox speaks it: takes SMS in, lists them, tells of them by signed callbacks.

What it signs with is the auth token that the sender gave, so that the receiver's own check holds. Callbacks go to
addresses of this machine alone.
"""

import asyncio
import base64
import binascii
import html
import json
import re
import secrets
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from twilio.request_validator import SIGNATURE_HEADER, RequestValidator

from workflows.messaging.postbox.ledger import Entry, Ledger, Outcome
from workflows.messaging.postbox.receiver import Receiver
from workflows.messaging.postbox.rules import Rule, RuleBook
from workflows.messaging.postbox.wire import Request
from workflows.messaging.segments import segments_of

PATH = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})(/Messages)?\.json")
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
LOCAL_HOSTS = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")
ANSWER = re.compile(r"<Message>([^<]*)</Message>")
LONGEST_ANSWER = 64 * 1024
LONGEST_TEXT = 1600
MAXIMUM_LISTED = 1000
CALLBACK_SECONDS = 10.0
CALLBACKS_AT_A_TIME = 8
RECEIPTS = ("sent", "delivered")

Form = Mapping[str, list[str]]


class Refusal(Exception):
    """An answer of Twilio's that is an error."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.answer = error(status, code, message)


class Phones(Receiver):
    """All phones there are, and the provider before them."""

    def __init__(self, ledger: Ledger, rules: RuleBook) -> None:
        super().__init__(ledger, rules)
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(CALLBACKS_AT_A_TIME)

    @staticmethod
    def concerns(request: Request) -> bool:
        """Say whether a request is for Twilio."""
        return PATH.fullmatch(request.path) is not None

    def reply(self, *, sender: str, recipient: str, text: str) -> Entry | None:
        """Let a phone write to a number that has written to it; None when that never happened.

        The webhook that is told is the one to which the last message from that number had its receipts sent.
        """
        last = next((entry for entry in self.messages(recipient=sender) if entry.sender == recipient), None)
        callback = value(form_of(last.body), "StatusCallback").partition("?")[0] if last else ""
        if last is None or not callback:
            return None
        account_sid, token = credentials({name.lower(): text for name, text in last.headers}.get("authorization", ""))
        sid = f"SM{secrets.token_hex(16)}"
        told = {
            "MessageSid": sid,
            "SmsMessageSid": sid,
            "SmsSid": sid,
            "SmsStatus": "received",
            "AccountSid": account_sid,
            "From": sender,
            "To": recipient,
            "Body": text,
            "NumMedia": "0",
            "NumSegments": str(segments_of(text).count),
            "ApiVersion": "2010-04-01",
        }
        entry = Entry(
            protocol="sms",
            outcome=Outcome.NEW,
            key=sid,
            headers=[],
            body=urlencode(told).encode(),
            method="INBOUND",
            path=callback,
            sender=sender,
            recipients=[recipient],
            subject=text,
        )
        self._ledger.add(entry)
        self._tell(callback, told, token)
        return entry

    def messages(self, *, recipient: str) -> list[Entry]:
        """Return what was sent to a phone (empty: to any) and taken, the newest first."""
        filters = {"protocol": "sms", "method": "POST"} | ({"recipient": recipient} if recipient else {})
        return [
            entry for entry in self._ledger.find(filters, limit=MAXIMUM_LISTED) if entry.outcome is not Outcome.REFUSED
        ]

    def _rule(self, request: Request) -> Rule | None:
        recipients = form_of(request.body).get("To", [])
        return self._rules.choose(
            protocol="sms", host=request.host, path=request.path, method=request.method, recipients=recipients
        )

    def _entry(self, request: Request, rule: Rule, *, acts: bool) -> Entry:
        entry = super()._entry(request, rule, acts=acts)
        is_message = request.method == "POST"
        if is_message:
            form = form_of(request.body)
            entry.protocol = "sms"
            entry.sender, entry.recipients = value(form, "From"), [value(form, "To")]
            entry.subject = value(form, "Body")
        if not acts or rule.body is not None:
            if rule.body is None:
                entry.answer = error(rule.status, 0, "Refused by the postbox's rule")
            return entry
        try:
            entry.answer = self._answer(request)
            entry.status = rule.status or (HTTPStatus.CREATED if is_message else HTTPStatus.OK)
        except Refusal as refusal:
            entry.outcome, entry.status, entry.answer = Outcome.REFUSED, refusal.status, refusal.answer
        else:
            entry.key = json.loads(entry.answer)["sid"] if is_message else ""
        return entry

    def _answer(self, request: Request) -> bytes:
        match = PATH.fullmatch(request.path)
        assert match is not None
        account_sid, is_messages = match.groups()
        user, token = credentials(request.header("authorization"))
        if user != account_sid or not token:
            raise Refusal(401, 20003, "Authenticate")
        if is_messages and request.method == "POST":
            return as_bytes(taken(account_sid, form_of(request.body)))
        if request.method != "GET":
            raise Refusal(405, 20004, "Method not allowed")
        if is_messages:
            return as_bytes(self._listed(account_sid, request.query))
        return as_bytes({"sid": account_sid, "status": "active", "type": "Full", "friendly_name": "Postbox"})

    def _listed(self, account_sid: str, query: Mapping[str, str]) -> dict[str, Any]:
        found = [
            json.loads(entry.answer)
            for entry in self.messages(recipient=query.get("To", ""))
            if entry.answer and query.get("From") in {None, entry.sender}
        ]
        size = int(query["PageSize"]) if query.get("PageSize", "").isdecimal() else 50
        own = [message for message in found if message.get("account_sid") == account_sid]
        return {"messages": own[:size], "page": 0, "page_size": size, "next_page_uri": None}

    def _act(self, request: Request, entry: Entry) -> None:
        form = form_of(request.body)
        callback = value(form, "StatusCallback")
        if entry.protocol != "sms" or not callback:
            return
        account_sid, token = credentials(request.header("authorization"))
        for status in RECEIPTS:
            told = {
                "MessageSid": entry.key,
                "MessageStatus": status,
                "SmsSid": entry.key,
                "SmsStatus": status,
                "AccountSid": account_sid,
                "From": entry.sender,
                "To": entry.recipients[0],
                "ApiVersion": "2010-04-01",
            }
            self._tell(callback, told, token)

    def _tell(self, url: str, told: Mapping[str, str], token: str) -> None:
        if not LOCAL_HOSTS.fullmatch(urlsplit(url).hostname or ""):
            return
        task = asyncio.get_running_loop().create_task(self._call_back(url, told, token))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call_back(self, url: str, told: Mapping[str, str], token: str) -> None:
        async with self._places:
            answer = await asyncio.to_thread(call_back, url, told, token)
        if told.get("SmsStatus") == "received":
            for text in ANSWER.findall(answer):
                self._answered(told, html.unescape(text))

    def _answered(self, told: Mapping[str, str], text: str) -> None:
        """Take in what the webhook wants to be sent back."""
        entry = Entry(
            protocol="sms",
            outcome=Outcome.NEW,
            key=f"SM{secrets.token_hex(16)}",
            headers=[],
            body=urlencode({"Body": text}).encode(),
            method="ANSWER",
            sender=told["To"],
            recipients=[told["From"]],
            subject=text,
        )
        self._ledger.add(entry)


def call_back(url: str, told: Mapping[str, str], token: str) -> str:
    """Send one signed callback and return what was answered; nothing when it was refused or nobody was there."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "TwilioProxy/1.1",
        SIGNATURE_HEADER: RequestValidator(token).compute_signature(url, told),
    }
    request = urllib.request.Request(url, urlencode(told).encode(), headers, method="POST")  # noqa: S310 - local, http
    try:
        with urllib.request.urlopen(request, timeout=CALLBACK_SECONDS) as answer:  # noqa: S310
            text: bytes = answer.read(LONGEST_ANSWER)
            return text.decode("utf-8", "replace")
    except OSError:  # also HTTPError
        return ""


def taken(account_sid: str, form: Form) -> dict[str, Any]:
    """Return the Message resource of what is sent, or raise Refusal as Twilio would."""
    recipient, sender, text = (value(form, name) for name in ("To", "From", "Body"))
    media = form.get("MediaUrl", [])
    if not NUMBER.fullmatch(recipient):
        raise Refusal(400, 21211, f"Invalid 'To' Phone Number: {recipient}")
    if not NUMBER.fullmatch(sender):
        raise Refusal(400, 21212, f"Invalid 'From' Number: {sender}")
    if not text and not media:
        raise Refusal(400, 21602, "Message body is required.")
    if len(text) > LONGEST_TEXT:
        raise Refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    sid = f"{'MM' if media else 'SM'}{secrets.token_hex(16)}"
    now = format_datetime(datetime.now(tz=UTC))
    return {
        "sid": sid,
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "body": text,
        "date_created": now,
        "date_updated": now,
        "date_sent": None,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": sender,
        "to": recipient,
        "messaging_service_sid": None,
        "num_media": str(len(media)),
        "num_segments": str(segments_of(text).count),
        "price": None,
        "price_unit": "USD",
        "status": "queued",
        "uri": f"/2010-04-01/Accounts/{account_sid}/Messages/{sid}.json",
        "subresource_uris": {},
    }


def form_of(body: bytes) -> dict[str, list[str]]:
    """Read a form, as it is posted."""
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)


def value(form: Form, name: str) -> str:
    return form.get(name, [""])[0]


def credentials(header: str) -> tuple[str, str]:
    """Return user and password of Basic authentication; empty texts when there are none."""
    try:
        user, _, password = base64.b64decode(header.removeprefix("Basic "), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return user, password


def error(status: int, code: int, message: str) -> bytes:
    return as_bytes(({"code": code} if code else {}) | {"message": message, "more_info": "", "status": status})


def as_bytes(data: Any) -> bytes:
    return json.dumps(data).encode()

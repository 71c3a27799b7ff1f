"""Twilio's Calls endpoint as the postbox speaks it: places calls on its phones, lists them, keeps recordings."""

import asyncio
import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from workflows.messaging.postbox.calls import BY_LAST_DIGITS, Course, Leg, LiveCall
from workflows.messaging.postbox.ledger import Entry, Ledger, Outcome
from workflows.messaging.postbox.phones import (
    MAXIMUM_LISTED,
    NUMBER,
    Form,
    Refusal,
    as_bytes,
    call_back,
    credentials,
    error,
    form_of,
    value,
)
from workflows.messaging.postbox.receiver import Receiver
from workflows.messaging.postbox.rules import ANSWERS, Rule, RuleBook
from workflows.messaging.postbox.tones import greeting
from workflows.messaging.postbox.wire import Request, Wire

PATH = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})/Calls(?:/(CA[0-9a-f]{32}))?\.json")
RECORDING = re.compile(r"/2010-04-01/Accounts/AC[0-9a-fA-F]{32}/Recordings/RE[0-9a-f]{32}(?:\.wav)?")
PARAMETERS = (
    "Url",
    "Twiml",
    "StatusCallback",
    "Timeout",
    "MachineDetection",
    "Record",
    "RecordingStatusCallback",
)
RECORDING_SECONDS = 1
CALLBACKS_AT_A_TIME = 8
COMMANDS = ("answer", "digits", "queue", "hang_up")


class Switchboard(Receiver):
    """All calls there are, and the provider before them."""

    def __init__(self, ledger: Ledger, rules: RuleBook, *, url: str) -> None:
        super().__init__(ledger, rules)
        self._url = url
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(CALLBACKS_AT_A_TIME)
        self.live: dict[str, LiveCall] = {}
        """Calls that are not over, by their sid."""
        self._ended: dict[str, str] = {}

    @staticmethod
    def concerns(request: Request) -> bool:
        """Say whether a request is for Twilio's calls."""
        return bool(PATH.fullmatch(request.path) or (request.method == "GET" and RECORDING.fullmatch(request.path)))

    async def receive(self, request: Request, wire: Wire) -> bool:
        if RECORDING.fullmatch(request.path):
            await wire.answer(HTTPStatus.OK, {"Content-Type": "audio/wav"}, greeting(RECORDING_SECONDS))
            return True
        return await super().receive(request, wire)

    def act_on(self, sid: str, command: str, text: str) -> bool:
        """Let somebody do something about a call; False when it is over or cannot be answered like that."""
        call = self.live.get(sid)
        if call is None or command not in COMMANDS or (command == "answer" and text not in ANSWERS):
            return False
        call.commands.put_nowait((command, text))
        return True

    def _rule(self, request: Request) -> Rule | None:
        return self._rules.choose(
            protocol="voice",
            host=request.host,
            path=request.path,
            method=request.method,
            recipients=form_of(request.body).get("To", []),
        )

    def _entry(self, request: Request, rule: Rule, *, acts: bool) -> Entry:
        entry = super()._entry(request, rule, acts=acts)
        is_call = request.method == "POST"
        if is_call:
            form = form_of(request.body)
            entry.protocol, entry.subject = "voice", "A call"
            entry.sender, entry.recipients = value(form, "From"), [value(form, "To")]
        if not acts or rule.body is not None:
            if rule.body is None:
                entry.answer = error(rule.status, 0, "Refused by the postbox's rule")
            return entry
        try:
            entry.answer = self._answer(request, rule)
            entry.status = rule.status or (HTTPStatus.CREATED if is_call else HTTPStatus.OK)
        except Refusal as refusal:
            entry.outcome, entry.status, entry.answer = Outcome.REFUSED, refusal.status, refusal.answer
        else:
            entry.key = json.loads(entry.answer)["sid"] if is_call else ""
        return entry

    def _answer(self, request: Request, rule: Rule) -> bytes:
        match = PATH.fullmatch(request.path)
        assert match is not None
        account_sid, sid = match.groups()
        user, token = credentials(request.header("authorization"))
        if user != account_sid or not token:
            raise Refusal(401, 20003, "Authenticate")
        if request.method == "POST" and sid is None:
            return as_bytes(self._taken(account_sid, token, form_of(request.body), rule))
        if request.method != "GET":
            raise Refusal(405, 20004, "Method not allowed")
        calls = self._listed(account_sid, request.query)
        if sid is None:
            size = int(request.query["PageSize"]) if request.query.get("PageSize", "").isdecimal() else 50
            return as_bytes({"calls": calls[:size], "page": 0, "page_size": size, "next_page_uri": None})
        found = next((call for call in calls if call["sid"] == sid), None)
        if found is None:
            raise Refusal(404, 20404, "The requested resource was not found")
        return as_bytes(found)

    def _taken(self, account_sid: str, token: str, form: Form, rule: Rule) -> dict[str, Any]:
        """Return the Call resource of what is to be placed, or raise Refusal as Twilio would."""
        recipient, sender = value(form, "To"), value(form, "From")
        if not NUMBER.fullmatch(recipient):
            raise Refusal(400, 21211, f"Invalid 'To' Phone Number: {recipient}")
        if not NUMBER.fullmatch(sender):
            raise Refusal(400, 21212, f"Invalid 'From' Number: {sender}")
        if not value(form, "Url") and not value(form, "Twiml"):
            raise Refusal(400, 21205, "Url or Twiml is required")
        call = LiveCall(
            sid=f"CA{secrets.token_hex(16)}",
            account_sid=account_sid,
            token=token,
            sender=sender,
            recipient=recipient,
            form={name: value(form, name) for name in PARAMETERS}
            | {"StatusCallbackEvent": " ".join(form.get("StatusCallbackEvent", []))},
            answer=rule.answer or BY_LAST_DIGITS.get(recipient[-4:], ""),
        )
        self.live[call.sid] = call
        return resource(call, datetime.now(tz=UTC))

    def _listed(self, account_sid: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        filters = {"protocol": "voice", "method": "POST", "outcome": "new"}
        filters |= {"recipient": query["To"]} if query.get("To") else {}
        found = [
            json.loads(entry.answer)
            for entry in self._ledger.find(filters, limit=MAXIMUM_LISTED)
            if entry.key and query.get("From") in {None, entry.sender}
        ]
        return [
            call | {"status": self._status(call["sid"])} for call in found if call.get("account_sid") == account_sid
        ]

    def _status(self, sid: str) -> str:
        return self.live[sid].status if sid in self.live else self._ended.get(sid, "completed")

    def _act(self, request: Request, entry: Entry) -> None:
        if call := self.live.get(entry.key):
            self._start(Course(call, tell=self._tell, note=self._note, place=self._place))

    def _place(self, leg: LiveCall) -> None:
        self.live[leg.sid] = leg
        self._start(Leg(leg, tell=self._tell, note=self._note, place=self._place))

    def _start(self, course: Course) -> None:
        task = asyncio.get_running_loop().create_task(self._lead(course))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _lead(self, course: Course) -> None:
        call = course.call
        try:
            await course.run()
        finally:
            self.live.pop(call.sid, None)
            if call.parent:
                call.parent.commands.put_nowait(("leg_over", ""))
            self._ended[call.sid] = call.status
            while len(self._ended) > MAXIMUM_LISTED:
                self._ended.pop(next(iter(self._ended)))
        if call.form.get("Record") == "true" and call.answered_at is not None:
            await self._record(call)

    async def _record(self, call: LiveCall) -> None:
        sid = f"RE{secrets.token_hex(16)}"
        url = f"{self._url}/2010-04-01/Accounts/{call.account_sid}/Recordings/{sid}"
        self._note(call, "RECORDING", "The recording", f"{url}.wav")
        told = {
            "RecordingSid": sid,
            "RecordingUrl": url,
            "RecordingStatus": "completed",
            "RecordingDuration": str(RECORDING_SECONDS),
            "RecordingChannels": "2",
            "RecordingSource": "OutboundAPI",
        }
        if callback := call.form.get("RecordingStatusCallback"):
            await self._tell(call, callback, told)

    async def _tell(self, call: LiveCall, url: str, more: Mapping[str, str]) -> str:
        async with self._places:
            return await asyncio.to_thread(call_back, url, call.about() | dict(more), call.token)

    def _note(self, call: LiveCall, kind: str, text: str, url: str) -> None:
        """Write a line of a call down, beside the phone that it is on."""
        self._ledger.add(
            Entry(
                protocol="voice",
                outcome=Outcome.NEW,
                key=call.sid,
                headers=[],
                body=urlencode({"Url": url}).encode() if url else b"",
                method=kind,
                sender=call.sender,
                recipients=[call.recipient],
                subject=text,
            )
        )


def resource(call: LiveCall, now: datetime) -> dict[str, Any]:
    """Return Twilio's Call resource of a call that was just taken."""
    path = f"/2010-04-01/Accounts/{call.account_sid}/Calls/{call.sid}"
    return {
        "sid": call.sid,
        "account_sid": call.account_sid,
        "api_version": "2010-04-01",
        "answered_by": None,
        "date_created": format_datetime(now),
        "date_updated": format_datetime(now),
        "direction": "outbound-api",
        "duration": None,
        "end_time": None,
        "from": call.sender,
        "to": call.recipient,
        "parent_call_sid": None,
        "price": None,
        "price_unit": "USD",
        "start_time": None,
        "status": "queued",
        "subresource_uris": {},
        "uri": f"{path}.json",
    }

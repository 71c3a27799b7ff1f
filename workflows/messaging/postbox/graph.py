"""Meta's Graph API as the postbox speaks it: takes messages of pages in, says who people are, calls back, signed.

Where a page's webhook is, Meta knows from its app's settings; the postbox is told in a header of each request. It signs
with the one app secret that it has, and calls addresses of this machine alone.
"""

import asyncio
import hashlib
import hmac
import json
import re
import secrets
import time
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from workflows.messaging.postbox import POSTBOX_APP_SECRET, POSTBOX_PAGE_HEADER
from workflows.messaging.postbox.graph_messages import message_of, person_of, shown_text
from workflows.messaging.postbox.ledger import Entry, Ledger, Outcome
from workflows.messaging.postbox.receiver import Receiver
from workflows.messaging.postbox.rules import Rule, RuleBook
from workflows.messaging.postbox.wire import Request

PATH = re.compile(r"/v\d{1,2}\.\d/(me|\d{1,30})(/messages)?")
LOCAL_HOSTS = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")
PERSON = re.compile(r"\d{1,30}")
LONGEST_TEXT = 2000
MOST_QUICK_REPLIES = 13
CALLBACK_SECONDS = 10.0
CALLBACKS_AT_A_TIME = 8
CHATS_SHOWN = 1000
TAGGED = "MESSAGE_TAG"
FIRST_NAMES = ("Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Femi", "Grace", "Hiro", "Inés", "Jonas", "Keiko", "Lena")
LAST_NAMES = (
    "Adeyemi",
    "Berg",
    "Costa",
    "Demir",
    "Eriksen",
    "Fischer",
    "García",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalski",
)


class Refusal(Exception):
    """An answer of Meta's that is an error."""

    def __init__(self, code: int, message: str, *, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = int(status)
        self.answer = error(code, message)


class Graph(Receiver):
    """All people on Messenger, and Meta before them."""

    def __init__(self, ledger: Ledger, rules: RuleBook) -> None:
        super().__init__(ledger, rules)
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(CALLBACKS_AT_A_TIME)
        self._callbacks: dict[str, str] = {}

    @staticmethod
    def concerns(request: Request) -> bool:
        """Say whether a request is for Meta."""
        return PATH.fullmatch(request.path) is not None

    @property
    def pages(self) -> list[str]:
        """The pages that the postbox has heard of and can call back, the newest last."""
        for entry in reversed(self._ledger.find({"protocol": "messenger", "method": "POST"}, limit=CHATS_SHOWN)):
            page, callback = page_and_callback({name.lower(): value for name, value in entry.headers})
            if callback:
                self._callbacks.setdefault(page, callback)
        return list(self._callbacks)

    def say(
        self, *, page: str, person: str, text: str = "", payload: str = "", is_button: bool = False
    ) -> Entry | None:
        """Let a person write to a page, tap an answer (with its payload) or a button; None for an unknown page."""
        if page not in self.pages:
            return None
        mid = f"m_{secrets.token_urlsafe(24)}"
        if is_button:
            told: dict[str, Any] = {"postback": {"mid": mid, "title": text, "payload": payload}}
        else:
            answer = {"quick_reply": {"payload": payload}} if payload else {}
            told = {"message": {"mid": mid, "text": text, **answer}}
        return self._inbound("INBOUND", page, person, told, key=mid, text=text)

    def read(self, *, page: str, person: str) -> Entry | None:
        """Let a person read what the page wrote; None for an unknown page."""
        if page not in self.pages:
            return None
        return self._inbound("READ", page, person, {"read": {"watermark": now_in_ms()}}, key="", text="")

    def _inbound(self, method: str, page: str, person: str, told: dict[str, Any], *, key: str, text: str) -> Entry:
        body = event(page, {"sender": {"id": person}, "recipient": {"id": page}, "timestamp": now_in_ms(), **told})
        entry = Entry(
            protocol="messenger",
            outcome=Outcome.NEW,
            key=key,
            headers=[],
            body=body,
            method=method,
            path=self._callbacks[page],
            sender=person,
            recipients=[page],
            subject=text,
        )
        self._ledger.add(entry)
        self._tell(self._callbacks[page], [body])
        return entry

    def _rule(self, request: Request) -> Rule | None:
        recipients = [person_of(message_of(request))] if request.method == "POST" else []
        return self._rules.choose(
            protocol="messenger", host=request.host, path=request.path, method=request.method, recipients=recipients
        )

    def _entry(self, request: Request, rule: Rule, *, acts: bool) -> Entry:
        entry = super()._entry(request, rule, acts=acts)
        page, callback = page_and_callback({name.lower(): value for name, value in request.headers})
        if callback:
            self._callbacks[page] = callback
        is_message = request.method == "POST"
        if is_message:
            sent = message_of(request)
            entry.protocol, entry.sender, entry.recipients = "messenger", page, [person_of(sent)]
            entry.subject = shown_text(sent)
        if not acts or rule.body is not None:
            if rule.body is None:
                entry.answer = error(2, "Refused by the postbox's rule")
            return entry
        try:
            entry.answer = self._answer(request, page)
            entry.status = rule.status or HTTPStatus.OK
        except Refusal as refusal:
            entry.outcome, entry.status, entry.answer = Outcome.REFUSED, refusal.status, refusal.answer
        else:
            entry.key = json.loads(entry.answer)["message_id"] if is_message else ""
        return entry

    def _answer(self, request: Request, page: str) -> bytes:
        match = PATH.fullmatch(request.path)
        assert match is not None
        asked_for, is_messages = match.groups()
        check_token(request)
        if is_messages and request.method == "POST":
            if asked_for not in {"me", page}:
                raise Refusal(190, "The access token is another page's.")
            return as_bytes(taken(message_of(request)))
        if request.method != "GET" or is_messages:
            raise Refusal(100, "Unsupported request")
        if asked_for in {"me", page}:
            return as_bytes({"id": page, "name": "Postbox page"})
        first, last = name_of(asked_for)
        return as_bytes({"first_name": first, "last_name": last, "id": asked_for})

    def _act(self, request: Request, entry: Entry) -> None:
        if entry.protocol != "messenger":
            return
        page, callback = page_and_callback({name.lower(): value for name, value in request.headers})
        sent, (person,), at = message_of(request), entry.recipients, now_in_ms()
        message = sent["message"] if isinstance(sent.get("message"), dict) else {}
        echo = {"mid": entry.key, "is_echo": True, "app_id": 1, "metadata": message.get("metadata", "")}
        echo |= {"text": message["text"]} if "text" in message else {}
        here, there = {"id": page}, {"id": person}
        told = [
            {"sender": here, "recipient": there, "timestamp": at, "message": echo},
            {"sender": there, "recipient": here, "timestamp": at, "delivery": {"mids": [entry.key], "watermark": at}},
        ]
        self._tell(callback, [event(page, each) for each in told])

    def _tell(self, url: str, bodies: list[bytes]) -> None:
        if not LOCAL_HOSTS.fullmatch(urlsplit(url).hostname or ""):
            return
        task = asyncio.get_running_loop().create_task(self._call_back(url, bodies))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call_back(self, url: str, bodies: list[bytes]) -> None:
        async with self._places:
            for body in bodies:
                await asyncio.to_thread(call_back, url, body)


def call_back(url: str, body: bytes) -> None:
    """Send one signed callback, whatever becomes of it."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "facebookexternalua",
        "X-Hub-Signature-256": f"sha256={signature(body)}",
    }
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - local, http
    try:
        with urllib.request.urlopen(request, timeout=CALLBACK_SECONDS) as answer:  # noqa: S310
            answer.read(1024)
    except OSError:  # also HTTPError
        return


def check_token(request: Request) -> None:
    """Refuse a request without a token, or with a proof that was not made with the postbox's app secret."""
    token = request.header("authorization").removeprefix("Bearer ").strip()
    if not token:
        raise Refusal(2500, "An active access token must be used to query information about the current user.")
    proof = request.query.get("appsecret_proof")
    if proof is not None and not hmac.compare_digest(proof.encode(), signature(token.encode()).encode()):
        raise Refusal(100, f"Invalid appsecret_proof: the postbox's app secret is “{POSTBOX_APP_SECRET}”.")


def page_and_callback(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return whose token a request bears and where that page's webhook is."""
    page, _, callback = headers.get(POSTBOX_PAGE_HEADER.lower(), "").partition(" ")
    return page, callback.strip()


def taken(sent: Mapping[str, Any]) -> dict[str, str]:
    """Return the answer to a message, or raise Refusal as Meta would."""
    message, person = sent.get("message"), person_of(sent)
    if not PERSON.fullmatch(person):
        raise Refusal(100, "(#100) No matching user found")
    if not isinstance(message, dict) or not ("text" in message or "attachment" in message):
        raise Refusal(100, "(#100) Param message must have text or an attachment")
    text, replies = message.get("text", ""), message.get("quick_replies", [])
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise Refusal(100, "(#100) Length of param message[text] must be less than or equal to 2000")
    if not isinstance(replies, list) or len(replies) > MOST_QUICK_REPLIES:
        raise Refusal(100, "(#100) Too many quick replies")
    if sent.get("messaging_type") == TAGGED and not sent.get("tag"):
        raise Refusal(100, "(#100) Param tag is required")
    return {"recipient_id": person, "message_id": f"m_{secrets.token_urlsafe(24)}"}


def name_of(person: str) -> tuple[str, str]:
    """Return the name of a person, always the same."""
    number = int(hashlib.sha256(person.encode()).hexdigest(), 16)
    return FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number // 97 % len(LAST_NAMES)]


def event(page: str, told: Mapping[str, Any]) -> bytes:
    return as_bytes({"object": "page", "entry": [{"id": page, "time": now_in_ms(), "messaging": [told]}]})


def signature(body: bytes) -> str:
    """Return the HMAC of what the app secret vouches for: a callback's body, or a token."""
    return hmac.new(POSTBOX_APP_SECRET.encode(), body, hashlib.sha256).hexdigest()


def now_in_ms() -> int:
    return round(time.time() * 1000)


def error(code: int, message: str) -> bytes:
    return as_bytes({"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "postbox"}})


def as_bytes(data: Any) -> bytes:
    return json.dumps(data).encode()

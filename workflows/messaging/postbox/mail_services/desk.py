"""Where mails for mail services arrive: they are among the mails, and their senders are told of them, signed."""

import asyncio
import json
import urllib.request
from collections.abc import Mapping
from email import message_from_bytes
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from workflows.messaging.postbox import POSTBOX_CALLBACK_HEADER
from workflows.messaging.postbox.ledger import Entry, Ledger, Outcome
from workflows.messaging.postbox.mail import readable, readable_text
from workflows.messaging.postbox.mail_services.base import PlayedService, Posted, Refusal, Told, as_bytes
from workflows.messaging.postbox.mail_services.mailgun import PlayedMailgun
from workflows.messaging.postbox.mail_services.postmark import PlayedPostmark
from workflows.messaging.postbox.mail_services.sendgrid import PlayedSendGrid
from workflows.messaging.postbox.mail_services.ses import PlayedSes
from workflows.messaging.postbox.phones import LOCAL_HOSTS
from workflows.messaging.postbox.receiver import Receiver
from workflows.messaging.postbox.rules import Rule, RuleBook
from workflows.messaging.postbox.wire import Request

CALLBACK_SECONDS = 10.0
CALLBACKS_AT_A_TIME = 8
NOT_UNDERSTOOD = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What comes of requests in another form than the service wants."""
LOOKED_THROUGH = 500
"""Mails, the newest, that a service finds one of."""
SERVICE, NUMBER, METADATA = "Postbox-Service", "Postbox-Id", "Postbox-Metadata"
"""What the ledger keeps of a mail beside its own headers."""


class MailServices(Receiver):
    """All mail services that the postbox plays."""

    def __init__(self, ledger: Ledger, rules: RuleBook) -> None:
        super().__init__(ledger, rules)
        self._services = (PlayedSendGrid(), PlayedPostmark(), PlayedMailgun(), PlayedSes())
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(CALLBACKS_AT_A_TIME)

    def concerns(self, request: Request) -> bool:
        """Say whether a request is for one of them."""
        return self._service(request) is not None

    def let_happen(self, entry: Entry, happening: str, *, url: str = "") -> bool:
        """Tell of a mail what became of it; False when nobody is to be told."""
        about = dict(entry.headers)
        callback = about.get(POSTBOX_CALLBACK_HEADER, "")
        service = next((each for each in self._services if each.name == about.get(SERVICE)), None)
        if service is None or not is_local(callback):
            return False
        mail = Told(
            id=about[NUMBER],
            message_id=entry.key.strip("<>"),
            sender=entry.sender,
            recipient=entry.recipients[0],
            subject=entry.subject,
            metadata=json.loads(about[METADATA]),
            source=entry.body,
        )
        headers, body = service.tell(happening, mail, url=url)
        task = asyncio.get_running_loop().create_task(self._call_back(callback, headers, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _service(self, request: Request) -> PlayedService | None:
        return next((each for each in self._services if each.concerns(request)), None)

    def _entry(self, request: Request, rule: Rule, *, acts: bool) -> Entry:
        entry = super()._entry(request, rule, acts=acts)
        service = self._service(request)
        assert service is not None
        if service.is_mail(request):
            entry.protocol = "smtp"  # its page is that of the mails
        if not acts or rule.body is not None:
            if rule.body is None:
                entry.answer = as_bytes(service.refused(rule.status))
            return entry
        try:
            if service.is_mail(request):
                written_down(entry, request, service, service.post(request))
            else:
                found = service.answer(request, self._mails(service))
                entry.answer = found if isinstance(found, bytes) else as_bytes(found)
                entry.status = HTTPStatus.OK
        except Refusal as refusal:
            entry.outcome, entry.status, entry.answer = Outcome.REFUSED, refusal.status, refusal.answer
        except NOT_UNDERSTOOD:
            entry.outcome, entry.status = Outcome.REFUSED, HTTPStatus.BAD_REQUEST
            entry.answer = as_bytes(service.refused(HTTPStatus.BAD_REQUEST))
        else:
            entry.status = rule.status or entry.status
        return entry

    def _answer_headers(self, entry: Entry) -> dict[str, str]:
        about = dict(entry.headers)
        return {"X-Message-Id": about[NUMBER]} if about.get(SERVICE) == PlayedSendGrid.name else {}

    def _mails(self, service: PlayedService) -> list[Entry]:
        found = self._ledger.find({"protocol": "smtp", "method": "POST"}, limit=LOOKED_THROUGH)
        return [entry for entry in found if (SERVICE, service.name) in entry.headers]

    def _act(self, request: Request, entry: Entry) -> None:
        if dict(entry.headers).get(SERVICE):
            self.let_happen(entry, "delivered")

    async def _call_back(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        async with self._places:
            await asyncio.to_thread(call_back, url, headers, body)


def is_local(url: str) -> bool:
    try:
        return LOCAL_HOSTS.fullmatch(urlsplit(url).hostname or "") is not None
    except ValueError:
        return False


def written_down(entry: Entry, request: Request, service: PlayedService, posted: Posted) -> None:
    """Make the entry that of a mail."""
    head = message_from_bytes(posted.source.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    about: dict[str, Any] = {
        SERVICE: service.name,
        NUMBER: posted.id,
        METADATA: json.dumps(dict(posted.metadata)),
        POSTBOX_CALLBACK_HEADER: request.header(POSTBOX_CALLBACK_HEADER.lower()),
    }
    entry.body = posted.source
    entry.headers = [(name, readable_text(str(value))) for name, value in head.items()] + list(about.items())
    entry.key = str(head.get("Message-ID", "")).strip()
    entry.sender, entry.recipients = posted.sender, list(posted.recipients)
    entry.subject = readable(head, "Subject")
    entry.status, entry.answer = posted.status, posted.answer


def call_back(url: str, headers: Mapping[str, str], body: bytes) -> None:
    """Send one signed callback, whatever becomes of it."""
    request = urllib.request.Request(url, body, dict(headers), method="POST")  # noqa: S310 - local, http
    try:
        with urllib.request.urlopen(request, timeout=CALLBACK_SECONDS) as answer:  # noqa: S310
            answer.read(1024)
    except OSError:  # also HTTPError
        return

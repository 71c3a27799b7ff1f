"""Takes mail in over SMTP, any login accepted, and misbehaves where a rule says so."""

import asyncio
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from workflows.messaging.postbox.ledger import Entry, Ledger, Outcome
from workflows.messaging.postbox.rules import Behaviour, Rule, RuleBook

MAXIMUM_MAIL_BYTES = 40 * 1024 * 1024
LONGEST_HANG = 600.0  # seconds
TEMPORARY = 500


class MailHandler:
    """What aiosmtpd calls at each stage of a mail."""

    def __init__(self, ledger: Ledger, rules: RuleBook) -> None:
        self._ledger = ledger
        self._rules = rules

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, mail_options: list[str]
    ) -> str:
        if refusal := await self._refusal(server, "mail", []):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        if refusal := await self._refusal(server, "rcpt", [address]):
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        rule = self._rules.choose(protocol="smtp", recipients=envelope.rcpt_tos, stage="data") or Rule(Behaviour.ACCEPT)
        entry = self._entry(envelope, rule)
        self._ledger.add(entry)
        await asyncio.sleep(rule.delay_ms / 1000)
        match rule.behaviour:
            case Behaviour.STATUS:
                return reply(rule)
            case Behaviour.HANG:
                await asyncio.sleep(LONGEST_HANG)
        if rule.behaviour in {Behaviour.RESET, Behaviour.DROP_REPLY, Behaviour.HANG}:
            await hang_up(server)
        return f"250 OK, mail {entry.id}"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Accept any user name and password unless a rule for the stage `auth` says no; neither is kept."""
        rule = self._rules.choose(protocol="smtp", stage="auth")
        if rule is not None and rule.behaviour is Behaviour.STATUS:
            return AuthResult(success=False, handled=False, message=reply(rule))
        return AuthResult(success=True)

    async def _refusal(self, server: SMTP, stage: str, recipients: list[str]) -> str | None:
        """Apply the rule of a stage before DATA; returns the refusal, if it is one."""
        rule = self._rules.choose(protocol="smtp", recipients=recipients, stage=stage)
        if rule is None or rule.behaviour is Behaviour.ACCEPT:
            return None
        await asyncio.sleep(rule.delay_ms / 1000)
        if rule.behaviour is Behaviour.STATUS:
            return reply(rule)
        if rule.behaviour is Behaviour.HANG:
            await asyncio.sleep(LONGEST_HANG)
        await hang_up(server)
        return "421 closing"

    def _entry(self, envelope: Envelope, rule: Rule) -> Entry:
        content = envelope.content
        body = content if isinstance(content, bytes) else (content or "").encode()
        head = message_from_bytes(body.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        acts = rule.behaviour in {Behaviour.ACCEPT, Behaviour.DROP_REPLY}
        entry = Entry(
            protocol="smtp",
            outcome=Outcome.NEW if acts else Outcome.REFUSED,
            key=str(head.get("Message-ID", "")).strip(),
            sender=envelope.mail_from or "",
            recipients=list(envelope.rcpt_tos),
            subject=readable(head, "Subject"),
            headers=[(name, readable_text(str(value))) for name, value in head.items()],
            body=body,
            behaviour="" if rule.behaviour is Behaviour.ACCEPT else rule.behaviour,
            status=rule.status or 250,
        )
        if acts and entry.key and rule.honours_keys and self._ledger.first("smtp", entry.key):
            entry.outcome = Outcome.REPEATED
        return entry


def reply(rule: Rule) -> str:
    text = "Try again later" if rule.status < TEMPORARY else "Refused by the postbox's rule"
    return f"{rule.status} {rule.body or text}"


async def hang_up(server: SMTP) -> None:
    """Break the connection off; what runs for it is cancelled while it waits here."""
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()
    await asyncio.sleep(LONGEST_HANG)


def readable(message: Message, name: str) -> str:
    return readable_text(str(message.get(name, "")))


def readable_text(value: str) -> str:
    """Decode a header's encoded words; what cannot be decoded stays as it is."""
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError):
        return value.encode("utf-8", "replace").decode()

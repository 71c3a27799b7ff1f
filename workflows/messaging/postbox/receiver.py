"""Takes webhooks in: writes them down, answers a known key with its first answer, misbehaves where a rule says so."""

import asyncio
import contextlib
import http
import json
import zlib
from collections.abc import AsyncIterator

from workflows.messaging.postbox.ledger import Entry, Ledger, Outcome
from workflows.messaging.postbox.rules import Behaviour, Rule, RuleBook
from workflows.messaging.postbox.wire import Request, Wire

KEY_HEADERS = ("webhook-id", "idempotency-key")
LONGEST_MISBEHAVIOUR = 600.0  # seconds
HOP = "postbox-hop"
MEGABYTE = 1024 * 1024
JSON = {"Content-Type": "application/json"}
ACTS = frozenset(
    {
        Behaviour.ACCEPT,
        Behaviour.DROP_REPLY,
        Behaviour.CUT_BODY,
        Behaviour.DRIP_BODY,
        Behaviour.ENDLESS_BODY,
        Behaviour.GZIP_BOMB,
    }
)
ANSWER_START = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


class Receiver:
    """The receiving side of all webhooks."""

    def __init__(self, ledger: Ledger, rules: RuleBook) -> None:
        self._ledger = ledger
        self._rules = rules

    async def receive(self, request: Request, wire: Wire) -> bool:
        """Take one request in; returns whether the connection may go on."""
        rule = self._rule(request) or Rule(Behaviour.ACCEPT)
        location = _next_location(request, rule)
        entry = self._entry(request, rule, acts=rule.behaviour in ACTS or (not location and is_redirect(rule)))
        self._ledger.add(entry)
        if entry.outcome is Outcome.NEW:
            self._act(request, entry)
        if rule.delay_ms:
            await asyncio.sleep(rule.delay_ms / 1000)
        if rule.behaviour is Behaviour.ACCEPT or (is_redirect(rule) and not location):
            headers = JSON | self._answer_headers(entry) | rule.headers
            await wire.answer(entry.status or http.HTTPStatus.OK, headers, entry.answer)
            return True
        if is_redirect(rule):
            await wire.answer(entry.status or http.HTTPStatus.FOUND, {"Location": location} | rule.headers, b"")
            return True
        if rule.behaviour is Behaviour.STATUS:
            retry_after = {"Retry-After": rule.retry_after} if rule.retry_after else {}
            await wire.answer(rule.status, JSON | retry_after | rule.headers, entry.answer)
            return True
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LONGEST_MISBEHAVIOUR):
                await self._misbehave(rule, wire)
        return False

    def _rule(self, request: Request) -> Rule | None:
        return self._rules.choose(protocol="http", host=request.host, path=request.path, method=request.method)

    def _answer_headers(self, entry: Entry) -> dict[str, str]:
        """Return what an answer says besides its body."""
        return {}

    def _act(self, request: Request, entry: Entry) -> None:
        """Do what the arrival asks for; a webhook asks for nothing more than to be taken."""

    def _entry(self, request: Request, rule: Rule, *, acts: bool) -> Entry:
        key = next(filter(None, (request.header(name) for name in KEY_HEADERS)), "")
        entry = Entry(
            protocol="http",
            outcome=Outcome.NEW if acts else Outcome.REFUSED,
            key=key,
            method=request.method,
            host=request.host,
            path=request.target,
            headers=request.headers,
            body=request.body,
            behaviour="" if rule.behaviour is Behaviour.ACCEPT else rule.behaviour,
            status=rule.status or (http.HTTPStatus.FOUND if is_redirect(rule) and not acts else http.HTTPStatus.OK),
            answer=b'{"received": true}' if rule.body is None else rule.body.encode(),
        )
        honours_keys = rule.honours_keys is not False
        if acts and key and honours_keys and (first := self._ledger.first("http", key)):
            entry.outcome, entry.status, entry.answer = Outcome.REPEATED, first.status, first.answer
        return entry

    async def _misbehave(self, rule: Rule, wire: Wire) -> None:
        match rule.behaviour:
            case Behaviour.HANG:
                await wire.gone()
            case Behaviour.RESET:
                wire.break_off()
            case Behaviour.DROP_REPLY:
                pass
            case Behaviour.CUT_BODY:
                wire.writer.write(ANSWER_START + b"Content-Length: 1000\r\n\r\n" + b"cut")
                await wire.writer.drain()
            case Behaviour.GARBAGE:
                wire.writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
                await wire.writer.drain()
            case _:
                async for piece in _endless(rule):
                    wire.writer.write(piece)
                    await wire.writer.drain()


async def _endless(rule: Rule) -> AsyncIterator[bytes]:
    """Yield what the never-ending answers consist of."""
    pause = rule.interval_ms / 1000
    match rule.behaviour:
        case Behaviour.DRIP_HEAD:
            yield ANSWER_START + b"X-Slow: "
            while True:
                await asyncio.sleep(pause)
                yield b"x"
        case Behaviour.DRIP_BODY:
            yield ANSWER_START + b"\r\n"
            while True:
                await asyncio.sleep(pause)
                yield b"x"
        case Behaviour.ENDLESS_HEAD:
            yield ANSWER_START
            while True:
                yield b"X-Endless: " + b"x" * 1000 + b"\r\n"
        case Behaviour.ENDLESS_BODY:
            yield ANSWER_START + b"\r\n"
            while True:
                yield b"x" * 65536
        case Behaviour.GZIP_BOMB:
            yield ANSWER_START + b"Content-Encoding: gzip\r\n\r\n"
            packer = zlib.compressobj(9, wbits=31)
            for _ in range(rule.size_mb):
                yield packer.compress(bytes(MEGABYTE))
                await asyncio.sleep(0)
            yield packer.flush()


def is_redirect(rule: Rule) -> bool:
    return rule.behaviour is Behaviour.REDIRECT


def _next_location(request: Request, rule: Rule) -> str:
    """Return where a redirect leads next, or nothing when its chain has ended here."""
    if not is_redirect(rule):
        return ""
    hop = request.query.get(HOP, "1")
    number = int(hop) if hop.isascii() and hop.isdigit() and len(hop) < 4 else 1  # noqa: PLR2004
    if number < rule.hops or (number == rule.hops and not rule.to):
        return f"{request.target.partition('?')[0]}?{HOP}={number + 1}"
    return rule.to if number == rule.hops else ""


def describe(rule: Rule) -> str:
    """Return the rule in JSON on one line, defaults left out."""
    plain = Rule(rule.behaviour).as_json() | {"behaviour": None, "id": rule.id, "used": rule.used}
    return json.dumps({name: value for name, value in rule.as_json().items() if value != plain[name]})

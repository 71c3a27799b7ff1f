"""The postbox's own addresses: the ledger and control API in JSON, and the pages."""

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workflows.messaging.postbox.graph import PERSON, Graph
from workflows.messaging.postbox.ledger import FILTERS, Entry, Ledger
from workflows.messaging.postbox.mail_services import HAPPENINGS, MailServices
from workflows.messaging.postbox.pages import Page, Pages
from workflows.messaging.postbox.phones import NUMBER, Phones
from workflows.messaging.postbox.rules import BadRule, RuleBook, read_rule
from workflows.messaging.postbox.switchboard import Switchboard
from workflows.messaging.postbox.wire import Request

LOCAL_HOSTS = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")
MAXIMUM_LIMIT = 100_000
DEFAULT_LIMIT = 100
LONGEST_REPLY = 1600
LONGEST_CHAT = 2000
KEYS = re.compile(r"[a-z_]{0,20}|[0-9*#]{1,20}")
UNSENDABLE = re.compile("[\x00\ud800-\udfff]")


class BadQuery(ValueError):
    """A parameter cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the site."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[..., Reply]


class Site:
    """Answers the postbox's own addresses; everything else is a webhook."""

    def __init__(
        self,
        ledger: Ledger,
        rules: RuleBook,
        phones: Phones,
        graph: Graph,
        mail_services: MailServices,
        switchboard: Switchboard,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._phones = phones
        self._graph = graph
        self._mail_services = mail_services
        self._switchboard = switchboard
        self._pages = Pages(ledger, rules, graph, switchboard)
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, re.compile(pattern), handler)
            for method, pattern, handler in (
                ("GET", "/ledger", self._list),
                ("DELETE", "/ledger", self._clear),
                ("GET", "/ledger/counts", self._counts),
                ("GET", "/ledger/keys", self._keys),
                ("GET", r"/ledger/(\d{1,18})", self._one),
                ("GET", "/control/rules", self._list_rules),
                ("POST", "/control/rules", self._add_rule),
                ("DELETE", "/control/rules", self._clear_rules),
                ("DELETE", r"/control/rules/(\d{1,18})", self._remove_rule),
                ("POST", "/control/replies", self._reply),
                ("POST", r"/control/calls/(CA[0-9a-f]{32})", self._act_on_call),
                ("POST", "/control/chats", self._chat),
                ("POST", r"/control/mails/(\d{1,18})", self._let_happen),
                ("GET", "/", self._page(self._pages.home)),
                ("GET", "/mails", self._page(self._pages.mails)),
                ("GET", r"/mails/(\d{1,18})", self._page(self._pages.mail)),
                ("GET", r"/mails/(\d{1,18})/(html|source)", self._page(self._pages.mail_part)),
                ("GET", r"/mails/(\d{1,18})/parts/(\d{1,4})", self._page(self._pages.attachment)),
                ("GET", "/requests", self._page(self._pages.requests)),
                ("GET", r"/requests/(\d{1,18})", self._page(self._pages.request)),
                ("GET", r"/requests/(\d{1,18})/body", self._page(self._pages.request_body)),
                ("GET", "/phones", self._page(self._pages.phones)),
                ("GET", r"/phones/([^/]{1,64})", self._page(self._pages.phones)),
                ("GET", "/chats", self._page(self._pages.chats)),
                ("GET", r"/chats/files/(\d{1,18})", self._page(self._pages.chat_file)),
                ("GET", r"/chats/(\d{1,30})/(\d{1,30})", self._page(self._pages.chats)),
                ("GET", "/rules", self._page(self._pages.rules)),
                ("GET", r"/static/(postbox\.(?:css|js)|icon\.svg)", self._page(self._pages.static)),
            )
        ]

    def answer(self, request: Request) -> Reply | None:
        """Answer one of our own addresses; None when the request is not for the site.

        Only under a local name: a page elsewhere that has its own name resolved to this machine gets nowhere.
        """
        if not LOCAL_HOSTS.fullmatch(request.host):
            return None
        for method, pattern, handler in self._routes:
            if method == request.method and (match := pattern.fullmatch(request.path)):
                try:
                    return handler(request, *match.groups())
                except (BadQuery, BadRule) as error:
                    return _json({"error": str(error)}, status=400)
        return None

    def _page(self, make: Callable[..., Page]) -> Handler:
        def handler(request: Request, *parts: str) -> Reply:
            page = make(request.query, *parts)
            return Reply(page.status, page.body, page.headers)

        return handler

    def _list(self, request: Request) -> Reply:
        filters, rest = _split(request.query, {"limit", "order", "bodies"})
        limit = _limit(rest)
        entries = self._ledger.find(filters, limit=limit, oldest_first=rest.get("order") == "oldest")
        with_bodies = rest.get("bodies") != "false"
        total = self._ledger.counts(filters)["total"]
        return _json({"total": total, "items": [as_json(entry, with_body=with_bodies) for entry in entries]})

    def _one(self, request: Request, number: str) -> Reply:
        entry = self._ledger.get(int(number))
        return _json({"error": "There is no such entry."}, status=404) if entry is None else _json(as_json(entry))

    def _clear(self, request: Request) -> Reply:
        return _json({"deleted": self._ledger.clear()})

    def _counts(self, request: Request) -> Reply:
        filters, _ = _split(request.query, set())
        return _json(self._ledger.counts(filters))

    def _keys(self, request: Request) -> Reply:
        filters, rest = _split(request.query, {"limit", "twice_as_new"})
        twice_as_new = rest.get("twice_as_new") == "true"
        return _json({"items": self._ledger.keys(filters, twice_as_new=twice_as_new, limit=_limit(rest))})

    def _list_rules(self, request: Request) -> Reply:
        return _json({"items": [rule.as_json() for rule in self._rules]})

    def _add_rule(self, request: Request) -> Reply:
        if not _is_json(request):
            return _json({"error": "Send the rule as application/json."}, status=415)
        try:
            data = json.loads(request.body)
        except (ValueError, RecursionError):
            raise BadRule("That is no JSON.") from None
        return _json(self._rules.add(read_rule(data)).as_json(), status=201)

    def _reply(self, request: Request) -> Reply:
        if not _is_json(request):
            return _json({"error": "Send the reply as application/json."}, status=415)
        try:
            data = json.loads(request.body)
            sender, recipient, text = (data[name] for name in ("from", "to", "text"))
        except (ValueError, RecursionError, KeyError, TypeError):
            raise BadQuery("A reply is a JSON object with the texts 'from', 'to' and 'text'.") from None
        if not all(isinstance(number, str) and NUMBER.fullmatch(number) for number in (sender, recipient)):
            raise BadQuery("'from' and 'to' are phone numbers such as +14155550123.")
        if not isinstance(text, str) or not 0 < len(text) <= LONGEST_REPLY or UNSENDABLE.search(text):
            raise BadQuery(f"'text' has 1 to {LONGEST_REPLY} characters.")
        entry = self._phones.reply(sender=sender, recipient=recipient, text=text)
        if entry is None:
            return _json({"error": f"{recipient} never wrote to {sender}, so nobody listens there."}, status=404)
        return _json(as_json(entry), status=201)

    def _act_on_call(self, request: Request, sid: str) -> Reply:
        """Answer a call, press keys, take it from its queue or hang up."""
        if not _is_json(request):
            return _json({"error": "Send it as application/json."}, status=415)
        try:
            data = json.loads(request.body)
            command, text = data["command"], data.get("value", "")
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            raise BadQuery("Send a JSON object with 'command' and, where it needs one, 'value'.") from None
        if not isinstance(command, str) or not isinstance(text, str) or not KEYS.fullmatch(text):
            raise BadQuery("'command' and 'value' are texts; see the page of phones.")
        if not self._switchboard.act_on(sid, command, text):
            return _json({"error": "The call is over, or there is no such thing to do."}, status=409)
        return _json({"command": command}, status=202)

    def _chat(self, request: Request) -> Reply:
        if not _is_json(request):
            return _json({"error": "Send it as application/json."}, status=415)
        said = read_said(request.body)
        page, person = said["page"], said["person"] or str(secrets.randbelow(9 * 10**15) + 10**15)
        if said["kind"] == "read":
            entry = self._graph.read(page=page, person=person)
        else:
            is_button = said["kind"] == "postback"
            entry = self._graph.say(
                page=page, person=person, text=said["text"], payload=said["payload"], is_button=is_button
            )
        if entry is None:
            return _json(
                {"error": f"The page {page} has asked nothing here yet: try its connection first."}, status=404
            )
        return _json(as_json(entry), status=201)

    def _let_happen(self, request: Request, number: str) -> Reply:
        if not _is_json(request):
            return _json({"error": "Send it as application/json."}, status=415)
        try:
            data = json.loads(request.body)
            happening, url = data["happening"], data.get("url", "")
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            raise BadQuery("It is a JSON object with the text 'happening' and, of a click, 'url'.") from None
        if happening not in HAPPENINGS or not isinstance(url, str) or UNSENDABLE.search(url):
            raise BadQuery(f"'happening' is one of {', '.join(HAPPENINGS)}; 'url' is an address.")
        entry = self._ledger.get(int(number))
        if entry is None or not self._mail_services.let_happen(entry, happening, url=url):
            return _json({"error": "There is no such mail for a mail service that is to be told."}, status=404)
        return _json({"happening": happening}, status=202)

    def _clear_rules(self, request: Request) -> Reply:
        return _json({"deleted": self._rules.clear()})

    def _remove_rule(self, request: Request, number: str) -> Reply:
        if self._rules.remove(int(number)):
            return _json({"deleted": 1})
        return _json({"error": "There is no such rule."}, status=404)


def read_said(body: bytes) -> dict[str, str]:
    """Return what a person on Messenger does: `page`, `person` (empty: somebody new), `kind`, `text`, `payload`."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise BadQuery("Send a JSON object of texts: 'page', 'person', 'kind', 'text', 'payload'.")
    said = {"person": "", "kind": "message", "text": "", "payload": ""} | data
    if said.keys() != {"page", "person", "kind", "text", "payload"}:
        raise BadQuery("It has 'page', and may have 'person', 'kind', 'text' and 'payload'.")
    if not PERSON.fullmatch(said["page"]) or not (said["person"] == "" or PERSON.fullmatch(said["person"])):
        raise BadQuery("'page' and 'person' are ids of digits.")
    if said["kind"] not in {"message", "quick_reply", "postback", "read"}:
        raise BadQuery("'kind' is message, quick_reply, postback or read.")
    if UNSENDABLE.search(said["text"] + said["payload"]) or len(said["text"]) > LONGEST_CHAT:
        raise BadQuery(f"'text' has at most {LONGEST_CHAT} characters.")
    if said["kind"] != "read" and not said["text"]:
        raise BadQuery("'text' is needed.")
    return said


def _is_json(request: Request) -> bool:
    """Tell whether a body is declared as JSON, which no form of another site can do."""
    return request.header("content-type").partition(";")[0].strip() == "application/json"


def as_json(entry: Entry, *, with_body: bool = True) -> dict[str, Any]:
    """Return an entry as the API shows it: a body that is no UTF-8 comes as `body_base64`."""
    shown: dict[str, Any] = {
        "id": entry.id,
        "at": datetime.fromtimestamp(entry.at, UTC).isoformat(),
        "protocol": entry.protocol,
        "outcome": entry.outcome,
        "key": entry.key,
        "method": entry.method,
        "host": entry.host,
        "path": entry.path,
        "sender": entry.sender,
        "recipients": entry.recipients,
        "subject": entry.subject,
        "headers": entry.headers,
        "behaviour": entry.behaviour,
        "status": entry.status,
        "size": len(entry.body),
    }
    if with_body:
        try:
            shown["body"] = entry.body.decode()
        except UnicodeDecodeError:
            shown["body_base64"] = base64.b64encode(entry.body).decode()
    return shown


def _split(query: Mapping[str, str], others: set[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Part the filters from the other parameters; BadQuery for an unknown one."""
    for name in query:
        if name not in FILTERS | others:
            raise BadQuery(f"There is no parameter {name!r}; there are {', '.join(sorted(FILTERS | others))}.")
    return (
        {name: value for name, value in query.items() if name in FILTERS},
        {name: value for name, value in query.items() if name in others},
    )


def _limit(parameters: Mapping[str, str]) -> int:
    text = parameters.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= MAXIMUM_LIMIT:
        raise BadQuery(f"'limit' must be a number from 1 to {MAXIMUM_LIMIT}.")
    return int(text)


def _json(data: Any, *, status: int = 200) -> Reply:
    body = json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Reply(status, body, {"Content-Type": "application/json", "Cache-Control": "no-store"})

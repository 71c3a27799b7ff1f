"""The pages to read mails and requests on. They load nothing from elsewhere, and what arrived stays inert on them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from django.template import Context, Engine
from django.utils.html import conditional_escape, format_html, format_html_join, urlize
from django.utils.safestring import SafeString, mark_safe

from workflows.messaging.postbox import talks
from workflows.messaging.postbox.chats import context_of, file_in
from workflows.messaging.postbox.graph import Graph
from workflows.messaging.postbox.ledger import Entry, Ledger
from workflows.messaging.postbox.letters import for_display, open_letter
from workflows.messaging.postbox.mail_services.base import HAPPENINGS
from workflows.messaging.postbox.receiver import describe
from workflows.messaging.postbox.rules import RuleBook
from workflows.messaging.postbox.switchboard import Switchboard

FOLDER = Path(__file__).parent
PAGE_LENGTH = 100
LONGEST_SHOWN = 512 * 1024  # bytes of a body on a page; the whole can be downloaded
SHOWN_INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "media-src 'self' http://127.0.0.1:* http://localhost:*; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; font-src data:; form-action 'none'; "
    "img-src data: 'self' http://127.0.0.1:* http://localhost:*; sandbox allow-popups allow-popups-to-escape-sandbox"
)
FILE_POLICY = "default-src 'none'; sandbox"

_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b')


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a browser."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Pages:
    """Makes the pages of one postbox."""

    def __init__(self, ledger: Ledger, rules: RuleBook, graph: Graph, switchboard: Switchboard) -> None:
        self._ledger = ledger
        self._rules = rules
        self._graph = graph
        self._switchboard = switchboard
        self._engine = Engine(dirs=[str(FOLDER / "templates")], autoescape=True)

    def home(self, query: Mapping[str, str]) -> Page:
        places = (("smtp", "/mails"), ("sms", "/phones"), ("voice", "/phones"), ("messenger", "/chats"))
        full = (place for protocol, place in places if self._ledger.counts({"protocol": protocol})["total"])
        return Page(302, b"", {"Location": next(full, "/requests"), "Cache-Control": "no-store"})

    def mails(self, query: Mapping[str, str]) -> Page:
        return self._list("smtp", query)

    def requests(self, query: Mapping[str, str]) -> Page:
        return self._list("http", query)

    def mail(self, query: Mapping[str, str], number: str) -> Page:
        entry = self._find("smtp", number)
        if entry is None:
            return self._missing("smtp", query)
        letter = open_letter(entry.body)
        views = {
            "html": bool(letter.html),
            "text": bool(letter.text),
            "files": bool(letter.attachments),
            "headers": True,
            "source": True,
        }
        wanted = query.get("view", "")
        view = wanted if views.get(wanted) else next(name for name, exists in views.items() if exists)
        return self._list(
            "smtp",
            query,
            selected=entry,
            letter=letter,
            view=view,
            views=[name for name, exists in views.items() if exists],
            text=_linked(letter.text),
            source=_shown(entry.body),
            happenings=HAPPENINGS,
        )

    def mail_part(self, query: Mapping[str, str], number: str, kind: str) -> Page:
        entry = self._find("smtp", number)
        if entry is None:
            return self._missing("smtp", query)
        if kind == "source":
            return _file(entry.body, f"mail-{number}.eml", "message/rfc822")
        letter = open_letter(entry.body)
        html = for_display(letter.html, f"/mails/{number}/parts", letter.parts)
        return _page(200, html, policy=MAIL_POLICY)

    def attachment(self, query: Mapping[str, str], number: str, part: str) -> Page:
        entry = self._find("smtp", number)
        parts = open_letter(entry.body).parts if entry else []
        if int(part) >= len(parts):
            return self._missing("smtp", query)
        found = parts[int(part)]
        return _file(found.content, found.name, found.content_type, is_inline=found.content_type in SHOWN_INLINE)

    def request(self, query: Mapping[str, str], number: str) -> Page:
        entry = self._find("http", number)
        if entry is None:
            return self._missing("http", query)
        return self._list(
            "http", query, selected=entry, body=_pretty(entry.body), is_cut=len(entry.body) > LONGEST_SHOWN
        )

    def request_body(self, query: Mapping[str, str], number: str) -> Page:
        entry = self._find("http", number)
        if entry is None:
            return self._missing("http", query)
        return _file(entry.body, f"request-{number}.bin", "application/octet-stream")

    def rules(self, query: Mapping[str, str]) -> Page:
        rules = [{"rule": rule, "json": describe(rule)} for rule in self._rules]
        return self._render("rules.html", {"tab": "rules", "rules": rules})

    def phones(self, query: Mapping[str, str], number: str = "") -> Page:
        """Show all phones, and what was said with one of them."""
        entries = talks.entries_of(self._ledger)
        talk = talks.said(entries, number, self._switchboard.live)
        context = {
            "tab": "phones",
            "phones": [{"number": phone, **_listed(entry)} for phone, entry in talks.last_of_phones(entries).items()],
            "phone": number if talk else "",
            "talk": [{**line, **_listed(line["entry"])} for line in talk],
            "partner": talks.partner_of(entries, number),
            "is_missing": bool(number and not talk),
            "last_id": self._ledger.counts({})["last_id"],
        }
        return self._render("phones.html", context, status=404 if context["is_missing"] else 200)

    def chats(self, query: Mapping[str, str], page: str = "", person: str = "") -> Page:
        """Show all chats, and what was said in one of them."""
        context = context_of(self._ledger, self._graph.pages, page, person)
        return self._render("chats.html", context, status=404 if context["is_missing"] else 200)

    def chat_file(self, query: Mapping[str, str], number: str) -> Page:
        """Return the picture that came with a message."""
        entry = self._find("messenger", number)
        found = file_in(entry) if entry else None
        if found is None:
            return self._missing("http", query)
        return _file(found[1], f"picture-{number}", found[0], is_inline=found[0] in SHOWN_INLINE)

    def static(self, query: Mapping[str, str], name: str) -> Page:
        path = FOLDER / "static" / name
        return Page(
            200, path.read_bytes(), {"Content-Type": STATIC_TYPES[path.suffix], "X-Content-Type-Options": "nosniff"}
        )

    def _find(self, protocol: str, number: str) -> Entry | None:
        entry = self._ledger.get(int(number))
        return entry if entry is not None and entry.protocol == protocol else None

    def _missing(self, protocol: str, query: Mapping[str, str]) -> Page:
        return self._list(protocol, query, status=404, is_missing=True)

    def _list(self, protocol: str, query: Mapping[str, str], *, status: int = 200, **more: Any) -> Page:
        search = query.get("search", "")
        filters = {"protocol": protocol} | ({"search": search} if search else {})
        before = query.get("before", "")
        shown = filters | ({"before": before} if before.isascii() and before.isdigit() and len(before) < 19 else {})  # noqa: PLR2004
        entries = self._ledger.find(shown, limit=PAGE_LENGTH + 1)
        older = (
            urlencode({"search": search, "before": entries[PAGE_LENGTH - 1].id}) if len(entries) > PAGE_LENGTH else ""
        )
        kept = {name: value for name, value in (("search", search), ("before", before)) if value}
        context = {
            "tab": "mails" if protocol == "smtp" else "requests",
            "entries": [_listed(entry) for entry in entries[:PAGE_LENGTH]],
            "search": search,
            "older": older,
            "kept": f"?{urlencode(kept)}" if kept else "",
            "kept_more": f"&{urlencode(kept)}" if kept else "",
            "last_id": self._ledger.counts({})["last_id"],
            **more,
        }
        if isinstance(selected := more.get("selected"), Entry):
            context |= {"moment": _moment(selected), "selected_id": selected.id}
        return self._render("mails.html" if protocol == "smtp" else "requests.html", context, status=status)

    def _render(self, template: str, context: dict[str, Any], *, status: int = 200) -> Page:
        counts = {
            "mail_count": self._ledger.counts({"protocol": "smtp"})["total"],
            "request_count": self._ledger.counts({"protocol": "http"})["total"],
            "phone_count": sum(self._ledger.counts({"protocol": each})["total"] for each in ("sms", "voice")),
            "chat_count": self._ledger.counts({"protocol": "messenger"})["total"],
            "rule_count": len(list(self._rules)),
        }
        html = self._engine.get_template(template).render(Context(context | counts))
        return _page(status, html, policy=PAGE_POLICY)


def _listed(entry: Entry) -> dict[str, Any]:
    return {"entry": entry, "time": _moment(entry)}


def _moment(entry: Entry) -> dict[str, str]:
    at = datetime.fromtimestamp(entry.at).astimezone()
    is_today = at.date() == datetime.now().astimezone().date()
    return {
        "iso": at.isoformat(),
        "short": f"{at:%H:%M:%S}" if is_today else f"{at:%d %b %H:%M}",
        "long": f"{at:%d %B %Y, %H:%M:%S}",
    }


def _shown(body: bytes) -> str:
    return body[:LONGEST_SHOWN].decode("utf-8", "replace")


def _linked(text: str) -> SafeString:
    """Escape the text and make links of the addresses in it, which open in a new tab."""
    links = urlize(text, nofollow=True, autoescape=True)
    return mark_safe(links.replace('<a href="', '<a target="_blank" href="'))  # noqa: S308 - urlize has escaped it


def _pretty(body: bytes) -> SafeString | str:
    """Return JSON indented and coloured, anything else as it is."""
    if len(body) > LONGEST_SHOWN:
        return _shown(body)
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return _shown(body)
    return format_html_join("", "{}", ((piece,) for piece in _coloured(text)))


def _coloured(text: str) -> list[SafeString]:
    pieces: list[SafeString] = []
    end = 0
    for match in _TOKEN.finditer(text):
        string, colon, number, word = match.groups()
        kind = "name" if string and colon else "string" if string else "number" if number else "word"
        pieces.append(conditional_escape(text[end : match.start()]))
        pieces.append(format_html('<span class="{}">{}</span>', kind, string or number or word))
        pieces.append(conditional_escape(colon or ""))
        end = match.end()
    return [*pieces, conditional_escape(text[end:])]


def _page(status: int, html: str, *, policy: str) -> Page:
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return Page(status, html.encode("utf-8", "replace"), headers)


def _file(content: bytes, name: str, content_type: str, *, is_inline: bool = False) -> Page:
    disposition = "inline" if is_inline else f"attachment; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    headers = {
        "Content-Type": content_type if is_inline else "application/octet-stream",
        "Content-Disposition": disposition,
        "Content-Security-Policy": FILE_POLICY,
        "X-Content-Type-Options": "nosniff",
    }
    return Page(200, content, headers)

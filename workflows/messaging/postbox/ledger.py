"""What arrived: every request and every mail, in an SQLite file that survives restarts and keeps the newest."""

import enum
import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAXIMUM_ENTRIES = 200_000
MAXIMUM_BYTES = 1024 * 1024 * 1024
TRIM_EVERY = 500  # entries

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    protocol TEXT NOT NULL,
    outcome TEXT NOT NULL,
    key TEXT NOT NULL,
    method TEXT NOT NULL,
    host TEXT NOT NULL,
    path TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    behaviour TEXT NOT NULL,
    status INTEGER,
    answer BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS entries_key ON entries (key, protocol) WHERE key <> '';
"""
_COLUMNS = (
    "at, protocol, outcome, key, method, host, path, sender, recipients, subject, headers, body, "
    "behaviour, status, answer"
)
_INSERT = f"INSERT INTO entries ({_COLUMNS}) VALUES ({', '.join('?' * len(_COLUMNS.split(', ')))})"  # noqa: S608
_FILTERS = {
    "protocol": "protocol = ?",
    "outcome": "outcome = ?",
    "behaviour": "behaviour = ?",
    "key": "key = ?",
    "method": "method = upper(?)",
    "host": "host = lower(?)",
    "path": "path GLOB ?",
    "recipient": "instr(recipients, '\"' || lower(?) || '\"') > 0",
    "after": "id > CAST(? AS INTEGER)",
    "before": "id < CAST(? AS INTEGER)",
    "search": "instr(lower(subject || ' ' || path || ' ' || key || ' ' || sender || ' ' || recipients), lower(?)) > 0",
}
FILTERS = frozenset(_FILTERS)


class Outcome(enum.StrEnum):
    """What the receiver made of it: acted on it, knew its key already and did not act again, or did not act at all."""

    NEW = "new"
    REPEATED = "repeated"
    REFUSED = "refused"


@dataclass(slots=True)
class Entry:
    """One arrival. For mail `method` is empty, `path` too, and `key` is the Message-ID."""

    protocol: str
    outcome: Outcome
    key: str
    headers: list[tuple[str, str]]
    body: bytes
    method: str = ""
    host: str = ""
    path: str = ""
    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    subject: str = ""
    behaviour: str = ""
    status: int | None = None
    """What was answered, or would have been had the reply not been dropped."""
    answer: bytes = b""
    at: float = field(default_factory=time.time)
    id: int = 0


class Ledger:
    """The entries of one postbox. Used from one thread."""

    def __init__(
        self, path: Path, *, maximum_entries: int = MAXIMUM_ENTRIES, maximum_bytes: int = MAXIMUM_BYTES
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._maximum_entries = maximum_entries
        self._maximum_bytes = maximum_bytes
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")  # outlives the process, not the machine
        self._database.executescript(_SCHEMA)
        self._bytes: int = self._one("SELECT coalesce(sum(length(body)), 0) FROM entries")
        self._untrimmed = 0

    def add(self, entry: Entry) -> int:
        """Write an arrival down; returns its number."""
        cursor = self._database.execute(
            _INSERT,
            (
                entry.at,
                entry.protocol,
                entry.outcome,
                entry.key,
                entry.method,
                entry.host,
                entry.path,
                entry.sender,
                json.dumps([recipient.lower() for recipient in entry.recipients], ensure_ascii=False),
                entry.subject,
                json.dumps(entry.headers, ensure_ascii=False),
                entry.body,
                entry.behaviour,
                entry.status,
                entry.answer,
            ),
        )
        self._bytes += len(entry.body)
        self._untrimmed += 1
        if self._untrimmed >= TRIM_EVERY or self._bytes > self._maximum_bytes:
            self._trim()
        entry.id = cursor.lastrowid or 0
        return entry.id

    def first(self, protocol: str, key: str) -> Entry | None:
        """Return the entry that first brought this key and was acted on."""
        return self._entry(
            "WHERE key = ? AND key <> '' AND protocol = ? AND outcome = 'new' ORDER BY id", key, protocol
        )

    def get(self, number: int) -> Entry | None:
        return self._entry("WHERE id = ?", number)

    def find(self, filters: Mapping[str, str], *, limit: int, oldest_first: bool = False) -> list[Entry]:
        """Return the entries that match all filters (see FILTERS), the newest first unless told."""
        where, values = _conditions(filters)
        order = "ASC" if oldest_first else "DESC"
        rows = self._database.execute(
            f"SELECT id, {_COLUMNS} FROM entries {where} ORDER BY id {order} LIMIT ?",  # noqa: S608
            (*values, limit),
        )
        return [_from_row(row) for row in rows]

    def counts(self, filters: Mapping[str, str]) -> dict[str, int]:
        """Return how many entries match, by outcome; how many keys; and how many of these were acted on twice."""
        where, values = _conditions(filters)
        by_outcome = dict(
            self._database.execute(f"SELECT outcome, count(*) FROM entries {where} GROUP BY outcome", values)  # noqa: S608
        )
        keys, twice = self._database.execute(
            "SELECT count(*), coalesce(sum(new > 1), 0) FROM (SELECT sum(outcome = 'new') AS new "  # noqa: S608
            f"FROM entries {where} {'AND' if where else 'WHERE'} key <> '' GROUP BY protocol, key)",
            values,
        ).fetchone()
        return {
            "total": sum(by_outcome.values()),
            **{outcome.value: by_outcome.get(outcome.value, 0) for outcome in Outcome},
            "keys": keys,
            "keys_twice_as_new": twice,
            "last_id": self._one("SELECT coalesce(max(id), 0) FROM entries"),
        }

    def keys(self, filters: Mapping[str, str], *, twice_as_new: bool, limit: int) -> list[dict[str, Any]]:
        """Return the counts of each key, in order of its first arrival."""
        where, values = _conditions(filters)
        rows = self._database.execute(
            "SELECT key, protocol, sum(outcome = 'new') AS new, sum(outcome = 'repeated'), sum(outcome = 'refused'), "  # noqa: S608
            f"min(at), max(at) FROM entries {where} {'AND' if where else 'WHERE'} key <> '' "
            "GROUP BY protocol, key HAVING new > ? ORDER BY min(id) LIMIT ?",
            (*values, 1 if twice_as_new else -1, limit),
        )
        names = ("key", "protocol", "new", "repeated", "refused", "first_at", "last_at")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def clear(self) -> int:
        """Forget everything; returns how many entries there were."""
        count = self._database.execute("DELETE FROM entries").rowcount
        self._bytes = 0
        return count

    def close(self) -> None:
        self._database.close()

    def _trim(self) -> None:
        """Remove the oldest entries beyond the limits."""
        self._untrimmed = 0
        last: int = self._one("SELECT coalesce(max(id), 0) FROM entries")
        while True:
            first: int = self._one("SELECT coalesce(min(id), 0) FROM entries")
            if last - first < self._maximum_entries and self._bytes <= self._maximum_bytes:
                return
            until = max(last - self._maximum_entries, min(first + TRIM_EVERY // 10, last))
            removed: int = self._one("SELECT coalesce(sum(length(body)), 0) FROM entries WHERE id <= ?", until)
            self._database.execute("DELETE FROM entries WHERE id <= ?", (until,))
            self._bytes -= removed

    def _entry(self, where: str, *values: Any) -> Entry | None:
        row = self._database.execute(f"SELECT id, {_COLUMNS} FROM entries {where} LIMIT 1", values).fetchone()  # noqa: S608
        return None if row is None else _from_row(row)

    def _one(self, query: str, *values: Any) -> Any:
        return self._database.execute(query, values).fetchone()[0]


def _conditions(filters: Mapping[str, str]) -> tuple[str, list[str]]:
    conditions = [_FILTERS[name] for name in filters]
    return ("WHERE " + " AND ".join(conditions) if conditions else ""), list(filters.values())


def _from_row(row: tuple[Any, ...]) -> Entry:
    number, at, protocol, outcome, key, method, host, path, sender, recipients, subject, headers, body, *rest = row
    behaviour, status, answer = rest
    return Entry(
        id=number,
        at=at,
        protocol=protocol,
        outcome=Outcome(outcome),
        key=key,
        method=method,
        host=host,
        path=path,
        sender=sender,
        recipients=json.loads(recipients),
        subject=subject,
        headers=[(name, value) for name, value in json.loads(headers)],
        body=body,
        behaviour=behaviour,
        status=status,
        answer=answer,
    )

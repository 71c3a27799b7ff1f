"""Putting tags on contacts and taking them off."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import uuid_utils
from django.db import connection

from accounts.problems import Invalid, Problem
from workflows.crm import arrays
from workflows.crm.copies import BY_HAND, Cause, ContactCopy
from workflows.crm.events import NewEvent, record_events
from workflows.crm.folding import fold

MAXIMUM_NAME_LENGTH = 50
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(slots=True, eq=False)
class TagChange:
    """A tag to put on a locked contact or to take off it; `color` counts only when the tag is made by it."""

    contact: ContactCopy
    name: str
    color: str = ""
    cause: Cause = BY_HAND


class NamedTag(Protocol):
    """A tag to make when it is missing."""

    name: str
    color: str


@dataclass(slots=True, eq=False)
class TagName:
    """A tag by name, of no color."""

    name: str
    color: str = ""


@dataclass(frozen=True, slots=True)
class TagRow:
    """A tag of the account as stored."""

    id: UUID
    name: str


def add_tags(*, account_id: UUID, changes: Sequence[TagChange], now: datetime) -> list[bool]:
    """Put each tag on its contact, making missing tags; return for each whether it was new on the contact.

    The contacts are locked by the caller. Raises Invalid, and changes nothing, when a name or color cannot be.
    Records `tag_added` for each change that changed something.
    """
    folded_names = checked_names(changes)
    is_new = []
    seen: set[tuple[UUID, str]] = set()
    for change, folded in zip(changes, folded_names, strict=True):
        key = (change.contact.id, folded)
        is_new.append(folded not in change.contact.tags and key not in seen)
        seen.add(key)
    additions = [(change, folded) for change, folded, new in zip(changes, folded_names, is_new, strict=True) if new]
    if not additions:
        return is_new
    wanted: dict[str, TagChange] = {}
    for change, folded in additions:
        wanted.setdefault(folded, change)
    tags = get_or_create_tags(account_id=account_id, wanted=wanted, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_contacttag (id, created_at, account_id, contact_id, tag_id)
            SELECT id, %s, %s, contact_id, tag_id
            FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS addition (id, contact_id, tag_id)
            ON CONFLICT (contact_id, tag_id) DO NOTHING
            """,
            [
                now,
                account_id,
                arrays.ids([str(uuid_utils.uuid7()) for _ in additions]),
                arrays.ids([change.contact.id for change, _ in additions]),
                arrays.ids([tags[folded].id for _, folded in additions]),
            ],
        )
    events = []
    for change, folded in additions:
        tag = tags[folded]
        change.contact.tags[folded] = tag.name
        events.append(_event("tag_added", change, tag))
    record_events(account_id=account_id, events=events, now=now)
    return is_new


def remove_tags(*, account_id: UUID, changes: Sequence[TagChange], now: datetime) -> list[bool]:
    """Take each tag off its contact; return for each whether it had been there.

    The contacts are locked by the caller. Raises Invalid when a name cannot be a tag's. Records `tag_removed` for each
    change that changed something.
    """
    folded_names = checked_names(changes)
    on_contacts = {
        folded for change, folded in zip(changes, folded_names, strict=True) if folded in change.contact.tags
    }
    if not on_contacts:
        return [False] * len(changes)
    tags = find_tags(account_id=account_id, folded_names=on_contacts)
    was_there = []
    removals = []
    for change, folded in zip(changes, folded_names, strict=True):
        is_there = change.contact.tags.pop(folded, None) is not None and folded in tags  # else just renamed
        was_there.append(is_there)
        if is_there:
            removals.append((change, folded))
    if not removals:
        return was_there
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM crm_contacttag
            USING unnest(%s::uuid[], %s::uuid[]) AS removal (contact_id, tag_id)
            WHERE crm_contacttag.contact_id = removal.contact_id AND crm_contacttag.tag_id = removal.tag_id
            """,
            [
                arrays.ids([change.contact.id for change, _ in removals]),
                arrays.ids([tags[folded].id for _, folded in removals]),
            ],
        )
    events = [_event("tag_removed", change, tags[folded]) for change, folded in removals]
    record_events(account_id=account_id, events=events, now=now)
    return was_there


def checked_names(changes: Sequence[TagChange]) -> list[str]:
    """Return the folded name of each change, or raise Invalid."""
    folded_names = {}
    for change in changes:
        if change.name not in folded_names:
            folded_names[change.name] = checked_name(change.name)
        if change.color:
            checked_color(change.color)
    return [folded_names[change.name] for change in changes]


def checked_name(name: str) -> str:
    """Return the folded form of a tag's name, or raise Invalid."""
    stripped = name.strip()
    if not stripped:
        raise Invalid(Problem("blank", "A tag needs a name of 1–50 characters.", "tag_name"))
    if len(stripped) > MAXIMUM_NAME_LENGTH:
        raise Invalid(Problem("max_length", "The tag's name is longer than 50 characters; shorten it.", "tag_name"))
    if _UNSTORABLE.search(stripped):
        raise Invalid(Problem("invalid", "The tag's name holds characters that are no text.", "tag_name"))
    return fold(stripped)


def checked_color(color: str) -> str:
    """Return the color as `#RRGGBB` in capitals, or raise Invalid; empty is none."""
    if color and not _COLOR.fullmatch(color):
        raise Invalid(Problem("invalid", "Give the color as #RRGGBB, for example #3366FF.", "tag_color"))
    return color.upper()


def find_tags(*, account_id: UUID, folded_names: Iterable[str]) -> dict[str, TagRow]:
    """Return the account's tags by folded name, held against deletion until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT folded_name, id, name FROM crm_tag
            WHERE account_id = %s AND folded_name = ANY(%s::text[])
            ORDER BY folded_name FOR KEY SHARE
            """,
            [account_id, arrays.texts(sorted(folded_names))],
        )
        return {folded: TagRow(id=tag_id, name=name) for folded, tag_id, name in cursor.fetchall()}


def get_or_create_tags(*, account_id: UUID, wanted: Mapping[str, NamedTag], now: datetime) -> dict[str, TagRow]:
    """Return the tags by folded name, making the missing ones.

    New rows are written in the order of folded names, so that batches which make the same tags at once queue up behind
    each other instead of deadlocking. A tag that someone else makes or deletes meanwhile costs another round.
    """
    tags = find_tags(account_id=account_id, folded_names=wanted)
    while missing := sorted(wanted.keys() - tags.keys()):
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO crm_tag (id, created_at, updated_at, account_id, name, folded_name, color)
                SELECT id, %s, %s, %s, name, folded_name, color
                FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[])
                     WITH ORDINALITY AS tag (id, name, folded_name, color, place)
                ORDER BY place
                ON CONFLICT (account_id, folded_name) DO NOTHING
                """,
                [
                    now,
                    now,
                    account_id,
                    arrays.ids([str(uuid_utils.uuid7()) for _ in missing]),
                    arrays.texts([wanted[folded].name.strip() for folded in missing]),
                    arrays.texts(missing),
                    arrays.texts([wanted[folded].color.upper() for folded in missing]),
                ],
            )
        tags |= find_tags(account_id=account_id, folded_names=missing)
    return tags


def _event(event_type: str, change: TagChange, tag: TagRow) -> NewEvent:
    return NewEvent(change.contact.id, event_type, {"tag_name": tag.name, "tag_id": str(tag.id)}, change.cause)

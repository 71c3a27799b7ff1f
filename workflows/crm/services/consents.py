"""What contacts allowed and forbade, by channel."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import uuid_utils
from django.db import connection

from workflows.crm import arrays
from workflows.crm.copies import BY_HAND, Cause
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Channel, ConsentState


@dataclass(slots=True, eq=False)
class ConsentChange:
    """A contact's word on one channel; `recorded_at` is when they gave it, `evidence` how it is known."""

    contact_id: UUID
    channel: str
    state: str
    recorded_at: datetime
    evidence: str = ""
    cause: Cause = BY_HAND


def set_consents(*, account_id: UUID, changes: Sequence[ConsentChange], now: datetime) -> list[bool]:
    """Keep each contact's last word; return for each change whether the state is now another than before.

    The contacts are locked by the caller. A word older than the one on record counts for nothing, and of two words of
    the same moment the opt-out counts; an opt-out is lifted only by newer evidence, that is by an opt-in that says
    how it is known. Records `unsubscribed` when a channel becomes opted out.
    """
    if not changes:
        return []
    on_record = _on_record({change.contact_id for change in changes})
    answers = []
    written: dict[tuple[UUID, str], ConsentChange] = {}
    events = []
    for change in changes:
        key = (change.contact_id, change.channel)
        before = on_record.get(key)
        if before is not None and not _outweighs(change, *before):
            answers.append(False)
            continue
        answers.append(before is None or before[0] != change.state)
        on_record[key] = (change.state, change.recorded_at)
        written[key] = change
        if answers[-1] and change.state == ConsentState.OPT_OUT:
            events.append(NewEvent(change.contact_id, "unsubscribed", {"channel": change.channel}, change.cause))
    _write(account_id, list(written.values()), now)
    record_events(account_id=account_id, events=events, now=now)
    return answers


def opted_out_of_everything(*, account_id: UUID, contact_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the contacts that opted out of every channel there is."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT contact_id FROM crm_consent
            WHERE account_id = %s AND contact_id = ANY(%s::uuid[]) AND state = 'opt_out'
            GROUP BY contact_id HAVING count(*) = %s
            """,
            [account_id, arrays.ids(contact_ids), len(Channel)],
        )
        return {row[0] for row in cursor.fetchall()}


def _outweighs(change: ConsentChange, state: str, recorded_at: datetime) -> bool:
    if change.recorded_at == recorded_at:
        return change.state == ConsentState.OPT_OUT and state != ConsentState.OPT_OUT
    if change.recorded_at < recorded_at:
        return False
    return state != ConsentState.OPT_OUT or change.state == ConsentState.OPT_OUT or bool(change.evidence.strip())


def _on_record(contact_ids: Collection[UUID]) -> dict[tuple[UUID, str], tuple[str, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT contact_id, channel, state, recorded_at FROM crm_consent WHERE contact_id = ANY(%s::uuid[])",
            [arrays.ids(contact_ids)],
        )
        return {(row[0], row[1]): (row[2], row[3]) for row in cursor.fetchall()}


def _write(account_id: UUID, changes: Sequence[ConsentChange], now: datetime) -> None:
    if not changes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_consent (id, created_at, account_id, contact_id, channel, state, evidence, recorded_at)
            SELECT id, %s, %s, contact_id, channel, state, evidence, recorded_at
            FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
                 AS change (id, contact_id, channel, state, evidence, recorded_at)
            ON CONFLICT (contact_id, channel) DO UPDATE
            SET state = excluded.state, evidence = excluded.evidence, recorded_at = excluded.recorded_at
            """,
            [
                now,
                account_id,
                arrays.ids([str(uuid_utils.uuid7()) for _ in changes]),
                arrays.ids([change.contact_id for change in changes]),
                arrays.texts([change.channel for change in changes]),
                arrays.texts([change.state for change in changes]),
                arrays.texts([change.evidence for change in changes]),
                arrays.times([change.recorded_at for change in changes]),
            ],
        )

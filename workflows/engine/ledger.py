"""The log rows of one batch: gathered while its steps are taken, written in few statements at the end."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection

from workflows.crm import arrays
from workflows.engine.perform.handover import Handover, drop_dispatches, hand_over
from workflows.engine.plans import PlanStep
from workflows.engine.runs import Run
from workflows.models import ActionExecutionStatus


class Texts(NamedTuple):
    """What the log keeps of an outcome, as JSON."""

    result: str
    data: str


NOTHING = Texts("{}", "{}")


@dataclass(slots=True, eq=False)
class Entry:
    """What differs between the rows of a page."""

    log_id: UUID
    run: Run
    visit: int
    text: Texts
    scheduled_at: datetime | None = None
    error_class: str = ""
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """What the rows of one step's turn have in common."""

    account_id: UUID
    workflow_id: UUID
    step: PlanStep
    status: str
    started_at: datetime
    finished_at: datetime


@dataclass(slots=True, eq=False)
class Ledger:
    """Log rows to write and waits to close, and the effects outside to hand over to their lanes."""

    pages: dict[Page, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    ended_waits: dict[UUID, str] = field(default_factory=dict)
    """Log rows of waits that are over, with the action type; empty where the step is gone."""
    handovers: list[Handover] = field(default_factory=list)
    cancelled: list[UUID] = field(default_factory=list)
    """Runs of the batch that were cancelled by others of it."""
    cut_waits: list[UUID] = field(default_factory=list)
    """Log rows of the waits that those stood in."""
    steps_taken: int = 0

    def write(self, now: datetime) -> None:
        """Write everything; the waits' rows are completed with the time they took."""
        for page, entries in self.pages.items():
            write_page(page, entries, now)
        if self.ended_waits:
            close_waits(list(self.ended_waits), now)
        if self.handovers:
            hand_over([each for each in self.handovers if each.execution_id not in self.cancelled], now)

    def cut(self, now: datetime) -> None:
        """Take back what cancelled runs waited for, once everything else is written."""
        if self.cancelled:
            drop_dispatches(self.cancelled, now)
        if self.cut_waits:
            cut_waits(self.cut_waits, now)


def write_page(page: Page, entries: list[Entry], now: datetime) -> None:
    is_open = page.status in (ActionExecutionStatus.WAITING, ActionExecutionStatus.PENDING)
    has_details = any(entry.scheduled_at or entry.error_class for entry in entries)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO workflow_action_executions (
                id, created_at, account_id, workflow_execution_id, workflow_id, action_id, contact_id, action_type,
                action_key, visit, status, error_class, error_message, failed_with_fallback, execution_data,
                result_data, attempts, retry_count, scheduled_at, started_at, completed_at, duration_ms
            )
            SELECT id, %s, %s, execution_id, %s, %s, contact_id, %s, %s, visit, %s, COALESCE(error_class, ''),
                   COALESCE(error_message, ''), false, data, result, CASE WHEN error_class <> '' THEN
                       jsonb_build_array(jsonb_build_object(
                           'at', %s::text, 'error_class', error_class, 'message', error_message
                       ))
                   ELSE '[]' END, 0, scheduled_at, %s, %s, %s
            FROM ROWS FROM (
                unnest(
                    %s::uuid[], %s::uuid[], %s::uuid[], %s::integer[], %s::timestamptz[], %s::text[], %s::text[]
                ),
                jsonb_array_elements(%s::jsonb),
                jsonb_array_elements(%s::jsonb)
            ) AS log (id, execution_id, contact_id, visit, scheduled_at, error_class, error_message, result, data)
            """,
            [
                now,
                page.account_id,
                page.workflow_id,
                page.step.action_id,
                page.step.action_type,
                page.step.key,
                page.status,
                page.finished_at.isoformat(),
                None if page.status == ActionExecutionStatus.PENDING else page.started_at,
                None if is_open else page.finished_at,
                None if is_open else int((page.finished_at - page.started_at).total_seconds() * 1000),
                arrays.ids([entry.log_id for entry in entries]),
                arrays.ids([entry.run.id for entry in entries]),
                arrays.ids([entry.run.contact_id for entry in entries]),
                arrays.numbers([entry.visit for entry in entries]),
                arrays.times([entry.scheduled_at for entry in entries] if has_details else []),
                arrays.texts([entry.error_class for entry in entries] if has_details else []),
                arrays.texts([entry.error_message for entry in entries] if has_details else []),
                "[" + ",".join([entry.text.result for entry in entries]) + "]",
                "[" + ",".join([entry.text.data for entry in entries]) + "]",
            ],
        )


def close_waits(log_ids: list[UUID], now: datetime) -> None:
    """Complete the log rows of waits that are over."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_action_executions
            SET status = 'completed', completed_at = %s,
                duration_ms = LEAST(2147483647, GREATEST(0, extract(epoch FROM %s - started_at) * 1000))::integer
            WHERE id = ANY(%s::uuid[]) AND status = 'waiting'
            """,
            [now, now, arrays.ids(log_ids)],
        )


def cut_waits(log_ids: list[UUID], now: datetime) -> None:
    """Log waits that a cancellation cut short as skipped."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_action_executions
            SET status = 'skipped', completed_at = %(now)s, result_data = result_data || '{"reason": "cancelled"}',
                duration_ms = LEAST(2147483647, GREATEST(0, extract(epoch FROM %(now)s - started_at) * 1000))
            WHERE id = ANY(%(ids)s::uuid[]) AND status IN ('pending', 'scheduled', 'waiting')
            """,
            {"now": now, "ids": arrays.ids(log_ids)},
        )


def as_json(result: Any) -> str:
    """Return a step's result as JSON that PostgreSQL accepts; raises when it is not made of plain values."""
    if not result:
        return "{}"
    text = orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS, default=str).decode()
    return orjson.dumps(without_nul(orjson.loads(text))).decode() if "\\u0000" in text else text


def without_nul(value: Any) -> Any:
    """Drop the one character that PostgreSQL cannot store."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {without_nul(key): without_nul(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    return value

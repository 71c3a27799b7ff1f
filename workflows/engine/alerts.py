"""Telling owners what went wrong: at once in the application, by mail at most once per workflow and hour."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import formataddr
from uuid import UUID

import structlog
from django.conf import settings
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction

from accounts.models import User
from workflows.crm.services.notifications import NewNotification, notify_many
from workflows.crm.services.tasks import active_members
from workflows.engine import clock
from workflows.messaging.mailboxes import one_line
from workflows.models import FailureMail, TroubleKind, Workflow

logger = structlog.get_logger(__name__)

PAGE_SIZE = 1000
MAILS_AT_A_TIME = 50
BETWEEN_MAILS = timedelta(hours=1)
PATIENCE = timedelta(minutes=5)
"""How long a mail waits when the mail server cannot be reached."""
MESSAGE_LENGTH = 1000


@dataclass(slots=True)
class Total:
    """Troubles of one workflow and kind, and the latest of them."""

    count: int = 0
    execution_id: UUID | None = None
    message: str = ""


@dataclass(slots=True)
class Troubled:
    """The troubles of one workflow."""

    account_id: UUID
    totals: dict[TroubleKind, Total] = field(default_factory=lambda: defaultdict(Total))


def tell_owners(*, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Turn what was noted into notifications, and send the mails that are due."""
    while not is_stopping() and gather_page() == PAGE_SIZE:
        pass
    if FailureMail.objects.filter(due_at__lte=clock.now()).exists():
        send_mails(clock.now())


@transaction.atomic
def gather_page() -> int:
    """Count a page of troubles into notifications and pending mails, and return how many rows it had."""
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM workflow_troubles WHERE id IN (
                SELECT id FROM workflow_troubles ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
            )
            RETURNING id, account_id, workflow_id, kind, execution_id, message, count
            """,
            [PAGE_SIZE],
        )
        rows = sorted(cursor.fetchall())
    found: dict[UUID, Troubled] = {}
    for _, account_id, workflow_id, kind, execution_id, message, count in rows:
        troubled = found.setdefault(workflow_id, Troubled(account_id))
        total = troubled.totals[TroubleKind(kind)]
        total.count += count
        total.execution_id, total.message = execution_id, message
    wanted = Workflow.objects.filter(id__in=found, notify_on_failure=True, owner__is_active=True)
    by_account: dict[UUID, list[Workflow]] = defaultdict(list)
    for workflow in wanted.order_by("account_id", "id"):
        by_account[workflow.account_id].append(workflow)
    for account_id, workflows in by_account.items():
        notifications = [
            notification_of(workflow, kind, total)
            for workflow in workflows
            for kind, total in found[workflow.id].totals.items()
        ]
        notify_many(account_id=account_id, notifications=notifications, now=now)
        for workflow in workflows:
            remember_for_mail(workflow, found[workflow.id], now)
    return len(rows)


def notification_of(workflow: Workflow, kind: TroubleKind, total: Total) -> NewNotification:
    assert workflow.owner_id is not None
    return NewNotification(
        recipient_id=workflow.owner_id,
        kind=kind.value,
        title=f"{workflow.name}: executions {kind.label}",
        message=total.message[:MESSAGE_LENGTH],
        workflow_id=workflow.id,
        execution_id=total.execution_id,
        topic=f"{kind.value}:{workflow.id}",
        count=total.count,
    )


def remember_for_mail(workflow: Workflow, troubled: Troubled, now: datetime) -> None:
    """Add to what the next mail about the workflow will tell; it is due at once unless one was sent lately."""
    pending, _ = FailureMail.objects.select_for_update(no_key=True).get_or_create(
        workflow=workflow, defaults={"account_id": workflow.account_id}
    )
    add(pending, {kind.value: total.count for kind, total in troubled.totals.items()})
    pending.message = max(troubled.totals.values(), key=lambda total: str(total.execution_id)).message[:MESSAGE_LENGTH]
    if pending.due_at is None:
        pending.due_at = max(now, pending.sent_at + BETWEEN_MAILS) if pending.sent_at else now
    pending.save()


def send_mails(now: datetime) -> None:
    """Send what is due; nothing is taken while the mail server cannot be reached."""
    backend: BaseEmailBackend = mail.get_connection()
    try:
        backend.open()
    except OSError as error:  # smtplib's errors are OSErrors, too
        logger.warning("owners cannot be told by mail", error=str(error))
        FailureMail.objects.filter(due_at__lte=now).update(due_at=now + PATIENCE)
        return
    try:
        while taken := take_mails(now):
            for pending in taken:
                send(pending, backend, now)
    finally:
        backend.close()


@transaction.atomic
def take_mails(now: datetime) -> list[FailureMail]:
    """Take mails that are due: from here on each is sent once or, when this process dies now, never."""
    due = FailureMail.objects.filter(due_at__lte=now).order_by("due_at")
    taken = list(due.select_for_update(skip_locked=True, no_key=True)[:MAILS_AT_A_TIME])
    FailureMail.objects.filter(id__in=[row.id for row in taken]).update(due_at=None, sent_at=now, counts={}, message="")
    return taken


def send(pending: FailureMail, backend: BaseEmailBackend, now: datetime) -> None:
    """Send one mail; when it fails, its counts go into the next one, an hour later."""
    workflow = Workflow.objects.select_related("owner", "account").get(id=pending.workflow_id)
    owner = workflow.owner
    if owner is None or not workflow.notify_on_failure or workflow.deleted_at is not None:
        return
    if not active_members(account_id=workflow.account_id, user_ids={owner.id}):
        return
    try:
        letter_to(owner, workflow, pending, backend).send()
    except OSError as error:
        logger.warning("an owner could not be told by mail", workflow_id=str(workflow.id), error=str(error))
        put_back(pending, now)


@transaction.atomic
def put_back(pending: FailureMail, now: datetime) -> None:
    row = FailureMail.objects.select_for_update(no_key=True).get(id=pending.id)
    add(row, pending.counts)
    row.message = row.message or pending.message
    row.due_at = now + BETWEEN_MAILS
    row.save()


def add(pending: FailureMail, counts: dict[str, int]) -> None:
    pending.counts = dict(Counter(pending.counts) + Counter(counts))


def letter_to(owner: User, workflow: Workflow, pending: FailureMail, backend: BaseEmailBackend) -> mail.EmailMessage:
    told = [f"{pending.counts[kind.value]} {kind.label}" for kind in TroubleKind if pending.counts.get(kind.value)]
    page = f"{settings.PUBLIC_URL}/admin/workflows/workflowexecution/?workflow__id__exact={workflow.id}"
    lines = [
        f"Executions of the workflow {workflow.name} in {workflow.account.name} need you:",
        "",
        *(f"- {line}" for line in told),
        "",
        f"The latest: {pending.message or 'no message'}",
        "",
        f"See them at {page}",
        "",
        "There is at most one such mail per workflow and hour, and none with notify_on_failure off in its settings.",
    ]
    total = sum(pending.counts.values())
    return mail.EmailMessage(
        subject=one_line(f"{workflow.name}: {total} {'execution needs' if total == 1 else 'executions need'} you"),
        body="\n".join(lines),
        to=[formataddr((one_line(owner.name), owner.email))],
        connection=backend,
    )

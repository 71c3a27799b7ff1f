"""The tasks that workers carry out: each does what is to be done now, whatever woke it, and may be lost or doubled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from threading import Lock
from typing import Any
from uuid import UUID

from django.conf import settings
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from accounts.scoping import AccountRow
from accounts.services.requests import forget_requests
from accounts.tenancy import account_scope, accounts_scope, system_scope
from accounts.visitors import forget_visitors
from workflows.crm.imports import run_import
from workflows.crm.models import Import, ImportStatus
from workflows.crm.services.course_access import expire_access
from workflows.engine import clock
from workflows.engine.advance import advance
from workflows.engine.alerts import tell_owners
from workflows.engine.campaigns import close_campaigns
from workflows.engine.dispatch import dispatch
from workflows.engine.holding import cancel_all, settle_workflow
from workflows.engine.levels import count_levels
from workflows.engine.perform.process import lane_of
from workflows.engine.perform.recovering import recover_dispatches
from workflows.engine.pruning import prune_jobs, prune_logs
from workflows.engine.recover import recover, revive_jobs
from workflows.engine.stopping import is_stopping
from workflows.engine.wake import CHORES_QUEUE, STEPS_QUEUE, TASK_NAMESPACE, Tick, wake
from workflows.messaging.pacing import forget_slots
from workflows.messaging.services.messenger_answers import send_answer
from workflows.messaging.services.messenger_people import learn_name
from workflows.messaging.services.staff_messages import prune_staff_messages
from workflows.models import Workflow

_dispatching = Lock()
_recovering = Lock()
_telling = Lock()
_closing = Lock()
_expiring = Lock()


@contextmanager
def once(lock: Lock) -> Iterator[bool]:
    """Tell whether no other thread of this process does the same at the moment: two would be in each other's way."""
    is_first = lock.acquire(blocking=False)
    try:
        yield is_first
    finally:
        if is_first:
            lock.release()


def tick(tick: Tick, **options: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a function the task of a tick. It starts out reaching all accounts, as ticks say nothing of whose work is
    due; what is done for one account alone enters that account."""

    def register(function: Callable[..., None]) -> Any:
        @wraps(function)
        def carry_out(*arguments: Any, **named: Any) -> None:
            with system_scope("ticks do what is due, whoever it is for"):
                function(*arguments, **named)

        return app.task(name=f"{TASK_NAMESPACE}.{tick}", **options)(carry_out)

    return register


@contextmanager
def within_account_of(model: type[AccountRow], row_id: str) -> Iterator[None]:
    """Reach the account of a row alone within the block; nothing at all when the row is gone."""
    with accounts_scope(model.objects.filter(id=row_id).values_list("account_id", flat=True)):
        yield


AGAIN = RetryStrategy(max_attempts=10, exponential_wait=2)
"""For what no pulse would find again by itself."""


@tick(Tick.ADVANCE, queue=STEPS_QUEUE)
def advance_tick() -> None:
    """Take due steps."""
    advance(seconds=settings.ENGINE["tick_seconds"], is_stopping=is_stopping)


@tick(Tick.PERFORM)
def perform_tick(lane: str) -> None:
    """Make the calls that are due in a lane."""
    lane_of(lane).look(seconds=settings.ENGINE["tick_seconds"])


@tick(Tick.DISPATCH, queue=CHORES_QUEUE)
def dispatch_tick() -> None:
    """Tell consumers of new events."""
    with once(_dispatching) as is_first:
        if is_first:
            dispatch(is_stopping=is_stopping)


@tick(Tick.RECOVER, queue=CHORES_QUEUE)
def recover_tick() -> None:
    """Take over what dead workers held."""
    with once(_recovering) as is_first:
        if is_first:
            recover(is_stopping=is_stopping)
            recover_dispatches(is_stopping=is_stopping)
            revive_jobs()


@tick(Tick.TELL_OWNERS, queue=CHORES_QUEUE)
def tell_owners_tick() -> None:
    """Tell owners what failed or waits for them."""
    with once(_telling) as is_first:
        if is_first:
            tell_owners(is_stopping=is_stopping)


@tick(Tick.CLOSE_CAMPAIGNS, queue=CHORES_QUEUE)
def close_campaigns_tick() -> None:
    """End campaigns whose time is over."""
    with once(_closing) as is_first:
        if is_first:
            close_campaigns(now=clock.now(), is_stopping=is_stopping)


@tick(Tick.EXPIRE_ACCESS, queue=CHORES_QUEUE)
def expire_access_tick() -> None:
    """End access to courses whose time is over."""
    with once(_expiring) as is_first:
        if is_first:
            expire_access(now=clock.now(), is_stopping=is_stopping)


@tick(Tick.SETTLE_WORKFLOW, queue=CHORES_QUEUE, retry=AGAIN)
def settle_workflow_tick(workflow_id: str) -> None:
    """Pause or resume what is inside a workflow, as its state demands."""
    with within_account_of(Workflow, workflow_id):
        settle_workflow(UUID(workflow_id), clock.now())


@tick(Tick.CANCEL_EXECUTIONS, queue=CHORES_QUEUE, retry=AGAIN)
def cancel_executions_tick(workflow_id: str, reason: str, before: str) -> None:
    """Cancel what was inside a workflow at a certain time."""
    with within_account_of(Workflow, workflow_id):
        cancel_all(UUID(workflow_id), reason, datetime.fromisoformat(before))


@tick(Tick.RUN_IMPORT, queue=CHORES_QUEUE, retry=AGAIN)
def run_import_tick(import_id: str) -> None:
    """Import a file of contacts; one that a stopping worker leaves unfinished is queued again."""
    with within_account_of(Import, import_id):
        job = run_import(import_id=UUID(import_id), is_stopping=is_stopping, clock=clock.now)
    if job.status == ImportStatus.RUNNING and is_stopping():
        wake(Tick.RUN_IMPORT, import_id=import_id)


@tick(Tick.ANSWER_ON_MESSENGER, queue=CHORES_QUEUE, retry=AGAIN)
def answer_on_messenger_tick(account_id: str, message_id: str) -> None:
    """Send what STOP, START or HELP is answered with."""
    with account_scope(UUID(account_id)):
        send_answer(account_id=UUID(account_id), message_id=UUID(message_id), now=clock.now())


@tick(Tick.MEET_ON_MESSENGER, queue=CHORES_QUEUE, retry=AGAIN)
def meet_on_messenger_tick(account_id: str, connection_id: str, contact_id: str, person: str) -> None:
    """Ask for the name of somebody who wrote for the first time."""
    with account_scope(UUID(account_id)):
        learn_name(
            account_id=UUID(account_id),
            connection_id=UUID(connection_id),
            contact_id=UUID(contact_id),
            person=person,
            now=clock.now(),
        )


@app.periodic(cron="17 3 * * *")
@tick(Tick.PRUNE_LOGS, queue=CHORES_QUEUE, retry=AGAIN)
def prune_logs_tick(timestamp: int) -> None:
    """Remove logs that are older than their account keeps them, answers kept for idempotency keys, what staff read."""
    prune_logs(now=clock.now(), is_stopping=is_stopping)
    forget_requests(now=clock.now())
    prune_staff_messages(now=clock.now())
    forget_slots(now=clock.now())
    forget_visitors(now=clock.now())
    prune_jobs()


@app.periodic(cron="* * * * *")
@tick(Tick.COUNT_LEVELS, queue=CHORES_QUEUE, queueing_lock=Tick.COUNT_LEVELS)
def count_levels_tick(timestamp: int) -> None:
    """Count executions by status, for `/metrics`."""
    count_levels(now=clock.now())

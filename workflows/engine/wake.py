"""The one way to wake the workers: a tick is queued once the transaction has committed, unless one is queued already.

Losing or doubling a tick is harmless: each worker's pulse queues what is due at least once a second.
"""

import enum
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from django.db import DatabaseError, connection, transaction
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task

logger = structlog.get_logger(__name__)


class Tick(enum.StrEnum):
    """What workers can be woken for; each is a task of `ticks.py`."""

    ADVANCE = "advance"
    PERFORM = "perform"
    DISPATCH = "dispatch"
    RECOVER = "recover"
    TELL_OWNERS = "tell_owners"
    SETTLE_WORKFLOW = "settle_workflow"
    CANCEL_EXECUTIONS = "cancel_executions"
    PRUNE_LOGS = "prune_logs"
    RUN_IMPORT = "run_import"
    CLOSE_CAMPAIGNS = "close_campaigns"
    EXPIRE_ACCESS = "expire_access"
    COUNT_LEVELS = "count_levels"
    ANSWER_ON_MESSENGER = "answer_on_messenger"
    MEET_ON_MESSENGER = "meet_on_messenger"


STEPS_QUEUE = "steps"
CHORES_QUEUE = "chores"
LANE_QUEUE = "lane-{}"
TASK_NAMESPACE = "workflows.engine"

_jobs = JobManager(DjangoConnector())


def wake(tick: Tick, **arguments: Any) -> None:
    """Queue `tick` after this transaction, once for these arguments. Never raises, never ends the transaction."""
    transaction.on_commit(partial(_defer, tick, arguments), robust=True)


def _defer(tick: Tick, arguments: Mapping[str, Any]) -> None:
    queueing_lock = "-".join([tick, *(str(value) for value in arguments.values())])
    try:
        if is_queued(queueing_lock):
            return
        configure_task(
            name=f"{TASK_NAMESPACE}.{tick}",
            job_manager=_jobs,
            queue=queue_of(tick, arguments),
            queueing_lock=queueing_lock,
        ).defer(**arguments)
    except AlreadyEnqueued:
        return
    except (ConnectorException, DatabaseError) as error:
        logger.warning("a tick was not queued; the pulse will do it", tick=tick, error=str(error))


def queue_of(tick: Tick, arguments: Mapping[str, Any]) -> str:
    """Steps and each lane have a queue of their own, so that none waits behind another."""
    match tick:
        case Tick.ADVANCE:
            return STEPS_QUEUE
        case Tick.PERFORM:
            return LANE_QUEUE.format(arguments["lane"])
    return CHORES_QUEUE


def is_queued(queueing_lock: str) -> bool:
    """Say whether such a tick waits already: asked first, since each refusal is an error in the database's log."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE queueing_lock = %s AND status = 'todo')",
            [queueing_lock],
        )
        return bool(cursor.fetchone()[0])

"""The advance tick: claim what is due, take it batch by batch, until nothing is due or the tick's time is over."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import structlog
from django.conf import settings

from workflows.engine import clock
from workflows.engine.batches import Taken, take_batch
from workflows.engine.claim import Claim, claim_due
from workflows.engine.failures import is_passing
from workflows.engine.leases import give_back, holding
from workflows.engine.wake import Tick, wake

logger = structlog.get_logger(__name__)

ATTEMPTS = 8


def advance(*, seconds: float = 0.0, is_stopping: Callable[[], bool] = lambda: False) -> Taken:
    """Take due steps for about `seconds` (0: one claim), or until nothing is due or we are asked to stop."""
    give_up_at = time.monotonic() + seconds
    executions = steps = 0
    while True:
        claim = claim_due(now=clock.now())
        if claim.is_full:
            wake(Tick.ADVANCE)  # another worker can help
        if len(claim):
            taken = take_claim(claim)
            executions += taken.executions
            steps += taken.steps
        if not len(claim) or is_stopping() or time.monotonic() > give_up_at:
            return Taken(executions, steps)


def take_claim(claim: Claim) -> Taken:
    """Take the claim in transactions of a size that commits soon; what fails is given back."""
    executions = steps = 0
    with holding(claim.lease_id):
        for execution_ids in pages(claim.execution_ids, settings.ENGINE["transaction_size"]):
            taken = take_page(claim, execution_ids)
            executions += taken.executions
            steps += taken.steps
    return Taken(executions, steps)


def take_page(claim: Claim, execution_ids: Sequence[UUID]) -> Taken:
    """Take one page; deadlocks and lock time-outs repeat it as a whole, and never count against a row."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return take_batch(lease_id=claim.lease_id, execution_ids=execution_ids, workflow_ids=claim.workflow_ids)
        except Exception as error:
            if not is_passing(error):
                raise
            logger.info("a batch is repeated", attempt=attempt, error=str(error))
            time.sleep(random.uniform(0, 0.05 * attempt))  # noqa: S311
    give_back(lease_id=claim.lease_id, execution_ids=execution_ids, delay_seconds=5)
    return Taken()


def pages(ids: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]

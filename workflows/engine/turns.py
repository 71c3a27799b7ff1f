"""Taking one step for many contacts; a step that raises is found by halving and fails alone."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from accounts.problems import Conflict, Invalid, Missing
from accounts.tenancy import account_scope
from workflows.actions.base import AccountFacts, Step, StepBatch, WorkflowFacts
from workflows.actions.outcomes import Failed, Outcome, Skipped
from workflows.crm import arrays
from workflows.crm.copies import ContactCopy
from workflows.crm.services.locking import lock_contacts
from workflows.engine.failures import is_nobodys_fault, is_passing
from workflows.engine.following import Ended, follow_up
from workflows.engine.ledger import NOTHING, Texts
from workflows.engine.outcomes import Turn, exceeds_loop_limit, storable
from workflows.engine.plans import Plan, PlanStep
from workflows.engine.runs import Run
from workflows.models import ExecutionStatus, WorkflowStatus

logger = structlog.get_logger(__name__)

DISABLED = Skipped("disabled")


class Facts:
    """What the batch knows of its workflows and accounts, read once they are held."""

    def __init__(self, workflow_ids: Sequence[UUID]) -> None:
        self.accounts: dict[UUID, AccountFacts] = {}
        self._workflows: dict[UUID, tuple[str, str, UUID | None]] = {}
        self.active: set[UUID] = set()
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT workflow.id, workflow.status, workflow.deleted_at, workflow.name, workflow.timezone,
                       workflow.owner_id, account.id, account.name, account.timezone, account.currency,
                       account.default_country
                FROM workflows_workflow workflow JOIN accounts_account account ON account.id = workflow.account_id
                WHERE workflow.id = ANY(%s::uuid[])
                """,
                [arrays.ids(workflow_ids)],
            )
            for workflow_id, status, deleted_at, name, timezone, owner_id, *account in cursor.fetchall():
                self.accounts[account[0]] = AccountFacts(*account)
                self._workflows[workflow_id] = (name, timezone or account[2], owner_id)
                if status == WorkflowStatus.ACTIVE and deleted_at is None:
                    self.active.add(workflow_id)

    def workflow(self, plan: Plan) -> WorkflowFacts:
        name, timezone, owner_id = self._workflows[plan.workflow_id]
        return WorkflowFacts(plan.workflow_id, name, plan.number, timezone, owner_id)


def take_turn(
    turn: Turn,
    runs: Sequence[Run],
    *,
    facts: Facts,
    in_hand: Mapping[UUID, Run],
    now: datetime,
    clock: Callable[[], datetime],
) -> None:
    """Let all the runs, which stand at the turn's step and concern different contacts, take it.

    Those whose wait is over and who are asked again keep the log row of their visit. Runs of the batch, `in_hand`,
    that the step cancels end.
    """
    step = turn.step
    runs = stop_loops(turn, runs)
    if not runs:
        return
    log_ids = [run.waiting_log_id or uuid7() for run in runs]
    if not step.is_enabled:
        outcomes: Sequence[Outcome] = [DISABLED] * len(runs)
        texts = storable(outcomes, len(runs))
    else:
        attempt = Attempt(step, facts, now, in_hand)
        outcomes, texts = attempt.take(runs, log_ids)
        cancel_in_hand(attempt.ended, turn, runs, in_hand)
    turn.apply(runs, log_ids, outcomes, texts, clock())


def stop_loops(turn: Turn, runs: Sequence[Run]) -> Sequence[Run]:
    """Fail the runs that went round too often; return the others."""
    going_on = [run for run in runs if run.waiting_log_id or not exceeds_loop_limit(run, turn.started_at)]
    if len(going_on) < len(runs):
        message = "The contact visited too many steps within 24 hours."
        for run in set(runs).difference(going_on):
            turn.stop_loop(run, uuid7(), message)
    return going_on


def cancel_in_hand(ended: Sequence[Ended], turn: Turn, runs: Sequence[Run], in_hand: Mapping[UUID, Run]) -> None:
    """End the runs of the batch that the step cancelled; those that are taking it end behind it."""
    taking = {run.id for run in runs}
    for execution_id, reason in ended:
        run = in_hand.get(execution_id)
        if execution_id in taking and run is not None:
            run.cancelled_for = reason
        elif run is not None:
            turn.ledger.cancelled.append(run.id)
            if run.waiting_log_id is not None:
                turn.ledger.cut_waits.append(run.waiting_log_id)
                run.waiting_log_id = None
            run.is_in_lane = False
            run.end(ExecutionStatus.CANCELLED, reason, turn.started_at)


class Attempt:
    """Runs a step's code, in savepoints."""

    def __init__(self, step: PlanStep, facts: Facts, now: datetime, in_hand: Collection[UUID] = ()) -> None:
        self.step = step
        self.facts = facts
        self.now = now
        self.in_hand = in_hand
        self.ended: list[Ended] = []
        """Executions that the step cancelled."""

    def take(self, runs: Sequence[Run], log_ids: Sequence[UUID]) -> tuple[list[Outcome], list[Texts]]:
        """Return outcome and log texts of each run; who raises fails, the others do not notice.

        Raises only what says nothing about the step: the database's passing troubles and a lost connection.
        """
        try:
            with account_scope(runs[0].account_id), transaction.atomic():
                outcomes, ended = self.run_many(runs, log_ids)
                texts = self.texts(outcomes, len(runs))
            self.ended += ended
            return list(outcomes), texts
        except Exception as error:  # whatever a step raises concerns that step alone
            if is_passing(error) or is_nobodys_fault(error):
                raise
            reread_contacts(runs)
            if len(runs) == 1:
                failure = self.failure(error, runs[0])
                return [failure], [NOTHING]
        half = len(runs) // 2
        first = self.take(runs[:half], log_ids[:half])
        second = self.take(runs[half:], log_ids[half:])
        return first[0] + second[0], first[1] + second[1]

    def run_many(self, runs: Sequence[Run], log_ids: Sequence[UUID]) -> tuple[Sequence[Outcome], Sequence[Ended]]:
        if self.step.kind is None:
            return [Failed("invalid_config", f"There is no action type {self.step.action_type}.")] * len(runs), ()
        plan = runs[0].plan
        steps = StepBatch(
            [
                Step(
                    run.id,
                    log_id,
                    run.visits,
                    run.depth,
                    run.contact,
                    run.trigger,
                    run.results,
                    is_resumed=run.waiting_log_id is not None,
                )
                for run, log_id in zip(runs, log_ids, strict=True)
            ],
            account=self.facts.accounts[runs[0].account_id],
            workflow=self.facts.workflow(plan),
            action_id=self.step.action_id,
            action_key=self.step.key,
            config=self.step.config,
            now=self.now,
        )
        return follow_up(self.step.kind, steps, self.step.kind.run_many(steps), in_hand=self.in_hand)

    def texts(self, outcomes: Sequence[Outcome], count: int) -> list[Texts]:
        """Return what the log keeps of the outcomes; raises when one cannot be acted on or stored."""
        return storable(outcomes, count)

    def failure(self, error: Exception, run: Run) -> Failed:
        """Say what the log may show of an exception."""
        if isinstance(error, Invalid | Conflict):
            return Failed("invalid_config", str(error))
        if isinstance(error, Missing):
            return Failed("invalid_config", "Something that the step refers to does not exist.")
        logger.error(
            "a step raised",
            exc_info=error,
            account_id=str(run.account_id),
            workflow_id=str(run.workflow_id),
            execution_id=str(run.id),
            action_id=str(self.step.action_id),
            action_type=self.step.action_type,
        )
        return Failed("internal", f"The step raised {type(error).__name__}; the server's log has the details.")


def reread_contacts(runs: Sequence[Run]) -> None:
    """Give the runs fresh copies of their contacts, since the undone attempt may have changed the old ones."""
    fresh = lock_contacts(account_id=runs[0].account_id, contact_ids=[run.contact_id for run in runs])
    for run in runs:
        old, new = run.contact, fresh[run.contact_id]
        for name in ContactCopy.__slots__:
            setattr(old, name, getattr(new, name))

"""Calls that are over: their outcomes are written back set-based, and their executions move on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import connection, transaction
from structlog.contextvars import bound_contextvars

from accounts.tenancy import account_scope
from workflows.actions.outcomes import AwaitCallback, Done, Failed, Outcome, Skipped
from workflows.actions.outside import (
    CallFailed,
    ErrorClass,
    OutcomeUnknown,
    OutsideType,
    Performed,
    Permanent,
    Retryable,
)
from workflows.crm.services.locking import lock_contacts
from workflows.engine import clock
from workflows.engine.failures import is_nobodys_fault, is_passing, sqlstate_of
from workflows.engine.finishing import write_runs
from workflows.engine.holding import park
from workflows.engine.ledger import Texts, as_json
from workflows.engine.locks import share_workflows
from workflows.engine.measuring import CALL_SECONDS, count_work
from workflows.engine.outcomes import texts_of
from workflows.engine.perform.calls import Call, Finished
from workflows.engine.perform.rows import Dispatched, delete_rows, lock_leased, write_rows
from workflows.engine.perform.turns import Change, LaneLedger, LaneTurn, step_batch
from workflows.engine.plans import PlanStep
from workflows.engine.retrying import Decision, Verdict, decide, policy_for
from workflows.engine.runs import Run, load_runs
from workflows.engine.turns import Facts
from workflows.engine.wake import Tick, wake
from workflows.messaging import breaker
from workflows.models import ActionExecutionStatus, DispatchStatus, ExecutionStatus, PauseReason

logger = structlog.get_logger(__name__)

Answer = Done | Failed | Skipped | AwaitCallback | CallFailed
"""How a call ended, its result included where it came by callback meanwhile."""
TROUBLE = frozenset({ErrorClass.TIMEOUT, ErrorClass.NETWORK, ErrorClass.UNAVAILABLE, ErrorClass.OUTCOME_UNKNOWN})
"""What speaks against the host, not against the request."""


def write_back(finished: Sequence[Finished]) -> None:
    """Write outcomes back in one transaction; a result whose row was taken from us is dropped."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [settings.ENGINE["lock_timeout"]])
        calls = [each.call for each in finished]
        workflow_ids = {call.workflow_id for call in calls}
        share_workflows(workflow_ids)
        now = clock.now()
        runs = {run.id: run for run in load_runs(sorted({call.execution_id for call in calls}))}
        rows = lock_leased([call.key for call in calls], [call.lease_id for call in calls], DispatchStatus.SENDING)
        by_key = {each.call.key: each for each in finished}
        writing = Finishing(Facts(list(workflow_ids)), runs, now)
        writing.conclude([(row, by_key[row.key].call.kind, by_key[row.key].outcome) for row in rows])
    count_work(list(writing.changed_runs.values()), writing.ledger)


def record_with_breaker(finished: Sequence[Finished]) -> set[breaker.Circuit]:
    """Tell the circuit breaker how the calls went; return the circuits in trouble that are open now."""
    now = clock.now()
    calls = [breaker.Call(each.call.circuit, not is_trouble(each.outcome)) for each in finished]
    breaker.record_calls(calls, now=now)
    troubled = {call.circuit for call in calls if not call.succeeded}
    return troubled - breaker.closed_hosts(troubled, now=now) if troubled else set()


def is_trouble(outcome: Done | Skipped | AwaitCallback | CallFailed) -> bool:
    """Say whether a call speaks against its host; what no attempt can mend speaks against the request."""
    if not isinstance(outcome, CallFailed) or isinstance(outcome, Permanent):
        return False
    return outcome.error_class in TROUBLE


class Finishing:
    """One transaction's work on rows whose outcome is there; everything is locked."""

    def __init__(self, facts: Facts, runs: Mapping[UUID, Run], now: datetime) -> None:
        self.facts = facts
        self.runs = runs
        self.now = now
        self.ledger = LaneLedger()
        self.changed_rows: list[Dispatched] = []
        self.changed_runs: dict[UUID, Run] = {}
        self.over: list[UUID] = []
        self.performed: dict[OutsideType, list[tuple[Run, PlanStep, Dispatched, Outcome | CallFailed, bool]]] = (
            defaultdict(list)
        )

    def conclude(self, outcomes: Sequence[tuple[Dispatched, OutsideType | None, Answer]]) -> None:
        """Decide what follows from each outcome and write all of it. A kind of None has no rows of its own to write."""
        self.lock_contacts()
        for row, kind, outcome in self.with_results(outcomes):
            run = self.runs.get(row.execution_id)
            step = run.plan.by_action.get(row.action_id) if run else None
            if run is None:
                self.over.append(row.key)
                continue
            if step is not None and stands(run, row):
                is_final = self.conclude_standing(run, step, row, kind, outcome)
            else:
                is_final = self.conclude_left(row, outcome)
            if kind is not None and step is not None:
                self.performed[kind].append((run, step, row, outcome, is_final))
        self.record()
        for row in self.changed_rows:
            if row.status != DispatchStatus.UNKNOWN:
                row.request = None
        self.write()

    def with_results(
        self, outcomes: Sequence[tuple[Dispatched, OutsideType | None, Answer]]
    ) -> Iterator[tuple[Dispatched, OutsideType | None, Answer]]:
        """Yield the outcomes; of calls whose results came before we could write that they are awaited, the results."""
        awaited: dict[tuple[OutsideType, UUID], list[UUID]] = defaultdict(list)
        for row, kind, outcome in outcomes:
            if kind is not None and isinstance(outcome, AwaitCallback) and row.execution_id in self.runs:
                awaited[kind, self.runs[row.execution_id].account_id].append(row.key)
        results: dict[UUID, Done | Failed | Retryable] = {}
        for (kind, account_id), keys in awaited.items():
            results.update(kind.results_so_far(keys, account_id=account_id))
        for row, kind, outcome in outcomes:
            yield row, kind, results.get(row.key, outcome)

    def lock_contacts(self) -> None:
        """Give each run its contact; the copy of a deleted one stays empty."""
        runs = sorted(self.runs.values(), key=lambda run: run.account_id)
        for account_id, group in groupby(runs, key=lambda run: run.account_id):
            members = list(group)
            contacts = lock_contacts(account_id=account_id, contact_ids=[run.contact_id for run in members])
            for run in members:
                run.contact = contacts.get(run.contact_id, run.contact)

    def conclude_standing(
        self,
        run: Run,
        step: PlanStep,
        row: Dispatched,
        kind: OutsideType | None,
        outcome: Answer,
    ) -> bool:
        """Move a run on that stands at its step; say whether the effect is over."""
        turn = LaneTurn(step, self.ledger, self.now)
        run.status, run.pause_reason = ExecutionStatus.ACTIVE, ""
        self.changed_runs[run.id] = run
        row.lost_leases = 0
        if not isinstance(outcome, CallFailed):
            turn.take(run, row.log_id, outcome, texts_of(outcome))
            if isinstance(outcome, AwaitCallback):
                self.keep(row, DispatchStatus.AWAITING)
            else:
                self.over.append(row.key)
            return True
        turn.attempts[row.log_id] = [attempt_of(outcome, self.now)]
        of_type = kind.retry_policy(step.config, outcome.error_class) if kind is not None else None
        policy = policy_for(outcome.error_class, own=step.retry, of_type=of_type)
        decision = decide(
            outcome, row.history, policy=policy, honours_keys=kind is not None and kind.honours_keys, now=self.now
        )
        return self.follow(decision, turn, run, row, outcome)

    def follow(self, decision: Decision, turn: LaneTurn, run: Run, row: Dispatched, failure: CallFailed) -> bool:
        counts = decision.history.failures > row.history.failures
        row.history = decision.history
        text = Texts(as_json(failure.result), "{}")
        match decision.verdict:
            case Verdict.RETRY:
                assert decision.at is not None
                turn.hold(run, row.log_id, decision.at, retries=int(counts))
                self.keep(row, DispatchStatus.SCHEDULED)
                return False
            case Verdict.UNKNOWN:
                failed = Failed(ErrorClass.OUTCOME_UNKNOWN, failure.message)
                turn.pause(run, row.log_id, failed, text, PauseReason.OUTCOME_UNKNOWN)
                run.waiting_log_id = row.log_id
                self.keep(row, DispatchStatus.UNKNOWN)
                return True
        self.over.append(row.key)
        if isinstance(failure, Retryable) and failure.in_the_end is not None:
            turn.take(run, row.log_id, failure.in_the_end, texts_of(failure.in_the_end))
            return True
        failed = Failed(failure.error_class, failure.message, failure.result)
        if failure.error_class is ErrorClass.AUTHENTICATION and turn.step.stops_on_error:
            turn.pause(run, row.log_id, failed, text, PauseReason.AUTHENTICATION)
        else:
            turn.take(run, row.log_id, failed, text)
        return True

    def conclude_left(self, row: Dispatched, outcome: Answer) -> bool:
        """Log the outcome of a call whose execution has ended or went elsewhere meanwhile."""
        self.over.append(row.key)
        if isinstance(outcome, CallFailed):
            self.ledger.changes.append(
                Change(
                    row.log_id,
                    ActionExecutionStatus.FAILED,
                    Texts(as_json(outcome.result), "{}"),
                    error_class=outcome.error_class,
                    error_message=outcome.message.replace("\0", ""),
                    attempts=[attempt_of(outcome, self.now)],
                )
            )
        else:
            is_skipped = isinstance(outcome, Skipped)
            status = ActionExecutionStatus.SKIPPED if is_skipped else ActionExecutionStatus.COMPLETED
            self.ledger.changes.append(Change(row.log_id, status, Texts(texts_of(outcome).result, "{}")))
        return True

    def keep(self, row: Dispatched, status: str) -> None:
        row.status = status
        row.lease_id = None
        self.changed_rows.append(row)

    def record(self) -> None:
        """Let the types write their own rows; what a type cannot write never undoes an outcome."""
        for kind, entries in self.performed.items():
            for account_id, group in groupby(
                sorted(entries, key=lambda entry: entry[0].account_id), key=lambda entry: entry[0].account_id
            ):
                record_calls(kind, self.described(list(group)), account_id, self.now)

    def described(
        self, entries: Sequence[tuple[Run, PlanStep, Dispatched, Outcome | CallFailed, bool]]
    ) -> list[Performed]:
        """Return the calls as their type gets them, each step within the batch of its place."""
        places: dict[tuple[UUID, int], list[int]] = defaultdict(list)
        for number, (run, step, *_) in enumerate(entries):
            places[run.plan.version_id, step.index].append(number)
        described: dict[int, Performed] = {}
        for numbers in places.values():
            pairs = [(entries[number][0], entries[number][2]) for number in numbers]
            batch = step_batch(entries[numbers[0]][1], pairs, facts=self.facts, now=self.now, tries_begun=1)
            for number, seen in zip(numbers, batch, strict=True):
                _, _, row, outcome, is_final = entries[number]
                described[number] = Performed(seen, orjson.loads(row.request or "{}"), outcome, is_final)  # type: ignore[arg-type]
        return [described[number] for number in range(len(entries))]

    def write(self) -> None:
        runs = list(self.changed_runs.values())
        write_rows(self.changed_rows)
        delete_rows(self.over)
        write_runs(runs, self.now)
        self.ledger.write(self.now)
        stopped = [run.id for run in runs if run.workflow_id not in self.facts.active]
        if stopped:
            park(execution_ids=stopped, now=self.now)
        if any(run.due_at == self.now for run in runs):
            wake(Tick.ADVANCE)


def stands(run: Run, row: Dispatched) -> bool:
    """Say whether the run is still at the visit that the row is about, if only paused with its workflow."""
    is_live = run.status == ExecutionStatus.ACTIVE or (
        run.status == ExecutionStatus.PAUSED and run.pause_reason == PauseReason.WORKFLOW_PAUSED
    )
    return is_live and run.waiting_log_id == row.log_id


def attempt_of(failure: CallFailed, now: datetime) -> dict[str, str]:
    """Return what the log row keeps of a failed try."""
    return {
        "at": now.isoformat(),
        "error_class": failure.error_class.value,
        "message": failure.message.replace("\0", ""),
    }


def record_calls(kind: OutsideType, calls: Sequence[Performed], account_id: UUID, now: datetime) -> None:
    """Call the type's `record_many`; when it raises, halve the calls down to the one at fault, which is passed over."""
    try:
        with account_scope(account_id), transaction.atomic():
            kind.record_many(calls, account_id=account_id, now=now)
        return
    except Exception as error:
        if is_passing(error) or is_nobodys_fault(error):
            raise
        if len(calls) == 1:
            logger.exception("a call could not be recorded", action_type=kind.slug, key=str(calls[0].step.key))
            return
    half = len(calls) // 2
    record_calls(kind, calls[:half], account_id, now)
    record_calls(kind, calls[half:], account_id, now)


def outcome_of(call: Call) -> Done | Skipped | AwaitCallback | CallFailed:
    """Make the call and return how it ended; whatever else it raises leaves open what happened."""
    with bound_contextvars(
        account_id=str(call.account_id),
        workflow_id=str(call.workflow_id),
        execution_id=str(call.execution_id),
        dispatch_id=str(call.key),
    ):
        return made(call)


def made(call: Call) -> Done | Skipped | AwaitCallback | CallFailed:
    try:
        with account_scope(call.account_id), CALL_SECONDS.labels(call.kind.lane).time():
            outcome = call.kind.perform(call.arguments(), key=call.key)
        texts_of(outcome)
        return outcome
    except CallFailed as failure:
        return failure
    except Exception as error:
        if sqlstate_of(error) is not None:  # types read first and call then: nothing was sent
            return Retryable(ErrorClass.UNAVAILABLE, "The database did not answer.")
        logger.exception("a call raised", action_type=call.kind.slug)
        return OutcomeUnknown(f"The step raised {type(error).__name__}; the server's log has the details.")

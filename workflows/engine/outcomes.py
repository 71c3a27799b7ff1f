"""What each outcome of a step means for its execution and its log row."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from uuid_utils.compat import uuid7

from workflows.actions.outcomes import (
    AwaitCallback,
    Done,
    End,
    Failed,
    Jump,
    Outcome,
    Perform,
    SkipNext,
    Skipped,
    WaitUntil,
)
from workflows.engine.ledger import NOTHING, Entry, Ledger, Page, Texts, as_json
from workflows.engine.perform.handover import Handover
from workflows.engine.plans import PlanStep
from workflows.engine.runs import Run
from workflows.models import ActionExecutionStatus, CompletionReason, ExecutionStatus

VISIT_WINDOW = timedelta(hours=24)
LOOP_LIMIT = "loop_limit"
PASSED_BY = Skipped("skip_next")


class Turn:
    """One step's turn within a batch: applies outcomes and logs them."""

    def __init__(self, step: PlanStep, ledger: Ledger, started_at: datetime) -> None:
        self.step = step
        self.ledger = ledger
        self.started_at = started_at
        self.finished_at = started_at

    def apply(
        self,
        runs: Sequence[Run],
        log_ids: Sequence[UUID],
        outcomes: Sequence[Outcome],
        texts: Sequence[Texts],
        at: datetime,
    ) -> None:
        """Log the outcomes with their `texts` (of `storable`) and move their runs on."""
        self.finished_at = at
        for run, log_id, outcome, text in zip(runs, log_ids, outcomes, texts, strict=True):
            match outcome:
                case Done():
                    self.log(run, log_id, ActionExecutionStatus.COMPLETED, text)
                    run.results[self.step.key] = outcome.result if outcome.later is None else outcome.later
                    self.move_on(run)
                case Skipped():
                    self.log(run, log_id, ActionExecutionStatus.SKIPPED, text)
                    run.results[self.step.key] = {**outcome.result, "reason": outcome.reason}
                    self.move_on(run)
                case WaitUntil():
                    self.wait(run, log_id, outcome, text)
                case Perform():
                    self.hand_over(run, log_id, outcome.lane)
                case Jump():
                    self.jump(run, log_id, outcome, text)
                case SkipNext():
                    self.log(run, log_id, ActionExecutionStatus.COMPLETED, text)
                    run.results[self.step.key] = outcome.result
                    self.skip_next(run)
                case End():
                    self.log(run, log_id, ActionExecutionStatus.COMPLETED, text)
                    run.results[self.step.key] = {**outcome.result, "reason": outcome.reason}
                    run.end(ExecutionStatus.COMPLETED, CompletionReason.ENDED_BY_STEP, at)
                case Failed():
                    self.fail(run, log_id, outcome, text)

    def wait(self, run: Run, log_id: UUID, outcome: WaitUntil, text: Texts) -> None:
        """Rest until the time given; a time that has come already is no rest at all, unless the step is asked again."""
        run.results[self.step.key] = outcome.result
        if outcome.at <= self.finished_at and not self.step.asks_again:
            self.log(run, log_id, ActionExecutionStatus.COMPLETED, text, scheduled_at=outcome.at)
            self.move_on(run)
            return
        self.log(run, log_id, ActionExecutionStatus.WAITING, text, scheduled_at=outcome.at)
        run.status = ExecutionStatus.WAITING
        run.waiting_log_id = log_id
        run.due_at = outcome.at

    def jump(self, run: Run, log_id: UUID, outcome: Jump, text: Texts) -> None:
        """Stand the run at another step, unless it jumped too often or the step is gone."""
        target = run.plan.by_key.get(outcome.target_key)
        maximum = settings.ENGINE["maximum_jumps"]
        if target is None:
            self.fail(run, log_id, Failed("invalid_config", f"No step has the key {outcome.target_key!r}."))
        elif run.jumps >= maximum:
            self.stop_loop(run, log_id, f"The contact jumped more than {maximum} times.")
        else:
            self.log(run, log_id, ActionExecutionStatus.COMPLETED, text)
            run.results[self.step.key] = outcome.result
            run.jumps += 1
            run.step = target

    def skip_next(self, run: Run) -> None:
        """Pass by the step behind this one and move on behind it."""
        passed = run.plan.after(self.step)
        if passed is None:
            self.move_on(run)
        else:
            turn = Turn(passed, self.ledger, self.finished_at)
            turn.apply([run], [uuid7()], [PASSED_BY], storable([PASSED_BY], 1), self.finished_at)

    def stop_loop(self, run: Run, log_id: UUID, message: str) -> None:
        """Fail a run that goes round and round, whatever its step says of errors."""
        self.fail(run, log_id, Failed(LOOP_LIMIT, message))
        run.step = self.step
        run.end(ExecutionStatus.FAILED, CompletionReason.LOOP_LIMIT, self.finished_at, message)

    def hand_over(self, run: Run, log_id: UUID, lane: str) -> None:
        """Rest at the step until its lane has had the effect."""
        run.is_in_lane = True
        run.waiting_log_id = log_id
        self.ledger.handovers.append(
            Handover(run.id, run.account_id, run.workflow_id, self.step.action_id, run.visits, log_id, lane)
        )
        self.log(run, log_id, ActionExecutionStatus.PENDING, NOTHING)

    def fail(self, run: Run, log_id: UUID, outcome: Failed, text: Texts = NOTHING) -> None:
        message = outcome.message.replace("\0", "")
        self.log(
            run,
            log_id,
            ActionExecutionStatus.FAILED,
            text,
            error_class=outcome.error_class,
            error_message=message,
        )
        if self.step.stops_on_error:
            run.end(ExecutionStatus.FAILED, CompletionReason.STEP_FAILED, self.finished_at, message)
        else:
            self.move_on(run)

    def log(
        self,
        run: Run,
        log_id: UUID,
        status: str,
        text: Texts,
        *,
        scheduled_at: datetime | None = None,
        error_class: str = "",
        error_message: str = "",
    ) -> None:
        page = Page(run.account_id, run.workflow_id, self.step, status, self.started_at, self.finished_at)
        self.ledger.pages[page].append(Entry(log_id, run, run.visits, text, scheduled_at, error_class, error_message))
        self.ledger.steps_taken += 1
        run.visits += 1
        run.window_visits += 1
        run.lost_leases = 0

    def move_on(self, run: Run) -> None:
        """Stand the run at the next step, or complete it behind the last one; one that was cancelled ends here."""
        if run.cancelled_for:
            run.end(ExecutionStatus.CANCELLED, run.cancelled_for, self.finished_at)
            return
        run.step = run.plan.after(self.step)
        if run.step is None:
            run.end(ExecutionStatus.COMPLETED, CompletionReason.FINISHED, self.finished_at)


def storable(outcomes: Sequence[Outcome], count: int) -> list[Texts]:
    """Return what the log keeps of each outcome as JSON; raises when the engine cannot act on an outcome or store it.

    Called while the step at fault can still be told from its neighbours.
    """
    if len(outcomes) != count:
        raise TypeError(f"{count} steps were to be taken, {len(outcomes)} outcomes came back")
    return [texts_of(outcome) for outcome in outcomes]


def texts_of(outcome: Outcome) -> Texts:
    match outcome:
        case Done():
            as_json(outcome.later or {})
            return Texts(as_json(outcome.result), as_json(outcome.data))
        case WaitUntil() | Failed() | SkipNext():
            return Texts(as_json(outcome.result), as_json(outcome.data))
        case Skipped():
            return Texts(as_json({**outcome.result, "reason": outcome.reason}), as_json(outcome.data))
        case End():
            reason = {"reason": outcome.reason} if outcome.reason else {}
            return Texts(as_json({**outcome.result, **reason}), "{}")
        case Perform():
            return NOTHING
        case AwaitCallback() | Jump():
            return Texts(as_json(outcome.result), "{}")
    raise TypeError(f"{outcome!r} is no outcome")


def exceeds_loop_limit(run: Run, now: datetime) -> bool:
    """Say whether one more visit would be too many within 24 h; starts a new count when those are over."""
    if run.window_started_at is None or now - run.window_started_at >= VISIT_WINDOW:
        run.window_started_at = now
        run.window_visits = 0
    return run.window_visits >= settings.ENGINE["maximum_visits"]

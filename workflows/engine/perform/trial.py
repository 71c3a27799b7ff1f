"""Trying one step for real, for the person who edits it: nothing is recorded, no execution is touched."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from uuid_utils.compat import uuid7

from accounts.problems import Conflict, Invalid, Missing
from workflows.actions.base import Step, StepBatch
from workflows.actions.outcomes import AwaitCallback, Done, Failed, Result, Skipped
from workflows.actions.outside import CallFailed, ErrorClass, HoldUntil, OutsideType, Prepared, Request
from workflows.actions.registry import registry
from workflows.crm.copies import ContactCopy
from workflows.crm.services.locking import read_contacts
from workflows.engine.perform.calls import Call
from workflows.engine.perform.finishing import outcome_of
from workflows.engine.perform.preparing import prepared_texts
from workflows.engine.plans import Plan
from workflows.engine.turns import Facts
from workflows.models import Action, ActionExecutionStatus, Workflow


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How the step went, in the words of a log row."""

    status: str
    """`completed`, `failed`, `skipped`, `scheduled` (held back at the gate) or `waiting` (for a callback)."""
    result: Result = field(default_factory=dict)
    data: Result = field(default_factory=dict)
    error_class: str = ""
    error_message: str = ""
    scheduled_at: datetime | None = None
    duration_ms: int = 0
    """How long the call took; 0 when none was made."""


def try_step(*, account_id: UUID, workflow_id: UUID, action_id: UUID, contact_id: UUID, now: datetime) -> TrialResult:
    """Prepare and perform one step as it is configured now, once, under a key of its own.

    The workflow may be in any state and the step disabled. Raises Missing when the account has no such workflow, action
    or contact, Conflict `not_testable` when the step makes no call.
    """
    action = Action.objects.for_account(account_id).filter(id=action_id, workflow_id=workflow_id).first()
    workflow, contact = _workflow_and_contact(account_id, workflow_id, contact_id)
    if action is None:
        raise Missing
    kind = registry.get(action.action_type)
    if not isinstance(kind, OutsideType):
        raise Conflict(
            "not_testable", f"A step of the type {action.action_type} calls nothing, so there is nothing to try."
        )
    return _tried(kind, workflow, contact, action.action_config, action_id=action.id, action_key=action.key, now=now)


def try_draft(
    *,
    account_id: UUID,
    workflow_id: UUID,
    kind: OutsideType,
    config: Mapping[str, Any],
    contact_id: UUID,
    now: datetime,
) -> TrialResult:
    """Prepare and perform a step that is not saved (yet); for types without an effect outside alone.

    `config` is cleaned. Raises Missing and Conflict `not_testable` as `try_step` does.
    """
    if not kind.is_pure:
        raise Conflict("not_testable", f"A step of the type {kind.slug} is tried for real, once it is saved.")
    workflow, contact = _workflow_and_contact(account_id, workflow_id, contact_id)
    return _tried(kind, workflow, contact, config, action_id=uuid7(), action_key=kind.slug, now=now)


def _workflow_and_contact(account_id: UUID, workflow_id: UUID, contact_id: UUID) -> tuple[Workflow, ContactCopy]:
    workflow = Workflow.objects.for_account(account_id).present().filter(id=workflow_id).first()
    contact = read_contacts(account_id=account_id, contact_ids=[contact_id]).get(contact_id)
    if workflow is None or contact is None:
        raise Missing
    return workflow, contact


def _tried(
    kind: OutsideType,
    workflow: Workflow,
    contact: ContactCopy,
    config: Mapping[str, Any],
    *,
    action_id: UUID,
    action_key: str,
    now: datetime,
) -> TrialResult:
    step = Step(uuid7(), uuid7(), 0, 0, contact, {}, {}, key=uuid4())
    facts = Facts([workflow.id])
    plan = Plan(workflow.id, workflow.id, workflow.version, [], {}, {})
    batch = StepBatch(
        [step],
        account=facts.accounts[workflow.account_id],
        workflow=facts.workflow(plan),
        action_id=action_id,
        action_key=action_key,
        config={**kind.complete_config(config), **kind.in_trial},
        now=now,
    )
    prepared = _prepare(kind, batch)
    return _call(kind, workflow, step, prepared) if isinstance(prepared, Request) else _at_the_gate(prepared)


def _prepare(kind: OutsideType, batch: StepBatch) -> Prepared:
    """Prepare the step; whatever its type writes on the way is undone."""
    try:
        with transaction.atomic():
            (prepared,) = kind.prepare_many(batch)
            prepared_texts(prepared)
            transaction.set_rollback(True)
    except (Invalid, Conflict) as problem:
        return Failed(ErrorClass.INVALID_CONFIG, str(problem))
    except Missing:
        return Failed(ErrorClass.INVALID_CONFIG, "Something that the step refers to does not exist.")
    return prepared


def _at_the_gate(prepared: HoldUntil | Skipped | Failed | Done) -> TrialResult:
    match prepared:
        case HoldUntil():
            return TrialResult(
                ActionExecutionStatus.SCHEDULED, {"reason": prepared.reason}, prepared.data, scheduled_at=prepared.at
            )
        case Skipped():
            return TrialResult(
                ActionExecutionStatus.SKIPPED, {**prepared.result, "reason": prepared.reason}, prepared.data
            )
        case Failed():
            return TrialResult(
                ActionExecutionStatus.FAILED, prepared.result, prepared.data, prepared.error_class, prepared.message
            )
    return TrialResult(ActionExecutionStatus.COMPLETED, prepared.result, prepared.data)


def _call(kind: OutsideType, workflow: Workflow, step: Step, request: Request) -> TrialResult:
    assert step.key is not None
    texts = prepared_texts(request)
    call = Call(
        key=step.key,
        lease_id=step.key,
        account_id=workflow.account_id,
        workflow_id=workflow.id,
        execution_id=step.execution_id,
        kind=kind,
        host=request.host,
        payload=texts.result,
        data=texts.data,
        guard_channel=request.guard_channel,
    )
    started = time.monotonic()
    outcome: Done | Skipped | AwaitCallback | CallFailed = outcome_of(call)
    duration = int((time.monotonic() - started) * 1000)
    if isinstance(outcome, CallFailed):
        return TrialResult(
            ActionExecutionStatus.FAILED,
            outcome.result,
            request.data,
            outcome.error_class,
            outcome.message,
            duration_ms=duration,
        )
    if isinstance(outcome, Skipped):
        result = {**outcome.result, "reason": outcome.reason}
        return TrialResult(ActionExecutionStatus.SKIPPED, result, request.data, duration_ms=duration)
    status = ActionExecutionStatus.COMPLETED if isinstance(outcome, Done) else ActionExecutionStatus.WAITING
    return TrialResult(status, outcome.result, request.data, duration_ms=duration)

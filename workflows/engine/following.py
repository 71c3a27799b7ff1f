"""What a step wants for the contact's other runs: entering a workflow, and cancelling executions.

Carried out inside the batch that takes the step, when executions and contacts are locked already. So that the one lock
order holds, nothing here waits for a workflow or an execution: whoever meets one that somebody else holds gives up, and
the batch is repeated.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection

from accounts.problems import Conflict, Invalid, Missing
from workflows.actions.base import ActionType, Step, StepBatch
from workflows.actions.outcomes import CancelRuns, Enroll, Outcome, Verdict
from workflows.crm import arrays
from workflows.engine.entrance import Entrance, Entry, entrance_to, hold_contacts, insert_each
from workflows.engine.failures import Busy
from workflows.engine.holding import end_executions, mark_cancelled
from workflows.engine.locks import try_share_workflow
from workflows.engine.wake import Tick, wake
from workflows.models import Reentry

Wish = Enroll | CancelRuns
REFUSED_MISSING = "workflow_not_found"


class Ended(NamedTuple):
    """An execution that was cancelled, and why."""

    execution_id: UUID
    reason: str


def follow_up(
    kind: ActionType, steps: StepBatch, outcomes: Sequence[Outcome], *, in_hand: Collection[UUID]
) -> tuple[Sequence[Outcome], Sequence[Ended]]:
    """Carry out what the outcomes wish for and return the outcomes that the type concludes, and who was cancelled.

    Cancelled executions that are `in_hand`, that is of the same batch, are still to be ended by their batch.
    The number of queries does not depend on the number of steps. Raises Busy when somebody changes the state of a
    workflow to be entered at this moment, and a lock time-out when an execution to be cancelled is in other hands.
    """
    wishes = {index: outcome for index, outcome in enumerate(outcomes) if isinstance(outcome, Wish)}
    if not wishes:
        return outcomes, ()
    part = steps.part(list(wishes))
    pairs = list(zip(part, wishes.values(), strict=True))
    admitted, verdicts = admit(part, [(step, wish) for step, wish in pairs if isinstance(wish, Enroll)])
    ended = cancel(part, [(step, wish) for step, wish in pairs if step.execution_id not in verdicts], in_hand)
    for admission in admitted:
        verdicts |= enter(admission)
    answers = [
        replace(
            verdicts.get(step.execution_id, Verdict()),
            cancelled=tuple(each.execution_id for each in ended.get(step.execution_id, ())),
        )
        for step, _ in pairs
    ]
    concluded = dict(zip(wishes, kind.conclude_many(part, answers), strict=True))
    finals = [concluded.get(index, outcome) for index, outcome in enumerate(outcomes)]
    return finals, [each for group in ended.values() for each in group]


# Cancelling


def cancel(steps: StepBatch, pairs: Sequence[tuple[Step, Wish]], in_hand: Collection[UUID]) -> dict[UUID, list[Ended]]:
    """Cancel the executions that the wishes mean; return them by the execution that took the step."""
    by_selection: dict[tuple[tuple[UUID, ...] | None, str], list[tuple[Step, Wish]]] = defaultdict(list)
    for step, wish in pairs:
        if isinstance(wish, CancelRuns):
            by_selection[() if wish.execution_ids is not None else wish.workflow_ids, wish.reason].append((step, wish))
        elif wish.replaces:
            by_selection[(), wish.replaced_reason].append((step, wish))
    ended: dict[UUID, list[Ended]] = defaultdict(list)
    for (workflow_ids, reason), members in by_selection.items():
        named = {step.contact.id: named_in(wish) for step, wish in members}
        live = lock_live(steps.account.id, named, workflow_ids)
        for step, wish in members:
            spared = {step.execution_id} if isinstance(wish, CancelRuns) and wish.spares_own else set()
            chosen = [each for each in live.get(step.contact.id, ()) if each not in spared]
            ended[step.execution_id] += [Ended(execution_id, reason) for execution_id in chosen]
        execution_ids = [each.execution_id for step, _ in members for each in ended[step.execution_id]]
        own = [execution_id for execution_id in execution_ids if execution_id in in_hand]
        others = [execution_id for execution_id in execution_ids if execution_id not in in_hand]
        mark_cancelled(execution_ids=own, reason=reason, now=steps.now)
        end_executions(execution_ids=others, reason=reason, now=steps.now)
    return ended


def named_in(wish: Wish) -> tuple[UUID, ...]:
    """Return the executions that the wish names one by one."""
    return (wish.replaces if isinstance(wish, Enroll) else wish.execution_ids) or ()


def lock_live(
    account_id: UUID, named: Mapping[UUID, Sequence[UUID]], workflow_ids: Sequence[UUID] | None
) -> dict[UUID, list[UUID]]:
    """Lock the live executions meant and return them by contact; raises at once when somebody else holds one.

    `named` has the contacts, with the executions to take where `workflow_ids` is empty; None: whatever is live.
    """
    by_id = workflow_ids is not None and not workflow_ids
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, contact_id FROM workflow_executions
            WHERE account_id = %(account)s AND contact_id = ANY(%(contacts)s::uuid[])
                  AND status IN ('queued', 'active', 'waiting', 'paused')
                  AND (NOT %(by_id)s OR id = ANY(%(ids)s::uuid[]))
                  AND (%(by_id)s OR %(anywhere)s OR workflow_id = ANY(%(workflows)s::uuid[]))
            ORDER BY id FOR NO KEY UPDATE NOWAIT
            """,
            {
                "account": account_id,
                "contacts": arrays.ids(named),
                "by_id": by_id,
                "ids": arrays.ids([execution_id for group in named.values() for execution_id in group]),
                "anywhere": workflow_ids is None,
                "workflows": arrays.ids(workflow_ids or ()),
            },
        )
        live: dict[UUID, list[UUID]] = defaultdict(list)
        for execution_id, contact_id in cursor.fetchall():
            live[contact_id].append(execution_id)
    return live


# Entering


class Admission(NamedTuple):
    """A way into a workflow and those whom nothing that can be known beforehand keeps from taking it."""

    entrance: Entrance
    entries: Sequence[tuple[Step, Entry]]


def admit(steps: StepBatch, pairs: Sequence[tuple[Step, Enroll]]) -> tuple[list[Admission], dict[UUID, Verdict]]:
    """Hold the workflows and return who is admitted to them, and the verdicts on the others by their execution."""
    groups: dict[tuple[UUID, UUID | None, str, bool], list[tuple[Step, Enroll]]] = defaultdict(list)
    for step, wish in pairs:
        groups[wish.workflow_id, wish.action_id, wish.source, wish.unless_inside].append((step, wish))
    for workflow_id in sorted({workflow_id for workflow_id, *_ in groups}):
        if not try_share_workflow(workflow_id):
            raise Busy(f"the state of workflow {workflow_id} is being changed")
    admitted: list[Admission] = []
    verdicts: dict[UUID, Verdict] = {}
    for members in groups.values():
        wish = members[0][1]
        try:
            entrance = entrance_to(
                steps.account.id, wish.workflow_id, wish.source, now=steps.now, action_id=wish.action_id
            )
        except (Missing, Conflict, Invalid) as refusal:
            verdicts |= {step.execution_id: Verdict(refusal=refusal_code(refusal)) for step, _ in members}
            continue
        refusals = refusals_of(steps.account.id, entrance, members)
        verdicts |= {execution_id: Verdict(refusal=code) for execution_id, code in refusals.items()}
        entries = [
            (step, Entry(step.contact.id, step.depth + 1, each.data))
            for step, each in members
            if step.execution_id not in refusals
        ]
        admitted.append(Admission(entrance, entries))
    return admitted, verdicts


def refusals_of(account_id: UUID, entrance: Entrance, members: Sequence[tuple[Step, Enroll]]) -> dict[UUID, str]:
    """Return why contacts may not take the entrance, by the execution that took the step."""
    contact_ids = [step.contact.id for step, _ in members]
    _, opted_out = hold_contacts(account_id, contact_ids)
    inside: set[UUID] = set()
    if members[0][1].unless_inside and entrance.reentry == Reentry.MULTIPLE:
        inside = set(contacts_inside(entrance.plan.workflow_id, contact_ids))
    refusals = {}
    for step, wish in members:
        if step.depth >= settings.ENGINE["maximum_depth"]:
            refusals[step.execution_id] = "loop_guard"
        elif step.contact.id in opted_out:
            refusals[step.execution_id] = "contact_opted_out"
        elif step.contact.id in inside and not wish.replaces:
            refusals[step.execution_id] = "already_enrolled"
    return refusals


def enter(admission: Admission) -> dict[UUID, Verdict]:
    """Begin the executions; the re-entry rule decides."""
    begun = insert_each(admission.entrance, [entry for _, entry in admission.entries])
    if begun:
        wake(Tick.ADVANCE)
    return {
        step.execution_id: Verdict(begun[entry.contact_id])
        if entry.contact_id in begun
        else Verdict(refusal="already_enrolled")
        for step, entry in admission.entries
    }


def refusal_code(refusal: Missing | Conflict | Invalid) -> str:
    if isinstance(refusal, Missing):
        return REFUSED_MISSING
    return refusal.problem.code if isinstance(refusal, Conflict) else refusal.problems[0].code


def contacts_inside(workflow_id: UUID, contact_ids: Sequence[UUID]) -> list[UUID]:
    """Return which of the contacts, all locked, are inside the workflow."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT contact_id FROM workflow_executions
            WHERE workflow_id = %s AND contact_id = ANY(%s::uuid[])
                  AND status IN ('queued', 'active', 'waiting', 'paused')
            """,
            [workflow_id, arrays.ids(contact_ids)],
        )
        return [row[0] for row in cursor.fetchall()]

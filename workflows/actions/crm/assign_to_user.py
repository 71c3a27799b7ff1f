"""The action `assign_to_user`."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ValidationError

from accounts.problems import Problem
from workflows.actions.base import Category, Step, StepBatch
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Failed, Outcome, Skipped
from workflows.actions.registry import registry
from workflows.actions.set_based import INVALID_CONFIG, REJECTED, SetBasedAction
from workflows.configs.fields import BooleanField, ChoiceField
from workflows.configs.references import ReferenceField
from workflows.crm.refusals import Refused
from workflows.crm.services.assignment import give_to_least_busy, has_active_members, take_turns
from workflows.crm.services.contacts import FieldChange, FieldDelta, update_contacts
from workflows.crm.services.notifications import NewNotification, notify_many

SPECIFIC, ROUND_ROBIN, LEAST_BUSY = "specific", "round_robin", "least_busy"
LABELS = {SPECIFIC: "To one member", ROUND_ROBIN: "In turn within a team", LEAST_BUSY: "To the least busy of a team"}
NOBODY = "The team has no active member; add one, or choose another team."


@registry.register
class AssignToUser(SetBasedAction[Step]):
    """Make a member the contact's owner.

    `round_robin` goes through the team's active members in turn: of n·k contacts each of k members gets exactly n.
    `least_busy` chooses the active member who has the fewest present contacts and open opportunities of their own and
    open tasks, all counted together. A contact that has the owner already stays as it is and no event is recorded.
    """

    slug = "assign_to_user"
    label = "Assign to user"
    category = Category.CRM
    icon = "assignment_ind"
    example = {"assignment_type": "round_robin", "team_id": "0199c0de-0000-7000-8000-000000000003"}
    results = {
        "user_id": "Id of the member who is the owner.",
        "previous_user_id": "Id of the owner before, or null.",
        "changed": "Whether the owner is another than before.",
    }
    events = ("contact_updated", "contact_assigned")

    class Config(ActionConfig):
        assignment_type = ChoiceField(
            [SPECIFIC, ROUND_ROBIN, LEAST_BUSY],
            help_text="`specific`: the member `user_id`; `round_robin` and `least_busy`: one of the team `team_id`.",
        )
        user_id = ReferenceField("user", required=False, help_text="With `specific`: id of an active member.")
        team_id = ReferenceField("team", required=False, help_text="With the others: id of a team.")
        only_if_unassigned = BooleanField(
            default=False, help_text="Whether a contact that has an owner keeps that one; the step is skipped then."
        )
        notify_assignee = BooleanField(default=True, help_text="Whether the new owner is told in the application.")

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            needed, other = ("user_id", "team_id") if attrs["assignment_type"] == SPECIFIC else ("team_id", "user_id")
            errors = {}
            if needed not in attrs:
                errors[needed] = ValidationError(f"{attrs['assignment_type']} needs it.", code="required").detail
            if other in attrs:
                detail = f"Leave it out with {attrs['assignment_type']}."
                errors[other] = ValidationError(detail, code="invalid").detail
            if errors:
                raise ValidationError(errors)
            return attrs

    def unready(self, config: Mapping[str, Any], *, account_id: UUID) -> Sequence[Problem]:
        team_id = config.get("team_id")
        if team_id and not has_active_members(account_id=account_id, team_id=UUID(team_id)):
            return [Problem("team_empty", NOBODY, "team_id")]
        return []

    def prepare(self, step: Step, config: Mapping[str, Any]) -> Step:
        return step

    def write(self, batch: StepBatch, drafts: Sequence[Step]) -> Sequence[Outcome]:
        keeps_owner = batch.config["only_if_unassigned"]
        assigned = [step for step in drafts if not (keeps_owner and step.contact.owner_id)]
        outcomes = dict(zip(assigned, assign(batch, assigned), strict=True))
        return [outcomes.get(step) or Skipped("The contact has an owner already.", kept(step)) for step in drafts]

    def summary(self, config: Mapping[str, Any]) -> str:
        return LABELS.get(str(config.get("assignment_type")), "")


def assign(batch: StepBatch, steps: Sequence[Step]) -> Sequence[Outcome]:
    """Give each contact an owner and tell those who are new."""
    user_ids = chosen(batch, steps)
    if len(user_ids) < len(steps):
        return [Failed(INVALID_CONFIG, NOBODY)] * len(steps)
    changes = [
        FieldChange(step.contact, {"owner_id": user_id}, step.cause)
        for step, user_id in zip(steps, user_ids, strict=True)
    ]
    answers = update_contacts(account_id=batch.account.id, actor=batch.actor, changes=changes, now=batch.now)
    given = [
        (user_id, step)
        for user_id, step, answer in zip(user_ids, steps, answers, strict=True)
        if not isinstance(answer, Refused) and answer
    ]
    if batch.config["notify_assignee"]:
        notify(batch, given)
    return [outcome(user_id, answer) for user_id, answer in zip(user_ids, answers, strict=True)]


def chosen(batch: StepBatch, steps: Sequence[Step]) -> Sequence[UUID]:
    """Return the new owner of each contact; nobody when the team has no active member."""
    config, account_id = batch.config, batch.account.id
    if config["assignment_type"] == SPECIFIC:
        return [UUID(config["user_id"])] * len(steps)
    team_id = UUID(config["team_id"])
    if config["assignment_type"] == ROUND_ROBIN:
        return take_turns(account_id=account_id, team_id=team_id, count=len(steps), now=batch.now)
    owner_ids = [step.contact.owner_id for step in steps]
    return give_to_least_busy(account_id=account_id, team_id=team_id, owner_ids=owner_ids)


def notify(batch: StepBatch, given: Sequence[tuple[UUID, Step]]) -> None:
    """Tell each new owner once, however many contacts they got; while they have not read it, the count goes up."""
    by_owner: dict[UUID, list[Step]] = {}
    for user_id, step in given:
        by_owner.setdefault(user_id, []).append(step)
    notifications = [
        NewNotification(
            recipient_id=user_id,
            kind="contact_assigned",
            title=title(steps),
            message=f"Assigned by the workflow {batch.workflow.name}.",
            workflow_id=batch.workflow.id,
            execution_id=steps[-1].execution_id,
            topic=f"contact_assigned:{batch.workflow.id}",
            count=len(steps),
        )
        for user_id, steps in by_owner.items()
    ]
    notify_many(account_id=batch.account.id, notifications=notifications, now=batch.now)


def title(steps: Sequence[Step]) -> str:
    contact = steps[-1].contact
    name = f"{contact.first_name} {contact.last_name}".strip() or contact.email or contact.phone or "A contact"
    return f"{name} is assigned to you" if len(steps) == 1 else f"{name} and others are assigned to you"


def kept(step: Step) -> dict[str, Any]:
    owner_id = str(step.contact.owner_id)
    return {"user_id": owner_id, "previous_user_id": owner_id, "changed": False}


def outcome(user_id: UUID, answer: Mapping[str, FieldDelta] | Refused) -> Outcome:
    if isinstance(answer, Refused):
        is_gone = any(problem.code == "user_not_found" for problem in answer.problems)
        return Failed(INVALID_CONFIG if is_gone else REJECTED, answer.detail)
    delta = answer.get("owner_id")
    previous = delta["from"] if delta else str(user_id)
    return Done({"user_id": str(user_id), "previous_user_id": previous, "changed": delta is not None})

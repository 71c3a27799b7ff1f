"""What workflows refer to: kept in the index of the records with every change, and asked by workflow.

An object is in use by the actions and triggers that people edit, of every workflow that is not deleted, and by the
steps of versions that contacts are inside.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q

from accounts.problems import Conflict, Invalid, Problem
from accounts.scoping import AccountQuerySet
from workflows.actions.registry import UnknownActionType
from workflows.actions.registry import registry as action_types
from workflows.configs.names import CUSTOM_FIELD, NUMBER_KINDS, TAG
from workflows.configs.references import KINDS, missing_detail
from workflows.configs.sms import NO_SUCH_NUMBER
from workflows.crm.models import Usage
from workflows.crm.services import usages
from workflows.crm.services.contacts.reading import hold_definitions
from workflows.crm.services.tags import find_tags
from workflows.crm.services.usages import Holder, Part, Reference, Target
from workflows.messaging.services.twilio_connections import with_number
from workflows.models import ENDED_STATUSES, Action, Trigger, Workflow, WorkflowExecution, WorkflowStatus
from workflows.triggers.registry import UnknownTriggerType
from workflows.triggers.registry import registry as trigger_types

PATH_LENGTH = 1000
USERS_SHOWN = 10
PARTS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class NamedUsage:
    """A place that refers to an object, with its workflow."""

    usage: Usage
    workflow: Workflow


def of_action(action: Action) -> tuple[Part, list[Reference]]:
    """Return what an action refers to; nothing where its type is not known any more."""
    part = Part(action.workflow_id, action.action_type, action_id=action.id, key=action.key)
    try:
        kind = action_types.get(action.action_type)
    except UnknownActionType:
        return part, []
    config = action.action_config
    return part, [*_references("action_config", kind.references(config), kind.names(config))]


def of_trigger(trigger: Trigger) -> tuple[Part, list[Reference]]:
    """Return what a trigger refers to; nothing where its type is not known any more."""
    part = Part(trigger.workflow_id, trigger.trigger_type, trigger_id=trigger.id)
    try:
        kind = trigger_types.get(trigger.trigger_type)
    except UnknownTriggerType:
        return part, []
    return part, [*_references("settings", kind.references(trigger.settings), kind.names(trigger.settings))]


def remember(*, actions: Collection[Action] = (), triggers: Collection[Trigger] = ()) -> None:
    """Bring the index up to date with actions and triggers of one account as they are being saved."""
    parts = [*map(of_action, actions), *map(of_trigger, triggers)]
    if parts:
        account_id = next(iter([*actions, *triggers])).account_id
        usages.set_usages(account_id=account_id, parts=parts)


def hold(part: Action | Trigger) -> None:
    """Keep what an action or a trigger refers to from being deleted until the transaction ends.

    Raises Invalid (`<kind>_not_found`) when it was deleted since its config was checked: whoever deletes an object
    locks its row, then asks the index.
    """
    _, references = of_action(part) if isinstance(part, Action) else of_trigger(part)
    hold_references(references, account_id=part.account_id)


def hold_references(references: Collection[Reference], *, account_id: UUID) -> None:
    """Keep objects from being deleted until the transaction ends; raises Invalid (`<kind>_not_found`)."""
    by_id = [reference for reference in references if reference.object_id is not None]
    present: set[tuple[str, UUID]] = set()
    for name in sorted({reference.kind for reference in by_id}):
        kind = KINDS[name]
        wanted = {reference.object_id for reference in by_id if reference.kind == name and reference.object_id}
        rows = kind.find(account_id, *wanted).select_for_update(of=("self",), no_key=True).order_by("pk")
        present.update((name, object_id) for object_id in rows.values_list(kind.id_field, flat=True))
    problems = [
        Problem(f"{reference.kind}_not_found", missing_detail(reference.kind), reference.path)
        for reference in by_id
        if (reference.kind, reference.object_id) not in present
    ]
    if problems:
        raise Invalid(*problems)
    if tags := {each.name for each in references if each.kind == TAG and each.name}:
        find_tags(account_id=account_id, folded_names=tags)
    if keys := {each.name for each in references if each.kind == CUSTOM_FIELD and each.name}:
        hold_definitions(account_id=account_id, keys=keys)
    hold_numbers([each for each in references if each.kind in NUMBER_KINDS.values()], account_id=account_id)


def hold_numbers(references: Collection[Reference], *, account_id: UUID) -> None:
    """Keep connections from losing these numbers until the transaction ends; raises Invalid (`number_not_found`)."""
    types = {kind: done for done, kind in NUMBER_KINDS.items()}
    problems = []
    for reference in sorted(references, key=lambda each: (each.name, each.kind)):
        done = types[reference.kind]
        connections = with_number(account_id, reference.name, types=[done])
        if not list(connections.select_for_update(no_key=True)):
            problems.append(Problem("number_not_found", NO_SUCH_NUMBER[done], reference.path))
    if problems:
        raise Invalid(*problems)


def forget_left_versions(*, account_id: UUID, targets: Collection[Target]) -> None:
    """Forget what versions refer to that nobody is inside of and nobody can enter."""
    rows = usages.usages_of(account_id=account_id, targets=targets).filter(version__isnull=False)
    active = Workflow.objects.filter(
        id=OuterRef("workflow_id"), status=WorkflowStatus.ACTIVE, version=OuterRef("version"), deleted_at=None
    )
    rows.filter(~_inside(), ~Exists(active)).delete()


def usages_of(*, account_id: UUID, targets: Collection[Target]) -> AccountQuerySet:
    """Return the places that refer to objects, each once: those of versions only where nobody edits the like."""
    rows = usages.usages_of(account_id=account_id, targets=targets)
    the_like = rows.filter(
        workflow_id=OuterRef("workflow_id"), action_id=OuterRef("action_id"), path=OuterRef("path")
    ).filter(Q(version=None) | Q(version__gt=OuterRef("version")))
    ran = Q(_inside(), ~Exists(the_like))
    return rows.filter(Q(version=None) | ran).order_by("workflow_id", F("version").asc(nulls_first=True), "id")


def with_workflows(*, account_id: UUID, rows: Sequence[Usage]) -> list[NamedUsage]:
    """Return the places with their workflows, by one query."""
    found = Workflow.objects.for_account(account_id).in_bulk({row.workflow_id for row in rows})
    return [NamedUsage(row, found[row.workflow_id]) for row in rows if row.workflow_id in found]


@contextmanager
def in_use_named(*, account_id: UUID) -> Iterator[None]:
    """Say in a refusal which workflows and actions refer to the object."""
    try:
        yield
    except usages.InUse as refusal:
        found = with_workflows(account_id=account_id, rows=refusal.usages)
        raise Conflict("in_use", _sentence(refusal.target, found, refusal.holders)) from None


def _sentence(target: Target, found: Sequence[NamedUsage], holders: Sequence[Holder]) -> str:
    parts: dict[str, list[str]] = {}
    for each in found:
        part = each.usage.key or f"trigger {each.usage.part_type}"
        keys = parts.setdefault(each.workflow.name, [])
        if part not in keys:
            keys.append(part)
    users = [f"“{name}” ({', '.join(keys[:PARTS_SHOWN])})" for name, keys in parts.items()]
    users += [f"the {holder.kind} “{holder.name}”" for holder in holders]
    more = len(users) - USERS_SHOWN
    listed = ", ".join(users[:USERS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    thing = target.kind.replace("_", " ") + (f" {target.name}" if target.kind in NUMBER_KINDS.values() else "")
    return f"The {thing} is used by {listed}; change those first."


def _inside() -> Exists:
    return Exists(
        WorkflowExecution.objects.filter(
            workflow_id=OuterRef("workflow_id"), version__number=OuterRef("version")
        ).exclude(status__in=ENDED_STATUSES)
    )


def _references(
    field: str, by_id: Collection[tuple[str, UUID, str]], by_name: Collection[tuple[str, str, str]]
) -> Iterator[Reference]:
    for kind, object_id, path in by_id:
        yield Reference(kind, _path(field, path), object_id=object_id)
    for kind, name, path in by_name:
        yield Reference(kind, _path(field, path), name=name)


def _path(field: str, path: str) -> str:
    return f"{field}.{path}"[:PATH_LENGTH]

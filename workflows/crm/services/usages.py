"""The index of what workflows refer to: written by authoring, asked before an object goes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from uuid_utils.compat import uuid7

from accounts.problems import Conflict
from accounts.scoping import AccountQuerySet
from workflows.crm.models import Campaign, Course, Usage


@dataclass(frozen=True, slots=True)
class Reference:
    """One object that a part of a workflow refers to, by its id or by its name (a tag's folded, a field's key)."""

    kind: str
    path: str
    object_id: UUID | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """An action or a trigger of a workflow."""

    workflow_id: UUID
    part_type: str
    action_id: UUID | None = None
    trigger_id: UUID | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """An object that workflows may refer to: by id, and where people write its name, also by that."""

    kind: str
    object_id: UUID
    name: str = ""

    @property
    def condition(self) -> Q:
        by_name = Q(kind=self.kind, name=self.name) if self.name else Q()
        return Q(kind=self.kind, object_id=self.object_id) | by_name


@dataclass(frozen=True, slots=True)
class Holder:
    """A record that refers to an object by a field of its own, as a course does to the template of its welcome."""

    kind: str
    id: UUID
    name: str
    field: str


HOLDERS: Mapping[str, tuple[str, type[Campaign] | type[Course], str]] = {
    "template": ("course", Course, "welcome_template_id"),
    "workflow": ("campaign", Campaign, "workflow_id"),
}
"""By the kind of an object, the kind of records that refer to such objects, their model and its field."""


class InUse(Conflict):
    """Workflows or records refer to what was to be deleted; `usages` and `holders` say where.

    Authoring knows the workflows' names.
    """

    def __init__(self, target: Target, usages: Sequence[Usage], holders: Sequence[Holder] = ()) -> None:
        thing = target.kind.replace("_", " ")
        super().__init__("in_use", f"Others refer to this {thing}; change them first.")
        self.target = target
        self.usages = usages
        self.holders = holders


def set_usages(*, account_id: UUID, parts: Sequence[tuple[Part, Sequence[Reference]]]) -> None:
    """Remember what each part, as people edit it, refers to, in place of what was remembered of it."""
    forget_parts(account_id=account_id, part_ids=[_id(part) for part, _ in parts])
    Usage.objects.bulk_create(
        Usage(
            account_id=account_id,
            kind=reference.kind,
            object_id=reference.object_id,
            name=reference.name,
            workflow_id=part.workflow_id,
            action_id=part.action_id,
            trigger_id=part.trigger_id,
            key=part.key,
            part_type=part.part_type,
            path=reference.path,
        )
        for part, references in parts
        for reference in references
    )


def forget_parts(*, account_id: UUID, part_ids: Collection[UUID]) -> None:
    """Forget what these actions and triggers, as people edit them, refer to: they are gone or change."""
    edited = Usage.objects.for_account(account_id).filter(version=None)
    edited.filter(Q(action_id__in=part_ids) | Q(trigger_id__in=part_ids)).delete()


def forget_workflow(*, account_id: UUID, workflow_id: UUID) -> None:
    """Forget what a workflow refers to, in all of its versions: it is deleted and nobody is inside."""
    Usage.objects.for_account(account_id).filter(workflow_id=workflow_id).delete()


def keep_version(*, account_id: UUID, workflow_id: UUID, version: int) -> None:
    """Remember for a version what the workflow's actions refer to now, as it is activated."""
    of_workflow = Usage.objects.for_account(account_id).filter(workflow_id=workflow_id)
    of_workflow.filter(version=version).delete()
    rows = list(of_workflow.filter(version=None, action_id__isnull=False))
    for row in rows:
        row.id, row.version = uuid7(), version
    Usage.objects.bulk_create(rows)


def usages_of(*, account_id: UUID, targets: Collection[Target]) -> AccountQuerySet:
    """Return every place that refers to one of the objects."""
    wanted = Q(pk__in=[])
    for target in targets:
        wanted |= target.condition
    return Usage.objects.for_account(account_id).filter(wanted)


def holders_of(*, account_id: UUID, target: Target) -> list[Holder]:
    """Return the records that refer to the object, by name; no query for kinds that none refers to."""
    if target.kind not in HOLDERS:
        return []
    kind, model, field = HOLDERS[target.kind]
    rows = model.objects.for_account(account_id).filter(**{field: target.object_id}).order_by("name", "id")
    return [Holder(kind, row.id, row.name, field) for row in rows]


def require_unused(*, account_id: UUID, target: Target, besides_workflow_id: UUID | None = None) -> None:
    """Raise InUse when a workflow or a record refers to the object.

    Asked with the object's row locked for deletion: authoring holds the rows of what it refers to until it has written
    the index, so that one of the two waits for the other and then sees what it did.
    """
    usages = usages_of(account_id=account_id, targets=[target])
    if besides_workflow_id is not None:
        usages = usages.exclude(workflow_id=besides_workflow_id)
    found, holders = list(usages), holders_of(account_id=account_id, target=target)
    if found or holders:
        raise InUse(target, found, holders)


def _id(part: Part) -> UUID:
    part_id = part.action_id or part.trigger_id
    assert part_id is not None
    return part_id

"""Creating, changing, copying and deleting workflows; their states are changed in publishing.py.

With an `expected_revision`, what is done to an existing workflow is Stale when it is at another one by now.
"""

import unicodedata
import zoneinfo
from collections.abc import Mapping
from typing import Any, TypedDict
from uuid import UUID

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Lower

from accounts import audit
from accounts.actors import Actor
from accounts.models import Account, Membership
from accounts.problems import Conflict, Invalid, Missing, Problem
from workflows.authoring.action_fields import below, field_problems
from workflows.authoring.auditing import differences, workflow_facts
from workflows.authoring.editing import ChainEdit, lock_workflow, require_editable, save_changed
from workflows.authoring.ordering import placed
from workflows.authoring.usages import in_use_named, remember
from workflows.crm.services.usages import Target, forget_workflow, require_unused
from workflows.engine import clock
from workflows.engine.holding import cancel_executions
from workflows.engine.locks import lock_workflow_exclusively
from workflows.models import Action, CompletionReason, Trigger, Workflow, WorkflowStatus

NAME_LENGTH = 100
SETTINGS_OF_A_VERSION = ("reentry", "timezone")
SETTINGS = (*SETTINGS_OF_A_VERSION, "notify_on_failure")


class WorkflowChanges(TypedDict, total=False):
    """What may be changed of a workflow; what is left out stays as it is, also within `settings`."""

    name: str
    description: str
    owner_id: UUID
    settings: Mapping[str, Any]


@transaction.atomic
def create_workflow(
    *,
    account_id: UUID,
    actor: Actor,
    name: str,
    description: str = "",
    owner_id: UUID | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Workflow:
    """Create a draft; its owner is the given member, else the acting user.

    Refused: `workflow_limit_reached`, `name_taken`, and everything wrong with the fields at once.
    """
    account = lock_account(account_id)
    workflow = Workflow(
        account_id=account_id, owner_id=actor.user_id, created_by_id=actor.user_id, updated_by_id=actor.user_id
    )
    changes: WorkflowChanges = {"name": name, "description": description, "settings": settings or {}}
    if owner_id is not None:
        changes["owner_id"] = owner_id
    _assign(workflow, changes)
    require_room(account)
    require_free_name(workflow)
    workflow.save(force_insert=True)
    _record(workflow, actor, "workflow.created", before={})
    return workflow


@transaction.atomic
def update_workflow(
    *,
    account_id: UUID,
    actor: Actor,
    workflow_id: UUID,
    changes: WorkflowChanges,
    expected_revision: int | None = None,
) -> Workflow:
    """Change name, description, owner and `notify_on_failure` at any time, the other settings in a draft or paused one.

    `reentry` and `timezone` are part of a version, hence the difference (`workflow_must_be_in_draft`).
    """
    if "name" in changes:
        lock_account(account_id)
    workflow = lock_workflow(account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision)
    before = workflow_facts(workflow)
    _assign(workflow, changes)
    changed, _ = differences(before, workflow_facts(workflow))
    if not changed:
        return workflow
    if not changed.keys().isdisjoint(SETTINGS_OF_A_VERSION):
        require_editable(workflow)
    if "name" in changed:
        require_free_name(workflow)
    columns = {"owner_id" if name == "owner" else name for name in changed}
    save_changed(workflow, actor=actor, **{column: getattr(workflow, column) for column in columns})
    _record(workflow, actor, "workflow.updated", before=before)
    return workflow


@transaction.atomic
def delete_workflow(*, account_id: UUID, actor: Actor, workflow_id: UUID, expected_revision: int | None = None) -> None:
    """Delete a workflow softly: it is no longer found, its name is free, contacts inside are cancelled.

    Refused: `invalid_transition` while it is active, `in_use` while another workflow or a campaign refers to it.
    """
    require_present(account_id=account_id, workflow_id=workflow_id)
    lock_workflow_exclusively(workflow_id)
    workflow = lock_workflow(account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision)
    if workflow.status == WorkflowStatus.ACTIVE:
        raise Conflict("invalid_transition", "An active workflow cannot be deleted; pause or archive it first.")
    with in_use_named(account_id=account_id):
        require_unused(account_id=account_id, target=Target("workflow", workflow_id), besides_workflow_id=workflow_id)
    before = workflow_facts(workflow)
    now = clock.now()
    save_changed(workflow, actor=actor, deleted_at=now)
    cancel_executions(workflow_id, CompletionReason.WORKFLOW_ARCHIVED, now)
    forget_workflow(account_id=account_id, workflow_id=workflow_id)
    audit.record(
        account_id=account_id,
        actor=actor,
        verb="workflow.deleted",
        object_type="workflow",
        object_id=workflow_id,
        before=before,
    )


@transaction.atomic
def clone_workflow(
    *,
    account_id: UUID,
    actor: Actor,
    workflow_id: UUID,
    name: str | None = None,
    expected_revision: int | None = None,
) -> Workflow:
    """Copy settings, triggers and actions into a new draft; without a name it is called “… copy”, “… copy 2”, …"""
    account = lock_account(account_id)
    source = lock_workflow(account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision)
    copy = Workflow(
        account_id=account_id, owner_id=actor.user_id, created_by_id=actor.user_id, updated_by_id=actor.user_id
    )
    _assign(
        copy,
        {
            "name": name if name is not None else free_name(source),
            "description": source.description,
            "settings": {setting: getattr(source, setting) for setting in SETTINGS},
        },
    )
    require_room(account)
    require_free_name(copy)
    copy.save(force_insert=True)
    _copy_triggers(source, copy)
    _copy_actions(source, copy, actor)
    audit.record(
        account_id=account_id,
        actor=actor,
        verb="workflow.cloned",
        object_type="workflow",
        object_id=copy.id,
        after={**workflow_facts(copy), "cloned_from": str(source.id)},
    )
    return copy


def lock_account(account_id: UUID) -> Account:
    """Lock the account's row, under which workflows are counted and named; taken before any workflow's row."""
    return Account.objects.select_for_update(no_key=True).get(id=account_id)


def require_present(*, account_id: UUID, workflow_id: UUID) -> None:
    """Raise Missing unless the account has the workflow: asked before a lock that goes by the id alone."""
    if not Workflow.objects.for_account(account_id).present().filter(id=workflow_id).exists():
        raise Missing


def require_room(account: Account) -> None:
    if Workflow.objects.for_account(account.id).present().count() >= account.workflow_limit:
        raise Conflict(
            "workflow_limit_reached",
            f"The account has its {account.workflow_limit} workflows already; delete one or have the limit raised.",
        )


def require_free_name(workflow: Workflow) -> None:
    namesakes = (
        Workflow.objects.for_account(workflow.account_id)
        .present()
        .exclude(id=workflow.id)
        .alias(folded_name=Lower("name"))
        .filter(folded_name=Lower(Value(workflow.name)))
    )
    if namesakes.exists():
        raise Conflict(
            "name_taken", f"The account has a workflow called {workflow.name!r}; choose another name.", "name"
        )


def free_name(source: Workflow) -> str:
    """Return the first of “… copy”, “… copy 2”, … that no workflow of the account has, within the name's length."""
    taken = set(
        Workflow.objects.for_account(source.account_id)
        .present()
        .annotate(folded_name=Lower("name"))
        .values_list("folded_name", flat=True)
    )
    suffix, number = " copy", 1
    while (name := source.name[: NAME_LENGTH - len(suffix)].rstrip() + suffix).lower() in taken:
        number += 1
        suffix = f" copy {number}"
    return name


def _assign(workflow: Workflow, changes: WorkflowChanges) -> None:
    """Give the workflow the changed values, or refuse with everything that is wrong with them."""
    problems: list[Problem] = []
    if "name" in changes:
        workflow.name = unicodedata.normalize("NFC", changes["name"]).strip()
        problems += field_problems(workflow, ["name"])
    if "description" in changes:
        workflow.description = changes["description"]
        problems += field_problems(workflow, ["description"])
    if "owner_id" in changes:
        workflow.owner_id = changes["owner_id"]
        if not _is_member(workflow.account_id, changes["owner_id"]):
            problems.append(
                Problem(
                    "user_not_found", "The account has no active member with this id; name one of its members.", "owner"
                )
            )
    problems += [below("settings", problem) for problem in _assign_settings(workflow, changes.get("settings", {}))]
    if problems:
        raise Invalid(*problems)


def _assign_settings(workflow: Workflow, settings: Mapping[str, Any]) -> list[Problem]:
    problems = []
    for name, value in settings.items():
        if name not in SETTINGS:
            problems.append(Problem("unknown_field", f"There is no setting {name!r}; use {', '.join(SETTINGS)}.", name))
            continue
        setattr(workflow, name, value)
        flaws = field_problems(workflow, [name])
        if not flaws and name == "timezone" and value and value not in zoneinfo.available_timezones():
            flaws = [
                Problem("invalid_choice", "Name an IANA time zone, such as Europe/Berlin, or leave it empty.", name)
            ]
        problems += flaws
    return problems


def _is_member(account_id: UUID, user_id: UUID) -> bool:
    return (
        Membership.objects.for_account(account_id)
        .filter(user_id=user_id, is_active=True, user__is_active=True)
        .exists()
    )


def _copy_triggers(source: Workflow, copy: Workflow) -> None:
    copies = Trigger.objects.bulk_create(
        [
            Trigger(
                account_id=copy.account_id,
                workflow=copy,
                trigger_type=trigger.trigger_type,
                filters=trigger.filters,
                settings=trigger.settings,
                is_active=trigger.is_active,
            )
            for trigger in Trigger.objects.for_account(source.account_id).filter(workflow=source)
        ]
    )
    remember(triggers=copies)


def _copy_actions(source: Workflow, copy: Workflow, actor: Actor) -> None:
    originals = [item.action for item in placed(ChainEdit(source).lists)]
    copies: dict[UUID | None, Action] = {}
    for original in originals:
        previous = copies.get(original.previous_action_id)
        copies[original.id] = Action(
            account_id=copy.account_id,
            workflow=copy,
            key=original.key,
            action_type=original.action_type,
            action_config=original.action_config,
            name=original.name,
            previous_action=previous,
            branch_id=original.branch_id,
            is_enabled=original.is_enabled,
            on_error=original.on_error,
            retry=original.retry,
            created_by_id=actor.user_id,
            updated_by_id=actor.user_id,
        )
    remember(actions=Action.objects.bulk_create(copies.values()))
    ChainEdit(copy).check()


def _record(workflow: Workflow, actor: Actor, verb: str, *, before: Mapping[str, Any]) -> None:
    old, new = differences(before, workflow_facts(workflow))
    audit.record(
        account_id=workflow.account_id,
        actor=actor,
        verb=verb,
        object_type="workflow",
        object_id=workflow.id,
        before=old if before else None,
        after=new,
    )

"""Workflows, versions and executions from few words; contacts come from `workflows.crm.tests.factories`."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from accounts.tests.factories import AccountFactory
from workflows.actions.registry import registry
from workflows.authoring.ordering import ordered_lists, placed
from workflows.authoring.snapshots import definition_of
from workflows.authoring.usages import remember
from workflows.crm.services.usages import keep_version
from workflows.crm.tests.factories import ContactFactory
from workflows.models import (
    Action,
    ActionExecution,
    ActionExecutionStatus,
    CompletionReason,
    ExecutionStatus,
    Reentry,
    Trigger,
    Workflow,
    WorkflowExecution,
    WorkflowStatus,
    WorkflowVersion,
)

Link = str | tuple[str, Mapping[str, Any]]
"""A type's slug (its example config is used), or the slug and a config."""


class ActionFactory(DjangoModelFactory[Action]):
    """A step with its type's example config; stands alone unless `previous_action` is given."""

    workflow = factory.SubFactory("workflows.tests.factories.WorkflowFactory")
    account = factory.SelfAttribute("workflow.account")
    action_type = "add_tag"
    key = factory.Sequence(lambda number: f"step_{number}")
    action_config = factory.LazyAttribute(lambda action: dict(registry.get(action.action_type).example))

    class Meta:
        model = Action
        skip_postgeneration_save = True

    @factory.post_generation
    def usages(action: Action, create: bool, extracted: Any, **_: Any) -> None:  # noqa: N805
        remember(actions=[action])


class TriggerFactory(DjangoModelFactory[Trigger]):
    workflow = factory.SubFactory("workflows.tests.factories.WorkflowFactory")
    account = factory.SelfAttribute("workflow.account")
    trigger_type = "manual"

    class Meta:
        model = Trigger
        skip_postgeneration_save = True

    @factory.post_generation
    def usages(trigger: Trigger, create: bool, extracted: Any, **_: Any) -> None:  # noqa: N805
        remember(triggers=[trigger])


class WorkflowFactory(DjangoModelFactory[Workflow]):
    """A draft; `chain=["add_tag", ("wait_time", {"duration": 1, "unit": "days"})]` gives it linked actions."""

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Workflow {number}")

    class Meta:
        model = Workflow
        skip_postgeneration_save = True

    @factory.post_generation
    def chain(workflow: Workflow, create: bool, extracted: Iterable[Link] | None, **_: Any) -> None:  # noqa: N805
        previous = None
        taken: list[str] = []
        for link in extracted or ():
            slug, config = (link, registry.get(link).example) if isinstance(link, str) else link
            taken.append(slug)
            number = taken.count(slug)
            previous = ActionFactory(
                workflow=workflow,
                action_type=slug,
                key=slug if number == 1 else f"{slug}_{number}",
                action_config=dict(config),
                previous_action=previous,
            )


class ActiveWorkflowFactory(WorkflowFactory):
    """An activated workflow with version 1; its chain is one `add_tag` unless given."""

    @factory.post_generation
    def published(workflow: Workflow, create: bool, extracted: Any, **_: Any) -> None:  # noqa: N805
        if not workflow.actions.exists():
            ActionFactory(workflow=workflow, key="add_tag")
        publish(workflow)


def in_order(workflow: Workflow) -> list[Action]:
    """Return the actions in list order."""
    return [item.action for item in placed(ordered_lists(workflow.actions.all()))]


def publish(workflow: Workflow) -> WorkflowVersion:
    """Snapshot the workflow as its next version and make it active."""
    workflow.version += 1
    workflow.status = WorkflowStatus.ACTIVE
    workflow.save(update_fields=["version", "status"])
    keep_version(account_id=workflow.account_id, workflow_id=workflow.id, version=workflow.version)
    return WorkflowVersion.objects.create(
        account=workflow.account,
        workflow=workflow,
        number=workflow.version,
        definition=definition_of(
            workflow, placed(ordered_lists(workflow.actions.all())), list(workflow.triggers.all())
        ),
    )


def latest_version(workflow: Workflow) -> WorkflowVersion:
    return workflow.versions.get(number=workflow.version)


def step_ids(workflow: Workflow) -> list[UUID]:
    """Return the ids of the steps of the latest version, in order."""
    return [UUID(action["id"]) for action in latest_version(workflow).definition["actions"]]


class ExecutionFactory(DjangoModelFactory[WorkflowExecution]):
    """A contact at the first step of an active workflow, `queued` and due now.

    Traits: `waiting=True` (with its log row), `failed=True` (with its log row), `completed=True`.
    """

    workflow = factory.SubFactory(ActiveWorkflowFactory)
    account = factory.SelfAttribute("workflow.account")
    version = factory.LazyAttribute(lambda execution: latest_version(execution.workflow))
    contact = factory.SubFactory(ContactFactory, account=factory.SelfAttribute("..workflow.account"))
    enrollment_source = "api"
    current_action_id = factory.LazyAttribute(lambda execution: step_ids(execution.workflow)[0])
    due_at = factory.LazyFunction(timezone.now)
    reentry_key = factory.LazyAttribute(
        lambda execution: None if execution.workflow.reentry == Reentry.MULTIPLE else "inside"
    )

    class Meta:
        model = WorkflowExecution
        skip_postgeneration_save = True

    class Params:
        waiting = factory.Trait(status=ExecutionStatus.WAITING, started_at=factory.LazyFunction(timezone.now), visits=1)
        failed = factory.Trait(
            status=ExecutionStatus.FAILED,
            completion_reason=CompletionReason.STEP_FAILED,
            error_message="The record does not exist.",
            started_at=factory.LazyFunction(timezone.now),
            completed_at=factory.LazyFunction(timezone.now),
            due_at=None,
            reentry_key=None,
            visits=1,
        )
        completed = factory.Trait(
            status=ExecutionStatus.COMPLETED,
            completion_reason=CompletionReason.FINISHED,
            started_at=factory.LazyFunction(timezone.now),
            completed_at=factory.LazyFunction(timezone.now),
            current_action_id=None,
            due_at=None,
            reentry_key=None,
        )

    @factory.post_generation
    def log(execution: WorkflowExecution, create: bool, extracted: Any, **_: Any) -> None:  # noqa: N805
        if execution.status == ExecutionStatus.WAITING:
            row = ActionExecutionFactory(workflow_execution=execution, status=ActionExecutionStatus.WAITING)
            execution.waiting_log_id = row.id  # type: ignore[attr-defined]  # untyped library
            execution.save(update_fields=["waiting_log_id"])
        elif execution.status == ExecutionStatus.FAILED:
            ActionExecutionFactory(
                workflow_execution=execution,
                status=ActionExecutionStatus.FAILED,
                error_class="invalid_config",
                error_message=execution.error_message,
            )


class ActionExecutionFactory(DjangoModelFactory[ActionExecution]):
    """The completed log row of the step that its execution stands at, at visit 0."""

    workflow_execution = factory.SubFactory(ExecutionFactory)
    account = factory.SelfAttribute("workflow_execution.account")
    workflow_id = factory.SelfAttribute("workflow_execution.workflow_id")
    contact_id = factory.SelfAttribute("workflow_execution.contact_id")
    action_id = factory.LazyAttribute(
        lambda row: row.workflow_execution.current_action_id or step_ids(row.workflow_execution.workflow)[0]
    )
    action_type = factory.LazyAttribute(lambda row: _step(row.workflow_execution, row.action_id)["action_type"])
    action_key = factory.LazyAttribute(lambda row: _step(row.workflow_execution, row.action_id)["key"])
    visit = 0
    status = ActionExecutionStatus.COMPLETED
    started_at = factory.LazyFunction(timezone.now)

    class Meta:
        model = ActionExecution


def _step(execution: WorkflowExecution, action_id: UUID) -> dict[str, Any]:
    return next(step for step in execution.version.definition["actions"] if step["id"] == str(action_id))

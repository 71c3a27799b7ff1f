"""What keeps a workflow from being activated, and what its author should know: everything at once."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from accounts.problems import Missing
from workflows.authoring.action_fields import config_problems
from workflows.authoring.finding import Finding, Severity
from workflows.authoring.loops import jump_findings, start_findings
from workflows.authoring.ordering import PlacedAction, ordered_lists, placed
from workflows.authoring.references import steps_used
from workflows.authoring.trigger_fields import trigger_problems
from workflows.models import Action, Trigger, Workflow


def validate_workflow(*, account_id: UUID, workflow_id: UUID) -> list[Finding]:
    """Return everything that is wrong with a workflow, without changing anything."""
    workflow = Workflow.objects.for_account(account_id).present().filter(id=workflow_id).first()
    if workflow is None:
        raise Missing
    items = placed(ordered_lists(Action.objects.for_account(account_id).filter(workflow=workflow)))
    return findings(items, list(Trigger.objects.for_account(account_id).filter(workflow=workflow)))


def findings(items: Sequence[PlacedAction], triggers: Sequence[Trigger]) -> list[Finding]:
    """Return everything that is wrong with these actions, in list order, and these triggers."""
    actions = [item.action for item in items]
    return [
        *_of_the_list(items),
        *(finding for action in actions for finding in _of_the_config(action)),
        *_of_references(items),
        *jump_findings(actions),
        *start_findings(actions),
        *_of_triggers(triggers),
    ]


def _of_the_list(items: Sequence[PlacedAction]) -> Iterator[Finding]:
    if not any(item.action.is_enabled for item in items):
        yield Finding("no_enabled_action", "Add an action or enable one; the workflow would do nothing.", "actions")


def _of_the_config(action: Action) -> Iterator[Finding]:
    for problem in config_problems(action):
        yield Finding(problem.code, problem.detail, f"actions.{action.id}.{problem.attr}", action_id=action.id)


def _of_references(items: Sequence[PlacedAction]) -> Iterator[Finding]:
    """Report `steps.<key>` of keys that do not exist (error) or whose step has not run by then (warning)."""
    keys = {item.action.key for item in items}
    earlier: set[str] = set()
    for action in (item.action for item in items):
        for path, key in steps_used(action):
            attr = f"actions.{action.id}.{path}"
            if key not in keys:
                detail = f"The step uses `steps.{key}`, but no action has the key {key!r}."
                yield Finding("step_not_found", detail, attr, action_id=action.id)
            elif key not in earlier:
                detail = f"The step uses `steps.{key}`, which has no result yet when this step is taken."
                yield Finding("step_not_before", detail, attr, Severity.WARNING, action.id)
        earlier.add(action.key)


def _of_triggers(triggers: Sequence[Trigger]) -> Iterator[Finding]:
    if not any(trigger.is_active for trigger in triggers):
        detail = "No trigger is active: contacts are enrolled by hand and by the API only."
        yield Finding("no_trigger", detail, "triggers", Severity.WARNING)
    for trigger in triggers:
        for problem in trigger_problems(trigger):
            yield Finding(problem.code, problem.detail, f"triggers.{trigger.id}.{problem.attr}")

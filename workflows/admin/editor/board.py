"""What the board shows of a workflow: its steps as cards, its triggers, its counts; by a constant number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from workflows.actions.base import Category
from workflows.actions.registry import registry as action_types
from workflows.admin.editor.opening import Editing
from workflows.analytics.enrollments import NOBODY, EnrollmentCounts, contacts_at_steps, enrollment_counts
from workflows.authoring.chain import list_actions
from workflows.authoring.ordering import PlacedAction
from workflows.authoring.publishing import has_unpublished_changes
from workflows.authoring.references import kind_of
from workflows.authoring.validation import Finding, Severity, findings
from workflows.models import Action, Trigger, WorkflowVersion
from workflows.triggers.registry import UnknownTriggerType
from workflows.triggers.registry import registry as trigger_types

UNKNOWN_ICON = "help"
UNKNOWN_TYPE = "This type no longer exists."
VERSIONS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Mark:
    """One problem as a card or the list of problems shows it; `place` is the id of the element it is about."""

    detail: str
    is_error: bool
    place: str
    about: str
    """Whose problem it is: the name of a step or trigger, or of the workflow."""
    field: str = ""
    """The field it is about, where there is one: the last part of the problem's path."""


@dataclass(frozen=True, slots=True)
class Card:
    """A step as the board shows it."""

    action: Action
    position: int
    is_last: bool
    icon: str
    category: Category | None
    title: str
    type_label: str
    summary: str
    contacts: int
    marks: Sequence[Mark]

    @property
    def place(self) -> str:
        return place_of_step(self.action.id)

    @property
    def number(self) -> int:
        return self.position + 1

    @property
    def has_error(self) -> bool:
        return any(mark.is_error for mark in self.marks)


@dataclass(frozen=True, slots=True)
class StepList:
    """The steps of the main list (`branch_id` null) or of one branch, in order."""

    branch_id: UUID | None
    cards: Sequence[Card]


@dataclass(frozen=True, slots=True)
class TriggerCard:
    """A way in as the board shows it."""

    trigger: Trigger
    icon: str
    title: str
    marks: Sequence[Mark]

    @property
    def place(self) -> str:
        return place_of_trigger(self.trigger.id)


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that the board shows of one workflow."""

    steps: StepList
    triggers: Sequence[TriggerCard]
    counts: EnrollmentCounts
    versions: Sequence[WorkflowVersion]
    is_changed: bool
    """Whether activating would make a new version."""
    is_checked: bool
    problems: Sequence[Mark] = field(default_factory=list)
    """Everything that was found, when it was looked for; errors first."""

    @property
    def number_of_errors(self) -> int:
        return sum(mark.is_error for mark in self.problems)


def place_of_step(action_id: UUID) -> str:
    """Return the id of the element that shows a step."""
    return f"step-{action_id}"


def place_of_trigger(trigger_id: UUID) -> str:
    """Return the id of the element that shows a trigger."""
    return f"trigger-{trigger_id}"


def read_board(editing: Editing, *, is_checked: bool) -> Board:
    """Read the board; checking looks at every reference of every step, which is why it is done on demand only."""
    workflow = editing.workflow
    items = list_actions(account_id=workflow.account_id, workflow_id=workflow.id)
    triggers = list(Trigger.objects.for_account(workflow.account_id).filter(workflow=workflow))
    found = marks_of(findings(items, triggers), items, triggers) if is_checked else []
    scope = {"account_id": workflow.account_id}
    inside = contacts_at_steps(**scope, workflow_id=workflow.id)
    counts = enrollment_counts(**scope, workflow_ids=[workflow.id]).get(workflow.id, NOBODY)
    versions = WorkflowVersion.objects.for_account(workflow.account_id).filter(workflow=workflow)
    return Board(
        steps=StepList(None, [_card(item, inside, found) for item in items]),
        triggers=[_trigger_card(trigger, found) for trigger in triggers],
        counts=counts,
        versions=list(versions.select_related("created_by").defer("definition").order_by("-number")[:VERSIONS_SHOWN]),
        is_changed=has_unpublished_changes(workflow, items, triggers),
        is_checked=is_checked,
        problems=sorted(found, key=lambda mark: not mark.is_error),
    )


def title_of(action: Action) -> str:
    """Return a step's label; the type's where it has none."""
    return action.name or _label(action.action_type)


def title_of_trigger(trigger: Trigger) -> str:
    try:
        return trigger_types.get(trigger.trigger_type).label
    except UnknownTriggerType:
        return trigger.trigger_type


def marks_of(found: Sequence[Finding], items: Sequence[PlacedAction], triggers: Sequence[Trigger]) -> list[Mark]:
    """Tell of each finding which element of the board it is about, by the ids in its path."""
    about = {str(item.action.id): (place_of_step(item.action.id), title_of(item.action)) for item in items}
    about |= {str(trigger.id): (place_of_trigger(trigger.id), title_of_trigger(trigger)) for trigger in triggers}
    marks = []
    for finding in found:
        kind, _, rest = finding.attr.partition(".")
        object_id, _, path = rest.partition(".")
        place, name = about.get(object_id) or (("triggers", "Triggers") if kind == "triggers" else ("steps", "Steps"))
        marks.append(Mark(finding.detail, finding.severity == Severity.ERROR, place, name, path.partition(".")[2]))
    return marks


def _label(slug: str) -> str:
    return action_types.get(slug).label if slug in action_types else slug


def _card(item: PlacedAction, inside: Mapping[UUID, int], found: Sequence[Mark]) -> Card:
    action = item.action
    kind = kind_of(action)
    return Card(
        action=action,
        position=item.position,
        is_last=item.next_action_id is None,
        icon=kind.icon if kind else UNKNOWN_ICON,
        category=kind.category if kind else None,
        title=title_of(action),
        type_label=_label(action.action_type),
        summary=kind.summary(action.action_config) if kind else UNKNOWN_TYPE,
        contacts=inside.get(action.id, 0),
        marks=[mark for mark in found if mark.place == place_of_step(action.id)],
    )


def _trigger_card(trigger: Trigger, found: Sequence[Mark]) -> TriggerCard:
    try:
        icon = trigger_types.get(trigger.trigger_type).icon
    except UnknownTriggerType:
        icon = UNKNOWN_ICON
    marks = [mark for mark in found if mark.place == place_of_trigger(trigger.id)]
    return TriggerCard(trigger, icon, title_of_trigger(trigger), marks)

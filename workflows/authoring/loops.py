"""Ways on which contacts would go round without a rest: within a workflow, or through several that start each other."""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from django.db import connection

from workflows.authoring.finding import Finding
from workflows.authoring.ordering import ordered_lists, placed
from workflows.authoring.references import jump_target, kind_of
from workflows.engine.locks import lock_key
from workflows.models import Action, WorkflowStatus

CYCLE = "action_dependency_cycle"
RUNNING = (WorkflowStatus.ACTIVE, WorkflowStatus.PAUSED)


class Way:
    """The order in which contacts take the enabled actions of one workflow."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self.places = {action.key: place for place, action in enumerate(actions)}
        self.enabled_from = enabled_from(actions)

    def after(self, action: Action) -> Action | None:
        """Return the action that a contact takes next."""
        target = jump_target(action)
        if target is None:
            place = self.places[action.key] + 1
        elif target in self.places:
            place = self.places[target]
        else:
            return None
        return self.enabled_from[place]

    def without_rest(self, first: Action | None) -> list[Action]:
        """Return the actions taken from the first one on, itself included, until a wait, the end, or one met before."""
        taken: list[Action] = []
        action = first
        while action is not None and action not in taken:
            kind = kind_of(action)
            if kind is not None and kind.waits:
                break
            taken.append(action)
            action = self.after(action)
        return taken

    @property
    def starts(self) -> list[Action]:
        """The `start_workflow` steps that contacts take before they rest for the first time."""
        return [action for action in self.without_rest(self.enabled_from[0]) if started(action)]


def enabled_from(actions: Sequence[Action]) -> list[Action | None]:
    """Return for each place, the end included, the first enabled action from there on."""
    found: list[Action | None] = [None]
    for action in reversed(actions):
        found.append(action if action.is_enabled else found[-1])
    return found[::-1]


def started(action: Action) -> UUID | None:
    """Return the workflow that the action starts, if it does."""
    kind = kind_of(action)
    return kind.started_workflow(action.action_config, account_id=action.account_id) if kind else None


def jump_findings(actions: Sequence[Action]) -> Iterator[Finding]:
    """Report jumps to keys that do not exist and jumps back without a wait; actions are in list order."""
    way = Way(actions)
    for action in actions:
        target = jump_target(action)
        if target is None:
            continue
        attr = f"actions.{action.id}.action_config.target_key"
        if target not in way.places:
            yield Finding("action_not_found", f"No action has the key {target!r}.", attr, action_id=action.id)
        elif action.is_enabled and action in way.without_rest(way.after(action)):
            detail = f"From {target!r} contacts come back here without a rest; put a wait in between."
            yield Finding(CYCLE, detail, attr, action_id=action.id)


def start_findings(actions: Sequence[Action]) -> Iterator[Finding]:
    """Report `start_workflow` steps by which contacts would come back to this workflow without a rest."""
    for action in Way(actions).starts:
        if comes_back(action):
            detail = "The workflow that it starts leads back to this one without a rest; put a wait in between."
            yield Finding(CYCLE, detail, f"actions.{action.id}.action_config.{field_of(action)}", action_id=action.id)


def field_of(action: Action) -> str:
    """Return the field of a step that starts a workflow which says what it starts: its first reference."""
    kind = kind_of(action)
    assert kind is not None
    _, _, path = kind.references(action.action_config)[0]
    return path


def comes_back(action: Action) -> bool:
    """Tell whether the workflows that run lead from what the action starts back to its own; a query for each link."""
    wanted = started(action)
    reached: set[UUID] = set()
    frontier = {wanted} if wanted else set()
    while frontier:
        if action.workflow_id in frontier:
            return True
        reached |= frontier
        frontier = set(started_by(action.account_id, frontier)) - reached
    return False


def started_by(account_id: UUID, workflow_ids: Iterable[UUID]) -> Iterator[UUID]:
    """Yield the workflows that active and paused ones among these start without a rest."""
    by_workflow: dict[UUID, list[Action]] = {}
    rows = Action.objects.for_account(account_id).filter(
        workflow_id__in=workflow_ids, workflow__status__in=RUNNING, workflow__deleted_at=None
    )
    for action in rows:
        by_workflow.setdefault(action.workflow_id, []).append(action)
    for actions in by_workflow.values():
        in_order = [item.action for item in placed(ordered_lists(actions))]
        yield from (target for action in Way(in_order).starts if (target := started(action)))


def hold_starts(account_id: UUID) -> None:
    """Let one activation of the account at a time look at who starts whom: of two, the later sees the earlier."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(account_id)])

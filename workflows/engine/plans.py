"""What a contact runs: a version's snapshot, compiled once a process and never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from workflows.actions.base import ActionType
from workflows.actions.registry import registry
from workflows.crm import arrays
from workflows.models import OnError

MAXIMUM_PLANS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class PlanStep:
    """A step as its version has it. `kind` is None when this installation does not know the type (any more)."""

    index: int
    action_id: UUID
    key: str
    action_type: str
    kind: ActionType | None
    config: Mapping[str, Any]
    is_enabled: bool
    stops_on_error: bool
    retry: Mapping[str, Any] | None = None
    """The action's own retry rule."""

    @property
    def asks_again(self) -> bool:
        return self.kind is not None and self.kind.asks_again


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A version, ready to be run."""

    version_id: UUID
    workflow_id: UUID
    number: int
    steps: Sequence[PlanStep]
    by_action: Mapping[UUID, PlanStep]
    by_key: Mapping[str, PlanStep]

    @property
    def first(self) -> PlanStep | None:
        return self.steps[0] if self.steps else None

    def after(self, step: PlanStep) -> PlanStep | None:
        """Return the step that follows, or None at the end."""
        following = step.index + 1
        return self.steps[following] if following < len(self.steps) else None


_plans: dict[UUID, Plan] = {}


def plan_of(version_id: UUID) -> Plan:
    """Return the plan of a version that exists."""
    return plans_of([version_id])[version_id]


def plans_of(version_ids: Sequence[UUID]) -> dict[UUID, Plan]:
    """Return the plans of several versions; those not met before are read in one query."""
    missing = {version_id for version_id in version_ids if version_id not in _plans}
    if missing:
        if len(_plans) + len(missing) > MAXIMUM_PLANS:
            _plans.clear()
        for plan in read_plans(missing):
            _plans[plan.version_id] = plan
    return {version_id: _plans[version_id] for version_id in set(version_ids)}


def read_plans(version_ids: set[UUID]) -> list[Plan]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, workflow_id, number, definition FROM workflows_workflowversion WHERE id = ANY(%s::uuid[])",
            [arrays.ids(version_ids)],
        )
        return [compiled(*row) for row in cursor.fetchall()]


def compiled(version_id: UUID, workflow_id: UUID, number: int, definition: str) -> Plan:
    """Make a plan of a snapshot, whose actions stand in list order."""
    steps = [
        PlanStep(
            index=index,
            action_id=UUID(action["id"]),
            key=action["key"],
            action_type=action["action_type"],
            kind=registry.get(action["action_type"]) if action["action_type"] in registry else None,
            config=action["config"],
            is_enabled=action["is_enabled"],
            stops_on_error=action["on_error"] == OnError.STOP,
            retry=action["retry"],
        )
        for index, action in enumerate(orjson.loads(definition)["actions"])
    ]
    by_action = {step.action_id: step for step in steps}
    return Plan(version_id, workflow_id, number, steps, by_action, {step.key: step for step in steps})

"""The demo's workflows are built and lived through by the same functions as anybody's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.actors import Actor
from workflows.authoring.chain import add_action
from workflows.authoring.workflows import create_workflow
from workflows.engine import clock
from workflows.engine.advance import advance
from workflows.engine.enroll import enroll_many
from workflows.models import Workflow


@dataclass(frozen=True, slots=True)
class Step:
    """An action of a demo workflow."""

    action_type: str
    config: Mapping[str, Any]
    name: str = ""
    on_error: str = "stop"
    key: str | None = None


def build(
    *, account_id: UUID, actor: Actor, owner_id: UUID, name: str, description: str, steps: Sequence[Step]
) -> Workflow:
    """Make a workflow of these steps, a draft."""
    workflow = create_workflow(
        account_id=account_id, actor=actor, name=name, description=description, owner_id=owner_id
    )
    for step in steps:
        add_action(
            account_id=account_id,
            actor=actor,
            workflow_id=workflow.id,
            action_type=step.action_type,
            action_config=step.config,
            key=step.key,
            name=step.name,
            on_error=step.on_error,
        )
    return workflow


def enroll(
    workflow: Workflow, contact_ids: Sequence[UUID], now: datetime, data: Mapping[str, object] | None = None
) -> None:
    """Let contacts enter a workflow and go as far as they come at once."""
    with clock.using(clock.VirtualClock(now)):
        enroll_many(
            account_id=workflow.account_id,
            workflow_id=workflow.id,
            contacts=contact_ids,
            source="command",
            data=dict(data or {}),
            now=now,
        )
        advance()


def live_from(start: datetime, end: datetime, *, hours: int = 6) -> None:
    """Let the time between pass, taking what falls due in each of these many hours."""
    moment = start
    while moment < end:
        moment = min(end, moment + timedelta(hours=hours))
        with clock.using(clock.VirtualClock(moment)):
            advance()

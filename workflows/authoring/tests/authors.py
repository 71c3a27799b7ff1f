"""Somebody who edits one workflow, so that tests say only what they are about."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.actors import Actor
from workflows.authoring import chain
from workflows.authoring.action_fields import ActionChanges
from workflows.authoring.ordering import PlacedAction
from workflows.models import Workflow
from workflows.tests.factories import WorkflowFactory

ACTOR = Actor(label="author")


class Author:
    """Edits a workflow; a new draft unless one is given."""

    def __init__(self, workflow: Workflow | None = None, **fields: Any) -> None:
        self.workflow = workflow or WorkflowFactory(**fields)
        self.who: dict[str, Any] = {
            "account_id": self.workflow.account_id, "actor": ACTOR, "workflow_id": self.workflow.id,
        }  # fmt: skip

    def add(self, action_type: str = "add_tag", config: Mapping[str, Any] | None = None, **fields: Any) -> PlacedAction:
        config = {"tag_name": "VIP"} if config is None else config
        return chain.add_action(**self.who, action_type=action_type, action_config=config, **fields)

    def add_keys(self, keys: str) -> list[UUID]:
        """Add one action a letter, each with the letter as its key."""
        return [self.add(key=key).action.id for key in keys]

    def update(self, action_id: UUID, **changes: Any) -> PlacedAction:
        return chain.update_action(**self.who, action_id=action_id, changes=ActionChanges(**changes))

    def move(self, action_id: UUID, position: int, **fields: Any) -> PlacedAction:
        return chain.move_action(**self.who, action_id=action_id, position=position, **fields)

    def remove(self, action_id: UUID) -> None:
        chain.remove_action(**self.who, action_id=action_id)

    def duplicate(self, action_id: UUID) -> PlacedAction:
        return chain.duplicate_action(**self.who, action_id=action_id)

    def reorder(self, positions: Mapping[UUID, int], **fields: Any) -> list[PlacedAction]:
        return chain.reorder_actions(**self.who, action_positions=positions, **fields)

    def items(self) -> list[PlacedAction]:
        return chain.list_actions(account_id=self.workflow.account_id, workflow_id=self.workflow.id)

    def keys(self) -> str:
        """Return the keys in list order, joined: `abc` for three actions named by letters."""
        return "".join(item.action.key for item in self.items())

    def revision(self) -> int:
        return Workflow.objects.get(id=self.workflow.id).revision

"""The order of a workflow's actions, derived from their links."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from workflows.models import Action

ActionList = list[Action]


class BrokenChain(Exception):
    """The links do not form one list per branch: a defect of ours, never an answer to a client."""


@dataclass(frozen=True, slots=True)
class PlacedAction:
    """An action together with what its links say about its place."""

    action: Action
    position: int
    next_action_id: UUID | None


def ordered_lists(actions: Iterable[Action]) -> dict[UUID | None, ActionList]:
    """Walk the links of one workflow and return its lists by branch; the main list (None) is always there.

    Raises BrokenChain when a slot holds two actions or an action cannot be reached from the head of its list,
    which covers a missing head, a second head, a cycle and a link into another list or workflow.
    """
    by_slot: dict[tuple[UUID | None, UUID | None], Action] = {}
    branches: dict[UUID | None, None] = {None: None}
    for action in actions:
        branches.setdefault(action.branch_id)
        if by_slot.setdefault((action.branch_id, action.previous_action_id), action) is not action:
            raise BrokenChain(f"Two actions follow {action.previous_action_id} in branch {action.branch_id}.")
    lists = {branch_id: _walk(branch_id, by_slot) for branch_id in branches}
    if by_slot:
        stray = ", ".join(str(action.id) for action in by_slot.values())
        raise BrokenChain(f"Not reachable from the head of their list: {stray}.")
    return lists


def _walk(branch_id: UUID | None, by_slot: dict[tuple[UUID | None, UUID | None], Action]) -> ActionList:
    """Take the actions of one list out of `by_slot`, from its head on."""
    items: ActionList = []
    while action := by_slot.pop((branch_id, items[-1].id if items else None), None):
        items.append(action)
    return items


def placed(lists: Mapping[UUID | None, Sequence[Action]]) -> list[PlacedAction]:
    """Return all actions in list order, each with its position and the one behind it."""
    return [
        PlacedAction(action, position, items[position + 1].id if position + 1 < len(items) else None)
        for items in lists.values()
        for position, action in enumerate(items)
    ]

"""Where an action goes in its list."""

from collections.abc import Mapping
from uuid import UUID

from accounts.problems import Conflict, Invalid, Problem
from workflows.authoring.ordering import ActionList
from workflows.models import Action


def position_problems(position: object, last: int, attr: str = "position") -> list[Problem]:
    """Return why `position` is not a whole number from 0 to `last`."""
    if type(position) is not int:
        return [Problem("invalid", "A position is a whole number.", attr)]
    if position < 0:
        return [Problem("min_value", "Positions start at 0.", attr)]
    if position > last:
        return [Problem("max_value", f"The list has no position {position}; the last one possible is {last}.", attr)]
    return []


def insert(
    items: ActionList, action: Action, *, position: int | None, previous_action_id: UUID | None = None
) -> list[Problem]:
    """Insert at `position` and/or behind `previous_action_id`, without either at the end; return what is wrong.

    Raises Conflict `action_position_conflict` when the two do not agree.
    """
    place = len(items)
    if position is not None:
        if problems := position_problems(position, len(items)):
            return problems
        place = position
    if previous_action_id is not None:
        ids = [other.id for other in items]
        if previous_action_id not in ids:
            detail = f"The list has no action {previous_action_id}; name one of its actions or leave it out."
            return [Problem("action_not_found", detail, "previous_action_id")]
        behind = ids.index(previous_action_id) + 1
        if position not in (None, behind):
            raise Conflict(
                "action_position_conflict",
                f"Behind action {previous_action_id} is position {behind}, not {position}. Send one of the two.",
                "position",
            )
        place = behind
    items.insert(place, action)
    return []


def relocate(items: ActionList, action: Action, position: int) -> list[Problem]:
    """Move an action within its list; return what is wrong."""
    if problems := position_problems(position, len(items) - 1):
        return problems
    items.remove(action)
    items.insert(position, action)
    return []


def rearranged(items: ActionList, action_positions: Mapping[UUID, int]) -> ActionList:
    """Return the list with the named actions at the named positions, the others in their order around them.

    Refuses an empty mapping, an id that is not in the list, a position that is out of range or named twice.
    """
    if not action_positions:
        raise Invalid(Problem("required", "Name at least one action and its position.", "action_positions"))
    by_id = {action.id: action for action in items}
    problems: list[Problem] = []
    slots: dict[int, Action] = {}
    for action_id, position in action_positions.items():
        attr = f"action_positions.{action_id}"
        if action_id not in by_id:
            problems.append(Problem("action_not_found", f"The list has no action {action_id}.", attr))
        elif wrong := position_problems(position, len(items) - 1, attr):
            problems += wrong
        elif position in slots:
            problems.append(Problem("unique", f"Position {position} is named twice.", attr))
        else:
            slots[position] = by_id[action_id]
    if problems:
        raise Invalid(*problems)
    others = iter([action for action in items if action.id not in action_positions])
    return [slots[place] if place in slots else next(others) for place in range(len(items))]

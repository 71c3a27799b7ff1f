"""What a list of actions is narrowed by. The list is at most 50 long and walked in memory, so it is filtered there."""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter

from accounts.api.identifiers import parse_uuid
from accounts.api.refusals import InvalidFilter
from accounts.problems import Problem
from workflows.actions.base import Category
from workflows.actions.registry import registry
from workflows.authoring.ordering import PlacedAction

FILTERS = ("include_disabled", "action_type", "category", "branch_id")
FILTER_PARAMETERS = [
    OpenApiParameter("include_disabled", bool, description="`false` leaves disabled actions out; default `true`."),
    OpenApiParameter("action_type", str, description="Only actions of this type."),
    OpenApiParameter("category", str, enum=[category.value for category in Category], description="Only these."),
    OpenApiParameter("branch_id", str, description="Only actions of this branch; `null`: of the main list."),
]

Test = Callable[[PlacedAction], bool]


def narrowed(items: Sequence[PlacedAction], parameters: Mapping[str, str]) -> list[PlacedAction]:
    """Return the actions that pass all filters, or refuse every value that cannot be used (`invalid_filter`)."""
    tests: list[Test] = []
    problems: list[Problem] = []
    for name in FILTERS:
        if name in parameters:
            test = TESTS[name](parameters[name])
            if test is None:
                problems.append(Problem("invalid_filter", f"{name}: {HINTS[name]}", name))
            else:
                tests.append(test)
    if problems:
        raise InvalidFilter(*problems)
    return [item for item in items if all(test(item) for test in tests)]


def include_disabled(value: str) -> Test | None:
    return {"true": lambda item: True, "false": lambda item: item.action.is_enabled}.get(value)


def action_type(value: str) -> Test | None:
    return (lambda item: item.action.action_type == value) if value in registry else None


def category(value: str) -> Test | None:
    if value not in list(Category):
        return None
    slugs = {kind.slug for kind in registry if kind.category == value}
    return lambda item: item.action.action_type in slugs


def branch_id(value: str) -> Test | None:
    wanted: UUID | None = parse_uuid(value)
    if wanted is None and value != "null":
        return None
    return lambda item: item.action.branch_id == wanted


TESTS: Mapping[str, Callable[[str], Test | None]] = {
    "include_disabled": include_disabled,
    "action_type": action_type,
    "category": category,
    "branch_id": branch_id,
}
HINTS = {
    "include_disabled": "Must be true or false.",
    "action_type": "There is no such type; GET /action-types lists those that exist.",
    "category": f"Must be one of {', '.join(Category)}.",
    "branch_id": "Must be the UUID of a branch, or null for the main list.",
}

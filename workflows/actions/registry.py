"""Every action type by its slug; adding a type is adding a file."""

import difflib
from collections.abc import Iterator

from accounts.problems import Invalid, Problem
from workflows import actions
from workflows.actions.base import ActionType, Category
from workflows.modules import import_below


class UnknownActionType(LookupError):
    """No type has that slug."""


class Registry:
    """The action types of this installation."""

    def __init__(self) -> None:
        self._types: dict[str, ActionType] = {}

    def register(self, action_type: type[ActionType]) -> type[ActionType]:
        """Class decorator: make the type known; a slug belongs to one class only."""
        if action_type.slug in self._types:
            raise ValueError(f"two action types call themselves {action_type.slug!r}")
        self._types[action_type.slug] = action_type()
        return action_type

    def load(self) -> None:
        """Import every module below `workflows.actions` but tests, each of which registers its type."""
        import_below(actions)

    def get(self, slug: str) -> ActionType:
        """Return the type called `slug`, or raise UnknownActionType."""
        try:
            return self._types[slug]
        except KeyError:
            raise UnknownActionType(slug) from None

    def require(self, slug: str, *, attr: str = "action_type") -> ActionType:
        """Return the type called `slug`, or raise Invalid (`invalid_action_type`) with the nearest name."""
        if slug in self._types:
            return self._types[slug]
        nearest = difflib.get_close_matches(slug[:60], self._types, n=1)
        hint = f"; did you mean `{nearest[0]}`?" if nearest else "; GET /action-types lists those that exist."
        raise Invalid(Problem("invalid_action_type", f"There is no action type `{slug[:60]}`{hint}", attr))

    def __iter__(self) -> Iterator[ActionType]:
        """Go through the types by category, then by slug."""
        order = list(Category)
        return iter(sorted(self._types.values(), key=lambda kind: (order.index(kind.category), kind.slug)))

    def __contains__(self, slug: object) -> bool:
        return slug in self._types

    def __len__(self) -> int:
        return len(self._types)


registry = Registry()

"""Every action type by its slug; adding a type is adding a file."""

import importlib
import pkgutil
from collections.abc import Iterator

from workflows import actions
from workflows.actions.base import ActionType


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
        """Import every module below `workflows.actions`, each of which registers its type."""
        for module in pkgutil.walk_packages(actions.__path__, f"{actions.__name__}."):
            importlib.import_module(module.name)

    def get(self, slug: str) -> ActionType:
        """Return the type called `slug`, or raise UnknownActionType."""
        try:
            return self._types[slug]
        except KeyError:
            raise UnknownActionType(slug) from None

    def __iter__(self) -> Iterator[ActionType]:
        return iter(
            sorted(self._types.values(), key=lambda kind: (list(type(kind.category)).index(kind.category), kind.slug))
        )

    def __contains__(self, slug: object) -> bool:
        return slug in self._types

    def __len__(self) -> int:
        return len(self._types)


registry = Registry()

"""Every trigger type by its slug; adding a type is adding a file."""

from collections.abc import Iterator

from workflows import triggers
from workflows.modules import import_below
from workflows.triggers.base import TriggerType


class UnknownTriggerType(LookupError):
    """No type has that slug."""


class Registry:
    """The trigger types of this installation."""

    def __init__(self) -> None:
        self._types: dict[str, TriggerType] = {}

    def register(self, trigger_type: type[TriggerType]) -> type[TriggerType]:
        """Class decorator: make the type known; a slug belongs to one class only."""
        if trigger_type.slug in self._types:
            raise ValueError(f"two trigger types call themselves {trigger_type.slug!r}")
        self._types[trigger_type.slug] = trigger_type()
        return trigger_type

    def load(self) -> None:
        """Import every module below `workflows.triggers` but tests, each of which registers its type."""
        import_below(triggers)

    def get(self, slug: str) -> TriggerType:
        """Return the type called `slug`, or raise UnknownTriggerType."""
        try:
            return self._types[slug]
        except KeyError:
            raise UnknownTriggerType(slug) from None

    def __iter__(self) -> Iterator[TriggerType]:
        """Go through the types by slug."""
        return iter(sorted(self._types.values(), key=lambda kind: kind.slug))

    def __contains__(self, slug: object) -> bool:
        return slug in self._types

    def __len__(self) -> int:
        return len(self._types)


registry = Registry()

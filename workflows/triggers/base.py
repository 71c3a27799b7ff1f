"""The contract of a trigger type."""

import inspect
from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from workflows.configs.base import StrictConfig, clean
from workflows.configs.names import names_in
from workflows.configs.references import references_in


class TriggerSettings(StrictConfig):
    """What one trigger of a type is configured with."""


class TriggerType(ABC):
    """A kind of trigger. The docstring of a subclass becomes its description in the API.

    A subclass sets `slug`, `label`, `icon` (a Material Symbols name), `example` (settings that are accepted) and
    `Settings`.
    """

    slug: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str]
    example: ClassVar[Mapping[str, Any]]
    event_type: ClassVar[str | None] = None
    """The event of the catalogue that it waits for; None: no event enrolls through it."""

    class Settings(TriggerSettings):
        """Subclasses declare the fields of their settings here."""

    def clean_settings(self, settings: Any, *, account_id: UUID) -> dict[str, Any]:
        """Return what was sent, checked and normalised, without defaults, or raise Invalid (paths inside it)."""
        return clean(self.Settings, settings, account_id=account_id)

    def references(self, settings: Mapping[str, Any]) -> list[tuple[str, UUID, str]]:
        """Return (kind, id, path inside the settings) of every object of the account that cleaned settings name."""
        return list(references_in(self.Settings, settings))

    def names(self, settings: Mapping[str, Any]) -> list[tuple[str, str, str]]:
        """Return (kind, name, path inside the settings) of every object that cleaned settings name as people do."""
        return list(names_in(self.Settings, settings))

    @classmethod
    def description(cls) -> str:
        """Return the docstring as one text."""
        return inspect.getdoc(cls) or ""

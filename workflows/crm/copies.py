"""The copy of a contact that a transaction works on, and the cause that its events will name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(slots=True, eq=False)
class ContactCopy:
    """A contact as read under its lock; services that write it also bring the copy up to date.

    `tags` maps folded names to names as written. A chained step therefore sees what the one before it did.
    """

    id: UUID
    account_id: UUID
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    timezone: str = ""
    source: str = ""
    owner_id: UUID | None = None
    owner_name: str = ""
    owner_email: str = ""
    custom_fields: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a record changes; events carry it so that loops can be cut and explained."""

    action_execution_id: UUID | None = None
    depth: int = 0


BY_HAND = Cause()


class ContactView(Mapping[str, Any]):
    """What templates see as `contact`: read-only, made when looked at, always the copy's present state."""

    __slots__ = ("_copy",)
    NAMES = (
        "id",
        "first_name",
        "last_name",
        "name",
        "email",
        "phone",
        "timezone",
        "source",
        "custom_fields",
        "tags",
        "owner",
    )

    def __init__(self, copy: ContactCopy) -> None:
        self._copy = copy

    def __getitem__(self, name: str) -> Any:
        copy = self._copy
        match name:
            case "first_name" | "last_name" | "email" | "phone" | "timezone" | "source" | "custom_fields":
                return getattr(copy, name)
            case "id":
                return str(copy.id)
            case "name":
                return f"{copy.first_name} {copy.last_name}".strip()
            case "tags":
                return list(copy.tags.values())
            case "owner":
                return {"id": str(copy.owner_id or ""), "name": copy.owner_name, "email": copy.owner_email}
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.NAMES)

    def __len__(self) -> int:
        return len(self.NAMES)

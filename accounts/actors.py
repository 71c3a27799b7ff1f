"""The value that says on whose behalf a change is made; every changing function takes one."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a program or the system itself."""

    label: str
    user_id: UUID | None = None
    api_key_id: UUID | None = None


SYSTEM = Actor(label="system")

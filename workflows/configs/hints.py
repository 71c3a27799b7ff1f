"""What a type may say about its form beside its fields; forms are complete without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Widget = Literal["code", "color", "date", "datetime", "hidden", "html", "long", "password", "short"]
Suggestions = Literal[
    "contact_fields",
    "custom_fields",
    "event_types",
    "headers",
    "members",
    "numbers",
    "recipients",
    "step_keys",
    "tags",
    "timezones",
]
Choices = Mapping[str, Sequence[str | bool]]


@dataclass(frozen=True, slots=True)
class Hint:
    """How one field of a config looks in forms. Nothing of it changes what is accepted."""

    shown_when: Choices | Sequence[Choices] = field(default_factory=dict)
    """Values of choices, by their names, that the field belongs to; with others it is neither shown nor sent.

    A name is looked for among the fields of the same config, then of the one around it. All must fit; of several such
    mappings, those of one.
    """
    widget: Widget | None = None
    """`hidden` keeps what programs alone may send out of the form."""
    group: str = ""
    """Heading of a folded group that the field stands in, behind the others."""
    label: str = ""
    placeholder: str = ""
    suggest: Suggestions | None = None
    """What a text, or the names of a mapping, are offered to be."""

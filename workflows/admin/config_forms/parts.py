"""One field of a config as a part of its form: filled from the config, read from a POST, marked with what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.safestring import SafeString
from rest_framework import serializers
from rest_framework.serializers import empty

from accounts.admin.texts import with_code
from workflows.admin.config_forms.submitted import Submitted
from workflows.configs.hints import Choices, Hint

if TYPE_CHECKING:
    from workflows.admin.config_forms.groups import GroupPart
    from workflows.admin.config_forms.page import Page

AnyField = serializers.Field[Any, Any, Any, Any]
NO_HINT = Hint()


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a part stands."""

    page: Page
    name: str
    """Its name in the page, such as `config.field_updates.0.field`."""
    label: str
    hint: Hint = NO_HINT
    around: GroupPart | None = None
    """The config that it stands in, directly or as an item; None: it is the whole."""
    is_write_only: bool = False
    depth: int = 0
    """Lists that it stands in."""
    is_item: bool = False
    """Whether it is an item of a list, under the list's label."""

    def below(self, name: str, label: str, **changes: Any) -> Slot:
        """Return the slot of a part of this part."""
        changes = {"hint": NO_HINT, "around": None, "is_item": False} | changes
        return replace(self, name=f"{self.name}.{name}", label=label, **changes)


class Part:
    """One input, or several that make one value.

    `load` is called with what is stored, then, where something was sent, `read` and `collect`.
    """

    template_name: ClassVar[str]
    is_labelled_group: ClassVar[bool] = False
    """Whether it consists of several inputs, each with a label of its own."""
    is_narrow: ClassVar[bool] = False
    """Whether two of them fit side by side."""
    is_switch: ClassVar[bool] = False
    takes_merge_fields: bool = False
    """Whether it holds Liquid."""
    takes_unsubscribe_url: bool = False
    """Whether it is the body of a mail."""

    def __init__(self, field: AnyField, slot: Slot) -> None:
        self.field = field
        self.slot = slot
        self.page = slot.page
        self.hint = slot.hint
        self.errors: list[str] = []
        self.stored: Any = empty
        self.was_sent = False
        self.is_unreadable = False

    def load(self, stored: Any) -> None:
        """Show what is stored, or the default where it is `empty`."""
        self.stored = stored
        value = self.default if stored is empty or self.slot.is_write_only else stored
        self.show(None if value is empty else value)

    def show(self, value: Any) -> None:
        """Put a value into the input; None leaves it empty. Takes whatever was stored, also of a wrong type."""
        raise NotImplementedError

    def read(self, data: Submitted) -> None:
        """Put what was sent into the input; what was not sent leaves it as it is."""
        text = data.text(self.name)
        if text is not None:
            self.was_sent = True
            self.receive(text)

    def receive(self, text: str) -> None:
        """Put a text that was sent into the input."""
        raise NotImplementedError

    def collect(self) -> Any:
        """Return the value as the API takes it, `empty` where there is none. Called once, after `read`."""
        return self.value() if self.was_sent else empty

    def value(self) -> Any:
        """Return the value of an input that was sent."""
        raise NotImplementedError

    def current(self) -> str:
        """Return the value that other parts depend on."""
        return ""

    def place(self, path: str, detail: str) -> None:
        """Show an error at the path below this part, or as near to it as there is a part."""
        if not self.is_unreadable:
            self.errors.append(detail)

    def refuse(self, detail: str) -> Any:
        """Show that the input cannot be read, in place of what follows from that."""
        self.errors.append(detail)
        self.is_unreadable = True
        return empty

    def parts(self) -> Iterator[Part]:
        """Yield the part and those below it."""
        yield self

    def addable(self) -> Iterator[Part]:
        """Yield the parts of the row that people can add."""
        return iter(())

    def unless_default(self, value: Any) -> Any:
        """Return a value, or `empty` for a default that the stored config leaves out as well."""
        return empty if self.stored is empty and value == self.default else value

    @property
    def default(self) -> Any:
        default = self.field.default
        return default() if callable(default) and default is not empty else default

    @property
    def name(self) -> str:
        return self.slot.name

    @property
    def id(self) -> str:
        return f"id_{self.name.replace('.', '-')}"

    @property
    def label(self) -> str:
        return self.slot.label

    @property
    def is_item(self) -> bool:
        return self.slot.is_item

    @property
    def row_id(self) -> str:
        """The id of an item's row."""
        return self.name.rpartition(".")[2]

    @property
    def is_required(self) -> bool:
        """Whether it has to be filled in; in a config that may be left out, nothing has to."""
        around = self.slot.around
        is_in_whole = around is None or around.slot.around is None or around.is_required
        return self.field.required and not self.keeps_stored and is_in_whole

    @property
    def keeps_stored(self) -> bool:
        """Whether there is something that is not shown and stays unless another is given."""
        return self.slot.is_write_only and self.stored is not empty

    @property
    def help_html(self) -> SafeString:
        return with_code(self.field.help_text or "")

    @property
    def placeholder(self) -> str:
        return "Stored; leave empty to keep" if self.keeps_stored else self.hint.placeholder

    @property
    def described_by(self) -> str:
        ids = [f"{self.id}-help"] if self.field.help_text else []
        return " ".join([*ids, f"{self.id}-errors"] if self.errors else ids)

    @property
    def conditions(self) -> list[Mapping[str, list[str]]]:
        """Return the names of inputs that it depends on, each with the values that show it: any of these mappings."""
        return [{part.name: values for part, values in way} for way in self._ways()]

    @property
    def conditions_json(self) -> str:
        ways = self.conditions
        return json.dumps(ways[0] if len(ways) == 1 else ways)

    @property
    def belongs(self) -> bool:
        """Whether it is a field of what was chosen."""
        ways = self._ways()
        return not ways or any(all(part.current() in values for part, values in way) for way in ways)

    @property
    def is_shown(self) -> bool:
        return self.belongs or any(part.errors for part in self.parts())

    def _ways(self) -> list[list[tuple[Part, list[str]]]]:
        shown_when = self.hint.shown_when
        ways = [shown_when] if isinstance(shown_when, Mapping) else shown_when
        return [found for way in ways if (found := list(self._conditions(way)))]

    def _conditions(self, choices: Choices) -> Iterator[tuple[Part, list[str]]]:
        for name, values in choices.items():
            part = self.slot.around.look_up(name) if self.slot.around else None
            if part is not None:
                yield part, [str(value).lower() if isinstance(value, bool) else value for value in values]

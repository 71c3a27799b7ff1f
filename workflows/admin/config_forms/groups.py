"""Configs: parts made of parts by name."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework.serializers import empty

from workflows.admin.config_forms import building
from workflows.admin.config_forms.parts import Part, Slot
from workflows.admin.config_forms.submitted import Submitted
from workflows.admin.config_forms.texts import SecretPart
from workflows.admin.config_forms.wording import label_of
from workflows.configs.base import StrictConfig
from workflows.configs.hints import Hint


class GroupPart(Part):
    """A config: the whole one, one inside another, or an item of a list."""

    template_name = "admin/config_forms/group.html"
    is_labelled_group = True

    def __init__(self, field: StrictConfig, slot: Slot) -> None:
        super().__init__(field, slot)
        self.fields: dict[str, Part] = {}
        self.is_unit: set[str] = set()
        before: Any = None
        for name, part in field.fields.items():
            hint = field.hints.get(name, Hint())
            if part.read_only or hint.widget == "hidden":
                continue
            below = slot.below(
                name,
                hint.label or label_of(name),
                hint=hint,
                around=self,
                is_write_only=slot.is_write_only or part.write_only or name in slot.page.write_only,
            )
            if building.is_unit(name, part, before):
                self.is_unit.add(name)
            self.fields[name] = building.part_of(part, below, is_unit=name in self.is_unit)
            before = part

    def load(self, stored: Any) -> None:
        self.stored = stored
        if stored is empty and self.default is not empty:
            stored = self.default
        values = stored if isinstance(stored, Mapping) else {}
        for name, part in self.fields.items():
            if isinstance(part, SecretPart):
                part.load(values.get(name, values.get(f"{name}_secret_id", empty)))
            else:
                part.load(values.get(name, empty))

    def read(self, data: Submitted) -> None:
        for part in self.fields.values():
            part.read(data)

    def collect(self) -> Any:
        """Return the values of the fields that belong to what was chosen; `empty` where nothing was filled in."""
        values = {name: part.collect() for name, part in self.fields.items() if part.belongs}
        values = {name: value for name, value in values.items() if value is not empty}
        return self.unless_default(values) if values or self.field.required else empty

    def look_up(self, name: str) -> Part | None:
        """Return the field of that name, here or in the config around this one."""
        if name in self.fields:
            return self.fields[name]
        return self.slot.around.look_up(name) if self.slot.around else None

    def place(self, path: str, detail: str) -> None:
        name, _, rest = path.partition(".")
        if name in self.fields:
            self.fields[name].place(rest, detail)
        else:
            super().place(path, detail)

    def parts(self) -> Iterator[Part]:
        yield self
        for part in self.fields.values():
            yield from part.parts()

    def lines(self) -> list[list[Part]]:
        """Return the fields that are always seen, those that belong together in one line."""
        lines: list[list[Part]] = []
        for name, part in self.fields.items():
            if part.hint.group:
                continue
            if lines and self._is_beside(name, part, lines[-1][-1]):
                lines[-1].append(part)
            else:
                lines.append([part])
        return lines

    def _is_beside(self, name: str, part: Part, before: Part) -> bool:
        if not (part.is_narrow and before.is_narrow) or part.hint.shown_when != before.hint.shown_when:
            return False
        return name in self.is_unit or self.is_all_narrow

    @property
    def is_all_narrow(self) -> bool:
        return self.slot.around is not None and all(part.is_narrow for part in self.fields.values())

    def sections(self) -> list[tuple[str, list[Part], bool]]:
        """Return the folded groups: heading, fields, and whether it is to be open."""
        sections: dict[str, list[Part]] = {}
        for part in self.fields.values():
            if part.hint.group:
                sections.setdefault(part.hint.group, []).append(part)
        return [
            (heading, members, any(part.stored is not empty or has_errors(part) for part in members))
            for heading, members in sections.items()
        ]


def has_errors(part: Part) -> bool:
    return any(below.errors for below in part.parts())

"""Texts that are picked from what the account has, since nobody knows them by heart."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from accounts.models import Role
from workflows.admin.config_forms.choices import Option
from workflows.admin.config_forms.references import search
from workflows.admin.config_forms.texts import TextPart


@dataclass(frozen=True, slots=True)
class PickGroup:
    """Things of one kind."""

    heading: str
    items: Sequence[tuple[str, str]]
    """(value, name) each."""
    shown_when: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Values of choices of the config, by their names, that they belong to."""


def recipients(account_id: UUID) -> list[PickGroup]:
    """Return who can be told something; two queries."""
    roles = [(role.value, str(role.label).partition(":")[0]) for role in Role]
    return [
        PickGroup("Members", search(account_id=account_id, kind="user").items, {"recipient_type": ["specific_user"]}),
        PickGroup("Teams", search(account_id=account_id, kind="team").items, {"recipient_type": ["team"]}),
        PickGroup("Roles", roles, {"recipient_type": ["role"]}),
    ]


class RecipientPart(TextPart):
    """Somebody to tell: a list of what the chosen way to name them allows."""

    template_name = "admin/config_forms/pick.html"

    def groups(self) -> list[tuple[str, str, list[Option]]]:
        """Return (heading, conditions, choices) of each group."""
        return [
            (group.heading, self._conditions_of(group), [option(value, name, self.text) for value, name in group.items])
            for group in self.page.recipients()
        ]

    @property
    def is_stranger(self) -> bool:
        """Whether what stands in it is none of the choices."""
        known = {value for group in self.page.recipients() for value, _ in group.items}
        return bool(self.text) and self.text not in known

    def _conditions_of(self, group: PickGroup) -> str:
        parts = {name: self.slot.around.look_up(name) for name in group.shown_when} if self.slot.around else {}
        return json.dumps({part.name: group.shown_when[name] for name, part in parts.items() if part})


def option(value: str, name: str, chosen: str) -> Option:
    return Option(value, name, value == chosen, "")

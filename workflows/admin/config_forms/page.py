"""What the parts of one form share: the account, what it offers to choose from, and what templates can insert."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from workflows.admin.config_forms import picking
from workflows.admin.config_forms.picking import PickGroup
from workflows.admin.config_forms.references import Found, names_of, search
from workflows.admin.config_forms.suggestions import suggested


@dataclass(frozen=True, slots=True)
class EarlierStep:
    """A step whose results templates can use."""

    key: str
    label: str
    results: Mapping[str, str] = field(default_factory=dict)
    """Names of its results, each with a sentence: `ActionType.results`."""


class Page:
    """One form's surroundings; reads from the database what its parts ask for, each once."""

    def __init__(
        self,
        account_id: UUID,
        *,
        prefix: str,
        write_only: Collection[str] = (),
        earlier_steps: Sequence[EarlierStep] = (),
        step_keys: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.account_id = account_id
        self.prefix = prefix
        self.write_only = write_only
        self.earlier_steps = earlier_steps
        self.step_keys = step_keys or [(step.key, step.label) for step in earlier_steps]
        self._found: dict[str, Found] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._lists: dict[str, str] = {}
        self._recipients: list[PickGroup] | None = None

    def offered(self, kind: str) -> Found:
        """Return the first objects of a kind."""
        if kind not in self._found:
            self._found[kind] = search(account_id=self.account_id, kind=kind)
        return self._found[kind]

    def look_up_names(self, chosen: Iterable[tuple[str, str]]) -> None:
        """Read the names of objects that are not among those offered, with one query a kind."""
        by_kind: dict[str, set[UUID]] = {}
        for kind, text in chosen:
            if text and text not in dict(self.offered(kind).items) and (object_id := as_uuid(text)):
                by_kind.setdefault(kind, set()).add(object_id)
        for kind, ids in by_kind.items():
            for found_id, name in names_of(account_id=self.account_id, kind=kind, ids=ids).items():
                self._names[kind, found_id] = name

    def name_of(self, kind: str, object_id: str) -> str | None:
        """Return the name of an object that `look_up_names` found."""
        return self._names.get((kind, object_id))

    def recipients(self) -> list[PickGroup]:
        """Return whom the account's workflows can tell something."""
        if self._recipients is None:
            self._recipients = picking.recipients(self.account_id)
        return self._recipients

    def offer(self, suggestions: str) -> str:
        """Return the id of the list of suggestions, which the form then contains."""
        return self._lists.setdefault(suggestions, f"id_{self.prefix}-suggested-{suggestions}")

    def suggestion_lists(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return (id, (value, label)…) of each list that a part asked for."""
        return [
            (list_id, suggested(name, account_id=self.account_id, step_keys=self.step_keys))
            for name, list_id in self._lists.items()
        ]


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

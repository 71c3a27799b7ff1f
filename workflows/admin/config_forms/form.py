"""The form of a config."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.forms import Media
from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString
from rest_framework.serializers import empty
from unfold import widgets

from accounts.problems import Invalid, Problem
from workflows.actions.base import ActionType
from workflows.admin.config_forms.groups import GroupPart
from workflows.admin.config_forms.merge_fields import merge_groups
from workflows.admin.config_forms.page import EarlierStep, Page
from workflows.admin.config_forms.parts import Part, Slot
from workflows.admin.config_forms.references import ReferencePart
from workflows.admin.config_forms.submitted import Submitted
from workflows.configs.base import StrictConfig, clean
from workflows.triggers.base import TriggerType

Configured = ActionType | TriggerType | type[StrictConfig]
PREFIXES = ("action_config", "settings", "config")
"""What problems of the API call the config that they are in."""
CLASSES = {
    "input": " ".join(widgets.INPUT_CLASSES),
    "textarea": " ".join(widgets.TEXTAREA_CLASSES),
    "select": " ".join(widgets.SELECT_CLASSES),
    "switch": " ".join(widgets.SWITCH_CLASSES),
}


class ConfigForm:
    """The inputs of one config, without a `<form>` around them, so that they can stand in any.

    `kind` is an action type, a trigger type, or a config class. `config` is what is stored, also when there is `data`:
    the stored config says which secrets exist and which defaults were meant. `data` is the POST. `prefix` begins every
    name in the page. `earlier_steps` and `event_types` (of the workflow's triggers) are offered to templates,
    `step_keys` (key and name of each step of the workflow) where a step names another.
    """

    media = Media(
        css={"all": ["workflows/config_forms.css", "workflows/script_editor.css"]},
        js=["workflows/config_forms.js", "workflows/script_editor.js"],
    )

    def __init__(
        self,
        kind: Configured,
        *,
        account_id: UUID,
        config: Mapping[str, Any] | None = None,
        data: MultiValueDict[str, str] | None = None,
        prefix: str = "config",
        earlier_steps: Sequence[EarlierStep] = (),
        event_types: Sequence[str] = (),
        step_keys: Sequence[tuple[str, str]] = (),
        is_readonly: bool = False,
    ) -> None:
        config_class, self._clean = config_and_cleaning(kind)
        self.account_id = account_id
        self.prefix = prefix
        self.event_types = event_types
        self.is_readonly = is_readonly
        write_only = kind.secret_fields if isinstance(kind, ActionType) else ()
        self.page = Page(
            account_id, prefix=prefix, write_only=write_only, earlier_steps=earlier_steps, step_keys=step_keys
        )
        self.root = GroupPart(config_class(), Slot(self.page, prefix, ""))
        self.root.load(empty if config is None else config)
        self.is_bound = data is not None
        self.config: dict[str, Any] = {}
        """What was sent, checked and normalised: what the services take. Filled by `is_valid`."""
        self._is_valid: bool | None = None
        if data is not None:
            self.root.read(Submitted(data))

    def is_valid(self) -> bool:
        """Tell whether what was sent is a config; if not, every problem stands at its field."""
        if self._is_valid is None:
            self._is_valid = self.is_bound and self._check()
        return self._is_valid

    def _check(self) -> bool:
        sent = self.root.collect()
        try:
            self.config = self._clean({} if sent is empty else sent, account_id=self.account_id)
        except Invalid as refusal:
            for problem in refusal.problems:
                self.root.place(problem.attr or "", problem.detail)
            if not self.has_errors:
                self.root.errors.append("The config cannot be used.")
        return not self.has_errors

    def add_problems(self, problems: Iterable[Problem]) -> list[Problem]:
        """Show problems that a service found, and return those that are about something else than the config."""
        others = []
        for problem in problems:
            name, _, path = (problem.attr or "").partition(".")
            if name in PREFIXES:
                self.root.place(path, problem.detail)
                self._is_valid = False
            else:
                others.append(problem)
        return others

    @property
    def has_errors(self) -> bool:
        return any(part.errors for part in self.parts())

    @property
    def errors(self) -> dict[str, list[str]]:
        """The errors by the name of their part in the page; those of the whole by the prefix."""
        return {part.name: part.errors for part in self.parts() if part.errors}

    def parts(self) -> Iterable[Part]:
        return self.root.parts()

    def render(self) -> SafeString:
        """Return the inputs as HTML."""
        chosen = [(part.kind, part.chosen) for part in self.parts() if isinstance(part, ReferencePart)]
        self.page.look_up_names(chosen)
        return render_to_string("admin/config_forms/form.html", {"form": self, "classes": CLASSES})

    __html__ = __str__ = render

    @property
    def has_templates(self) -> bool:
        """Whether anything in it, or a row that can be added, holds Liquid."""
        return any(below.takes_merge_fields for part in self.parts() for below in (part, *part.addable()))

    def merge_groups(self) -> list[Any]:
        return merge_groups(
            account_id=self.account_id, earlier_steps=self.page.earlier_steps, event_types=self.event_types
        )


def config_and_cleaning(kind: Configured) -> tuple[type[StrictConfig], Callable[..., dict[str, Any]]]:
    """Return the serializer of a kind and the function that checks its configs."""
    if isinstance(kind, ActionType):
        return kind.Config, kind.clean_config
    if isinstance(kind, TriggerType):
        return kind.Settings, kind.clean_settings
    return kind, partial(clean, kind)

"""Which other actions an action names by their keys: in templates and code (`steps.<key>`), and as a jump's target."""

import re
from collections.abc import Iterator

from workflows import templating
from workflows.actions.base import ActionType
from workflows.actions.registry import registry as action_types
from workflows.configs.scripts import scripts_in
from workflows.models import Action
from workflows.sandbox import properties_named

KEY = re.compile(r"[a-z0-9_]{1,50}")
OF_EVERY_OBJECT = frozenset({"constructor", "__proto__"})
"""What JavaScript finds in any object and could be a key."""


def steps_used(action: Action) -> Iterator[tuple[str, str]]:
    """Yield (dotted path of the field, key of the step) once for each step that the action names.

    Templates name steps, and so does code, as far as its text says which.
    """
    kind = kind_of(action)
    scripts = scripts_in(kind.Config, action.action_config) if kind else {}
    for name, code in scripts.items():
        for key in sorted(properties_named(code, "steps") - OF_EVERY_OBJECT):
            if KEY.fullmatch(key):
                yield f"action_config.{name}", key
    for path, source in templating.templates_in(action.action_config, "action_config"):
        if path.removeprefix("action_config.") in scripts:
            continue
        try:
            variables = templating.compile_template(source).variables
        except templating.TemplateProblem:  # no template, else its type would have refused it
            continue
        for key in sorted({names[1] for names in variables if names[0] == "steps" and len(names) > 1}):
            yield path, key


def kind_of(action: Action) -> ActionType | None:
    return action_types.get(action.action_type) if action.action_type in action_types else None


def jump_target(action: Action) -> str | None:
    """Return the key of the action at which contacts go on after this one, if it jumps."""
    kind = kind_of(action)
    return kind.jump_target(action.action_config) if kind else None


def uses_key(action: Action, key: str) -> bool:
    return jump_target(action) == key or any(used == key for _, used in steps_used(action))

"""Which other actions an action names by their keys: in templates (`steps.<key>`), and as the target of a jump."""

from collections.abc import Iterator

from workflows import templating
from workflows.actions.base import ActionType
from workflows.actions.registry import registry as action_types
from workflows.models import Action


def steps_used(action: Action) -> Iterator[tuple[str, str]]:
    """Yield (dotted path of the field, key of the step) once for each step that a template of the action names."""
    for path, source in templating.templates_in(action.action_config, "action_config"):
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

"""Which results of earlier steps (`steps.<key>`) the templates of an action use."""

from collections.abc import Iterator

from workflows import templating
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


def uses_step(action: Action, key: str) -> bool:
    return any(used == key for _, used in steps_used(action))

"""The addresses of the editor, below those of a workflow in the admin; names start with `workflow_`."""

from collections.abc import Callable, Iterator

from django.http import HttpResponse
from django.urls import URLPattern, path

from workflows.admin.editor import moving, settings, states, steps, triggers, trying

View = Callable[..., HttpResponse]

VIEWS: dict[str, View] = {
    "settings": settings.settings,
    "activate": states.activate,
    "pause": states.pause,
    "archive": states.archive,
    "restore": states.restore,
    "clone": states.clone,
    "validate": states.validate,
    "palette": steps.palette,
    "steps/add/<slug:slug>": steps.add,
    "steps/try/<slug:slug>": trying.run,
    "steps/<uuid:action_id>": steps.step,
    "steps/<uuid:action_id>/move": moving.move,
    "steps/<uuid:action_id>/duplicate": moving.duplicate,
    "steps/<uuid:action_id>/switch": moving.switch,
    "steps/<uuid:action_id>/remove": moving.remove,
    "triggers/add": triggers.choices,
    "triggers/add/<slug:slug>": triggers.add,
    "triggers/<uuid:trigger_id>": triggers.trigger,
    "triggers/<uuid:trigger_id>/remove": triggers.remove,
}
"""View by the address below `<workflow_id>/editor/`."""


def editor_urls(admin_view: Callable[[View], View]) -> Iterator[URLPattern]:
    """Yield the addresses, each for signed-in staff alone."""
    for address, view in VIEWS.items():
        module = view.__module__.rpartition(".")[2]
        yield path(
            f"<uuid:workflow_id>/editor/{address}/",
            admin_view(view),
            name=f"workflow_{module}_{view.__name__}",
        )

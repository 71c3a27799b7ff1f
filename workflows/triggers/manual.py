"""The trigger `manual`."""

from workflows.triggers.base import TriggerType
from workflows.triggers.registry import registry


@registry.register
class Manual(TriggerType):
    """Contacts are enrolled by people, by the API (`POST /workflows/{id}/execute`) and by commands, never by events."""

    slug = "manual"
    label = "By hand"
    icon = "touch_app"
    example = {}

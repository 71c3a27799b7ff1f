"""What the doors to authoring share."""

from typing import Any

from accounts.api.views import AccountViewSet
from workflows.models import Workflow


class AuthoringViewSet(AccountViewSet):
    """A viewset whose changes go through `workflows.authoring`."""

    def on_behalf(self) -> dict[str, Any]:
        """Return the arguments that say whose workflows are changed, and by whom."""
        return {"account_id": self.caller.account_id, "actor": self.caller.actor}


class PartViewSet(AuthoringViewSet):
    """Parts of one workflow."""

    parent_queryset = Workflow.objects.present()
    parent_kwarg = "workflow_id"
    parent_field = "workflow"

    def on_behalf(self) -> dict[str, Any]:
        return {**super().on_behalf(), "workflow_id": self.parent.id}

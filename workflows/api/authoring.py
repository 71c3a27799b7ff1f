"""What the doors to authoring share."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from accounts.api.views import AccountViewSet
from accounts.problems import Stale
from workflows.models import Workflow


def tag_of_revision(revision: int) -> str:
    """Return the ETag of a workflow: it covers what people edit, not the counts of contacts."""
    return f'"{revision}"'


class AuthoringViewSet(AccountViewSet):
    """A viewset whose changes go through `workflows.authoring`, which holds `If-Match` against the revision."""

    expected_revision: int | None = None

    @contextmanager
    def unless_stale(self, wanted: Collection[str]) -> Iterator[None]:
        """Note the revision that the change is for; authoring compares it under the workflow's lock."""
        if not self.has_etag():
            raise Stale("This address has no ETag; leave If-Match out.")
        revision = self.present_revision()
        if tag_of_revision(revision) not in wanted:
            raise Stale(f"The workflow is at revision {revision} by now. Read it again, then repeat the change.")
        self.expected_revision = revision
        yield

    def present_revision(self) -> int:
        """Return the revision of the workflow that is to be changed."""
        raise NotImplementedError

    def at_revision(self) -> dict[str, Any]:
        """Return the argument that says which revision the change is for, if the caller said so."""
        return {} if self.expected_revision is None else {"expected_revision": self.expected_revision}


class PartViewSet(AuthoringViewSet):
    """Parts of one workflow.

    The workflow's ETag guards what is added, moved and removed; a part's own guards the actions in `own_tag_actions`.
    """

    parent_queryset = Workflow.objects.present()
    parent_kwarg = "workflow_id"
    parent_field = "workflow"
    own_tag_actions: tuple[str, ...] = ("update", "partial_update")

    def has_etag(self) -> bool:
        return True

    def on_behalf(self) -> dict[str, Any]:
        return {**super().on_behalf(), "workflow_id": self.parent.id, **self.at_revision()}

    @contextmanager
    def unless_stale(self, wanted: Collection[str]) -> Iterator[None]:
        """Go by the tag of the part itself or of its workflow."""
        guard = AccountViewSet if self.action in self.own_tag_actions else AuthoringViewSet
        with guard.unless_stale(self, wanted):
            yield

    def present_revision(self) -> int:
        revision: int = self.parent.revision
        return revision

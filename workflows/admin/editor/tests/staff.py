"""Somebody at the editor: sends what its controls send, so that tests say only what they are about."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Role
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.authoring.chain import list_actions
from workflows.models import Action, Trigger, Workflow


class StaffMember:
    """A member of the workflow's account at its editor; htmx sends what they send unless told otherwise."""

    def __init__(self, workflow: Workflow, role: Role = Role.EDITOR) -> None:
        self.workflow = workflow
        self.user = MembershipFactory(
            account=workflow.account, role=role, user=UserFactory(is_staff=True, name="Ada")
        ).user
        self.client = Client()
        self.client.force_login(self.user)

    def address(self, name: str, **ids: UUID | str) -> str:
        """Return an address: `page`, or that of a door such as `moving_move`."""
        if name == "page":
            return reverse("admin:workflows_workflow_change", args=[self.workflow.id])
        return reverse(f"admin:workflow_{name}", kwargs={"workflow_id": self.workflow.id, **ids})

    def get(self, name: str, query: Mapping[str, Any] | None = None, *, htmx: bool = True, **ids: Any) -> HttpResponse:
        headers = {"hx-request": "true"} if htmx else {}
        return self.client.get(self.address(name, **ids), query or {}, headers=headers)

    def post(
        self,
        name: str,
        data: Mapping[str, Any] | None = None,
        *,
        htmx: bool = True,
        seen: int | None = None,
        **ids: Any,
    ) -> HttpResponse:
        """Send a change; `seen` is the revision it is for, the present one unless given."""
        revision = Workflow.objects.get(id=self.workflow.id).revision if seen is None else seen
        headers = {"hx-request": "true"} if htmx else {}
        body = urlencode({"revision": revision, **(data or {})}, errors="surrogatepass")
        return self.client.post(
            self.address(name, **ids), body, content_type="application/x-www-form-urlencoded", headers=headers
        )

    def keys(self) -> list[str]:
        """Return the keys of the steps in order."""
        items = list_actions(account_id=self.workflow.account_id, workflow_id=self.workflow.id)
        return [item.action.key for item in items]

    def step(self, key: str) -> Action:
        return Action.objects.get(workflow=self.workflow, key=key)

    def state(self) -> tuple[object, ...]:
        """Return everything that a refused change must leave alone."""
        rows = Action.objects.filter(workflow=self.workflow).order_by("id")
        actions = list(rows.values_list("id", "key", "name", "action_config", "is_enabled", "previous_action_id"))
        triggers = list(Trigger.objects.filter(workflow=self.workflow).order_by("id").values_list("id", "is_active"))
        workflow = (
            Workflow.objects.filter(id=self.workflow.id).values_list("status", "revision", "name", "version").get()
        )
        return workflow, actions, triggers, Workflow.objects.count(), AuditEntry.objects.count()


def text(response: HttpResponse) -> str:
    return response.content.decode()

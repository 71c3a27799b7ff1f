"""What holds for every door of the editor: roles, accounts, the lock, stale pages, forged input."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, AuditEntry, Role
from accounts.tests.factories import UserFactory
from workflows.admin.editor.tests.staff import StaffMember, text
from workflows.admin.editor.urls import VIEWS
from workflows.models import Workflow, WorkflowStatus
from workflows.tests.factories import TriggerFactory, WorkflowFactory

pytestmark = pytest.mark.django_db

EDITS: dict[str, dict[str, Any]] = {
    "steps_add": {"config.tag_name": "VIP", "on_error": "stop", "is_enabled": "on"},
    "steps_step": {"config.tag_name": "Other", "key": "add_tag", "on_error": "stop", "is_enabled": "on"},
    "moving_move": {"position": 1},
    "moving_duplicate": {},
    "moving_switch": {"is_enabled": "0"},
    "moving_remove": {},
    "triggers_add": {"is_active": "on"},
    "triggers_trigger": {},
    "triggers_remove": {},
}
"""What each door that edits steps and triggers is sent."""
OTHERS: dict[str, dict[str, Any]] = {
    "settings_settings": {"name": "Renamed", "reentry": "single"},
    "states_activate": {},
    "states_archive": {},
    "states_clone": {},
    "states_pause": {},
    "states_restore": {},
}
LOOKED_AT = ("page", "settings_settings", "steps_step", "triggers_trigger")
FOR_EDITORS = (
    "steps_palette", "steps_add", "moving_remove", "triggers_choices", "triggers_add", "triggers_remove",
    "states_activate", "states_archive", "states_clone",
)  # fmt: skip


@pytest.fixture
def workflow(account: Account) -> Workflow:
    workflow = WorkflowFactory(account=account, name="Welcome", chain=["add_tag", "wait_time"])
    TriggerFactory(workflow=workflow)
    return workflow


@pytest.fixture
def ada(workflow: Workflow) -> StaffMember:
    return StaffMember(workflow)


def ids_of(name: str, ada: StaffMember) -> dict[str, Any]:
    if name in ("steps_add", "triggers_add"):
        return {"slug": "add_tag" if name == "steps_add" else "manual"}
    if name.startswith("triggers_") and name != "triggers_choices":
        return {"trigger_id": ada.workflow.triggers.get().id}
    return {"action_id": ada.step("add_tag").id} if name.startswith("moving_") or name == "steps_step" else {}


def names_of_views() -> Iterator[str]:
    for view in VIEWS.values():
        yield f"{view.__module__.rpartition('.')[2]}_{view.__name__}"


def test_every_door_is_tested() -> None:
    assert set(names_of_views()) == {*EDITS, *OTHERS, *FOR_EDITORS, "states_validate", "trying_run"}


class TestRoles:
    @pytest.mark.parametrize("name", [*EDITS, *OTHERS, "states_validate"])
    def test_a_viewer_changes_nothing(self, ada: StaffMember, name: str) -> None:
        viewer = StaffMember(ada.workflow, Role.VIEWER)
        state = ada.state()

        refused = viewer.post(name, (EDITS | OTHERS).get(name), **ids_of(name, ada))

        assert refused.status_code == 403
        assert ada.state() == state

    @pytest.mark.parametrize("name", FOR_EDITORS)
    def test_a_viewer_is_offered_nothing(self, ada: StaffMember, name: str) -> None:
        assert StaffMember(ada.workflow, Role.VIEWER).get(name, **ids_of(name, ada)).status_code == 403

    @pytest.mark.parametrize("name", LOOKED_AT)
    def test_a_viewer_looks(self, ada: StaffMember, name: str) -> None:
        seen = StaffMember(ada.workflow, Role.VIEWER).get(name, htmx=False, **ids_of(name, ada))

        assert seen.status_code == 200
        assert "Welcome" in text(seen)
        assert "button-primary" not in text(seen)

    @pytest.mark.parametrize("name", [*EDITS, *OTHERS])
    def test_an_editor_changes_and_is_named(self, ada: StaffMember, name: str) -> None:
        if name == "states_pause":
            Workflow.objects.update(status=WorkflowStatus.ACTIVE)
        if name == "states_restore":
            Workflow.objects.update(status=WorkflowStatus.ARCHIVED)

        done = ada.post(name, (EDITS | OTHERS)[name], **ids_of(name, ada))

        assert done.status_code == 200, text(done)
        entry = AuditEntry.objects.get()
        assert (entry.actor_user_id, entry.account_id) == (ada.user.id, ada.workflow.account_id)


class TestAccounts:
    @pytest.mark.parametrize("name", ["page", *EDITS, *OTHERS, "steps_palette", "triggers_choices", "states_validate"])
    @pytest.mark.parametrize("is_superuser", [False, True])
    def test_a_workflow_of_another_account_is_as_if_it_were_missing(
        self, ada: StaffMember, other_account: Account, name: str, is_superuser: bool
    ) -> None:
        stranger = StaffMember(WorkflowFactory(account=other_account))
        ids = ids_of(name, ada)
        state = ada.state()
        if is_superuser:  # sees all accounts, but no workflow that is not there
            stranger.client.force_login(UserFactory(is_staff=True, is_superuser=True))
        stranger.workflow = ada.workflow if not is_superuser else Workflow(id=uuid4(), account=other_account)

        seen = stranger.get(name, **ids)
        sent = stranger.post(name, (EDITS | OTHERS).get(name), seen=1, **ids)

        assert seen.status_code in (404, 405)
        assert sent.status_code in (404, 405)
        assert ada.state() == state

    @pytest.mark.parametrize("name", [name for name in EDITS if name not in ("steps_add", "triggers_add")])
    def test_parts_of_another_workflow_are_missing(self, ada: StaffMember, account: Account, name: str) -> None:
        ids, state = ids_of(name, ada), ada.state()
        bob = StaffMember(WorkflowFactory(account=account, chain=["add_tag"]))
        revision = bob.workflow.revision

        assert bob.post(name, EDITS[name], **ids).status_code == 404
        assert Workflow.objects.get(id=bob.workflow.id).revision == revision
        assert ada.state()[1:3] == state[1:3]

    @pytest.mark.parametrize("name", ["page", "steps_palette"])
    def test_strangers_are_sent_to_the_login(self, ada: StaffMember, name: str) -> None:
        for client in (Client(), StaffMember(ada.workflow).client):
            client.logout()
            answer = client.get(ada.address(name))
            assert answer.status_code == 302
            assert "/login/" in answer["Location"]

    def test_a_deleted_workflow_is_missing(self, ada: StaffMember) -> None:
        Workflow.objects.update(deleted_at=ada.workflow.created_at)

        assert ada.get("page", htmx=False).status_code == 404
        listed = ada.client.get(reverse("admin:workflows_workflow_changelist"))
        assert "Welcome" not in text(listed)


class TestTheLock:
    @pytest.mark.parametrize("name", EDITS)
    @pytest.mark.parametrize("status", [WorkflowStatus.ACTIVE, WorkflowStatus.ARCHIVED])
    @pytest.mark.parametrize("htmx", [True, False])
    def test_refuses_forged_edits(self, ada: StaffMember, name: str, status: str, htmx: bool) -> None:
        Workflow.objects.update(status=status)
        state = ada.state()

        refused = ada.post(name, EDITS[name], htmx=htmx, **ids_of(name, ada))

        assert refused.status_code == 409
        assert "only a draft or paused one can be edited" in text(refused)
        assert ada.state() == state

    @pytest.mark.parametrize(
        "name", ["steps_palette", "steps_add", "moving_remove", "triggers_choices", "triggers_add"]
    )
    def test_offers_no_edit(self, ada: StaffMember, name: str) -> None:
        Workflow.objects.update(status=WorkflowStatus.ACTIVE)

        assert ada.get(name, **ids_of(name, ada)).status_code == 409

    def test_shows_why_and_no_controls(self, ada: StaffMember) -> None:
        Workflow.objects.update(status=WorkflowStatus.ACTIVE)

        page = text(ada.get("page", htmx=False))

        assert "This workflow is active, so its steps" in page
        assert "Pause to edit" in page
        for control in ("data-handle", "data-sortable", "gap-add", "card-menu", "add-trigger", "data-move"):
            assert control not in page

    @pytest.mark.parametrize("name", ["steps_step", "triggers_trigger"])
    def test_shows_forms_without_controls(self, ada: StaffMember, name: str) -> None:
        Workflow.objects.update(status=WorkflowStatus.ACTIVE)

        panel = text(ada.get(name, **ids_of(name, ada)))

        assert "Locked while the workflow is active." in panel
        assert "disabled" in panel
        assert 'type="submit"' not in panel

    def test_lets_name_and_owner_change_and_the_rest_not(self, ada: StaffMember) -> None:
        Workflow.objects.update(status=WorkflowStatus.ACTIVE)

        saved = ada.post("settings_settings", {"name": "Renamed", "reentry": "multiple", "timezone": "Asia/Tokyo"})

        assert saved.status_code == 200
        workflow = Workflow.objects.get()
        assert (workflow.name, workflow.reentry, workflow.timezone) == ("Renamed", "after_exit", "")


class TestStalePages:
    @pytest.mark.parametrize("name", [*EDITS, *OTHERS])
    @pytest.mark.parametrize("htmx", [True, False])
    def test_change_nothing_and_show_what_is_there_now(self, ada: StaffMember, name: str, htmx: bool) -> None:
        if name == "states_pause":
            Workflow.objects.update(status=WorkflowStatus.ACTIVE)
        if name == "states_restore":
            Workflow.objects.update(status=WorkflowStatus.ARCHIVED)
        Workflow.objects.update(revision=7)
        state = ada.state()

        refused = ada.post(name, (EDITS | OTHERS)[name], seen=6, htmx=htmx, **ids_of(name, ada))

        assert refused.status_code == 412
        assert "Somebody else changed this workflow meanwhile." in text(refused)
        assert 'name="revision" value="7"' in text(refused)
        if htmx:
            assert f'id="step-{ada.step("wait_time").id}"' in text(refused)
        assert ada.state() == state

    def test_keep_what_was_typed_and_save_it_when_sent_again(self, ada: StaffMember) -> None:
        ids = ids_of("steps_step", ada)
        typed = {"name": "Mark as VIP", "config.tag_name": "Typed", "key": "mark", "on_error": "continue"}
        Workflow.objects.update(revision=7)

        refused = ada.post("steps_step", typed, seen=6, **ids)
        assert 'value="Mark as VIP"' in text(refused)
        assert "Typed" in text(refused)
        assert 'value="mark"' in text(refused)
        assert 'hx-swap-oob="true"' in text(refused)
        assert refused["HX-Retarget"] == "#drawer-body"

        assert ada.post("steps_step", typed, seen=7, **ids).status_code == 200
        action = ada.step("mark")
        assert (action.name, action.action_config, action.is_enabled) == ("Mark as VIP", {"tag_name": "Typed"}, False)


class TestForgedInput:
    @pytest.mark.parametrize(
        ("name", "revision"),
        [
            *((name, "") for name in [*EDITS, *OTHERS]),
            *(("moving_move", text) for text in ["x", "-1", "1.0", "١", "9" * 5000, " 1"]),
        ],
    )
    def test_a_revision_that_is_no_number(self, ada: StaffMember, name: str, revision: str) -> None:
        state = ada.state()

        refused = ada.post(name, (EDITS | OTHERS)[name], seen=revision, **ids_of(name, ada))  # type: ignore[arg-type]

        assert refused.status_code in (200, 400)
        assert "must be a whole number" in text(refused)
        assert ada.state() == state

    @pytest.mark.parametrize("position", ["", "x", "-1", "2", "9" * 5000, "1\x00", "0x1"])
    def test_a_position_that_is_none(self, ada: StaffMember, position: str) -> None:
        state = ada.state()

        refused = ada.post("moving_move", {"position": position}, **ids_of("moving_move", ada))

        assert refused.status_code == 400
        assert ada.state() == state

    @pytest.mark.parametrize("branch", ["x", str(UUID(int=7)), "\x00"])
    def test_a_branch_that_is_none(self, ada: StaffMember, branch: str) -> None:
        state = ada.state()

        refused = ada.post("moving_move", {"position": 0, "branch_id": branch}, **ids_of("moving_move", ada))

        assert refused.status_code == 400
        assert ada.state() == state

    @pytest.mark.parametrize("address", ["steps_palette", "steps_add"])
    def test_a_place_that_is_none(self, ada: StaffMember, address: str) -> None:
        ids = ids_of(address, ada)
        assert ada.get(address, {"previous_action_id": "x"}, **ids).status_code == 404
        assert ada.get(address, {"branch_id": "\x00"}, **ids).status_code in (400, 404)

    def test_a_place_behind_a_step_that_is_gone(self, ada: StaffMember) -> None:
        state = ada.state()

        refused = ada.post("steps_add", EDITS["steps_add"] | {"previous_action_id": str(uuid4())}, slug="add_tag")

        assert "The list has no action" in text(refused)
        assert ada.state() == state

    @pytest.mark.parametrize("name", ["steps_add", "triggers_add"])
    def test_a_type_that_does_not_exist(self, ada: StaffMember, name: str) -> None:
        assert ada.get(name, slug="gone").status_code == 404
        assert ada.post(name, slug="gone").status_code == 404

    @pytest.mark.parametrize("field", ["name", "key", "on_error"])
    @pytest.mark.parametrize("value", ["\x00", "\ud800", "x" * 200_000, "<script>"])
    def test_fields_of_a_step(self, ada: StaffMember, field: str, value: str) -> None:
        data = EDITS["steps_step"] | {field: value}

        answer = ada.post("steps_step", data, **ids_of("steps_step", ada))

        assert answer.status_code in (200, 400)
        assert "<script>" not in ada.step("add_tag").key

    @pytest.mark.parametrize("field", ["name", "description", "reentry", "timezone", "owner", "notify_on_failure"])
    @pytest.mark.parametrize("value", ["\x00", "\ud800", "x" * 200_000, "<script>", str(UUID(int=7))])
    def test_settings(self, ada: StaffMember, field: str, value: str) -> None:
        data = OTHERS["settings_settings"] | {field: value}

        assert ada.post("settings_settings", data).status_code == (400 if value == "\x00" else 200)
        assert Workflow.objects.get().owner_id is None

    @pytest.mark.parametrize("name", [*EDITS, *OTHERS])
    def test_a_request_without_a_token(self, ada: StaffMember, name: str) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(ada.user)
        state = ada.state()

        assert client.post(ada.address(name, **ids_of(name, ada)), {"revision": 1}).status_code == 403
        assert ada.state() == state

    @pytest.mark.parametrize(
        "name", ["moving_move", "moving_duplicate", "moving_switch", "states_pause", "states_restore"]
    )
    def test_looking_at_what_only_changes(self, ada: StaffMember, name: str) -> None:
        assert ada.get(name, **ids_of(name, ada)).status_code == 405

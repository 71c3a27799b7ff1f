"""What each door of the editor does when it is used as meant."""

import pytest

from accounts.models import Account, AuditEntry, Role
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.admin.editor.tests.staff import StaffMember, text
from workflows.authoring.tests.authors import Author
from workflows.models import Action, Trigger, Workflow, WorkflowExecution, WorkflowStatus, WorkflowVersion
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, TriggerFactory, WorkflowFactory

pytestmark = pytest.mark.django_db

STEP = {"config.tag_name": "VIP", "on_error": "stop", "is_enabled": "on"}


@pytest.fixture
def ada(account: Account) -> StaffMember:
    return StaffMember(WorkflowFactory(account=account, name="Welcome", chain=["add_tag", "wait_time", "add_note"]))


class TestAdding:
    @pytest.mark.parametrize(
        ("behind", "keys"),
        [
            (None, ["new", "add_tag", "wait_time", "add_note"]),
            ("add_tag", ["add_tag", "new", "wait_time", "add_note"]),
            ("add_note", ["add_tag", "wait_time", "add_note", "new"]),
        ],
    )
    @pytest.mark.parametrize("htmx", [True, False])
    def test_puts_a_step_where_the_plus_was(
        self, ada: StaffMember, behind: str | None, keys: list[str], htmx: bool
    ) -> None:
        place = str(ada.step(behind).id) if behind else ""
        query = f"?previous_action_id={place}&amp;branch_id="

        added = ada.post("steps_add", STEP | {"key": "new", "previous_action_id": place}, htmx=htmx, slug="add_tag")

        assert added.status_code == (200 if htmx else 302)
        assert ada.keys() == keys
        assert query in text(ada.get("page"))

    def test_stores_every_field(self, ada: StaffMember) -> None:
        fields = {
            "name": "Tell them",
            "key": "tell",
            "on_error": "continue",
            "config.url": "https://example.test/hook",
            "config.method": "POST",
            "retry.max_retries": "2",
            "retry.strategy": "linear",
        }

        ada.post("steps_add", fields, slug="webhook_call")

        action = ada.step("tell")
        assert (action.name, action.on_error, action.is_enabled) == ("Tell them", "continue", False)
        assert action.action_config == {"url": "https://example.test/hook", "method": "POST"}
        assert action.retry == {"max_retries": 2, "strategy": "linear"}

    def test_makes_a_key_where_none_is_given(self, ada: StaffMember) -> None:
        ada.post("steps_add", STEP, slug="add_tag")
        assert ada.keys()[0] == "add_tag_2"

    @pytest.mark.parametrize(
        ("fields", "sentence", "status"),
        [
            ({"config.tag_name": ""}, "This field is required.", 200),
            ({"config.tag_name": "{{ nobody.x }}"}, "nobody", 200),
            ({"key": "Not A Key"}, "Use 1–50 lower-case letters, digits and _.", 200),
            ({"key": "wait_time"}, "Another action of the workflow has the key", 409),
            ({"on_error": "explode"}, "Select a valid choice.", 200),
            ({"name": "x" * 121}, "at most 120 characters", 200),
        ],
    )
    def test_says_at_the_field_what_is_wrong(
        self, ada: StaffMember, fields: dict[str, str], sentence: str, status: int
    ) -> None:
        state = ada.state()

        refused = ada.post("steps_add", STEP | {"name": "Typed"} | fields, slug="add_tag")

        assert refused.status_code == status
        assert sentence in text(refused)
        assert refused["HX-Retarget"] == "#drawer-body"
        assert 'value="Typed"' in text(refused) or "name" in fields
        assert ada.state() == state

    def test_refuses_the_fifty_first_step(self, account: Account) -> None:
        ada = StaffMember(WorkflowFactory(account=account, chain=["add_tag"] * 50))

        refused = ada.post("steps_add", STEP, slug="add_tag")

        assert refused.status_code == 409
        assert "A workflow has at most 50 actions" in text(refused)
        assert len(ada.keys()) == 50


class TestChangingAStep:
    def test_replaces_what_it_was_configured_with(self, ada: StaffMember) -> None:
        Action.objects.filter(key="add_tag").update(action_config={"tag_name": "Old", "tag_color": "#112233"})

        ada.post("steps_step", STEP | {"key": "renamed", "name": "Label"}, action_id=ada.step("add_tag").id)

        action = ada.step("renamed")
        assert (action.name, action.action_config) == ("Label", {"tag_name": "VIP"})

    def test_needs_a_key(self, ada: StaffMember) -> None:
        refused = ada.post("steps_step", STEP | {"key": ""}, action_id=ada.step("add_tag").id)

        assert "This field is required." in text(refused)
        assert '<details class="more" open>' in text(refused)

    def test_keeps_a_key_that_templates_use(self, ada: StaffMember) -> None:
        Action.objects.filter(key="add_note").update(action_config={"content": "{{ steps.add_tag.tag_name }}"})

        refused = ada.post("steps_step", STEP | {"key": "renamed"}, action_id=ada.step("add_tag").id)

        assert refused.status_code == 409
        assert "add_note name the key" in text(refused)
        assert ada.keys()[0] == "add_tag"


class TestOrder:
    @pytest.mark.parametrize("htmx", [True, False])
    def test_moves_a_step(self, ada: StaffMember, htmx: bool) -> None:
        moved = ada.post("moving_move", {"position": 2, "branch_id": ""}, htmx=htmx, action_id=ada.step("add_tag").id)

        assert ada.keys() == ["wait_time", "add_note", "add_tag"]
        if htmx:
            assert f'data-focus="step-{ada.step("add_tag").id}"' in text(moved)
            assert "“Add tag” is step 3 now." in text(moved)
        else:
            assert moved["Location"] == ada.address("page")

    def test_duplicates_a_step_right_behind_it(self, ada: StaffMember) -> None:
        ada.post("moving_duplicate", action_id=ada.step("wait_time").id)
        assert ada.keys() == ["add_tag", "wait_time", "wait_time_2", "add_note"]

    @pytest.mark.parametrize(("sent", "stored"), [("0", False), ("1", True)])
    def test_switches_a_step(self, ada: StaffMember, sent: str, stored: bool) -> None:
        Action.objects.filter(key="add_tag").update(is_enabled=not stored)
        ada.post("moving_switch", {"is_enabled": sent}, action_id=ada.step("add_tag").id)
        assert ada.step("add_tag").is_enabled is stored

    @pytest.mark.parametrize(
        ("key", "rest", "neighbour"),
        [
            ("add_tag", ["wait_time", "add_note"], "wait_time"),
            ("add_note", ["add_tag", "wait_time"], "wait_time"),
        ],
    )
    def test_deletes_a_step_after_asking(self, ada: StaffMember, key: str, rest: list[str], neighbour: str) -> None:
        action_id = ada.step(key).id
        assert "Delete the step" in text(ada.get("moving_remove", action_id=action_id))
        assert len(ada.keys()) == 3

        deleted = ada.post("moving_remove", action_id=action_id)

        assert ada.keys() == rest
        assert f'data-focus="step-{ada.step(neighbour).id}"' in text(deleted)


class TestTriggers:
    def test_are_added_switched_and_deleted(self, ada: StaffMember) -> None:
        ada.post("triggers_add", {"is_active": "on"}, slug="manual")
        trigger = Trigger.objects.get()
        assert (trigger.trigger_type, trigger.is_active) == ("manual", True)

        ada.post("triggers_trigger", {}, trigger_id=trigger.id)
        assert Trigger.objects.get().is_active is False

        assert "Delete the trigger" in text(ada.get("triggers_remove", trigger_id=trigger.id))
        ada.post("triggers_remove", trigger_id=trigger.id)
        assert not Trigger.objects.exists()
        assert list(AuditEntry.objects.order_by("id").values_list("verb", flat=True)) == [
            "trigger.added", "trigger.updated", "trigger.removed",
        ]  # fmt: skip

    def test_are_offered_by_type(self, ada: StaffMember) -> None:
        assert ada.address("triggers_add", slug="manual") in text(ada.get("triggers_choices"))


class TestStates:
    def test_activates_pauses_archives_and_restores(self, ada: StaffMember) -> None:
        TriggerFactory(workflow=ada.workflow)
        steps = {"activate": "active", "pause": "paused", "archive": "archived", "restore": "draft"}
        for verb in ("activate", "pause", "activate", "archive", "restore"):
            done = ada.post(f"states_{verb}")
            assert done.status_code == 200
            assert Workflow.objects.get().status == steps[verb]
        assert WorkflowVersion.objects.count() == 1

    @pytest.mark.parametrize(
        ("verb", "status"),
        [
            ("pause", "draft"),
            ("restore", "active"),
            ("archive", "archived"),
            ("activate", "active"),
            ("activate", "archived"),
        ],
    )
    def test_refuses_what_the_state_does_not_allow(self, ada: StaffMember, verb: str, status: str) -> None:
        Workflow.objects.update(status=status)

        refused = ada.post(f"states_{verb}")

        assert refused.status_code == 409
        assert "cannot be" in text(refused)
        assert Workflow.objects.get().status == status

    @pytest.mark.parametrize(("choice", "version"), [("keep", 1), ("move", 2)])
    def test_asks_what_contacts_inside_shall_do(self, account: Account, choice: str, version: int) -> None:
        ada = StaffMember(ActiveWorkflowFactory(account=account, chain=["wait_time"]))
        ExecutionFactory(workflow=ada.workflow, waiting=True)
        ada.post("states_pause")
        assert "Resume…" not in text(ada.get("page"))
        Author(ada.workflow).add("add_tag")
        assert "Resume…" in text(ada.get("page"))
        assert "1 contact is inside" in text(ada.get("states_activate"))

        done = ada.post("states_activate", {"contacts_inside": choice})

        assert f"“{ada.workflow.name}” is active on version 2." in text(done)
        assert WorkflowExecution.objects.get().version.number == version

    def test_refuses_another_answer(self, ada: StaffMember) -> None:
        refused = ada.post("states_activate", {"contacts_inside": "eject"})

        assert refused.status_code == 400
        assert "Use one of: keep, move." in text(refused)
        assert Workflow.objects.get().status == "draft"

    def test_tells_how_many_contacts_archiving_cancels(self, account: Account) -> None:
        ada = StaffMember(ActiveWorkflowFactory(account=account, chain=["wait_time"]))
        ExecutionFactory(workflow=ada.workflow, waiting=True)

        assert "1 contact inside will be cancelled." in text(ada.get("states_archive"))
        ada.post("states_archive")
        assert WorkflowExecution.objects.get().status == "cancelled"

    @pytest.mark.parametrize(("name", "called"), [("", "Welcome copy"), ("Second", "Second")])
    def test_clones_and_goes_to_the_copy(self, ada: StaffMember, name: str, called: str) -> None:
        cloned = ada.post("states_clone", {"name": name})

        copy = Workflow.objects.get(name=called)
        assert cloned["HX-Redirect"] == f"/admin/workflows/workflow/{copy.id}/change/"
        assert copy.status == WorkflowStatus.DRAFT
        assert ada.post("states_clone", {"name": ""}, htmx=False).status_code == 302

    def test_refuses_a_name_that_is_taken(self, ada: StaffMember) -> None:
        refused = ada.post("states_clone", {"name": "welcome"})

        assert refused.status_code == 409
        assert "choose another name" in text(refused)
        assert Workflow.objects.count() == 1


class TestSettings:
    def test_are_saved_as_far_as_they_differ(self, ada: StaffMember) -> None:
        bob = MembershipFactory(account=ada.workflow.account, role=Role.VIEWER, user=UserFactory(name="Bob")).user
        sent = {
            "name": "Renamed", "description": "Two\r\nlines", "reentry": "multiple", "timezone": "Asia/Tokyo",
            "owner": str(bob.id),
        }  # fmt: skip

        ada.post("settings_settings", sent)

        workflow = Workflow.objects.get()
        assert (workflow.name, workflow.description) == ("Renamed", "Two\nlines")
        assert (workflow.reentry, workflow.timezone, workflow.notify_on_failure) == ("multiple", "Asia/Tokyo", False)
        assert workflow.owner_id == bob.id
        revision = workflow.revision
        assert ada.post("settings_settings", sent).status_code == 200
        assert Workflow.objects.get().revision == revision

    def test_offer_members_of_the_account_alone(self, ada: StaffMember, other_account: Account) -> None:
        stranger = MembershipFactory(account=other_account, user=UserFactory(name="Stranger")).user
        gone = MembershipFactory(account=ada.workflow.account, user=UserFactory(name="Gone"), is_active=False).user

        panel = text(ada.get("settings_settings"))
        assert "Stranger" not in panel
        assert "Gone" not in panel
        for forged in (stranger, gone):
            assert "Select a valid choice." in text(
                ada.post("settings_settings", {"name": "Welcome", "reentry": "after_exit", "owner": str(forged.id)})
            )
        assert Workflow.objects.get().owner_id is None

    def test_keep_an_owner_who_left(self, ada: StaffMember) -> None:
        Workflow.objects.update(owner=UserFactory(name="Gone"))

        assert "Gone (no longer a member)" in text(ada.get("settings_settings"))
        owner_id = Workflow.objects.get().owner_id
        ada.post("settings_settings", {"name": "Renamed", "reentry": "after_exit", "owner": str(owner_id)})
        assert Workflow.objects.get().name == "Renamed"

    def test_can_be_sent_to_the_page_itself(self, ada: StaffMember) -> None:
        saved = ada.post("page", {"name": "Renamed", "reentry": "after_exit"}, htmx=False)

        assert saved["Location"] == ada.address("page")
        assert Workflow.objects.get().name == "Renamed"

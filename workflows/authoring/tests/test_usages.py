from functools import partial
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection, transaction

from accounts.actors import SYSTEM
from accounts.models import Account, Role
from accounts.problems import Conflict, Invalid
from accounts.tests.factories import AccountFactory, MembershipFactory
from workflows.authoring import chain, publishing, removing, triggers, workflows
from workflows.authoring.usages import usages_of
from workflows.crm.models import CustomField, Event, Tag, Usage
from workflows.crm.services.custom_fields import target_of as field_target
from workflows.crm.services.tag_list import target_of
from workflows.crm.services.usages import Target
from workflows.crm.tests.factories import ContactFactory, CustomFieldFactory, TagFactory
from workflows.crm.tests.together import together
from workflows.crm.tests.world import NOW
from workflows.messaging.models import Connection
from workflows.messaging.tests.factories import ConnectionFactory, EmailTemplateFactory
from workflows.models import Action, Workflow
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, WorkflowFactory

pytestmark = pytest.mark.django_db

NUMBER = "+14155550100"


@pytest.fixture
def workflow(account: Account) -> Workflow:
    made: Workflow = WorkflowFactory(account=account, name="Welcome")
    return made


def add(workflow: Workflow, action_type: str, config: dict[str, Any]) -> UUID:
    return chain.add_action(
        account_id=workflow.account_id,
        actor=SYSTEM,
        workflow_id=workflow.id,
        action_type=action_type,
        action_config=config,
    ).action.id


def update(workflow: Workflow, action_id: UUID, **changes: Any) -> None:
    chain.update_action(
        account_id=workflow.account_id,
        actor=SYSTEM,
        workflow_id=workflow.id,
        action_id=action_id,
        changes=changes,  # type: ignore[arg-type]
    )


def kept(workflow: Workflow) -> list[tuple[Any, ...]]:
    """Return (version, key, kind, id or name, path) of everything that the index knows of a workflow."""
    rows = Usage.objects.filter(workflow_id=workflow.id).order_by("version", "key", "path", "name")
    return [(row.version, row.key, row.kind, row.object_id or row.name, row.path) for row in rows]


def delete_tag(tag: Tag) -> None:
    removing.delete_tag(account_id=tag.account_id, actor=SYSTEM, tag_id=tag.id, now=NOW)


class TestIndex:
    def test_knows_what_a_new_action_refers_to(self, workflow: Workflow) -> None:
        member = MembershipFactory(account=workflow.account).user
        add(workflow, "create_task", {"title": "Call", "assignee_id": str(member.id)})
        assert kept(workflow) == [(None, "create_task", "user", member.id, "action_config.assignee_id")]

    def test_knows_names_as_they_are_looked_up(self, workflow: Workflow) -> None:
        add(workflow, "add_tag", {"tag_name": " Straße "})
        add(workflow, "remove_tag", {"tag_name": "{{ contact.source }}"})
        assert kept(workflow) == [(None, "add_tag", "tag", "strasse", "action_config.tag_name")]

    def test_knows_names_in_lists_mappings_and_templates(self, workflow: Workflow) -> None:
        for key in ("size", "plan", "color"):
            CustomFieldFactory(account=workflow.account, key=key)
        config = {
            "email": "{{ contact.custom_fields.plan }}@example.com",
            "custom_fields": {"size": "{{ contact.custom_fields.color | default: contact.custom_fields.plan }}"},
            "tags": ["Guest"],
        }
        add(workflow, "create_contact", config)
        assert kept(workflow) == [
            (None, "create_contact", "custom_field", "color", "action_config.custom_fields.size"),
            (None, "create_contact", "custom_field", "plan", "action_config.custom_fields.size"),
            (None, "create_contact", "custom_field", "size", "action_config.custom_fields.size"),
            (None, "create_contact", "custom_field", "plan", "action_config.email"),
            (None, "create_contact", "tag", "guest", "action_config.tags.0"),
        ]

    def test_knows_fields_and_owners_that_are_set(self, workflow: Workflow) -> None:
        CustomFieldFactory(account=workflow.account, key="size")
        member = MembershipFactory(account=workflow.account).user
        updates = [
            {"field": "size", "value": "L"},
            {"field": "owner_id", "value": str(member.id)},
            {"field": "source", "value": "shop"},
        ]
        add(workflow, "update_contact", {"field_updates": updates})
        assert kept(workflow) == [
            (None, "update_contact", "custom_field", "size", "action_config.field_updates.0.field"),
            (None, "update_contact", "user", member.id, "action_config.field_updates.1.value"),
        ]

    def test_follows_changes(self, workflow: Workflow) -> None:
        action_id = add(workflow, "add_tag", {"tag_name": "VIP"})
        update(workflow, action_id, action_config={"tag_name": "Gold"}, key="gold")
        assert kept(workflow) == [(None, "gold", "tag", "gold", "action_config.tag_name")]
        chain.remove_action(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id, action_id=action_id)
        assert kept(workflow) == []

    def test_follows_copies(self, workflow: Workflow) -> None:
        action_id = add(workflow, "add_tag", {"tag_name": "VIP"})
        chain.duplicate_action(
            account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id, action_id=action_id
        )
        clone = workflows.clone_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id)
        expected = [
            (None, "add_tag", "tag", "vip", "action_config.tag_name"),
            (None, "add_tag_2", "tag", "vip", "action_config.tag_name"),
        ]
        assert kept(workflow) == kept(clone) == expected
        assert set(Usage.objects.filter(workflow_id=clone.id).values_list("action_id", flat=True)) == set(
            Action.objects.filter(workflow=clone).values_list("id", flat=True)
        )

    def test_keeps_each_version(self, workflow: Workflow) -> None:
        add(workflow, "add_tag", {"tag_name": "VIP"})
        publishing.activate_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id)
        row = ("add_tag", "tag", "vip", "action_config.tag_name")
        assert kept(workflow) == [(1, *row), (None, *row)]

    def test_forgets_a_deleted_workflow(self, workflow: Workflow) -> None:
        add(workflow, "add_tag", {"tag_name": "VIP"})
        workflows.delete_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id)
        assert kept(workflow) == []

    def test_is_not_touched_by_a_refused_change(self, workflow: Workflow) -> None:
        action_id = add(workflow, "add_tag", {"tag_name": "VIP"})
        before = kept(workflow)
        with pytest.raises(Invalid):
            update(workflow, action_id, action_config={"tag_name": ""})
        assert kept(workflow) == before

    def test_is_filled_for_workflows_that_were_there_before(self, account: Account) -> None:
        template = EmailTemplateFactory(account=account)
        mail = {"template_id": str(template.id), "subject": "Hi", "from_name": "A", "from_email": "a@example.com"}
        workflow = ActiveWorkflowFactory(account=account, chain=[("send_email", mail), "add_tag"])
        WorkflowFactory(account=account, chain=["add_tag"], deleted_at=NOW)
        workflow.triggers.create(account=account, trigger_type="gone", settings={"tag": "x"})
        before = kept(workflow)
        Usage.objects.all().delete()
        import_module("workflows.migrations.0007_usages").fill(apps, connection.schema_editor)
        assert kept(workflow) == before
        assert len(before) == 4
        assert set(Usage.objects.values_list("workflow_id", flat=True)) == {workflow.id}


class TestDeleting:
    def test_names_the_workflows_and_actions(self, account: Account) -> None:
        tag = TagFactory(account=account, name="VIP")
        ContactFactory(account=account, tags=["VIP"])
        for name in ("Welcome", "Goodbye"):
            made = WorkflowFactory(account=account, name=name)
            add(made, "add_tag", {"tag_name": "vip"})
            add(made, "remove_tag", {"tag_name": "VIP"})
        with pytest.raises(Conflict) as refusal:
            delete_tag(tag)
        assert refusal.value.problem.code == "in_use"
        assert refusal.value.problem.detail == (
            "The tag is used by “Welcome” (add_tag, remove_tag), “Goodbye” (add_tag, remove_tag); change those first."
        )
        assert Tag.objects.filter(id=tag.id).exists()
        assert not Event.objects.filter(event_type="tag_removed").exists()

    def test_is_free_again_once_nobody_refers(self, workflow: Workflow) -> None:
        tag = TagFactory(account=workflow.account, name="VIP")
        action_id = add(workflow, "add_tag", {"tag_name": "VIP"})
        update(workflow, action_id, action_config={"tag_name": "Gold"})
        delete_tag(tag)
        assert not Tag.objects.filter(id=tag.id).exists()

    def test_does_not_mind_names_in_another_account(self, workflow: Workflow, other_account: Account) -> None:
        add(workflow, "add_tag", {"tag_name": "VIP"})
        tag = TagFactory(account=other_account, name="VIP")
        delete_tag(tag)
        assert not Tag.objects.filter(id=tag.id).exists()

    def test_is_refused_for_a_custom_field_in_a_template(self, workflow: Workflow) -> None:
        field = CustomFieldFactory(account=workflow.account, key="size")
        add(workflow, "add_note", {"content": "Size {{ contact.custom_fields.size }}"})
        with pytest.raises(Conflict, match="The custom field is used by “Welcome” \\(add_note\\)"):
            removing.delete_custom_field(account_id=field.account_id, actor=SYSTEM, field_id=field.id, now=NOW)
        assert CustomField.objects.filter(id=field.id).exists()
        assert usages_of(account_id=field.account_id, targets=[field_target(field)]).count() == 1

    def test_of_a_member_means_shutting_out(self, workflow: Workflow) -> None:
        member = MembershipFactory(account=workflow.account)
        add(workflow, "create_task", {"title": "Call", "assignee_id": str(member.user_id)})
        change = partial(
            removing.change_member,
            account_id=workflow.account_id,
            actor=SYSTEM,
            actor_role=Role.OWNER,
            membership_id=member.id,
        )
        with pytest.raises(Conflict, match="The user is used by “Welcome” \\(create_task\\)"):
            change(is_active=False)
        member.refresh_from_db()
        assert member.is_active
        assert change(role=Role.VIEWER).role == Role.VIEWER

    def test_is_refused_while_contacts_inside_run_a_version_that_refers(self, workflow: Workflow) -> None:
        tag = TagFactory(account=workflow.account, name="VIP")
        action_id = add(workflow, "add_tag", {"tag_name": "VIP"})
        on_behalf = {"account_id": workflow.account_id, "actor": SYSTEM, "workflow_id": workflow.id}
        publishing.activate_workflow(**on_behalf)
        workflow.refresh_from_db()
        inside = ExecutionFactory(workflow=workflow)
        publishing.pause_workflow(**on_behalf)
        update(workflow, action_id, action_config={"tag_name": "Gold"})
        publishing.activate_workflow(**on_behalf)
        with pytest.raises(Conflict, match="“Welcome” \\(add_tag\\)"):
            delete_tag(tag)
        (usage,) = usages_of(account_id=workflow.account_id, targets=[target_of(tag)])
        assert (usage.version, usage.action_id) == (1, action_id)
        inside.status = "completed"
        inside.save(update_fields=["status"])
        assert not usages_of(account_id=workflow.account_id, targets=[target_of(tag)]).exists()
        delete_tag(tag)
        assert not Tag.objects.filter(id=tag.id).exists()

    def test_shows_a_place_once_that_is_edited_and_run_alike(self, account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account)
        ExecutionFactory(workflow=workflow)
        tag = TagFactory(account=account, name="VIP")
        (usage,) = usages_of(account_id=account.id, targets=[target_of(tag)])
        assert usage.version is None

    def test_of_a_workflow_is_refused_while_another_refers_to_it(self, account: Account) -> None:
        target, starter = WorkflowFactory(account=account), WorkflowFactory(account=account, name="Starter")
        for workflow in (target, starter):
            Usage.objects.create(
                account=account,
                kind="workflow",
                object_id=target.id,
                workflow_id=workflow.id,
                key="start",
                part_type="start_workflow",
                path="action_config.workflow_id",
            )
        with pytest.raises(Conflict, match="The workflow is used by “Starter” \\(start\\)"):
            workflows.delete_workflow(account_id=account.id, actor=SYSTEM, workflow_id=target.id)
        target.refresh_from_db()
        assert target.deleted_at is None
        workflows.delete_workflow(account_id=account.id, actor=SYSTEM, workflow_id=starter.id)
        workflows.delete_workflow(account_id=account.id, actor=SYSTEM, workflow_id=target.id)
        assert not Usage.objects.exists()

    def test_is_not_stopped_by_versions_whose_workflow_is_archived(self, account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account)
        on_behalf = {"account_id": account.id, "actor": SYSTEM, "workflow_id": workflow.id}
        tag = TagFactory(account=account, name="VIP")
        publishing.archive_workflow(**on_behalf)
        with pytest.raises(Conflict):
            delete_tag(tag)
        workflows.delete_workflow(**on_behalf)
        delete_tag(tag)
        assert not Tag.objects.filter(id=tag.id).exists()


class TestNumbers:
    @pytest.fixture
    def twilio(self, account: Account) -> Connection:
        numbers = [{"number": NUMBER, "types": ["sms", "voice"]}, {"number": "+14155550109", "types": ["sms"]}]
        made: Connection = ConnectionFactory(
            account=account, kind="twilio", settings={"account_sid": "AC" + "0a" * 16, "numbers": numbers}
        )
        return made

    @pytest.fixture
    def text(self, workflow: Workflow, twilio: Connection) -> UUID:
        return add(workflow, "send_sms", {"message": "Hello", "from_number": NUMBER})

    def change(self, twilio: Connection, *numbers: tuple[str, list[str]]) -> None:
        given = [{"number": number, "types": types} for number, types in numbers]
        changes = {"settings": {"numbers": given}}
        removing.change_connection(account_id=twilio.account_id, actor=SYSTEM, connection_id=twilio.id, changes=changes)

    def test_are_known_by_what_they_do(self, workflow: Workflow, text: UUID) -> None:
        assert kept(workflow) == [(None, "send_sms", "sms_number", NUMBER, "action_config.from_number")]

    def test_keep_their_connection(self, twilio: Connection, text: UUID) -> None:
        with pytest.raises(Conflict, match=r"The sms number \+14155550100 is used by “Welcome” \(send_sms\)"):
            removing.delete_connection(account_id=twilio.account_id, actor=SYSTEM, connection_id=twilio.id)
        assert Connection.objects.filter(id=twilio.id).exists()

    @pytest.mark.parametrize("left", [[], [("+14155550109", ["sms"])], [(NUMBER, ["voice"])]])
    def test_are_not_taken_away(
        self, twilio: Connection, text: UUID, workflow: Workflow, left: list[tuple[str, list[str]]]
    ) -> None:
        with pytest.raises(Conflict) as refusal:
            self.change(twilio, *left)
        assert refusal.value.problem.code == "in_use"
        before = twilio.settings
        twilio.refresh_from_db()
        assert twilio.settings == before
        chain.remove_action(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id, action_id=text)
        self.change(twilio, *left)

    def test_that_nobody_names_are_taken_away(self, twilio: Connection, text: UUID) -> None:
        self.change(twilio, (NUMBER, ["sms"]))
        twilio.refresh_from_db()
        assert twilio.settings["numbers"] == [{"number": NUMBER, "types": ["sms"]}]

    def test_of_other_accounts_do_not_count(self, twilio: Connection, other_account: Account) -> None:
        theirs = ConnectionFactory(account=other_account, kind="twilio", settings=twilio.settings)
        add(WorkflowFactory(account=other_account), "send_sms", {"message": "Hello", "from_number": NUMBER})
        self.change(twilio)
        removing.delete_connection(account_id=twilio.account_id, actor=SYSTEM, connection_id=twilio.id)
        assert Connection.objects.filter(id=theirs.id).exists()

    def test_stay_while_a_contact_is_inside_a_version_that_names_them(
        self, account: Account, twilio: Connection
    ) -> None:
        workflow = ActiveWorkflowFactory(account=account, chain=[("add_note", {"content": "Hi"})])
        row = Usage.objects.create(
            account=account,
            kind="sms_number",
            name=NUMBER,
            workflow_id=workflow.id,
            version=1,
            action_id=workflow.actions.get().id,
            key="send_sms",
            part_type="send_sms",
            path="action_config.from_number",
        )
        execution = ExecutionFactory(account=account, workflow=workflow)
        with pytest.raises(Conflict):
            self.change(twilio)
        execution.delete()
        Workflow.objects.filter(id=workflow.id).update(version=2)
        self.change(twilio)
        assert not Usage.objects.filter(id=row.id).exists()

    def test_that_go_in_between_are_refused(self, twilio: Connection, workflow: Workflow, monkeypatch: Any) -> None:
        original = chain.hold

        def late(part: Any) -> None:
            self.change(twilio, (NUMBER, ["voice"]))
            original(part)

        monkeypatch.setattr(chain, "hold", late)
        with pytest.raises(Invalid) as refusal:
            add(workflow, "send_sms", {"message": "Hello", "from_number": NUMBER})
        (problem,) = refusal.value.problems
        assert (problem.code, problem.attr) == ("number_not_found", "action_config.from_number")
        assert not Usage.objects.exists()

    def test_are_filled_in_where_the_index_is_older(self, workflow: Workflow, text: UUID) -> None:
        Usage.objects.all().delete()
        migration = import_module("workflows.migrations.0010_number_usages")
        for _ in range(2):
            migration.fill(apps, None)
        assert kept(workflow) == [(None, "send_sms", "sms_number", NUMBER, "action_config.from_number")]


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_either_the_step_or_its_number_stays(self) -> None:
        account = AccountFactory()
        for _ in range(8):
            settings = {"account_sid": "AC" + "0a" * 16, "numbers": [{"number": NUMBER, "types": ["sms"]}]}
            twilio = ConnectionFactory(account=account, kind="twilio", settings=settings)
            workflow = WorkflowFactory(account=account)

            def refer(workflow: Workflow = workflow) -> bool:
                try:
                    add(workflow, "send_sms", {"message": "Hello", "from_number": NUMBER})
                except Invalid:
                    return False
                return True

            def empty(connection_id: UUID = twilio.id) -> bool:
                changes = {"settings": {"numbers": []}}
                try:
                    removing.change_connection(
                        account_id=account.id, actor=SYSTEM, connection_id=connection_id, changes=changes
                    )
                except Conflict:
                    return False
                return True

            referred, emptied = together([refer, empty])
            assert referred != emptied
            Usage.objects.all().delete()
            twilio.delete()

    def test_either_the_reference_or_the_object_stays(self) -> None:
        account = AccountFactory()
        outcomes = set()
        for _ in range(12):
            template = EmailTemplateFactory(account=account)
            workflow = WorkflowFactory(account=account)
            config = {"template_id": str(template.id), "subject": "Hi", "from_name": "A", "from_email": "a@example.com"}

            def refer(workflow: Workflow = workflow, config: dict[str, Any] = config) -> bool:
                try:
                    add(workflow, "send_email", config)
                except Invalid:
                    return False
                return True

            def delete(template_id: UUID = template.id) -> bool:
                try:
                    removing.delete_template(account_id=account.id, actor=SYSTEM, template_id=template_id)
                except Conflict:
                    return False
                return True

            referred, deleted = together([refer, delete])
            assert referred != deleted
            used = usages_of(account_id=account.id, targets=[Target("template", template.id)]).exists()
            assert used == referred
            outcomes.add(referred)
        assert outcomes

    def test_a_reference_to_what_goes_in_between_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        account = AccountFactory()
        template, workflow = EmailTemplateFactory(account=account), WorkflowFactory(account=account)
        config = {"template_id": str(template.id), "subject": "Hi", "from_name": "A", "from_email": "a@example.com"}
        original = chain.hold

        def late(part: Any) -> None:
            together([partial(removing.delete_template, account_id=account.id, actor=SYSTEM, template_id=template.id)])
            original(part)

        monkeypatch.setattr(chain, "hold", late)
        with pytest.raises(Invalid) as refusal, transaction.atomic():
            add(workflow, "send_email", config)
        (problem,) = refusal.value.problems
        assert (problem.code, problem.attr) == ("template_not_found", "action_config.template_id")
        assert not Action.objects.exists()
        assert not Usage.objects.exists()


class TestTriggers:
    def test_are_indexed_by_their_settings(self, workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
        from workflows.triggers.manual import Manual

        monkeypatch.setattr(Manual, "names", lambda self, settings: [("tag", "vip", "tag_name")])
        trigger = triggers.add_trigger(
            account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id, trigger_type="manual"
        )
        tag = TagFactory(account=workflow.account, name="VIP")
        with pytest.raises(Conflict, match="“Welcome” \\(trigger manual\\)"):
            delete_tag(tag)
        triggers.remove_trigger(
            account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id, trigger_id=trigger.id
        )
        delete_tag(tag)
        assert not Usage.objects.exists()

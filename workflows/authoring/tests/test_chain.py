"""Changing the chain: every verb, every refusal, one valid list after each."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import RestrictedError

from accounts.models import AuditEntry
from accounts.problems import Conflict, Invalid, Missing, Stale
from workflows.actions.registry import registry
from workflows.authoring import chain
from workflows.authoring.editing import ChainEdit
from workflows.authoring.ordering import BrokenChain
from workflows.authoring.tests.authors import Author
from workflows.models import Action, Workflow, WorkflowStatus
from workflows.tests.factories import ActionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def author() -> Author:
    return Author()


def refusal_codes(refusal: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.attr) for problem in refusal.value.problems]


class TestAddAction:
    def test_appends_without_a_place(self, author: Author) -> None:
        first, second = author.add(), author.add()

        assert [item.action.id for item in author.items()] == [first.action.id, second.action.id]
        assert (second.position, second.action.previous_action_id, second.next_action_id) == (1, first.action.id, None)

    def test_inserts_at_the_head(self, author: Author) -> None:
        author.add_keys("ab")

        author.add(key="x", position=0)

        assert author.keys() == "xab"

    def test_inserts_behind_another(self, author: Author) -> None:
        first, _ = author.add_keys("ab")

        item = author.add(key="x", previous_action_id=first)

        assert author.keys() == "axb"
        assert item.position == 1

    def test_refuses_places_that_do_not_agree(self, author: Author) -> None:
        first, _ = author.add_keys("ab")

        with pytest.raises(Conflict) as refusal:
            author.add(key="x", previous_action_id=first, position=2)

        assert (refusal.value.problem.code, refusal.value.problem.attr) == ("action_position_conflict", "position")
        assert author.keys() == "ab"

    def test_makes_the_key_from_the_type(self, author: Author) -> None:
        assert [author.add().action.key for _ in range(3)] == ["add_tag", "add_tag_2", "add_tag_3"]

    def test_takes_the_first_free_key(self, author: Author) -> None:
        author.add(key="add_tag_2")

        assert [author.add().action.key for _ in range(2)] == ["add_tag", "add_tag_3"]

    def test_refuses_to_rename_a_key_that_code_uses(self, author: Author) -> None:
        first = author.add(key="first").action.id
        code = author.add("custom_code", {"code": "return { a: `${steps['first'].changed}` };"}, key="second").action.id

        with pytest.raises(Conflict) as refusal:
            author.update(first, key="renamed")

        assert (refusal.value.problem.code, refusal.value.problem.attr) == ("in_use", "key")
        assert author.keys() == "firstsecond"
        author.update(code, action_config={"code": "return { a: 'steps.first' };"})
        author.update(first, key="renamed")
        assert author.keys() == "renamedsecond"

    def test_refuses_a_key_that_is_taken(self, author: Author) -> None:
        author.add(key="a")

        with pytest.raises(Conflict) as refusal:
            author.add(key="a")

        assert (refusal.value.problem.code, refusal.value.problem.attr) == ("name_taken", "key")
        assert author.keys() == "a"

    def test_stores_what_the_type_accepted(self, author: Author) -> None:
        item = author.add(
            config={"tag_name": "VIP", "tag_color": "#ff0000"}, name="Mark", is_enabled=False, on_error="continue"
        )

        action = Action.objects.get(id=item.action.id)
        assert action.action_config == {"tag_name": "VIP", "tag_color": "#ff0000"}
        assert (action.name, action.is_enabled, action.on_error, action.retry) == ("Mark", False, "continue", None)

    def test_refuses_everything_wrong_at_once(self, author: Author) -> None:
        with pytest.raises(Invalid) as refusal:
            author.add(
                config={"tag_nam": "VIP"},
                key="No Key",
                name="n" * 121,
                on_error="fallback",
                retry={"max_retries": 11},
                position=1,
            )

        assert set(refusal_codes(refusal)) == {
            ("unknown_field", "action_config.tag_nam"),
            ("required", "action_config.tag_name"),
            ("invalid", "key"),
            ("max_length", "name"),
            ("invalid_choice", "on_error"),
            ("max_value", "retry.max_retries"),
            ("max_value", "position"),
        }
        assert author.keys() == ""
        assert author.revision() == 1

    @pytest.mark.parametrize("config", [None, [], "VIP", 5])
    def test_refuses_a_config_that_is_no_object(self, author: Author, config: Any) -> None:
        with pytest.raises(Invalid) as refusal:
            chain.add_action(**author.who, action_type="add_tag", action_config=config)

        assert {attr for _, attr in refusal_codes(refusal)} == {"action_config"}

    @pytest.mark.parametrize("slug", ["send_pigeon", "Send Pigeon!", ""])
    def test_refuses_an_unknown_type(self, author: Author, slug: str) -> None:
        with pytest.raises(Invalid) as refusal:
            author.add(slug)

        assert refusal_codes(refusal) == [("invalid_action_type", "action_type")]

    def test_refuses_a_config_that_is_too_large(self, author: Author) -> None:
        with pytest.raises(Invalid) as refusal:
            author.add("add_note", {"content": "x" * 66_000})

        assert all(attr is not None and attr.startswith("action_config") for _, attr in refusal_codes(refusal))
        assert author.keys() == ""

    def test_refuses_an_unknown_branch(self, author: Author) -> None:
        with pytest.raises(Invalid) as refusal:
            author.add(branch_id=uuid4())

        assert refusal_codes(refusal) == [("branch_not_found", "branch_id")]

    def test_refuses_the_fifty_first(self, author: Author) -> None:
        for _ in range(50):
            author.add()

        with pytest.raises(Conflict) as refusal:
            author.add()

        assert refusal.value.problem.code == "maximum_actions_exceeded"
        assert len(author.items()) == 50


class TestEveryChange:
    """What holds for all verbs alike."""

    @pytest.mark.parametrize("verb", ["add", "update", "move", "reorder", "remove", "duplicate"])
    @pytest.mark.parametrize("status", [WorkflowStatus.ACTIVE, WorkflowStatus.ARCHIVED])
    def test_needs_a_draft_or_paused_workflow(self, author: Author, verb: str, status: str) -> None:
        ids = author.add_keys("abc")
        Workflow.objects.filter(id=author.workflow.id).update(status=status)
        state = self.state(author)

        with pytest.raises(Conflict) as refusal:
            self.change(author, verb, ids)

        assert refusal.value.problem.code == "workflow_must_be_in_draft"
        assert self.state(author) == state

    @pytest.mark.parametrize("verb", ["add", "update", "move", "reorder", "remove", "duplicate"])
    def test_is_stale_when_somebody_else_changed_the_workflow(self, author: Author, verb: str) -> None:
        ids = author.add_keys("abc")
        state = self.state(author)
        author.who["expected_revision"] = author.revision() - 1

        with pytest.raises(Stale):
            self.change(author, verb, ids)

        assert self.state(author) == state

    @pytest.mark.parametrize("verb", ["add", "update", "move", "reorder", "remove", "duplicate"])
    def test_is_allowed_while_paused(self, author: Author, verb: str) -> None:
        ids = author.add_keys("abc")
        Workflow.objects.filter(id=author.workflow.id).update(status=WorkflowStatus.PAUSED)

        self.change(author, verb, ids)

        assert author.keys() != "abc"

    @pytest.mark.parametrize("verb", ["add", "update", "move", "reorder", "remove", "duplicate"])
    def test_counts_the_revision_and_writes_one_audit_entry(self, author: Author, verb: str) -> None:
        ids = author.add_keys("abc")
        revision, entries = author.revision(), AuditEntry.objects.count()

        self.change(author, verb, ids)

        assert author.revision() == revision + 1
        assert AuditEntry.objects.count() == entries + 1
        entry = AuditEntry.objects.latest("id")
        assert (entry.account_id, entry.actor_label) == (author.workflow.account_id, "author")

    @pytest.mark.parametrize("verb", ["add", "update", "move", "reorder", "remove", "duplicate"])
    def test_does_not_reach_another_account(self, author: Author, verb: str) -> None:
        ids = author.add_keys("abc")
        stranger = Author()
        stranger.who["workflow_id"] = author.workflow.id
        state = self.state(author)

        with pytest.raises(Missing):
            self.change(stranger, verb, ids)

        assert self.state(author) == state

    @pytest.mark.parametrize("verb", ["update", "move", "remove", "duplicate"])
    def test_does_not_reach_actions_of_another_workflow(self, author: Author, verb: str) -> None:
        ids = author.add_keys("abc")
        other = Author(account=author.workflow.account)
        other.add_keys("abc")
        state = self.state(author)

        with pytest.raises(Missing):
            self.change(other, verb, ids)

        assert self.state(author) == state

    @pytest.mark.parametrize(
        ("verb", "queries"),
        [("add", 13), ("update", 12), ("move", 9), ("reorder", 9), ("remove", 13), ("duplicate", 12)],
    )
    @pytest.mark.parametrize("length", [3, 49])
    def test_takes_the_same_number_of_queries_whatever_the_length(
        self, author: Author, django_assert_num_queries: Any, verb: str, queries: int, length: int
    ) -> None:
        ids = [author.add().action.id for _ in range(length)]

        with django_assert_num_queries(queries):
            self.change(author, verb, ids)

    def test_finds_a_link_that_leads_out_of_the_workflow(self, author: Author) -> None:
        author.add_keys("ab")
        stray = ActionFactory(account=author.workflow.account)
        Action.objects.filter(workflow=author.workflow, previous_action=None).update(previous_action=stray)

        with pytest.raises(BrokenChain):
            author.add()

    def test_is_undone_when_the_links_are_not_what_was_meant(
        self, author: Author, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, *_ = author.add_keys("abc")
        state = self.state(author)
        monkeypatch.setattr(ChainEdit, "save_links", lambda edit: None)

        with pytest.raises(BrokenChain, match="not what was to be saved"), transaction.atomic():
            author.move(first, 2)

        assert self.state(author) == state

    @pytest.mark.parametrize("verb", ["add", "update", "remove", "duplicate"])
    def test_keeps_secrets_out_of_the_audit_log(
        self, author: Author, monkeypatch: pytest.MonkeyPatch, verb: str
    ) -> None:
        ids = author.add_keys("abc")
        AuditEntry.objects.all().delete()
        monkeypatch.setattr(type(registry.get("add_tag")), "secret_fields", ("tag_name",))

        self.change(author, verb, ids)

        entry = AuditEntry.objects.get()
        assert "VIP" not in f"{entry.before} {entry.after}"

    @staticmethod
    def change(author: Author, verb: str, ids: list[UUID]) -> None:
        match verb:
            case "add":
                author.add(position=1)
            case "update":
                author.update(ids[0], key="renamed", position=1)
            case "move":
                author.move(ids[0], 2)
            case "reorder":
                author.reorder({ids[-1]: 0})
            case "remove":
                author.remove(ids[1])
            case "duplicate":
                author.duplicate(ids[0])

    @staticmethod
    def state(author: Author) -> tuple[object, ...]:
        return author.keys(), author.revision(), AuditEntry.objects.count()


class TestUpdateAction:
    def test_leaves_alone_what_is_not_sent(self, author: Author) -> None:
        item = author.add(name="Mark", on_error="continue")

        author.update(item.action.id, is_enabled=False)

        action = Action.objects.get(id=item.action.id)
        assert (action.name, action.on_error, action.is_enabled) == ("Mark", "continue", False)
        assert action.action_config == {"tag_name": "VIP"}

    def test_replaces_the_whole_config(self, author: Author) -> None:
        item = author.add(config={"tag_name": "VIP", "tag_color": "#ff0000"})

        author.update(item.action.id, action_config={"tag_name": "Lead"})

        assert Action.objects.get(id=item.action.id).action_config == {"tag_name": "Lead"}

    def test_moves_by_position(self, author: Author) -> None:
        first, *_ = author.add_keys("abc")

        item = author.update(first, position=2)

        assert author.keys() == "bca"
        assert (item.position, item.next_action_id) == (2, None)

    def test_changes_nothing_when_nothing_differs(self, author: Author) -> None:
        item = author.add(name="Mark")
        revision, entries = author.revision(), AuditEntry.objects.count()

        author.update(item.action.id, name="Mark", position=0, action_config={"tag_name": "VIP"}, retry={})

        assert (author.revision(), AuditEntry.objects.count()) == (revision, entries)

    def test_records_what_changed_and_nothing_else(self, author: Author) -> None:
        item = author.add()

        author.update(item.action.id, action_config={"tag_name": "Lead"})

        entry = AuditEntry.objects.latest("id")
        assert (entry.verb, entry.object_type, entry.object_id) == ("action.updated", "action", item.action.id)
        assert entry.before == {"action_config": {"tag_name": "VIP"}}
        assert entry.after == {"action_config": {"tag_name": "Lead"}}

    def test_refuses_everything_wrong_and_changes_nothing(self, author: Author) -> None:
        first, _ = author.add_keys("ab")

        with pytest.raises(Invalid) as refusal:
            author.update(first, action_config={}, key="", on_error="fallback", position=2, is_enabled="perhaps")

        assert set(refusal_codes(refusal)) == {
            ("required", "action_config.tag_name"),
            ("blank", "key"),
            ("invalid_choice", "on_error"),
            ("invalid", "is_enabled"),
            ("max_value", "position"),
        }
        assert author.keys() == "ab"

    def test_renames_a_key_that_nobody_uses(self, author: Author) -> None:
        author.add_keys("a")

        author.update(author.items()[0].action.id, key="z")

        assert author.keys() == "z"

    def test_refuses_to_rename_a_key_that_a_template_uses(self, author: Author) -> None:
        first = author.add(key="first").action.id
        author.add("add_note", {"content": "New: {{ steps.first.changed }}"}, key="second")

        with pytest.raises(Conflict) as refusal:
            author.update(first, key="renamed")

        assert (refusal.value.problem.code, refusal.value.problem.attr) == ("in_use", "key")
        assert author.keys() == "firstsecond"

    def test_refuses_a_key_that_is_taken(self, author: Author) -> None:
        first, _ = author.add_keys("ab")

        with pytest.raises(Conflict) as refusal:
            author.update(first, key="b")

        assert refusal.value.problem.code == "name_taken"
        assert author.keys() == "ab"


class TestMoveAction:
    @pytest.mark.parametrize(("start", "position", "expected"), [(0, 2, "bcad"), (3, 0, "dabc"), (1, 3, "acdb")])
    def test_takes_the_action_to_the_position(self, author: Author, start: int, position: int, expected: str) -> None:
        ids = author.add_keys("abcd")

        assert author.move(ids[start], position).position == position
        assert author.keys() == expected

    def test_refuses_an_unknown_branch(self, author: Author) -> None:
        first, _ = author.add_keys("ab")

        with pytest.raises(Invalid) as refusal:
            author.move(first, 0, branch_id=uuid4())

        assert refusal_codes(refusal) == [("branch_not_found", "branch_id")]
        assert author.keys() == "ab"

    def test_changes_nothing_where_it_is_already(self, author: Author) -> None:
        _, second = author.add_keys("ab")
        revision = author.revision()

        author.move(second, 1)

        assert author.revision() == revision


class TestReorderActions:
    def test_swaps_the_first_two_of_three(self, author: Author) -> None:
        """The case that fails without a deferred constraint; a rotation passes by luck."""
        first, second, _ = author.add_keys("abc")

        items = author.reorder({first: 1, second: 0})

        assert author.keys() == "bac"
        assert [item.position for item in items] == [0, 1, 2]

    def test_writes_all_links_in_one_statement(self, author: Author, django_assert_num_queries: Any) -> None:
        ids = author.add_keys("abcdefgh")

        with django_assert_num_queries(9):
            author.reorder({action_id: 7 - place for place, action_id in enumerate(ids)})

        assert author.keys() == "hgfedcba"

    def test_records_the_order_before_and_after(self, author: Author) -> None:
        first, *_ = author.add_keys("abc")

        author.reorder({first: 2})

        entry = AuditEntry.objects.latest("id")
        assert (entry.verb, entry.object_id) == ("workflow.actions_reordered", author.workflow.id)
        assert (entry.before, entry.after) == ({"order": ["a", "b", "c"]}, {"order": ["b", "c", "a"]})

    def test_refuses_an_action_of_another_workflow(self, author: Author) -> None:
        first, _ = author.add_keys("ab")
        stranger = Author().add().action.id

        with pytest.raises(Invalid) as refusal:
            author.reorder({first: 1, stranger: 0})

        assert refusal_codes(refusal) == [("action_not_found", f"action_positions.{stranger}")]
        assert author.keys() == "ab"

    def test_changes_nothing_when_the_order_is_the_same(self, author: Author) -> None:
        first, _ = author.add_keys("ab")
        revision = author.revision()

        author.reorder({first: 0})

        assert author.revision() == revision


class TestRemoveAction:
    @pytest.mark.parametrize(("place", "expected"), [(0, "bc"), (1, "ac"), (2, "ab")])
    def test_links_the_neighbours(self, author: Author, place: int, expected: str) -> None:
        ids = author.add_keys("abc")

        author.remove(ids[place])

        assert author.keys() == expected

    def test_keeps_what_was_removed_in_the_audit_log(self, author: Author) -> None:
        item = author.add(name="Mark")

        author.remove(item.action.id)

        entry = AuditEntry.objects.latest("id")
        assert (entry.verb, entry.object_id, entry.after) == ("action.removed", item.action.id, None)
        assert entry.before is not None
        assert (entry.before["name"], entry.before["action_config"]) == ("Mark", {"tag_name": "VIP"})

    def test_does_not_find_what_is_gone(self, author: Author) -> None:
        (only,) = author.add_keys("a")
        author.remove(only)

        with pytest.raises(Missing):
            author.remove(only)


class TestDuplicateAction:
    def test_puts_the_copy_right_behind(self, author: Author) -> None:
        first, _ = author.add_keys("ab")

        item = author.duplicate(first)

        assert author.keys() == "aadd_tagb"
        assert (item.position, item.action.previous_action_id) == (1, first)

    def test_copies_everything_but_the_key(self, author: Author) -> None:
        original = author.add(config={"tag_name": "Lead"}, name="Mark", is_enabled=False, on_error="continue").action

        copy = author.duplicate(original.id).action

        assert copy.id != original.id
        assert copy.key == "add_tag_2"
        for field in ("action_type", "action_config", "name", "is_enabled", "on_error", "retry"):
            assert getattr(copy, field) == getattr(original, field)

    def test_refuses_the_fifty_first(self, author: Author) -> None:
        ids = [author.add().action.id for _ in range(50)]

        with pytest.raises(Conflict) as refusal:
            author.duplicate(ids[0])

        assert refusal.value.problem.code == "maximum_actions_exceeded"
        assert len(author.items()) == 50


class TestTheSlotConstraint:
    """What the database itself guards."""

    def test_is_deferrable_and_deferred(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT condeferrable, condeferred, indnullsnotdistinct FROM pg_constraint"
                " JOIN pg_index ON indexrelid = conindid WHERE conname = 'action_slot_once'"
            )
            assert cursor.fetchone() == (True, True, True)

    def test_allows_one_head_a_list(self, author: Author) -> None:
        author.add()

        ActionFactory(workflow=author.workflow)

        with connection.cursor() as cursor, pytest.raises(IntegrityError, match="action_slot_once"):
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_keeps_the_row_that_another_hangs_from(self, author: Author) -> None:
        first, _ = author.add_keys("ab")

        with pytest.raises(RestrictedError):
            Action.objects.filter(id=first).delete()

    def test_lets_a_whole_workflow_go(self, author: Author) -> None:
        author.add_keys("abc")

        Workflow.objects.filter(id=author.workflow.id).delete()

        assert not Action.objects.filter(workflow_id=author.workflow.id).exists()

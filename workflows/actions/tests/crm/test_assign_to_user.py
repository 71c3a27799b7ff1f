from collections import Counter

import pytest

from accounts.models import TeamMember
from accounts.tests.factories import MembershipFactory, TeamFactory
from workflows.actions.outcomes import Failed, Skipped
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of, refusals, run
from workflows.crm.models import Event, Notification
from workflows.crm.tests.factories import ContactFactory, OpportunityFactory, TaskFactory
from workflows.crm.tests.world import count_queries

pytestmark = pytest.mark.django_db

UNKNOWN = "0199c0de-0000-7000-8000-00000000dead"


@pytest.fixture
def members(account):
    return [MembershipFactory(account=account) for _ in range(3)]


@pytest.fixture
def team(account, members):
    return team_of(account, members)


def team_of(account, members):
    team = TeamFactory(account=account)
    TeamMember.objects.bulk_create(
        TeamMember(account=account, team=team, membership=membership) for membership in members
    )
    return team


def in_turn(team, **more):
    return {"assignment_type": "round_robin", "team_id": str(team.id), **more}


def least_busy(team, **more):
    return {"assignment_type": "least_busy", "team_id": str(team.id), **more}


def owners(contacts):
    for contact in contacts:
        contact.refresh_from_db()
    return [contact.owner_id for contact in contacts]


class TestSpecific:
    def test_makes_the_member_the_owner(self, account, members):
        contact = ContactFactory(account=account, owner=members[1].user)
        user = members[0].user
        (outcome,) = run("assign_to_user", contact, {"assignment_type": "specific", "user_id": str(user.id)})
        assert outcome.result == {
            "user_id": str(user.id),
            "previous_user_id": str(members[1].user_id),
            "changed": True,
        }
        assert owners([contact]) == [user.id]
        event = Event.objects.get(event_type="contact_assigned")
        assert event.data == {"owner_id": str(user.id), "previous_owner_id": str(members[1].user_id)}
        assert (event.depth, event.caused_by_id is None) == (3, False)

    def test_changes_nothing_for_the_present_owner(self, account, members):
        contact = ContactFactory(account=account, owner=members[0].user)
        config = {"assignment_type": "specific", "user_id": str(members[0].user_id)}
        (outcome,) = run("assign_to_user", contact, config)
        owner_id = str(members[0].user_id)
        assert outcome.result == {"user_id": owner_id, "previous_user_id": owner_id, "changed": False}
        assert not Event.objects.exists()
        assert not Notification.objects.exists()

    def test_fails_when_the_member_left_since(self, account, members):
        contact = ContactFactory(account=account)
        kind = registry.get("assign_to_user")
        config = kind.complete_config({"assignment_type": "specific", "user_id": str(members[0].user_id)})
        members[0].is_active = False
        members[0].save()
        (outcome,) = kind.run_many(batch_of([contact], config))
        assert isinstance(outcome, Failed)
        assert outcome.error_class == "invalid_config"
        assert owners([contact]) == [None]

    def test_leaves_owned_contacts_alone_where_asked(self, account, members):
        owned, free = ContactFactory(account=account, owner=members[1].user), ContactFactory(account=account)
        config = {"assignment_type": "specific", "user_id": str(members[0].user_id), "only_if_unassigned": True}
        outcomes = run("assign_to_user", [owned, free], config)
        assert isinstance(outcomes[0], Skipped)
        assert outcomes[0].reason == "The contact has an owner already."
        assert owners([owned, free]) == [members[1].user_id, members[0].user_id]


class TestRoundRobin:
    def test_goes_through_the_members_in_turn(self, account, members, team):
        contacts = ContactFactory.create_batch(7, account=account)
        for contact in contacts:
            run("assign_to_user", contact, in_turn(team))
        users = [membership.user_id for membership in members]
        assert owners(contacts) == [*users, *users, users[0]]

    def test_goes_on_within_and_after_a_batch(self, account, members, team):
        contacts = ContactFactory.create_batch(5, account=account)
        run("assign_to_user", contacts[:4], in_turn(team))
        run("assign_to_user", contacts[4:], in_turn(team))
        users = [membership.user_id for membership in members]
        assert owners(contacts) == [*users, *users[:2]]

    def test_passes_over_who_is_not_active(self, account, members, team):
        members[1].is_active = False
        members[1].save()
        members[2].user.is_active = False
        members[2].user.save()
        contacts = ContactFactory.create_batch(3, account=account)
        run("assign_to_user", contacts, in_turn(team))
        assert set(owners(contacts)) == {members[0].user_id}

    def test_takes_no_turn_for_a_contact_that_is_left_alone(self, account, members, team):
        owned = ContactFactory(account=account, owner=members[2].user)
        free = ContactFactory.create_batch(2, account=account)
        run("assign_to_user", [free[0], owned, free[1]], in_turn(team, only_if_unassigned=True))
        assert owners(free) == [members[0].user_id, members[1].user_id]

    def test_has_a_turn_of_its_own_for_each_team(self, account, members, team):
        other = team_of(account, members[1:])
        contacts = ContactFactory.create_batch(3, account=account)
        run("assign_to_user", contacts[0], in_turn(team))
        run("assign_to_user", contacts[1], in_turn(other))
        run("assign_to_user", contacts[2], in_turn(team))
        assert owners(contacts) == [members[0].user_id, members[1].user_id, members[1].user_id]

    def test_goes_on_when_the_last_one_left_the_team(self, account, members, team):
        contacts = ContactFactory.create_batch(2, account=account)
        run("assign_to_user", contacts[0], in_turn(team))
        TeamMember.objects.filter(membership=members[0]).delete()
        run("assign_to_user", contacts[1], in_turn(team))
        assert owners(contacts) == [members[0].user_id, members[1].user_id]

    @pytest.mark.parametrize("config", [in_turn, least_busy])
    def test_fails_where_nobody_is_active(self, account, config):
        contact = ContactFactory(account=account)
        (outcome,) = run("assign_to_user", contact, config(TeamFactory(account=account)))
        assert outcome == Failed("invalid_config", "The team has no active member; add one, or choose another team.")
        assert owners([contact]) == [None]


class TestLeastBusy:
    def test_chooses_who_has_the_least_to_do(self, account, members, team):
        first, second, third = (membership.user for membership in members)
        ContactFactory.create_batch(2, account=account, owner=first)
        TaskFactory.create_batch(2, contact=ContactFactory(account=account), assignee=second)
        OpportunityFactory(contact=ContactFactory(account=account), owner=third)
        contact = ContactFactory(account=account)
        run("assign_to_user", contact, least_busy(team))
        assert owners([contact]) == [third.id]

    def test_counts_neither_what_is_done_nor_what_is_gone(self, account, members, team):
        first, second, third = (membership.user for membership in members)
        ContactFactory(account=account, owner=second)
        ContactFactory(account=account, owner=third)
        ContactFactory(account=account, owner=first, deleted_at="2026-01-01T00:00:00Z")
        TaskFactory(contact=ContactFactory(account=account), assignee=first, status="completed")
        OpportunityFactory(contact=ContactFactory(account=account), owner=first, status="lost")
        contact = ContactFactory(account=account)
        run("assign_to_user", contact, least_busy(team))
        assert owners([contact]) == [first.id]

    def test_counts_what_it_gives_within_a_batch(self, account, members, team):
        ContactFactory.create_batch(4, account=account, owner=members[0].user)
        contacts = ContactFactory.create_batch(11, account=account)
        run("assign_to_user", contacts, least_busy(team))
        users = [membership.user_id for membership in members]
        assert Counter(owners(contacts)) == {users[0]: 1, users[1]: 5, users[2]: 5}

    def test_no_longer_counts_a_contact_for_whom_gives_it_up(self, account, members, team):
        contact = ContactFactory(account=account, owner=members[0].user)
        ContactFactory(account=account, owner=members[1].user)
        ContactFactory(account=account, owner=members[2].user)
        (outcome,) = run("assign_to_user", contact, least_busy(team))
        assert outcome.result["changed"] is False
        assert owners([contact]) == [members[0].user_id]

    def test_does_not_count_other_accounts(self, account, members, team, other_account):
        ContactFactory.create_batch(3, account=other_account, owner=members[0].user)
        ContactFactory(account=account, owner=members[1].user)
        ContactFactory(account=account, owner=members[2].user)
        contact = ContactFactory(account=account)
        run("assign_to_user", contact, least_busy(team))
        assert owners([contact]) == [members[0].user_id]


class TestTelling:
    def test_tells_the_new_owner_once(self, account, members):
        contacts = ContactFactory.create_batch(3, account=account, first_name="Ada", last_name="L")
        config = {"assignment_type": "specific", "user_id": str(members[0].user_id)}
        run("assign_to_user", contacts[0], config)
        (single,) = Notification.objects.all()
        assert (single.recipient_id, single.kind, single.title) == (
            members[0].user_id,
            "contact_assigned",
            "Ada L is assigned to you",
        )
        run("assign_to_user", contacts[1:], config)
        counts = Notification.objects.order_by("id").values_list("title", "count")
        assert list(counts) == [("Ada L is assigned to you", 1), ("Ada L and others are assigned to you", 2)]

    def test_tells_nobody_where_not_wanted(self, account, team):
        run("assign_to_user", ContactFactory(account=account), in_turn(team, notify_assignee=False))
        assert not Notification.objects.exists()


class TestConfig:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"assignment_type": None}, [("null", "assignment_type")]),
            ({"assignment_type": "random"}, [("invalid_choice", "assignment_type")]),
            ({"team_id": UNKNOWN}, [("team_not_found", "team_id")]),
            ({"team_id": 7}, [("invalid", "team_id")]),
            ({"assignment_type": "specific"}, [("required", "user_id"), ("invalid", "team_id")]),
            ({"only_if_unassigned": 1}, [("invalid", "only_if_unassigned")]),
            ({"notify_assignee": "no"}, [("invalid", "notify_assignee")]),
            ({"users": []}, [("unknown_field", "users")]),
        ],
    )
    def test_refuses(self, account, team, changes, expected):
        assert refusals("assign_to_user", in_turn(team) | changes, account.id) == expected

    @pytest.mark.parametrize("assignment_type", ["round_robin", "least_busy"])
    def test_needs_a_team_and_no_user(self, account, members, assignment_type):
        config = {"assignment_type": assignment_type, "user_id": str(members[0].user_id)}
        assert refusals("assign_to_user", config, account.id) == [("required", "team_id"), ("invalid", "user_id")]

    def test_refuses_another_accounts_user_and_team(self, account, other_account):
        stranger, foreign = MembershipFactory(account=other_account), TeamFactory(account=other_account)
        config = {"assignment_type": "specific", "user_id": str(stranger.user_id)}
        assert refusals("assign_to_user", config, account.id) == [("user_not_found", "user_id")]
        assert refusals("assign_to_user", in_turn(foreign), account.id) == [("team_not_found", "team_id")]

    def test_is_not_ready_with_a_team_of_nobody(self, account, team):
        kind = registry.get("assign_to_user")
        assert kind.unready(in_turn(team), account_id=account.id) == []
        (problem,) = kind.unready(in_turn(TeamFactory(account=account)), account_id=account.id)
        assert (problem.code, problem.attr) == ("team_empty", "team_id")


@pytest.mark.parametrize("config", [in_turn, least_busy])
def test_uses_as_many_queries_for_200_contacts_as_for_one(account, team, config):
    kind = registry.get("assign_to_user")
    complete = kind.complete_config(config(team))
    counts = []
    run("assign_to_user", ContactFactory(account=account), config(team))
    for size in (1, 200):
        batch = batch_of(ContactFactory.create_batch(size, account=account), complete)
        counts.append(count_queries(lambda batch=batch: kind.run_many(batch)))
    assert counts[0] == counts[1]

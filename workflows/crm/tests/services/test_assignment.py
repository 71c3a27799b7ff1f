"""Turns and loads under parallel work."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

import pytest
from django.db import transaction

from accounts.models import Account, Team, TeamMember
from accounts.tests.factories import AccountFactory, MembershipFactory, TeamFactory
from workflows.actions.base import StepBatch
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of
from workflows.crm.models import Contact, Event
from workflows.crm.services.assignment import take_turns
from workflows.crm.tests.factories import ContactFactory
from workflows.crm.tests.together import together
from workflows.crm.tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 20


def team_of(account: Account, size: int) -> tuple[Team, list[UUID]]:
    """Return a team and the users in it, in the order of their membership."""
    team = TeamFactory(account=account)
    members = [MembershipFactory(account=account) for _ in range(size)]
    TeamMember.objects.bulk_create(TeamMember(account=account, team=team, membership=member) for member in members)
    return team, [member.user_id for member in members]


def assign_one_by_one(config: dict[str, str], contacts: Sequence[Contact]) -> None:
    """Take the step for each contact in a transaction of its own."""
    kind = registry.get("assign_to_user")
    complete = kind.complete_config(config)
    for contact in contacts:
        with transaction.atomic():
            batch: StepBatch = batch_of([contact], complete)
            kind.run_many(batch)


def in_parallel(config: dict[str, str], contacts: Sequence[Contact]) -> None:
    calls: list[Callable[[], None]] = [
        partial(assign_one_by_one, config, contacts[number::CALLERS]) for number in range(CALLERS)
    ]
    together(calls)


class TestRoundRobin:
    def test_gives_300_parallel_contacts_evenly_to_three_members(self) -> None:
        account = AccountFactory()
        team, users = team_of(account, 3)
        contacts = ContactFactory.create_batch(300, account=account)
        in_parallel({"assignment_type": "round_robin", "team_id": str(team.id)}, contacts)
        assert Counter(Contact.objects.values_list("owner_id", flat=True)) == dict.fromkeys(users, 100)
        assert Event.objects.filter(event_type="contact_assigned").count() == 300

    def test_gives_no_turn_of_a_transaction_that_was_rolled_back(self) -> None:
        account = AccountFactory()
        team, users = team_of(account, 3)
        with transaction.atomic():
            take_turns(account_id=account.id, team_id=team.id, count=2, now=NOW)
            transaction.set_rollback(True)
        with transaction.atomic():
            turns = take_turns(account_id=account.id, team_id=team.id, count=7, now=NOW)
        assert turns == [*users, *users, users[0]]

    def test_takes_the_first_turn_of_a_team_once(self) -> None:
        account = AccountFactory()
        team, users = team_of(account, 4)

        def take() -> UUID:
            with transaction.atomic():
                (user_id,) = take_turns(account_id=account.id, team_id=team.id, count=1, now=NOW)
            return user_id

        assert sorted(together([take] * 8)) == sorted([*users, *users])

    def test_gives_nothing_of_another_accounts_team(self, other_account: Account) -> None:
        team, _ = team_of(AccountFactory(), 2)
        with transaction.atomic():
            assert take_turns(account_id=other_account.id, team_id=team.id, count=1, now=NOW) == []


class TestLeastBusy:
    def test_levels_loads_under_parallel_work(self) -> None:
        account = AccountFactory()
        team, users = team_of(account, 3)
        ContactFactory.create_batch(40, account=account, owner_id=users[0])
        ContactFactory.create_batch(10, account=account, owner_id=users[1])
        contacts = ContactFactory.create_batch(100, account=account)
        in_parallel({"assignment_type": "least_busy", "team_id": str(team.id)}, contacts)
        owned = Counter(Contact.objects.values_list("owner_id", flat=True))
        assert owned == dict.fromkeys(users, 50)

    def test_is_right_for_members_of_two_teams(self) -> None:
        account = AccountFactory()
        first, users = team_of(account, 3)
        second = TeamFactory(account=account)
        for member in first.members.all():
            TeamMember.objects.create(account=account, team=second, membership=member)
        contacts = ContactFactory.create_batch(90, account=account)
        configs = [{"assignment_type": "least_busy", "team_id": str(team.id)} for team in (first, second)]
        shares = [contacts[number::CALLERS] for number in range(CALLERS)]
        together([partial(assign_one_by_one, config, share) for config, share in zip(itertools.cycle(configs), shares)])
        assert Counter(Contact.objects.values_list("owner_id", flat=True)) == dict.fromkeys(users, 30)

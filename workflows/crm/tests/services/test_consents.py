"""What contacts allowed and forbade."""

from datetime import timedelta

import pytest

from accounts.models import Account
from workflows.crm.models import Channel, Consent
from workflows.crm.services.consents import ConsentChange, opted_out_of_everything, set_consents
from workflows.crm.tests.factories import ConsentFactory, ContactFactory
from workflows.crm.tests.world import NOW, count_queries, told

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)


class TestSetConsents:
    @pytest.mark.parametrize(
        ("before", "after", "at", "evidence", "expected"),
        [
            (None, "opt_in", NOW, "form", ("opt_in", True)),
            (None, "opt_out", NOW, "", ("opt_out", True)),
            ("opt_in", "opt_out", LATER, "", ("opt_out", True)),
            ("opt_in", "opt_out", NOW, "", ("opt_out", True)),  # of the same moment: the opt-out counts
            ("opt_out", "opt_in", LATER, "form", ("opt_in", True)),
            ("opt_out", "opt_in", LATER, "  ", ("opt_out", False)),  # no evidence
            ("opt_out", "opt_in", NOW, "form", ("opt_out", False)),  # not newer
            ("opt_out", "opt_in", NOW - timedelta(hours=1), "form", ("opt_out", False)),
            ("opt_in", "opt_out", NOW - timedelta(hours=1), "", ("opt_in", False)),  # the opt-in came later
            ("opt_in", "opt_in", LATER, "form", ("opt_in", False)),
            ("opt_out", "opt_out", LATER, "", ("opt_out", False)),
        ],
    )
    def test_keeps_the_last_word(
        self, account: Account, before: str | None, after: str, at: object, evidence: str, expected: tuple[str, bool]
    ) -> None:
        contact = ContactFactory(account=account)
        if before:
            ConsentFactory(contact=contact, channel="sms", state=before, recorded_at=NOW)
        change = ConsentChange(contact.id, "sms", after, at, evidence)  # type: ignore[arg-type]
        (changed,) = set_consents(account_id=account.id, changes=[change], now=NOW)
        assert (Consent.objects.get().state, changed) == expected
        is_told = changed and after == "opt_out"
        assert told() == ([("unsubscribed", {"channel": "sms"})] if is_told else [])

    def test_hears_several_words_in_one_call(self, account: Account) -> None:
        contact = ContactFactory(account=account)
        changes = [
            ConsentChange(contact.id, "sms", "opt_in", NOW, "form"),
            ConsentChange(contact.id, "sms", "opt_out", LATER),
            ConsentChange(contact.id, "email", "opt_in", NOW, "form"),
        ]
        assert set_consents(account_id=account.id, changes=changes, now=NOW) == [True, True, True]
        assert dict(Consent.objects.values_list("channel", "state")) == {"sms": "opt_out", "email": "opt_in"}

    def test_takes_three_queries_for_any_number(self, account: Account) -> None:
        changes = [ConsentChange(ContactFactory(account=account).id, "sms", "opt_out", NOW) for _ in range(9)]
        assert count_queries(lambda: set_consents(account_id=account.id, changes=changes, now=NOW)) == 3


class TestOptedOutOfEverything:
    def test_needs_every_channel(self, account: Account, other_account: Account) -> None:
        gone, partly, willing = (ContactFactory(account=account) for _ in range(3))
        foreign = ContactFactory(account=other_account)
        for channel in Channel.values:
            ConsentFactory(contact=gone, channel=channel, state="opt_out")
            ConsentFactory(contact=foreign, channel=channel, state="opt_out")
            ConsentFactory(contact=partly, channel=channel, state="opt_in" if channel == "sms" else "opt_out")
        ids = [gone.id, partly.id, willing.id, foreign.id]
        assert opted_out_of_everything(account_id=account.id, contact_ids=ids) == {gone.id}

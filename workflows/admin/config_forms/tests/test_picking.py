"""Texts that are picked from what the account has."""

import re

import pytest

from accounts.models import Account, Team
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.actions.registry import registry
from workflows.admin.config_forms import ConfigForm
from workflows.admin.config_forms.tests.posting import post_of, posted
from workflows.messaging.tests.factories import ConnectionFactory

pytestmark = pytest.mark.django_db


class TestRecipients:
    def test_are_members_teams_and_roles_of_the_account_by_name(self, account: Account, other_account: Account) -> None:
        member = MembershipFactory(account=account, user=UserFactory(name="Ada")).user
        team = Team.objects.create(account=account, name="Sales")
        MembershipFactory(account=other_account, user=UserFactory(name="Eve"))

        html = ConfigForm(registry.get("send_notification"), account_id=account.id).render()

        assert f'<option value="{member.id}">Ada</option>' in html
        assert f'<option value="{team.id}">Sales</option>' in html
        assert '<option value="editor">Editor</option>' in html
        assert "Eve" not in html

    def test_belong_to_the_way_they_are_named(self, account: Account) -> None:
        html = ConfigForm(registry.get("send_notification"), account_id=account.id).render()

        condition = "{&quot;config.recipient_type&quot;: [&quot;team&quot;]}"
        assert f'<optgroup label="Teams" data-cf-when="{condition}">' in html

    def test_stay_to_be_seen_when_they_are_gone(self, account: Account) -> None:
        data = post_of(
            **{
                "recipient_type": "role",
                "recipient_ids.rows": ["0", "1"],
                "recipient_ids.0": "boss",
                "channels": "in_app",
            },
            **{"recipient_ids.1": "owner", "title": "t", "message": "m"},
        )
        form = ConfigForm(registry.get("send_notification"), account_id=account.id, data=data)

        assert not form.is_valid()
        assert list(form.errors) == ["config.recipient_ids.0"]
        html = form.render()
        assert '<option value="boss" selected>No longer there (boss)</option>' in html
        assert posted(html)["config.recipient_ids.1"] == "owner"


class TestWhoCallsWhom:
    def test_offers_the_numbers_and_members_of_the_account(self, account: Account, other_account: Account) -> None:
        for owner, number in ((account, "+14155550100"), (other_account, "+14155550199")):
            settings = {"account_sid": "AC", "numbers": [{"number": number, "types": ["sms", "voice"]}]}
            ConnectionFactory(account=owner, kind="twilio", name="Phones", settings=settings)
        member = MembershipFactory(account=account, user=UserFactory(name="Ada")).user

        html = ConfigForm(registry.get("make_call"), account_id=account.id).render()

        assert '<option value="+14155550100">sms and voice, Phones</option>' in html
        assert f'<option value="{member.id}">Ada</option>' in html
        assert "+14155550199" not in html
        for name, offered in (("from_number", "numbers"), ("destination_value", "members")):
            (given,) = [tag for tag in re.findall("<input[^>]*>", html) if f'name="config.{name}"' in tag]
            assert re.search(f'list="[^"]*{offered}"', given)

"""Which mail server an account sends through."""

import pytest
from pytest_django import Settings

from accounts.actors import SYSTEM
from accounts.models import Account
from workflows.messaging.models import Connection
from workflows.messaging.postbox import POSTBOX_HOST
from workflows.messaging.services.mail_connections import choose_mail, connect_smtp

pytestmark = pytest.mark.django_db


def connected(account: Account, name: str = "Own server") -> Connection:
    return connect_smtp(account_id=account.id, actor=SYSTEM, name=name, host="mail.acme.test", port=587)


class TestChooseSmtp:
    def test_takes_the_first_enabled_one(self, account: Account, other_account: Account) -> None:
        connected(other_account)
        disabled, first, second = (connected(account, name) for name in ("Off", "One", "Two"))
        Connection.objects.filter(id=disabled.id).update(is_enabled=False)

        assert choose_mail(account_id=account.id) == first
        assert choose_mail(account_id=account.id, connection_id=second.id) == second
        assert choose_mail(account_id=account.id, connection_id=disabled.id) is None

    def test_finds_no_other_account_s(self, account: Account, other_account: Account) -> None:
        foreign = connected(other_account)

        assert choose_mail(account_id=account.id) is None
        assert choose_mail(account_id=account.id, connection_id=foreign.id) is None

    def test_is_the_postbox_where_that_is_the_default(self, account: Account, settings: Settings) -> None:
        settings.POSTBOX_IS_DEFAULT = True

        chosen = choose_mail(account_id=account.id)

        assert chosen is not None
        assert (chosen.settings["host"], chosen.account_id) == (POSTBOX_HOST, account.id)
        assert chosen.id == choose_mail(account_id=account.id).id
        assert Connection.objects.count() == 0

    def test_is_never_the_postbox_for_who_has_a_server(self, account: Account, settings: Settings) -> None:
        settings.POSTBOX_IS_DEFAULT = True
        own = connected(account)

        assert choose_mail(account_id=account.id) == own
        Connection.objects.filter(id=own.id).update(is_enabled=False)
        assert choose_mail(account_id=account.id) is None

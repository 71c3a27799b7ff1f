import datetime

import pytest
import time_machine
from axes.models import AccessAttempt
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import AuditEntry
from accounts.tests.factories import UserFactory
from accounts.tests.fixtures import client_for
from accounts.tests.login.conftest import give_second_factor, is_signed_in, sign_in

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture(autouse=True)
def always_locking(locking):
    pass


def fail(user, times, address=HERE, **headers):
    return [
        sign_in(Client(), user, "wrong", REMOTE_ADDR=address, headers=headers or None).status_code for _ in range(times)
    ]


class TestLockout:
    def test_begins_with_the_fifth_failure(self, staff):
        assert fail(staff, 5) == [200] * 4 + [429]
        client = Client()
        response = sign_in(client, staff, REMOTE_ADDR=HERE)
        assert (response.status_code, response["Retry-After"]) == (429, "900")
        assert "Try again in 15 minutes" in response.content.decode()
        assert not is_signed_in(client)

    def test_concerns_the_person_at_that_address_alone(self, staff):
        fail(staff, 5)
        assert sign_in(Client(), staff, REMOTE_ADDR=ELSEWHERE).status_code == 302
        assert sign_in(Client(), UserFactory(is_staff=True), REMOTE_ADDR=HERE).status_code == 302

    def test_is_not_fooled_by_case_or_blanks(self, staff):
        for number in range(5):
            written = staff.email.upper() if number % 2 else f" {staff.email} "
            Client().post("/admin/login/", {"username": written, "password": "wrong"}, REMOTE_ADDR=HERE)
        assert sign_in(Client(), staff, REMOTE_ADDR=HERE).status_code == 429

    def test_ends_by_itself_and_attempts_do_not_prolong_it(self, staff):
        with time_machine.travel(datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)) as clock:
            fail(staff, 5)
            clock.shift(datetime.timedelta(minutes=14))
            assert fail(staff, 1) == [429]
            clock.shift(datetime.timedelta(minutes=1, seconds=1))
            assert sign_in(Client(), staff, REMOTE_ADDR=HERE).status_code == 302

    def test_is_forgotten_after_a_success(self, staff):
        fail(staff, 4)
        sign_in(Client(), staff, REMOTE_ADDR=HERE)
        assert fail(staff, 4) == [200] * 4

    def test_leaves_keys_of_the_api_alone(self, staff, account):
        fail(staff, 5)
        assert client_for(account).get("/api/v1/account", REMOTE_ADDR=HERE).status_code == 200

    def test_keeps_no_password_and_no_code(self, staff):
        sign_in(Client(), staff, "planted-password")
        row = AccessAttempt.objects.get()
        assert "planted-password" not in str(vars(row))

    def test_looks_through_our_own_proxies(self, staff, settings):
        settings.TRUSTED_PROXY_COUNT = 1
        fail(staff, 5, address="10.0.0.1", **{"X-Forwarded-For": f"203.0.113.9, {HERE}"})
        attempt = {"X-Forwarded-For": f"198.51.100.1, {HERE}"}
        assert sign_in(Client(), staff, REMOTE_ADDR="10.0.0.1", headers=attempt).status_code == 429
        other = {"X-Forwarded-For": ELSEWHERE}
        assert sign_in(Client(), staff, REMOTE_ADDR="10.0.0.1", headers=other).status_code == 302

    def test_believes_no_header_without_a_proxy(self, staff):
        for number in range(5):
            fail(staff, 1, **{"X-Forwarded-For": f"198.51.100.{number}"})
        assert sign_in(Client(), staff, REMOTE_ADDR=HERE).status_code == 429


class TestUnlockUser:
    def test_lets_in_at_once(self, staff, account, capsys):
        fail(staff, 5)
        call_command("unlock_user", staff.email.upper())
        assert capsys.readouterr().out == "1 failed logins forgotten.\n"
        assert sign_in(Client(), staff, REMOTE_ADDR=HERE).status_code == 302
        entry = AuditEntry.objects.get()
        assert (entry.account_id, entry.verb, entry.object_id) == (account.id, "user.unlocked", staff.id)

    def test_leaves_second_factors_unless_told_to(self, staff, capsys):
        give_second_factor(staff)
        call_command("unlock_user", staff.email)
        assert staff.authenticator_set.count() == 2
        call_command("unlock_user", staff.email, "--forget-second-factor")
        assert staff.authenticator_set.count() == 0
        assert sign_in(Client(), staff)["Location"] == "/admin/"

    def test_knows_who_exists(self, staff):
        with pytest.raises(CommandError, match=r"There is no user nobody@example\.com"):
            call_command("unlock_user", "nobody@example.com")
        assert AuditEntry.objects.count() == 0

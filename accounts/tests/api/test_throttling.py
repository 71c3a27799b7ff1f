import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from rest_framework.test import APIClient

from accounts.api import throttling
from accounts.models import Account, LimitKind, RateWindow, Role, Team
from accounts.tests.factories import AccountFactory
from accounts.tests.fixtures import client_for

PATH = "/api/v1/account"
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def headers_of(response: Any) -> tuple[str, ...]:
    return tuple(response[name] for name in HEADERS)


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


@pytest.fixture
def narrow(db: None) -> Account:
    """An account that may ask three times."""
    return AccountFactory(request_limit=3, workflow_creation_limit=2)


class TestRequestLimit:
    def test_is_told_and_held(self, narrow: Account) -> None:
        client = client_for(narrow)
        assert [headers_of(client.get(PATH))[:2] for _ in range(3)] == [("3", "2"), ("3", "1"), ("3", "0")]
        refused = client.get(PATH)
        assert code_of(refused) == (429, "throttled")
        assert headers_of(refused) == ("3", "0", "10")
        assert refused["Retry-After"] == "10"

    def test_counts_all_callers_of_an_account_together(self, narrow: Account, account: Account) -> None:
        clients = [client_for(narrow), client_for(narrow, Role.VIEWER)]
        assert [clients[number % 2].get(PATH).status_code for number in range(4)] == [200, 200, 200, 429]
        assert client_for(account).get(PATH).status_code == 200

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("post", "/api/v1/teams", 403), ("get", "/api/v1/teams/x", 404), ("get", "/api/v1/teams?x=1", 400)],
    )
    def test_counts_what_is_refused(self, narrow: Account, method: str, path: str, status: int) -> None:
        response = getattr(client_for(narrow), method)(path)
        assert (response.status_code, response["RateLimit-Remaining"]) == (status, "2")

    def test_is_not_told_to_strangers(self, db: None) -> None:
        response = APIClient().get(PATH)
        assert response.status_code == 401
        assert "RateLimit-Limit" not in response

    def test_begins_anew_when_the_window_is_over(self, narrow: Account) -> None:
        client = client_for(narrow)
        for _ in range(4):
            client.get(PATH)
        for seconds, status in ((9.9, 429), (0.2, 200)):
            RateWindow.objects.update(started_at=F("started_at") - timedelta(seconds=seconds))
            assert client.get(PATH).status_code == status

    def test_does_nothing_when_it_refuses(self, narrow: Account) -> None:
        client = client_for(narrow, Role.ADMIN)
        for number in range(5):
            client.post("/api/v1/teams", {"name": f"Team {number}"})
        assert Team.objects.for_account(narrow.id).count() == 3
        assert RateWindow.objects.for_account(narrow.id).get().count == 5

    def test_takes_one_statement(self, narrow: Account, django_assert_num_queries: Any) -> None:
        for _ in range(2):
            with django_assert_num_queries(1):
                throttling.count_request(narrow)


class TestWorkflowCreationLimit:
    def test_is_held_for_new_and_cloned_workflows(self, narrow: Account) -> None:
        Account.objects.update(request_limit=100)
        client = client_for(narrow)
        created = client.post("/api/v1/workflows", {"name": "One"})
        assert created.status_code == 201
        clone = f"/api/v1/workflows/{created.json()['id']}/clone"
        assert client.post(clone, {}).status_code == 201
        for path, body in ((clone, {}), ("/api/v1/workflows", {"name": "Three"})):
            refused = client.post(path, body)
            assert code_of(refused) == (429, "throttled")
            assert refused["Retry-After"] == "3600"
        assert client.get("/api/v1/workflows").json()["total"] == 2

    def test_does_not_count_what_was_not_created(self, narrow: Account) -> None:
        Account.objects.update(request_limit=100)
        client = client_for(narrow)
        for name, status in (("One", 201), ("One", 409), ("!!!", 400), ("Two", 201), ("Three", 429)):
            assert client.post("/api/v1/workflows", {"name": name}).status_code == status


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_exactly_as_many_pass_as_the_limit_allows(self) -> None:
        account = AccountFactory(request_limit=100)
        client, answers = client_for(account), []
        start = threading.Barrier(40)

        def send() -> None:
            try:
                start.wait()
                answers.extend(client.get(PATH) for _ in range(5))
            finally:
                connection.close()

        threads = [threading.Thread(target=send) for _ in range(40)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - started < throttling.WINDOW_SECONDS[LimitKind.REQUESTS], "the machine is too slow"
        assert [len([answer for answer in answers if answer.status_code == status]) for status in (200, 429)] == [
            100,
            100,
        ]
        remaining = sorted(int(answer["RateLimit-Remaining"]) for answer in answers if answer.status_code == 200)
        assert remaining == list(range(100))

    def test_a_request_that_fails_stays_counted(self, account: Account) -> None:
        assert client_for(account).post("/api/v1/workflows", {"name": "!"}).status_code == 400
        assert RateWindow.objects.for_account(account.id).get(kind=LimitKind.REQUESTS).count == 1

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.api import idempotency
from accounts.models import Account, ApiKey, IdempotentRequest, Role, Team
from accounts.services import teams
from accounts.services.requests import forget_requests
from accounts.tests.factories import TeamFactory
from accounts.tests.fixtures import client_for

PATH = "/api/v1/teams"
BODY = {"name": "Sales"}
KEY = {"idempotency-key": "0d5a0d0e-first"}


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def post(client: APIClient, body: Any = BODY, path: str = PATH, headers: Any = KEY) -> Any:
    return client.post(path, body, headers=headers)


class TestARepetition:
    def test_is_answered_alike_and_does_nothing(self, admin_api: APIClient) -> None:
        first, again = post(admin_api), post(admin_api)
        assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
        assert (again["ETag"], again["Content-Type"]) == (first["ETag"], "application/json")
        assert again["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first
        assert Team.objects.count() == 1

    def test_may_order_its_keys_in_another_way(self, admin_api: APIClient) -> None:
        for body in ('{"name": "Sales", "member_ids": []}', '{"member_ids":[],"name":"Sales"}'):
            assert admin_api.generic("POST", PATH, body, "application/json", headers=KEY).status_code == 201
        assert Team.objects.count() == 1

    def test_of_a_refusal_is_refused_alike(self, admin_api: APIClient, account: Account) -> None:
        taken = TeamFactory(account=account, name="Sales")
        first = post(admin_api)
        assert first.status_code == 409
        taken.delete()
        assert post(admin_api).content == first.content
        assert Team.objects.count() == 0

    @pytest.mark.parametrize(
        ("path", "body"), [(PATH, {"name": "Support"}), (f"{PATH}?x=1", BODY), (PATH, {**BODY, "member_ids": []})]
    )
    def test_with_something_else_is_refused(self, admin_api: APIClient, path: str, body: Any) -> None:
        post(admin_api)
        assert code_of(post(admin_api, body, path)) == (409, "idempotency_key_reused")
        assert [team.name for team in Team.objects.all()] == ["Sales"]

    def test_is_carried_out_again_after_a_day(self, admin_api: APIClient) -> None:
        post(admin_api)
        row = IdempotentRequest.objects.get()
        assert timedelta(hours=23, minutes=59) < row.expires_at - timezone.now() < timedelta(hours=24)
        IdempotentRequest.objects.update(expires_at=timezone.now() - timedelta(hours=1))
        assert code_of(post(admin_api)) == (409, "name_taken")

    def test_needs_the_role_that_the_request_needs(self, admin_api: APIClient, viewer_api: APIClient) -> None:
        post(admin_api)
        assert code_of(post(viewer_api)) == (403, "permission_denied")


class TestAKey:
    def test_counts_within_its_account(self, admin_api: APIClient, other_account: Account) -> None:
        post(admin_api)
        answer = post(client_for(other_account, Role.ADMIN))
        assert answer.status_code == 201
        assert "Idempotency-Replayed" not in answer

    def test_counts_within_its_route(self, admin_api: APIClient) -> None:
        post(admin_api)
        assert post(admin_api, {"email": "a@example.com", "role": "viewer"}, "/api/v1/members").status_code == 201

    @pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256, "a\tb"])
    def test_must_be_visible_ascii(self, admin_api: APIClient, key: str) -> None:
        response = post(admin_api, headers={"idempotency-key": key})
        assert code_of(response) == (400, "invalid")
        assert response.json()["errors"][0]["attr"] == "Idempotency-Key"
        assert Team.objects.count() == 0

    def test_may_have_255_characters(self, admin_api: APIClient) -> None:
        assert post(admin_api, headers={"idempotency-key": "~" * 255}).status_code == 201

    def test_is_ignored_by_other_methods(self, admin_api: APIClient, account: Account) -> None:
        path = f"{PATH}/{TeamFactory(account=account).id}"
        for name in ("One", "Two"):
            assert admin_api.patch(path, {"name": name}, headers=KEY).json()["name"] == name
        assert IdempotentRequest.objects.count() == 0

    def test_is_free_when_the_body_was_not_read(self, admin_api: APIClient) -> None:
        assert admin_api.generic("POST", PATH, b"{", "application/json", headers=KEY).status_code == 400
        assert post(admin_api).status_code == 201


class TestUnderWay:
    @pytest.fixture
    def under_way(self, admin_api: APIClient, monkeypatch: pytest.MonkeyPatch) -> IdempotentRequest:
        """A request that died before it was answered."""
        with monkeypatch.context() as patch:
            patch.setattr(idempotency.Claim, "settle", lambda *args, **options: None)
            post(admin_api)
        Team.objects.all().delete()
        return IdempotentRequest.objects.get()

    def test_is_told(self, admin_api: APIClient, under_way: IdempotentRequest) -> None:
        assert code_of(post(admin_api)) == (409, "idempotency_in_progress")
        assert code_of(post(admin_api, {"name": "Support"})) == (409, "idempotency_key_reused")
        assert Team.objects.count() == 0

    def test_ends_after_a_minute(self, admin_api: APIClient, under_way: IdempotentRequest) -> None:
        assert timedelta(seconds=50) < under_way.expires_at - timezone.now() <= timedelta(seconds=60)
        IdempotentRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert post(admin_api).status_code == 201
        assert post(admin_api)["Idempotency-Replayed"] == "true"

    def test_one_that_ends_too_late_leaves_the_next_alone(
        self, admin_api: APIClient, under_way: IdempotentRequest
    ) -> None:
        IdempotentRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        first = post(admin_api)
        late = idempotency.Claim(under_way.id, under_way.account_id)
        late.settle(admin_api.get(PATH), holds_credentials=False)
        assert post(admin_api).content == first.content


class TestWhatIsNotKept:
    def test_answers_with_a_credential(self, admin_api: APIClient) -> None:
        body = {"name": "Till", "role": "viewer"}
        first = post(admin_api, body, "/api/v1/api-keys")
        assert first.status_code == 201
        assert code_of(post(admin_api, body, "/api/v1/api-keys")) == (409, "idempotency_key_reused")
        row = IdempotentRequest.objects.get()
        assert row.body is None
        assert ApiKey.objects.filter(name="Till").count() == 1

    def test_failures_of_the_server(self, admin_api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(**arguments: Any) -> None:
            raise OperationalError("gone")

        with monkeypatch.context() as patch:
            patch.setattr(teams, "create_team", away)
            assert code_of(post(admin_api)) == (503, "database_unavailable")
        assert IdempotentRequest.objects.count() == 0
        assert post(admin_api).status_code == 201

    def test_too_many_requests(self, admin_api: APIClient, account: Account) -> None:
        account.request_limit = 1
        account.save()
        assert post(admin_api).status_code == 201
        assert code_of(post(admin_api, headers={"idempotency-key": "second"})) == (429, "throttled")
        assert not IdempotentRequest.objects.filter(key="second").exists()

    def test_bodies_of_requests(self, admin_api: APIClient) -> None:
        post(admin_api)
        row = IdempotentRequest.objects.get()
        assert re.fullmatch("[0-9a-f]{64}", row.fingerprint)


class TestUploads:
    PATH = "/api/v1/contacts/import"

    def upload(self, client: APIClient, content: bytes) -> Any:
        file = SimpleUploadedFile("people.csv", content, "text/csv")
        return client.post(self.PATH, {"file": file}, format="multipart", headers=KEY)

    def test_are_told_apart_by_what_is_in_them(self, api: APIClient) -> None:
        first = self.upload(api, b"email\nada@example.com\n")
        assert first.status_code == 202
        again = self.upload(api, b"email\nada@example.com\n")
        assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
        assert code_of(self.upload(api, b"email\nbob@example.com\n")) == (409, "idempotency_key_reused")


class TestForgetRequests:
    def test_removes_what_has_expired(self, admin_api: APIClient) -> None:
        post(admin_api)
        now = timezone.now()
        assert forget_requests(now=now + timedelta(hours=23)) == 0
        assert forget_requests(now=now + timedelta(hours=25)) == 1
        assert IdempotentRequest.objects.count() == 0


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_fifty_with_one_key_make_one_object(self, account: Account) -> None:
        client, answers = client_for(account, Role.ADMIN), []
        start = threading.Barrier(50)

        def send() -> None:
            try:
                start.wait()
                answers.append(post(client))
            finally:
                connection.close()

        threads = [threading.Thread(target=send) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Team.objects.for_account(account.id).count() == 1
        codes = sorted(
            {answer.status_code if answer.status_code == 201 else code_of(answer) for answer in answers}, key=str
        )
        assert len(answers) == 50
        assert set(codes) <= {201, (409, "idempotency_in_progress")}
        created = [answer for answer in answers if answer.status_code == 201]
        assert len({answer.content for answer in created}) == 1
        assert len([answer for answer in created if "Idempotency-Replayed" not in answer]) == 1

"""The two addresses a load balancer asks."""

import datetime
import json

import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory
from django.utils import timezone

from config import health
from workflows.models import WorkerHeartbeat
from workflows.tests.factories import ExecutionFactory


def answer(view, method="get"):
    response = view(getattr(RequestFactory(), method)("/"))
    return response.status_code, json.loads(response.content or "null")


def only_checks(answered):
    """Leave the ages out, which change."""
    status, body = answered
    return status, {name: value for name, value in body.items() if name != "ages"}


def heartbeat(*, seconds_ago):
    seen_at = timezone.now() - datetime.timedelta(seconds=seconds_ago)
    return WorkerHeartbeat.objects.create(hostname="here", pid=1, started_at=seen_at, seen_at=seen_at)


@pytest.fixture(autouse=True)
def forget_migrations(monkeypatch):
    monkeypatch.setattr(health, "_are_migrations_applied", False)
    monkeypatch.setattr(health, "_is_wall_standing", False)


class TestHealthMiddleware:
    def test_answers_a_load_balancer_that_asks_by_address(self, client, settings):
        settings.SECURE_SSL_REDIRECT = True
        response = client.get("/livez", headers={"host": "192.0.2.7:8000"})
        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    @pytest.mark.django_db
    def test_is_not_ready_before_a_worker_reported(self, client, caplog):
        assert client.get("/readyz").status_code == 503
        assert caplog.records == []

    @pytest.mark.parametrize("path", ["/livez/", "/readyz/", "/livez/more"])
    def test_leaves_every_other_address_to_the_rest(self, client, path):
        assert client.get(path).status_code == 404


class TestLivez:
    def test_answers_without_a_database(self):
        assert answer(health.livez) == (200, {"status": "ok"})

    def test_refuses_to_be_posted_to(self):
        assert health.livez(RequestFactory().post("/")).status_code == 405


@pytest.mark.django_db
class TestReadyz:
    def test_is_ok_when_everything_is_up(self):
        heartbeat(seconds_ago=29)
        checks = {"database": "ok", "migrations": "ok", "row_security": "ok", "worker": "ok"}
        assert only_checks(answer(health.readyz)) == (200, {"status": "ok", "checks": checks})

    def test_is_unavailable_when_the_last_worker_is_silent(self):
        heartbeat(seconds_ago=31)
        checks = {"database": "ok", "migrations": "ok", "row_security": "ok", "worker": "none seen for 30 s"}
        assert only_checks(answer(health.readyz)) == (503, {"status": "unavailable", "checks": checks})

    def test_counts_the_migrations_that_are_missing(self):
        heartbeat(seconds_ago=0)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
        checks = {"database": "ok", "migrations": "1 not applied", "row_security": "ok", "worker": "ok"}
        assert only_checks(answer(health.readyz)) == (503, {"status": "unavailable", "checks": checks})

    def test_looks_the_migrations_up_until_they_are_applied(self, django_assert_num_queries):
        heartbeat(seconds_ago=0)
        answer(health.readyz)
        with django_assert_num_queries(7):
            assert answer(health.readyz)[0] == 200

    def test_counts_the_tables_of_accounts_without_a_policy(self, monkeypatch):
        heartbeat(seconds_ago=0)
        monkeypatch.setattr(health, "open_tables", lambda: ["crm_contact", "crm_tag"])
        checks = {"database": "ok", "migrations": "ok", "row_security": "2 tables without a policy", "worker": "ok"}
        assert only_checks(answer(health.readyz)) == (503, {"status": "unavailable", "checks": checks})

    def test_refuses_a_role_that_passes_row_level_security_by(self, monkeypatch, settings):
        heartbeat(seconds_ago=0)
        monkeypatch.setitem(connection.settings_dict, "USER", connection.settings_dict["OWNER"]["USER"])
        assert answer(health.readyz)[0] == 200
        monkeypatch.setattr(health, "_is_wall_standing", False)
        settings.ROW_SECURITY_REQUIRED = True
        status, body = answer(health.readyz)
        assert (status, body["checks"]["row_security"]) == (
            503,
            "does not bind the database role; see `manage.py check --database default`",
        )

    def test_is_never_cached(self):
        assert "no-store" in health.readyz(RequestFactory().get("/")).headers["Cache-Control"]

    def test_says_no_more_than_that_the_database_is_down(self, monkeypatch):
        def fail():
            raise OperationalError("connection to db.internal failed for user crm")

        monkeypatch.setattr(health, "database_problem", fail)
        down = "database is down"
        checks = {"database": "database error", "migrations": down, "row_security": down, "worker": down}
        assert only_checks(answer(health.readyz)) == (503, {"status": "unavailable", "checks": checks})

    def test_tells_how_old_things_are(self):
        heartbeat(seconds_ago=12)
        execution = ExecutionFactory(due_at=timezone.now() - datetime.timedelta(seconds=20))
        status, body = answer(health.readyz)
        assert (status, body["status"]) == (200, "ok")
        assert 12 <= body["ages"]["worker"] < 20
        assert 20 <= body["ages"]["execution"] < 30
        assert (body["ages"]["dispatch"], body["ages"]["event"]) == (0.0, 0.0)
        assert str(execution.id) not in str(body)

    @pytest.mark.parametrize(
        ("seconds", "status", "word"), [(50, 200, "ok"), (70, 200, "degraded"), (3700, 503, "unavailable")]
    )
    def test_tells_when_work_is_late(self, seconds, status, word):
        heartbeat(seconds_ago=0)
        ExecutionFactory(due_at=timezone.now() - datetime.timedelta(seconds=seconds))
        answered = answer(health.readyz)
        assert (answered[0], answered[1]["status"]) == (status, word)
        assert ("work" in answered[1]["checks"]) is (status == 503)

    def test_counts_no_sleepers(self):
        heartbeat(seconds_ago=0)
        ExecutionFactory(waiting=True, due_at=timezone.now() + datetime.timedelta(days=1))
        assert answer(health.readyz)[1]["ages"]["execution"] == 0.0

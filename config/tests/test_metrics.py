import os
import subprocess
import sys
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.tests.factories import UserFactory
from accounts.tests.fixtures import client_for
from config import metrics
from config.metrics import template_of
from config.tests.running import ROOT
from workflows.engine import clock
from workflows.engine.levels import count_levels
from workflows.tests.factories import ExecutionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def exposed(settings):
    settings.METRICS_TOKEN = "let-me-see"

    def read():
        return Client().get("/metrics", headers={"Authorization": "Bearer let-me-see"}).content.decode()

    return read


def value(text, line):
    found = [each.rpartition(" ")[2] for each in text.splitlines() if each.rpartition(" ")[0] == line]
    return float(found[0]) if found else 0.0


class TestDoor:
    def test_is_closed_without_a_token(self, settings):
        settings.METRICS_TOKEN, settings.METRICS_OPEN = "", False
        assert Client().get("/metrics").status_code == 404

    def test_may_stand_open_in_development(self, settings):
        settings.METRICS_OPEN = True
        assert Client().get("/metrics").status_code == 200

    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic let-me-see", "Bearer ü", "let-me-see"])
    def test_asks_for_the_token(self, header, settings):
        settings.METRICS_TOKEN, settings.METRICS_OPEN = "let-me-see", True
        assert Client().get("/metrics", headers={"Authorization": header}).status_code == 401

    def test_takes_no_session_and_no_key(self, settings, account):
        settings.METRICS_TOKEN = "let-me-see"
        client = Client()
        client.force_login(UserFactory(is_superuser=True))
        assert client.get("/metrics").status_code == 401
        assert client_for(account).get("/metrics").status_code == 401

    def test_answers_by_address_as_scrapers_ask(self, exposed):
        headers = {"Authorization": "Bearer let-me-see", "Host": "192.0.2.7"}
        assert Client().get("/metrics", headers=headers).status_code == 200

    def test_is_looked_at_only(self, exposed):
        assert Client().post("/metrics").status_code == 405


class TestContent:
    def test_counts_requests_by_template_and_never_by_path(self, exposed, account):
        line = 'followthrough_http_requests_total{method="GET",route="/api/v1/contacts/{contact_id}",status="404"}'
        line = next(
            (each.rpartition(" ")[0] for each in self.after(exposed, account).splitlines() if "/contacts/" in each),
            line,
        )
        before = value(exposed(), line)
        missing = uuid4()
        client_for(account).get(f"/api/v1/contacts/{missing}")
        client_for(account).get("/api/v1/contacts?search=zaphod@example.com")
        text = exposed()
        assert value(text, line) == before + 1
        assert str(missing) not in text
        assert "zaphod" not in text
        assert 'status="404"' in line

    def after(self, exposed, account):
        client_for(account).get(f"/api/v1/contacts/{uuid4()}")
        return exposed()

    @pytest.mark.parametrize("method", ["get", "generic"])
    def test_has_one_label_for_all_paths_that_are_not_there(self, method, exposed):
        for number in range(5):
            if method == "get":
                Client().get(f"/nowhere/{number}")
            else:
                Client().generic(f"INVENTED{number}", f"/nowhere/{number}")
        text = exposed()
        assert "nowhere" not in text
        assert "INVENTED" not in text
        assert 'route="unmatched"' in text

    def test_says_what_waits(self, exposed):
        ExecutionFactory(waiting=True)
        count_levels(now=clock.now())
        text = exposed()
        assert value(text, "followthrough_database_up") == 1
        assert value(text, 'followthrough_executions{status="waiting"}') == 1
        for name in ("oldest_due_seconds", "events_waiting", "workers", "expired_leases"):
            assert f"\nfollowthrough_{name} " in text
        assert 'followthrough_lane_depth{lane="email"} 0.0' in text

    def test_names_no_account_and_no_contact(self, exposed):
        execution = ExecutionFactory()
        text = exposed()
        for each in (execution.account_id, execution.contact_id, execution.workflow_id, execution.id):
            assert str(each) not in text

    def test_is_answered_while_the_database_is_away(self, exposed, monkeypatch):
        def fail(**kwargs):
            raise OperationalError

        monkeypatch.setattr(metrics, "levels", fail)
        text = exposed()
        assert value(text, "followthrough_database_up") == 0
        assert "followthrough_http_requests_total" in text

    def test_costs_as_many_queries_however_much_there_is(self, exposed, django_assert_num_queries):
        with django_assert_num_queries(6):
            exposed()
        ExecutionFactory.create_batch(5)
        with django_assert_num_queries(6):
            exposed()


@pytest.mark.parametrize(
    ("route", "template"),
    [
        ("admin/login/", "/admin/login/"),
        ("api/v1/^workflows/(?P<workflow_id>[^/.]+)$", "/api/v1/workflows/{workflow_id}"),
        ("api/v1/^workflows/(?P<pk>[0-9a-f-]{36})/actions\\Z", "/api/v1/workflows/{pk}/actions"),
        ("t/o/<str:token>.gif", "/t/o/{token}.gif"),
        ("account/2fa/webauthn/keys/<int:pk>/remove/", "/account/2fa/webauthn/keys/{pk}/remove/"),
    ],
)
def test_template_of(route, template):
    assert template_of(route) == template


class TestSharedCounts:
    def test_are_those_of_all_processes(self, tmp_path):
        environment = os.environ | {
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "counts"),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
        }
        code = (
            "import django; django.setup(); from workflows.engine.measuring import ENROLLED; ENROLLED.inc(2)\n"
            "from config.metrics import MultiProcessCollector, CollectorRegistry, generate_latest\n"
            "registry = CollectorRegistry(); MultiProcessCollector(registry)\n"
            "print(generate_latest(registry).decode())"
        )
        for total in (2, 4):
            output = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", code],
                env=environment,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            assert f"followthrough_enrollments_total {total}.0" in output

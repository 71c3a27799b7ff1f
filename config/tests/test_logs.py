"""Log lines: JSON with ids, and nothing about people."""

import io
import json
import logging
import sys
from smtplib import SMTPRecipientsRefused
from uuid import UUID

import pytest
import structlog
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from accounts.tests.factories import MembershipFactory, UserFactory
from accounts.tests.fixtures import client_for
from accounts.tests.login.conftest import sign_in
from config.logs import exceptions_in_short, redact
from config.requests import RequestLogMiddleware
from workflows.crm.tests.factories import ContactFactory, TagFactory
from workflows.engine import clock
from workflows.engine.advance import advance
from workflows.engine.enroll import enroll
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.kinds import registered
from workflows.tests.factories import ActiveWorkflowFactory

TRILLIAN = {
    "first_name": "Trillianplanted",
    "last_name": "Macmillanplanted",
    "email": "trillian.planted@heartofgold.example",
    "phone": "+4915112345678",
}


@pytest.fixture
def lines():
    """What the server would write, from `info` on, as a function."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.getLogger().handlers[0].formatter)
    root = logging.getLogger()
    installed = next(each for each in root.handlers if type(each.formatter) is structlog.stdlib.ProcessorFormatter)
    handler.setFormatter(installed.formatter)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("mail to ada@example.com, please", "mail to [e-mail], please"),
        ("{'ada+1@example.co.uk': (550, b'no')}", "{'[e-mail]': (550, b'no')}"),
        ("call +49 (0)151 123-456 now", "call [phone] now"),
        ("GET /hooks/x?token=abc&name=Ada HTTP", "GET /hooks/x?… HTTP"),
        ("https://a.test/b?c=d", "https://a.test/b?…"),
        ("key ft_Ab3dEfGhIjKlMnOpQrStUvWxYz0123456789ab", "key [token]"),
        (
            "execution 01a20987-91ac-7331-82aa-888aa34921e3 ended",
            "execution 01a20987-91ac-7331-82aa-888aa34921e3 ended",
        ),
        (
            "workflows.engine.perform.recovering.take_over_everything",
            "workflows.engine.perform.recovering.take_over_everything",
        ),
        (
            'duplicate key violates "contact_once"\nDETAIL:  Key (email)=(ada@x.test) exists.',
            'duplicate key violates "contact_once"',
        ),
        ('invalid input syntax for type uuid: "Ada Lovelace"', 'invalid input syntax for type uuid: "…"'),
        ("2026-11-23T17:50:09.123456+00:00", "2026-11-23T17:50:09.123456+00:00"),
    ],
)
def test_redact(text, redacted):
    assert redact(text) == redacted


class TestExceptions:
    def line_of(self, error, with_text=False):
        try:
            raise error
        except type(error):
            return exceptions_in_short(with_text=with_text)(None, "error", {"event": "x", "exc_info": sys.exc_info()})

    def test_tell_class_and_place_but_not_what_they_quote(self):
        line = self.line_of(KeyError("Trillianplanted"))
        assert line["exception"] == "KeyError"
        assert line["traceback"][-1].endswith(" line_of")
        assert "Trillianplanted" not in str(line)

    def test_tell_the_cause(self):
        error = RuntimeError("outer")
        error.__cause__ = ValueError("inner")
        assert self.line_of(error)["exception"] == "RuntimeError ← ValueError"

    def test_of_an_outage_are_one_word(self):
        line = self.line_of(OperationalError("connection to db.internal failed"))
        assert line["exception"] == "django.db.utils.OperationalError"
        assert "traceback" not in line

    def test_show_their_text_on_request(self):
        assert self.line_of(KeyError("field"), with_text=True)["exception_text"] == "'field'"


class TestRequestId:
    def answered(self, **headers):
        middleware = RequestLogMiddleware(lambda request: HttpResponse())
        return middleware(RequestFactory().get("/", headers=headers))["X-Request-ID"]

    def test_is_the_callers_own_if_sane(self):
        assert self.answered(**{"X-Request-ID": "abcd-1234-EFGH"}) == "abcd-1234-EFGH"

    @pytest.mark.parametrize(
        "given", ["", "short", "a" * 65, "ada@example.com", "a b c d e f g h", "x\ny-injected", "{}" * 5]
    )
    def test_is_ours_otherwise(self, given):
        request = RequestFactory().get("/")
        request.META["HTTP_X_REQUEST_ID"] = given
        own = RequestLogMiddleware(lambda request: HttpResponse())(request)["X-Request-ID"]
        assert own != given
        assert len(own) == 36


@pytest.mark.django_db
class TestLines:
    def test_of_a_request_carry_its_ids_and_its_route(self, lines, account):
        client = client_for(account)
        response = client.get("/api/v1/contacts?search=Trillianplanted", headers={"X-Request-ID": "check-12345"})
        assert response["X-Request-ID"] == "check-12345"
        line = next(each for each in lines() if each["event"] == "request")
        assert (line["request_id"], line["account_id"]) == ("check-12345", str(account.id))
        assert (line["api_key_id"], line["user_id"]) == (str(client.api_key.id), str(client.api_key.user_id))
        assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/contacts", 200)
        assert line["duration_ms"] > 0

    def test_of_a_session_carry_the_person(self, lines):
        user = UserFactory(is_staff=True)
        client = Client()
        client.force_login(user)
        client.get("/admin/")
        assert next(each for each in lines() if each["event"] == "request")["user_id"] == str(user.id)

    def test_of_the_admin_carry_the_account_at_work(self, lines, account):
        user = MembershipFactory(account=account, user=UserFactory(is_staff=True)).user
        client = Client()
        client.force_login(user)
        client.get("/admin/crm/tag/")
        assert self.account_of_the_request(lines) == str(account.id)

    def test_of_the_admin_carry_the_account_of_the_object(self, lines, account):
        """Also where the person works in all accounts; for a page of no account nothing is made up."""
        tag = TagFactory(account=account)
        client = Client()
        client.force_login(UserFactory(is_staff=True, is_superuser=True))
        client.get("/admin/crm/tag/")
        assert self.account_of_the_request(lines) is None
        client.get(f"/admin/crm/tag/{tag.id}/change/")
        assert self.account_of_the_request(lines) == str(account.id)

    def test_of_the_editor_carry_the_account_of_the_workflow(self, lines, account):
        workflow = ActiveWorkflowFactory(account=account)
        client = Client()
        client.force_login(UserFactory(is_staff=True, is_superuser=True))
        client.get(f"/admin/workflows/workflow/{workflow.id}/change/")
        assert self.account_of_the_request(lines) == str(account.id)

    def account_of_the_request(self, lines):
        return [line for line in lines() if line["event"] == "request"][-1].get("account_id")

    def test_of_one_request_do_not_carry_ids_of_the_one_before(self, lines, account):
        client_for(account).get("/api/v1/account")
        Client().get("/admin/login/")
        assert "account_id" not in lines()[-1]

    def test_of_a_failing_step_carry_its_ids(self, lines, account):
        def raises(steps):
            raise ValueError(f"no {steps[0].contact.first_name}")

        with registered(falter=raises):
            workflow = ActiveWorkflowFactory(account=account, chain=[("falter", {})])
            contact = ContactFactory(account=account, **TRILLIAN)
            execution = enroll(
                account_id=account.id, workflow_id=workflow.id, contact_id=contact.id, source="api", now=clock.now()
            )
            advance(seconds=5)
        line = next(each for each in lines() if each["event"] == "a step raised")
        assert line["execution_id"] == str(execution.id)
        assert (line["account_id"], line["workflow_id"]) == (str(account.id), str(workflow.id))
        assert line["exception"] == "ValueError"

    def test_hold_nothing_about_people(self, lines, account, settings, monkeypatch):
        """Everything that knows Trillian goes well or wrong once; then all that was written is searched for her."""
        settings.AXES_ENABLED = True
        settings.AXES_VERBOSE = True
        api = client_for(account)
        api.raise_request_exception = False
        made = api.post("/api/v1/contacts", TRILLIAN)
        assert made.status_code == 201
        api.post("/api/v1/contacts", TRILLIAN | {"email": "trillian.planted@"})
        api.get(f"/api/v1/contacts?search={TRILLIAN['email']}&ordering=trillian.planted@heartofgold.example")
        api.get(f"/api/v1/contacts/{TRILLIAN['email']}")
        api.get("/unsubscribe/TrillianplantedToken0123456789abcdefABCDEF")
        Client().get(f"/nowhere/{TRILLIAN['email']}")
        user = UserFactory(email=TRILLIAN["email"], name="Trillianplanted Macmillanplanted", is_staff=True)
        for _ in range(6):
            sign_in(Client(), user, "planted-password")
        Client().post("/account/reset/", {"email": TRILLIAN["email"]})
        Client(headers={"Authorization": "Bearer planted-key-0123456789-ABCDEFGHIJKLMN"}).get("/api/v1/account")

        def raises(steps):
            raise ValueError(f"{steps[0].contact.first_name} <{steps[0].contact.email}> {steps[0].contact.phone}")

        with registered(falter=raises):
            webhook = {"url": "http://127.0.0.1:9/planted?name={{ contact.first_name }}", "method": "GET"}
            workflow = ActiveWorkflowFactory(account=account, chain=[("webhook_call", webhook), ("falter", {})])
            enroll(
                account_id=account.id,
                workflow_id=workflow.id,
                contact_id=UUID(made.json()["id"]),
                source="api",
                now=clock.now(),
            )
            advance(seconds=5)
            perform_due("http")
            advance(seconds=5)

        def fail(*args, **kwargs):
            raise RuntimeError(f"could not read {TRILLIAN}")

        monkeypatch.setattr("workflows.api.contacts.ContactViewSet.list", fail)
        assert api.get("/api/v1/contacts").status_code == 500

        refused = SMTPRecipientsRefused({TRILLIAN["email"]: (550, b"no such box")})
        structlog.get_logger("alerts").warning("an owner could not be told by mail", error=str(refused))
        logging.getLogger("library").warning("no answer from %s at %s", TRILLIAN["email"], TRILLIAN["phone"])

        written = lines()
        assert {"request", "a request failed"} <= {each["event"] for each in written}
        text = json.dumps(written, ensure_ascii=False).lower()
        for planted in ("planted", "heartofgold", "15112345678", "macmillan"):
            assert planted not in text, next(each for each in written if planted in json.dumps(each).lower())

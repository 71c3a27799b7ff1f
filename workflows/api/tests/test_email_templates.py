import pytest

from accounts.models import AuditEntry
from accounts.tests.fixtures import client_for
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import EmailTemplate
from workflows.messaging.providers.smtp import pool
from workflows.messaging.tests.factories import ConnectionFactory, EmailTemplateFactory
from workflows.tests.factories import WorkflowFactory

pytestmark = pytest.mark.django_db

PATH = "/api/v1/email-templates"
TEMPLATE = {
    "name": "Welcome",
    "subject": "Hi {{ contact.first_name | default: 'you' }}",
    "preview_text": "From {{ account.name }}",
    "body_html": "<p>Hello {{ contact.first_name }}</p>",
    "body_text": "",
}


@pytest.fixture
def template(account) -> EmailTemplate:
    return EmailTemplateFactory(
        account=account, name="Welcome", **{key: TEMPLATE[key] for key in ("subject", "body_html")}
    )


@pytest.fixture
def connection(account, postbox):
    settings = {"host": postbox.address.host, "port": postbox.address.smtp, "security": "none"}
    yield ConnectionFactory(account=account, settings=settings)
    pool.clear()


class TestWriting:
    def test_makes_a_template_and_says_who_did(self, api, account):
        answer = api.post(PATH, TEMPLATE)
        assert answer.status_code == 201
        body = answer.json()
        assert {name: body[name] for name in TEMPLATE} == TEMPLATE
        entry = AuditEntry.objects.for_account(account.id).get(verb="email_template.created")
        assert entry.after["name"] == "Welcome"
        assert entry.after["body_html"].startswith("37 characters, SHA-256 ")

    @pytest.mark.parametrize(
        ("changes", "attr", "code"),
        [
            ({"body_html": "", "body_text": ""}, "body_html", "required"),
            ({"body_html": " \n"}, "body_html", "required"),
            ({"body_html": "{{ contact.first_name"}, "body_html", "invalid_template"),
            ({"body_html": "{{ kontact.first_name }}"}, "body_html", "invalid_template"),
            ({"body_text": "{% include 'x' %}"}, "body_text", "invalid_template"),
            ({"subject": "{{ unsubscribe_url }}"}, "subject", "invalid_template"),
            ({"preview_text": "{% if %}"}, "preview_text", "invalid_template"),
            ({"subject": "x" * 256}, "subject", "max_length"),
            ({"name": "a\nb"}, "name", "invalid"),
            ({"name": ""}, "name", "blank"),
            ({"name": "x" * 101}, "name", "max_length"),
            ({"body_html": "x" * (256 * 1024 + 1)}, "body_html", "invalid_template"),
            ({"sender": "x"}, "sender", "unknown_field"),
        ],
    )
    def test_refuses_what_cannot_be_sent(self, api, changes, attr, code):
        answer = api.post(PATH, {**TEMPLATE, **changes})
        assert answer.status_code == 400
        assert [(error["code"], error["attr"]) for error in answer.json()["errors"]] == [(code, attr)]
        assert not EmailTemplate.objects.exists()

    def test_takes_large_mails(self, api):
        body = "<p>" + "Hello {{ contact.first_name }}. " * 8000 + "</p>"
        assert api.post(PATH, {**TEMPLATE, "body_html": body}).status_code == 201

    def test_knows_the_way_out(self, api):
        body = '<a href="{{ unsubscribe_url }}">Leave</a>'
        assert api.post(PATH, {**TEMPLATE, "body_html": body}).status_code == 201

    def test_takes_a_name_once_per_account(self, api, template, other_account):
        answer = api.post(PATH, TEMPLATE)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "name_taken")
        assert client_for(other_account).post(PATH, TEMPLATE).status_code == 201

    def test_changes_what_is_sent_and_leaves_the_rest(self, api, account, template):
        answer = api.patch(f"{PATH}/{template.id}", {"body_text": "Hello"})
        assert answer.json()["body_html"] == TEMPLATE["body_html"]
        assert answer.json()["body_text"] == "Hello"
        entry = AuditEntry.objects.for_account(account.id).get(verb="email_template.changed")
        assert set(entry.after) == {"body_text"}
        api.patch(f"{PATH}/{template.id}", {"body_text": "Hello"})
        assert AuditEntry.objects.filter(verb="email_template.changed").count() == 1

    def test_keeps_a_body(self, api, template):
        assert api.patch(f"{PATH}/{template.id}", {"body_html": ""}).status_code == 400
        template.refresh_from_db()
        assert template.body_html == TEMPLATE["body_html"]

    def test_is_for_editors(self, viewer_api, template):
        assert viewer_api.get(f"{PATH}/{template.id}").status_code == 200
        for answer in (
            viewer_api.post(PATH, TEMPLATE),
            viewer_api.patch(f"{PATH}/{template.id}", {"name": "x"}),
            viewer_api.delete(f"{PATH}/{template.id}"),
            viewer_api.post(f"{PATH}/{template.id}/send-test", {"to": "ada@example.com"}),
        ):
            assert answer.status_code == 403


class TestDeleting:
    def test_forgets_the_template(self, api, account, template):
        assert api.delete(f"{PATH}/{template.id}").status_code == 204
        assert not EmailTemplate.objects.exists()
        assert AuditEntry.objects.for_account(account.id).filter(verb="email_template.deleted").count() == 1

    def test_is_refused_while_a_workflow_uses_it(self, api, account, template):
        config = {"template_id": str(template.id), "subject": "x", "from_name": "Ada", "from_email": "ada@acme.example"}
        WorkflowFactory(account=account, name="Welcome series", chain=[("send_email", config)])
        answer = api.delete(f"{PATH}/{template.id}")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "in_use")
        assert "Welcome series" in answer.json()["errors"][0]["detail"]
        assert EmailTemplate.objects.exists()


class TestPreview:
    def test_shows_what_the_contact_would_get(self, api, account, template):
        contact = ContactFactory(account=account, first_name="Zoë & Co")
        answer = api.post(f"{PATH}/{template.id}/preview", {"contact_id": str(contact.id)})
        body = answer.json()
        assert answer.status_code == 200
        assert body["subject"] == "Hi Zoë & Co"
        assert "<p>Hello Zoë &amp; Co</p>" in body["html"]
        assert body["text"].startswith("Hello Zoë & Co\n")
        assert "/t/o/" not in body["html"]

    def test_has_a_way_out_that_unsubscribes_nobody(self, api, account, template, client):
        contact = ContactFactory(account=account)
        text = api.post(f"{PATH}/{template.id}/preview", {"contact_id": str(contact.id)}).json()["text"]
        url = text.rsplit(" ", 1)[-1].strip()
        assert client.post(url.removeprefix("http://127.0.0.1:8000")).status_code == 200
        assert not contact.consents.exists()

    def test_knows_only_contacts_of_the_account(self, api, template, other_account):
        contact = ContactFactory(account=other_account)
        answer = api.post(f"{PATH}/{template.id}/preview", {"contact_id": str(contact.id)})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "contact_not_found"

    def test_says_when_nothing_can_be_rendered(self, api, account, template):
        EmailTemplate.objects.update(
            body_html="{% for i in (1..9999) %}{% for j in (1..9999) %}x{% endfor %}{% endfor %}"
        )
        contact = ContactFactory(account=account)
        answer = api.post(f"{PATH}/{template.id}/preview", {"contact_id": str(contact.id)})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_template")


class TestSendTest:
    def test_sends_a_mail_marked_as_a_test(self, api, account, template, connection, postbox):
        answer = api.post(f"{PATH}/{template.id}/send-test", {"to": "me@acme.example"})
        assert answer.json() == {"sent": True, "error_message": ""}
        (entry,) = postbox.mails()
        assert (entry["subject"], entry["recipients"]) == ("[Test] Hi you", ["me@acme.example"])
        assert AuditEntry.objects.for_account(account.id).filter(verb="email_template.test_sent").count() == 1

    def test_renders_for_a_contact_when_asked(self, api, account, template, connection, postbox):
        contact = ContactFactory(account=account, first_name="Zoë")
        data = {"to": "me@acme.example", "contact_id": str(contact.id), "from_email": "news@acme.example"}
        assert api.post(f"{PATH}/{template.id}/send-test", data).json()["sent"] is True
        (entry,) = postbox.mails()
        assert (entry["subject"], entry["sender"]) == ("[Test] Hi Zoë", "news@acme.example")

    def test_says_what_went_wrong(self, api, template, connection, postbox):
        postbox.add_rule("status", status=550, stage="rcpt")
        answer = api.post(f"{PATH}/{template.id}/send-test", {"to": "me@acme.example"})
        assert answer.status_code == 200
        assert answer.json()["sent"] is False
        assert "550" in answer.json()["error_message"]
        assert not AuditEntry.objects.filter(verb="email_template.test_sent").exists()

    def test_needs_a_connection_of_the_account(self, api, template, other_account):
        foreign = ConnectionFactory(account=other_account)
        for extra in ({}, {"connection_id": str(foreign.id)}):
            answer = api.post(f"{PATH}/{template.id}/send-test", {"to": "me@acme.example", **extra})
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "connection_not_found")

    @pytest.mark.parametrize("to", ["nobody", "a@b.example\r\nBcc: c@d.example", "a@b.example,c@d.example", ""])
    def test_sends_to_one_address(self, api, template, connection, postbox, to):
        assert api.post(f"{PATH}/{template.id}/send-test", {"to": to}).status_code == 400
        assert postbox.mails() == []

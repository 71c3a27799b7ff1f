from uuid import uuid4

import pytest
from django.core import mail

from accounts.models import Membership
from accounts.tests.factories import MembershipFactory, TeamFactory, UserFactory
from workflows.actions.outcomes import Done, Failed, Perform, Skipped
from workflows.actions.outside import Lane, OutcomeUnknown, Permanent, Request, Retryable
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of, refusals, run
from workflows.crm.models import Notification
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging import staff_mail
from workflows.messaging.outbound import NotSent, SentUnknown

pytestmark = pytest.mark.django_db

TEXTS = {"title": "{{ contact.first_name }} is waiting", "message": "Call {{ contact.phone }}."}
OWNER = {"recipient_type": "contact_owner", "channels": ["in_app"], **TEXTS}


def member(account, email, role="editor", **fields) -> Membership:
    return MembershipFactory(account=account, user=UserFactory(email=email), role=role, **fields)


@pytest.fixture
def ada(account):
    return member(account, "ada@example.com", role="owner").user


@pytest.fixture
def contact(account, ada):
    return ContactFactory(account=account, first_name="Zoë", phone="+14155550123", owner=ada)


def told():
    rows = Notification.objects.order_by("recipient__email")
    return [(row.recipient.email, row.kind, row.title, row.message) for row in rows]


class TestInTheApplication:
    def test_tells_the_owner(self, contact, ada):
        (outcome,) = run("send_notification", contact, OWNER)
        assert outcome == Done({"recipients": [str(ada.id)]}, {"title": "Zoë is waiting"})
        assert told() == [("ada@example.com", "workflow_step", "Zoë is waiting", "Call +14155550123.")]

    def test_tells_members_of_teams_once(self, account, contact):
        bob, eve = member(account, "bob@example.com"), member(account, "eve@example.com")
        member(account, "nobody@example.com")
        teams = [TeamFactory(account=account) for _ in range(2)]
        for team in teams:
            team.members.set([bob, eve], through_defaults={"account": account})
        config = {**OWNER, "recipient_type": "team", "recipient_ids": [str(team.id) for team in teams]}
        run("send_notification", contact, config)
        assert [row[0] for row in told()] == ["bob@example.com", "eve@example.com"]

    def test_tells_those_with_a_role(self, account, contact):
        member(account, "bob@example.com", role="admin")
        member(account, "eve@example.com", role="viewer")
        run("send_notification", contact, {**OWNER, "recipient_type": "role", "recipient_ids": ["owner", "admin"]})
        assert [row[0] for row in told()] == ["ada@example.com", "bob@example.com"]

    def test_tells_the_users_named_who_are_still_active(self, account, other_account, contact):
        bob, gone = member(account, "bob@example.com"), member(account, "gone@example.com")
        config = {
            **OWNER,
            "recipient_type": "specific_user",
            "recipient_ids": [str(bob.user_id), str(gone.user_id)],
        }
        complete = registry.get("send_notification").clean_config(config, account_id=account.id)
        Membership.objects.filter(id=gone.id).update(is_active=False)
        MembershipFactory(account=other_account, user=gone.user)
        (outcome,) = registry.get("send_notification").run_many(batch_of([contact], complete))
        assert outcome.result == {"recipients": [str(bob.user_id)]}
        assert [row[0] for row in told()] == ["bob@example.com"]

    def test_skips_where_there_is_nobody(self, account):
        (outcome,) = run("send_notification", ContactFactory(account=account), OWNER)
        assert outcome == Skipped("Nobody to tell", {"recipients": []})
        assert told() == []

    def test_fails_the_contact_alone_whose_text_does_not_fit(self, account, ada):
        contacts = [ContactFactory(account=account, first_name=name, owner=ada) for name in ("x" * 100, "Zoë")]
        failed, done = run(
            "send_notification", contacts, {**OWNER, "title": "{{ contact.first_name | append: contact.first_name }}"}
        )
        assert failed == Failed("rejected", "title has 200 characters after rendering; 120 fit.")
        assert isinstance(done, Done)
        assert [row[2] for row in told()] == ["ZoëZoë"]

    def test_counts_up_when_the_same_visit_is_repeated(self, contact):
        kind = registry.get("send_notification")
        batch = batch_of([contact], kind.complete_config(OWNER))
        kind.run_many(batch)
        kind.run_many(batch)
        assert [row.count for row in Notification.objects.all()] == [2]


class TestByMail:
    @pytest.fixture
    def config(self):
        return {**OWNER, "channels": ["in_app", "email"]}

    def test_asks_for_the_lane_and_tells_in_the_application_at_once(self, contact, config):
        assert run("send_notification", contact, config) == [Perform(Lane.EMAIL)]
        assert len(told()) == 1

    def test_sends_one_mail_that_leads_to_the_contact(self, contact, ada, config, settings):
        kind = registry.get("send_notification")
        (request,) = kind.prepare_many(batch_of([contact], kind.complete_config({**config, "channels": ["email"]})))
        assert isinstance(request, Request)
        assert told() == []
        assert kind.perform(request.payload, key=uuid4()) == Done({"recipients": [str(ada.id)]})

        (letter,) = mail.outbox
        assert letter.subject == "Zoë is waiting"
        assert letter.body == (f"Call +14155550123.\n\n{settings.PUBLIC_URL}/admin/crm/contact/{contact.id}/change/\n")
        assert letter.recipients() == [f"{ada.name} <ada@example.com>"]

    def test_keeps_line_breaks_out_of_the_header(self, account, ada, config):
        contact = ContactFactory(account=account, first_name="Zoë\r\nBcc: eve@example.com", owner=ada)
        kind = registry.get("send_notification")
        (request,) = kind.prepare_many(batch_of([contact], kind.complete_config(config)))
        kind.perform(request.payload, key=uuid4())
        assert (mail.outbox[0].bcc, "\n" in mail.outbox[0].subject) == ([], False)

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (NotSent("network", "away"), Retryable),
            (NotSent("unavailable", "later"), Retryable),
            (NotSent("rejected", "no"), Permanent),
            (SentUnknown("outcome_unknown", "silence"), OutcomeUnknown),
        ],
    )
    def test_says_what_became_of_it(self, monkeypatch, error, expected):
        def fail(**_):
            raise error

        monkeypatch.setattr(staff_mail, "send", fail)
        payload = {"to": [["Ada", "ada@example.com"]], "subject": "x", "body": "y", "recipients": []}
        with pytest.raises(expected):
            registry.get("send_notification").perform(payload, key=uuid4())


class TestConfig:
    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"recipient_type": "everybody"}, ("invalid_choice", "recipient_type")),
            ({"recipient_type": "team"}, ("required", "recipient_ids")),
            ({"recipient_type": "team", "recipient_ids": []}, ("min_length", "recipient_ids")),
            ({"recipient_type": "team", "recipient_ids": ["x"]}, ("invalid", "recipient_ids.0")),
            ({"recipient_type": "team", "recipient_ids": [str(uuid4())]}, ("team_not_found", "recipient_ids.0")),
            ({"recipient_type": "specific_user", "recipient_ids": [7]}, ("invalid", "recipient_ids.0")),
            ({"recipient_type": "role", "recipient_ids": ["boss"]}, ("invalid_choice", "recipient_ids.0")),
            ({"recipient_ids": ["owner"]}, ("invalid", "recipient_ids")),
            ({"channels": []}, ("min_length", "channels")),
            ({"channels": ["pigeon"]}, ("invalid_choice", "channels.0")),
            ({"title": "x" * 121}, ("max_length", "title")),
            ({"title": "{{ nobody }}"}, ("invalid_template", "title")),
            ({"message": ""}, ("blank", "message")),
            ({"mesage": "x"}, ("unknown_field", "mesage")),
        ],
    )
    def test_refuses(self, account, change, expected):
        assert refusals("send_notification", {**OWNER, **change}, account.id) == [expected]

    def test_takes_users_and_teams_of_the_account_only(self, account, other_account):
        team, membership = TeamFactory(account=other_account), MembershipFactory(account=other_account)
        theirs = [("team", team.id, "team_not_found"), ("specific_user", membership.user_id, "user_not_found")]
        for recipient_type, object_id, code in theirs:
            config = {**OWNER, "recipient_type": recipient_type, "recipient_ids": [str(object_id)]}
            assert refusals("send_notification", config, account.id) == [(code, "recipient_ids.0")]

    def test_names_what_it_refers_to(self):
        kind, team_id = registry.get("send_notification"), uuid4()
        config = {**OWNER, "recipient_type": "team", "recipient_ids": [str(team_id)]}
        assert kind.references(config) == [("team", team_id, "recipient_ids.0")]
        assert kind.references({**OWNER, "recipient_type": "role", "recipient_ids": ["owner"]}) == []

    def test_cannot_send_sms_yet(self, account):
        kind = registry.get("send_notification")
        (problem,) = kind.unready({**OWNER, "channels": ["sms"]}, account_id=account.id)
        assert (problem.code, problem.attr) == ("connection_not_found", "channels")
        assert kind.unready(OWNER, account_id=account.id) == []

    def test_sums_itself_up(self):
        line = registry.get("send_notification").summary({**OWNER, "title": "New lead"})
        assert line == "Tell contact owner: New lead"

import pytest

from workflows.actions.outcomes import Done, Failed
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, refusals, run
from workflows.crm.models import Consent, Event
from workflows.crm.tests.factories import ConsentFactory, ContactFactory

pytestmark = pytest.mark.django_db

OPT_IN = {"channels": ["sms", "email"], "state": "opt_in", "evidence": "Form {{ trigger.form }}"}
OPT_OUT = {"channels": ["sms"], "state": "opt_out", "evidence": "Asked us on the phone"}


@pytest.fixture
def contact(account):
    return ContactFactory(account=account)


def consents(contact):
    rows = Consent.objects.filter(contact=contact).order_by("channel")
    return [(row.channel, row.state, row.evidence, row.recorded_at) for row in rows]


class TestSetConsent:
    def test_records_the_word_with_its_evidence(self, contact):
        outcomes = run("set_consent", contact, OPT_IN, trigger={"form": "A1"})
        assert outcomes == [
            Done(
                {"state": "opt_in", "changed": ["sms", "email"]},
                {"channels": ["sms", "email"], "state": "opt_in", "evidence": "Form A1"},
            )
        ]
        assert consents(contact) == [("email", "opt_in", "Form A1", NOW), ("sms", "opt_in", "Form A1", NOW)]
        assert not Event.objects.exists()

    def test_records_the_event_of_an_opt_out_once(self, contact):
        first, second = run("set_consent", [contact, contact], OPT_OUT)
        assert (first.result["changed"], second.result["changed"]) == (["sms"], [])
        assert [(event.event_type, event.data) for event in Event.objects.all()] == [
            ("unsubscribed", {"channel": "sms"})
        ]

    def test_lifts_an_earlier_opt_out_with_its_evidence(self, contact):
        ConsentFactory(contact=contact, channel="sms", state="opt_out", recorded_at=NOW.replace(year=2025))
        (outcome,) = run("set_consent", contact, {**OPT_IN, "evidence": "Signed again"})
        assert outcome.result["changed"] == ["sms", "email"]
        assert ("sms", "opt_in", "Signed again", NOW) in consents(contact)

    def test_leaves_a_newer_opt_out_alone(self, contact):
        later = NOW.replace(year=2027)
        ConsentFactory(contact=contact, channel="sms", state="opt_out", recorded_at=later, evidence="STOP")
        (outcome,) = run("set_consent", contact, {**OPT_IN, "channels": ["sms"], "evidence": "Old form"})
        assert outcome.result["changed"] == []
        assert consents(contact) == [("sms", "opt_out", "STOP", later)]

    def test_names_a_channel_once(self, contact):
        (outcome,) = run("set_consent", contact, {**OPT_OUT, "channels": ["sms", "sms"]})
        assert outcome.result["changed"] == ["sms"]

    def test_fails_without_evidence(self, contact):
        (outcome,) = run("set_consent", contact, {**OPT_OUT, "evidence": "{{ trigger.form }}"})
        assert outcome == Failed("rejected", "evidence is empty after rendering.")
        assert consents(contact) == []

    def test_tells_contacts_apart(self, account):
        contacts = ContactFactory.create_batch(2, account=account)
        ConsentFactory(contact=contacts[0], channel="sms", state="opt_out", recorded_at=NOW.replace(year=2025))
        outcomes = run("set_consent", contacts, OPT_OUT)
        assert [outcome.result["changed"] for outcome in outcomes] == [[], ["sms"]]

    def test_sums_itself_up(self):
        kind = registry.get("set_consent")
        assert kind.summary(OPT_IN) == "Opt in to sms, email"
        assert kind.summary(OPT_OUT) == "Opt out of sms"


class TestConfig:
    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"channels": []}, ("min_length", "channels")),
            ({"channels": "sms"}, ("not_a_list", "channels")),
            ({"channels": ["fax"]}, ("invalid_choice", "channels.0")),
            ({"channels": ["sms"] * 5}, ("max_length", "channels")),
            ({"state": "maybe"}, ("invalid_choice", "state")),
            ({"evidence": " "}, ("blank", "evidence")),
            ({"evidence": "x" * 1001}, ("max_length", "evidence")),
            ({"evidence": "{{ nobody }}"}, ("invalid_template", "evidence")),
            ({"proof": "x"}, ("unknown_field", "proof")),
        ],
    )
    def test_refuses(self, account, change, expected):
        assert refusals("set_consent", {**OPT_OUT, **change}, account.id) == [expected]

    def test_needs_all_three(self, account):
        expected = [("required", "channels"), ("required", "state"), ("required", "evidence")]
        assert refusals("set_consent", {}, account.id) == expected

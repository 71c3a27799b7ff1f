"""Calls that connect, as they are prepared and placed; what becomes of them is in the engine's `test_calls.py`."""

from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from accounts.tests.factories import MembershipFactory
from workflows.actions.outcomes import Failed
from workflows.actions.outside import Request
from workflows.actions.registry import registry
from workflows.actions.tests.batches import refusals
from workflows.actions.tests.communication.calling import FROM, NOON, TEXT_ONLY, TO, connect, steps_of
from workflows.crm.tests.factories import ContactFactory
from workflows.engine.perform.trial import try_step
from workflows.messaging.models import Call
from workflows.tests.factories import ActionFactory, WorkflowFactory

pytestmark = pytest.mark.django_db

KIND = registry.get("make_call")
NUMBER = "+12125550123"
CONFIG = {
    "from_number": FROM,
    "purpose": "transactional",
    "destination_type": "external",
    "destination_value": NUMBER,
}


@pytest.fixture(autouse=True)
def connection(account, settings, postbox, tmp_path):
    settings.DATA_DIR, settings.PUBLIC_URL = tmp_path, "https://crm.example"
    postbox.address.write(tmp_path)
    return connect(account)


@pytest.fixture
def contact(account):
    return ContactFactory(account=account, first_name="Zoë", phone=TO, timezone="America/Los_Angeles")


def prepare(contact, **changes):
    (outcome,) = KIND.prepare_many(steps_of(KIND, [contact], CONFIG | changes))
    return outcome


class TestConfig:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, []),
            ({"from_number": TEXT_ONLY}, [("number_not_found", "from_number")]),
            ({"destination_type": "robot"}, [("invalid_choice", "destination_type")]),
            ({"destination_value": "2125550123"}, [("invalid", "destination_value")]),
            ({"destination_value": ""}, [("blank", "destination_value")]),
            ({"destination_type": "queue", "destination_value": "Sales & service"}, []),
            ({"destination_type": "queue", "destination_value": "Sales"}, []),
            ({"destination_type": "queue", "destination_value": "x" * 64}, []),
            ({"destination_type": "queue", "destination_value": "x" * 65}, [("invalid", "destination_value")]),
            ({"destination_type": "ivr", "destination_value": "https://ivr.example/a?b=1&c=2"}, []),
            (
                {"destination_type": "ivr", "destination_value": "http://a.example/"},
                [("invalid", "destination_value")],
            ),
            ({"destination_type": "user", "destination_value": "Ada"}, [("invalid", "destination_value")]),
            (
                {"destination_type": "user", "destination_value": "0198c0de-0000-7000-8000-0000000000ff"},
                [("user_not_found", "destination_value")],
            ),
            ({"timeout_seconds": 5}, []),
            ({"timeout_seconds": 4}, [("min_value", "timeout_seconds")]),
            ({"timeout_seconds": 600}, []),
            ({"timeout_seconds": 601}, [("max_value", "timeout_seconds")]),
            ({"whisper": "x" * 300}, []),
            ({"whisper": "x" * 301}, [("max_length", "whisper")]),
            ({"whisper": "{{ nobody.name }}"}, [("invalid_template", "whisper")]),
            ({"whisper": "Hi", "destination_type": "queue", "destination_value": "Sales"}, [("invalid", "whisper")]),
            ({"record": True}, [("unknown_field", "record")]),
        ],
    )
    def test_is_checked(self, account, changes, expected):
        assert refusals("make_call", CONFIG | changes, account.id) == expected

    def test_knows_members_of_its_own_account_alone(self, account):
        own, other = MembershipFactory(account=account), MembershipFactory()
        for member, expected in ((own, []), (other, [("user_not_found", "destination_value")])):
            config = CONFIG | {"destination_type": "user", "destination_value": str(member.user_id)}
            assert refusals("make_call", config, account.id) == expected

    def test_has_defaults(self, account):
        del (config := dict(CONFIG))["purpose"]
        assert KIND.complete_config(KIND.clean_config(config, account_id=account.id)) == config | {
            "purpose": "marketing",
            "timeout_seconds": 30,
            "record_call": False,
            "machine_detection": False,
        }

    def test_refers_to_the_member(self, account):
        member = MembershipFactory(account=account)
        config = CONFIG | {"destination_type": "user", "destination_value": str(member.user_id)}
        assert KIND.references(config) == [("user", member.user_id, "destination_value")]
        assert KIND.references(CONFIG) == []

    def test_is_not_ready_while_the_member_has_no_phone(self, account):
        member = MembershipFactory(account=account, phone="")
        config = CONFIG | {"destination_type": "user", "destination_value": str(member.user_id)}
        (problem,) = KIND.unready(config, account_id=account.id)
        assert (problem.code, problem.attr) == ("phone_missing", "destination_value")
        member.phone = NUMBER
        member.save()
        assert KIND.unready(config, account_id=account.id) == []


class TestPlacing:
    def test_asks_twilio_for_what_was_chosen(self, contact, postbox):
        steps = steps_of(
            KIND, [contact], CONFIG | {"record_call": True, "timeout_seconds": 20, "machine_detection": True}
        )
        (request,) = KIND.prepare_many(steps)
        outcome = KIND.perform(request.payload, key=steps[0].key)
        form = parse_qs(postbox.calls(method="POST")[0]["body"])
        assert {name: form[name] for name in ("Timeout", "TimeLimit", "Record", "RecordingChannels")} == {
            "Timeout": ["20"],
            "TimeLimit": ["14400"],
            "Record": ["true"],
            "RecordingChannels": ["dual"],
        }
        assert form["MachineDetection"] == ["Enable"]
        assert "/calls/recording?" in form["RecordingStatusCallback"][0]
        assert outcome.timeout == timedelta(seconds=20, hours=4, minutes=5)

    def test_neither_records_nor_looks_for_machines_unasked(self, contact, postbox):
        steps = steps_of(KIND, [contact], CONFIG)
        (request,) = KIND.prepare_many(steps)
        KIND.perform(request.payload, key=steps[0].key)
        body = postbox.calls(method="POST")[0]["body"]
        assert "Record" not in body
        assert "MachineDetection" not in body

    def test_renders_the_whisper_for_the_contact(self, contact):
        request = prepare(contact, whisper="  {{ contact.first_name }} asks. ")
        assert isinstance(request, Request)
        assert Call.objects.get().script["whisper"] == "Zoë asks."
        assert "Zoë" not in str(request.data)

    def test_fails_alone_where_the_whisper_gets_too_long(self, account, contact):
        other = ContactFactory(account=account, first_name="Z" * 100, phone="+14155550124", timezone="UTC")
        steps = steps_of(KIND, [contact, other], CONFIG | {"whisper": "{{ contact.first_name }}" * 4}, now=NOON)
        request, failed = KIND.prepare_many(steps)
        assert isinstance(request, Request)
        assert isinstance(failed, Failed)
        assert (failed.error_class, failed.message) == (
            "invalid_config",
            "The whisper has more than 300 characters.",
        )
        assert Call.objects.count() == 1

    def test_calls_the_phone_that_the_member_has_now(self, account, contact):
        member = MembershipFactory(account=account, phone="+12125550111")
        changes = {"destination_type": "user", "destination_value": str(member.user_id)}
        for phone in ("+12125550111", NUMBER):
            member.phone = phone
            member.save()
            prepare(contact, **changes)
            assert Call.objects.latest("id").script["destination"] == phone

    @pytest.mark.parametrize(("is_active", "code"), [(True, "phone_missing"), (False, "user_not_found")])
    def test_fails_without_a_phone_or_a_member(self, account, contact, is_active, code):
        member = MembershipFactory(account=account, phone="")
        steps = steps_of(
            KIND, [contact], CONFIG | {"destination_type": "user", "destination_value": str(member.user_id)}
        )
        member.is_active = is_active
        member.save()
        (failed,) = KIND.prepare_many(steps)
        assert (failed.error_class, failed.result) == ("invalid_config", {"code": code})


class TestTrial:
    """A person tries the step: the call takes along what it does, since nothing is kept that it could come back to."""

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, f'<Dial callerId="{FROM}" timeLimit="14400" timeout="30"><Number>{NUMBER}</Number></Dial>'),
            ({"destination_type": "queue", "destination_value": "Sales"}, "<Enqueue>Sales</Enqueue>"),
            (
                {"destination_type": "ivr", "destination_value": "https://a.example/"},
                '<Redirect method="POST">https://a.example/</Redirect>',
            ),
        ],
    )
    def test_calls_and_connects(self, account, contact, postbox, changes, expected):
        workflow = WorkflowFactory(account=account)
        config = CONFIG | {"machine_detection": True, "record_call": True} | changes
        action = ActionFactory(workflow=workflow, action_type="make_call", action_config=config)
        result = try_step(
            account_id=account.id, workflow_id=workflow.id, action_id=action.id, contact_id=contact.id, now=NOON
        )
        form = parse_qs(postbox.calls(method="POST")[0]["body"])
        assert result.status == "waiting"
        assert expected in form["Twiml"][0]
        assert form.keys() == {"To", "From", "Timeout", "TimeLimit", "Twiml"}
        assert not Call.objects.exists()

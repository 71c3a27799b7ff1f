"""What the tests of both types that call have in common: a number at the postbox, and steps with keys."""

from datetime import UTC, datetime, timedelta

from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from workflows.actions.tests.batches import batch_of
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.messaging.secrets import create_secret
from workflows.messaging.tests.factories import ConnectionFactory

SID = "AC" + "0a" * 16
FROM, TEXT_ONLY, TO = "+14155550100", "+14155550109", "+14155550123"
NOON = datetime(2026, 5, 4, 19, 0, tzinfo=UTC)
"""Noon in Los Angeles, a Monday."""


def connect(account):
    """Return a connection with a number that calls and one that only texts."""
    secret = create_secret(account_id=account.id, actor=SYSTEM, name="token", value="auth token")
    numbers = [{"number": FROM, "types": ["sms", "voice"]}, {"number": TEXT_ONLY, "types": ["sms"]}]
    options = {"account_sid": SID, "api_host": "postbox.test", "numbers": numbers}
    return ConnectionFactory(account=account, kind="twilio", settings=options, secret=secret)


def steps_of(kind, contacts, config, *, now=NOON):
    """Return steps whose config is cleaned and complete, each with its key."""
    cleaned = kind.clean_config(config, account_id=contacts[0].account_id)
    steps = batch_of(contacts, kind.complete_config(cleaned), now=now)
    for step in steps:
        step.key = uuid7()
    return steps


def say(contact, state):
    """Record what a contact wants of calls."""
    change = ConsentChange(contact.id, "voice", state, NOON - timedelta(days=1), evidence="Form")
    set_consents(account_id=contact.account_id, changes=[change], now=NOON)

"""What happens when a contact answers STOP, START or HELP."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.models import Account
from workflows.crm.models import Channel, ConsentState
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.services.locking import lock_contacts
from workflows.messaging.gate.words import ConsentWord

STATES = {ConsentWord.STOP: ConsentState.OPT_OUT, ConsentWord.START: ConsentState.OPT_IN}
CONFIRMATIONS = {
    ConsentWord.STOP: "{name}: You are unsubscribed and will get no more messages. Reply START to subscribe again.",
    ConsentWord.START: "{name}: You are subscribed to messages. Reply HELP for help, STOP to unsubscribe.",
    ConsentWord.HELP: "{name}: Reply STOP to get no more messages, START to get them again.",
}
LONGEST_NAME = 50
"""Characters of the account's name, so that a confirmation is one message."""


@transaction.atomic
def apply_consent_word(
    *,
    account_id: UUID,
    contact_ids: Collection[UUID],
    channel: Channel,
    word: ConsentWord,
    said_at: datetime,
    evidence: str,
    now: datetime,
) -> str | None:
    """Do what a contact's word on a channel asks for, at once, and return the text to answer, if any.

    `contact_ids` are all contacts of the account with the address that wrote; `said_at` is when the word came in and
    `evidence` how it is known (`SMS reply "STOP" SM…`). From the commit on nothing goes out to them on the channel
    after STOP, what is queued included: it is skipped when its turn comes. A state that changed is confirmed once, by
    whoever changed it; saying it again, or late, when a newer word is on record, is not answered. HELP always is.
    """
    present = lock_contacts(account_id=account_id, contact_ids=contact_ids)
    if not present:
        return None
    if word != ConsentWord.HELP:
        state = STATES[word]
        changes = [ConsentChange(each, channel, state, said_at, evidence) for each in present]
        if not any(set_consents(account_id=account_id, changes=changes, now=now)):
            return None
    return confirmation(word, account_id=account_id)


def confirmation(word: ConsentWord, *, account_id: UUID) -> str:
    """Return what a word is answered with."""
    name = Account.objects.values_list("name", flat=True).get(id=account_id)
    return CONFIRMATIONS[word].format(name=name[:LONGEST_NAME])

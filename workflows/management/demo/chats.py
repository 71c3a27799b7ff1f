"""The demo account's page on Messenger, played by the postbox, and somebody who wrote to it and is answered."""

from datetime import datetime
from uuid import UUID

from accounts.actors import Actor
from workflows.authoring.publishing import activate_workflow
from workflows.crm.services.contacts import ContactDraft, DuplicateHandling, create_contacts
from workflows.management.demo.building import Step, build, enroll
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.postbox import POSTBOX_APP_SECRET, POSTBOX_HOST
from workflows.messaging.postbox.graph import name_of
from workflows.messaging.providers.messenger import MessengerPage
from workflows.messaging.providers.messenger.callbacks import Received
from workflows.messaging.services.connections import create_connection
from workflows.messaging.services.messenger_inbox import take_message
from workflows.messaging.services.messenger_people import source_of
from workflows.models import Workflow

CHAT_FOLLOW_UP = "Chat follow-up"
CONNECTION = "Postbox page"
PAGE_ID = "104270000000001"
PERSON = "24680135792468"
QUESTION = "Hello, does the reporting module work with our shop?"


def add_chats(*, account_id: UUID, actor: Actor, owner_id: UUID, now: datetime) -> None:
    """Connect the page, and make the workflow and the contact who has written, where they are missing."""
    connection = connect_page(account_id=account_id, actor=actor)
    if Workflow.objects.for_account(account_id).present().filter(name=CHAT_FOLLOW_UP).exists():
        return
    workflow = build(
        account_id=account_id,
        actor=actor,
        owner_id=owner_id,
        name=CHAT_FOLLOW_UP,
        description="Answers on Messenger; the chat in the postbox gets it and can tap an answer, write, or say STOP.",
        steps=steps(str(connection.id)),
    )
    activate_workflow(account_id=account_id, actor=actor, workflow_id=workflow.id)
    enroll(workflow, [let_somebody_write(connection, actor, now)], now)


def connect_page(*, account_id: UUID, actor: Actor) -> Connection:
    """Return the connection to the postbox's page, which is made if it is missing."""
    connection = Connection.objects.for_account(account_id).filter(name=CONNECTION).first()
    return connection or create_connection(
        account_id=account_id,
        actor=actor,
        kind=ConnectionKind.MESSENGER,
        name=CONNECTION,
        settings={"page_id": PAGE_ID, "api_host": POSTBOX_HOST},
        password="demo page token",  # noqa: S106 - of the postbox, which takes any
        webhook_secret=POSTBOX_APP_SECRET,
    )


def steps(page_id: str) -> tuple[Step, ...]:
    return (
        Step(
            "send_messenger",
            {
                "page_id": page_id,
                "message_type": "quick_reply",
                "content": {
                    "text": "Hi {{ contact.first_name | default: 'there' }}, thanks for writing. What may we do?",
                    "quick_replies": [
                        {"title": "Call me", "payload": "call"},
                        {"title": "Send the prices", "payload": "prices"},
                        {"title": "Nothing, thanks", "payload": "nothing"},
                    ],
                },
                "purpose": "transactional",
            },
            "Answer at once",
        ),
        Step("wait_time", {"duration": 20, "unit": "hours"}, "While the window is open"),
        Step(
            "send_messenger",
            {
                "page_id": page_id,
                "message_type": "template",
                "content": {
                    "template_type": "generic",
                    "elements": [
                        {
                            "title": "Reports that people read",
                            "subtitle": "Four lessons, free of charge",
                            "buttons": [
                                {"type": "web_url", "title": "Look inside", "url": "https://learn.followthrough.test/"},
                                {"type": "postback", "title": "Let me in", "payload": "course"},
                            ],
                        }
                    ],
                },
                "messaging_type": "UPDATE",
            },
            "Offer the course",
        ),
        Step("add_tag", {"tag_name": "Chatted"}, "Mark as met on Messenger"),
    )


def let_somebody_write(connection: Connection, actor: Actor, now: datetime) -> UUID:
    """Return the contact who wrote to the page just now."""
    first_name, last_name = name_of(PERSON)
    draft = ContactDraft(
        first_name=first_name,
        last_name=last_name,
        source="messenger",
        external_ids={source_of(PAGE_ID): PERSON},
    )
    create_contacts(
        account_id=connection.account_id,
        actor=actor,
        drafts=[draft],
        duplicate_handling=DuplicateHandling.SKIP,
        now=now,
    )
    received = Received(person=PERSON, mid=f"m_demo_{connection.id}", at=now, text=QUESTION)
    taken = take_message(page=MessengerPage.of(connection), received=received, now=now)
    assert taken is not None
    return taken.contact_id

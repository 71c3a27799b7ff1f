"""The demo's workflows that call: a voicemail, and a call that connects; the phones in the postbox can be answered."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile

from accounts.actors import Actor
from workflows.authoring.publishing import activate_workflow
from workflows.crm.models import Contact
from workflows.management.demo.building import Step, build, enroll
from workflows.management.demo.outside import SMS_NUMBER
from workflows.messaging.postbox.tones import greeting
from workflows.messaging.services.media import take_in
from workflows.models import Workflow

APPOINTMENT_VOICEMAIL = "Appointment voicemail"
CALL_BACK = "Call back on request"
AUDIO = "appointment.wav"
SECONDS = 3
COLLEAGUE = "+14155550111"
CALLED = 3
"""Contacts whose phones ring at the postbox, for each workflow."""


def add_call_workflows(*, account_id: UUID, actor: Actor, owner_id: UUID, now: datetime) -> list[Workflow]:
    """Make the two workflows where they are missing, and let a few contacts be called."""
    if Workflow.objects.for_account(account_id).present().filter(name=APPOINTMENT_VOICEMAIL).exists():
        return []
    who: dict[str, Any] = {"account_id": account_id, "actor": actor}
    media = take_in(**who, file=ContentFile(greeting(SECONDS), name=AUDIO), name=AUDIO)
    voicemail = build(
        **who,
        owner_id=owner_id,
        name=APPOINTMENT_VOICEMAIL,
        description="Calls about an appointment and leaves a recording where a machine answers; the phone rings in "
        "the postbox.",
        steps=voicemail_steps(media.id),
    )
    call_back = build(
        **who,
        owner_id=owner_id,
        name=CALL_BACK,
        description="Calls who asked for it, and connects them with a colleague who is told first who it is.",
        steps=call_back_steps(),
    )
    contacts = Contact.objects.for_account(account_id).present().exclude(phone="").order_by("-id")
    contact_ids = list(contacts.values_list("id", flat=True)[: 2 * CALLED])
    for workflow, called in ((voicemail, contact_ids[:CALLED]), (call_back, contact_ids[CALLED:])):
        activate_workflow(**who, workflow_id=workflow.id)
        enroll(workflow, called, now)
    return [voicemail, call_back]


def voicemail_steps(media_id: UUID) -> list[Step]:
    return [
        Step(
            "send_voicemail",
            {
                "audio_file_id": str(media_id),
                "from_number": SMS_NUMBER,
                "purpose": "transactional",
                "on_human": "play",
                "retry_on_busy": True,
                "respect_quiet_hours": False,
            },
            "Leave a voicemail",
            key="voicemail",
        ),
        Step(
            "add_note",
            {
                "content": "Called about the appointment: {{ steps.voicemail.outcome | replace: '_', ' ' }}.",
                "note_type": "workflow",
            },
            "Write down what came of it",
        ),
    ]


def call_back_steps() -> list[Step]:
    return [
        Step(
            "make_call",
            {
                "from_number": SMS_NUMBER,
                "purpose": "transactional",
                "destination_type": "external",
                "destination_value": COLLEAGUE,
                "whisper": "{{ contact.first_name | default: 'Somebody' }} asked to be called back.",
                "record_call": True,
            },
            "Connect with a colleague",
            key="call",
        ),
        Step(
            "add_note",
            {
                "content": "Called back: {{ steps.call.outcome | replace: '_', ' ' }}, "
                "{{ steps.call.duration_seconds }} seconds.",
                "note_type": "workflow",
            },
            "Write down what came of it",
        ),
    ]

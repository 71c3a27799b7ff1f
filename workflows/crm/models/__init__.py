from workflows.crm.models.consent import Channel, Consent, ConsentState
from workflows.crm.models.contact import Contact, ContactIdentity, ContactTag, IdentityKind
from workflows.crm.models.custom_field import CustomField, FieldType
from workflows.crm.models.event import Event
from workflows.crm.models.imports import Import, ImportHandling, ImportProblem, ImportStatus
from workflows.crm.models.note import Note, NoteType
from workflows.crm.models.notification import Notification
from workflows.crm.models.tag import Tag
from workflows.crm.models.task import Task, TaskPriority, TaskStatus
from workflows.crm.models.usage import Usage

__all__ = [
    "Channel",
    "Consent",
    "ConsentState",
    "Contact",
    "ContactIdentity",
    "ContactTag",
    "CustomField",
    "Event",
    "FieldType",
    "IdentityKind",
    "Import",
    "ImportHandling",
    "ImportProblem",
    "ImportStatus",
    "Note",
    "NoteType",
    "Notification",
    "Tag",
    "Task",
    "TaskPriority",
    "TaskStatus",
    "Usage",
]

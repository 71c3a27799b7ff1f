from workflows.crm.models.campaign import Campaign, CampaignMember, CampaignStatus, LeftReason
from workflows.crm.models.consent import Channel, Consent, ConsentState
from workflows.crm.models.contact import Contact, ContactIdentity, ContactTag, IdentityKind
from workflows.crm.models.course import AccessLevel, AccessStatus, Course, CourseAccess, Lesson, LessonProgress
from workflows.crm.models.custom_field import CustomField, FieldType
from workflows.crm.models.drip import Drip
from workflows.crm.models.event import Event
from workflows.crm.models.imports import Import, ImportHandling, ImportProblem, ImportStatus
from workflows.crm.models.note import Note, NoteType
from workflows.crm.models.notification import Notification
from workflows.crm.models.opportunity import Opportunity, OpportunityStatus, StageEntry
from workflows.crm.models.pipeline import Pipeline, Stage, StageKind
from workflows.crm.models.rotation import TeamRotation
from workflows.crm.models.tag import Tag
from workflows.crm.models.task import Task, TaskPriority, TaskStatus
from workflows.crm.models.usage import Usage

__all__ = [
    "AccessLevel",
    "AccessStatus",
    "Campaign",
    "CampaignMember",
    "CampaignStatus",
    "Channel",
    "Consent",
    "ConsentState",
    "Contact",
    "ContactIdentity",
    "ContactTag",
    "Course",
    "CourseAccess",
    "CustomField",
    "Drip",
    "Event",
    "FieldType",
    "IdentityKind",
    "Import",
    "ImportHandling",
    "ImportProblem",
    "ImportStatus",
    "LeftReason",
    "Lesson",
    "LessonProgress",
    "Note",
    "NoteType",
    "Notification",
    "Opportunity",
    "OpportunityStatus",
    "Pipeline",
    "Stage",
    "StageEntry",
    "StageKind",
    "Tag",
    "Task",
    "TaskPriority",
    "TaskStatus",
    "TeamRotation",
    "Usage",
]

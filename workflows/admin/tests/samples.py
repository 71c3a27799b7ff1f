"""What the tests of all admin pages go by: who may do what on each, a row of each, and what a form of it takes.

A new page adds a line to `RULES` and one to `SAMPLES`; where rows can be made or changed, also to `ADDED` or `CHANGED`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import Account, Role
from accounts.tests.factories import ApiKeyFactory, AuditEntryFactory, MembershipFactory, TeamFactory
from workflows.crm.tests.factories import (
    CampaignFactory,
    CampaignMemberFactory,
    ContactFactory,
    CourseAccessFactory,
    CourseFactory,
    CustomFieldFactory,
    EventFactory,
    ImportFactory,
    LessonFactory,
    NoteFactory,
    NotificationFactory,
    OpportunityFactory,
    PipelineFactory,
    TagFactory,
    TaskFactory,
)
from workflows.messaging.models import CircuitBreaker
from workflows.messaging.tests.factories import (
    ConnectionFactory,
    EmailTemplateFactory,
    MediaFactory,
    MessageFactory,
    SecretFactory,
)
from workflows.models import FailureMail, Trouble, WorkflowDispatch
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, WorkflowFactory


@dataclass(frozen=True)
class Rule:
    """The least role that reads, the least that writes, and the verbs that there are."""

    read: Role = Role.VIEWER
    write: Role = Role.EDITOR
    verbs: str = ""


RULES: Mapping[str, Rule] = {
    "accounts.Account": Rule(write=Role.ADMIN, verbs="change"),
    "accounts.ApiKey": Rule(read=Role.ADMIN, write=Role.ADMIN, verbs="create"),
    "accounts.AuditEntry": Rule(read=Role.ADMIN),
    "accounts.Membership": Rule(write=Role.ADMIN, verbs="create change delete"),
    "accounts.Team": Rule(write=Role.ADMIN, verbs="create change delete"),
    "crm.Campaign": Rule(verbs="create change delete"),
    "crm.CampaignMember": Rule(),
    "crm.Course": Rule(verbs="create change delete"),
    "crm.CourseAccess": Rule(),
    "crm.Lesson": Rule(verbs="create change delete"),
    "crm.Contact": Rule(verbs="create change delete"),
    "crm.CustomField": Rule(verbs="create change delete"),
    "crm.Event": Rule(),
    "crm.Import": Rule(verbs="create"),
    "crm.Note": Rule(verbs="create change delete"),
    "crm.Opportunity": Rule(verbs="create change delete"),
    "crm.Pipeline": Rule(verbs="create change delete"),
    "crm.Tag": Rule(verbs="create change delete"),
    "crm.Task": Rule(verbs="create change delete"),
    "messaging.CircuitBreaker": Rule(read=Role.ADMIN),
    "messaging.Connection": Rule(read=Role.ADMIN, write=Role.ADMIN, verbs="create change delete"),
    "messaging.EmailTemplate": Rule(verbs="create change delete"),
    "messaging.Media": Rule(verbs="create delete"),
    "messaging.Message": Rule(),
    "messaging.Secret": Rule(read=Role.ADMIN, write=Role.ADMIN, verbs="create change delete"),
    "workflows.ActionExecution": Rule(),
    "workflows.FailureMail": Rule(read=Role.ADMIN),
    "workflows.Trouble": Rule(),
    "workflows.WorkflowDispatch": Rule(),
    "workflows.WorkflowExecution": Rule(),
    "workflows.WorkflowVersion": Rule(),
}


def circuit_breaker(account: Account) -> CircuitBreaker:
    return CircuitBreaker.objects.create(account=account, host=f"{uuid4()}.test", failures=2, failed_at=timezone.now())


def dispatch(account: Account) -> WorkflowDispatch:
    execution = ExecutionFactory(account=account, workflow=ActiveWorkflowFactory(account=account), waiting=True)
    log = execution.logs.get()
    return WorkflowDispatch.objects.create(
        account=account,
        execution=execution,
        workflow_id=execution.workflow_id,
        action_id=log.action_id,
        visit=0,
        log_id=log.id,
        lane="http",
        host="host.test",
        due_at=timezone.now(),
    )


def trouble(account: Account) -> Trouble:
    execution = ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), failed=True)
    return Trouble.objects.create(
        account=account,
        workflow_id=execution.workflow_id,
        execution_id=execution.id,
        kind="execution_failed",
        message="It failed.",
        count=3,
    )


def failure_mail(account: Account) -> FailureMail:
    return FailureMail.objects.create(account=account, workflow=WorkflowFactory(account=account), message="It failed.")


def execution(account: Account) -> Any:
    return ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), failed=True)


SAMPLES: Mapping[str, Callable[[Account], Any]] = {
    "accounts.Account": lambda account: account,
    "accounts.ApiKey": lambda account: ApiKeyFactory(account=account),
    "accounts.AuditEntry": lambda account: AuditEntryFactory(account=account),
    "accounts.Membership": lambda account: MembershipFactory(account=account),
    "accounts.Team": lambda account: TeamFactory(account=account),
    "crm.Campaign": lambda account: CampaignFactory(account=account, workflow_id=WorkflowFactory(account=account).id),
    "crm.CampaignMember": lambda account: CampaignMemberFactory(campaign=CampaignFactory(account=account)),
    "crm.Course": lambda account: CourseFactory(account=account),
    "crm.CourseAccess": lambda account: CourseAccessFactory(course=CourseFactory(account=account)),
    "crm.Lesson": lambda account: LessonFactory(course=CourseFactory(account=account)),
    "crm.Contact": lambda account: ContactFactory(account=account),
    "crm.CustomField": lambda account: CustomFieldFactory(account=account),
    "crm.Event": lambda account: EventFactory(contact=ContactFactory(account=account)),
    "crm.Import": lambda account: ImportFactory(account=account),
    "crm.Note": lambda account: NoteFactory(contact=ContactFactory(account=account)),
    "crm.Notification": lambda account: NotificationFactory(account=account),
    "crm.Opportunity": lambda account: OpportunityFactory(contact=ContactFactory(account=account)),
    "crm.Pipeline": lambda account: PipelineFactory(account=account),
    "crm.Tag": lambda account: TagFactory(account=account),
    "crm.Task": lambda account: TaskFactory(
        contact=ContactFactory(account=account), assignee=MembershipFactory(account=account).user
    ),
    "messaging.CircuitBreaker": circuit_breaker,
    "messaging.Connection": lambda account: ConnectionFactory(account=account),
    "messaging.EmailTemplate": lambda account: EmailTemplateFactory(account=account),
    "messaging.Media": lambda account: MediaFactory(account=account),
    "messaging.Message": lambda account: MessageFactory(account=account),
    "messaging.Secret": lambda account: SecretFactory(account=account),
    "workflows.ActionExecution": lambda account: execution(account).logs.get(),
    "workflows.FailureMail": failure_mail,
    "workflows.Trouble": trouble,
    "workflows.WorkflowDispatch": dispatch,
    "workflows.WorkflowExecution": execution,
    "workflows.WorkflowVersion": lambda account: ActiveWorkflowFactory(account=account).versions.get(),
}
PDF = b"%PDF-1.7\n"
ADDED: Mapping[str, Callable[[Account], dict[str, Any]]] = {
    "accounts.ApiKey": lambda account: {"name": "Shop", "role": "viewer", "expires_at_0": "", "expires_at_1": ""},
    "accounts.Membership": lambda account: {
        "email": "new@example.com",
        "name": "New",
        "phone": "+14155550123",
        "role": "viewer",
    },
    "accounts.Team": lambda account: {"name": "Sales", "people": [MembershipFactory(account=account).pk]},
    "crm.Contact": lambda account: {"first_name": "Ada", "email": "ada@example.org", "tags": "VIP\nNew"},
    "crm.Campaign": lambda account: {
        "name": "Spring",
        "description": "",
        "status": "active",
        "workflow": WorkflowFactory(account=account).pk,
        "starts_at_0": "2026-12-24",
        "starts_at_1": "10:00:00",
        "ends_at_0": "",
        "ends_at_1": "",
        "enrollment_limit": "10",
    },
    "crm.Course": lambda account: {
        "name": "Riding",
        "description": "",
        "url": "https://learn.example/riding",
        "sender_name": "Ada",
        "sender_email": "ada@example.org",
        "welcome_template": EmailTemplateFactory(account=account).pk,
    },
    "crm.Lesson": lambda account: {
        "course": CourseFactory(account=account).pk,
        "title": "Saddling",
        "position": "0",
        "drip_days": "3",
        "level": "full",
    },
    "crm.CustomField": lambda account: {
        "key": "size",
        "label": "Size",
        "field_type": "select",
        "options": "Small\nLarge",
    },
    "crm.Import": lambda account: {
        "file": SimpleUploadedFile("people.csv", b"email\nada@example.org\n"),
        "tag_name": "",
        "duplicate_handling": "update",
    },
    "crm.Note": lambda account: {
        "contact": ContactFactory(account=account).pk,
        "content": "Called.",
        "note_type": "general",
    },
    "crm.Opportunity": lambda account: {
        "contact": ContactFactory(account=account).pk,
        "name": "Order",
        "stage": PipelineFactory(account=account).stages.first().pk,
        "value": "12.50",
        "currency": "EUR",
        "status": "open",
        "owner": "",
        "source": "",
        "expected_close_on": "2026-12-24",
    },
    "crm.Pipeline": lambda account: {"name": "Sales", "stage_lines": "New\nWon: won\nLost: lost"},
    "crm.Tag": lambda account: {"name": "Gold", "color": "#ffcc00"},
    "crm.Task": lambda account: {
        "contact": ContactFactory(account=account).pk,
        "title": "Call",
        "description": "",
        "due_at_0": "2026-12-24",
        "due_at_1": "10:00:00",
        "priority": "high",
        "assignee": MembershipFactory(account=account).user_id,
    },
    "messaging.Connection": lambda account: {
        "name": "Mail",
        "host": "127.0.0.1",
        "port": "2525",
        "security": "none",
        "username": "ada",
        "password": "planted-password",
        "is_enabled": "on",
    },
    "messaging.EmailTemplate": lambda account: {
        "name": "Hello",
        "subject": "Hello {{ contact.first_name }}",
        "preview_text": "",
        "body_html": "<p>Hello</p>",
        "body_text": "",
    },
    "messaging.Media": lambda account: {"file": SimpleUploadedFile("offer.pdf", PDF)},
    "messaging.Secret": lambda account: {"name": "token", "value": "planted-value"},
}
"""Fields of a form that makes a row."""
CHANGED: Mapping[str, dict[str, Any] | Callable[[Any], dict[str, Any]]] = {
    "accounts.Account": {
        "name": "Renamed",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "default_country": "DE",
        "request_limit": "500",
        "workflow_creation_limit": "500",
        "workflow_limit": "10",
        "frequency_cap": "2",
        "emails_per_second": "50",
        "sms_per_second": "50",
        "calls_per_second": "5",
        "messenger_per_second": "50",
        "log_retention_days": "30",
    },
    "accounts.Membership": {"phone": "+14155550124", "role": "viewer", "is_active": "on"},
    "accounts.Team": {"name": "Renamed", "people": []},
    "crm.Contact": {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.org", "tags": "Pioneer"},
    "crm.Campaign": {"name": "Renamed", "description": "", "status": "paused", "enrollment_limit": ""},
    "crm.Course": {"name": "Renamed", "description": "", "url": "", "sender_name": "", "sender_email": ""},
    "crm.Lesson": {"title": "Renamed", "position": "0", "drip_days": "0", "level": "preview"},
    "crm.CustomField": {"label": "Renamed", "options": ""},
    "crm.Note": {"content": "Changed."},
    "crm.Opportunity": lambda row: {
        "name": "Renamed",
        "stage": row.stage_id,
        "value": "1",
        "currency": "USD",
        "status": "open",
        "owner": "",
        "source": "",
        "expected_close_on": "",
    },
    "crm.Pipeline": {"name": "Renamed", "stage_lines": "New\nProposal\nWon: won\nLost: lost"},
    "crm.Tag": {"name": "Renamed", "color": "#000000"},
    "crm.Task": {"title": "Renamed", "description": "", "priority": "low", "status": "completed", "assignee": ""},
    "messaging.Connection": {"name": "Renamed", "host": "127.0.0.1", "port": "1", "security": "none", "username": "x"},
    "messaging.EmailTemplate": {
        "name": "Renamed",
        "subject": "",
        "preview_text": "",
        "body_html": "<p>Bye</p>",
        "body_text": "",
    },
    "messaging.Secret": {"value": "another-planted-value"},
}
"""Fields of a form that changes the row of `SAMPLES`, or a function of that row."""


def changes_of(label: str, row: Any) -> dict[str, Any]:
    """Return the fields of a form that changes the row."""
    fields = CHANGED.get(label, {"name": "X"})
    return fields(row) if callable(fields) else dict(fields)

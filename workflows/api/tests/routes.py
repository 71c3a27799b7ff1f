"""The routes of the API, read from the router, and a sample object for each, for tests that must not forget one."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, reverse
from rest_framework import serializers

from accounts.models import Account, Membership, Role
from accounts.tests.factories import ApiKeyFactory, MembershipFactory, TeamFactory
from workflows.api.urls import urlpatterns
from workflows.crm.models import Campaign, Stage
from workflows.crm.tests.factories import (
    CampaignFactory,
    CampaignMemberFactory,
    ContactFactory,
    ContactTagFactory,
    CourseAccessFactory,
    CourseFactory,
    CustomFieldFactory,
    ImportFactory,
    LessonFactory,
    NoteFactory,
    NotificationFactory,
    OpportunityFactory,
    PipelineFactory,
    StageFactory,
    TagFactory,
    TaskFactory,
)
from workflows.messaging.tests.factories import (
    ConnectionFactory,
    EmailTemplateFactory,
    MediaFactory,
    MessageFactory,
    SecretFactory,
)
from workflows.models import Action, ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import (
    ActionFactory,
    ActiveWorkflowFactory,
    ExecutionFactory,
    TriggerFactory,
    WorkflowFactory,
)

Ids = Mapping[str, Any]

OPEN = frozenset({"schema", "docs", "redoc", "unknown"})
"""Names of the routes that ask for no account."""

SHARED: Mapping[str, Ids] = {
    "action-types/{slug}": {"slug": "add_tag"},
    "trigger-types/{slug}": {"slug": "manual"},
}
"""Paths below which nothing belongs to an account, with a value for each parameter."""


def contact_part(name: str, factory: Callable[..., Any]) -> Callable[[Account], Ids]:
    """Return what makes an object below a contact."""

    def make(account: Account) -> Ids:
        part = factory(contact=ContactFactory(account=account))
        return {"contact_id": part.contact_id, name: part.id}

    return make


def stage(account: Account) -> Ids:
    made = StageFactory(pipeline=PipelineFactory(account=account))
    return {"pipeline_id": made.pipeline_id, "stage_id": made.id}


def contact_tag(account: Account) -> Ids:
    tagged = ContactTagFactory(contact=ContactFactory(account=account))
    return {"contact_id": tagged.contact_id, "tag_id": tagged.tag_id}


def workflow(account: Account) -> Workflow:
    made: Workflow = WorkflowFactory(account=account, chain=["add_tag", "add_note"])
    return made


def action(account: Account) -> Ids:
    made = ActionFactory(workflow=WorkflowFactory(account=account))
    return {"workflow_id": made.workflow_id, "id": made.id}


def trigger(account: Account) -> Ids:
    made = TriggerFactory(workflow=WorkflowFactory(account=account))
    return {"workflow_id": made.workflow_id, "id": made.id}


def campaign(account: Account) -> Campaign:
    made: Campaign = CampaignFactory(account=account, workflow_id=ActiveWorkflowFactory(account=account).id)
    return made


def campaign_member(account: Account) -> Ids:
    made = CampaignMemberFactory(campaign=campaign(account))
    return {"campaign_id": made.campaign_id, "id": made.id}


def course_access(account: Account) -> Ids:
    made = CourseAccessFactory(course=CourseFactory(account=account))
    return {"course_id": made.course_id, "id": made.id}


def lesson(account: Account) -> Ids:
    made = LessonFactory(course=CourseFactory(account=account))
    return {"course_id": made.course_id, "id": made.id}


def notification(account: Account) -> Ids:
    """Return a notification of the account's owner, who makes the tests' requests."""
    owner = Membership.objects.filter(account=account, role=Role.OWNER).first()
    recipient = {"recipient": owner.user} if owner else {}
    return {"id": NotificationFactory(account=account, **recipient).id}


def action_execution_id(account: Account) -> Any:
    return ActionExecution.objects.get(workflow_execution_id=execution_id(account)).id


def execution_id(account: Account) -> Any:
    return ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), failed=True).id


SAMPLES: Mapping[str, Callable[[Account], Ids]] = {
    "action-executions/{id}": lambda account: {"id": action_execution_id(account)},
    "api-keys/{id}": lambda account: {"id": ApiKeyFactory(account=account).id},
    "campaigns/{campaign_id}": lambda account: {"campaign_id": campaign(account).id},
    "campaigns/{campaign_id}/members/{id}": campaign_member,
    "campaigns/{id}": lambda account: {"id": campaign(account).id},
    "connections/{id}": lambda account: {"id": ConnectionFactory(account=account).id},
    "contacts/{contact_id}": lambda account: {"contact_id": ContactFactory(account=account).id},
    "contacts/{contact_id}/notes/{note_id}": contact_part("note_id", NoteFactory),
    "contacts/{contact_id}/tags/{tag_id}": contact_tag,
    "contacts/{contact_id}/tasks/{task_id}": contact_part("task_id", TaskFactory),
    "contacts/{id}": lambda account: {"id": ContactFactory(account=account).id},
    "courses/{course_id}": lambda account: {"course_id": CourseFactory(account=account).id},
    "courses/{course_id}/access/{id}": course_access,
    "courses/{course_id}/lessons/{id}": lesson,
    "courses/{id}": lambda account: {"id": CourseFactory(account=account).id},
    "custom-fields/{id}": lambda account: {"id": CustomFieldFactory(account=account).id},
    "email-templates/{id}": lambda account: {"id": EmailTemplateFactory(account=account).id},
    "executions/{execution_id}": lambda account: {"execution_id": execution_id(account)},
    "executions/{id}": lambda account: {"id": execution_id(account)},
    "imports/{id}": lambda account: {"id": ImportFactory(account=account).id},
    "media/{id}": lambda account: {"id": MediaFactory(account=account).id},
    "members/{id}": lambda account: {"id": MembershipFactory(account=account).id},
    "messages/{id}": lambda account: {"id": MessageFactory(account=account).id},
    "notifications/{id}": notification,
    "opportunities/{id}": lambda account: {"id": OpportunityFactory(contact=ContactFactory(account=account)).id},
    "pipelines/{id}": lambda account: {"id": PipelineFactory(account=account).id},
    "pipelines/{pipeline_id}": lambda account: {"pipeline_id": PipelineFactory(account=account).id},
    "pipelines/{pipeline_id}/stages/{stage_id}": stage,
    "secrets/{id}": lambda account: {"id": SecretFactory(account=account).id},
    "tags/{id}": lambda account: {"id": TagFactory(account=account).id},
    "tasks/{id}": lambda account: {"id": TaskFactory(contact=ContactFactory(account=account)).id},
    "teams/{id}": lambda account: {"id": TeamFactory(account=account).id},
    "workflows/{id}": lambda account: {"id": workflow(account).id},
    "workflows/{workflow_id}": lambda account: {"workflow_id": workflow(account).id},
    "workflows/{workflow_id}/actions/{id}": action,
    "workflows/{workflow_id}/triggers/{id}": trigger,
}
"""How to make the objects that a path names, by the path up to its last parameter."""

REFERENCES: Mapping[str, Callable[[Account], Any]] = {
    "action_id": lambda account: action(account)["id"],
    "action_positions": lambda account: action(account)["id"],
    "assignee_id": lambda account: MembershipFactory(account=account).user_id,
    "branch_id": lambda account: uuid.uuid4(),  # no account has branches in this version
    "lesson_id": lambda account: LessonFactory(course=CourseFactory(account=account)).id,
    "step_id": lambda account: action(account)["id"],
    "welcome_template_id": lambda account: EmailTemplateFactory(account=account).id,
    "workflow_id": lambda account: workflow(account).id,
    "connection_id": lambda account: ConnectionFactory(account=account).id,
    "contact_id": lambda account: ContactFactory(account=account).id,
    "member_ids": lambda account: MembershipFactory(account=account).id,
    "owner": lambda account: MembershipFactory(account=account).user_id,
    "owner_id": lambda account: MembershipFactory(account=account).user_id,
    "pipeline_id": lambda account: PipelineFactory(account=account).id,
    "stage_id": lambda account: stage(account)["stage_id"],
    "stage_positions": lambda account: stage(account)["stage_id"],
    "previous_action_id": lambda account: action(account)["id"],
}
"""How to make what a field of a body refers to, by the name of the field."""

BODIES: Mapping[tuple[str, str], Callable[[Account, Ids], Mapping[str, Any]]] = {
    ("post", "action-executions/settle"): lambda account, ids: {
        "ids": [str(action_execution_id(account))],
        "outcome": "sent",
    },
    ("post", "action-executions/{id}/settle"): lambda account, ids: {"outcome": "sent"},
    ("post", "api-keys"): lambda account, ids: {"name": "Till", "role": "viewer"},
    ("post", "campaigns"): lambda account, ids: {"name": "Spring", "workflow_id": str(workflow(account).id)},
    ("post", "campaigns/{campaign_id}/members"): lambda account, ids: {
        "contact_id": str(ContactFactory(account=account).id)
    },
    ("post", "courses"): lambda account, ids: {"name": "Riding"},
    ("post", "courses/{course_id}/access"): lambda account, ids: {
        "contact_id": str(ContactFactory(account=account).id)
    },
    ("post", "courses/{course_id}/access/{id}/complete"): lambda account, ids: {
        "lesson_id": str(LessonFactory(course_id=ids["course_id"], account=account, position=0).id)
    },
    ("post", "courses/{course_id}/lessons"): lambda account, ids: {"title": "Saddling"},
    ("post", "connections"): lambda account, ids: {
        "kind": "smtp",
        "name": "Office",
        "settings": {"host": "mail.example.com"},
    },
    ("post", "contacts"): lambda account, ids: {"first_name": "Ada", "email": "ada@example.com"},
    ("post", "contacts/{contact_id}/consents"): lambda account, ids: {
        "channel": "email",
        "state": "opt_in",
        "evidence": "Sign-up form",
    },
    ("post", "contacts/{contact_id}/notes"): lambda account, ids: {"content": "Called."},
    ("post", "contacts/{contact_id}/tags"): lambda account, ids: {"tag_name": "VIP"},
    ("post", "contacts/{contact_id}/tasks"): lambda account, ids: {"title": "Call back"},
    ("post", "tasks"): lambda account, ids: {
        "title": "Call back",
        "contact_id": str(ContactFactory(account=account).id),
    },
    ("post", "custom-fields"): lambda account, ids: {"key": "size", "label": "Size", "field_type": "text"},
    ("post", "email-templates"): lambda account, ids: {"name": "Welcome", "body_text": "Hello"},
    ("post", "email-templates/{id}/preview"): lambda account, ids: {
        "contact_id": str(ContactFactory(account=account).id)
    },
    ("post", "email-templates/{id}/send-test"): lambda account, ids: {
        "to": "ada@example.com",
        "connection_id": str(ConnectionFactory(account=account).id),
    },
    ("post", "executions/{id}/move"): lambda account, ids: {
        "action_id": str(WorkflowExecution.objects.get(id=ids["id"]).current_action_id)
    },
    ("post", "members"): lambda account, ids: {"email": "ada@example.com", "role": "viewer"},
    ("post", "opportunities"): lambda account, ids: {
        "contact_id": str(ContactFactory(account=account).id),
        "pipeline_id": str(PipelineFactory(account=account).id),
        "name": "Order",
    },
    ("post", "pipelines"): lambda account, ids: {"name": "Sales"},
    ("post", "pipelines/{pipeline_id}/stages"): lambda account, ids: {"name": "Offer"},
    ("post", "pipelines/{pipeline_id}/stages/reorder"): lambda account, ids: {
        "stage_positions": {str(Stage.objects.filter(pipeline_id=ids["pipeline_id"]).latest("position").id): 0}
    },
    ("post", "secrets"): lambda account, ids: {"name": "Token", "value": "s3cret"},
    ("put", "secrets/{id}"): lambda account, ids: {"value": "s3cret"},
    ("patch", "secrets/{id}"): lambda account, ids: {"value": "s3cret"},
    ("post", "tags"): lambda account, ids: {"name": "VIP"},
    ("post", "teams"): lambda account, ids: {"name": "Sales"},
    ("post", "workflows"): lambda account, ids: {"name": "Welcome"},
    ("post", "workflows/{id}/clone"): lambda account, ids: {"name": "Copy"},
    ("post", "workflows/{workflow_id}/actions"): lambda account, ids: {
        "action_type": "add_tag",
        "action_config": {"tag_name": "VIP"},
    },
    ("post", "workflows/{workflow_id}/actions/reorder"): lambda account, ids: {
        "action_positions": {str(Action.objects.filter(workflow_id=ids["workflow_id"]).latest("id").id): 0}
    },
    ("post", "workflows/{workflow_id}/actions/{id}/move"): lambda account, ids: {"position": 0},
    ("post", "workflows/{workflow_id}/actions/{id}/test"): lambda account, ids: {
        "contact_id": str(ContactFactory(account=account).id)
    },
    ("post", "workflows/{workflow_id}/triggers"): lambda account, ids: {"trigger_type": "manual"},
    ("post", "workflows/{workflow_id}/execute"): lambda account, ids: {
        "contact_id": str(ContactFactory(account=account).id)
    },
}
"""A body that is accepted, for the writes that need one; the others take an empty one."""


@dataclass(frozen=True)
class Route:
    """One address and what can be done there."""

    name: str
    path: str
    parameters: tuple[str, ...]
    methods: Mapping[str, str]
    view_class: Any
    options: Mapping[str, Any]

    @property
    def sample_key(self) -> str:
        """The path up to its last parameter."""
        return self.path[: self.path.rindex("}") + 1]

    def url(self, ids: Ids) -> str:
        return reverse(f"v1:{self.name}", kwargs=dict(ids))

    def missing_ids(self) -> Ids:
        return {parameter: uuid.uuid4() for parameter in self.parameters}

    def __str__(self) -> str:
        return self.path


def to_route(pattern: URLPattern) -> Route:
    path = re.sub(r"\(\?P<(\w+)>[^()]*\)", r"{\1}", str(pattern.pattern)).lstrip("^").rstrip("$").removesuffix("\\Z")
    view_class = getattr(pattern.callback, "cls", None)
    methods = dict(getattr(pattern.callback, "actions", None) or {})
    methods.pop("head", None)
    options = getattr(pattern.callback, "initkwargs", {})
    return Route(str(pattern.name), path, tuple(re.findall(r"{(\w+)}", path)), methods, view_class, options)


def is_reference(name: str, field: serializers.Field) -> bool:
    """Tell whether a field of a body takes the id of another object, without which the whole is refused."""
    if name == "ids":  # each gets a verdict of its own
        return False
    if isinstance(field, serializers.ListField):
        return is_reference(name, field.child)
    return isinstance(field, serializers.UUIDField | serializers.RelatedField) or name in (
        "action_positions",
        "stage_positions",
    )


def fields_of(route: Route, method: str) -> Mapping[str, serializers.Field]:
    """Return the fields that the body of a write may have."""
    view = route.view_class(**route.options)
    view.action = route.methods[method]
    view.request, view.format_kwarg, view.swagger_fake_view = None, None, True
    fields: Mapping[str, serializers.Field] = view.get_input_serializer_class()().fields
    return fields


def takes_json(route: Route) -> bool:
    return any(parser.media_type == "application/json" for parser in route.view_class.parser_classes)


ROUTES = [route for route in map(to_route, urlpatterns) if route.name not in OPEN]


def accepted_body(route: Route, method: str, account: Account, ids: Ids) -> Mapping[str, Any]:
    """Return a body that the route accepts for the objects with these ids."""
    make = BODIES.get((method, route.path))
    return make(account, ids) if make else {}


JSON_WRITES = [
    (route, method)
    for route in ROUTES
    for method in route.methods
    if method in ("post", "put", "patch") and takes_json(route)
]


def sample(route: Route, account: Account) -> Ids:
    """Return ids of objects of the account for the parameters of the route."""
    if not route.parameters:
        return {}
    if route.sample_key in SHARED:
        return SHARED[route.sample_key]
    return SAMPLES[route.sample_key](account)

"""Every address below /api/v1: one line a resource, no trailing slashes.

A resource below another one is registered with a router that `below()` makes; its viewset names the parent.
"""

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter
from rest_framework_nested.routers import NestedSimpleRouter

from accounts.api import reference
from accounts.api.account import OwnAccountViewSet
from accounts.api.api_keys import ApiKeyViewSet
from accounts.api.audit_log import AuditLogViewSet
from accounts.api.errors import not_found
from workflows.api.action_executions import ActionExecutionViewSet
from workflows.api.action_types import ActionTypeViewSet
from workflows.api.actions import ActionViewSet
from workflows.api.campaigns import CampaignMemberViewSet, CampaignViewSet
from workflows.api.connections import ConnectionViewSet
from workflows.api.consents import ContactConsentViewSet
from workflows.api.contacts import ContactViewSet
from workflows.api.course_access import CourseAccessViewSet
from workflows.api.courses import CourseViewSet, LessonViewSet
from workflows.api.custom_fields import CustomFieldViewSet
from workflows.api.email_templates import EmailTemplateViewSet
from workflows.api.executions import (
    ContactExecutionViewSet,
    EnrollmentViewSet,
    ExecutionViewSet,
    LogViewSet,
    WorkflowExecutionViewSet,
)
from workflows.api.imports import ContactImportViewSet, ImportViewSet
from workflows.api.media import MediaViewSet
from workflows.api.messages import MessageViewSet
from workflows.api.notes import ContactNoteViewSet
from workflows.api.notifications import NotificationViewSet
from workflows.api.opportunities import OpportunityViewSet
from workflows.api.people import MemberViewSet, TeamViewSet
from workflows.api.pipelines import PipelineViewSet, StageViewSet
from workflows.api.secrets import SecretViewSet
from workflows.api.tags import ContactTagViewSet, TagViewSet
from workflows.api.tasks import ContactTaskViewSet, TaskViewSet
from workflows.api.timeline import TimelineViewSet
from workflows.api.trigger_types import TriggerTypeViewSet
from workflows.api.triggers import TriggerViewSet
from workflows.api.workflows import WorkflowViewSet

router = SimpleRouter(trailing_slash=False)
routers = [router]


def below(prefix: str, lookup: str) -> NestedSimpleRouter:
    """Return a router for `/<prefix>/{<lookup>_id}/…`; `prefix` must be registered already."""
    nested = NestedSimpleRouter(router, prefix, lookup=lookup, trailing_slash=False)
    routers.append(nested)
    return nested


router.register("members", MemberViewSet, basename="member")
router.register("teams", TeamViewSet, basename="team")
router.register("api-keys", ApiKeyViewSet, basename="api-key")
router.register("audit-log", AuditLogViewSet, basename="audit-entry")

router.register("workflows", WorkflowViewSet, basename="workflow")
workflow_parts = below("workflows", "workflow")
workflow_parts.register("actions", ActionViewSet, basename="action")
workflow_parts.register("triggers", TriggerViewSet, basename="trigger")
workflow_parts.register("execute", EnrollmentViewSet, basename="enrollment")
workflow_parts.register("executions", WorkflowExecutionViewSet, basename="workflow-execution")

router.register("action-types", ActionTypeViewSet, basename="action-type")
router.register("trigger-types", TriggerTypeViewSet, basename="trigger-type")

router.register("executions", ExecutionViewSet, basename="execution")
execution_parts = below("executions", "execution")
execution_parts.register("logs", LogViewSet, basename="execution-log")

router.register("action-executions", ActionExecutionViewSet, basename="action-execution")
router.register("notifications", NotificationViewSet, basename="notification")

router.register("contacts/import", ContactImportViewSet, basename="contact-import")
router.register("contacts", ContactViewSet, basename="contact")
contact_parts = below("contacts", "contact")
contact_parts.register("tags", ContactTagViewSet, basename="contact-tag")
contact_parts.register("notes", ContactNoteViewSet, basename="contact-note")
contact_parts.register("tasks", ContactTaskViewSet, basename="contact-task")
contact_parts.register("consents", ContactConsentViewSet, basename="contact-consent")
contact_parts.register("executions", ContactExecutionViewSet, basename="contact-execution")
contact_parts.register("timeline", TimelineViewSet, basename="contact-timeline")
router.register("pipelines", PipelineViewSet, basename="pipeline")
pipeline_parts = below("pipelines", "pipeline")
pipeline_parts.register("stages", StageViewSet, basename="stage")
router.register("opportunities", OpportunityViewSet, basename="opportunity")
router.register("tags", TagViewSet, basename="tag")
router.register("tasks", TaskViewSet, basename="task")
router.register("imports", ImportViewSet, basename="import")
router.register("custom-fields", CustomFieldViewSet, basename="custom-field")

router.register("campaigns", CampaignViewSet, basename="campaign")
campaign_parts = below("campaigns", "campaign")
campaign_parts.register("members", CampaignMemberViewSet, basename="campaign-member")
router.register("courses", CourseViewSet, basename="course")
course_parts = below("courses", "course")
course_parts.register("lessons", LessonViewSet, basename="lesson")
course_parts.register("access", CourseAccessViewSet, basename="course-access")

router.register("email-templates", EmailTemplateViewSet, basename="email-template")
router.register("media", MediaViewSet, basename="media")
router.register("messages", MessageViewSet, basename="message")

router.register("connections", ConnectionViewSet, basename="connection")
router.register("secrets", SecretViewSet, basename="secret")

urlpatterns = [
    *(url for each in routers for url in each.urls),
    path("account", OwnAccountViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="account"),
    path("schema", reference.schema, name="schema"),
    path("docs", reference.swagger, name="docs"),
    path("redoc", reference.redoc, name="redoc"),
    re_path(r"", not_found, name="unknown"),
]

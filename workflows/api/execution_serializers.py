"""How executions and their logs look from outside."""

from typing import Any

from rest_framework import serializers

from accounts.api.serializers import AccountRelatedField, StrictModelSerializer, StrictSerializer
from workflows.crm.models import Contact
from workflows.engine.perform.settling import Settlement
from workflows.models import (
    ActionExecution,
    ActionExecutionStatus,
    CompletionReason,
    ExecutionStatus,
    PauseReason,
    WorkflowExecution,
)

MAXIMUM_SETTLED = 1000


class EmptyAsNullMixin:
    """Answers null for a text that is empty: nothing to tell."""

    def to_representation(self, value: Any) -> Any:
        return super().to_representation(value) if value else None  # type: ignore[misc]


class TextOrNull(EmptyAsNullMixin, serializers.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **options)


class ChoiceOrNull(EmptyAsNullMixin, serializers.ChoiceField):
    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **options)


class ExecutionSerializer(StrictModelSerializer):
    """One contact's run through one version of a workflow."""

    workflow_id = serializers.UUIDField(read_only=True)
    workflow_version = serializers.IntegerField(
        read_only=True, source="progress.version", help_text="Number of the version it runs, from 1."
    )
    contact_id = serializers.UUIDField(read_only=True)
    status = serializers.ChoiceField(choices=ExecutionStatus.choices, read_only=True)
    pause_reason = ChoiceOrNull(choices=PauseReason.choices, help_text="Why it is `paused`; else null.")
    completion_reason = ChoiceOrNull(choices=CompletionReason.choices, help_text="Why it ended; null: it has not.")
    total_steps = serializers.IntegerField(
        read_only=True, source="progress.total_steps", help_text="Steps of its version, all branches together."
    )
    progress_percent = serializers.IntegerField(
        read_only=True, source="progress.percent", help_text="Share of the steps that lie behind it, 0–100."
    )
    error_message = TextOrNull(help_text="Why it failed or waits for somebody to act; else null.")

    class Meta:
        model = WorkflowExecution
        fields = (
            "id",
            "workflow_id",
            "workflow_version",
            "contact_id",
            "status",
            "pause_reason",
            "completion_reason",
            "enrollment_source",
            "current_action_id",
            "total_steps",
            "progress_percent",
            "due_at",
            "error_message",
            "steps",
            "started_at",
            "completed_at",
            "created_at",
        )
        read_only_fields = fields


class LogSerializer(StrictModelSerializer):
    """What one visit of one step did."""

    workflow_execution_id = serializers.UUIDField(read_only=True)
    status = serializers.ChoiceField(choices=ActionExecutionStatus.choices, read_only=True)
    error_class = TextOrNull(help_text="Class of the failure, e.g. `invalid_config`; else null.")
    error_message = TextOrNull(help_text="Why the step failed; else null.")

    class Meta:
        model = ActionExecution
        fields = (
            "id",
            "workflow_execution_id",
            "workflow_id",
            "action_id",
            "action_key",
            "action_type",
            "contact_id",
            "visit",
            "status",
            "started_at",
            "completed_at",
            "scheduled_at",
            "duration_ms",
            "execution_data",
            "result_data",
            "error_class",
            "error_message",
            "failed_with_fallback",
            "retry_count",
            "attempts",
        )
        read_only_fields = fields


class EnrollmentSerializer(StrictSerializer):
    """A contact to enroll by hand."""

    example = {"contact_id": "019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21", "data": {"order": "A-17"}}

    contact_id = AccountRelatedField(
        queryset_for=lambda account_id: Contact.objects.for_account(account_id).present(),
        code="contact_not_found",
        help_text="A contact of the account.",
    )
    data = serializers.DictField(  # type: ignore[assignment]  # the contract's name; hides what nobody reads here
        default=dict, help_text="What the steps' templates see as `trigger.*`: an object, empty unless given."
    )


class ExecutionMove(StrictSerializer):
    """Where an execution is to go on."""

    example = {"action_id": "019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21"}

    action_id = serializers.UUIDField(help_text="A step of the version that the execution runs.")


class Settling(StrictSerializer):
    """What somebody knows of an effect whose outcome is unknown."""

    example = {"outcome": "sent"}

    outcome = serializers.ChoiceField(
        choices=[each.value for each in Settlement],
        help_text="`sent`: it happened, the contact goes on; `not_sent`: it did not, it is sent again by the same key.",
    )


class BulkSettling(Settling):
    """The same for many steps."""

    example = {"ids": ["019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21"], "outcome": "not_sent"}

    ids = serializers.ListField(
        child=serializers.UUIDField(),
        allow_empty=False,
        max_length=MAXIMUM_SETTLED,
        help_text=f"Ids of action executions, 1–{MAXIMUM_SETTLED}.",
    )


class SettlingVerdict(StrictSerializer):
    """What became of one of them."""

    id = serializers.UUIDField()
    verdict = serializers.ChoiceField(
        choices=["settled", "not_unknown", "not_found"],
        help_text="`not_unknown`: its outcome is known, or somebody settled it before.",
    )


class SettlingVerdicts(StrictSerializer):
    """What became of each, in the order of the request, each id once."""

    items = SettlingVerdict(many=True)
    settled = serializers.IntegerField(help_text="How many were settled.")

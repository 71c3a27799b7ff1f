"""How workflows look from outside."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from workflows.analytics.enrollments import NOBODY, EnrollmentCounts
from workflows.api.action_serializers import ActionSerializer
from workflows.api.trigger_serializers import TriggerSerializer
from workflows.models import Reentry, Workflow, WorkflowStatus


class WorkflowSettings(StrictSerializer):
    """How contacts enter and pass; `reentry` and `timezone` become part of a version when it is activated."""

    reentry = serializers.ChoiceField(
        choices=Reentry.choices,
        required=False,
        help_text="How often one contact may enter: `single` (once ever), `after_exit` (default), `multiple`.",
    )
    timezone = serializers.CharField(
        required=False, allow_blank=True, max_length=64, help_text="IANA zone; empty (default): the account's."
    )
    notify_on_failure = serializers.BooleanField(
        required=False, help_text="Tell the owner when an execution fails or pauses; default true."
    )


class WorkflowInput(StrictSerializer):
    """What may be set of a workflow."""

    example = {"name": "Welcome", "settings": {"reentry": "single", "timezone": "Europe/Berlin"}}

    name = serializers.CharField(
        min_length=3,
        max_length=100,
        help_text="3–100 letters, digits, spaces, - and _; unique in the account whatever the case.",
    )
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=2000, help_text="For people; ≤ 2000 characters."
    )
    owner = serializers.UUIDField(
        source="owner_id",
        required=False,
        help_text="An active member, who is told about failures; default: who creates it.",
    )
    settings = WorkflowSettings(required=False, help_text="What is left out stays as it is.")


class CloneInput(StrictSerializer):
    example = {"name": "Welcome in May"}

    name = serializers.CharField(
        required=False, min_length=3, max_length=100, help_text="Name of the copy; default: “… copy”."
    )


class ActivateInput(StrictSerializer):
    example = {"contacts_inside": "keep"}

    contacts_inside = serializers.ChoiceField(
        choices=["keep", "move"],
        default="keep",
        help_text="What contacts inside do: `keep` their version, or `move` to the one that is activated.",
    )


class EnrollmentCountsSerializer(serializers.Serializer[EnrollmentCounts]):
    total_enrolled = serializers.IntegerField(help_text="Executions ever started.")
    currently_active = serializers.IntegerField(help_text="Executions that have not ended.")
    completed = serializers.IntegerField(help_text="Executions that ended as `completed`.")


class WorkflowSerializer(serializers.ModelSerializer[Workflow]):
    """A plan that contacts are led through."""

    status = serializers.ChoiceField(choices=WorkflowStatus.choices, help_text="Its state.")
    settings = WorkflowSettings(source="*")
    owner = serializers.UUIDField(source="owner_id", allow_null=True, help_text="The member told about failures.")
    actions_count = serializers.IntegerField(help_text="Its actions, disabled ones included.")
    stats = serializers.SerializerMethodField()
    created_by = serializers.UUIDField(source="created_by_id", allow_null=True, help_text="The user who made it.")
    updated_by = serializers.UUIDField(source="updated_by_id", allow_null=True, help_text="Who changed it last.")

    class Meta:
        model = Workflow
        fields: tuple[str, ...] = (
            "id",
            "name",
            "description",
            "status",
            "revision",
            "version",
            "settings",
            "owner",
            "actions_count",
            "stats",
            "created_at",
            "updated_at",
            "created_by",
            "updated_by",
        )
        read_only_fields = fields

    def get_stats(self, workflow: Workflow) -> EnrollmentCountsSerializer:
        counts = self.context.get("enrollment_counts", {}).get(workflow.id, NOBODY)
        return EnrollmentCountsSerializer(counts).data  # type: ignore[return-value]  # the annotation is the schema


class WorkflowDetailSerializer(WorkflowSerializer):
    """A workflow with everything in it."""

    actions = serializers.SerializerMethodField(help_text="In list order.")
    triggers = TriggerSerializer(source="triggers.all", many=True, read_only=True)
    goals = serializers.SerializerMethodField(help_text="Always empty in this version.")

    class Meta(WorkflowSerializer.Meta):
        fields = (*WorkflowSerializer.Meta.fields, "actions", "triggers", "goals")
        read_only_fields = fields

    @extend_schema_field(ActionSerializer(many=True))
    def get_actions(self, workflow: Workflow) -> Any:
        return ActionSerializer(self.context["actions"], many=True).data

    def get_goals(self, workflow: Workflow) -> list[Any]:
        return []


class ContactsInsideSerializer(StrictSerializer):
    kept = serializers.IntegerField(help_text="Contacts that stay on the version they were on.")
    moved = serializers.IntegerField(help_text="Contacts that go on in the version that was activated.")
    completed = serializers.IntegerField(help_text="Contacts that ended, as no step of theirs is left.")


class ActivatedWorkflowSerializer(WorkflowDetailSerializer):
    """A workflow that was just activated."""

    contacts_inside = serializers.SerializerMethodField()

    class Meta(WorkflowDetailSerializer.Meta):
        fields = (*WorkflowDetailSerializer.Meta.fields, "contacts_inside")
        read_only_fields = fields

    def get_contacts_inside(self, workflow: Workflow) -> ContactsInsideSerializer:
        return ContactsInsideSerializer(self.context["contacts_inside"]).data  # type: ignore[return-value]


class FindingSerializer(serializers.Serializer[Any]):
    """One thing that an author should look at."""

    code = serializers.CharField(help_text="Stable name of the problem.")
    detail = serializers.CharField(help_text="What is wrong and how to mend it.")
    action_id = serializers.UUIDField(allow_null=True, help_text="The action it is about, if it is about one.")
    attr = serializers.CharField(help_text="Dotted path, e.g. `actions.<id>.action_config.tag_name`.")
    severity = serializers.ChoiceField(choices=["error", "warning"], help_text="An error prevents activation.")


class ValidationSerializer(serializers.Serializer[Any]):
    """Whether a workflow could be activated, and everything that is to be said about it."""

    valid = serializers.BooleanField(help_text="Whether there is no error.")
    problems = FindingSerializer(many=True)

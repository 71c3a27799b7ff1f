"""`/tasks`, and the tasks about one contact."""

from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers

from accounts.api.serializers import AccountRelatedField, StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from workflows.api.contact_filters import TaskFilter
from workflows.crm.models import Contact, Task, TaskPriority, TaskStatus
from workflows.crm.services import by_hand
from workflows.crm.services.tasks import delete_task
from workflows.engine import clock


class TaskSerializer(StrictModelSerializer):
    """Something that a member has to do about a contact."""

    contact_id = serializers.UUIDField(read_only=True)
    assignee_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="User id of who has to do it; null: nobody yet."
    )

    class Meta:
        model = Task
        fields = (
            "id",
            "contact_id",
            "title",
            "description",
            "due_at",
            "assignee_id",
            "priority",
            "status",
            "completed_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class NewTask(StrictSerializer):
    """A task to make about a contact."""

    example = {"title": "Call back", "priority": "high", "assignee_id": "019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21"}

    title = serializers.CharField(max_length=200, help_text="1–200 characters.")
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=5000, help_text="≤ 5000 characters."
    )
    due_at = serializers.DateTimeField(required=False, allow_null=True, help_text="When it should be done; or null.")
    assignee_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="User id of an active member; null: nobody yet."
    )
    priority = serializers.ChoiceField(
        choices=TaskPriority.choices, required=False, help_text="How urgent it is; `medium` unless given."
    )


class NewTaskOfContact(NewTask):
    """A task to make, and the contact that it is about."""

    example = {"title": "Call back", "contact_id": "019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21"}

    contact_id = AccountRelatedField(
        queryset_for=lambda account_id: Contact.objects.for_account(account_id).present(),
        code="contact_not_found",
        help_text="A contact of the account.",
    )


class TaskChange(NewTask):
    """What can be changed of a task; `status: completed` says that it is done."""

    example = {"status": "completed"}

    status = serializers.ChoiceField(choices=TaskStatus.choices, required=False, help_text="Whether it is done.")


class TaskViewSet(ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Tasks of the account about present contacts, newest first."""

    queryset = Task.objects.filter(contact__deleted_at=None)
    serializer_class = TaskSerializer
    input_serializer_classes = {"create": NewTaskOfContact, "partial_update": TaskChange}
    filterset_class = TaskFilter
    search_fields = ("title", "description")
    ordering_fields = ("created_at", "updated_at", "due_at", "title")

    def perform_create(self, data: dict[str, Any]) -> Task:
        return self.create_task(data.pop("contact_id").id, data)

    def create_task(self, contact_id: UUID, data: dict[str, Any]) -> Task:
        return by_hand.create_task(**self.on_behalf(), contact_id=contact_id, now=clock.now(), **data)

    def perform_update(self, task: Task, data: dict[str, Any]) -> Task:
        return by_hand.change_task(**self.on_behalf(), task_id=task.id, values=data, now=clock.now())

    def perform_destroy(self, task: Task) -> None:
        with transaction.atomic():
            delete_task(**self.on_behalf(), task_id=task.id)


class ContactTaskViewSet(TaskViewSet):
    """Tasks about one contact, newest first."""

    input_serializer_classes = {"create": NewTask, "partial_update": TaskChange}
    lookup_url_kwarg = "task_id"
    parent_queryset = Contact.objects.present()
    parent_kwarg = "contact_id"
    parent_field = "contact"

    def perform_create(self, data: dict[str, Any]) -> Task:
        return self.create_task(self.parent.id, data)

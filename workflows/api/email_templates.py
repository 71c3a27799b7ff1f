"""`/email-templates`: mails written once and sent many times."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from workflows.api.usages import UsagesMixin
from workflows.authoring import removing
from workflows.crm.services.usages import Target
from workflows.engine import clock
from workflows.messaging.mailboxes import is_mailable
from workflows.messaging.models import EmailTemplate
from workflows.messaging.services.templates import change_template, create_template
from workflows.messaging.services.trying import preview_template, send_test


class EmailTemplateSerializer(StrictModelSerializer):
    """A mail's text; subject and bodies are Liquid."""

    created_by = serializers.UUIDField(
        source="created_by_id", read_only=True, allow_null=True, help_text="User id; null: not known."
    )
    updated_by = serializers.UUIDField(
        source="updated_by_id", read_only=True, allow_null=True, help_text="User id; null: not known."
    )

    class Meta:
        model = EmailTemplate
        fields = (
            "id",
            "name",
            "subject",
            "preview_text",
            "body_html",
            "body_text",
            "created_at",
            "updated_at",
            "created_by",
            "updated_by",
        )
        read_only_fields = fields


class EmailTemplateInput(StrictSerializer):
    """What can be set of a template; a body is needed."""

    example = {
        "name": "Welcome",
        "subject": "Hello {{ contact.first_name }}",
        "body_text": "Welcome to {{ account.name }}.",
    }

    name = serializers.CharField(max_length=100, help_text="1–100 characters; unique in the account.")
    subject = serializers.CharField(
        required=False, allow_blank=True, max_length=255, help_text="Liquid; for previews and tests."
    )
    preview_text = serializers.CharField(
        required=False, allow_blank=True, max_length=255, help_text="Liquid; what inboxes show beside the subject."
    )
    body_html = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Liquid in HTML, ≤ 256 KB; values are escaped. `{{ unsubscribe_url }}` is the contact's way out.",
    )
    body_text = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Liquid in plain text, ≤ 256 KB; empty: made from the HTML.",
    )


class PreviewInput(StrictSerializer):
    """For whom to render."""

    example = {"contact_id": "019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21"}

    contact_id = serializers.UUIDField(help_text="A contact of the account.")


class PreviewSerializer(serializers.Serializer[Any]):
    """The mail as the contact would get it; its links are not tracked and its way out leads nowhere."""

    subject = serializers.CharField(help_text="Rendered.")
    html = serializers.CharField(help_text="Rendered; empty for a mail of plain text.")
    text = serializers.CharField(help_text="Rendered, or made from the HTML.")


class SendTestInput(StrictSerializer):
    """Where to send the test, and as what."""

    example = {"to": "you@example.com"}

    to = serializers.CharField(max_length=254, help_text="The address, e.g. your own.")
    contact_id = serializers.UUIDField(required=False, help_text="The contact to render for; default: nobody known.")
    connection_id = serializers.UUIDField(
        required=False, help_text="The mail server's connection; default: the account's first."
    )
    from_email = serializers.CharField(required=False, max_length=254, help_text="The sender; default: `to`.")

    def validate_to(self, address: str) -> str:
        return mailable(address)

    def validate_from_email(self, address: str) -> str:
        return mailable(address)


class SendTestSerializer(serializers.Serializer[Any]):
    """How the test went."""

    sent = serializers.BooleanField(help_text="Whether the mail server took the mail.")
    error_message = serializers.CharField(help_text="Why not; empty when it did.")


class EmailTemplateViewSet(
    UsagesMixin, ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet
):
    """E-mail templates, by name. Changing one changes the mails that are sent from then on.

    Deleting one that a workflow or a course names answers 409 `in_use`.
    """

    queryset = EmailTemplate.objects.all()
    serializer_class = EmailTemplateSerializer
    input_serializer_class = EmailTemplateInput
    unlocked_actions = ("preview", "send_test")
    input_serializer_classes = {"preview": PreviewInput, "send_test": SendTestInput}
    search_fields = ("name", "subject")
    ordering_fields = ("name", "created_at", "updated_at")

    def perform_create(self, data: dict[str, Any]) -> EmailTemplate:
        return create_template(**self.on_behalf(), **data)

    def perform_update(self, template: EmailTemplate, data: dict[str, Any]) -> EmailTemplate:
        return change_template(**self.on_behalf(), template_id=template.id, **data)

    def usage_target(self, instance: EmailTemplate) -> Target:
        return Target("template", instance.id)

    def perform_destroy(self, template: EmailTemplate) -> None:
        removing.delete_template(**self.on_behalf(), template_id=template.id)

    @extend_schema(responses={200: PreviewSerializer})
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Render the template for a contact; nothing is sent."""
        template = self.get_object()
        mail = preview_template(
            account_id=self.caller.account_id,
            template_id=template.id,
            contact_id=self.validated()["contact_id"],
            now=clock.now(),
        )
        return Response({"subject": mail.subject, "html": mail.html, "text": mail.text})

    @extend_schema(responses={200: SendTestSerializer})
    @action(detail=True, methods=["post"], url_path="send-test")
    def send_test(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Send the mail to an address, marked as a test, and say how that went; takes up to 15 seconds."""
        template = self.get_object()
        problem = send_test(**self.on_behalf(), template_id=template.id, now=clock.now(), **self.validated())
        return Response({"sent": not problem, "error_message": problem})


def mailable(address: str) -> str:
    if not is_mailable(address):
        raise serializers.ValidationError("Give one e-mail address such as name@example.com.", code="invalid")
    return address

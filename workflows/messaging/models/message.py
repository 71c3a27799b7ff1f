"""Messages to and from contacts."""

from django.db import models
from django.db.models import Q, Value

from accounts.scoping import BulkAccountRow
from workflows.crm.models import Channel


class Direction(models.TextChoices):
    OUTBOUND = "outbound", "To the contact"
    INBOUND = "inbound", "From the contact"


class MessageStatus(models.TextChoices):
    """How far a message came, in this order; a status never goes back."""

    QUEUED = "queued", "Queued"
    SENT = "sent", "Taken by the provider"
    DELIVERED = "delivered", "Delivered"
    OPENED = "opened", "Opened"
    CLICKED = "clicked", "A link was followed"
    BOUNCED = "bounced", "Returned"
    COMPLAINED = "complained", "Reported as spam"
    FAILED = "failed", "Could not be sent"


class Message(BulkAccountRow):
    """One message on one channel; its id is the idempotency key of the step that sends it."""

    contact_id = models.UUIDField(help_text="The contact; no foreign key, since the record outlives it.")
    channel = models.CharField(max_length=12, choices=Channel.choices)
    direction = models.CharField(max_length=8, choices=Direction.choices, default=Direction.OUTBOUND)
    status = models.CharField(max_length=10, choices=MessageStatus.choices, default=MessageStatus.QUEUED)
    purpose = models.CharField(max_length=13, help_text="`marketing` or `transactional`.")
    connection_id = models.UUIDField(null=True, help_text="The connection it went through.")
    provider_message_id = models.CharField(max_length=255, blank=True, help_text="The provider's id, e.g. Message-ID.")
    sender = models.CharField(max_length=320, help_text="From, as the contact sees it.")
    recipient = models.CharField(max_length=320, help_text="Address it goes to.")
    subject = models.CharField(max_length=998, blank=True, help_text="Rendered.")
    text = models.TextField(blank=True, db_default="", help_text="What an SMS says; bodies of mails are not kept.")
    media_urls = models.JSONField(
        default=list, blank=True, db_default=Value([], models.JSONField()), help_text="Addresses of an MMS' files."
    )
    segments = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Parts of an SMS; others have none.")
    execution_id = models.UUIDField(null=True, help_text="The execution whose step sends it.")
    action_execution_id = models.UUIDField(null=True, help_text="The log row of that step.")
    error_message = models.CharField(max_length=500, blank=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True, help_text="First time.")
    clicked_at = models.DateTimeField(null=True, help_text="First time.")
    bounced_at = models.DateTimeField(null=True)
    complained_at = models.DateTimeField(null=True)
    opens = models.PositiveIntegerField(default=0)
    clicks = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="message_by_account"),
            models.Index(fields=["contact_id", "-created_at", "-id"], name="message_by_contact"),
            models.Index(fields=["created_at"], condition=Q(status="queued"), name="message_queued"),
            models.Index(fields=["execution_id"], condition=Q(execution_id__isnull=False), name="message_by_execution"),
        ]

    def __str__(self) -> str:
        if self.direction == Direction.INBOUND:
            return f"{self.get_channel_display()} from {self.sender}"
        return f"{self.get_channel_display()} to {self.recipient}: {self.status}"

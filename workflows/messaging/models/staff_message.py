"""What steps tell members of the account outside the application."""

from django.db import models

from accounts.scoping import AccountRow


class StaffChannel(models.TextChoices):
    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"


class StaffMessageStatus(models.TextChoices):
    """How far a message came."""

    QUEUED = "queued", "To be sent again"
    SENDING = "sending", "Begun; it may have gone out"
    UNKNOWN = "unknown", "Nobody knows whether it went out"
    SENT = "sent", "Taken by the provider"
    FAILED = "failed", "Refused for good"


class StaffMessage(AccountRow):
    """One effect of a step that tells members: a text to one of them, or the mail to all.

    Its id follows from the step's idempotency key and the receiver, so that whoever repeats the step finds what has
    gone out already.
    """

    step_key = models.UUIDField(db_index=True, help_text="The idempotency key of the step.")
    channel = models.CharField(max_length=5, choices=StaffChannel.choices)
    status = models.CharField(max_length=7, choices=StaffMessageStatus.choices)
    user_id = models.UUIDField(null=True, help_text="The member it goes to; empty: a mail to all who are told.")
    connection_id = models.UUIDField(null=True, help_text="The connection it went through; mails have none.")
    sender = models.CharField(max_length=16, blank=True, help_text="The account's number.")
    recipient = models.CharField(max_length=16, blank=True, help_text="The member's number.")
    text = models.TextField(blank=True, help_text="What a text says; mails are not kept.")
    provider_message_id = models.CharField(max_length=255, blank=True, help_text="The provider's id.")
    error_message = models.CharField(max_length=500, blank=True)
    begun_at = models.DateTimeField(help_text="When it was handed over last (UTC).")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "recipient", "-begun_at"], name="staff_message_by_recipient"),
            models.Index(fields=["updated_at"], name="staff_message_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.recipient or 'members'}: {self.status}"

"""The account's ways out to providers."""

import enum

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from accounts.scoping import AccountRow
from workflows.messaging.models.secret import Secret


class ConnectionKind(enum.StrEnum):
    """What a connection connects with. Not in the database: a new kind needs no migration."""

    SMTP = "smtp"
    MAILGUN = "mailgun"
    POSTMARK = "postmark"
    SENDGRID = "sendgrid"
    SES = "ses"
    TWILIO = "twilio"
    MESSENGER = "messenger"


MAIL_KINDS = (
    ConnectionKind.SMTP,
    ConnectionKind.MAILGUN,
    ConnectionKind.POSTMARK,
    ConnectionKind.SENDGRID,
    ConnectionKind.SES,
)
"""Those that mail goes out through."""


class ConnectionStatus(models.TextChoices):
    UNTESTED = "untested", "Not tried yet"
    WORKING = "working", "Worked when last tried"
    FAILING = "failing", "Failed when last tried"


class Connection(AccountRow):
    """One account's access to one provider, for example its mail server."""

    kind = models.CharField(max_length=16, help_text="What it connects with, such as `smtp` or `twilio`.")
    name = models.CharField(max_length=80, help_text="What people call it, 1–80 characters; unique in the account.")
    settings = models.JSONField(
        default=dict,
        help_text="Where and how to connect, as the kind has it. No secrets.",
    )
    secret = models.ForeignKey(
        Secret,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="connections",
        help_text="The password or token; empty where none is needed.",
    )
    webhook_secret = models.ForeignKey(
        Secret,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="connections_called_back",
        help_text="What proves that a callback comes from the provider, where that is not the password.",
    )
    is_enabled = models.BooleanField(default=True, help_text="Whether anything is sent through it.")
    messages_per_second = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="Messages or calls through it in any second at most, 1–1000; empty: as the account's limits allow.",
    )
    status = models.CharField(
        max_length=8,
        choices=ConnectionStatus.choices,
        default=ConnectionStatus.UNTESTED,
        editable=False,
        help_text="What happened when it was last tried.",
    )
    last_error = models.CharField(
        max_length=500, blank=True, editable=False, help_text="Why it failed when last tried, ≤ 500 characters."
    )
    checked_at = models.DateTimeField(null=True, editable=False, help_text="When it was last tried (UTC).")
    updated_at = models.DateTimeField(auto_now=True, help_text="When it was last changed (UTC).")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="connection_name_once")]

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"

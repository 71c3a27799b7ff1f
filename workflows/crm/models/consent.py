"""What a contact allowed or forbade, by channel."""

from django.db import models

from accounts.scoping import BulkAccountRow
from workflows.crm.models.contact import Contact


class Channel(models.TextChoices):
    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"
    VOICE = "voice", "Voice"
    MESSENGER = "messenger", "Messenger"


class ConsentState(models.TextChoices):
    OPT_IN = "opt_in", "Opted in"
    OPT_OUT = "opt_out", "Opted out"


class Consent(BulkAccountRow):
    """A contact's last word on one channel; no row: they never said."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="consents", db_index=False)
    channel = models.CharField(max_length=12, choices=Channel.choices)
    state = models.CharField(max_length=8, choices=ConsentState.choices)
    evidence = models.TextField(blank=True, help_text="How it is known: form, reply, document.")
    recorded_at = models.DateTimeField(help_text="When the contact said so (UTC).")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "channel"], name="consent_once")]

    def __str__(self) -> str:
        return f"{self.channel}: {self.state}"

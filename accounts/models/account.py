"""The tenant."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from accounts.scoping import Row

MAXIMUM_PER_SECOND = 1000
PER_SECOND = [MinValueValidator(1), MaxValueValidator(MAXIMUM_PER_SECOND)]


class Account(Row):
    """One customer of the installation: everything else belongs to exactly one account."""

    name = models.CharField(max_length=120, help_text="The customer's name, 1–120 characters.")
    timezone = models.CharField(max_length=64, default="UTC", help_text="IANA zone, e.g. `Europe/Berlin`.")
    currency = models.CharField(max_length=3, default="USD", help_text="ISO 4217 code of new opportunities.")
    default_country = models.CharField(
        max_length=2, default="US", help_text="ISO 3166 country that phone numbers without a prefix are read in."
    )
    request_limit = models.PositiveIntegerField(default=100, help_text="API requests allowed in 10 seconds.")
    workflow_creation_limit = models.PositiveIntegerField(default=100, help_text="Workflows created in an hour.")
    workflow_limit = models.PositiveIntegerField(default=500, help_text="Workflows that may exist at a time.")
    frequency_cap = models.PositiveIntegerField(
        default=3, help_text="Marketing messages that a contact gets on one channel within 24 hours at most."
    )
    emails_per_second = models.PositiveIntegerField(
        default=300, validators=PER_SECOND, help_text="E-mails sent in any second at most, 1–1000."
    )
    sms_per_second = models.PositiveIntegerField(
        default=100, validators=PER_SECOND, help_text="SMS sent in any second at most, 1–1000."
    )
    calls_per_second = models.PositiveIntegerField(
        default=10, validators=PER_SECOND, help_text="Calls and voicemails begun in any second at most, 1–1000."
    )
    messenger_per_second = models.PositiveIntegerField(
        default=100, validators=PER_SECOND, help_text="Messenger messages sent in any second at most, 1–1000."
    )
    log_retention_days = models.PositiveIntegerField(
        default=90,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Days that the step logs of an ended execution are kept, 1–3650.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

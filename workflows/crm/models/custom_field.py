"""Definitions of the fields that an account adds to its contacts."""

from django.core.validators import RegexValidator
from django.db import models

from accounts.scoping import AccountRow


class FieldType(models.TextChoices):
    TEXT = "text", "Text"
    NUMBER = "number", "Number"
    BOOLEAN = "boolean", "Yes or no"
    DATE = "date", "Date"
    DATETIME = "datetime", "Date and time"
    SELECT = "select", "One of a list"
    MULTI_SELECT = "multi_select", "Several of a list"
    URL = "url", "Web address"


class CustomField(AccountRow):
    """A field that the account defined for its contacts."""

    key = models.CharField(
        max_length=50,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*\Z", "Use lower-case letters, digits and _, a letter first.")],
        help_text="Name in `custom_fields`, templates and conditions: `[a-z][a-z0-9_]*`, ≤ 50; cannot change.",
    )
    label = models.CharField(max_length=100, help_text="What people see, 1–100 characters.")
    field_type = models.CharField(
        max_length=12, choices=FieldType.choices, help_text="Type of the values; cannot change."
    )
    options = models.JSONField(default=list, blank=True, help_text="Allowed values of select and multi_select, ≤ 200.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="custom_field_once")]

    def __str__(self) -> str:
        return self.label

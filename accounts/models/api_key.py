"""Credentials of programs."""

from django.db import models

from accounts.models.membership import Role
from accounts.scoping import AccountRow


class ApiKey(AccountRow):
    """A program's key to one account: only its SHA-256 is kept; the key itself is shown once."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80, blank=True, help_text="What the key is for, ≤ 80 characters.")
    role = models.CharField(max_length=16, choices=Role.choices, help_text="What the key may do.")
    prefix = models.CharField(max_length=12, editable=False, help_text="The key's first characters, to recognise it.")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the key, hex.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Refused from then on; empty: never.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the minute.")

    class Meta:
        ordering = ["-id"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.role})"

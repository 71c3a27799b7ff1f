"""What must never be shown."""

from django.db import models

from accounts.scoping import AccountRow


class Secret(AccountRow):
    """A password, token or key of the account, encrypted; configs and connections refer to it by id."""

    name = models.CharField(max_length=120, help_text="What it is, 1–120 characters; unique in the account.")
    ciphertext = models.TextField(editable=False, help_text="The encrypted value; never shown.")
    key_id = models.CharField(max_length=16, editable=False, help_text="Which of SECRET_KEYS it is encrypted with.")
    updated_at = models.DateTimeField(auto_now=True, help_text="When its value was last written (UTC).")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="secret_name_once")]
        indexes = [models.Index(fields=["key_id"], name="secret_key")]

    def __str__(self) -> str:
        return self.name

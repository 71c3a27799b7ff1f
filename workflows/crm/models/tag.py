"""Labels for contacts."""

from django.db import models

from accounts.scoping import AccountRow


class Tag(AccountRow):
    """A label of the account; `Vip` and `VIP` are the same tag."""

    name = models.CharField(max_length=50, help_text="As first written, 1–50 characters.")
    folded_name = models.CharField(
        max_length=200, editable=False, help_text="NFC and case-folded; unique in the account."
    )
    color = models.CharField(max_length=7, blank=True, help_text="`#RRGGBB`, or empty.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["folded_name"]
        constraints = [models.UniqueConstraint(fields=["account", "folded_name"], name="tag_name_once")]

    def __str__(self) -> str:
        return self.name

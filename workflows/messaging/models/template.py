"""Mails written once and sent many times."""

from django.db import models

from accounts.scoping import AccountRow


class EmailTemplate(AccountRow):
    """A mail's text; subject and bodies are Liquid and rendered for each contact."""

    name = models.CharField(max_length=100, help_text="What people call it, 1–100 characters; unique in the account.")
    subject = models.CharField(
        max_length=255, blank=True, help_text="Liquid, ≤ 255 characters; for previews and tests: a step brings its own."
    )
    preview_text = models.CharField(
        max_length=255, blank=True, help_text="Liquid; what inboxes show beside the subject."
    )
    body_html = models.TextField(blank=True, help_text="Liquid in HTML, ≤ 256 KB; values are escaped.")
    body_text = models.TextField(blank=True, help_text="Liquid in plain text, ≤ 256 KB; empty: made from the HTML.")
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    updated_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True, help_text="When it was last changed (UTC).")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="email_template_name_once")]

    def __str__(self) -> str:
        return self.name

"""Files that messages carry."""

from django.db import models

from accounts.scoping import AccountRow


class Media(AccountRow):
    """An uploaded file, checked for type and size; attachments refer to it by id."""

    name = models.CharField(max_length=150, help_text="File name that recipients see, 1–150 characters.")
    content_type = models.CharField(max_length=100, help_text="What the file is, judged by its content.")
    size = models.PositiveIntegerField(help_text="In bytes.")
    file = models.FileField(
        upload_to="uploads/", max_length=255, help_text="Where it is kept, under a name of its own."
    )
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "media"

    def __str__(self) -> str:
        return self.name

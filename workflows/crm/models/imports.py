"""Files of contacts on their way in."""

from django.db import models

from accounts.scoping import AccountRow


class ImportStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"


class Import(AccountRow):
    """One file of contacts and what became of its rows."""

    filename = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=9, choices=ImportStatus.choices, default=ImportStatus.QUEUED)
    tag_name = models.CharField(max_length=50, blank=True, help_text="A tag that every contact of the file gets.")
    total = models.PositiveIntegerField(default=0, help_text="Rows read.")
    created = models.PositiveIntegerField(default=0, help_text="Contacts made.")
    updated = models.PositiveIntegerField(default=0, help_text="Contacts that were there and changed.")
    skipped = models.PositiveIntegerField(default=0, help_text="Contacts that were there and stayed as they were.")
    failed = models.PositiveIntegerField(default=0, help_text="Rows that could not be read; see the error rows.")
    error_message = models.TextField(blank=True, help_text="Why the whole import failed.")
    completed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.filename or str(self.id)


class ImportProblem(AccountRow):
    """A row of a file that could not become a contact."""

    job = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="problems")
    line = models.PositiveIntegerField(help_text="Line of the file, the header being 1.")
    column = models.CharField(max_length=100, blank=True, help_text="Heading of the column at fault.")
    detail = models.CharField(max_length=300, help_text="What is wrong and how to mend it.")
    row = models.JSONField(help_text="The row as read, by heading.")

    class Meta:
        ordering = ["line"]

    def __str__(self) -> str:
        return f"line {self.line}: {self.detail}"


class ImportRow(models.Model):
    """Staging: a row as COPY delivered it. Has no account column and no policy; read only by its import."""

    job_id = models.UUIDField()
    line = models.PositiveIntegerField()
    contact = models.JSONField(help_text="The row's columns after parsing.")

    class Meta:
        indexes = [models.Index(fields=["job_id", "line"], name="import_row_by_job")]

    def __str__(self) -> str:
        return f"line {self.line}"

"""Files of contacts on their way in."""

from django.db import models

from accounts.scoping import AccountRow


class ImportStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"


class ImportHandling(models.TextChoices):
    UPDATE = "update", "Update contacts that are there"
    SKIP = "skip", "Leave contacts that are there as they are"


class Import(AccountRow):
    """One file of contacts and what became of its rows: each counts as created, updated, skipped or failed."""

    filename = models.CharField(max_length=255, blank=True, help_text="Name of the file as it was sent.")
    path = models.CharField(
        max_length=1000, default="", editable=False, help_text="Where the file lies until it was imported."
    )
    is_upload = models.BooleanField(default=False, editable=False, help_text="Set: ours to remove when it is done.")
    status = models.CharField(max_length=9, choices=ImportStatus.choices, default=ImportStatus.QUEUED)
    tag_name = models.CharField(max_length=50, blank=True, help_text="A tag that every contact of the file gets.")
    duplicate_handling = models.CharField(
        max_length=6,
        choices=ImportHandling.choices,
        default=ImportHandling.UPDATE,
        help_text="What to do with rows about contacts that are there already.",
    )
    total = models.PositiveIntegerField(default=0, help_text="Rows read so far; where a repeated run goes on.")
    created = models.PositiveIntegerField(default=0, help_text="Rows that made a contact.")
    updated = models.PositiveIntegerField(default=0, help_text="Rows about a contact that was there and changed.")
    skipped = models.PositiveIntegerField(
        default=0, help_text="Rows about a contact that was there and stayed as it was."
    )
    failed = models.PositiveIntegerField(default=0, help_text="Rows that could not be read; see the error rows.")
    fruitless_runs = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="Runs in a row that ended before they had written anything."
    )
    headings = models.JSONField(default=list, editable=False, help_text="The file's headings, made unique.")
    remarks = models.JSONField(default=list, editable=False, help_text="Sentences about the file as a whole.")
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
    row = models.JSONField(help_text="The row's cells by heading.")

    class Meta:
        ordering = ["line"]

    def __str__(self) -> str:
        return f"line {self.line}: {self.detail}"

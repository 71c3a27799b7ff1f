"""What the API remembers of requests: which were carried out, and how many there were."""

from django.db import models

from accounts.scoping import AccountRow


class IdempotentRequest(AccountRow):
    """One POST that came with an `Idempotency-Key`: under way while `status` is empty, then with its answer."""

    route = models.CharField(max_length=100, help_text="Name of the route; a key counts within it.")
    key = models.CharField(max_length=255, help_text="The `Idempotency-Key`: 1–255 visible ASCII characters.")
    fingerprint = models.CharField(max_length=64, help_text="HMAC-SHA-256 of path, query and body, hex.")
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status of the answer; empty: under way.")
    headers = models.JSONField(default=dict, help_text="Headers of the answer that are replayed.")
    body = models.BinaryField(null=True, help_text="Body of the answer; empty: it held a credential and was not kept.")
    expires_at = models.DateTimeField(db_index=True, help_text="The key is free from then on.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "route", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"


class LimitKind(models.TextChoices):
    REQUESTS = "requests", "Requests"
    WORKFLOW_CREATION = "workflow_creation", "Creation of workflows"


class RateWindow(AccountRow):
    """The present window of one rate limit of an account: since when, and how many in it.

    The table is unlogged: counting costs no wait for the disk, and a crash of the database only begins new windows.
    """

    kind = models.CharField(max_length=20, choices=LimitKind.choices, help_text="Which limit.")
    started_at = models.DateTimeField(help_text="When the first request of the window came.")
    count = models.PositiveIntegerField(help_text="Requests in the window, refused ones too.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "kind"], name="rate_window_once")]

    def __str__(self) -> str:
        return f"{self.kind} since {self.started_at:%H:%M:%S}: {self.count}"

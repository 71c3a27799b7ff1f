"""Which hosts are in trouble."""

from datetime import datetime

from django.db import models

from accounts.scoping import AccountRow


class CircuitBreaker(AccountRow):
    """A host or connection that failed, or had enough, when the account last called it; a success removes the row."""

    host = models.CharField(max_length=255, help_text="The host, with its port where unusual, or a connection's id.")
    failures = models.PositiveIntegerField(default=0, help_text="Failed calls in a row.")
    failed_at = models.DateTimeField(help_text="When the last call failed (UTC).")
    openings = models.PositiveSmallIntegerField(default=0, help_text="How often it opened since the last success.")
    open_until = models.DateTimeField(null=True, help_text="No calls until then; afterwards one tries. Empty: closed.")
    probe_until = models.DateTimeField(null=True, help_text="Until then the one that tries has time to tell.")

    slowed_until = models.DateTimeField(
        null=True, help_text="No calls until then: it refused one as one too many. Empty: it did not lately."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "host"], name="circuit_once")]
        indexes = [models.Index(fields=["failed_at"], name="circuit_failed")]

    @property
    def paused_until(self) -> datetime | None:
        """The time before which nothing is called, whatever the reason."""
        return max((time for time in (self.open_until, self.slowed_until) if time is not None), default=None)

    def __str__(self) -> str:
        return f"{self.host}: {self.failures} failures"

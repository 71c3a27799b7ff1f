"""How often strangers asked for the public addresses."""

from django.db import models


class VisitWindow(models.Model):
    """The present minute of one client address: since when, and how many requests in it. The table is unlogged."""

    address = models.GenericIPAddressField(primary_key=True, help_text="The client's IP address.")
    started_at = models.DateTimeField(help_text="When the first request of the window came.")
    count = models.PositiveIntegerField(help_text="Requests in the window, refused ones too.")

    def __str__(self) -> str:
        return f"{self.address} since {self.started_at:%H:%M:%S}: {self.count}"

"""Which workers are alive."""

from django.db import models
from uuid_utils.compat import uuid7


class WorkerHeartbeat(models.Model):
    """One running worker process; rows of dead ones are removed by the living."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    hostname = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "workflow_worker_heartbeats"

    def __str__(self) -> str:
        return f"{self.hostname}:{self.pid}"

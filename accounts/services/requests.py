"""What is remembered of requests that were carried out."""

from datetime import datetime

from accounts.models import IdempotentRequest

DELETED_AT_A_TIME = 5000


def forget_requests(*, now: datetime) -> int:
    """Remove the requests of all accounts whose idempotency keys have expired; returns how many those were."""
    expired = IdempotentRequest.objects.filter(expires_at__lte=now).values("id")
    total = 0
    while count := IdempotentRequest.objects.filter(id__in=expired[:DELETED_AT_A_TIME]).delete()[0]:
        total += count
    return total

"""Places in the second: how often an account, or one of its connections, may send."""

from django.db import models

from accounts.scoping import AccountRow


class SendingSlot(AccountRow):
    """One of the messages that may go out in any second; taken by a call, and free a second after the call has ended.

    Between two messages of one slot lies a second at least, wherever on its way each was. So with as many slots as the
    limit allows no second sees more, however late messages arrive.
    """

    lane = models.CharField(max_length=12, help_text="The channel: `email`, `sms`, `voice`, `messenger`.")
    connection = models.CharField(max_length=36, blank=True, help_text="The connection's id; empty: the account's own.")
    number = models.PositiveSmallIntegerField(help_text="From 0; those at or above the limit are out of use.")
    taken_by = models.UUIDField(null=True, help_text="Key of the call that took it last.")
    taken_at = models.DateTimeField(help_text="When that was (UTC).")
    free_at = models.DateTimeField(help_text="From when on the next call may have it (UTC).")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "lane", "connection", "number"], name="sending_slot_once")
        ]

    def __str__(self) -> str:
        return f"{self.lane} {self.connection} {self.number}".replace("  ", " ")

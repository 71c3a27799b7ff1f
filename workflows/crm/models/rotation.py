"""Whose turn it is."""

from django.db import models

from accounts.scoping import AccountRow


class TeamRotation(AccountRow):
    """Which member of a team was assigned last in turn; its row is locked while turns are given out."""

    team = models.OneToOneField("accounts.Team", on_delete=models.CASCADE, related_name="+", help_text="The team.")
    last_membership_id = models.UUIDField(null=True, help_text="Who had the last turn; null: nobody yet.")

    class Meta:
        db_table = "crm_team_rotation"

    def __str__(self) -> str:
        return f"{self.team}: {self.last_membership_id}"

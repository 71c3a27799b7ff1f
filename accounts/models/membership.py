"""Which user is in which account, as what, and in which teams."""

from django.db import models

from accounts.scoping import AccountRow


class Role(models.TextChoices):
    """What a member or a key may do; each role includes those before it."""

    VIEWER = "viewer", "Viewer: reads"
    EDITOR = "editor", "Editor: changes workflows and records and runs them"
    ADMIN = "admin", "Admin: also keys, members, connections, secrets and limits"
    OWNER = "owner", "Owner: also the account itself"

    def includes(self, other: "Role") -> bool:
        """Tell whether this role may do all that `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Membership(AccountRow):
    """A user's place in an account."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER, help_text="What they may do.")
    is_active = models.BooleanField(default=True, help_text="Unset: no access and no new assignments.")
    phone = models.CharField(
        max_length=16,
        blank=True,
        help_text="Number that the account may text and call them at, E.164; the account knows it alone.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["account", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Team(AccountRow):
    """A named group of members that contacts can be assigned to."""

    name = models.CharField(max_length=80, help_text="Unique in the account, ≤ 80 characters.")
    members = models.ManyToManyField(Membership, through="TeamMember", related_name="teams")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="team_name_once")]

    def __str__(self) -> str:
        return self.name


class TeamMember(AccountRow):
    """A member's place in a team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "membership"], name="team_member_once")]

    def __str__(self) -> str:
        return f"{self.membership} in {self.team}"

"""Campaigns: workflows that contacts are members of for a time."""

from django.db import models
from django.db.models import Q

from accounts.scoping import AccountRow, BulkAccountRow
from workflows.crm.models.contact import Contact


class CampaignStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    ENDED = "ended", "Ended"


class Campaign(AccountRow):
    """A workflow that contacts join, for a time and up to a number.

    It has no steps of its own: joining enrolls the contact in `workflow_id`, which runs as any other workflow.
    """

    name = models.CharField(max_length=100, help_text="1–100 characters; unique in the account.")
    description = models.TextField(max_length=2000, blank=True, help_text="≤ 2000 characters.")
    status = models.CharField(
        max_length=6,
        choices=CampaignStatus.choices,
        default=CampaignStatus.DRAFT,
        help_text="Contacts join while it is `active`; in a `paused` one members stay and nobody joins; an `ended` one "
        "has no members.",
    )
    workflow_id = models.UUIDField(help_text="The workflow whose steps are the campaign's.")
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Nobody joins before (UTC); null: no bound.")
    ends_at = models.DateTimeField(
        null=True, blank=True, help_text="When it ends by itself (UTC); null: when somebody ends it."
    )
    enrollment_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="Members that it has at most at a time, 1–1 000 000; null: no limit."
    )
    closes_at = models.DateTimeField(
        null=True, editable=False, help_text="When its memberships are to be ended (UTC); null: they are, or never."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["closes_at"], condition=Q(closes_at__isnull=False), name="campaign_to_close"),
            models.Index(fields=["workflow_id"], name="campaign_by_workflow"),
        ]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="campaign_name_once")]

    def __str__(self) -> str:
        return self.name


class LeftReason(models.TextChoices):
    REMOVED = "removed", "Removed"
    REJOINED = "rejoined", "Joined anew"
    CAMPAIGN_ENDED = "campaign_ended", "The campaign ended"
    CONTACT_DELETED = "contact_deleted", "The contact was deleted"


class CampaignMember(BulkAccountRow):
    """One stay of a contact in a campaign, over or not; at most one is not."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="members", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="campaign_members", db_index=False)
    joined_at = models.DateTimeField(help_text="When the contact joined (UTC).")
    left_at = models.DateTimeField(null=True, help_text="When the contact left (UTC); null: it is a member.")
    left_reason = models.CharField(
        max_length=16, choices=LeftReason.choices, blank=True, help_text="Why it left; empty while it is a member."
    )
    note = models.CharField(max_length=500, blank=True, help_text="What was said about leaving, ≤ 500 characters.")
    execution_id = models.UUIDField(null=True, help_text="The execution that runs the campaign's steps for it.")
    caused_by_id = models.UUIDField(null=True, help_text="The action execution that made it join; null: by hand.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["campaign", "-id"], name="member_by_campaign"),
            models.Index(fields=["contact", "-id"], name="member_by_contact"),
            models.Index(fields=["campaign", "id"], condition=Q(left_at=None), name="member_present"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "contact"], condition=Q(left_at=None), name="member_once")
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.campaign_id}"

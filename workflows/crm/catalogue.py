"""Every event type that the product itself records, and the data it carries: one vocabulary with triggers and goals."""

from collections.abc import Mapping

DEAL_FACTS = (
    "opportunity_id",
    "name",
    "pipeline_id",
    "pipeline_name",
    "stage_id",
    "stage_name",
    "previous_stage_id",
    "previous_stage_name",
    "status",
    "value",
    "currency",
)
CONTACT_FACTS = ("first_name", "last_name", "email", "phone", "source")

EVENT_TYPES: Mapping[str, tuple[str, ...]] = {
    "contact_created": CONTACT_FACTS,
    "contact_updated": ("fields",),
    "contact_deleted": CONTACT_FACTS,
    "contact_assigned": ("owner_id", "previous_owner_id"),
    "custom_field_changed": ("field", "from", "to"),
    "tag_added": ("tag_name", "tag_id"),
    "tag_removed": ("tag_name", "tag_id"),
    "note_added": ("note_id", "note_type", "content"),
    "task_created": ("task_id", "title", "due_at", "assignee_id", "priority"),
    "task_completed": ("task_id", "title"),
    "campaign_joined": ("campaign_id", "campaign_name"),
    "campaign_left": ("campaign_id", "campaign_name", "reason", "note"),
    "access_granted": ("course_id", "course_name", "access_id", "level", "expires_at", "extended"),
    "access_revoked": ("course_id", "course_name", "access_id", "reason", "note"),
    "deal_created": DEAL_FACTS,
    "stage_changed": DEAL_FACTS,
    "deal_won": DEAL_FACTS,
    "deal_lost": DEAL_FACTS,
    "email_opened": ("message_id", "subject"),
    "email_clicked": ("message_id", "subject", "url"),
    "email_bounced": ("message_id", "subject", "email", "bounce_type", "reason"),
    "sms_received": ("message_id", "text", "from", "to", "related_message_id"),
    "messenger_received": ("message_id", "text", "payload", "attachments", "page_id", "related_message_id"),
    "call_completed": (
        "message_id",
        "call_sid",
        "direction",
        "outcome",
        "answered_by",
        "duration_seconds",
        "from",
        "to",
        "related_message_id",
    ),
    "unsubscribed": ("channel",),
}

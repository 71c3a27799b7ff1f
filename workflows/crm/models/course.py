"""Courses, their lessons, and who has access to them."""

from django.db import models
from django.db.models import Q

from accounts.scoping import AccountRow, BulkAccountRow
from workflows.crm.models.contact import Contact


class Course(AccountRow):
    """Something to learn, in lessons; it is shown elsewhere, here is kept who may see what of it and when."""

    name = models.CharField(max_length=100, help_text="1–100 characters; unique in the account.")
    description = models.TextField(max_length=2000, blank=True, help_text="≤ 2000 characters.")
    url = models.CharField(max_length=2048, blank=True, help_text="Where contacts find it; in the welcome mail.")
    sender_name = models.CharField(max_length=100, blank=True, help_text="From whom the welcome mail is.")
    sender_email = models.CharField(
        max_length=254, blank=True, help_text="From which address; empty: nobody gets a welcome mail."
    )
    welcome_template_id = models.UUIDField(
        null=True, blank=True, help_text="E-mail template of the welcome mail; null: a short text of ours."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="course_name_once")]

    def __str__(self) -> str:
        return self.name


class AccessLevel(models.TextChoices):
    """How much of a course is open; each level includes those before it."""

    PREVIEW = "preview", "Preview"
    LIMITED = "limited", "Limited"
    FULL = "full", "Full"


class Lesson(AccountRow):
    """A part of a course."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="lessons")
    title = models.CharField(max_length=200, help_text="1–200 characters.")
    position = models.PositiveIntegerField(help_text="0-based place in the course.")
    drip_days = models.PositiveIntegerField(
        default=0, help_text="Days of 24 hours from the start of access after which it opens, 0–3650."
    )
    level = models.CharField(
        max_length=7,
        choices=AccessLevel.choices,
        default=AccessLevel.FULL,
        help_text="The least access that opens it: `preview` lessons are open to everyone with access.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["course", "position"],
                name="lesson_position_once",
                deferrable=models.Deferrable.DEFERRED,
            )
        ]

    def __str__(self) -> str:
        return self.title


class AccessStatus(models.TextChoices):
    ACTIVE = "active", "Active"
    REVOKED = "revoked", "Revoked"
    EXPIRED = "expired", "Expired"


class CourseAccess(BulkAccountRow):
    """A contact's access to a course, at present or in the past; at most one is active."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="accesses", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="course_accesses", db_index=False)
    level = models.CharField(max_length=7, choices=AccessLevel.choices, help_text="How much of the course is open.")
    status = models.CharField(max_length=7, choices=AccessStatus.choices, default=AccessStatus.ACTIVE)
    granted_at = models.DateTimeField(help_text="When it was granted (UTC); drip days count from here.")
    expires_at = models.DateTimeField(null=True, help_text="When it expires by itself (UTC); null: never.")
    drip_content = models.BooleanField(
        default=True, help_text="Whether lessons open after their `drip_days`; else all are open at once."
    )
    ended_at = models.DateTimeField(null=True, help_text="When it was revoked or expired (UTC); null: it is active.")
    end_reason = models.CharField(max_length=500, blank=True, help_text="What was said about its end.")
    caused_by_id = models.UUIDField(null=True, help_text="The action execution that granted it; null: by hand.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "course accesses"
        indexes = [
            models.Index(fields=["course", "-id"], name="access_by_course"),
            models.Index(fields=["contact", "-id"], name="access_by_contact"),
            models.Index(
                fields=["expires_at"],
                condition=Q(status="active", expires_at__isnull=False),
                name="access_to_expire",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["course", "contact"], condition=Q(status="active"), name="access_once")
        ]

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.course_id}, {self.status}"


class LessonProgress(BulkAccountRow):
    """A lesson that a contact completed; outlives the access unless that is revoked without retaining progress."""

    lesson = models.ForeignKey(Lesson, on_delete=models.CASCADE, related_name="progress")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="lesson_progress", db_index=False)
    completed_at = models.DateTimeField(help_text="When it was completed first (UTC).")

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "lesson progress"
        constraints = [models.UniqueConstraint(fields=["contact", "lesson"], name="lesson_completed_once")]

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.lesson_id}"

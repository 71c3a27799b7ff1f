"""The law's calling hours."""

from datetime import time

from django.db import models
from django.db.models import F, Q

from accounts.scoping import Row


class DayOfRule(models.IntegerChoices):
    """Days of the week as Python counts them, and the country's public holidays."""

    MONDAY = 0, "Monday"
    TUESDAY = 1, "Tuesday"
    WEDNESDAY = 2, "Wednesday"
    THURSDAY = 3, "Thursday"
    FRIDAY = 4, "Friday"
    SATURDAY = 5, "Saturday"
    SUNDAY = 6, "Sunday"
    HOLIDAY = 7, "Public holidays"


class CallingHours(Row):
    """One span of a day in which the law of a place lets contacts be called and texted for marketing.

    Belongs to the installation: the law is the same for all accounts. A day may have several rows; those with the
    latest `effective_on` that is not in the future hold. Both the country's and the region's rows must be open.
    """

    country = models.CharField(max_length=2, help_text="ISO 3166 code, e.g. `US`.")
    region = models.CharField(
        max_length=3, blank=True, help_text="State or province, e.g. `FL`; empty: the whole country."
    )
    weekday = models.PositiveSmallIntegerField(
        choices=DayOfRule.choices, help_text="The local day; the rows of public holidays hold instead of the weekday's."
    )
    start = models.TimeField(
        null=True, blank=True, help_text="First local time at which it is allowed; empty: not at all on this day."
    )
    end = models.TimeField(
        null=True, blank=True, help_text="First local time at which it is not any more; 00:00 is the end of the day."
    )
    source = models.CharField(max_length=200, help_text="The law or rule that says so.")
    effective_on = models.DateField(help_text="The local day from which it holds.")

    class Meta:
        ordering = ["country", "region", "weekday", "effective_on", "start"]
        verbose_name_plural = "calling hours"
        constraints = [
            models.UniqueConstraint(
                fields=["country", "region", "weekday", "effective_on", "start"],
                nulls_distinct=False,
                name="calling_hours_once",
                violation_error_message="There is a row for this day and start already.",
            ),
            models.CheckConstraint(
                condition=Q(start__isnull=True, end__isnull=True)
                | (Q(start__isnull=False, end__isnull=False) & (Q(start__lt=F("end")) | Q(end=time.min))),
                name="calling_hours_span",
                violation_error_message="Give both start and end, the start first, or neither.",
            ),
        ]

    def __str__(self) -> str:
        place = f"{self.country}-{self.region}" if self.region else self.country
        hours = f"{self.start:%H:%M}–{self.end:%H:%M}" if self.start and self.end else "closed"
        return f"{place}, {self.get_weekday_display()}: {hours}"

"""The law's calling hours, the same for all accounts: superusers keep them up to date."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.decorators import display

from accounts.admin.base import SystemAdmin
from accounts.admin.forms import StaffForm
from accounts.standards import is_country
from workflows.messaging.models import CallingHours

CLOSED = "closed"


class CallingHoursForm(StaffForm):
    """One span of a day, or the day as closed."""

    class Meta:
        model = CallingHours
        fields = ("country", "region", "weekday", "start", "end", "effective_on", "source")

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        if not is_country(country):
            self.add_error("country", "Give an ISO 3166 code of two letters such as US.")
        return country

    def clean_region(self) -> str:
        region: str = self.cleaned_data["region"].upper()
        return region


@admin.register(CallingHours)
class CallingHoursAdmin(SystemAdmin):
    """Rows take effect at once, also for what is held; what the law will say is entered with its day."""

    form = CallingHoursForm
    list_display = ("place", "weekday", "hours", "effective_on", "source")
    list_filter = ("country", "weekday")
    search_fields = ("=country", "=region", "source")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    @display(description="place", ordering="country")
    def place(self, row: CallingHours) -> str:
        return f"{row.country}-{row.region}" if row.region else row.country

    @display(description="hours")
    def hours(self, row: CallingHours) -> str:
        return f"{row.start:%H:%M}–{row.end:%H:%M}" if row.start and row.end else CLOSED

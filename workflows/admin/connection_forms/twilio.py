"""The form of connections to Twilio."""

import re
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.problems import Problem
from workflows.admin.connection_forms.base import ConnectionForm, forget_field, secret_field
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.services.twilio_connections import API_HOSTS, NUMBER_TYPES

BETWEEN_WORDS = re.compile(r"[\s,;]+")


class TwilioForm(ConnectionForm):
    """An account at Twilio and its numbers."""

    kind = ConnectionKind.TWILIO
    title = "Twilio"
    settings_fields = ("account_sid", "api_host", "numbers")
    attrs = {f"settings.{name}": name for name in settings_fields}

    account_sid = forms.CharField(
        max_length=34,
        label="Account SID",
        widget=UnfoldAdminTextInputWidget,
        help_text="AC and 32 digits or letters; Twilio's console shows it.",
    )
    api_host = forms.ChoiceField(
        choices=[(host, host) for host in API_HOSTS],
        label="API host",
        widget=UnfoldAdminSelectWidget,
        help_text="postbox.test is the local postbox.",
    )
    numbers = forms.CharField(
        max_length=10_000,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="One a line with what it can do, for example: +14155550123 sms voice. Without a word: sms.",
    )
    password = secret_field(
        help_text="The auth token. Kept as a secret, never shown. Empty: it stays. Send it again for another account."
    )
    forget_password = forget_field(help_text="Forget the auth token; nothing is sent without one.")

    class Meta:
        model = Connection
        fields = ("name", "account_sid", "api_host", "numbers", "password", "forget_password", "is_enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (("password", "Auth token"), ("forget_password", "Forget auth token")):
            if name in self.fields:
                self.fields[name].label = label

    @staticmethod
    def place(settings: dict[str, Any]) -> str:
        return ", ".join(each["number"] for each in settings.get("numbers", ())) or "no number yet"

    def shown(self, settings: dict[str, Any]) -> dict[str, Any]:
        lines = [" ".join([each["number"], *each["types"]]) for each in settings.get("numbers", ())]
        return {**settings, "numbers": "\n".join(lines)}

    def clean_numbers(self) -> list[dict[str, Any]]:
        """Read the lines: a number, then what it can do."""
        numbers = []
        for line in self.cleaned_data["numbers"].splitlines():
            words = [word for word in BETWEEN_WORDS.split(line) if word]
            types = [word for word in words if word.isalpha()]
            number = " ".join(word for word in words if not word.isalpha())
            if unknown := set(types) - set(NUMBER_TYPES):
                raise forms.ValidationError(f"A number is for sms or voice, not {min(unknown)}.", "invalid")
            if number:
                numbers.append({"number": number, "types": types or ["sms"]})
        return numbers

    def field_of(self, problem: Problem) -> str | None:
        is_number = (problem.attr or "").startswith("settings.numbers.")
        return "numbers" if is_number else super().field_of(problem)

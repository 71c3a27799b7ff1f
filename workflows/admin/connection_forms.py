"""Forms of connections, one a kind; passwords and tokens go in and never come out."""

import re
from typing import Any, ClassVar

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.admin.forms import StaffForm
from accounts.problems import Problem
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.services.twilio_connections import API_HOSTS, NUMBER_TYPES

HIGHEST_PORT = 65535
BETWEEN_WORDS = re.compile(r"[\s,;]+")


def password_field(*, help_text: str) -> forms.CharField:
    return forms.CharField(
        max_length=4096,
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=help_text,
    )


def forget_field(*, help_text: str) -> forms.BooleanField:
    return forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget, help_text=help_text)


class ConnectionForm(StaffForm):
    """What the connections of one kind are set up with."""

    kind: ClassVar[ConnectionKind]
    settings_fields: ClassVar[tuple[str, ...]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        connection: Connection | None = kwargs.get("instance")
        if connection is not None:
            kwargs["initial"] = self.shown(connection.settings) | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)

    def shown(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the settings as the fields show them."""
        return dict(settings)


class SmtpForm(ConnectionForm):
    """Where a mail server is and how to sign in there."""

    kind = ConnectionKind.SMTP
    settings_fields = ("host", "port", "security", "username")
    attrs = {f"settings.{name}": name for name in settings_fields}

    host = forms.CharField(
        max_length=253,
        widget=UnfoldAdminTextInputWidget,
        help_text="Its name or address; `postbox.test` is the local postbox.",
    )
    port = forms.IntegerField(
        min_value=1,
        max_value=HIGHEST_PORT,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="1–65535; empty: 587 with STARTTLS, 465 with TLS, 25 with none.",
    )
    security = forms.ChoiceField(
        choices=[("starttls", "STARTTLS"), ("tls", "TLS"), ("none", "none")],
        widget=UnfoldAdminSelectWidget,
        help_text="How it is secured.",
    )
    username = forms.CharField(
        max_length=255, required=False, widget=UnfoldAdminTextInputWidget, help_text="Who signs in; empty: nobody does."
    )
    password = password_field(
        help_text="Kept as a secret and never shown. Empty: it stays. Send it again when the server changes."
    )
    forget_password = forget_field(help_text="Sign in without a password from now on.")

    class Meta:
        model = Connection
        fields = ("name", "host", "port", "security", "username", "password", "forget_password", "is_enabled")


class TwilioForm(ConnectionForm):
    """An account at Twilio and its numbers."""

    kind = ConnectionKind.TWILIO
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
    password = password_field(
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


FORMS: dict[str, type[ConnectionForm]] = {form.kind: form for form in (SmtpForm, TwilioForm)}

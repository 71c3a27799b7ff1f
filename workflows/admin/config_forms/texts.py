"""Parts that are one text, number or time."""

import json
import re
from typing import Any, ClassVar

from rest_framework.serializers import empty

from workflows.admin.config_forms.parts import AnyField, Part, Slot
from workflows.admin.config_forms.suggestions import suggestions_of
from workflows.configs.fields import TemplateField
from workflows.configs.mail import EmailAddressField, MailBodyField
from workflows.configs.web import UrlTemplateField

LONG = 300
"""Texts that may have more characters are written on several lines."""
TIME = re.compile(r"[0-9]{2}:[0-9]{2}")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,3})?")
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")


class TextPart(Part):
    """A text on one line or several."""

    template_name: ClassVar[str] = "admin/config_forms/text.html"
    input_type = "text"

    def __init__(self, field: AnyField, slot: Slot) -> None:
        super().__init__(field, slot)
        self.text = ""
        self.takes_merge_fields = isinstance(field, TemplateField)
        self.takes_unsubscribe_url = isinstance(field, MailBodyField)
        suggestions = suggestions_of(field, self.hint)
        self.suggestions_id = self.page.offer(suggestions) if suggestions and suggestions != "recipients" else ""

    def show(self, value: Any) -> None:
        self.text = value if isinstance(value, str) else "" if value is None else json.dumps(value)

    def receive(self, text: str) -> None:
        self.text = text

    def value(self) -> Any:
        return self.unless_default(self.text) if self.text else empty

    def current(self) -> str:
        return self.text

    @property
    def limit(self) -> int | None:
        if isinstance(self.field, TemplateField):
            return self.field.rendered_limit
        return getattr(self.field, "max_length", None)

    @property
    def maximum_length(self) -> int | None:
        """Characters that the input takes; templates may be longer than what becomes of them."""
        return None if isinstance(self.field, TemplateField) else self.limit

    @property
    def is_long(self) -> bool:
        if self.hint.widget in ("short", "long"):
            return self.hint.widget == "long" or "\n" in self.text
        if isinstance(self.field, UrlTemplateField):
            return False
        return "\n" in self.text or self.is_source or (self.limit or 0) > LONG

    @property
    def is_source(self) -> bool:
        """Whether it is read by machines: shown in a fixed width."""
        return self.hint.widget in ("code", "html") or self.is_html

    @property
    def is_html(self) -> bool:
        return self.hint.widget == "html" or (self.takes_merge_fields and self.name.endswith("_html"))

    @property
    def input_mode(self) -> str:
        if isinstance(self.field, EmailAddressField):
            return "email"
        return "url" if isinstance(self.field, UrlTemplateField) else ""


class NumberPart(TextPart):
    """A whole number."""

    template_name = "admin/config_forms/number.html"
    is_narrow = True

    def value(self) -> Any:
        text = self.text.strip()
        if not text:
            return empty
        return self.unless_default(int(text)) if WHOLE_NUMBER.fullmatch(text) else text


class AmountPart(TextPart):
    """A number, or a template that renders to one."""

    def value(self) -> Any:
        text = self.text.strip()
        if text == self.stored or not AMOUNT.fullmatch(text):
            return super().value()
        return self.unless_default(float(text) if "." in text else int(text))


class TimePart(TextPart):
    """A time of the day, with the browser's own picker for it."""

    is_narrow = True
    is_long = False

    @property
    def input_type(self) -> str:  # type: ignore[override]  # a picker would not show what is no time
        return "time" if not self.text or TIME.fullmatch(self.text) else "text"


class DatePart(TextPart):
    """A date or a moment as text, with a calendar beside it."""

    template_name = "admin/config_forms/date.html"
    is_narrow = True

    @property
    def date(self) -> str:
        return self.text[:10] if DATE.match(self.text) else ""


class ColorPart(TextPart):
    """A color `#RRGGBB`, typed or picked."""

    template_name = "admin/config_forms/color.html"
    is_narrow = True


class SecretPart(TextPart):
    """A secret, which no page shows: neither what is stored nor what was just typed."""

    template_name = "admin/config_forms/secret.html"

    def show(self, value: Any) -> None:
        self.text = ""

    @property
    def keeps_stored(self) -> bool:
        return self.stored is not empty

    @property
    def must_be_repeated(self) -> bool:
        """Whether something was typed and has to be typed again."""
        return bool(self.text)

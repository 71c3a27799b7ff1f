"""Parts whose values have types of their own: what a field is set to, and JSON."""

import json
import re
from typing import Any, ClassVar

from rest_framework.serializers import empty

from accounts.api.parsers import loads
from accounts.api.refusals import InvalidJSON
from workflows.admin.config_forms.choices import Option
from workflows.admin.config_forms.parts import AnyField, Part, Slot
from workflows.admin.config_forms.submitted import Submitted
from workflows.configs.fields import TemplateJsonField

NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
TYPES = {
    "text": "Text",
    "number": "Number",
    "yes": "Yes",
    "no": "No",
    "list": "List",
    "nothing": "Nothing",
}
WITHOUT_TEXT = frozenset({"yes", "no", "nothing"})


class ValuePart(Part):
    """A text, number, yes or no, list of texts (one a line) or nothing."""

    template_name: ClassVar[str] = "admin/config_forms/value.html"
    takes_merge_fields = True

    def __init__(self, field: AnyField, slot: Slot) -> None:
        super().__init__(field, slot)
        self.type = "text"
        self.text = ""
        self.type_name = f"{self.name}.type"

    def load(self, stored: Any) -> None:
        super().load(stored)
        if stored is None:
            self.type = "nothing"

    def show(self, value: Any) -> None:
        match value:
            case None:
                self.type, self.text = "text", ""
            case bool():
                self.type, self.text = ("yes" if value else "no"), ""
            case str():
                self.type, self.text = "text", value
            case list() if all(isinstance(item, str) and item.strip() and "\n" not in item for item in value):
                self.type, self.text = "list", "\n".join(value)
            case int() | float():
                self.type, self.text = "number", json.dumps(value)
            case _:
                self.type, self.text = "json", json.dumps(value, ensure_ascii=False)

    def read(self, data: Submitted) -> None:
        text, kind = data.text(self.name), data.text(self.type_name)
        if text is None and kind is None:
            return
        self.was_sent = True
        self.text, self.type = text or "", kind or "text"

    def value(self) -> Any:  # noqa: PLR0911 - a table
        match self.type:
            case "text":
                return self.text if self.text or self.field.required else empty
            case "number":
                return self.number()
            case "yes" | "no":
                return self.type == "yes"
            case "list":
                return [line for line in self.text.split("\n") if line.strip()]
            case "nothing":
                return None
            case "json":
                return parsed(self, self.text)
        self.type = "text"
        return self.refuse("Choose what kind of value it is.")

    def number(self) -> Any:
        text = self.text.strip()
        if not NUMBER.fullmatch(text):
            return self.refuse("Give a number such as 10 or 2.5.")
        return int(text) if text.lstrip("+-").isdigit() else float(text)

    def types(self) -> list[Option]:
        types = TYPES | ({"json": "JSON"} if self.type == "json" else {})
        return [Option(value, label, value == self.type, "") for value, label in types.items()]

    @property
    def has_text(self) -> bool:
        return self.type not in WITHOUT_TEXT


class JsonPart(Part):
    """JSON as text."""

    template_name = "admin/config_forms/json.html"

    def __init__(self, field: AnyField, slot: Slot) -> None:
        super().__init__(field, slot)
        self.text = ""
        self.takes_merge_fields = isinstance(field, TemplateJsonField)

    def show(self, value: Any) -> None:
        self.text = "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)

    def receive(self, text: str) -> None:
        self.text = text

    def value(self) -> Any:
        return self.unless_default(parsed(self, self.text)) if self.text.strip() else empty


def parsed(part: Part, text: str) -> Any:
    """Return the value of a text, or `empty` and say at the part what is wrong with it, and where."""
    try:
        return loads(text.encode(errors="surrogatepass"))
    except InvalidJSON as refusal:
        return part.refuse(str(refusal.detail).replace("The body", "This", 1))

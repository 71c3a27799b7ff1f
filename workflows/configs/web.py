"""Fields about HTTP."""

import re
from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from workflows.configs.fields import MappingField, TemplateField, TextField
from workflows.messaging.outbound import OWN_HEADERS, NotSent, checked_target
from workflows.templating import compile_template

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
LINE_BREAK = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
CREDENTIALS = frozenset({"authorization", "cookie"})
SECRET_TEXT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+")


class UrlTemplateField(TemplateField):
    """An http or https URL; one without Liquid is judged when it is saved as it will be when it is called."""

    def to_internal_value(self, data: Any) -> str:
        source = super().to_internal_value(data).strip()
        if compile_template(source).is_plain:
            try:
                checked_target(source)
            except NotSent as problem:
                raise ValidationError(problem.message, code="invalid") from None
        return source


class HeadersField(MappingField):
    """Headers by name, their values templates."""

    def to_internal_value(self, data: Any) -> Any:
        headers = super().to_internal_value(data)
        errors = {name[:100]: [problem] for name in headers if (problem := header_problem(name))}
        seen: set[str] = set()
        for name, value in headers.items():
            if name.lower() in seen:
                errors.setdefault(name[:100], [ErrorDetail(f"The header {name[:100]} is named twice.", code="unique")])
            seen.add(name.lower())
            if LINE_BREAK.search(value):
                detail = "Leave out line breaks and control characters."
                errors.setdefault(name[:100], [ErrorDetail(detail, code="invalid")])
            elif name.lower() in CREDENTIALS:
                detail = "Credentials belong into `auth_config`, where they are kept secret."
                errors.setdefault(name, [ErrorDetail(detail, code="invalid")])
        if errors:
            raise ValidationError(errors)
        return headers


class HeaderNameField(TextField):
    """The name of a header that a request may set."""

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if problem := header_problem(name):
            raise ValidationError([problem])
        return name


class SecretTextField(TextField):
    """A password, token or key on one line, taken as it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not SECRET_TEXT.fullmatch(text):
            raise ValidationError("Leave out line breaks and control characters.", code="invalid")
        return text


def header_problem(name: str) -> ErrorDetail | None:
    """Return why a request may not set the header, if so."""
    if not HEADER_NAME.fullmatch(name):
        return ErrorDetail("A header's name is 1–100 letters, digits and hyphens.", code="invalid")
    if name.lower() in OWN_HEADERS or name.lower().startswith(("proxy-", "webhook-")):
        return ErrorDetail(f"The header {name} is set by the request itself; leave it out.", code="invalid")
    return None
